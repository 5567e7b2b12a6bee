"""`luwte-courier` as couriers run it: its own tor, in a private Tor network, to the onion of `luwte-intake serve`.

The tests of this file follow on each other: one host, and two couriers.
"""

import os
import signal
import subprocess

import pytest

from deploy.onion import keys
from journalist_interface.courier.keys import FOLDER
from tests.support.courier_laptop import ENOUGH_SECONDS, Laptop
from tests.support.road import (
    RoadSource,
    collect_bundles,
    dispatch_bundles,
    replies_at_host,
    submit,
    texts_at_desk,
)
from tests.support.served_host import BIN, ServedHost
from tests.support.through_tor import NEEDS_KEY, ask, connection, refusal
from tests.support.waiting import runs, wait_until

MIB = 1 << 20
ANN, BOB = RoadSource(1), RoadSource(2)
NOT_ENROLLED = (
    "Error: this key was never enrolled, or it was revoked: ask the operator, who enrols it with "
    "'luwte-intake courier add'\n"
)
NO_KEY = (
    "Error: this Tor holds no key for the intake host: put the key's file, which 'luwte-courier pair' names, into its "
    "ClientOnionAuthDir and reload it\n"
)
NO_ONION = "Tor finds no such onion service: the intake host is off, or has no courier enrolled"
NOTHING_NEW = "Nothing new. What comes in today can be fetched tomorrow, from midnight UTC on.\n"
AWAY = (
    rf"({NO_ONION}|the intake host's onion service does not answer( in time)?|no meeting point with the intake host could be "
    r"made|the intake host does not answer in time: it may be off)\. Trying again in \d+ s; Ctrl-C ends it, and nothing "
    "is lost\n"
)
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def anna(network, tmp_path_factory):
    return Laptop(tmp_path_factory.mktemp("anna"), network.torrc_lines)


@pytest.fixture(scope="module")
def bert(network, tmp_path_factory):
    return Laptop(tmp_path_factory.mktemp("bert"), network.torrc_lines)


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


def enrol(served, laptop, name, onion):
    operator(served, "courier", "add", [name, laptop.pair(onion)])


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


def test_the_operator_can_tell_the_address_before_anybody_is_enrolled(served, courier_onion):
    assert f"The courier onion: http://{courier_onion}\n" in operator(served, "status", [])


def test_a_courier_who_comes_too_early_is_told_and_gets_in_once_enrolled(served, courier_onion, anna):
    anna.pair(courier_onion)
    with anna.running("collect", "--to", anna.stick) as waiting:
        waiting.await_said(rf"{NO_ONION}\. Trying again in 2 s; Ctrl-C ends it, and nothing is lost\n")
        enrol(served, anna, "anna", courier_onion)
        waiting.end()

    served.await_said(r"Couriers that may come: anna\.")
    assert "tor: 100 % Done\n" in waiting.stderr
    assert waiting.stdout.startswith("The intake host made bundle 1.\nOn the stick: luwte-collect-000001.age (")


def test_what_came_today_waits_for_tomorrow_unless_the_operator_collects_it(served, road, anna):
    receive(road, ANN, "from ann", {"photo.bin": os.urandom(3 * MIB)})
    kept = anna.collect()
    made = operator(served, "collect", [])
    fetched = anna.collect()
    again = anna.collect()

    assert kept.stdout.startswith(f"{NOTHING_NEW}On the stick: luwte-collect-000001.age (")
    assert kept.stdout.count("\n") == 2
    assert made == "Made bundle 2 with 2 sealed objects.\n"
    assert fetched.stdout.startswith("Fetched bundle 2, which was made before.\n")
    assert "On the stick: luwte-collect-000002.age (" in fetched.stdout
    assert again.stdout.startswith(f"{NOTHING_NEW}On the stick: luwte-collect-000001.age (")
    assert set(import_all(road, anna.stick)) == {"from ann", "photo.bin"}


def test_dispatch_bundles_are_taken_in_once_and_in_order(road, anna):
    reply(road, "to ann", to="from ann")
    taken = anna.deliver(*dispatch_bundles(road.stick)[-1:])
    again = anna.deliver(*dispatch_bundles(road.stick)[-1:])
    for text in ("more to ann", "still more to ann", "last to ann"):
        reply(road, text, to="from ann")
    third, fourth, fifth = dispatch_bundles(road.stick)[-3:]
    gap = anna.deliver(fifth, code=3)
    damaged = anna.stick / "luwte-dispatch-000003.age"
    damaged.write_bytes(third.read_bytes()[:-1] + b"?")
    refused = anna.deliver(damaged, code=3)
    rest = anna.deliver(third, fourth, fifth)

    assert taken.stdout == "Bundle 2 was taken in.\n"
    assert again.stdout == "Bundle 2 was taken in before. Nothing changed.\n"
    assert "Error: the intake host did not take it in: bundle 3 is expected, this is bundle 5: " in gap.stderr
    assert "Error: the intake host did not take it in: " in refused.stderr
    assert rest.stdout == "".join(f"Bundle {number} was taken in.\n" for number in (3, 4, 5))
    host = road.host()
    assert set(replies_at_host(host, ANN)) == {"to ann", "more to ann", "still more to ann", "last to ann"}
    host.close()


def test_a_killed_courier_leaves_no_tor_and_goes_on_where_it_stood(served, road, anna):
    content = os.urandom(100 * MIB)
    receive(road, BOB, "from bob", {"video.bin": content})
    operator(served, "collect", [])

    def parts():
        return [path for path in anna.stick.iterdir() if path.suffix != ".age" and path.stat().st_size > MIB]

    with anna.running("collect", "--to", anna.stick) as killed:
        wait_until(parts, ENOUGH_SECONDS, check=runs(killed.process, lambda: killed.stderr))
        killed.end(-signal.SIGKILL, signal.SIGKILL)
    (part,) = parts()
    kept = part.stat().st_ino, part.stat().st_size
    shown = anna.on_terminal("collect", "--to", anna.stick)

    assert MIB < kept[1] < 100 * MIB
    (bundle,) = collect_bundles(anna.stick)
    assert bundle.stat().st_ino == kept[0]
    size = f"{bundle.stat().st_size / MIB:.1f} MiB"
    assert f"bundle {int(bundle.stem[-6:])}: {kept[1] / MIB:.1f} of {size} (" in shown
    assert f" of {size} (100 %)" in shown
    import_all(road, anna.stick)
    with road.desk() as desk:
        (file,) = [
            entry.file
            for source in desk.inbox.sources()
            for entry in desk.inbox.conversation(source.source_id)
            if entry.file is not None and entry.file.untrusted_name == "video.bin"
        ]
        assert desk.inbox.save_file(file.file_id, anna.state).read_bytes() == content


def test_a_key_that_nobody_enrolled_opens_nothing_and_the_courier_is_told(courier_onion, bert):
    bert.pair(courier_onion)

    assert bert.collect(code=1).stderr.endswith(NOT_ENROLLED)


@pytest.fixture(scope="module")
def with_key(network, anna):
    """The SOCKS port of a tor that runs for other things, too, and was given Anna's key."""
    return network.client("annas", f"ClientOnionAuthDir {anna.state / FOLDER}").socks_port


@pytest.fixture(scope="module")
def without_key(network):
    return network.client("anybodys").socks_port


def test_a_tor_that_runs_already_serves_when_it_holds_the_key(anna, with_key, without_key):
    assert anna.collect("--socks", f"127.0.0.1:{with_key}").stdout.startswith("Fetched bundle 3, ")
    assert anna.collect("--socks", f"127.0.0.1:{without_key}", code=1).stderr.endswith(NO_KEY)


def test_neither_onion_serves_what_is_the_others(served, courier_onion, with_key, without_key):
    source = keys.known_address(served.state / "onions" / "source")
    with connection(without_key, source) as sock:
        from_source = ask(sock, source, path="/courier/v1/bundles/1")
    with connection(with_key, courier_onion) as sock:
        from_courier = ask(sock, courier_onion, path="/")

    assert refusal(without_key, courier_onion) == NEEDS_KEY
    assert b"This page is not here" in from_source
    assert b"404" in from_courier.split(b"\r\n")[0]
    assert b"<" not in from_courier.partition(b"\r\n\r\n")[2]


def test_a_tor_that_asked_too_early_is_not_kept_out(network, served, courier_onion, bert):
    tor = network.client("berts", f"ClientOnionAuthDir {bert.state / FOLDER}")
    early = bert.collect("--socks", f"127.0.0.1:{tor.socks_port}", code=1)
    enrol(served, bert, "bert", courier_onion)
    served.await_said(r"Couriers that may come: anna, bert\.")

    assert early.stderr.endswith(NOT_ENROLLED)
    assert bert.collect("--socks", f"127.0.0.1:{tor.socks_port}").stdout.startswith("Fetched bundle 3, ")


def test_who_is_removed_is_told_so(served, anna, bert):
    operator(served, "courier", "remove", ["anna"])
    served.await_said(r"Couriers that may come: bert\.")

    assert anna.collect(code=1).stderr.endswith(NOT_ENROLLED)
    assert bert.collect().stdout.startswith(NOTHING_NEW)


def test_a_host_that_is_off_is_told_and_waited_for(network, served, bert):
    """The last test of the served host."""
    assert served.end(signal.SIGTERM) == 0
    with bert.running("collect", "--to", bert.stick) as waiting:
        waiting.await_said(AWAY)
        with ServedHost(served.state, torrc_lines=network.torrc_lines) as again:
            again.await_source()
            waiting.end()

    assert waiting.stdout.startswith(NOTHING_NEW)
