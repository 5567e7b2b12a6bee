"""Hosts that lie, networks that refuse and sticks that fail: a clear sentence each, and nothing half on the stick."""

import contextlib
import errno
import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest

from crypto import cbor
from journalist_interface.courier.client import Client, Patience
from journalist_interface.courier.errors import (
    CourierError,
    MisbehavedError,
    RefusedError,
    StickError,
)
from journalist_interface.courier.protocol import Offer, Offered, Refusal, Refused, Taken, UploadState
from tests.support.disk import room_for

CONTENT = b"sealed bytes" * 50_000
SHA256 = hashlib.sha256(CONTENT).digest()
OFFER = Offer((1,), (Offered(1, len(CONTENT), SHA256),))
HASTY = Patience(silence=1, pauses=(0.0, 0.0))


def answer(body: bytes, *lines: str, status: str = "200 OK", kind: str = "application/cbor") -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", *lines]
    if not any(line.startswith(("Content-Length", "Transfer-")) for line in lines):
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode() + body


def part(
    body: bytes, start: int = 0, total: int = len(CONTENT), *lines: str, status: str = "206 Partial Content"
) -> bytes:
    return answer(
        body, f"Content-Range: bytes {start}-{start + len(body) - 1}/{total}", *lines, status=status, kind="x/y"
    )


class Liar:
    """Gives the answer that is next for each connection, the last one for ever. `endless` follows it without end."""

    def __init__(self, *answers: bytes, endless: bytes = b"", pause: float = 0) -> None:
        self._answers, self._endless, self._pause = list(answers), endless, pause
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ended = threading.Event()
        self.asked: list[bytes] = []
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def connect(self) -> socket.socket:
        return socket.create_connection(self._listener.getsockname(), 10)

    def client(self) -> Client:
        return Client("x.onion", self.connect, HASTY)

    def end(self) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            said = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            thread = threading.Thread(target=self._answer, args=(connection, said))
            self._threads.append(thread)
            thread.start()

    def _answer(self, connection: socket.socket, said: bytes) -> None:
        connection.settimeout(10)
        with connection, contextlib.suppress(OSError):
            self.asked.append(connection.recv(1 << 16))
            connection.sendall(said)
            while self._endless and not self._ended.wait(self._pause):
                connection.sendall(self._endless)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 16):
                pass


@pytest.fixture
def liar() -> Iterator[Callable[..., Liar]]:
    liars: list[Liar] = []

    def make(*answers: bytes, endless: bytes = b"", pause: float = 0) -> Liar:
        liars.append(Liar(*answers, endless=endless, pause=pause))
        return liars[-1]

    yield make
    for one in liars:
        one.end()


GOOD_OFFER = answer(OFFER.encode())
HUGE = cbor.encode({"v": 1, "made": [1], "bundles": [[1, len(CONTENT), SHA256]] * 2})
LIES = {
    "a redirect": [answer(b"", "Location: http://elsewhere.example/", status="302 Found")],
    "a page": [answer(b"<html>", kind="text/html")],
    "no HTTP": [b"SSH-2.0-OpenSSH\r\n\r\n"],
    "a huge header": [b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"],
    "many headers": [b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5_000 + b"\r\n"],
    "no length": [answer(OFFER.encode(), "Transfer-Encoding: chunked")],
    "a huge length": [answer(OFFER.encode(), "Content-Length: 99999999999")],
    "a bent length": [answer(OFFER.encode(), "Content-Length: -5")],
    "no CBOR": [answer(b"{}")],
    "another version": [answer(cbor.encode({"v": 2, "made": [], "bundles": []}))],
    "a bundle twice": [answer(HUGE)],
    "a bundle without end": [answer(cbor.encode({"v": 1, "made": [], "bundles": [[1, 2**50, SHA256]]}))],
    "a bundle of no size": [answer(cbor.encode({"v": 1, "made": [], "bundles": [[1, 0, SHA256]]}))],
    "a path for a number": [answer(cbor.encode({"v": 1, "made": [], "bundles": [["../../x", 5, SHA256]]}))],
    "a strange refusal": [answer(cbor.encode({"v": 1, "refusal": "dance", "reason": "x"}), status="400 No")],
    "another part": [GOOD_OFFER, part(CONTENT[1:], 1)],
    "the whole for a part": [GOOD_OFFER, answer(CONTENT, kind="x/y")],
    "another size": [GOOD_OFFER, part(CONTENT, 0, len(CONTENT) + 1)],
    "a longer body": [GOOD_OFFER, part(CONTENT, 0, len(CONTENT), f"Content-Length: {len(CONTENT) + 5}")],
    "another content": [GOOD_OFFER, part(b"x" * len(CONTENT))],
    "a part in chunks": [GOOD_OFFER, part(CONTENT, 0, len(CONTENT), "Transfer-Encoding: chunked")],
}


@pytest.mark.parametrize("lie", LIES)
def test_a_host_that_lies_leaves_nothing_on_the_stick(liar: Callable[..., Liar], stick: Path, lie: str) -> None:
    with pytest.raises(MisbehavedError) as raised:
        liar(*LIES[lie]).client().collect(stick)
    assert list(stick.iterdir()) in ([], [stick / f".luwte-collect-000001-{SHA256.hex()}.part"])
    assert sum(path.stat().st_size for path in stick.iterdir()) == 0
    assert "elsewhere" not in str(raised.value)


@pytest.mark.parametrize(
    ("begin", "endless"), [(b"", b"x"), (b"HTTP/1.1 200 OK\r\nX: ", b"x"), (b"", b"HTTP/1.1 100 Continue\r\n\r\n")]
)
def test_an_answer_without_end_is_ended(liar: Callable[..., Liar], stick: Path, begin: bytes, endless: bytes) -> None:
    one = liar(begin, endless=endless, pause=0.2)
    with pytest.raises(CourierError):
        Client("x.onion", one.connect, Patience(silence=0.4, pauses=(0.0,))).collect(stick)
    assert list(stick.iterdir()) == []


def test_no_byte_beyond_the_announced_size_reaches_the_stick(liar: Callable[..., Liar], stick: Path) -> None:
    one = liar(GOOD_OFFER, part(CONTENT), endless=b"x" * 1_000)
    (path,) = one.client().collect(stick).files
    assert path.read_bytes() == CONTENT
    assert [found.name for found in stick.iterdir()] == ["luwte-collect-000001.age"]


def test_a_refusals_words_write_to_no_terminal(liar: Callable[..., Liar], tmp_path: Path) -> None:
    bundle = tmp_path / "b.age"
    bundle.write_bytes(CONTENT)
    evil = Refused(Refusal.REFUSED, "no\x1b[2J\r\nBundle 2 was taken in.\u202e")
    one = liar(answer(UploadState(len(CONTENT)).encode()), answer(evil.encode(), status="422 No"))
    with pytest.raises(RefusedError) as raised:
        one.client().deliver(bundle)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    "said", [answer(UploadState(len(CONTENT) + 1).encode()), answer(Taken(1, before=False).encode())]
)
def test_a_host_that_claims_too_much_of_an_upload_is_not_believed(
    liar: Callable[..., Liar], tmp_path: Path, said: bytes
) -> None:
    bundle = tmp_path / "b.age"
    bundle.write_bytes(CONTENT)
    with pytest.raises(MisbehavedError):
        liar(said).client().deliver(bundle)


def test_a_part_that_was_damaged_on_the_stick_is_fetched_anew(liar: Callable[..., Liar], stick: Path) -> None:
    (stick / f".luwte-collect-000001-{SHA256.hex()}.part").write_bytes(b"damaged!")
    one = liar(GOOD_OFFER, part(CONTENT[8:], 8), part(CONTENT))
    (path,) = one.client().collect(stick).files
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("left", [b"x" * (len(CONTENT) + 5), CONTENT])
def test_a_part_that_is_whole_or_too_long_is_no_trap(liar: Callable[..., Liar], stick: Path, left: bytes) -> None:
    (stick / f".luwte-collect-000001-{SHA256.hex()}.part").write_bytes(left)
    (stick / f".luwte-collect-000001-{'0' * 64}.part").write_bytes(b"of another bundle 1")
    fetched = [] if left == CONTENT else [part(CONTENT)]
    client = liar(GOOD_OFFER, *fetched, GOOD_OFFER).client()
    assert client.collect(stick).files[0].read_bytes() == CONTENT
    client.collect(stick)
    assert [found.name for found in stick.iterdir()] == ["luwte-collect-000001.age"]


@pytest.mark.parametrize("target", ["link", "pipe", "folder"])
def test_what_a_stranger_put_on_the_stick_is_not_followed(
    liar: Callable[..., Liar], stick: Path, tmp_path: Path, target: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    trap = stick / f".luwte-collect-000001-{SHA256.hex()}.part"
    {"link": lambda: trap.symlink_to(victim), "pipe": lambda: os.mkfifo(trap), "folder": trap.mkdir}[target]()
    with pytest.raises(StickError):
        liar(GOOD_OFFER, part(CONTENT)).client().collect(stick)
    assert victim.read_bytes() == b"precious"


def test_a_stick_without_room_is_told_before_a_byte_is_fetched(liar: Callable[..., Liar], stick: Path) -> None:
    size = 1 << 39
    one = liar(answer(Offer((), (Offered(1, size, SHA256),)).encode()), b"")
    with pytest.raises(StickError, match="the stick is full: bundle 1 needs 549,755,813,888 bytes more"):
        one.client().collect(stick)
    assert len(one.asked) == 1


def test_a_stick_that_fills_up_keeps_what_fits_and_goes_on_later(liar: Callable[..., Liar], stick: Path) -> None:
    one = liar(GOOD_OFFER, part(CONTENT), GOOD_OFFER, part(CONTENT[300_000:], 300_000))
    with room_for(300_000), pytest.raises(StickError, match="cannot hold a file of this size"):
        one.client().collect(stick)
    assert not list(stick.glob("*.age"))
    assert one.client().collect(stick).files[0].read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("code", "said"), [(errno.ENOSPC, "full"), (errno.EIO, "gone or broken"), (errno.EROFS, "Read-only")]
)
def test_a_stick_that_refuses_is_said(liar: Callable[..., Liar], stick: Path, code: int, said: str) -> None:
    failing = mock.patch("store.files.write_all", side_effect=OSError(code, os.strerror(code)))
    with failing, pytest.raises(StickError, match=said):
        liar(GOOD_OFFER, part(CONTENT)).client().collect(stick)


def test_a_stick_that_is_taken_out_half_way_is_said(liar: Callable[..., Liar], stick: Path) -> None:
    def take_out(_: str, done: int, __: int) -> None:
        if done == len(CONTENT):
            stick.rename(stick.with_name("pulled"))

    with pytest.raises(StickError, match="gone or broken"):
        liar(GOOD_OFFER, part(CONTENT)).client().collect(stick, take_out)


def test_a_stick_that_is_not_plugged_in_is_not_made_up(liar: Callable[..., Liar], stick: Path) -> None:
    with pytest.raises(StickError, match="is the stick plugged in"):
        liar(GOOD_OFFER).client().collect(stick / "none")
    assert not (stick / "none").exists()


@pytest.mark.parametrize("what", ["none", "empty", "folder", "pipe", "link"])
def test_what_is_no_file_of_a_bundle_is_not_sent(liar: Callable[..., Liar], tmp_path: Path, what: str) -> None:
    path, one = tmp_path / "b.age", liar(b"")
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    make = {"none": lambda: None, "empty": path.touch, "folder": path.mkdir, "pipe": lambda: os.mkfifo(path)}
    make.get(what, lambda: path.symlink_to(victim))()
    with pytest.raises(StickError):
        one.client().deliver(path)
    assert one.asked == []
