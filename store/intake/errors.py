"""What can go wrong at the intake host, split by who can do something about it."""


class IntakeError(Exception):
    """One sentence that says what happened, fit for an operator, without anything about a source."""


class SetupError(IntakeError):
    """The state folder is not a finished intake host, or is damaged: for the operator."""


class OnionAddressError(IntakeError):
    """The onion address cannot be known, or a card for it is damaged: for the operator."""


class NoSpaceError(IntakeError):
    """The disk is full or refuses to be written: for the operator. Nothing is counted as kept that was not."""


class UnsettledError(NoSpaceError):
    """The disk failed at the very moment of keeping: what was to be kept may appear after a crash. What it names must stay."""


class UnreadableError(IntakeError):
    """A bundle's file cannot be read: for the courier. Nothing was changed."""


class BundleRefusedError(IntakeError):
    """A bundle was not taken in: for the courier and the operator. Nothing was changed."""


class UploadError(IntakeError):
    """A courier's upload cannot go on as it was asked for: for the courier's program, which can begin anew."""


class UploadOffsetError(UploadError):
    """The upload goes on elsewhere: `have` bytes of it are here."""

    def __init__(self, have: int) -> None:
        super().__init__(f"{have} bytes are here")
        self.have = have


class UploadDamagedError(UploadError):
    """What arrived is not what was announced. It was removed."""


class RefusedSubmissionError(IntakeError):
    """A submission, or a part of it, cannot be taken: the source is told why."""


class IntakeClosedError(RefusedSubmissionError):
    """No intake key may be used, or the host is nearly full."""


class MailboxFullError(RefusedSubmissionError):
    """This mailbox holds as much uncollected as it may."""


class MailboxErasedError(RefusedSubmissionError):
    """The mailbox was erased while the submission for it came in. Nothing of it stays."""


class TooLargeError(RefusedSubmissionError):
    """A file is larger than allowed."""


class MessageTooLongError(RefusedSubmissionError):
    """A message has too many characters."""


class SubmissionTooLateError(RefusedSubmissionError):
    """A submission ended later than the day after the one on which it began. Nothing of it stays."""


class KeyRetiredError(RefusedSubmissionError):
    """The key of a submission was told to be out of use while it came in. Nothing of it stays; sent again, it uses another."""
