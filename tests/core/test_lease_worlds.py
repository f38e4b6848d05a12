"""Never a unit over: in every world that small numbers allow, and in many larger ones.

The steps are: sign a lease, move the limit, let time pass, bring a lease, begin a draw on a
clock that is right or set back, pay it out, post it, void it, give a lease back, close it,
die and recover, deliver any run of a log (next, again, too early), lose a station for
ever, declare it destroyed. The rules under test are those of ``core.lending.lease``.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.lending.lease import Clock, Draw, DrawState, LeaseBook, begin_draw, headroom_minor
from core.reasons import ReasonCode
from tests.support.lease_worlds import Bounds, Rules, World, explore, over, successors

# What may happen in each, and how many worlds that makes: another number means that a step
# was added or lost, so look at which.
WORLDS = {
    "two draws of one unit": (Bounds(limits=(1,), amounts=(1,), draws_max=2), 21_183),
    "leases side by side": (
        Bounds(limits=(2, 1), amounts=(1,), draws_max=1, hours_max=0),
        32_364,
    ),
    "leases of two sizes": (
        Bounds(limits=(2, 1), amounts=(1, 2), draws_max=1, hours_max=0),
        46_278,
    ),
}
LARGE_WORLDS = {
    "two draws in a larger lease": (Bounds(amounts=(2,)), 127_662),
    "leases of two sizes that expire": (Bounds(draws_max=1), 183_306),
}


@pytest.mark.parametrize("name", WORLDS)
def test_no_world_is_a_unit_over(name: str) -> None:
    bounds, states = WORLDS[name]
    found = explore(bounds, Rules())
    assert not found.fault, (found.fault, found.path)
    assert found.states_count == states


@pytest.mark.soak
@pytest.mark.parametrize("name", LARGE_WORLDS)
def test_no_larger_world_is_a_unit_over(name: str) -> None:
    bounds, states = LARGE_WORLDS[name]
    found = explore(bounds, Rules())
    assert not found.fault, (found.fault, found.path)
    assert found.states_count == states


def _returns_at_expiry(book: LeaseBook, now_ms: int) -> bool:
    return now_ms < book.lease.expires_at_ms


def _draws_when_given_back(book: LeaseBook, draw: Draw, clock: Clock) -> LeaseBook | ReasonCode:
    return begin_draw(replace(book, closed=False), draw, clock)


def _draws_any_amount(book: LeaseBook, draw: Draw, _clock: Clock) -> LeaseBook | ReasonCode:
    return replace(book, draws={**book.draws, draw.draw_id: draw})


def _forgets_pending(limit_minor: int, outstanding: int, _pending: int, books: object) -> int:
    posted = [replace(book, draws=_posted(book)) for book in books]  # type: ignore[attr-defined]
    closed = [book for book in posted if book.closed]
    return headroom_minor(limit_minor, outstanding, 0, closed)


def _posted(book: LeaseBook) -> dict[str, Draw]:
    return {key: one for key, one in book.draws.items() if one.state is DrawState.POSTED}


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (Rules(counts=_returns_at_expiry), "above the limit"),
        (Rules(headroom=lambda limit, owed, pending, _: limit - owed - pending), "above the limit"),
        (Rules(headroom=_forgets_pending), "above the limit"),
        (Rules(begin=_draws_when_given_back), "the centre counts"),
        (Rules(begin=_draws_any_amount), "drawn under lease"),
        (Rules(recovery=lambda _paid: DrawState.VOIDED), "the centre counts"),
        (Rules(brings_receipts=False), "the centre counts"),
    ],
    ids=[
        "expiry returns headroom",
        "leases that are out do not count",
        "only what is posted counts",
        "a lease that was given back is drawn on",
        "a draw is not held to its lease",
        "a payout is voided after a crash",
        "a destroyed station's receipts are not asked for",
    ],
)
def test_a_wrong_rule_is_caught(wrong: Rules, fault: str) -> None:
    found = explore(Bounds(limits=(1,), amounts=(1,), draws_max=2), wrong)
    assert fault in found.fault
    assert found.path, "the way there is told"


class LargerWorlds(RuleBasedStateMachine):
    """A walk through worlds of many leases and large amounts, with the same steps."""

    BOUNDS = Bounds(
        limits=(1_000_000, 640_000, 250_001, 0),
        amounts=(1, 99_999, 333_333, 640_000),
        draws=(1, 50_000, 333_333),
        leases_max=8,
        draws_max=16,
        hours_max=4,
    )

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.BOUNDS.limits[0])

    @rule(kind=st.integers(0, 30), which=st.integers(0, 10_000))
    def step(self, kind: int, which: int) -> None:
        """One of the things that can happen now; each kind as likely, however many there are."""
        found = list(successors(self.world, self.BOUNDS, Rules()))
        kinds = sorted({name.rstrip("0123456789– ") for name, _ in found})
        chosen = kinds[kind % len(kinds)]
        same = [after for name, after in found if name.startswith(chosen)]
        self.world = same[which % len(same)]

    @invariant()
    def never_a_unit_over(self) -> None:
        assert over(self.world) == ""


TestLargerWorlds = LargerWorlds.TestCase
TestLargerWorlds.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)
