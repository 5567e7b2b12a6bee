"""Only a page of this visit can send a form; who is refused keeps what they typed."""

from collections.abc import Callable

import pytest

from deploy.trial.browser import Form, Page
from tests.source_interface.conftest import Intake
from tests.source_interface.source_browser import HOSTILE, SourceBrowser, given_back, words_of

BENT_TOKENS = ["", "0" * 32, "x", "\u00fc", "\ud7ff" * 32, "a" * 10_000, HOSTILE]
URLENCODED = "application/x-www-form-urlencoded"


def strange(token: str | None, form: Form) -> Form:
    """The form, with another token or none."""
    fields = {name: value for name, value in form.fields.items() if name != "token"}
    return Form(form.action, "post", form.enctype, fields if token is None else {**fields, "token": token})


def erasing(page: Page, what: str) -> Form:
    return next(form for form in page.forms if form.fields.get("what") == what)


class Visit:
    """A visit with a mailbox and a reply in it."""

    def __init__(self, intake: Intake) -> None:
        self.intake, self.browser = intake, intake.browser()
        given = self.browser.new_codename()
        self.words = words_of(given)
        self.browser.send(self.browser.go_on(given), "hello")
        intake.reply("an answer")
        self.mailbox = self.browser.get("/mailbox")
        self.kept = intake.blobs()

    def is_as_before(self) -> None:
        page = self.browser.get("/mailbox")
        assert "an answer" in page.text, "still logged in, the reply still there"
        assert self.intake.blobs() == self.kept
        assert self.intake.mailbox_of(self.words)


@pytest.fixture
def visit(intake: Intake) -> Visit:
    return Visit(intake)


@pytest.mark.parametrize("token", [None, *BENT_TOKENS])
def test_a_form_without_this_visits_token_does_nothing(visit: Visit, token: str | None) -> None:
    browser, login = visit.browser, visit.browser.get("/login")
    derived = len(visit.intake.derived)
    forms = [
        (visit.mailbox, visit.mailbox.form(having="files"), {"message": "a forged message"}),
        (visit.mailbox, erasing(visit.mailbox, "reply"), {}),
        (visit.mailbox, erasing(visit.mailbox, "all"), {"sure": "yes"}),
        (visit.mailbox, erasing(visit.mailbox, "mailbox"), {"sure": "yes"}),
        (login, login.form(having="codename"), {"codename": " ".join(visit.words)}),
        (browser.get("/"), browser.get("/").form(action="/codename"), {}),
    ]
    for page, form, values in forms:
        refused = browser.submit(page, strange(token, form), values)
        assert refused.status == 200
        assert not [form for form in refused.forms if "message" in form.names or "codename" in form.names], form.action
        visit.is_as_before()
    assert len(visit.intake.derived) == derived


def test_leaving_works_from_a_tab_of_an_earlier_visit(visit: Visit) -> None:
    visit.browser.leave(visit.mailbox)
    now = visit.browser.log_in(" ".join(visit.words))
    assert now.form(having="files")
    visit.browser.leave(visit.mailbox)
    assert not [form for form in visit.browser.get(now.path).forms if "files" in form.names]


def test_another_visits_token_is_as_good_as_none(visit: Visit) -> None:
    strangers = visit.intake.browser().get("/").forms[0].fields["token"]
    refused = visit.browser.submit(visit.mailbox, strange(strangers, erasing(visit.mailbox, "all")), {"sure": "yes"})
    assert "an answer" not in refused.text
    visit.is_as_before()


def test_a_page_from_before_leaving_is_refused(visit: Visit) -> None:
    visit.browser.leave(visit.mailbox)
    refused = visit.browser.submit(visit.mailbox, erasing(visit.mailbox, "mailbox"), {"sure": "yes"})
    assert not [form for form in refused.forms if "message" in form.names]
    assert visit.intake.mailbox_of(visit.words)
    assert visit.intake.blobs() == visit.kept


def test_the_token_alone_is_worth_nothing_without_the_cookie(visit: Visit) -> None:
    """As when another site makes this browser send a form: SameSite=Strict keeps the cookie back."""
    form = erasing(visit.mailbox, "all")
    visit.intake.browser().submit(visit.mailbox, form, {"sure": "yes"})
    visit.is_as_before()


@pytest.mark.parametrize(
    "typed", ["What I wrote.\n\nIn two paragraphs.", HOSTILE, "ኣብ ቆንስል 他们 الهاتف 🕊", "'" * 4_000]
)
def test_what_was_written_is_given_back_when_the_form_is_stale(visit: Visit, typed: str) -> None:
    form = strange("0" * 32, visit.mailbox.form(having="files"))
    refused = visit.browser.submit(visit.mailbox, form, {"message": typed})
    assert given_back(refused) == [typed]
    visit.is_as_before()


def test_what_was_written_is_given_back_when_the_visit_has_ended(visit: Visit) -> None:
    visit.intake.clock.seconds += 3_600
    refused = visit.browser.send(visit.mailbox, "What I wrote.", [("x", b"data")])
    assert given_back(refused) == ["What I wrote."]
    assert visit.intake.blobs() == visit.kept
    assert "/login" in refused.links


def test_what_is_too_long_for_the_page_is_not_given_back_in_part(visit: Visit) -> None:
    form = strange("0" * 32, visit.mailbox.form(having="files"))
    for typed in ("x" * 20_001, "x" * 100_000, "x" * 700_000):
        assert given_back(visit.browser.submit(visit.mailbox, form, {"message": typed})) == []


def test_a_codename_is_never_given_back_by_a_refusal(visit: Visit) -> None:
    login = visit.browser.get("/login")
    form = strange("0" * 32, login.form(having="codename"))
    refused = visit.browser.submit(login, form, {"codename": "zoology zone zombie"})
    assert "zombie" not in refused.body.decode()


def test_every_form_is_posted_to_this_host_with_this_visits_token(visit: Visit) -> None:
    tokens = set()
    for path in ("/", "/login", "/mailbox", "/codename", "/nothing"):
        for form in visit.browser.get(path).forms:
            assert form.action.startswith("/")
            tokens.add(form.fields["token"])
    assert len(tokens) == 1


@pytest.mark.parametrize("path", ["/login", "/codename", "/leave", "/erase", "/mailbox"])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (None, b"token=x"),
        ("", b"token=x"),
        ("application/json", b'{"token":"x"}'),
        ("text/plain", b"token=x"),
        (URLENCODED, b"\xff\xfe=\x00&token=%ff%fe&&&=&;"),
        (URLENCODED, b"token=" + b"x" * 17_000),
        (URLENCODED, b"&a=b" * 4_000),
        ("multipart/form-data", b"token=x"),
        ("multipart/form-data; boundary=", b"--\r\n"),
        ("multipart/form-data; boundary=" + "x" * 71, b"--" + b"x" * 71 + b"--\r\n"),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"--b--\r\n"),
        ("multipart/form-data; boundary=b", b"--c\r\n\r\n--c--\r\n"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="x"; filename="y"\r\n\r\nz\r\n--b--',
        ),
        ("multipart/form-data; boundary=b", b"--b\r\nNo-Disposition: x\r\n\r\nz\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nz\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: \xff\xff\r\n\r\nz\r\n--b--\r\n"),
        ('multipart/form-data; boundary="\xe9"', b"--\xe9--\r\n"),
        ("multipart/mixed; boundary=b", b"--b--\r\n"),
    ],
)
def test_a_form_in_no_proper_shape_is_answered_calmly(
    visitor: SourceBrowser, path: str, kind: str | None, body: bytes
) -> None:
    headers = {} if kind is None else {"Content-Type": kind.encode("latin-1")}
    page = visitor.ask("POST", path, headers, body)
    assert page.status in (200, 400, 413)


@pytest.mark.parametrize("path", ["/login", "/codename", "/codename/typed", "/leave", "/erase"])
def test_a_small_form_is_read_within_a_bound_even_when_it_tells_no_length(intake: Intake, path: str) -> None:
    """Sent in chunks; the application must stop reading by itself. What is read is counted."""

    class Endless:
        """A body without an end."""

        taken = 0

        def read(self, size: int = -1) -> bytes:
            assert size >= 0, "everything at once"
            self.taken += size
            assert self.taken < 1 << 22
            return b"token=x&"[: size % 8] + b"a" * (size - size % 8)

        def readline(self, size: int = -1) -> bytes:
            return self.read(size)

    for kind in (URLENCODED, "multipart/form-data; boundary=b"):
        response = intake.app.test_client().post(
            path,
            headers={"Content-Type": kind, "Transfer-Encoding": "chunked"},
            environ_overrides={"wsgi.input": Endless(), "wsgi.input_terminated": True},
        )
        assert response.status_code in (200, 413)


def test_the_first_of_two_fields_with_one_name_counts(
    visit: Visit, make_multipart: Callable[..., tuple[str, bytes]]
) -> None:
    form = visit.mailbox.form(having="files").fields
    parts = [("token", form["token"]), ("token", "0" * 32), ("slot", form["slot"]), ("slot", "x")]
    kind, body = make_multipart([*parts, ("message", "first"), ("message", "x" * 600_000), ("unknown", "y"), ("", "z")])
    page = visit.browser.ask("POST", "/mailbox", {"Content-Type": kind}, body)
    assert page.status == 200
    assert ("", "first") in visit.intake.received()


@pytest.fixture
def make_multipart() -> Callable[..., tuple[str, bytes]]:
    def make(parts: list[tuple[str, str]]) -> tuple[str, bytes]:
        pieces = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts]
        return "multipart/form-data; boundary=b", ("".join(pieces) + "--b--\r\n").encode()

    return make
