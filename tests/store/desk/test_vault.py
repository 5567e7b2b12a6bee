"""Handlers' passphrases and the locked desk."""

import os
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from crypto import cbor, wordlists
from crypto.kdf import VAULT_HIGH, VAULT_LOW, VAULT_TEST
from store.desk import passphrases, vault
from store.desk.errors import (
    AlreadyADeskError,
    DamagedError,
    DeskClosedError,
    HandlerError,
    NotADeskError,
    PairingError,
    WeakPassphraseError,
    WrongPassphraseError,
)
from store.desk.keyslots import Keyslots
from store.desk.place import DeskPlace
from tests.store.desk.conftest import PASSPHRASE, reopen
from tests.support.clock import SetClock
from tests.support.paper_host import PaperHost, PaperSource

SECOND = "quite another passphrase of the second handler"
THIRD = "and one of the third, who came when another left"


def test_the_right_passphrase_unlocks_however_it_was_typed(state: Path) -> None:
    for typed in (PASSPHRASE, f"  {PASSPHRASE}\n", PASSPHRASE.replace("e", "\uff45")):
        assert vault.unlock(state, typed, test_profile=VAULT_TEST).handler == "Ann"


@pytest.mark.parametrize("typed", ["", PASSPHRASE[:-1], PASSPHRASE.upper(), "x" * 10_000])
def test_a_wrong_passphrase_does_not(state: Path, typed: str) -> None:
    with pytest.raises(WrongPassphraseError):
        vault.unlock(state, typed, test_profile=VAULT_TEST)


def test_a_desk_that_names_the_test_profile_is_refused_unless_code_asks_for_it(state: Path) -> None:
    with pytest.raises(DamagedError, match="profile"):
        vault.unlock(state, PASSPHRASE)


def test_the_profile_follows_the_memory_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "ENOUGH_MEMORY", 0)
    assert vault.fitting_profile() is VAULT_HIGH
    monkeypatch.setattr(vault, "ENOUGH_MEMORY", 1 << 60)
    assert vault.fitting_profile() is VAULT_LOW


def test_each_handler_unlocks_the_same_desk_and_can_be_removed(desk: DeskPlace, state: Path, clock: SetClock) -> None:
    desk.handlers.add("Bob", SECOND)
    assert desk.handlers.names() == ["Ann", "Bob"]
    key = vault.unlock(state, SECOND, test_profile=VAULT_TEST)
    with DeskPlace.open(state, key, clock=clock, test_profile=VAULT_TEST) as as_bob:
        assert as_bob.handler == "Bob"
        as_bob.handlers.remove("Ann")
        with pytest.raises(HandlerError, match="last"):
            as_bob.handlers.remove("Bob")
    with pytest.raises(WrongPassphraseError):
        vault.unlock(state, PASSPHRASE, test_profile=VAULT_TEST)


def test_who_is_removed_while_another_is_added_stays_removed(
    desk: DeskPlace, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.handlers.add("Bob", SECOND)
    stretch = vault.passphrase_key

    def slow(*args: Any, **options: Any) -> bytes:
        monkeypatch.setattr(vault, "passphrase_key", stretch)
        desk.handlers.remove("Bob")
        return stretch(*args, **options)

    monkeypatch.setattr(vault, "passphrase_key", slow)
    desk.handlers.add("Carol", THIRD)
    assert desk.handlers.names() == ["Ann", "Carol"]
    assert len(vault.slot_ids(state)) == 2
    with pytest.raises(WrongPassphraseError):
        vault.unlock(state, SECOND, test_profile=VAULT_TEST)
    assert vault.unlock(state, THIRD, test_profile=VAULT_TEST).handler == "Carol"


def test_two_that_are_added_under_one_name_at_once_are_one(
    desk: DeskPlace, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stretch = vault.passphrase_key

    def slow(*args: Any, **options: Any) -> bytes:
        monkeypatch.setattr(vault, "passphrase_key", stretch)
        desk.handlers.add("Bob", SECOND)
        return stretch(*args, **options)

    monkeypatch.setattr(vault, "passphrase_key", slow)
    with pytest.raises(HandlerError, match="already"):
        desk.handlers.add("Bob", THIRD)
    assert len(vault.slot_ids(state)) == 2


def test_an_addition_that_was_cut_off_lets_nobody_in(
    desk: DeskPlace, state: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(self: Connection) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "commit", killed)
        with pytest.raises(SystemExit):
            desk.handlers.add("Bob", SECOND)
    assert desk.handlers.names() == ["Ann"]
    key = vault.unlock(state, SECOND, test_profile=VAULT_TEST)
    with pytest.raises(HandlerError, match="last"):
        desk.handlers.remove("Ann")
    with pytest.raises(WrongPassphraseError):
        DeskPlace.open(state, key, clock=clock, test_profile=VAULT_TEST)
    with reopen(state, clock):
        assert len(vault.slot_ids(state)) == 1
    with pytest.raises(WrongPassphraseError):
        vault.unlock(state, SECOND, test_profile=VAULT_TEST)


def test_handlers_with_bad_or_taken_names_or_short_passphrases_are_refused(desk: DeskPlace) -> None:
    for name in ("", "  ", "x" * 61, "a\nb", "Ann"):
        with pytest.raises(HandlerError):
            desk.handlers.add(name, SECOND)
    with pytest.raises(WeakPassphraseError):
        desk.handlers.add("Bob", "  too short     ")
    assert desk.handlers.names() == ["Ann"]


def test_a_proposed_passphrase_is_seven_words_and_never_the_same() -> None:
    words = set(wordlists.load("eff-large-1").words)
    first, second = passphrases.propose(), passphrases.propose()
    assert len(first.split(" ")) == 7
    assert words.issuperset(first.split(" "))
    assert first != second
    passphrases.check_new(first)


def test_every_changed_byte_of_the_keyslot_file_is_refused(state: Path) -> None:
    path = state / vault.FILE_NAME
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            vault.unlock(state, PASSPHRASE, test_profile=VAULT_TEST)
        except (DamagedError, WrongPassphraseError):
            continue
        # What is left is the slot's public number, which says nothing and unlocks nothing.
        before, after = Keyslots.decode(whole), Keyslots.decode(path.read_bytes())
        assert replace(before.slots[0], slot_id=b"") == replace(after.slots[0], slot_id=b"")
    path.write_bytes(cbor.encode({"v": 1}))
    with pytest.raises(DamagedError):
        vault.unlock(state, PASSPHRASE, test_profile=VAULT_TEST)


def test_what_is_no_desk_is_said_so_and_an_interrupted_creation_can_be_repeated(
    tmp_path: Path, clock: SetClock
) -> None:
    half = tmp_path / "half"
    with pytest.raises(NotADeskError):
        vault.unlock(half, PASSPHRASE)
    _create(half, clock)
    (half / vault.FILE_NAME).unlink()
    with pytest.raises(NotADeskError):
        vault.unlock(half, PASSPHRASE)
    _create(half, clock)
    with pytest.raises(AlreadyADeskError):
        _create(half, clock)
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("not ours")
    with pytest.raises(AlreadyADeskError):
        _create(other, clock)
    assert (other / "thesis.txt").read_text() == "not ours"


def test_a_line_name_or_handler_that_does_not_fit_makes_nothing(tmp_path: Path, clock: SetClock) -> None:
    with pytest.raises(PairingError):
        DeskPlace.create(tmp_path / "x", line_name="", handler="Ann", passphrase=PASSPHRASE, profile=VAULT_TEST)
    with pytest.raises(WeakPassphraseError):
        DeskPlace.create(tmp_path / "x", line_name="L", handler="Ann", passphrase="short", profile=VAULT_TEST)
    assert not (tmp_path / "x").exists()


def test_a_locked_desk_holds_nothing_readable(desk: DeskPlace, host: PaperHost, state: Path, clock: SetClock) -> None:
    secret, name, answer = b"KNOWN-PLAINTEXT-", "known-file-name.pdf", "known answer to the source"
    source = PaperSource()
    content = secret * 20_000
    desk.importing.import_bundle(
        host.collect([host.message(source, secret.decode() * 50), host.file(source, name, content)])
    )
    summary = desk.inbox.sources()[0]
    desk.replies.reply(summary.source_id, answer)
    desk.exporting.export(host.stick)
    desk.handlers.add("Bob Handlername", SECOND)
    needles = [secret, name.encode(), answer.encode(), b"Bob Handlername", b"Testlijn", PASSPHRASE.encode()]
    needles += [*(word.encode() for word in summary.name.split(" ") if len(word) > 5), source.mailbox_ref]
    needles += [source.identity.recipient.raw[:16], b"SQLite format 3"]
    for locked in (False, True):  # the write-ahead log of the open desk, then what is left after locking
        if locked:
            desk.close()
        for path in state.rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                assert not [needle for needle in needles if needle in data], path
    assert os.stat(state).st_mode & 0o077 == 0


def test_after_locking_nothing_can_be_used(desk: DeskPlace, host: PaperHost) -> None:
    path = host.collect()
    desk.close()
    for use in (
        desk.inbox.sources,
        desk.verify,
        lambda: desk.importing.import_bundle(path),
        lambda: desk.exporting.export(host.stick),
        lambda: desk.replies.reply(1, "x"),
        desk.handlers.names,
    ):
        with pytest.raises(DeskClosedError):
            use()


def test_another_vault_key_opens_no_database(state: Path, clock: SetClock) -> None:
    with pytest.raises(DamagedError):
        DeskPlace.open(state, vault.VaultKey(secrets.token_bytes(32), "Eve"), clock=clock)


def test_two_unlocked_desks_work_side_by_side(desk: DeskPlace, host: PaperHost, state: Path, clock: SetClock) -> None:
    with reopen(state, clock) as other:
        other.importing.import_bundle(host.collect([host.message(PaperSource(), "hello")]))
        source_id = desk.inbox.sources()[0].source_id
        desk.replies.reply(source_id, "hello back")
        assert other.exporting.export(host.stick).replies == 1


def test_pairing_takes_one_host_of_this_line(desk: DeskPlace, clock: SetClock, tmp_path: Path) -> None:
    first, second = (PaperHost(desk.line_card_text, clock, tmp_path / name) for name in ("a", "b"))
    assert desk.pair(first.card.text) == first.card.fingerprint == desk.host_fingerprint
    assert desk.pair(first.card.text) == first.card.fingerprint
    for refused in (second.card.text, desk.line_card_text, "", "x" * 100_000):
        with pytest.raises(PairingError):
            desk.pair(refused)


def _create(state: Path, clock: SetClock) -> None:
    DeskPlace.create(state, line_name="L", handler="Ann", passphrase=PASSPHRASE, profile=VAULT_TEST, clock=clock)
