"""File names from strangers."""

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.desk.file_names import FALLBACK, LONGEST, defuse, extension, numbered
from store.desk.file_types import contradicts, tell_type

HOSTILE = {
    "../../bin/x": "x",
    "..": FALLBACK,
    "": FALLBACK,
    ".": FALLBACK,
    "/": FALLBACK,
    "/etc/passwd": "passwd",
    "C:\\Windows\\system32\\cmd.exe": "cmd.exe",
    ".bashrc": "bashrc",
    "-rf": "rf",
    "--.- x": "x",
    "CON": "_CON",
    "con.txt": "_con.txt",
    "Lpt1.pdf": "_Lpt1.pdf",
    "COM¹.log": "_COM¹.log",
    "console.txt": "console.txt",
    "name.pdf...": "name.pdf",
    "name.pdf . .": "name.pdf",
    "a\0b\nc\x1b[31m.txt": "abc_31m.txt",
    "photo\u202egpj.exe": "photogpj.exe",
    "a\u200b\u2066b\u2069\ufeff.txt": "ab.txt",
    "$(reboot).txt": "__reboot_.txt",
    "a  \u00a0\u3000 b.txt": "a b.txt",
    "گزارش.pdf": "گزارش.pdf",
    "举报 材料.docx": "举报 材料.docx",
}


@pytest.mark.parametrize("untrusted", HOSTILE, ids=ascii)
def test_hostile_names_become_plain_ones(untrusted: str) -> None:
    assert defuse(untrusted) == HOSTILE[untrusted]


def test_a_long_name_keeps_its_extension() -> None:
    for letter in ("a", "گ", "举", "🙏"):
        name = defuse(letter * 4_096 + ".pdf")
        assert name.endswith(".pdf")
        assert LONGEST - 4 < len(name.encode()) <= LONGEST
    assert len(defuse("x." + "y" * 4_096).encode()) <= LONGEST


@given(st.text(st.characters(codec=None), max_size=300))
def test_no_name_is_ever_more_than_a_name(untrusted: str) -> None:
    name = defuse(untrusted)
    assert 0 < len(name.encode()) <= LONGEST
    assert os.path.basename(name) == name
    assert name not in (".", "..")
    assert name[0] not in ".- "
    assert name[-1] not in ". "
    assert not {"Cc", "Cf", "Cs", "Co", "Cn"} & {unicodedata.category(character) for character in name}
    assert defuse(name) == name


@given(st.text(st.characters(codec="utf-8"), max_size=300), st.integers(2, 9_999))
def test_a_numbered_name_is_as_safe(untrusted: str, number: int) -> None:
    name = defuse(untrusted)
    other = numbered(name, number)
    assert other != name
    assert len(other.encode()) <= LONGEST
    assert extension(other) == extension(name) or not extension(name)


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_the_file_system_takes_every_name(tmp_path_factory: pytest.TempPathFactory, untrusted: str) -> None:
    path = Path(tmp_path_factory.getbasetemp()) / defuse(untrusted)
    path.touch()
    path.unlink()


CONTENTS = {
    b"%PDF-1.7": ("application/pdf", "pdf", "jpg"),
    b"\x89PNG\r\n\x1a\n...": ("image/png", "png", "pdf"),
    b"\xff\xd8\xff\xe0": ("image/jpeg", "jpeg", "png"),
    b"RIFF\0\0\0\0WEBPVP8 ": ("image/webp", "webp", "avi"),
    b"\0\0\0\x18ftypheic": ("image/heic", "heic", "mp4"),
    b"\0\0\0\x18ftypisom": ("video/mp4", "mp4", "heic"),
    b"PK\x03\x04\x14\0\0\0\0\0word/document.xml": (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "docx",
        "pdf",
    ),
    b"PK\x03\x04....": ("application/zip", "zip", "docx"),
    b"MZ\x90\0": ("application/vnd.microsoft.portable-executable", "exe", "pdf"),
    b"<!DOCTYPE html><script>": ("text/html", "html", "pdf"),
    b"<svg xmlns=": ("image/svg+xml", "svg", "png"),
    "متن ساده".encode(): ("text/plain", "txt", "jpg"),
    b"\0\x01\x02\x03": ("application/octet-stream", "dat", "pdf"),
    b"": ("inode/x-empty", "anything", ""),
}


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: CONTENTS[content][0])
def test_a_type_is_told_from_content_and_a_lying_name_is_noticed(content: bytes) -> None:
    file_type, honest, lying = CONTENTS[content]
    assert tell_type(content) == file_type
    assert not contradicts(file_type, honest)
    if lying:
        assert contradicts(file_type, lying)


@given(st.binary(max_size=5_000))
def test_any_content_has_some_type(content: bytes) -> None:
    assert "/" in tell_type(content)
