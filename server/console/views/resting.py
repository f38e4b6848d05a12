"""The money that rests on a plot: its lines, each term of each review, cards and last facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from core.units import civil_day
from core.wire.registry import Subject
from server.console.figures.terms import Term, TermsStory
from server.console.words import known, message
from server.console.words import reason as sentence
from server.services.explaining import TermTold, explained
from server.services.standing import LineStanding, priced_by, standing
from server.services.statements import StatementRow, statement
from server.store import lines, registry, reports
from server.store.engine import Tx
from server.store.lines import Line, LineMovement
from server.store.reports import KeptDecision

LINES_SHOWN_MAX = 3  # in pictures; more rest on a pasture that many graze, and are only named
REVIEWS_SHOWN_MAX = 12
FACTS_SHOWN_MAX = 8
CARDS_SHOWN_MAX = 20
VERDICTS: Mapping[str, str] = {
    "approve": message("approve"),
    "refer": message("refer"),
    "decline": message("decline"),
}
RULE = ("C", "S", "R", "Cap")  # the rule's own terms, by their signs


@dataclass(frozen=True, slots=True)
class Review:
    """One review of a limit: its day, what it did, and every term of it by its sign."""

    on: str
    movement: str
    limit_minor: int
    terms: Mapping[str, TermTold]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RestingLine:
    """A line that rests on a plot; without a story where it is only named."""

    line: Line
    farmer_name: str
    product_name: str
    movement: str
    stands: LineStanding
    story: TermsStory | None
    reviews: tuple[Review, ...]
    signs: tuple[tuple[str, str], ...]
    facts: tuple[StatementRow, ...]
    facts_left_out: int


@dataclass(frozen=True, slots=True)
class CardRow:
    """A decision card about a plot or a herd on it."""

    card: KeptDecision
    asked_minor: int


def read_resting(tx: Tx, subject_ids: Sequence[str], today: date) -> tuple[RestingLine, ...]:
    """The lines that rest on a plot or on herds that graze there; open ones first."""
    found = [lines.get(tx, each) for each in lines.resting_on(tx, subject_ids)]
    found.sort(key=lambda line: (not line.is_open, -line.opened_at_ms, line.line_id))
    return tuple(
        _resting(tx, line, today, told=place < LINES_SHOWN_MAX) for place, line in enumerate(found)
    )


def read_cards(tx: Tx, subjects: Sequence[Subject]) -> tuple[CardRow, ...]:
    """The decision cards of applications that name any of some subjects, newest first."""
    wanted = {each.subject_id for each in subjects}
    rows = []
    for farmer_id in sorted({each.farmer_id for each in subjects if each.farmer_id}):
        for kept in reports.applications_of(tx, farmer_id):
            if wanted & set(kept.application.subject_ids):
                cards = reports.decisions_of(tx, kept.application.application_id)
                rows += [CardRow(card, kept.application.asked_minor) for card in cards]
    rows.sort(key=lambda row: (-row.card.at_ms, row.card.card_id))
    return tuple(rows[:CARDS_SHOWN_MAX])


def _resting(tx: Tx, line: Line, today: date, *, told: bool) -> RestingLine:
    farmer = registry.find_farmer(tx, line.farmer_id)
    moved = lines.movements_of(tx, line.line_id)
    reviews = _reviews(tx, line, moved) if told else ()
    facts = statement(tx, line, today, today).rows if told else ()
    return RestingLine(
        line=line,
        farmer_name=farmer.name if farmer else line.farmer_id,
        product_name=priced_by(tx, line).name,
        movement=moved[-1].movement.value if moved else "opened",
        stands=standing(tx, line, today),
        story=terms_story(line, moved, reviews, today) if reviews else None,
        reviews=tuple(reversed(reviews))[:REVIEWS_SHOWN_MAX],
        signs=_signs(reviews),
        facts=tuple(reversed(facts))[:FACTS_SHOWN_MAX],
        facts_left_out=max(0, len(facts) - FACTS_SHOWN_MAX),
    )


def _reviews(tx: Tx, line: Line, moved: Sequence[LineMovement]) -> tuple[Review, ...]:
    found = []
    for each in moved:
        told = explained(tx, line, each)
        if told:
            found.append(
                Review(
                    on=civil_day(each.at_ms).isoformat(),
                    movement=each.movement.value,
                    limit_minor=each.limit_minor,
                    terms={one.sign: one for one in told},
                    reasons=tuple(sentence(reason) for reason in each.reasons),
                )
            )
    return tuple(found)


def _signs(reviews: Sequence[Review]) -> tuple[tuple[str, str], ...]:
    """Each sign that any review has, in the order of the rule, with its words."""
    found: dict[str, str] = {}
    for review in reviews:
        for sign, told in review.terms.items():
            if sign in RULE or told.binds:
                found.setdefault(sign, known(told.words))
    ranked = sorted(found, key=lambda sign: RULE.index(sign) if sign in RULE else len(RULE))
    return tuple((sign, found[sign]) for sign in ranked)


def terms_story(
    line: Line, moved: Sequence[LineMovement], reviews: Sequence[Review], today: date
) -> TermsStory:
    """What the picture of the terms shows."""
    last = {civil_day(each.at_ms).isoformat(): each.limit_minor for each in moved}
    until = today if line.closed_at_ms is None else civil_day(line.closed_at_ms)
    days = sorted(last)
    return TermsStory(
        currency=line.currency,
        limits=tuple((day, last[day]) for day in days),
        terms=tuple(
            Term(known(sign), words, _points(reviews, sign)) for sign, words in _signs(reviews)
        ),
        bound=tuple(
            (review.on, told.amount_minor, told.sign)
            for review in reviews
            for told in review.terms.values()
            if told.binds
        ),
        until=max(until.isoformat(), days[-1]),
    )


def _points(reviews: Sequence[Review], sign: str) -> tuple[tuple[str, int], ...]:
    """A term's amount by day, the last of a day."""
    found = {review.on: review.terms[sign].amount_minor for review in reviews
             if sign in review.terms}  # fmt: skip
    return tuple(sorted(found.items()))
