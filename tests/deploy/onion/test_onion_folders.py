"""Keys, enrolled couriers and folders, as they lie on the disk: what is damaged or open to others is refused by name."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from deploy.intake_config import ConfigurationError, load_configuration
from deploy.onion import keys
from deploy.onion.couriers import enrolled, require_open
from deploy.onion.errors import MismatchError, OnionFolderError
from deploy.onion.places import OnionPlaces, check_private, check_socket
from deploy.proxy_probe import require_proxy_line
from store.intake.place import memory_path

ADDRESS = "rruam2oadxvbphrv3lnekf5tyfghcehytvmci3moev2bykejwczbsyad.onion"  # made by tor itself


def test_an_address_lasts_and_its_files_are_for_us_alone(tmp_path):
    address = keys.kept_address(tmp_path / "onion")

    assert keys.kept_address(tmp_path / "onion") == address == keys.known_address(tmp_path / "onion")
    assert keys.is_address(address)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "onion").iterdir()} == {0o600}


def test_an_address_that_tor_made_is_one_and_a_mistyped_one_is_none():
    assert keys.is_address(ADDRESS)
    for wrong in (ADDRESS.replace("r", "s", 1), ADDRESS[1:], ADDRESS.upper(), "", "example.org", ADDRESS + "\n"):
        assert not keys.is_address(wrong)


@pytest.mark.parametrize("name", ["hs_ed25519_secret_key", "hs_ed25519_public_key"])
@pytest.mark.parametrize("damage", [b"", b"x" * 96, None])
def test_a_damaged_key_is_named_and_left_as_it_is(tmp_path, name, damage):
    keys.kept_address(tmp_path / "onion")
    path = tmp_path / "onion" / name
    bent = path.read_bytes()[:-1] if damage is None else damage
    path.write_bytes(bent)

    with pytest.raises(OnionFolderError, match=f"{name} is damaged: put it back"):
        keys.kept_address(tmp_path / "onion")
    assert path.read_bytes() == bent


def test_keys_of_two_onions_are_not_mixed(tmp_path):
    keys.kept_address(tmp_path / "one")
    keys.kept_address(tmp_path / "two")
    os.replace(tmp_path / "one" / "hs_ed25519_public_key", tmp_path / "two" / "hs_ed25519_public_key")

    with pytest.raises(OnionFolderError, match="put both back from one copy"):
        keys.kept_address(tmp_path / "two")


def test_a_lost_secret_key_is_not_replaced_by_another(tmp_path):
    keys.kept_address(tmp_path / "onion")
    (tmp_path / "onion" / "hs_ed25519_secret_key").unlink()

    with pytest.raises(OnionFolderError, match="hs_ed25519_secret_key is missing"):
        keys.kept_address(tmp_path / "onion")


def test_a_creation_that_was_broken_off_goes_on_with_the_same_key(tmp_path):
    address = keys.kept_address(tmp_path / "onion")
    (tmp_path / "onion" / "hs_ed25519_public_key").unlink()
    (tmp_path / "onion" / "hostname").unlink()

    assert keys.kept_address(tmp_path / "onion") == address


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path, mode):
    keys.kept_address(tmp_path / "onion")
    (tmp_path / "onion" / "hs_ed25519_secret_key").chmod(mode)

    with pytest.raises(OnionFolderError, match="can be read or changed by other users"):
        keys.kept_address(tmp_path / "onion")


def test_an_onions_folder_that_others_can_enter_is_refused(tmp_path):
    keys.kept_address(tmp_path / "onion")
    (tmp_path / "onion").chmod(0o750)

    with pytest.raises(OnionFolderError, match="chmod 700"):
        keys.kept_address(tmp_path / "onion")


def test_what_belongs_to_another_user_is_refused(tmp_path):
    folder = tmp_path / "theirs"
    if os.geteuid() == 0:
        folder.mkdir(mode=0o700)
        os.chown(folder, 65_534, 65_534)
    else:
        folder = "/etc"  # root's

    with pytest.raises(OnionFolderError, match="belongs to another user"):
        check_private(tmp_path / folder)


def test_a_link_is_refused(tmp_path):
    keys.kept_address(tmp_path / "onion")
    (tmp_path / "link").symlink_to(tmp_path / "onion")

    with pytest.raises(OnionFolderError, match="is a link"):
        check_private(tmp_path / "link")


def courier(folder, name, text, mode=0o600):
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(mode)
    return folder


def test_enrolled_couriers_are_read_as_tor_reads_them(tmp_path):
    folder = courier(tmp_path / "c", "anna.auth", f"descriptor:x25519:{'A' * 52}\n")
    courier(folder, "bert.txt", "not tor's business")

    assert enrolled(folder) == {"anna": "A" * 52}
    assert enrolled(tmp_path / "none") == {}


@pytest.mark.parametrize(
    "text", ["", "\n", "A" * 52, f"descriptor:x25519:{'A' * 51}", f"descriptor:ed25519:{'A' * 52}", f"#descriptor:x25519:{'A' * 52}",
             f"descriptor:x25519:{'A' * 52}\ndescriptor:x25519:{'B' * 52}\n", f"descriptor:x25519:{'1' * 52}"],
)  # fmt: skip
def test_a_file_that_tor_would_pass_over_is_refused(tmp_path, text):
    folder = courier(tmp_path / "c", "anna.auth", text)

    with pytest.raises(OnionFolderError, match=r"anna\.auth is damaged"):
        enrolled(folder)


def test_a_source_onion_with_enrolled_clients_is_refused(tmp_path):
    (tmp_path / "source").mkdir()
    courier(tmp_path / "source" / "authorized_clients", "anna.auth", f"descriptor:x25519:{'A' * 52}\n")

    with pytest.raises(OnionFolderError, match="no source could find the onion"):
        require_open(tmp_path / "source")


def test_a_state_folder_with_a_long_path_still_has_sockets(tmp_path):
    state = tmp_path / ("a" * 60) / ("b" * 60)
    state.mkdir(parents=True)
    places = OnionPlaces.of(state)
    places.prepare()
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(places.courier_socket))
        assert places.host_pid == state / "run" / "host.pid"
        assert places.sockets.stat().st_mode & 0o777 == 0o700
    finally:
        places.courier_socket.unlink()
        places.sockets.rmdir()


@pytest.mark.parametrize("length", [1, 60])
def test_naming_the_places_of_a_host_makes_nothing(tmp_path, length):
    state = tmp_path / ("a" * length) / ("b" * length)
    state.mkdir(parents=True)
    places = OnionPlaces.of(state)

    assert list(state.iterdir()) == []
    assert not memory_path(state).exists()
    assert not places.sockets.exists()


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_a_folder_for_sockets_in_which_others_may_write_is_refused(tmp_path, mode):
    sockets = tmp_path / "sockets"
    sockets.mkdir()
    sockets.chmod(mode)
    with pytest.raises(OnionFolderError, match="others may write in it"):
        OnionPlaces.of(tmp_path, sockets).prepare()

    sockets.chmod(0o2750)
    OnionPlaces.of(tmp_path, sockets).prepare()


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o666, 0o600])
def test_a_socket_of_another_mode_is_refused(tmp_path, mode):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "s"))
    (tmp_path / "s").chmod(mode)

    with pytest.raises(MismatchError, match="must have 0660"):
        check_socket(tmp_path / "s")
    (tmp_path / "s").chmod(0o660)
    check_socket(tmp_path / "s")


def test_what_is_no_socket_is_refused(tmp_path):
    (tmp_path / "f").touch()

    for path in (tmp_path / "f", tmp_path / "none"):
        with pytest.raises(MismatchError):
            check_socket(path)


def test_a_server_that_refuses_the_proxy_line_is_found_out(tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()

        def refuse():
            connection, _ = server.accept()
            with connection:
                assert connection.recv(4_096).startswith(b"PROXY TCP6 fc00:dead:beef:4dad::")
                connection.sendall(b"HTTP/1.1 400 Page\r\n\r\n")

        with ThreadPoolExecutor(1) as pool:
            answered = pool.submit(refuse)
            with pytest.raises(MismatchError, match="does not take the line"):
                require_proxy_line(tmp_path / "s", ADDRESS)
            answered.result(10)


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ("control = '/run/tor/control'", "configured = true"),
        ("configured = 'yes'", "configured"),
        ("configured = true\ncontrol = '192.0.2.1:9051'", "control"),
        ("configured = true\ncontrol = 'run/tor'", "control"),
        ("configured = true\nsockets = 'run'", "sockets"),
        (f"configured = true\nsource_onion = '{ADDRESS[1:]}'", "source_onion"),
        ("configured = true\nport = 9051", "port"),
    ],
)
def test_a_wrong_line_of_the_configuration_is_named(tmp_path, table, named):
    (tmp_path / "intake.toml").write_text(f"[tor]\n{table}\n")

    with pytest.raises(ConfigurationError, match=named):
        load_configuration(tmp_path)


def test_a_packaged_tor_is_configured(tmp_path):
    (tmp_path / "intake.toml").write_text(
        f"[tor]\nconfigured = true\ncontrol = '127.0.0.1:9051'\nsource_onion = '{ADDRESS}'\n"
    )

    packaged = load_configuration(tmp_path).tor.packaged

    assert packaged is not None
    assert (packaged.control, packaged.source_address) == ("127.0.0.1:9051", ADDRESS)
