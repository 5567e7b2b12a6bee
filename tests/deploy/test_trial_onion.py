"""`deploy/try --onion` for real: an onion of a Tor network on this machine, the courier through it, and nothing left behind.

The tests of the running trial follow on each other. Its folder has a path that is too long for a tor's socket, and blanks.
"""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from deploy.onion.keys import is_address
from deploy.trial import told
from deploy.trial.browser import Browser
from deploy.trial.folder import TrialFolder
from deploy.trial.new_source import ask_for_codename, type_back
from deploy.trial.processes import free_ports
from tests.deploy.test_set_up import program
from tests.deploy.test_trial import TRY, end, facts_of, listening_addresses
from tests.support.connections import abroad, held_addresses
from tests.support.firefox import Marionette
from tests.support.processes import await_ended, family
from tests.support.waiting import runs, wait_until

ONION_SECONDS = 400
LONG = "a folder with blanks and a name that is much longer than anybody would like to type"
needs_tor = pytest.mark.skipif(shutil.which("tor-gencert") is None, reason="Debian's package 'tor' is not installed")
pytestmark = pytest.mark.timeout(600)


def start_onion(state, *more, ports=None, network=(), env=None):
    socks, desk = ports or free_ports(2)
    command = [TRY, "--state", state, "--onion", *network, "--socks-port", str(socks), "--desk-port", str(desk), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/", env=env)


def run(state, *more):
    return subprocess.run(
        [TRY, "--state", state, *more], capture_output=True, text=True, timeout=ONION_SECONDS, check=False
    )


def started(facts):
    return [pid for one in facts["pids"].values() for pid in family(one)]


def source_of(facts):
    return Browser(facts["source_url"], facts["socks_port"])


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return tmp_path_factory.mktemp("try") / LONG / "state"


@pytest.fixture(scope="module")
def process(state):
    process = start_onion(state)
    yield process
    if process.poll() is None:
        end(process)


@pytest.fixture(scope="module")
def facts(process, state):
    return facts_of(process, state, ONION_SECONDS)


@needs_tor
def test_a_source_sees_the_pages_at_an_onion(facts):
    assert is_address(facts["source_url"].removeprefix("http://"))
    assert facts["onion"] == "private"
    assert "Luwte (trial)" in source_of(facts).get("/").text


@needs_tor
def test_no_socket_of_all_that_was_started_leads_away_from_this_machine(facts):
    held = held_addresses(started(facts))

    assert ("127.0.0.1", facts["socks_port"]) in held
    assert abroad(held) == set()


@needs_tor
def test_the_intake_host_listens_at_no_port_that_leads_past_tor(facts):
    assert listening_addresses(family(facts["pids"]["intake"])) == set()
    assert listening_addresses(family(facts["pids"]["desk"])) == {"0100007F"}


@needs_tor
def test_started_twice_it_says_where_the_onion_is(facts, state):
    second, plain, public = run(state, "--onion"), run(state), run(state, "--onion", "public")

    assert second.returncode == plain.returncode == 0
    assert second.stdout == plain.stdout
    assert "running on this machine already, in a Tor network of its own.\n" in second.stdout
    assert f"  As a source:   {facts['source_url']}\n" in second.stdout
    assert f"127.0.0.1:{facts['socks_port']}" in second.stdout
    assert (public.returncode, "it does not run as --onion public asks" in public.stderr) == (1, True)


@needs_tor
@pytest.mark.skipif(shutil.which("firefox-esr") is None, reason="Debian's package 'firefox-esr' is not installed")
def test_the_command_that_it_shows_opens_the_onion_in_firefox(facts, state, tmp_path):
    """Driven by what Firefox reads from its environment: the command is the one that a person types."""
    driven = {"MOZ_MARIONETTE": "1", "MOZ_MARIONETTE_PREF_STATE_ACROSS_RESTARTS": '{"marionette.port": 0}'}
    env = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "MOZ_HEADLESS": "1", **driven}
    command = subprocess.Popen([TRY, "--state", state, "--browser"], env=env, stderr=subprocess.PIPE, text=True)
    try:
        (port_file,) = wait_for(command, lambda: [*tmp_path.glob("luwte-firefox-*/MarionetteActivePort")])
        firefox = Marionette(port=int(wait_for(command, port_file.read_text)), socket_timeout=ONION_SECONDS)
        firefox.start_session({"pageLoadStrategy": "none"})
        wait_for(command, lambda: firefox.title == "First page")
        url, tabs = firefox.get_url(), len(firefox.window_handles)
        firefox.navigate(facts["desk_url"] + "/")
        wait_for(command, lambda: firefox.get_url() == facts["desk_url"] + "/")
        firefox.cleanup_ran = True
        firefox.client.close()
    finally:
        command.terminate()
        _, said = command.communicate(timeout=60)

    assert url == facts["source_url"] + "/"
    assert tabs == 1
    assert said == ""
    assert list(tmp_path.glob("luwte-firefox-*")) == []


def wait_for(command, look):
    return wait_until(look, ONION_SECONDS, check=runs(command, command.communicate))


@needs_tor
def test_carry_goes_both_ways_through_the_couriers_onion(facts, state):
    source = source_of(facts)
    mailbox = type_back(source, ask_for_codename(source))
    sent = source.submit(mailbox, mailbox.form(having="files"), {"message": "carried"})
    said = run(state, "--carry")

    assert "Your message arrived" in sent.text
    assert (said.returncode, said.stderr) == (0, "Carrying through Tor (a minute or two) ...\n")
    assert said.stdout.startswith("By itself the host gives a courier over Tor only what came in before today (UTC). ")
    assert "\nMade bundle 2 with 1 sealed object.\n" in said.stdout
    # As luwte-courier says it; luwte-intake has other words.
    assert "Fetched bundle 2, which was made before.\n" in said.stdout
    assert "Took in bundle 2: 1 message," in said.stdout
    assert "Bundle 2 was taken in.\n" in said.stdout


@needs_tor
def test_the_walkthrough_goes_through_tor_beside_a_trial_that_runs(facts, state):
    done = run(state, "--onion", "--walkthrough")

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("\nwalkthrough: 12 steps passed\n")
    assert "Starting a private Tor network" in done.stderr
    assert json.loads((state / "try.json").read_text()) == facts


@needs_tor
def test_a_killed_trial_leaves_nothing_running_and_starts_again_with_its_address(process, facts, state):
    pids = started(facts)
    end(process, signal.SIGKILL)
    (state / "try.json").unlink()

    await_ended(pids)

    again = start_onion(state)
    second = facts_of(again, state, ONION_SECONDS)
    pids = started(second)
    out, err = end(again)

    assert second["source_url"] == facts["source_url"]
    assert err.splitlines() == [
        "Starting a private Tor network on this machine (most of a minute) ...",
        "Bringing the onion up (up to a minute) ...",
    ]
    assert out.endswith("\nEnded.\n")
    await_ended(pids)
    assert not (state / "try.json").exists()
    assert not Path(f"/dev/shm/luwte-{os.getuid()}-{state.stat().st_ino}").exists()


@needs_tor
def test_fresh_starts_over_at_another_address_and_the_courier_comes_there(process, facts, state):
    if process.poll() is None:
        end(process)
    fresh = start_onion(state, "--fresh")
    try:
        second = facts_of(fresh, state, ONION_SECONDS)
        page, said = source_of(second).get("/"), run(state, "--carry")
    finally:
        out, err = end(fresh)

    assert second["source_url"] != facts["source_url"]
    assert second["passphrase"] != facts["passphrase"]
    assert "Luwte (trial)" in page.text
    assert said.returncode == 0, said.stdout + said.stderr
    assert "Fetched bundle 2, which was made before.\n" in said.stdout
    assert err.startswith("Making keys (once, some seconds) ...\n")
    assert out.endswith("\nEnded.\n")


@needs_tor
def test_interrupted_while_the_network_starts_it_ends_everything(tmp_path):
    state = tmp_path / "state"
    process = start_onion(state)

    def pids_of_four():
        pids = [int(path.read_text() or 0) for path in state.glob("tor/net/*/pid")]
        return pids if len(pids) >= 4 else []

    pids = wait_for(process, pids_of_four)
    out, _ = end(process)

    assert out.endswith("\nEnded.\n")
    await_ended(pids)
    assert not (state / "tor").exists()


def test_there_is_no_browser_for_a_trial_that_does_not_run(tmp_path):
    done = run(tmp_path / "state", "--browser")

    assert done.returncode == 1
    assert "no trial with --onion is running" in done.stderr


RECORDED = """#!/bin/sh
# Stands where tor would be found: keeps what it was to do, and connects to nothing.
while [ "$1" != -f ]; do shift; done
cp "$2" "{folder}/$$.new"
mv "{folder}/$$.new" "{folder}/$$.torrc"
exec sleep 600
"""


def test_a_public_trial_warns_first_and_has_no_line_of_a_private_network(tmp_path):
    """Never with a real tor: it would reach the public network. All that stands before it is real."""
    state, programs, recorded = tmp_path / "state", tmp_path / "bin", tmp_path / "recorded"
    recorded.mkdir()
    for name in ("tor", "tor-gencert"):
        program(programs, name, RECORDED.format(folder=recorded))
    path = f"{programs}:{os.environ['PATH']}"
    assert shutil.which("tor", path=path) == str(programs / "tor")
    process = start_onion(state, network=["public"], env={**os.environ, "PATH": path})
    torrcs = wait_for(process, lambda: found if len(found := [*recorded.glob("*.torrc")]) == 2 else None)
    lines = [line for torrc in torrcs for line in torrc.read_text().splitlines()]
    pids = family(process.pid)
    out, err = end(process)

    warned = err.splitlines()
    assert "uses the public Tor network: whoever has its address can reach it, from anywhere." in warned[0]
    assert "not for real reports" in warned[1]
    assert f"The address lasts in {state}." in warned[2]
    assert warned[3:] == ["Making keys (once, some seconds) ...", "Bringing the onion up (up to a minute) ..."]
    assert "SocksPort 0" in lines
    assert any(line.startswith("SocksPort 127.0.0.1:") and "OnionTrafficOnly" in line for line in lines)
    assert [line for line in lines if line.startswith(("Testing", "DirAuthority", "AddressDisable", "Outbound"))] == []
    assert out == "\nEnded.\n"
    await_ended(pids)


def test_a_public_trial_sends_people_to_tor_browser(tmp_path, capsys):
    address = "http://btrwnvqo5yb74hv3nu75cwjcnibl3c6jbnvyfnqhqdwoz3p3surs55yd.onion"
    facts = {"source_url": address, "onion": "public", "socks_port": 8082, "desk_login_url": "x", "passphrase": "y"}
    told.show(facts, TrialFolder(tmp_path))
    said = capsys.readouterr().out

    assert said.startswith("Luwte is running on this machine, in the public Tor network.\n")
    assert f"  As a source:   {address}\n                 (in Tor Browser, on any machine)\n" in said
    assert "8082" not in said
    assert "--browser" not in said
