"""Which answer counts. Whatever is in doubt counts against consent."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.request import ConsentRequest, Question, Response, Say
from store.desk.consent import Said, Standing, chosen, consent, fits, question

REQUEST = ConsentRequest("this text", "Police", "to protect you", 130)
QUESTION = Question("May we call?", ("Yes", "No"))


def said(day: int, what: str, batch: int | None = None, *, fit: bool = True) -> Said:
    """By default each day's words came in a bundle of their own."""
    return Said(day, day if batch is None else batch, Say(what), None, fit)


def standing(*answers: Said, today: int = 120, taken_back: bool = False) -> Standing:
    return consent(answers, until=130, today=today, taken_back=taken_back)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([], Standing.WAITING),
        ([said(100, "yes")], Standing.YES),
        ([said(100, "no")], Standing.NO),
        ([said(100, "ask")], Standing.ASKED_BACK),
        ([said(100, "yes"), said(101, "no")], Standing.WITHDRAWN),
        ([said(100, "yes"), said(101, "ask")], Standing.ASKED_BACK),
        ([said(100, "no"), said(101, "yes")], Standing.YES),
        ([said(100, "ask"), said(101, "yes")], Standing.YES),
        ([said(100, "no"), said(101, "ask")], Standing.ASKED_BACK),
        ([said(100, "yes"), said(101, "no"), said(102, "yes")], Standing.YES),
        ([said(100, "yes"), said(100, "no")], Standing.WITHDRAWN),
        ([said(100, "yes"), said(100, "ask")], Standing.ASKED_BACK),
        ([said(100, "yes", fit=False)], Standing.WAITING),
        ([said(100, "yes"), said(101, "no", fit=False)], Standing.WITHDRAWN),
        ([said(100, "yes"), said(101, "ask", fit=False)], Standing.YES),
    ],
)
def test_the_newest_answer_counts_and_on_one_day_a_no(answers: list[Said], expected: Standing) -> None:
    assert standing(*answers) is standing(*reversed(answers)) is expected


def test_an_old_yes_that_is_brought_late_does_not_undo_a_no() -> None:
    assert standing(said(101, "no", 7), said(100, "yes", 9)) is Standing.WITHDRAWN


def test_a_no_that_was_held_back_counts_when_it_comes() -> None:
    assert standing(said(101, "yes", 7), said(100, "no", 9)) is Standing.WITHDRAWN


def test_a_yes_ends_with_its_last_day_and_when_it_is_taken_back() -> None:
    agreed = said(100, "yes")
    assert standing(agreed, today=130) is Standing.YES
    assert standing(agreed, today=131) is Standing.ENDED
    assert standing(agreed, taken_back=True) is Standing.TAKEN_BACK


anything = st.builds(Said, st.integers(1, 4), st.integers(1, 4), st.sampled_from(Say), st.just(None), st.booleans())


@given(st.lists(anything, max_size=6), st.integers(1, 4), st.integers(1, 9), st.booleans())
def test_a_no_that_comes_last_always_ends_consent(before: list[Said], day: int, batch: int, fit: bool) -> None:
    last = Said(day, 4 + batch, Say.NO, None, fit)
    assert standing(*before, last) is not Standing.YES


@given(st.lists(anything, max_size=6), anything)
def test_only_a_fitting_yes_can_ever_bring_consent(before: list[Said], more: Said) -> None:
    if standing(*before) is not Standing.YES and standing(*before, more) is Standing.YES:
        assert more.say is Say.YES
        assert more.fits


@given(st.lists(anything, max_size=6))
def test_consent_needs_a_yes_later_than_every_no(answers: list[Said]) -> None:
    if standing(*answers) is Standing.YES:
        newest_no = max((one.day for one in answers if one.say is Say.NO), default=0)
        assert any(one.say is Say.YES and one.fits and one.day > newest_no for one in answers)


def test_an_answer_fits_only_the_very_request_and_the_pinned_key() -> None:
    yes = Response(b"i" * 16, REQUEST.digest, Say.YES)
    assert fits(REQUEST, yes, other_key=False)
    assert not fits(REQUEST, yes, other_key=True)
    changed = [
        ConsentRequest("this text.", "Police", "to protect you", 130),
        ConsentRequest("this text", "Embassy", "to protect you", 130),
        ConsentRequest("this text", "Police", "to find you", 130),
        ConsentRequest("this text", "Police", "to protect you", 131),
    ]
    assert not any(fits(other, yes, other_key=False) for other in changed)


@pytest.mark.parametrize(
    ("asked", "say", "choice"), [(REQUEST, "choice", 1), (QUESTION, "yes", None), (QUESTION, "choice", 3)]
)
def test_an_answer_of_another_kind_does_not_fit(asked: ConsentRequest | Question, say: str, choice: int | None) -> None:
    assert not fits(asked, Response(b"i" * 16, asked.digest, Say(say), choice), other_key=False)


def test_of_choices_the_newest_day_counts_and_two_of_it_are_unclear() -> None:
    def picked(day: int, choice: int, *, fit: bool = True) -> Said:
        return Said(day, day, Say.CHOICE, choice, fit)

    assert question([], taken_back=False) is Standing.WAITING
    assert chosen([picked(1, 1), picked(2, 2), picked(3, 1, fit=False)]) == (2,)
    assert question([picked(1, 1), picked(2, 2)], taken_back=False) is Standing.CHOSEN
    assert question([picked(2, 1), picked(2, 1)], taken_back=False) is Standing.CHOSEN
    assert question([picked(2, 1), picked(2, 2)], taken_back=False) is Standing.UNCLEAR
    assert question([picked(2, 2)], taken_back=True) is Standing.TAKEN_BACK


def test_every_order_of_three_answers_in_one_bundle_is_told_by_days_alone() -> None:
    for words in product(("yes", "no", "ask"), repeat=3):
        answers = [said(100 + at, word, 7) for at, word in enumerate(words)]
        assert (standing(*answers) is Standing.YES) == (words[-1] == "yes"), words
