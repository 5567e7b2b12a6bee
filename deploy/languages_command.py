"""`luwte-intake languages`: the languages of the source's pages, how complete and reviewed each is, and which are offered."""

from collections.abc import Mapping

import click

from deploy.command import show_table
from source_interface.advice_library import FOLDER, AdviceLibrary
from source_interface.catalogues import Catalogue, catalogues, offered
from store.intake.place import IntakePlace


def show(choices: Mapping[str, bool], place: IntakePlace) -> None:
    """A table, with the advice of this host, then how to change it."""
    library = AdviceLibrary.load(place.state / FOLDER)
    shown = {language.tag for language in offered(choices)}
    rows = [["language", "offered", "translated", "reviewed by a native speaker", "advice", "name"]]
    for tag, catalogue in catalogues().items():
        why = "" if tag not in choices else ", as intake.toml says"
        rows.append([
            tag,
            ("yes" if tag in shown else "no") + why,
            f"{catalogue.translated} of {catalogue.texts}",
            _review(catalogue),
            _advice(catalogue, library),
            catalogue.language.name,
        ])
    show_table(rows)
    click.echo("To offer a language or not, write into intake.toml, under [languages]:  ti = true  or  tr = false")
    click.echo("An unreviewed translation can mislead. Have a native speaker read it before people depend on it.")


def _review(catalogue: Catalogue) -> str:
    if catalogue.is_source:
        return "(the source)"
    return catalogue.reviewed or "no"


def _advice(catalogue: Catalogue, library: AdviceLibrary) -> str:
    texts = library.written_in(catalogue.language.tag)
    there = f"{len(texts)} of {len(library.topics)}"
    if catalogue.is_source:
        return there
    return f"{there}, {sum(bool(text.native_speaker) for text in texts)} reviewed"
