"""Plans that were proposed anew for lines, and what people answered: never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from core.shape import decode
from core.wire.newplans import NewPlanOffer
from server.store.cash_tables import restructure_answers, restructure_proposals
from server.store.engine import Tx
from server.store.rows import from_json, json_text

_P, _A = restructure_proposals.c, restructure_answers.c


@dataclass(frozen=True, slots=True)
class Answer:
    """What a second person said of a proposal, and by which consent of the farmer's."""

    proposal_id: str
    proposed_by: str
    answered_by: str
    approved: bool
    consent_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan that an officer proposed, and the offer as the farmer is shown it."""

    proposal_id: str
    line_id: str
    reason: str
    offer: NewPlanOffer
    offer_sha256: str
    proposed_by: str
    at_ms: int
    answer: Answer | None = None


def add(tx: Tx, proposal: Proposal) -> None:
    """Add a proposal; it can never be changed."""
    tx.insert(
        restructure_proposals,
        proposal_id=proposal.proposal_id,
        line_id=proposal.line_id,
        reason=proposal.reason,
        offer=json_text(proposal.offer),
        offer_sha256=proposal.offer_sha256,
        proposed_by=proposal.proposed_by,
        at_ms=proposal.at_ms,
    )


def answer(tx: Tx, said: Answer) -> None:
    """Add an answer; the database refuses a second one, and one by the proposer."""
    tx.insert(
        restructure_answers,
        proposal_id=said.proposal_id,
        proposed_by=said.proposed_by,
        answered_by=said.answered_by,
        approved=said.approved,
        consent_id=said.consent_id,
        at_ms=said.at_ms,
    )


def find(tx: Tx, proposal_id: str) -> Proposal | None:
    """A proposal with its answer, if there is one of that id."""
    where = (_P.tenant_id == tx.tenant_id, _P.proposal_id == proposal_id)
    row = tx.row(select(restructure_proposals).where(*where))
    return _proposal(tx, row) if row else None


def of_line(tx: Tx, line_id: str) -> tuple[Proposal, ...]:
    """What was ever proposed for a line, the oldest first."""
    where = (_P.tenant_id == tx.tenant_id, _P.line_id == line_id)
    question = select(restructure_proposals).where(*where).order_by(_P.at_ms, _P.proposal_id)
    return tuple(_proposal(tx, row) for row in tx.rows(question))


def every(tx: Tx) -> tuple[Proposal, ...]:
    """Every proposal, by its id."""
    question = select(restructure_proposals).where(_P.tenant_id == tx.tenant_id)
    return tuple(_proposal(tx, row) for row in tx.rows(question.order_by(_P.proposal_id)))


def _proposal(tx: Tx, row: Mapping[str, Any]) -> Proposal:
    where = (_A.tenant_id == tx.tenant_id, _A.proposal_id == row["proposal_id"])
    said = tx.row(select(restructure_answers).where(*where))
    return Proposal(
        proposal_id=row["proposal_id"],
        line_id=row["line_id"],
        reason=row["reason"],
        offer=decode(NewPlanOffer, from_json(row["offer"])),
        offer_sha256=row["offer_sha256"],
        proposed_by=row["proposed_by"],
        at_ms=row["at_ms"],
        answer=_answer(said) if said else None,
    )


def _answer(row: Mapping[str, Any]) -> Answer:
    return Answer(
        row["proposal_id"], row["proposed_by"], row["answered_by"], bool(row["approved"]),
        row["consent_id"], row["at_ms"],
    )  # fmt: skip
