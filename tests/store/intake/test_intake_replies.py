"""Replies wait sealed until their source erases them; that a mailbox is erased is told to the desk, that a reply is, to nobody."""

import io
import secrets
import threading

import pytest

from crypto.errors import CryptoError
from crypto.manifest import ChainPosition, Erased, Tombstone
from crypto.sealed_object import ObjectReader
from store.intake.blobs import MissingBlobError
from store.intake.errors import MailboxErasedError
from store.intake.place import IntakePlace
from tests.store.intake.conftest import Line, blob_ids, contents, mailbox, rows_of
from tests.support.road import RoadSource, submit

SOURCE, OTHER = RoadSource(1), RoadSource(2)


@pytest.fixture
def host(line: Line) -> IntakePlace:
    """Two sources have written; the desk has it all."""
    host = line.open()
    for source in (SOURCE, OTHER):
        submit(host, source, "hello")
    exchange(line, host)
    return host


def exchange(line: Line, host: IntakePlace) -> None:
    """What waits goes to the desk, which acknowledges it."""
    for path in host.collector.collect(line.desk.stick).files:
        line.desk.take(path)
    host.deliverer.deliver(line.desk.dispatch())


def answer(line: Line, host: IntakePlace, source: RoadSource, *texts: str) -> list[bytes]:
    """The replies' ids."""
    replies = [line.desk.reply(source.identity.recipient, mailbox(host, source), text) for text in texts]
    host.deliverer.deliver(line.desk.dispatch(replies))
    return [reply.entry.object_id for reply in replies]


def texts(host: IntakePlace, source: RoadSource) -> list[str]:
    return [opened(host, stored.reply_id, source) for stored in host.replies.list(mailbox(host, source))]


def opened(host: IntakePlace, reply_id: bytes, source: RoadSource) -> str:
    sealed = host.replies.read(reply_id)
    return ObjectReader(source.identity, io.BytesIO(sealed), len(sealed)).read_all().decode()


def told(line: Line, host: IntakePlace) -> set[Tombstone]:
    """The tombstones of the next bundle."""
    report = host.collector.collect(line.desk.stick)
    return set(line.desk.take(report.files[-1]).tombstones) if report.made else set()


def test_replies_are_listed_newest_first_and_for_their_mailbox_only(host: IntakePlace, line: Line) -> None:
    answer(line, host, SOURCE, "one", "two")
    answer(line, host, OTHER, "for the other")
    answer(line, host, SOURCE, "three")
    assert texts(host, SOURCE) == ["three", "two", "one"]
    assert texts(host, OTHER) == ["for the other"]
    assert host.replies.list(b"nobody's mailbox") == []


def test_a_reply_opens_for_its_source_only(host: IntakePlace, line: Line) -> None:
    (reply_id,) = answer(line, host, SOURCE, "for you alone")
    assert opened(host, reply_id, SOURCE) == "for you alone"
    with pytest.raises(CryptoError):
        opened(host, reply_id, OTHER)


def test_one_erased_reply_is_gone_and_nobody_is_told(host: IntakePlace, line: Line) -> None:
    one, _ = answer(line, host, SOURCE, "one", "two")
    assert host.replies.erase(mailbox(host, SOURCE), one)
    assert texts(host, SOURCE) == ["two"]
    assert one not in blob_ids(host)
    with pytest.raises(MissingBlobError):
        host.replies.read(one)
    assert told(line, host) == set()


def test_nobody_erases_a_reply_of_another_mailbox(host: IntakePlace, line: Line) -> None:
    (reply_id,) = answer(line, host, SOURCE, "one")
    before = contents(host)
    assert not host.replies.erase(mailbox(host, OTHER), reply_id)
    assert not host.replies.erase(mailbox(host, SOURCE), b"no such reply id")
    assert not host.replies.erase(mailbox(host, SOURCE), b"")
    assert contents(host) == before
    assert texts(host, SOURCE) == ["one"]


def test_erasing_all_replies_leaves_the_mailbox_and_what_was_sent(host: IntakePlace, line: Line) -> None:
    submit(host, SOURCE, "not collected yet")
    answer(line, host, SOURCE, "one", "two", "three")
    answer(line, host, OTHER, "for the other")
    assert host.replies.erase_all(mailbox(host, SOURCE)) == 3
    assert host.replies.erase_all(mailbox(host, SOURCE)) == 0
    assert texts(host, SOURCE) == []
    assert texts(host, OTHER) == ["for the other"]
    assert told(line, host) == set()
    assert "not collected yet" in line.desk.texts()


def test_erasing_a_mailbox_takes_its_replies_and_what_no_bundle_has_yet(host: IntakePlace, line: Line) -> None:
    ref = mailbox(host, SOURCE)
    answer(line, host, SOURCE, "one")
    submit(host, SOURCE, "in a bundle already")
    host.collector.collect(line.desk.stick)
    submit(host, SOURCE, "withdrawn", {"f": b"x"})
    host.replies.erase_mailbox(ref)
    assert host.mailboxes.find(SOURCE.lookup) is None
    assert host.replies.list(ref) == []
    assert len(blob_ids(host)) == 1  # until the desk has acknowledged it
    for path in host.collector.collect(line.desk.stick).files:
        line.desk.take(path)
    assert line.desk.manifests[-1].tombstones == (Tombstone(Erased.MAILBOX, ref),)
    assert "in a bundle already" in line.desk.texts()
    assert "withdrawn" not in line.desk.texts()
    host.deliverer.deliver(line.desk.dispatch())
    assert blob_ids(host) == set()
    assert rows_of(host, "grave") == [(ref, 3, line.clock.day, line.clock.day)]


@pytest.mark.parametrize("was_there", [True, False], ids=["sent before", "first message meanwhile"])
@pytest.mark.parametrize("days", [0, 1])
def test_an_upload_brings_no_erased_mailbox_back_once_its_tombstone_was_carried(
    host: IntakePlace, line: Line, was_there: bool, days: int
) -> None:
    source = SOURCE if was_there else RoadSource(3)
    on_its_way = host.submissions.begin(source.lookup, source.identity.recipient, source.first_ref)
    on_its_way.add_message("too late")
    submit(host, source, "from another tab")
    host.replies.erase_mailbox(mailbox(host, source))
    exchange(line, host)
    line.clock.day += days
    exchange(line, host)
    kept = blob_ids(host)
    with pytest.raises(MailboxErasedError):
        on_its_way.commit()
    assert host.mailboxes.find(source.lookup) is None
    assert len(blob_ids(host)) == len(kept) - 1


def test_an_upload_brings_no_mailbox_back_that_the_desk_destroyed(host: IntakePlace, line: Line) -> None:
    exchange(line, host)
    ref = mailbox(host, SOURCE)
    on_its_way = host.submissions.begin(SOURCE.lookup, SOURCE.identity.recipient, b"n" * 16)
    on_its_way.add_message("too late")
    host.deliverer.deliver(line.desk.dispatch(tombstones=[Tombstone(Erased.MAILBOX, ref)]))
    with pytest.raises(MailboxErasedError):
        on_its_way.commit()
    assert host.mailboxes.unburied(ref) != ref
    assert told(line, host) == set()


def test_the_grave_of_a_mailbox_is_forgotten_two_days_after_it_was_acknowledged(host: IntakePlace, line: Line) -> None:
    ref = mailbox(host, SOURCE)
    host.replies.erase_mailbox(ref)
    line.clock.day += 5
    exchange(line, host)
    for days_later, buried in ((0, True), (1, True), (2, False)):
        line.clock.day += min(days_later, 1)
        host.collector.collect(line.desk.stick)
        assert (host.mailboxes.unburied(ref) != ref) is buried, days_later
    assert rows_of(host, "grave") == []


def test_of_an_erased_mailbox_the_disk_keeps_nothing_that_a_codename_yields(sqlite_line: Line) -> None:
    """The folders hold salt and pepper: what is left of the lookup would prove that this codename was here."""
    source = RoadSource(secrets.randbits(120))
    host = sqlite_line.open()
    submit(host, source, "hello")
    assert _files_with(source.lookup, sqlite_line)
    host.replies.erase_mailbox(mailbox(host, source))
    assert _files_with(source.lookup, sqlite_line) == []


def test_erasing_a_mailbox_that_is_none_tells_nothing(host: IntakePlace, line: Line) -> None:
    host.replies.erase_mailbox(b"nobody's mailbox")
    assert told(line, host) == set()


def test_the_codename_of_an_erased_mailbox_makes_a_new_one(host: IntakePlace, line: Line) -> None:
    old = mailbox(host, SOURCE)
    answer(line, host, SOURCE, "old")
    host.replies.erase_mailbox(old)
    new_ref = b"n" * 16
    submission = host.submissions.begin(SOURCE.lookup, SOURCE.identity.recipient, new_ref)
    submission.add_message("again")
    submission.commit()
    assert mailbox(host, SOURCE) == new_ref
    assert texts(host, SOURCE) == []


def test_a_tombstone_is_told_until_it_is_acknowledged_and_then_forgotten(host: IntakePlace, line: Line) -> None:
    answer(line, host, SOURCE, "one")
    host.replies.erase_mailbox(mailbox(host, SOURCE))
    first = host.collector.collect(line.desk.stick)
    again = host.collector.collect(line.desk.stick)
    assert (len(first.made), again.made) == (1, ())
    assert again.files[-1] == first.files[-1]
    assert rows_of(host, "grave") != []
    line.desk.take(first.files[-1])
    host.deliverer.deliver(line.desk.dispatch())
    assert rows_of(host, "grave") != [], "an upload that is on its way must still find it"
    line.clock.day += 2
    host.collector.collect(line.desk.stick)
    assert rows_of(host, "grave") == []


def test_a_reply_to_an_erased_mailbox_is_not_kept(host: IntakePlace, line: Line) -> None:
    ref = mailbox(host, SOURCE)
    replies = [
        line.desk.reply(SOURCE.identity.recipient, ref, "too late"),
        line.desk.reply(OTHER.identity.recipient, mailbox(host, OTHER), "in time"),
    ]
    bundle = line.desk.dispatch(replies)
    host.replies.erase_mailbox(ref)
    host.deliverer.deliver(bundle)
    assert host.replies.list(ref) == []
    assert texts(host, OTHER) == ["in time"]
    assert len(blob_ids(host)) == 1


def test_a_reply_that_the_desk_withdraws_is_gone(host: IntakePlace, line: Line) -> None:
    one, _ = answer(line, host, SOURCE, "one", "two")
    host.deliverer.deliver(line.desk.dispatch(tombstones=[Tombstone(Erased.REPLY, one)]))
    assert texts(host, SOURCE) == ["two"]
    assert one not in blob_ids(host)


def test_a_source_that_the_desk_destroys_loses_its_mailbox_but_nothing_unseen(host: IntakePlace, line: Line) -> None:
    answer(line, host, SOURCE, "one")
    answer(line, host, OTHER, "two")
    submit(host, OTHER, "unseen")
    refs = [mailbox(host, SOURCE), mailbox(host, OTHER)]
    host.deliverer.deliver(line.desk.dispatch(tombstones=[Tombstone(Erased.MAILBOX, ref) for ref in refs]))
    assert host.mailboxes.find(SOURCE.lookup) is None
    assert host.mailboxes.find(OTHER.lookup) == refs[1]
    assert rows_of(host, "reply") == []
    exchange(line, host)
    assert "unseen" in line.desk.texts()


def test_a_damaged_reply_does_not_hinder_the_others(sqlite_line: Line) -> None:
    line, host = sqlite_line, sqlite_line.open()
    submit(host, SOURCE, "hello")
    damaged, missing, healthy = answer(line, host, SOURCE, "damaged", "missing", "healthy")
    path = next(one for one in line.blob_files() if one.stem == damaged.hex())
    path.write_bytes(path.read_bytes()[:-10] + b"0123456789")
    next(one for one in line.blob_files() if one.stem == missing.hex()).unlink()
    assert [stored.reply_id for stored in host.replies.list(mailbox(host, SOURCE))] == [healthy, missing, damaged]
    assert opened(host, healthy, SOURCE) == "healthy"
    with pytest.raises(CryptoError):
        opened(host, damaged, SOURCE)
    with pytest.raises(MissingBlobError):
        host.replies.read(missing)
    assert host.replies.erase_all(mailbox(host, SOURCE)) == 3
    assert texts(host, SOURCE) == []


def test_two_tabs_that_erase_the_same_replies_at_once_erase_each_once(host: IntakePlace, line: Line) -> None:
    ids = answer(line, host, SOURCE, "one", "two", "three", "four")
    ref = mailbox(host, SOURCE)
    barrier = threading.Barrier(3)
    failures: list[BaseException] = []
    erased: list[bool] = []

    def tab(all_: bool) -> None:
        try:
            barrier.wait()
            if all_:
                host.replies.erase_all(ref)
            else:
                erased.extend(host.replies.erase(ref, one) for one in ids)
        except BaseException as error:  # noqa: BLE001 - shown by the test's own thread
            failures.append(error)

    tabs = [threading.Thread(target=tab, args=(all_,)) for all_ in (False, False, True)]
    for thread in tabs:
        thread.start()
    for thread in tabs:
        thread.join()
    assert failures == []
    assert sum(erased) <= 4
    assert host.replies.list(ref) == []
    assert told(line, host) == set()


def test_a_mailbox_that_is_erased_while_it_is_collected_is_withdrawn_or_collected_whole(line: Line) -> None:
    host, other = line.open(), line.open()
    for round_ in range(8):
        source = RoadSource(1_000 + round_)
        submit(host, source, f"{round_}", {f"{round_} f": b"x" * 100_000})
        ref = mailbox(host, source)
        barrier = threading.Barrier(2)
        eraser = threading.Thread(target=lambda ref=ref, go=barrier: (go.wait(), other.replies.erase_mailbox(ref)))
        eraser.start()
        barrier.wait()
        report = host.collector.collect(line.desk.stick)
        eraser.join()
        for path in report.files[-len(report.made) :] if report.made else ():
            line.desk.take(path)
        assert {text.split(" ")[0] for text in line.desk.texts()} <= set(map(str, range(round_ + 1)))
        assert line.desk.texts()[f"{round_}"] == line.desk.texts()[f"{round_} f"]
    assert host.status().notes == ()
    report = host.collector.collect(line.desk.stick)
    for path in report.files[-len(report.made) :] if report.made else ():
        line.desk.take(path)
    host.deliverer.deliver(
        line.desk.dispatch(acknowledged=ChainPosition(line.desk.heard.number, line.desk.heard.sha256))
    )
    assert blob_ids(host) == set()


def _files_with(secret: bytes, line: Line) -> list[str]:
    return [path.name for path in line.state.rglob("*") if path.is_file() and secret in path.read_bytes()]
