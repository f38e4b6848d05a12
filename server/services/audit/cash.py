"""The promises of money in hand: what bounced is undone, once and by another."""

from __future__ import annotations

from server.services.audit.finding import Look, Looks, first_fault
from server.services.centre import Centre
from server.store import bounces, ledger
from server.store.bounces import KeptBounce
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
