"""A farmer's yes to an order at a real station, and days that pass on both sides."""

from __future__ import annotations

from core.reasons import Reason
from edge_node.decide import orders
from edge_node.decide.draws import Receipt
from edge_node.decide.orders import OrderQuote
from tests.support.lending_station import consent
from tests.support.linked_station import Linked


def agree(linked: Linked, order_id: str, draw_id: str) -> Receipt | Reason:
    """The farmer sees the order at the kiosk and says yes."""
    station = linked.station
    told = orders.quote_order(station.db, station.desk, order_id, station.clock)
    if isinstance(told, Reason):
        return told
    assert isinstance(told, OrderQuote)
    given = consent(f"co-{draw_id}", "farmer-b", told.shown_sha256, purposes=("drawdown",))
    return orders.agree(station.db, station.desk, order_id, (draw_id, given), station.clock)


def pass_days(linked: Linked, days: int) -> None:
    linked.kit.clock.add_days(days)
    linked.station.at_ms = linked.kit.clock.at_ms
