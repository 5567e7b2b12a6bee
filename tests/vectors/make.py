"""Makes Luwte's own vectors, the hostile ones included: `python -m tests.vectors.make`.

Everything follows from fixed seeds but for wrap.json: HPKE draws its own randomness, so one wrapping of a fixed file key
was drawn once and is kept. The tests read the committed files, and check that this script still makes them.

Long bytes are written in parts: hex text, or a number of zeros. A hostile file is an edit of an honest one.
"""

import hashlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2

from crypto import card, cbor, codename, epoch, kdf, padding
from crypto.codename import Codename
from crypto.manifest import ChainPosition, Direction, Erased, Manifest, ObjectEntry, Tombstone
from crypto.sealed_object import Kind, ObjectHeader
from crypto.signed import SigningKey, sign
from crypto.xwing import Identity
from tests.support import agefile

FOLDER = Path(__file__).resolve().parent
RECEIVER = Identity(bytes(range(32)))
SOURCE = Identity(b"\x01" * 32)
OTHER = Identity(b"\x02" * 32)
LINE_KEY = SigningKey(b"\x03" * 32)
HOST_KEY = SigningKey(b"\x04" * 32)
LINE = card.line_id(LINE_KEY.public)
Vector = dict[str, Any]


def parts(data: bytes) -> list[Any]:
    """Hex text and numbers of zeros, in turn: readable where most is padding."""
    out: list[Any] = []
    while data:
        stripped = data.lstrip(b"\0")
        zeros = len(data) - len(stripped)
        if zeros >= 64:
            out.append(zeros)
            data = stripped
            continue
        at = data.find(bytes(64), zeros)
        text, data = (data, b"") if at < 0 else (data[:at], data[at:])
        out.append(text.hex())
    return out


def edit(honest: bytes, hostile: bytes) -> Vector:
    """The one replacement that makes `hostile` of `honest`."""
    at = _same(honest, hostile)
    same = _same(honest[at:][::-1], hostile[at:][::-1])
    return {"at": at, "remove": len(honest) - at - same, "insert": parts(hostile[at : len(hostile) - same])}


def _same(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low


def wrapping() -> tuple[bytes, bytes]:
    path = FOLDER / "wrap.json"
    if not path.exists():
        share, wrapped = RECEIVER.recipient.wrap(agefile.FILE_KEY)
        path.write_text(json.dumps({"share": share.hex(), "wrapped": wrapped.hex()}, indent=1) + "\n")
    kept = json.loads(path.read_text())
    return bytes.fromhex(kept["share"]), bytes.fromhex(kept["wrapped"])


def codenames() -> Vector:
    words = codename._words(codename.EFF_LARGE).words
    one = Codename(codename.EFF_LARGE, (0, 7775, 42, 1, 2, 3, 4))
    hyphens = Codename(codename.EFF_LARGE, (words.index("yo-yo"), words.index("t-shirt"), 5, 6, 7, 8, 9))
    good = {
        "as written": (one, one.text),
        "capitals": (one, one.text.upper()),
        "hyphens between": (one, one.text.replace(" ", "-")),
        "run together": (one, one.text.replace(" ", "")),
        "commas, line ends": (one, "\n" + one.text.replace(" ", ",\r\n") + "."),
        "accents": (one, one.text.replace("a", "\u00e4").replace("o", "\u00f3")),
        "dotless i": (one, one.text.replace("i", "\u0131")),
        "Turkish capitals": (one, one.text.upper().replace("I", "\u0130")),
        "full width": (one, "".join(chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in one.text)),
        "hyphened words": (hyphens, hyphens.text),
        "hyphened words apart": (hyphens, hyphens.text.replace("-", " ")),
        "hyphened words joined": (hyphens, hyphens.text.replace("-", "")),
    }
    bad: dict[str, tuple[str, Vector]] = {
        "a word on no list": (one.text.replace("abdomen", "abdomem"), {"error": "UnknownWordError", "word": "abdomem"}),
        "six words": (one.text.rpartition(" ")[0], {"error": "WrongCountError", "found": 6}),
        "eight words": (one.text + " zoom", {"error": "WrongCountError", "found": 8}),
        "nothing": ("", {"error": "WrongCountError", "found": 0}),
        "another script": ("\u0633\u0644\u0627\u0645", {"error": "UnknownWordError", "word": "\u0633\u0644\u0627\u0645"}),
        "too long": ("a" * 1001, {"error": "CodenameError"}),
    }
    vectors: list[Vector] = [
        {"name": name, "typed": typed, "expect": {"canonical": meant.canonical.decode()}}
        for name, (meant, typed) in good.items()
    ]
    vectors += [{"name": name, "typed": typed, "expect": expect} for name, (typed, expect) in bad.items()]
    refused = ("eff-large-1:0-1-2-3-4-5", "eff-large-1:0-1-2-3-4-5-7776", "eff-large-1:0-1-2-3-4-5-7752", "")
    refused += ("eff-large-1:00-1-2-3-4-5-6", "eff-large-1:0-1-2-3-4-5--6", "eff-large-2:0-1-2-3-4-5-6", "eff-large-1:")
    canonical = [{"name": text, "canonical": text, "expect": "ValueError"} for text in refused]
    return {"source": "docs/formats.md 2.3", "vectors": vectors, "canonical": canonical}


def source_keys() -> Vector:
    salt, pepper = bytes(range(16)), bytes(range(32, 64))
    vectors = []
    for profile in (kdf.LUWTE_KDF_1, kdf.TEST_KDF):
        for indexes in ((0, 7775, 42, 1, 2, 3, 4), (4, 3, 2, 1, 42, 7775, 0)):
            one = Codename(codename.EFF_LARGE, indexes)
            keys = kdf.derive_source_keys(one, salt=salt, pepper=pepper, profile=profile)
            expect = {"lookup": keys.lookup.hex(), "identity": keys.identity.text}
            vectors.append({
                "name": f"{profile.name} {one.text}",
                "codename": one.canonical.decode(),
                "profile": {"name": profile.name, "memory_kib": profile.memory_kib, "passes": profile.passes},
                "salt": salt.hex(),
                "pepper": pepper.hex(),
                "expect": expect,
            })
    return {"source": "docs/formats.md 2.4", "vectors": vectors}


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
        "long body (a 17-byte file key)": ("MalformedError", agefile.header(agefile.stanza(share, wrapped + b"\0")) + tail),
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


def sealed_objects() -> Vector:
    common = {"line": LINE, "mailbox_ref": b"M" * 16, "object_id": b"O" * 16, "day": 20780}
    sent = common | {"submission_id": b"S" * 16, "epoch": 7, "reply_key": SOURCE.recipient}
    headers = {
        "message": ObjectHeader(kind=Kind.MESSAGE, **sent),
        "file": ObjectHeader(kind=Kind.FILE, name="../Ñ/\u202egpj.exe", **sent),
        "reply": ObjectHeader(kind=Kind.REPLY, **common),
    }
    text = "Kan ik hier veilig praten? می‌توانم اینجا حرف بزنم؟".encode()
    good: list[Vector] = [
        {
            "name": kind,
            "payload": parts(_object(header.encode(), text, 65536 if kind == "file" else 16384)),
            "expect": {"header": header.encode().hex(), "content": text.decode()},
        }
        for kind, header in headers.items()
    ]
    fields = cbor2.loads(headers["message"].encode())
    reply = cbor2.loads(headers["reply"].encode())
    file = cbor2.loads(headers["file"].encode())

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


def epochs() -> Vector:
    first = epoch.issue(LINE_KEY, LINE, None, 20780, RECEIVER.recipient)
    second = epoch.issue(LINE_KEY, LINE, first, 20781, SOURCE.recipient)
    third = epoch.issue(LINE_KEY, LINE, second, 20785, OTHER.recipient)

    def made(number: int, day: int, previous: bytes, line: bytes = LINE, key: SigningKey = LINE_KEY, **more: Any) -> str:
        body = {"v": 1, "line": line, "epoch": number, "day": day, "recipient": OTHER.recipient.raw, "prev": previous}
        return sign(key, "epoch-certificate", cbor2.dumps(body | more, canonical=True)).hex()

    chain = [one.encoded.hex() for one in (first, second, third)]
    start = chain[:1]
    cases: list[tuple[str, list[str], Any]] = [
        ("three in order", chain, {"digest": third.digest.hex(), "epoch": 3, "day": 20785}),
        ("swapped", [chain[1], chain[0]], "ForgedError"),
        ("one left out", [chain[0], chain[2]], "ForgedError"),
        ("not from the beginning", chain[1:], "ForgedError"),
        ("the same twice", [*start, *start], "ForgedError"),
        ("the same day again", [*start, made(2, 20780, first.digest)], "ForgedError"),
        ("an earlier day", [*start, made(2, 20779, first.digest)], "ForgedError"),
        ("another previous one", [*start, made(2, 20781, bytes(32))], "ForgedError"),
        ("a second beginning", [*start, made(1, 20781, bytes(32))], "ForgedError"),
        ("number skipped", [*start, made(3, 20781, first.digest)], "ForgedError"),
        ("epoch 0", [made(0, 20780, bytes(32))], "MalformedError"),
        ("another line", [made(1, 20780, bytes(32), line=b"X" * 16)], "ForgedError"),
        ("signed by the host", [made(1, 20780, bytes(32), key=HOST_KEY)], "ForgedError"),
        ("unknown key", [made(1, 20780, bytes(32), zz=1)], "MalformedError"),
        ("version 2", [made(1, 20780, bytes(32), v=2)], "MalformedError"),
        ("signature for another purpose", [sign(LINE_KEY, "line-card", first.encoded[:-64]).hex()], "ForgedError"),
        ("shorter than a signature", ["00" * 63], "TruncatedError"),
        ("a byte changed", [first.encoded[:100].hex() + "00" + first.encoded[101:].hex()], "ForgedError"),
        ("a byte more", [first.encoded.hex() + "00"], "ForgedError"),
    ]
    known = {chain[0]: "first", chain[1]: "second", chain[2]: "third"}
    return {
        "source": "docs/formats.md 4",
        "line_public": LINE_KEY.public.raw.hex(),
        "line": LINE.hex(),
        "certificates": {name: text for text, name in known.items()},
        "vectors": [{"name": n, "chain": [known.get(c, c) for c in cs], "expect": e} for n, cs, e in cases],
    }


def cards() -> Vector:
    line = card.make_line_card("Meldpunt Luwte", LINE_KEY, RECEIVER.recipient)
    host = card.make_host_card(LINE, HOST_KEY, OTHER.recipient)

    def line_text(key: SigningKey = LINE_KEY, purpose: str = "line-card", **more: Any) -> str:
        body = {"v": 1, "name": "x", "sign": LINE_KEY.public.raw, "bundle": RECEIVER.recipient.raw}
        return card._to_text("LINE", sign(key, purpose, cbor2.dumps(body | more, canonical=True)))

    good: list[Vector] = [
        {"name": "line card", "kind": "line", "text": line.text, "expect": {"fingerprint": " ".join(line.fingerprint)}},
        {"name": "host card", "kind": "host", "text": host.text, "expect": {"fingerprint": " ".join(host.fingerprint)}},
    ]
    bad = {
        "signed by another key": ("ForgedError", line_text(HOST_KEY)),
        "signed for another purpose": ("ForgedError", line_text(purpose="host-card")),
        "no name": ("MalformedError", line_text(name="")),
        "name of 101 characters": ("MalformedError", line_text(name="x" * 101)),
        "bidi override in the name": ("MalformedError", line_text(name="a\u202eb")),
        "line end in the name": ("MalformedError", line_text(name="a\nb")),
        "version 2": ("MalformedError", line_text(v=2)),
        "unknown key": ("MalformedError", line_text(zz=1)),
        "key of 31 bytes": ("MalformedError", line_text(sign=bytes(31))),
        "recipient of small order": ("MalformedError", line_text(bundle=RECEIVER.recipient.raw[:1184] + bytes(32))),
        "public key of small order": ("ForgedError", line_text(sign=b"\x01" + bytes(31))),
        "a host card": ("MalformedError", host.text),
        "no end": ("MalformedError", line.text.replace("-----END", "")),
        "lines of 63": ("MalformedError", line.text.replace("\n", "", 2)),
        "text around": ("MalformedError", "x\n" + line.text),
        "nothing": ("MalformedError", ""),
        "only dashes": ("MalformedError", "-----BEGIN LUWTE LINE CARD-----\n-----END LUWTE LINE CARD-----\n"),
    }
    good += [{"name": n, "kind": "line", "text": text, "expect": error} for n, (error, text) in bad.items()]
    return {"source": "docs/formats.md 5", "vectors": good}


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
    vectors: list[Vector] = [{"name": "honest", "payload": parts(honest), "expect": {"objects": [sealed.hex()]}}]
    vectors += [{"name": n, "edit": edit(honest, data), "expect": error} for n, (error, data) in bad.items()]
    return {
        "source": "docs/formats.md 6",
        "identity": RECEIVER.text,
        "host_public": HOST_KEY.public.raw.hex(),
        "line": LINE.hex(),
        "vectors": vectors,
    }


def paddings() -> Vector:
    sizes = (0, 1, 16384, 16385, 65536, 65537, 131073, 1 << 20, (1 << 24) - 1, 1 << 24, (1 << 24) + 1)
    sizes += (20 << 20, (20 << 20) + 1, 24 << 20, 28 << 20, 500 << 20, (1 << 30) + 1)
    kinds = (padding.message_bucket, padding.file_bucket, padding.bundle_bucket)
    vectors = [{"name": str(n), "length": n, "expect": {f.__name__: f(n) for f in kinds}} for n in sizes]
    return {"source": "docs/formats.md 3.2", "vectors": vectors}


def cbors() -> Vector:
    good = [0, 23, 24, 255, 256, 2**32, 2**64 - 1, -1, -(2**63), b"", b"\0" * 24, "", "ü", [], [1, [2]], {}, {"a": 1, "bb": 2}]
    bad = {
        "empty": "",
        "two values": "0000",
        "number not shortest": "1817",
        "length not shortest": "580100",
        "indefinite bytes": "5f4101ff",
        "indefinite array": "9f01ff",
        "indefinite map": "bf616101ff",
        "keys out of order": "a2616201616101",
        "longer key first": "a262616101616101",
        "key twice": "a2616101616102",
        "key is a number": "a10101",
        "key of 24 bytes": "a178186161616161616161616161616161616161616161616161616101",
        "true": "f5",
        "null": "f6",
        "undefined": "f7",
        "float": "f93c00",
        "not a number": "f97e00",
        "bignum": "c249010000000000000000",
        "date": "c001",
        "pattern": "d8236161",
        "shared": "d81c80",
        "shared, in itself": "d81c81d81d00",
        "shared references that unfold": "86d81c80" + "".join(f"d81c9820{f'd81d{i:02x}' * 32}" for i in range(5)),
        "unknown tag": "d9ffff01",
        "text not UTF-8": "61ff",
        "surrogate": "63eda080",
        "below -2^63": "3b8000000000000000",
        "nine levels": "8181818181818181818100"[:-2] + "00",
        "array of 2^64 - 1": "9bffffffffffffffff",
        "bytes of 4 GiB": "5b00000001ffffffff",
        "break alone": "ff",
        "reserved": "1c",
    }
    vectors: list[Vector] = [{"name": repr(v)[:30], "encoded": cbor.encode(v).hex(), "expect": "ok"} for v in good]
    vectors += [{"name": name, "encoded": text, "expect": "MalformedError"} for name, text in bad.items()]
    return {"source": "docs/formats.md 1, RFC 8949 4.2.1", "vectors": vectors}


def made() -> Iterator[tuple[str, str]]:
    """File names and their text."""
    makers = {
        "codename": codenames,
        "source-keys": source_keys,
        "age-file": age_files,
        "sealed-object": sealed_objects,
        "epoch": epochs,
        "card": cards,
        "bundle": bundles,
        "padding": paddings,
        "cbor": cbors,
    }
    for name, maker in makers.items():
        yield f"{name}.json", json.dumps(maker(), indent=1, ensure_ascii=True) + "\n"


def main() -> None:
    for name, text in made():
        (FOLDER / name).write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
