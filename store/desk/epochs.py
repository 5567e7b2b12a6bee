"""Intake keys: made ahead, certified, kept one file each, and destroyed when their time is over (docs/formats.md §4).

A key is destroyed before its row says so: after a kill in between, the rule finds it again and the row follows. What was
sealed to a destroyed key can never be opened again, not even with the vault key and the whole desk.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, update

from crypto.box import open_box, seal_box
from crypto.epoch import EpochCertificate, issue, parse
from crypto.errors import ForgedError
from crypto.xwing import Identity
from store.clock import Clock, today
from store.desk.database import Database
from store.desk.journal import write_note
from store.desk.line_keys import LineKeys
from store.desk.model import EpochSupply, Severity
from store.desk.tables import CollectRow, EpochRow
from store.files import sync_folder, write_all

DAYS_AHEAD: Final = 120
GRACE_DAYS: Final = 3


class EpochKeys:
    """The private keys of the intake epochs. Callers hold the desk's work lock for everything that writes."""

    def __init__(self, database: Database, clock: Clock, folder: Path, box_key: bytes, line: LineKeys) -> None:
        self._database = database
        self._clock = clock
        self._folder = folder
        self._box_key = box_key
        self._line = line

    def supply(self) -> EpochSupply:
        """How the keys stand."""
        with self._database.reading() as connection:
            last = connection.execute(select(func.max(EpochRow.epoch), func.max(EpochRow.day))).one()
            destroyed = connection.scalar(select(func.count(EpochRow.destroyed_day))) or 0
        epoch, day = last[0] or 0, last[1] or 0
        return EpochSupply(day, day - today(self._clock), epoch - destroyed, destroyed)

    def refill(self) -> int:
        """Make and certify keys until they reach 120 days ahead; returns how many were made."""
        with self._database.reading() as connection:
            tip = self._tip(connection)
        made = list(self._issue(tip))
        if not made:
            return 0
        self._sync([row["epoch"] for row in made])  # private keys are on disk before any certificate can leave
        with self._database.writing() as connection:
            connection.execute(insert(EpochRow), made)
        return len(made)

    def identities(self, newest: int) -> Iterator[Identity]:
        """The keys that still exist, of epochs up to `newest`, newest first. Missing or damaged files are left out."""
        with self._database.reading() as connection:
            query = select(EpochRow.epoch).where(EpochRow.destroyed_day.is_(None), EpochRow.epoch <= newest)
            epochs = list(connection.scalars(query.order_by(EpochRow.epoch.desc())))
        for epoch in epochs:
            with suppress(OSError, ForgedError, ValueError):
                yield Identity.from_seed(open_box(self._box_key, self._path(epoch).read_bytes()))

    def destroy_due(self) -> int:
        """Destroy the keys of epochs that are over; returns how many. See docs/formats.md §4 for the rule."""
        day = today(self._clock)
        with self._database.reading() as connection:
            due = _due(connection, day)
        if not due:
            return 0
        for epoch in due:
            _shred(self._path(epoch))
        sync_folder(self._folder)
        with self._database.writing() as connection:
            connection.execute(update(EpochRow).where(EpochRow.epoch.in_(due)).values(destroyed_day=day))
            text = f"intake keys {min(due)} to {max(due)} were destroyed: their time is over"
            write_note(connection, day, Severity.NOTE, text)
        return len(due)

    def sweep(self) -> None:
        """Remove key files whose certificate was never kept: a kill came in between, and nothing can be sealed to them."""
        with self._database.reading() as connection:
            known = {self._path(epoch).name for epoch in connection.scalars(select(EpochRow.epoch))}
        for name in set(os.listdir(self._folder)) - known:
            _shred(self._folder / name)

    def missing(self) -> list[int]:
        """Epochs whose key should exist but does not open."""
        with self._database.reading() as connection:
            live = list(connection.scalars(select(EpochRow.epoch).where(EpochRow.destroyed_day.is_(None))))
        return [epoch for epoch in live if not self._opens(epoch)]

    def certificates(self) -> list[EpochCertificate]:
        """All certificates in order, verified. Raises a CryptoError when one is not genuine."""
        with self._database.reading() as connection:
            encoded = list(connection.scalars(select(EpochRow.certificate).order_by(EpochRow.epoch)))
        return [parse(self._line.card.verify_key, self._line.line, one) for one in encoded]

    def _issue(self, tip: EpochCertificate | None) -> Iterator[dict[str, Any]]:
        day = today(self._clock)
        following = max(day, tip.day + 1) if tip else day
        for serves in range(following, day + DAYS_AHEAD + 1):
            identity = Identity.generate()
            tip = issue(self._line.signing, self._line.line, tip, serves, identity.recipient)
            self._keep(tip.epoch, identity)
            yield {"epoch": tip.epoch, "day": tip.day, "certificate": tip.encoded}

    def _tip(self, connection: Connection) -> EpochCertificate | None:
        encoded = connection.scalar(select(EpochRow.certificate).order_by(EpochRow.epoch.desc()).limit(1))
        return parse(self._line.card.verify_key, self._line.line, encoded) if encoded else None

    def _keep(self, epoch: int, identity: Identity) -> None:
        # Overwrites a leftover of a refill that did not finish: its certificate never existed.
        descriptor = os.open(self._path(epoch), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            write_all(file.fileno(), seal_box(self._box_key, identity.seed))

    def _sync(self, epochs: Sequence[int]) -> None:
        for epoch in epochs:
            with self._path(epoch).open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(self._folder)

    def _opens(self, epoch: int) -> bool:
        try:
            return len(open_box(self._box_key, self._path(epoch).read_bytes())) == 32
        except (OSError, ForgedError):
            return False

    def _path(self, epoch: int) -> Path:
        return self._folder / f"{epoch:08d}"


def _due(connection: Connection, day: int) -> list[int]:
    """Live epochs for which every condition of the rule holds."""
    live = connection.execute(
        select(EpochRow.epoch, EpochRow.day, EpochRow.destroyed_day).order_by(EpochRow.epoch)
    ).all()
    # Also after a gap: what was skipped over is never taken in any more, so that keys kept for it would open nothing here.
    proofs = connection.execute(select(CollectRow.epoch, CollectRow.floor, CollectRow.day)).all()
    best = _newest_proof(proofs)
    return [
        row.epoch
        for row, following in pairwise(live)
        if row.destroyed_day is None
        and day >= following.day + GRACE_DAYS
        and any(
            epoch > row.epoch and floor > row.epoch and at >= following.day + GRACE_DAYS for epoch, floor, at in best
        )
    ]


def _newest_proof(proofs: Sequence[Any]) -> list[tuple[int, int, int]]:
    """Only proofs that no other one is at least as good as: usually one."""
    best: list[tuple[int, int, int]] = []
    for proof in sorted((tuple(proof) for proof in proofs), reverse=True):
        if not any(all(a >= b for a, b in zip(other, proof, strict=True)) for other in best):
            best.append(proof)
    return best


def _shred(path: Path) -> None:
    """Overwrite, then unlink. On a solid-state disk an old copy may survive: see docs/limitations.md."""
    with suppress(FileNotFoundError):
        with path.open("r+b", buffering=0) as file:
            write_all(file.fileno(), secrets.token_bytes(max(1, path.stat().st_size)))
            os.fsync(file.fileno())
        path.unlink()
