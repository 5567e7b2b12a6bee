"""The whole road through the real pages, without a person: report, carry, read, answer, read the answer, erase it."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from crypto.manifest import Direction
from deploy.trial.browser import Browser, Page, Upload
from deploy.trial.errors import StepError
from deploy.trial.folder import TrialFolder
from deploy.trial.line import RunningLine
from deploy.trial.new_source import ask_for_codename, codename_on, type_back
from store.bundle_names import bundles_in

_MIB: Final = 1 << 20
MESSAGE: Final = (
    "Ze bellen mijn broer thuis elke week.\n"
    "تلقيت تهديدات بسبب مشاركتي في مظاهرة.\n"
    "ኣብ ቆንስል ገንዘብ ክኸፍል ይግድዱኒ ኣለዉ።\n"
    "他们知道我在这里参加了什么活动。\n"
    "Bana ne yapabileceğimi söyleyin. 🕊"
)
_NEVER_TELL: Final = "سفارت\nDe ambassade"
_ANSWERS: Final = {"q-danger": "unsure", "q-kind": "relatives-abroad", "q-never-tell": _NEVER_TELL}
_ANSWERED: Final = ("I am not sure", "Pressure on relatives abroad", *_NEVER_TELL.splitlines())
REPLY: Final = "Dank je wel. Bel niet terug.\nنحن نقرأ رسالتك. እናንበብናዮ ኢና። 我们会帮助你。"


@dataclass(frozen=True)
class _File:
    name: str
    length: int
    seed: bytes

    def pieces(self) -> Iterator[bytes]:
        """The same bytes each time, in pieces, without holding the file."""
        for number in range(-(-self.length // _MIB)):
            piece = hashlib.shake_128(self.seed + number.to_bytes(4, "big")).digest(min(_MIB, self.length))
            yield piece[: self.length - number * _MIB]

    @property
    def sha256(self) -> str:
        digest = hashlib.sha256()
        for piece in self.pieces():
            digest.update(piece)
        return digest.hexdigest()

    def upload(self) -> tuple[str, Upload]:
        return "files", Upload(self.name, self.length, self.pieces)


def walk(folder: TrialFolder, running: RunningLine, say: Callable[[str], None]) -> int:
    """Walk the road, saying a line for each step; how many there were. StepError at the first that fails."""
    return _Walk(folder, running, say).walk()


class _Walk:
    def __init__(self, folder: TrialFolder, running: RunningLine, say: Callable[[str], None]) -> None:
        self._folder, self._running, self._say = folder, running, say
        self._source = running.source_browser()
        self._desk = Browser(running.desk_url)
        self._codename = ""
        self._steps = 0
        mark = os.urandom(4).hex()
        sizes = (("empty", 0), ("photo", _MIB), ("video", 64 * _MIB))
        self._files = [_File(f"{name}-{mark}.bin", size, os.urandom(16)) for name, size in sizes]

    def walk(self) -> int:
        self._step("a source gets a codename and types it back", self._get_codename)
        self._step("sends a message in several scripts, answers, and files of 0 B, 1 MiB and 64 MiB", self._send)
        self._step("the codename opens the mailbox, which shows nothing of what was sent", self._see_nothing)
        self._step("the courier collects a bundle", self._collect)
        self._step("the handler opens the desk with the link and the passphrase", self._unlock)
        self._step("imports the bundle on the desk's page", self._import)
        self._step("reads the message and the answers, equal to the letter", self._read)
        self._step("saves the files, equal to the byte", self._save)
        self._step("answers", self._answer)
        self._step("exports on the desk's page, and the courier delivers", self._dispatch)
        self._step("the source comes back with the codename and reads the answer", self._read_answer)
        self._step("and erases it", self._erase)
        return self._steps

    def _step(self, words: str, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:
            raise StepError(f"step {self._steps + 1} failed: {words}: {error or type(error).__name__}") from error
        self._steps += 1
        self._say(f"{self._steps:2}. {words}")

    def _get_codename(self) -> None:
        page = ask_for_codename(self._source)
        words = codename_on(page)
        _expect(len(words) == 7, "the page shows no codename of seven words")
        self._codename = " ".join(words)
        self._mailbox = type_back(self._source, page)

    def _send(self) -> None:
        form = self._mailbox.form(having="files")
        uploads = [file.upload() for file in self._files]
        page = self._source.submit(self._mailbox, form, {"message": MESSAGE, **_ANSWERS}, uploads)
        _expect("Your message arrived" in page.text and "3 files arrived whole" in page.text, "it did not all arrive")

    def _log_in(self) -> Page:
        self._source = self._running.source_browser()
        page = self._source.get("/login")
        return self._source.submit(page, page.form(having="codename"), {"codename": self._codename.upper()})

    def _see_nothing(self) -> None:
        page = self._log_in()
        _expect("No answer yet" in page.text, "the codename opens no mailbox")
        for words in (MESSAGE.splitlines()[0], *_NEVER_TELL.splitlines()):
            _expect(words not in page.text, "the mailbox shows what was sent")

    def _collect(self) -> None:
        said = self._running.courier.collect()
        _expect(bool(bundles_in(self._folder.stick, Direction.COLLECT)), said)

    def _unlock(self) -> None:
        page = self._desk.get(self._running.desk_link.removeprefix(self._running.desk_url))
        passphrase = self._folder.passphrase.read_text("utf-8").strip()
        page = self._desk.submit(page, page.form(having="passphrase"), {"passphrase": passphrase})
        carry = [link for link in page.links if link.endswith("/carry")]
        _expect(page.status == 200 and bool(carry), "the desk did not open")
        self._inbox, self._carry = carry[0].removesuffix("carry"), carry[0]

    def _import(self) -> None:
        page = self._desk.get(self._carry)
        while imports := [form for form in page.forms if form.action.endswith("/carry/import")]:
            page = self._desk.submit(page, imports[0])
            done = self._folder.stick / imports[0].fields["bundle"]
            _expect(page.status == 200, page.text)
            done.unlink()
            page = self._desk.get(self._carry)

    def _read(self) -> None:
        inbox = self._desk.get(self._inbox)
        for link in (link for link in inbox.links if re.fullmatch(r".*/source/\d+", link)):
            page = self._desk.get(link)
            if self._files[0].name in page.text:
                break
        else:
            raise StepError("no source with these files is in the inbox")
        self._conversation = page
        for words in MESSAGE.splitlines():
            _expect(words in page.text, f"a line of the message is missing: {words}")
        for words in _ANSWERED:
            _expect(words in page.text, f"an answer is missing: {words}")

    def _save(self) -> None:
        forms = [form for form in self._conversation.forms if form.action.endswith("/save")]
        _expect(len(forms) == 3, "not three files are listed")
        for form in forms:
            page = self._desk.submit(self._conversation, form)
            _expect(page.status == 200, page.text)
        for file in self._files:
            with (self._folder.saved / file.name).open("rb") as saved:
                _expect(hashlib.file_digest(saved, "sha256").hexdigest() == file.sha256, f"{file.name} differs")

    def _answer(self) -> None:
        form = self._conversation.form(having="message")
        page = self._desk.submit(self._conversation, form, {"message": REPLY})
        _expect(REPLY.splitlines()[0] in page.text, "the answer was not queued")

    def _dispatch(self) -> None:
        page = self._desk.get(self._carry)
        page = self._desk.submit(page, page.form(action=f"{self._carry}/export"))
        _expect(page.status == 200, page.text)
        for path in bundles_in(self._folder.stick, Direction.DISPATCH):
            self._running.courier.deliver(path)
            path.unlink()

    def _read_answer(self) -> None:
        self._mailbox = self._log_in()
        for words in REPLY.splitlines():
            _expect(words in self._mailbox.text, f"a line of the answer is missing: {words}")

    def _erase(self) -> None:
        page = self._source.submit(self._mailbox, self._mailbox.form(action="/erase", having="reply"))
        _expect(REPLY.splitlines()[0] not in page.text, "the answer is still there")


def _expect(true: bool, otherwise: str) -> None:
    if not true:
        raise StepError(otherwise)
