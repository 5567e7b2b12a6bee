"""What readers of a desk are given: plain values, no rows, no keys."""

from dataclasses import dataclass
from enum import StrEnum

from crypto.answers import Answer, Answers


class EntryKind(StrEnum):
    """What stands in a conversation."""

    MESSAGE = "message"
    FILE = "file"
    REPLY = "reply"
    DAMAGED = "damaged"


class ReplyState(StrEnum):
    """How far a reply has come."""

    QUEUED = "queued"  # waits for the next export
    DISPATCHED = "dispatched"  # in a bundle that the intake host has not acknowledged
    TAKEN_IN = "taken in"  # at the intake host; whether the source read it is never known
    CANCELLED = "cancelled"  # the source closed the mailbox before it left


class Severity(StrEnum):
    """How loud a note of the journal is."""

    NOTE = "note"
    ALARM = "alarm"


@dataclass(frozen=True)
class FileInfo:
    """One file. `size` is the true content's length in bytes.

    `untrusted_name` is what the source's browser sent: never put it in a path. `safe_name` is what `save_file` uses.
    `file_type` is told from the content, as a media type; `mismatch` says that the name claims another one.
    """

    file_id: int
    untrusted_name: str
    safe_name: str
    size: int
    file_type: str
    mismatch: bool


@dataclass(frozen=True)
class ReplyInfo:
    """`bundle` is the number of the dispatch bundle that carries it. Nothing tells whether it was read or erased."""

    state: ReplyState
    bundle: int | None
    withdrawn: bool


@dataclass(frozen=True)
class Entry:
    """One thing in a conversation. `day` is in days since 1970, the finest time there is.

    `text` is given for messages and replies, `answers` for messages that have some, `file` for files, `reply` for
    replies, `damage` (one sentence) for what could not be opened. `other_key` marks what came with another reply key than the
    one pinned for this source: an alarm. `submission` is equal for what was sent together.
    """

    entry_id: int
    kind: EntryKind
    day: int
    unread: bool
    other_key: bool
    submission: bytes | None = None
    text: str | None = None
    answers: Answers | None = None
    file: FileInfo | None = None
    reply: ReplyInfo | None = None
    damage: str | None = None


@dataclass(frozen=True)
class Heeded:
    """An answer that handlers must not miss, and the day of the message that it came with."""

    entry_id: int
    day: int
    answer: Answer


@dataclass(frozen=True)
class Outlined:
    """An entry without its content. `octets` is the length of its text and answers: a character takes one or more."""

    entry_id: int
    kind: EntryKind
    unread: bool
    octets: int


@dataclass(frozen=True)
class SourceSummary:
    """One line of the inbox. `name` is two words that stay with the source.

    `unread` counts messages, files and damaged things. `awaits_answer`: the newest thing came from the source.
    `closed`: the source erased the mailbox, no reply can reach it. `can_reply`: open, and its key is known.
    """

    source_id: int
    name: str
    unread: int
    messages: int
    files: int
    replies: int
    damaged: int
    first_day: int
    last_day: int
    awaits_answer: bool
    alarm: bool
    closed: bool
    can_reply: bool


@dataclass(frozen=True)
class JournalNote:
    """One note of the journal, newest first when listed. An alarm stays `open` until a handler has seen to it."""

    note_id: int
    day: int
    severity: Severity
    text: str
    source_id: int | None
    open: bool


@dataclass(frozen=True)
class ImportReport:
    """What an import did. `already_had`: this very bundle was taken in before, and nothing changed."""

    number: int
    already_had: bool = False
    messages: int = 0
    files: int = 0
    damaged: int = 0
    doubles: int = 0
    new_sources: int = 0
    mailboxes_closed: int = 0
    replies_taken_in: int = 0
    keys_destroyed: int = 0
    asks_for_onion_card: bool = False
    gap: tuple[int, int] | None = None  # first and last number that was skipped over, by override
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExportReport:
    """What an export did. `written` are all files that are now on the stick, `made` the numbers of new bundles."""

    made: tuple[int, ...]
    written: tuple[str, ...]
    replies: int
    certificates: int
    onion_cards: int = 0
    notice: bool = False  # the line's newest notice to sources is in one of them
    missing: tuple[int, ...] = ()  # unacknowledged bundles whose file has gone from the desk


@dataclass(frozen=True)
class Finding:
    """Something that `verify` found wrong, in one sentence. `where` names the part: database, chain,
    epochs, outbox, files, objects."""

    where: str
    text: str


@dataclass(frozen=True)
class EpochSupply:
    """How the desk's intake keys stand: last certified day, keys that still exist, and keys destroyed."""

    last_day: int
    days_ahead: int
    kept: int
    destroyed: int
