"""The README's session happens as it is printed there, and what it points to exists."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.trial.processes import free_ports
from tests.deploy.test_trial import end, facts_of, start
from tests.deploy.test_trial_onion import ONION_SECONDS, start_onion

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def session() -> dict[str, list[str]]:
    """Each command of the README's session with the lines that it prints."""
    (block,) = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    commands: dict[str, list[str]] = {}
    for line in block.splitlines():
        if line.startswith("$ "):
            commands[line.removeprefix("$ ")] = lines = []
        else:
            lines.append(line)
    return commands


def test_the_session_has_these_commands():
    assert list(session()) == [
        "deploy/try --walkthrough",
        "deploy/try",
        "deploy/try --onion",
        "deploy/test -k bundle",
    ]


def test_the_walkthrough_prints_what_the_readme_shows(tmp_path):
    source, desk = free_ports(2)
    more = ["--state", tmp_path / "state", "--source-port", str(source), "--desk-port", str(desk)]
    done = subprocess.run(
        [ROOT / "deploy/try", "--walkthrough", *more], capture_output=True, text=True, timeout=280, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == session()["deploy/try --walkthrough"]


def test_a_started_line_says_what_the_readme_shows(tmp_path):
    state, (source, desk) = tmp_path / "state", free_ports(2)
    process = start(state, ports=(source, desk))
    facts = facts_of(process, state)
    out, _ = end(process)

    assert out.splitlines() == shown("deploy/try", {"8080": source, "8081": desk}, facts, state)


@pytest.mark.skipif(shutil.which("tor-gencert") is None, reason="Debian's package 'tor' is not installed")
@pytest.mark.timeout(600)
def test_a_line_with_an_onion_says_what_the_readme_shows(tmp_path):
    state, (socks, desk) = tmp_path / "state", free_ports(2)
    process = start_onion(state, ports=(socks, desk))
    facts = facts_of(process, state, ONION_SECONDS)
    out, _ = end(process)

    assert out.splitlines() == shown("deploy/try --onion", {"8082": socks, "8081": desk}, facts, state)


def shown(command, ports, facts, state):
    """What the README shows below a command, with the ports, the folder and what is random put in as they are here."""
    text = "\n".join(session()[command]).replace("^C", "")  # the terminal shows this, not the program
    for example, port in ports.items():
        text = text.replace(f"127.0.0.1:{example}", f"127.0.0.1:{port}")
    text = re.sub(r"http://\w+\.onion", facts["source_url"], text)
    text = re.sub(r"(?<=/open/)\S+", facts["desk_login_url"].rsplit("/", 1)[1], text)
    text = re.sub(r"(?<=Passphrase:    ).*", facts["passphrase"], text)
    return text.replace("deploy/try --", f"deploy/try --state {state} --").splitlines()


def test_the_tests_that_the_readme_chooses_are_found():
    (command,) = [words for words in session() if words.startswith("deploy/test")]
    done = subprocess.run(
        [ROOT / "deploy/test", *command.split()[1:], "--collect-only", "-q"],
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_bundle_chain" in done.stdout


@pytest.mark.parametrize(
    "page", ["README.md", "ARCHITECTURE.md", *sorted(p.name for p in (ROOT / "docs").glob("*.md"))]
)
def test_what_a_page_points_to_exists(page):
    path = ROOT / page if (ROOT / page).exists() else ROOT / "docs" / page
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text("utf-8"))

    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_the_tree_names_every_folder():
    tree = README.split("## The tree")[1].split("## ")[0]
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    folders = {name.split("/")[0] for name in names if "/" in name and not name.startswith(".")}

    assert folders == set(re.findall(r"^\| `(\w+)/` \|", tree, re.MULTILINE))
