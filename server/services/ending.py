"""What people bring about to leave an agreement or to end it, and what time does.

Each is a step that the table of :mod:`core.lending.agreement` permits, or is refused by
name. None makes what is owed less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from core.lending.agreement import (
    AgreementEvent,
    AgreementReason,
    AgreementState,
    Party,
    Standing,
)
from server.services.agreements import Event, bring_about, state_of_line
from server.services.centre import Centre, Work
from server.services.downlink import send_freeze, send_status
from server.services.standing import owed, priced_by, zone_minutes
from server.store import agreements, lines
from server.store.agreements import Step
from server.store.lines import Line
from server.store.people import Actor

_OFFERS = (AgreementState.OFFERED, AgreementState.HELD)


@dataclass(frozen=True, slots=True)
class Said:
    """Who wants something done, in whose name, and why."""

    actor: Actor
    reason: AgreementReason
    party: Party | None = None


def abandon(centre: Centre, line_id: str, said: Said) -> Step:
    """Take an offer back that the farmer does not want; nothing was drawn.

    Raises
    ------
    NotKnownError
        If there is no such line.
    AgreementError
        If money was drawn, or the line has ended.
    """
    return centre.write(lambda work: _end(work, line_id, (AgreementEvent.ABANDON, said)))


def close(centre: Centre, line_id: str, said: Said) -> Step:
    """Close an agreement of which nothing is owed, before its season has ended.

    Raises
    ------
    NotKnownError
        If there is no such line.
    AgreementError
        If something is owed, or nothing was ever drawn: then it is an offer.
    """
    return centre.write(lambda work: _end(work, line_id, (AgreementEvent.CLOSE, said)))


def lapse(work: Work, line: Line) -> bool:
    """Let an offer run out whose last day has passed; whether it did."""
    if not line.is_open or state_of_line(work.tx, line) not in _OFFERS:
        return False
    on = today_of(work, line)
    if on <= date.fromisoformat(line.due_on):
        return False
    event = Event(AgreementEvent.LAPSE, work.myself, AgreementReason.TIME_PASSED)
    standing = Standing(on, offered_until=date.fromisoformat(line.due_on))
    bring_about(work, line, event, standing)
    shut(work, line)
    return True


def cooling_off_until(work: Work, line: Line) -> date | None:
    """The last day on which the farmer may leave without a reason; None if there is none."""
    terms = priced_by(work.tx, line).agreement
    steps = agreements.life(work.tx, line.application_id)
    agreed = [each for each in steps if each.event is AgreementEvent.AGREE]
    if terms is None or not agreed:
        return None
    return date.fromisoformat(agreed[0].on_day) + timedelta(days=terms.cooling_off_days)


def freeze_for_good(work: Work, line: Line) -> None:
    """Let nothing more be drawn on a line whose state says so; no review thaws it."""
    frozen = replace(line, frozen=True)
    lines.save(work.tx, frozen)
    send_freeze(work, frozen, ())


def shut(work: Work, line: Line) -> None:
    """Close a line, and tell its stations."""
    closed = replace(line, is_open=False, frozen=True, closed_at_ms=work.at_ms)
    lines.save(work.tx, closed)
    send_status(work, closed)
    send_freeze(work, closed, ())


def event_of(event: AgreementEvent, said: Said, detail: Mapping[str, Any]) -> Event:
    """The event as it was said."""
    return Event(event, said.actor, said.reason, said.party, detail)


def stands(work: Work, line: Line) -> Standing:
    """What is owed today."""
    on = today_of(work, line)
    return Standing(on, owed_minor=owed(work.tx, line, on).total_minor)


def today_of(work: Work, line: Line) -> date:
    """The civil date where the farmer lives."""
    return work.today(zone_minutes(work.tx, line.farmer_id))


def _end(work: Work, line_id: str, asked: tuple[AgreementEvent, Said]) -> Step:
    line = lines.lock(work.tx, line_id)
    step = bring_about(work, line, event_of(asked[0], asked[1], {}), stands(work, line))
    shut(work, line)
    return step
