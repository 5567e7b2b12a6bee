"""Onion addresses and the cards that a line signs for them."""

import base64
import hashlib
from typing import Any

import cbor2

from crypto import onion_card, pem
from crypto.onion_card import OnionAddress
from crypto.signed import SigningKey, sign
from tests.vectors.common import HOST_KEY, LINE, LINE_KEY, Vector

ONION_KEY = SigningKey(b"\x05" * 32).public.raw
# Of order 8 (RFC 8032's curve), and a sum of it and a good point would be just as wrong.
SMALL_ORDER = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
PUBLISHED = {
    "the Tor Project's": "2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid",
    "rend-spec-v3's first example": "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd",
    "rend-spec-v3's second example": "sp3k262uwy4r2k3ycr5awluarykdpag6a7y33jxop4cs2lu5uz5sseqd",
}


def address(key: bytes = ONION_KEY, version: int = 3, *, checksum: bytes | None = None) -> str:
    tail = hashlib.sha3_256(b".onion checksum" + key + bytes([version])).digest()[:2] if checksum is None else checksum
    return base64.b32encode(key + tail + bytes([version])).decode("ascii").lower()


ADDRESS = address()


def addresses() -> Vector:
    swapped = ADDRESS[1] + ADDRESS[0] + ADDRESS[2:]
    good = {
        "as it is kept": ADDRESS,
        "in capitals": ADDRESS.upper(),
        "with .onion": ADDRESS + ".onion",
        "as a link": f"http://{ADDRESS}.onion/",
        "typed as https": f"https://{ADDRESS}.onion",
        "in groups, on two lines": " ".join(OnionAddress(ADDRESS).groups[:4])
        + "\n"
        + " ".join(OnionAddress(ADDRESS).groups[4:])
        + ".onion",
    }
    bad = {
        "two characters swapped": swapped,
        "one character wrong": ("a" if ADDRESS[7] != "a" else "b").join([ADDRESS[:7], ADDRESS[8:]]),
        "55 characters": ADDRESS[:-1],
        "57 characters": ADDRESS + "d",
        "nothing": "",
        "a digit that base32 has not": ADDRESS[:10] + "0" + ADDRESS[11:],
        "a letter of another script": ADDRESS[:10] + "\u0430" + ADDRESS[11:],
        "version 2 in the last byte": address(version=2),
        "version 4 in the last byte": address(version=4),
        "an old address of 16 characters": "expyuzz4wqqyqhjn.onion",
        "checksum of zeros": address(checksum=bytes(2)),
        "a key of small order": address(SMALL_ORDER),
        "the neutral element": address(b"\x01" + bytes(31)),
        "not on the curve": address(b"\x02" + bytes(31)),
        "a coordinate that is not reduced": address(b"\xff" * 31 + b"\x7f"),
        "a path behind it": f"http://{ADDRESS}.onion/login",
        "a name before it": f"www.{ADDRESS}.onion",
        "a port": f"{ADDRESS}.onion:80",
        "far too long": ADDRESS * 100,
    }
    vectors = [{"name": name, "typed": typed, "expect": {"address": ADDRESS}} for name, typed in good.items()]
    vectors += [{"name": name, "typed": typed, "expect": {"address": typed}} for name, typed in PUBLISHED.items()]
    vectors += [{"name": name, "typed": typed, "expect": "MalformedError"} for name, typed in bad.items()]
    return {"source": "docs/formats.md 5.1, rend-spec-v3 [ONIONADDRESS]", "vectors": vectors}


def cards() -> Vector:
    one = onion_card.make(LINE_KEY, OnionAddress(ADDRESS), 20780)
    ending = onion_card.make(LINE_KEY, OnionAddress(ADDRESS), 20780, 21145)
    fields = {"v": 1, "line": LINE, "onion": ADDRESS, "day": 20780}

    def made(key: SigningKey = LINE_KEY, purpose: str = "onion-card", *, without: str = "", **more: Any) -> str:
        body = {name: value for name, value in (fields | more).items() if name != without}
        return pem.to_text("ONION", sign(key, purpose, cbor2.dumps(body, canonical=True)))

    loose = cbor2.dumps(dict(reversed(fields.items())))
    changed = bytearray(one.signed)
    changed[20] ^= 1
    bad = {
        "signed by the host": ("ForgedError", made(HOST_KEY)),
        "signed for another purpose": ("ForgedError", made(purpose="line-card")),
        "another line's id": ("ForgedError", made(line=b"X" * 16)),
        "a byte changed": ("ForgedError", pem.to_text("ONION", bytes(changed))),
        "a byte more": ("ForgedError", pem.to_text("ONION", one.signed + b"\0")),
        "shorter than a signature": ("TruncatedError", pem.to_text("ONION", one.signed[:63])),
        "longer than a card": ("MalformedError", pem.to_text("ONION", one.signed + bytes(512))),
        "address in capitals": ("MalformedError", made(onion=ADDRESS.upper())),
        "address with .onion": ("MalformedError", made(onion=ADDRESS + ".onion")),
        "address as bytes": ("MalformedError", made(onion=ADDRESS.encode())),
        "address with a wrong checksum": ("MalformedError", made(onion=address(checksum=bytes(2)))),
        "address of version 2": ("MalformedError", made(onion=address(version=2))),
        "address of a key of small order": ("MalformedError", made(onion=address(SMALL_ORDER))),
        "ends before it begins": ("MalformedError", made(until=20779)),
        "an end that is nothing": ("MalformedError", made(until="")),
        "day negative": ("MalformedError", made(day=-1)),
        "day of 2^31": ("MalformedError", made(day=2**31)),
        "line of 15 bytes": ("MalformedError", made(line=LINE[:15])),
        "version 2": ("MalformedError", made(v=2)),
        "unknown key": ("MalformedError", made(zz=1)),
        "not deterministic": ("MalformedError", pem.to_text("ONION", sign(LINE_KEY, "onion-card", loose))),
        "another kind of card": ("MalformedError", one.text.replace("ONION", "LINE")),
        "lines of 63": ("MalformedError", one.text.replace("\n", "", 2)),
        "text around": ("MalformedError", "x\n" + one.text),
        "nothing": ("MalformedError", ""),
    }
    bad |= {f"without {name}": ("MalformedError", made(without=name)) for name in fields}
    vectors: list[Vector] = [
        {"name": "without an end", "text": one.text, "expect": {"address": ADDRESS, "day": 20780, "until": None}},
        {"name": "with an end", "text": ending.text, "expect": {"address": ADDRESS, "day": 20780, "until": 21145}},
        {
            "name": "for one day",
            "text": made(until=20780),
            "expect": {"address": ADDRESS, "day": 20780, "until": 20780},
        },
    ]
    vectors += [{"name": name, "text": text, "expect": error} for name, (error, text) in bad.items()]
    return {"source": "docs/formats.md 5.1", "line_public": LINE_KEY.public.raw.hex(), "vectors": vectors}
