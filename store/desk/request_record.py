"""The record of requests: who asked what, what was answered, what was taken back. Rows are added, never changed.

The database itself refuses to change or delete one, as long as the source is there: a message can be deleted, and the no that
it brought still counts.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, insert, select

from crypto.request import Request, Response, Say, decode_request
from store.desk.consent import fits
from store.desk.tables import RequestEventRow, RequestRow


class What(StrEnum):
    """What happened to a request at the desk. Answers are written as `Say` has them."""

    ASKED = "asked"
    TAKEN_BACK = "taken back"


@dataclass(frozen=True)
class Arrived:
    """A response that an import has booked, with the source that it came from."""

    entry_id: int
    source_id: int
    name: str
    day: int
    batch: int
    other_key: bool
    response: Response


def write_asked(
    connection: Connection, request: Request, request_id: bytes, source_id: int, entry_id: int, day: int, handler: str
) -> None:
    """Within the transaction that queues it."""
    connection.execute(insert(RequestRow).values(entry_id=entry_id, encoded=request.encode()))
    connection.execute(
        insert(RequestEventRow).values(
            source_id=source_id,
            entry_id=entry_id,
            request_id=request_id,
            digest=request.digest,
            day=day,
            batch=0,
            what=str(What.ASKED),
            fits=True,
            handler=handler,
        )
    )


def write_taken_back(connection: Connection, entry_id: int, day: int, handler: str) -> None:
    """Within the transaction that takes a reply back; nothing for one that is no request, ."""
    asked = connection.execute(
        select(RequestEventRow.source_id, RequestEventRow.request_id, RequestEventRow.digest).where(
            RequestEventRow.entry_id == entry_id, RequestEventRow.what == str(What.ASKED)
        )
    ).one_or_none()
    if asked is None:
        return
    connection.execute(
        insert(RequestEventRow).values(
            source_id=asked.source_id,
            entry_id=entry_id,
            request_id=asked.request_id,
            digest=asked.digest,
            day=day,
            batch=0,
            what=str(What.TAKEN_BACK),
            fits=True,
            handler=handler,
        )
    )


def write_arrived(connection: Connection, arrived: Sequence[Arrived]) -> list[tuple[str, int]]:
    """Within the import's transaction. Returns alarms, each with its source: answers to what the source was not asked so."""
    asked = _asked(connection, {one.response.request_id for one in arrived})
    rows, alarms = [], []
    for one in arrived:
        source_id, request = asked.get(one.response.request_id, (None, None))
        it_fits = (
            request is not None and source_id == one.source_id and fits(request, one.response, other_key=one.other_key)
        )
        # A no counts as it is; another key has its own alarm.
        if request is not None and not it_fits and one.response.say is not Say.NO and not one.other_key:
            words = (
                f"{one.name}: an answer came that does not fit what was asked. It does not count. The source may have been"
                " shown another text, or somebody exchanged answers: the intake host may have been tampered with."
            )
            alarms.append((words, one.source_id))
        rows.append({
            "source_id": one.source_id,
            "entry_id": one.entry_id,
            "request_id": one.response.request_id,
            "digest": one.response.asked,
            "day": one.day,
            "batch": one.batch,
            "what": str(one.response.say),
            "choice": one.response.choice,
            "fits": it_fits,
        })
    if rows:
        connection.execute(insert(RequestEventRow), rows)
    return alarms


def _asked(connection: Connection, request_ids: Collection[bytes]) -> dict[bytes, tuple[int, Request]]:
    """What these requests were, and of whom; without those that never left."""
    query = (
        select(RequestEventRow.request_id, RequestEventRow.source_id, RequestRow.encoded)
        .join(RequestRow, RequestRow.entry_id == RequestEventRow.entry_id)
        .where(RequestEventRow.what == str(What.ASKED), RequestEventRow.request_id.in_(request_ids))
    )
    return {row.request_id: (row.source_id, decode_request(row.encoded)) for row in connection.execute(query)}
