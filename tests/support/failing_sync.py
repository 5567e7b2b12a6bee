"""Work in a child process whose disk fails: no sync of one file succeeds any more, and then the machine loses power."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.source_interface.tracing import STRACE


def run_without_sync(work: Callable[[Callable[[], None]], None], path: Path, *, once: bool = False) -> None:
    """Run `work` in a child. Once it has called what it is given, each sync of `path` (or one) fails with EIO, all being written.

    Nothing is closed in order: the child is killed when `work` has returned.
    """
    heard, said = os.pipe()
    goes, go = os.pipe()
    child = os.fork()
    if child == 0:
        # Nothing of the test runner may run in the child, whatever happens.
        try:
            work(lambda: (os.write(said, b"."), os.read(goes, 1))[0])
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    os.close(said)
    assert os.read(heard, 1) == b"."
    command = [
        STRACE,
        "-f",
        "-p",
        str(child),
        "-P",
        str(path),
        "-e",
        f"inject=fsync,fdatasync:error=EIO{':when=1' if once else ''}",
    ]
    with subprocess.Popen([*command, "-o", os.devnull], stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        line = tracer.stderr.readline()
        assert "attached" in line, line
        os.write(go, b".")
        status = os.waitpid(child, 0)[1]
    for end in (heard, goes, go):
        os.close(end)
    assert os.WIFSIGNALED(status), "the work failed by itself"
    assert os.WTERMSIG(status) == signal.SIGKILL
