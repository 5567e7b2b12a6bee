"""The desk's pages, served to this machine alone, opened by a link that works once."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from journalist_interface.desk.app import create_app
from journalist_interface.desk.serve import serve as serve_app
from store.files import exclusively, write_whole


def serve(
    state: Path,
    *,
    port: int,
    carry_folder: Path | None,
    save_folder: Path,
    link_file: Path | None,
    carry_hint: str,
    say: Callable[[str], object],
) -> None:
    """Serve until stopped; tells the one-time link by `say`, and in `link_file` when given, until it is used.

    `carry_folder` is not made: a bundle for a stick that is not mounted would stay on this disk. None takes a folder of the
    desk's own. LockedError: this desk is being served. OSError: port taken.
    """
    with exclusively(state / "serve.lock", "this desk is being served already"):
        own = () if carry_folder else (state / "stick",)
        for folder in (*own, save_folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        token = secrets.token_urlsafe(24)
        app = create_app(
            state,
            port=port,
            open_token=token,
            carry_folder=carry_folder or state / "stick",
            save_folder=save_folder,
            carry_hint=carry_hint,
            opened=partial(_remove, link_file),
        )
        link = f"http://127.0.0.1:{port}/open/{token}"
        if link_file is not None:
            write_whole(link_file, [f"{link}\n".encode()])
        serve_app(app, port, ready=lambda: say(f"Open the desk with this link; it works once:\n    {link}"))


def _remove(link_file: Path | None) -> None:
    """A used link opens nothing; that it is gone tells who looks for it that it was used."""
    if link_file is not None:
        with suppress(OSError):
            link_file.unlink()
