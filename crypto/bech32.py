"""Bech32 (BIP 173) without the limit on length, as age uses it for keys."""

from crypto.errors import MalformedError

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def encode(prefix: str, data: bytes) -> str:
    """Encode in lower case; `prefix` is lower case without the separator."""
    values = _regroup(data, 8, 5, pad=True)
    return prefix + "1" + "".join(_ALPHABET[v] for v in values + _checksum(prefix, values))


def decode(untrusted_text: str, *, prefix: str, upper: bool = False) -> bytes:
    """Decode text in one case (`upper` or lower) with exactly this `prefix` (given in lower case)."""
    head = (prefix.upper() if upper else prefix) + "1"
    if not untrusted_text.startswith(head):
        raise MalformedError("the key does not begin as keys of this kind do")
    if not untrusted_text.isascii() or untrusted_text != (untrusted_text.upper() if upper else untrusted_text.lower()):
        raise MalformedError("the key mixes upper and lower case")
    tail = untrusted_text[len(head) :].lower()
    values = [_ALPHABET.find(character) for character in tail]
    if len(values) < 6 or -1 in values:
        raise MalformedError("the key holds a character that keys don't have, or is too short")
    if _polymod(_expand(prefix) + values) != 1:
        raise MalformedError("the key is mistyped: its checksum does not fit")
    return bytes(_regroup(values[:-6], 5, 8, pad=False))


def _regroup(data: bytes | list[int], wide: int, narrow: int, *, pad: bool) -> list[int]:
    """Regroup bits of `wide` into bits of `narrow`; what is left over must be zero and shorter than one value."""
    accumulator = bits = 0
    out = []
    for value in data:
        accumulator = (accumulator << wide | value) & 0xFFF
        bits += wide
        while bits >= narrow:
            bits -= narrow
            out.append(accumulator >> bits & (1 << narrow) - 1)
    rest = accumulator & (1 << bits) - 1
    if pad and bits:
        out.append(rest << narrow - bits)
    elif not pad and (bits >= wide or rest):
        raise MalformedError("the key has bits left over")
    return out


def _expand(prefix: str) -> list[int]:
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, term in enumerate(_GENERATOR):
            if top >> bit & 1:
                check ^= term
    return check


def _checksum(prefix: str, values: list[int]) -> list[int]:
    polymod = _polymod([*_expand(prefix), *values, 0, 0, 0, 0, 0, 0]) ^ 1
    return [polymod >> 5 * (5 - i) & 31 for i in range(6)]
