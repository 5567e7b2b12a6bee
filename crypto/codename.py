"""Codenames: what a source keeps in their head.

A codename is a word list's id and indexes into it. Typed words are matched to indexes with forgiveness and never hashed
as text, so that no keyboard, accent or capital changes a key. All that can be said of what was typed is said before any
key is derived, from public lists alone: it tells nothing about any mailbox.
"""

import difflib
import secrets
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Final

from crypto import wordlists
from crypto.wordlists import EFF_LARGE, WordList

WORDS: Final = 7
LONGEST_TYPED: Final = 1_000  # characters; the longest codename has 76


class CodenameError(ValueError):
    """What was typed is no codename; nothing was derived from it."""


class UnknownWordError(CodenameError):
    """A word is on no list. `suggestions` are the nearest words that are, best first, at most three."""

    def __init__(self, word: str, suggestions: tuple[str, ...]) -> None:
        super().__init__("a word is on no list")
        self.word = word
        self.suggestions = suggestions


class WrongCountError(CodenameError):
    """All words are known but there are `found` of them instead of seven."""

    def __init__(self, found: int) -> None:
        super().__init__(f"a codename has {WORDS} words, not {found}")
        self.found = found


@dataclass(frozen=True, repr=False)
class Codename:
    """A word list's id and seven indexes from zero. Its repr shows nothing: it is a secret."""

    list_id: str
    indexes: tuple[int, ...]

    def __post_init__(self) -> None:
        count = len(_words(self.list_id).words)
        if len(self.indexes) != WORDS or not all(0 <= i < count for i in self.indexes):
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
    count = len(_words(EFF_LARGE).words)
    return Codename(EFF_LARGE, tuple(secrets.randbelow(count) for _ in range(WORDS)))


def parse(untrusted_typed: str) -> Codename:
    """The codename that a person meant. Raises UnknownWordError, WrongCountError or CodenameError."""
    if len(untrusted_typed) > LONGEST_TYPED:
        raise CodenameError("too long for a codename")
    words = _words(EFF_LARGE)
    folded = [part for word in _join_hyphened(_fold(untrusted_typed), words) for part in _part(word, words)]
    for word in folded:
        if word not in words.index:
            raise UnknownWordError(word, tuple(difflib.get_close_matches(word, words.words, n=3, cutoff=0.6)))
    if len(folded) != WORDS:
        raise WrongCountError(len(folded))
    return Codename(EFF_LARGE, tuple(words.index[word] for word in folded))


@cache
def _words(list_id: str) -> WordList:
    return wordlists.load(list_id)


def _fold(typed: str) -> list[str]:
    """Letters without marks, case or width; everything else separates words."""
    plain = unicodedata.normalize("NFKD", typed).casefold().replace("ı", "i")
    plain = unicodedata.normalize("NFKD", plain)
    kept = (c if c.isalpha() else "" if unicodedata.category(c) in ("Mn", "Cf") else " " for c in plain)
    return "".join(kept).split()


def _join_hyphened(folded: list[str], words: WordList) -> list[str]:
    """Put back the few words of the list that have a hyphen, however they were separated."""
    out: list[str] = []
    for word in folded:
        if out and (joined := f"{out[-1]}-{word}") in words.index:
            out[-1] = joined
        else:
            out.append(word)
    return [_HYPHENED.get(word, word) for word in out]


def _part(word: str, words: WordList) -> list[str]:
    """Words typed without blanks, taken apart. No word of the list begins another, so there is one way at most."""
    parts, start = [], 0
    for end in range(1, len(word) + 1):
        if word[start:end] in words.index:
            parts.append(word[start:end])
            start = end
    return parts if start == len(word) else [word]


_HYPHENED: Final = {word.replace("-", ""): word for word in ("drop-down", "felt-tip", "t-shirt", "yo-yo")}
