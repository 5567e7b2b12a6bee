"""Requests to a source, and responses to them: what a reply or a message can hold besides plain text (docs/formats.md §3.3).

What a request says must be shown to the last character, since somebody agrees to it: nothing that a page would leave out or
turn around can be in one. A response names its request and the SHA-256 of all that the request says, so that a yes to one
text is no yes to another.
"""

import hashlib
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from crypto import cbor
from crypto.errors import MalformedError
from crypto.sealed_object import ID_LENGTH

LONGEST_CONSENT_TEXT: Final = 2_000  # characters, as all of these: a request must fit one of the source's pages whole
LONGEST_RECIPIENT: Final = 100
LONGEST_PURPOSE: Final = 400
LONGEST_QUESTION: Final = 1_000
LONGEST_CHOICE: Final = 150
FEWEST_CHOICES: Final = 2
MOST_CHOICES: Final = 6
LONGEST_REMARK: Final = 2_000
DIGEST_LENGTH: Final = 32

TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_OCTETS: Final = 4  # a character's most in UTF-8


class Say(StrEnum):
    """What a source says to a request."""

    YES = "yes"
    NO = "no"
    ASK = "ask"  # something is unclear, and the remark says what
    CHOICE = "choice"


@dataclass(frozen=True)
class ConsentRequest:
    """May this exact text go to that recipient for that purpose? A yes holds to the end of the day `until`.

    MalformedError, fit to be shown, when a part is empty, too long, or holds what cannot be shown exactly.
    """

    text: str
    recipient: str
    purpose: str
    until: int

    def __post_init__(self) -> None:
        _check("the text", self.text, LONGEST_CONSENT_TEXT)
        _check("the recipient", self.recipient, LONGEST_RECIPIENT)
        _check("the purpose", self.purpose, LONGEST_PURPOSE)
        if not 0 <= self.until <= cbor.LARGEST_NUMBER:
            raise MalformedError("a consent request ends on a day")

    def encode(self) -> bytes:
        fields: dict[str, Any] = {"v": 1, "ask": "consent", "text": self.text, "to": self.recipient}
        return cbor.encode(fields | {"for": self.purpose, "until": self.until})

    @property
    def digest(self) -> bytes:
        return digest(self.encode())

    def takes(self, say: Say, choice: int | None) -> bool:
        """Whether that is an answer to it."""
        return say is not Say.CHOICE and choice is None


@dataclass(frozen=True)
class Question:
    """A question with choices, of which one can be taken. MalformedError as for a consent request."""

    text: str
    choices: tuple[str, ...]

    def __post_init__(self) -> None:
        _check("the question", self.text, LONGEST_QUESTION)
        if not FEWEST_CHOICES <= len(self.choices) <= MOST_CHOICES:
            raise MalformedError(f"a question has {FEWEST_CHOICES} to {MOST_CHOICES} choices")
        for number, choice in enumerate(self.choices, 1):
            _check(f"choice {number}", choice, LONGEST_CHOICE)
        if len(set(self.choices)) < len(self.choices):
            raise MalformedError("two choices are the same")

    def encode(self) -> bytes:
        return cbor.encode({"v": 1, "ask": "choice", "text": self.text, "choices": list(self.choices)})

    @property
    def digest(self) -> bytes:
        return digest(self.encode())

    def takes(self, say: Say, choice: int | None) -> bool:
        """Whether that is an answer to it."""
        return say is Say.CHOICE and choice is not None and 1 <= choice <= len(self.choices)


Request = ConsentRequest | Question


@dataclass(frozen=True)
class Response:
    """What a source says to the request with the object_id `request_id`, whose content has the SHA-256 `asked`.

    `choice` counts from 1. `remark` is the source's own words, untrusted, perhaps none. MalformedError for a remark that is
    too long, a choice without a number or a number without a choice, an unclear request without a word on why, and a yes with
    words: they could be a condition.
    """

    request_id: bytes
    asked: bytes
    say: Say
    choice: int | None = None
    remark: str = ""

    def __post_init__(self) -> None:
        if (self.choice is not None) != (self.say is Say.CHOICE):
            raise MalformedError("a choice has a number, and nothing else has")
        if self.choice is not None and not 1 <= self.choice <= MOST_CHOICES:
            raise MalformedError(f"choices count from 1 to {MOST_CHOICES}")
        if len(self.remark) > LONGEST_REMARK:
            raise MalformedError(f"the remark has more than {LONGEST_REMARK:,} characters")
        if self.say is Say.YES and self.remark:
            raise MalformedError("a yes says nothing else")
        if self.say is Say.ASK and not self.remark:
            raise MalformedError("what is asked back is not said")

    def encode(self) -> bytes:
        fields: dict[str, Any] = {"v": 1, "of": self.request_id, "asked": self.asked, "say": str(self.say)}
        if self.choice is not None:
            fields["choice"] = self.choice
        if self.remark:
            fields["text"] = self.remark
        return cbor.encode(fields)


def digest(content: bytes) -> bytes:
    """Of a request as it was sealed: it fixes the text, and all else that the source was shown with it."""
    return hashlib.sha256(content).digest()


def decode_request(untrusted: bytes) -> Request:
    """MalformedError for anything that a page could not show exactly."""
    fields = cbor.Fields(cbor.decode(untrusted))
    fields.version(1)
    request: Request
    match fields.text("ask", most_bytes=16):
        case "consent":
            request = ConsentRequest(
                text=fields.text("text", most_bytes=_OCTETS * LONGEST_CONSENT_TEXT),
                recipient=fields.text("to", most_bytes=_OCTETS * LONGEST_RECIPIENT),
                purpose=fields.text("for", most_bytes=_OCTETS * LONGEST_PURPOSE),
                until=fields.uint("until"),
            )
        case "choice":
            text = fields.text("text", most_bytes=_OCTETS * LONGEST_QUESTION)
            choices = fields.array("choices", most=MOST_CHOICES)
            if not all(isinstance(choice, str) for choice in choices):
                raise MalformedError("field choices: not texts")
            request = Question(text, tuple(choices))
        case _:
            raise MalformedError("a kind of request that is not known here")
    fields.done()
    return request


def decode_response(untrusted: bytes) -> Response:
    """MalformedError for anything that is no response."""
    fields = cbor.Fields(cbor.decode(untrusted))
    fields.version(1)
    try:
        say = Say(fields.text("say", most_bytes=16))
    except ValueError as error:
        raise MalformedError("an answer that is not known here") from error
    request_id, asked = fields.bytes("of", ID_LENGTH), fields.bytes("asked", DIGEST_LENGTH)
    choice = fields.uint("choice", least=1) if fields.has("choice") else None
    remark = ""
    if fields.has("text") and not (remark := fields.text("text", most_bytes=_OCTETS * LONGEST_REMARK)):
        raise MalformedError("field text: empty")
    fields.done()
    return Response(request_id, asked, say, choice, remark)


def _check(what: str, text: str, most: int) -> None:
    if not text.strip() or len(text) > most:
        raise MalformedError(f"{what} has 1 to {most:,} characters")
    if not all(map(_shows, text)):
        raise MalformedError(
            f"{what} holds a character that no page can show as it is, such as a control character or a mark that turns"
            " the direction of writing"
        )


def _shows(character: str) -> bool:
    return character in "\n\t" or not (character in TURNING or unicodedata.category(character) in ("Cc", "Cs"))
