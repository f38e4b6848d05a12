"""Reviews: the rule of ``core.lending.limit`` applied to one line, and written down.

A line is reviewed once an evidence date, when all that it rests on has been seen up
to it or a wait is over; what arrives later for the same date reviews it again and
counts as the same look. A line whose evidence grows stale is reviewed without any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from core.lending.agreement import AgreementReason
from core.lending.concentration import Ceiling
from core.lending.elsewhere import is_unknown
from core.lending.kinds.voucher import trade_waits
from core.lending.limit import (
    HerdView,
    Household,
    Movement,
    PlotView,
    Review,
    Seen,
    Standing,
    Terms,
    estimate,
    has_worsened,
    limit_terms,
    review,
)
from core.lending.product import Product
from core.reasons import Reason, ReasonCode
from core.shape import encode
from server.services.agreements import frozen_changed
from server.services.beside import changed_beside
from server.services.centre import Work
from server.services.comparing import explain
from server.services.downlink import send_freeze, send_status
from server.services.freezing import frozen_by_people
from server.services.origination import risk_now
from server.services.outlook import Outlook, look, read_seen
from server.services.pricing import review_rate
from server.services.raising import ask_person, held_for_person
from server.services.spreading import ceiling_of
from server.services.standing import LineStanding, standing, zone_minutes
from server.store import lines, people, products, registry
from server.store.lines import Line, LineMovement, Support

SPREAD_TERM = "spread_minor"  # on a movement's record
MS_PER_HOUR = 3_600_000
_AGEING = ("age_days",)
_WITHHELD = {
    ReasonCode.LIMIT_STALE_FROZEN: ReasonCode.LIMIT_CONSENT_FROZEN,
    ReasonCode.LIMIT_SILENT_FROZEN: ReasonCode.LIMIT_CONSENT_FROZEN,
    ReasonCode.LIMIT_NOT_SEEN: ReasonCode.LIMIT_CONSENT_MISSING,
    ReasonCode.LIMIT_THIN: ReasonCode.LIMIT_CONSENT_MISSING,
}
_SETTING = (Movement.OPENED, Movement.RAISED, Movement.CUT)


def review_for_evidence(work: Work, line_id: str) -> LineMovement | None:
    """Review a line whose evidence has changed; None if it must wait for more."""
    line = lines.lock(work.tx, line_id)
    if not line.is_open:
        return None
    product = products.newest(work.tx, line.product_id)
    today = _today(work, line)
    outlook = look(work, line, product, today)
    if not outlook.as_of or outlook.as_of < line.reviewed_as_of:
        return None
    if _waits(work, outlook):
        return None
    return conclude(work, _case(work, line, product, outlook, today))


def review_waiting(work: Work, station: str) -> None:
    """Review a station's lines whose wait is over, or whose evidence has grown stale."""
    for line_id in lines.of_station(work.tx, station):
        line = lines.lock(work.tx, line_id)
        product = products.newest(work.tx, line.product_id)
        today = _today(work, line)
        outlook = look(work, line, product, today)
        if outlook.as_of > line.reviewed_as_of:
            review_for_evidence(work, line_id)
        elif outlook.age_days > product.movement.stale_days_max and not line.frozen:
            stale = replace(outlook, as_of=outlook.as_of or line.opened_on)
            conclude(work, _case(work, line, product, stale, today))


@dataclass(frozen=True, slots=True)
class Case:
    """One line under review, with the rule's terms on what is known of it.

    ``side`` is 1 if the rule's limit is above the one in force, -1 if below, 0 if equal or
    unknown.
    """

    line: Line
    product: Product
    outlook: Outlook
    seen: Seen
    today: date
    terms: Terms | None
    side: int


def review_again(work: Work, line_id: str, *, tells: bool = True) -> LineMovement | None:
    """Review a line on what is known now, as a review of the whole book does each of its lines.

    Parameters
    ----------
    tells
        As of :func:`write_down`.

    Returns
    -------
    LineMovement | None
        Its latest movement, new or not; None where there is nothing to review it by yet.
    """
    case = prepare(work, line_id)
    return None if case is None else write_down(work, judge(work, case), tells=tells)


def prepare(work: Work, line_id: str) -> Case | None:
    """What a review of a line as it is known now would judge; None if it must wait.

    Evidence as old as the latest review's is judged again: a product's terms, a price or
    the age of the evidence may have changed since.
    """
    line = lines.lock(work.tx, line_id)
    if not line.is_open:
        return None
    product = products.newest(work.tx, line.product_id)
    today = _today(work, line)
    outlook = look(work, line, product, today)
    if outlook.as_of and outlook.as_of >= line.reviewed_as_of and not _waits(work, outlook):
        return _case(work, line, product, outlook, today)
    if outlook.age_days <= product.movement.stale_days_max or line.frozen:
        return None
    stale = replace(outlook, as_of=outlook.as_of or line.opened_on)
    return _case(work, line, product, stale, today)


def _waits(work: Work, outlook: Outlook) -> bool:
    """Whether a line waits for evidence of all that it rests on."""
    waited_ms = work.at_ms - outlook.arrived_at_ms
    return not outlook.complete and waited_ms < work.settings.evidence_wait_h * MS_PER_HOUR


def _case(work: Work, line: Line, product: Product, outlook: Outlook, today: date) -> Case:
    seen = outlook.seen
    terms, side = limit_terms(product, seen, household(work, line), today), 0
    if terms is not None:
        target = terms.limit(product.credit.rounding_unit_minor)
        side = (target > line.limit_minor) - (target < line.limit_minor)
    return Case(line, product, outlook, seen, today, terms, side)


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rule says of a case, and what it was judged on.

    ``earlier`` are the looks that support a rise so far, ``before`` the latest movement;
    ``wanted`` is what the rule gives, ``found`` the same or, above its authority, held;
    ``says_nothing_new`` where the movement before said it of the same evidence.
    """

    case: Case
    stands: LineStanding
    before: LineMovement | None
    earlier: tuple[Support, ...]
    ceiling: Ceiling | None
    wanted: Review
    found: Review
    says_nothing_new: bool


def conclude(work: Work, case: Case) -> LineMovement:
    """Judge a case by the rule, and write down what came of it unless it says nothing new."""
    return write_down(work, judge(work, case))


def write_down(work: Work, judged: Judged, *, tells: bool = True) -> LineMovement:
    """What came of a case: the movement before if that said it, or else a new one.

    Parameters
    ----------
    tells
        Whether stations are told at once how the line stands, or with their next pull
        (:mod:`server.services.telling`). That a line is frozen, or thaws, they are told at once.
    """
    if judged.found is not judged.wanted:
        ask_person(work, judged.case.line, judged.wanted)
    if judged.before is not None and judged.says_nothing_new:
        return judged.before
    return _write(work, judged, tells=tells)


def judge(work: Work, case: Case) -> Judged:
    """What the rule says of a case; nothing is written."""
    line, terms = case.line, case.terms
    stands = standing(work.tx, line, case.today)
    before = lines.last_movement(work.tx, line.line_id)
    # Looks are counted by the date of the picture, not of the run that read it: the same
    # picture again, under cloud or computed anew, stands in its own place.
    looked_on = case.outlook.looked_on
    earlier = tuple(support for support in line.supported if support.as_of < looked_on)
    past = before.views if before else ()
    ceiling = ceiling_of(work, line, before)
    told, lost = changed_beside(case.product, past, case.seen, case.today)
    goods = _lost_goods(case)
    found = review(
        case.product,
        Standing(
            limit_minor=line.limit_minor,
            outstanding_minor=stands.outstanding_minor + stands.pending_minor,
            leased_unspent_minor=stands.leased_minor,
            frozen=line.frozen,
            supported_minor=tuple(support.limit_minor for support in earlier),
            sources_count=case.seen.sources_count,
            season_over=_is_over(case),
            worsened=case.side >= 0 or lost or bool(goods) or _has_worsened(work, case),
            raise_waits=_raise_waits(case),
            ceiling=ceiling,
        ),
        terms,
        case.outlook.age_days,
        case.outlook.evidence_ids,
        (*goods, *told, *explain(case.product, case.outlook, past, case.side)),
    )
    if case.outlook.withheld:
        found = replace(found, reasons=tuple(_for_want_of_consent(each) for each in found.reasons))
    may = held_for_person(work, stands, case.product, found, _seen(case, earlier))
    known = _same_again(case, may, before)
    return Judged(case, stands, before, earlier, ceiling, found, may, known)


def _seen(case: Case, earlier: tuple[Support, ...]) -> tuple[int, ...]:
    """What the looks so far and this one support [minor units]."""
    known = tuple(support.limit_minor for support in earlier)
    if case.terms is None:
        return known
    return (*known, case.terms.limit(case.product.credit.rounding_unit_minor))


def _for_want_of_consent(reason: Reason) -> Reason:
    """No cloud and no silent device: nobody may look, and that is what is said."""
    code = _WITHHELD.get(reason.code)
    return reason if code is None else Reason(code, reason.params)


def _is_over(case: Case) -> bool:
    """Whether every plot was seen at the product's last stage, or the grazing is over."""
    herd, stages = case.product.herd, case.product.stages
    if herd is not None:
        return herd.grazing_to is not None and case.outlook.as_of > herd.grazing_to
    plots = case.outlook.plots
    if not stages:
        return False  # no harvest ends a line by scale of finance
    return bool(plots) and all(plot.stage == stages[-1].stage for plot in plots)


def _raise_waits(case: Case) -> ReasonCode | None:
    """Why nothing may rise, whatever was seen; None if it may."""
    if is_unknown(case.product, case.seen, case.today):
        return ReasonCode.LIMIT_DUES_UNKNOWN
    return trade_waits(case.product, case.seen)


def _lost_goods(case: Case) -> tuple[Reason, ...]:
    """What is told first where a limit falls because goods went elsewhere or never came."""
    broken = trade_waits(case.product, case.seen) is ReasonCode.LIMIT_ORDER_BROKEN
    return (Reason(ReasonCode.LIMIT_ORDER_BROKEN),) if broken and case.side < 0 else ()


def needs_past(case: Case) -> bool:
    """Whether a case is judged by what was known at earlier movements."""
    return case.side < 0 and case.product.movement.raise_margin_ppm is not None


def will_freeze(case: Case) -> bool:
    """Whether the evidence is so old that a review freezes the line."""
    return case.outlook.age_days > case.product.movement.stale_days_max


def _has_worsened(work: Work, case: Case) -> bool:
    """Whether the estimate fell since the limit was last set, or was first known after that."""
    if not needs_past(case):
        return True  # without a margin every estimate is taken as it comes
    then, looks = None, dict[str, int | None]()
    for moved in lines.past_views(work.tx, case.line.line_id):
        views = read_seen(moved.views)
        seen = _estimate(views)
        if moved.movement in _SETTING or then is None:
            then, looks = seen, {}
        looks[_looked_on(moved.as_of, (*views.plots, *views.herds))] = seen
    looks[case.outlook.looked_on] = _estimate(case.seen)
    ordered = [looks[each] for each in sorted(looks) if each <= case.outlook.looked_on]
    return has_worsened(case.product, then, ordered)


def _estimate(seen: Seen) -> int | None:
    return estimate(seen.plots, seen.herds, (*seen.machines, *seen.stores))


def _looked_on(as_of: str, views: Sequence[PlotView | HerdView]) -> str:
    """The date of the oldest last clear look behind a movement's views."""
    oldest_days = max((view.age_days for view in views), default=0)
    return (date.fromisoformat(as_of) - timedelta(days=oldest_days)).isoformat()


def _same_again(case: Case, found: Review, before: LineMovement | None) -> bool:
    """Whether a review says nothing that the movement before did not say of the same evidence.

    What it moved is all that this evidence gives: another look, or other terms, go on from it.
    """
    if before is None or before.evidence_ids != found.evidence_ids:
        return False
    if before.as_of != case.outlook.as_of or _ageless(before.views) != _ageless(case.outlook.views):
        return False
    moved = before.movement in (Movement.RAISED, Movement.CUT)
    if moved and found.movement in (before.movement, Movement.HELD):
        rule = {name: v for name, v in before.terms.items() if name != SPREAD_TERM}
        terms: dict[str, int] = encode(found.terms or {})
        return rule == terms
    supported = tuple(each.limit_minor for each in before.supported)
    return (before.movement, before.limit_minor, before.watch, supported) == (
        found.movement, found.limit_minor, found.watch, found.supported_minor,
    )  # fmt: skip


def _ageless(views: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Views without what passing days alone change in them."""
    return [{name: v for name, v in view.items() if name not in _AGEING} for view in views]


def _write(work: Work, judged: Judged, *, tells: bool) -> LineMovement:
    case, stands, found = judged.case, judged.stands, judged.found
    line = case.line
    supported = _supported(judged)
    moved = LineMovement(
        line_id=line.line_id,
        seq=line.movements_count + 1,
        movement_id=work.new_id(),
        movement=found.movement,
        as_of=case.outlook.as_of,
        at_ms=work.at_ms,
        limit_before_minor=line.limit_minor,
        limit_minor=found.limit_minor,
        outstanding_minor=stands.outstanding_minor,
        leased_unspent_minor=stands.leased_minor,
        terms=_terms_told(found, judged.ceiling),
        views=case.outlook.views,
        reasons=found.reasons,
        evidence_ids=found.evidence_ids,
        policy_version=found.policy_version,
        supported=supported,
        watch=found.watch,
        consent_ids=case.outlook.consent_ids,
    )
    _reprice(work, case)
    _apply(work, stands, moved, tells=tells)
    return moved


def _supported(judged: Judged) -> tuple[Support, ...]:
    """The looks that support a rise from now on: those before, as they were, or with this one."""
    amounts = judged.found.supported_minor
    if amounts == tuple(each.limit_minor for each in judged.earlier):
        return judged.earlier  # nothing may rise now; this look was not counted
    looks = [*(support.as_of for support in judged.earlier), judged.case.outlook.looked_on]
    dates = looks[-len(amounts) or None :]
    return tuple(Support(*pair) for pair in zip(dates, amounts, strict=False))


def _terms_told(found: Review, ceiling: Ceiling | None) -> dict[str, int]:
    """The terms for the record: the rule's, and how high the caps on the spread let it rise."""
    terms: dict[str, int] = encode(found.terms) if found.terms else {}
    return terms if ceiling is None else {**terms, SPREAD_TERM: ceiling.limit_minor}


def _reprice(work: Work, case: Case) -> None:
    """Let the price of the line's next drawdowns follow its risk, where the product has bands."""
    if not case.product.risk_prices:
        return
    risk = risk_now(work, case.line, case.product)
    if risk is not None:
        review_rate(work, case.line, case.product, risk)


def _apply(work: Work, stands: LineStanding, moved: LineMovement, *, tells: bool) -> None:
    line = stands.line
    frozen = moved.movement is Movement.FROZEN or frozen_by_people(work.tx, line)
    after = replace(
        line,
        limit_minor=moved.limit_minor,
        frozen=frozen,
        watch=moved.watch,
        reviewed_as_of=max(line.reviewed_as_of, moved.as_of),
        supported=moved.supported,
        movements_count=moved.seq,
        status_due=line.status_due or not tells,
    )
    lines.add_movement(work.tx, moved)
    lines.save(work.tx, after)
    if frozen != line.frozen:
        people.hold_trail(work.tx)
    if tells:
        send_status(work, after, replace(stands, line=after))
    if frozen != line.frozen:
        send_freeze(work, after, moved.reasons)
        fresh, stale = AgreementReason.EVIDENCE_FRESH, AgreementReason.EVIDENCE_STALE
        why = stale if frozen else fresh
        frozen_changed(work, after, work.myself, why, _today(work, line))


def household(work: Work, line: Line) -> Household:
    """What the season's cash of a line's farmer must first cover."""
    farmer = registry.farmer(work.tx, line.farmer_id)
    dossier = registry.find_dossier(work.tx, line.farmer_id)
    dues = dossier.features.get("other_debt_minor", 0) if dossier else 0
    return Household(size=farmer.household_size, dues_elsewhere_minor=max(0, dues))


def _today(work: Work, line: Line) -> date:
    return work.today(zone_minutes(work.tx, line.farmer_id))
