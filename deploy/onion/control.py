"""The way into a tor: its control socket or port (control-spec), by cookie. Every failure has a name and says what to do."""

import math
import re
import socket
import time
from collections.abc import Callable
from typing import Any, Final

import stem
import stem.connection
from stem.control import Controller, EventType
from stem.version import Version

from deploy.onion.errors import ControlRefusedError, OnionError, TorFailedError, TorMissingError, TorTooOldError

Say = Callable[[str], object]

BRIDGES: Final = "give bridge lines with --torrc-lines"
OLDEST: Final = "0.4.8.1"  # proof of work for onions
_PATIENCE: Final = 10  # seconds for a first answer
_STUCK: Final = 120  # seconds without progress after which a hint is given
_TROUBLE: Final = {"DONE": "relays close the connection"}  # tor's own words for it are short
_PHASE: Final = re.compile(r'PROGRESS=(\d+).*?SUMMARY="([^"]*)"(?:.*?WARNING="([^"]*)")?')


def connect(where: str) -> Controller:
    """A controller for the tor at `where` (a socket's path, or 127.0.0.1:PORT), let in.

    TorMissingError: nobody answers there. ControlRefusedError: no control port, or it does not let us in. TorTooOldError.
    """
    _probe(where)
    try:
        if where.startswith("/"):
            controller = Controller.from_socket_file(where)
        else:
            host, _, port = where.rpartition(":")
            controller = Controller.from_port(host, int(port))
    except stem.SocketError as error:
        raise TorMissingError(f"tor's control socket {where} went away: {error}") from error
    try:
        _authenticate(controller, where)
        require_version(controller.get_version())
    except stem.ControllerError as error:
        controller.close()
        raise TorFailedError(f"tor at {where} broke off: {error}") from error
    except BaseException:
        controller.close()
        raise
    return controller


def require_version(version: Version) -> None:
    """TorTooOldError when this tor is too old."""
    if version < Version(OLDEST):
        raise TorTooOldError(
            f"this tor is version {version}, and 0.4.8 or newer is needed (Debian 13 has it; for Debian 12 see "
            "https://support.torproject.org/apt/)"
        )


def await_bootstrap(controller: Controller, say: Say, patience: float = math.inf, bridges: str = BRIDGES) -> None:
    """Until tor is part of the network; tells its progress and its trouble in its own words, and how to give it bridges.

    TorFailedError when tor ends meanwhile, or makes no progress for so many seconds.
    """
    told = told_trouble = ""
    since = hinted = time.monotonic()
    while True:
        found = _PHASE.search(ask(controller, "status/bootstrap-phase"))
        percent, summary, trouble = found.groups("") if found else ("0", "Starting", "")
        now = time.monotonic()
        if (progress := f"tor: {percent} % {summary}") != told:
            told, since, hinted = progress, now, now
            say(progress)
        # A wrong clock is told by `watch_clock`, in words that say what to do.
        if trouble not in ("", told_trouble) and not trouble.startswith("Clock skew"):
            told_trouble = trouble
            say(f"tor has trouble: {_TROUBLE.get(trouble, trouble)}")
        if percent == "100":
            return
        hint = f"tor is still at {percent} %: check this machine's network and clock. Where Tor is blocked, {bridges}"
        if now - since > patience:
            raise TorFailedError(hint)
        if now - hinted > _STUCK:
            hinted = now
            say(hint)
        time.sleep(0.25)


def watch_clock(controller: Controller, say: Say) -> None:
    """From now on, `say` hears once, from another thread, when the Tor network says that this machine's clock is wrong.

    Begin before `await_bootstrap`: tor tells it when it first talks with the network, and then seldom. TorFailedError.
    """
    told: list[str] = []

    def take(event: Any) -> None:
        if not told and (sentence := clock_skew(event)):
            told.append(sentence)
            say(sentence)

    try:
        controller.add_event_listener(take, EventType.STATUS_GENERAL)
    except stem.ControllerError as error:
        raise TorFailedError(f"tor does not report on its clock: {error}") from error


def ask(controller: Controller, what: str) -> str:
    """GETINFO. TorFailedError when tor is gone or does not know."""
    try:
        return str(controller.get_info(what))
    except stem.ControllerError as error:
        raise TorFailedError(f"tor no longer answers: {error}") from error


def configuration(controller: Controller, *names: str) -> list[tuple[str, str]]:
    """GETCONF, every value in tor's own order; what is not set is left out. TorFailedError."""
    try:
        reply = controller.msg("GETCONF " + " ".join(names))
    except stem.ControllerError as error:
        raise TorFailedError(f"tor no longer answers: {error}") from error
    if not reply.is_ok():
        raise TorFailedError(f"tor refuses to tell its configuration: {reply}")
    return [(name, _unquoted(value)) for line in reply for name, equals, value in [line.partition("=")] if equals]


def clock_skew(event: Any) -> str | None:
    """A sentence when a STATUS_GENERAL event says that this machine's clock is wrong."""
    if event.action != "CLOCK_SKEW":
        return None
    try:
        seconds = int(event.keyword_args.get("SKEW", ""))
    except ValueError:
        seconds = 0
    how = f"about {_length(abs(seconds))} {'ahead' if seconds > 0 else 'behind'}" if seconds else "wrong"
    return f"this machine's clock is {how}, by what the Tor network says: set it right (timedatectl), or no onion works"


def _length(seconds: int) -> str:
    for unit, name in ((86_400, "days"), (3_600, "hours")):
        if seconds >= 2 * unit:
            return f"{round(seconds / unit)} {name}"
    return f"{round(seconds / 60)} minutes"


def _probe(where: str) -> None:
    """Ask once by hand: stem waits for ever for a program that does not answer, and names few reasons."""
    host, _, port = where.rpartition(":")
    is_path = where.startswith("/")
    probe = socket.socket(socket.AF_UNIX if is_path else socket.AF_INET)
    probe.settimeout(_PATIENCE)
    try:
        probe.connect(where if is_path else (host, int(port)))
    except OSError as error:
        probe.close()
        raise _unreachable(where, error) from error
    with probe:
        try:
            probe.sendall(b"PROTOCOLINFO 1\r\nQUIT\r\n")
            untrusted_answer = probe.recv(4)
        except OSError:
            untrusted_answer = b""
    if untrusted_answer != b"250-":
        raise ControlRefusedError(
            f"what listens at {where} is no control port of a tor: correct 'control' in intake.toml"
        )


def _unreachable(where: str, error: OSError) -> OnionError:
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return TorMissingError(
            f"no tor answers at {where}: start it (systemctl start tor), or correct 'control' in intake.toml"
        )
    if isinstance(error, PermissionError):
        return ControlRefusedError(
            f"this user may not use tor's control socket {where}: add the user to tor's group (Debian: debian-tor)"
        )
    return TorMissingError(f"tor's control socket {where} cannot be reached: {error}")


def _authenticate(controller: Controller, where: str) -> None:
    try:
        controller.authenticate()
    except stem.connection.UnreadableCookieFile as error:
        raise ControlRefusedError(
            f"tor's cookie {error.cookie_path} cannot be read: add this user to tor's group (Debian: debian-tor) and "
            "'CookieAuthFileGroupReadable 1' to torrc"
        ) from error
    except (
        stem.connection.IncorrectCookieValue,
        stem.connection.IncorrectCookieSize,
        stem.connection.AuthSecurityFailure,
    ) as error:
        raise ControlRefusedError(
            f"the cookie {error.cookie_path} is not that of the tor at {where}: another tor wrote it. Stop that one, or give "
            "each its own CookieAuthFile, and restart tor"
        ) from error
    except (stem.connection.PasswordAuthFailed, stem.connection.NoAuthCookie) as error:
        raise ControlRefusedError(
            f"the tor at {where} wants a password: put 'CookieAuthentication 1' into torrc and restart tor"
        ) from error
    except stem.connection.AuthenticationFailure as error:
        raise ControlRefusedError(f"the tor at {where} does not let us in: {error}") from error


def _unquoted(value: str) -> str:
    """tor gives a value with special characters as a quoted string."""
    if len(value) > 1 and value.startswith('"') and value.endswith('"'):
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return value
