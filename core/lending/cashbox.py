"""An agent's box: what should be in it, what may be paid out of it, when it must be counted.

Expected = what was given + repayments − paid out − returned + what counts found over
or short. A difference is booked when it is found and stays on the agent's account of
differences until people have dealt with it; shortages and overages are not set off
against each other, so that neither one shortage split over days nor a surplus hides one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

UNCOUNTED_DAYS_MAX = 1
DIFFERENCE_DAYS = 30  # over so many days differences are looked at together


class MoveKind(Enum):
    """What changed a box."""

    HANDOVER = "handover"
    REPAYMENT = "repayment"
    PAYOUT = "payout"
    COUNT = "count"  # by what it differed, also where that is nothing


class CountKind(Enum):
    """When a box was counted."""

    OPEN = "open"
    DAY = "day"
    CLOSE = "close"


class DifferenceReason(Enum):
    """What the agent says of a difference."""

    UNEXPLAINED = "unexplained"
    WRONG_CHANGE = "wrong_change"
    COUNTERFEIT = "counterfeit"
    THEFT_REPORTED = "theft_reported"
    COUNTED_WRONG_BEFORE = "counted_wrong_before"


@dataclass(frozen=True, slots=True)
class Move:
    """One change of a box, signed: into it is positive [minor units]."""

    kind: MoveKind
    on: date
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Box:
    """A box on a day [minor units].

    ``short_minor`` and ``over_minor`` are what counts found within ``DIFFERENCE_DAYS``, each
    by itself and positive; ``differences`` how often. ``uncounted_days`` since the last
    count, or since the first cash where there was none; 0 for a box that was never used.
    """

    expected_minor: int
    paid_today_minor: int
    last_count_on: date | None
    uncounted_days: int
    short_minor: int
    over_minor: int
    differences: int

    @property
    def is_uncounted(self) -> bool:
        """Whether it should have been counted by now."""
        return self.uncounted_days > UNCOUNTED_DAYS_MAX


def box_of(moves: Iterable[Move], on: date) -> Box:
    """A box from all that moved it, in any order."""
    found = sorted(moves, key=lambda move: move.on)
    counts = [move for move in found if move.kind is MoveKind.COUNT]
    lately = [
        move.amount_minor
        for move in counts
        if move.amount_minor and move.on > on - timedelta(days=DIFFERENCE_DAYS)
    ]
    since = counts[-1].on if counts else found[0].on if found else on
    return Box(
        expected_minor=sum(move.amount_minor for move in found),
        paid_today_minor=-sum(
            move.amount_minor for move in found if move.kind is MoveKind.PAYOUT and move.on == on
        ),
        last_count_on=counts[-1].on if counts else None,
        uncounted_days=max(0, (on - since).days),
        short_minor=-sum(each for each in lately if each < 0),
        over_minor=sum(each for each in lately if each > 0),
        differences=len(lately),
    )


def payable_minor(box: Box, pay_day_max_minor: int, reserved_minor: int) -> int:
    """How much may be paid out of a box now, with what is promised already [minor units]."""
    in_box = box.expected_minor - reserved_minor
    today = pay_day_max_minor - box.paid_today_minor - reserved_minor
    return max(0, min(in_box, today))
