"""Buckets and CBOR."""

from crypto import cbor, padding
from tests.vectors.common import Vector


def paddings() -> Vector:
    sizes = (0, 1, 16384, 16385, 65536, 65537, 131073, 1 << 20, (1 << 24) - 1, 1 << 24, (1 << 24) + 1)
    sizes += (20 << 20, (20 << 20) + 1, 24 << 20, 28 << 20, 500 << 20, (1 << 30) + 1)
    kinds = (padding.message_bucket, padding.file_bucket, padding.bundle_bucket)
    vectors = [{"name": str(n), "length": n, "expect": {f.__name__: f(n) for f in kinds}} for n in sizes]
    return {"source": "docs/formats.md 3.2", "vectors": vectors}


def cbors() -> Vector:
    good = [
        0,
        23,
        24,
        255,
        256,
        2**32,
        2**64 - 1,
        -1,
        -(2**63),
        b"",
        b"\0" * 24,
        "",
        "ü",
        [],
        [1, [2]],
        {},
        {"a": 1, "bb": 2},
    ]
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
