"""Every form against whatever can be typed into it or sent to it: one page of one size, nothing of it run or rendered.

A new form is one line of FORMS, a new text one of TYPED, a new shape of a body one of SHAPES.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest

from crypto.request import ConsentRequest, Question
from deploy.trial.browser import Form, Page
from store.intake.settings import MIB
from tests.source_interface.conftest import DAY, Intake, served
from tests.source_interface.source_browser import BIDI, HOSTILE, given_back, mailbox_link

URLENCODED = "application/x-www-form-urlencoded"
JINJA = "{{ 1337 * 1337 }}{% for x in (1, 2) %}{{ config }}{% endfor %}{# x #}${1337*1337}<%= 1337*1337 %>"
Fields = Sequence[tuple[bytes, bytes]]
Body = tuple[str, bytes]


class Scene:
    """A visit with a mailbox, in which a question and a request for consent wait."""

    def __init__(self, intake: Intake) -> None:
        self.intake, self.browser = intake, intake.browser()
        given = self.browser.new_codename()
        self.browser.send(self.browser.go_on(given), "hello")
        consent = ConsentRequest("a text to pass on", "somebody", "some purpose", DAY + 9)
        intake.ask(Question("a question?", ("one", "another")), consent)
        mailbox = self.browser.get("/mailbox")
        links = [link.replace("&amp;", "&") for link in mailbox.links if link.startswith("/answer")]
        self.to_consent, self.to_question = links

    def come_to(self, kind: "Kind") -> Form:
        """A form of a page that has just come, after another visit has begun where the last one was left."""
        if not self.browser.cookies or not [
            form for form in self.browser.get("/mailbox").forms if "files" in form.names
        ]:
            self.browser.open_new_mailbox()
        return kind.on(self)

    def everything(self) -> tuple[int, ...]:
        """What must be as before when nothing was taken."""
        with self.intake.place.database.reading() as session:
            count = session.connection().exec_driver_sql
            rows = [count(f"SELECT count(*) FROM {table}").scalar_one() for table in ("mailbox", "submitted_object")]
        return (*rows, self.intake.blobs())


@dataclass(frozen=True)
class Kind:
    """A form: where it stands, what a person may type into it, which button is pressed, and how much a browser lets through."""

    page: Callable[[Scene], str]
    find: Callable[[Page], Form]
    typed: tuple[str, ...] = ()
    button: tuple[str, str] | None = None
    characters: int = 1_000_000

    def takes(self, text: str) -> bool:
        """Whether a browser sends it, by the field's `maxlength`."""
        return len(text.encode("utf-16-le")) // 2 <= self.characters

    def on(self, scene: Scene) -> Form:
        form = self.find(scene.browser.get(self.page(scene)))
        if self.button:
            form.fields[self.button[0]] = self.button[1]
        return form


def erasing(what: str) -> Callable[[Page], Form]:
    return lambda page: next(form for form in page.forms if form.fields.get("what") == what)


def at(path: str) -> Callable[[Scene], str]:
    return lambda _: path


FORMS = {
    "message": Kind(
        at("/mailbox"), lambda page: page.form(having="files"), ("message", "q-never-tell", "q-origin-state")
    ),
    "login": Kind(at("/login"), lambda page: page.form(having="codename"), ("codename",), characters=1_000),
    "codename": Kind(at("/"), lambda page: page.form(action="/codename")),
    "typed back": Kind(
        lambda scene: mailbox_link(scene.browser.new_codename()),
        lambda page: page.form(action="/codename/typed"),
        ("codename",),
        characters=1_000,
    ),
    "answer": Kind(
        lambda scene: scene.to_question, lambda page: page.form(action="/answer"), ("remark",), characters=4_500
    ),
    "consent": Kind(
        lambda scene: scene.to_consent, lambda page: page.form(action="/answer"), ("remark",), ("say", "ask"), 4_500
    ),
    "erase": Kind(at("/mailbox"), erasing("mailbox")),
    "erase an answer": Kind(at("/mailbox"), erasing("reply")),
    "language": Kind(at("/advice"), lambda page: page.form(action="/language/advice"), (), ("language", "nl")),
    "leave": Kind(at("/"), lambda page: page.form(action="/leave")),
}

TYPED = {
    "HTML": HOSTILE.encode(),
    "Jinja": JINJA.encode(),
    "NUL": b"\0before\0after\0",
    "control characters": bytes(range(1, 32)) + b"\x7f" + "\x85\u2028\u2029\ufeff".encode(),
    "lone surrogates": b"\xed\xa0\x80 and \xed\xbf\xbf",
    "what is no UTF-8": b"\xff\xfe\xc0\xaf\xf5\x80",
    "UTF-16": "wat er gebeurde".encode("utf-16"),
    "Latin-1": "ça déjà".encode("latin-1"),
    "turning marks": f"{BIDI} sdrawkcab \u202d\u200f\u2069\u2069".encode(),
    "stacked marks": ("Z" + "\u0301" * 500).encode(),
    "no characters": "\ufdd0\uffff\U0010ffff\ue000".encode(),
    "100,000 characters": b"x" * 100_000,
    "100,000 quotes": b"'" * 100_000,
    "100,000 doves": "\U0001f54a".encode() * 100_000,
    "a line a character": b"\n".join([b"x"] * 5_000),
}


def disposition(name: bytes, more: bytes = b"") -> bytes:
    return b'Content-Disposition: form-data; name="' + name + b'"' + more


def parted(parts: Iterator[tuple[bytes, bytes]], *, before: bytes = b"", after: bytes = b"") -> Body:
    """Parts with headers of one's own."""
    pieces = [b"--b\r\n" + head + b"\r\n\r\n" + content + b"\r\n" for head, content in parts]
    return "multipart/form-data; boundary=b", before + b"".join(pieces) + b"--b--\r\n" + after


def multipart(fields: Fields, *more: tuple[bytes, bytes]) -> Body:
    return parted(iter([*((disposition(name), text) for name, text in fields), *more]))


def urlencoded(fields: Fields) -> Body:
    return URLENCODED, b"&".join(
        quote_from_bytes(name).encode() + b"=" + quote_from_bytes(text).encode() for name, text in fields
    )


def file_named(name: bytes) -> Callable[[Fields], Body]:
    return lambda fields: multipart(fields, (disposition(b"files", b"; " + name), b"content"))


def with_kind(kind: str, make: Callable[[Fields], Body] = urlencoded) -> Callable[[Fields], Body]:
    return lambda fields: (kind, make(fields)[1])


READ_BY = {multipart: "replace", urlencoded: "werkzeug.url_quote"}  # what is no UTF-8 is shown, not dropped

NESTED = (
    b"Content-Type: multipart/mixed; boundary=c\r\n" + disposition(b"files"),
    b'--c\r\nContent-Disposition: file; filename="x"\r\n\r\nx\r\n--c--',
)
SHAPES: dict[str, Callable[[Fields], Body]] = {
    "10,000 fields": lambda fields: urlencoded([*fields, *((b"a%d" % n, b"") for n in range(10_000))]),
    "10,000 fields in parts": lambda fields: multipart(fields, *[(disposition(b"a"), b"b")] * 10_000),
    "10,000 answers": lambda fields: urlencoded([*fields, *[(b"q-kind", b"threats")] * 10_000]),
    "each field thrice": lambda fields: urlencoded([*fields, *fields, *fields]),
    "each field thrice in parts": lambda fields: multipart([
        *fields,
        *fields,
        *((name, b"other") for name, _ in fields),
    ]),
    "fields in capitals": lambda fields: urlencoded([(name.upper(), text) for name, text in fields]),
    "names with brackets": lambda fields: urlencoded([*fields, (b"message[]", b"x"), (b"message[a][b]", b"x")]),
    "a charset in the type": with_kind(f"{URLENCODED}; charset=utf-16"),
    "a charset of no meaning": with_kind(f"{URLENCODED}; charset=\xff"),
    "a charset in the parts": lambda fields: parted(
        (disposition(name) + b"\r\nContent-Type: text/plain; charset=utf-16", text) for name, text in fields
    ),
    "a charset in a field": lambda fields: multipart([(b"_charset_", b"utf-7"), *fields]),
    "a method in a field": lambda fields: urlencoded([*fields, (b"_method", b"DELETE")]),
    "no type": with_kind(""),
    "a type of no meaning": with_kind("multipart/form-data; boundary=b; boundary=c", multipart),
    "a quoted boundary": with_kind('multipart/form-data; boundary="b"', multipart),
    "another boundary": with_kind("multipart/form-data; boundary=c", multipart),
    "parts in a part": lambda fields: multipart(fields, NESTED),
    "a preamble of 1 MB": lambda fields: parted(((disposition(n), t) for n, t in fields), before=b"x" * MIB + b"\r\n"),
    "an epilogue of 1 MB": lambda fields: parted(((disposition(n), t) for n, t in fields), after=b"x" * MIB),
    "a header of 1 MB": lambda fields: multipart(fields, (disposition(b"x") + b"\r\nX: " + b"x" * MIB, b"")),
    "9,000 headers": lambda fields: multipart(fields, (disposition(b"x") + b"\r\nX: x" * 9_000, b"")),
    "encoded parts": lambda fields: multipart(
        [(name, text) for name, text in fields if name == b"token"],
        *((disposition(n) + b"\r\nContent-Transfer-Encoding: base64", t) for n, t in fields if n != b"token"),
    ),
    "a part without a name": lambda fields: multipart(fields, (b"Content-Disposition: form-data", b"x")),
    "a part without a header": lambda fields: multipart(fields, (b"X: x", b"x"), (b"", b"x")),
    "a part with two names": lambda fields: multipart(fields, (disposition(b"x", b'; name="token"'), b"x")),
    "a header in a name": lambda fields: multipart(fields, (disposition(b'x\\"; filename=\\"y'), b"x")),
    "a broken header": lambda fields: multipart(fields, (b"Content-Disposition; form-data: \xff\0", b"x")),
    "lines without returns": lambda fields: (
        "multipart/form-data; boundary=b",
        multipart(fields)[1].replace(b"\r\n", b"\n"),
    ),
    "cut in the middle": lambda fields: ("multipart/form-data; boundary=b", multipart(fields)[1][:-9]),
    "a file without a name": file_named(b'filename=""'),
    "a file with HTML in its name": file_named(b'filename="' + HOSTILE.replace('"', "%22").encode() + b'"'),
    "a file with Jinja in its name": file_named(b'filename="' + JINJA.encode() + b'"'),
    "a file that turns its name": file_named(f'filename="{BIDI}gpj.exe"'.encode()),
    "a file with NUL in its name": file_named(b'filename="a\0b"'),
    "a file with a path": file_named(b'filename="../../etc/passwd"'),
    "a file with no UTF-8 in its name": file_named(b'filename="\xff\xed\xa0\x80"'),
    "a file with a long name": file_named(b'filename="' + b"n" * 60_000 + b'"'),
    "a file with an extended name": file_named(b"filename*=UTF-8''%3Cxss%3E%ED%A0%80%00"),
    "a file in an unknown charset": file_named(b"filename*=utf-7''+ADw-xss+AD4-"),
    "a file named in pieces": file_named(b"filename*0=a; filename*1*=%3C; filename*2=xss"),
    "a file with two names": file_named(b'filename="a"; filename="b"; filename*=UTF-8\'\'c'),
}


@contextmanager
def line(paired: Path, folder: Path) -> Iterator[Scene]:
    with served(paired, folder, mailbox_bytes=64 * MIB) as intake:
        yield Scene(intake)


@pytest.fixture(scope="module")
def lasting(paired: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """For forms that end nothing."""
    with line(paired, tmp_path_factory.mktemp("hostile") / "line") as scene:
        yield scene


@pytest.fixture
def scene(name: str, paired: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    if name in ("message", "login", "answer", "consent"):
        yield request.getfixturevalue("lasting")
    else:
        with line(paired, tmp_path / "line") as scene:
            if name == "erase an answer":
                scene.intake.reply(*map(str, SHAPES))
            yield scene


def post(scene: Scene, form: Form, body: Body) -> Page:
    page = scene.browser.ask(
        "POST", form.action, {"Content-Type": body[0].encode("latin-1")} if body[0] else {}, body[1]
    )
    html = page.body.decode()
    assert page.status in (200, 400, 413)
    for mark in ("1787569", "SECRET_KEY", "<xss", "Config"):
        assert mark not in html, "run or rendered"
    within_bounds = r"<bdi[ >].*?</bdi>|<textarea.*?</textarea>|<input[^>]* dir=\"auto\"[^>]*>"
    assert not re.search(f"[\0\x01-\x08\x0b\x0c\x0e-\x1f{BIDI}]", re.sub(within_bounds, "", html, flags=re.DOTALL))
    return page


def fields_of(form: Form, **typed: bytes) -> Fields:
    fields = {name.encode(): text.encode() for name, text in form.fields.items()}
    return list((fields | {name.encode(): text for name, text in typed.items()}).items())


def same(text: str) -> str:
    return re.sub("[\0\r\n]+", "", text).strip()


def came_back(page: Page, field: str) -> list[str]:
    """What stands in that field, or in a text area to be copied."""
    return [form.fields[field] for form in page.forms if form.fields.get(field)] or given_back(page)


@pytest.mark.parametrize("name", [name for name, kind in FORMS.items() if kind.typed])
def test_whatever_is_typed_arrives_or_comes_back(scene: Scene, name: str) -> None:
    kind, kept = FORMS[name], []
    for what, typed in TYPED.items():
        for field, encode in zip(2 * kind.typed, (multipart, urlencoded, multipart), strict=False):
            case = f"{what} in {field}, {encode.__name__}"
            form, before = kind.on(scene), scene.everything()
            page = post(scene, form, encode(fields_of(form, **{field: typed})))
            back, text = came_back(page, field), typed.decode("utf-8", READ_BY[encode]).strip()
            if scene.everything() != before:
                assert (page.status, back) == (200, []), case
                kept += [text] if field in ("message", "remark") else []
            elif kind.takes(text):
                assert back, case
                # A reader of HTML sees a line end where a lone return came, and no NUL.
                assert same(text).startswith(same(back[0])[:1_000]), case
            else:
                assert page.status in (200, 413), case
    arrived = [text for _, text in scene.intake.received()]
    assert [text for text in kept if text not in arrived] == []


@pytest.mark.parametrize("name", FORMS)
def test_a_form_of_any_shape_is_taken_or_given_back_or_refused(scene: Scene, name: str) -> None:
    kind, written = FORMS[name], "What I wrote"
    # The small forms have one reader: they share the shapes among them.
    begin, step = (0, 1) if name in ("message", "login") else (list(FORMS).index(name) % 4, 4)
    for what, shape in list(SHAPES.items())[begin::step]:
        form, before = scene.come_to(kind), scene.everything()
        page = post(scene, form, shape(fields_of(form, **{field: written.encode() for field in kind.typed[:1]})))
        taken, back = scene.everything() != before, bool(kind.typed) and came_back(page, kind.typed[0]) == [written]
        if name == "leave":
            assert not [form for form in scene.browser.get("/mailbox").forms if "files" in form.names], what
        elif name in ("message", "consent"):
            assert [taken, back, refused(page)].count(True) == 1, what
        elif name != "erase an answer":
            assert not taken, what
            assert not kind.typed or back or refused(page), what
    if name == "message":
        names = {file for file, _ in scene.intake.received()}
        assert {HOSTILE, JINJA, "../../etc/passwd", f"{BIDI}gpj.exe"} <= names, "the desk sees what it was called"


def refused(page: Page) -> bool:
    """A page that says that nothing was taken."""
    return page.status in (400, 413) or "Please send that again" in page.text or "Your visit has ended" in page.text


def test_who_fills_in_the_honeypot_loses_nothing_and_sends_nothing(lasting: Scene) -> None:
    browser, before = lasting.browser, lasting.everything()
    mailbox = lasting.browser.get("/mailbox")
    typed = {"message": "written by a person", "q-never-tell": "my cousin"}
    page = browser.send(mailbox, **typed, subject="by a password manager", files=[("a.jpg", b"x")])
    assert lasting.everything() == before
    form = page.form(having="files")
    assert {name: form.fields[name] for name in (*typed, "subject")} == {**typed, "subject": ""}
    assert "Your message arrived" in browser.submit(page, form).text
    assert ("", typed["message"]) in lasting.intake.received()


def test_the_honeypot_is_not_met_by_who_sees_or_hears_or_tabs(lasting: Scene) -> None:
    html = lasting.browser.get("/mailbox").body.decode()
    assert re.search(
        r'<div class="decoy" aria-hidden="true"><label for="subject">[^<]+</label><input [^>]*tabindex="-1"', html
    )
    assert re.search(r"\.decoy\{[^}]*clip-path:inset\(50%\)\}", html)


def test_a_page_from_before_sent_again_with_other_words_is_another_message(lasting: Scene) -> None:
    """With Back, a change, and Send."""
    browser, mailbox = lasting.browser, lasting.browser.get("/mailbox")
    texts = ["at first", "at first, and then", "at first"]
    pages = [browser.send(mailbox, text) for text in texts]
    assert ["It was not taken twice" in page.text for page in pages] == [False, False, True]
    browser.send(mailbox, texts[0], **{"q-danger": "yes"})
    arrived = [text for _, text in lasting.intake.received()]
    assert [arrived.count(text) for text in texts[:2]] == [2, 1]


def test_a_no_sent_from_the_page_on_which_yes_was_pressed_is_a_no(lasting: Scene) -> None:
    browser, page = lasting.browser, lasting.browser.get(lasting.to_consent)
    form, before = page.form(action="/answer"), lasting.intake.objects()
    for say, told in (("yes", "Your answer arrived"), ("yes", "not taken twice"), ("no", "Your answer arrived")):
        assert told in browser.submit(page, form, button=("say", say)).text
    assert lasting.intake.objects() == before + 2


def test_tokens_of_other_moments(lasting: Scene) -> None:
    """The token is the visit's: it holds on a page from before the language was changed, and with no other visit."""
    browser, mailbox = lasting.browser, lasting.browser.get("/mailbox")
    browser.switch(browser.get("/advice"), "nl")
    assert "Uw bericht is aangekomen" in browser.send(mailbox, "from a page in English").text
    before = lasting.everything()
    other = lasting.intake.browser()
    other.open_new_mailbox()
    for thief, page in ((other, mailbox), (browser, other.get("/mailbox"))):
        assert given_back(thief.send(page, "with another's token")) == ["with another's token"]
    assert lasting.everything() == before
    browser.switch(browser.get("/advice"), "en")


def test_after_erasing_a_page_from_before_sends_nothing_and_gives_the_text_back(paired: Path, tmp_path: Path) -> None:
    with line(paired, tmp_path / "line") as scene:
        mailbox = scene.browser.get("/mailbox")
        scene.browser.erase(mailbox, "mailbox")
        before = scene.everything()
        assert given_back(scene.browser.send(mailbox, "after erasing")) == ["after erasing"]
        assert scene.everything() == before
