"""The rules of the house that tools can check."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"], ["lint-imports", "--no-cache"]],
    ids=["style", "format", "types", "import arrows"],
)
def test_tools_find_nothing(command):
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, timeout=280)

    assert done.returncode == 0, done.stdout + done.stderr


def committed_texts():
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in names.split("\0")[:-1]:
        path = ROOT / name
        if path.suffix not in (".png", ".age") and path.exists():
            yield name, path.read_text("utf-8")


def test_every_suppression_gives_its_reason():
    bare = [
        f"{name}:{number}"
        for name, text in committed_texts()
        if name.endswith(".py")
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(r"#\s*(noqa|type: ignore)", line)
        and not re.search(r"# (noqa: [A-Z0-9, ]+ - \w|type: ignore\[[\w, -]+\]  # \w)", line)
        and "re.search" not in line
    ]

    assert bare == []


def test_locks_pin_every_dependency_by_hash_and_name_no_address():
    for lock in (ROOT / "deploy" / "locks").glob("*.txt"):
        text = lock.read_text("ascii")
        assert "://" not in text
        for block in re.split(r"\n(?=\S)", text.strip()):
            assert re.match(r"[a-z0-9-]+==\S+", block), block
            assert "--hash=sha256:" in block, block


def test_the_licences_of_all_that_runs_with_it_are_named():
    named = (ROOT / "THIRD_PARTY.md").read_text("utf-8").lower()
    tools = {"editables", "hatchling", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers", "tzdata"}
    pinned = re.findall(r"^([a-z0-9-]+)==", (ROOT / "deploy/locks/line.txt").read_text("ascii"), re.MULTILINE)

    assert [name for name in pinned if name.removesuffix("-binary") not in named and name not in tools] == []
