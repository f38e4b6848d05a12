"""The promises of money in hand: boxes hold what records say; what bounced is undone."""

from __future__ import annotations

from core.lending.books import agent_account
from core.lending.cashbox import MoveKind
from core.shape import decode
from core.wire.cash import CashCount, CashHandover, CashRepayment
from core.wire.records import Drawdown
from server.services.audit.finding import Look, Looks, first_fault
from server.services.centre import Centre
from server.store import bounces, cash, ledger
from server.store.bounces import KeptBounce
from server.store.cash import KeptMove
from server.store.engine import Tx


def bounced(_: Centre, tx: Tx) -> Looks:
    """Every bounce undoes a repayment that was taken, whole, and not by who took it."""
    for kept in bounces.stream(tx):
        yield _undone(tx, kept)


def _undone(tx: Tx, kept: KeptBounce) -> Look:
    repaid = ledger.find_repayment(tx, kept.repayment_id)
    if repaid is None:
        return Look("repayment_bounces", kept.repayment_id, "a repayment that was taken", "none")
    return first_fault(
        "repayment_bounces",
        kept.repayment_id,
        (repaid.line_id != kept.line_id, f"line {repaid.line_id}, as was paid", kept.line_id),
        (
            repaid.amount_minor != kept.amount_minor,
            f"{repaid.amount_minor}, as was paid",
            f"{kept.amount_minor}",
        ),
        (repaid.received_by == kept.actor, "another person than who took it", kept.actor),
    )


def boxes(_: Centre, tx: Tx) -> Looks:
    """What each agent holds by the ledger is what moved their box by the records."""
    recorded = cash.sums(tx)
    for person in cash.people(tx):
        recorded.setdefault((person.person_id, person.currency), 0)
    for (person_id, currency), amount in sorted(recorded.items()):
        booked = ledger.account_balance(tx, agent_account(person_id), currency)
        yield first_fault(
            "cash_moves",
            person_id,
            (booked != amount, f"{amount} in the box, as its records say", f"{booked}"),
        )


def said(_: Centre, tx: Tx) -> Looks:
    """Every move of a box is what its station's signed record says."""
    for move in cash.stream(tx):
        yield _as_said(move)


def _as_said(move: KeptMove) -> Look:
    wanted = _amount_said(move)
    return first_fault(
        "cash_moves",
        f"{move.move_id} {move.person_id}",
        (wanted != move.amount_minor, f"{wanted}, as was reported", f"{move.amount_minor}"),
    )


def _amount_said(move: KeptMove) -> int:
    """By how much a record says that it moved a box [minor units]."""
    if move.kind is MoveKind.HANDOVER:
        told = decode(CashHandover, dict(move.body)).handover
        gives = told.giver_id == move.person_id
        return -told.amount_minor if gives else told.amount_minor
    if move.kind is MoveKind.COUNT:
        return decode(CashCount, dict(move.body)).count.difference_minor
    if move.kind is MoveKind.REPAYMENT:
        return decode(CashRepayment, dict(move.body)).taken.amount_minor
    return -decode(Drawdown, dict(move.body)).amount_minor
