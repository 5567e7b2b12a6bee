"""The order of bundles: replayed, left out, reordered and forked; and which intake key serves on which day."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from crypto import chain, epoch
from crypto.chain import ForkError, GapError, Placement, SkippedError
from crypto.epoch import EpochCertificate, Standing
from crypto.errors import ForgedError
from crypto.manifest import NO_HASH, ChainPosition, Direction, Manifest
from crypto.signed import SigningKey
from crypto.xwing import Identity

LINE = b"L" * 16


def _manifest(number: int, previous: bytes) -> Manifest:
    return Manifest(LINE, Direction.COLLECT, number, previous, ChainPosition.beginning(), 20780, 1, 1)


class BundleChain(RuleBasedStateMachine):
    """A sender that may be rolled back to any bundle and go on differently, and a courier who carries anything."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[tuple[Manifest, bytes]] = []  # every bundle that was ever made, on any branch
        self.tip = ChainPosition.beginning()  # the sender's
        self.taken: dict[int, tuple[bytes, bytes]] = {}  # the receiver's: number → hash and previous
        self.gaps: set[int] = set()

    @property
    def receiver_tip(self) -> ChainPosition:
        last = max(self.taken, default=0)
        return ChainPosition(last, self.taken[last][0]) if last else ChainPosition.beginning()

    @rule()
    def make(self) -> None:
        manifest = _manifest(self.tip.number + 1, self.tip.sha256)
        sha256 = hashlib.sha256(len(self.made).to_bytes(4, "big")).digest()
        self.made.append((manifest, sha256))
        self.tip = ChainPosition(manifest.number, sha256)

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        manifest, sha256 = data.draw(st.sampled_from(self.made))
        self.tip = data.draw(st.sampled_from([ChainPosition(manifest.number, sha256), ChainPosition.beginning()]))

    @precondition(lambda self: self.made)
    @rule(data=st.data(), accept_gap=st.none() | st.builds(range, st.integers(1, 4), st.integers(2, 5)))
    def carry(self, data: st.DataObject, accept_gap: range | None) -> None:
        manifest, sha256 = data.draw(st.sampled_from(self.made))
        tip, number = self.receiver_tip, manifest.number
        if number <= tip.number:
            assert chain.place(tip, manifest, accept_gap=accept_gap) is Placement.PAST
            before = self.taken[number][0] if number in self.taken else None
            if before == sha256:
                chain.same_as_before(ChainPosition(number, sha256), before)
            else:
                with pytest.raises(ForkError if before else SkippedError):
                    chain.same_as_before(ChainPosition(number, sha256), before)
        elif number == tip.number + 1 and manifest.previous != tip.sha256:
            with pytest.raises(ForkError):
                chain.place(tip, manifest, accept_gap=accept_gap)
        elif number > tip.number + 1 and accept_gap != range(tip.number + 1, number):
            with pytest.raises(GapError) as caught:
                chain.place(tip, manifest, accept_gap=accept_gap)
            assert (caught.value.expected, caught.value.found) == (tip.number + 1, number)
        else:
            assert chain.place(tip, manifest, accept_gap=accept_gap) is Placement.NEXT
            if number > tip.number + 1:
                self.gaps.add(number)
            self.taken[number] = (sha256, manifest.previous)

    @precondition(lambda self: self.made)
    @rule(data=st.data(), wrong=st.booleans())
    def acknowledge(self, data: st.DataObject, wrong: bool) -> None:
        """The sender hears of a bundle; `wrong` names one that it never made under that number."""
        manifest, sha256 = data.draw(st.sampled_from(self.made))
        kept = {manifest.number: sha256}
        named = ChainPosition(manifest.number, bytes(31) + b"\x01" if wrong else sha256)
        if wrong:
            with pytest.raises(ForkError):
                chain.check_acknowledgement(named, kept.get)
        else:
            chain.check_acknowledgement(named, kept.get)
        with pytest.raises(ForkError):
            chain.check_acknowledgement(ChainPosition(manifest.number + 1, sha256), kept.get)
        chain.check_acknowledgement(ChainPosition.beginning(), kept.get)

    @invariant()
    def what_was_taken_is_one_history(self) -> None:
        for number, (_, previous) in self.taken.items():
            if number in self.gaps:
                continue
            assert previous == (self.taken[number - 1][0] if number > 1 else NO_HASH)


TestBundleChain = BundleChain.TestCase


KEY = SigningKey(b"\x03" * 32)
RECIPIENT = Identity.from_seed(bytes(32)).recipient


def _chain(days: list[int]) -> list[EpochCertificate]:
    made: list[EpochCertificate] = []
    for day in days:
        made.append(epoch.issue(KEY, LINE, made[-1] if made else None, day, RECIPIENT))
    return made


DAYS = st.lists(st.integers(20_000, 20_200), min_size=1, max_size=12, unique=True).map(sorted)


@given(DAYS, st.data())
def test_the_key_of_the_day(days: list[int], data: st.DataObject) -> None:
    certificates = _chain(days)
    today = data.draw(st.integers(19_950, 20_300))
    high_water = data.draw(st.integers(0, len(days) + 1))
    choice = epoch.choose(certificates, today, high_water)
    due = [one for one in certificates if one.day <= today]
    if choice.certificate is None:
        assert choice.standing is Standing.CLOSED
        assert (not due and high_water == 0) or high_water > len(days) or today > days[-1] + 30
        return
    assert choice.certificate.epoch >= high_water  # never below what was used
    assert choice.certificate.epoch == max(len(due), high_water)
    assert today <= days[-1] + 30
    ahead = days[-1] - today
    expected = (
        Standing.LAST
        if ahead < 0
        else Standing.LOW_14
        if ahead <= 14
        else Standing.LOW_30
        if ahead <= 30
        else Standing.OK
    )
    assert choice.standing is expected
    assert choice.days_left == ahead + 30


@given(DAYS, st.lists(st.integers(19_950, 20_300), max_size=20))
def test_a_clock_that_jumps_never_brings_an_old_key_back(days: list[int], todays: list[int]) -> None:
    certificates = _chain(days)
    high_water = 0
    for today in todays:
        choice = epoch.choose(certificates, today, high_water)
        if choice.certificate is not None:
            assert choice.certificate.epoch >= high_water
            high_water = choice.certificate.epoch


@given(DAYS, st.data())
def test_the_tail_of_a_chain_serves_as_the_whole(days: list[int], data: st.DataObject) -> None:
    """Old certificates may be deleted once a later one is in use."""
    certificates = _chain(days)
    today = data.draw(st.integers(days[0], 20_300))
    whole = epoch.choose(certificates, today, 0)
    if whole.certificate is not None:
        tail = certificates[whole.certificate.epoch - 1 :]
        assert epoch.choose(tail, today, whole.certificate.epoch) == whole


def test_warnings_and_the_end() -> None:
    certificates = _chain([100, 200])
    standing = {today: epoch.choose(certificates, today, 0).standing for today in range(99, 232)}
    assert standing[99] is Standing.CLOSED  # before the first key's day
    assert (standing[169], standing[170]) == (Standing.OK, Standing.LOW_30)
    assert (standing[185], standing[186]) == (Standing.LOW_30, Standing.LOW_14)
    assert (standing[200], standing[201]) == (Standing.LOW_14, Standing.LAST)
    assert (standing[230], standing[231]) == (Standing.LAST, Standing.CLOSED)
    assert epoch.choose([], 100, 0).standing is Standing.CLOSED
    assert [epoch.choose(certificates, today, 0).days_left for today in (200, 229, 230)] == [30, 1, 0]


@given(DAYS, st.data())
def test_certificates_are_taken_in_chain_order_only(days: list[int], data: st.DataObject) -> None:
    certificates = _chain(days)
    epoch.extend(None, certificates)
    cut = data.draw(st.integers(0, len(days)))
    tip = certificates[cut - 1] if cut else None
    epoch.extend(tip, certificates[cut:])
    shuffled = data.draw(st.lists(st.sampled_from(certificates), max_size=4))
    follows = certificates[cut : cut + len(shuffled)] == shuffled
    if follows:
        epoch.extend(tip, shuffled)
    else:
        with pytest.raises(ForgedError):
            epoch.extend(tip, shuffled)


@given(DAYS)
def test_certificate_round_trip(days: list[int]) -> None:
    for one in _chain(days):
        assert epoch.parse(KEY.public, LINE, one.encoded) == one


def test_an_epoch_begins_after_the_one_before() -> None:
    first = _chain([100])[0]
    for day in (99, 100):
        with pytest.raises(ValueError, match="after"):
            epoch.issue(KEY, LINE, first, day, RECIPIENT)
