"""One worker under the line's own gunicorn options.

    python -m tests.bench.one_worker PORT [STATE]

Serves an intake host's pages; without one, a bare Flask application whose only page has their size.
"""

import sys
from pathlib import Path

from flask import Flask

from deploy.intake_server import IntakeServer
from source_interface import create_app
from source_interface.page import fill
from store.intake.place import IntakePlace


class OneWorker(IntakeServer):
    """Whoever stands in line waits for the one ahead."""

    def load_config(self) -> None:
        super().load_config()
        self.cfg.set("workers", 1)


def bare_app() -> Flask:
    app = Flask(__name__)
    app.get("/")(lambda: fill("<!doctype html><p>a page</p>"))
    return app


if __name__ == "__main__":
    port, *states = sys.argv[1:]

    def make_app() -> Flask:
        return create_app(IntakePlace.open(Path(states[0]))) if states else bare_app()

    OneWorker(f"127.0.0.1:{port}", make_app).run()
