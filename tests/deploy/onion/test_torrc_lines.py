"""A file for --torrc-lines: what is allowed arrives at tor as it was meant, and nothing else arrives at all."""

import subprocess

import pytest

from deploy.onion.errors import TorrcLinesError
from deploy.onion.own_tor import write_torrc
from deploy.onion.places import OnionPlaces
from deploy.onion.torrc_lines import ALLOWED, PLUGINS, PRIVATE_NETWORK, further_lines, read_lines
from deploy.trial.tor_process import tool

USEFUL = b"""\xef\xbb\xbf# From a friend, as Notepad saves it\r
usebridges 1\r
\tBridge 192.0.2.1:443 4352E58420E68F5E40BF7C74FADDCCD9D1349413 # the first\r
Bridge obfs4 192.0.2.2:443 4352E58420E68F5E40BF7C74FADDCCD9D1349413 cert=a+b/c iat-mode=0\r
ClientTransportPlugin obfs4 exec /usr/bin/obfs4proxy\r
\r
SOCKS5PROXY 127.0.0.1:1080\r
Socks5ProxyUsername anna
Socks5ProxyPassword "a # in it"   # and a blank
ReachableAddresses *:443, *:80"""


def read(tmp_path, content, *allowed):
    file = tmp_path / "lines"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_lines(file, *allowed)


def dumped(file):
    """What tor makes of a torrc: each option that is not as it is by itself."""
    done = subprocess.run(
        [tool("tor"), "-f", file, "--defaults-torrc", "/dev/null", "--dump-config", "short", "--hush"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [line for line in done.stdout.splitlines() if line and not line.startswith("DataDirectory ")]


def test_tor_gets_what_was_meant(tmp_path):
    lines = read(tmp_path, USEFUL)
    torrc = tmp_path / "torrc"
    torrc.write_text("\n".join([f"DataDirectory {tmp_path}", *lines, ""]))

    assert sorted(dumped(torrc)) == [
        "Bridge 192.0.2.1:443 4352E58420E68F5E40BF7C74FADDCCD9D1349413",
        "Bridge obfs4 192.0.2.2:443 4352E58420E68F5E40BF7C74FADDCCD9D1349413 cert=a+b/c iat-mode=0",
        "ClientTransportPlugin obfs4 exec /usr/bin/obfs4proxy",
        "ReachableAddresses *:443, *:80",
        "Socks5Proxy 127.0.0.1:1080",
        'Socks5ProxyPassword "a # in it"',
        "Socks5ProxyUsername anna",
        "UseBridges 1",
    ]


def test_they_stand_in_the_torrc_of_the_host(tmp_path):
    places = OnionPlaces.of(tmp_path)
    places.prepare()
    text = write_torrc(places, read(tmp_path, USEFUL)).read_text()

    assert "\nUseBridges 1\nBridge 192.0.2.1:443 4352" in text
    assert "friend" not in text


def test_tor_knows_every_name_that_is_allowed():
    known = subprocess.run(
        [tool("tor"), "--list-torrc-options", "--hush"], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()

    assert set(ALLOWED) | set(PRIVATE_NETWORK) <= set(known)
    assert not set(ALLOWED) & set(PRIVATE_NETWORK)


@pytest.mark.parametrize(
    "line",
    ["SocksPort 9050", "Socks 9050", "HiddenServiceDir /x", "HiddenServiceSing 1", "controlport 9051", "Control 1", "%include /x",
     "+Bridge 192.0.2.1:443", "/Bridge", "UseBri 1", "Bridges 1", "RunAsDaemon 1", "Log debug stdout", "SafeLogging 0",
     "__OwningControllerProcess 1", "User x", "DataDirectory /x", "  ORPort 9001", "EntryNodes x", "ExcludeNodes x",
     "\N{KELVIN SIGN}eepalivePeriod 1", '"SocksPort" 1', "Bridge\\", *[f"{name} 1" for name in PRIVATE_NETWORK]],
)  # fmt: skip
def test_every_other_line_is_refused_by_its_number(tmp_path, line):
    with pytest.raises(
        TorrcLinesError, match=r"lines, line 3: '.*' may not be set here\. Allowed are, each by its whole"
    ):
        read(tmp_path, f"# a comment\nBridge 192.0.2.1:443\n{line}\nUseBridges 1\n")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("Bridge 192.0.2.1:443 \\\nSocksPort 9050\n", "line 1: a line cannot go on in the next one"),
        ("Bridge 192.0.2.1:443 \\  # and so on\r\nSocksPort 9050\n", "line 1: a line cannot go on"),
        ("# \\\nSocksPort 9050\n", "line 2: 'SocksPort'"),
        ('Socks5ProxyPassword "a\\"\n', "line 1: a value in quotation marks"),
        ('Socks5ProxyPassword "a\nSocksPort 9050"\n', "line 1: a value in quotation marks"),
        ('Socks5ProxyPassword "a" SocksPort 9050\n', "line 1: a value in quotation marks"),
        ("UseBridges\n", "line 1: the value is missing"),
        ("UseBridges # 1\n", "line 1: the value is missing"),
        ("UseBridges 1\0\nSocksPort 9050\n", "line 1: there is a character that cannot be seen"),
        ("UseBridges 1\rSocksPort 9050\n", "line 1: there is a character that cannot be seen"),
        ("UseBridges 1\vSocksPort 9050\n", "line 1: there is a character that cannot be seen"),
        ("UseBridges\N{NO-BREAK SPACE}1\n", "line 1: there is a character that cannot be seen"),
        ("UseBridges 1\N{LINE SEPARATOR}SocksPort 9050\n", "line 1: there is a character that cannot be seen"),
        ("\nBridge " + "a" * 4_096, "line 2: the line is longer than 4096 characters"),
        ("# a\n" * 16_385, "is longer than 64 KiB"),
        (b"\xff\xfeU\0s\0e\0", r"is no text file \(UTF-8\)"),
    ],
)
def test_what_tor_would_read_otherwise_than_a_person_is_refused(tmp_path, content, told):
    with pytest.raises(TorrcLinesError, match=told):
        read(tmp_path, content)


@pytest.mark.parametrize(
    "value",
    [
        "obfs4 exec /bin/cp -r /x /y",
        "obfs4 exec /bin/sh",
        "obfs4 exec obfs4proxy",
        "obfs4 exec /usr/bin/../../bin/sh",
        "obfs4 exec /usr/bin/obfs4proxy -logLevel DEBUG",
        "obfs4 Exec /usr/bin/obfs4proxy",
        "obfs4 socks5 192.0.2.1:1080",
        "obfs4 exec",
        "obfs4, exec /usr/bin/obfs4proxy",
        '"obfs4 exec /usr/bin/obfs4proxy"',
    ],
)
def test_tor_starts_no_program_that_a_file_chooses(tmp_path, value):
    with pytest.raises(TorrcLinesError, match="line 1: ClientTransportPlugin is taken as 'names exec program'"):
        read(tmp_path, f"clienttransportplugin {value}\n")


def test_the_packaged_clients_may_be_started(tmp_path):
    lines = [f"ClientTransportPlugin obfs4,meek_lite exec {program}" for program in PLUGINS]

    assert read(tmp_path, "\n".join(lines).replace(" exec ", "  exec\t")) == lines


def test_a_tor_without_such_a_line_starts_no_program_at_all(tmp_path):
    places = OnionPlaces.of(tmp_path)
    places.prepare()
    bridges = read(tmp_path, "UseBridges 1\nBridge 192.0.2.1:443")
    plugin = "ClientTransportPlugin obfs4 exec /usr/bin/obfs4proxy"

    assert "NoExec 1" in dumped(write_torrc(places, bridges))
    assert "NoExec 1" in dumped(write_torrc(places, ()))
    with_plugin = dumped(write_torrc(places, [*bridges, plugin]))
    assert plugin in with_plugin
    assert "NoExec 1" not in with_plugin


def test_a_file_for_a_private_network_gives_nothing_else(tmp_path):
    network, bridges = tmp_path / "network", tmp_path / "bridges"
    network.write_text("TestingTorNetwork 1\n")
    bridges.write_text("UseBridges 1\n")

    assert further_lines(bridges, network) == ("UseBridges 1", "TestingTorNetwork 1")
    assert further_lines(None, None) == ()
    with pytest.raises(TorrcLinesError, match="line 1: 'UseBridges'"):
        further_lines(None, bridges)
