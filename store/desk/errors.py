"""What can go wrong at a desk, split by who can do something about it. Messages are fit to be shown to a handler."""

from collections.abc import Mapping


class DeskError(Exception):
    """Something was refused or could not be done. The message is one sentence; nothing was lost."""


class NotADeskError(DeskError):
    """The folder holds no finished desk."""


class AlreadyADeskError(DeskError):
    """The folder holds a desk, or something else, already."""


class WrongPassphraseError(DeskError):
    """No handler of this desk has that passphrase."""


class WeakPassphraseError(DeskError):
    """A new passphrase is too short."""


class DeskClosedError(DeskError):
    """The desk was locked: its keys are gone from memory. Unlock it again."""


class BusyError(DeskError):
    """Another import or export is under way, in this process or another one."""


class NoSpaceError(DeskError):
    """A disk or a stick is full, or refuses to be written to. What was there before is unchanged."""


class FolderError(DeskError):
    """A folder that a handler chose cannot be written to."""


class NotPairedError(DeskError):
    """No intake host's card was taken in yet."""


class PairingError(DeskError):
    """The card is of another line, or another intake host is paired already."""


class GoneError(DeskError):
    """That source, entry or file is not at this desk, or not any more."""


class CannotReplyError(DeskError):
    """The reply was not queued: the source closed the mailbox, no key is known, or the text is empty or too long."""


class OnionError(DeskError):
    """An onion address was not signed: it is none, or not the one that the intake host asks for."""


class NoticeError(DeskError):
    """A draft cannot be signed. `problems` has a sentence for each field: `reply_days`, or `nl.hours` of a text."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(
            "the notice was not signed: " + "; ".join(f"{field}: {why}" for field, why in problems.items())
        )
        self.problems = dict(problems)


class DamagedError(DeskError):
    """What is kept is damaged or was changed: a file does not open, or is missing."""


class HandlerError(DeskError):
    """A handler's name is taken, unknown or not fit, or it is the last one, who cannot be removed."""
