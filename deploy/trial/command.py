"""The commands that an operator, a handler and a courier type, run for the trial."""

import os
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from deploy.children import end_with_parent
from deploy.trial.errors import PartError

_SECONDS: Final = 900  # the courier tries for some minutes


def command(name: str, *arguments: str | Path) -> str:
    """Run one of our programs to its end and return what it printed. PartError when it fails."""
    # It ends with this process: a start right after a killed one finds no child that is still at work in the folder.
    end = partial(end_with_parent, os.getpid())
    done = subprocess.run(  # noqa: S603 - our own command
        line_of(name, arguments), capture_output=True, text=True, check=False, timeout=_SECONDS, preexec_fn=end
    )
    if done.returncode != 0:
        said = done.stderr.strip().split("Error: ")[-1] or done.stdout.strip()
        raise PartError(f"{name} {arguments[0]} failed: {said}")
    return done.stdout


def line_of(program: str, arguments: Sequence[str | Path]) -> list[str]:
    """One of our programs with its arguments, from the environment that this one runs in."""
    return [str(Path(sys.executable).parent / program), *map(str, arguments)]
