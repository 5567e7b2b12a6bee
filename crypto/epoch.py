"""Intake epochs: one X-Wing key a day, certified by the line key and chained (docs/formats.md §4).

The desk makes keys ahead and destroys each when its time is over; what was sealed to a destroyed key can never be
opened again. The chain lets the intake host take certificates in order only; `choose` says which one serves today.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import takewhile
from typing import Final

from crypto import cbor
from crypto.card import LINE_ID_LENGTH
from crypto.errors import ForgedError
from crypto.signed import SigningKey, VerifyKey, sign, verify
from crypto.xwing import RECIPIENT_LENGTH, Recipient

LAST_KEY_DAYS: Final = 30  # how long the last key goes on serving
_LABEL: Final = "epoch-certificate"
_NO_PREVIOUS: Final = bytes(32)


@dataclass(frozen=True)
class EpochCertificate:
    """A verified certificate. `day` is the first UTC day that it serves; `encoded` is its signed form."""

    line: bytes
    epoch: int
    day: int
    recipient: Recipient
    previous: bytes
    encoded: bytes

    @property
    def digest(self) -> bytes:
        """What the next certificate names as its previous one."""
        return hashlib.sha256(self.encoded).digest()


def issue(
    signing_key: SigningKey, line: bytes, tip: EpochCertificate | None, day: int, recipient: Recipient
) -> EpochCertificate:
    """Certify the next epoch after `tip` (None: the first). ValueError unless `day` is later than the tip's."""
    if tip is not None and day <= tip.day:
        raise ValueError("an epoch begins after the one before it")
    epoch = tip.epoch + 1 if tip else 1
    previous = tip.digest if tip else _NO_PREVIOUS
    body = cbor.encode({
        "v": 1,
        "line": line,
        "epoch": epoch,
        "day": day,
        "recipient": recipient.raw,
        "prev": previous,
    })
    return EpochCertificate(line, epoch, day, recipient, previous, sign(signing_key, _LABEL, body))


def parse(verify_key: VerifyKey, line: bytes, untrusted: bytes) -> EpochCertificate:
    """One certificate of this line, or a CryptoError. Its place in the chain is for `extend` to check."""
    fields = cbor.Fields(cbor.decode(verify(verify_key, _LABEL, untrusted)))
    fields.version(1)
    certificate = EpochCertificate(
        line=fields.bytes("line", LINE_ID_LENGTH),
        epoch=fields.uint("epoch", least=1),
        day=fields.uint("day"),
        recipient=Recipient(fields.bytes("recipient", RECIPIENT_LENGTH)),
        previous=fields.bytes("prev", 32),
        encoded=untrusted,
    )
    fields.done()
    if certificate.line != line:
        raise ForgedError("the epoch certificate is of another line")
    return certificate


def extend(tip: EpochCertificate | None, certificates: Sequence[EpochCertificate]) -> None:
    """Raise ForgedError unless `certificates` follow `tip` (None: the beginning) without a gap or a step back."""
    for certificate in certificates:
        expected = (tip.epoch + 1, tip.digest) if tip else (1, _NO_PREVIOUS)
        if (certificate.epoch, certificate.previous) != expected or (tip and certificate.day <= tip.day):
            raise ForgedError(f"epoch certificate {certificate.epoch} does not follow in the chain")
        tip = certificate


def beyond(held: Sequence[EpochCertificate], certificates: Sequence[EpochCertificate]) -> Sequence[EpochCertificate]:
    """Those that continue `held`, a verified chain or its tail; those up to its end may come again and are passed over.

    ForgedError for one that is another than the one in `held`, and unless the rest follow without a gap or a step back.
    """
    tip = held[-1] if held else None
    again = list(takewhile(lambda one: tip is not None and one.epoch <= tip.epoch, certificates))
    known = {one.epoch: one.encoded for one in held}
    for one in again:
        if known.get(one.epoch, one.encoded) != one.encoded:
            raise ForgedError(f"epoch certificate {one.epoch} is another than the one that is here")
    following = certificates[len(again) :]
    extend(tip, following)
    return following


class Standing(Enum):
    """How the supply of intake keys stands."""

    OK = "ok"
    LOW_30 = "keys for 30 days or fewer are left"
    LOW_14 = "keys for 14 days or fewer are left"
    LAST = "the last key serves beyond its day"
    CLOSED = "no key may be used: intake is closed"


@dataclass(frozen=True)
class EpochChoice:
    """The certificate that serves (None when closed) and the standing; `days_left` counts until intake closes."""

    certificate: EpochCertificate | None
    standing: Standing
    days_left: int


def choose(certificates: Sequence[EpochCertificate], today: int, high_water: int) -> EpochChoice:
    """Which certificate serves on day `today`, never one below epoch `high_water`.

    `certificates` is a verified chain, or its tail, in order.
    """
    usable = [c for c in certificates if c.day <= today or c.epoch <= high_water]
    if not usable or usable[-1].epoch < high_water:
        return EpochChoice(None, Standing.CLOSED, 0)
    last = certificates[-1]
    days_left = last.day + LAST_KEY_DAYS - today
    if days_left < 0:
        return EpochChoice(None, Standing.CLOSED, 0)
    return EpochChoice(usable[-1], _standing(last.day - today), days_left)


def _standing(days_ahead: int) -> Standing:
    if days_ahead < 0:
        return Standing.LAST
    if days_ahead <= 14:
        return Standing.LOW_14
    return Standing.LOW_30 if days_ahead <= 30 else Standing.OK
