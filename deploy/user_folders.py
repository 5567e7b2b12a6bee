"""Where this user's programs keep what is theirs (XDG Base Directory Specification)."""

import os
from pathlib import Path


def data_folder(program: str) -> Path:
    """The folder for the data of a program with this name; it is not made."""
    given = os.environ.get("XDG_DATA_HOME", "")
    # By the specification, a path that is not absolute is passed over.
    return (Path(given) if given.startswith("/") else Path.home() / ".local" / "share") / program
