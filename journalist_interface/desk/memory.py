"""Small things kept in memory between two pages of the one browser; nothing of it reaches a disk."""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

MOST_FORMS: Final = 1_000
MOST_DRAFTS: Final = 50
MOST_NOTICES: Final = 20


class OneTimeForms:
    """Numbers of forms that were sent, so that a form sent twice acts once. Thread-safe."""

    def __init__(self) -> None:
        self._used: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def new(self) -> str:
        return secrets.token_hex(16)

    @contextmanager
    def once(self, untrusted_form_id: str) -> Iterator[bool]:
        """Give whether to act: True the first time. When the block raises, the form may be sent again."""
        form_id = untrusted_form_id[:64]
        with self._lock:
            first = form_id not in self._used
            self._used[form_id] = None
            while len(self._used) > MOST_FORMS:
                self._used.popitem(last=False)
        try:
            yield first
        except BaseException:
            if first:
                with self._lock:
                    self._used.pop(form_id, None)
            raise


@dataclass(frozen=True)
class Notice:
    """What is told once, on the next page. `loud` when it needs attention."""

    text: str
    details: tuple[str, ...] = ()
    loud: bool = False


class Notices:
    """What the next page tells. Thread-safe."""

    def __init__(self) -> None:
        self._waiting: list[Notice] = []
        self._lock = threading.Lock()

    def add(self, text: str, *details: str, loud: bool = False) -> None:
        with self._lock:
            self._waiting = [*self._waiting, Notice(text, details, loud)][-MOST_NOTICES:]

    def take(self) -> list[Notice]:
        with self._lock:
            taken, self._waiting = self._waiting, []
        return taken

    def clear(self) -> None:
        self.take()


class TakenIn:
    """Which files on the stick were imported since the desk was started: a help for the eye, never a decision."""

    def __init__(self) -> None:
        self._marks: set[tuple[object, ...]] = set()

    def add(self, *mark: object) -> None:
        self._marks.add(mark)

    def holds(self, *mark: object) -> bool:
        return mark in self._marks


class Drafts:
    """Replies that could not be taken yet, by source, so that nothing typed is lost. Thread-safe."""

    def __init__(self) -> None:
        self._texts: OrderedDict[int, str] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, source_id: int, text: str) -> None:
        with self._lock:
            self._texts.pop(source_id, None)
            self._texts[source_id] = text
            while len(self._texts) > MOST_DRAFTS:
                self._texts.popitem(last=False)

    def get(self, source_id: int) -> str:
        with self._lock:
            return self._texts.get(source_id, "")

    def drop(self, source_id: int) -> None:
        with self._lock:
            self._texts.pop(source_id, None)

    def newest(self) -> int | None:
        """The source of the draft that was kept last."""
        with self._lock:
            return next(reversed(self._texts), None)
