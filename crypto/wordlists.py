"""Word lists that codenames and fingerprints draw from, frozen by id and SHA-256: old codenames work for ever.

In each list no word's letters begin another's, so that there is one way at most to take letters apart into its words.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from types import MappingProxyType
from typing import Final

from crypto.letters import fold

EFF_LARGE: Final = "eff-large-1"
DIGITS: Final = "digits-1"


@dataclass(frozen=True)
class _Frozen:
    language: str
    length: int
    sha256: str
    together: int = 1


_FROZEN: Final = MappingProxyType({
    EFF_LARGE: _Frozen("en", 7, "6d557f0693958fb5e650b68b5bee585eb82cf4da32965505c789e924743bc522"),
    "de-1": _Frozen("de", 7, "a96b3e93c2773e887864c7b81af4da05c7589161d0838c2bbc92bd36e459228e"),
    "fr-1": _Frozen("fr", 7, "20d641e9f4c6ccc01c3249600b92275971bfd74340bccf165188a7a71623b166"),
    "es-1": _Frozen("es", 7, "756a38a37e88a88302f79ea8efb487e25dfdd4ea4eb4bd5899ed86a4e0233245"),
    "it-1": _Frozen("it", 7, "00fee587c6718300c2c4a1ce135e01981aaf60212d671d2e80e47b42ec25df51"),
    "pt-br-1": _Frozen("pt-BR", 7, "fc81bf7faf3ee724a70c11c856de83ecd0410341d2e2729bd1ae5d28a325e001"),
    "tr-1": _Frozen("tr", 8, "7afbc765107733e251e103d3111ece5d14e630e73851ac466518107a9a2b2875"),
    "ru-1": _Frozen("ru", 8, "c9458f1997f6a6e0e8b4b691de850aa6af15fabca197e56baa6234933af1fffc"),
    "zh-hans-1": _Frozen("zh-Hans", 9, "16e0209e2d00b87b97563b55a87bc9824c580aa763ecc18592e175480141786a", together=3),
    "zh-hant-1": _Frozen("zh-Hant", 9, "e396267bc07b49812682c8cfc34e7aa15a5e3c52acdc8fd8a2e81733599ca182", together=3),
    DIGITS: _Frozen("zxx", 7, "9582c82c0e979ad4740159fd2ec5d74526aeb48ac07bda14b2745a25206ae9f4"),
})

# Earlier lists win where a text fits two. This order is frozen, too: a new list goes to its end, or old codenames change.
LIST_IDS: Final = tuple(_FROZEN)


@dataclass(frozen=True)
class WordList:
    """`words` in the list's order.

    A codename has `length` of them, shown `together` so many without a blank. `language` is a BCP 47 tag. Every list is
    read from left to right, digits on a right-to-left page, too.
    """

    list_id: str
    language: str
    length: int
    together: int
    words: tuple[str, ...]
    direction: str = "ltr"

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Each word's place in the list."""
        return MappingProxyType({word: i for i, word in enumerate(self.words)})

    @cached_property
    def spoken(self) -> Mapping[str, int]:
        """Each word's letters and its index. `yo-yo` and `yoyo` have the same letters: the first stands for both."""
        spoken: dict[str, int] = {}
        for index, word in enumerate(self.words):
            spoken.setdefault("".join(fold(word)), index)
        return MappingProxyType(spoken)

    @cached_property
    def usable(self) -> frozenset[int]:
        return frozenset(self.spoken.values())

    @cached_property
    def longest(self) -> int:
        """Letters of the longest word."""
        return max(map(len, self.spoken))

    @cached_property
    def alphabet(self) -> frozenset[str]:
        return frozenset("".join(self.spoken))

    def part(self, letters: str) -> tuple[int, ...] | None:
        """Letters taken apart into words of the list, or None. It looks at each letter once."""
        parts, start = [], 0
        for end in range(1, len(letters) + 1):
            index = self.spoken.get(letters[start:end])
            if index is not None:
                parts.append(index)
                start = end
            elif end - start > self.longest:
                return None
        return tuple(parts) if start == len(letters) else None


@cache
def load(list_id: str) -> WordList:
    """A list that ships with the program. RuntimeError when the installed file is not the frozen one."""
    frozen = _FROZEN[list_id]
    data = _digits() if list_id == DIGITS else _file(list_id)
    if hashlib.sha256(data).hexdigest() != frozen.sha256:
        raise RuntimeError(f"the word list {list_id} is damaged: install the program again")
    words = tuple(data.decode("utf-8").splitlines())
    return WordList(list_id, frozen.language, frozen.length, frozen.together, words)


def prepare() -> None:
    """Read every list now: else the first to come after a start waits longer, and who measures that knows that nobody came
    before."""
    for one in map(load, LIST_IDS):
        _ = one.usable, one.longest, one.alphabet


def _file(list_id: str) -> bytes:
    return resources.files("crypto").joinpath("wordlists", f"{list_id}.txt").read_bytes()


def _digits() -> bytes:
    return "".join(f"{number:04}\n" for number in range(10_000)).encode("ascii")
