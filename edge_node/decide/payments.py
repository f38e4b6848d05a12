"""Each payment of a draw's plan, with its day: what stands beside a price before a yes to it.

A price tells the sum of what is paid back and its last day. Where there is more than one
payment, as in a farmer's own cash months, each of them is told, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from core.decision.quote import Quote
from core.errors import PriceError
from core.lending.own_cash import with_own_cash
from core.lending.product import Product
from core.lending.schedule import Due
from core.lending.terms import CashMonth
from core.lending.whole_price import whole_price
from core.units import floor_to_unit
from core.wire.records import Application
from edge_node.decide.debt import priced
from edge_node.store import lines, village
from edge_node.store.database import StationDatabase


def payments_of_draw(db: StationDatabase, line_id: str, price: Quote) -> tuple[Due, ...]:
    """What a draw under a line asks for at this price, the first due first."""
    line = lines.line(db, line_id)
    return _as_told(priced(line, village.product(db, line.product_id)), price)


def payments_of_card(
    db: StationDatabase, asked: Application, price: Quote | None
) -> tuple[Due, ...]:
    """What all of a line that was decided on asks for, if it is drawn that day."""
    if price is None:
        return ()
    return _as_told(with_own_cash(village.product(db, asked.product_id), asked.cash), price)


def days_of_payment(
    product: Product, cash: Sequence[CashMonth], asked_minor: int, on: date
) -> tuple[date, ...]:
    """On which days an amount is paid back that is drawn on a day; none where it cannot be."""
    step = product.credit.draw_step_minor
    amount_minor = max(floor_to_unit(asked_minor, step), step)
    try:
        told = whole_price(with_own_cash(product, cash), amount_minor, on)
    except PriceError:
        return ()
    return tuple(due.on for due in told.payments)


def _as_told(product: Product, price: Quote) -> tuple[Due, ...]:
    """The plan at a price; none where the terms have changed since it was told."""
    own = product.at_rate(price.rate_ppm)
    try:
        told = whole_price(own, price.amount_minor, date.fromisoformat(price.drawn_on))
    except PriceError:
        return ()
    return told.payments if told.total_minor == price.total_minor else ()
