"""The fixed keys of the vectors, and how long bytes are written in them."""

import json
from pathlib import Path
from typing import Any

from crypto import card
from crypto.signed import SigningKey
from crypto.xwing import Identity
from tests.support import agefile

FOLDER = Path(__file__).resolve().parent
RECEIVER = Identity(bytes(range(32)))
SOURCE = Identity(b"\x01" * 32)
OTHER = Identity(b"\x02" * 32)
LINE_KEY = SigningKey(b"\x03" * 32)
HOST_KEY = SigningKey(b"\x04" * 32)
LINE = card.line_id(LINE_KEY.public)
Vector = dict[str, Any]


def parts(data: bytes) -> list[Any]:
    """Hex text and numbers of zeros, in turn: readable where most is padding."""
    out: list[Any] = []
    while data:
        stripped = data.lstrip(b"\0")
        zeros = len(data) - len(stripped)
        if zeros >= 64:
            out.append(zeros)
            data = stripped
            continue
        at = data.find(bytes(64), zeros)
        text, data = (data, b"") if at < 0 else (data[:at], data[at:])
        out.append(text.hex())
    return out


def edit(honest: bytes, hostile: bytes) -> Vector:
    """The one replacement that makes `hostile` of `honest`."""
    at = _same(honest, hostile)
    same = _same(honest[at:][::-1], hostile[at:][::-1])
    return {"at": at, "remove": len(honest) - at - same, "insert": parts(hostile[at : len(hostile) - same])}


def _same(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low


def wrapping() -> tuple[bytes, bytes]:
    path = FOLDER / "wrap.json"
    if not path.exists():
        share, wrapped = RECEIVER.recipient.wrap(agefile.FILE_KEY)
        path.write_text(json.dumps({"share": share.hex(), "wrapped": wrapped.hex()}, indent=1) + "\n")
    kept = json.loads(path.read_text())
    return bytes.fromhex(kept["share"]), bytes.fromhex(kept["wrapped"])
