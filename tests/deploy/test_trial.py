"""`deploy/try` for real: it listens on loopback only, ends all that it started, and finds itself running."""

import errno
import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from deploy.trial.browser import Browser
from deploy.trial.errors import RefusedError
from deploy.trial.folder import TrialFolder
from deploy.trial.line import check_free
from deploy.trial.new_source import ask_for_codename, type_back
from deploy.trial.processes import free_ports
from store.files import exclusively
from store.intake.place import memory_path
from tests.support.processes import await_ended, family
from tests.support.waiting import runs, wait_until

ROOT = Path(__file__).parents[2]
TRY = ROOT / "deploy" / "try"


def start(state, *more, ports=None):
    source, desk = ports or free_ports(2)
    command = [TRY, "--state", state, "--source-port", str(source), "--desk-port", str(desk), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/")


def facts_of(process, state, seconds=120):
    wait_until((state / "try.json").exists, seconds, check=runs(process, process.communicate))
    return json.loads((state / "try.json").read_text())


def end(process, how=signal.SIGINT):
    process.send_signal(how)
    out, err = process.communicate(timeout=60)
    return out, err


def listening_addresses(pids):
    """Local addresses of listening TCP sockets of these processes, as the kernel has them."""
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = os.readlink(descriptor)
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    addresses = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = row.split()
            if fields[9] in inodes and (fields[3] == "0A" or table.startswith("udp")):
                addresses.add(fields[1].split(":")[0])
    return addresses


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return tmp_path_factory.mktemp("try") / "state"


def test_a_line_starts_listens_on_loopback_only_and_ends_with_all_its_processes(state):
    process = start(state)
    facts = facts_of(process, state)
    pids = [pid for started in facts["pids"].values() for pid in family(started)]

    assert set(facts) == {
        "source_url",
        "desk_url",
        "desk_login_url",
        "handler",
        "passphrase",
        "intake_state",
        "desk_state",
        "pids",
    }
    assert (state / "try.json").stat().st_mode & 0o077 == 0
    assert Browser(facts["source_url"]).get("/").status == 200
    assert Browser(facts["desk_url"]).get("/").status == 403
    assert listening_addresses(pids) == {"0100007F"}

    out, err = end(process)

    assert facts["desk_login_url"] in out
    assert facts["passphrase"] in out
    assert err == "Making keys (once, some seconds) ...\n"
    await_ended(pids)
    assert out.endswith("\nEnded.\n")
    assert not (state / "try.json").exists()


def test_started_twice_it_says_so_and_leaves_the_first_alone(state):
    process = start(state)
    facts = facts_of(process, state)
    try:
        second = subprocess.run([TRY, "--state", state], capture_output=True, text=True, timeout=60)
        fresh = subprocess.run([TRY, "--state", state, "--fresh"], capture_output=True, text=True, timeout=60)
        walk = subprocess.run(
            [TRY, "--state", state, "--fresh", "--walkthrough"], capture_output=True, text=True, timeout=60
        )

        assert second.returncode == 0
        assert "running on this machine already" in second.stdout
        assert facts["source_url"] in second.stdout
        assert fresh.returncode == 1
        assert "end it first" in fresh.stderr
        assert (walk.returncode, walk.stderr) == (1, fresh.stderr)
        assert Browser(facts["source_url"]).get("/").status == 200
    finally:
        end(process)


@pytest.mark.parametrize("option", [[], ["--carry"], ["--browser"]])
def test_while_a_trial_starts_nothing_is_done_beside_it(option, tmp_path):
    folder = TrialFolder(tmp_path / "state")
    folder.prepare()
    with exclusively(folder.lock):
        folder.ready.touch()
        done = subprocess.run([TRY, "--state", folder.root, *option], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout) == (1, "")
    assert "a trial is starting or ending in this folder: try again in a minute" in done.stderr
    assert sorted(path.name for path in folder.root.iterdir()) == ["ready", "try.lock"]


def test_a_link_that_was_used_is_told_so(state):
    process = start(state)
    facts = facts_of(process, state)
    try:
        before = subprocess.run([TRY, "--state", state], capture_output=True, text=True, timeout=60).stdout
        desk = Browser(facts["desk_url"])
        desk.get(facts["desk_login_url"].removeprefix(facts["desk_url"]))
        after = subprocess.run([TRY, "--state", state], capture_output=True, text=True, timeout=60).stdout
        again = Browser(facts["desk_url"]).get(facts["desk_login_url"].removeprefix(facts["desk_url"]))
    finally:
        end(process)

    assert "this link works once" in before
    assert "used already" not in before
    assert "used already; Ctrl-C where it runs and start again for a new one" in after
    assert "whoever started this desk" in again.text


def test_a_folder_that_all_could_read_is_for_its_user_alone_afterwards(tmp_path):
    state = tmp_path / "a folder"
    state.mkdir(mode=0o755)
    (state / "desk.log").touch(0o644)
    (state / "try.lock").touch(0o644)
    process = start(state)
    facts_of(process, state)
    out, _ = end(process)

    assert state.stat().st_mode & 0o777 == 0o700
    assert [(state / name).stat().st_mode & 0o777 for name in ("desk.log", "intake.log")] == [0o600, 0o600]
    assert f"deploy/try --state '{state}' --carry" in out


def test_a_folder_that_holds_other_things_is_left_alone(tmp_path):
    (tmp_path / "desk").mkdir(mode=0o755)
    done = subprocess.run([TRY, "--state", tmp_path], capture_output=True, text=True, timeout=60)

    assert (done.returncode, "holds other things" in done.stderr) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["desk"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_started_in_the_background_by_a_script_it_still_ends_when_told(state, how):
    source, desk = free_ports(2)
    arguments = f"--state {state} --source-port {source} --desk-port {desk}"
    script = subprocess.Popen(
        ["sh", "-c", f"{TRY} {arguments} & echo $!; wait"], stdout=subprocess.PIPE, text=True, cwd="/"
    )
    pid = int(script.stdout.readline())
    facts_of(script, state)
    os.kill(pid, how)
    out, _ = script.communicate(timeout=60)

    assert out.endswith("\nEnded.\n")
    await_ended([pid])


def test_killed_while_it_makes_keys_it_starts_again_at_once(tmp_path):
    state = tmp_path / "state"
    process = start(state)
    wait_until((state / "desk").exists, every=0.01)
    end(process, signal.SIGKILL)

    again = start(state)
    try:
        facts_of(again, state)
    finally:
        end(again)


def test_a_killed_trial_leaves_nothing_running_and_starts_again_with_its_keys(state):
    ports = free_ports(2)
    process = start(state, ports=ports)
    first = facts_of(process, state)
    pids = [pid for started in first["pids"].values() for pid in family(started)]
    end(process, signal.SIGKILL)

    await_ended(pids)
    assert (state / "try.json").exists()

    aside = (state / "stick").rename(state / "stick-aside")
    (state / "stick").touch()
    failed = start(state, ports=ports)
    _, said = failed.communicate(timeout=60)
    (state / "stick").unlink()
    aside.rename(state / "stick")

    assert f"{state / 'stick'}: File exists" in said
    assert not (state / "try.json").exists(), "a start removes what the killed trial said of itself"

    again = start(state, ports=ports)
    try:
        assert facts_of(again, state)["passphrase"] == first["passphrase"]
    finally:
        end(again)


@pytest.mark.parametrize("option", ["--source-port", "--desk-port"])
def test_a_taken_port_is_named_and_nothing_is_changed_not_even_afresh(state, option):
    def everything():
        return {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}

    before = everything()
    assert state / "ready" in before
    ports = dict(zip(("--source-port", "--desk-port"), map(str, free_ports(2)), strict=True))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports[option] = str(taken.getsockname()[1])
        command = [TRY, "--state", state, "--fresh", *(word for pair in ports.items() for word in pair)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)

    assert done.returncode == 1
    assert f"port {ports[option]} is in use by another program: choose another one with {option}" in done.stderr
    assert everything() == before


def test_a_port_that_this_user_may_not_use_is_not_called_taken(monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("socket.socket.bind", refuse)
    with pytest.raises(RefusedError, match="port 80 may not be used by this user"):
        check_free(80, "--desk-port")


def test_fresh_starts_over(state):
    before = (state / "passphrase").read_text()
    memory = memory_path(state / "intake")
    assert (memory / "sessions.sqlite").exists()
    (memory / "left").touch()  # a new host's folder may go by the same name
    process = start(state, "--fresh")
    try:
        assert facts_of(process, state)["passphrase"] != before.strip()
        assert not (memory / "left").exists()
    finally:
        end(process)


def test_carry_goes_both_ways_while_the_line_runs(state):
    process = start(state)
    facts = facts_of(process, state)
    try:
        source = Browser(facts["source_url"])
        mailbox = type_back(source, ask_for_codename(source))
        sent = source.submit(mailbox, mailbox.form(having="files"), {"message": "carried"})
        assert "Your message arrived" in sent.text

        said = subprocess.run([TRY, "--state", state, "--carry"], capture_output=True, text=True, timeout=120)

        assert said.returncode == 0, said.stderr
        assert "1 message," in said.stdout
        assert "1 sealed object deleted here" in said.stdout
    finally:
        end(process)


def test_a_foreign_file_on_the_stick_is_told_and_the_rest_is_carried(state):
    process = start(state)
    facts_of(process, state)
    garbage = [state / "stick" / f"luwte-{way}-999999.age" for way in ("collect", "dispatch")]
    try:
        for path in garbage:
            path.write_bytes(b"something else")
        said = subprocess.run([TRY, "--state", state, "--carry"], capture_output=True, text=True, timeout=120)
    finally:
        end(process)

    assert said.returncode == 1
    assert said.stderr.count("this is not a bundle of this line, or it is damaged") == 2
    assert [line.count("Error:") for line in said.stderr.splitlines()] == [1, 1]
    assert "Nothing new." in said.stdout
    assert [path.exists() for path in garbage] == [True, True]
    for path in garbage:
        path.unlink()


def test_carry_without_a_line_says_what_to_do(tmp_path):
    done = subprocess.run([TRY, "--state", tmp_path / "none", "--carry"], capture_output=True, text=True, timeout=60)

    assert done.returncode == 1
    assert f"nothing to carry yet in {tmp_path / 'none'}: start deploy/try first" in done.stderr


def test_a_mistyped_folder_is_not_made(tmp_path):
    subprocess.run([TRY, "--state", tmp_path / "typo", "--carry"], capture_output=True, timeout=60)

    assert not (tmp_path / "typo").exists()


def test_two_equal_ports_are_refused(state):
    more = ["--source-port", "18181", "--desk-port", "18181"]
    done = subprocess.run([TRY, "--state", state, *more], capture_output=True, text=True, timeout=120)

    assert (done.returncode, done.stderr) == (1, "Error: --source-port and --desk-port must differ\n")
