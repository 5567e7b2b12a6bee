"""Making, opening, watching and closing an intake host."""

import os
import stat
from pathlib import Path

import pytest

from crypto.epoch import Standing
from store.files import LockedError, exclusively
from store.intake.errors import SetupError
from store.intake.host_keys import HostKeys
from store.intake.place import IntakePlace, memory_folder
from store.intake.settings import MIB, Settings
from tests.store.intake.conftest import DAY, Line, contents, mailbox
from tests.support.clock import SetClock
from tests.support.paper_desk import PaperDesk
from tests.support.road import RoadSource, submit

SOURCE = RoadSource(1)


def test_a_new_host_is_readable_by_its_user_only(tmp_path: Path) -> None:
    desk = PaperDesk(SetClock(DAY), tmp_path / "stick")
    state = tmp_path / "state"
    mask = os.umask(0)
    try:
        IntakePlace.create(state, desk.card.text)
        IntakePlace.open(state, runtime=tmp_path / "runtime").close()
    finally:
        os.umask(mask)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "runtime").stat().st_mode) == 0o700
    assert stat.S_IMODE((state / "host.keys").stat().st_mode) == 0o600


def test_a_host_is_never_made_over_another(sqlite_line: Line) -> None:
    before = {path: path.read_bytes() for path in sqlite_line.state.iterdir() if path.is_file()}
    with pytest.raises(SetupError, match="already"):
        IntakePlace.create(sqlite_line.state, sqlite_line.desk.card.text)
    assert {path: path.read_bytes() for path in sqlite_line.state.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    "card", ["", "nonsense", "-----BEGIN LUWTE LINE CARD-----\nAAAA\n-----END LUWTE LINE CARD-----\n"]
)
def test_a_wrong_line_card_makes_nothing(tmp_path: Path, card: str) -> None:
    with pytest.raises(SetupError, match="line card"):
        IntakePlace.create(tmp_path / "state", card)
    assert not (tmp_path / "state").exists()


def test_a_host_whose_card_was_moved_away_keeps_its_keys(sqlite_line: Line) -> None:
    (sqlite_line.state / "host.card").rename(sqlite_line.state.parent / "host.card")
    keys = (sqlite_line.state / "host.keys").read_bytes()
    with pytest.raises(SetupError, match=r"host\.card is missing"):
        sqlite_line.open()
    with pytest.raises(SetupError, match="not empty"):
        IntakePlace.create(sqlite_line.state, sqlite_line.desk.card.text)
    assert (sqlite_line.state / "host.keys").read_bytes() == keys


def test_making_that_was_broken_off_can_be_repeated(tmp_path: Path) -> None:
    desk = PaperDesk(SetClock(DAY), tmp_path / "stick")
    IntakePlace.create(tmp_path / "state", desk.card.text)
    (tmp_path / "state" / "host.card").unlink()  # it is written last
    with pytest.raises(SetupError, match="init"):
        IntakePlace.open(tmp_path / "state", runtime=tmp_path / "runtime")
    card = IntakePlace.create(tmp_path / "state", desk.card.text)
    place = IntakePlace.open(tmp_path / "state", runtime=tmp_path / "runtime")
    assert place.host_card == card
    place.close()


def test_keys_that_others_can_read_are_refused(sqlite_line: Line) -> None:
    for mode in (0o640, 0o604, 0o660, 0o644):
        (sqlite_line.state / "host.keys").chmod(mode)
        with pytest.raises(SetupError, match="600"):
            sqlite_line.open()
    (sqlite_line.state / "host.keys").chmod(0o600)
    sqlite_line.open()


def test_damaged_keys_are_refused_by_a_clear_error(sqlite_line: Line) -> None:
    path = sqlite_line.state / "host.keys"
    whole = path.read_bytes()
    for damaged in [b"", whole[:-1], whole + b"\0", whole[:40], b"\xff" * len(whole), whole.replace(b"salt", b"sald")]:
        path.write_bytes(damaged)
        with pytest.raises(SetupError, match=r"host\.keys is damaged"):
            HostKeys.load(sqlite_line.state)
    path.unlink()
    with pytest.raises(SetupError, match="init"):
        HostKeys.load(sqlite_line.state)


@pytest.mark.parametrize("name", ["host.card", "line.card"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"nonsense"])
def test_damaged_cards_are_refused_by_a_clear_error(sqlite_line: Line, name: str, content: bytes) -> None:
    (sqlite_line.state / name).write_bytes(content)
    with pytest.raises(SetupError, match="cards"):
        sqlite_line.open()


def test_a_folder_without_a_host_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="init"):
        IntakePlace.open(tmp_path)


def test_keys_are_read_back_as_they_were_saved(tmp_path: Path) -> None:
    keys = HostKeys.generate()
    keys.save(tmp_path)
    loaded = HostKeys.load(tmp_path)
    assert (loaded.signing_key.seed, loaded.identity.seed) == (keys.signing_key.seed, keys.identity.seed)
    assert (loaded.salt, loaded.pepper) == (keys.salt, keys.pepper)
    assert keys.signing_key.seed.hex() not in repr(keys)


def test_a_host_opened_twice_is_one_host(line: Line) -> None:
    one, two = line.open(), line.open()
    submit(one, SOURCE, "from one")
    submit(two, SOURCE, "from two")
    assert contents(one) == contents(two)
    line.desk.take(two.collector.collect(line.desk.stick).files[0])
    assert set(line.desk.texts()) == {"from one", "from two"}


def test_carrying_and_sweeping_wait_for_nobody_and_say_so(line: Line) -> None:
    host = line.open()
    submit(host, SOURCE, "x")
    bundle = line.desk.dispatch()
    before = contents(host)
    with exclusively(line.state / "carry.lock"):
        for work in (
            lambda: host.collector.collect(line.desk.stick),
            lambda: host.deliverer.deliver(bundle),
            host.sweep,
        ):
            with pytest.raises(LockedError):
                work()
    assert contents(host) == before
    submit(host, SOURCE, "y")
    assert host.collector.collect(line.desk.stick).objects == 2


def test_sweeping_leaves_a_delivery_alone_that_goes_on(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply is at rest before its row is: a sweep at that moment must not take it for a leftover."""
    host = line.open()
    submit(host, SOURCE, "x")
    reply = line.desk.reply(SOURCE.identity.recipient, mailbox(host, SOURCE), "answer")
    bundle = line.desk.dispatch([reply])
    genuine = host.blobs.sweep

    def sweep(wanted) -> int:
        with pytest.raises(LockedError):  # it has to come before or after
            line.open().deliverer.deliver(bundle)
        return genuine(wanted)

    monkeypatch.setattr(host.blobs, "sweep", sweep)
    host.sweep()
    host.deliverer.deliver(bundle)
    assert len(host.replies.list(mailbox(host, SOURCE))) == 1


def test_status_counts_what_an_operator_may_know(line: Line) -> None:
    host = line.open()
    fresh = host.status()
    assert (fresh.waiting_objects, fresh.waiting_bytes, fresh.replies) == (0, 0, 0)
    assert (fresh.unacknowledged_bundles, fresh.last_dispatch, fresh.notes) == ((), 1, ())
    assert fresh.is_open
    assert (fresh.keys.standing, fresh.keys.days_left) == (Standing.OK, 70)
    submit(host, SOURCE, "x", {"f": b"y" * 100_000})
    waiting = host.status()
    assert waiting.waiting_objects == 2
    assert 16_384 + 131_072 < waiting.waiting_bytes < 16_384 + 131_072 + 5_000
    path = host.collector.collect(line.desk.stick).files[0]
    assert (host.status().waiting_objects, host.status().unacknowledged_bundles) == (0, (1,))
    line.desk.take(path)
    reply = line.desk.reply(SOURCE.identity.recipient, mailbox(host, SOURCE), "answer")
    host.deliverer.deliver(line.desk.dispatch([reply]))
    last = host.status()
    assert (last.replies, last.unacknowledged_bundles, last.last_dispatch) == (1, (), 2)


def test_status_names_nothing_of_a_source(host: IntakePlace) -> None:
    submit(host, SOURCE, "x", {"name of a file": b"y"})
    said = repr(host.status())
    for secret in (SOURCE.lookup, SOURCE.first_ref, b"name of a file"):
        assert repr(secret)[2:-1] not in said
        assert secret.hex() not in said


def test_a_closed_place_can_be_opened_again(line: Line) -> None:
    host = line.open()
    submit(host, SOURCE, "x")
    before = contents(host)
    host.close()
    host.close()
    assert contents(line.open()) == before


def test_sessions_go_where_systemd_says_or_into_shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/luwte")
    assert memory_folder(tmp_path) == Path("/run/luwte")
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    folder = memory_folder(tmp_path)
    try:
        assert folder.parent == Path("/dev/shm")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert memory_folder(tmp_path) == folder
        folder.chmod(0o755)
        with pytest.raises(SetupError, match="somebody else"):
            memory_folder(tmp_path)
    finally:
        folder.rmdir()
    folder.symlink_to(tmp_path)
    try:
        with pytest.raises(SetupError, match="somebody else"):
            memory_folder(tmp_path)
    finally:
        folder.unlink()


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ({"file_bytes": 0}, "file_bytes"),
        ({"files_per_submission": -1}, "files_per_submission"),
        ({"sessions": True}, "sessions"),
        ({"host_bytes": 1.5}, "host_bytes"),
        ({"free_bytes_floor": "1"}, "free_bytes_floor"),
        ({"bundle_bytes": 600 * MIB}, "bundle_bytes"),
        ({"mailbox_bytes": 100 * MIB}, "mailbox_bytes"),
        ({"host_bytes": 600 * MIB}, "host_bytes"),
        ({"message_characters": 1_000_001}, "message_characters"),
    ],
)
def test_a_limit_that_makes_no_sense_is_named(limits: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Settings(**limits)
