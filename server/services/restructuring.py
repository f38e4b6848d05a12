"""A new plan for what a line owes: an officer proposes, the farmer consents, another approves.

The offer tells the whole price beside the old one's, and counts from the end of the day on
which it was made; what is paid meanwhile counts on it. The farmer consents at the kiosk to
the hash of exactly this offer. A supervisor who did not propose it approves; only then the
agreement takes the step, and line, stations and books follow the new plan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from core.lending.agreement import AgreementEvent, AgreementReason, Standing
from core.lending.restructuring import Course, Wish, course, restructured, terms_in_force
from core.lending.terms import RepaymentTerms
from core.shape import encode
from core.wire.newplans import PURPOSE, NewPlanOffer, PlannedPayment, offer_sha256
from core.wire.records import ConsentAction, Down
from server.services.agreements import Event, bring_about
from server.services.centre import Centre, RequestError, RoleError, Work
from server.services.downlink import send, send_freeze, send_status
from server.services.ending import today_of
from server.services.posting import square
from server.services.standing import facts_of, owed, priced_by, relief_of, terms_of
from server.store import lines, newplans, people, places, reports
from server.store.engine import ConflictError, NotKnownError, Tx
from server.store.lines import Line
from server.store.newplans import Answer, Proposal
from server.store.people import Actor
from server.store.reports import KeptConsent

OFFER_DAYS = 30  # so long an offer may be taken
REASONS = (AgreementReason.HARDSHIP, AgreementReason.ASKED, AgreementReason.LOSS_VERIFIED)


@dataclass(frozen=True, slots=True)
class Proposed:
    """What an officer asks for: on which line, which plan, why."""

    line_id: str
    wish: Wish
    reason: AgreementReason


def propose(centre: Centre, asked: Proposed, officer: Actor) -> Proposal:
    """Propose a new plan, and show it to the farmer at their stations.

    Raises
    ------
    NotKnownError
        If there is no such line.
    RequestError
        If nothing is owed, or another proposal is open.
    AgreementError
        If the plan is outside the product's bounds.
    """
    return centre.write(lambda work: _propose(work, asked, officer))


def approve(centre: Centre, proposal_id: str, supervisor: Actor) -> Proposal:
    """Let a plan count that another proposed and the farmer consented to.

    Raises
    ------
    NotKnownError
        If there is no such proposal.
    RoleError
        If who approves is who proposed.
    RequestError
        If the farmer has not consented, the offer has run out, or what was owed on its day is
        known to be something else by now.
    ConflictError
        If it was answered before.
    AgreementError
        If the agreement is in no state for it.
    """
    return centre.write(lambda work: approve_in(work, proposal_id, supervisor))


def decline(centre: Centre, proposal_id: str, actor: Actor) -> Proposal:
    """Take a proposal off the table; another than who proposed it says so.

    Raises
    ------
    NotKnownError, RoleError, ConflictError
        As for :func:`approve`.
    """
    return centre.write(lambda work: decline_in(work, proposal_id, actor))


def consent_to(tx: Tx, proposal: Proposal) -> KeptConsent | None:
    """The farmer's newest word on exactly this offer; None where they gave no consent."""
    words = [
        kept
        for kept in reports.consents_of(tx, proposal.offer.farmer_id)
        if kept.consent.shown_sha256 == proposal.offer_sha256 and PURPOSE in kept.consent.purposes
    ]
    last = max(words, key=lambda kept: kept.at_ms, default=None)
    return last if last and last.consent.action is ConsentAction.GRANT else None


def _propose(work: Work, asked: Proposed, officer: Actor) -> Proposal:
    line = lines.lock(work.tx, asked.line_id)
    on = today_of(work, line)
    if asked.reason not in REASONS:
        raise RequestError(f"expected a reason of {[each.value for each in REASONS]}")
    for each in newplans.of_line(work.tx, line.line_id):
        if each.answer is None and each.offer.until_on >= on.isoformat():
            raise RequestError(f"line {line.line_id}: proposal {each.proposal_id} is open")
    if not line.is_open or owed(work.tx, line, on).total_minor <= 0:
        raise RequestError(f"line {line.line_id}: expected something owed to plan anew")
    offer = _offer(work, line, (work.new_id(), on), asked.wish)
    proposal = Proposal(
        offer.proposal_id, line.line_id, asked.reason.value, offer, offer_sha256(offer),
        officer.name, work.at_ms,
    )  # fmt: skip
    newplans.add(work.tx, proposal)
    _tell(work, line, offer)
    detail = {"proposal_id": offer.proposal_id, "offer_sha256": proposal.offer_sha256}
    subject = ("line", line.line_id)
    people.record(work.tx, work.at_ms, officer, "new_plan_proposed", subject, detail)
    return proposal


def _offer(work: Work, line: Line, named: tuple[str, date], wish: Wish) -> NewPlanOffer:
    proposal_id, on = named
    terms, old, new = _both(work, line, on, wish)
    return NewPlanOffer(
        proposal_id=proposal_id,
        line_id=line.line_id,
        farmer_id=line.farmer_id,
        currency=line.currency,
        owed_minor=owed(work.tx, line, on).total_minor,
        restructured=terms.restructured[-1],
        total_before_minor=old.total_minor,
        apr_before_ppm=old.apr_ppm,
        payments=tuple(
            PlannedPayment(each.on.isoformat(), each.parts.total_minor) for each in new.asked
        ),
        total_minor=new.total_minor,
        apr_ppm=new.apr_ppm,
        until_on=(on + timedelta(days=OFFER_DAYS)).isoformat(),
    )


def _both(work: Work, line: Line, on: date, wish: Wish) -> tuple[RepaymentTerms, Course, Course]:
    """The terms of a new plan, and what is to be paid by the old one and by it."""
    bounds = terms_in_force(priced_by(work.tx, line).restructuring or (), on)
    terms, relief = terms_of(work.tx, line), relief_of(work.tx, line)
    facts = [fact for fact in facts_of(work.tx, line) if fact.on <= on]
    anew = restructured(terms, wish, bounds, on)
    old, new = course(terms, facts, on, relief), course(anew, facts, on, relief)
    return anew, old, new


def decline_in(work: Work, proposal_id: str, actor: Actor) -> Proposal:
    """Take a proposal off the table, in a transaction that is open."""
    return _answer(work, proposal_id, actor, None)


def approve_in(work: Work, proposal_id: str, supervisor: Actor) -> Proposal:
    """Let a plan count, in a transaction that is open."""
    proposal = _known(work, proposal_id)
    line = lines.lock(work.tx, proposal.line_id)
    _require_other(proposal, supervisor)
    on = today_of(work, line)
    if on.isoformat() > proposal.offer.until_on:
        raise RequestError(
            f"proposal {proposal_id}: it ran out on {proposal.offer.until_on}: propose anew"
        )
    _require_same(work, line, proposal)
    consent = consent_to(work.tx, proposal)
    if consent is None:
        raise RequestError(
            f"proposal {proposal_id}: expected the farmer's consent to it at the kiosk, got none"
        )
    return _answer(work, proposal_id, supervisor, consent)


def _require_same(work: Work, line: Line, proposal: Proposal) -> None:
    """That the offer is what its day still comes to; a late fact may have changed that."""
    step = proposal.offer.restructured
    on = date.fromisoformat(step.on)
    wish = Wish(
        date.fromisoformat(step.after.due_on), step.after.rate_ppm, step.after.schedule,
        step.capitalises,
    )  # fmt: skip
    if _offer(work, line, (proposal.proposal_id, on), wish) != proposal.offer:
        raise RequestError(
            f"proposal {proposal.proposal_id}: what was owed on {on} is known to be something "
            "else by now: propose anew"
        )


def _require_other(proposal: Proposal, actor: Actor) -> None:
    """That nobody has answered, and that another answers than who proposed."""
    said, named = proposal.answer, f"proposal {proposal.proposal_id}"
    if said is not None:
        raise ConflictError(f"{named} was answered by {said.answered_by}")
    if people.is_one_of(actor.name, (proposal.proposed_by,)):
        raise RoleError(f"{named}: expected another person than {actor.name}")


def _known(work: Work, proposal_id: str) -> Proposal:
    found = newplans.find(work.tx, proposal_id)
    if found is None:
        raise NotKnownError(f"expected a proposal of a new plan, got {proposal_id[:64]!r}")
    return found


def _answer(work: Work, proposal_id: str, actor: Actor, consent: KeptConsent | None) -> Proposal:
    line = lines.lock(work.tx, _known(work, proposal_id).line_id)
    proposal = _known(work, proposal_id)  # a twin may have answered while the line was waited for
    _require_other(proposal, actor)
    consent_id = consent.consent.consent_id if consent is not None else ""
    said = Answer(
        proposal_id, proposal.proposed_by, actor.name, consent is not None, consent_id, work.at_ms
    )
    newplans.answer(work.tx, said)
    _tell(work, line, replace(proposal.offer, open=False))
    if consent is not None:
        _bring_about(work, line, (proposal, consent_id), actor)
    else:
        detail = {"proposal_id": proposal_id}
        subject = ("line", line.line_id)
        people.record(work.tx, work.at_ms, actor, "new_plan_declined", subject, detail)
    return replace(proposal, answer=said)


def _bring_about(work: Work, line: Line, agreed: tuple[Proposal, str], actor: Actor) -> None:
    proposal, consent_id = agreed
    offer, on = proposal.offer, today_of(work, line)
    detail = {
        "restructured": encode(offer.restructured), "proposal_id": proposal.proposal_id,
        "consent_id": consent_id, "proposed_by": proposal.proposed_by,
        "apr_before_ppm": offer.apr_before_ppm, "apr_ppm": offer.apr_ppm,
    }  # fmt: skip
    reason = AgreementReason(proposal.reason)
    event = Event(AgreementEvent.RESTRUCTURE, actor, reason, None, detail)
    standing = Standing(on, owed_minor=owed(work.tx, line, on).total_minor)
    bring_about(work, line, event, standing)
    was_frozen = line.frozen
    after = replace(line, due_on=offer.restructured.after.due_on, frozen=False)
    lines.save(work.tx, after)
    square(work, after, f"restructure/{proposal.proposal_id}")
    send_status(work, after)
    if was_frozen:
        send_freeze(work, after, ())


def _tell(work: Work, line: Line, offer: NewPlanOffer) -> None:
    for place in places.of_line(work.tx, line):
        send(work, place.station, Down.NEW_PLAN, offer)
