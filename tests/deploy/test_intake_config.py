"""The operator's file: what is wrong is named, and nothing in it weakens the keys."""

import pytest

from deploy.intake_config import ConfigurationError, load_configuration
from deploy.intake_server import check_bind
from store.intake.settings import Settings


def write(folder, text):
    (folder / "intake.toml").write_text(text, "utf-8")
    return folder


def test_without_a_file_everything_has_its_default(tmp_path):
    assert load_configuration(tmp_path).settings == Settings()


def test_limits_and_database_are_taken_from_the_file(tmp_path):
    write(tmp_path, 'database_url = "postgresql+psycopg:///luwte"\n[limits]\nfiles_per_submission = 3\n')

    found = load_configuration(tmp_path)

    assert (found.settings.files_per_submission, found.database_url) == (3, "postgresql+psycopg:///luwte")


def test_languages_are_taken_from_the_file(tmp_path):
    assert load_configuration(write(tmp_path, "[languages]\nnl = false\nar = true\n")).languages == {
        "nl": False,
        "ar": True,
    }


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("profile = 'test'", "profile"),
        ("kdf = {memory_kib = 8}", "kdf"),
        ("[limits]\nkdf_memory = 8", "kdf_memory"),
        ("[limits]\nfile_bytes = '1'", "file_bytes"),
        ("[limits]\nfile_bytes = true", "file_bytes"),
        ("[limits]\nfile_bytes = 0", "file_bytes"),
        ("[limits]\nfile_bytes = -1", "file_bytes"),
        ("[limits]\nfile_bytes = 1.5", "file_bytes"),
        ("[limits]\nmessage_characters = 9000000", "message_characters"),
        ("[limits]\nmailbox_bytes = 1", "mailbox_bytes"),
        ("[limits]\nbundle_bytes = 1", "bundle_bytes"),
        ("database_url = 3", "database_url"),
        ("limits = 3", "limits"),
        ("languages = 3", "languages"),
        ("[languages]\nxx = true", "xx"),
        ("[languages]\nnl = 'yes'", "nl must be true or false"),
        ("[languages]\nen = false", "en cannot be switched off"),
        ("not toml", "intake.toml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, named):
    with pytest.raises(ConfigurationError, match=named):
        load_configuration(write(tmp_path, text))


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "intake.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigurationError):
        load_configuration(tmp_path)


@pytest.mark.parametrize("bind", ["127.0.0.1:8080", "[::1]:8080", "unix:/run/luwte/intake.sock"])
def test_addresses_of_this_machine_are_served(bind):
    assert check_bind(bind) == bind


@pytest.mark.parametrize(
    "bind",
    [
        "0.0.0.0:8080",
        "[::]:80",
        "192.0.2.1:80",
        "localhost:80",
        ":80",
        "127.0.0.1",
        "127.0.0.1:0",
        "127.0.0.1:99999",
        "unix:x",
    ],
)
def test_addresses_that_others_can_reach_are_refused(bind):
    with pytest.raises(ValueError, match="not an address of this machine alone"):
        check_bind(bind)
