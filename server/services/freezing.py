"""A supervisor stops new draws on a line, or lets them go on, with a coded reason.

The rule freezes a line whose plot was not seen for too long and thaws it when it is
seen again. What a person froze stays frozen through every review until a person
lifts it. The reason is a code: the audit trail holds no words about people.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from enum import Enum

from core.lending.agreement import AgreementEvent, AgreementReason, Standing
from core.lending.limit import Movement
from core.reasons import Reason, ReasonCode
from server.services.agreements import FROZEN_FOR_GOOD, Event, bring_about, state_of_line
from server.services.centre import Centre, RequestError, Work
from server.services.downlink import send_freeze
from server.services.leasing import issue_for_line
from server.services.standing import zone_minutes
from server.store import lines, people
from server.store.engine import Tx
from server.store.lines import Line
from server.store.people import Actor

FROZE, THAWED = "line_frozen", "line_unfrozen"


class FreezeReason(Enum):
    """Why a person stops, or lets go on, the draws of a line."""

    VISIT_PENDING = "visit_pending"
    IDENTITY_IN_DOUBT = "identity_in_doubt"
    DISPUTE = "dispute"
    HARDSHIP = "hardship"
    STATION_IN_DOUBT = "station_in_doubt"
    CLEARED = "cleared"


def freeze(centre: Centre, line_id: str, reason: FreezeReason, actor: Actor) -> Line:
    """Stop new draws; the same again changes nothing.

    Raises
    ------
    NotKnownError
        If there is no such line.
    RequestError
        If the line is closed.
    """
    return centre.write(lambda work: _freeze(work, line_id, reason, actor))


def thaw(centre: Centre, line_id: str, reason: FreezeReason, actor: Actor) -> Line:
    """Lift what people froze; what the rule froze waits until the plot is seen.

    Raises
    ------
    NotKnownError
        If there is no such line.
    RequestError
        If the line is closed, or nobody froze it.
    """
    return centre.write(lambda work: _thaw(work, line_id, reason, actor))


def frozen_by_people(tx: Tx, line: Line) -> bool:
    """Whether a line is frozen for another cause than the rule's."""
    return line.frozen and (
        not frozen_by_rule(tx, line)
        or _frozen_by_hand(tx, line.line_id)
        or state_of_line(tx, line) in FROZEN_FOR_GOOD
    )


def frozen_by_rule(tx: Tx, line: Line) -> bool:
    """Whether the latest review froze the line."""
    last = lines.last_movement(tx, line.line_id)
    return last is not None and last.movement is Movement.FROZEN


def _frozen_by_hand(tx: Tx, line_id: str) -> bool:
    hands = [act for act in people.acts_on(tx, "line", line_id) if act in (FROZE, THAWED)]
    return bool(hands) and hands[-1] == FROZE


def _freeze(work: Work, line_id: str, reason: FreezeReason, actor: Actor) -> Line:
    line = _open_line(work, line_id)
    if frozen_by_people(work.tx, line):
        return line
    return _set(work, line, FROZE, (reason, actor), frozen=True)


def _thaw(work: Work, line_id: str, reason: FreezeReason, actor: Actor) -> Line:
    line = _open_line(work, line_id)
    if not frozen_by_people(work.tx, line):
        raise RequestError(
            f"line {line_id}: expected a line that a person froze; what the rule froze goes on "
            "when its plot is seen again"
        )
    after = _set(work, line, THAWED, (reason, actor), frozen=frozen_by_rule(work.tx, line))
    issue_for_line(work, line_id)
    return after


def _open_line(work: Work, line_id: str) -> Line:
    line = lines.lock(work.tx, line_id)
    if not line.is_open:
        raise RequestError(f"line {line_id}: expected an open line, this one is closed")
    return line


def _today(work: Work, line: Line) -> date:
    return work.today(zone_minutes(work.tx, line.farmer_id))


def _set(
    work: Work, line: Line, action: str, said: tuple[FreezeReason, Actor], *, frozen: bool
) -> Line:
    reason, actor = said
    after = replace(line, frozen=frozen)
    if frozen != line.frozen:
        event = AgreementEvent.FREEZE if frozen else AgreementEvent.THAW
        told = Event(event, actor, AgreementReason(reason.value))
        bring_about(work, line, told, Standing(_today(work, line)))
    lines.save(work.tx, after)
    detail = {"reason": reason.value}
    people.record(work.tx, work.at_ms, actor, action, ("line", line.line_id), detail)
    if frozen != line.frozen:
        code = ReasonCode.DRAW_FROZEN if frozen else ReasonCode.LIMIT_UNCHANGED
        send_freeze(work, after, (Reason(code),))
    return after
