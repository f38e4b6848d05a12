"""What rails are to pay: written with the drawdown that made it, step by step.

A drawdown that a till paid out makes no payout. One of a voucher is owed to the product's
supplier, one of a product that pays to accounts to the farmer; each makes exactly one
payout, in the transaction of its ledger entry. How a payout goes on stands in
:mod:`server.services.payouts`; every step of it is in the audit trail.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from core.lending.agreed import draw_fact
from core.lending.payout import PayeeKind, PayoutEvent, PayoutState, after, payout_id
from core.lending.product import Product
from server.services.centre import Work
from server.store import payouts, people
from server.store.leases import Drawing
from server.store.payouts import Payout, Step
from server.store.people import Actor

STEP_ACTION = "payout_step"
SUPPLIER_ACCOUNTS, FARMER_ACCOUNTS = "payable/supplier/", "payable/account/"
DETAIL_CHARS_MAX = 500
HELD_MS = 2**53 - 1  # due at no time, until a person has looked


@dataclass(frozen=True, slots=True)
class Said:
    """Who brings a step about, and why; ``detail`` is what else is kept of it."""

    by: Actor
    reason: str
    detail: str = ""


def owed_account(kind: PayeeKind, payee_id: str, line_id: str) -> str:
    """The account in which a payee's money stands until a rail has paid it."""
    if kind is PayeeKind.SUPPLIER:
        return f"{SUPPLIER_ACCOUNTS}{payee_id}"
    return f"{FARMER_ACCOUNTS}{line_id}"


def owed_cause(draw_id: str) -> str:
    """The cause of the entry by which a draw out of suspense is owed to its payee."""
    return f"{draw_fact(draw_id)}/owed"


def payee_of(product: Product, farmer_id: str) -> tuple[PayeeKind, str] | None:
    """Whom a product's draws are paid to by a rail; None if a till pays them out."""
    if product.voucher is not None:
        return PayeeKind.SUPPLIER, product.pays
    return (PayeeKind.FARMER, farmer_id) if product.pays else None


def make(work: Work, drawing: Drawing, payee: tuple[PayeeKind, str]) -> Payout | None:
    """The payout of a drawdown that was posted; None if it has one already."""
    kind, payee_id = payee
    made = Payout(
        payout_id=payout_id(work.tx.tenant_id, drawing.draw_id),
        draw_id=drawing.draw_id,
        line_id=drawing.line_id,
        payee_kind=kind,
        payee_id=payee_id,
        currency=drawing.currency,
        amount_minor=drawing.amount_minor,
        effective_on=drawing.effective_on,
        made_at_ms=work.at_ms,
        state=after(None, PayoutEvent.MAKE),
        due_at_ms=work.at_ms,
        steps_count=1,
    )
    if not payouts.add(work.tx, made):
        return None
    _write_down(work, made, PayoutEvent.MAKE, Said(work.myself, f"draw/{drawing.draw_id}"))
    work.ring()
    return made


def hold(work: Work, draw_id: str) -> None:
    """Keep a payout from being sent until a person has looked at its draw; it can be cancelled."""
    _due(work, draw_id, HELD_MS)


def let_go(work: Work, draw_id: str) -> None:
    """Let a payout that was held be sent now."""
    _due(work, draw_id, work.at_ms)
    work.ring()


def of_draw(work: Work, draw_id: str) -> Payout | None:
    """The payout of a draw, if it makes one."""
    return payouts.find(work.tx, payout_id(work.tx.tenant_id, draw_id))


def _due(work: Work, draw_id: str, due_at_ms: int) -> None:
    found = of_draw(work, draw_id)
    if found is None:
        return
    found = payouts.lock(work.tx, found.payout_id)  # a sender may have taken it meanwhile
    if found.state is PayoutState.PENDING:
        payouts.put(work.tx, replace(found, due_at_ms=due_at_ms))


def take_step(work: Work, payout: Payout, event: PayoutEvent, said: Said, **changes: Any) -> Payout:
    """Take a payout one step on; ``changes`` are what else becomes of it.

    Raises
    ------
    AgreementError
        If the table does not permit it.
    """
    state = after(payout.state, event)
    moved = replace(payout, state=state, steps_count=payout.steps_count + 1, **changes)
    payouts.put(work.tx, moved)
    _write_down(work, moved, event, said)
    return moved


def told_of(step: Step) -> dict[str, Any]:
    """What the trail tells of a step."""
    return {
        "seq": step.seq,
        "event": step.event.value,
        "state": step.state.value,
        "attempt": step.attempt,
        "rail": step.rail,
        "reference": step.reference,
    }


def _write_down(work: Work, payout: Payout, event: PayoutEvent, said: Said) -> None:
    step = Step(
        payout_id=payout.payout_id,
        seq=payout.steps_count,
        event=event,
        state=payout.state,
        at_ms=work.at_ms,
        actor=said.by.name,
        role=said.by.role,
        reason=said.reason[:DETAIL_CHARS_MAX],
        attempt=payout.attempt,
        rail=payout.rail,
        batch_id=payout.batch_id,
        reference=payout.reference,
        detail=said.detail[:DETAIL_CHARS_MAX],
    )
    payouts.add_step(work.tx, step)
    subject = ("payout", payout.payout_id)
    people.record(work.tx, work.at_ms, said.by, STEP_ACTION, subject, told_of(step))
