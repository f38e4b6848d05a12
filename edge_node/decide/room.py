"""How much a line may still draw here: its leases, and the limit as known here.

A lease is an upper bound that the centre signed. The station also holds itself to
the newest limit that it knows, so that a cut which has arrived is obeyed at once,
and to what a line was opened with under an onboarding lease.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from core.lending.facts import Fact, FactKind
from core.lending.lease import (
    Clock,
    DrawState,
    LeaseBook,
    LeaseKind,
    available_minor,
    refuse_draw,
)
from core.reasons import ReasonCode
from core.wire.envelope import LogClass
from edge_node.store import cash, leases, logs, subleases
from edge_node.store.database import StationDatabase
from edge_node.store.leases import KeptDraw
from edge_node.store.lines import KeptLine


@dataclass(frozen=True, slots=True)
class Room:
    """What one lease lets a line draw now [minor units], or why nothing."""

    book: LeaseBook
    drawable_minor: int
    refusal: ReasonCode | None


def posted_subject(draw_id: str) -> str:
    """What the money log calls the posting of a draw."""
    return f"draw/{draw_id}/{DrawState.POSTED.value}"


def uncounted_draws(db: StationDatabase, line: KeptLine) -> tuple[KeptDraw, ...]:
    """Posted and pending draws that are not in the centre's newest word on the line."""
    return tuple(
        kept
        for kept in leases.draws_of_line(db, line.line_id)
        if kept.drawdown.state is not DrawState.VOIDED and not _counted(db, line, kept)
    )


def uncounted_repayments(db: StationDatabase, line: KeptLine) -> tuple[Fact, ...]:
    """Repayments taken in cash here that are not in the centre's newest word on the line."""
    found = cash.taken_since(db, line.line_id, line.counted_seq)
    return tuple(
        Fact(f"taken/{each.move_id}", FactKind.REPAYMENT, date.fromisoformat(each.on),
             each.amount_minor)
        for each in found
    )  # fmt: skip


def undrawn_minor(line: KeptLine, uncounted: tuple[KeptDraw, ...]) -> int:
    """The newest known limit less all that is drawn or pending [minor units]."""
    principal_minor = line.status.principal_minor if line.status is not None else 0
    drawn = sum(kept.drawdown.amount_minor for kept in uncounted)
    return max(0, line.limit_minor - principal_minor - drawn)


def rooms(db: StationDatabase, line: KeptLine, clock: Clock) -> tuple[Room, ...]:
    """What each lease lets the line draw now, most first."""
    undrawn = undrawn_minor(line, uncounted_draws(db, line))
    undrawn -= subleases.held_of_line_minor(db, line.line_id)
    found = [_room(book, line, undrawn, clock) for book in books(db, line)]
    return tuple(sorted(found, key=lambda room: -room.drawable_minor))


def books(db: StationDatabase, line: KeptLine) -> tuple[LeaseBook, ...]:
    """The books that the line may draw under: its own, and the one it was opened under.

    None on a box that is not the station's now; never one that another box may have spent.
    """
    found = leases.books_of_line(db, line.line_id)
    if line.opened is not None:
        found = (*found, leases.book(db, line.opened.lease_id))
    found = tuple(book for book in found if leases.is_drawable(db, book.lease.lease_id))
    frozen, given_back = line.frozen or not line.open, leases.closing_leases(db)
    return tuple(
        replace(book, frozen=frozen, closed=book.closed or book.lease.lease_id in given_back)
        for book in found
    )


def _room(book: LeaseBook, line: KeptLine, undrawn: int, clock: Clock) -> Room:
    free = max(0, min(available_minor(book, line.line_id), undrawn))
    if book.lease.kind is LeaseKind.ONBOARDING and line.opened is not None:
        share = line.opened.limit_minor - book.line_used_minor(line.line_id)
        free = min(free, max(0, share))
    refusal = refuse_draw(book, line.line_id, max(free, 1), clock)
    return Room(book, 0 if refusal is not None else free, refusal)


def _counted(db: StationDatabase, line: KeptLine, kept: KeptDraw) -> bool:
    seq = logs.number_of(db, LogClass.MONEY, posted_subject(kept.drawdown.draw_id))
    return seq is not None and seq <= line.counted_seq
