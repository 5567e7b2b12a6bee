"""Handlers' passphrases: drawn words are offered, typed ones must have a length worth stretching."""

import secrets
import unicodedata
from typing import Final

from crypto import wordlists
from crypto.wordlists import EFF_LARGE
from store.desk.errors import WeakPassphraseError

WORDS: Final = 7  # 90 bits
LEAST_CHARACTERS: Final = 16
MOST_CHARACTERS: Final = 1_000


def propose() -> str:
    """A fresh passphrase of seven words of the EFF large list, from the operating system's randomness."""
    words = wordlists.load(EFF_LARGE).words
    return " ".join(secrets.choice(words) for _ in range(WORDS))


def check_new(passphrase: str) -> None:
    """Raise WeakPassphraseError unless a passphrase may be set. Counted as it will be stretched: NFKC, trimmed."""
    length = len(unicodedata.normalize("NFKC", passphrase.strip()))
    if length < LEAST_CHARACTERS:
        raise WeakPassphraseError(f"a passphrase has at least {LEAST_CHARACTERS} characters: six random words or more")
    if length > MOST_CHARACTERS:
        raise WeakPassphraseError(f"a passphrase has at most {MOST_CHARACTERS} characters")
