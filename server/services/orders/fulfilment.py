"""How a farmer's past orders and sales were kept, from the books, and what looks diverted.

A harvest is held against its sales once it was seen to be brought in and
:data:`SELL_DAYS` have passed since. What looks diverted is a question for a person and says
its numbers: it refuses nobody and takes nothing, but while a line that owes was not repaid
from its harvest, no limit of its farmer's that pays suppliers rises.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from core.lending.ordering import BOUGHT, OrderEvent, OrderStatus
from core.lending.product import Product
from core.lending.views import TradeView
from core.scoring.features import FeatureValue
from core.scoring.fulfilment import TRADE_CONSENT, HarvestSold, OrderKept, fulfilment_features
from core.units import PPM
from core.wire.evidence import Stage
from core.wire.orders import received_minor
from server.services.orders.life import received
from server.services.standing import owed
from server.store import (
    bounces,
    evidence,
    ledger,
    lines,
    orders,
    products,
    registry,
    reports,
    sales,
)
from server.store.engine import Tx
from server.store.lines import Line
from server.store.sales import Sale, repayment_id
from server.store.tables import lines as lines_table

SELL_DAYS = 30  # to thresh, dry and bring a harvest to its buyer
SOLD_PPM_MIN = 500_000  # of the harvest that can be relied on; the household eats of it too
UNPAID_DAYS_MAX = 14  # until a buyer's money is to be here
LOW_PRICE_PPM = 600_000  # of the product's price; below it a sale is looked at
_SAID = (OrderStatus.DELIVERED, OrderStatus.SHORT, OrderStatus.DISPUTED, OrderStatus.SETTLED,
         OrderStatus.REFUNDED, OrderStatus.DIVERTED)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TradeFlag:
    """Something about a line's sales that a person should look at, with its numbers."""

    code: str
    line_id: str
    farmer_id: str
    raised_on: str
    facts: tuple[tuple[str, str], ...]


def fulfilment_of(tx: Tx, farmer_id: str, today: date) -> tuple[FeatureValue, ...]:
    """The features of a farmer's orders and harvests; those that are not known are missing."""
    kept: list[OrderKept] = []
    harvests: list[HarvestSold] = []
    for line in lines_of(tx, farmer_id):
        kept += _orders_kept(tx, line)
        sold = harvest_sold(tx, line, today)
        harvests += [sold] if sold is not None else []
    return fulfilment_features(kept, harvests)


def lines_of(tx: Tx, farmer_id: str) -> tuple[Line, ...]:
    """A farmer's lines, for what never changes of them and when they are due."""
    return tx.recall(lines_table, ("traded", farmer_id), lambda: lines.of_farmer(tx, farmer_id))


def trade_of(tx: Tx, farmer_id: str, today: date) -> tuple[tuple[TradeView, ...], tuple[str, ...]]:
    """How a farmer kept to orders and sales, and the consents under which that is looked at.

    The shares count only by consent; that a line which owes was not repaid from its harvest
    is the contract's own. Nothing known is no view.
    """
    consent_id = reports.granted_purposes(tx, farmer_id).get(TRADE_CONSENT, "")
    told = fulfilment_of(tx, farmer_id, today) if consent_id else ()
    known = {each.name: each.value for each in told}
    elsewhere = tuple(
        flag.line_id
        for line in lines_of(tx, farmer_id)
        if products.newest(tx, line.product_id).voucher is not None
        for flag in _sold_elsewhere(tx, line, today)
    )
    if not known and not elsewhere:
        return (), ()
    view = TradeView(
        trade_of=farmer_id,
        orders_received_ppm=known.get("orders_received_ppm"),
        orders_late_days=known.get("orders_late_days"),
        harvest_sold_ppm=known.get("harvest_sold_ppm"),
        sold_elsewhere=elsewhere or None,
    )
    return (view,), (consent_id,) if known else ()


def learn_trade(tx: Tx, found: Sequence[Line]) -> None:
    """Remember what lines that pay suppliers and their farmers' others ordered and sold."""
    buying = [one for one in found if products.newest(tx, one.product_id).voucher is not None]
    if not buying:
        return
    of_farmers = lines.of_farmers(tx, sorted({line.farmer_id for line in buying}))
    for farmer_id, known in of_farmers.items():
        tx.learn(lines_table, ("traded", farmer_id), known)
    line_ids = sorted({line.line_id for known in of_farmers.values() for line in known})
    orders.learn_lines(tx, line_ids)
    sales.learn_lines(tx, line_ids)


def _orders_kept(tx: Tx, line: Line) -> Iterator[OrderKept]:
    for order in orders.of_line(tx, line.line_id):
        life = orders.life(tx, order.order_id)
        state = life[-1].state
        if state not in BOUGHT and state is not OrderStatus.REFUNDED:
            continue
        late = [
            int(each.detail["days_late"])
            for each in life
            if each.event in (OrderEvent.RECEIVE_PART, OrderEvent.RECEIVE_ALL)
        ]
        came_minor = received_minor(order.items, received(life))
        known = state in _SAID
        yield OrderKept(order.order_id, order.total_minor, came_minor, max(late, default=0), known)


def harvest_sold(tx: Tx, line: Line, today: date) -> HarvestSold | None:
    """What was sold of a line's harvest; None while it stands, is fresh, or sells to nobody."""
    product = products.newest(tx, line.product_id)
    first = sold_from(tx, line, product)
    if first is None or today < first:
        return None
    plots = [registry.subject(tx, each) for each in line.subject_ids]
    known = [(plot.area_m2, _relied_on(tx, plot.subject_id, product.season_id)) for plot in plots]
    expected = sum(area * p10 // 10_000 for area, p10 in known if p10 is not None)
    return HarvestSold(
        line_id=line.line_id,
        expected_kg=expected,
        sold_kg=sum(each.sold_kg for each in sales.of_line(tx, line.line_id)),
        area_m2=sum(area for area, _ in known),
        seen_area_m2=sum(area for area, p10 in known if p10 is not None),
    )


def sold_from(tx: Tx, line: Line, product: Product) -> date | None:
    """From when on a line's harvest is held against its sales: there was time to sell it.

    None while it stands, and of a line that sells to nobody.
    """
    plots = [registry.subject(tx, each) for each in line.subject_ids]
    seen = [evidence.latest(tx, plot.subject_id, product.season_id) for plot in plots]
    harvested = [kept for kept in seen if kept is not None and kept.stage is Stage.HARVESTED]
    if product.voucher is None or not seen or len(harvested) < len(seen):
        return None
    brought_in = max(kept.stage_observed_on or kept.as_of for kept in harvested)
    return date.fromisoformat(brought_in) + timedelta(days=SELL_DAYS)


def _relied_on(tx: Tx, plot_id: str, season_id: str) -> int | None:
    """The lower quantile of a plot's harvest when it was estimated last [kg/ha]."""
    newest = evidence.latest(tx, plot_id, season_id)
    if newest is not None and newest.yield_p10 is not None:
        return newest.yield_p10
    looks = evidence.of_subject(tx, plot_id, season_id)
    return next((each.yield_p10 for each in looks if each.yield_p10 is not None), None)


def flags_of_line(tx: Tx, line: Line, today: date) -> tuple[TradeFlag, ...]:
    """What a person should look at of one line's sales."""
    sold_elsewhere = _sold_elsewhere(tx, line, today)
    unpaid, cheap = _unpaid(tx, line, today), _cheap(tx, line)
    return (*sold_elsewhere, *unpaid, *cheap)


def _sold_elsewhere(tx: Tx, line: Line, today: date) -> Iterator[TradeFlag]:
    """The farmer still owes, and far less was sold to the buyers than must have grown."""
    harvest = harvest_sold(tx, line, today)
    if harvest is None or harvest.expected_kg == 0:
        return
    share_ppm = harvest.sold_kg * PPM // harvest.expected_kg
    debt_minor = owed(tx, line, today).total_minor
    if share_ppm >= SOLD_PPM_MIN or debt_minor == 0:
        return
    yield TradeFlag("sold_elsewhere", line.line_id, line.farmer_id, today.isoformat(), (
        ("expected_kg", str(harvest.expected_kg)),
        ("sold_to_buyers_kg", str(harvest.sold_kg)),
        ("sold_percent", str(share_ppm * 100 // PPM)),
        ("seen_ha", f"{harvest.seen_area_m2 / 10_000:.2f}"),
        ("owed_minor", str(debt_minor)),
    ))  # fmt: skip


def _unpaid(tx: Tx, line: Line, today: date) -> Iterator[TradeFlag]:
    for sale in sales.of_line(tx, line.line_id):
        days = (today - date.fromisoformat(sale.sold_on)).days
        paid = ledger.find_repayment(tx, repayment_id(sale)) is not None
        paid = paid and bounces.find(tx, repayment_id(sale)) is None
        if sale.to_line_minor and not paid and days > UNPAID_DAYS_MAX:
            yield _of_sale("sale_unpaid", sale, (
                ("days", str(days)), ("to_line_minor", str(sale.to_line_minor)),
            ))  # fmt: skip


def _cheap(tx: Tx, line: Line) -> Iterator[TradeFlag]:
    """A buyer reports far less than the product's price: it may report too little."""
    for sale in sales.of_line(tx, line.line_id):
        price = products.newest(tx, line.product_id).on(date.fromisoformat(sale.sold_on)).price
        if price is None:
            continue
        usual_minor = price.price_minor_per_kg * sale.sold_kg
        if sale.proceeds_minor * PPM < usual_minor * LOW_PRICE_PPM:
            yield _of_sale("sale_underpriced", sale, (
                ("sold_kg", str(sale.sold_kg)),
                ("proceeds_minor", str(sale.proceeds_minor)),
                ("usual_minor", str(usual_minor)),
            ))  # fmt: skip


def _of_sale(code: str, sale: Sale, facts: tuple[tuple[str, str], ...]) -> TradeFlag:
    named = (("buyer", sale.buyer), ("sale", sale.reference))
    return TradeFlag(code, sale.line_id, sale.farmer_id, sale.sold_on, (*named, *facts))
