"""When relief is over: what it put off has come due, or nothing is owed any more.

The line goes on as any other, with the days that it was given: what is unpaid by then is late,
what is repaid may be renewed. A line that somebody or the rule had frozen stays so until it is
let go on. Time and money end a relief, and nobody has to: the daily turn of a line's station
looks, and so does each repayment.
"""

from __future__ import annotations

from datetime import date

from core.lending.agreement import AgreementEvent, AgreementReason, AgreementState, Standing
from server.services.agreements import Event, bring_about, state_of_line
from server.services.centre import Work
from server.services.ending import today_of
from server.services.standing import account_of
from server.store import agreements
from server.store.engine import Tx
from server.store.lines import Line

_DOUBTS = frozenset(
    {
        AgreementReason.VISIT_PENDING,
        AgreementReason.IDENTITY_IN_DOUBT,
        AgreementReason.DISPUTE,
        AgreementReason.HARDSHIP,
        AgreementReason.STATION_IN_DOUBT,
        AgreementReason.EVIDENCE_STALE,
    }
)


def end_relief(work: Work, line: Line, *, is_repaid: bool) -> bool:
    """End a line's relief whose last day has passed, or of which all is repaid; whether it did.

    Once it has ended there is none to end: asked again, nothing changes.
    """
    if not line.is_open or state_of_line(work.tx, line) is not AgreementState.IN_RELIEF:
        return False
    on = today_of(work, line)
    if not is_repaid and on <= date.fromisoformat(line.due_on):
        return False
    reason = AgreementReason.REPAID if is_repaid else AgreementReason.TIME_PASSED
    account = account_of(work.tx, line, on)
    standing = Standing(on, owed_minor=account.owed.total_minor)
    detail = {
        "due_on": line.due_on, "owed_minor": standing.owed_minor, "late_minor": account.late_minor,
    }  # fmt: skip
    event = Event(AgreementEvent.END_RELIEF, work.myself, reason, None, detail)
    bring_about(work, line, event, standing)
    if line.frozen:
        still = Event(AgreementEvent.FREEZE, work.myself, _frozen_for(work.tx, line))
        bring_about(work, line, still, standing)
    return True


def _frozen_for(tx: Tx, line: Line) -> AgreementReason:
    """Why a line was frozen last; a person is yet to look where no doubt was told."""
    steps = agreements.life(tx, line.application_id)
    frozen = [each.reason for each in steps if each.event is AgreementEvent.FREEZE]
    last = frozen[-1] if frozen else AgreementReason.VISIT_PENDING
    return last if last in _DOUBTS else AgreementReason.VISIT_PENDING
