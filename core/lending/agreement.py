"""The life of an agreement: from the application to its closure, as one open table.

An agreement is in one state; an *event* takes it to the next. Which events a state
permits, who may bring one about, for which reasons and under what condition stands in
:data:`TRANSITIONS` and nowhere else; ``docs/agreement.md`` shows the same table. What
is not in it is refused by name. The farmer agrees by the first drawdown, whose whole
price was told before consent; until then the line is an offer, and costs nothing. Money
that was paid out is a fact: a draw that a dark station reports late is booked, and
*reopens* an agreement that had ended, and a repayment that bounced *reinstates* the one that
it closed; nothing more is drawn until a person has looked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum

from core.errors import AgreementError
from core.lending.steps import Life


class AgreementState(Enum):
    """Where an agreement stands."""

    APPLIED = "applied"
    REFERRED = "referred"  # a person is to decide
    DECLINED = "declined"
    ABANDONED = "abandoned"  # the applicant did not want it
    OFFERED = "offered"  # a line is open, nothing was drawn: each draw tells its whole price
    HELD = "held"  # an offer of which nothing may be drawn for now
    LAPSED = "lapsed"  # the offer ran out
    ACTIVE = "active"  # a price was told, consent given, money drawn
    FROZEN = "frozen"  # nothing more is drawn; what is owed stays as it was agreed
    IN_RELIEF = "in_relief"  # after a verified loss
    WITHDRAWN = "withdrawn"  # left within the cooling-off period; what was drawn is to be repaid
    WRITTEN_OFF = "written_off"  # not expected any more; still owed
    RENEWED = "renewed"  # another agreement follows it
    CLOSED = "closed"


class AgreementEvent(Enum):
    """What takes an agreement from one state to the next."""

    APPLY = "apply"
    REFER = "refer"
    DECLINE = "decline"
    ABANDON = "abandon"
    OFFER = "offer"
    LAPSE = "lapse"
    AGREE = "agree"
    FREEZE = "freeze"
    THAW = "thaw"
    WITHDRAW = "withdraw"
    RESTRUCTURE = "restructure"
    GRANT_RELIEF = "grant_relief"
    END_RELIEF = "end_relief"
    WRITE_OFF = "write_off"
    RECOVER = "recover"
    RENEW = "renew"
    CLOSE = "close"
    REOPEN = "reopen"
    REINSTATE = "reinstate"  # what closed it came to nothing


class Party(Enum):
    """Who brings an event about."""

    FARMER = "farmer"
    STATION = "station"
    OFFICER = "officer"
    SUPERVISOR = "supervisor"
    RULE = "rule"  # the centre, by a rule that is open


class AgreementReason(Enum):
    """Why; a code, for the trail holds no words about people."""

    ASKED = "asked"  # by the farmer
    DECISION_CARD = "decision_card"
    REVIEWED = "reviewed"  # by a person who looked at the case
    KNOWN_FARMER = "known_farmer"  # from past seasons
    TOLD_AND_CONSENTED = "told_and_consented"
    TIME_PASSED = "time_passed"
    REPAID = "repaid"
    EVIDENCE_STALE = "evidence_stale"
    EVIDENCE_FRESH = "evidence_fresh"
    VISIT_PENDING = "visit_pending"
    IDENTITY_IN_DOUBT = "identity_in_doubt"
    DISPUTE = "dispute"
    HARDSHIP = "hardship"
    STATION_IN_DOUBT = "station_in_doubt"
    CLEARED = "cleared"
    LOSS_VERIFIED = "loss_verified"
    NOT_RECOVERABLE = "not_recoverable"
    DEATH = "death"
    FRAUD = "fraud"
    MONEY_CAME = "money_came"
    DRAWN_IN_THE_DARK = "drawn_in_the_dark"  # reported late by a station without a link
    BOUNCED = "bounced"  # a repayment came to nothing


@dataclass(frozen=True, slots=True)
class Standing:
    """What must be known of an agreement to judge an event.

    Attributes
    ----------
    on
        The civil date of the event.
    owed_minor
        What is owed on that date, price included [minor units].
    offered_until, cooling_off_until
        The last day of the offer, and on which the farmer may still leave.
    consent_id, apr_ppm
        What the farmer consented to and the price that was told [ppm a year].
    """

    on: date
    owed_minor: int = 0
    offered_until: date | None = None
    cooling_off_until: date | None = None
    consent_id: str = ""
    apr_ppm: int | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """One permitted step; ``condition`` names an entry of :data:`CONDITIONS`, or is empty."""

    state: AgreementState | None  # None: there is no agreement yet
    event: AgreementEvent
    after: AgreementState
    parties: tuple[Party, ...]
    reasons: tuple[AgreementReason, ...]
    condition: str = ""


def _offer_is_open(standing: Standing) -> bool:
    return standing.offered_until is None or standing.on <= standing.offered_until


CONDITIONS: Mapping[str, Callable[[Standing], bool]] = {
    "the offer has not run out, the whole price was told, and consent was given": lambda s: (
        _offer_is_open(s) and bool(s.consent_id) and s.apr_ppm is not None
    ),
    "the last day of the offer has passed": lambda s: not _offer_is_open(s),
    "the cooling-off period has not passed": lambda s: (
        s.cooling_off_until is not None and s.on <= s.cooling_off_until
    ),
    "nothing is owed": lambda s: s.owed_minor == 0,
    "something is owed": lambda s: s.owed_minor > 0,
}
_AGREED, _RAN_OUT, _COOLING, _CLEAR, _OWING = CONDITIONS

_DECIDERS = (Party.STATION, Party.RULE)
_PEOPLE = (Party.OFFICER, Party.SUPERVISOR)
_DOUBTS = (
    AgreementReason.VISIT_PENDING,
    AgreementReason.IDENTITY_IN_DOUBT,
    AgreementReason.DISPUTE,
    AgreementReason.HARDSHIP,
    AgreementReason.STATION_IN_DOUBT,
    AgreementReason.EVIDENCE_STALE,
)
_THAWS = (AgreementReason.CLEARED, AgreementReason.EVIDENCE_FRESH)
_LIVE = (AgreementState.ACTIVE, AgreementState.FROZEN, AgreementState.IN_RELIEF)
_ENDED = (
    AgreementState.ABANDONED,
    AgreementState.LAPSED,
    AgreementState.RENEWED,
    AgreementState.CLOSED,
)
_WAITS = (AgreementState.OFFERED, AgreementState.HELD)


def _before() -> tuple[Transition, ...]:
    """Until the farmer agrees."""
    s, e, r = AgreementState, AgreementEvent, AgreementReason
    card, reviewed, asked = (r.DECISION_CARD,), (r.REVIEWED,), (r.ASKED,)
    everyone = (Party.FARMER, Party.STATION)
    known = (r.ASKED, r.KNOWN_FARMER)
    stop = (*_PEOPLE, Party.RULE)
    told = (r.TOLD_AND_CONSENTED,)
    found = [
        Transition(None, e.APPLY, s.APPLIED, (*everyone, *_PEOPLE), known),
        Transition(s.APPLIED, e.REFER, s.REFERRED, _DECIDERS, card),
        Transition(s.APPLIED, e.DECLINE, s.DECLINED, _DECIDERS, card),
        Transition(s.APPLIED, e.OFFER, s.OFFERED, _DECIDERS, card),
        Transition(s.APPLIED, e.ABANDON, s.ABANDONED, everyone, asked),
        Transition(s.REFERRED, e.DECLINE, s.DECLINED, _PEOPLE, reviewed),
        Transition(s.REFERRED, e.OFFER, s.OFFERED, _PEOPLE, reviewed),
        Transition(s.REFERRED, e.ABANDON, s.ABANDONED, everyone, asked),
        Transition(s.OFFERED, e.FREEZE, s.HELD, stop, _DOUBTS),
        Transition(s.HELD, e.THAW, s.OFFERED, stop, _THAWS),
        Transition(s.OFFERED, e.AGREE, s.ACTIVE, everyone, told, _AGREED),
        Transition(s.HELD, e.AGREE, s.FROZEN, everyone, told, _AGREED),  # at a dark station
    ]
    for state in _WAITS:
        found += [
            Transition(state, e.ABANDON, s.ABANDONED, (*everyone, *_PEOPLE), asked),
            Transition(state, e.LAPSE, s.LAPSED, (Party.RULE,), (r.TIME_PASSED,), _RAN_OUT),
        ]
    return tuple(found)


def _while() -> tuple[Transition, ...]:
    """While money may be drawn or is owed."""
    s, e, r = AgreementState, AgreementEvent, AgreementReason
    stop, anyone = (*_PEOPLE, Party.RULE), (Party.FARMER, *_PEOPLE)
    easier = (r.HARDSHIP, r.ASKED, r.LOSS_VERIFIED)
    found = [
        Transition(s.ACTIVE, e.FREEZE, s.FROZEN, stop, _DOUBTS),
        Transition(s.FROZEN, e.THAW, s.ACTIVE, stop, _THAWS),
        # Relief puts off what is owed; whether more may be drawn is another question.
        Transition(s.IN_RELIEF, e.FREEZE, s.IN_RELIEF, stop, _DOUBTS),
        Transition(s.IN_RELIEF, e.THAW, s.IN_RELIEF, stop, _THAWS),
        Transition(s.IN_RELIEF, e.END_RELIEF, s.ACTIVE, stop, (r.TIME_PASSED, r.REPAID)),
    ]
    for state in _LIVE:
        found += [
            Transition(state, e.WITHDRAW, s.WITHDRAWN, anyone, (r.ASKED,), _COOLING),
            Transition(
                state, e.CLOSE, s.CLOSED, (*anyone, Party.RULE), (r.REPAID, r.ASKED), _CLEAR
            ),
        ]
    for state in _LIVE:
        found.append(
            Transition(state, e.RESTRUCTURE, s.ACTIVE, (Party.SUPERVISOR,), easier, _OWING)
        )
    found += [
        Transition(state, e.GRANT_RELIEF, s.IN_RELIEF, stop, (r.LOSS_VERIFIED,))
        for state in (s.ACTIVE, s.FROZEN)
    ]
    found.append(
        Transition(s.ACTIVE, e.RENEW, s.RENEWED, (*_PEOPLE, Party.RULE), (r.ASKED,), _CLEAR)
    )
    return tuple(found)


def _after() -> tuple[Transition, ...]:
    """When it ends, and what can still come then."""
    s, e, r = AgreementState, AgreementEvent, AgreementReason
    lost = (r.NOT_RECOVERABLE, r.DEATH, r.FRAUD)
    closers = (*_PEOPLE, Party.RULE)
    found = [
        Transition(state, e.WRITE_OFF, s.WRITTEN_OFF, (Party.SUPERVISOR,), lost, _OWING)
        for state in (*_LIVE, s.WITHDRAWN)
    ]
    found += [
        Transition(s.WITHDRAWN, e.CLOSE, s.CLOSED, closers, (r.REPAID,), _CLEAR),
        Transition(s.WRITTEN_OFF, e.RECOVER, s.WRITTEN_OFF, closers, (r.MONEY_CAME,)),
        Transition(s.WRITTEN_OFF, e.CLOSE, s.CLOSED, closers, (r.REPAID,), _CLEAR),
    ]
    late = (r.DRAWN_IN_THE_DARK,)
    found += [Transition(x, e.REOPEN, s.FROZEN, (Party.STATION,), late) for x in _ENDED]
    found += [
        Transition(x, e.REINSTATE, s.FROZEN, closers, (r.BOUNCED,), _OWING)
        for x in (s.RENEWED, s.CLOSED)
    ]
    return tuple(found)


TRANSITIONS: tuple[Transition, ...] = (*_before(), *_while(), *_after())
LIFE = Life("an agreement", TRANSITIONS, AgreementError)


def advance(
    state: AgreementState | None,
    event: AgreementEvent,
    by: tuple[Party, AgreementReason],
    standing: Standing,
) -> AgreementState:
    """The state after an event.

    Parameters
    ----------
    state
        Where the agreement stands; None before there is one.
    by
        Who brings the event about, and why.

    Raises
    ------
    AgreementError
        If the state does not know the event, the party may not bring it about, the
        reason is not one of the event's, or its condition does not hold.
    """
    step = LIFE.step(state, event, *by)
    if step.condition and not CONDITIONS[step.condition](standing):
        raise AgreementError(
            f"{event.value} on {standing.on}: expected that {step.condition}; "
            f"{standing.owed_minor} is owed"
        )
    return step.after
