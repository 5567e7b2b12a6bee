"""The intake host's side: a WSGI application of its own, for the courier's onion service (docs/formats.md §8).

It hands out sealed bundles and takes sealed bundles in. What it says is what whoever carries them needs: numbers, sizes,
hashes, and why one was not taken in; nothing about sources, and no time. Whoever asks without end learns on which UTC day
something came, never when on that day: what came today is in no bundle that is made here (`store.intake.courier_days`).
"""

import logging
import re
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from crypto.chain import GapError
from crypto.errors import CryptoError
from journalist_interface.courier.protocol import KIND, ROOT, Offer, Offered, Refusal, Refused, Taken, UploadState
from store.files import LockedError
from store.intake.collect import Outgoing
from store.intake.errors import (
    BundleRefusedError,
    IntakeError,
    NoSpaceError,
    UploadDamagedError,
    UploadOffsetError,
)
from store.intake.inbox import Upload
from store.intake.place import IntakePlace
from store.plain_files import open_plain

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_PIECE: Final = 1 << 16
_RANGE: Final = re.compile(r"bytes=([0-9]{1,15})-([0-9]{1,15})?", re.ASCII)
_STATUS: Final = {
    Refusal.BUSY: 503,
    Refusal.FULL: 507,
    Refusal.OFFSET: 409,
    Refusal.DAMAGED: 422,
    Refusal.REFUSED: 422,
    Refusal.GAP: 409,
    Refusal.MISSING: 404,
    Refusal.RANGE: 416,
    Refusal.UNCLEAR: 400,
    Refusal.FAULT: 500,
}
_log = logging.getLogger("luwte.courier")


class Endpoint:
    """The application for an opened intake host. Safe for threads."""

    def __init__(self, place: IntakePlace) -> None:
        self._place = place
        self._map = Map(
            [
                Rule(f"{ROOT}/collect", endpoint=self._collect, methods=["POST"]),
                Rule(f"{ROOT}/bundles/<int(max=2147483647):number>", endpoint=self._bundle, methods=["GET"]),
                Rule(f"{ROOT}/uploads/<untrusted_name>", endpoint=self._state, methods=["GET"]),
                Rule(f"{ROOT}/uploads/<untrusted_name>/<int:offset>", endpoint=self._append, methods=["POST"]),
                Rule(f"{ROOT}/uploads/<untrusted_name>/take", endpoint=self._take, methods=["POST"]),
            ],
            merge_slashes=False,
        )

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        response = self._respond(Request(environ))
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response(environ, start_response)

    def _respond(self, request: Request) -> Response:
        try:
            handle, values = self._map.bind_to_environ(request.environ).match()
            found: Response = handle(request, **values)
        except HTTPException as error:
            refusal = Refusal.MISSING if error.code == 404 else Refusal.UNCLEAR
            return _refuse(refusal, "there is nothing at this address")
        except LockedError as error:
            return _refuse(Refusal.BUSY, str(error))
        except NoSpaceError as error:
            return _refuse(Refusal.FULL, str(error))
        except UploadOffsetError as error:
            return _refuse(Refusal.OFFSET, str(error))
        except UploadDamagedError as error:
            return _refuse(Refusal.DAMAGED, str(error))
        except IntakeError as error:
            return _refuse(Refusal.REFUSED, str(error))
        except Exception as error:  # noqa: BLE001 - what is broken here is told without what was asked
            _log.error("fault: %s", _positions(error))
            return _refuse(Refusal.FAULT, "the intake host has a fault; tell its operator")
        return found

    def _collect(self, _request: Request) -> Response:
        made = self._place.collector.make_for_courier()
        waiting = self._place.collector.outgoing()
        still = tuple(number for number in made if number in {one.number for one in waiting})
        return _answer(Offer(still, tuple(Offered(one.number, one.size, one.sha256) for one in waiting)).encode())

    def _bundle(self, request: Request, number: int) -> Response:
        bundle = next((one for one in self._place.collector.outgoing() if one.number == number), None)
        if bundle is None:
            return _gone(number)
        untrusted_range = request.headers.get("Range")
        part = range(bundle.size) if untrusted_range is None else _part(untrusted_range, bundle.size)
        if part is None:
            response = _refuse(Refusal.RANGE, "there is no such part of this bundle")
            response.headers["Content-Range"] = f"bytes */{bundle.size}"
            return response
        try:
            body = _Part(bundle, part)
        except FileNotFoundError:  # acknowledged a moment ago
            return _gone(number)
        response = Response(body, status=200, content_type="application/octet-stream")
        response.headers["Accept-Ranges"] = "bytes"
        response.headers["Content-Length"] = str(len(part))
        if untrusted_range is not None:
            response.status_code = 206
            response.headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{bundle.size}"
        return response

    def _state(self, _request: Request, untrusted_name: str) -> Response:
        upload = Upload.parse(untrusted_name)
        if upload is None:
            return _no_upload()
        return _answer(UploadState(self._place.inbox.have(upload), self._taken(upload)).encode())

    def _append(self, request: Request, untrusted_name: str, offset: int) -> Response:
        upload, length = Upload.parse(untrusted_name), request.content_length
        if upload is None:
            return _no_upload()
        # A body in chunks says no length, and gives none here.
        if length is None or offset + length > upload.size:
            return _refuse(Refusal.UNCLEAR, "how much is sent must be said, and be no more than was announced")
        have = self._place.inbox.append(upload, offset, _pieces(request.environ["wsgi.input"].read, length))
        return _answer(UploadState(have).encode())

    def _take(self, _request: Request, untrusted_name: str) -> Response:
        upload = Upload.parse(untrusted_name)
        if upload is None:
            return _no_upload()
        if taken := self._taken(upload):
            return _answer(Taken(taken, before=True).encode())
        with self._place.inbox.whole(upload) as path:
            try:
                report = self._place.deliverer.deliver(path)
            except BundleRefusedError as error:
                if isinstance(error.__cause__, GapError):
                    return _refuse(Refusal.GAP, str(error.__cause__))
                self._place.inbox.discard(upload)
                why = str(error.__cause__) if isinstance(error.__cause__, CryptoError) else "it was refused"
                return _refuse(Refusal.REFUSED, why)
            self._place.inbox.mark_taken(upload, report.number)
        return _answer(Taken(report.number, report.already_had).encode())

    def _taken(self, upload: Upload) -> int:
        """The bundle that it was taken in as, or 0. A database from before then does not believe the mark."""
        number = self._place.inbox.taken_as(upload)
        return number if number and self._place.deliverer.has(number) else 0


class _Part:
    """The bytes of a part of a bundle's file, which stays open for as long as it is read."""

    def __init__(self, bundle: Outgoing, part: range) -> None:
        self._file, self._left = open_plain(bundle.path), len(part)
        self._file.seek(part.start)

    def __iter__(self) -> Iterator[bytes]:
        while self._left and (piece := self._file.read(min(_PIECE, self._left))):
            self._left -= len(piece)
            yield piece

    def close(self) -> None:
        self._file.close()


def _part(untrusted_range: str, size: int) -> range | None:
    """The one part that is asked for. None for several, for one that is not within the file, and for anything else."""
    match = _RANGE.fullmatch(untrusted_range)
    if match is None:
        return None
    first, last = int(match[1]), min(int(match[2] or size), size - 1)
    return range(first, last + 1) if first <= last else None


def _pieces(read: Callable[[int], bytes], length: int) -> Iterator[bytes]:
    """A body as it comes. A connection that breaks ends it: what came is kept, and the courier goes on from there."""
    while length:
        try:
            piece = read(min(_PIECE, length))
        except OSError:
            return
        if not piece:
            return
        length -= len(piece)
        yield piece


def _answer(body: bytes, status: int = 200) -> Response:
    return Response(body, status=status, content_type=KIND)


def _refuse(refusal: Refusal, reason: str) -> Response:
    return _answer(Refused(refusal, reason).encode(), _STATUS[refusal])


def _gone(number: int) -> Response:
    return _refuse(Refusal.MISSING, f"bundle {number} is not here: the desk has it, or it was never made")


def _no_upload() -> Response:
    return _refuse(Refusal.REFUSED, "it is larger than a dispatch bundle can be, or this is no name of an upload")


def _positions(error: BaseException) -> str:
    """The error's type and the places in the code that it came through; its message may quote something."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    return f"{type(error).__name__} at {' < '.join(f'{Path(frame.filename).name}:{frame.lineno}' for frame in frames)}"
