"""The guided questions on the page: nothing is needed, everything arrives as it was asked, nothing typed is lost by an error."""

import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from markupsafe import escape

from crypto.answers import Answer, Answers, Choice
from crypto.kdf import TEST_KDF
from deploy.trial.browser import Page, multipart
from source_interface import create_app
from source_interface.languages import TAGS
from source_interface.question_file import QuestionSource, read_questions, shipped
from source_interface.question_room import form_bytes
from store.intake.settings import KIB
from tests.source_interface.conftest import Intake
from tests.source_interface.source_browser import BIDI, HOSTILE, SourceBrowser, given_back, language_of, structure
from tests.source_interface.test_questions import untranslated
from tests.source_interface.test_source_notice import LONGEST, publish

QUESTIONS = {question.code: question for question in shipped().questions}
FREE = {code: question for code, question in QUESTIONS.items() if question.most}
NOTHING_KEPT = 0
LONG = "x" * 401


@pytest.fixture
def mailbox(browser: SourceBrowser) -> Page:
    return browser.open_new_mailbox()


def arrived(intake: Intake) -> list[tuple[str, Answers | None]]:
    """Each message that reaches the desk, with its answers."""
    intake.received()
    with intake.road.desk() as desk:
        entries = [entry for source in desk.inbox.sources() for entry in desk.inbox.conversation(source.source_id)]
    return [(entry.text or "", entry.answers) for entry in entries if entry.text is not None]


def chosen(code: str, *choices: str) -> Answer:
    question = QUESTIONS[code]
    return Answer(code, question.ask.english, tuple(Choice(one, question.choices[one].english) for one in choices))


def raw(page: Page, pairs: list[tuple[str, str]], message: str = "hello") -> tuple[str, bytes]:
    """A form with these fields besides the page's own, in this order and as often as they stand there."""
    form = page.form(having="files")
    boundary, _, pieces = multipart(
        {"token": form.fields["token"], "slot": form.fields["slot"], "message": message}, []
    )
    body = b"".join(pieces).removesuffix(f"--{boundary}--\r\n".encode())
    for name, value in [*pairs, ("form", form.fields["form"])]:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        body += head.encode() + value.encode("utf-8", "surrogatepass") + b"\r\n"
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()


def send_raw(browser: SourceBrowser, page: Page, pairs: list[tuple[str, str]], message: str = "hello") -> Page:
    kind, body = raw(page, pairs, message)
    return browser.ask("POST", "/mailbox", {"Content-Type": kind}, body)


def test_the_questions_are_folded_and_nothing_is_needed(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    [details] = [attributes for tag, attributes in structure(mailbox) if tag == "details"]
    assert "open" not in details
    assert not [attributes for _, attributes in structure(mailbox) if "required" in attributes]
    assert "Your message arrived." in browser.send(mailbox, "one text is enough").text
    assert arrived(intake) == [("one text is enough", None)]


def test_every_field_has_a_label_and_every_description_is_there(mailbox: Page) -> None:
    tags = structure(mailbox)
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in tags:
        for wanted in (attributes.get("aria-describedby") or "").split():
            assert wanted in ids
        if "for" in attributes:
            assert attributes["for"] in ids


def test_answers_reach_the_desk_in_the_words_that_were_asked(
    intake: Intake, browser: SourceBrowser, mailbox: Page
) -> None:
    text = f"پدرم\nΔ {HOSTILE}"
    pairs = [("q-danger", "no"), ("q-kind", "threats"), ("q-kind", "unsure"), ("q-never-tell", text), ("q-when", " ")]
    page = send_raw(browser, mailbox, [*pairs, ("q-reply-language", "fa")])
    assert "Your message arrived." in page.text
    told = Answer("never-tell", QUESTIONS["never-tell"].ask.english, text=text)
    expected = (
        *(chosen("danger", "no"), chosen("kind", "threats", "unsure")),
        *(told, chosen("reply-language", "fa")),
    )
    assert arrived(intake) == [("hello", Answers("luwte-1", expected))]
    assert given_back(page) == [], "what was sent is never shown again"
    assert not [tag for tag, attributes in structure(page) if "checked" in attributes and attributes["value"]]


def test_a_form_without_files_keeps_every_choice(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    fields = mailbox.form(having="files").fields
    pairs = [("token", fields["token"]), ("slot", fields["slot"]), ("q-kind", "threats"), ("q-kind", "other")]
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert "Your message arrived." in browser.ask("POST", "/mailbox", kind, urlencode(pairs).encode()).text
    assert arrived(intake) == [("", Answers("luwte-1", (chosen("kind", "threats", "other"),)))]


def test_answers_alone_are_a_message(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    assert "Your message arrived." in browser.send(mailbox, **{"q-danger": "unsure"}).text
    assert arrived(intake) == [("", Answers("luwte-1", (chosen("danger", "unsure"),)))]


def test_every_answer_that_there_is_arrives(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    pairs = [
        (question.name, code)
        for question in shipped().questions
        for code in (question.choices if question.several else list(question.choices)[:1])
    ]
    pairs += [(question.name, "\U0001f54a" * question.most) for question in FREE.values()]
    assert "Your message arrived." in send_raw(browser, mailbox, pairs, "x" * 90_000).text
    [(text, answers)] = arrived(intake)
    assert answers is not None
    assert [answer.code for answer in answers.answers] == list(QUESTIONS)
    assert all(len(answer.text) == QUESTIONS[answer.code].most for answer in answers.answers)
    assert len(text) == 90_000


def test_a_few_answers_take_no_more_room_than_none(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    """What waits at the host tells by its size nothing of whether somebody answered."""

    def size() -> int:
        return intake.place.status().waiting_bytes

    browser.send(mailbox, "hello")
    alone = size()
    browser.send(browser.open_new_mailbox(), "hello", **{"q-danger": "yes", "q-never-tell": "x" * 400})
    assert size() == 2 * alone


def test_danger_shows_112_beside_the_answer_and_again_after_sending(browser: SourceBrowser, mailbox: Page) -> None:
    html = mailbox.body.decode()
    assert re.search(
        r'value="yes" aria-describedby="q-danger-yes">.*\n<div class="notice warning" id="q-danger-yes">', html
    )
    assert html.count("call 112") == 1
    page = browser.send(mailbox, "hello", **{"q-danger": "yes"})
    assert page.body.decode().count("call 112") == 2
    assert browser.send(browser.open_new_mailbox(), "x", **{"q-danger": "no"}).body.decode().count("call 112") == 1


@pytest.mark.parametrize("code", list(FREE))
def test_an_answer_that_is_too_long_is_named_and_all_of_it_comes_back(
    intake: Intake, browser: SourceBrowser, mailbox: Page, code: str
) -> None:
    most = FREE[code].most
    text, other = "ü" * (most + 1), next(name for name in FREE if name != code)
    given = {
        f"q-{code}": text,
        f"q-{other}": "short",
        "q-danger": "yes",
        "q-kind": "violence",
        "q-reply-language": "tr",
    }
    page = browser.send(mailbox, "the message", **given)
    assert intake.objects() == NOTHING_KEPT
    assert "This was not sent" in page.text
    assert f"{FREE[code].ask.english} At most {most:,} characters; this has {most + 1:,}." in page.text
    assert f"#q-{code}" in page.links
    fields = page.form(having="message").fields
    assert {name: fields[name] for name in given if name != "q-reply-language"} | {"message": fields["message"]} == {
        name: value for name, value in given.items() if name != "q-reply-language"
    } | {"message": "the message"}
    assert '<option value="tr" selected>' in page.body.decode()
    assert '<details class="questions" open>' in page.body.decode()
    again = browser.send(page, fields["message"], **{f"q-{code}": "short enough"})
    assert "Your message arrived." in again.text


def test_what_one_source_answered_stands_on_no_other_page(
    intake: Intake, browser: SourceBrowser, mailbox: Page
) -> None:
    def asked(page: Page) -> str:
        return re.findall(r"<details class.*?</details>", page.body.decode(), re.DOTALL)[0]

    given = {"q-danger": "yes", "q-travel": "in May", "q-never-tell": LONG}
    assert "in May" in asked(browser.send(mailbox, "hello", **given))
    assert asked(intake.browser().open_new_mailbox()) == asked(browser.open_new_mailbox()) == asked(mailbox)


def test_files_are_kept_though_an_answer_is_too_long(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    page = browser.send(mailbox, "the message", [("photo", b"data")], **{"q-never-tell": LONG})
    assert "1 file arrived whole: photo · 4 bytes" in page.text
    assert "Not all of it arrived" in page.text
    assert given_back(page) == ["the message", LONG]


def test_a_novel_for_an_answer_comes_back_as_far_as_it_fits(
    intake: Intake, browser: SourceBrowser, mailbox: Page
) -> None:
    novel = '"' * 200_000
    page = browser.send(mailbox, "the message", **{f"q-{code}": novel for code in FREE} | {"q-when": "in March"})
    fields = page.form(having="message").fields
    assert fields["message"] == "the message"
    assert fields["q-when"] == "in March"
    for code in FREE:
        if code != "when":
            assert len(fields[f"q-{code}"]) > 300
            assert novel.startswith(fields[f"q-{code}"])
    assert page.text.count("Only its beginning fits here.") == 2 * (len(FREE) - 1)
    assert intake.objects() == NOTHING_KEPT


@pytest.mark.parametrize(
    "pairs",
    [
        [("q-danger", "perhaps")],
        [("q-danger", "yes"), ("q-danger", "no")],
        [("q-danger", "yes"), ("q-danger", "yes")],
        [("q-danger", "yes\0")],
        [("q-danger", "\ud800")],
        [("q-kind", "threats"), ("q-kind", "threats")],
        [("q-kind", "threats"), ("q-kind", "yes")],
        [("q-never-tell", "one"), ("q-never-tell", "two")],
        [("q-", "x")],
        [("q-unknown", "x")],
        [("q-DANGER", "yes")],
        [(f"q-{number}", HOSTILE) for number in range(900)],
        [("q-kind", f"{number}") for number in range(900)],
    ],
)
def test_what_the_form_does_not_offer_is_refused_in_words(
    intake: Intake, browser: SourceBrowser, mailbox: Page, pairs: list[tuple[str, str]]
) -> None:
    page = send_raw(browser, mailbox, [*pairs, ("q-travel", "in May")], "the message")
    assert "Your browser sent an answer that this page does not have." in page.text
    assert page.form(having="message").fields["message"] == "the message"
    assert page.form(having="message").fields["q-travel"] == "in May"
    assert intake.objects() == NOTHING_KEPT


def test_ten_thousand_fields_are_too_much_and_hold_no_memory(
    intake: Intake, browser: SourceBrowser, mailbox: Page
) -> None:
    page = send_raw(browser, mailbox, [(f"q-x{number}", "") for number in range(10_000)], "the message")
    assert "It was too much at once." in page.text
    assert page.status == 200


def test_a_question_is_not_answered_by_a_file(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    kind, body = raw(mailbox, [("q-danger", "yes")])
    page = browser.ask(
        "POST", "/mailbox", {"Content-Type": kind}, body.replace(b'"q-danger"', b'"q-danger"; filename="x"')
    )
    assert "1 file arrived whole: x ·" in page.text
    assert page.body.decode().count("call 112") == 1


@pytest.mark.parametrize("text", [HOSTILE, BIDI, "\0\x1b[2J", "{{7*7}}", "'\"><input name=x>"])
def test_a_free_answer_is_kept_to_the_letter_and_shown_as_text(
    intake: Intake, browser: SourceBrowser, mailbox: Page, text: str
) -> None:
    page = browser.send(mailbox, "the message", **{"q-travel": text, "q-never-tell": LONG, "q-when": text})
    fields = page.form(having="message").fields
    assert (fields["q-travel"], fields["q-when"]) == (text, text)
    assert not [attributes for tag, attributes in structure(page) if tag == "input" and attributes.get("name") == "x"]
    browser.send(page, "again", **{"q-never-tell": "short"})
    [(_, answers)] = arrived(intake)
    assert answers is not None
    assert {answer.text for answer in answers.answers} == {text, "short"}


def test_lone_surrogates_become_question_marks(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    assert "Your message arrived." in send_raw(browser, mailbox, [("q-travel", "a\ud800b")]).text
    [(_, answers)] = arrived(intake)
    assert answers is not None
    assert answers.answers[0].text.startswith("a\ufffd")


def test_after_the_visit_has_ended_all_answers_are_there_to_copy(
    intake: Intake, browser: SourceBrowser, mailbox: Page
) -> None:
    page = browser.send(mailbox, "the message", token="0" * 32, **{"q-travel": "in May", "q-danger": "unsure"})
    [copied] = given_back(page)
    assert copied.startswith("the message\n\n")
    assert f"{QUESTIONS['travel'].ask.english}\nin May" in copied
    assert f"{QUESTIONS['danger'].ask.english}\nI am not sure" in copied
    assert intake.objects() == NOTHING_KEPT


def test_while_intake_is_closed_all_answers_are_there_to_copy(
    open_intake: Callable[..., Intake],
) -> None:
    intake = open_intake()
    browser = intake.browser()
    mailbox = browser.open_new_mailbox()
    intake.clock.day += 400
    page = browser.send(mailbox, "the message", **{"q-travel": "in May"})
    assert any("in May" in text and "the message" in text for text in given_back(page)), page.text


def test_a_message_is_not_kept_without_the_answers_that_belong_to_it(
    intake: Intake, browser: SourceBrowser, mailbox: Page
) -> None:
    """A connection that breaks among the questions: what must never be told to whom did not come yet."""
    kind, body = raw(mailbox, [("q-danger", "no"), ("q-never-tell", "the embassy")])
    whole = body.index(b'name="form"')
    for cut in (body.index(b"hello") + 20, body.index(b"never-tell") - 40, body.index(b"the embassy") + 4, whole):
        browser.say(["POST /mailbox HTTP/1.1", f"Content-Type: {kind}", f"Content-Length: {len(body)}"], body[:cut])
        assert intake.objects() == NOTHING_KEPT, cut
    browser.say(["POST /mailbox HTTP/1.1", f"Content-Type: {kind}", f"Content-Length: {len(body)}"], body[:-2])
    [(_, answers)] = arrived(intake)
    assert answers is not None
    assert [answer.code for answer in answers.answers] == ["danger", "never-tell"]


def test_replies_make_room_for_what_is_given_back(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    browser.send(mailbox, "hello")
    intake.reply("an answer")
    page = browser.send(browser.get("/mailbox"), "again", **{"q-never-tell": LONG})
    assert "an answer" not in page.text
    [link] = [link for link in page.links if link.startswith("/mailbox")]
    assert "an answer" in browser.get(link).text


def test_a_line_asks_its_own_questions(intake: Intake) -> None:
    text = (
        'version = "mine-3"\ntitle = "Ours"\nintro = "Some"\nno_answer = "-"\n'
        f"[[question]]\ncode = \"x-place\"\nkind = \"line\"\nask = '''{HOSTILE}'''\n"
        '[[question]]\ncode = "danger"\nkind = "one"\nask = "Danger?"\nchoices = { yes = "Yes!", x-soon = "Soon" }\n'
    )
    (intake.place.state / "questions.toml").write_text(text)
    intake.app.wsgi_app = create_app(intake.place, profile=TEST_KDF).wsgi_app
    browser = intake.browser()
    page = browser.send(browser.open_new_mailbox(), "x", **{"q-x-place": "Utrecht", "q-danger": "x-soon"})
    assert "Your message arrived." in page.text
    place = Answer("x-place", HOSTILE, text="Utrecht")
    soon = Answer("danger", "Danger?", (Choice("x-soon", "Soon"),))
    assert arrived(intake) == [("x", Answers("mine-3", (place, soon)))]


def test_the_form_takes_no_more_room_than_is_reckoned(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    """What the check of a line's file relies on: its figure covers the form, the errors in it, and those above it; also where
    all of it stands in English on a page in another language.
    """
    given = {question.name: '"' * (question.most + 1) for question in FREE.values()} | {"q-danger": "yes"}
    (intake.place.state / "questions.toml").write_text(untranslated())
    for asked in (shipped(), read_questions(intake.place.state / "questions.toml")):
        page = browser.send(mailbox, "x", **given)
        for language in TAGS:
            page = browser.switch(page, language) if language != "en" else page
            html = page.body.decode()
            form = html[html.index("<details") : html.index("</details>")]
            errors = html[html.index("<ul><li><a href=") : html.index("</ul>")]
            assert errors.count("<li>") == len(FREE)
            taken = len(form.encode()) + len(errors.encode()) - 5 * form.count("&#34;")
            assert form_bytes(asked, language) - 5_000 < taken < form_bytes(asked, language), language
        intake.app.wsgi_app = create_app(intake.place, languages=dict.fromkeys(TAGS, True), profile=TEST_KDF).wsgi_app
        mailbox = browser.switch(page, "en")


def test_the_fullest_questions_that_a_line_can_ask_fit_the_page(open_intake: Callable[..., Intake]) -> None:
    """As many and as long as the check lets through, the line's longest notice, everything wrong at once: the message gives way."""
    intake = open_intake(message_characters=10)
    head = f'version = "mine-1"\ntitle = "{"<" * 100}"\nintro = "i"\nno_answer = "{"<" * 20}"\n'
    free = "".join(f'[[question]]\ncode = "x-{n}"\nkind = "text"\nask = "{"<" * 40}"\nmost = 180\n' for n in range(10))
    warning = '[[question]]\ncode = "x-w"\nkind = "some"\nask = "w"\nchoices = { x-a = "A" }\n'
    warning += f'warning = {{ x-a = "{"<" * 680}" }}\n'
    path, fullest = intake.place.state / "questions.toml", head + free + warning
    for number in range(30):
        ask = f'code = "x-c{number}-{"x" * 30}"\nkind = "one"\nask = "{"q" * 60}"\n'
        path.write_text(more := fullest + f'[[question]]\n{ask}choices = {{ x-a = "<a>", x-b = "<b>" }}\n')
        if QuestionSource.load(intake.place.state).fault:
            break
        fullest = more
    path.write_text(fullest)
    asked = read_questions(path).questions
    assert len(asked) > 11
    intake.app.wsgi_app = create_app(intake.place, languages=dict.fromkeys(TAGS, True), profile=TEST_KDF).wsgi_app
    publish(intake, {"en": LONGEST}, reply_days=9, keep_days=180, closed_until=intake.place.today() + 9)
    browser = intake.browser()
    given = {question.name: "'" * 2_000 for question in asked if question.most} | {"q-x-w": "x-a"}
    mailbox, names = browser.open_new_mailbox(), [("'" * 250 + str(number), b"") for number in range(40)]
    browser.send(mailbox, "hello")
    intake.reply("an answer")
    mailbox = browser.switch(browser.get("/mailbox"), "ug")  # the longest words
    browser.break_off(mailbox, "", names, keep=-40, fields={"form": "earlier"})
    page = browser.send(mailbox, "'" * 50_000, names, **given)
    assert page.status == 200
    assert language_of(page) == "ug"
    assert page.body.decode().count("&#39;&#39;&#39;") > 1_000, "names and earlier names are there too"
    fields = page.form(having="message").fields
    assert sum(len(fields[name]) for name in given if name != "q-x-w") == 1_800, "every answer"
    assert 1_000 < len(fields["message"]) < 2_200, "and of the message, what fits"


def test_changing_the_language_keeps_every_answer(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    """Also those that are too long, which are named in the other language."""
    fields = mailbox.form(having="files").fields
    pairs = [("token", fields["token"]), ("slot", fields["slot"]), ("message", "hello"), ("language", "nl")]
    pairs += [("q-kind", "threats"), ("q-kind", "other"), ("q-danger", "yes"), ("q-never-tell", LONG)]
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    page = browser.ask("POST", "/mailbox", kind, urlencode(pairs).encode())
    assert intake.objects() == NOTHING_KEPT
    assert structure(page)[0][1]["lang"] == "nl"
    assert given_back(page) == ["hello", LONG]
    checked = [attributes["value"] for _, attributes in structure(page) if "checked" in attributes]
    assert {"threats", "other", "yes"} <= set(checked)
    assert "Hoogstens 400 tekens; dit zijn er 401." in page.text
    assert "Is er nu iemand in gevaar?" in page.text


def test_in_every_language_the_questions_are_asked_in_it_and_reach_the_desk_in_english(
    open_intake: Callable[..., Intake],
) -> None:
    """And nothing is lost when the language is changed after sending: what to do in danger is said again."""
    intake = open_intake(host_bytes=256 * 1024 * KIB)
    browser = intake.browser()
    danger = QUESTIONS["danger"].warnings["yes"]
    for language in TAGS:
        page = browser.open_new_mailbox()
        if language != "en":
            page = browser.switch(page, language)
        for words in shipped().all_words():
            assert str(escape(words.within(language).split("\n\n")[0])) in page.body.decode()
        assert not [
            given for _, given in structure(page)[1:] if given.get("lang") == "en" and given.get("value") != "en"
        ]
        sent = browser.send(page, language, **{"q-danger": "yes", "q-reply-language": "other"})
        for other in (language, "ar", "nl", language):
            if other != language_of(sent):
                sent = browser.switch(sent, other)
            assert alerts(sent) == [danger.within(other)], (language, other)
        assert alerts(browser.switch(browser.get("/mailbox"), "fr" if language == "en" else "en")) == []
    assert len(found := arrived(intake)) == len(TAGS)
    assert {answers for _, answers in found} == {
        Answers("luwte-1", (chosen("danger", "yes"), chosen("reply-language", "other")))
    }


def alerts(page: Page) -> list[str]:
    """What stands above all else, each with its paragraphs."""
    found = re.findall(r'<div class="notice" role="alert">(<p.*?)</div>', page.body.decode(), re.DOTALL)
    return ["\n\n".join(re.findall(r"<p>(.*?)</p>", alert, re.DOTALL)) for alert in found]


@pytest.mark.parametrize("named", ["danger:no", "danger", "x:y danger:yes:", HOSTILE, "\0", "a:b " * 9_000])
def test_a_warning_that_there_is_not_is_not_shown_again(browser: SourceBrowser, mailbox: Page, named: str) -> None:
    sent = browser.send(mailbox, "hello")
    turned = browser.switch(sent, "nl", {"warned": named})
    assert "Uw bericht is aangekomen." in turned.text
    assert alerts(turned) == []
