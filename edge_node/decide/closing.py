"""Leases that the station gives back, so that the centre can lease anew.

A line's leases are given back when a cut arrives, any lease when it nears its end
while the link is up. From then on it takes no new draw; it is closed as soon as no
draw under it is pending. The record in the money log is what releases the unspent
part; nothing else does.
"""

from __future__ import annotations

from core.lending.lease import Clock, DrawState, LeaseBook, close
from core.lending.limit import Movement
from core.units import MS_PER_DAY
from core.wire.records import LeaseClosed, LineStatus, Up
from edge_node.decide.desk import Desk
from edge_node.store import leases, logs
from edge_node.store.box import may_write
from edge_node.store.database import StationDatabase

RENEWAL_MS = 10 * MS_PER_DAY  # a lease this near to its end is given back


def give_back_cut(db: StationDatabase, status: LineStatus, limit_before_minor: int) -> None:
    """Give back a line's leases because its limit was cut.

    A word on the line that only repeats an earlier cut gives nothing back: the
    leases that are here then were signed under the lower limit.
    """
    if status.movement is not Movement.CUT:
        return
    fell = status.limit_minor < limit_before_minor
    for book in leases.books_of_line(db, status.line_id):
        if not book.closed and (fell or book.lease.limit_minor > status.limit_minor):
            leases.mark_closing(db, book.lease.lease_id)


def give_back_expiring(db: StationDatabase, clock: Clock) -> None:
    """Give back leases within ``RENEWAL_MS`` of their end; call it when the link is up.

    An unknown clock gives nothing back: it may be a year ahead.
    """
    if not clock.known:
        return
    latest_ms = clock.at_ms + clock.error_ms
    with db.atomic():
        for book in leases.open_leases(db):
            if book.lease.expires_at_ms - latest_ms <= RENEWAL_MS:
                leases.mark_closing(db, book.lease.lease_id)


def close_given_back(db: StationDatabase, desk: Desk, clock: Clock) -> tuple[LeaseClosed, ...]:
    """Close what was given back and has no pending draw, each with its record."""
    with db.atomic():
        if not may_write(db):
            return ()
        books = [leases.book(db, lease_id) for lease_id in sorted(leases.closing_leases(db))]
        return tuple(_close(db, desk, book, clock) for book in books if not _has_pending(book))


def _close(db: StationDatabase, desk: Desk, book: LeaseBook, clock: Clock) -> LeaseClosed:
    record = LeaseClosed(book.lease.lease_id, close(book).posted_minor)
    leases.mark_closed(db, book.lease.lease_id)
    logs.append(
        db, desk.station, Up.LEASE_CLOSED, record, clock, f"lease/{book.lease.lease_id}/closed"
    )
    return record


def _has_pending(book: LeaseBook) -> bool:
    return any(draw.state is DrawState.PENDING for draw in book.draws.values())
