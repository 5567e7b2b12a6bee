"""A desk made of nothing but the formats: it speaks to a real intake host, honestly or as its attacker would."""

import hashlib
import io
import secrets
import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crypto import epoch
from crypto.age import seal
from crypto.bundle import open_bundle
from crypto.card import make_line_card, parse_host_card
from crypto.epoch import EpochCertificate
from crypto.manifest import ChainPosition, Direction, Manifest, ObjectEntry, Tombstone
from crypto.padding import bundle_bucket
from crypto.sealed_object import Kind, ObjectHeader, ObjectReader, seal_object
from crypto.signed import SigningKey, sign
from crypto.xwing import Identity, Recipient
from tests.support.clock import SetClock


@dataclass(frozen=True)
class Opened:
    """An object that the desk has opened."""

    header: ObjectHeader
    content: bytes


@dataclass(frozen=True)
class SealedReply:
    """A reply on its way, with its entry."""

    entry: ObjectEntry
    data: bytes


class PaperDesk:
    """Certifies intake keys, makes dispatch bundles, opens collect bundles. Every field can be bent, and it signs for
    whatever it is told to: it does not use the honest writer of bundles."""

    def __init__(self, clock: SetClock, stick: Path, signing: SigningKey | None = None) -> None:
        self.clock, self.stick = clock, stick
        stick.mkdir(exist_ok=True)
        self.signing, self.identity = signing or SigningKey.generate(), Identity.generate()
        self.card = make_line_card("Testlijn", self.signing, self.identity.recipient)
        self.tip = ChainPosition.beginning()
        self.heard = ChainPosition.beginning()
        self.keys: list[tuple[EpochCertificate, Identity]] = []
        self.manifests: list[Manifest] = []
        self.opened: list[Opened] = []

    def pair(self, host_card: str) -> None:
        self.host_card = parse_host_card(host_card)

    def certify(self, *days: int) -> list[bytes]:
        """Certificates for keys that serve from these days on."""
        new = []
        for day in days:
            identity = Identity.generate()
            tip = self.keys[-1][0] if self.keys else None
            certificate = epoch.issue(self.signing, self.card.line, tip, day, identity.recipient)
            self.keys.append((certificate, identity))
            new.append(certificate.encoded)
        return new

    def reply(self, to: Recipient, mailbox_ref: bytes, text: str, **bent: Any) -> SealedReply:
        """`entry_…` changes fields of the manifest's entry, anything else fields of the header."""
        in_entry = {key.removeprefix("entry_"): bent.pop(key) for key in list(bent) if key.startswith("entry_")}
        fields: dict[str, Any] = {
            "kind": Kind.REPLY,
            "line": self.card.line,
            "mailbox_ref": mailbox_ref,
            "object_id": secrets.token_bytes(16),
            "day": self.clock.day,
        }
        header = ObjectHeader(**(fields | bent))
        data = seal_object(to, header, text.encode())
        digest = hashlib.sha256(data).digest()
        entry: dict[str, Any] = {
            "object_id": header.object_id,
            "kind": header.kind,
            "size": len(data),
            "sha256": digest,
            "mailbox_ref": mailbox_ref,
        }
        return SealedReply(ObjectEntry(**(entry | in_entry)), data)

    def dispatch(
        self,
        replies: Sequence[SealedReply] = (),
        *,
        tombstones: Sequence[Tombstone] = (),
        certificates: Sequence[bytes] = (),
        **bent: Any,
    ) -> Path:
        """Write the next bundle to the stick. `bent` changes fields of the manifest, or `signing`, `recipient`, `padding`;
        `keep_tip` makes a fork."""
        keep_tip = bent.pop("keep_tip", False)
        signing = bent.pop("signing", self.signing)
        recipient = bent.pop("recipient", self.host_card.bundle_recipient)
        padding = bent.pop("padding", None)
        fields: dict[str, Any] = {
            "line": self.card.line,
            "direction": Direction.DISPATCH,
            "number": self.tip.number + 1,
            "previous": self.tip.sha256,
            "acknowledged": self.heard,
            "day": self.clock.day,
            "epoch": len(self.keys),
            "floor": 0,
            "objects": tuple(one.entry for one in replies),
            "tombstones": tuple(tombstones),
            "certificates": tuple(certificates),
        }
        manifest = Manifest(**(fields | bent))
        body = manifest.encode()
        signed = sign(signing, "bundle-manifest", body)
        payload = b"LUWTEbd1" + struct.pack(">I", len(body)) + signed
        payload += b"".join(one.data for one in replies)
        payload += bytes(bundle_bucket(len(payload)) - len(payload)) if padding is None else padding
        data = seal(recipient, payload)
        path = self.stick / f"luwte-dispatch-{manifest.number:06d}-{secrets.token_hex(2)}.age"
        path.write_bytes(data)
        if not keep_tip:
            self.tip = ChainPosition(manifest.number, hashlib.sha256(signed).digest())
        return path

    def take(self, path: Path) -> Manifest:
        """Take in a collect bundle that follows, as an honest desk does, and open all that it holds."""
        with path.open("rb") as file:
            reader = open_bundle(
                self.identity, self.host_card.verify_key, file, line=self.card.line, direction=Direction.COLLECT
            )
            objects = [(entry, b"".join(pieces)) for entry, pieces in reader.objects()]
            reader.finish()
        manifest = reader.manifest
        assert (manifest.number, manifest.previous) == (self.heard.number + 1, self.heard.sha256)
        self.opened += [self._open(entry, data) for entry, data in objects]
        self.heard = reader.position
        self.manifests.append(manifest)
        return manifest

    def texts(self) -> Counter[str]:
        """Messages' texts and files' names of all that was taken in, as often as they came."""
        return Counter(one.header.name or one.content.decode() for one in self.opened)

    def _open(self, entry: ObjectEntry, data: bytes) -> Opened:
        sealed_to = [identity for _, identity in reversed(self.keys) if _opens(identity, data)]
        reader = ObjectReader(sealed_to[0], io.BytesIO(data), len(data))
        certificate = next(certificate for certificate, identity in self.keys if identity is sealed_to[0])
        header = reader.header
        assert header.epoch == certificate.epoch
        assert (header.line, header.kind, header.object_id) == (self.card.line, entry.kind, entry.object_id)
        assert header.mailbox_ref == entry.mailbox_ref
        return Opened(header, reader.read_all())


def _opens(identity: Identity, data: bytes) -> bool:
    try:
        ObjectReader(identity, io.BytesIO(data), len(data))
    except Exception:  # noqa: BLE001 - another key's object
        return False
    return True
