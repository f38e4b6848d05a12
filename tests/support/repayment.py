"""Worked examples of schedules and accounts, as docs/schedules.md prints them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from core.lending.accrual import DayCount
from core.lending.product import parse_product
from core.lending.schedule import Due, plan
from core.lending.terms import (
    ArrearsTerms,
    InterestKind,
    RebateTerms,
    RepaymentTerms,
    ScheduleKind,
    ScheduleTerms,
)
from tests.support.products import CROP

DRAWN_ON = date(2026, 3, 20)
DUE_ON = date(2026, 9, 15)
AMOUNT_MINOR = 1_000_000

# name in docs/schedules.md: the product's [schedule], and (day, principal, interest)
EXAMPLES: dict[str, tuple[dict[str, Any], list[tuple[str, int, int]]]] = {
    "bullet": ({"kind": "bullet"}, [("2026-09-15", 1000000, 68658)]),
    "bullet, capitalising": (
        {"kind": "bullet", "interest": "capitalising", "capitalise_months": 1},
        [("2026-09-15", 1058070, 12580)],
    ),
    "interest only": (
        {"kind": "interest_only", "every_months": 1},
        [
            ("2026-04-15", 0, 9973),
            ("2026-05-15", 0, 11506),
            ("2026-06-15", 0, 11891),
            ("2026-07-15", 0, 11507),
            ("2026-08-15", 0, 11890),
            ("2026-09-15", 1000000, 11891),
        ],
    ),
    "equal instalments": (
        {"kind": "equal_instalments", "every_months": 1},
        [
            ("2026-04-15", 163283, 9973),
            ("2026-05-15", 163628, 9628),
            ("2026-06-15", 165253, 8003),
            ("2026-07-15", 167413, 5843),
            ("2026-08-15", 169208, 4048),
            ("2026-09-15", 171215, 2036),
        ],
    ),
    "equal principal": (
        {"kind": "equal_principal", "every_months": 1},
        [
            ("2026-04-15", 166667, 9973),
            ("2026-05-15", 166667, 9589),
            ("2026-06-15", 166667, 7927),
            ("2026-07-15", 166667, 5753),
            ("2026-08-15", 166666, 3963),
            ("2026-09-15", 166666, 1982),
        ],
    ),
    "cash months": (
        {"kind": "cash_months", "cash": [{"month": 6, "weight": 1}, {"month": 9, "weight": 3}]},
        [("2026-06-15", 250000, 33370), ("2026-09-15", 750000, 26466)],
    ),
    "moratorium, interest paid": (
        {
            "kind": "equal_principal",
            "every_months": 1,
            "moratorium_months": 3,
            "moratorium_interest": "paid",
        },
        [
            ("2026-04-15", 0, 9973),
            ("2026-05-15", 0, 11506),
            ("2026-06-15", 0, 11891),
            ("2026-07-15", 333334, 11507),
            ("2026-08-15", 333333, 7927),
            ("2026-09-15", 333333, 3963),
        ],
    ),
    "moratorium, interest carried": (
        {"kind": "equal_principal", "every_months": 1, "moratorium_months": 3},
        [("2026-07-15", 333334, 44877), ("2026-08-15", 333333, 7927), ("2026-09-15", 333333, 3963)],
    ),
    "moratorium, interest capitalised": (
        {
            "kind": "equal_principal",
            "every_months": 1,
            "moratorium_months": 3,
            "moratorium_interest": "capitalised",
        },
        [("2026-07-15", 344457, 11891), ("2026-08-15", 344457, 8191), ("2026-09-15", 344456, 4096)],
    ),
    "balloon": (
        {"kind": "equal_instalments", "every_months": 1, "balloon_ppm": 500000},
        [
            ("2026-04-15", 82371, 9973),
            ("2026-05-15", 81785, 10559),
            ("2026-06-15", 82406, 9938),
            ("2026-07-15", 83674, 8670),
            ("2026-08-15", 84380, 7964),
            ("2026-09-15", 585384, 6960),
        ],
    ),
    "rounded parts": (
        {"kind": "equal_principal", "every_months": 1, "rounding_minor": 10000},
        [
            ("2026-04-15", 170000, 9973),
            ("2026-05-15", 170000, 9550),
            ("2026-06-15", 170000, 7848),
            ("2026-07-15", 170000, 5638),
            ("2026-08-15", 160000, 3805),
            ("2026-09-15", 160000, 1903),
        ],
    ),
    "at will": ({"kind": "at_will"}, [("2026-09-15", 1000000, 68658)]),
}


def example(schedule: Mapping[str, Any], **tables: Any) -> tuple[RepaymentTerms, tuple[Due, ...]]:
    """The terms and the plan of 10,000.00 drawn on 20 March 2026 at 14 %, due 15 September."""
    credit = {**CROP["credit"], "rate_ppm": 140_000}
    product = parse_product({**CROP, "credit": credit, "schedule": dict(schedule), **tables})
    terms = product.repayment()
    return terms, plan(terms, AMOUNT_MINOR, DRAWN_ON)


def written(found: tuple[RepaymentTerms, Sequence[Due]]) -> list[tuple[str, int, int]]:
    """A plan's days and amounts."""
    return [(due.on.isoformat(), due.principal_minor, due.interest_minor) for due in found[1]]


PLAIN = RepaymentTerms(140_000, DayCount.ACT_365F, DUE_ON)
LATE = replace(PLAIN, arrears=ArrearsTerms(grace_days=10, penalty_rate_ppm=60_000))
RBI = RepaymentTerms(
    70_000, DayCount.ACT_365F, date(2025, 3, 31), rebate=RebateTerms(30_000)
)  # the prompt-repayment incentive of India's interest subvention scheme

# A story: one row an event, "day kind amount", then what is owed after it:
# penalty fee interest principal, surplus.
STORIES: dict[str, tuple[RepaymentTerms, str]] = {
    "repaid, prepaid and drawn again at will": (
        replace(PLAIN, schedule=ScheduleTerms(ScheduleKind.AT_WILL)),
        """
        2026-03-20 drawdown  1000000 |    0     0     0 1000000      0
        2026-03-20 fee         15000 |    0 15000     0 1000000      0
        2026-05-19 repayment  400000 |    0     0     0  638014      0
        2026-06-18 drawdown   200000 |    0     0  7341  838014      0
        2026-08-17 repayment 1000000 |    0     0     0       0 135359
        2026-09-15 look            0 |    0     0     0       0 135359
        """,
    ),
    "late by more than the grace": (
        LATE,
        """
        2026-03-20 drawdown  1000000 |    0     0     0 1000000      0
        2026-09-15 look            0 |    0     0 68658 1000000      0
        2026-09-25 look            0 |    0     0 72493 1000000      0
        2026-10-25 look            0 | 4932     0 84000 1000000      0
        2026-10-25 repayment  500000 |    0     0     0  588932      0
        2026-11-24 repayment  598613 |    0     0     0       0      0
        """,
    ),
    "interest that is capitalised each quarter": (
        replace(
            PLAIN,
            schedule=ScheduleTerms(
                ScheduleKind.BULLET, interest=InterestKind.CAPITALISING, capitalise_months=3
            ),
        ),
        """
        2026-03-20 drawdown  1000000 |    0     0     0 1000000      0
        2026-06-15 look            0 |    0     0     0 1033370      0
        2026-09-15 look            0 |    0     0 36465 1033370      0
        2026-09-15 repayment 1069835 |    0     0     0       0      0
        """,
    ),
}
