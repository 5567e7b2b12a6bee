"""Codenames, the keys from them, epoch certificates and cards."""

import unicodedata
from typing import Any

import cbor2

from crypto import card, codename, epoch, kdf, pem, wordlists
from crypto.codename import Codename
from crypto.signed import SigningKey, sign
from tests.vectors.common import HOST_KEY, LINE, LINE_KEY, OTHER, RECEIVER, SOURCE, Vector

# For each list: indexes of a codename, and the same typed otherwise than it is shown.
_LISTS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("de-1", (0, 6161, 42, 1, 2, 3, 4)),
    ("fr-1", (0, 6108, 42, 1, 2, 3, 4)),
    ("es-1", (0, 6312, 42, 1, 2, 3, 4)),
    ("it-1", (0, 7986, 42, 1, 2, 3, 4)),
    ("pt-br-1", (0, 7752, 42, 1, 2, 3, 4)),
    ("tr-1", (0, 2048, 42, 1, 2, 3, 4, 1000)),
    ("ru-1", (0, 2047, 42, 1, 2, 3, 4, 1000)),
    ("zh-hans-1", (0, 907, 42, 1, 2, 3, 4, 5, 6)),
    ("zh-hant-1", (0, 905, 42, 1, 2, 3, 4, 5, 901)),
    ("digits-1", (0, 9999, 42, 1, 2, 3, 4)),
)


def _typed_in_every_list() -> dict[str, tuple[Codename, str]]:
    """What each list's codename looks like, and how else it may be typed."""
    out = {}
    for list_id, indexes in _LISTS:
        one = Codename(list_id, indexes)
        out[f"{list_id} as written"] = (one, one.text)
        out[f"{list_id} in capitals, run together"] = (one, one.text.upper().replace(" ", ""))
        out[f"{list_id} taken apart"] = (one, unicodedata.normalize("NFKD", one.text).replace(" ", " - "))
    return out


def _codename(list_id: str, text: str) -> Codename:
    return Codename(list_id, tuple(wordlists.load(list_id).index[word] for word in text.split()))


def _in_digits(zero: str) -> str:
    """The codename of digits in another script's, whose zero this is."""
    text = Codename("digits-1", dict(_LISTS)["digits-1"]).text
    return "".join(chr(ord(zero) + int(c)) if c.isdecimal() else c for c in text)


def codenames() -> Vector:
    words = wordlists.load(codename.EFF_LARGE).words
    one = Codename(codename.EFF_LARGE, (0, 7775, 42, 1, 2, 3, 4))
    hyphens = Codename(codename.EFF_LARGE, (words.index("yo-yo"), words.index("t-shirt"), 5, 6, 7, 8, 9))
    shared = ("agenda", "alarm", "album", "atlas", "atom", "balance", "banjo")
    english = tuple(words.index(word) for word in shared)
    turkish = _codename("tr-1", "abajur tarak alkı\u015f a\u015f\u00e7ı a\u015fırı barı\u015f ba\u015fıbo\u015f abdal")
    russian = Codename("ru-1", dict(_LISTS)["ru-1"])
    french = _codename("fr-1", "boeuf " * 7)
    digits = Codename("digits-1", dict(_LISTS)["digits-1"])
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
        "English and German words: the earlier list": (Codename(codename.EFF_LARGE, english), " ".join(shared)),
        **_typed_in_every_list(),
        "ru-1 with \u0451 and without \u0439": (
            russian,
            russian.text.replace("\u0435", "\u0451").replace("\u0439", "\u0438"),
        ),
        "tr-1 on an English keyboard": (turkish, "abajur tarak alkis asci asiri baris basibos abdal"),
        "fr-1 with a ligature": (french, "b\u0153uf " * 7),
        "digits-1 in Arabic-Indic digits": (digits, _in_digits("\u0660")),
        "digits-1 in Persian digits": (digits, _in_digits("\u06f0")),
        "digits-1 in full width": (digits, _in_digits("\uff10")),
        "digits-1 in Ethiopic digits where there are any": (digits, digits.text.replace("9", "\u1371")),
        "digits-1 in other groups": (digits, "00009 99900 42000-1000/20 003 0004"),
    }
    bad: dict[str, tuple[str, Vector]] = {
        "a word on no list": (one.text.replace("abdomen", "abdomem"), {"error": "UnknownWordError", "word": "abdomem"}),
        "six words": (one.text.rpartition(" ")[0], {"error": "WrongCountError", "found": 6}),
        "eight words": (one.text + " zoom", {"error": "WrongCountError", "found": 8}),
        "nothing": ("", {"error": "WrongCountError", "found": 0}),
        "another script": (
            "\u0633\u0644\u0627\u0645",
            {"error": "UnknownWordError", "word": "\u0633\u0644\u0627\u0645"},
        ),
        "too long": ("a" * 1001, {"error": "CodenameError"}),
        "seven Turkish words": (
            turkish.text.rpartition(" ")[0],
            {"error": "WrongCountError", "list_id": "tr-1", "found": 7, "expected": 8},
        ),
        "a word on no list among Russian ones": (
            russian.text.replace(russian.words[2], "\u0434\u0432\u043b\u044f\u043d\u043a\u0430"),
            {"error": "UnknownWordError", "list_id": "ru-1", "word": "\u0434\u0432\u043b\u044f\u043d\u043a\u0430"},
        ),
        "a character that sounds alike": (
            Codename("zh-hans-1", dict(_LISTS)["zh-hans-1"]).text.replace("\u4e00", "\u4f9d"),
            {"error": "UnknownWordError", "list_id": "zh-hans-1", "word": "\u4f9d"},
        ),
        "a digit too few": (digits.text[:-1], {"error": "WrongCountError", "found": 27, "expected": 28}),
        "digits among words": (
            digits.text + " zoom",
            {"error": "WrongCountError", "list_id": "eff-large-1", "found": 1},
        ),
    }
    vectors: list[Vector] = [
        {"name": name, "typed": typed, "expect": {"canonical": meant.canonical.decode()}}
        for name, (meant, typed) in good.items()
    ]
    vectors += [{"name": name, "typed": typed, "expect": expect} for name, (typed, expect) in bad.items()]
    refused = ("eff-large-1:0-1-2-3-4-5", "eff-large-1:0-1-2-3-4-5-7776", "eff-large-1:0-1-2-3-4-5-7752", "")
    refused += ("eff-large-1:00-1-2-3-4-5-6", "eff-large-1:0-1-2-3-4-5--6", "eff-large-2:0-1-2-3-4-5-6", "eff-large-1:")
    refused += ("tr-1:0-1-2-3-4-5-6", "tr-1:0-1-2-3-4-5-6-2049", "zh-hans-1:0-1-2-3-4-5-6-7", "de-1:0-1-2-3-4-5-6162")
    refused += ("digits-1:0-1-2-3-4-5-10000", "digits-1:0000-1-2-3-4-5-6", "DE-1:0-1-2-3-4-5-6", "de:0-1-2-3-4-5-6")
    canonical = [{"name": text, "canonical": text, "expect": "ValueError"} for text in refused]
    return {"source": "docs/formats.md 2.3", "vectors": vectors, "canonical": canonical}


def source_keys() -> Vector:
    salt, pepper = bytes(range(16)), bytes(range(32, 64))
    vectors = []
    english = ((codename.EFF_LARGE, (0, 7775, 42, 1, 2, 3, 4)), (codename.EFF_LARGE, (4, 3, 2, 1, 42, 7775, 0)))
    for profile, drawn in ((kdf.LUWTE_KDF_1, english), (kdf.TEST_KDF, (*english, *_LISTS))):
        for list_id, indexes in drawn:
            one = Codename(list_id, indexes)
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


def epochs() -> Vector:
    first = epoch.issue(LINE_KEY, LINE, None, 20780, RECEIVER.recipient)
    second = epoch.issue(LINE_KEY, LINE, first, 20781, SOURCE.recipient)
    third = epoch.issue(LINE_KEY, LINE, second, 20785, OTHER.recipient)

    def made(
        number: int, day: int, previous: bytes, line: bytes = LINE, key: SigningKey = LINE_KEY, **more: Any
    ) -> str:
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
        return pem.to_text("LINE", sign(key, purpose, cbor2.dumps(body | more, canonical=True)))

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
