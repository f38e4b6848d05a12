"""One example of each record about cash in hand, of what cards sign, and of a new plan."""

from __future__ import annotations

from typing import Any

from core.lending.cashbox import CountKind, DifferenceReason
from core.lending.lease import DrawState
from core.lending.terms import PlanTerms, Restructured, ScheduleKind, ScheduleTerms
from core.signing import DocumentType, Signer
from core.wire import cash
from core.wire.newplans import NewPlanOffer, PlannedPayment
from core.wire.records import Down, Drawdown, Up

HANDOVER = cash.Handover(
    "ho-1", "juma", "akinyi", "co-1", 2_000_000, "KES", "2026-05-20"
)  # fmt: skip
COUNT = cash.Count(
    "co-2", "akinyi", "co-1", CountKind.CLOSE, "KES", 1_500_000, 1_499_000,
    (cash.Pieces(100_000, 14), cash.Pieces(9_900, 10)), "2026-05-20",
    DifferenceReason.WRONG_CHANGE,
)  # fmt: skip
TAKEN = cash.Taken("re-1", "akinyi", "co-1", "line-1", 30_000, "KES", "2026-05-20")
PERSON = cash.CashPerson(
    "akinyi", "Akinyi", cash.CashRole.AGENT, "kijani", "ab" * 32, "cd" * 32, "KES", 5_000_000,
    2_000_000, active=True,
)  # fmt: skip
PAID = Drawdown(
    "dr-9", "line-1", "lease-1", DrawState.POSTED, 100_000, 1_500, "KES", "c-1", 181_000,
    "2026-05-20", paid_by="akinyi",
)  # fmt: skip


PLAN = NewPlanOffer(
    "np-1", "line-1", "f-1", "KES", 1_014_000,
    Restructured(
        "2026-10-20",
        PlanTerms(140_000, "2026-09-15", ScheduleTerms(ScheduleKind.BULLET)),
        PlanTerms(
            120_000, "2027-09-15", ScheduleTerms(ScheduleKind.EQUAL_PRINCIPAL, every_months=6)
        ),
        capitalises=False,
    ),
    1_014_000, 0,
    (PlannedPayment("2027-03-15", 545_000), PlannedPayment("2027-09-15", 531_000)), 1_076_000,
    124_000, "2026-11-19",
)  # fmt: skip


def cash_documents() -> dict[str, tuple[DocumentType, Any]]:
    """What cards sign: name of the golden file to type and body."""
    return {
        "cash-handover": (cash.HANDOVER, HANDOVER),
        "cash-count": (cash.COUNT, COUNT),
        "cash-repayment": (cash.TAKEN, TAKEN),
    }


def cash_records(signer: Signer) -> dict[str, tuple[Up | Down, Any]]:
    """Records about cash: name of the golden file to kind and body."""
    by_giver = cash.signed(cash.HANDOVER, HANDOVER, signer)
    return {
        "cash_handover": (Up.CASH_HANDOVER, cash.CashHandover(HANDOVER, by_giver, by_giver)),
        "cash_repayment": (
            Up.CASH_REPAYMENT,
            cash.CashRepayment(TAKEN, cash.signed(cash.TAKEN, TAKEN, signer)),
        ),
        "cash_count": (
            Up.CASH_COUNT,
            cash.CashCount(COUNT, cash.signed(cash.COUNT, COUNT, signer)),
        ),
        "cash_person": (Down.CASH_PERSON, PERSON),
        "drawdown-paid_by": (Up.DRAWDOWN, PAID),
        "new_plan": (Down.NEW_PLAN, PLAN),
    }
