"""What a farmer is shown: each line's limit, what is left, what is owed and when, why."""

from __future__ import annotations

from dataclasses import dataclass

from core.lending.account import Amounts, Asked
from core.lending.lease import Clock
from core.lending.product import Product
from core.lending.relief import Relief
from core.reasons import Reason, ReasonCode
from core.wire.evidence import PictureRef
from core.wire.registry import Farmer, Subject
from edge_node.decide.cash import cash_room, refuse_cash
from edge_node.decide.consents import granted
from edge_node.decide.debt import debt, priced
from edge_node.decide.desk import Desk
from edge_node.decide.inputs import IMAGERY, fits
from edge_node.decide.room import rooms, uncounted_draws, uncounted_repayments
from edge_node.store import decisions, lines, newplans, pictures, village
from edge_node.store.database import StationDatabase
from edge_node.store.decisions import KeptCard
from edge_node.store.lines import KeptLine, LimitStep
from edge_node.store.newplans import KeptOffer
from edge_node.watch.notices import Notice
from edge_node.watch.rounds import notices_of_farmer

_SEEN_FROM_ABOVE = ("plot", "herd")  # what a limit follows by pictures


@dataclass(frozen=True, slots=True)
class SubjectStanding:
    """A plot or herd with the stage that was last seen, and when.

    ``pictures`` are those that are here, of a herd those of its pasture; ``outline_e7``
    likewise is its own, or its pasture's [degrees × 10⁷].
    """

    subject: Subject
    stage: str
    seen_on: str
    pictures: tuple[PictureRef, ...] = ()
    outline_e7: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class LineStanding:
    """A line as the farmer sees it [minor units].

    ``drawable_minor`` is the most that one draw may take here now; if it is 0,
    ``refusal`` says why. ``counted_to`` is the day up to which interest is counted where
    the clock is not known; else empty: it is today. ``pays`` is the supplier to whom a
    voucher's draws go; empty where they are paid in cash. ``suppliers`` and ``goods`` are
    what a voucher's draw may name. ``to_account`` says that the lender pays draws to the
    farmer's own account, so that no till does.
    """

    line_id: str
    product_id: str
    product_name: str
    currency: str
    draw_step_minor: int
    limit_minor: int
    drawable_minor: int
    refusal: Reason | None
    owed: Amounts
    ahead: tuple[Asked, ...]
    relief: Relief | None
    due_on: str
    movement: str
    reasons: tuple[Reason, ...]
    subjects: tuple[SubjectStanding, ...]
    history: tuple[LimitStep, ...]
    as_of: str
    counted_to: str = ""
    pays: str = ""
    to_account: bool = False
    suppliers: tuple[str, ...] = ()
    goods: tuple[str, ...] = ()
    new_plan: KeptOffer | None = None


@dataclass(frozen=True, slots=True)
class Possible:
    """A product that the farmer may apply for, with what could be pledged."""

    product: Product
    subjects: tuple[Subject, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything on the farmer's first page."""

    farmer: Farmer
    lines: tuple[LineStanding, ...]
    possible: tuple[Possible, ...]
    last_card: KeptCard | None
    notices: tuple[Notice, ...] = ()


def standing_of(db: StationDatabase, desk: Desk, farmer_id: str, clock: Clock) -> Standing:
    """How a farmer stands.

    Raises
    ------
    UnknownRecordError
        If the farmer is not known here.
    """
    farmer = village.farmer(db, farmer_id)
    found = [line for line in lines.lines_of(db, farmer_id) if line.open]
    cards = decisions.cards_of(db, farmer_id)
    return Standing(
        farmer=farmer,
        lines=tuple(_line(db, desk, line, clock) for line in found),
        possible=_possible(db, farmer_id, found),
        last_card=cards[0] if cards else None,
        notices=notices_of_farmer(db, farmer_id),
    )


def line_standing(db: StationDatabase, desk: Desk, line_id: str, clock: Clock) -> LineStanding:
    """How one line stands."""
    return _line(db, desk, lines.line(db, line_id), clock)


def _line(db: StationDatabase, desk: Desk, line: KeptLine, clock: Clock) -> LineStanding:
    product = priced(line, village.product(db, line.product_id))
    uncounted = uncounted_draws(db, line)
    found = rooms(db, line, clock)
    drawable = found[0].drawable_minor if found else 0
    short = refuse_cash(db, desk, (product, drawable), clock)
    in_cash = drawable if short is None else cash_room(db, desk, product, clock) or 0
    history = lines.limit_history(db, line.line_id)
    told = line.status or line.opened
    reasons = line.status.reasons if line.status else (Reason(ReasonCode.LIMIT_OPENED),)
    as_of, until = line.status.as_of if line.status else "", desk.accrual_day(clock)
    owes = debt(line, uncounted, product, until, uncounted_repayments(db, line))
    if product.kind.pledge in _SEEN_FROM_ABOVE and IMAGERY not in granted(db, desk, line.farmer_id):
        reasons = (Reason(ReasonCode.LIMIT_CONSENT_MISSING), *reasons)
    return LineStanding(
        line_id=line.line_id,
        product_id=product.product_id,
        product_name=product.name,
        pays="" if product.to_account else product.pays,
        to_account=bool(product.to_account),
        suppliers=product.voucher.suppliers if product.voucher else (),
        goods=tuple(each.goods for each in product.voucher.goods) if product.voucher else (),
        currency=product.currency,
        draw_step_minor=product.credit.draw_step_minor,
        limit_minor=line.limit_minor,
        drawable_minor=in_cash - in_cash % product.credit.draw_step_minor,
        refusal=short if drawable else _refusal(line, found[0].refusal if found else None),
        owed=owes.owed,
        new_plan=newplans.open_of_line(db, line.line_id, desk.today(clock).isoformat()),
        ahead=owes.ahead,
        relief=line.status.facts.relief if line.status and line.status.facts else None,
        due_on=product.due_on,
        movement=line.status.movement.value if line.status else "opened",
        reasons=(*line.freeze_reasons, *reasons) if line.frozen else reasons,
        subjects=tuple(_subject(db, one) for one in (told.subject_ids if told else ())),
        history=history,
        as_of=as_of,
        counted_to="" if clock.known else max(until.isoformat(), as_of),
    )


def _refusal(line: KeptLine, code: ReasonCode | None) -> Reason:
    if line.left is not None:
        return Reason(ReasonCode.DRAW_LEFT)
    if line.frozen:
        return Reason(ReasonCode.DRAW_FROZEN)
    if code in (None, ReasonCode.DRAW_ABOVE_LEASE):
        return Reason(ReasonCode.DRAW_NO_LEASE)
    return Reason(code)


def _subject(db: StationDatabase, subject_id: str) -> SubjectStanding:
    subject = village.subject(db, subject_id)
    seen_id = subject.pasture_id or subject_id
    evidence = village.evidence_of(db, seen_id)
    stage = evidence.stage if evidence else "sowing"
    seen_on = evidence.as_of if evidence else ""
    place = village.find_subject(db, seen_id)
    outline_e7 = (place.outline_e7 if place else None) or ()
    seen = pictures.of_subject(db, seen_id)
    return SubjectStanding(subject, stage, seen_on, seen, outline_e7)


def _possible(db: StationDatabase, farmer_id: str, found: list[KeptLine]) -> tuple[Possible, ...]:
    told = [line.status or line.opened for line in found]
    taken = {one for word in told if word for one in word.subject_ids}
    taken_products = {line.product_id for line in found}
    own = [s for s in village.subjects_of(db, farmer_id) if s.subject_id not in taken]
    possible = []
    for product_id in village.product_ids(db):
        product = village.product(db, product_id)
        fitting = tuple(subject for subject in own if fits(subject, product))
        if fitting and product_id not in taken_products:
            possible.append(Possible(product, fitting))
    return tuple(possible)
