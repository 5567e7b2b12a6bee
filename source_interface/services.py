"""What views need, constructed once by `create_app`."""

from dataclasses import dataclass
from typing import cast

from flask import current_app, g

from source_interface.derivation import Derivation
from source_interface.visit import Visit
from store.intake.place import IntakePlace

EXTENSION = "luwte"


@dataclass(frozen=True)
class Services:
    """The opened intake host, and the gate to key derivation."""

    place: IntakePlace
    derivation: Derivation


def services() -> Services:
    return cast("Services", current_app.extensions[EXTENSION])


def visit() -> Visit:
    return cast("Visit", g.visit)
