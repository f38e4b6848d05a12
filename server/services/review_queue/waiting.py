"""What waits, kind by kind, as a person sees it before they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from core.canonical import canonical_hash, parse_canonical
from core.decision.card import DecisionCard
from core.errors import HarvestlineError
from core.lending.agreement import AgreementState
from core.reasons import Reason, ReasonCode
from core.shape import decode, encode
from core.signing import DOCUMENT_BYTES_MAX
from server.services import money_words
from server.services.cards import model_of, reason_words
from server.services.centre import Work
from server.services.origination import opening_terms
from server.services.raising import BY_RULE, RAISE
from server.services.restructuring import consent_to
from server.services.standing import zone_minutes
from server.store import (
    agreements,
    line_pages,
    lines,
    newplans,
    products,
    registry,
    reports,
    review_items,
)
from server.store import money_words as kept_words
from server.store.counted import Counted
from server.store.lines import Line
from server.store.newplans import Proposal
from server.store.reports import KeptApplication
from server.store.review_items import Item
from server.words import cash_months, code, long_day, money, reason, say, say_count

APPLICATION = "application"  # kind of item
FACTS_SHOWN_MAX = 6
ALL = 1_000_000  # rows; no queue is as long
CARD_OF = "the card of "  # a station; kept, so in no officer's language


class Kind(Enum):
    """What may wait for a second person."""

    RAISE = "raise"
    APPLICATION = "application"
    PLAN = "plan"
    WORD = "word"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that waits [minor units].

    ``seen`` stands for all that is shown of it: an answer names it, and counts only while it
    is still so. ``made_by`` is who may not answer.
    """

    kind: Kind
    item_id: str
    line_id: str
    application_id: str
    farmer_id: str
    product_id: str
    currency: str
    amount_minor: int
    sentence: str
    facts: tuple[tuple[str, str], ...]
    made_by: str
    at_ms: int
    seen: str = ""


def waiting(work: Work, kind: Kind, rows_max: int = ALL) -> tuple[Waiting, ...]:
    """What waits of a kind, the oldest first; the first ``rows_max`` of it."""
    return tuple(_sealed(each) for each in _LISTS[kind](work, rows_max))


def count_waiting(work: Work, kind: Kind) -> Counted:
    """How much of a kind waits, and since when: as :func:`waiting` has it, without its words."""
    if kind is Kind.APPLICATION:
        return agreements.referred_count(work.tx)
    since: list[int] = []
    if kind is Kind.RAISE:
        since = [item.made_at_ms for item in _raises_wanted(work)]
    elif kind is Kind.PLAN:
        since = [each.at_ms for each in _plans_open(work)]
    elif kind is Kind.WORD:
        since = [word.at_ms for word in kept_words.waiting(work.tx)]
    return Counted(len(since), min(since, default=None))


def find_waiting(work: Work, kind: Kind, item_id: str) -> Waiting | None:
    """One thing, if it waits still."""
    found = _FINDS[kind](work, item_id)
    return None if found is None else _sealed(found)


def _sealed(found: Waiting) -> Waiting:
    return replace(found, seen=canonical_hash(encode(found)))


def _raises_wanted(work: Work) -> tuple[Item, ...]:
    return review_items.still_wanted(work.tx, RAISE, ReasonCode.LIMIT_WAITS_PERSON.value)


def _raises(work: Work, rows_max: int) -> list[Waiting]:
    found = _raises_wanted(work)[:rows_max]
    named = line_pages.named(work.tx, [item.line_id for item in found])
    drawn_on = {line.line_id: line for line in named}
    return [_raise(item, drawn_on[item.line_id]) for item in found]


def _find_raise(work: Work, item_id: str) -> Waiting | None:
    item = review_items.find(work.tx, item_id)
    if item is None or item.kind != RAISE or _answered(work, item):
        return None
    line = lines.find(work.tx, item.line_id)
    return _raise(item, line) if line is not None and _still(work, item, line) else None


def _still(work: Work, item: Item, line: Line) -> bool:
    """Whether a raise is still what the newest review of an open line wants."""
    newest = review_items.newest_of(work.tx, RAISE, line.line_id)
    stands = line.limit_minor == item.facts["limit_before_minor"]
    moved = lines.last_movement(work.tx, line.line_id)
    waits = moved is not None and any(
        reason.code is ReasonCode.LIMIT_WAITS_PERSON for reason in moved.reasons
    )
    return newest == item and stands and waits and line.is_open and not line.frozen


def _raise(item: Item, line: Line) -> Waiting:
    before, after = (money(v, line.currency) for v in (line.limit_minor, item.amount_minor))
    told = say("Raise the limit from {before} to {after}.", before=before, after=after)
    if item.made_by != BY_RULE:
        told += " " + say("{person} has looked and passes it on.", person=item.made_by)
    facts = [(say("Why"), reason(decode(Reason, each))) for each in item.facts["reasons"]]
    count = len(item.facts["evidence_ids"])
    facts += [(say("Evidence"), say_count("{count} document", "{count} documents", count))]
    return Waiting(
        kind=Kind.RAISE, item_id=item.item_id, line_id=line.line_id, application_id="",
        farmer_id=line.farmer_id, product_id=line.product_id, currency=line.currency,
        amount_minor=item.amount_minor, sentence=told,
        facts=tuple(facts[:FACTS_SHOWN_MAX]), made_by=item.made_by, at_ms=item.made_at_ms,
    )  # fmt: skip


def _applications(work: Work, rows_max: int) -> list[Waiting]:
    found = []
    with work.tx.remembering() as tx:
        remembering = replace(work, tx=tx)
        for step in agreements.referred(tx)[:rows_max]:
            kept = reports.find_application(tx, step.agreement_id)
            if kept is not None:
                found.append(_application(remembering, kept, step.at_ms))
    return found


def _find_application(work: Work, item_id: str) -> Waiting | None:
    item = review_items.find(work.tx, item_id)
    application_id = item.subject_id if item and item.kind == APPLICATION else item_id
    kept, step = reports.find_application(work.tx, application_id), None
    if kept is not None:
        step = agreements.last(work.tx, application_id)
    if kept is None or step is None or step.state is not AgreementState.REFERRED:
        return None
    found = _application(work, kept, step.at_ms)
    return found if found.item_id == item_id else None


def _application(work: Work, kept: KeptApplication, at_ms: int) -> Waiting:
    asked = kept.application
    proposed = review_items.newest_of(work.tx, APPLICATION, asked.application_id)
    open_one = proposed if proposed and not _answered(work, proposed) else None
    carried, why = _carried(work, kept)
    amount = open_one.amount_minor if open_one else min(asked.asked_minor, carried)
    said = say(
        "Asked for {asked}; the rule carries {carried} today.",
        asked=money(asked.asked_minor, asked.currency),
        carried=money(carried, asked.currency),
    )
    if open_one:
        told = money(amount, asked.currency)
        said = say("{person} proposes {amount}.", person=open_one.made_by, amount=told)
    referred = (say("Why it was referred"), _referred_for(work, asked.application_id))
    months = (say("Own cash months"), cash_months(asked.cash or ()))
    facts = (referred, (say("The rule"), why), months)
    return Waiting(
        kind=Kind.APPLICATION, item_id=open_one.item_id if open_one else asked.application_id,
        line_id="", application_id=asked.application_id, farmer_id=asked.farmer_id,
        product_id=asked.product_id, currency=asked.currency, amount_minor=amount, sentence=said,
        facts=tuple(each for each in facts if each[1]),
        made_by=open_one.made_by if open_one else f"{CARD_OF}{kept.writer}",
        at_ms=at_ms,
    )  # fmt: skip


def _answered(work: Work, item: Item) -> bool:
    return review_items.answer_of(work.tx, item.item_id) is not None


def _carried(work: Work, kept: KeptApplication) -> tuple[int, str]:
    """What the rule carries today [minor units]; nothing, and why, where it cannot say."""
    asked = kept.application
    try:
        product = products.newest(work.tx, asked.product_id)
        subjects = tuple(registry.subject(work.tx, each) for each in asked.subject_ids)
        today = work.today(zone_minutes(work.tx, asked.farmer_id))
        terms = opening_terms(product, subjects, today)
    except HarvestlineError as error:
        return 0, str(error)
    return terms.limit(product.credit.rounding_unit_minor), ""


def _referred_for(work: Work, application_id: str) -> str:
    """Why a card left it to a person, in sentences."""
    cards = reports.decisions_of(work.tx, application_id)
    if not cards:
        return ""
    body = parse_canonical(cards[-1].document, DOCUMENT_BYTES_MAX)["body"]
    card = decode(DecisionCard, body)
    model = model_of(work.tx, card)
    return " ".join(reason_words(reason, model) for reason in card.outcome.reasons)


def _plans_open(work: Work) -> list[Proposal]:
    today = work.today().isoformat()
    return [
        each
        for each in newplans.every(work.tx)
        if each.answer is None and each.offer.until_on >= today
    ]


def _plans(work: Work, rows_max: int) -> list[Waiting]:
    return [_plan(work, each) for each in _plans_open(work)[:rows_max]]


def _find_plan(work: Work, item_id: str) -> Waiting | None:
    found, today = newplans.find(work.tx, item_id), work.today().isoformat()
    is_open = found is not None and found.answer is None and found.offer.until_on >= today
    return _plan(work, found) if found is not None and is_open else None


def _plan(work: Work, proposal: Proposal) -> Waiting:
    offer, line = proposal.offer, lines.get(work.tx, proposal.line_id)
    total, before = (
        money(v, offer.currency) for v in (offer.total_minor, offer.total_before_minor)
    )
    agreed = say("yes") if consent_to(work.tx, proposal) else say("not yet")
    return Waiting(
        kind=Kind.PLAN, item_id=proposal.proposal_id, line_id=line.line_id, application_id="",
        farmer_id=line.farmer_id, product_id=line.product_id, currency=offer.currency,
        amount_minor=offer.owed_minor,
        sentence=say(
            "A new plan: {total} still to pay in {count} parts, {before} by the old one.",
            total=total, count=len(offer.payments), before=before,
        ),
        facts=((say("Reason"), code(proposal.reason)), (say("The farmer agreed"), agreed),
               (say("Open until"), long_day(offer.until_on))),
        made_by=proposal.proposed_by, at_ms=proposal.at_ms,
    )  # fmt: skip


def _words(work: Work, rows_max: int) -> list[Waiting]:
    return [
        Waiting(
            kind=Kind.WORD,
            item_id=each.word.word_id,
            line_id="",
            application_id="",
            farmer_id="",
            product_id="",
            currency="",
            amount_minor=0,
            sentence=each.sentence,
            facts=((say("Why"), each.word.reason),),
            made_by=each.word.told_by,
            at_ms=each.word.at_ms,
        )
        for each in money_words.waiting(work)[:rows_max]
    ]


def _find_word(work: Work, item_id: str) -> Waiting | None:
    return next((each for each in _words(work, ALL) if each.item_id == item_id), None)


_LISTS: Mapping[Kind, Callable[[Work, int], list[Waiting]]] = {
    Kind.RAISE: _raises,
    Kind.APPLICATION: _applications,
    Kind.PLAN: _plans,
    Kind.WORD: _words,
}
_FINDS: Mapping[Kind, Callable[[Work, str], Waiting | None]] = {
    Kind.RAISE: _find_raise,
    Kind.APPLICATION: _find_application,
    Kind.PLAN: _find_plan,
    Kind.WORD: _find_word,
}
