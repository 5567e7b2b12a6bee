"""The carry page: bundles that came on the stick are imported, what must go back is exported to it."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from crypto.chain import ForkError, GapError, read_gap
from crypto.errors import CryptoError, of_a_bundle
from crypto.manifest import Direction
from journalist_interface.desk.memory import TakenIn
from journalist_interface.desk.state import desk, place
from journalist_interface.desk.text import count, sentence
from store.bundle_names import is_bundle_name
from store.desk.errors import DeskError
from store.desk.model import ExportReport, ImportReport

MOST_LISTED: Final = 200

blueprint = Blueprint("bundles", __name__)


@dataclass(frozen=True)
class FoundBundle:
    """A file that, by its name, is a bundle from the intake host. Only the import tells whether it is."""

    name: str
    size: int
    taken_in: bool


@dataclass(frozen=True)
class Stick:
    """What is in the carry folder. `trouble` says why it cannot be read."""

    found: tuple[FoundBundle, ...] = ()
    others: int = 0
    trouble: str | None = None


def look(folder: Path, taken_in: TakenIn) -> Stick:
    """List the bundles in a folder that a stranger may have filled: plain names of plain files, no links followed."""
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        return Stick(trouble=f"{folder} cannot be read: {error.strerror}. Is the stick plugged in and mounted?")
    found: list[FoundBundle] = []
    others = 0
    for path in paths:
        try:
            ours = is_bundle_name(Direction.COLLECT, path.name) and path.is_file() and not path.is_symlink()
            if ours and len(found) < MOST_LISTED:
                about = path.stat()
                mark = (path.name, about.st_size, about.st_mtime_ns)
                found.append(FoundBundle(path.name, about.st_size, taken_in.holds(*mark)))
            else:
                others += 1
        except OSError:
            others += 1
    return Stick(tuple(found), others)


@blueprint.get("/carry")
def carry() -> ResponseReturnValue:
    return _page()


@blueprint.post("/carry/import")
def import_bundle() -> ResponseReturnValue:
    """Import one bundle of the list. A gap is named first, and taken over only when that was ticked."""
    folder, name = desk().carry_folder, request.form.get("bundle", "")
    # Only a name that is in the list right now is ever made a path.
    if name not in {bundle.name for bundle in look(folder, desk().taken_in).found}:
        return _page("That bundle is not in the folder any more."), 422
    try:
        accept_gap = read_gap(request.form["accept_gap"]) if "accept_gap" in request.form else None
    except ValueError:
        return _page("That form was not understood. Nothing was taken in."), 422
    try:
        report = place().importing.import_bundle(folder / name, accept_gap=accept_gap)
    except GapError as error:
        return _page(gap_in=name, gap=error), 409
    except ForkError as error:
        return _page(f"{name}: {sentence(str(error))} Carry nothing more and tell whoever keeps the line."), 409
    except CryptoError as error:
        return _page(f"{name} was refused and nothing was taken from it: {sentence(of_a_bundle(error))}"), 422
    except DeskError as error:
        return _page(sentence(str(error))), 422
    with suppress(OSError):
        about = (folder / name).stat()
        desk().taken_in.add(name, about.st_size, about.st_mtime_ns)
    loud = bool(report.alarms or report.damaged or report.gap)
    desk().notices.add(f"Bundle {report.number}: {imported(report)}", *_details(report), loud=loud)
    return redirect(url_for("bundles.carry"), 303)


@blueprint.post("/carry/export")
def export() -> ResponseReturnValue:
    """Put everything that the intake host has not acknowledged on the stick. Doing it twice changes nothing."""
    try:
        report = place().exporting.export(desk().carry_folder)
    except DeskError as error:
        return _page(sentence(str(error))), 422
    lost = (f"Missing here, verify this desk: bundle {number}" for number in report.missing)
    desk().notices.add(exported(report), *report.written, *lost, loud=bool(report.missing))
    return redirect(url_for("bundles.carry"), 303)


def imported(report: ImportReport) -> str:
    """What an import brought, in one sentence."""
    if report.already_had:
        return "it was taken in before. Nothing changed."
    parts = [count(report.messages, "message"), count(report.files, "file")]
    parts += [count(report.new_sources, "new source")] if report.new_sources else []
    return "taken in with " + ", ".join(parts) + "."


def exported(report: ExportReport) -> str:
    if not report.written:
        return "Nothing waits to be carried."
    new = count(report.replies, "new reply", "new replies")
    if report.onion_cards:
        new += f" and {count(report.onion_cards, 'onion card')}"
    if report.notice:
        new += " and the notice to sources"
    made = f", {new} in it" if report.made else ", nothing new in it"
    bundles = count(len(report.written), "bundle is", "bundles are")
    return f"{bundles} in the folder{made}. Carry it to the intake host."


def _details(report: ImportReport) -> list[str]:
    counted = [
        (report.damaged, "object could not be opened", "objects could not be opened"),
        (report.doubles, "object was here already", "objects were here already"),
        (report.replies_taken_in, "reply is at the intake host now", "replies are at the intake host now"),
        (report.mailboxes_closed, "mailbox was closed by its source", "mailboxes were closed by their sources"),
        (report.keys_destroyed, "old intake key was destroyed", "old intake keys were destroyed"),
    ]
    details = [count(number, one, many) for number, one, many in counted if number]
    if report.gap:
        details.insert(0, f"Bundles {report.gap[0]} to {report.gap[1]} were skipped over. The journal says so.")
    if report.asks_for_onion_card:
        details.append("The intake host asks this line to sign its onion address: the line page shows it.")
    return [*report.alarms, *details]


def _page(problem: str | None = None, *, gap_in: str | None = None, gap: GapError | None = None) -> str:
    here = place()
    return render_template(
        "carry.html",
        folder=desk().carry_folder,
        carry_hint=desk().carry_hint,
        stick=look(desk().carry_folder, desk().taken_in),
        waiting=here.exporting.waiting(),
        queued=here.replies.queued(),
        paired=here.host_fingerprint is not None,
        problem=problem,
        gap_in=gap_in,
        gap=gap,
    )
