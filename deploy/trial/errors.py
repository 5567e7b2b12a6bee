"""What can go wrong with a trial, split by who can do something about it."""


class TrialError(Exception):
    """One sentence or more that says what happened, for whoever started the trial."""


class RefusedError(TrialError):
    """What was asked cannot be done in this folder, at this port, or at this moment: for whoever asked. Nothing was changed."""


class MachineError(TrialError):
    """This machine lacks a program or a screen, or is too slow: for whoever keeps it."""


class TorError(MachineError):
    """A tor of the trial cannot go on; its last messages say why."""


class TorMissingError(TorError):
    """This machine has no tor."""


class PartError(TrialError):
    """One of Luwte's own programs failed or ended by itself: what it said, or where that stands."""


class StepError(PartError):
    """A step of the walkthrough did not do what it must."""
