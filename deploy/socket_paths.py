"""How long a UNIX socket's path may be."""

import os
from pathlib import Path
from typing import Final

_MOST_BYTES: Final = 107  # sun_path of unix(7) has room for 108 with the zero at the end


def fits(socket: Path) -> bool:
    """Whether a socket can have this path."""
    return len(os.fsencode(socket)) <= _MOST_BYTES
