"""What can go wrong between the intake host and tor, split by who can do something about it. Each message says what to do."""


class OnionError(Exception):
    """One sentence or more for the operator."""


class TorMissingError(OnionError):
    """No tor is running where one was expected, or none is installed. It may come."""


class ControlRefusedError(OnionError):
    """A tor is there and does not let us in: rights, cookie, or a port that is not a control port."""


class TorFailedError(OnionError):
    """A tor let us in and then refused or broke off what was asked of it. It may work again."""


class TorTooOldError(OnionError):
    """This tor has not what the onions need."""


class MismatchError(OnionError):
    """What tor would do is not what the servers expect. Nothing is published."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("\n".join(reasons))


class TorrcLinesError(OnionError):
    """A file with further torrc lines has one that is not allowed, or is none; the message names the line."""


class OnionFolderError(OnionError):
    """An onion's folder, key or enrolled courier is damaged, or open to others: for the operator. Nothing was changed."""


class ServerError(OnionError):
    """One of the host's own servers did not come up, or does not stay up."""
