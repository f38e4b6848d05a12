"""Leases as the centre signed them, and the draws under them.

A book is rebuilt from the rows each time; the rules stand in
:mod:`core.lending.lease`, and the schema's triggers hold the same bounds once more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from core.canonical import canonical_bytes
from core.lending.lease import Draw, DrawState, Lease, LeaseBook
from core.shape import decode
from core.wire.records import Drawdown
from edge_node.store import subleases
from edge_node.store.box import held_leases, may_write
from edge_node.store.database import StationDatabase
from edge_node.store.village import UnknownRecordError

_INSERT = (
    "INSERT INTO draws (draw_id, line_id, lease_id, state, amount_minor, fee_minor, currency, "
    "consent_id, apr_ppm, effective_on, began_at_ms, rate_ppm, order_id, supplier, goods, "
    "drawn_by, sublease_id, paid_out_at_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SELECT = (
    "SELECT draw_id, line_id, lease_id, state, amount_minor, fee_minor, currency, consent_id, "
    "apr_ppm, effective_on, began_at_ms, paid_out_at_ms, rate_ppm, order_id, supplier, goods, "
    "drawn_by, sublease_id FROM draws "
)


@dataclass(frozen=True, slots=True)
class KeptDraw:
    """A draw as the station keeps it; ``paid_out_at_ms`` is 0 until the payout is confirmed."""

    drawdown: Drawdown
    began_at_ms: int
    paid_out_at_ms: int


def keep_lease(db: StationDatabase, lease: Lease, document: dict[str, Any]) -> None:
    """Keep a signed lease; the same again changes nothing."""
    db.execute(
        "INSERT INTO leases (lease_id, kind, product_id, line_id, amount_minor, signed_at_ms, "
        "expires_at_ms, document) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [
            lease.lease_id,
            lease.kind.value,
            lease.product_id,
            lease.line_id,
            lease.amount_minor,
            lease.signed_at_ms,
            lease.expires_at_ms,
            canonical_bytes(document).decode(),
        ],
    )


def lease_of(db: StationDatabase, lease_id: str) -> Lease:
    """A lease.

    Raises
    ------
    UnknownRecordError
        If the station never received it.
    """
    row = db.execute("SELECT document FROM leases WHERE lease_id = ?", [lease_id]).fetchone()
    if row is None:
        raise UnknownRecordError(f"expected a lease that is known here, got {lease_id!r}")
    return _lease(row[0])


def books_of_line(db: StationDatabase, line_id: str) -> tuple[LeaseBook, ...]:
    """The books of a line's own leases, closed ones too, oldest first."""
    rows = db.execute(
        "SELECT lease_id FROM leases WHERE line_id = ? ORDER BY signed_at_ms, lease_id",
        [line_id],
    ).fetchall()
    return tuple(book(db, row[0]) for row in rows)


def open_onboarding(db: StationDatabase, product_id: str) -> tuple[LeaseBook, ...]:
    """The books of a product's onboarding leases that are not closed, oldest first."""
    rows = db.execute(
        "SELECT lease_id FROM leases WHERE product_id = ? AND kind = 'onboarding' "
        "AND closing = 0 AND closed = 0 ORDER BY signed_at_ms, lease_id",
        [product_id],
    ).fetchall()
    free = [row[0] for row in rows if is_drawable(db, row[0])]
    return tuple(book(db, lease_id) for lease_id in free)


def is_drawable(db: StationDatabase, lease_id: str) -> bool:
    """Whether this box may draw on a lease: it is the station's, and no other may have."""
    return may_write(db) and lease_id not in held_leases(db)


def open_leases(db: StationDatabase) -> tuple[LeaseBook, ...]:
    """The books of all leases that are not closed."""
    rows = db.execute("SELECT lease_id FROM leases WHERE closed = 0 ORDER BY lease_id").fetchall()
    return tuple(book(db, row[0]) for row in rows)


def book(db: StationDatabase, lease_id: str) -> LeaseBook:
    """A lease with its draws, as the rows say; one that is closing counts as open.

    What a tablet may still draw of it stands there as a draw that is pending.

    Freezes belong to lines: see ``edge_node.store.lines``.

    Raises
    ------
    UnknownRecordError
        If the station never received the lease.
    """
    row = db.execute(
        "SELECT document, closed FROM leases WHERE lease_id = ?", [lease_id]
    ).fetchone()
    if row is None:
        raise UnknownRecordError(f"expected a lease that is known here, got {lease_id!r}")
    rows = db.execute(
        "SELECT draw_id, line_id, amount_minor, state FROM draws WHERE lease_id = ? "
        "ORDER BY draw_id",
        [lease_id],
    )
    draws = {
        draw_id: Draw(draw_id, line_id, amount_minor, DrawState(state))
        for draw_id, line_id, amount_minor, state in rows
    }
    held = {each.draw_id: each for each in subleases.held_of_lease(db, lease_id)}
    return LeaseBook(_lease(row[0]), draws | held, closed=bool(row[1]))


def mark_closing(db: StationDatabase, lease_id: str) -> None:
    """Let a lease take no new draw; it is closed when its draws are settled."""
    db.execute("UPDATE leases SET closing = 1 WHERE lease_id = ? AND closed = 0", [lease_id])


def closing_leases(db: StationDatabase) -> frozenset[str]:
    """Leases that take no new draw and are not closed yet; not those that are held."""
    rows = db.execute(
        "SELECT lease_id FROM leases WHERE closing = 1 AND closed = 0 "
        "AND lease_id NOT IN (SELECT lease_id FROM held_leases)"
    )
    return frozenset(row[0] for row in rows)


def mark_closed(db: StationDatabase, lease_id: str) -> None:
    """Close a lease for good."""
    db.execute("UPDATE leases SET closed = 1 WHERE lease_id = ?", [lease_id])


def keep_draw(db: StationDatabase, draw: Drawdown, began_at_ms: int) -> None:
    """Write a new draw: pending, or posted already where a tablet has paid it out."""
    db.execute(
        _INSERT,
        [
            draw.draw_id,
            draw.line_id,
            draw.lease_id,
            draw.state.value,
            draw.amount_minor,
            draw.fee_minor,
            draw.currency,
            draw.consent_id,
            draw.apr_ppm,
            draw.effective_on,
            began_at_ms,
            draw.rate_ppm,
            draw.order_id or "",
            draw.supplier or "",
            canonical_bytes(list(draw.goods)).decode() if draw.goods else "",
            draw.drawn_by or "",
            draw.sublease_id or "",
            max(began_at_ms, 1) if draw.state is DrawState.POSTED else 0,
        ],
    )


def mark_paid_out(db: StationDatabase, draw_id: str, at_ms: int) -> None:
    """Record that the payout of a pending draw was confirmed."""
    db.execute(
        "UPDATE draws SET paid_out_at_ms = ? WHERE draw_id = ? AND paid_out_at_ms = 0",
        [at_ms, draw_id],
    )


def mark_settled(db: StationDatabase, draw_id: str, state: DrawState) -> None:
    """Post or void a pending draw."""
    db.execute("UPDATE draws SET state = ? WHERE draw_id = ?", [state.value, draw_id])


def draw(db: StationDatabase, draw_id: str) -> KeptDraw | None:
    """A draw, if there is one by this id."""
    row = db.execute(_SELECT + "WHERE draw_id = ?", [draw_id]).fetchone()
    return _kept(row) if row else None


def draws_of_line(db: StationDatabase, line_id: str) -> tuple[KeptDraw, ...]:
    """A line's draws at this station, oldest first."""
    rows = db.execute(
        _SELECT + "WHERE line_id = ? ORDER BY began_at_ms, draw_id",
        [line_id],
    )
    return tuple(_kept(row) for row in rows)


def pending_draws(db: StationDatabase) -> tuple[KeptDraw, ...]:
    """All draws that are neither posted nor voided, oldest first.

    Not those under a lease that is held: another box may have settled them.
    """
    rows = db.execute(_SELECT + "WHERE state = 'pending' ORDER BY began_at_ms, draw_id")
    held = held_leases(db)
    return tuple(kept for kept in map(_kept, rows) if kept.drawdown.lease_id not in held)


def paid_out_draws(db: StationDatabase) -> tuple[KeptDraw, ...]:
    """Draws whose payout was confirmed and that are not posted yet, oldest first."""
    rows = db.execute(
        _SELECT + "WHERE state = 'pending' AND coalesce(paid_out_at_ms, 0) > 0 "
        "ORDER BY began_at_ms, draw_id"
    )
    return tuple(map(_kept, rows))


def _lease(document: str) -> Lease:
    return decode(Lease, json.loads(document)["body"])


def _kept(row: tuple[Any, ...]) -> KeptDraw:
    draw_id, line_id, lease_id, state, *more = row
    *rest, began_at_ms, paid_out_at_ms, rate_ppm, order_id, supplier, goods, drawn_by, sub = more
    drawdown = replace(
        Drawdown(draw_id, line_id, lease_id, DrawState(state), *rest),
        rate_ppm=rate_ppm,
        order_id=order_id or None,
        supplier=supplier or None,
        goods=tuple(json.loads(goods)) if goods else None,
        drawn_by=drawn_by or None,
        sublease_id=sub or None,
    )
    return KeptDraw(drawdown, began_at_ms, paid_out_at_ms)
