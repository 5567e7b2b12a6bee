"""Saving a source's file out of the desk. The desk itself shows no file: it says what a file is, and that names lie."""

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from journalist_interface.desk.state import desk, place
from store.desk.errors import FolderError

blueprint = Blueprint("files", __name__)


@blueprint.post("/source/<row:source_id>/file/<row:file_id>/save")
def save(source_id: int, file_id: int) -> ResponseReturnValue:
    """Decrypt the file into the configured folder, once for each form."""
    place().inbox.entry(file_id, of=source_id)
    folder = desk().save_folder
    with desk().forms.once(request.form.get("form_id", "")) as first:
        if first:
            try:
                folder.mkdir(mode=0o700, exist_ok=True)
            except OSError as error:
                raise FolderError(f"{folder} cannot be used: {error.strerror}") from error
            path = place().inbox.save_file(file_id, folder)
            desk().notices.add(
                f"Saved as {path}", "This copy is not encrypted. Delete it when you are done.", loud=True
            )
    return redirect(url_for("conversation.show", source_id=source_id, _anchor="notice"), 303)
