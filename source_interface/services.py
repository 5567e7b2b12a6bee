"""What views need, constructed once by `create_app`."""

from dataclasses import dataclass
from typing import cast

from flask import current_app, g

from source_interface.advice_library import AdviceLibrary
from source_interface.budgets import Budget, Budgets, Expense
from source_interface.derivation import Derivation
from source_interface.languages import Language
from source_interface.question_form import QuestionForm
from source_interface.questions import Questions
from source_interface.visit import Visit
from store.intake.place import IntakePlace

EXTENSION = "luwte"


@dataclass(frozen=True)
class Services:
    """What `create_app` was given and has made of it.

    The opened intake host, the gate to key derivation, the advice, the questions and their form, the languages to choose
    from, and the circuits' budgets when tor stands before.
    """

    place: IntakePlace
    derivation: Derivation
    advice: AdviceLibrary
    questions: Questions
    question_form: QuestionForm
    languages: tuple[Language, ...]
    budgets: Budgets | None = None


def services() -> Services:
    return cast("Services", current_app.extensions[EXTENSION])


def visit() -> Visit:
    return cast("Visit", g.visit)


def budget() -> Budget:
    return cast("Budget", g.budget)


def begin_visit() -> None:
    """Spend the room that this visit needs, unless it holds a codename already. BusyError when that is one too many."""
    if not visit().session().slots:
        budget().spend(Expense.SESSIONS)
