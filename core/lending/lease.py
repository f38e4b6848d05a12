"""Leases: lending offline without over-lending.

The centre reserves part of a line's headroom for one station and signs it. The
station draws only inside it: pending, then posted or voided. Expiry returns
nothing by itself, for a clock may lie: what is unspent is released only by the
station's own signed log saying that the lease is closed. A repayment never
refills a lease. An onboarding lease lets a station open so many new lines, so
much each. Statements L1–L8 of docs/wire.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from core.errors import LeaseError
from core.reasons import ReasonCode
from core.signing import DocumentType

LEASE = DocumentType("lease", 1)
CLOCK_ERROR_MS_MAX = 2 * 86_400_000  # a clock that may be off by more is not known
TERM_DAYS_MIN = 45  # a lease lasts at least as long as a village may be dark
TERM_DAYS_MAX = 180  # and no longer than what it rests on stays true


class LeaseKind(Enum):
    """A part of one line, or leave to open new lines."""

    LINE = "line"
    ONBOARDING = "onboarding"


@dataclass(frozen=True, slots=True)
class Lease:
    """What the centre signed for one station.

    ``limit_minor`` is the line's limit in force when this was signed, so that the
    invariant can be checked from the lease alone. ``per_line_minor`` and
    ``lines_max`` bound an onboarding lease; ``line_id`` is empty there. ``rate_ppm`` is the
    yearly rate of what is drawn under it, where the product is priced by risk.
    """

    lease_id: str
    kind: LeaseKind
    station: str
    product_id: str
    currency: str
    amount_minor: int
    signed_at_ms: int
    expires_at_ms: int
    line_id: str = ""
    limit_minor: int = 0
    per_line_minor: int = 0
    lines_max: int = 0
    rate_ppm: int | None = None

    def __post_init__(self) -> None:
        if self.amount_minor <= 0 or self.expires_at_ms <= self.signed_at_ms:
            raise LeaseError(f"lease {self.lease_id}: expected a positive amount and term")
        if self.kind is LeaseKind.LINE and not self.line_id:
            raise LeaseError(f"lease {self.lease_id}: expected a line_id")
        if self.kind is LeaseKind.ONBOARDING and not (self.per_line_minor and self.lines_max):
            raise LeaseError(f"lease {self.lease_id}: expected per_line_minor and lines_max")


class DrawState(Enum):
    """A draw's life inside a lease."""

    PENDING = "pending"
    POSTED = "posted"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True)
class Draw:
    """One draw under a lease [minor units]."""

    draw_id: str
    line_id: str
    amount_minor: int
    state: DrawState


@dataclass(frozen=True, slots=True)
class Clock:
    """What a station knows of the time.

    ``floor_ms`` is the latest instant that it has ever trusted: a clock that reads
    earlier has been set back and is not known.
    """

    at_ms: int
    error_ms: int
    floor_ms: int = 0

    @property
    def known(self) -> bool:
        """Whether the time may be used to grant anything."""
        in_bounds = 0 <= self.error_ms <= CLOCK_ERROR_MS_MAX
        return in_bounds and self.at_ms + self.error_ms >= self.floor_ms


@dataclass(frozen=True, slots=True)
class LeaseBook:
    """A lease with its draws."""

    lease: Lease
    draws: Mapping[str, Draw] = field(default_factory=dict)
    frozen: bool = False
    closed: bool = False

    @property
    def used_minor(self) -> int:
        """Posted and pending draws [minor units]."""
        return sum(d.amount_minor for d in self.draws.values() if d.state is not DrawState.VOIDED)

    @property
    def posted_minor(self) -> int:
        """Posted draws [minor units]."""
        return sum(d.amount_minor for d in self.draws.values() if d.state is DrawState.POSTED)

    @property
    def unspent_minor(self) -> int:
        """What still counts against the line's headroom [minor units]; 0 once closed."""
        return 0 if self.closed else self.lease.amount_minor - self.used_minor

    def line_used_minor(self, line_id: str) -> int:
        """Posted and pending draws of one line under this lease [minor units]."""
        live = (d for d in self.draws.values() if d.state is not DrawState.VOIDED)
        return sum(d.amount_minor for d in live if d.line_id == line_id)

    def lines(self) -> frozenset[str]:
        """The lines that have live draws here."""
        return frozenset(d.line_id for d in self.draws.values() if d.state is not DrawState.VOIDED)


def available_minor(book: LeaseBook, line_id: str) -> int:
    """What the line may still draw here, were the clock known [minor units]."""
    if book.frozen or book.closed:
        return 0
    left = book.lease.amount_minor - book.used_minor
    if book.lease.kind is LeaseKind.LINE:
        return max(0, left) if line_id == book.lease.line_id else 0
    if line_id not in book.lines() and len(book.lines()) >= book.lease.lines_max:
        return 0
    return max(0, min(left, book.lease.per_line_minor - book.line_used_minor(line_id)))


def refuse_draw(
    book: LeaseBook, line_id: str, amount_minor: int, clock: Clock
) -> ReasonCode | None:
    """Why a new draw must be refused, in order of precedence; None if it may go on."""
    lease = book.lease
    latest_ms = clock.at_ms + clock.error_ms
    new_line = lease.kind is LeaseKind.ONBOARDING and line_id not in book.lines()
    other_line = lease.kind is LeaseKind.LINE and lease.line_id != line_id
    checks = (
        (amount_minor <= 0, ReasonCode.DRAW_AMOUNT_INVALID),
        (book.frozen, ReasonCode.DRAW_FROZEN),
        (not clock.known or latest_ms < lease.signed_at_ms, ReasonCode.DRAW_CLOCK_UNKNOWN),
        (latest_ms >= lease.expires_at_ms, ReasonCode.DRAW_LEASE_EXPIRED),
        (book.closed, ReasonCode.DRAW_LEASE_CLOSED),
        (other_line, ReasonCode.DRAW_NO_LEASE),
        (new_line and len(book.lines()) >= lease.lines_max, ReasonCode.DRAW_LINES_EXHAUSTED),
        (amount_minor > available_minor(book, line_id), ReasonCode.DRAW_ABOVE_LEASE),
    )
    return next((code for broken, code in checks if broken), None)


def begin_draw(book: LeaseBook, draw: Draw, clock: Clock) -> LeaseBook | ReasonCode:
    """The book with a pending draw added, or the reason why not.

    The same draw again changes nothing.

    Raises
    ------
    LeaseError
        If the id is taken by another draw.
    """
    known = book.draws.get(draw.draw_id)
    if known is not None:
        if (known.line_id, known.amount_minor) != (draw.line_id, draw.amount_minor):
            raise LeaseError(f"draw {draw.draw_id} exists with other content")
        return book
    refusal = refuse_draw(book, draw.line_id, draw.amount_minor, clock)
    if refusal is not None:
        return refusal
    pending = replace(draw, state=DrawState.PENDING)
    return replace(book, draws={**book.draws, draw.draw_id: pending})


def settle_draw(book: LeaseBook, draw_id: str, state: DrawState) -> LeaseBook:
    """The book with a pending draw posted or voided; the same again changes nothing.

    Raises
    ------
    LeaseError
        If the draw is not known, or was settled in another way.
    """
    draw = book.draws.get(draw_id)
    if draw is None:
        raise LeaseError(f"draw {draw_id} is not known under lease {book.lease.lease_id}")
    if draw.state is state:
        return book
    if draw.state is not DrawState.PENDING:
        raise LeaseError(f"draw {draw_id} is {draw.state.value}, cannot become {state.value}")
    return replace(book, draws={**book.draws, draw_id: replace(draw, state=state)})


def close(book: LeaseBook) -> LeaseBook:
    """The book closed for good: nothing new is drawn and the unspent part is released.

    Raises
    ------
    LeaseError
        If a draw is still pending.
    """
    pending = [d.draw_id for d in book.draws.values() if d.state is DrawState.PENDING]
    if pending:
        raise LeaseError(f"lease {book.lease.lease_id}: {len(pending)} draws are still pending")
    return replace(book, closed=True)


def release(book: LeaseBook) -> LeaseBook:
    """The book of a station whose key is proven destroyed: nothing can be drawn any more.

    What is posted stays; what is pending was never paid out, or its receipt would have
    been brought in and posted before (L10).
    """
    pending = [d.draw_id for d in book.draws.values() if d.state is DrawState.PENDING]
    for draw_id in pending:
        book = settle_draw(book, draw_id, DrawState.VOIDED)
    return close(book)


def headroom_minor(
    limit_minor: int, outstanding_minor: int, pending_minor: int, books: Iterable[LeaseBook]
) -> int:
    """What the centre may still lease or pay out under a line [minor units]."""
    leased = sum(book.unspent_minor for book in books)
    return max(0, limit_minor - outstanding_minor - pending_minor - leased)
