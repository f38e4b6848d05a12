"""What a payout does to the books: paid by a rail, come back, or never gone.

When a rail has paid, what was owed to the payee is settled from the rail's account,
``cash/rail/NAME``. When the money came back, that is reversed. A payout that came back or
was cancelled undoes its drawdown and its fee as of their own day, so that nobody pays
interest on money that never reached anybody; repayments since then are split anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from core.lending.agreed import draw_fact, fee_fact
from core.lending.books import PAYOUT_CAUSE, fee_account, fee_back_cause, principal_account
from core.lending.ledger import Entry, EntryKind, transfer
from core.lending.payout import PayoutEvent, PayoutState
from server.services.centre import Work
from server.services.hooks import emit
from server.services.paying import Said, owed_account, take_step
from server.services.posting import settle, square
from server.store import leases, ledger, lines
from server.store.engine import NotKnownError
from server.store.payouts import Payout

NEVER_MS = 2**53 - 1  # due at no time: it waits for a word from outside


@dataclass(frozen=True, slots=True)
class _Move:
    cause: str
    kind: EntryKind
    on: str
    accounts: tuple[str, str]
    amount_minor: int


def rail_account(rail: str) -> str:
    """The account from which a rail pays."""
    return f"cash/rail/{rail}"


def paid_cause(payout_id: str) -> str:
    """The cause of the entry that says that a rail has paid."""
    return f"{PAYOUT_CAUSE}{payout_id}/paid"


def returned_cause(payout_id: str) -> str:
    """The cause of the entry that takes that back."""
    return f"{PAYOUT_CAUSE}{payout_id}/returned"


def undone_cause(payout_id: str, draw_id: str) -> str:
    """The cause of the entry that undoes the draw."""
    return f"{PAYOUT_CAUSE}{payout_id}/undoes/{draw_fact(draw_id)}"


def confirm(work: Work, payout: Payout, said: Said, reference: str) -> Payout:
    """Book that a rail has paid."""
    changes: dict[str, Any] = {"due_at_ms": NEVER_MS, "reference": reference}
    moved = take_step(work, payout, PayoutEvent.CONFIRM, said, **changes)
    owed = _owed(payout)
    accounts = (owed, rail_account(payout.rail))
    on = _today(work)
    cause = paid_cause(payout.payout_id)
    _post(work, moved, _Move(cause, EntryKind.PAYOUT, on, accounts, payout.amount_minor))
    _tell(work, moved)
    return moved


def reject(work: Work, payout: Payout, said: Said, reference: str) -> Payout:
    """Write down that a rail says that it paid nothing; the books do not change."""
    changes: dict[str, Any] = {"due_at_ms": NEVER_MS, "reference": reference}
    moved = take_step(work, payout, PayoutEvent.REJECT, said, **changes)
    _tell(work, moved)
    return moved


def give_back(work: Work, payout: Payout, said: Said, reference: str) -> Payout:
    """Book that the money of a payout came back: the drawdown is undone."""
    changes: dict[str, Any] = {"due_at_ms": NEVER_MS, "reference": reference}
    moved = take_step(work, payout, PayoutEvent.RETURN, said, **changes)
    if payout.state is PayoutState.PAID:
        accounts = (rail_account(payout.rail), _owed(payout))
        cause, on = returned_cause(payout.payout_id), _today(work)
        _post(work, moved, _Move(cause, EntryKind.REVERSAL, on, accounts, payout.amount_minor))
    _undo_draw(work, moved)
    _tell(work, moved)
    return moved


def cancel(work: Work, payout: Payout, said: Said) -> Payout:
    """Cancel a payout that never left, or that failed: the drawdown is undone."""
    moved = take_step(work, payout, PayoutEvent.CANCEL, said, due_at_ms=NEVER_MS)
    _undo_draw(work, moved)
    _tell(work, moved)
    return moved


def _undo_draw(work: Work, payout: Payout) -> None:
    line = lines.lock(work.tx, payout.line_id)
    drawing = leases.find_draw(work.tx, payout.draw_id)
    if drawing is None:
        raise NotKnownError(f"expected the draw {payout.draw_id} of a payout, got none")
    on = drawing.effective_on
    cause = undone_cause(payout.payout_id, payout.draw_id)
    accounts = (_owed(payout), principal_account(line.line_id))
    _post(work, payout, _Move(cause, EntryKind.REVERSAL, on, accounts, drawing.amount_minor))
    given_back = fee_back_cause(line.line_id, fee_fact(payout.draw_id))
    if drawing.fee_minor and not ledger.has_cause(work.tx, given_back, EntryKind.REVERSAL):
        accounts = ("income/fee", fee_account(line.line_id))
        undone = _Move(f"{cause}/fee", EntryKind.REVERSAL, on, accounts, drawing.fee_minor)
        _post(work, payout, undone)
    square(work, line, f"{PAYOUT_CAUSE}{payout.payout_id}")
    settle(work, line)


def _post(work: Work, payout: Payout, move: _Move) -> None:
    entry = Entry(
        entry_id=work.new_id(),
        kind=move.kind,
        effective_on=move.on,
        recorded_at_ms=work.at_ms,
        cause_id=move.cause,
        lines=transfer(*move.accounts, payout.currency, move.amount_minor),
    )
    ledger.post(work.tx, work.settings.name, entry)


def _tell(work: Work, payout: Payout) -> None:
    """Tell the payee's programs, if they asked to be told."""
    told = {
        "payout_id": payout.payout_id,
        "draw_id": payout.draw_id,
        "amount_minor": payout.amount_minor,
        "currency": payout.currency,
        "rail": payout.rail,
        "reference": payout.reference,
    }
    party = payout.payee_id if payout.payee_kind.value == "supplier" else ""
    emit(work, f"payout.{payout.state.value}", payout.payout_id, told, party)


def _owed(payout: Payout) -> str:
    return owed_account(payout.payee_kind, payout.payee_id, payout.line_id)


def _today(work: Work) -> str:
    day: date = work.today()
    return day.isoformat()
