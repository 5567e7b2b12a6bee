"""Every answer behind tor, gunicorn's own cases included: one size, the same headers, nothing repeated."""

from collections.abc import Iterator

import pytest

from tests.support.onion_server import OnionServer, ask, bare, onion_server

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
MARK = b"garbage-mark"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /login HTTP/1.1\r\nHost: x\r\n" + FORM
MULTIPART = b"POST /mailbox HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"

ASKED = {
    "the first page": GET,
    "the first page, by an old browser": b"GET / HTTP/1.0\r\n\r\n",
    "a client that would keep the connection": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
    "login": b"GET /login HTTP/1.1\r\nHost: x\r\n\r\n",
    "a mailbox without a visit": b"GET /mailbox HTTP/1.1\r\nHost: x\r\n\r\n",
    "no such page": b"GET /garbage-mark HTTP/1.1\r\nHost: garbage-mark\r\n\r\n",
    "another host's address": b"GET http://garbage-mark/ HTTP/1.1\r\nHost: garbage-mark\r\n\r\n",
    "another host's address of no page": b"GET http://garbage-mark/garbage-mark HTTP/1.1\r\nHost: x\r\n\r\n",
    "a proxy's header": b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: garbage-mark\r\nX-Forwarded-Proto: https\r\n"
    b"Forwarded: for=garbage-mark\r\nScript_Name: /garbage-mark\r\nScript-Name: /x\r\nX-Tor2web: 1\r\n\r\n",
    "a stale form": POST + b"Content-Length: 20\r\n\r\ntoken=x&codename=abc",
    "a form in chunks": POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n",
    "a form that is too large": POST + b"Content-Length: 20000\r\n\r\n" + bytes(20_000),
    "a form in chunks that is too large": POST + b"Transfer-Encoding: chunked\r\n\r\n4e20\r\n" + bytes(20_000) + b"\r\n0\r\n\r\n",
    "a message without a form": MULTIPART + b"Content-Length: 5\r\n\r\n--b--",
    "no multipart": MULTIPART + b"Content-Length: 5\r\n\r\nxxxxx",
    "a multipart cut short": MULTIPART + b"Content-Length: 90000\r\n\r\n--b\r\ngarbage-mark",
    "a cookie that it has": b"GET / HTTP/1.1\r\nHost: x\r\nCookie: luwte=" + b"x" * 43 + b".en_____\r\n\r\n",
    "leaving": b"POST /leave HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "TRACE": b"TRACE / HTTP/1.1\r\nHost: x\r\nMax-Forwards: 0\r\nX: garbage-mark\r\n\r\n",
    "CONNECT": b"CONNECT garbage-mark:80 HTTP/1.1\r\nHost: garbage-mark:80\r\n\r\n",
    "OPTIONS": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "OPTIONS of a page": b"OPTIONS /login HTTP/1.1\r\nHost: x\r\n\r\n",
    "PUT": b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\ngarbage-mark",
    "DELETE": b"DELETE /login HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method nobody knows": b"GARBAGE / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method in small letters": b"get /garbage-mark HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method as long as a page": b"G" * 3_000 + b" / HTTP/1.1\r\n\r\n",
    "the oldest protocol": b"GET /garbage-mark\r\n",
    "the oldest protocol, with an end": b"GET /garbage-mark\r\n\r\n",
    "the next protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an unknown version": b"GET /garbage-mark HTTP/7.0\r\nHost: x\r\n\r\n",
    "an upgrade": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03garbage-mark",
    "TLS with line ends": b"\x16\x03\x01\r\n\x00garbage-mark\r\n\r\n",
    "half a header": b"GET / HTTP/1.1\r\nHost: garbage-mark",
    "bare line feeds": b"GET / HTTP/1.1\nHost: garbage-mark\n\n",
    "a long address": b"GET /garbage-mark" + b"x" * 5_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a huge header": b"GET / HTTP/1.1\r\nHost: x\r\nX: garbage-mark" + b"x" * 200_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: garbage-mark\r\n" % n for n in range(100)) + b"\r\n",
    "a bent header": b"GET / HTTP/1.1\r\nHost: x\r\nbad header garbage-mark\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n garbage-mark\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: garbage-mark\r\n\r\n",
    "an expectation": POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\na=b",
    "an expectation of a long body": MULTIPART + b"eXpEcT: 100-continue\r\nContent-Length: 300000\r\n\r\n",
    "an unknown expectation": b"GET / HTTP/1.1\r\nHost: x\r\nExpect: garbage-mark\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "two equal lengths": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a length with a sign": POST + b"Content-Length: +3\r\n\r\na=b",
    "an endless length": POST + b"Content-Length: " + b"9" * 400 + b"\r\n\r\n",
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "chunks twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunks of an old browser": b"POST /login HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": POST + b"Transfer-Encoding: garbage-mark\r\n\r\n",
    "a bent chunk": POST + b"Transfer-Encoding: chunked\r\n\r\ngarbage-mark\r\n",
    "a chunk without its end": POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcGARBAGE-MARK",
    "a chunk with a bent extension": POST + b"Transfer-Encoding: chunked\r\n\r\n3;=\x01garbage-mark\r\na=b\r\n0\r\n\r\n",
    "a bent trailer": POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\nbad garbage-mark\r\n\r\n",
    "a forbidden trailer": POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\nHost: garbage-mark\r\n\r\n",
    "a second line of the proxy's": b"PROXY TCP6 fc00:dead:beef:4dad::0:9 ::1 1 80\r\n" + GET,
    "no request": b"\x00\xff\x16\x03\x01 garbage-mark\r\n\r\n",
}  # fmt: skip
REFUSED_AT_ONCE = (
    "the oldest protocol", "bare line feeds", "a huge header", "a long address", "an expectation of a long body", "TLS with line ends",
)  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnionServer]:
    with onion_server(tmp_path_factory.mktemp("onion")) as server:
        yield server
        assert server.closed() == []
        assert server.errors.read_text() == ""


@pytest.fixture(scope="module")
def usual(server: OnionServer) -> bytes:
    """The first page, as it comes over the wire."""
    return server.circuit(1).raw(GET)


# What stands in another's place has the same length together with what it says.
IN_PLACE_OF = {b"Clear-Site-Data": b"X-Filling-Here", b"X-Fill-Too": b"Set-Cookie"}


def names(answer: bytes) -> list[bytes]:
    found = [line.split(b":")[0] for line in answer.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]]
    return [IN_PLACE_OF.get(name, name) for name in found]


@pytest.mark.parametrize("what", ASKED)
def test_every_answer_has_one_size_and_the_same_headers_and_repeats_nothing(
    server: OnionServer, usual: bytes, what: str
) -> None:
    heard = server.circuit(2 + list(ASKED).index(what)).raw(ASKED[what])
    assert len(heard) == len(usual), heard[:300]
    assert names(heard) == names(usual)
    assert MARK not in heard.lower()
    assert heard.count(b"HTTP/1.1") + heard.count(b"HTTP/1.0") == 1
    head = heard.partition(b"\r\n\r\n")[0].lower()
    for telling in (b"gunicorn", b"python", b"werkzeug", b"date:", b"server:", b"allow:", b"via:"):
        assert telling not in head


@pytest.mark.parametrize("what", REFUSED_AT_ONCE)
def test_what_can_be_no_request_is_refused_before_its_deadline(server: OnionServer, usual: bytes, what: str) -> None:
    heard = server.circuit(300).raw(ASKED[what], end=False)
    assert heard.startswith(b"HTTP/1.1 400 Page\r\n")
    assert len(heard) == len(usual)


def test_an_answer_without_a_body_has_the_same_headers(server: OnionServer, usual: bytes) -> None:
    heard = server.circuit(301).raw(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert names(heard) == names(usual)
    assert heard.endswith(b"\r\n\r\n")


def test_a_refusal_takes_no_cookie_of_a_visit_away(server: OnionServer) -> None:
    refusals = [server.circuit(302).raw(ASKED["TLS"]) for _ in range(2)]
    cookies = [line for heard in refusals for line in heard.split(b"\r\n") if line.startswith(b"Set-Cookie:")]
    assert len(set(cookies)) == 2, "as in every page, no two are equal"
    assert not any(b"luwte=" in line for line in cookies)


def test_nothing_at_all_gets_nothing(server: OnionServer) -> None:
    assert server.circuit(303).raw(b"") == b""
    with bare(server.socket) as connection:
        assert ask(connection, b"") == b""


def test_one_connection_carries_one_request_whatever_it_hides(server: OnionServer) -> None:
    for smuggling in (
        GET + GET,
        POST + b"Content-Length: 3\r\n\r\na=b" + GET,
        POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET,
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n" + GET,
        b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n" + GET,
    ):
        assert server.circuit(304).raw(smuggling).count(b"HTTP/1.1 ") == 1
