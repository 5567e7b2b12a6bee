"""What can be wrong with bytes that somebody else made."""


class CryptoError(Exception):
    """Untrusted bytes were refused. The message is one sentence fit for an operator and holds no content."""


class MalformedError(CryptoError):
    """The bytes do not follow their format: made by a broken or hostile sender, or damaged on the way."""


class TruncatedError(MalformedError):
    """The bytes end too early: an interrupted copy, or a cut by somebody on the way."""


class ForgedError(CryptoError):
    """The bytes are well formed but their authentication fails: changed on the way, or another's key."""


class WrongKeyError(CryptoError):
    """The age file is addressed to another key, or its key share was changed on the way."""
