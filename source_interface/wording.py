"""What a source is told about a submission, in plain sentences."""

from markupsafe import escape

from source_interface.reply_pages import safe_text
from source_interface.submission import Outcome, Problem

_MIB = 1024 * 1024
_NAME_CHARACTERS = 60
_NAME_HTML_BYTES = 120  # forty of them stand on one page, twice
_NAMES = 20
_LONGEST_NAME = 255  # characters that are looked at


def receipt(outcome: Outcome) -> str:
    """What arrived, in one or two sentences, without anything of the message itself."""
    kept = outcome.receipt
    sentences = []
    if kept is not None and kept.message:
        sentences.append("Your message arrived.")
    if kept is not None and kept.files:
        names = ", ".join(file_name(name) for name, _ in kept.files[:_NAMES])
        sentences.append(f"{_count(len(kept.files))} arrived whole: {names}.")
    if not sentences:
        sentences.append("Nothing of it arrived.")
    if Problem.BROKEN_OFF in outcome.problems:
        sentences.append("Then the connection broke off.")
        if outcome.refused:
            sentences.append(f"Not whole, and not kept: {', '.join(map(file_name, outcome.refused[:_NAMES]))}.")
        sentences.append("Please send what is missing again.")
    return " ".join(sentences)


def file_name(untrusted_name: str) -> str:
    """A name as the source will recognise it, cut and without turning marks."""
    whole = safe_text(untrusted_name[:_LONGEST_NAME]).replace("\n", " ")
    shown = whole[:_NAME_CHARACTERS]
    while len(escape(shown).encode("utf-8", "replace")) > _NAME_HTML_BYTES:
        shown = shown[:-1]
    return shown if shown == whole else shown[:-1] + "…"


def file_limit(file_bytes: int) -> str:
    return f"{file_bytes // _MIB} MiB" if file_bytes >= _MIB else f"{file_bytes} bytes"


def _count(files: int) -> str:
    return "1 file" if files == 1 else f"{files} files"
