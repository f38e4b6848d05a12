"""Leases as they were signed, and the draws under them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.sql import ColumnElement

from core.lending.lease import Draw, DrawState, Lease, LeaseBook, LeaseKind
from core.shape import decode, encode
from server.store.engine import Tx
from server.store.rows import read_as
from server.store.tables import drawdowns, leases


@dataclass(frozen=True, slots=True)
class SignedLease:
    """A lease with what it was signed against [minor units] and its signed bytes."""

    lease: Lease
    posted_at_signing_minor: int
    pending_at_signing_minor: int
    leased_at_signing_minor: int
    document: bytes
    closed_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawdown as last reported; ``flag`` names what was wrong with it, if anything."""

    draw_id: str
    line_id: str
    lease_id: str
    state: DrawState
    amount_minor: int
    fee_minor: int
    currency: str
    consent_id: str
    apr_ppm: int
    effective_on: str
    writer: str
    at_ms: int
    settled_at_ms: int | None
    flag: str


def add(tx: Tx, signed: SignedLease) -> None:
    """Add a lease."""
    tx.insert(
        leases,
        **encode(signed.lease),
        posted_at_signing_minor=signed.posted_at_signing_minor,
        pending_at_signing_minor=signed.pending_at_signing_minor,
        leased_at_signing_minor=signed.leased_at_signing_minor,
        document=signed.document,
    )


def close(tx: Tx, lease_id: str, at_ms: int) -> None:
    """Note that a station gave a lease back."""
    where = (leases.c.tenant_id == tx.tenant_id, leases.c.lease_id == lease_id)
    tx.run(leases.update().where(*where).values(closed_at_ms=at_ms))


def find(tx: Tx, lease_id: str) -> SignedLease | None:
    """The lease with that id, if there is one."""
    return next(iter(_leases(tx, leases.c.lease_id == lease_id)), None)


def every(tx: Tx) -> tuple[SignedLease, ...]:
    """All leases, by id."""
    return _leases(tx)


def of_line(tx: Tx, line_id: str) -> tuple[SignedLease, ...]:
    """The leases of one line, onboarding leases aside."""
    return _leases(tx, leases.c.line_id == line_id)


def onboarding(tx: Tx, station: str, product_id: str) -> tuple[SignedLease, ...]:
    """A station's onboarding leases for a product that were not given back."""
    return _leases(
        tx,
        leases.c.kind == LeaseKind.ONBOARDING.value,
        leases.c.station == station,
        leases.c.product_id == product_id,
        leases.c.closed_at_ms.is_(None),
    )


def book(tx: Tx, signed: SignedLease) -> LeaseBook:
    """A lease with the draws that were reported under it."""
    where = (
        drawdowns.c.tenant_id == tx.tenant_id,
        drawdowns.c.lease_id == signed.lease.lease_id,
    )
    rows = tx.rows(select(drawdowns).where(*where))
    draws = {
        row["draw_id"]: Draw(
            row["draw_id"], row["line_id"], row["amount_minor"], DrawState(row["state"])
        )
        for row in rows
    }
    return LeaseBook(signed.lease, draws, closed=signed.closed_at_ms is not None)


def books_of_line(tx: Tx, line_id: str) -> tuple[LeaseBook, ...]:
    """Every lease of a line with its draws, onboarding leases aside."""
    return tuple(book(tx, signed) for signed in of_line(tx, line_id))


def _leases(tx: Tx, *where: ColumnElement[bool]) -> tuple[SignedLease, ...]:
    question = select(leases).where(leases.c.tenant_id == tx.tenant_id, *where)
    return tuple(_signed(row) for row in tx.rows(question.order_by(leases.c.lease_id)))


def _signed(row: Mapping[str, Any]) -> SignedLease:
    return read_as(SignedLease, {**row, "lease": decode(Lease, dict(row))})


def put_draw(tx: Tx, drawing: Drawing) -> None:
    """Add a drawdown, or renew its state."""
    tx.upsert(drawdowns, **{**encode(drawing), "settled_at_ms": drawing.settled_at_ms})


def find_draw(tx: Tx, draw_id: str) -> Drawing | None:
    """The drawdown with that id, if there is one."""
    where = (drawdowns.c.tenant_id == tx.tenant_id, drawdowns.c.draw_id == draw_id)
    row = tx.row(select(drawdowns).where(*where))
    return _drawing(row) if row else None


def draws_of_line(tx: Tx, line_id: str) -> tuple[Drawing, ...]:
    """A line's drawdowns, oldest first."""
    where = (drawdowns.c.tenant_id == tx.tenant_id, drawdowns.c.line_id == line_id)
    rows = tx.rows(select(drawdowns).where(*where).order_by(drawdowns.c.at_ms, drawdowns.c.draw_id))
    return tuple(_drawing(row) for row in rows)


def every_draw(tx: Tx) -> tuple[Drawing, ...]:
    """All drawdowns, by id."""
    where = drawdowns.c.tenant_id == tx.tenant_id
    rows = tx.rows(select(drawdowns).where(where).order_by(drawdowns.c.draw_id))
    return tuple(_drawing(row) for row in rows)


def posted_minor(draws: Iterable[Drawing]) -> int:
    """The sum of posted draws [minor units]."""
    return sum(draw.amount_minor for draw in draws if draw.state is DrawState.POSTED)


def pending_minor(draws: Iterable[Drawing]) -> int:
    """The sum of pending draws [minor units]."""
    return sum(draw.amount_minor for draw in draws if draw.state is DrawState.PENDING)


def _drawing(row: Mapping[str, Any]) -> Drawing:
    return read_as(Drawing, {**row, "state": DrawState(row["state"])})
