"""`luwte-intake advice`: which advice texts there are, in which languages, how old they are, and what is wrong with them."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import click

from deploy.command import count, show_table
from source_interface.advice_library import FOLDER, AdviceLibrary
from source_interface.languages import ENGLISH
from store.clock import date_of
from store.intake.place import IntakePlace

_STALE_DAYS: Final = 365


@dataclass(frozen=True)
class AdviceReport:
    """A host's advice as it is on a day."""

    library: AdviceLibrary
    today: date

    @classmethod
    def of(cls, place: IntakePlace) -> "AdviceReport":
        library = AdviceLibrary.load(place.state / FOLDER)
        return cls(library, date_of(place.today()))

    @property
    def stale(self) -> list[str]:
        """The texts that nobody has checked for more than a year."""
        return [
            f"{language}/{topic} ({text.reviewed})"
            for (language, topic), text in sorted(self.library.texts.items())
            if (self.today - text.reviewed).days > _STALE_DAYS
        ]

    @property
    def faults(self) -> list[str]:
        """What is wrong with the line's files. A text that was checked on a day to come would never grow old."""
        days = {key: self.library.texts[key].reviewed for key in sorted(self.library.own)}
        early = [
            f"{FOLDER}/{language}/{topic}.md: reviewed: {day} is still to come"
            for (language, topic), day in days.items()
            if day > self.today
        ]
        return [*self.library.faults, *early]

    def show(self) -> None:
        """A table, what is shown in English instead, then what needs the operator."""
        show_table([
            ["language", "texts", "oldest check", "the line's own"],
            *(self._row(language) for language in self.library.languages),
        ])
        for topics, languages in self._in_english().items():
            click.echo(f"Shown in English in {', '.join(languages)}: {', '.join(topics)}")
        for text in self.stale:
            click.echo(f"Checked more than a year ago: {text}")
        for fault in self.faults:
            click.echo(f"Error: {fault}", err=True)

    def in_short(self) -> str:
        """One line for `luwte-intake status`."""
        told = f"{count(len(self.library.texts), 'text')}, {len(self.library.own)} of the line's own"
        needs = [f"{len(self.stale)} checked more than a year ago"] if self.stale else []
        needs += [count(len(self.faults), "error")] if self.faults else []
        return f"{told} - WARNING: {', '.join(needs)}; luwte-intake advice names them" if needs else told

    def _row(self, language: str) -> list[str]:
        texts = self.library.written_in(language)
        oldest = min(text.reviewed for text in texts)
        own = [f"{text.topic} ({text.reviewed})" for text in texts if (language, text.topic) in self.library.own]
        return [language, f"{len(texts)} of {len(self.library.topics)}", str(oldest), ", ".join(own) or "-"]

    def _in_english(self) -> dict[tuple[str, ...], list[str]]:
        """The topics that readers of a language find in English, with all languages of which that is so."""
        english = {text.topic for text in self.library.written_in(ENGLISH.tag)}
        found: dict[tuple[str, ...], list[str]] = {}
        for language in self.library.languages:
            missing = english - {text.topic for text in self.library.written_in(language)}
            if missing:
                topics = tuple(topic for topic in self.library.topics if topic in missing)
                found.setdefault(topics, []).append(language)
        return found
