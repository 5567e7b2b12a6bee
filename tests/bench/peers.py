"""What others take to open a file of the same size, from disk to a folder in memory: `age`, and SecureDrop's `gpg | gunzip`."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.servers import bench_folder
from tests.bench.table import MIB, median_rate

_RUNS = 3


def age(size: int) -> float:
    """MiB/s of `age --decrypt` with a classical key; its cipher is the same as with a post-quantum one."""
    with tempfile.TemporaryDirectory(prefix="luwte-bench-", dir=bench_folder()) as folder:
        key, sealed = Path(folder, "key"), Path(folder, "sealed")
        _run(["age-keygen", "-o", str(key)])
        recipient = _run(["age-keygen", "-y", str(key)]).strip().decode()
        _seal(["age", "--recipient", recipient, "--output", str(sealed)], size)
        return _opening(size, ["age", "--decrypt", "--identity", str(key), str(sealed)])


def gpg(size: int) -> float:
    """MiB/s of `gpg --decrypt | gunzip`; symmetric, so that the key costs nothing."""
    with tempfile.TemporaryDirectory(prefix="luwte-bench-", dir=bench_folder()) as folder:
        sealed = Path(folder, "sealed")
        call = ["gpg", "--homedir", folder, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "p"]
        seal = [*call, "--symmetric", "--cipher-algo", "AES256", "--compress-algo", "none", "--output", str(sealed)]
        try:
            _seal(["sh", "-c", 'gzip -1 | "$@"', "sh", *seal], size)
            return _opening(size, ["sh", "-c", '"$@" | gunzip', "sh", *call, "--decrypt", str(sealed)])
        finally:
            _run(["gpgconf", "--homedir", folder, "--kill", "all"])


def _seal(command: Sequence[str], size: int) -> None:
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        for piece in _noise(size):
            process.stdin.write(piece)
        process.stdin.close()
    assert process.returncode == 0, command


def _opening(size: int, command: Sequence[str]) -> float:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        opened = Path(memory, "opened")

        def run() -> None:
            with opened.open("wb") as file:
                subprocess.run(command, stdout=file, stderr=subprocess.DEVNULL, check=True)

        rate = median_rate(size, _RUNS, run)
        assert opened.stat().st_size == size
        return rate


def _run(command: Sequence[str]) -> bytes:
    return subprocess.run(command, capture_output=True, check=True).stdout


def _noise(size: int) -> Iterator[bytes]:
    piece = os.urandom(16 * MIB)
    for _ in range(size // len(piece)):
        yield piece
