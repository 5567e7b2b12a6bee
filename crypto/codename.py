"""Codenames: what a source keeps in their head.

A codename is a word list's id and indexes into it. Typed words are matched to indexes with forgiveness and never hashed
as text, so that no keyboard, accent or capital changes a key. All that can be said of what was typed is said before any
key is derived, from public lists alone: it tells nothing about any mailbox.
"""

import difflib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from crypto import wordlists
from crypto.letters import fold
from crypto.wordlists import DIGITS, EFF_LARGE, LIST_IDS, WordList

LONGEST_TYPED: Final = 1_000  # characters; the longest codename has 76
_LONGEST_NAMED: Final = 40  # letters of an unknown word that an error repeats
_MOST_NAMED: Final = 7  # unknown words that an error repeats


class CodenameError(ValueError):
    """What was typed is no codename; nothing was derived from it."""


class UnknownWordError(CodenameError):
    """Words are not on the list that was meant by most of what was typed, `list_id`, whose codenames have `expected` words.

    `words` are the first of them, at most seven, each with the nearest words that are on it, best first, at most three;
    `typed` is how many words were typed in all, as far as they can be told apart.
    """

    def __init__(self, words: tuple[tuple[str, tuple[str, ...]], ...], typed: int, meant: WordList) -> None:
        super().__init__("a word is on no list")
        self.words = words
        self.typed = typed
        self.list_id, self.expected = meant.list_id, meant.length


class WrongCountError(CodenameError):
    """All words are on the list `list_id` but there are `found` of them instead of `expected`. For `digits-1` these are
    digits: of a group that lacks one, nobody can say which it is."""

    def __init__(self, list_id: str, found: int, expected: int) -> None:
        super().__init__(f"a codename of {list_id} has {expected}, not {found}")
        self.list_id, self.found, self.expected = list_id, found, expected


@dataclass(frozen=True, repr=False)
class Codename:
    """A word list's id and indexes from zero. Its repr shows nothing: it is a secret.

    ValueError for an unknown list, another number of words than the list's codenames have, an index outside the list, or
    that of a word that sounds as an earlier one does.
    """

    list_id: str
    indexes: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.list_id not in LIST_IDS:
            raise ValueError("unknown word list")
        if len(self.indexes) != self._list.length or not self._list.usable.issuperset(self.indexes):
            raise ValueError("not a codename of its list")

    @property
    def _list(self) -> WordList:
        return wordlists.load(self.list_id)

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self._list.words[i] for i in self.indexes)

    @property
    def text(self) -> str:
        """As a person writes it down: words, or groups of characters or digits, with blanks between."""
        words, together = self.words, self._list.together
        return " ".join("".join(words[i : i + together]) for i in range(0, len(words), together))

    @property
    def canonical(self) -> bytes:
        """The bytes that keys are derived from (docs/formats.md §2.3)."""
        return f"{self.list_id}:{'-'.join(map(str, self.indexes))}".encode("ascii")

    @classmethod
    def from_canonical(cls, canonical: bytes) -> "Codename":
        """The inverse of `canonical`; ValueError for anything else."""
        list_id, _, tail = canonical.decode("ascii").partition(":")
        codename = cls(list_id, tuple(map(int, tail.split("-"))))
        if codename.canonical != canonical:
            raise ValueError("not the one encoding of a codename")
        return codename


def generate(list_id: str = EFF_LARGE) -> Codename:
    """A fresh codename of the list, of at least 88 bits from the operating system, which `parse` reads as no other."""
    wordlist = wordlists.load(list_id)
    usable = sorted(wordlist.usable)
    while True:
        one = Codename(list_id, tuple(secrets.choice(usable) for _ in range(wordlist.length)))
        if parse(one.text) == one:
            return one


def parse(untrusted_typed: str) -> Codename:
    """The codename that a person meant, whatever list it is of. Raises UnknownWordError, WrongCountError or CodenameError."""
    if len(untrusted_typed) > LONGEST_TYPED:
        raise CodenameError("too long for a codename")
    folded = fold(untrusted_typed)
    letters = "".join(folded)
    if len(letters) > LONGEST_TYPED:  # one character may stand for many letters
        raise CodenameError("too long for a codename")
    lists = [wordlists.load(list_id) for list_id in LIST_IDS]
    parted = [(one, parts) for one in lists if (parts := one.part(letters)) is not None]
    for one, parts in parted:
        if len(parts) == one.length:
            return Codename(one.list_id, parts)
    if letters.isdecimal():
        digits = wordlists.load(DIGITS)
        raise WrongCountError(DIGITS, len(letters), digits.length * digits.longest)
    for one, parts in parted:
        raise WrongCountError(one.list_id, len(parts), one.length)
    raise _unknown(folded, max(lists, key=lambda one: _likeness(folded, one)))


def _likeness(folded: list[str], wordlist: WordList) -> tuple[int, int]:
    """How many typed words are on the list, and how many could be by their letters."""
    words = _apart(folded, wordlist)
    known = sum(wordlist.part(word) is not None for word in words)
    return known, sum(wordlist.alphabet.issuperset(word) for word in words)


def _unknown(folded: list[str], meant: WordList) -> UnknownWordError:
    """The typed words that are no word of the list and not several of them."""
    words = _apart(folded, meant)
    parted = {word: meant.part(word) for word in words}
    unknown = [word for word, parts in parted.items() if parts is None][:_MOST_NAMED]
    typed = sum(len(parted[word] or (word,)) for word in words)
    return UnknownWordError(tuple((word[:_LONGEST_NAMED], _nearest(word, meant)) for word in unknown), typed, meant)


def _nearest(word: str, wordlist: WordList) -> tuple[str, ...]:
    near = difflib.get_close_matches(word[:_LONGEST_NAMED], wordlist.spoken, n=3, cutoff=0.6)
    return tuple(wordlist.words[wordlist.spoken[letters]] for letters in near)


def _apart(folded: Iterable[str], wordlist: WordList) -> list[str]:
    """Typed words as the list has them: the few that it writes with a hyphen put back together, so that none of their
    halves is called unknown; characters each for itself where each is a word."""
    if wordlist.longest == 1:
        return list("".join(folded))
    out: list[str] = []
    for word in folded:
        if out and out[-1] not in wordlist.spoken and out[-1] + word in wordlist.spoken:
            out[-1] += word
        else:
            out.append(word)
    return out
