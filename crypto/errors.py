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


def of_a_bundle(error: CryptoError) -> str:
    """What whoever carries a bundle is told of it: plain words first, then the reason for who wants to know more."""
    if isinstance(error, MalformedError | WrongKeyError):
        return f"this is not a bundle of this line, or it is damaged ({error})"
    return str(error)
