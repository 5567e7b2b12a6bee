"""Word lists that codenames and fingerprints draw from, frozen by id and SHA-256: old codenames work for ever."""

import hashlib
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Final

EFF_LARGE: Final = "eff-large-1"

_SHA256: Final = MappingProxyType({
    EFF_LARGE: "6d557f0693958fb5e650b68b5bee585eb82cf4da32965505c789e924743bc522",
})


@dataclass(frozen=True)
class WordList:
    """`words` in the list's order; `index` maps each word to its place in it."""

    list_id: str
    words: tuple[str, ...]
    index: MappingProxyType[str, int]


def load(list_id: str) -> WordList:
    """Read a list that ships with the program. RuntimeError when the installed file is not the frozen one."""
    data = resources.files("crypto").joinpath("wordlists", f"{list_id}.txt").read_bytes()
    if hashlib.sha256(data).hexdigest() != _SHA256[list_id]:
        raise RuntimeError(f"the word list {list_id} is damaged: install the program again")
    words = tuple(data.decode("ascii").splitlines())
    return WordList(list_id, words, MappingProxyType({word: i for i, word in enumerate(words)}))
