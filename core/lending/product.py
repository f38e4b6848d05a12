"""Products are data: what a lender offers, read from TOML and held against itself.

A product names its crop or herd, its stages with the share of cost released and
the loan-to-value at each, prices with date and source, haircuts, caps, fees, and
the delegated authority for decisions at a station. A region's calendar, prices,
shares and caps stand here, never in code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from core.canonical import canonical_hash
from core.errors import ProductError
from core.lending.bounds import bound_faults, with_what_came
from core.lending.dated import (
    DatedCap,
    DatedPrice,
    Subsidy,
    period_faults,
    row_on,
    subsidy_faults,
)
from core.lending.kind_terms import (
    Bound,
    CashNeed,
    CycleTerms,
    MachineTerms,
    ProductKind,
    ReceiptTerms,
    RevolvingTerms,
    VoucherTerms,
    range_of,
)
from core.lending.lease import TERM_DAYS_MAX, TERM_DAYS_MIN
from core.lending.offer import (
    AgreementTerms,
    BureauTerms,
    CapacityTerms,
    CoverTerms,
    CreditTerms,
    DecisionTerms,
    HerdTerms,
    LeaseTerms,
    MovementTerms,
    PriceTerms,
    StageTerms,
)
from core.lending.payout import PAID_TO_ACCOUNT
from core.lending.relief import ReliefBand
from core.lending.restructuring import RestructuringTerms
from core.lending.risk_price import RiskPrice, first_rate, risk_price_faults, risk_price_on
from core.lending.terms import (
    WATERFALL,
    ArrearsTerms,
    InterestKind,
    MoratoriumInterest,
    OwnCashTerms,
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

__all__ = ["Product", "ProductKind", "parse_product", "read_product"]


@dataclass(frozen=True, slots=True)
class Product:
    """A product, complete. ``version`` rises with every change of its file.

    How it is repaid may be absent, which says a bullet at ``due_on`` with simple interest;
    see :mod:`core.lending.terms`. ``base`` is the policy version that a bank's own product
    was made from, ``bounds`` what a bank may set. ``to_account`` says that draws go to the
    farmer's own account by a rail, never in cash.
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
    region: str | None = None
    base: str | None = None
    prices: tuple[DatedPrice, ...] | None = None
    apr_caps: tuple[DatedCap, ...] | None = None
    subsidies: tuple[Subsidy, ...] | None = None
    relief: tuple[ReliefBand, ...] | None = None
    restructuring: tuple[RestructuringTerms, ...] | None = None
    bounds: tuple[Bound, ...] | None = None
    cycle: CycleTerms | None = None
    cash: tuple[CashNeed, ...] | None = None
    revolving: RevolvingTerms | None = None
    machine: MachineTerms | None = None
    voucher: VoucherTerms | None = None
    receipt: ReceiptTerms | None = None
    agreement: AgreementTerms | None = None
    cover: CoverTerms | None = None
    bureau: BureauTerms | None = None
    risk_prices: tuple[RiskPrice, ...] | None = None
    lenders: tuple[str, ...] | None = None
    to_account: bool | None = None
    own_cash: OwnCashTerms | None = None

    def on(self, day: date) -> Product:
        """The product with the price and the cap that hold on a day.

        Where a price list begins later, the product's own price stands; where it has ended,
        there is none, and what a harvest is worth is not known. What is decided with it
        cites the product as it was registered, not this.
        """
        known = _ON_DAY.get((id(self), day))
        if known is not None and known[0] is self:
            return known[1]
        found = self._on(day)
        if len(_ON_DAY) >= KNOWN_MAX:
            _ON_DAY.clear()
        _ON_DAY[id(self), day] = (self, found)
        return found

    def _on(self, day: date) -> Product:
        price, credit = self.price, self.credit
        if price is not None and self.prices and day.isoformat() >= self.prices[0].from_on:
            quoted = row_on(self.prices, day)
            price = None if quoted is None else replace(
                price, price_minor_per_kg=quoted.price_minor_per_kg, as_of=quoted.from_on,
                source=quoted.source,
            )  # fmt: skip
        cap = row_on(self.apr_caps or (), day)
        if cap is not None:
            credit = replace(credit, apr_cap_ppm=min(credit.apr_cap_ppm, cap.apr_cap_ppm))
        return replace(self, price=price, credit=credit)

    def apr_cap_ppm_on(self, day: date) -> int:
        """The highest annual percentage rate that may be charged on a day [ppm]."""
        return self.on(day).credit.apr_cap_ppm

    @property
    def pays(self) -> str:
        """The supplier that a voucher's draws are paid to; empty where they are paid in cash.

        ``PAID_TO_ACCOUNT`` where a rail brings them to the farmer's own account.
        """
        if self.to_account:
            return PAID_TO_ACCOUNT
        return self.voucher.suppliers[0] if self.voucher is not None else ""

    @property
    def proceeds_ppm(self) -> int:
        """Of a sale, or of a slaughterhouse's settlement, what repays the line first [ppm]."""
        if self.voucher is not None:
            return self.voucher.sale_repay_ppm
        if self.receipt is not None:
            return self.receipt.sale_repay_ppm
        return (self.herd.settlement_repay_ppm or 0) if self.herd is not None else 0

    def subsidies_here(self) -> tuple[Subsidy, ...]:
        """The subsidies of the product's own region."""
        return tuple(each for each in self.subsidies or () if each.region == self.region)

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

    def at_risk(self, pd_ppm: int, on: date) -> Product:
        """The product priced at a line's first rate, by its probability of default."""
        band = risk_price_on(self.risk_prices, on)
        return self if band is None else self.at_rate(first_rate(band, pd_ppm).rate_ppm)

    @property
    def repayment_capitalises(self) -> bool:
        """Whether unpaid interest may become principal."""
        schedule = self.schedule
        return schedule is not None and (
            schedule.interest is InterestKind.CAPITALISING
            or (
                schedule.moratorium_months > 0
                and schedule.moratorium_interest is MoratoriumInterest.CAPITALISED
            )
        )

    def at_rate(self, rate_ppm: int | None) -> Product:
        """The product priced at a line's own rate; itself where there is none."""
        if rate_ppm is None or rate_ppm == self.credit.rate_ppm:
            return self
        return replace(self, credit=replace(self.credit, rate_ppm=rate_ppm))

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
        known = _CITED.get(id(self))
        if known is not None and known[0] is self:
            return known[1]
        cited = f"{self.product_id}@{self.version}:{canonical_hash(encode(self))[:16]}"
        if len(_CITED) >= KNOWN_MAX:
            _CITED.clear()
        _CITED[id(self)] = (self, cited)
        return cited


# What every review asks of a few products, by identity: to hash a product is as dear as this.
KNOWN_MAX = 64
_CITED: dict[int, tuple[Product, str]] = {}
_ON_DAY: dict[tuple[int, date], tuple[Product, Product]] = {}


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
        given = encode(product)
        told = "; ".join(with_what_came(each, given) for each in faults)
        raise ProductError(f"{product.product_id}: {told}: correct the product's file")
    return product


def read_product(table: Mapping[str, Any]) -> Product:
    """Read a product that a person wrote: as :func:`parse_product`, and no word is passed over.

    Raises
    ------
    ShapeError, ProductError
        As in :func:`parse_product`; also if a name is not known, because a mistyped bound
        would bind nothing.
    """
    product = parse_product(table)
    known = encode(product)
    unknown = sorted(_not_in(dict(table), known, ""))
    if unknown:
        raise ProductError(
            f"{product.product_id}: expected names of docs/products.md, got "
            f"{', '.join(unknown[:5])}: correct or remove them"
        )
    return product


def _not_in(given: Any, known: Any, path: str) -> Iterator[str]:
    if isinstance(given, dict) and isinstance(known, dict):
        for name, inner in given.items():
            if name not in known:
                yield f"{path}{name}"
            else:
                yield from _not_in(inner, known[name], f"{path}{name}.")
    elif isinstance(given, list) and isinstance(known, list):
        for number, (one, other) in enumerate(zip(given, known, strict=False)):
            yield from _not_in(one, other, f"{path}{number}.")


def _faults(product: Product) -> list[str]:
    faults = list(_numbers_outside(encode(product), ""))
    faults += _kind_faults(product)
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
    return faults + _table_faults(product) + _repayment_faults(product)


def _kind_faults(product: Product) -> list[str]:
    """Which tables a kind needs and lacks, and what is wrong inside those that are there."""
    kind = product.kind
    needs = {
        ProductKind.LIVESTOCK: ("herd",),
        ProductKind.REVOLVING: ("revolving",),
        ProductKind.MACHINERY: ("machine",),
        ProductKind.VOUCHER: ("price", "stages", "voucher"),
        ProductKind.RECEIPT: ("price", "receipt"),
    }.get(kind, ("price", "stages"))
    if not all(getattr(product, name) for name in needs):
        tables = " and ".join("[[stages]]" if name == "stages" else f"[{name}]" for name in needs)
        lacking = " and ".join(name for name in needs if not getattr(product, name))
        return [f"a {kind.value} product needs {tables}, got no {lacking}"]
    terms = (product.revolving, product.machine, product.voucher, product.receipt)
    return [fault for each in terms if each is not None for fault in each.faults()]


def _table_faults(product: Product) -> list[str]:
    """What is wrong with the tables that have dates."""
    faults = []
    if product.prices is not None:
        faults += period_faults("prices", product.prices)
    if product.apr_caps is not None:
        faults += period_faults("apr_caps", product.apr_caps)
        last = product.apr_caps[-1] if product.apr_caps else None
        if last is not None and last.until_on is not None and last.until_on < product.due_on:
            faults.append(
                f"apr_caps: expected a cap up to due_on {product.due_on}, got none after "
                f"{last.until_on}: add a row"
            )
    if product.bounds is not None:
        faults += bound_faults(encode(product), product.bounds)
    if product.subsidies is not None:
        faults += subsidy_faults(product.subsidies)
    if product.cover is not None:
        faults += product.cover.faults()
    if product.bureau is not None:
        faults += product.bureau.faults()
    return faults + _risk_faults(product)


def _risk_faults(product: Product) -> list[str]:
    """What is wrong with the prices by risk, and with how they fit the rest."""
    if product.risk_prices is None:
        return []
    faults = risk_price_faults(product.risk_prices)
    if product.repayment_capitalises:
        faults.append("risk_prices: expected simple interest, got interest that becomes principal")
    for row in product.risk_prices:
        if not row.rate_min_ppm <= product.credit.rate_ppm <= row.rate_max_ppm:
            faults.append(
                f"risk_prices from {row.from_on[:10]}: expected credit.rate_ppm within the band, "
                f"got {product.credit.rate_ppm}: it is the price before anything is scored"
            )
    return faults


def _numbers_outside(found: Any, path: str) -> Iterator[str]:
    """Numbers beyond what their unit allows, each by its path."""
    if isinstance(found, dict):
        for name, inner in found.items():
            bounds = range_of(name) if isinstance(inner, int) else None
            if bounds is not None and not bounds[0] <= inner <= bounds[1]:
                yield (
                    f"{path}{name}: expected {bounds[0]:,} to {bounds[1]:,} {bounds[2]}".rstrip()
                    + f", got {inner:,}"
                )
            yield from _numbers_outside(inner, f"{path}{name}.")
    elif isinstance(found, list):
        for number, inner in enumerate(found):
            named = inner.get("stage", number) if isinstance(inner, dict) else number
            yield from _numbers_outside(inner, f"{path}{named}.")


def _repayment_faults(product: Product) -> list[str]:
    """What contradicts itself in when and how the product is repaid."""
    faults = []
    due_on = civil_date(product.due_on)
    if due_on is None:
        faults.append(f"due_on must be a date such as 2026-09-15, got {product.due_on[:40]!r}")
    if product.to_account and product.voucher is not None:
        faults.append("to_account: a voucher pays its supplier: remove one of the two")
    if product.schedule is not None:
        faults += product.schedule.faults(due_on)
    if product.own_cash is not None:
        faults += product.own_cash.faults(product.schedule)
    if product.arrears is not None:
        faults += product.arrears.faults()
    if product.rebate is not None and not 0 <= product.rebate.rate_ppm <= product.credit.rate_ppm:
        faults.append("rebate.rate_ppm must be 0 to credit.rate_ppm")
    if product.waterfall is not None:
        faults += waterfall_faults(product.waterfall)
    if product.calendar is not None:
        faults += product.calendar.faults()
    faults += [fault for band in product.relief or () for fault in band.faults()]
    faults += [fault for bounds in product.restructuring or () for fault in bounds.faults()]
    return faults


def _dates_wrong(product: Product) -> Iterator[tuple[str, str]]:
    """Dates that the rules compare as texts, and that are none."""
    if product.price is not None and civil_date(product.price.as_of) is None:
        yield "price.as_of", product.price.as_of
    grazing_to = product.herd.grazing_to if product.herd is not None else None
    if grazing_to is not None and civil_date(grazing_to) is None:
        yield "herd.grazing_to", grazing_to
    first_on = product.revolving.first_year_on if product.revolving is not None else None
    if first_on is not None and civil_date(first_on) is None:
        yield "revolving.first_year_on", first_on


def _forage_full(herd: HerdTerms) -> int:
    return PPM if herd.forage_full_ppm is None else herd.forage_full_ppm
