"""The rule that moves the limit: open, in integers, every term on the record.

``limit = floor(min(C, S, R, cap))`` where C is what the lower quantile of the
harvest can carry, S what the observed stage costs, R what the season's cash can
repay. A raise needs fresh evidence more than once; a cut is immediate and takes
only what is undrawn; a plot that cannot be seen holds its last limit, then
freezes. The centre applies it to one line at a time; nothing else moves a limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from core.errors import ProductError
from core.lending.product import Product
from core.reasons import Reason, ReasonCode
from core.units import PPM, floor_to_unit

M2_PER_HA = 10_000
DAYS_IN_YEAR = 365
_SCALE = M2_PER_HA * PPM * PPM  # of a value before its one division


@dataclass(frozen=True, slots=True)
class PlotView:
    """What is known of one plot when its line is reviewed.

    ``yield_p10_kg_per_ha`` and ``yield_p50_kg_per_ha`` are absent while nothing can
    be said; ``stage`` is the latest that was seen; ``usual_stage`` what the calendar
    expects today; ``age_days`` the age of the last clear look [days].
    """

    plot_id: str
    area_m2: int
    stage: str
    usual_stage: str
    age_days: int
    yield_p10_kg_per_ha: int | None = None
    yield_p50_kg_per_ha: int | None = None
    evidence_id: str = ""


@dataclass(frozen=True, slots=True)
class HerdView:
    """What is known of one herd: animals counted, and forage against normal [ppm]."""

    herd_id: str
    heads: int
    age_days: int
    forage_p10_ppm: int | None = None
    forage_p50_ppm: int | None = None
    evidence_id: str = ""


@dataclass(frozen=True, slots=True)
class Household:
    """What the season's cash must first cover [minor units]."""

    size: int
    dues_elsewhere_minor: int = 0
    insured_floor_minor: int = 0
    prior_liens_minor: int = 0
    other_cash_minor: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of the rule, each on the record [minor units]; absent ones did not bind."""

    collateral_minor: int
    stage_cost_minor: int
    capacity_minor: int
    cap_minor: int
    harvest_value_minor: int

    @property
    def binding(self) -> str:
        """Which term set the limit."""
        named = {
            "collateral": self.collateral_minor,
            "stage_cost": self.stage_cost_minor,
            "capacity": self.capacity_minor,
            "cap": self.cap_minor,
        }
        return min(named, key=lambda name: named[name])

    def limit(self, unit_minor: int, margin_ppm: int = 0) -> int:
        """The limit, rounded down to the product's unit [minor units].

        ``margin_ppm`` of what is estimated (collateral and capacity) is left unlent.
        """
        estimated = max(min(self.collateral_minor, self.capacity_minor), 0)
        kept = estimated * (PPM - margin_ppm) // PPM
        return floor_to_unit(max(min(kept, self.stage_cost_minor, self.cap_minor), 0), unit_minor)


class Movement(Enum):
    """What a review did."""

    OPENED = "opened"
    RAISED = "raised"
    CUT = "cut"
    HELD = "held"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class Standing:
    """The line as it stands before a review.

    ``supported_minor`` are the limits that the latest reviews computed while a rise
    was waiting for another look, oldest first. ``season_over`` says that all that the
    line rests on was harvested: no picture moves the limit any more. ``worsened`` says
    that the estimate fell, beyond the product's margin, from what it was when the
    limit was last set: without that nothing has happened that could cut it.
    """

    limit_minor: int
    outstanding_minor: int
    leased_unspent_minor: int
    frozen: bool = False
    supported_minor: tuple[int, ...] = ()
    season_over: bool = False
    worsened: bool = True


@dataclass(frozen=True, slots=True)
class Review:
    """The outcome of a review: the new limit, why, and what it rests on."""

    movement: Movement
    limit_minor: int
    terms: Terms | None
    reasons: tuple[Reason, ...]
    evidence_ids: tuple[str, ...]
    policy_version: str
    supported_minor: tuple[int, ...] = ()
    watch: bool = False


def crop_terms(product: Product, plots: Sequence[PlotView], household: Household) -> Terms | None:
    """The terms of the rule for a crop line; None while a yield is unknown.

    A plot on which nothing green has been seen yet is lent the sowing share on its
    plan: a picture of bare soil says nothing of its harvest, so its part of C and R
    is never below its part of S. So it is at later stages that the product lends on
    plan.

    Raises
    ------
    ProductError
        If the product has no price.
    """
    if product.price is None:
        raise ProductError(f"{product.product_id}: a crop limit needs [price], got none")
    if any(plot.yield_p10_kg_per_ha is None for plot in plots):
        return None
    fixed = household.insured_floor_minor - household.prior_liens_minor
    parts = [_part(product, plot) for plot in plots]
    value = sum(value for value, _ in parts) // _SCALE
    carried = sum(carried for _, carried in parts) // (_SCALE * PPM)
    ltv_ppm = min(product.stage_terms(plot.stage).ltv_ppm for plot in plots)
    return Terms(
        collateral_minor=carried + fixed * ltv_ppm // PPM,
        stage_cost_minor=_stage_cost(product, plots),
        capacity_minor=max(
            _capacity(product, household, value), _on_plan(product, plots, household)
        ),
        cap_minor=product.credit.limit_max_minor,
        harvest_value_minor=value + fixed,
    )


def estimate(plots: Sequence[PlotView], herds: Sequence[HerdView]) -> int | None:
    """The lower quantile of all that a line rests on, in one number; None if unknown.

    Harvest [kg × m²/ha] of its plots, or fed heads [heads × ppm] of its herds: only good
    for holding one day's against another's.
    """
    parts = [(plot.area_m2, plot.yield_p10_kg_per_ha) for plot in plots]
    parts += [(herd.heads, herd.forage_p10_ppm) for herd in herds]
    if any(part is None for _, part in parts):
        return None
    return sum(size * (part or 0) for size, part in parts)


def has_worsened(product: Product, then: int | None, looks: Sequence[int | None]) -> bool:
    """Whether an estimate fell by more than the product's margin, on enough looks in a row.

    A product without a margin takes every estimate as it comes.

    Parameters
    ----------
    then
        The estimate when the limit was last set.
    looks
        The estimates of the looks since then, newest last.
    """
    margin_ppm = product.movement.raise_margin_ppm
    if margin_ppm is None:
        return True
    wanted = product.movement.cut_looks_min or 1
    latest = looks[-wanted:]
    if then is None or len(latest) < wanted:
        return False
    return all(now is not None and now * PPM < then * (PPM - margin_ppm) for now in latest)


def sowing_terms(product: Product, plots: Sequence[PlotView]) -> Terms:
    """The terms before any yield can be said: the sowing share of the season's cost."""
    unseen = [
        PlotView(p.plot_id, p.area_m2, product.stages[0].stage, p.usual_stage, p.age_days)
        for p in plots
    ]
    cost, cap = _stage_cost(product, unseen), product.credit.limit_max_minor
    return Terms(
        collateral_minor=cap,
        stage_cost_minor=cost,
        capacity_minor=cap,
        cap_minor=cap,
        harvest_value_minor=0,
    )


def herd_terms(product: Product, herds: Sequence[HerdView]) -> Terms | None:
    """The terms of the rule for a livestock line; None while the forage is unknown.

    C is the counted herd's value × loan-to-value, S the season's feed, both scaled
    by what the pasture carries: the lower quantile of forage over the product's full
    forage, at most 1. Below the floor nothing new is lent.

    Raises
    ------
    ProductError
        If the product has no herd terms.
    """
    if product.herd is None:
        raise ProductError(f"{product.product_id}: a herd limit needs [herd], got none")
    if any(herd.forage_p10_ppm is None for herd in herds):
        return None
    terms = product.herd
    full_ppm = PPM if terms.forage_full_ppm is None else terms.forage_full_ppm
    carried = 0
    for herd in herds:
        forage_ppm = herd.forage_p10_ppm or 0
        share_ppm = min(forage_ppm * PPM // full_ppm, PPM)
        carried += herd.heads * (share_ppm if forage_ppm >= terms.forage_floor_ppm else 0)
    value = sum(herd.heads for herd in herds) * terms.value_minor_per_head
    return Terms(
        collateral_minor=carried * terms.value_minor_per_head * terms.ltv_ppm // (PPM * PPM),
        stage_cost_minor=carried * terms.scale_minor_per_head // PPM,
        capacity_minor=product.credit.limit_max_minor,
        cap_minor=product.credit.limit_max_minor,
        harvest_value_minor=value,
    )


def review(
    product: Product,
    standing: Standing,
    terms: Terms | None,
    age_days: int,
    evidence_ids: Sequence[str],
    context: Sequence[Reason] = (),
) -> Review:
    """Move, hold or freeze a limit.

    Parameters
    ----------
    terms
        From :func:`crop_terms` or :func:`herd_terms`; None holds.
    age_days
        Age of the oldest last clear look among what the line rests on [days].
    context
        Reasons that explain the evidence (stage seen, harvest lower), most
        important first; the movement's own reasons follow.
    """
    found = _Verdict(product, standing, tuple(evidence_ids), tuple(context))
    if standing.season_over:
        return found.hold(Movement.HELD, terms, (Reason(ReasonCode.LIMIT_SEASON_OVER),))
    if age_days > product.movement.stale_days_max:
        stale = Reason(ReasonCode.LIMIT_STALE_FROZEN, {"days": str(age_days)})
        return found.hold(Movement.FROZEN, terms, (stale,))
    if terms is None or age_days > product.movement.fresh_days_max:
        return found.hold(Movement.HELD, terms, (Reason(ReasonCode.LIMIT_NOT_SEEN),))
    target = _target(product, standing, terms)
    change = target - standing.limit_minor
    held = _too_little(product, standing, change)
    if held is not None:
        return found.hold(Movement.HELD, terms, (Reason(held),))
    if change < 0:
        return found.move(Movement.CUT, target, terms)
    return _raise(found, target, terms)


def _target(product: Product, standing: Standing, terms: Terms) -> int:
    """Where the limit is drawn: between the limit with the margin and without it, nowhere."""
    unit = product.credit.rounding_unit_minor
    lowest = terms.limit(unit, product.movement.raise_margin_ppm or 0)
    return min(max(standing.limit_minor, lowest), terms.limit(unit))


def _too_little(product: Product, standing: Standing, change: int) -> ReasonCode | None:
    """Why a change does not move the limit; None if it does."""
    if change == 0 or (change < 0 and not standing.worsened):
        return ReasonCode.LIMIT_UNCHANGED
    if abs(change) * PPM < standing.limit_minor * product.movement.change_min_ppm:
        return ReasonCode.LIMIT_SMALL_CHANGE
    return None


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What every outcome of one review shares."""

    product: Product
    standing: Standing
    evidence_ids: tuple[str, ...]
    context: tuple[Reason, ...]

    def hold(
        self,
        movement: Movement,
        terms: Terms | None,
        reasons: tuple[Reason, ...],
        supported: tuple[int, ...] = (),
    ) -> Review:
        limit = self.standing.limit_minor
        context = self.context if movement is Movement.HELD and supported else ()
        return self._review(movement, limit, terms, (*context, *reasons), supported)

    def move(self, movement: Movement, limit_minor: int, terms: Terms) -> Review:
        reasons = self.context + _binding_reasons(terms) or (_PLAIN[terms.binding],)
        return self._review(movement, limit_minor, terms, reasons, ())

    def _review(
        self,
        movement: Movement,
        limit_minor: int,
        terms: Terms | None,
        reasons: tuple[Reason, ...],
        supported: tuple[int, ...],
    ) -> Review:
        used = self.standing.outstanding_minor + self.standing.leased_unspent_minor
        watch = used > limit_minor
        if watch and movement is Movement.CUT:
            reasons = (*reasons, Reason(ReasonCode.LIMIT_WATCH))
        return Review(
            movement=movement,
            limit_minor=limit_minor,
            terms=terms,
            reasons=reasons,
            evidence_ids=self.evidence_ids,
            policy_version=self.product.policy_version(),
            supported_minor=supported,
            watch=watch,
        )


def _raise(found: _Verdict, target: int, terms: Terms) -> Review:
    supported = (*found.standing.supported_minor, target)
    looks = found.product.movement.raise_looks_min
    if len(supported) < looks:
        waits = (Reason(ReasonCode.LIMIT_SECOND_LOOK),)
        return found.hold(Movement.HELD, terms, waits, supported)
    # Only what every one of the latest looks supports is given.
    limit = min(supported[-looks:])
    if limit <= found.standing.limit_minor:
        waits = (Reason(ReasonCode.LIMIT_SECOND_LOOK),)
        return found.hold(Movement.HELD, terms, waits, supported[-looks:])
    return found.move(Movement.RAISED, limit, terms)


# What is said where the evidence itself has no words: nothing was new in it but its date.
_PLAIN = {
    "collateral": Reason(ReasonCode.LIMIT_HARVEST),
    "stage_cost": Reason(ReasonCode.LIMIT_STAGE_COST),
}


def _binding_reasons(terms: Terms) -> tuple[Reason, ...]:
    if terms.binding == "capacity":
        return (Reason(ReasonCode.LIMIT_CAPACITY),)
    if terms.binding == "cap":
        return (Reason(ReasonCode.LIMIT_PRODUCT_CAP),)
    return ()


def _on_plan(product: Product, plots: Sequence[PlotView], household: Household) -> int:
    """What the season repays when plots that are lent on plan count at their share."""
    estimated = [plot for plot in plots if not product.is_on_plan(plot.stage)]
    seen = sum(_part(product, plot)[0] for plot in estimated) // _SCALE
    unseen = [plot for plot in plots if product.is_on_plan(plot.stage)]
    return _capacity(product, household, seen) + _stage_cost(product, unseen)


def _part(product: Product, plot: PlotView) -> tuple[int, int]:
    """A plot's harvest value and what it carries, times _SCALE and _SCALE × 10⁶."""
    price, terms = product.price, product.stage_terms(plot.stage)
    if price is None:
        raise ProductError(f"{product.product_id}: a crop limit needs [price], got none")
    net = price.price_minor_per_kg * (PPM - price.price_haircut_ppm)
    net *= PPM - price.post_harvest_loss_ppm
    value = plot.area_m2 * max(plot.yield_p10_kg_per_ha or 0, 0) * net
    carried = value * terms.ltv_ppm
    if product.is_on_plan(plot.stage):
        carried = max(carried, _stage_cost(product, [plot]) * _SCALE * PPM)
    return value, carried


def _stage_cost(product: Product, plots: Sequence[PlotView]) -> int:
    weighted = sum(p.area_m2 * product.stage_terms(p.stage).released_ppm for p in plots)
    return weighted * product.scale_of_finance_minor_per_ha // (M2_PER_HA * PPM)


def _capacity(product: Product, household: Household, value_minor: int) -> int:
    living = household.size * product.capacity.living_cost_minor_per_person
    cash = value_minor + household.other_cash_minor - living - household.dues_elsewhere_minor
    credit = product.credit
    # (1 + fee + rate × days/365), all in ppm × days; the division floors.
    all_in = (PPM + credit.fee_ppm) * DAYS_IN_YEAR + credit.rate_ppm * credit.term_days
    return max(cash, 0) * PPM * DAYS_IN_YEAR // all_in
