"""What strangers with an enrolled key may try at the endpoint: absurd ranges, names, lengths; and what it never says."""

import hashlib
import re
import secrets
import select
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from crypto import cbor
from journalist_interface.courier.errors import UnreachableError
from journalist_interface.courier.protocol import LARGEST_ANSWER, Refusal, Refused, Taken, UploadState
from store.files import exclusively
from store.intake.inbox import LARGEST_UPLOAD
from tests.journalist_interface.courier.conftest import Host
from tests.support.road import RoadSource, submit

SOURCE = RoadSource(1)
BUNDLE = "/courier/v1/bundles/1"
NAME = f"{'ab' * 32}-1000"


def bytes_of(host: Host) -> bytes:
    """Of bundle 1, which waits."""
    return (host.line.state / "outbox" / "luwte-collect-000001.age").read_bytes()


def split(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


def parsed(answer: bytes, decode: Callable):
    status, _, body = split(answer)
    assert status == 200, answer[:300]
    return decode(body)


def refusal(answer: bytes) -> Refusal:
    status, headers, body = split(answer)
    assert status >= 400
    assert headers["Content-Type"] == "application/cbor"
    return Refused.decode(body).refusal


GOOD_RANGES = {
    "bytes=0-": (0, None),
    "bytes=100-": (100, None),
    "bytes=100-199": (100, 200),
    "bytes=5-5": (5, 6),
    "bytes=1000-999999999999999": (1000, None),
}


@pytest.mark.parametrize("asked", GOOD_RANGES)
def test_a_part_of_a_bundle_is_exactly_that_part(standing: Host, asked: str) -> None:
    bundle = bytes_of(standing)
    first, stop = GOOD_RANGES[asked]
    status, headers, body = split(standing.ask("GET", BUNDLE, f"Range: {asked}"))
    assert status == 206
    assert body == bundle[first:stop]
    assert headers["Content-Range"] == f"bytes {first}-{first + len(body) - 1}/{len(bundle)}"
    assert headers["Content-Length"] == str(len(body))


def test_a_bundle_without_a_range_is_whole(standing: Host) -> None:
    bundle = bytes_of(standing)
    status, headers, body = split(standing.ask("GET", BUNDLE))
    assert (status, body) == (200, bundle)
    assert headers["Accept-Ranges"] == "bytes"
    assert hashlib.sha256(body).digest() == standing.place.collector.outgoing()[0].sha256


ABSURD_RANGES = [
    "bytes=0-1,2-3",
    "bytes=" + ",".join(["0-"] * 500),
    "bytes=0-9,5-15",
    "bytes=-1",
    "bytes=-0",
    "bytes=-",
    "bytes=",
    "bytes=10-5",
    "bytes=99999999999999-",
    "bytes=" + "9" * 1_500 + "-",
    "bytes=0-" + "9" * 1_500,
    "bytes=0x10-",
    "bytes=+1-",
    "bytes= 1-2",
    "bytes=1-2 ",
    "bytes=\u0661-".encode().decode("latin-1"),
    "BYTES=0-",
    "items=0-",
    "0-",
    "bytes=1-\t2",
]


@pytest.mark.parametrize("asked", ABSURD_RANGES, ids=lambda text: repr(text[:24]))
def test_an_absurd_range_is_refused_with_the_size_and_no_byte(standing: Host, asked: str) -> None:
    bundle = bytes_of(standing)
    answer = standing.ask("GET", BUNDLE, f"Range: {asked}")
    if asked.endswith(" "):
        assert split(answer)[0] == 206, "blanks at a header's end are no part of it"
        return
    status, headers, _ = split(answer)
    assert (status, refusal(answer)) == (416, Refusal.RANGE)
    assert headers["Content-Range"] == f"bytes */{len(bundle)}"


@pytest.mark.parametrize(
    "number", ["0", "2", "-1", "1.0", "01x", "%2e%2e", "../1", "..%2f..%2fintake.sqlite", "9" * 400, "1/", "1%00"]
)
def test_a_bundle_that_is_none_is_missing_whatever_its_name(standing: Host, number: str) -> None:
    assert refusal(standing.ask("GET", f"/courier/v1/bundles/{number}")) is Refusal.MISSING


def test_what_the_desk_has_acknowledged_is_not_handed_out_again(host: Host) -> None:
    submit(host.place, SOURCE, "one")
    host.place.collector.make()
    assert split(host.ask("GET", BUNDLE))[0] == 200
    host.line.desk.take(host.line.state / "outbox" / "luwte-collect-000001.age")
    host.client().deliver(host.line.desk.dispatch())
    assert refusal(host.ask("GET", BUNDLE)) is Refusal.MISSING


@pytest.mark.parametrize(
    "name",
    [
        "../../intake.sqlite", "..%2f..%2fhost.keys", f"{'AB' * 32}-1000", f"{'ab' * 31}-1000", f"{'ab' * 32}-0", f"{'ab' * 32}-01",
        f"{'ab' * 32}--1", f"{'ab' * 32}-{LARGEST_UPLOAD + 1}", f"{'ab' * 32}-{'9' * 30}", f"{'ab' * 32}-1000.taken",
        f"{'ab' * 32}-1000%0a", f"{'ab' * 32}-1000%00", f"{'ab' * 32}-%d9%a1", ".", "%2e%2e",
    ],
)  # fmt: skip
def test_a_name_that_is_no_uploads_reaches_no_file(standing: Host, name: str) -> None:
    before = sorted(path for path in standing.line.state.rglob("*"))
    for method, path in (("GET", ""), ("POST", "/0"), ("POST", "/take")):
        answer = standing.ask(method, f"/courier/v1/uploads/{name}{path}", body=b"x" if path == "/0" else b"")
        assert refusal(answer) in (Refusal.REFUSED, Refusal.MISSING, Refusal.UNCLEAR)
    assert [path for path in sorted(standing.line.state.rglob("*")) if path not in before] == []


def test_an_upload_goes_on_only_where_it_ends(host: Host) -> None:
    path = f"/courier/v1/uploads/{NAME}"
    assert parsed(host.ask("POST", f"{path}/0", body=b"a" * 400), UploadState.decode) == UploadState(400)
    for offset in (0, 399, 401, 500):
        assert refusal(host.ask("POST", f"{path}/{offset}", body=b"b" * 100)) is Refusal.OFFSET
    assert parsed(host.ask("GET", path), UploadState.decode) == UploadState(400)
    assert refusal(host.ask("POST", f"{path}/400", body=b"b" * 601)) is Refusal.UNCLEAR, "more than was announced"
    assert refusal(host.ask("POST", f"{path}/{'9' * 300}", body=b"b")) in (Refusal.UNCLEAR, Refusal.MISSING)
    chunked = b"5\r\nbbbbb\r\n0\r\n\r\n"
    answer = host.ask("POST", f"{path}/400", "Transfer-Encoding: chunked", body=chunked)
    assert refusal(answer) is Refusal.UNCLEAR
    assert host.inbox() == {NAME: 400}


def test_what_is_not_whole_or_not_what_was_announced_is_not_taken(host: Host) -> None:
    path = f"/courier/v1/uploads/{NAME}"
    assert refusal(host.ask("POST", f"{path}/take")) is Refusal.OFFSET
    host.ask("POST", f"{path}/0", body=b"a" * 999)
    assert refusal(host.ask("POST", f"{path}/take")) is Refusal.OFFSET
    host.ask("POST", f"{path}/999", body=b"a")
    assert refusal(host.ask("POST", f"{path}/take")) is Refusal.DAMAGED
    assert host.inbox() == {}


def test_who_uploads_something_else_under_its_name_holds_no_bundle_up(host: Host) -> None:
    bundle = host.line.desk.dispatch()
    data = bundle.read_bytes()
    name = f"{hashlib.sha256(data).hexdigest()}-{len(data)}"
    host.ask("POST", f"/courier/v1/uploads/{name}/0", body=b"evil" * 100)
    assert host.client().deliver(bundle) == Taken(2, before=False)


def test_a_body_that_is_cut_keeps_what_came(host: Host) -> None:
    data = secrets.token_bytes(1_000)
    name = f"{hashlib.sha256(data).hexdigest()}-1000"
    with host.connect() as connection:
        head = f"POST /courier/v1/uploads/{name}/0 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
        connection.sendall(head.encode() + data[:700])
        connection.shutdown(1)
        while connection.recv(4096):
            pass
    assert parsed(host.ask("GET", f"/courier/v1/uploads/{name}"), UploadState.decode) == UploadState(700)


def test_a_body_that_comes_slowly_comes_whole_by_one_request(host: Host) -> None:
    data = secrets.token_bytes(1 << 20)
    name = f"{hashlib.sha256(data).hexdigest()}-{len(data)}"
    with host.connect() as connection:
        head = f"POST /courier/v1/uploads/{name}/0 HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
        connection.sendall(head.encode() + data[:1_000])
        assert select.select([connection], [], [], 1)[0] == [], "it answered before the rest could come"
        connection.sendall(data[1_000:])
        while connection.recv(4096):
            pass
    assert host.inbox() == {name: len(data)}


def test_uploads_are_bounded_and_the_shortest_goes_first(host: Host) -> None:
    for number in range(12):
        body = b"x" * (100 + number)
        host.ask("POST", f"/courier/v1/uploads/{number:064x}-{LARGEST_UPLOAD // 8}/0", body=body)
    assert len(host.inbox()) == 8
    assert min(host.inbox().values()) > 103
    host.ask("POST", f"/courier/v1/uploads/{99:064x}-{LARGEST_UPLOAD}/0", body=b"x")
    assert sum(int(name.rpartition("-")[2]) for name in host.inbox()) <= 1 << 30


def test_a_command_of_the_operator_at_the_same_time_is_waited_for(host: Host, stick: Path) -> None:
    with exclusively(host.line.state / "carry.lock"):
        assert refusal(host.ask("POST", "/courier/v1/collect")) is Refusal.BUSY
        with pytest.raises(UnreachableError, match="cannot do it now: another command is at work"):
            host.client().collect(stick)
    release = threading.Event()
    with exclusively(host.line.state / "carry.lock"):
        waiting: list[object] = []
        thread = threading.Thread(target=lambda: waiting.append(host.client().collect(stick)))
        thread.start()
        release.wait(0.1)  # so that it meets the lock
    thread.join(60)
    assert len(waiting) == 1


@pytest.mark.parametrize("limit", [200_000])
def test_a_host_without_room_says_so_and_loses_nothing(new_host: Callable[..., Host], stick: Path, limit: int) -> None:
    host = new_host(largest_file=limit)
    submit(host.place, SOURCE, "one", {"a.bin": secrets.token_bytes(400_000)})
    with pytest.raises(UnreachableError, match="disk of the intake host is full; nothing was lost"):
        host.client().collect(stick)
    bundle = host.line.desk.dispatch()
    with pytest.raises(UnreachableError, match="disk of the intake host is full"):
        host.client().deliver(bundle)
    assert host.inbox().popitem()[1] == limit, "what fits stays"
    host.end()
    host.start()
    assert host.client().deliver(bundle).number == 2
    assert host.client().collect(stick).made == (1,)


def test_nothing_is_said_of_sources_times_or_the_program(standing: Host) -> None:
    bundle = bytes_of(standing)
    answers = [
        standing.ask("POST", "/courier/v1/collect"),
        standing.ask("GET", BUNDLE),
        standing.ask("GET", BUNDLE, "Range: bytes=3-9"),
        standing.ask("GET", f"/courier/v1/uploads/{NAME}"),
        standing.ask("GET", "/"),
        standing.ask("DELETE", BUNDLE),
        standing.ask("OPTIONS", BUNDLE),
    ]
    allowed = {
        "Connection", "Content-Type", "Content-Length", "Content-Range", "Accept-Ranges", "Cache-Control", "X-Content-Type-Options",
    }  # fmt: skip
    for answer in answers:
        status, headers, body = split(answer)
        assert set(headers) <= allowed, headers
        assert headers["Cache-Control"] == "no-store"
        if status == 200 and headers["Content-Type"] == "application/cbor":
            assert set(cbor.decode(body)) <= {"v", "made", "bundles", "have", "taken"}
        assert len(body) <= max(LARGEST_ANSWER, len(bundle))


def test_requests_leave_no_trace_in_the_log(host: Host) -> None:
    mark = secrets.token_hex(8)
    for method, path in (
        ("GET", f"/{mark}"),
        ("POST", f"/courier/v1/uploads/{mark}/0"),
        ("PUT", "/courier/v1/collect"),
    ):
        host.ask(method, path, f"X-{mark}: {mark}", body=mark.encode() if method == "POST" else b"")
    host.raw(f"{mark} {mark}\r\n\r\n".encode())
    host.end()
    assert host.errors() == ""


def test_a_fault_is_told_without_what_was_asked_and_without_a_time(host: Host) -> None:
    (host.line.state / "outbox" / "a folder").mkdir()
    (host.line.state / "outbox" / "a folder" / "x").touch()
    assert refusal(host.ask("POST", "/courier/v1/collect")) is Refusal.FAULT
    host.end()
    said = host.errors()
    assert re.fullmatch(r"fault: \w+ at [\w.:< ]+\n", said), said
    assert not re.search(r"\d\d:\d\d:\d\d|collect HTTP|POST", said)
    (host.line.state / "outbox" / "a folder" / "x").unlink()
    (host.line.state / "outbox" / "a folder").rmdir()


def test_sockets_are_for_the_group_only_and_files_for_the_owner(host: Host) -> None:
    host.ask("POST", f"/courier/v1/uploads/{NAME}/0", body=b"a")
    assert host.socket_path.stat().st_mode & 0o777 == 0o660
    assert (host.line.state / "inbox").stat().st_mode & 0o777 == 0o700
    assert (host.line.state / "inbox" / NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("path", ["/", "/login", "/mailbox", "/leave", "/submit", "/static/style.css"])
def test_nothing_of_the_sources_pages_is_here(standing: Host, path: str) -> None:
    for method in ("GET", "POST"):
        assert refusal(standing.ask(method, path)) is Refusal.MISSING


def test_nothing_of_the_couriers_is_among_the_sources_pages(host: Host) -> None:
    from source_interface import create_app

    app = create_app(host.place)
    assert not [rule for rule in app.url_map.iter_rules() if "courier" in rule.rule]
    page = app.test_client().get("/nothing")
    for path in ("/courier/v1/collect", BUNDLE, f"/courier/v1/uploads/{NAME}"):
        for method in ("GET", "POST"):
            answer = app.test_client().open(path, method=method)
            assert (answer.status_code, len(answer.data)) == (404, len(page.data))
            assert "courier" not in answer.text
