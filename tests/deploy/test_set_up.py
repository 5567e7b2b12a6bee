"""The set-up that `deploy/try`, `deploy/test` and `deploy/bench` share: what is missing is named or installed, once."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDS = "set_up line.txt first-package:no-such-command second-package:'/no/such/*/file' present:sh"


@pytest.fixture
def checkout(tmp_path):
    """A checkout in which preparing the Python environment only writes down that it happened."""
    (tmp_path / "deploy").mkdir()
    shutil.copytree(ROOT / "deploy/locks", tmp_path / "deploy/locks")
    shutil.copy(ROOT / "deploy/setup.sh", tmp_path / "deploy/setup.sh")
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


PRETEND = """
set -eu
. "$(dirname "$0")/setup.sh"
find_python() { python=pretended; }
pretended() {
    if [ "${2:-}" = venv ]; then
        mkdir -p "$3/bin"
        printf '#!/bin/sh\\n[ "$1" != -m ] || echo pip >>"%s/log"\\n' "$root" >"$3/bin/python"
        chmod +x "$3/bin/python"
    fi
}
"""


def program(folder, name, text):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def run(checkout, script, apt_get="exit 99"):
    programs = checkout / "bin"
    program(programs, "apt-get", f"#!/bin/sh\n{apt_get}\n")
    command = ["sh", "-c", PRETEND + script, checkout / "deploy/test"]
    path = {"PATH": f"{programs}:{os.environ['PATH']}"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=os.environ | path)


def test_somebody_who_is_not_root_gets_the_list_of_what_to_install(checkout):
    done = run(checkout, f"id() {{ echo 1000; }}\n{NEEDS}")

    assert done.returncode == 1
    assert "sudo apt-get install first-package second-package\n" in done.stderr
    assert not (checkout / ".venv").exists()


def test_root_gets_them_installed(checkout):
    done = run(checkout, f"id() {{ echo 0; }}\n{NEEDS}", apt_get=f'echo "$@" >>{checkout}/apt')

    assert done.returncode == 0, done.stderr
    assert (checkout / "apt").read_text().splitlines()[-1].endswith(" first-package second-package")
    assert (checkout / ".venv/luwte-stamp").exists()


def test_a_failed_installation_stops_everything(checkout):
    done = run(checkout, f"id() {{ echo 0; }}\n{NEEDS}", apt_get="exit 100")

    assert done.returncode == 100
    assert not (checkout / ".venv").exists()


def test_what_is_there_is_not_prepared_again(checkout):
    first, second = run(checkout, "set_up line.txt"), run(checkout, "set_up line.txt")

    assert "Preparing" in first.stderr
    assert (second.returncode, second.stderr) == (0, "")


def test_an_environment_for_tests_serves_the_line_too(checkout):
    run(checkout, "set_up test.txt")

    assert "Preparing" not in run(checkout, "set_up line.txt").stderr


def test_changed_dependencies_are_installed_anew(checkout):
    run(checkout, "set_up line.txt")
    with (checkout / "deploy/locks/line.txt").open("a") as lock:
        lock.write("# changed\n")

    assert "Preparing" in run(checkout, "set_up line.txt").stderr


def test_two_at_once_prepare_it_once(checkout):
    done = run(checkout, "set_up line.txt & set_up line.txt & wait")

    assert done.stderr.count("Preparing") == 1, done.stderr
    assert (checkout / "log").read_text().splitlines() == ["pip", "pip", "pip"]


def test_an_interrupted_preparation_is_done_again(checkout):
    failed = run(
        checkout,
        'pretended() { [ "$2" != venv ] || { mkdir -p "$3/bin"; return 1; }; }\nset_up line.txt',
    )

    assert failed.returncode == 1
    assert not (checkout / ".venv").exists()
    assert run(checkout, "set_up line.txt").returncode == 0
    assert (checkout / ".venv/luwte-stamp").exists()


def test_without_a_new_enough_python_it_says_so(checkout):
    # Each Python that is found here is too old.
    done = run(checkout, "find_python() { python=; return 1; }\nid() { echo 0; }\nset_up line.txt")

    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "Installing" not in done.stderr


WITHOUT_PYTHON = """
have() { [ "$1" != python3 ] || [ -e "$root/apt" ]; }
find_python() { python=; [ -e "$root/apt" ] && python=pretended; }
"""


def test_where_there_is_no_python_root_gets_it_installed(checkout):
    script = f"{WITHOUT_PYTHON}\nid() {{ echo 0; }}\nset_up line.txt"
    done = run(checkout, script, apt_get=f'echo "$@" >>{checkout}/apt')

    assert done.returncode == 0, done.stderr
    assert (checkout / "apt").read_text().splitlines()[-1].endswith(" python3 python3-venv")
    assert (checkout / ".venv/luwte-stamp").exists()


def test_where_there_is_no_python_somebody_else_is_told_what_to_install(checkout):
    done = run(checkout, f"{WITHOUT_PYTHON}\nid() {{ echo 1000; }}\nset_up line.txt")

    assert done.returncode == 1
    assert "sudo apt-get install python3 python3-venv\n" in done.stderr


def test_what_the_installer_says_is_shown_only_when_it_fails(checkout):
    said = run(checkout, f"id() {{ echo 0; }}\n{NEEDS}", apt_get="echo unpacking")
    failed = run(checkout, f"id() {{ echo 0; }}\n{NEEDS}", apt_get="echo no such mirror; exit 100")

    assert "unpacking" not in said.stdout + said.stderr
    assert "no such mirror" in failed.stderr


@pytest.fixture
def without_tor(tmp_path):
    """What the set-up itself calls, and neither tor nor a browser: a PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "dirname", "cat", "sha256sum", "mktemp", "rm"):
        (programs / name).symlink_to(shutil.which(name))
    program(programs, "apt-get", f'#!/bin/sh\necho "$@" >>{tmp_path}/apt\n')
    return programs


@pytest.mark.parametrize(
    ("option", "package"),
    [("--onion", "tor"), ("--onion=public", "tor"), ("--browser", "firefox-esr")],
)
def test_a_trial_installs_what_its_options_need_or_names_it(option, package, without_tor, tmp_path):
    """`deploy/try` itself, up to its help: nothing is started."""
    program(without_tor, "id", "#!/bin/sh\necho 1000\n")
    told = trial(without_tor, option)
    plain = trial(without_tor)
    program(without_tor, "id", "#!/bin/sh\necho 0\n")
    installed = trial(without_tor, option)

    assert (told.returncode, told.stderr.splitlines()[-1]) == (1, f"    sudo apt-get install {package}")
    assert plain.returncode == 0, plain.stderr
    assert installed.returncode == 0, installed.stderr
    assert [line.split()[-1] for line in (tmp_path / "apt").read_text().splitlines()] == ["update", package]


def trial(programs, *options):
    command = [ROOT / "deploy/try", *options, "--help"]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "PATH": str(programs)}
    )
