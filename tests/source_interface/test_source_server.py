"""The real server, as `luwte-intake serve` starts it: what reaches a disk, what is logged, and what is no proper request."""

import contextlib
import itertools
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from crypto import wordlists
from deploy.trial.browser import Upload, multipart
from deploy.trial.processes import free_ports
from source_interface.page import PAGE_BYTES
from store.clock import SystemClock
from store.intake.settings import KIB, MIB
from tests.source_interface import tracing
from tests.source_interface.conftest import size_now
from tests.source_interface.source_browser import SourceBrowser, given_back, progress_link, words_of
from tests.source_interface.tracing import Plaintext
from tests.support.processes import family
from tests.support.road import Road, collect_bundles, texts_at_desk
from tests.support.waiting import wait_until

LIMITS = (
    f"[limits]\nfile_bytes = {4 * MIB}\nmailbox_bytes = {64 * MIB}\ndrain_bytes = {8 * MIB}\nfree_bytes_floor = 1\n"
)


@dataclass
class Server:
    """A running server with folders of its own for everything that it might write."""

    road: Road
    port: int
    pid: int
    runtime: Path
    temporary: Path
    errors: Path
    process: subprocess.Popen[str]

    def browser(self) -> SourceBrowser:
        return SourceBrowser(f"http://127.0.0.1:{self.port}")

    @property
    def folders(self) -> list[Path]:
        return [self.road.host_state, self.runtime, self.temporary]

    def end(self) -> str:
        """End it; all that it ever said."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        out, _ = self.process.communicate(timeout=60)
        return out + self.errors.read_text()

    def raw(self, request: bytes) -> bytes:
        """Say this, and nothing more, and hear all that is answered."""
        with socket.create_connection(("127.0.0.1", self.port), 60) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
            heard = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := connection.recv(1 << 16):
                    heard += piece
            return heard


@contextlib.contextmanager
def serving(folder: Path, trace: Path | None = None) -> Iterator[Server]:
    road = Road(folder, SystemClock())
    (road.host_state / "intake.toml").write_text(LIMITS)
    runtime = Path(tempfile.mkdtemp(prefix="luwte-test-", dir="/dev/shm"))
    temporary, home = folder / "tmp", folder / "home"
    temporary.mkdir()
    home.mkdir()
    (port,) = free_ports(1)
    program = [Path(sys.executable).parent / "luwte-intake", "serve", "--state", road.host_state]
    program += ["--bind", f"127.0.0.1:{port}"]
    given = {"RUNTIME_DIRECTORY": str(runtime), "TMPDIR": str(temporary), "HOME": str(home), "PATH": "/usr/bin:/bin"}
    errors = folder / "errors"
    with errors.open("w") as log:
        process = subprocess.Popen(
            tracing.command(trace, *program) if trace else program,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=given,
            cwd=home,
        )
    server = None
    try:
        assert process.stdout is not None
        assert "answers at" in process.stdout.readline(), errors.read_text()
        pid = family(process.pid)[1] if trace else process.pid
        server = Server(road, port, pid, runtime, temporary, errors, process)
        yield server
    finally:
        if process.poll() is None:
            server.end() if server else process.kill()
        process.wait(60)
        process.stdout.close()
        shutil.rmtree(runtime)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for tests that leave it as it was."""
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def browser(server: Server) -> SourceBrowser:
    return server.browser()


def needs_strace() -> None:
    if not Path(tracing.STRACE).exists():
        pytest.skip("strace is not installed")


def test_no_plaintext_of_an_upload_reaches_any_file(tmp_path: Path) -> None:
    """Every byte that the server hands to the kernel is looked at, and every file that it could have written."""
    needs_strace()
    content, mark = os.urandom(3_300 * KIB), os.urandom(8).hex()
    message, name = f"a message that only the desk may read {mark}", f"name-{mark}.jpg"
    trace, unfinished = tmp_path / "trace", []
    with serving(tmp_path, trace) as server:
        browser = server.browser()
        given = browser.new_codename()
        words = " ".join(words_of(given)).encode()
        secret = Plaintext(content, [message.encode(), name.encode(), words, words.replace(b" ", b"-")])
        mailbox = browser.go_on(given)
        assert not secret.lying(*server.folders), "the codename"

        def pieces() -> Iterator[bytes]:
            yield content[: 3_000 * KIB]
            # Some of it is sealed and at rest by then, the other is held by the server.
            parts = server.road.host_state.rglob
            wait_until(lambda: any(size_now(path) > 256 * KIB for path in parts("*.part")), every=0)
            unfinished.extend(secret.lying(*server.folders))
            unfinished.extend(secret.held_open(family(server.pid)))
            yield content[3_000 * KIB :]

        upload = Upload(name, len(content), pieces)
        page = browser.submit(mailbox, mailbox.form(having="files"), {"message": message}, [("files", upload)])
        assert name in page.text
        browser.leave(page)
        assert not unfinished
        assert not secret.held_open(family(server.pid))
        server.end()
        assert not secret.lying(*server.folders)
    calls = list(tracing.read_trace(trace))
    assert sum(len(call.data) for call in calls if call.path.endswith(".part")) > len(content), (
        "the trace sees the sealed file"
    )
    assert not secret.written(calls, to_sockets=False)
    assert not Plaintext(content, [message.encode()]).written(calls, to_sockets=True), "nor is it sent back"
    assert not tracing.hidden_moves(calls)


WRITERS = {
    "a spooled file": "f = tempfile.SpooledTemporaryFile(500_000); f.write(data); f.seek(0); time.sleep(0)",
    "an unlinked file": "f = tempfile.TemporaryFile(); f.write(data[1000:1100]); f.flush()",
    "positioned writes": "f = open('p', 'wb'); os.pwritev(f.fileno(), [b'x' * 99, data[77:200]], 5)",
    "a shared mapping": "f = open('m', 'wb+'); f.truncate(9_000); m = mmap.mmap(f.fileno(), 9_000); m[7:107] = data[7:107]",
    "a copy in the kernel": "a = open('in.bin', 'rb'); b = open('c', 'wb'); os.sendfile(b.fileno(), a.fileno(), 0, 9_000)",
}


@pytest.mark.parametrize("how", WRITERS)
def test_the_trace_would_show_plaintext_that_is_written(tmp_path: Path, how: str) -> None:
    needs_strace()
    content = os.urandom(600 * KIB)
    (tmp_path / "in.bin").write_bytes(content)
    program = f"import os, sys, mmap, tempfile, time\ndata = open('in.bin', 'rb').read()\n{WRITERS[how]}"
    trace = tmp_path / "trace"
    subprocess.run(
        tracing.command(trace, sys.executable, "-c", program),
        check=True, timeout=60, cwd=tmp_path, env={"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    calls = list(tracing.read_trace(trace))
    assert Plaintext(content).written(calls, to_sockets=False) or tracing.hidden_moves(calls)


def test_the_scan_would_show_plaintext_that_lies_somewhere(tmp_path: Path) -> None:
    content = os.urandom(100 * KIB)
    (tmp_path / "deep" / "folder").mkdir(parents=True)
    (tmp_path / "deep" / "folder" / "file").write_bytes(os.urandom(999) + content[5_003:5_035] + os.urandom(999))
    assert Plaintext(content).lying(tmp_path)
    assert not Plaintext(os.urandom(100 * KIB), [b"needle"]).lying(tmp_path)
    with tempfile.TemporaryFile(dir=tmp_path) as file:
        file.write(content[:40])
        file.flush()
        assert Plaintext(content).held_open([os.getpid()])


def test_nothing_of_any_request_is_logged_not_even_with_an_error_of_our_own(tmp_path: Path) -> None:
    mark = os.urandom(8).hex()
    with serving(tmp_path) as server:
        browser = server.browser()
        page = browser.get(f"/login?{mark}")
        assert browser.get(f"/{mark}").status == 404
        browser.send(browser.open_new_mailbox(), mark, [(mark, mark.encode())])
        server.raw(f"{mark} /{mark} HTTP/9\r\n{mark}: {mark}\r\n\r\n".encode())
        server.raw(f"POST /mailbox HTTP/1.1\r\nHost: {mark}\r\nTransfer-Encoding: chunked\r\n\r\n{mark}\r\n".encode())
        for path, kind in (
            ("/login", "application/x-www-form-urlencoded"),
            ("/mailbox", "multipart/form-data; boundary=x"),
        ):
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
            for body in ("zz\r\n", "1\r\nabc", "3\r\na=b\r\n0\r\nbad trailer\r\n\r\n"):
                assert not server.raw((head + body).encode()).startswith(b"HTTP/1.1 500")
        quiet = server.errors.read_text()
        with contextlib.closing(sqlite3.connect(server.road.host_state / "intake.sqlite")) as database:
            database.execute("DROP TABLE mailbox")
        typed = " ".join(wordlists.load(wordlists.EFF_LARGE).words[:7])
        broken = browser.submit(page, page.form(having="codename"), {"codename": typed, "x": mark})
        assert broken.status == 500
        said = server.end()
    assert quiet == ""
    assert "fault" in said, "the operator is told that something is broken"
    assert not re.search(r"\d\d:\d\d", said), "and not when"
    for told in (
        mark,
        typed.split()[0],
        "127.0.0.1:5",
        "POST",
        "GET",
        "/login",
        "SELECT",
        browser.secret,
        "HTTP/",
    ):
        assert told not in said, told


def test_a_whole_answer_has_one_size_headers_included(server: Server) -> None:
    asked = [b"GET / ", b"GET /login ", b"GET /nothing ", b"GET /leave ", b"POST /leave ", b"POST /login ", b"PUT / "]
    heard = [server.raw(line + b"HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n") for line in asked]
    assert len(set(map(len, heard))) == 1, list(map(len, heard))


def test_answers_tell_neither_the_program_nor_the_time(browser: SourceBrowser) -> None:
    headers = {name.lower() for name in browser.get("/").headers}
    assert not headers & {"server", "date", "via", "x-powered-by", "last-modified", "etag", "age"}


IMPROPER = {
    "no request": b"\x00\xff\x16\x03\x01 garbage-mark\r\n\r\n",
    "no version": b"GET /garbage-mark\r\n\r\n",
    "a method in small letters": b"get /garbage-mark HTTP/1.1\r\nHost: x\r\n\r\n",
    "an unknown version": b"GET /garbage-mark HTTP/7.0\r\nHost: x\r\n\r\n",
    "a long address": b"GET /garbage-mark" + b"x" * 5_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a huge header": b"GET / HTTP/1.1\r\nHost: x\r\nX: garbage-mark" + b"x" * 200_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: garbage-mark\r\n" % n for n in range(100)) + b"\r\n",
    "a bent header": b"GET / HTTP/1.1\r\nHost: x\r\nbad header garbage-mark\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n garbage-mark\r\n\r\n",
    "two lengths": b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a bent length": b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "length and chunks": b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: garbage-mark\r\n\r\n",
    "an unknown expectation": b"GET / HTTP/1.1\r\nHost: x\r\nExpect: garbage-mark\r\n\r\n",
    "an expectation of an interim answer": b"GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n",
    "the next protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a bent chunk": b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Transfer-Encoding: chunked\r\n\r\ngarbage-mark\r\n",
}


@pytest.mark.parametrize("what", IMPROPER)
def test_what_is_no_proper_request_gets_a_page_of_the_same_size_that_repeats_nothing(server: Server, what: str) -> None:
    heard = server.raw(IMPROPER[what])
    head, _, body = heard.partition(b"\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 "), heard[:80]
    assert b"garbage-mark" not in heard
    assert len(body) == PAGE_BYTES
    assert b"no-store" in head
    assert b"default-src 'none'" in head
    assert b"gunicorn" not in heard.lower()
    assert b'<link rel="icon" href="data:,">' in body, "a browser with tabs to mark would ask for one"


def test_one_connection_carries_one_request(server: Server) -> None:
    one = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    assert server.raw(one + one).count(b"HTTP/1.1 ") == 1
    smuggled = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b" + one
    assert server.raw(smuggled).count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("length", [16 * KIB + 1, 100_000, 1_000_000])
def test_a_small_form_that_is_too_large_gets_its_page_and_no_reset(browser: SourceBrowser, length: int) -> None:
    page = browser.get("/login")
    refused = browser.submit(page, page.form(having="codename"), {"codename": "x" * length})
    assert refused.status == 413


def test_a_file_that_is_too_large_gets_its_page_and_no_reset(browser: SourceBrowser) -> None:
    page = browser.send(browser.open_new_mailbox(), "kept", [("large", bytes(7 * MIB)), ("small", b"x")])
    assert "small" in page.text
    assert 'role="alert"' in page.body.decode()


def test_a_submission_may_come_in_chunks_and_a_long_small_form_may_not(server: Server, browser: SourceBrowser) -> None:
    mailbox = browser.open_new_mailbox()
    fields = mailbox.form(having="files").fields
    parts = {**fields, "message": "in chunks"}
    pieces = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in parts.items()]
    chunks = [*(piece.encode() for piece in pieces), b"--b--\r\n"]
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    head = ["POST /mailbox HTTP/1.1", "Content-Type: multipart/form-data; boundary=b", "Transfer-Encoding: chunked"]
    assert browser.say(head, chunked).status == 200
    head[0], head[1] = "POST /login HTTP/1.1", "Content-Type: application/x-www-form-urlencoded"
    endless = b"token=" + b"x" * 40_000
    assert browser.say(head, b"%x\r\n%s\r\n0\r\n\r\n" % (len(endless), endless)).status == 400
    assert "in chunks" in arrived(server)


def test_headers_that_ask_for_something_else_change_nothing(browser: SourceBrowser) -> None:
    """As many bytes, not compressed, no other method, no other address, in the same language."""
    wanted = browser.get("/login").text
    for name, value in {
        "Range": "bytes=0-9",
        "If-None-Match": "*",
        "If-Modified-Since": "Thu, 01 Jan 2099 00:00:00 GMT",
        "Accept": "application/json;q=\xff",
        "Accept-Encoding": "gzip, br, *;q=0",
        "Accept-Language": "xx-" + "y" * 3_000 + ";q=9, nl;q=-1, \xff",
        "X-HTTP-Method-Override": "DELETE",
        "X-Forwarded-For": "203.0.113.9",
        "X-Original-URL": "/mailbox",
        "Forwarded": "host=x;proto=https",
        "Upgrade": "websocket",
        "Connection": "upgrade, keep-alive",
        "Cookie": "luwte=" + "A" * 4_000 + "; luwte; =; luwte=\xff\xfe; __Host-luwte=x" + "; a=b" * 500,
    }.items():
        page = SourceBrowser(f"http://127.0.0.1:{browser._port}").ask("GET", "/login", {name: value.encode("latin-1")})
        assert (page.status, page.text) == (200, wanted), name


def test_a_million_parts_are_not_read_to_their_end_and_lose_nothing_that_came_before(
    server: Server, browser: SourceBrowser
) -> None:
    mailbox = browser.open_new_mailbox()
    fields = {**mailbox.form(having="files").fields, "message": "before a million parts"}
    pieces = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields.items()
    ]
    million = b"--b\r\nContent-Disposition: form-data\r\n\r\n\r\n" * 1_000_000
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    page = browser.ask("POST", "/mailbox", kind, "".join(pieces).encode() + million + b"--b--\r\n")
    assert "Your message arrived." in page.text
    assert "It was too much at once." in page.text
    assert "before a million parts" in arrived(server)


def test_lengths_that_lie(server: Server, browser: SourceBrowser) -> None:
    mailbox = browser.open_new_mailbox()
    parts = {**mailbox.form(having="files").fields, "message": "cut by its length"}
    pieces = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in parts.items()]
    body = ("".join(pieces) + "--b--\r\n").encode()
    head = ["POST /mailbox HTTP/1.1", "Content-Type: multipart/form-data; boundary=b"]
    short = browser.say([*head, f"Content-Length: {len(body) - 30}"], body)
    assert short.status == 200
    long = browser.say([*head, f"Content-Length: {len(body) + 30}"], body)
    assert long.status == 200
    assert "cut by its length" in arrived(server)


@pytest.mark.parametrize("gone", ["half closed", "reset"])
def test_what_arrived_whole_before_the_connection_broke_is_kept(
    server: Server, browser: SourceBrowser, gone: str
) -> None:
    mailbox = browser.open_new_mailbox()
    first, message = f"first {gone}.jpg", f"sent before it was {gone}"
    files = [(first, os.urandom(900 * KIB)), ("second.jpg", bytes(900 * KIB))]
    if gone == "half closed":
        browser.break_off(mailbox, message, files, keep=-700 * KIB)
    else:
        with pytest.raises(ConnectionAbortedError):
            browser.submit(mailbox, mailbox.form(having="files"), {"message": message}, [
                ("files", Upload.of(*files[0])), ("files", Upload("second.jpg", 900 * KIB, broken_off)),
            ])  # fmt: skip

    def telling():
        page = browser.get("/mailbox")
        return page if first in page.text else None

    page = wait_until(telling, every=0)
    assert page is not None
    assert "second.jpg" in page.text
    assert given_back(page) == []
    found = arrived(server)
    assert message in found
    assert first in found


def broken_off() -> Iterator[bytes]:
    """Some bytes, and then the sender's program dies."""
    yield bytes(400 * KIB)
    raise ConnectionAbortedError


def arrived(server: Server) -> list[str]:
    """Messages and names at the desk, after carrying everything there."""
    host = server.road.host()
    try:
        host.collector.collect(server.road.stick)
    finally:
        host.close()
    with server.road.desk() as desk:
        for path in collect_bundles(server.road.stick):
            desk.importing.import_bundle(path)
            path.unlink()
        return list(texts_at_desk(desk))


def test_two_processes_serve_one_visit(server: Server, browser: SourceBrowser) -> None:
    """Whichever worker answers: the same visit, and a mailbox that was made in the other is there."""
    workers = family(server.pid)[1:]
    assert len(workers) == 2
    given = browser.new_codename()
    browser.go_on(given)
    for number in range(12):
        page = browser.send(browser.get("/mailbox"), f"message {number}")
        assert page.form(having="files")
    assert "mailbox" in {form.fields.get("what") for form in server.browser().log_in(" ".join(words_of(given))).forms}


def test_while_it_comes_every_worker_says_how_much_and_after_a_break_the_next_page_lists_what_is_whole(
    server: Server, browser: SourceBrowser
) -> None:
    mailbox = browser.open_new_mailbox()
    link = progress_link(mailbox)
    files = [("first.txt", b"whole"), ("first.txt", b""), ("second.bin", bytes(3 * MIB))]
    boundary, length, pieces = multipart(
        {**mailbox.form(having="files").fields, "message": "what happened"},
        [("files", Upload.of(name, data)) for name, data in files],
    )
    body = b"".join(pieces)
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    head = [
        "POST /mailbox HTTP/1.1",
        f"Content-Type: multipart/form-data; boundary={boundary}",
        f"Content-Length: {length}",
        f"Cookie: {cookie}",
        "Host: x",
    ]
    with socket.create_connection(("127.0.0.1", server.port), 60) as connection:
        connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n")
        sent = itertools.count(0, 16 * KIB)

        def shows_some() -> bool:
            start = next(sent)
            assert start < length - 64 * KIB, "it was never shown"
            connection.sendall(body[start : start + 16 * KIB])
            return " of 3 MiB" in browser.get(link).text

        wait_until(shows_some, every=0.1)
        assert all(" of 3 MiB" in browser.get(link).text for _ in range(10)), "whichever worker answers"
        assert " of 3 MiB" not in server.browser().get(link).text
    note = wait_until(lambda: re.search(r"Your message arrived\..*missing again\.", browser.get("/mailbox").text))
    assert note[0] == (
        "Your message arrived. 2 files arrived whole: first.txt · 5 bytes first.txt · 0 bytes "
        "Then the connection broke off. Not whole, and not kept: second.bin Please send what is missing again."
    )
    assert " of 3 MiB" not in browser.get(link).text
