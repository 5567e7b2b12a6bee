"""Makes the WSGI application of the source interface."""

from collections.abc import Mapping
from contextlib import ExitStack
from importlib import resources

from flask import Response, g, request
from flask_babel import Babel
from markupsafe import Markup
from werkzeug.exceptions import BadRequest

from crypto import wordlists
from crypto.kdf import LUWTE_KDF_1, Profile
from source_interface import (
    advice_pages,
    answers,
    codename_pages,
    headers,
    landing,
    leaving,
    login,
    mailbox,
    progress,
    question_words,
    responding,
    switching,
    wording,
)
from source_interface.advice_library import FOLDER, AdviceLibrary
from source_interface.budgets import CIRCUIT, Budgets, BusyError, CountedBody, NoBudget
from source_interface.catalogues import offered
from source_interface.derivation import Derivation
from source_interface.errors import QuietFlask, register
from source_interface.language import current, number, one_of
from source_interface.languages import check_choices
from source_interface.line_words import line_words
from source_interface.page import fill
from source_interface.page_texts import page_texts
from source_interface.question_file import QuestionSource
from source_interface.question_form import QuestionForm
from source_interface.services import EXTENSION, Services, services, visit
from source_interface.visit import Visit
from store.intake.place import IntakePlace


def create_app(
    place: IntakePlace,
    budgets: Budgets | None = None,
    *,
    languages: Mapping[str, bool] | None = None,
    profile: Profile = LUWTE_KDF_1,
) -> QuietFlask:
    """The application for an opened intake host. The profile is for tests: no configuration reaches it.

    With `budgets`, every request must tell its circuit (CIRCUIT in the environment), and each circuit has its own. `languages`
    says of some, by tag, whether they are offered; ValueError when that cannot be.
    """
    wordlists.prepare()
    app = QuietFlask(__name__, static_folder=None)
    app.config.update(MAX_FORM_MEMORY_SIZE=64 * 1024, PROPAGATE_EXCEPTIONS=False, PROVIDE_AUTOMATIC_OPTIONS=False)
    # Otherwise some addresses are answered with a redirect, which repeats the host name that was asked for.
    app.url_map.merge_slashes = app.url_map.strict_slashes = False
    style = _fill_templates(app)
    questions = QuestionSource.load(place.state).asked
    tongues = offered(check_choices(languages or {}))
    app.extensions[EXTENSION] = Services(
        place,
        Derivation(place.keys, profile, place.settings),
        AdviceLibrary.load(place.state / FOLDER),
        questions,
        QuestionForm(app.jinja_env.get_template("_questions.html"), questions, tongues),
        tongues,
        budgets,
    )
    Babel(app, locale_selector=lambda: current().locale).domain_instance = page_texts()
    parts = (landing, codename_pages, advice_pages, login, mailbox, progress, responding, leaving, switching)
    for blueprint in (part.pages for part in parts):
        app.register_blueprint(blueprint)
    register(app)
    _surround_requests(app, headers.content_security_policy(style))
    return app


def _fill_templates(app: QuietFlask) -> str:
    """What every template may use. Returns the one style sheet."""
    style = resources.files("source_interface").joinpath("templates", "style.css").read_text("utf-8")
    app.jinja_env.globals.update(
        style=Markup(style),  # noqa: S704 - our own file
        file_name=wording.file_name,
        file_size=wording.file_size,
        number=number,
        one_of=one_of,
        too_long_sentence=wording.too_long,
    )
    app.jinja_env.filters.update(
        plain=question_words.plain,
        language_attributes=question_words.language_attributes,
        worded=question_words.worded,
        paragraphs=question_words.paragraphs,
    )
    return style


def _surround_requests(app: QuietFlask, csp: str) -> None:
    """A visit and a budget for each request, and one size for each answer."""

    @app.before_request
    def begin() -> str | None:
        sessions = services().place.sessions
        g.visit = Visit(request, sessions, services().languages)
        g.budget, g.request_ends = NoBudget(), ExitStack()
        sessions.remove_idle()
        budgets = services().budgets
        if budgets is None:
            return None
        circuit = request.environ.get(CIRCUIT)
        if circuit is None:
            raise BadRequest
        budget = g.budget = g.request_ends.enter_context(budgets.request(circuit))
        request.environ["wsgi.input"] = CountedBody(request.environ["wsgi.input"], budget)
        try:
            budget.admit()
        except BusyError:
            return answers.busy()
        return None

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        if "request_ends" in g:
            g.request_ends.close()

    @app.context_processor
    def of_this_request() -> dict[str, object]:
        line = line_words()
        return {
            "token": visit().token,
            "language": current(),
            "languages": services().languages,
            "line": line,
            "line_name": line.name,
        }

    @app.after_request
    def finish(response: Response) -> Response:
        response.set_data(fill(response.get_data(as_text=True)))
        response.status = f"{response.status_code} Page"  # words of different length would tell pages apart
        headers.secure(response, csp, leaving=visit().has_left)
        visit().finish(response)
        return response
