"""Files and keys cross to the npm package age-encryption and back: no lock-in, and no error made twice."""

import base64
import hashlib
import io
import os
import zlib
from pathlib import Path
from typing import Any

import pytest

from crypto import age, age_header
from crypto.age import CHUNK, FileKey, Opener, SeekableOpener
from crypto.errors import CryptoError, ForgedError, MalformedError, WrongKeyError
from crypto.xwing import Identity, Recipient
from tests.support import node
from tests.support.opened import open_bytes

SIZES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1, (1 << 20) + 1)


@pytest.fixture(scope="module", autouse=True)
def _packages() -> None:
    node.install()


def test_the_other_implementation_opens_what_we_seal(tmp_path: Path, identity: Identity) -> None:
    plain = {size: os.urandom(size) for size in SIZES}
    for size, data in plain.items():
        (tmp_path / f"{size}.age").write_bytes(age.seal(identity.recipient, data))
    jobs = [
        {"identity": identity.text, "from": f"{tmp_path}/{size}.age", "to": f"{tmp_path}/{size}.out"} for size in SIZES
    ]
    assert node.run({"decrypt": jobs})["decrypt"] == list(SIZES)
    for size, data in plain.items():
        assert (tmp_path / f"{size}.out").read_bytes() == data


def test_we_open_what_the_other_implementation_seals(tmp_path: Path, identity: Identity) -> None:
    plain = {size: os.urandom(size) for size in SIZES}
    for size, data in plain.items():
        (tmp_path / f"{size}").write_bytes(data)
    text = identity.recipient.text
    node.run({"encrypt": [{"recipient": text, "from": f"{tmp_path}/{n}", "to": f"{tmp_path}/{n}.age"} for n in SIZES]})
    for size, data in plain.items():
        sealed = (tmp_path / f"{size}.age").read_bytes()
        assert open_bytes(identity, sealed) == data
        assert len(sealed) == age.file_length(size)
        opener = SeekableOpener(identity, io.BytesIO(sealed), len(sealed))
        assert opener.length == size
        assert b"".join(opener.read_range(0, size)) == data


def test_keys_have_one_text_form(identity: Identity, stranger: Identity) -> None:
    ours = [identity, stranger, Identity.generate()]
    result = node.run({"recipients": [one.text for one in ours], "generate": 3})
    assert result["recipients"] == [one.recipient.text for one in ours]
    for text in result["generate"]:
        assert Identity.from_text(text).text == text
    theirs = [Identity.from_text(text).recipient.text for text in result["generate"]]
    assert node.run({"recipients": result["generate"]})["recipients"] == theirs
    assert [Recipient.from_text(text).text for text in theirs] == theirs


def test_both_refuse_the_same_changes(tmp_path: Path, identity: Identity) -> None:
    sealed = age.seal(identity.recipient, os.urandom(CHUNK + 5))
    start = age_header.HEADER_LENGTH + 16
    chunk = CHUNK + 16
    changed = {
        "cut in the header": sealed[:1000],
        "cut after the header": sealed[: age_header.HEADER_LENGTH],
        "cut in the nonce": sealed[: start - 1],
        "cut before the chunks": sealed[:start],
        "cut in the first chunk": sealed[: start + 100],
        "cut between chunks": sealed[: start + chunk],
        "cut at the end": sealed[:-1],
        "a byte more": sealed + b"\0",
        "header MAC changed": sealed.replace(b"\n--- ", b"\n--- A", 1)[: len(sealed)],
        "first chunk twice": sealed[: start + chunk] + sealed[start:],
        "chunks swapped": sealed[:start] + sealed[start + chunk :] + sealed[start : start + chunk],
        "empty final chunk": sealed[: start + chunk] + sealed[-16:],
    }
    for name, data in changed.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(CryptoError):
            open_bytes(identity, data)
    jobs = [{"identity": identity.text, "from": str(tmp_path / name)} for name in changed]
    opened = [name for name, why in zip(changed, node.run({"refuse": jobs})["refuse"], strict=True) if why is None]
    assert opened == []


def _parse_vector(encoded: str) -> tuple[dict[str, str], bytes]:
    head, _, file = base64.b64decode(encoded).partition(b"\n\n")
    fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
    return fields, zlib.decompress(file) if fields.get("compressed") == "zlib" else file


# Valid age files that Luwte's formats refuse: they have more than the one stanza.
STRICTER = {"hybrid_grease", "hybrid_multiple_recipients", "hybrid_and_x25519"}
# A chunk is released here only once it is known to be the last, or not to be: less than the reference releases.
HELD_BACK = {
    "stream_no_final_full",
    "stream_no_final_two_chunks_full",
    "stream_trailing_garbage_long",
    "stream_trailing_garbage_short",
    "stream_two_final_chunks",
    "stream_two_final_chunks_full",
    "stream_two_final_chunks_second",
}
EXPECTED: dict[str, type[CryptoError]] = {
    "no match": WrongKeyError,
    "HMAC failure": ForgedError,
    "header failure": MalformedError,
}


def _read_seeking(key: Identity | FileKey, sealed: bytes) -> bytes:
    opener = SeekableOpener(key, io.BytesIO(sealed), len(sealed))
    return b"".join(opener.read_range(0, opener.length))


def test_hybrid_vectors_of_c2sp(cctv: dict[str, Any]) -> None:
    names = [name for name in cctv if name.startswith("hybrid")]
    assert len(names) >= 15
    for name in names:
        fields, file = _parse_vector(cctv[name])
        identity = Identity.from_text(fields["identity"])
        if name in STRICTER:
            with pytest.raises(MalformedError):
                open_bytes(identity, file)
        elif fields["expect"] == "success":
            assert hashlib.sha256(open_bytes(identity, file)).hexdigest() == fields["payload"], name
        else:
            with pytest.raises(CryptoError) as caught:
                open_bytes(identity, file)
            # An unrecognised stanza and a share of small order are told apart by age only.
            assert isinstance(caught.value, EXPECTED[fields["expect"]] | MalformedError | WrongKeyError), name


def test_stream_vectors_of_c2sp_under_our_header(cctv: dict[str, Any], identity: Identity) -> None:
    """The payloads of all `stream_` vectors, put under a header to us that wraps the same file key."""
    names = [name for name in cctv if name.startswith("stream_")]
    assert len(names) >= 20
    for name in names:
        fields, file = _parse_vector(cctv[name])
        file_key = bytes.fromhex(fields["file key"])
        payload = file[file.index(b"\n--- ") + 5 :].partition(b"\n")[2]
        sealed = age_header.make_header(identity.recipient, file_key) + payload
        for key in (identity, FileKey(file_key)):
            released = b""
            try:
                for chunk in Opener(key, io.BytesIO(sealed)):
                    released += chunk
            except CryptoError:
                assert fields["expect"] in ("payload failure", "header failure"), name  # the nonce is header to some
                with pytest.raises(CryptoError):
                    _read_seeking(key, sealed)
            else:
                assert fields["expect"] == "success", name
                assert _read_seeking(key, sealed) == released
            if name not in HELD_BACK and "payload" in fields:
                assert hashlib.sha256(released).hexdigest() == fields["payload"], name


def test_every_other_vector_of_c2sp_is_refused(cctv: dict[str, Any], identity: Identity) -> None:
    for name, encoded in cctv.items():
        if not name.startswith("hybrid"):
            with pytest.raises(CryptoError):
                open_bytes(identity, _parse_vector(encoded)[1])
