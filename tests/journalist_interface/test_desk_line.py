"""The line page: cards, words, keys, alarms, checking."""

from pathlib import Path

import pytest

from crypto.card import parse_line_card
from crypto.kdf import VAULT_TEST
from crypto.onion_card import OnionAddress
from store.desk import vault
from store.desk.database import Database
from store.desk.model import Severity
from store.desk.place import DATABASE
from store.intake.place import IntakePlace
from tests.journalist_interface.conftest import PASSPHRASE, Host, bring, open_desk
from tests.journalist_interface.desk_browser import DeskBrowser
from tests.support.clock import SetClock
from tests.vectors.make_onion import ADDRESS


def test_the_line_card_on_the_page_makes_an_intake_host_that_pairs(browser: DeskBrowser, tmp_path: Path) -> None:
    page = browser.get("/line")
    text = page.html[page.html.index("-----BEGIN LUWTE LINE") : page.html.index("</pre>")].replace("&#43;", "+")
    line = parse_line_card(text)
    assert all(word in page.text for word in line.fingerprint)
    card = IntakePlace.create(tmp_path / "intake", text)
    page = browser.send("/line/pair", host_card=card.text.replace("\n", "\r\n"))
    assert browser.status == 200
    assert all(word in page.text for word in card.fingerprint)
    assert "compare" in page.text


def test_a_wrong_host_card_is_refused_and_kept_in_its_box(browser: DeskBrowser) -> None:
    browser.get("/line")
    page = browser.send("/line/pair", host_card="<not a card>")
    assert browser.status == 422
    assert "refused" in page.text
    assert page.form("/line/pair").fields["host_card"] == "<not a card>"


def test_a_whole_desk_is_found_well_and_a_damaged_one_is_named(host: Host, browser: DeskBrowser, state: Path) -> None:
    host.submit(host.source(), files={"a.bin": b"a" * 100_000})
    bring(host, browser)
    browser.get("/line")
    assert "all is well" in browser.send("/line/verify").text
    [stored] = (state / "files").iterdir()
    stored.write_bytes(stored.read_bytes()[:-1])
    page = browser.send("/line/verify")
    assert "wrong" in page.text
    assert "files" in page.text


def test_an_alarm_stays_until_it_was_seen_to(browser: DeskBrowser, state: Path, clock: SetClock) -> None:
    with open_desk(state, clock) as desk:
        desk.journal.add(Severity.ALARM, "the <b>sky</b> is falling")
    for path in ("/", "/line"):
        assert "the <b>sky</b> is falling".capitalize() in browser.get(path).text
    assert "<b>" not in browser.page.html
    seen = next(form.action for form in browser.page.forms if form.action.endswith("/seen"))
    browser.send(seen)
    assert not [form for form in browser.page.forms if form.action.endswith("/seen")]
    assert "seen to" in browser.page.text


def test_keys_that_run_out_are_warned_of(browser: DeskBrowser, clock: SetClock) -> None:
    assert "run out within" not in browser.get("/line").text
    clock.day += 90
    assert "within a month" in browser.get("/line").text
    clock.day += 16
    assert "within two weeks" in browser.get("/line").text
    clock.day += 16
    assert "past its day" in browser.get("/line").text


def test_an_onion_address_is_signed_after_it_was_typed_and_not_before(host: Host, browser: DeskBrowser) -> None:
    host.place.onion_cards.ask(OnionAddress(ADDRESS))
    bring(host, browser)
    page = browser.get("/line")
    assert all(group in page.text for group in OnionAddress(ADDRESS).groups)
    assert page.form("/line/onion/sign").fields["address"] == "", "copied for nobody"
    wrong = browser.send("/line/onion/sign", address=ADDRESS[1] + ADDRESS[0] + ADDRESS[2:])
    assert browser.status == 422
    assert "nothing was signed" in wrong.text
    browser.send("/line/onion/sign", address=ADDRESS, days="7")
    assert browser.status == 422
    browser.post("/line/onion/sign", {"address": ADDRESS, "days": ""})
    assert browser.status == 403, "a page of another site"
    browser.get("/line")
    page = browser.send("/line/onion/sign", address=f"http://{ADDRESS.upper()}.onion/", days="365")
    assert "Signed" in page.text
    assert "BEGIN LUWTE ONION CARD" in page.text
    browser.get("/carry")
    assert "1 onion card" in browser.send("/carry/export").text
    host.deliver()
    assert host.place.onion_cards.card(OnionAddress(ADDRESS)) is not None


def test_an_onion_address_can_be_declined(host: Host, browser: DeskBrowser) -> None:
    host.place.onion_cards.ask(OnionAddress(ADDRESS))
    bring(host, browser)
    browser.get("/line")
    page = browser.send("/line/onion/decline")
    assert "did not sign" in page.text
    assert not [form for form in page.forms if form.action.startswith("/line/onion/sign")]


@pytest.mark.parametrize("damage", ["UPDATE onion_cards SET encoded = x'00'", "UPDATE onion_cards SET encoded = x''"])
def test_a_damaged_onion_card_is_a_sentence_and_no_bundle_carries_it(
    host: Host, browser: DeskBrowser, state: Path, clock: SetClock, damage: str
) -> None:
    host.place.onion_cards.ask(OnionAddress(ADDRESS))
    bring(host, browser)
    browser.get("/line")
    browser.send("/line/onion/sign", address=ADDRESS)
    change(state, damage)
    page = browser.get("/line")
    assert browser.status == 200
    assert "Onion card 1 is damaged. It is not used" in page.text
    assert "onion card 1 is damaged" in browser.send("/line/verify").text
    browser.get("/carry")
    browser.send("/carry/export")
    host.deliver()

    assert host.place.onion_cards.card(OnionAddress(ADDRESS)) is None
    with open_desk(state, clock) as desk:
        desk.onion_cards.sign(ADDRESS)
    browser.get("/carry")
    browser.send("/carry/export")
    host.deliver()
    assert host.place.onion_cards.card(OnionAddress(ADDRESS)) is not None


def test_a_damaged_request_for_a_card_is_a_sentence(host: Host, browser: DeskBrowser, state: Path) -> None:
    host.place.onion_cards.ask(OnionAddress(ADDRESS))
    bring(host, browser)
    change(state, "UPDATE onion_request SET address = 'nothing'")
    page = browser.get("/line")
    assert browser.status == 200
    assert "The address that the intake host asked to sign is damaged" in page.text
    assert not [form for form in page.forms if form.action.startswith("/line/onion/sign")]


def change(state: Path, statement: str) -> None:
    database = Database(state / DATABASE, vault.unlock(state, PASSPHRASE, test_profile=VAULT_TEST).database_key())
    with database.writing() as connection:
        connection.exec_driver_sql(statement)
    database.close()
