"""All advice texts of a host: those that ship with Luwte, and in their place those that the line has put into its folder.

`FOLDER/<language>/<topic>.md` replaces a text or adds a topic. A file that is wrong is named in `faults`, and what ships is
shown instead: it never takes a page away. What the line says of itself is in no file: it comes signed, in a notice.

Files are read once, when the application starts. A file that were read for a page would keep the time of it on the disk.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Final, TypeVar

from crypto.line_notice import is_language
from source_interface.advice import MOST_FILE_BYTES, AdviceError, AdviceText, parse_advice, parse_words
from source_interface.languages import ENGLISH

FOLDER: Final = "advice"
ABOUT: Final = ("protect", "readers")  # about the line itself
_WORDS: Final = "words.toml"
_ORDER: Final = (
    *("support", "followed", "relatives", "travel", "doxxing", "informant", "devices", "messaging", "address"),
    *("evidence", "tor", "codename", "onion-address"),
)
_TOPIC: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MOST_OWN_TOPICS: Final = 40  # so that the list of topics fits on a page
_MOST_TOPIC: Final = 40  # characters

_Key = tuple[str, str]  # language and topic
_T = TypeVar("_T")


@dataclass(frozen=True)
class AdviceLibrary:
    """Every text by language and topic, which of them are the line's own, and what is wrong with its files.

    `words` are by language what stands in a text's placeholders where the line says nothing of itself.
    """

    texts: Mapping[_Key, AdviceText]
    words: Mapping[str, Mapping[str, str]]
    own: frozenset[_Key]
    faults: tuple[str, ...]

    @classmethod
    def load(cls, folder: Path) -> "AdviceLibrary":
        """What ships, with what is in the line's folder, if there is one. Whatever is wrong there becomes a fault."""
        reading = _OwnFiles(folder)
        own = reading.read()
        texts, words = _shipped()
        return cls(texts | own, words, frozenset(own), tuple(reading.faults))

    @property
    def languages(self) -> list[str]:
        return sorted({language for language, _ in self.texts})

    @property
    def topics(self) -> list[str]:
        """All topics in the order in which people are shown them: what ships, the line's own, then what is about the line."""
        known = {topic for _, topic in self.texts}
        return [*_ORDER, *sorted(known - {*_ORDER, *ABOUT}), *ABOUT]

    def get(self, language: str, topic: str) -> AdviceText | None:
        """The text in this language, else in English."""
        return self.texts.get((language, topic)) or self.texts.get((ENGLISH.tag, topic))

    def words_in(self, language: str) -> Mapping[str, str]:
        """What ships for the placeholders in this language, or in English."""
        return {**self.words[ENGLISH.tag], **self.words.get(language, {})}

    def written_in(self, language: str) -> list[AdviceText]:
        """The texts that there are in this language itself."""
        return [text for (of, _), text in self.texts.items() if of == language]

    def all_in(self, language: str) -> list[AdviceText]:
        """A text for each topic that there is in this language or in English."""
        return [text for topic in self.topics if (text := self.get(language, topic)) is not None]


@cache
def _shipped() -> tuple[dict[_Key, AdviceText], dict[str, dict[str, str]]]:
    """What ships with Luwte, parsed once a process: texts, and words by language."""
    texts: dict[_Key, AdviceText] = {}
    words: dict[str, dict[str, str]] = {}
    for folder in resources.files("source_interface").joinpath(FOLDER).iterdir():
        for file in folder.iterdir():
            if file.name == _WORDS:
                words[folder.name] = parse_words(file.read_bytes())
            else:
                topic = file.name.removesuffix(".md")
                texts[folder.name, topic] = parse_advice(topic, folder.name, file.read_bytes())
    return texts, words


class _OwnFiles:
    """Reads the line's folder, and collects what is wrong with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.faults: list[str] = []

    def attempt(self, path: Path, step: Callable[[], _T]) -> _T | None:
        """The step's result; None when it failed, which is noted under the file's name."""
        try:
            return step()
        except AdviceError as error:
            self.faults.append(f"{FOLDER}/{path}: {error}")
        except OSError as error:
            self.faults.append(f"{FOLDER}/{path}: it cannot be read: {error.strerror}")
        return None

    def read(self) -> dict[_Key, AdviceText]:
        texts: dict[_Key, AdviceText] = {}
        for path in self._files():
            text = self.attempt(path, partial(_own_text, self._folder, path))
            if text is not None:
                texts[text.language, text.topic] = text
        added = sorted({topic for _, topic in texts} - {*_ORDER, *ABOUT})
        if too_many := added[_MOST_OWN_TOPICS:]:
            self.faults.append(f"{FOLDER}: more than {_MOST_OWN_TOPICS} own topics; not shown: {', '.join(too_many)}")
        return {key: text for key, text in texts.items() if key[1] not in too_many}

    def _files(self) -> Iterator[Path]:
        """Each file as LANGUAGE/NAME. Hidden ones, as editors leave them, are passed over."""
        for folder in self._inside(Path()):
            if not is_language(folder.name):
                self.faults.append(f"{FOLDER}/{folder}: this is not the code of a language, such as en, nl or zh-Hans")
            else:
                yield from self._inside(folder)

    def _inside(self, path: Path) -> list[Path]:
        if path == Path() and not self._folder.exists():
            return []
        names = self.attempt(path, lambda: sorted(inside.name for inside in (self._folder / path).iterdir()))
        return [path / name for name in names or () if not name.startswith(".")]


def _own_text(folder: Path, path: Path) -> AdviceText:
    language, name = path.parts
    topic = name.removesuffix(".md")
    if topic == name or not _TOPIC.fullmatch(topic) or len(topic) > _MOST_TOPIC:
        raise AdviceError("the name must be that of a topic, in a-z, 0-9 and -, with .md at its end")
    return parse_advice(topic, language, _read(folder / path))


def _read(file: Path) -> bytes:
    if not file.is_file():
        raise AdviceError("this is not a file")
    with file.open("rb") as opened:
        return opened.read(MOST_FILE_BYTES + 1)
