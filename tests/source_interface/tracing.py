"""What a program wrote, as the kernel saw it, and whether known plaintext is in it."""

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

STRACE = shutil.which("strace") or "/usr/bin/strace"
_WRITES = ("write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg", "sendmmsg")
# Ways to move bytes that this trace does not show: none may be used at all.
HIDDEN = ("sendfile", "splice", "tee", "vmsplice", "copy_file_range", "io_uring_setup", "process_vm_writev")
_BLOCK = 16


def command(trace: Path, *program: str | Path) -> list[str]:
    """`program`, traced with its children into the file `trace`."""
    calls = ",".join(("mmap", "msync", "memfd_create", *_WRITES, *HIDDEN))
    return [
        STRACE, "-f", "-qq", "-y", "-xx", "-s", "4194304", "-e", f"trace={calls}", "-e", "signal=none",
        "-o", str(trace), *map(str, program),
    ]  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A traced call: its descriptor's path (`socket:[1]`, `/some/file`) and all bytes that it was given."""

    name: str
    path: str
    data: bytes
    line: str


def read_trace(trace: Path) -> Iterator[Call]:
    for line in trace.read_text().splitlines():
        match = re.match(r"\d+ +(\w+)\((?:(-?\d+)(?:<([^>]*)>)?)?", line)
        if match is None or line.lstrip("0123456789 ").startswith("<..."):
            continue
        strings = re.findall(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?', line[match.end() :])
        assert not [cut for _, cut in strings if cut], "the trace does not show everything"
        data = b"".join(bytes.fromhex(text.replace("\\x", "")) for text, _ in strings)
        yield Call(match[1], _unescape(match[3] or ""), data, line[:2_000])


def _unescape(path: str) -> str:
    return bytes.fromhex(path.replace("\\x", "")).decode() if path.startswith("\\x") else path


class Plaintext:
    """Knows plaintext again: any 32 bytes in a row of `content`, and each of `needles` whole."""

    def __init__(self, content: bytes, needles: Iterable[bytes] = ()) -> None:
        self._blocks = {content[at : at + _BLOCK] for at in range(0, len(content) - _BLOCK + 1, _BLOCK)}
        self._needles = tuple(needles)

    def is_in(self, data: bytes) -> bool:
        if any(needle in data for needle in self._needles):
            return True
        return any(data[at : at + _BLOCK] in self._blocks for at in range(len(data) - _BLOCK + 1))

    def written(self, calls: Iterable[Call], *, to_sockets: bool) -> list[str]:
        """Where it was written."""
        return [
            f"{call.name} to {call.path}"
            for call in calls
            if call.name in _WRITES and call.path.startswith("socket:") == to_sockets and self.is_in(call.data)
        ]

    def lying(self, *folders: Path) -> list[str]:
        """The files under these folders that hold it."""
        found = []
        for folder in folders:
            for path in folder.rglob("*"):
                try:
                    if path.is_file() and self.is_in(path.read_bytes()):
                        found.append(str(path))
                except FileNotFoundError:
                    continue
        return found

    def held_open(self, pids: Iterable[int]) -> list[str]:
        """The regular files, removed ones too, that these processes hold open and that hold it."""
        found = []
        for pid in pids:
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                try:
                    if descriptor.is_file() and self.is_in(descriptor.read_bytes()):
                        found.append(f"{pid}: {os.readlink(descriptor)}")
                except OSError:
                    continue
        return found


def hidden_moves(calls: Iterable[Call]) -> list[str]:
    """Calls that could bring bytes to a file without showing which.

    SQLite shares the index of its log between processes ("-shm"): page numbers and hashes, never what is in a page.
    """
    return [what for call in calls if (what := _hidden(call)) and not what.endswith("-shm")]


def _hidden(call: Call) -> str:
    if call.name in (*HIDDEN, "memfd_create"):
        return call.name
    mapped = re.search(r"\d+<([^>]*)>", call.line)
    shared = call.name == "mmap" and "PROT_WRITE" in call.line and "MAP_SHARED" in call.line
    return f"mmap of {_unescape(mapped[1])}" if shared and mapped else ""
