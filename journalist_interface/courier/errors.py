"""What can go wrong between the courier and the intake host, split by who can do something about it."""


class CourierError(Exception):
    """One sentence fit for the courier. Nothing half is under a final name, and repeating it goes on where it stood."""


class UnreachableError(CourierError):
    """The network, Tor or the host does not answer: try again later."""


class NotAdmittedError(CourierError):
    """This courier's key does not open the host's onion service: for the operator."""


class MisbehavedError(CourierError):
    """The host answers what no intake host answers: for the operator, who finds out what it is."""


class StickError(CourierError):
    """The stick, or whatever folder was given, cannot be used: for the courier."""


class RefusedError(CourierError):
    """The host did not take a bundle in: its reason. Nothing was changed."""


class InterruptedTransferError(Exception):
    """A connection broke, or could not be made at this moment. For this package: it is tried again."""


class PairingError(CourierError):
    """An address, a key or its file is not what it should be: for who typed or copied it."""
