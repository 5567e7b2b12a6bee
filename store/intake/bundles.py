"""What collecting and delivering share: where bundles lie, and what their chains look like so far."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.manifest import ChainPosition, Direction
from store.bundle_names import bundle_name
from store.files import remove_whole
from store.intake.errors import NoSpaceError
from store.intake.tables import InBundle, OutBundle


def taken_in(session: Session) -> ChainPosition:
    """The last dispatch bundle that was taken in."""
    row = session.scalar(select(InBundle).order_by(InBundle.number.desc()).limit(1))
    return ChainPosition(row.number, row.sha256) if row else ChainPosition.beginning()


def made_hash(session: Session, number: int) -> bytes | None:
    """The hash of the collect bundle with this number, None when none was made."""
    row = session.get(OutBundle, number)
    return row.sha256 if row else None


def sweep_outbox(outbox: Path, session: Session) -> None:
    """Remove bundles that no row stands for, or that were acknowledged: leftovers of a crash."""
    query = select(OutBundle.number).where(OutBundle.sha256.is_not(None), ~OutBundle.acknowledged)
    wanted = {bundle_name(Direction.COLLECT, number) for number in session.scalars(query)}
    for path in outbox.iterdir():
        if path.name not in wanted:
            remove_whole(path)


@contextmanager
def room_for(where: str) -> Iterator[None]:
    """Say in one sentence what an operating system's refusal to write means."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise NoSpaceError(f"{where} is full; nothing was lost, make room and repeat") from error
        raise NoSpaceError(f"{where} cannot be written to ({error.strerror}); nothing was lost") from error
