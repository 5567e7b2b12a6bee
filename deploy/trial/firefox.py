"""Firefox for a person who opens a trial's onion: set as Tor Browser's Safest level is, its profile thrown away afterwards.

It reaches onions and this machine alone: everything else goes to a tor that refuses it.
"""

import json
import os
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path

from deploy.children import end_with_parent
from deploy.trial import processes
from deploy.trial.errors import MachineError
from deploy.trial.tor_browser import ALWAYS, FIRST_START, SAFEST, through


def browse(url: str, socks_port: int) -> None:
    """Open this address and return when the person has closed Firefox. MachineError when there is none, or it fails."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        raise MachineError("Firefox is not installed: install Debian's package 'firefox-esr'")
    with tempfile.TemporaryDirectory(prefix="luwte-firefox-") as profile:
        preferences = {**ALWAYS, **SAFEST, **FIRST_START, **through(socks_port)}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items()]
        (Path(profile) / "user.js").write_text("".join(lines), "utf-8")
        command = [program, "--no-remote", "--new-instance", "--profile", profile, url]
        firefox = subprocess.Popen(  # noqa: S603 - the system's browser
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # it tells developers much, a person nothing
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=partial(end_with_parent, os.getpid()),  # noqa: PLW1509 - it calls the kernel, takes no lock
        )
        try:
            code = firefox.wait()
        finally:
            processes.end([firefox])
    if code != 0:
        raise MachineError(f"{Path(program).name} ended with code {code}: does this session have a screen?")
