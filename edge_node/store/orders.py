"""Suppliers' orders by the centre's newest word, and what farmers said of them."""

from __future__ import annotations

import json

from core.shape import decode
from core.wire.orders import OrderAnswer, OrderOffer
from edge_node.store.database import StationDatabase
from edge_node.store.decisions import ChangedRequestError
from edge_node.store.village import UnknownRecordError, as_text


def keep(db: StationDatabase, offer: OrderOffer, down_seq: int) -> None:
    """Take the newest word on an order."""
    db.execute(
        "INSERT INTO orders (order_id, line_id, down_seq, body) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (order_id) DO UPDATE SET down_seq = excluded.down_seq, body = excluded.body",
        [offer.order_id, offer.line_id, down_seq, as_text(offer)],
    )


def order(db: StationDatabase, order_id: str) -> OrderOffer:
    """An order.

    Raises
    ------
    UnknownRecordError
        If the station was not told of it.
    """
    row = db.execute("SELECT body FROM orders WHERE order_id = ?", [order_id]).fetchone()
    if row is None:
        raise UnknownRecordError(f"expected an order that is known here, got {order_id[:64]!r}")
    return decode(OrderOffer, json.loads(row[0]))


def of_line(db: StationDatabase, line_id: str) -> tuple[OrderOffer, ...]:
    """A line's orders, oldest first."""
    rows = db.execute("SELECT body FROM orders WHERE line_id = ? ORDER BY order_id", [line_id])
    return tuple(decode(OrderOffer, json.loads(row[0])) for row in rows)


def is_drawn(db: StationDatabase, order_id: str) -> bool:
    """Whether a draw here has met an order, or is about to."""
    question = "SELECT 1 FROM draws WHERE order_id = ? AND state <> 'voided'"
    return db.execute(question, [order_id]).fetchone() is not None


def answer(db: StationDatabase, order_id: str, delivery_no: int) -> OrderAnswer | None:
    """What the farmer said of an offer or a delivery, if anything."""
    row = db.execute(
        "SELECT body FROM order_answers WHERE order_id = ? AND delivery_no = ?",
        [order_id, delivery_no],
    ).fetchone()
    return decode(OrderAnswer, json.loads(row[0])) if row else None


def keep_answer(db: StationDatabase, said: OrderAnswer, at_ms: int) -> bool:
    """Write down what a farmer said, once; whether it was new.

    Raises
    ------
    ChangedRequestError
        If something else was said before.
    """
    known = answer(db, said.order_id, said.delivery_no)
    if known is not None and known != said:
        raise ChangedRequestError(f"order {said.order_id}: another word was said of it before")
    if known is None:
        db.execute(
            "INSERT INTO order_answers (order_id, delivery_no, at_ms, body) VALUES (?, ?, ?, ?)",
            [said.order_id, said.delivery_no, at_ms, as_text(said)],
        )
    return known is None
