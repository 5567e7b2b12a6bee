"""Deterministic CBOR (RFC 8949 §4.2.1), strictly read.

One value has one encoding: `decode` refuses whatever differs from the encoding of what it decoded to, which disposes of
duplicate keys, trailing bytes, indefinite lengths and padded numbers in one comparison.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import cbor2

from crypto.errors import MalformedError

Value = int | bytes | str | list[Any] | dict[str, Any]

_MAX_DEPTH = 8
LARGEST_NUMBER = 2**31 - 1  # of a field that counts or names a day; fits every database's integer


class _NoTags(Mapping[int, Any]):
    """Refuses every tag while decoding. A few hundred bytes of shared references (tags 28, 29) would otherwise unfold
    into billions of items, and other tags compile patterns or compute powers that a stranger chose."""

    def __getitem__(self, tag: int) -> Any:
        return self._refuse

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 1

    @staticmethod
    def _refuse(*_: object) -> NoReturn:
        raise ValueError("a tag")


_NO_TAGS = _NoTags()


def encode(value: Value) -> bytes:
    """Encode `value`; ValueError for a type that the formats do not use."""
    if not _plain(value, _MAX_DEPTH):
        raise ValueError("only integers, byte and text strings, arrays and maps with text keys are encoded")
    # For text keys shorter than 24 bytes the library's length-first order is the byte order of RFC 8949.
    return cbor2.dumps(value, canonical=True)


def decode(untrusted: bytes) -> Value:
    """Decode one whole deterministic value, or raise MalformedError."""
    try:
        value = cbor2.loads(untrusted, semantic_decoders=_NO_TAGS, max_depth=_MAX_DEPTH)
    except Exception as error:  # a hostile encoding may raise anything (RecursionError, OverflowError)
        raise MalformedError("not valid CBOR") from error
    if not _plain(value, _MAX_DEPTH) or cbor2.dumps(value, canonical=True) != untrusted:
        raise MalformedError("not deterministic CBOR")
    return value  # type: ignore[no-any-return]  # _plain has just established the type


def _plain(value: object, depth: int) -> bool:
    kind = type(value)  # exact types: true is no number here
    if depth == 0:
        return False
    if kind is bytes or kind is str:
        return True
    if isinstance(value, int):
        return kind is int and -(2**63) <= value < 2**64
    if isinstance(value, list):
        return all(_plain(item, depth - 1) for item in value)
    if isinstance(value, dict):
        return all(_short_key(key) and _plain(item, depth - 1) for key, item in value.items())
    return False


def _short_key(key: object) -> bool:
    return isinstance(key, str) and len(key.encode("utf-8", "surrogatepass")) < 24


class Fields:
    """Typed, complete reading of a map: every key is taken once, and `done` refuses what is left over."""

    def __init__(self, untrusted_value: object) -> None:
        if not isinstance(untrusted_value, Mapping):
            raise MalformedError("not a map")
        self._left = dict(untrusted_value)

    def uint(self, key: str, *, least: int = 0) -> int:
        value = self.take(key)
        if not isinstance(value, int) or not least <= value <= LARGEST_NUMBER:
            raise MalformedError(f"field {key}: not a number from {least} to {LARGEST_NUMBER}")
        return value

    def bytes(self, key: str, least: int, most: int | None = None) -> bytes:
        """So many bytes: exactly `least`, when there is no `most`."""
        value = self.take(key)
        if not isinstance(value, bytes) or not least <= len(value) <= (most or least):
            raise MalformedError(
                f"field {key}: not {least} to {most} bytes" if most else f"field {key}: not {least} bytes"
            )
        return value

    def text(self, key: str, *, most_bytes: int) -> str:
        value = self.take(key)
        if not isinstance(value, str) or len(value.encode()) > most_bytes:
            raise MalformedError(f"field {key}: not a text of at most {most_bytes} bytes")
        return value

    def array(self, key: str, *, most: int) -> list[Any]:
        value = self.take(key)
        if not isinstance(value, list) or len(value) > most:
            raise MalformedError(f"field {key}: not an array of at most {most}")
        return value

    def map(self, key: str, *, most: int) -> dict[str, Any]:
        value = self.take(key)
        if not isinstance(value, dict) or len(value) > most:
            raise MalformedError(f"field {key}: not a map of at most {most}")
        return value

    def has(self, key: str) -> bool:
        """Whether an optional field is there. One that is not given is absent, never empty."""
        return key in self._left

    def version(self, expected: int) -> None:
        if (found := self.uint("v")) != expected:
            raise MalformedError(f"version {found} is not known here")

    def done(self) -> None:
        if self._left:
            raise MalformedError("fields that are not in the format")

    def take(self, key: str) -> object:
        """A value of any type, for a reader of its own."""
        if key not in self._left:
            raise MalformedError(f"field {key}: missing")
        return self._left.pop(key)
