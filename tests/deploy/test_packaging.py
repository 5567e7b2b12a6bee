"""What is installed is ours and whole: the package index holds other projects named `crypto` and `store`."""

import importlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ["crypto", "store", "source_interface", "journalist_interface", "deploy"]


@pytest.mark.parametrize("name", PACKAGES)
def test_the_installed_package_is_this_one(name):
    code = f"import {name}; print({name}.__file__)"
    found = subprocess.run([sys.executable, "-P", "-c", code], cwd="/", capture_output=True, text=True, check=True)

    assert Path(found.stdout.strip()).parent == ROOT / name
    assert Path(importlib.import_module(name).__file__).parent == ROOT / name


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        folder,
        ROOT,
    ]
    subprocess.run(command, check=True, timeout=120)
    return next(folder.glob("luwte-*.whl"))


def test_the_wheel_holds_every_file_of_the_packages(wheel):
    tracked = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True)
    inside = set(zipfile.ZipFile(wheel).namelist())

    assert set(tracked.stdout.split()) - inside == set()


def test_the_wheel_works_without_the_checkout(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "import crypto, source_interface, journalist_interface.desk.app, store.intake.place\n"
        f"assert crypto.__file__.startswith({str(tmp_path)!r}), crypto.__file__\n"
        "from store.intake.database import Database, upgrade\n"
        f"upgrade(Database('sqlite:///{tmp_path}/x.sqlite'))\n"
        "from crypto import codename; print(len(codename.generate().words))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True)

    assert done.stdout.strip() == "7", done.stderr
