"""One HTTP exchange with the intake host, which is believed nothing: every length is bounded and every answer checked."""

import http.client
import io
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from crypto.errors import MalformedError
from journalist_interface.courier.errors import InterruptedTransferError, MisbehavedError
from journalist_interface.courier.protocol import KIND, LARGEST_ANSWER, ROOT, Offered, Refused

Connect = Callable[[], socket.socket]
_PIECE: Final = 1 << 16
_PATIENCES: Final = 4
_LENGTH: Final = re.compile(r"[0-9]{1,15}", re.ASCII)


class _Head(io.BufferedReader):
    """Notices an end within a line."""

    cut = False

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        self.cut = self.cut or (not line.endswith(b"\n") and len(line) != size)
        return line


class _Answer(http.client.HTTPResponse):
    """An answer whose head was cut off is no answer: what is left of it could look like another one."""

    def __init__(self, sock: socket.socket, *arguments: Any, **keywords: Any) -> None:
        super().__init__(sock, *arguments, **keywords)
        self.fp: _Head = _Head(self.fp.detach())

    def begin(self) -> None:
        head = self.fp
        try:
            super().begin()
        except http.client.HTTPException as error:
            if head.cut:
                raise InterruptedTransferError("the connection broke") from error
            raise
        if head.cut:
            raise InterruptedTransferError("the connection broke")


class HostRefusal(Exception):  # noqa: N818 - an answer, which is not always an error
    """The host answered that it does not do this."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason)
        self.refused = refused


class Wire:
    """Makes a connection for each exchange. Raises InterruptedTransferError for what may pass, MisbehavedError for what a
    host never answers, HostRefusal for its refusals, and what `connect` raises.

    `patience` is how many seconds the host may be silent; a few times that, and it must have begun to answer.
    """

    def __init__(self, host: str, connect: Connect, patience: float) -> None:
        self._host, self._connect, self._patience = host, connect, patience

    def ask(self, method: str, path: str, body: Iterable[bytes] = (), length: int = 0) -> bytes:
        """An answer of this protocol; `body` gives exactly `length` bytes. What `body` raises is passed on."""
        headers = {"Content-Length": str(length)} if method == "POST" else {}
        with self._exchange(method, path, headers, body) as (answer, _):
            if answer.status != 200:
                raise HostRefusal(_refused(answer))
            return _small(answer)

    def fetch(self, bundle: Offered, start: int) -> Iterator[bytes]:
        """The bundle's bytes from `start` on: never more than it has. InterruptedTransferError when fewer come."""
        wanted = f"bytes {start}-{bundle.size - 1}/{bundle.size}"
        headers = {"Range": f"bytes={start}-"}
        with self._exchange("GET", f"/bundles/{bundle.number}", headers, ()) as (answer, deadline):
            if answer.status != 206:
                raise HostRefusal(_refused(answer))
            deadline.cancel()
            left = bundle.size - start
            if answer.getheader("Content-Range") != wanted or _length(answer) != left:
                raise MisbehavedError("the intake host sends another part of a bundle than was asked for")
            while left:
                piece = answer.read(min(_PIECE, left))
                if not piece:
                    raise InterruptedTransferError("the connection broke")
                left -= len(piece)
                yield piece

    @contextmanager
    def _exchange(
        self, method: str, path: str, headers: dict[str, str], body: Iterable[bytes]
    ) -> Iterator[tuple[http.client.HTTPResponse, threading.Timer]]:
        """The answer, and the timer that ends the connection unless it is whole in time."""
        with _broken_connections():
            untrusted = self._connect()
        connection = http.client.HTTPConnection(self._host)
        connection.response_class = _Answer
        connection.sock = untrusted
        # Without it, an answer could go on for ever with one byte now and then.
        deadline = threading.Timer(self._patience * _PATIENCES, _end, [untrusted])
        deadline.daemon = True
        try:
            with _broken_connections():
                untrusted.settimeout(self._patience)
                connection.putrequest(method, ROOT + path, skip_accept_encoding=True)
                for name, value in headers.items():
                    connection.putheader(name, value)
                connection.endheaders()
            for piece in body:
                try:
                    untrusted.sendall(piece)
                except OSError:
                    break  # it may have said why before it closed
            deadline.start()
            with _broken_connections(), connection.getresponse() as answer:
                yield answer, deadline
        finally:
            deadline.cancel()
            connection.close()
            untrusted.close()


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def _broken_connections() -> Iterator[None]:
    try:
        yield
    except (http.client.RemoteDisconnected, http.client.IncompleteRead) as error:
        raise InterruptedTransferError("the connection broke") from error
    except http.client.HTTPException as error:
        raise MisbehavedError("the intake host does not answer as a Luwte host does") from error
    except TimeoutError as error:
        raise InterruptedTransferError("the intake host fell silent") from error
    except OSError as error:
        raise InterruptedTransferError("the connection broke") from error


def _refused(answer: http.client.HTTPResponse) -> Refused:
    """What a refusal says; a server error that is none of ours passes when the host has come up."""
    if answer.getheader("Content-Type") == KIND and answer.status >= 400:
        try:
            return Refused.decode(_small(answer))
        except MalformedError as error:
            raise MisbehavedError("the intake host refuses in words that do not follow the protocol") from error
    if answer.status >= 500:
        raise InterruptedTransferError(f"the intake host answers with error {answer.status}")
    raise MisbehavedError(f"the intake host does not answer as a Luwte host does (status {answer.status})")


def _small(answer: http.client.HTTPResponse) -> bytes:
    length = _length(answer)
    if length > LARGEST_ANSWER or answer.getheader("Content-Type") != KIND:
        raise MisbehavedError("the intake host does not answer as a Luwte host does")
    body = answer.read(length)
    if len(body) != length:
        raise InterruptedTransferError("the connection broke")
    return body


def _length(answer: http.client.HTTPResponse) -> int:
    """The length that is announced. MisbehavedError without one: an answer in chunks has no end that we know."""
    said = answer.getheader("Content-Length") or ""
    if not _LENGTH.fullmatch(said) or answer.getheader("Transfer-Encoding") is not None:
        raise MisbehavedError("the intake host does not say how long its answer is")
    return int(said)
