"""The whole exchange through the real endpoint: what waits leaves, what comes is taken in, whatever breaks in between."""

import hashlib
import random
import secrets
import signal
import threading
from pathlib import Path

import pytest

from journalist_interface.courier.client import Collected
from journalist_interface.courier.errors import RefusedError, UnreachableError
from journalist_interface.courier.protocol import Taken
from store.intake.inbox import LARGEST_UPLOAD
from tests.journalist_interface.courier.conftest import Host
from tests.support.relay import Cut, CuttingRelay
from tests.support.road import RoadSource, replies_at_host, submit

SOURCE, OTHER = RoadSource(1), RoadSource(2)
_SEED = secrets.randbits(32)


def names(collected: Collected) -> list[str]:
    return [path.name for path in collected.files]


def take_all(host: Host, collected: Collected) -> None:
    for path in collected.files:
        if int(path.stem[-6:]) > host.line.desk.heard.number:
            host.line.desk.take(path)


def reply_to(host: Host, source: RoadSource, *texts: str) -> Path:
    ref = host.place.mailboxes.find(source.lookup)
    assert ref is not None
    desk = host.line.desk
    return desk.dispatch([desk.reply(source.identity.recipient, ref, text) for text in texts])


def test_a_message_reaches_the_desk_and_its_reply_the_source(host: Host, stick: Path) -> None:
    submit(host.place, SOURCE, "one", {"a.bin": secrets.token_bytes(300_000)})
    told: list[tuple[str, int, int]] = []
    collected = host.client().collect(stick, lambda *how: told.append(how))
    assert (collected.made, names(collected), collected.fetched) == ((1,), ["luwte-collect-000001.age"], (1,))
    size = collected.files[0].stat().st_size
    assert told[0] == ("bundle 1", 0, size)
    assert told[-1] == ("bundle 1", size, size)
    assert collected.files[0].read_bytes() == (host.line.state / "outbox" / "luwte-collect-000001.age").read_bytes()
    take_all(host, collected)
    assert set(host.line.desk.texts()) == {"one", "a.bin"}
    bundle = reply_to(host, SOURCE, "an answer")
    assert host.client().deliver(bundle) == Taken(2, before=False)
    assert dict(replies_at_host(host.place, SOURCE)) == {"an answer": 1}
    assert list((host.line.state / "outbox").iterdir()) == [], "what the desk has is deleted"


def test_nothing_new_makes_nothing(host: Host, stick: Path) -> None:
    take_all(host, host.client().collect(stick))
    host.client().deliver(host.line.desk.dispatch())
    assert host.client().collect(stick) == Collected((), (), ())


def test_what_the_desk_has_not_acknowledged_is_there_again_and_is_not_fetched_twice(host: Host, stick: Path) -> None:
    submit(host.place, SOURCE, "one")
    first = host.client().collect(stick)
    submit(host.place, OTHER, "two")
    host.line.clock.day += 1  # the endpoint's
    assert host.place.collector.make().made == (2,)
    second = host.client().collect(stick)
    assert (second.made, second.fetched) == ((), (2,))
    assert names(second) == ["luwte-collect-000001.age", "luwte-collect-000002.age"]
    first.files[0].write_bytes(b"damaged on the stick")
    again = host.client().collect(stick)
    assert (again.made, again.fetched) == ((), (1,))
    take_all(host, again)
    assert dict(host.line.desk.texts()) == {"one": 1, "two": 1}


def test_the_same_bundle_again_is_said_and_changes_nothing(host: Host, stick: Path) -> None:
    submit(host.place, SOURCE, "one")
    take_all(host, host.client().collect(stick))
    bundle = reply_to(host, SOURCE, "an answer")
    assert host.client().deliver(bundle) == Taken(2, before=False)
    before = host.inbox()
    assert host.client().deliver(bundle) == Taken(2, before=True)
    assert host.inbox() == before
    (mark,) = before
    (host.line.state / "inbox" / mark).unlink()
    assert host.client().deliver(bundle) == Taken(2, before=True), "the database knows it too"
    assert dict(replies_at_host(host.place, SOURCE)) == {"an answer": 1}


def test_bundle_3_expected_5_given_is_said_and_5_needs_no_second_upload(host: Host) -> None:
    desk = host.line.desk
    second, third, fourth, fifth = (desk.dispatch() for _ in range(4))
    host.client().deliver(second)
    with pytest.raises(RefusedError, match=r"bundle 3 is expected, this is bundle 5: bring the missing one first"):
        host.client().deliver(fifth)
    assert (
        host.inbox()[f"{hashlib.sha256(fifth.read_bytes()).hexdigest()}-{fifth.stat().st_size}"] == fifth.stat().st_size
    )
    for number, path in enumerate((third, fourth), 3):
        assert host.client().deliver(path) == Taken(number, before=False)
    sent = 0

    def count(_: str, done: int, total: int) -> None:
        nonlocal sent
        sent += done != total

    assert host.client().deliver(fifth, count) == Taken(5, before=False)
    assert sent == 0


def test_a_fork_is_an_alarm_and_is_not_kept(host: Host) -> None:
    first = host.line.desk.dispatch(keep_tip=True)
    other = host.line.desk.dispatch(acknowledged=host.line.desk.heard, day=host.line.clock.day - 1, keep_tip=True)
    host.client().deliver(first)
    before = host.inbox()
    with pytest.raises(RefusedError, match="ALARM: bundle 2 contradicts"):
        host.client().deliver(other)
    assert host.inbox() == before


@pytest.mark.parametrize("bend", ["turned bit", "cut", "longer", "nonsense", "another desk's"])
def test_what_is_no_bundle_of_the_desk_is_refused_and_not_kept(host: Host, tmp_path: Path, bend: str) -> None:
    data = bytearray(host.line.desk.dispatch(keep_tip=True).read_bytes())
    if bend == "turned bit":
        data[len(data) // 2] ^= 1
    bent = {"cut": bytes(data[:-1]), "longer": bytes(data) + b"\0", "nonsense": b"x" * 3_000}.get(bend, bytes(data))
    path = tmp_path / "bent.age"
    path.write_bytes(bent)
    if bend == "another desk's":
        from tests.support.paper_desk import PaperDesk

        other = PaperDesk(host.line.clock, tmp_path / "other")
        other.host_card = host.line.desk.host_card
        path = other.dispatch()
    with pytest.raises(RefusedError, match="did not take it in"):
        host.client().deliver(path)
    assert host.inbox() == {}
    assert host.client().deliver(host.line.desk.dispatch()) == Taken(2, before=False), "the chain is untouched"


def test_a_file_that_is_too_large_for_a_bundle_is_refused_before_it_is_sent(host: Host, tmp_path: Path) -> None:
    path, told = tmp_path / "image.iso", []
    with path.open("wb") as file:
        file.truncate(LARGEST_UPLOAD + 1)
    with pytest.raises(RefusedError, match="larger than a dispatch bundle can be"):
        host.client().deliver(path, lambda *progress: told.append(progress))
    assert told == []
    assert host.inbox() == {}


def cuts(rng: random.Random, size: int, *, there: bool) -> list[Cut]:
    """Connections that break at random, some at once, some within the head, most within the body."""
    counts = [rng.choice([0, 1, rng.randrange(400), *(rng.randrange(size // 3) for _ in range(5))]) for _ in range(7)]
    return [Cut(there=count) if there else Cut(back=count) for count in counts]


@pytest.mark.parametrize("turn", range(4))
def test_a_collection_that_breaks_off_at_random_bytes_goes_on(host: Host, stick: Path, turn: int) -> None:
    rng = random.Random(_SEED + turn)
    submit(host.place, SOURCE, "one", {"a.bin": secrets.token_bytes(900_000)})
    size = 1_500_000
    with CuttingRelay(host.connect, cuts(rng, size, there=False)) as relay:
        for _ in range(10):
            try:
                collected = host.client(relay).collect(stick)
                break
            except UnreachableError:
                assert not list(stick.glob("*.age")), "no half file under a whole one's name"
        else:
            pytest.fail(f"never got through; seed {_SEED + turn}")
    take_all(host, collected)
    assert set(host.line.desk.texts()) == {"one", "a.bin"}, f"seed {_SEED + turn}"
    assert [path.name for path in stick.iterdir()] == ["luwte-collect-000001.age"]


@pytest.mark.parametrize("turn", range(4))
def test_a_delivery_that_breaks_off_at_random_bytes_goes_on(host: Host, stick: Path, turn: int) -> None:
    rng = random.Random(_SEED + turn)
    submit(host.place, SOURCE, "one")
    take_all(host, host.client().collect(stick))
    bundle = reply_to(host, SOURCE, "an answer")
    with CuttingRelay(host.connect, cuts(rng, bundle.stat().st_size, there=True)) as relay:
        for _ in range(10):
            try:
                taken = host.client(relay).deliver(bundle)
                break
            except UnreachableError:
                continue
        else:
            pytest.fail(f"never got through; seed {_SEED + turn}")
    assert taken.number == 2
    assert dict(replies_at_host(host.place, SOURCE)) == {"an answer": 1}, f"seed {_SEED + turn}"


def test_an_interrupted_transfer_sends_no_byte_twice_that_arrived(host: Host, stick: Path) -> None:
    submit(host.place, SOURCE, "one", {"a.bin": secrets.token_bytes(900_000)})
    lowest: list[int] = []
    with CuttingRelay(host.connect, [Cut(), Cut(back=500_000)]) as relay:
        host.client(relay).collect(stick, lambda _, done, __: lowest.append(done))
        assert relay.connections == 3
    assert lowest == sorted(lowest), "it went on where it stood"
    assert len([done for done in lowest if done == 0]) == 1


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_host_that_restarts_half_way_is_waited_for(host: Host, stick: Path, how: signal.Signals) -> None:
    submit(host.place, SOURCE, "one", {"a.bin": secrets.token_bytes(900_000)})
    take_all(host, host.client().collect(stick))
    bundle = reply_to(host, SOURCE, *("a long answer" * 2_000 for _ in range(60)))
    restarted = threading.Event()

    def restart_once(_: str, done: int, total: int) -> None:
        if done > total // 3 and not restarted.is_set():
            restarted.set()
            host.end(how)
            host.start()

    assert host.client().deliver(bundle, restart_once).number == 2
    assert restarted.is_set()
    assert replies_at_host(host.place, SOURCE).total() == 60


def test_a_host_that_stays_away_is_said_and_the_next_command_goes_on(host: Host, stick: Path) -> None:
    submit(host.place, SOURCE, "one", {"a.bin": secrets.token_bytes(900_000)})

    def leave(_: str, done: int, __: int) -> None:
        if done > 200_000 and host.process is not None:
            host.end(signal.SIGKILL)

    with pytest.raises(UnreachableError, match="Nothing was lost; repeat the command later"):
        host.client().collect(stick, leave)
    (part,) = stick.iterdir()
    assert part.name.endswith(".part")
    assert part.stat().st_size > 200_000
    host.start()
    begun: list[int] = []
    take_all(host, host.client().collect(stick, lambda _, done, __: begun.append(done)))
    assert begun[0] > 200_000
    assert set(host.line.desk.texts()) == {"one", "a.bin"}


def test_two_couriers_at_once_get_and_bring_the_same_once(host: Host, tmp_path: Path) -> None:
    submit(host.place, SOURCE, "one", {"a.bin": secrets.token_bytes(900_000)})
    sticks = [tmp_path / f"stick {number}" for number in range(2)]
    collected: list[Collected] = []
    bundle = host.line.desk.dispatch()
    taken: list[Taken] = []

    def work(folder: Path) -> None:
        folder.mkdir()
        collected.append(host.client().collect(folder))
        taken.append(host.client().deliver(bundle))

    threads = [threading.Thread(target=work, args=(folder,)) for folder in sticks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len({one.files[0].read_bytes() for one in collected}) == 1
    assert len(collected) == 2
    assert sorted(number for one in collected for number in one.made) == [1]
    assert {one.number for one in taken} == {2}
    assert len(taken) == 2
