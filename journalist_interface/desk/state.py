"""What the pages share: constructed once by `create_app`, reached through the application."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from flask import current_app, g

from journalist_interface.desk.gatekeeper import Gatekeeper
from journalist_interface.desk.holder import DeskHolder
from journalist_interface.desk.memory import Drafts, Notices, OneTimeForms, TakenIn
from store.desk.place import DeskPlace

KEY: Final = "luwte-desk"


@dataclass(frozen=True)
class DeskState:
    """`carry_folder` is where bundles come from and go to, `save_folder` where files are saved; see `create_app`."""

    gatekeeper: Gatekeeper
    holder: DeskHolder
    forms: OneTimeForms
    notices: Notices
    drafts: Drafts
    taken_in: TakenIn
    carry_folder: Path
    save_folder: Path
    carry_hint: str
    opened: Callable[[], object]


def desk() -> DeskState:
    """The state of the application that answers this request."""
    return cast(DeskState, current_app.extensions[KEY])


def place() -> DeskPlace:
    """The unlocked desk that this request holds open; see `lock`."""
    return cast(DeskPlace, g.place)
