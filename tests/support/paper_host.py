"""An intake host made of nothing but the formats: it speaks to a real desk, honestly or as its attacker would."""

import hashlib
import os
import secrets
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crypto import epoch
from crypto.age import seal
from crypto.bundle import open_bundle
from crypto.card import make_host_card, parse_line_card
from crypto.epoch import EpochCertificate
from crypto.manifest import ChainPosition, Direction, Manifest, ObjectEntry, Tombstone
from crypto.padding import bundle_bucket
from crypto.sealed_object import Kind, ObjectHeader, seal_object
from crypto.signed import SigningKey, sign
from crypto.xwing import Identity
from tests.support.clock import SetClock


@dataclass
class PaperSource:
    """A source as the host knows one."""

    mailbox_ref: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    identity: Identity = field(default_factory=Identity.generate)


@dataclass(frozen=True)
class Sealed:
    """A sealed object with its entry."""

    entry: ObjectEntry
    data: bytes


class PaperHost:
    """Seals what sources send, makes collect bundles, reads dispatch bundles. Every field can be bent, and it signs for whatever it
    is told to: it does not use the honest writer of bundles."""

    def __init__(self, line_card: str, clock: SetClock, stick: Path) -> None:
        self.line_card = parse_line_card(line_card)
        self.clock = clock
        self.stick = stick
        stick.mkdir(exist_ok=True)
        self.signing, self.identity = SigningKey.generate(), Identity.generate()
        self.card = make_host_card(self.line_card.line, self.signing, self.identity.recipient)
        self.tip = ChainPosition.beginning()
        self.heard = ChainPosition.beginning()
        self.certificates: list[EpochCertificate] = []
        self.manifests: list[Manifest] = []
        self.replies: dict[bytes, bytes] = {}

    def message(self, source: PaperSource, text: str | bytes, **bent: Any) -> Sealed:
        return self.seal(Kind.MESSAGE, source, text.encode() if isinstance(text, str) else text, **bent)

    def file(self, source: PaperSource, name: str, content: bytes, **bent: Any) -> Sealed:
        return self.seal(Kind.FILE, source, content, name=name, **bent)

    def seal(self, kind: Kind, source: PaperSource, content: bytes, **bent: Any) -> Sealed:
        """`bent` changes fields of the header; `entry_…` changes fields of the manifest's entry."""
        certificate = self.serving()
        bent_recipient = bent.pop("recipient", certificate.recipient)
        in_entry = {key.removeprefix("entry_"): bent.pop(key) for key in list(bent) if key.startswith("entry_")}
        fields: dict[str, Any] = {
            "kind": kind,
            "line": self.line_card.line,
            "mailbox_ref": source.mailbox_ref,
            "object_id": secrets.token_bytes(16),
            "day": self.clock.day,
            "submission_id": b"s" * 16,
            "epoch": certificate.epoch,
            "reply_key": source.identity.recipient,
        }
        header = ObjectHeader(**(fields | bent))
        data = seal_object(bent_recipient, header, content)
        entry: dict[str, Any] = {
            "object_id": header.object_id,
            "kind": kind,
            "size": len(data),
            "sha256": hashlib.sha256(data).digest(),
            "mailbox_ref": source.mailbox_ref,
        }
        return Sealed(ObjectEntry(**(entry | in_entry)), data)

    def collect(self, sealed: Sequence[Sealed] = (), tombstones: Sequence[Tombstone] = (), **bent: Any) -> Path:
        """Write the next bundle to the stick. `bent` changes fields of the manifest; `keep_tip` makes a fork."""
        keep_tip = bent.pop("keep_tip", False)
        signing = bent.pop("signing", self.signing)
        bent_recipient = bent.pop("recipient", self.line_card.bundle_recipient)
        fields: dict[str, Any] = {
            "line": self.line_card.line,
            "direction": Direction.COLLECT,
            "number": self.tip.number + 1,
            "previous": self.tip.sha256,
            "acknowledged": self.heard,
            "day": self.clock.day,
            "epoch": self.serving().epoch,
            "floor": self.serving().epoch,
            "objects": tuple(one.entry for one in sealed),
            "tombstones": tuple(tombstones),
        }
        manifest = Manifest(**(fields | bent))
        body = manifest.encode()
        signed = sign(signing, "bundle-manifest", body)
        payload = b"LUWTEbd1" + struct.pack(">I", len(body)) + signed
        payload += b"".join(one.data for one in sealed)
        payload += bytes(bundle_bucket(len(payload)) - len(payload))
        data = seal(bent_recipient, payload)
        path = self.stick / f"luwte-collect-{manifest.number:06d}-{os.urandom(2).hex()}.age"
        path.write_bytes(data)
        if not keep_tip:
            self.tip = ChainPosition(manifest.number, hashlib.sha256(signed).digest())
        return path

    def read_dispatches(self) -> list[Manifest]:
        """Take in all dispatch bundles on the stick that follow, as an honest host does."""
        new = []
        while (path := self.stick / f"luwte-dispatch-{self.heard.number + 1:06d}.age").exists():
            with path.open("rb") as file:
                reader = open_bundle(
                    self.identity,
                    self.line_card.verify_key,
                    file,
                    line=self.line_card.line,
                    direction=Direction.DISPATCH,
                )
                for entry, pieces in reader.objects():
                    assert entry.object_id not in self.replies, "a reply came twice"
                    self.replies[entry.object_id] = b"".join(pieces)
                reader.finish()
            manifest = reader.manifest
            assert manifest.previous == self.heard.sha256
            certificates = [
                epoch.parse(self.line_card.verify_key, self.line_card.line, one) for one in manifest.certificates
            ]
            self.certificates += epoch.beyond(self.certificates, certificates)
            self.heard = reader.position
            new.append(manifest)
        self.manifests += new
        return new

    def serving(self) -> EpochCertificate:
        certificate = epoch.choose(self.certificates, self.clock.day, 0).certificate
        assert certificate is not None
        return certificate
