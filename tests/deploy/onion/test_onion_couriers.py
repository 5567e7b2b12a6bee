"""The courier onion in a private Tor network: there only for enrolled couriers, and gone at once for who is removed.

The tests of this file follow on each other: one host, whose couriers come and go.
"""

import contextlib
import os
import signal
from pathlib import Path

import pytest

from tests.support.onion_courier import Courier
from tests.support.processes import family
from tests.support.through_tor import NEEDS_KEY, NOT_FOUND, WRONG_KEY, UnreachableError, connection, refusal
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def folder(served):
    return served.state / "onions" / "courier" / "authorized_clients"


@pytest.fixture(scope="module")
def anna(network, folder):
    return Courier(network, "anna", folder)


@pytest.fixture(scope="module")
def bert(network, folder):
    return Courier(network, "bert", folder)


def pipes(pid):
    return {name for path in Path(f"/proc/{pid}/fd").iterdir() if (name := os.readlink(path)).startswith("pipe:")}


def tell(served):
    served.process.send_signal(signal.SIGHUP)


def may_come(names, times=1):
    return rf"Couriers that may come: {names}\. Their onion: "


def test_without_a_courier_there_is_no_courier_onion_and_no_server_for_it(served, courier_onion, anna):
    assert refusal(anna.tor.socks_port, courier_onion) == NOT_FOUND
    assert not (served.state / "run" / "courier.sock").exists()
    assert "courier onion" not in served.said


def test_an_enrolled_courier_reaches_it_and_nobody_else_can_even_resolve_it(served, courier_onion, anna, bert):
    anna.enrol()
    tell(served)
    served.await_said(may_come("anna"))

    anna.use_key(courier_onion)
    anna.visit(courier_onion)
    assert refusal(bert.tor.socks_port, courier_onion) == NEEDS_KEY


def test_of_the_two_servers_only_the_sources_may_name_circuits_to_close(served):
    """The supervisor keeps both ends, for servers that it starts again. Both servers have workers; no other part has."""
    servers = [pid for pid in served.children() if len(family(pid)) > 1]
    shared = [{pipe for one in family(pid) for pipe in pipes(one)} & pipes(served.process.pid) for pid in servers]

    assert sorted(map(len, shared)) == [0, 1]


def test_who_is_removed_is_cut_off_at_once_and_others_go_on(served, courier_onion, anna, bert):
    bert.enrol()
    tell(served)
    served.await_said(may_come("anna, bert"))
    bert.forget(courier_onion)  # the descriptor that its tor has kept was made without this courier
    bert.visit(courier_onion)

    with anna.uploading(served.state, courier_onion) as sock:
        anna.file.unlink()
        tell(served)
        sock.settimeout(30)
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(1) == b""  # closed from the host's side, although it waited for more
    served.await_said(may_come("bert"))

    # With the descriptor that its tor has kept, and with none.
    assert refusal(anna.tor.socks_port, courier_onion) is not None
    anna.forget(courier_onion)
    assert refusal(anna.tor.socks_port, courier_onion) == WRONG_KEY
    bert.forget(courier_onion)
    bert.visit(courier_onion)


def test_a_damaged_file_of_a_courier_withdraws_the_onion_rather_than_open_it_to_all(
    served, courier_onion, folder, bert
):
    (folder / "carl.auth").write_text("descriptor:x25519:NOKEY\n")
    (folder / "carl.auth").chmod(0o600)
    tell(served)

    served.await_said(r"carl\.auth is damaged, and tor would pass over it")
    served.await_said(r"No courier is enrolled: their onion is withdrawn")
    bert.forget(courier_onion)
    assert refusal(bert.tor.socks_port, courier_onion) is not None
    (folder / "carl.auth").unlink()
    tell(served)
    served.await_said(may_come("bert"), times=2)
    bert.forget(courier_onion)
    bert.visit(courier_onion)


def test_when_the_last_one_goes_the_onion_goes(served, courier_onion, bert):
    bert.file.unlink()
    tell(served)
    served.await_said(r"No courier is enrolled: their onion is withdrawn", times=2)

    with pytest.raises(UnreachableError), connection(bert.tor.socks_port, courier_onion):
        pass
    wait_until(lambda: not (served.state / "run" / "courier.sock").exists())
    assert "Traceback" not in served.said


def test_the_source_onion_was_never_disturbed(served):
    assert served.said.count("The source onion is reachable") == 1
    assert "published again" not in served.said
