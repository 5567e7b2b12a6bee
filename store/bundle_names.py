"""What a bundle's file is called: a hint for people, the manifest decides."""

import re
from pathlib import Path

from crypto.manifest import Direction


def bundle_name(direction: Direction, number: int) -> str:
    return f"luwte-{direction}-{number:06}.age"


def is_bundle_name(direction: Direction, untrusted_name: str) -> bool:
    """Whether a file so called may be a bundle of this direction: people and sticks add to its name, in plain letters."""
    return re.fullmatch(rf"luwte-{direction}-[A-Za-z0-9._-]{{1,80}}\.age", untrusted_name) is not None


def bundles_in(folder: Path, direction: Direction) -> list[Path]:
    """What goes by such a name in a folder, in the order of the names."""
    return sorted(path for path in folder.iterdir() if is_bundle_name(direction, path.name))
