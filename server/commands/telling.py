"""A product in plain words: what it lends on, when, what moves the limit, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator

from core.lending.kind_terms import MachineTerms, ReceiptTerms, RevolvingTerms, VoucherTerms
from core.lending.kinds.revolving import highest_limit, year_limits
from core.lending.kinds.terms import M2_PER_HA
from core.lending.offer import HerdTerms
from core.lending.product import Product
from core.lending.whole_price import WholePrice
from core.units import PPM, format_money


def sentences(found: Product, told: WholePrice) -> list[str]:
    """What a product says, a line each."""
    return [
        *_head(found),
        *_lends(found),
        *_moves(found),
        *_dated(found),
        *_own_rules(found),
        *_price(found, told),
    ]


def _head(found: Product) -> Iterator[str]:
    credit = found.credit
    yield f"{found.name} ({found.policy_version()}), due {found.due_on}"
    if found.base is not None:
        yield f"  a bank's own rules on {found.base}" + (
            f", {found.region}" if found.region else ""
        )
    yield (
        f"  costs {_percent(credit.rate_ppm)} a year and {_percent(credit.fee_ppm)} of each "
        f"drawdown; at most {_percent(credit.apr_cap_ppm)} all told"
    )
    yield f"  lends at most {format_money(credit.limit_max_minor, found.currency)} a line"


def _lends(found: Product) -> Iterator[str]:
    """What a line of the product's kind rests on."""
    yield from _stages(found)
    if found.herd is not None:
        yield from _herd(found, found.herd)
    if found.revolving is not None:
        yield from _revolving(found, found.revolving)
    if found.machine is not None:
        yield from _machine(found, found.machine)
    if found.voucher is not None:
        yield from _voucher(found, found.voucher)
    if found.receipt is not None:
        yield from _receipt(found.receipt)


def _stages(found: Product) -> Iterator[str]:
    for stage in found.stages:
        share = stage.released_ppm * found.scale_of_finance_minor_per_ha // PPM
        yield (
            f"  {stage.stage:<11} {_money(found, share)} a hectare, and {_percent(stage.ltv_ppm)} "
            f"of the cautious harvest's value; usual from day {stage.usual_from_day}"
        )


def _herd(found: Product, herd: HerdTerms) -> Iterator[str]:
    yield (
        f"  {_money(found, herd.scale_minor_per_head)} a head, at most {_percent(herd.ltv_ppm)} of "
        f"its {_money(found, herd.value_minor_per_head)}; none below "
        f"{_percent(herd.forage_floor_ppm)} of normal forage"
    )
    if herd.tags_required:
        yield "  only animals whose ear tags were read count, less those that were slaughtered"
    if herd.feed_minor_per_head:
        yield f"  feed by invoice carries a head for {_money(found, herd.feed_minor_per_head)}"
    if herd.settlement_repay_ppm:
        yield f"  {_percent(herd.settlement_repay_ppm)} of a slaughter's money goes to the line"


def _revolving(found: Product, line: RevolvingTerms) -> Iterator[str]:
    for crop in line.crops:
        yield (
            f"  {crop.crop:<11} {_money(found, crop.scale_minor_per_ha)} a hectare, on "
            f"{_percent(crop.area_ppm)} of the land ({crop.source})"
        )
    yield (
        f"  and {_percent(line.household_ppm)} for the household, {_percent(line.upkeep_ppm)} for "
        f"upkeep; {_percent(line.rise_ppm)} more each year, {line.years} years from "
        f"{line.first_year_on}"
    )
    yield (
        f"  investments: {_percent(line.term_ppm)} of their invoices, at most "
        f"{_money(found, line.term_minor_max)}"
    )
    first = year_limits(line, M2_PER_HA)[0]
    last = highest_limit(line, M2_PER_HA, (), found.credit.rounding_unit_minor)
    yield (
        f"  a hectare may reach {_money(found, first)} in the first year, "
        f"{_money(found, last)} in the last, investments apart"
    )


def _machine(found: Product, machine: MachineTerms) -> Iterator[str]:
    yield (
        f"  {_money(found, machine.scale_minor_per_ha)} for each hectare worked in "
        f"{machine.window_days} days, as far as area, hours and fuel agree"
    )
    yield (
        f"  repaid from {_money(found, machine.hire_minor_per_ha)} a hectare less "
        f"{_percent(machine.cost_ppm)}; at most {_percent(machine.ltv_ppm)} of a machine's "
        f"{_money(found, machine.value_minor_per_machine)}"
    )


def _voucher(found: Product, voucher: VoucherTerms) -> Iterator[str]:
    yield f"  pays {', '.join(voucher.suppliers)}; never cash"
    for goods in voucher.goods:
        yield f"  {goods.goods:<11} at most {_money(found, goods.minor_per_ha)} a hectare"
    yield (
        f"  {_percent(voucher.sale_repay_ppm)} of each sale to {', '.join(voucher.buyers)} goes "
        "to the line"
    )


def _receipt(receipt: ReceiptTerms) -> Iterator[str]:
    yield (
        f"  {_percent(receipt.advance_ppm)} of what is stored: whole up to "
        f"{_percent(receipt.humidity_ppm_safe)} humidity, nothing from "
        f"{_percent(receipt.humidity_ppm_max)} on"
    )
    yield f"  {_percent(receipt.sale_repay_ppm)} of each sale goes to the line"


def _moves(found: Product) -> Iterator[str]:
    move = found.movement
    step = f", at most {_percent(move.raise_max_ppm)} a review" if move.raise_max_ppm else ""
    sources = f" from {move.raise_sources_min} sources" if move.raise_sources_min else ""
    yield f"  rises after {move.raise_looks_min} look(s){sources}{step}; falls at once"
    yield (
        f"  changes below {_percent(move.change_min_ppm)} are ignored; older than "
        f"{move.fresh_days_max} days moves nothing, {move.stale_days_max} days freeze"
    )


def _dated(found: Product) -> Iterator[str]:
    """Prices, caps and subsidies, each with its days and source."""
    price = found.price
    if price is not None:
        cut = (
            f"less {_percent(price.price_haircut_ppm)} and {_percent(price.post_harvest_loss_ppm)}"
        )
        each = format_money(price.price_minor_per_kg, found.currency)
        yield f"  price {each} a kg, {cut} ({price.as_of}: {price.source})"
    for row in found.prices or ():
        each = format_money(row.price_minor_per_kg, found.currency)
        yield f"  price {each} a kg, {_days(row.from_on, row.until_on)} ({row.source})"
    for cap in found.apr_caps or ():
        days = _days(cap.from_on, cap.until_on)
        yield f"  price cap {_percent(cap.apr_cap_ppm)}, {days} ({cap.source})"
    for paid in found.subsidies or ():
        days = _days(paid.from_on, paid.until_on)
        yield f"  {paid.region} pays {_percent(paid.rate_ppm)} of interest, {days} ({paid.source})"
    if found.cycle is not None:
        yield f"  cycle of {found.cycle.days} days ({found.cycle.source})"


def _own_rules(found: Product) -> Iterator[str]:
    for bound in found.bounds or ():
        low = "its own" if bound.low is None else f"{bound.low:,}"
        high = "its own" if bound.high is None else f"{bound.high:,}"
        yield f"  a bank may set {bound.path} from {low} to {high}"


def _price(found: Product, told: WholePrice) -> Iterator[str]:
    yield (
        f"  for example {_money(found, told.amount_minor)} drawn on {told.drawn_on} costs "
        f"{_money(found, told.cost_minor)}: annual percentage rate {told.apr_ppm / 10_000:.2f} %"
    )
    for due in told.payments[-3:]:
        yield f"    {due.on}  {_money(found, due.total_minor)}"


def _money(found: Product, amount_minor: int) -> str:
    return format_money(amount_minor, found.currency)


def _percent(ppm: int) -> str:
    return f"{ppm / 10_000:g} %"


def _days(from_on: str, until_on: str | None) -> str:
    return f"from {from_on}" + (f" to {until_on}" if until_on else " on")
