"""Small things kept in memory between two pages of the one browser; nothing of it reaches a disk."""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
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


@dataclass(frozen=True)
class DraftOf:
    """Which form of which source a draft is of: `reply`, `consent` or `question`."""

    form: str
    source_id: int


class Drafts:
    """What was typed to sources and could not be taken yet, so that nothing of it is lost: each form's fields. Thread-safe."""

    def __init__(self) -> None:
        self._fields: OrderedDict[DraftOf, Mapping[str, str]] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, draft: DraftOf, fields: Mapping[str, str]) -> None:
        with self._lock:
            self._fields.pop(draft, None)
            self._fields[draft] = fields
            while len(self._fields) > MOST_DRAFTS:
                self._fields.popitem(last=False)

    def get(self, draft: DraftOf) -> Mapping[str, str]:
        with self._lock:
            return self._fields.get(draft, {})

    def drop(self, draft: DraftOf) -> None:
        with self._lock:
            self._fields.pop(draft, None)

    def drop_all(self, source_id: int) -> None:
        with self._lock:
            for draft in [one for one in self._fields if one.source_id == source_id]:
                del self._fields[draft]

    def newest(self) -> DraftOf | None:
        """Of the draft that was kept last."""
        with self._lock:
            return next(reversed(self._fields), None)
