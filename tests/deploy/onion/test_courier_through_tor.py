"""`luwte-courier` as couriers run it: its own tor, in a private Tor network, to the onion of `luwte-intake serve`.

The tests of this file follow on each other: one host, and two couriers.
"""

import os
import signal
import subprocess
import time

import pytest

from deploy.onion import keys
from journalist_interface.courier.client import Client, Patience
from journalist_interface.courier.errors import UnreachableError
from journalist_interface.courier.keys import FOLDER
from journalist_interface.courier.socks import SocksRoute
from store.clock import SystemClock
from tests.support.processes import family
from tests.support.road import (
    Road,
    RoadSource,
    collect_bundles,
    dispatch_bundles,
    replies_at_host,
    submit,
    texts_at_desk,
)
from tests.support.served_host import BIN, ServedHost, await_gone, command_line
from tests.support.through_tor import NEEDS_KEY, ask, connection, refusal

ENOUGH_SECONDS = 400
MIB = 1 << 20
ANN, BOB = RoadSource(1), RoadSource(2)
pytestmark = pytest.mark.timeout(600)


class Courier:
    """A laptop: a folder, and a stick in it."""

    def __init__(self, folder, torrc_lines):
        self.state, self.stick = folder / "laptop", folder / "stick"
        self.torrc_lines = folder / "torrc-lines"
        self.stick.mkdir(parents=True)
        self.torrc_lines.write_text("".join(f"{line}\n" for line in torrc_lines))

    def command(self, name, *arguments):
        lines = [] if name == "pair" or "--socks" in arguments else ["--torrc-lines", self.torrc_lines]
        return list(map(str, [BIN / "luwte-courier", name, "--state", self.state, *lines, *arguments]))

    def run(self, name, *arguments, code=0):
        done = subprocess.run(
            self.command(name, *arguments), capture_output=True, text=True, timeout=ENOUGH_SECONDS, check=False
        )
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    def collect(self, *more, code=0):
        return self.run("collect", *more, "--to", self.stick, code=code)

    def deliver(self, *files, code=0):
        return self.run("deliver", *files, code=code)


@pytest.fixture(scope="module")
def road(tmp_path_factory):
    road = Road(tmp_path_factory.mktemp("line"), SystemClock())
    (road.host_state / "intake.toml").write_text("[limits]\nfree_bytes_floor = 1\n")
    return road


@pytest.fixture(scope="module")
def served(network, road):
    with ServedHost(road.host_state, torrc_lines=network.torrc_lines) as host:
        host.await_source()
        yield host


@pytest.fixture(scope="module")
def onion(served):
    return keys.known_address(served.state / "onions" / "courier")


@pytest.fixture(scope="module")
def anna(network, tmp_path_factory):
    return Courier(tmp_path_factory.mktemp("anna"), network.torrc_lines)


@pytest.fixture(scope="module")
def bert(network, tmp_path_factory):
    return Courier(tmp_path_factory.mktemp("bert"), network.torrc_lines)


def operator(served, *arguments):
    done = subprocess.run(
        [BIN / "luwte-intake", *arguments[:-1], "--state", served.state, *arguments[-1]],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def enrol(served, courier, name, onion):
    operator(served, "courier", "add", [name, courier.run("pair", "--onion", onion).stdout.strip()])


def wait_for(happened):
    end = time.monotonic() + ENOUGH_SECONDS
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


def receive(road, source, text, files=None):
    host = road.host()
    submit(host, source, text, files)
    host.close()


def import_all(road, stick):
    with road.desk() as desk:
        for path in collect_bundles(stick):
            desk.importing.import_bundle(path)
            path.unlink()
        return texts_at_desk(desk)


def reply(road, text, to):
    with road.desk() as desk:
        (source,) = [one.source_id for one in desk.inbox.sources() if to in texts_of(desk, one.source_id)]
        desk.replies.reply(source, text)
        return desk.exporting.export(road.stick)


def texts_of(desk, source_id):
    return [entry.text for entry in desk.inbox.conversation(source_id)]


def test_the_operator_can_tell_the_address_before_anybody_is_enrolled(served, onion):
    assert f"The courier onion: http://{onion}\n" in operator(served, "status", [])


def test_an_enrolled_courier_collects_and_hears_how_far_tor_is(served, road, onion, anna):
    enrol(served, anna, "anna", onion)
    served.await_said(r"Couriers that may come: anna\.")

    first = anna.collect()
    receive(road, ANN, "from ann", {"photo.bin": os.urandom(3 * MIB)})
    second = anna.collect()
    third = anna.collect()

    assert first.stdout.startswith("The intake host made bundle 1.\nOn the stick: luwte-collect-000001.age (")
    assert "Tor: 100 % (Done)\n" in first.stderr
    assert second.stdout.startswith("The intake host made bundle 2.\n")
    assert "On the stick: luwte-collect-000002.age (" in second.stdout
    assert third.stdout.startswith("Nothing new.\nOn the stick: luwte-collect-000001.age (")
    assert set(import_all(road, anna.stick)) == {"from ann", "photo.bin"}


def test_dispatch_bundles_are_taken_in_once_and_in_order(road, anna):
    reply(road, "to ann", to="from ann")
    taken = anna.deliver(*dispatch_bundles(road.stick)[-1:])
    again = anna.deliver(*dispatch_bundles(road.stick)[-1:])
    reply(road, "more to ann", to="from ann")
    reply(road, "still more to ann", to="from ann")
    third, fourth = dispatch_bundles(road.stick)[-2:]
    gap = anna.deliver(fourth, code=3)
    damaged = anna.stick / "luwte-dispatch-000003.age"
    damaged.write_bytes(third.read_bytes()[:-1] + b"?")
    refused = anna.deliver(damaged, code=3)
    both = anna.deliver(third, fourth)

    assert taken.stdout == "Bundle 2 was taken in.\n"
    assert again.stdout == "Bundle 2 was taken in before. Nothing changed.\n"
    assert "3" in gap.stderr
    assert "4" in gap.stderr
    assert refused.stderr.count("Error: ") == 1
    assert both.stdout == "Bundle 3 was taken in.\nBundle 4 was taken in.\n"
    host = road.host()
    assert set(replies_at_host(host, ANN)) == {"to ann", "more to ann", "still more to ann"}
    host.close()


def test_a_killed_courier_leaves_no_tor_and_goes_on_where_it_stood(road, anna):
    content = os.urandom(100 * MIB)
    receive(road, BOB, "from bob", {"video.bin": content})
    process = subprocess.Popen(
        anna.command("collect", "--to", anna.stick), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )

    def parts():
        return [path for path in anna.stick.iterdir() if path.suffix != ".age" and path.stat().st_size > MIB]

    wait_for(lambda: parts() or process.poll() is not None)
    started = {pid: command_line(pid) for pid in family(process.pid)}
    process.kill()
    process.communicate()
    await_gone(started)
    (part,) = parts()
    kept = part.stat().st_ino, part.stat().st_size
    anna.collect()

    assert any("torrc" in line for line in started.values())
    assert kept[1] > MIB
    (bundle,) = collect_bundles(anna.stick)
    assert bundle.stat().st_ino == kept[0]
    import_all(road, anna.stick)
    with road.desk() as desk:
        (file,) = [
            entry.file
            for source in desk.inbox.sources()
            for entry in desk.inbox.conversation(source.source_id)
            if entry.file is not None and entry.file.untrusted_name == "video.bin"
        ]
        assert desk.inbox.save_file(file.file_id, anna.state).read_bytes() == content


def test_another_courier_is_told_that_the_key_opens_nothing(onion, bert):
    bert.run("pair", "--onion", onion)

    assert "this key was never enrolled, or it was revoked" in bert.collect(code=1).stderr


def test_a_tor_that_runs_already_serves_too(network, anna):
    tor = network.client("annas", f"ClientOnionAuthDir {anna.state / FOLDER}")

    assert anna.collect("--socks", f"127.0.0.1:{tor.socks_port}").stdout.startswith("Nothing new.\n")


def test_neither_onion_serves_what_is_the_others(network, served, onion, anna):
    source = keys.known_address(served.state / "onions" / "source")
    tor = network.client("anybody")
    with connection(tor.socks_port, source) as sock:
        from_source = ask(sock, source, path="/collect")
    with connection(network.client("annas2", f"ClientOnionAuthDir {anna.state / FOLDER}").socks_port, onion) as sock:
        from_courier = ask(sock, onion, path="/")

    assert refusal(tor.socks_port, onion) == NEEDS_KEY
    assert b"This page is not here" in from_source
    assert b"404" in from_courier.split(b"\r\n")[0]
    assert b"<" not in from_courier.partition(b"\r\n\r\n")[2]


def test_who_is_removed_is_told_so(served, anna, bert, onion):
    enrol(served, bert, "bert", onion)
    served.await_said(r"Couriers that may come: anna, bert\.")
    operator(served, "courier", "remove", ["anna"])
    served.await_said(r"Couriers that may come: bert\.")

    assert "this key was never enrolled, or it was revoked" in anna.collect(code=1).stderr
    assert bert.collect().stdout.startswith("Nothing new.\n")


def test_a_host_that_is_off_is_told(network, served, bert, onion):
    tor = network.client("berts", f"ClientOnionAuthDir {bert.state / FOLDER}")
    client = Client(onion, SocksRoute(onion, ("127.0.0.1", tor.socks_port)), Patience(pauses=()))
    assert client.collect(bert.stick).made == ()
    assert served.end(signal.SIGTERM) == 0

    with pytest.raises(
        UnreachableError, match=r"^(the intake host|Tor).*\. Nothing was lost; repeat the command later$"
    ):
        client.collect(bert.stick)
