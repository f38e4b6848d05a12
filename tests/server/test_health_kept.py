"""The figures of a large book's health: shown as they were reckoned last, reckoned anew beside."""

from __future__ import annotations

from datetime import date
from threading import Event

import pytest

from server.console.health_kept import FRESH_MS, KEPT_MAX, RETRY_MS, HealthKeeper, Looked
from server.services.reports.together import HealthRecords
from server.store.scoping import Scope

ON = date(2026, 5, 20)
WAIT_S = 60
WHOLE, VILLAGE = Scope(), Scope("lender", villages=frozenset({"site-1"}))


def found(at_ms: int) -> HealthRecords:
    return HealthRecords((), (), (), (), (), at_ms)


def settled(keeper: HealthKeeper, now_ms: int, at_ms: int, scope: Scope = WHOLE) -> HealthRecords:
    """What is shown once a reckoning has ended."""
    shown = None
    for _ in range(WAIT_S):
        shown = keeper.look(scope, ON, now_ms, lambda: found(at_ms)).found
        if shown is not None and shown.known_at_ms == at_ms:
            return shown
        Event().wait(0.02)
    raise AssertionError(f"expected the figures of {at_ms}, got {shown}")


def test_ten_who_look_make_one_reckoning_and_the_old_is_shown_meanwhile():
    keeper, go_on, calls = HealthKeeper(), Event(), []
    settled(keeper, 0, 0)

    def slow() -> HealthRecords:
        calls.append(1)
        go_on.wait(WAIT_S)
        return found(FRESH_MS)

    shown = [keeper.look(WHOLE, ON, FRESH_MS, slow).found for _ in range(10)]
    assert [each.known_at_ms for each in shown if each] == [0] * 10
    go_on.set()
    settled(keeper, FRESH_MS, FRESH_MS)
    assert len(calls) == 1


def test_what_is_fresh_is_not_reckoned_again_and_each_part_has_its_own():
    keeper = HealthKeeper()
    settled(keeper, 0, 0)
    assert keeper.look(WHOLE, ON, FRESH_MS - 1, lambda: pytest.fail("fresh")) == Looked(found(0))
    settled(keeper, 0, 7, VILLAGE)
    assert keeper.look(WHOLE, ON, 0, lambda: pytest.fail("fresh")) == Looked(found(0))


def test_of_the_parts_of_a_book_only_some_are_kept():
    keeper = HealthKeeper()
    for n in range(KEPT_MAX + 5):
        settled(keeper, 0, n, Scope("x", villages=frozenset({f"v{n}"})))
    assert len(keeper._kept) == KEPT_MAX


def failing() -> HealthRecords:
    raise ReckoningLostError("no books")


class ReckoningLostError(Exception):
    """What a reckoning ends with here."""


def failed(keeper: HealthKeeper, now_ms: int) -> Looked:
    """What is shown once a reckoning has failed."""
    for _ in range(WAIT_S * 50):
        looked = keeper.look(WHOLE, ON, now_ms, failing)
        if looked.failed_at_ms == now_ms:
            return looked
        Event().wait(0.02)
    raise AssertionError(f"expected a failure at {now_ms}, got none")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_reckoning_that_fails_is_told_beside_what_was_known_and_tried_anew():
    keeper = HealthKeeper()
    assert failed(keeper, 0) == Looked(None, 0)
    assert keeper.look(WHOLE, ON, RETRY_MS - 1, lambda: pytest.fail("too soon")) == Looked(None, 0)
    settled(keeper, RETRY_MS, RETRY_MS)
    assert keeper.look(WHOLE, ON, RETRY_MS, failing) == Looked(found(RETRY_MS))
    late = RETRY_MS + FRESH_MS
    assert failed(keeper, late) == Looked(found(RETRY_MS), late)
    settled(keeper, late + RETRY_MS, late + RETRY_MS)
    assert keeper.look(WHOLE, ON, late + RETRY_MS, failing).failed_at_ms is None
