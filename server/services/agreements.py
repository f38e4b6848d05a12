"""The life of agreements at the centre: each step with who, when, why; nothing else ends one.

What people or rules bring about is refused if the table does not permit it
(:func:`bring_about`). What stations report has happened: it is written down whatever the
table says, and marked with what was irregular about it (:func:`report`). A step of a line
that was opened before steps were kept begins from how its line stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from core.decision.policy import Verdict
from core.errors import AgreementError
from core.lending.agreement import (
    TRANSITIONS,
    AgreementEvent,
    AgreementReason,
    AgreementState,
    Party,
    Standing,
    advance,
)
from core.lending.lease import DrawState
from core.wire.records import Application
from server.services.centre import Work
from server.store import agreements, leases, lines, people
from server.store.agreements import Step
from server.store.engine import Tx
from server.store.leases import Drawing
from server.store.lines import Line
from server.store.people import Actor
from server.store.reports import KeptDecision

STEP_ACTION = "agreement_step"  # in the trail
_PARTIES = {
    "lender": Party.OFFICER,
    "supervisor": Party.SUPERVISOR,
    "station": Party.STATION,
    "centre": Party.RULE,
    "operator": Party.OFFICER,
    "cashier": Party.RULE,  # money that came counts by rule, whoever took it
}
_DRAWN = (
    AgreementState.ACTIVE,
    AgreementState.FROZEN,
    AgreementState.IN_RELIEF,
    AgreementState.WITHDRAWN,
    AgreementState.WRITTEN_OFF,
)
_ENDED = (
    AgreementState.ABANDONED,
    AgreementState.LAPSED,
    AgreementState.RENEWED,
    AgreementState.CLOSED,
)
_VERDICTS = {
    Verdict.DECLINE.value: AgreementEvent.DECLINE,
    Verdict.REFER.value: AgreementEvent.REFER,
}
FROZEN_FOR_GOOD = (AgreementState.WITHDRAWN, AgreementState.WRITTEN_OFF)
OPEN_STATES = frozenset({AgreementState.OFFERED, AgreementState.HELD, *_DRAWN})


@dataclass(frozen=True, slots=True)
class Event:
    """Something that befalls an agreement: who did it, why, and facts without words.

    ``party`` is the one in whose name the actor acts, as a station in a farmer's; by
    default it follows from the actor's role.
    """

    event: AgreementEvent
    actor: Actor
    reason: AgreementReason
    party: Party | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def by(self) -> tuple[Party, AgreementReason]:
        """Who brings it about, and why."""
        return (self.party or _PARTIES.get(self.actor.role, Party.OFFICER), self.reason)


def state_of(tx: Tx, agreement_id: str) -> AgreementState | None:
    """Where an agreement stands; None if there is none."""
    step = agreements.last(tx, agreement_id)
    return step.state if step is not None else None


def state_of_line(tx: Tx, line: Line) -> AgreementState:
    """Where the agreement of a line stands, also of one that has no steps yet."""
    found = state_of(tx, line.application_id)
    return _as_it_stands(tx, line) if found is None else found


def bring_about(work: Work, line: Line, event: Event, standing: Standing) -> Step:
    """Let something befall a line's agreement that the table permits.

    Raises
    ------
    AgreementError
        If the table does not permit it; nothing is written.
    """
    named = (line.application_id, line.line_id)
    return _advance(work, named, event, (state_of_line(work.tx, line), standing))


def bring_about_for(work: Work, named: tuple[str, str], event: Event, standing: Standing) -> Step:
    """The same for an application that has no line yet: its id, and the line's that it gets.

    Raises
    ------
    AgreementError
        If the table does not permit it; nothing is written.
    """
    return _advance(work, named, event, (state_of(work.tx, named[0]), standing))


def _advance(
    work: Work,
    named: tuple[str, str],
    event: Event,
    stands: tuple[AgreementState | None, Standing],
) -> Step:
    before, standing = stands
    after = advance(before, event.event, event.by, standing)
    return _write(work, named, event, (after, standing.on, ""))


def report(
    work: Work, agreement_id: str, event: Event, standing: Standing, line_id: str = ""
) -> Step:
    """Write down what has happened, permitted or not."""
    before = state_of(work.tx, agreement_id)
    line = lines.find(work.tx, line_id) if line_id else None
    if before is None and line is not None and line.opened_at_ms < work.at_ms:
        before = _as_it_stands(work.tx, line)
    try:
        after, irregular = advance(before, event.event, event.by, standing), ""
    except AgreementError as error:
        after, irregular = _forced(before, event.event), str(error)
    return _write(work, (agreement_id, line_id), event, (after, standing.on, irregular))


def drawn(work: Work, line: Line, drawing: Drawing, by: Actor) -> None:
    """Money was paid out: the farmer agreed to the price that was told with the first draw."""
    state = state_of_line(work.tx, line)
    detail = {"draw_id": drawing.draw_id, "apr_ppm": drawing.apr_ppm}
    standing = Standing(
        on=date.fromisoformat(drawing.effective_on),
        offered_until=date.fromisoformat(line.due_on),
        consent_id=drawing.consent_id,
        apr_ppm=drawing.apr_ppm,
    )
    agreed = AgreementReason.TOLD_AND_CONSENTED
    if state in _ENDED:
        late = AgreementReason.DRAWN_IN_THE_DARK
        event = Event(AgreementEvent.REOPEN, by, late, Party.STATION, detail)
        report(work, line.application_id, event, standing, line.line_id)
    elif state not in _DRAWN:
        detail |= {"consent_id": drawing.consent_id}
        event = Event(AgreementEvent.AGREE, by, agreed, Party.FARMER, detail)
        report(work, line.application_id, event, standing, line.line_id)


def applied(work: Work, application: Application, by: Actor, reason: AgreementReason) -> None:
    """Somebody asked for a line, at a kiosk or by the lender's own books."""
    party = Party.FARMER if reason is AgreementReason.ASKED else None
    detail = {"product_id": application.product_id, "asked_minor": application.asked_minor}
    event = Event(AgreementEvent.APPLY, by, reason, party, detail)
    report(work, application.application_id, event, Standing(work.today()))


def decided(work: Work, kept: KeptDecision, by: Actor) -> None:
    """A card that declines, or refers to a person; what is approved becomes an offer."""
    event = _VERDICTS.get(kept.verdict)
    if event is not None:
        told = Event(event, by, AgreementReason.DECISION_CARD, None, {"card_id": kept.card_id})
        report(work, kept.application_id, told, Standing(work.today()))


def offered(work: Work, line: Line, by: Actor) -> None:
    """A line was opened: an offer, of which nothing is owed until the first draw."""
    last = agreements.last(work.tx, line.application_id)
    if last is not None and (last.event, last.line_id) == (AgreementEvent.OFFER, line.line_id):
        return  # by a person, who said so before
    detail = {"card_id": line.card_id, "limit_minor": line.limit_minor}
    event = Event(AgreementEvent.OFFER, by, AgreementReason.DECISION_CARD, None, detail)
    standing = Standing(date.fromisoformat(line.opened_on))
    report(work, line.application_id, event, standing, line.line_id)


def frozen_changed(work: Work, line: Line, by: Actor, reason: AgreementReason, on: date) -> None:
    """A line was frozen or let go on by the centre's rule, or was so from its start."""
    event = AgreementEvent.FREEZE if line.frozen else AgreementEvent.THAW
    report(
        work, line.application_id, Event(event, by, reason, Party.RULE), Standing(on), line.line_id
    )


def _forced(before: AgreementState | None, event: AgreementEvent) -> AgreementState:
    """Where something leads that happened although the table does not know it.

    Money that was paid out makes an agreement; nothing else moves one that is there.
    """
    if event is AgreementEvent.AGREE:
        return AgreementState.FROZEN if before is AgreementState.HELD else AgreementState.ACTIVE
    if before is not None:
        return before
    return next(each.after for each in TRANSITIONS if each.event is event)


def _as_it_stands(tx: Tx, line: Line) -> AgreementState:
    """What the state of a line must be that was opened before steps were kept."""
    if not line.is_open:
        return AgreementState.CLOSED
    if has_drawn(tx, line.line_id):
        return AgreementState.FROZEN if line.frozen else AgreementState.ACTIVE
    return AgreementState.HELD if line.frozen else AgreementState.OFFERED


def has_drawn(tx: Tx, line_id: str) -> bool:
    """Whether money was ever drawn under a line."""
    return any(each.state is DrawState.POSTED for each in leases.draws_of_line(tx, line_id))


def _write(
    work: Work,
    named: tuple[str, str],
    event: Event,
    led: tuple[AgreementState, date, str],
) -> Step:
    agreement_id, line_id = named
    last = agreements.last(work.tx, agreement_id)
    step = Step(
        agreement_id=agreement_id,
        seq=last.seq + 1 if last else 1,
        line_id=line_id or (last.line_id if last else ""),
        event=event.event,
        state=led[0],
        on_day=led[1].isoformat(),
        at_ms=work.at_ms,
        actor=event.actor.name,
        role=event.actor.role,
        party=event.by[0],
        reason=event.reason,
        detail=dict(event.detail),
        irregular=led[2],
    )
    agreements.add(work.tx, step)
    subject = ("agreement", agreement_id)
    people.record(work.tx, work.at_ms, event.actor, STEP_ACTION, subject, told_of(step))
    return step


def told_of(step: Step) -> dict[str, str]:
    """What the trail keeps of a step."""
    return {
        "event": step.event.value,
        "state": step.state.value,
        "reason": step.reason.value,
        "on": step.on_day,
    }
