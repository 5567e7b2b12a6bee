"""Codenames: what a source keeps in their head.

A codename is a word list's id and indexes into it. Typed words are matched to indexes with forgiveness and never hashed
as text, so that no keyboard, accent or capital changes a key. All that can be said of what was typed is said before any
key is derived, from public lists alone: it tells nothing about any mailbox.
"""

import difflib
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from crypto import wordlists
from crypto.wordlists import EFF_LARGE, WordList

WORDS: Final = 7
LONGEST_TYPED: Final = 1_000  # characters; the longest codename has 76
_LONGEST_NAMED: Final = 40  # letters of an unknown word that an error repeats


class CodenameError(ValueError):
    """What was typed is no codename; nothing was derived from it."""


class UnknownWordError(CodenameError):
    """Words are on no list. `words` are the first of them, at most seven, each with the nearest words that are on it, best
    first, at most three; `typed` is how many words were typed in all, as far as they can be told apart."""

    def __init__(self, words: tuple[tuple[str, tuple[str, ...]], ...], typed: int) -> None:
        super().__init__("a word is on no list")
        self.words = words
        self.typed = typed


class WrongCountError(CodenameError):
    """All words are known but there are `found` of them instead of seven."""

    def __init__(self, found: int) -> None:
        super().__init__(f"a codename has {WORDS} words, not {found}")
        self.found = found


@dataclass(frozen=True, repr=False)
class Codename:
    """A word list's id and seven indexes from zero. Its repr shows nothing: it is a secret.

    ValueError for an index outside the list, or of a word that sounds as an earlier one does.
    """

    list_id: str
    indexes: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.indexes) != WORDS or not set(self.indexes) <= _usable(self.list_id):
            raise ValueError("not a codename of its list")

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(_words(self.list_id).words[i] for i in self.indexes)

    @property
    def text(self) -> str:
        """As a person writes it down: words with blanks between."""
        return " ".join(self.words)

    @property
    def canonical(self) -> bytes:
        """The bytes that keys are derived from (docs/formats.md §2.3)."""
        return f"{self.list_id}:{'-'.join(map(str, self.indexes))}".encode("ascii")

    @classmethod
    def from_canonical(cls, canonical: bytes) -> "Codename":
        """The inverse of `canonical`; ValueError for anything else."""
        list_id, _, tail = canonical.decode("ascii").partition(":")
        if list_id != EFF_LARGE:
            raise ValueError("unknown word list")
        codename = cls(list_id, tuple(map(int, tail.split("-"))))
        if codename.canonical != canonical:
            raise ValueError("not the one encoding of a codename")
        return codename


def generate() -> Codename:
    """A fresh codename: 90.4 bits from the operating system."""
    usable = sorted(_usable(EFF_LARGE))
    return Codename(EFF_LARGE, tuple(secrets.choice(usable) for _ in range(WORDS)))


def parse(untrusted_typed: str) -> Codename:
    """The codename that a person meant. Raises UnknownWordError, WrongCountError or CodenameError."""
    if len(untrusted_typed) > LONGEST_TYPED:
        raise CodenameError("too long for a codename")
    spoken = _spoken(EFF_LARGE)
    folded = _fold(untrusted_typed)
    letters = "".join(folded)
    if len(letters) > LONGEST_TYPED:  # one character may stand for many letters
        raise CodenameError("too long for a codename")
    found = _part(letters, spoken)
    if found is None:
        raise _unknown(_join(folded, spoken), spoken)
    if len(found) != WORDS:
        raise WrongCountError(len(found))
    return Codename(EFF_LARGE, tuple(spoken[word] for word in found))


def _unknown(typed_words: list[str], spoken: Mapping[str, int]) -> UnknownWordError:
    """The typed words that are no word of the list and not several of them."""
    parted = {word: _part(word, spoken) for word in typed_words}
    unknown = [word for word, parts in parted.items() if parts is None][:WORDS]
    typed = sum(len(parted[word] or (word,)) for word in typed_words)
    return UnknownWordError(tuple((word[:_LONGEST_NAMED], _nearest(word)) for word in unknown), typed)


def _nearest(word: str) -> tuple[str, ...]:
    return tuple(difflib.get_close_matches(word[:_LONGEST_NAMED], _words(EFF_LARGE).words, n=3, cutoff=0.6))


@cache
def _words(list_id: str) -> WordList:
    return wordlists.load(list_id)


@cache
def _spoken(list_id: str) -> MappingProxyType[str, int]:
    """Each word's letters and its index. `yo-yo` and `yoyo` have the same letters: the first stands for both."""
    spoken: dict[str, int] = {}
    for index, word in enumerate(_words(list_id).words):
        spoken.setdefault(word.replace("-", ""), index)
    return MappingProxyType(spoken)


@cache
def _usable(list_id: str) -> frozenset[int]:
    return frozenset(_spoken(list_id).values())


def _fold(typed: str) -> list[str]:
    """Letters without marks, case or width; everything else separates words."""
    plain = unicodedata.normalize("NFKD", typed).casefold().replace("ı", "i")
    plain = unicodedata.normalize("NFKD", plain)
    kept = (c if c.isalpha() else "" if unicodedata.category(c) in ("Mn", "Mc", "Me", "Cf") else " " for c in plain)
    return "".join(kept).split()


def _join(folded: list[str], spoken: Mapping[str, int]) -> list[str]:
    """Put back the few words of the list that have a hyphen, so that none of their halves is called unknown."""
    out: list[str] = []
    for word in folded:
        if out and out[-1] not in spoken and out[-1] + word in spoken:
            out[-1] += word
        else:
            out.append(word)
    return out


def _part(letters: str, spoken: Mapping[str, int]) -> list[str] | None:
    """Letters taken apart into words, or None. No word of the list begins another, so there is one way at most."""
    longest = max(map(len, spoken))
    parts, start = [], 0
    for end in range(1, len(letters) + 1):
        if letters[start:end] in spoken:
            parts.append(letters[start:end])
            start = end
        elif end - start > longest:
            return None
    return parts if start == len(letters) else None
