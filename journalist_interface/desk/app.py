"""The desk's application, put together."""

from collections.abc import Callable
from pathlib import Path

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

from crypto.kdf import Profile
from journalist_interface.desk import (
    asking,
    bundles,
    conversation,
    csrf,
    errors,
    files,
    gate,
    headers,
    inbox,
    line,
    line_notice,
    lock,
    text,
)
from journalist_interface.desk.gatekeeper import Gatekeeper
from journalist_interface.desk.holder import IDLE_SECONDS, DeskHolder, boot_seconds
from journalist_interface.desk.memory import Drafts, Notices, OneTimeForms, TakenIn
from journalist_interface.desk.serve import LARGEST_FORM
from journalist_interface.desk.state import KEY, DeskState
from store.clock import Clock, SystemClock


class RowConverter(IntegerConverter):
    """A number that a row can have; any other is no page."""

    def __init__(self, map: Map) -> None:  # noqa: A002 - Werkzeug's name
        super().__init__(map, max=2**63 - 1)


def create_app(
    state: Path,
    *,
    port: int,
    open_token: str,
    carry_folder: Path,
    save_folder: Path,
    carry_hint: str = "",
    opened: Callable[[], object] = lambda: None,
    clock: Clock | None = None,
    seconds: Callable[[], float] = boot_seconds,
    test_profile: Profile | None = None,
) -> Flask:
    """The pages of the desk in the folder `state`, locked.

    `port` is the one that it will be served on: any other Host is refused. `GET /open/<open_token>` works once, gives
    that browser its cookie and leads it to the pages' random root; the token has 128 bits or more. `carry_folder` is where
    the stick is mounted, `save_folder` where files are saved decrypted. `carry_hint` is a
    sentence on how bundles are carried here; `opened` is called when the link was used. `clock` gives days, `seconds`
    measures idle time; `test_profile` only for tests.
    """
    app = Flask(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_FORM, MAX_FORM_MEMORY_SIZE=LARGEST_FORM, MAX_FORM_PARTS=50)
    notices = Notices()
    holder = DeskHolder(state, clock or SystemClock(), seconds=seconds, test_profile=test_profile, forget=notices.clear)
    keeper = Gatekeeper(port, open_token)
    app.extensions[KEY] = DeskState(
        gatekeeper=keeper,
        holder=holder,
        forms=OneTimeForms(),
        notices=notices,
        drafts=Drafts(),
        taken_in=TakenIn(),
        carry_folder=carry_folder,
        save_folder=save_folder,
        carry_hint=carry_hint,
        opened=opened,
    )
    style = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    app.jinja_env.globals.update(style=style, take_notices=notices.take, idle_minutes=IDLE_SECONDS // 60)
    app.jinja_env.filters.update(
        day=text.day, size=text.size, plain=text.plain, one_line=text.one_line, sentence=text.sentence
    )
    app.jinja_env.filters.update(count=text.count, file_type=text.file_type)
    app.jinja_env.tests.update(short_of_keys=line.keys_warning, runs=text.runs)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.url_map.converters["row"] = RowConverter
    headers.install(app, style)
    errors.install(app)
    # The order is the order of their checks: the gate first.
    for part in (gate, csrf, lock, inbox, conversation, asking, files, bundles, line, line_notice):
        app.register_blueprint(part.blueprint)
    app.wsgi_app = gate.below_root(app.wsgi_app, keeper)  # type: ignore[method-assign,assignment]  # as Flask documents it
    return app
