"""Both command lines as people use them: a whole pairing, help, and every mistake in one sentence."""

import errno
import re
import shutil
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from deploy.command import sentences
from source_interface.languages import TAGS
from store.clock import SystemClock, date_of, today
from store.desk import vault
from store.desk.line_notices import NoticeDraft
from store.desk.place import DeskPlace
from store.files import exclusively
from store.intake.place import IntakePlace
from tests.support.clock import SetClock
from tests.support.road import collect_bundles

BIN = Path(sys.executable).parent
PASSPHRASE = "correct horse battery staple for tests"


def run(name, *arguments, given=""):
    return subprocess.run([BIN / name, *map(str, arguments)], input=given, capture_output=True, text=True, timeout=120)


def ok(name, *arguments, given=""):
    done = run(name, *arguments, given=given)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fails(name, *arguments, given="", code=1):
    done = run(name, *arguments, given=given)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A paired desk and intake host, made by the commands."""
    root = tmp_path_factory.mktemp("places")
    secret = root / "passphrase"
    secret.write_text(PASSPHRASE + "\n")
    desk = ("--state", root / "desk", "--passphrase-file", secret)
    ok("luwte-desk", "init", *desk, "--line-name", "De Luwte", "--handler", "Anna")
    ok("luwte-intake", "init", "--state", root / "intake", "--line-card", root / "desk" / "line.card")
    ok("luwte-desk", "pair", *desk, root / "intake" / "host.card")
    (root / "stick").mkdir()
    ok("luwte-desk", "export", *desk, "--to", root / "stick")
    ok("luwte-intake", "deliver", "--state", root / "intake", root / "stick" / "luwte-dispatch-000001.age")
    return root, desk


def test_both_sides_show_the_same_fingerprints(places):
    root, desk = places
    told = ok("luwte-intake", "status", "--state", root / "intake")
    words = ok("luwte-desk", "pair", *desk, root / "intake" / "host.card").splitlines()[1].strip()

    assert len(words.split()) == 8
    assert words in told


def test_status_says_that_intake_is_open_and_for_how_long(places):
    told = ok("luwte-intake", "status", "--state", places[0] / "intake")

    assert "Intake: open" in told
    assert "Intake keys: for 120 days, then 30 days of grace" in told


def test_a_passphrase_can_come_from_standard_input(places):
    said = ok("luwte-desk", "verify", "--state", places[0] / "desk", "--passphrase-file", "-", given=PASSPHRASE + "\n")

    assert said.strip() == "All is well."


def test_delivering_twice_changes_nothing(places):
    bundle = places[0] / "stick" / "luwte-dispatch-000001.age"

    assert "Nothing changed" in ok("luwte-intake", "deliver", "--state", places[0] / "intake", bundle)


def test_a_damaged_bundle_is_refused_by_name(places, tmp_path):
    data = bytearray((places[0] / "stick" / "luwte-dispatch-000001.age").read_bytes())
    data[-1] ^= 1
    (tmp_path / "bent.age").write_bytes(data)

    said = fails("luwte-intake", "deliver", "--state", places[0] / "intake", tmp_path / "bent.age", code=3)

    assert "bent.age was not taken in" in said


def test_a_stick_that_is_not_mounted_is_not_made_as_a_folder(places, tmp_path):
    root, desk = places
    gone = tmp_path / "media" / "STICK"

    collected = fails("luwte-intake", "collect", "--state", root / "intake", "--to", gone)
    exported = fails("luwte-desk", "export", *desk, "--to", gone)

    assert collected == exported == f"Error: {gone} is not there: is the stick mounted?\n"
    assert not gone.parent.exists()


@pytest.mark.parametrize("name", ["luwte-intake", "luwte-desk"])
def test_the_version_can_be_asked(name):
    assert ok(name, "--version") == f"{name} {version('luwte')}\n"


ADVICE = "---\ntitle: Title\nsummary: Summary\nreviewed: {}\nnative_speaker: 2026-11\n---\n{}\n"


@pytest.fixture
def own_advice(places):
    folder = places[0] / "intake" / "advice"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_advice_lists_topics_languages_and_what_is_old_or_the_lines_own(places, own_advice):
    state = ("--state", places[0] / "intake")
    told = ok("luwte-intake", "advice", *state)
    assert re.search(r"^en +15 of 15 +\d{4}-\d\d-\d\d +-$", told, re.MULTILINE)
    assert re.search(r"^tr +8 of 15 +\d{4}-\d\d-\d\d +-$", told, re.MULTILINE)
    assert re.search(
        r"^Shown in English in .*\btr\b.*: support, doxxing, informant, messaging, address, evidence, onion-address$",
        told,
        re.MULTILINE,
    )
    (own_advice / "tr").mkdir(parents=True)
    (own_advice / "tr" / "sanctions.md").write_text(ADVICE.format("2001-09-11", "words"))
    told = ok("luwte-intake", "advice", *state)

    assert re.search(r"^tr +9 of 16 +2001-09-11 +sanctions \(2001-09-11\)$", told, re.MULTILINE)
    assert "Checked more than a year ago: tr/sanctions (2001-09-11)" in told
    languages = ok("luwte-intake", "languages", *state)
    assert re.search(r"^tr .* 9 of 16, 1 reviewed +Türkçe$", languages, re.MULTILINE)
    status = ok("luwte-intake", "status", *state)
    assert re.search(
        r"^Advice: \d+ texts, 1 of the line's own - WARNING: \d+ checked more than a year ago; ", status, re.MULTILINE
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ADVICE.format("2026-11-24", "[link](https://x)"), "advice/en/devices.md: line 7: a link is not allowed"),
        (ADVICE.format("9999-01-01", "text"), "advice/en/devices.md: reviewed: 9999-01-01 is still to come"),
    ],
)
def test_advice_names_a_file_that_is_wrong(places, own_advice, text, said):
    (own_advice / "en").mkdir(parents=True)
    (own_advice / "en" / "devices.md").write_text(text)
    state = ("--state", places[0] / "intake")

    assert said in fails("luwte-intake", "advice", *state)
    status = ok("luwte-intake", "status", *state)
    assert re.search(
        r"^Advice: \d+ texts, .* - WARNING: .*1 error; luwte-intake advice names them$", status, re.MULTILINE
    )


@pytest.fixture
def own_questions(places):
    path = places[0] / "intake" / "questions.toml"
    yield path
    path.unlink(missing_ok=True)


def test_a_line_changes_the_questions(places, own_questions):
    """As docs/operating.md says: print, change, check, put into the state folder."""
    state = ("--state", places[0] / "intake")
    assert "\nQuestions: luwte-1\n" in ok("luwte-intake", "status", *state)
    printed = ok("luwte-intake", "questions", "print")
    assert "a name of your own is needed" in check_of(places, printed, code=1)
    changed = printed.replace('"luwte-1"', '"mine-1"')
    assert check_of(places, changed, code=0) == "Right: version mine-1, 14 questions.\n"
    told = check_of(places, changed.replace('"Violence"', '{ en = "Harm", nl = "Schade" }'), code=0)
    assert '\n  tr: 1 text, such as "Harm"\n' in told
    assert "nl" not in told
    own_questions.write_text(changed)
    assert "\nQuestions: mine-1, of the line\n" in ok("luwte-intake", "status", *state)


def test_wrong_questions_are_named_by_check_and_status_and_at_the_start(places, own_questions):
    state = ("--state", places[0] / "intake")
    wrong = ok("luwte-intake", "questions", "print").replace('"luwte-1"', '"mine-1"').replace('"danger"', '"alarm"')
    assert "question alarm: this is not a code of Luwte's" in check_of(places, wrong, code=1)
    own_questions.write_text(wrong)
    told = "questions.toml: question alarm: this is not a code of Luwte's; one of your own begins with x-"
    assert f"\nQuestions: luwte-1 - WARNING: {told}; the ones that ship are asked instead\n" in ok(
        "luwte-intake", "status", *state
    )
    started = fails("luwte-intake", "serve", *state, "--bind", "192.0.2.1:80", code=2)
    assert f"Warning: {told}. The questions that ship with Luwte are asked instead.\n" in started


def check_of(places, text, *, code):
    """What `questions check` says of a file with this text."""
    path = places[0] / "checked.toml"
    path.write_text(text)
    command = ("luwte-intake", "questions", "check", path)
    return fails(*command, code=code) if code else ok(*command)


def test_a_collect_bundle_is_not_delivered_back(places):
    root, _ = places
    (root / "out").mkdir()
    ok("luwte-intake", "collect", "--state", root / "intake", "--to", root / "out")
    (bundle,) = collect_bundles(root / "out")

    fails("luwte-intake", "deliver", "--state", root / "intake", bundle, code=3)


def test_after_a_clock_that_was_ahead_status_says_what_couriers_wait_for_and_collect_mends_it(places, tmp_path):
    state = ("--state", tmp_path / "intake")
    shutil.copytree(places[0] / "intake", tmp_path / "intake")
    day = today(SystemClock())
    ahead = IntakePlace.open(tmp_path / "intake", runtime=tmp_path / "runtime", clock=SetClock(day + 30))
    ahead.collector.make_for_courier()
    ahead.close()
    told = ok("luwte-intake", "status", *state)
    ok("luwte-intake", "collect", *state)

    assert (
        f"This machine's clock was ahead: couriers over Tor get nothing new before {date_of(day + 31)}. Set it right, then run "
        "'luwte-intake collect'\n"
    ) in told
    assert "clock" not in ok("luwte-intake", "status", *state)


def test_languages_lists_coverage_review_and_what_is_offered_as_the_operator_chose(places):
    state = places[0] / "intake"
    table = {line.split()[0]: line for line in ok("luwte-intake", "languages", "--state", state).splitlines()}
    assert set(TAGS) <= set(table)
    assert re.match(r"en +yes +(\d+) of \1 +\(the source\) +15 of 15 +English$", table["en"])
    assert re.match(r"nl +yes +(\d+) of \1 +(no|\d{4}-\d\d) +15 of 15, 0 reviewed +Nederlands$", table["nl"])
    (state / "intake.toml").write_text("[languages]\nnl = false\n")
    try:
        told = ok("luwte-intake", "languages", "--state", state)
        assert re.search(r"^nl +no, as intake.toml says ", told, re.MULTILINE)
        (state / "intake.toml").write_text("[languages]\nxx = true\n")
        assert "intake.toml: 'xx' is no language" in fails("luwte-intake", "languages", "--state", state)
    finally:
        (state / "intake.toml").unlink()


@pytest.mark.parametrize("name", ["luwte-intake", "luwte-desk"])
def test_help_shows_how_to_begin_and_every_command_explains_itself(name):
    told = ok(name, "--help")
    commands = {"luwte-intake": ["init", "serve", "collect", "deliver", "status", "advice", "languages"]}.get(
        name, ["init", "pair", "serve", "import", "export", "verify"]
    )

    assert f"{name} init --state DIR" in told
    for command in commands:
        assert "--state" in ok(name, command, "--help")


@pytest.mark.parametrize(
    "command", [["collect", "--to", "x"], ["deliver", "x"], ["status"], ["serve"], ["advice"], ["languages"]]
)
def test_intake_commands_need_a_host(tmp_path, command):
    assert "luwte-intake init" in fails("luwte-intake", command[0], "--state", tmp_path / "none", *command[1:])


@pytest.mark.parametrize("command", [["import", "x"], ["export", "--to", "x"], ["pair", "x"], ["verify"], ["serve"]])
def test_desk_commands_need_a_desk(tmp_path, command):
    assert "luwte-desk init" in fails("luwte-desk", command[0], "--state", tmp_path / "none", *command[1:])


def test_nothing_is_made_twice_over(places):
    root, desk = places

    fails("luwte-intake", "init", "--state", root / "intake", "--line-card", root / "desk" / "line.card")
    fails("luwte-desk", "init", *desk, "--line-name", "Other", "--handler", "Bob")


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\n"])
def test_a_passphrase_file_that_holds_none_is_refused_and_nothing_is_asked(places, tmp_path, content):
    (tmp_path / "passphrase").write_bytes(content)

    for command in (["verify"], ["init", "--line-name", "L", "--handler", "A"]):
        state = places[0] / "desk" if command == ["verify"] else tmp_path / "new"
        said = fails("luwte-desk", *command, "--state", state, "--passphrase-file", tmp_path / "passphrase")
        assert said == "Error: the passphrase file is empty or is not text\n"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("name", "place", "option"), [("luwte-desk", "desk", "--port"), ("luwte-intake", "intake", "--bind")]
)
def test_a_port_that_is_taken_is_told_at_once_and_no_link_is_shown(places, name, place, option):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        where = port if option == "--port" else f"127.0.0.1:{port}"
        done = run(name, "serve", "--state", places[0] / place, option, where)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: this port is in use by another program: choose another one\n"


def test_a_host_that_is_served_says_so(places):
    with exclusively(places[0] / "intake" / "serve.lock"):
        said = fails("luwte-intake", "serve", "--state", places[0] / "intake")

    assert said == "Error: this host is being served already\n"


def test_a_desk_that_is_served_says_so(places):
    with exclusively(places[0] / "desk" / "serve.lock"):
        said = fails("luwte-desk", "serve", "--state", places[0] / "desk")

    assert said == "Error: this desk is being served already\n"


def test_a_port_that_this_user_may_not_use_is_not_called_taken(capsys):
    """What a kernel says at `bind` is a refusal without a file's name; one with a name is another matter."""
    for error, said in (
        (PermissionError(errno.EACCES, "Permission denied"), "may not use this port"),
        (PermissionError(errno.EACCES, "Permission denied", "/some/file"), "/some/file: Permission denied"),
        (OSError(errno.EADDRINUSE, "Address already in use"), "in use by another program"),
    ):
        with pytest.raises(SystemExit), sentences((), ()):
            raise error
        assert said in capsys.readouterr().err


@pytest.mark.parametrize("what", ["nothing there", "no bundle"])
def test_both_sides_treat_what_is_no_bundle_alike(places, tmp_path, what):
    root, desk = places
    file = tmp_path / "luwte-x.age"
    if what == "no bundle":
        file.write_bytes(b"something else")
    code = 3 if what == "no bundle" else 1

    imported = fails("luwte-desk", "import", *desk, file, code=code)
    delivered = fails("luwte-intake", "deliver", "--state", root / "intake", file, code=code)

    assert "luwte-x.age" in imported
    assert "luwte-x.age" in delivered
    if what == "no bundle":
        for said in (imported, delivered):
            assert "this is not a bundle of this line, or it is damaged (" in said


def test_a_wrong_passphrase_is_told(places):
    said = fails(
        "luwte-desk", "verify", "--state", places[0] / "desk", "--passphrase-file", "-", given="wrong passphrase here\n"
    )

    assert "no handler of this desk has that passphrase" in said


def test_a_weak_passphrase_makes_no_desk(tmp_path):
    fails(
        "luwte-desk",
        "init",
        "--state",
        tmp_path / "d",
        "--line-name",
        "L",
        "--handler",
        "A",
        "--passphrase-file",
        "-",
        given="short\n",
    )

    assert not (tmp_path / "d" / "keyslots").exists()


@pytest.mark.parametrize(
    "card", ["", "nonsense", "-----BEGIN LUWTE LINE CARD-----\nAAAA\n-----END LUWTE LINE CARD-----\n"]
)
def test_what_is_no_card_makes_no_host(tmp_path, card):
    (tmp_path / "card").write_text(card)

    fails("luwte-intake", "init", "--state", tmp_path / "i", "--line-card", tmp_path / "card", code=3)

    assert not (tmp_path / "i" / "host.card").exists()


def test_a_foreign_host_card_is_not_paired(places, tmp_path):
    root, desk = places
    other = tmp_path / "desk"
    ok(
        "luwte-desk",
        "init",
        "--state",
        other,
        "--passphrase-file",
        root / "passphrase",
        "--line-name",
        "Other",
        "--handler",
        "Eve",
    )
    ok("luwte-intake", "init", "--state", tmp_path / "intake", "--line-card", other / "line.card")

    fails("luwte-desk", "pair", *desk, tmp_path / "intake" / "host.card", code=3)


def test_public_addresses_are_refused(places):
    said = fails("luwte-intake", "serve", "--state", places[0] / "intake", "--bind", "0.0.0.0:8099", code=2)

    assert "not an address of this machine alone" in said


def test_a_wrong_configuration_is_named(places):
    config = places[0] / "intake" / "intake.toml"
    config.write_text("[limits]\nfile_byte = 3\n")
    try:
        assert "file_byte" in fails("luwte-intake", "status", "--state", places[0] / "intake")
    finally:
        config.unlink()


def test_what_sources_read_is_told_where_it_is_carried(places):
    root, desk = places
    key = vault.unlock(root / "desk", PASSPHRASE)
    with DeskPlace.open(root / "desk", key) as opened:
        opened.line_notices.sign(NoticeDraft(reply_days=9))
    stick = root / "notice"
    stick.mkdir()
    assert "Notice to sources: none" in ok("luwte-intake", "status", "--state", root / "intake")
    assert "the notice to sources" in ok("luwte-desk", "export", *desk, "--to", stick)
    told = "".join(
        ok("luwte-intake", "deliver", "--state", root / "intake", one) for one in sorted(stick.glob("*.age"))
    )
    assert "Sources now read notice 1 of the line." in told
    assert "Notice to sources: number 1" in ok("luwte-intake", "status", "--state", root / "intake")
