"""What farmers ended at a station: applied by the agreement's table, and flagged if too late.

It has happened there: it is written down in any case (statement C12 of docs/wire.md). What
the table does not permit by the centre's facts is irregular: the agreement goes on, and
people are told.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from core.errors import ShapeError
from core.lending.agreement import AgreementEvent, AgreementReason, Party
from core.shape import decode
from core.units import civil_date
from core.wire.records import AgreementLeft, Leaving
from server.services.agreements import Event, report
from server.services.centre import Work
from server.services.ending import cooling_off_until, shut, stands, today_of
from server.services.reported import Reported
from server.services.standing import priced_by
from server.services.withdrawing import left_with, let_go
from server.store import agreements, lines
from server.store.engine import ConflictError
from server.store.lines import Line
from server.store.people import Actor

_EVENTS = {Leaving.ABANDON: AgreementEvent.ABANDON, Leaving.WITHDRAW: AgreementEvent.WITHDRAW}


def apply_leaving(work: Work, reported: Reported) -> str:
    """Apply the end of an agreement that a station reports; what was wrong with it, or nothing.

    Raises
    ------
    NotKnownError
        If there is no such line.
    ConflictError
        If the line is another farmer's.
    """
    left = decode(AgreementLeft, reported.record.body)
    line = lines.lock(work.tx, left.line_id)
    if line.farmer_id != left.farmer_id:
        raise ConflictError(f"line {left.line_id} is not farmer {left.farmer_id}'s to end")
    event = _EVENTS[left.event]
    if _is_known(work, line, event, left.leaving_id):
        return ""
    on, wrong_day = _day_of(work, line, left)
    standing = replace(stands(work, line), on=on, cooling_off_until=cooling_off_until(work, line))
    detail = {
        "leaving_id": left.leaving_id,
        "told_owed_minor": left.owed_minor,
        "told_repay_by": left.repay_by,
        "owed_minor": standing.owed_minor,
    }
    if left.event is Leaving.WITHDRAW:
        detail |= left_with(work, line, on)
        detail |= {"repay_on": _repay_on(work, line, left, on)}
    by = Actor(reported.writer, "station")
    happened = Event(event, by, AgreementReason.ASKED, Party.FARMER, detail)
    step = report(work, line.application_id, happened, standing, line.line_id)
    if not step.irregular:
        if left.event is Leaving.ABANDON:
            shut(work, line)
        else:
            let_go(work, line, on)
    reported.touched.add(line.line_id)
    return f"line {line.line_id}: {step.irregular}" if step.irregular else wrong_day


def _is_known(work: Work, line: Line, event: AgreementEvent, leaving_id: str) -> bool:
    steps = agreements.life(work.tx, line.application_id)
    return any(
        step.event is event and step.detail.get("leaving_id") == leaving_id for step in steps
    )


def _day_of(work: Work, line: Line, left: AgreementLeft) -> tuple[date, str]:
    """The day on which it counts: the one that was told, but never a day that is yet to come."""
    on, today = civil_date(left.on), today_of(work, line)
    if on is None:
        raise ShapeError(f"leaving {left.leaving_id}: expected a day, got {left.on[:40]!r}")
    if on <= today + timedelta(days=1):
        return min(on, today), ""
    return today, f"line {line.line_id}: left on {on}, which is yet to come; counted on {today}"


def _repay_on(work: Work, line: Line, left: AgreementLeft, on: date) -> str:
    """By when it is to be repaid: what the farmer was told holds, if that is later."""
    terms = priced_by(work.tx, line).agreement
    days = terms.withdrawn_repay_days if terms is not None else 0
    ruled = on + timedelta(days=days)
    told = civil_date(left.repay_by) or ruled
    latest = ruled + timedelta(days=days)
    return max(ruled, min(told, latest)).isoformat()
