"""age files, sealed objects and bundles."""

import hashlib
import struct
from typing import Any

import cbor2

from crypto import onion_card, padding
from crypto.answers import Answer, Answers, Choice
from crypto.manifest import ChainPosition, Direction, Erased, Manifest, ObjectEntry, Tombstone
from crypto.onion_card import OnionAddress
from crypto.sealed_object import ContentType, Kind, ObjectHeader
from crypto.signed import SigningKey, sign
from tests.support import agefile
from tests.vectors.common import (
    HOST_KEY,
    LINE,
    LINE_KEY,
    RECEIVER,
    SOURCE,
    Vector,
    edit,
    parts,
    wrapping,
)
from tests.vectors.make_onion import ADDRESS


def age_files() -> Vector:
    share, wrapped = wrapping()
    one = agefile.stanza(share, wrapped)
    head, tail = agefile.header(one), agefile.payload(b"hello")
    honest = head + tail
    x25519 = agefile.stanza(bytes(31) + b"\x09", bytes(32), b"X25519")
    end = head.index(b"\n---")
    last = honest[end - 1 : end]
    hostile = {
        "the stanza repeated": ("MalformedError", agefile.header(one + one) + tail),
        "a second stanza of another kind": ("MalformedError", agefile.header(one + x25519) + tail),
        "another kind before": ("MalformedError", agefile.header(x25519 + one) + tail),
        "no stanza": ("MalformedError", agefile.header(b"") + tail),
        "grease": ("MalformedError", agefile.header(one + b"-> grease-grease\n\n") + tail),
        "a third argument": ("MalformedError", agefile.header(one.replace(b"\n", b" x\n", 1)) + tail),
        "name in capitals": ("MalformedError", agefile.header(one.replace(b"mlkem", b"MLKEM")) + tail),
        "short share": ("MalformedError", agefile.header(agefile.stanza(share[:-1], wrapped)) + tail),
        "long share": ("MalformedError", agefile.header(agefile.stanza(share + b"\0", wrapped)) + tail),
        "short body": ("MalformedError", agefile.header(agefile.stanza(share, wrapped[:-1])) + tail),
        "long body (a 17-byte file key)": (
            "MalformedError",
            agefile.header(agefile.stanza(share, wrapped + b"\0")) + tail,
        ),
        "padded base64": ("MalformedError", agefile.header(one[:-1] + b"=\n") + tail),
        "non-canonical base64": (
            "MalformedError",
            agefile.header(one[:-2] + bytes([one[-2] + 1]) + b"\n") + tail,
        ),
        "CR LF": ("MalformedError", honest.replace(b"\n", b"\r\n", 4)),
        "another version": ("MalformedError", honest.replace(b"v1\n", b"v2\n", 1)),
        "share changed": ("WrongKeyError", honest.replace(head[45:47], b"//" if head[45:47] != b"//" else b"AA", 1)),
        "sealed to another": ("WrongKeyError", agefile.header(agefile.stanza(share, wrapped[:-1] + b"\0")) + tail),
        "MAC of another file key": ("ForgedError", agefile.header(one, file_key=bytes(16)) + tail),
        "MAC not canonical": ("MalformedError", head[:-2] + bytes([head[-2] + 1]) + b"\n" + tail),
        "cut in the header": ("TruncatedError", honest[:900]),
        "cut after the header": ("TruncatedError", head),
        "cut in the nonce": ("TruncatedError", head + tail[:15]),
        "cut before the chunk": ("TruncatedError", head + tail[:16]),
        "cut in the chunk": ("ForgedError", honest[:-1]),
        "a byte after the end": ("ForgedError", honest + b"\0"),
        "nonce changed": ("ForgedError", head + b"\xff" + tail[1:]),
        "payload changed": ("ForgedError", honest[:-21] + bytes([honest[-21] ^ 1]) + honest[-20:]),
    }
    assert last in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    full = agefile.CHUNK
    streams: list[tuple[str, str, list[tuple[int, bool, int]]]] = [
        ("two full chunks", "ok", [(0, False, full), (1, True, full)]),
        ("empty payload", "ok", [(0, True, 0)]),
        ("not marked last", "ForgedError", [(0, False, 5)]),
        ("cut between chunks", "ForgedError", [(0, False, full)]),
        ("an empty last chunk", "ForgedError", [(0, False, full), (1, True, 0)]),
        ("a chunk twice", "ForgedError", [(0, False, full), (0, False, full), (1, True, 1)]),
        ("a chunk left out", "ForgedError", [(0, False, full), (2, True, 1)]),
        ("chunks swapped", "ForgedError", [(1, False, full), (0, False, full), (2, True, 1)]),
        ("counted from one", "ForgedError", [(1, True, 1)]),
        ("a short chunk in the middle", "ForgedError", [(0, False, full - 1), (1, True, 1)]),
        ("two last chunks", "ForgedError", [(0, True, full), (1, True, 1)]),
        ("a chunk after the last", "ForgedError", [(0, True, 1), (1, True, 1)]),
    ]
    return {
        "source": "docs/formats.md 3, C2SP age.md",
        "identity": RECEIVER.text,
        "file_key": agefile.FILE_KEY.hex(),
        "honest": honest.hex(),
        "expect": b"hello".hex(),
        "vectors": [{"name": n, "edit": edit(honest, bad), "expect": error} for n, (error, bad) in hostile.items()],
        "streams": [
            {"name": n, "chunks": [{"number": c, "last": la, "zeros": z} for c, la, z in cs], "expect": e}
            for n, e, cs in streams
        ],
    }


def _object(header: bytes, content: bytes, bucket: int, **change: Any) -> bytes:
    """The payload of a sealed object; `change` breaks one thing."""
    length = change.get("length", len(content))
    head = change.get("magic", b"LUWTEob1") + struct.pack(">H", change.get("hlen", len(header))) + header + content
    fill = bucket - len(head) - 8
    return head + change.get("padding", bytes(max(0, fill))) + struct.pack(">Q", length)


def _bucket(header: ObjectHeader) -> int:
    if header.kind is Kind.FILE:
        return 65536
    return 16384 if len(header.encode()) < 16000 else 32768


def sealed_objects() -> Vector:
    common = {"line": LINE, "mailbox_ref": b"M" * 16, "object_id": b"O" * 16, "day": 20780}
    sent = common | {"submission_id": b"S" * 16, "epoch": 7, "reply_key": SOURCE.recipient}
    answers = Answers(
        "luwte-1",
        (
            Answer("danger", "Is anyone in danger now?", (Choice("unsure", "I am not sure"),)),
            Answer("kind", "What is happening?", (Choice("threats", "Threats"), Choice("x-own", "دیگر"))),
            Answer("never-tell", "Who must not learn of this?", text="سفارت\n\x00"),
        ),
    )
    headers = {
        "message": ObjectHeader(kind=Kind.MESSAGE, **sent),
        "file": ObjectHeader(kind=Kind.FILE, name="../Ñ/\u202egpj.exe", **sent),
        "reply": ObjectHeader(kind=Kind.REPLY, **common),
        "reply that asks": ObjectHeader(kind=Kind.REPLY, **common, content_type=ContentType.REQUEST),
        "message that answers": ObjectHeader(kind=Kind.MESSAGE, **sent, content_type=ContentType.RESPONSE),
        "message with answers": ObjectHeader(kind=Kind.MESSAGE, answers=answers, **sent),
        "message with answers of 16,384 bytes": ObjectHeader(
            kind=Kind.MESSAGE, answers=Answers("luwte-1", (Answer("when", "?", text="x" * 16_342),)), **sent
        ),
    }
    text = "Kan ik hier veilig praten? می‌توانم اینجا حرف بزنم؟".encode()
    good: list[Vector] = [
        {
            "name": kind,
            "payload": parts(_object(header.encode(), text, _bucket(header))),
            "expect": {"header": header.encode().hex(), "content": text.decode()},
        }
        for kind, header in headers.items()
    ]
    fields = cbor2.loads(headers["message"].encode())
    reply = cbor2.loads(headers["reply"].encode())
    file = cbor2.loads(headers["file"].encode())

    told = answers.value()

    def answering(**more: Any) -> bytes:
        return _object(having(answers=told | more), text, 16384)

    def given(*given: Any) -> bytes:
        return answering(given=list(given))

    def without(key: str) -> bytes:
        return cbor2.dumps({k: v for k, v in fields.items() if k != key}, canonical=True)

    def having(base: dict[str, Any] = fields, **more: Any) -> bytes:
        return cbor2.dumps(base | more, canonical=True)

    head = headers["message"].encode()
    bad = {
        "another magic": _object(head, text, 16384, magic=b"LUWTEbd1"),
        "header beyond the end": _object(head, text, 16384, hlen=16370),
        "header cut": _object(head, text, 16384, hlen=len(head) - 1),
        "bucket larger than needed": _object(head, text, 32768),
        "not a bucket": _object(head, text, 16385),
        "no padding": _object(head, text, 16384, padding=b""),
        "length beyond the object": _object(head, text, 16384, length=16384),
        "length of 2^64 - 1": _object(head, text, 16384, length=2**64 - 1),
        "too short": b"LUWTEob1\0\0",
        "empty": b"",
        "a message in a file's bucket": _object(having(file), text, 65536 + 16384),
        "version 2": _object(having(v=2), text, 16384),
        "version true": _object(having(v=True), text, 16384),
        "unknown key": _object(having(zz=1), text, 16384),
        "message that asks": _object(having(type="request"), text, 16384),
        "reply that answers": _object(having(reply, type="response"), text, 16384),
        "file that answers": _object(having(file, type="response"), text, 65536),
        "plain and says so": _object(having(type="plain"), text, 16384),
        "type that is nothing": _object(having(type=""), text, 16384),
        "type that is bytes": _object(having(type=b"response"), text, 16384),
        "unknown kind": _object(having(kind="note"), text, 16384),
        "message with a name": _object(having(name="x"), text, 16384),
        "reply with a key": _object(having(reply, key=SOURCE.recipient.raw), text, 16384),
        "file without a name": _object(having(kind="file"), text, 65536),
        "name too long": _object(having(file, name="n" * 16385), text, 65536),
        "epoch 0": _object(having(epoch=0), text, 16384),
        "day of 2^31": _object(having(day=2**31), text, 16384),
        "day negative": _object(having(day=-1), text, 16384),
        "line of 15 bytes": _object(having(line=LINE[:15]), text, 16384),
        "key of 1215 bytes": _object(having(key=SOURCE.recipient.raw[:-1]), text, 16384),
        "key not reduced": _object(having(key=b"\xff" * 1216), text, 16384),
        "key of small order": _object(having(key=SOURCE.recipient.raw[:1184] + bytes(32)), text, 16384),
        "file with answers": _object(having(file, answers=told), text, 65536),
        "reply with answers": _object(having(reply, answers=told), text, 16384),
        "response with answers": _object(having(type="response", answers=told), text, 16384),
        "answers that are empty": _object(having(answers={}), text, 16384),
        "answers of nothing": given(),
        "answers as a list": _object(having(answers=[told]), text, 16384),
        "answers of an unnamed set": answering(set=""),
        "answers of a set in capitals": answering(set="LUWTE"),
        "answers with an unknown key": answering(zz=1),
        "an answer twice": given(told["given"][0], told["given"][0]),
        "an answer without anything in it": given({"q": "when", "ask": "When?"}),
        "an answer that chose nothing": given({"q": "when", "ask": "When?", "pick": [], "text": "x"}),
        "an answer that wrote nothing": given({"q": "kind", "ask": "What?", "pick": [["other", "o"]], "text": ""}),
        "an answer to an unasked question": given({"q": "when", "ask": "", "text": "x"}),
        "an answer with an unknown key": given(told["given"][0] | {"zz": 1}),
        "an answer with a code of 41 letters": given({"q": "q" * 41, "ask": "?", "text": "x"}),
        "an answer with a code in capitals": given({"q": "Q", "ask": "?", "text": "x"}),
        "a choice twice": given({"q": "kind", "ask": "?", "pick": [["a", "A"], ["a", "A"]]}),
        "a choice of three parts": given({"q": "kind", "ask": "?", "pick": [["a", "A", "A"]]}),
        "a choice without words": given({"q": "kind", "ask": "?", "pick": [["a", ""]]}),
        "a choice that is text": given({"q": "kind", "ask": "?", "pick": ["ab"]}),
        "65 choices": given({"q": "kind", "ask": "?", "pick": [[str(n), "x"] for n in range(65)]}),
        "65 answers": given(*({"q": str(n), "ask": "?", "text": "x"} for n in range(65))),
        "answers of 16,385 bytes": _object(
            having(answers=told | {"given": [{"q": "when", "ask": "?", "text": "x" * 16_343}]}), text, 32768
        ),
        "header is a list": _object(cbor2.dumps([1]), text, 16384),
        "header not deterministic": _object(cbor2.dumps(dict(reversed(fields.items()))), text, 16384),
        "byte after the header's map": _object(head + b"\0", text, 16384),
    }
    for key in fields:
        bad[f"without {key}"] = _object(without(key), text, 16384)
    hidden = bytearray(_object(head, text, 16384))
    hidden[-9] = 1
    bad["last byte of padding set"] = bytes(hidden)
    hidden[-9], hidden[len(head) + len(text) + 10] = 0, 1
    bad["first byte of padding set"] = bytes(hidden)
    honest = _object(head, text, 16384)
    good += [{"name": name, "edit": edit(honest, data), "expect": "MalformedError"} for name, data in bad.items()]
    return {"source": "docs/formats.md 3; edits are of the first payload", "identity": RECEIVER.text, "vectors": good}


def bundles() -> Vector:
    share, wrapped = wrapping()
    sealed = agefile.header(agefile.stanza(share, wrapped)) + agefile.payload(b"stands for a sealed object")
    entry = ObjectEntry(b"O" * 16, Kind.MESSAGE, len(sealed), hashlib.sha256(sealed).digest(), b"M" * 16)
    manifest = Manifest(
        line=LINE,
        direction=Direction.COLLECT,
        number=1,
        previous=bytes(32),
        acknowledged=ChainPosition(2, b"\x02" * 32),
        day=20780,
        epoch=7,
        floor=6,
        objects=(entry,),
        tombstones=(Tombstone(Erased.REPLY, b"R" * 16), Tombstone(Erased.MAILBOX, b"B" * 16)),
    )
    fields = cbor2.loads(manifest.encode())

    def made(content: bytes = sealed, key: SigningKey = HOST_KEY, label: str = "bundle-manifest", **more: Any) -> bytes:
        body = cbor2.dumps(fields | more, canonical=True)
        head = b"LUWTEbd1" + struct.pack(">I", len(body)) + sign(key, label, body) + content
        return head + bytes(padding.bundle_bucket(len(head)) - len(head))

    honest = made()
    size, sha = len(sealed), entry.sha256
    expected = _expected(honest, [sealed])
    twice = [fields["objects"][0], fields["objects"][0]]
    end = len(honest.rstrip(b"\0"))
    bad = {
        "signed by the line key": ("ForgedError", made(key=LINE_KEY)),
        "signed for another purpose": ("ForgedError", made(label="epoch-certificate")),
        "another line": ("ForgedError", made(line=b"X" * 16)),
        "the other direction": ("ForgedError", made(dir="dispatch")),
        "no such direction": ("ForgedError", made(dir="sideways")),
        "another magic": ("MalformedError", b"LUWTEob1" + honest[8:]),
        "manifest longer than allowed": ("MalformedError", honest[:8] + b"\x01\0\0\x01" + honest[12:]),
        "manifest longer than the bundle": ("TruncatedError", honest[:8] + b"\0\x20\0\0" + honest[12:]),
        "empty": ("TruncatedError", b""),
        "number 0": ("MalformedError", made(no=0)),
        "version 2": ("MalformedError", made(v=2)),
        "unknown key": ("MalformedError", made(zz=1)),
        "acknowledges nothing with a hash": ("MalformedError", made(ack=[0, b"\1" * 32])),
        "acknowledges 2 without a hash": ("MalformedError", made(ack=[2, bytes(32)])),
        "acknowledgement of three items": ("MalformedError", made(ack=[2, b"\1" * 32, 1])),
        "an object listed twice": ("MalformedError", made(sealed + sealed, objects=twice)),
        "an object of no bytes": ("MalformedError", made(objects=[[b"O" * 16, "message", 0, sha, b"M" * 16]])),
        "an object of unknown kind": ("MalformedError", made(objects=[[b"O" * 16, "note", size, sha, b"M" * 16]])),
        "an object of a true size": ("MalformedError", made(objects=[[b"O" * 16, "message", True, sha, b"M" * 16]])),
        "a tombstone of unknown kind": ("MalformedError", made(tombs=[["file", b"R" * 16]])),
        "a tombstone of 15 bytes": ("MalformedError", made(tombs=[["reply", b"R" * 15]])),
        "a certificate that is text": ("MalformedError", made(certs=["x"])),
        "an onion address with a wrong checksum": ("MalformedError", made(onion=ADDRESS[1] + ADDRESS[0] + ADDRESS[2:])),
        "an onion address in capitals": ("MalformedError", made(onion=ADDRESS.upper())),
        "two onion addresses": ("MalformedError", made(onion=[ADDRESS, ADDRESS])),
        "an empty onion address": ("MalformedError", made(onion="")),
        "onion cards from the host": ("MalformedError", made(cards=[b"x"])),
        "keeps notice 0": ("MalformedError", made(kept=0)),
        "the number of a kept notice as text": ("MalformedError", made(kept="1")),
        "an object changed": ("ForgedError", made(sealed[:-1] + b"\0")),
        "an object longer than the bundle": (
            "TruncatedError",
            made(objects=[[b"O" * 16, "message", 1 << 21, sha, b"M" * 16]]),
        ),
        "padding too short": ("MalformedError", honest[:-1]),
        "padding too long": ("MalformedError", honest + b"\0"),
        "no padding": ("MalformedError", honest[:end]),
        "hidden in the padding": ("MalformedError", honest[:-1] + b"\1"),
    }
    asking, keeping = made(onion=ADDRESS), made(kept=3)
    vectors: list[Vector] = [
        {"name": "honest", "payload": parts(honest), "expect": expected},
        {
            "name": "asks for an onion card",
            "edit": edit(honest, asking),
            "expect": _expected(asking, [sealed], onion=ADDRESS),
        },
        {
            "name": "keeps notice 3",
            "edit": edit(honest, keeping),
            "expect": _expected(keeping, [sealed], kept=3),
        },
    ]
    vectors += [{"name": n, "edit": edit(honest, data), "expect": error} for n, (error, data) in bad.items()]
    return {
        "source": "docs/formats.md 6",
        "identity": RECEIVER.text,
        "host_public": HOST_KEY.public.raw.hex(),
        "line": LINE.hex(),
        "vectors": vectors,
    }


def dispatches() -> Vector:
    """Dispatch bundles, whose one peculiarity is the onion cards that they bring."""
    manifest = Manifest(LINE, Direction.DISPATCH, 1, bytes(32), ChainPosition.beginning(), 20780, 7, 0)
    fields = cbor2.loads(manifest.encode())
    card = onion_card.make(LINE_KEY, OnionAddress(ADDRESS), 20780).signed

    def made(**more: Any) -> bytes:
        body = cbor2.dumps(fields | more, canonical=True)
        head = b"LUWTEbd1" + struct.pack(">I", len(body)) + sign(LINE_KEY, "bundle-manifest", body)
        return head + bytes(padding.bundle_bucket(len(head)) - len(head))

    honest = made(cards=[card])
    good = {"one card": [card], "eight cards": [card] * 8, "a card that only the host can judge": [b"x" * 512]}
    bad: dict[str, dict[str, Any]] = {
        "nine cards": {"cards": [card] * 9},
        "no card, but the field": {"cards": []},
        "a card that is text": {"cards": ["x"]},
        "a card that is too long": {"cards": [b"x" * 513]},
        "cards that are no list": {"cards": card},
        "an address to sign, from the desk": {"onion": ADDRESS},
        "the number of a kept notice, from the desk": {"kept": 1},
        "an empty notice": {"notice": b""},
        "a notice that is text": {"notice": "x"},
        "a notice that is too long": {"notice": bytes(65_537)},
    }
    vectors: list[Vector] = [{"name": "no card", "edit": edit(honest, made()), "expect": {"cards": []}}]
    with_notice = [b"x", bytes(65_536)]  # whether the line signed it is for the host to judge
    vectors += [
        {
            "name": f"a notice of {len(one):,} bytes",
            "edit": edit(honest, made(notice=one)),
            "expect": {"notice": len(one)},
        }
        for one in with_notice
    ]
    vectors += [
        {"name": name, "edit": edit(honest, made(cards=cards)), "expect": {"cards": [one.hex() for one in cards]}}
        for name, cards in good.items()
    ]
    vectors += [
        {"name": name, "edit": edit(honest, made(**more)), "expect": "MalformedError"} for name, more in bad.items()
    ]
    return {
        "source": "docs/formats.md 6; edits are of `honest`",
        "identity": RECEIVER.text,
        "line_public": LINE_KEY.public.raw.hex(),
        "line": LINE.hex(),
        "honest": parts(honest),
        "vectors": vectors,
    }


def _expected(payload: bytes, objects: list[bytes], onion: str | None = None, kept: int | None = None) -> Vector:
    signed = payload[12 : 12 + struct.unpack_from(">I", payload, 8)[0] + 64]
    sha256 = hashlib.sha256(signed).hexdigest()
    return {"objects": [one.hex() for one in objects], "sha256": sha256, "onion": onion, "kept": kept}
