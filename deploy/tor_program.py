"""Where this machine's tor is."""

import os
import shutil
from typing import Final

# Where packages put its programs: the PATH of a user or a service may lack some of them.
_FURTHER: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"


def find_program(name: str = "tor") -> str | None:
    """The path of a program of Debian's package `tor`; None when it is not installed."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{_FURTHER}")
