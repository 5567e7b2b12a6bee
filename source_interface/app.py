"""Makes the WSGI application of the source interface."""

from importlib import resources

from flask import Response, g, request
from markupsafe import Markup

from crypto.kdf import LUWTE_KDF_1, Profile
from source_interface import headers, landing, leaving, login, mailbox, wording
from source_interface.derivation import Derivation
from source_interface.errors import QuietFlask, register
from source_interface.page import fill
from source_interface.services import EXTENSION, Services, services, visit
from source_interface.visit import Visit
from store.intake.place import IntakePlace


def create_app(place: IntakePlace, *, profile: Profile = LUWTE_KDF_1) -> QuietFlask:
    """The application for an opened intake host. The profile is for tests: no configuration reaches it."""
    app = QuietFlask(__name__, static_folder=None)
    app.config.update(MAX_FORM_MEMORY_SIZE=64 * 1024, PROPAGATE_EXCEPTIONS=False, PROVIDE_AUTOMATIC_OPTIONS=False)
    # Otherwise some addresses are answered with a redirect, which repeats the host name that was asked for.
    app.url_map.merge_slashes = app.url_map.strict_slashes = False
    app.extensions[EXTENSION] = Services(place, Derivation(place.keys, profile, place.settings))
    style = resources.files("source_interface").joinpath("templates", "style.css").read_text("utf-8")
    policy = headers.content_security_policy(style)
    app.jinja_env.globals.update(
        style=Markup(style),  # noqa: S704 - our own file
        line_name=place.line.name,
        language="en",
        direction="ltr",
        file_name=wording.file_name,
        file_limit=wording.file_limit,
        receipt_sentence=wording.receipt,
    )
    for blueprint in (landing.pages, login.pages, mailbox.pages, leaving.pages):
        app.register_blueprint(blueprint)
    register(app)

    @app.before_request
    def begin() -> None:
        g.visit = Visit(request, services().place.sessions)

    @app.context_processor
    def form_token() -> dict[str, str]:
        return {"token": visit().token}

    @app.after_request
    def finish(response: Response) -> Response:
        response.set_data(fill(response.get_data(as_text=True)))
        response.status = f"{response.status_code} Page"  # words of different length would tell pages apart
        headers.secure(response, policy)
        visit().finish(response)
        return response

    return app
