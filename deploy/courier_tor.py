"""A tor of the courier's own: a child process with one SOCKS socket that no other user of this laptop can reach.

It knows the courier's key, keeps its directory cache for the next time, and ends with this program, killed or not.
"""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import stem
from stem.control import Controller

from deploy.onion.control import await_bootstrap, watch_clock
from deploy.onion.errors import TorFailedError
from deploy.onion.torrc_lines import starting_programs
from deploy.socket_paths import fits
from deploy.tor_program import find_program

_START_SECONDS: Final = 20  # for the control socket to answer
_STILL_SECONDS: Final = 180  # without any progress
_END_SECONDS: Final = 15
_POLL_SECONDS: Final = 0.1
_FORGET_SECONDS: Final = 11  # tor puts off what comes within 10 s of the last: into the middle of an attempt
_PREFIX: Final = "luwte-"
_CONTROL: Final = "control"


class CourierTorError(Exception):
    """Tor did not start or does not reach its network; the message says what to do."""


class CourierTor:
    """One that runs. `socks` is the path of its SOCKS socket."""

    def __init__(self, socks: Path, controller: Controller) -> None:
        self.socks, self._controller = socks, controller
        self._may_forget_at = 0.0

    def forget(self) -> None:
        """Let it forget what it knows of onions, that they did not answer, too; nothing when it did so a moment ago."""
        if time.monotonic() < self._may_forget_at:
            return
        self._may_forget_at = time.monotonic() + _FORGET_SECONDS
        # When tor is gone, the next connection says so.
        with suppress(stem.ControllerError):
            self._controller.signal(stem.Signal.NEWNYM)


@contextmanager
def courier_tor(
    state: Path, auth_folder: Path, *, extra_lines: Sequence[str] = (), say: Callable[[str], None] = lambda _: None
) -> Iterator[CourierTor]:
    """Run a tor for the block. `say` hears how far it is. CourierTorError.

    `auth_folder` holds the keys for onion services, `extra_lines` go to the end of its torrc.
    """
    if (program := find_program()) is None:
        raise CourierTorError(
            "Tor is not installed: 'sudo apt install tor'. Or use one that runs already: --socks 127.0.0.1:9050 "
            "(Tor Browser: 127.0.0.1:9150), with the key's file in its ClientOnionAuthDir"
        )
    data = state / "tor"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    data.chmod(0o700)
    with ExitStack() as stack:
        runtime = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=_PREFIX, dir=_where())))
        torrc, said = runtime / "torrc", runtime / "said"
        lines = [*_lines(data, auth_folder, runtime), *starting_programs(extra_lines), *extra_lines]
        torrc.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        with said.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - the system's tor, with arguments of ours
                [program, "--defaults-torrc", "/dev/null", "-f", torrc],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for this program, which ends tor in its own time
            )
        stack.callback(_end, process)
        controller = _bootstrap(process, runtime / _CONTROL, said, say, stack)
        yield CourierTor(runtime / "socks", controller)


def _where() -> str:
    """Where a folder for sockets can be made: TMPDIR, or /tmp where the path of that is too long for them."""
    found = tempfile.gettempdir()
    # A folder of another user in /tmp is of no use to them: ours has a name that nobody can foresee, and mode 0700.
    return found if fits(Path(found) / f"{_PREFIX}12345678" / _CONTROL) else "/tmp"  # noqa: S108 - as said above


def _lines(data: Path, auth_folder: Path, runtime: Path) -> list[str]:
    return [
        f"DataDirectory {_quoted(data)}",
        f"ClientOnionAuthDir {_quoted(auth_folder)}",
        f"SocksPort unix:{_quoted(runtime / 'socks')} ExtendedErrors OnionTrafficOnly",
        f"ControlPort unix:{_quoted(runtime / _CONTROL)}",
        "CookieAuthentication 1",
        f"CookieAuthFile {_quoted(runtime / 'cookie')}",
        f"__OwningControllerProcess {os.getpid()}",
        # With the descriptor of a host that was started again since, a connection hangs for as long as it may: two minutes by
        # tor's default. Half of that is enough for a slow way, and then it is forgotten.
        "SocksTimeout 60",
        "ClientOnly 1",
        "AvoidDiskWrites 1",
        "Log warn stdout",
    ]


def _quoted(path: Path) -> str:
    if re.search(r'["\\\n\r]', str(path)):
        raise CourierTorError(
            f"the folder {path} has a quotation mark, backslash or line break in its name; choose another"
        )
    return f'"{path.absolute()}"'


def _bootstrap(
    process: subprocess.Popen[bytes], socket: Path, said: Path, say: Callable[[str], None], stack: ExitStack
) -> Controller:
    end = time.monotonic() + _START_SECONDS
    while not socket.exists():
        _check_runs(process, said)
        if time.monotonic() > end:
            raise CourierTorError(f"Tor does not start. {_last(said)}")
        time.sleep(_POLL_SECONDS)
    try:
        controller = stack.enter_context(Controller.from_socket_file(str(socket)))
        controller.authenticate()
        watch_clock(controller, say)
        await_bootstrap(controller, say, _STILL_SECONDS)
    except stem.ControllerError as error:
        _check_runs(process, said)
        raise CourierTorError(f"Tor does not answer as expected. {_last(said)}") from error
    except TorFailedError as error:
        _check_runs(process, said)
        raise CourierTorError(f"{error}. Or use a Tor that runs already, with --socks") from error
    return controller


def _check_runs(process: subprocess.Popen[bytes], said: Path) -> None:
    if process.poll() is not None:
        raise CourierTorError(f"Tor ended at once. {_last(said)}")


def _last(said: Path) -> str:
    """Its last warning, without the time."""
    lines = said.read_text("utf-8", "replace").splitlines()
    warnings = [line.split("] ", 1)[-1] for line in lines if "[warn]" in line or "[err]" in line]
    return (
        f"It said: {warnings[0] if len(warnings) == 1 else ' / '.join(warnings[-2:])}"
        if warnings
        else "It said nothing."
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)
        return
    process.kill()
    process.wait()
