"""The courier's commands as people use them, and the operator's commands that enrol and revoke couriers."""

import base64
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from deploy.courier_enrolment import Enrolment, tell_host
from deploy.onion.errors import OnionError
from deploy.trial.tor_process import tool
from journalist_interface.courier.errors import PairingError
from journalist_interface.courier.keys import CourierKey, parse_enrolment, parse_onion
from store.files import exclusively

BIN = Path(sys.executable).parent
LOW_ORDER = [0, 1, 325606250916557431795983626356110631294008115727848805560023387167927233504]


def address(key: bytes) -> str:
    """An onion address with a right checksum."""
    checksum = hashlib.sha3_256(b".onion checksum" + key + b"\3").digest()[:2]
    return base64.b32encode(key + checksum + b"\3").decode().lower()


ONION, OTHER_ONION = address(bytes(range(32))), address(bytes(range(1, 33)))


def run(*arguments: object, name: str = "luwte-courier", **environment: str) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, **environment}
    return subprocess.run(
        [BIN / name, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env=given,
    )


def fails(*arguments: object, name: str = "luwte-courier", code: int = 1, **environment: str) -> str:
    done = run(*arguments, name=name, **environment)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A folder that passes for an intake host's where only couriers are looked at."""
    (tmp_path / "intake").mkdir()
    (tmp_path / "intake" / "host.card").touch()
    return tmp_path / "intake"


def line() -> str:
    return CourierKey.generate(ONION).enrolment


def test_help_shows_how_to_begin_and_every_command_explains_itself() -> None:
    told = run("--help").stdout
    assert "luwte-courier pair --onion ADDRESS" in told
    assert "can open none of them" in told
    for command in ("pair", "collect", "deliver"):
        assert "--state" in run(command, "--help").stdout


def test_pairing_prints_one_line_that_the_operator_enrols_and_repeats_it(tmp_path: Path, state: Path) -> None:
    first, again = (run("pair", "--state", tmp_path / "laptop", "--onion", ONION + ".onion") for _ in range(2))
    assert first.returncode == 0
    assert first.stdout == again.stdout
    (printed,) = first.stdout.splitlines()
    (auth,) = (tmp_path / "laptop" / "onion-auth").iterdir()
    assert auth.stat().st_mode & 0o777 == 0o600
    assert auth.parent.stat().st_mode & 0o777 == 0o700
    assert auth.suffix == ".auth_private"
    assert auth.read_text().startswith(f"{ONION}:descriptor:x25519:")
    told = run("courier", "add", "--state", state, "Anna", printed, name="luwte-intake")
    assert "Courier Anna is enrolled." in told.stdout
    assert "holds from its next start" in told.stdout
    enrolled = state / "onions" / "courier" / "authorized_clients" / "Anna.auth"
    assert enrolled.read_text() == printed + "\n"
    assert {path.stat().st_mode & 0o777 for path in (enrolled.parent, enrolled.parent.parent)} == {0o700}
    assert run("courier", "list", "--state", state, name="luwte-intake").stdout == "Anna\n"
    assert "removed" in run("courier", "remove", "--state", state, "Anna", name="luwte-intake").stdout
    assert not enrolled.exists()
    assert "No courier" in run("courier", "list", "--state", state, name="luwte-intake").stdout


def test_the_state_lies_in_the_users_data_folder(tmp_path: Path) -> None:
    assert run("pair", "--onion", ONION, XDG_DATA_HOME=str(tmp_path)).returncode == 0
    assert (tmp_path / "luwte-courier" / "onion-auth").is_dir()


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    CourierKey.generate(OTHER_ONION).save(tmp_path)
    assert "give another folder with --state" in fails("pair", "--state", tmp_path, "--onion", ONION)
    assert CourierKey.load(tmp_path) is not None


@pytest.mark.parametrize(
    "bad", ["", "example.com", "a" * 56, ONION[:-1], ONION[:-3] + "qad", ONION.replace("e", "f", 1), "http://" + ONION]
)
def test_a_mistyped_address_is_refused(tmp_path: Path, bad: str) -> None:
    assert "onion address" in fails("pair", "--state", tmp_path, "--onion", bad)
    assert not (tmp_path / "onion-auth").exists()


def test_an_address_is_taken_as_people_write_it() -> None:
    assert parse_onion(f" {ONION.upper()}.ONION\n") == ONION


@pytest.mark.parametrize("command", [["collect", "--to", "."], ["deliver", "x.age"]])
def test_commands_need_a_key(tmp_path: Path, command: list[str]) -> None:
    assert "luwte-courier pair" in fails(*command, "--state", tmp_path)


def test_a_key_that_others_may_read_or_that_is_damaged_is_not_used(tmp_path: Path) -> None:
    path = CourierKey.generate(ONION).save(tmp_path)
    path.chmod(0o640)
    assert "others may read the key" in fails("deliver", "x", "--state", tmp_path)
    path.chmod(0o600)
    path.write_text(path.read_text()[:-9])
    assert "is damaged" in fails("deliver", "x", "--state", tmp_path)


def test_without_tor_its_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deploy import courier_tor

    monkeypatch.setattr(courier_tor, "find_program", lambda: None)
    with (
        pytest.raises(courier_tor.CourierTorError, match="sudo apt install tor"),
        courier_tor.courier_tor(*[tmp_path] * 2),
    ):
        raise AssertionError


def test_a_tor_that_will_not_start_says_why_and_leaves_nothing_running(tmp_path: Path) -> None:
    CourierKey.generate(ONION).save(tmp_path / "laptop")
    lines = tmp_path / "lines"
    lines.write_text("Bridge nonsense\n")
    said = fails("collect", "--state", tmp_path / "laptop", "--torrc-lines", lines, "--to", tmp_path)
    assert "Tor ended at once" in said
    assert "Bridge" in said


def test_a_tor_of_the_couriers_own_starts_no_program(tmp_path: Path) -> None:
    CourierKey.generate(ONION).save(tmp_path / "laptop")
    lines, tor = tmp_path / "lines", tmp_path / "bin" / "tor"
    lines.write_text("Bridge nonsense\n")  # it ends at once
    tor.parent.mkdir()
    tor.write_text(f'#!/bin/sh\ncp "$4" {tmp_path}/torrc\nexec {tool("tor")} "$@"\n')
    tor.chmod(0o755)
    done = subprocess.run(
        [BIN / "luwte-courier", "collect", "--state", tmp_path / "laptop", "--torrc-lines", lines, "--to", tmp_path],
        env={**os.environ, "PATH": f"{tor.parent}:{os.environ['PATH']}"},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert b"Tor ended at once" in done.stderr
    assert (tmp_path / "torrc").read_text().splitlines()[-2:] == ["NoExec 1", "Bridge nonsense"]


def test_a_folder_for_temporary_files_with_a_long_path_is_no_trouble(tmp_path: Path) -> None:
    CourierKey.generate(ONION).save(tmp_path / "laptop")
    lines, long = tmp_path / "lines", tmp_path / ("x" * 100)
    lines.write_text("UseBridges 1\nBridge 127.0.0.1:1\n")
    long.mkdir()
    command = ["collect", "--state", tmp_path / "laptop", "--torrc-lines", lines, "--to", tmp_path]
    with subprocess.Popen(
        [BIN / "luwte-courier", *command], stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(long)}
    ) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        process.send_signal(signal.SIGINT)

    assert said.startswith("tor: "), "it runs, and can be asked how far it is"


def test_a_line_that_is_not_allowed_is_named_and_no_tor_is_started(tmp_path: Path) -> None:
    CourierKey.generate(ONION).save(tmp_path / "laptop")
    lines = tmp_path / "lines"
    lines.write_text("UseBridges 1\nControlPort 9051\n")
    assert "line 2: 'ControlPort' may not be set here" in fails(
        "collect", "--state", tmp_path / "laptop", "--torrc-lines", lines, "--to", tmp_path
    )
    assert not (tmp_path / "laptop" / "tor").exists()


def test_lines_for_a_tor_that_is_not_started_are_not_passed_over(tmp_path: Path) -> None:
    CourierKey.generate(ONION).save(tmp_path)
    (tmp_path / "lines").write_text("UseBridges 1\n")
    options = ("--socks", "127.0.0.1:1", "--torrc-lines", tmp_path / "lines")
    assert "has no meaning with --socks" in fails("deliver", "x", "--state", tmp_path, *options, code=2)


@pytest.mark.parametrize("address", ["9050", "localhost", "127.0.0.1:x", "127.0.0.1:0", "127.0.0.1:70000", ":9050"])
def test_a_bent_socks_address_is_refused(tmp_path: Path, address: str) -> None:
    CourierKey.generate(ONION).save(tmp_path)
    assert "HOST:PORT is needed" in fails("deliver", "x", "--state", tmp_path, "--socks", address, code=2)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a.b", "-x", "a b", "ä", "x" * 41, "a\n"])
def test_a_couriers_name_is_no_path(state: Path, name: str) -> None:
    with pytest.raises(PairingError, match="letters, digits and hyphens"):
        Enrolment(state).add(name, line())
    with pytest.raises(PairingError):
        Enrolment(state).remove(name)
    assert list(state.rglob("*.auth")) == []


def test_one_key_and_one_name_are_enrolled_once(state: Path) -> None:
    couriers, given = Enrolment(state), line()
    assert couriers.add("Anna", given)
    assert not couriers.add("Anna", given), "the same again changes nothing"
    with pytest.raises(PairingError, match="enrolled already, as 'Anna'"):
        couriers.add("Bob", given)
    for name in ("Anna", "anna"):
        with pytest.raises(PairingError, match="there is a courier 'Anna' already"):
            couriers.add(name, line())
    with pytest.raises(PairingError, match="no courier 'Bob' is enrolled; enrolled: Anna"):
        couriers.remove("Bob")
    assert couriers.names() == ["Anna"]


def spelled(number: int) -> str:
    from journalist_interface.courier.keys import enrolment_line

    return enrolment_line(number.to_bytes(32, "little"))


@pytest.mark.parametrize("number", LOW_ORDER)
def test_a_weak_key_that_would_open_the_door_to_everybody_is_refused(number: int) -> None:
    with pytest.raises(PairingError, match="opens the door to everybody"):
        parse_enrolment(spelled(number))


def test_a_key_has_one_spelling() -> None:
    """Otherwise one that was enrolled under two spellings would stay when it is revoked."""
    given = line()
    public = int.from_bytes(parse_enrolment(given), "little")
    for other in (public + 2**255, 2**255 - 19 + 9):
        with pytest.raises(PairingError, match="not spelled"):
            parse_enrolment(spelled(other))
    # The last letter has spare bits: at most two others spell a key at all, and another one.
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567":
        if letter != given[-1]:
            with suppress(PairingError):
                assert parse_enrolment(given[:-1] + letter) != parse_enrolment(given)
    for bent in (given.lower(), given[:-1], given + "A", given.replace("x25519", "x448"), f"{ONION}:{given}"):
        with pytest.raises(PairingError):
            parse_enrolment(bent)


def test_a_private_key_is_never_enrolled_by_mistake(tmp_path: Path) -> None:
    path = CourierKey.generate(ONION).save(tmp_path)
    with pytest.raises(PairingError):
        parse_enrolment(path.read_text())


def test_a_damaged_enrolment_is_named(state: Path) -> None:
    Enrolment(state).add("Anna", line())
    next(state.rglob("Anna.auth")).write_text("x")
    with pytest.raises(PairingError, match="the file of courier 'Anna' is damaged"):
        Enrolment(state).add("Bob", line())
    Enrolment(state).remove("Anna")
    assert Enrolment(state).add("Bob", line())


def test_couriers_are_enrolled_at_an_intake_host_only(tmp_path: Path) -> None:
    assert "luwte-intake init" in fails("courier", "add", "--state", tmp_path, "Anna", line(), name="luwte-intake")


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that stands for a running host, and notes a SIGHUP."""
    program = tmp_path / "program"
    program.write_text(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGHUP, lambda *_: (open(sys.argv[1], 'w').close(), sys.exit()))\n"
        "print('ready', flush=True)\ntime.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, program, tmp_path / "told"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.kill()
    process.wait(30)
    process.stdout.close()


def test_a_running_host_is_told(state: Path, tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    (state / "run").mkdir()
    (state / "run" / "host.pid").write_text(f"{sleeper.pid}\n")
    with exclusively(state / "host.lock"):
        assert tell_host(state)
    assert sleeper.wait(30) == 0
    assert (tmp_path / "told").exists()


@pytest.mark.parametrize("left", [None, "", "x", "0", "1", "-1", "99999999"])
def test_a_host_that_cannot_be_told_is_not_called_absent(state: Path, left: str | None) -> None:
    (state / "run").mkdir()
    if left is not None:
        (state / "run" / "host.pid").write_text(left)
    with exclusively(state / "host.lock"), pytest.raises(OnionError, match="could not be told"):
        tell_host(state)


@pytest.mark.parametrize("left", ["", "x", "0", "1", "-1", "99999999", "{other}"])
def test_a_left_pid_ends_no_other_program(state: Path, left: str) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (state / "run").mkdir()
        (state / "run" / "host.pid").write_text(left.format(other=other.pid))
        assert not tell_host(state)
        time.sleep(0.1)  # a signal would have ended it by then
        assert other.poll() is None
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait(30)
