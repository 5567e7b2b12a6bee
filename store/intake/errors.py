"""What can go wrong at the intake host, split by who can do something about it."""


class IntakeError(Exception):
    """One sentence that says what happened, fit for an operator, without anything about a source."""


class SetupError(IntakeError):
    """The state folder is not a finished intake host, or is damaged: for the operator."""


class OnionAddressError(IntakeError):
    """The onion address cannot be known, or a card for it is damaged: for the operator."""


class NoSpaceError(IntakeError):
    """The disk is full or refuses to be written: for the operator. Nothing was lost."""


class UnreadableError(IntakeError):
    """A bundle's file cannot be read: for the courier. Nothing was changed."""


class BundleRefusedError(IntakeError):
    """A bundle was not taken in: for the courier and the operator. Nothing was changed."""


class RefusedSubmissionError(IntakeError):
    """A submission cannot be taken at this moment: the source is told why. What arrived whole stays."""


class IntakeClosedError(RefusedSubmissionError):
    """No intake key may be used, or the host is nearly full."""


class MailboxFullError(RefusedSubmissionError):
    """This mailbox holds as much uncollected as it may."""


class MailboxErasedError(RefusedSubmissionError):
    """The mailbox was erased while the submission for it came in. Nothing of it stays."""


class TooLargeError(RefusedSubmissionError):
    """A file is larger than allowed."""


class TooLongError(RefusedSubmissionError):
    """A submission took longer than a day, or a message has too many characters."""
