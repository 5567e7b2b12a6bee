"""Processes that a supervisor forks, watches and ends. They end with it, whatever ends it.

The supervisor runs one thread only, so that forking is safe at any time, and takes its signals by waiting for them.
"""

import ctypes
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Final

Ready = Callable[[], None]

SIGNALS: Final = frozenset({
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGCHLD,
})
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None)


class Child:
    """One process and its successors: `work` runs in it, and calls what it is given when it is ready.

    What `work` ends with is the exit code: SystemExit's number, 0 after a return, 70 after a fault of the program.
    """

    def __init__(self, name: str, work: Callable[[Ready], object]) -> None:
        self.name = name
        self._work = work
        self._told = -1  # the reading end of the pipe that says ready
        self.pid = 0
        self.code: int | None = None
        self.is_ready = False

    @property
    def is_running(self) -> bool:
        return self.pid != 0

    def start(self) -> None:
        """Fork. The child is no longer in our process group: Ctrl-C reaches the supervisor alone, which ends all in order."""
        self.close()
        self.code, self.is_ready = None, False
        parent = os.getpid()
        self._told, tells = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                code = _in_child(self._work, parent, tells)
            finally:
                os._exit(code)
        os.close(tells)

    def look(self) -> None:
        """Take in what happened: whether it said ready, whether it has ended (then `code` is how, and its group is gone)."""
        if self._told >= 0 and select.select([self._told], [], [], 0)[0]:
            self.is_ready = self.is_ready or os.read(self._told, 1) == b"."
            self.close()
        if self.pid and os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            # Not waited for yet, its id is its group's alone. A killed server's workers hold the lock that the next one needs.
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            _, status = os.waitpid(self.pid, 0)
            self.pid, self.code = 0, os.waitstatus_to_exitcode(status)

    def signal(self, number: int) -> None:
        """By its own id, and only while it is our child: an id that is free again may be anybody's."""
        if self.pid:
            os.kill(self.pid, number)

    def end(self, seconds: float) -> None:
        """Ask it to end; after so many seconds, make it."""
        self.signal(signal.SIGTERM)
        self.await_end(seconds)

    def await_end(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while self.pid:
            self.look()
            if self.pid and time.monotonic() > end:
                self.signal(signal.SIGKILL)
                end = time.monotonic() + seconds
            time.sleep(0.01)
        self.close()

    def close(self) -> None:
        if self._told >= 0:
            os.close(self._told)
            self._told = -1


def end_with_parent(parent: int) -> None:
    """In a child, before it does anything else: it ends when its parent's thread does, a killed one's too."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it was gone before the kernel was asked
        os._exit(1)


def _in_child(work: Callable[[Ready], object], parent: int, tells: int) -> int:
    try:
        end_with_parent(parent)
        os.setpgid(0, 0)
        for number in SIGNALS:
            # A reload may be asked for before what runs here listens to it.
            signal.signal(number, signal.SIG_IGN if number == signal.SIGHUP else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        work(lambda: _tell(tells))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 - nothing of the supervisor may run in the child
        traceback.print_exc()
        return 70
    else:
        return 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _tell(tells: int) -> None:
    os.write(tells, b".")


def wait(seconds: float) -> int | None:
    """Wait for one of SIGNALS, which must be blocked; None after so many seconds."""
    found = signal.sigtimedwait(SIGNALS, seconds)
    return None if found is None else found.si_signo
