"""Nothing that a source sends or types reaches a disk unsealed, in no encoding and in no piece."""

import base64
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto import codename
from crypto.kdf import TEST_KDF, derive_source_keys
from store.intake.sessions import Told, new_cookie, new_slot
from tests.store.intake.conftest import Line, mailbox, rows_of
from tests.support.postgresql import PostgreSQL
from tests.support.road import RoadSource, submit

MESSAGE = "Die Übergabe ist am Dienstag hinter der alten Mühle. " * 40
NAME = "Übersicht der Konten 2031.xlsx"
PIECE = 24


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    for name in ("TMPDIR", "SQLITE_TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(folder))
    return folder


def pieces(content: bytes, spacing: int) -> Iterator[bytes]:
    for at in range(0, len(content) - PIECE, spacing):
        yield content[at : at + PIECE]


def forms(text: str) -> Iterator[bytes]:
    """The beginning of a text in every encoding that a program might keep it in."""
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "latin-1"):
        yield text[:20].encode(encoding)
    yield base64.b64encode(text.encode())[:24]
    yield text[:20].encode().hex().encode()


def everything(*folders: Path) -> bytes:
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return b"\0".join([str(path).encode() + b"\0" + path.read_bytes() for path in files])


def test_no_plaintext_is_kept(line: Line, temporary: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    text_file = "\n".join(f"line {number}: {secrets.token_hex(12)}" for number in range(3_000)).encode()
    large = secrets.token_bytes(18_000_000)  # long enough to be brought to disk while it is written
    name = codename.generate()
    host = line.open()
    keys = derive_source_keys(name, salt=host.keys.salt, pepper=host.keys.pepper, profile=TEST_KDF)
    source = RoadSource(1)
    slot = new_slot(name, keys.lookup, keys.identity.seed)
    with host.sessions.changing(new_cookie(), begin=True) as session:
        session.put(slot)
        session.remember("form", Told(message=True, files=1, arrived=((NAME, 1), (MESSAGE, 1))))
    submit(host, source, MESSAGE, {NAME: text_file, "large": large})
    aborted = host.submissions.begin(keys.lookup, keys.identity.recipient, slot.new_ref)
    aborted.add_message(MESSAGE)
    file = aborted.open_file(NAME)
    file.write(text_file)
    file.abort()
    crashed = host.submissions.begin(keys.lookup, keys.identity.recipient, slot.new_ref)
    crashed.add_message(MESSAGE)
    half = crashed.open_file(NAME)
    half.write(large)
    line.desk.take(host.collector.collect(line.desk.stick).files[0])
    reply = line.desk.reply(source.identity.recipient, mailbox(host, source), MESSAGE)
    host.deliverer.deliver(line.desk.dispatch([reply]))
    known = rows_of(host, "reply")[0][0]
    folders = [line.state, line.runtime, temporary, line.desk.stick]
    on_disk = everything(*folders)
    half.abort()
    host.close()
    on_disk += everything(*folders)
    if line.database_url:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        with server.at_rest() as data:
            on_disk += everything(data)
    assert known in on_disk or known.hex().encode() in on_disk  # the search would find what is there
    for text in (MESSAGE, NAME, name.text, name.canonical.decode()):
        assert [form for form in forms(text) if form in on_disk] == []
    for at in range(0, 53, 9):  # the sentence repeats
        assert MESSAGE[at : at + 30].encode() not in on_disk
    assert [piece for piece in pieces(text_file, 13_001) if piece in on_disk] == []
    assert [piece for piece in pieces(large, 1_700_001) if piece in on_disk] == []
    for secret in (keys.identity.seed, keys.lookup, slot.new_ref):
        assert secret not in on_disk
        assert secret.hex().encode() not in on_disk
    assert list(temporary.iterdir()) == []
