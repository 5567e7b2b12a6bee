"""A gunicorn worker in which no slow, idle or malformed client holds a thread, and no client holds the worker.

gunicorn's own threaded worker gives every new connection a thread for its first five seconds and for as long as its header
takes, and waits up to two seconds in its main loop for each answered client to hang up. Here the main loop takes requests
in and sees connections off without waiting for anybody; a thread gets a request whose header, and whose body when it is
short, is there.
"""

import errno
import resource
import selectors
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from gunicorn.http import wsgi
from gunicorn.http.body import LengthReader
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import ThreadWorker

from deploy.arrival import Arrival, Sizes, Step
from deploy.circuits import CircuitCloser
from deploy.deadlines import Deadlines, TimedSocket
from deploy.entrance import Admission, Circuits, Queue, Room, UploadPlaces
from deploy.quiet import QuietResponse
from deploy.refusal import Refusal, refusal
from source_interface.budgets import Budgets

ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})  # a worker begins with these blocked
_READ_BYTES: Final = 16 * 1024
_LINGER_READ_BYTES: Final = 256 * 1024
_ACCEPTED_AT_ONCE: Final = 64
_SEND_BUFFER_BYTES: Final = 192 * 1024  # an answer fits whole: nobody has to wait for a client that does not read it
_OTHER_FILES: Final = 1_000  # that this process may have open: uploads, the database, the answered


@dataclass(frozen=True)
class Entry:
    """What a worker needs to know about who may come in. Without `circuits`, no tor stands before it.

    What it refuses by itself is counted in `budgets`; the application counts the rest there. A long body is read only at an
    address that `takes_long` accepts.
    """

    circuits: CircuitCloser | None = None
    budgets: Budgets | None = None
    deadlines: Deadlines = field(default_factory=Deadlines)
    room: Room = field(default_factory=Room)
    sizes: Sizes = field(default_factory=Sizes)
    takes_long: Callable[[str], bool] = lambda _path: True


@dataclass(eq=False)
class Connection:
    """One client's connection; gunicorn looks at its first three and the parser."""

    sock: TimedSocket
    client: Any
    server: Any
    arrival: Arrival
    parser: Any = None
    admitted: bool = False


class IntakeWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """Serves an application that has an `entry`."""

    def init_process(self) -> None:
        wsgi.Response = QuietResponse  # gunicorn has no setting for it
        entry = self._entry = self.app.entry
        files = _allow_files(entry.room.waiting + _OTHER_FILES)
        most = max(1, min(entry.room.waiting, files - _OTHER_FILES))
        self._waiting: Queue[Connection] = Queue(most, entry.deadlines.early_seconds)
        self._lingering: Queue[Connection] = Queue(entry.room.lingering, entry.deadlines.linger_seconds)
        self._circuits = Circuits(entry.room)
        self._places = UploadPlaces(entry.room)
        super().init_process()

    def init_signals(self) -> None:
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)

    def _count(self, connection: Connection) -> None:
        """A request of a circuit that was let in, which the application will not see."""
        if self._entry.budgets is not None and connection.sock.circuit is not None:
            self._entry.budgets.refused(connection.sock.circuit)

    # In the main loop: nothing here waits.

    def accept(self, listener: socket.socket) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                accepted, client = listener.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE) and (oldest := self._waiting.oldest()):
                    self._drop(oldest)
                elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                    raise
                return
            self._welcome(accepted, client, listener)

    def _welcome(self, accepted: socket.socket, client: Any, listener: socket.socket) -> None:
        entry = self._entry
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        arrival = Arrival(entry.circuits is not None, entry.sizes)
        connection = Connection(
            TimedSocket(accepted, entry.deadlines), client or "", listener.getsockname() or "", arrival
        )
        self.poller.register(connection.sock, selectors.EVENT_READ, partial(self._arrived, connection))
        if (oldest := self._waiting.add(connection, time.monotonic())) is not None:
            self._drop(oldest)

    def _arrived(self, connection: Connection, _sock: object) -> None:
        if connection not in self._waiting:
            return  # it was closed for another one since the poller saw it
        data = connection.sock.receive_now(_READ_BYTES)
        if data is None:
            return
        arrival = connection.arrival
        if not data and not arrival.untrusted:
            self._drop(connection)
            return
        step = arrival.feed(data)
        if arrival.circuit is not None and not connection.admitted and not self._admitted(connection, arrival.circuit):
            return
        match step:
            case Step.REFUSE:
                self._refuse(connection, Refusal.UNREADABLE)
            case Step.BODY:
                self._waiting.add(connection, time.monotonic())
            case Step.SERVE:
                self._waiting.remove(connection)
                self.poller.unregister(connection.sock)
                connection.sock.setblocking(True)
                self.nr_conns += 1
                self.enqueue_req(connection)

    def _admitted(self, connection: Connection, circuit: int) -> bool:
        closer = self._entry.circuits
        assert closer is not None
        if closer.is_closed(circuit):
            self._drop(connection)
            return False
        admission = self._circuits.admit(circuit)
        if admission is Admission.WELCOME:
            connection.admitted, connection.sock.circuit = True, circuit
            return True
        if admission is Admission.HOSTILE:
            closer.close(circuit)
        self._refuse(connection, Refusal.BUSY)
        return False

    def _refuse(self, connection: Connection, why: Refusal) -> None:
        self._count(connection)
        with suppress(OSError):
            connection.sock.send(refusal(why))
        self._waiting.remove(connection)
        self._see_off(connection)

    def _see_off(self, connection: Connection) -> None:
        """Close what was answered, after its client has hung up or some seconds: at once, what it still sends would reset
        the connection and might destroy the answer (RFC 9112, 9.6)."""
        connection.sock.setblocking(False)
        try:
            connection.sock.shutdown(socket.SHUT_WR)
            with suppress(KeyError):
                self.poller.unregister(connection.sock)
            self.poller.register(connection.sock, selectors.EVENT_READ, partial(self._lingers, connection))
        except OSError:
            self._drop(connection)
            return
        if (oldest := self._lingering.add(connection, time.monotonic())) is not None:
            self._drop(oldest)

    def _lingers(self, connection: Connection, _sock: object) -> None:
        if connection in self._lingering and connection.sock.receive_now(_LINGER_READ_BYTES) == b"":
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        self._waiting.remove(connection)
        self._lingering.remove(connection)
        with suppress(KeyError, ValueError, OSError):
            self.poller.unregister(connection.sock)
        connection.sock.close()
        if connection.admitted:
            connection.admitted = False
            assert connection.sock.circuit is not None
            self._circuits.leave(connection.sock.circuit)

    def murder_pending(self) -> None:
        """What gunicorn calls at least once a second: see to deadlines, and when stopping wait for nobody idle."""
        now = time.monotonic()
        for connection in self._waiting.late(now) if self.alive else self._waiting.everybody():
            if connection.arrival.untrusted:
                self._refuse(connection, Refusal.UNREADABLE)
            else:
                self._drop(connection)
        for connection in self._lingering.late(now):
            self._drop(connection)

    def finish_request(self, connection: Connection, _future: "Future[bool]") -> None:
        self.nr_conns -= 1
        self._see_off(connection)

    # In a thread.

    def handle(self, connection: Connection) -> bool:
        """Serve the one request of this connection. Never True: nothing is kept alive."""
        try:
            connection.parser = RequestParser(self.cfg, connection.sock, connection.client)
            connection.parser.unreader.unread(bytes(connection.arrival.untrusted))
            connection.arrival.untrusted.clear()
            request = next(connection.parser)
            all_there = _is_all_there(request)
            if all_there or request.method != "POST" or not self._entry.takes_long(request.path):
                if not all_there:
                    # The application refuses it by its length. What still comes is thrown away as it is seen off,
                    # without a thread.
                    connection.sock.stop_listening()
                self.handle_request(request, connection)
                return False
            with self._places.place(connection.sock) as taken:
                if taken:
                    self.handle_request(request, connection)
                else:
                    self._count(connection)
                    connection.sock.sendall(refusal(Refusal.BUSY))
        except (NoMoreData, StopIteration):
            pass  # the client went away
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN):
                self.log.exception("")
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is told nothing of it
            self._count(connection)
            self.handle_error(None, connection.sock, None, error)
        return False

    def handle_error(self, _request: object, client: socket.socket, _address: object, error: BaseException) -> None:
        """gunicorn's own answer would repeat what was asked, in a size of its own."""
        if not isinstance(error, ParseException):
            self.log.exception("")
        with suppress(OSError):
            client.sendall(refusal(Refusal.UNREADABLE))


def _is_all_there(request: Any) -> bool:
    """Whether the whole body has come already, by what gunicorn itself understood of its length."""
    reader = request.body.reader
    held: int = request.unreader.buf.getbuffer().nbytes
    return isinstance(reader, LengthReader) and reader.length <= held


def _allow_files(wanted: int) -> int:
    """Raise this process's limit of open files to `wanted` if it is lower and may be raised; the limit that holds then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    raised = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    return raised
