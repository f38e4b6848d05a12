"""Raises that wait for a person: what the rule may give alone, and the leave it is given for more.

Authority is data (:mod:`server.store.authorities`): without a word about the rule, the rule
raises as high as its terms carry. Above its authority a raise is held, with its reason, and
an item waits in the queue; once a person has approved that item, the next review of the same
evidence raises by the same rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.canonical import canonical_hash
from core.lending.limit import Movement, Review
from core.lending.product import Product
from core.reasons import Reason, ReasonCode
from core.shape import encode
from server.services.centre import Work
from server.services.standing import LineStanding
from server.store import authorities, review_items
from server.store.authorities import RULE
from server.store.lines import Line
from server.store.review_items import Item

RAISE = "raise"  # kind of item
BY_RULE = "the rule"  # who makes such an item; no user bears a name with a space
APPROVED, REFUSED, PASSED_ON = "approved", "refused", "passed_on"


def held_for_person(
    work: Work, stands: LineStanding, product: Product, found: Review, seen: tuple[int, ...]
) -> Review:
    """A review's outcome, held if it raises above the rule's authority and nobody gave leave.

    Parameters
    ----------
    seen
        What this look and those before it support [minor units]; it stays seen while it waits.
    """
    line = stands.line
    if found.movement is not Movement.RAISED or not is_above(work, line, found.limit_minor):
        return found
    if _has_leave(work, line, found):
        return found
    used = stands.outstanding_minor + stands.pending_minor + stands.leased_minor
    return replace(
        found,
        movement=Movement.HELD,
        limit_minor=line.limit_minor,
        reasons=(Reason(ReasonCode.LIMIT_WAITS_PERSON), *found.reasons),
        supported_minor=seen[-product.movement.raise_looks_min :],
        watch=used > line.limit_minor,
    )


def is_above(work: Work, line: Line, limit_minor: int) -> bool:
    """Whether a limit is above what the rule may set alone."""
    most = authorities.amount_of(work.tx, (RULE,), line.product_id, line.currency)
    return most is not None and limit_minor > most


def _has_leave(work: Work, line: Line, found: Review) -> bool:
    newest = review_items.newest_of(work.tx, RAISE, line.line_id)
    if newest is None or newest.fingerprint != fingerprint(line, found):
        return False
    said = review_items.answer_of(work.tx, newest.item_id)
    return said is not None and said.answer == APPROVED


def ask_person(work: Work, line: Line, wanted: Review) -> None:
    """Let a raise wait in the queue, unless the same one waits or was answered already."""
    mark = fingerprint(line, wanted)
    newest = review_items.newest_of(work.tx, RAISE, line.line_id)
    if newest is not None and newest.fingerprint == mark:
        return
    review_items.add(
        work.tx,
        Item(
            item_id=work.new_id(),
            kind=RAISE,
            subject_id=line.line_id,
            line_id=line.line_id,
            farmer_id=line.farmer_id,
            product_id=line.product_id,
            currency=line.currency,
            amount_minor=wanted.limit_minor,
            facts=facts_of(line, wanted),
            fingerprint=mark,
            made_by=BY_RULE,
            made_at_ms=work.at_ms,
        ),
    )


def facts_of(line: Line, wanted: Review) -> Mapping[str, Any]:
    """What a raise rests on: the limits before and after, terms, reasons and evidence."""
    return {
        "limit_before_minor": line.limit_minor,
        "limit_minor": wanted.limit_minor,
        "terms": encode(wanted.terms) if wanted.terms else {},
        "reasons": encode(wanted.reasons),
        "evidence_ids": list(wanted.evidence_ids),
        "policy_version": wanted.policy_version,
    }


def fingerprint(line: Line, wanted: Review) -> str:
    """What stands for a raise: another limit, other evidence or another policy is another raise."""
    facts = {
        "line_id": line.line_id,
        "limit_before_minor": line.limit_minor,
        "limit_minor": wanted.limit_minor,
        "evidence_ids": list(wanted.evidence_ids),
        "policy_version": wanted.policy_version,
    }
    return canonical_hash(facts)
