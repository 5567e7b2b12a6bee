"""The worked vectors of docs/formats.md: what each MUST accepts and what it refuses, by the class of its error."""

import io
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from crypto import age, bundle, card, cbor, codename, epoch, errors, kdf, line_notice, onion_card, padding, request
from crypto.codename import Codename
from crypto.manifest import Direction
from crypto.onion_card import OnionAddress
from crypto.sealed_object import ObjectReader
from crypto.signed import VerifyKey
from crypto.xwing import Identity
from tests.support import agefile
from tests.support.opened import open_bytes
from tests.support.vectors import FOLDER, document, edited, label, load, whole
from tests.vectors import make


def test_the_committed_vectors_are_those_that_the_script_makes() -> None:
    for name, text in make.made():
        assert (FOLDER / name).read_text(encoding="ascii") == text, f"run python -m tests.vectors.make: {name} differs"


def test_every_vector_states_what_is_expected() -> None:
    for path in Path(FOLDER).glob("*.json"):
        if path.name != "wrap.json":
            read = document(path.stem)
            assert read["source"]
            assert all("expect" in vector for vector in read["vectors"])


def _check(call: Callable[[], Any], expect: object) -> Any:
    """The result, or the expected error and None."""
    if isinstance(expect, str) and expect.endswith("Error"):
        with pytest.raises(getattr(errors, expect)):
            call()
        return None
    return call()


def _sealed(payload: bytes) -> bytes:
    wrap = document("wrap")
    stanza = agefile.stanza(bytes.fromhex(wrap["share"]), bytes.fromhex(wrap["wrapped"]))
    return agefile.header(stanza) + agefile.payload(payload)


@pytest.mark.parametrize("vector", load("codename"), ids=label)
def test_codename(vector: dict[str, Any]) -> None:
    expect = vector["expect"]
    if "canonical" in expect:
        assert codename.parse(vector["typed"]).canonical.decode() == expect["canonical"]
        return
    with pytest.raises(getattr(codename, expect["error"])) as caught:
        codename.parse(vector["typed"])
    error = caught.value
    told = vars(error) | ({"word": error.words[0][0]} if isinstance(error, codename.UnknownWordError) else {})
    assert {key: told.get(key) for key in expect if key != "error"} | {"error": expect["error"]} == expect


@pytest.mark.parametrize("vector", load("codename", "canonical"), ids=label)
def test_codename_bytes_have_one_form(vector: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Codename.from_canonical(vector["canonical"].encode())


@pytest.mark.parametrize("vector", load("source-keys"), ids=label)
def test_source_keys(vector: dict[str, Any]) -> None:
    profile = {one.name: one for one in (kdf.LUWTE_KDF_1, kdf.TEST_KDF)}[vector["profile"]["name"]]
    assert (profile.memory_kib, profile.passes) == (vector["profile"]["memory_kib"], vector["profile"]["passes"])
    keys = kdf.derive_source_keys(
        Codename.from_canonical(vector["codename"].encode()),
        salt=bytes.fromhex(vector["salt"]),
        pepper=bytes.fromhex(vector["pepper"]),
        profile=profile,
    )
    assert {"lookup": keys.lookup.hex(), "identity": keys.identity.text} == vector["expect"]


def test_the_honest_age_file_opens() -> None:
    read = document("age-file")
    identity = Identity.from_text(read["identity"])
    file = bytes.fromhex(read["honest"])
    assert open_bytes(identity, file).hex() == read["expect"]
    assert open_bytes(age.FileKey(bytes.fromhex(read["file_key"])), file).hex() == read["expect"]


def _all_openings(identity: Identity, file: bytes) -> list[Callable[[], bytes]]:
    def seeking() -> bytes:
        opener = age.SeekableOpener(identity, io.BytesIO(file), len(file))
        return b"".join(opener.read_range(0, opener.length))

    return [lambda: open_bytes(identity, file), seeking]


@pytest.mark.parametrize("vector", load("age-file"), ids=label)
def test_hostile_age_file(vector: dict[str, Any]) -> None:
    read = document("age-file")
    file = edited(bytes.fromhex(read["honest"]), vector["edit"])
    first, seeking = _all_openings(Identity.from_text(read["identity"]), file)
    _check(first, vector["expect"])
    with pytest.raises(errors.CryptoError):
        seeking()


@pytest.mark.parametrize("vector", load("age-file", "streams"), ids=label)
def test_stream(vector: dict[str, Any]) -> None:
    read = document("age-file")
    head = bytes.fromhex(read["honest"]).partition(b"\n--- ")
    header = head[0] + head[1] + head[2].partition(b"\n")[0] + b"\n"
    pieces = [(chunk["number"], chunk["last"], bytes(chunk["zeros"])) for chunk in vector["chunks"]]
    for opening in _all_openings(Identity.from_text(read["identity"]), header + agefile.chunks(pieces)):
        expect = "CryptoError" if vector["expect"] != "ok" else "ok"
        opened = _check(opening, expect)
        if opened is not None:
            assert opened == b"".join(piece for _, _, piece in pieces)


@pytest.mark.parametrize("vector", load("sealed-object"), ids=label)
def test_sealed_object(vector: dict[str, Any]) -> None:
    read = document("sealed-object")
    honest = whole(read["vectors"][0]["payload"])
    payload = whole(vector["payload"]) if "payload" in vector else edited(honest, vector["edit"])
    sealed = _sealed(payload)

    def opening() -> tuple[str, str]:
        reader = ObjectReader(Identity.from_text(read["identity"]), io.BytesIO(sealed), len(sealed))
        return reader.header.encode().hex(), reader.read_all().decode()

    opened = _check(opening, vector["expect"])
    if opened is not None:
        assert opened == (vector["expect"]["header"], vector["expect"]["content"])


@pytest.mark.parametrize("vector", load("epoch"), ids=label)
def test_epoch_chain(vector: dict[str, Any]) -> None:
    read = document("epoch")
    key, line = VerifyKey(bytes.fromhex(read["line_public"])), bytes.fromhex(read["line"])
    encoded = [bytes.fromhex(read["certificates"].get(text, text)) for text in vector["chain"]]

    def taking() -> epoch.EpochCertificate:
        chain = [epoch.parse(key, line, one) for one in encoded]
        epoch.extend(None, chain)
        return chain[-1]

    last = _check(taking, vector["expect"])
    if last is not None:
        assert {"digest": last.digest.hex(), "epoch": last.epoch, "day": last.day} == vector["expect"]


@pytest.mark.parametrize("vector", load("card"), ids=label)
def test_card(vector: dict[str, Any]) -> None:
    parse = card.parse_line_card if vector["kind"] == "line" else card.parse_host_card
    read = _check(lambda: parse(vector["text"]), vector["expect"])
    if read is not None:
        assert " ".join(read.fingerprint) == vector["expect"]["fingerprint"]
        assert read.text == vector["text"]


@pytest.mark.parametrize("vector", load("bundle"), ids=label)
def test_bundle(vector: dict[str, Any]) -> None:
    read = document("bundle")
    honest = whole(read["vectors"][0]["payload"])
    file = _sealed(whole(vector["payload"]) if "payload" in vector else edited(honest, vector["edit"]))
    key, line = VerifyKey(bytes.fromhex(read["host_public"])), bytes.fromhex(read["line"])

    def taking() -> dict[str, Any]:
        reader = bundle.open_bundle(
            Identity.from_text(read["identity"]), key, io.BytesIO(file), line=line, direction=Direction.COLLECT
        )
        objects = [b"".join(pieces).hex() for _, pieces in reader.objects()]
        reader.finish()
        onion = reader.manifest.onion_to_sign
        return {
            "objects": objects,
            "sha256": reader.position.sha256.hex(),
            "onion": onion.text if onion else None,
            "kept": reader.manifest.notice_kept,
        }

    taken = _check(taking, vector["expect"])
    assert taken is None or taken == vector["expect"]


@pytest.mark.parametrize("vector", load("dispatch"), ids=label)
def test_dispatch_bundle(vector: dict[str, Any]) -> None:
    read = document("dispatch")
    file = _sealed(edited(whole(read["honest"]), vector["edit"]))
    key, line = VerifyKey(bytes.fromhex(read["line_public"])), bytes.fromhex(read["line"])

    def taking() -> dict[str, Any]:
        reader = bundle.open_bundle(
            Identity.from_text(read["identity"]), key, io.BytesIO(file), line=line, direction=Direction.DISPATCH
        )
        reader.read_through()
        manifest = reader.manifest
        if manifest.line_notice is not None:
            return {"notice": len(manifest.line_notice)}
        return {"cards": [one.hex() for one in manifest.onion_cards]}

    taken = _check(taking, vector["expect"])
    assert taken is None or taken == vector["expect"]


@pytest.mark.parametrize("vector", load("onion-address"), ids=label)
def test_onion_address(vector: dict[str, Any]) -> None:
    read = _check(lambda: OnionAddress.from_typed(vector["typed"]), vector["expect"])
    if read is not None:
        assert read.text == vector["expect"]["address"]
        assert "".join(read.groups) == read.text


@pytest.mark.parametrize("vector", load("onion-card"), ids=label)
def test_onion_card(vector: dict[str, Any]) -> None:
    key = VerifyKey(bytes.fromhex(document("onion-card")["line_public"]))
    read = _check(lambda: onion_card.verify_text(key, vector["text"]), vector["expect"])
    if read is not None:
        assert {"address": read.address.text, "day": read.day, "until": read.until} == vector["expect"]
        assert read.text == vector["text"]


@pytest.mark.parametrize("vector", load("line-notice"), ids=label)
def test_line_notice(vector: dict[str, Any]) -> None:
    key = VerifyKey(bytes.fromhex(document("line-notice")["line_public"]))
    untrusted = _written(vector["signed"])
    read = _check(lambda: line_notice.verify_signed(key, untrusted), vector["expect"])
    if read is not None:
        numbers = {"no": read.number, "day": read.day, "reply": read.reply_days, "keep": read.keep_days}
        texts = {language: text.fields() for language, text in read.texts.items()}
        assert {**numbers, "closed": read.closed_until, "texts": texts} == vector["expect"]


def _written(signed: Any) -> bytes:
    if isinstance(signed, str):
        return bytes.fromhex(signed)
    head, byte, tail = (bytes.fromhex(signed[part]) for part in ("head", "byte", "tail"))
    return head + byte * int(signed["times"]) + tail


@pytest.mark.parametrize("vector", load("request"), ids=label)
def test_request(vector: dict[str, Any]) -> None:
    content = bytes.fromhex(vector["content"])
    read = _check(lambda: request.decode_request(content), vector["expect"])
    if read is not None:
        assert json.loads(json.dumps(asdict(read))) == vector["expect"]["request"]
        assert read.encode() == content
        assert request.digest(content).hex() == read.digest.hex() == vector["expect"]["digest"]


@pytest.mark.parametrize("vector", load("response"), ids=label)
def test_response(vector: dict[str, Any]) -> None:
    content = bytes.fromhex(vector["content"])
    read = _check(lambda: request.decode_response(content), vector["expect"])
    if read is not None:
        assert {"say": read.say, "choice": read.choice, "remark": read.remark} == vector["expect"]
        assert read.encode() == content


@pytest.mark.parametrize("vector", load("padding"), ids=label)
def test_padding(vector: dict[str, Any]) -> None:
    assert {name: getattr(padding, name)(vector["length"]) for name in vector["expect"]} == vector["expect"]


@pytest.mark.parametrize("vector", load("cbor"), ids=label)
def test_cbor(vector: dict[str, Any]) -> None:
    encoded = bytes.fromhex(vector["encoded"])
    value = _check(lambda: cbor.decode(encoded), vector["expect"])
    if vector["expect"] == "ok":
        assert cbor.encode(value) == encoded
