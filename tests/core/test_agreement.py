"""The life of an agreement: every step that the table has, every one that it has not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from core.errors import AgreementError
from core.lending.agreement import (
    LIFE,
    TRANSITIONS,
    AgreementEvent,
    AgreementReason,
    AgreementState,
    Party,
    Standing,
    advance,
)

S, E, R = AgreementState, AgreementEvent, AgreementReason
TODAY = date(2026, 3, 1)
TOLD = Standing(TODAY, consent_id="c1", apr_ppm=182_500, offered_until=date(2026, 3, 1))
FINAL = {S.DECLINED}  # no line, so no station can have paid out

# Whole lives, written down by hand: event, who, why, what is owed, and where it leads.
Step = tuple[AgreementEvent, Party, AgreementReason, int, AgreementState]
BEGUN: tuple[Step, ...] = (
    (E.APPLY, Party.FARMER, R.ASKED, 0, S.APPLIED),
    (E.OFFER, Party.STATION, R.DECISION_CARD, 0, S.OFFERED),
    (E.AGREE, Party.FARMER, R.TOLD_AND_CONSENTED, 0, S.ACTIVE),
)
LIVES: dict[str, tuple[Step, ...]] = {
    "repaid after harvest": (
        *BEGUN,
        (E.CLOSE, Party.RULE, R.REPAID, 0, S.CLOSED),
    ),
    "a person decides, the farmer goes": (
        BEGUN[0],
        (E.REFER, Party.STATION, R.DECISION_CARD, 0, S.REFERRED),
        (E.OFFER, Party.OFFICER, R.REVIEWED, 0, S.OFFERED),
        (E.ABANDON, Party.FARMER, R.ASKED, 0, S.ABANDONED),
    ),
    "drought, relief, restructured, renewed": (
        *BEGUN,
        (E.FREEZE, Party.RULE, R.EVIDENCE_STALE, 900, S.FROZEN),
        (E.GRANT_RELIEF, Party.RULE, R.LOSS_VERIFIED, 900, S.IN_RELIEF),
        (E.END_RELIEF, Party.RULE, R.TIME_PASSED, 900, S.ACTIVE),
        (E.RESTRUCTURE, Party.SUPERVISOR, R.HARDSHIP, 900, S.ACTIVE),
        (E.RENEW, Party.OFFICER, R.ASKED, 0, S.RENEWED),
    ),
    "written off, recovered, closed": (
        *BEGUN,
        (E.FREEZE, Party.OFFICER, R.DISPUTE, 900, S.FROZEN),
        (E.WRITE_OFF, Party.SUPERVISOR, R.NOT_RECOVERABLE, 900, S.WRITTEN_OFF),
        (E.RECOVER, Party.RULE, R.MONEY_CAME, 500, S.WRITTEN_OFF),
        (E.RECOVER, Party.RULE, R.MONEY_CAME, 0, S.WRITTEN_OFF),
        (E.CLOSE, Party.RULE, R.REPAID, 0, S.CLOSED),
    ),
    "an offer is held, drawn on by a dark station, thawed": (
        *BEGUN[:2],
        (E.FREEZE, Party.OFFICER, R.VISIT_PENDING, 0, S.HELD),
        (E.AGREE, Party.FARMER, R.TOLD_AND_CONSENTED, 0, S.FROZEN),
        (E.THAW, Party.SUPERVISOR, R.CLEARED, 300, S.ACTIVE),
    ),
    "nothing is ever drawn, or so it seems": (
        *BEGUN[:2],
        (E.ABANDON, Party.FARMER, R.ASKED, 0, S.ABANDONED),
        (E.REOPEN, Party.STATION, R.DRAWN_IN_THE_DARK, 300, S.FROZEN),
    ),
    "a dark station's draw comes after the closure": (
        *BEGUN,
        (E.CLOSE, Party.FARMER, R.ASKED, 0, S.CLOSED),
        (E.REOPEN, Party.STATION, R.DRAWN_IN_THE_DARK, 300, S.FROZEN),
    ),
}


@pytest.mark.parametrize("life", LIVES)
def test_a_whole_life(life: str) -> None:
    state: AgreementState | None = None
    for event, party, reason, owed_minor, expected in LIVES[life]:
        state = advance(state, event, (party, reason), replace(TOLD, owed_minor=owed_minor))
        assert state is expected


def test_whoever_is_not_in_the_table_is_refused_by_name() -> None:
    steps = {(each.state, each.event) for each in TRANSITIONS}
    assert len(steps) == len(TRANSITIONS), "a step stands there twice"
    refused = 0
    for state in (None, *S):
        for event in E:
            if (state, event) in steps:
                continue
            refused += 1
            with pytest.raises(AgreementError) as told:
                advance(state, event, (Party.SUPERVISOR, R.REVIEWED), TOLD)
            assert str(told.value).startswith(f"{event.value}: ")
            assert (state.value if state else "no agreement yet") in str(told.value)
    assert refused == (len(S) + 1) * len(E) - len(TRANSITIONS)


def test_every_step_refuses_other_parties_and_other_reasons() -> None:
    for step in TRANSITIONS:
        for party in set(Party) - set(step.parties):
            with pytest.raises(AgreementError, match=f"got {party.value}$"):
                advance(step.state, step.event, (party, step.reasons[0]), TOLD)
        for reason in set(R) - set(step.reasons):
            with pytest.raises(AgreementError, match=f"expected a reason of .*got {reason.value}$"):
                advance(step.state, step.event, (step.parties[0], reason), TOLD)


@pytest.mark.parametrize(
    ("state", "event", "by", "standing"),
    [
        (S.OFFERED, E.AGREE, (Party.FARMER, R.TOLD_AND_CONSENTED), replace(TOLD, consent_id="")),
        (S.OFFERED, E.AGREE, (Party.FARMER, R.TOLD_AND_CONSENTED), replace(TOLD, apr_ppm=None)),
        (
            S.OFFERED, E.AGREE, (Party.FARMER, R.TOLD_AND_CONSENTED),
            replace(TOLD, on=TODAY + timedelta(days=1)),
        ),
        (S.OFFERED, E.LAPSE, (Party.RULE, R.TIME_PASSED), TOLD),
        (S.ACTIVE, E.WITHDRAW, (Party.FARMER, R.ASKED), TOLD),
        (
            S.ACTIVE, E.WITHDRAW, (Party.FARMER, R.ASKED),
            replace(TOLD, cooling_off_until=TODAY - timedelta(days=1)),
        ),
        (S.ACTIVE, E.CLOSE, (Party.FARMER, R.ASKED), replace(TOLD, owed_minor=1)),
        (S.ACTIVE, E.RENEW, (Party.OFFICER, R.ASKED), replace(TOLD, owed_minor=1)),
        (S.FROZEN, E.WRITE_OFF, (Party.SUPERVISOR, R.DEATH), TOLD),
        (S.ACTIVE, E.RESTRUCTURE, (Party.SUPERVISOR, R.HARDSHIP), TOLD),
        (S.WRITTEN_OFF, E.CLOSE, (Party.RULE, R.REPAID), replace(TOLD, owed_minor=1)),
    ],
)  # fmt: skip
def test_a_condition_that_does_not_hold_is_named(
    state: AgreementState,
    event: AgreementEvent,
    by: tuple[Party, AgreementReason],
    standing: Standing,
) -> None:
    with pytest.raises(AgreementError, match=f"{event.value} on {standing.on}: expected that "):
        advance(state, event, by, standing)


def test_a_farmer_may_leave_up_to_the_last_day_of_cooling_off() -> None:
    last_day = replace(TOLD, cooling_off_until=TODAY, owed_minor=700)
    assert advance(S.ACTIVE, E.WITHDRAW, (Party.FARMER, R.ASKED), last_day) is S.WITHDRAWN


def test_every_state_is_reached_and_only_a_no_is_final() -> None:
    reached: set[AgreementState] = set()
    ahead: list[AgreementState | None] = [None]
    while ahead:
        state = ahead.pop()
        for step in TRANSITIONS:
            if step.state is state and step.after not in reached:
                reached.add(step.after)
                ahead.append(step.after)
    assert reached == set(S)
    assert {state for state in S if not LIFE.permitted(state)} == FINAL


def test_money_that_is_owed_never_leaves_the_books_but_by_repayment_or_write_off() -> None:
    """No step ends an agreement while something is owed, but the two that say so."""
    for step in TRANSITIONS:
        if step.after in (S.CLOSED, S.RENEWED):
            with pytest.raises(AgreementError, match="nothing is owed"):
                advance(
                    step.state, step.event, (step.parties[0], step.reasons[0]),
                    replace(TOLD, owed_minor=1),
                )  # fmt: skip
