"""The desk's pages, served to this machine alone, opened by a link that works once."""

import secrets
from collections.abc import Callable
from pathlib import Path

from journalist_interface.desk.app import create_app
from journalist_interface.desk.serve import serve as serve_app
from store.files import write_whole


def serve(
    state: Path,
    *,
    port: int,
    carry_folder: Path,
    save_folder: Path,
    link_file: Path | None,
    say: Callable[[str], object],
) -> None:
    """Serve until stopped; tells the one-time link by `say`, and in `link_file` when given. OSError: port taken."""
    for folder in (carry_folder, save_folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    token = secrets.token_urlsafe(24)
    app = create_app(state, port=port, open_token=token, carry_folder=carry_folder, save_folder=save_folder)
    link = f"http://127.0.0.1:{port}/open/{token}"
    if link_file is not None:
        write_whole(link_file, [f"{link}\n".encode()])
    serve_app(app, port, ready=lambda: say(f"Open the desk with this link; it works once:\n    {link}"))
