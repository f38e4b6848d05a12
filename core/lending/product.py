"""Products are data: what a lender offers, read from TOML and held against itself.

A product names its crop or herd, its stages with the share of cost released and
the loan-to-value at each, prices with date and source, haircuts, caps, fees, and
the delegated authority for decisions at a station. A region's calendar, prices,
shares and caps stand here, never in code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any

from core.canonical import canonical_hash
from core.errors import ProductError
from core.lending.accrual import DayCount
from core.lending.lease import TERM_DAYS_MAX, TERM_DAYS_MIN
from core.lending.terms import (
    WATERFALL,
    ArrearsTerms,
    Part,
    RebateTerms,
    RepaymentTerms,
    ScheduleKind,
    ScheduleTerms,
    waterfall_faults,
)
from core.lending.workdays import CalendarTerms
from core.shape import decode, encode
from core.units import PPM, civil_date


class ProductKind(Enum):
    """What the money is lent against."""

    CROP = "crop"
    LIVESTOCK = "livestock"


@dataclass(frozen=True, slots=True)
class StageTerms:
    """What a growth stage releases.

    ``released_ppm`` is the share of the season's cost that may be out by then,
    ``ltv_ppm`` the share of the harvest's lower-quantile value that may be lent.
    ``usual_from_day`` is when the calendar expects the stage [days since sowing];
    it explains a delay and releases nothing. ``on_plan`` lends this stage's share
    whatever harvest is estimated, because seedlings say little of it; absent, only
    the first stage is.
    """

    stage: str
    released_ppm: int
    ltv_ppm: int
    usual_from_day: int
    on_plan: bool | None = None


@dataclass(frozen=True, slots=True)
class PriceTerms:
    """Farm-gate price, with its date and source, and what is taken off it."""

    price_minor_per_kg: int
    as_of: str
    source: str
    price_haircut_ppm: int
    post_harvest_loss_ppm: int


@dataclass(frozen=True, slots=True)
class HerdTerms:
    """What an animal is worth, costs to feed a season, and lends [minor units a head].

    From ``forage_full_ppm`` of normal forage on, the pasture carries the whole herd;
    below it, that much less; absent, only a normal pasture carries it whole. After
    ``grazing_to`` (a date) the grass of the dry season moves no limit.
    """

    value_minor_per_head: int
    scale_minor_per_head: int
    ltv_ppm: int
    forage_floor_ppm: int  # below this share of normal forage nothing new is lent
    forage_full_ppm: int | None = None
    grazing_to: str | None = None


@dataclass(frozen=True, slots=True)
class MovementTerms:
    """How a limit may move.

    A rise leaves ``raise_margin_ppm`` of what the harvest carries and the season
    repays unlent, so that the next look's noise does not take it back; a cut knows no
    margin. Between the two the limit holds.
    """

    change_min_ppm: int  # smaller changes are ignored
    raise_looks_min: int  # fresh evidences in a row that must support a rise
    fresh_days_max: int  # evidence older than this moves nothing
    stale_days_max: int  # after so many days unseen, new draws freeze
    raise_margin_ppm: int | None = None
    cut_looks_min: int | None = None  # looks in a row that must be worse; one if absent


@dataclass(frozen=True, slots=True)
class CreditTerms:
    """Price and caps of the line."""

    rate_ppm: int
    day_count: DayCount
    fee_ppm: int
    apr_cap_ppm: int
    limit_max_minor: int
    rounding_unit_minor: int
    draw_step_minor: int
    term_days: int


@dataclass(frozen=True, slots=True)
class CapacityTerms:
    """What a household needs before it can repay [minor units a season]."""

    living_cost_minor_per_person: int


@dataclass(frozen=True, slots=True)
class DecisionTerms:
    """Delegated authority: what a station may decide without the centre.

    A feature of whose readings more than ``unsigned_ppm_max`` rest on no signature of a
    device is missing; absent, ``core.scoring.features.UNSIGNED_PPM_MAX`` counts.
    """

    approve_pd_ppm_max: int
    refer_pd_ppm_max: int
    authority_minor_max: int
    coverage_ppm_min: int
    known_features_min: int
    purposes: tuple[str, ...]
    unsigned_ppm_max: int | None = None


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """How much a station may hold, and for how long."""

    term_days: int
    share_of_headroom_ppm: int
    onboarding_lines_max: int
    onboarding_minor_per_line: int


@dataclass(frozen=True, slots=True)
class Product:
    """A product, complete. ``version`` rises with every change of its file.

    How it is repaid may be absent, which says a bullet at ``due_on`` with simple interest;
    see :mod:`core.lending.terms`.
    """

    product_id: str
    version: int
    kind: ProductKind
    name: str
    currency: str
    crop: str
    season_id: str
    due_on: str
    credit: CreditTerms
    movement: MovementTerms
    capacity: CapacityTerms
    decision: DecisionTerms
    lease: LeaseTerms
    scale_of_finance_minor_per_ha: int = 0
    price: PriceTerms | None = None
    stages: tuple[StageTerms, ...] = ()
    herd: HerdTerms | None = None
    schedule: ScheduleTerms | None = None
    arrears: ArrearsTerms | None = None
    rebate: RebateTerms | None = None
    waterfall: tuple[Part, ...] | None = None
    calendar: CalendarTerms | None = None

    def repayment(self) -> RepaymentTerms:
        """All that a repayment follows, with what is absent filled in."""
        return RepaymentTerms(
            rate_ppm=self.credit.rate_ppm,
            day_count=self.credit.day_count,
            due_on=date.fromisoformat(self.due_on),
            schedule=self.schedule or ScheduleTerms(ScheduleKind.BULLET),
            arrears=self.arrears or ArrearsTerms(0, 0),
            rebate=self.rebate or RebateTerms(0),
            waterfall=self.waterfall or WATERFALL,
            calendar=self.calendar,
        )

    def stage_terms(self, stage: str) -> StageTerms:
        """The terms of a stage.

        Raises
        ------
        ProductError
            If the product does not define it.
        """
        for terms in self.stages:
            if terms.stage == stage:
                return terms
        raise ProductError(f"{self.product_id}: expected terms for stage {stage}, got none")

    def is_on_plan(self, stage: str) -> bool:
        """Whether a plot at this stage is lent on its plan, not on its estimate."""
        terms = self.stage_terms(stage)
        return terms is self.stages[0] if terms.on_plan is None else terms.on_plan

    def policy_version(self) -> str:
        """Name, version and content hash: what a decision and a movement cite."""
        return f"{self.product_id}@{self.version}:{canonical_hash(encode(self))[:16]}"


def parse_product(table: Mapping[str, Any]) -> Product:
    """Read a product from a parsed TOML table and hold it against itself.

    Raises
    ------
    ShapeError
        If a field is missing or of the wrong type.
    ProductError
        If fields contradict each other; all faults are named at once.
    """
    product = decode(Product, dict(table))
    faults = list(_faults(product))
    if faults:
        raise ProductError(f"{product.product_id}: " + "; ".join(faults))
    return product


def _faults(product: Product) -> list[str]:
    faults = [f"{name} must be 0 to 1,000,000 ppm" for name in _shares_outside(product)]
    if product.kind is ProductKind.CROP and not (product.price and product.stages):
        faults.append("a crop product needs [price] and [[stages]]")
    if product.kind is ProductKind.LIVESTOCK and product.herd is None:
        faults.append("a livestock product needs [herd]")
    if product.herd and not product.herd.forage_floor_ppm <= _forage_full(product.herd) <= PPM:
        faults.append("forage_full_ppm must lie between forage_floor_ppm and 1,000,000")
    released = [stage.released_ppm for stage in product.stages]
    faults += [f"{name} must be a date, got {text[:40]!r}" for name, text in _dates_wrong(product)]
    if released != sorted(released):
        faults.append("released_ppm must rise from stage to stage")
    if product.decision.approve_pd_ppm_max > product.decision.refer_pd_ppm_max:
        faults.append("approve_pd_ppm_max must not exceed refer_pd_ppm_max")
    if product.credit.rounding_unit_minor <= 0 or product.credit.draw_step_minor <= 0:
        faults.append("rounding_unit_minor and draw_step_minor must be positive")
    if not TERM_DAYS_MIN <= product.lease.term_days <= TERM_DAYS_MAX:
        faults.append(
            f"lease.term_days must be {TERM_DAYS_MIN} to {TERM_DAYS_MAX}: it covers the darkness "
            f"that is expected, got {product.lease.term_days}"
        )
    if product.movement.fresh_days_max >= product.movement.stale_days_max:
        faults.append("fresh_days_max must be below stale_days_max")
    return faults + _repayment_faults(product)


def _repayment_faults(product: Product) -> list[str]:
    """What contradicts itself in when and how the product is repaid."""
    faults = []
    due_on = civil_date(product.due_on)
    if due_on is None:
        faults.append(f"due_on must be a date such as 2026-09-15, got {product.due_on[:40]!r}")
    if product.schedule is not None:
        faults += product.schedule.faults(due_on)
    if product.arrears is not None:
        faults += product.arrears.faults()
    if product.rebate is not None and not 0 <= product.rebate.rate_ppm <= product.credit.rate_ppm:
        faults.append("rebate.rate_ppm must be 0 to credit.rate_ppm")
    if product.waterfall is not None:
        faults += waterfall_faults(product.waterfall)
    if product.calendar is not None:
        faults += product.calendar.faults()
    return faults


def _dates_wrong(product: Product) -> Iterator[tuple[str, str]]:
    """Dates that the rules compare as texts, and that are none."""
    if product.price is not None and civil_date(product.price.as_of) is None:
        yield "price.as_of", product.price.as_of
    grazing_to = product.herd.grazing_to if product.herd is not None else None
    if grazing_to is not None and civil_date(grazing_to) is None:
        yield "herd.grazing_to", grazing_to


def _forage_full(herd: HerdTerms) -> int:
    return PPM if herd.forage_full_ppm is None else herd.forage_full_ppm


def _shares_outside(product: Product) -> list[str]:
    shares = {
        "lease.share_of_headroom_ppm": product.lease.share_of_headroom_ppm,
        "movement.change_min_ppm": product.movement.change_min_ppm,
        "decision.coverage_ppm_min": product.decision.coverage_ppm_min,
    }
    if product.decision.unsigned_ppm_max is not None:
        shares["decision.unsigned_ppm_max"] = product.decision.unsigned_ppm_max
    for stage in product.stages:
        shares[f"stages.{stage.stage}.released_ppm"] = stage.released_ppm
        shares[f"stages.{stage.stage}.ltv_ppm"] = stage.ltv_ppm
    if product.price:
        shares["price.price_haircut_ppm"] = product.price.price_haircut_ppm
        shares["price.post_harvest_loss_ppm"] = product.price.post_harvest_loss_ppm
    if product.movement.raise_margin_ppm is not None:
        shares["movement.raise_margin_ppm"] = product.movement.raise_margin_ppm
    if product.herd:
        shares["herd.ltv_ppm"] = product.herd.ltv_ppm
        shares["herd.forage_floor_ppm"] = product.herd.forage_floor_ppm
    return [name for name, ppm in shares.items() if not 0 <= ppm <= PPM]
