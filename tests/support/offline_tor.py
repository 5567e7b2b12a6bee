"""A tor that never opens a connection, for what it says of itself."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from deploy.trial import processes
from deploy.trial.tor_process import tool
from tests.support.waiting import runs, wait_until


@contextlib.contextmanager
def a_tor(folder: Path, *lines: str) -> Iterator[str]:
    """Its control socket, once it is there. These lines are added to its torrc."""
    folder.mkdir(mode=0o700)
    common = [f"DataDirectory {folder}", f"ControlSocket {folder}/control", "SocksPort 0", "DisableNetwork 1"]
    (folder / "torrc").write_text("\n".join([*common, *lines, ""]))
    command = [tool("tor"), "-f", str(folder / "torrc"), "--defaults-torrc", "/dev/null", "--hush"]
    process = processes.start(command, folder / "output")
    try:
        wait_until((folder / "control").exists, check=runs(process, (folder / "output").read_text))
        yield str(folder / "control")
    finally:
        processes.end([process])
