"""Intake keys at the desk: made ahead, certified in a chain, destroyed when their time is over."""

import io
import shutil
from pathlib import Path

import pytest

from crypto import epoch
from crypto.chain import GapError
from crypto.errors import CryptoError, WrongKeyError
from crypto.sealed_object import ObjectReader
from store.desk.model import EntryKind
from store.desk.place import DeskPlace
from tests.store.desk.conftest import reopen
from tests.support.clock import SetClock
from tests.support.paper_host import PaperHost, PaperSource


def test_a_new_desk_has_keys_for_today_and_120_days_ahead(desk: DeskPlace, clock: SetClock) -> None:
    supply = desk.epochs.supply()
    assert (supply.last_day, supply.days_ahead) == (clock.day + 120, 120)
    chain = desk.epochs.certificates()
    epoch.extend(None, chain)
    assert [certificate.day for certificate in chain] == list(range(clock.day, clock.day + 121))


@pytest.mark.parametrize("days", [1, 119, 121, 400])
def test_an_export_refills_whatever_time_has_passed(
    desk: DeskPlace, host: PaperHost, clock: SetClock, days: int
) -> None:
    clock.day += days
    desk.exporting.export(host.stick)
    host.read_dispatches()
    assert host.certificates[-1].day == clock.day + 120
    assert desk.epochs.supply().days_ahead == 120
    assert desk.verify() == []


def test_a_key_is_destroyed_only_when_every_condition_holds(desk: DeskPlace, host: PaperHost, clock: SetClock) -> None:
    def destroyed(**bent: object) -> int:
        return desk.importing.import_bundle(host.collect(**bent)).keys_destroyed

    clock.day += 3
    assert destroyed() == 0  # epoch 1 ended two days ago
    clock.day += 1
    assert destroyed(floor=1) == 0  # something may still be sealed to it
    assert destroyed(epoch=1) == 0  # the host never went beyond it
    assert destroyed(day=clock.day - 1) == 0  # by the host's clock its grace has not passed
    clock.day -= 1
    assert destroyed(day=clock.day + 100) == 0  # by the desk's clock it has not
    clock.day += 1
    assert destroyed() == 1
    assert destroyed() == 0
    clock.day += 10
    assert destroyed() == 10
    assert desk.epochs.supply().destroyed == 11
    assert desk.verify() == []


def test_a_gap_that_was_accepted_does_not_keep_keys_for_ever(desk: DeskPlace, host: PaperHost, clock: SetClock) -> None:
    """What was skipped over is never taken in any more: a key kept for it would only open what an attacker copied."""
    host.collect()
    clock.day += 50
    late = host.collect()
    with pytest.raises(GapError):
        desk.importing.import_bundle(late)
    assert desk.epochs.supply().destroyed == 0
    assert desk.importing.import_bundle(late, accept_gap=range(1, 2)).keys_destroyed > 40


def test_what_was_copied_before_its_key_was_destroyed_stays_closed_with_the_whole_desk_in_hand(
    desk: DeskPlace, host: PaperHost, clock: SetClock, state: Path, tmp_path: Path
) -> None:
    source = PaperSource()
    copied = host.message(source, "copied off the host by a thief")
    kept = host.file(source, "kept.txt", b"collected in time")
    desk.importing.import_bundle(host.collect([kept]))
    clock.day += 20
    desk.importing.import_bundle(host.collect())
    assert desk.epochs.supply().destroyed > 0
    desk.close()
    # Everything on the desk's disk, and every passphrase.
    shutil.copytree(state, tmp_path / "stolen")
    with reopen(tmp_path / "stolen", clock) as stolen:
        identities = list(stolen.epochs.identities(10_000))
        assert identities
        for identity in [*identities, stolen.line_keys().bundle]:
            with pytest.raises(WrongKeyError):
                ObjectReader(identity, io.BytesIO(copied.data), len(copied.data))
        # What was collected in time is still there.
        [entry] = stolen.inbox.conversation(1)
        assert stolen.inbox.save_file(entry.entry_id, tmp_path).read_bytes() == b"collected in time"
        # And what arrives too late is kept, named, and breaks nothing.
        report = stolen.importing.import_bundle(host.collect([copied, host.message(source, "on time")]))
        assert (report.messages, report.damaged) == (1, 1)
        damaged = [entry for entry in stolen.inbox.conversation(1) if entry.kind is EntryKind.DAMAGED]
        assert "destroyed" in (damaged[0].damage or "")


def test_a_kill_between_destroying_and_writing_it_down_is_made_good(
    desk: DeskPlace, host: PaperHost, clock: SetClock, state: Path
) -> None:
    clock.day += 20
    desk.importing.import_bundle(host.collect(floor=1))
    key_file = state / "epoch-keys" / "00000001"
    key_file.unlink()
    desk.importing.import_bundle(host.collect())
    desk.close()
    with reopen(state, clock) as again:
        assert again.verify() == []


def test_a_key_file_that_was_changed_is_found(desk: DeskPlace, state: Path) -> None:
    path = state / "epoch-keys" / "00000007"
    path.write_bytes(b"x" + path.read_bytes()[1:])
    assert [finding.where for finding in desk.verify()] == ["epochs"]


def test_key_files_without_a_certificate_are_swept(desk: DeskPlace, state: Path, clock: SetClock) -> None:
    leftover = state / "epoch-keys" / "00000122"
    leftover.write_bytes(b"x" * 72)
    desk.close()
    with reopen(state, clock):
        assert not leftover.exists()


def test_a_seed_is_boxed_on_disk(desk: DeskPlace, state: Path) -> None:
    on_disk = b"".join(path.read_bytes() for path in (state / "epoch-keys").iterdir())
    for identity in desk.epochs.identities(121):
        assert identity.seed not in on_disk


def test_certificates_of_another_line_do_not_verify(desk: DeskPlace) -> None:
    certificate = desk.epochs.certificates()[0]
    with pytest.raises(CryptoError):
        epoch.parse(desk.line_keys().card.verify_key, b"x" * 16, certificate.encoded)
