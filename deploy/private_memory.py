"""Keeping what is in memory off every disk: a crash of a program that holds words and keys must not write them down."""

import ctypes
import resource
from typing import Final

_PR_SET_DUMPABLE: Final = 4
_LIBC: Final = ctypes.CDLL(None)


def keep_memory_private() -> None:
    """No core file is written of this process or of those it forks, and no other user's process may look into it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A system that hands cores to a program does so whatever the limit is, but not for what is not dumpable.
    _LIBC.prctl(_PR_SET_DUMPABLE, 0)
