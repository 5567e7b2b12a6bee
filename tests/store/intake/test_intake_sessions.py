"""A session opens with its cookie alone, ends after half an hour, and is nowhere afterwards."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from crypto import codename
from crypto.codename import Codename
from store.intake.place import IntakePlace
from store.intake.sessions import (
    COOKIE_LENGTH,
    MOST_SLOTS,
    BrowserSession,
    Coming,
    Sessions,
    Told,
    new_cookie,
    new_slot,
)
from tests.store.intake.conftest import Line
from tests.support.postgresql import PostgreSQL

HALF_AN_HOUR = 30 * 60
KEPT = Told(message=True, files=2, arrived=(("photo.jpg", 12), ("فيديو.mp4", 0)))
BROKEN = Told(refused=("half.bin",), problems=("broken off",))


class Seconds:
    """A clock that tests move by seconds."""

    def __init__(self) -> None:
        self.time = 20_000 * 86_400 + 43_200.0

    def now(self) -> float:
        return self.time


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def sessions(host: IntakePlace, seconds: Seconds) -> Sessions:
    return Sessions(host._session_database, seconds, idle_seconds=HALF_AN_HOUR, most=50_000)


def begun(sessions: Sessions) -> str:
    """The cookie of a new session with one slot."""
    cookie = new_cookie()
    with sessions.changing(cookie, begin=True) as session:
        session.put(new_slot(lookup=secrets.token_bytes(32), seed=secrets.token_bytes(32)))
    return cookie


def rows(host: IntakePlace) -> list[tuple[bytes, int, bytes]]:
    with host._session_database.reading() as session:
        return [tuple(row) for row in session.execute(text("SELECT row, day, box FROM browser_session"))]


def test_what_was_put_is_loaded_with_the_cookie(sessions: Sessions) -> None:
    cookie = new_cookie()
    fresh = new_slot(codename=codename.generate())
    derived = new_slot(lookup=b"l" * 32, seed=b"s" * 32)
    with sessions.changing(cookie, begin=True) as session:
        session.put(fresh)
        session.put(derived)
        session.remember("form", KEPT)
        session.notes[fresh.slot_id] = session.shown[derived.slot_id] = BROKEN
    loaded = sessions.load(cookie)
    assert loaded == BrowserSession(
        [fresh, derived], {"form": KEPT}, {fresh.slot_id: BROKEN}, {derived.slot_id: BROKEN}
    )
    assert loaded.slot(None) == derived
    assert loaded.slot(fresh.slot_id) == fresh
    assert loaded.slot("another") is None


def test_another_cookie_opens_nothing(sessions: Sessions) -> None:
    begun(sessions)
    assert sessions.load(new_cookie()) == BrowserSession()


MALFORMED = [
    "",
    "x",
    "x" * 42,
    "x" * 44,
    "é" * 43,
    "+" * 43,
    "=" * 43,
    " " * 43,
    "x" * 42 + "\0",
    "'; DROP TABLE--" * 3,
]


def test_a_malformed_cookie_opens_and_keeps_nothing(host: IntakePlace, sessions: Sessions) -> None:
    for cookie in MALFORMED:
        with sessions.changing(cookie, begin=True) as session:
            session.put(new_slot())
        sessions.note_coming(cookie, "form", Coming(1))
        sessions.delete(cookie)
        assert sessions.load(cookie) == BrowserSession(), cookie
        assert rows(host) == [], cookie


def test_a_cookie_has_256_random_bits() -> None:
    cookies = {new_cookie() for _ in range(100)}
    assert len(cookies) == 100
    assert {len(cookie) for cookie in cookies} == {COOKIE_LENGTH}


def test_the_stored_bytes_hold_nothing_of_codename_keys_or_cookie(line: Line, request: pytest.FixtureRequest) -> None:
    host = line.open()
    name = codename.generate()
    slot = new_slot(name, lookup=secrets.token_bytes(32), seed=secrets.token_bytes(32))
    cookie = new_cookie()
    with host.sessions.changing(cookie, begin=True) as session:
        session.put(slot)
        session.remember("form", Told(files=1, arrived=(("secret.pdf", 1),)))
    if line.database_url:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        found = rows(host)[0]
        host.close()
        with server.at_rest() as data:
            stored = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
    else:
        found = rows(host)[0]
        stored = b"".join(path.read_bytes() for path in line.runtime.iterdir())
    assert found[0] in stored  # the search would find it
    secret_bytes = [
        slot.lookup,
        slot.seed,
        slot.new_ref,
        name.canonical,
        name.text.encode(),
        cookie.encode(),
        b"secret.pdf",
    ]
    for secret in [*secret_bytes, *(one.hex().encode() for one in secret_bytes)]:
        assert secret not in stored
    # Two words at least: a database's own texts hold many a single one.
    assert not any(f"{one} {next_}".encode() in stored for one, next_ in pairwise(name.words))


def test_a_row_moved_to_another_cookie_opens_nothing(host: IntakePlace, sessions: Sessions) -> None:
    mine, other = begun(sessions), begun(sessions)
    with host._session_database.writing() as session:
        boxes = {row: box for row, _, box in rows(host)}
        first, second = boxes
        query = text("UPDATE browser_session SET box = :box WHERE row = :row")
        session.execute(query, {"row": first, "box": boxes[second]})
    loaded = [sessions.load(mine), sessions.load(other)]
    assert sorted(len(one.slots) for one in loaded) == [0, 1]


def test_a_damaged_row_is_an_empty_session_and_can_be_used_again(host: IntakePlace, sessions: Sessions) -> None:
    cookie = begun(sessions)
    with host._session_database.writing() as session:
        session.execute(text("UPDATE browser_session SET box = :box"), {"box": b"damaged"})
    assert sessions.load(cookie) == BrowserSession()
    with sessions.changing(cookie) as changed:
        changed.put(new_slot())
    assert len(sessions.load(cookie).slots) == 1


def test_a_session_ends_after_half_an_hour_without_use(sessions: Sessions, seconds: Seconds) -> None:
    cookie = begun(sessions)
    seconds.time += HALF_AN_HOUR
    assert sessions.load(cookie).slots
    seconds.time += 1
    assert sessions.load(cookie) == BrowserSession()
    with sessions.changing(cookie) as session:
        assert session == BrowserSession()


def test_an_upload_in_progress_keeps_its_session_alive(sessions: Sessions, seconds: Seconds) -> None:
    cookie = begun(sessions)
    for _ in range(12):
        seconds.time += HALF_AN_HOUR - 60
        sessions.note_coming(cookie, "form", Coming(1))
    assert len(sessions.load(cookie).slots) == 1


def test_noting_what_comes_makes_no_session_and_revives_none(
    host: IntakePlace, sessions: Sessions, seconds: Seconds
) -> None:
    sessions.note_coming(new_cookie(), "form", Coming(1))
    with sessions.changing(new_cookie()) as session:
        session.put(new_slot())
    assert rows(host) == [], "nor does a change with which none may begin"
    cookie = begun(sessions)
    seconds.time += HALF_AN_HOUR + 1
    sessions.note_coming(cookie, "form", Coming(1))
    assert sessions.load(cookie) == BrowserSession()


def test_logging_out_deletes_the_row(host: IntakePlace, sessions: Sessions) -> None:
    cookie, other = begun(sessions), begun(sessions)
    sessions.delete(cookie)
    assert sessions.load(cookie) == BrowserSession()
    assert len(rows(host)) == 1
    assert sessions.load(other).slots


def two_workers(host: IntakePlace, seconds: Seconds) -> tuple[Sessions, Sessions]:
    """Each with a memory of its own."""

    def worker() -> Sessions:
        return Sessions(host._session_database, seconds, idle_seconds=HALF_AN_HOUR, most=50_000, monotonic=seconds.now)

    return worker(), worker()


def test_what_is_idle_is_gone_within_twice_the_idle_time_and_nothing_else(host: IntakePlace, seconds: Seconds) -> None:
    one, other = two_workers(host, seconds)
    begun(one)
    used = begun(other)
    for _ in range(7):
        seconds.time += 9 * 60
        with other.changing(used):
            pass
        one.remove_idle()
        other.remove_idle()
    assert len(rows(host)) == 1
    assert one.load(used).slots


def test_no_session_is_removed_before_it_was_idle_for_its_time(host: IntakePlace, seconds: Seconds) -> None:
    one, other = two_workers(host, seconds)
    one.remove_idle()
    seconds.time += HALF_AN_HOUR - 1
    cookie = begun(one)
    for _ in range(29):
        seconds.time += 60
        one.remove_idle()
        other.remove_idle()
        assert one.load(cookie).slots


def test_a_session_that_is_used_while_idle_ones_are_removed_stays(
    host: IntakePlace, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions, other = two_workers(host, seconds)
    cookies = [begun(sessions) for _ in range(3)]
    sessions.remove_idle()
    seconds.time += HALF_AN_HOUR + 1
    writing = host._session_database.writing

    @contextmanager
    def used_just_before() -> Iterator[Session]:
        monkeypatch.undo()
        with other.changing(cookies[1]) as session:
            session.put(new_slot())
        with writing() as session:
            yield session

    monkeypatch.setattr(host._session_database, "writing", used_just_before)
    sessions.remove_idle()
    assert len(rows(host)) == 1
    assert sessions.load(cookies[1]).slots


def test_a_flood_of_idle_sessions_is_gone_in_an_hour(host: IntakePlace, seconds: Seconds) -> None:
    sessions, _ = two_workers(host, seconds)
    for _ in range(1_200):
        begun(sessions)
    for _ in range(3):
        sessions.remove_idle()
        seconds.time += HALF_AN_HOUR + 1
    assert rows(host) == []


def test_sweeping_removes_what_nobody_can_have_used_since_yesterday(
    host: IntakePlace, sessions: Sessions, seconds: Seconds
) -> None:
    begun(sessions)
    long_upload = begun(sessions)
    for _ in range(100):
        seconds.time += 1_750
        sessions.note_coming(long_upload, "form", Coming(1))
    sessions.sweep()
    assert len(rows(host)) == 1
    assert sessions.load(long_upload).slots


def test_a_row_tells_the_day_only(host: IntakePlace, sessions: Sessions, seconds: Seconds) -> None:
    begun(sessions)
    assert [day for _, day, _ in rows(host)] == [20_000]
    assert str(int(seconds.time)) not in repr(rows(host))


def test_a_change_that_fails_changes_nothing(sessions: Sessions) -> None:
    cookie = begun(sessions)
    before = sessions.load(cookie)
    with pytest.raises(AttributeError), sessions.changing(cookie) as session:
        session.slots.pop().seed.no_such_method()
    assert sessions.load(cookie) == before


@pytest.mark.parametrize("exists", [True, False])
def test_changes_of_two_tabs_at_the_same_moment_are_both_kept(sessions: Sessions, exists: bool) -> None:
    failures: list[BaseException] = []

    def tab(cookie: str, barrier: threading.Barrier) -> None:
        try:
            barrier.wait()
            with sessions.changing(cookie, begin=True) as session:
                session.put(new_slot())
        except BaseException as error:  # noqa: BLE001 - shown by the test's own thread
            failures.append(error)

    for _ in range(5):
        cookie = begun(sessions) if exists else new_cookie()
        barrier = threading.Barrier(4)
        tabs = [threading.Thread(target=tab, args=(cookie, barrier)) for _ in range(4)]
        for thread in tabs:
            thread.start()
        for thread in tabs:
            thread.join()
        assert failures == []
        assert len(sessions.load(cookie).slots) == 4 + exists


def test_the_oldest_of_too_many_tabs_goes(sessions: Sessions) -> None:
    cookie = new_cookie()
    slots = [new_slot() for _ in range(MOST_SLOTS + 3)]
    for slot in slots:
        with sessions.changing(cookie, begin=True) as session:
            session.put(slot)
    assert sessions.load(cookie).slots == slots[3:]


def test_notes_for_tabs_that_have_gone_go_with_them(sessions: Sessions) -> None:
    cookie = new_cookie()
    for _ in range(MOST_SLOTS + 3):
        slot = new_slot()
        with sessions.changing(cookie, begin=True) as session:
            session.put(slot)
            session.notes[slot.slot_id] = session.shown[slot.slot_id] = BROKEN
    loaded = sessions.load(cookie)
    assert set(loaded.notes) == set(loaded.shown) == {slot.slot_id for slot in loaded.slots}
    assert len(loaded.slots) == MOST_SLOTS


def test_only_the_last_receipts_are_remembered(sessions: Sessions) -> None:
    cookie = new_cookie()
    for number in range(20):
        with sessions.changing(cookie, begin=True) as session:
            session.remember(f"form {number}", KEPT)
    assert list(sessions.load(cookie).receipts) == [f"form {number}" for number in range(12, 20)]


def test_a_flood_of_sessions_stays_within_its_bound(host: IntakePlace, seconds: Seconds) -> None:
    sessions = Sessions(host._session_database, seconds, idle_seconds=HALF_AN_HOUR, most=10)
    cookies = [begun(sessions) for _ in range(30)]
    assert len(rows(host)) == 10
    assert sum(bool(sessions.load(cookie).slots) for cookie in cookies) == 10
    assert sessions.load(cookies[-1]).slots


def test_two_processes_see_one_session(line: Line) -> None:
    one, two = line.open(), line.open()
    cookie = begun(one.sessions)
    assert two.sessions.load(cookie).slots
    two.sessions.delete(cookie)
    assert one.sessions.load(cookie) == BrowserSession()


def test_with_sqlite_sessions_are_in_memory_backed_storage_only(sqlite_line: Line) -> None:
    host = sqlite_line.open()
    cookie = begun(host.sessions)
    (row, _, box) = rows(host)[0]
    for path in sqlite_line.state.rglob("*"):
        if path.is_file():
            assert row not in path.read_bytes()
            assert box not in path.read_bytes()
            assert b"browser_session" not in path.read_bytes()
    host.close()
    for path in sqlite_line.runtime.iterdir():  # the machine restarts
        path.unlink()
    again = sqlite_line.open()
    assert again.sessions.load(cookie) == BrowserSession()


def test_with_postgresql_sessions_are_not_logged_and_gone_after_a_crash(
    postgresql_line: Line, postgresql: PostgreSQL
) -> None:
    host = postgresql_line.open()
    cookie = begun(host.sessions)
    with postgresql.connect(postgresql_line.database_url or "") as connection:
        kinds = connection.execute("SELECT relname, relpersistence FROM pg_class WHERE relname LIKE 'browser_session%'")
        assert dict(kinds.fetchall()) == {"browser_session": "u", "browser_session_pkey": "u"}
    host.close()
    postgresql.crash()
    postgresql.start()
    again = postgresql_line.open()
    assert again.sessions.load(cookie) == BrowserSession()
    assert rows(again) == []


def test_a_deleted_session_leaves_no_bytes_in_sqlite(sqlite_line: Line) -> None:
    host = sqlite_line.open()
    cookie = begun(host.sessions)
    (_, _, box) = rows(host)[0]
    host.sessions.delete(cookie)
    host.close()  # the log is taken in
    assert all(box[:40] not in path.read_bytes() for path in sqlite_line.runtime.iterdir())


def test_a_session_says_nothing_when_it_is_shown() -> None:
    slot = new_slot(Codename.from_canonical(codename.generate().canonical), b"l" * 32, b"s" * 32)
    assert slot.seed.decode() not in repr(slot) + repr(BrowserSession([slot]))
