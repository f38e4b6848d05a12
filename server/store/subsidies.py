"""What was claimed of subsidised interest, line by line, and what was paid. Never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from core.shape import encode
from server.store.engine import Tx
from server.store.rows import read_as
from server.store.subsidy_tables import subsidy_claim_lines, subsidy_claims, subsidy_payments


@dataclass(frozen=True, slots=True)
class SubsidyClaim:
    """What a region is asked to pay of the interest that ran before ``until_on`` [minor units]."""

    claim_id: str
    region: str
    currency: str
    until_on: str
    total_minor: int
    at_ms: int
    actor: str


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """A line's part of a claim [minor units].

    ``earned_minor`` is all that its region ever subsidised of it up to then;
    ``claimed_minor`` what of that no earlier claim had asked for.
    """

    claim_id: str
    line_id: str
    earned_minor: int
    claimed_minor: int


@dataclass(frozen=True, slots=True)
class SubsidyPayment:
    """Money that a region paid of a claim [minor units]."""

    payment_id: str
    claim_id: str
    amount_minor: int
    effective_on: str
    at_ms: int
    actor: str


def lock(tx: Tx) -> None:
    """Let one transaction at a time claim or be paid; SQLite does so by itself."""
    if tx.connection.dialect.name == "postgresql":
        tx.connection.exec_driver_sql(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 9))", (tx.tenant_id,)
        )


def add_claim(tx: Tx, claim: SubsidyClaim, lines: Sequence[ClaimLine]) -> None:
    """Add a claim with its lines; it can never be changed."""
    tx.append(subsidy_claims, **encode(claim))
    for each in lines:
        tx.append(subsidy_claim_lines, **encode(each))


def add_payment(tx: Tx, payment: SubsidyPayment) -> None:
    """Add a payment; it can never be changed."""
    tx.append(subsidy_payments, **encode(payment))


def every_claim(tx: Tx) -> tuple[SubsidyClaim, ...]:
    """All claims, oldest first."""
    c = subsidy_claims.c
    question = select(subsidy_claims).where(c.tenant_id == tx.tenant_id)
    return tuple(read_as(SubsidyClaim, row) for row in tx.rows(question.order_by(c.at_ms)))


def find_claim(tx: Tx, claim_id: str) -> SubsidyClaim | None:
    """The claim with that id, if it is known."""
    row = tx.find_row(subsidy_claims, claim_id=claim_id)
    return read_as(SubsidyClaim, row) if row else None


def lines_of(tx: Tx, claim_id: str) -> tuple[ClaimLine, ...]:
    """A claim's lines, by id."""
    rows = tx.find_rows(subsidy_claim_lines, "line_id", claim_id=claim_id)
    return tuple(read_as(ClaimLine, row) for row in rows)


def payments_of(tx: Tx, claim_id: str) -> tuple[SubsidyPayment, ...]:
    """What was paid of a claim, oldest first."""
    rows = tx.find_rows(subsidy_payments, "at_ms", claim_id=claim_id)
    return tuple(read_as(SubsidyPayment, row) for row in rows)


def find_payment(tx: Tx, payment_id: str) -> SubsidyPayment | None:
    """The payment with that id, if it is known."""
    row = tx.find_row(subsidy_payments, payment_id=payment_id)
    return read_as(SubsidyPayment, row) if row else None


def claimed_before(tx: Tx) -> dict[str, int]:
    """What was claimed of each line so far [minor units]."""
    c = subsidy_claim_lines.c
    total = func.sum(c.claimed_minor).label("claimed_minor")
    question = select(c.line_id, total).where(c.tenant_id == tx.tenant_id).group_by(c.line_id)
    return {row["line_id"]: int(row["claimed_minor"]) for row in tx.rows(question)}
