"""The courier's endpoint under gunicorn: a process, an application and a socket of its own, beside the source's pages."""

import os
from collections.abc import Callable
from pathlib import Path

from deploy.intake_config import load_configuration
from deploy.intake_server import IntakeServer, check_bind, check_free
from journalist_interface.courier.endpoint import Endpoint
from store.files import exclusively
from store.intake.place import IntakePlace

_THREADS = 6  # couriers are few; one that holds many connections must not take the machine's memory


class CourierServer(IntakeServer):
    """Serves the few couriers of one intake host."""

    def load_config(self) -> None:
        super().load_config()
        self.cfg.set("workers", 1)
        self.cfg.set("threads", _THREADS)
        self.cfg.set("umask", 0o117)  # the socket: 0660


def serve(state: Path, bind: str, ready: Callable[[], None] = lambda: None) -> None:
    """Serve until told to stop. SetupError, LockedError, ConfigurationError or OSError before anything is bound."""
    configuration = load_configuration(state)

    def open_place() -> IntakePlace:
        return IntakePlace.open(state, settings=configuration.settings, database_url=configuration.database_url)

    first = open_place()
    try:
        with exclusively(state / "courier.lock", "the courier's endpoint of this host is being served already"):
            check_free(bind)
            first.inbox.sweep()
            first.close()
            os.umask(0o077)
            CourierServer(check_bind(bind), lambda: Endpoint(open_place()), ready).run()
    finally:
        first.close()
