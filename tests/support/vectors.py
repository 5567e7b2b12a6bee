"""Reads the worked vectors in tests/vectors/."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "vectors"


def load(name: str, part: str = "vectors") -> list[dict[str, Any]]:
    """The vectors of one file; each states what is expected of it."""
    document = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = document[part]
    return found


def label(vector: dict[str, Any]) -> str:
    """A name for pytest's output."""
    return str(vector.get("name", "vector"))
