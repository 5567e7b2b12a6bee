"""A server that reads a multipart body and keeps nothing, under the line's own gunicorn options.

    python -m tests.bench.discard werkzeug|luwte PORT|SOCKET

At a UNIX socket tor stands before it and tells each connection's circuit.

`werkzeug` takes the body apart as a Flask application's own form parsing does, in reads of 64 KiB; `luwte` with the line's
own receiver, in reads of 1 MiB.
"""

import sys
from typing import IO

from flask import Flask, Request, request
from werkzeug.formparser import FormDataParser

from deploy.circuits import CircuitPipe
from deploy.intake_server import IntakeServer
from deploy.intake_worker import Entry
from source_interface.receive import receive


class _Nowhere:
    """A file that forgets."""

    def write(self, data: bytes) -> int:
        return len(data)

    def seek(self, *_: int) -> int:
        return 0


class _ForgetfulRequest(Request):
    def _get_file_stream(self, *_: object, **__: object) -> IO[bytes]:
        return _Nowhere()  # type: ignore[return-value]  # all that the parser asks of a file

    def make_form_data_parser(self) -> FormDataParser:
        return self.form_data_parser_class(self._get_file_stream)


def make_app(how: str) -> Flask:
    app = Flask(__name__)
    app.request_class = _ForgetfulRequest

    @app.route("/", methods=["GET", "POST"])
    def take() -> str:
        if request.method == "POST" and how == "luwte":
            for _ in receive(request, most_field_bytes=1000):
                pass
        elif request.method == "POST":
            _ = request.form
        return "<p>taken</p>"

    return app


if __name__ == "__main__":
    how, where = sys.argv[1:]
    is_port = where.isdigit()
    bind, circuits = (
        f"127.0.0.1:{where}" if is_port else f"unix:{where}",
        None if is_port else CircuitPipe.open().closer(),
    )
    IntakeServer(bind, lambda: make_app(how), entry=Entry(circuits=circuits)).run()
