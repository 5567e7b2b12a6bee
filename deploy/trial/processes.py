"""Servers of a trial: started so that they cannot outlive it, ended by process id."""

import contextlib
import os
import socket
import subprocess
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from deploy.children import end_with_parent

_END_SECONDS: Final = 15


def start(program: Sequence[str | Path], log: Path) -> subprocess.Popen[bytes]:
    """Start a server whose messages go to the end of `log`. It ends with the thread that started it, even a killed one."""
    # Among them is the desk's one-time link, which is nobody else's.
    with open(log, "ab", opener=partial(os.open, mode=0o600)) as messages:
        os.fchmod(messages.fileno(), 0o600)
        return subprocess.Popen(  # noqa: S603 - the callers' own programs
            list(map(str, program)),
            stdin=subprocess.DEVNULL,
            stdout=messages,
            stderr=messages,
            start_new_session=True,  # Ctrl-C reaches this process alone, which then ends them in order
            preexec_fn=partial(end_with_parent, os.getpid()),  # noqa: PLW1509 - it calls the kernel, takes no lock
        )


def end(processes: Collection[subprocess.Popen[bytes]]) -> None:
    """Ask all to end, then wait for each; who does not end within seconds is killed."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    for process in processes:
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_ports(count: int) -> list[int]:
    """Loopback ports that were free a moment ago, taken together so that they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
