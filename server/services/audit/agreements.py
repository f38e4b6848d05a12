"""The promise of agreements: every life is one that the table permits, as the trail tells it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from core.canonical import canonical_hash
from core.lending.agreement import LIFE, AgreementEvent, AgreementState
from core.shape import encode
from core.wire.newplans import offer_sha256
from server.services.agreements import FROZEN_FOR_GOOD, OPEN_STATES, STEP_ACTION, told_of
from server.services.audit.finding import Look, Looks, first_fault, well
from server.services.centre import Centre
from server.store import agreements, line_pages, newplans, people, reports
from server.store.agreements import Step
from server.store.engine import Tx
from server.store.lines import Line

_TABLE = "agreement_steps"
_STOPPED = (AgreementState.HELD, AgreementState.FROZEN, *FROZEN_FOR_GOOD)


def lives(_: Centre, tx: Tx) -> Looks:
    """Every step follows from the one before it, and stands in the trail as it was said."""
    trail = _trail(tx)
    last: dict[str, AgreementState] = {}
    for agreement_id, steps in groupby(agreements.stream(tx), attrgetter("agreement_id")):
        life = tuple(steps)
        last[agreement_id] = life[-1].state
        yield from _steps(life)
        told = _told([told_of(each) for each in life])
        yield first_fault(
            _TABLE,
            agreement_id,
            (told != trail.get(agreement_id), "the steps that the trail tells", "others"),
        )
    for page in line_pages.pages(tx):
        yield from (_stands(line, last.get(line.application_id)) for line in page)


def _trail(tx: Tx) -> dict[str, str]:
    """What the trail tells of each agreement, as one hash each."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in people.stream_trail(tx, STEP_ACTION):
        found.setdefault(row.object_id, []).append(dict(row.detail))
    return {agreement_id: _told(told) for agreement_id, told in found.items()}


def _told(told: Sequence[dict[str, str]]) -> str:
    return canonical_hash(list(told))


def _steps(life: Sequence[Step]) -> Iterator[Look]:
    before: AgreementState | None = None
    for number, step in enumerate(life, 1):
        named = f"{step.agreement_id} {step.seq}"
        known = LIFE.find(before, step.event)
        begins_later = number == 1 and step.event is not AgreementEvent.APPLY
        if step.irregular or begins_later:
            yield first_fault(_TABLE, named, (step.seq != number, f"step {number}", f"{step.seq}"))
        else:
            yield first_fault(
                _TABLE,
                named,
                (step.seq != number, f"step {number}", f"{step.seq}"),
                (
                    known is None or known.after is not step.state,
                    "a step that the table permits",
                    f"{before.value if before else '–'} → {step.event.value} → {step.state.value}",
                ),
                (
                    known is not None
                    and (step.party not in known.parties or step.reason not in known.reasons),
                    "a party and a reason that the table permits",
                    f"{step.party.value}, {step.reason.value}",
                ),
            )
        before = step.state


def _stands(line: Line, state: AgreementState | None) -> Look:
    """A line that was opened before steps were kept has none yet."""
    if state is None:
        return well("lines", line.line_id)
    is_open = state in OPEN_STATES
    stopped = state in _STOPPED or not is_open
    return first_fault(
        "lines",
        line.line_id,
        (line.is_open != is_open, f"a line as {state.value}", "open" if line.is_open else "closed"),
        (
            line.frozen != stopped and state is not AgreementState.IN_RELIEF,
            f"a line as {state.value}",
            "frozen" if line.frozen else "not frozen",
        ),
    )


def plans(_: Centre, tx: Tx) -> Looks:
    """Every new plan was proposed by one, approved by another, and consented to by the farmer."""
    proposals = {each.proposal_id: each for each in newplans.every(tx)}
    approved = {key for key, each in proposals.items() if each.answer and each.answer.approved}
    stepped: set[str] = set()
    for step in agreements.stream(tx):
        if step.event is AgreementEvent.RESTRUCTURE:
            proposal_id = str(step.detail.get("proposal_id", ""))
            stepped.add(proposal_id)
            yield _planned_anew(tx, step, proposals.get(proposal_id))
    for proposal_id in sorted(proposals):
        yield first_fault(
            "restructure_proposals",
            proposal_id,
            (
                proposal_id in approved and proposal_id not in stepped,
                "a step of its agreement, for it was approved",
                "none",
            ),
        )


def _planned_anew(tx: Tx, step: Step, proposal: newplans.Proposal | None) -> Look:
    named = f"{step.agreement_id} {step.seq}"
    if proposal is None or proposal.answer is None:
        return Look(_TABLE, named, "a proposal that was answered", "none")
    said = proposal.answer
    consented = [
        kept
        for kept in reports.consents_of(tx, proposal.offer.farmer_id)
        if kept.consent.consent_id == said.consent_id
    ]
    shown = {kept.consent.shown_sha256 for kept in consented}
    return first_fault(
        _TABLE,
        named,
        (not said.approved, "a proposal that was approved", "one that was declined"),
        (
            said.answered_by == proposal.proposed_by or step.actor != said.answered_by,
            "another who approved than who proposed",
            f"{step.actor} and {said.answered_by}",
        ),
        (
            step.detail.get("restructured") != encode(proposal.offer.restructured),
            "the plan that was proposed",
            "another",
        ),
        (
            proposal.offer_sha256 != offer_sha256(proposal.offer),
            "the offer that was shown",
            "another",
        ),
        (proposal.offer_sha256 not in shown, "the farmer's consent to the offer", "none"),
    )
