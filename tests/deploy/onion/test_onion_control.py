"""A real tor's control socket, and what is no such thing; and what a real tor reports of its onions, against the description."""

import os
import socket
import threading

import pytest
from stem.response import ControlMessage
from stem.version import Version

from deploy.onion import control, description
from deploy.onion.control import clock_skew, connect, require_version
from deploy.onion.errors import ControlRefusedError, MismatchError, TorFailedError, TorMissingError, TorTooOldError
from deploy.onion.places import OnionPlaces
from deploy.onion.publish import Health, Publisher
from deploy.trial import processes
from tests.support.offline_tor import a_tor

SINGLE_HOP = ("HiddenServiceSingleHopMode 1", "HiddenServiceNonAnonymousMode 1")


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    found = OnionPlaces.of(tmp_path_factory.mktemp("state"))
    found.prepare()
    return found


@pytest.fixture(scope="module")
def controller(tmp_path_factory):
    with a_tor(tmp_path_factory.mktemp("t") / "tor", "CookieAuthentication 1") as where, connect(where) as connected:
        yield connected


def test_no_tor_at_a_socket_or_port_says_to_start_it(tmp_path):
    (port,) = processes.free_ports(1)

    for where in (str(tmp_path / "control"), f"127.0.0.1:{port}"):
        with pytest.raises(TorMissingError, match="systemctl start tor"):
            connect(where)


def test_a_socket_whose_tor_has_gone_says_to_start_it(tmp_path):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "control"))

    with pytest.raises(TorMissingError, match="no tor answers"):
        connect(str(tmp_path / "control"))


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"514 no\r\n"])
def test_what_is_no_control_port_is_told(answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            accepted, _ = server.accept()
            with accepted:
                accepted.recv(100)
                accepted.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ControlRefusedError, match="no control port"):
            connect(f"127.0.0.1:{server.getsockname()[1]}")
        thread.join(10)


def test_what_never_answers_is_not_waited_for_long(monkeypatch):
    monkeypatch.setattr(control, "_PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ControlRefusedError):
        connect(f"127.0.0.1:{silent.getsockname()[1]}")


def test_another_tors_cookie_is_told(tmp_path):
    with a_tor(tmp_path / "tor", "CookieAuthentication 1") as where:
        cookie = tmp_path / "tor" / "control_auth_cookie"
        cookie.write_bytes(os.urandom(32))
        with pytest.raises(ControlRefusedError, match=f"{cookie} is not that of the tor"):
            connect(where)
        cookie.write_bytes(b"short")
        with pytest.raises(ControlRefusedError, match=f"{cookie} is not that of the tor"):
            connect(where)
        cookie.unlink()
        with pytest.raises(ControlRefusedError, match=f"{cookie} cannot be read: add this user"):
            connect(where)


def test_a_tor_that_wants_a_password_is_told_to_write_a_cookie(tmp_path):
    hashed = "16:872860B76453A77D60CA2BB8C1A7042072093276A3D701AD684053EC4C"
    with (
        a_tor(tmp_path / "tor", f"HashedControlPassword {hashed}") as where,
        pytest.raises(ControlRefusedError, match="CookieAuthentication 1"),
    ):
        connect(where)


def test_an_old_tor_is_refused():
    for old in ("0.4.7.16", "0.4.6.12", "0.3.5.8"):
        with pytest.raises(TorTooOldError, match=r"0\.4\.8 or newer"):
            require_version(Version(old))
    require_version(Version("0.4.8.1"))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "STATUS_GENERAL WARN CLOCK_SKEW SKEW=-7200 MIN_SKEW=-7200 SOURCE=DIRSERV:127.0.0.1:5000",
            "2 hours behind",
        ),
        ("STATUS_GENERAL WARN CLOCK_SKEW SKEW=3600 SOURCE=CONSENSUS", "60 minutes ahead"),
        ("STATUS_GENERAL WARN CLOCK_SKEW SKEW=10792 SOURCE=CONSENSUS", "3 hours ahead"),
        ("STATUS_GENERAL WARN CLOCK_SKEW SKEW=-3455996 SOURCE=CONSENSUS", "40 days behind"),
        ("STATUS_GENERAL WARN CLOCK_SKEW SOURCE=NETWORKSTATUS", "clock is wrong"),
        ("STATUS_CLIENT NOTICE CIRCUIT_ESTABLISHED", None),
    ],
)
def test_a_wrong_clock_is_named(line, told):
    sentence = clock_skew(ControlMessage.from_str(f"650 {line}\r\n", "EVENT", normalize=True))

    assert (sentence is None) if told is None else told in sentence and "timedatectl" in sentence


def onions(places):
    return [description.source_onion(places), description.courier_onion(places)]


def check(controller, places, change=lambda pairs: pairs):
    """Set the options, changed, in the real tor, and check what it then reports."""
    pairs = change(description.options(onions(places)))
    controller.set_options(pairs)
    return description.check(onions(places), *Publisher(controller, pytest.fail).told())


def without(name):
    return lambda pairs: [pair for pair in pairs if pair[0] != name]


def test_what_the_description_sets_is_what_it_accepts(controller, places):
    folders, warnings = check(controller, places)

    assert folders == {"source": places.source_onion, "courier": places.courier_onion}
    assert warnings == []


def replaced(old, *new):
    def change(pairs):
        assert old in pairs
        return [one for pair in pairs for one in (new if pair == old else (pair,))]

    return change


@pytest.mark.parametrize("value", ["80 127.0.0.1:8080", "80 unix:/tmp/elsewhere.sock", "8080 unix:{socket}"])
def test_an_onion_that_leads_elsewhere_is_refused(controller, places, value):
    right = ("HiddenServicePort", f"80 unix:{places.source_socket}")

    with pytest.raises(MismatchError, match=r"the source onion leads to .*no other"):
        check(controller, places, replaced(right, (right[0], value.format(socket=places.source_socket))))


def test_a_second_way_in_is_refused(controller, places):
    right = ("HiddenServicePort", f"80 unix:{places.source_socket}")

    with pytest.raises(MismatchError, match=r"2 onions lead to unix:.*courier"):
        check(controller, places, replaced(right, right, ("HiddenServicePort", f"81 unix:{places.courier_socket}")))


def test_an_export_on_one_side_only_is_refused(controller, places):
    export = ("HiddenServiceExportCircuitID", "haproxy")
    courier_port = ("HiddenServicePort", f"80 unix:{places.courier_socket}")

    with pytest.raises(MismatchError, match="the source onion does not tell its server which circuit"):
        check(controller, places, without(export[0]))
    with pytest.raises(MismatchError, match="the courier onion has HiddenServiceExportCircuitID"):
        check(controller, places, replaced(courier_port, courier_port, export))


def test_all_reasons_are_told_at_once(controller, places):
    with pytest.raises(MismatchError) as refused:
        check(controller, places, lambda pairs: without("HiddenServiceExportCircuitID")(pairs)[:-3])

    assert len(str(refused.value).splitlines()) == 2
    assert "luwte-intake torrc" in str(refused.value)


@pytest.mark.parametrize("name", ["HiddenServicePoWDefensesEnabled", "HiddenServiceMaxStreams"])
def test_a_defence_that_is_missing_is_a_warning(controller, places, name):
    (warning,) = check(controller, places, without(name))[1]

    assert name in warning
    assert "floods reach further" in warning


def test_a_tor_whose_onions_do_not_hide_the_machine_is_refused(tmp_path, places):
    with (
        a_tor(tmp_path / "tor", "CookieAuthentication 1", *SINGLE_HOP) as where,
        connect(where) as connected,
        pytest.raises(MismatchError) as refused,
    ):
        check(connected, places, without("HiddenServicePoWDefensesEnabled"))

    assert [reason.split()[3] for reason in str(refused.value).splitlines()] == [line.split()[0] for line in SINGLE_HOP]


def test_a_path_with_blanks_and_quotes_comes_through_tor_unchanged(controller, tmp_path):
    places = OnionPlaces.of(tmp_path / 'a "b" c')
    (tmp_path / 'a "b" c').mkdir(mode=0o700)
    places.prepare()
    publisher = Publisher(controller, pytest.fail)
    publisher.put([description.Onion("source", places.source_onion, tmp_path / "s p.sock", is_public=True)])

    told, _ = publisher.told()

    assert ("HiddenServiceDir", str(places.source_onion)) in told
    assert ("HiddenServicePort", f'80 unix:"{tmp_path}/s p.sock"') in told


def test_an_onion_that_is_not_published_is_not_said_to_be(controller, places):
    publisher = Publisher(controller, pytest.fail)
    publisher.put([description.source_onion(places)])
    publisher.expect({"source": (places.source_onion / "hostname").read_text().strip()})

    assert not publisher.await_publication(1)


def test_what_tor_refuses_is_told_in_its_words(controller, tmp_path):
    (tmp_path / "open").mkdir(mode=0o777)
    (tmp_path / "open").chmod(0o777)

    with pytest.raises(TorFailedError, match="tor refuses the onions"):
        Publisher(controller, pytest.fail).put([
            description.Onion("source", tmp_path / "open", tmp_path / "s", is_public=False)
        ])


def test_failing_uploads_are_told_once_and_their_end_too():
    health = Health("source", 0)

    assert health.uploaded("a", 1) is None
    assert [bool(health.failed("a", "upload rejected")) for _ in range(6)] == [False, False, True, False, False, False]
    assert "published again" in health.uploaded("a", 2)
    assert health.uploaded("a", 3) is None


def test_single_directories_that_fail_are_not_worth_a_line():
    health = Health("source", 0)

    for moment in range(20):
        assert health.failed("a", "x") is None
        assert health.failed("a", "x") is None
        assert health.uploaded("a", moment) is None


def test_a_descriptor_that_is_not_renewed_is_told_once():
    health = Health("source", 0)
    health.uploaded("a", 0)

    assert health.looked_at(2 * 3600) is None
    assert "not renewed for hours" in health.looked_at(4 * 3600)
    assert health.looked_at(5 * 3600) is None


def test_an_upload_of_which_tor_tells_nothing_more_is_told_once_and_not_awaited_for_ever():
    health = Health("source", 0)
    health.begun("a", 1)
    health.begun("b", 2)
    health.uploaded("a", 3)
    assert not health.is_everywhere
    assert health.looked_at(400) is None
    assert health.is_everywhere

    health.renewed(500)
    health.begun("a", 501)
    health.begun("a", 700)
    assert health.looked_at(800) is None
    assert "no directory answers" in health.looked_at(802)
    assert health.looked_at(803) is None
    assert "published again" in health.uploaded("b", 900)
    assert health.looked_at(2_000) is None


def test_what_still_goes_to_a_directory_of_the_old_descriptor_is_not_taken_for_the_new_one():
    health = Health("courier", 0)
    health.begun("a", 1)
    health.renewed(2)

    health.uploaded("a", 3)
    assert not health.is_published

    health.begun("a", 4)
    health.begun("b", 4)
    health.uploaded("a", 5)
    assert health.is_published
    assert not health.is_everywhere
    health.failed("b", "upload rejected")
    assert health.is_everywhere
