"""Reads the worked vectors in tests/vectors/."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "vectors"


def document(name: str) -> dict[str, Any]:
    """One file of vectors."""
    read: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return read


def load(name: str, part: str = "vectors") -> list[dict[str, Any]]:
    """The vectors of one file; each states what is expected of it."""
    found: list[dict[str, Any]] = document(name)[part]
    return found


def label(vector: dict[str, Any]) -> str:
    """A name for pytest's output."""
    return str(vector.get("name", "vector"))


def whole(parts: list[Any]) -> bytes:
    """The bytes that hex text and numbers of zeros stand for."""
    return b"".join(bytes(part) if isinstance(part, int) else bytes.fromhex(part) for part in parts)


def edited(honest: bytes, edit: dict[str, Any]) -> bytes:
    """`honest` with one replacement."""
    at, remove = edit["at"], edit["remove"]
    return honest[:at] + whole(edit["insert"]) + honest[at + remove :]
