"""The whole intake host behind `luwte-intake serve`: the servers, tor, and the keeper of the onions, each a process of its own.

This process forks them and watches them; it opens no network connection and runs one thread. A part that ends is started
again, a bounded number of times. Whatever ends this process ends them all.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from deploy import children, courier_server, intake_server
from deploy.children import Child, Ready
from deploy.circuits import CircuitPipe
from deploy.command import fail
from deploy.intake_config import ConfigurationError, load_configuration
from deploy.onion import keys, own_tor
from deploy.onion.control import Say, connect
from deploy.onion.couriers import enrolled, note_fault, noted_fault
from deploy.onion.errors import MismatchError, OnionFolderError, ServerError
from deploy.onion.keeper import Keeper
from deploy.onion.packaged import examine_packaged
from deploy.onion.places import OnionPlaces, check_socket
from deploy.onion.publish import Publisher
from deploy.onion.settings import Packaged
from deploy.proxy_probe import require_proxy_line
from store.files import exclusively, write_whole
from store.intake.place import IntakePlace

_START_SECONDS: Final = 60
_END_SECONDS: Final = 40  # gunicorn gives requests that run 30
_LOOK_SECONDS: Final = 1.0
_RESTARTS: Final = 5
_MISMATCHED: Final = 4  # the exit code of a keeper that found sources unprotected
_CALM_SECONDS: Final = 600  # after so long without an end, earlier ones are forgotten


class StoppedError(Exception):
    """SIGTERM or SIGINT came."""


class _Kept:
    """A part that is kept running."""

    def __init__(self, name: str, work: Callable[[Ready], object]) -> None:
        self.child = Child(name, work)
        self.restarts = 0
        self.since = 0.0
        self.due: float | None = None
        self.was_ready = False

    def start(self) -> None:
        self.since, self.due = time.monotonic(), None
        self.child.start()


class IntakeHost:
    """`run` until told to stop. `guard` turns expected errors of the processes into sentences and exit codes."""

    def __init__(
        self,
        state: Path,
        *,
        more_torrc_lines: Sequence[str],
        say: Say,
        guard: Callable[[], AbstractContextManager[None]],
    ) -> None:
        configuration = load_configuration(state)
        self._state, self._say, self._guard, self._more_lines = state, say, guard, more_torrc_lines
        self._packaged: Packaged | None = configuration.tor.packaged
        if self._packaged is not None and more_torrc_lines:
            raise ConfigurationError(
                "--torrc-lines is for a tor of our own, and intake.toml names a packaged one ([tor] configured = true): put "
                "these lines into that tor's torrc, reload it, and start again without --torrc-lines"
            )
        self._places = OnionPlaces.of(state, configuration.tor.sockets)
        # Opened once to see that this is a host; each server opens it for itself.
        IntakePlace.open(state, settings=configuration.settings, database_url=configuration.database_url).close()
        self._kept: dict[str, _Kept] = {}
        self._circuits = CircuitPipe.open()
        self._source_address = ""
        self._is_reload_due = self._is_match_due = False

    def run(self) -> None:
        """Returns after SIGTERM or SIGINT. OnionError, LockedError, OSError; SystemExit when a part has told why it ended."""
        if self._packaged is None:
            own_tor.program()
        with exclusively(self._state / "host.lock", "this host is being served already"), _signals_held():
            self._places.prepare()
            write_whole(self._places.host_pid, [f"{os.getpid()}\n".encode()])
            try:
                self._begin()
                while True:
                    self._take_reload()
                    self._wait(_LOOK_SECONDS)
                    self._mind()
            except StoppedError:
                self._say("Stopping")
            finally:
                self._end()

    def _begin(self) -> None:
        self._source_address = self._address()
        self._start("source server", self._serve_source)
        self._await("source server")
        self._check_source()
        self._match_courier()
        if self._packaged is None:
            self._start("tor", lambda _ready: own_tor.run(self._places, self._more_lines))
        self._start("onions", self._keep_onions)
        self._await("onions", for_ever=True)

    def _address(self) -> str:
        """The source onion's address, known before the first server starts: it answers to no other name."""
        note_fault(self._places, None)  # one that was killed leaves it
        keys.kept_address(self._places.courier_onion)
        if self._packaged is None:
            address = keys.kept_address(self._places.source_onion)
        else:
            address = self._asked_in_child(partial(_examine, self._places, self._packaged))
        write_whole(self._places.source_address, [f"{address}\n".encode()])
        return address

    def _serve_source(self, ready: Ready) -> None:
        with self._guard():
            intake_server.serve(
                self._state,
                f"unix:{self._places.source_socket}",
                ready=_when_closed_to_others(self._places.source_socket, ready),
                circuits=self._circuits.closer(),
                onion=self._source_address,
            )

    def _serve_courier(self, ready: Ready) -> None:
        self._circuits.close()
        with self._guard():
            courier_server.serve(
                self._state,
                f"unix:{self._places.courier_socket}",
                ready=_when_closed_to_others(self._places.courier_socket, ready),
            )

    def _keep_onions(self, ready: Ready) -> None:
        with self._guard():
            keeper = Keeper(
                self._places,
                self._packaged,
                self._say,
                hostile_circuits=self._circuits.reader(),
                published=ready,
                tor_restarted=lambda: os.kill(os.getppid(), signal.SIGUSR1),
                couriers_examined=lambda: os.kill(os.getppid(), signal.SIGUSR2),
                was_up=self._kept["onions"].was_ready,
            )
            try:
                keeper.run()
            except MismatchError as error:
                fail(f"{error}\nNobody is served until that is mended", _MISMATCHED)

    def _check_source(self) -> None:
        check_socket(self._places.source_socket)
        require_proxy_line(self._places.source_socket, self._source_address)

    def _match_courier(self) -> None:
        """The couriers' server runs while a courier is enrolled and nothing is wrong with their onion, and no longer."""
        name = "courier server"
        try:
            is_wanted = bool(enrolled(self._places.authorized_clients))
        except OnionFolderError:
            is_wanted = False  # the keeper says why
        # What is wrong with files of ours was seen just now: a note of it may be older than what mended it.
        if self._packaged is not None and noted_fault(self._places) is not None:
            is_wanted = False
        if is_wanted and name not in self._kept:
            self._start(name, self._serve_courier)
            self._await(name)
            check_socket(self._places.courier_socket)
        elif not is_wanted and name in self._kept:
            self._kept.pop(name).child.end(_END_SECONDS)
            self._places.courier_socket.unlink(missing_ok=True)  # one that had to be killed leaves it

    def _start(self, name: str, work: Callable[[Ready], object]) -> None:
        self._kept[name] = _Kept(name, work)
        self._kept[name].start()

    def _await(self, name: str, *, for_ever: bool = False) -> None:
        """Until this part is ready. A part that ends before has told why."""
        end = time.monotonic() + _START_SECONDS
        kept = self._kept[name]
        while not kept.was_ready:
            self._mind()
            if not for_ever and time.monotonic() > end:
                raise ServerError(
                    f"the {name} was not ready within {_START_SECONDS} seconds: is this machine overloaded?"
                )
            self._wait(0.05)

    def _wait(self, seconds: float) -> None:
        number = children.wait(seconds)
        if number in (signal.SIGTERM, signal.SIGINT):
            raise StoppedError
        if number == signal.SIGHUP:
            self._is_reload_due = True
        if number == signal.SIGUSR2:
            self._is_match_due = True
        if number == signal.SIGUSR1:
            # Another tor numbers its circuits from 1 again: nothing that was held against a number holds any longer. gunicorn
            # lets its workers finish, and starts new ones.
            self._kept["source server"].child.signal(signal.SIGHUP)

    def _take_reload(self) -> None:
        """Couriers may have come or gone. Only between waits: a part that is awaited must not be taken away meanwhile."""
        is_reload_due, is_match_due = self._is_reload_due, self._is_match_due
        self._is_reload_due = self._is_match_due = False
        # A packaged tor's onion may be open to everybody: nobody is served there before the keeper has looked at it.
        if is_match_due or (is_reload_due and self._packaged is None):
            self._match_courier()
        if is_reload_due:
            self._kept["onions"].child.signal(signal.SIGHUP)

    def _mind(self) -> None:
        now = time.monotonic()
        for name, kept in self._kept.items():
            kept.child.look()
            kept.was_ready = kept.was_ready or kept.child.is_ready
            if kept.due is not None and now >= kept.due:
                kept.start()
            elif not kept.child.is_running and kept.due is None:
                self._take_end(name, kept, now)

    def _take_end(self, name: str, kept: _Kept, now: float) -> None:
        onions = self._kept.get("onions")
        if name == "tor" and not (onions and onions.was_ready):
            complaint = own_tor.complaint(self._places)
            raise ServerError(f"tor ended at its start: {complaint or own_tor.log_file(self._places)}")
        if name == "onions" and kept.child.code == _MISMATCHED:
            sys.exit(1)  # it has said why; what is not safe is not tried again
        if name != "tor" and not kept.was_ready:
            if kept.child.code != 1:
                raise ServerError(f"the {name} could not start (exit code {kept.child.code})")
            sys.exit(1)  # it has said why
        if now - kept.since > _CALM_SECONDS:
            kept.restarts = 0
        kept.restarts += 1
        if kept.restarts > _RESTARTS:
            raise ServerError(f"{name} ended {kept.restarts} times in a short time: look at the messages above")
        pause = 2 ** (kept.restarts - 1)
        kept.due = now + pause
        self._say(f"{name} ended by itself (exit code {kept.child.code}); it is started again in {pause} s")

    def _asked_in_child(self, work: Callable[[], str]) -> str:
        """What `work` returns, done in a process of its own: it may start threads."""
        reads, writes = os.pipe()

        def told(_ready: Ready) -> None:
            with self._guard():
                os.write(writes, work().encode())

        child = Child("check", told)
        child.start()
        os.close(writes)
        try:
            with os.fdopen(reads, "rb") as answer:
                text = answer.read()
        finally:
            child.await_end(_START_SECONDS)
        if child.code != 0:
            sys.exit(1)  # it has said why
        return text.decode()

    def _end(self) -> None:
        """The onions' keeper first, then the servers, which let requests finish; tor last, as these need it."""
        order = [name for name in ("onions", "source server", "courier server", "tor") if name in self._kept]
        for name in order[:-1] if order[-1:] == ["tor"] else order:
            self._kept[name].child.signal(signal.SIGTERM)
        for name in order:
            self._kept[name].child.end(_END_SECONDS)
        places = self._places
        for path in (places.host_pid, places.source_socket, places.courier_socket, places.couriers_fault):
            path.unlink(missing_ok=True)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Signals are waited for, not handled in the middle of something."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, children.SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _when_closed_to_others(path: Path, ready: Ready) -> Ready:
    """gunicorn's umask leaves the execute bit, which means nothing on a socket."""

    def closed() -> None:
        path.chmod(0o660)
        ready()

    return closed


def _examine(places: OnionPlaces, packaged: Packaged) -> str:
    with closing(connect(packaged.control)) as controller:
        examined = examine_packaged(Publisher(controller, _unheard), places, packaged, _unheard)
    note_fault(places, examined.couriers_fault)
    return examined.addresses["source"]


def _unheard(_sentence: str) -> None:
    """The keeper says it again a moment later."""
