"""What is refused before the application sees it is answered in size like any page, and in the reader's language, too."""

import re

import pytest

from deploy.refusal import Refusal, refusal
from source_interface.catalogues import offered
from source_interface.page import PAGE_BYTES


@pytest.mark.parametrize("why", Refusal)
def test_every_refusal_has_the_size_of_every_page(why: Refusal) -> None:
    answer = refusal(why)
    assert len(answer.partition(b"\r\n\r\n")[2]) == PAGE_BYTES
    assert len(answer) == len(refusal(Refusal.BUSY))


@pytest.mark.parametrize("why", [Refusal.BUSY, Refusal.UNREADABLE])
def test_who_reads_no_english_is_told_in_each_language_that_is_offered_by_itself(why: Refusal) -> None:
    said = dict(re.findall('<p lang="([^"]+)" dir="(?:ltr|rtl)">([^<]+)</p>', refusal(why).decode()))
    assert ["en", *said] == [language.tag for language in offered({})]
    assert "opnieuw" in said["nl"]
    assert len(set(said.values())) == len(said)
