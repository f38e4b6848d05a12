"""Leases as they were signed, and the draws under them."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from sqlalchemy import select
from sqlalchemy.sql import ColumnElement

from core.lending.lease import Draw, DrawState, Lease, LeaseBook, LeaseKind
from core.shape import encode
from server.store.bulk import among
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
    """A drawdown as last reported; ``flag`` names what was wrong with it, if anything.

    ``supplier`` and ``goods`` are what a voucher paid for, ``order_id`` the order that it met;
    ``paid_by`` is the cash agent whose box paid.
    """

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
    order_id: str = ""
    supplier: str = ""
    goods: str = ""
    paid_by: str = ""
    rate_ppm: int | None = None


def add(tx: Tx, signed: SignedLease) -> None:
    """Add a lease."""
    absent = dict.fromkeys(column.name for column in leases.c if column.nullable)
    tx.append(
        leases,
        **{**absent, **encode(signed.lease)},
        posted_at_signing_minor=signed.posted_at_signing_minor,
        pending_at_signing_minor=signed.pending_at_signing_minor,
        leased_at_signing_minor=signed.leased_at_signing_minor,
        document=signed.document,
    )
    line_id = signed.lease.line_id
    earlier = tx.known(leases, ("line", line_id))
    if earlier is not None:
        ordered = sorted((*earlier, signed), key=lambda each: each.lease.lease_id)
        tx.learn(leases, ("line", line_id), tuple(ordered))
        tx.learn(drawdowns, ("lease", signed.lease.lease_id), {})


def close(tx: Tx, lease_id: str, at_ms: int) -> None:
    """Note that a station gave a lease back."""
    where = (leases.c.tenant_id == tx.tenant_id, leases.c.lease_id == lease_id)
    tx.run(leases.update().where(*where).values(closed_at_ms=at_ms))


def find(tx: Tx, lease_id: str) -> SignedLease | None:
    """The lease with that id, if there is one."""
    return tx.recall(
        leases,
        ("lease", lease_id),
        lambda: next(iter(_equal(tx, lease_id=lease_id)), None),
    )


def every(tx: Tx) -> tuple[SignedLease, ...]:
    """All leases, by id."""
    return _leases(tx)


def stream(tx: Tx) -> Iterator[SignedLease]:
    """All leases by line, read one by one."""
    question = select(leases).where(leases.c.tenant_id == tx.tenant_id)
    for row in tx.stream(question.order_by(leases.c.line_id, leases.c.lease_id), 500):
        yield _signed(row)


def of_line(tx: Tx, line_id: str) -> tuple[SignedLease, ...]:
    """The leases of one line, onboarding leases aside."""
    return tx.recall(leases, ("line", line_id), lambda: _equal(tx, line_id=line_id))


def onboarding(tx: Tx, station: str, product_id: str) -> tuple[SignedLease, ...]:
    """A station's onboarding leases for a product that were not given back."""
    found = onboarding_of(tx, station)
    return tuple(each for each in found if each.lease.product_id == product_id)


def onboarding_of(tx: Tx, station: str) -> tuple[SignedLease, ...]:
    """A station's onboarding leases that were not given back, for any product."""
    found = _equal(tx, kind=LeaseKind.ONBOARDING.value, station=station)
    return tuple(each for each in found if each.closed_at_ms is None)


def onboarding_out(tx: Tx) -> tuple[SignedLease, ...]:
    """Every onboarding lease that was not given back, by id."""
    found = _equal(tx, kind=LeaseKind.ONBOARDING.value)
    return tuple(each for each in found if each.closed_at_ms is None)


def of_station(tx: Tx, station: str) -> tuple[SignedLease, ...]:
    """Every lease of a station, by id."""
    return _equal(tx, station=station)


def book(tx: Tx, signed: SignedLease) -> LeaseBook:
    """A lease with the draws that were reported under it."""
    lease_id = signed.lease.lease_id

    def ask() -> dict[str, Draw]:
        rows = tx.find_rows(drawdowns, lease_id=lease_id)
        return {row["draw_id"]: _draw(row) for row in rows}

    draws = tx.recall(drawdowns, ("lease", lease_id), ask)
    return LeaseBook(signed.lease, draws, closed=signed.closed_at_ms is not None)


def _draw(row: Mapping[str, Any]) -> Draw:
    return Draw(row["draw_id"], row["line_id"], row["amount_minor"], DrawState(row["state"]))


def learn_leases(tx: Tx, line_ids: Sequence[str], onboarding_ids: Sequence[str]) -> None:
    """Remember the leases of lines, onboarding leases by name, and every draw under them."""
    found: dict[str, list[SignedLease]] = {each: [] for each in line_ids}
    for signed in _leases(tx, among(tx, leases.c.line_id, line_ids)):
        found[signed.lease.line_id].append(signed)
    tx.learn_all(leases, {("line", line_id): tuple(each) for line_id, each in found.items()})
    of_lines = [signed for each in found.values() for signed in each]
    tx.learn_all(leases, {("lease", signed.lease.lease_id): signed for signed in of_lines})
    named = _leases(tx, among(tx, leases.c.lease_id, onboarding_ids)) if onboarding_ids else ()
    for signed in named:
        tx.learn(leases, ("lease", signed.lease.lease_id), signed)
    every = [signed.lease.lease_id for signed in of_lines]
    _learn_draws(tx, line_ids, [*every, *(signed.lease.lease_id for signed in named)])


def _learn_draws(tx: Tx, line_ids: Sequence[str], lease_ids: Sequence[str]) -> None:
    of_tenant = drawdowns.c.tenant_id == tx.tenant_id
    c = drawdowns.c
    either = among(tx, c.line_id, line_ids) | among(tx, c.lease_id, lease_ids)
    question = select(drawdowns).where(of_tenant, either)
    by_line: dict[str, list[Drawing]] = {each: [] for each in line_ids}
    by_lease: dict[str, dict[str, Draw]] = {each: {} for each in lease_ids}
    for row in tx.rows(question):
        if row["line_id"] in by_line:
            by_line[row["line_id"]].append(_drawing(row))
        if row["lease_id"] in by_lease:
            by_lease[row["lease_id"]][row["draw_id"]] = _draw(row)
    tx.learn_all(
        drawdowns, {("line", line_id): _in_order(each) for line_id, each in by_line.items()}
    )
    tx.learn_all(drawdowns, {("lease", lease_id): each for lease_id, each in by_lease.items()})


def books_of_line(tx: Tx, line_id: str) -> tuple[LeaseBook, ...]:
    """Every lease of a line with its draws, onboarding leases aside."""
    return tuple(book(tx, signed) for signed in of_line(tx, line_id))


def _leases(tx: Tx, *where: ColumnElement[bool]) -> tuple[SignedLease, ...]:
    question = select(leases).where(leases.c.tenant_id == tx.tenant_id, *where)
    return tuple(_signed(row) for row in tx.rows(question.order_by(leases.c.lease_id)))


def _equal(tx: Tx, **equal: str) -> tuple[SignedLease, ...]:
    return tuple(_signed(row) for row in tx.find_rows(leases, "lease_id", **equal))


def _signed(row: Mapping[str, Any]) -> SignedLease:
    lease = read_as(Lease, {**row, "kind": LeaseKind(row["kind"])})
    return read_as(SignedLease, {**row, "lease": lease})


def put_draw(tx: Tx, drawing: Drawing) -> None:
    """Add a drawdown, or renew its state."""
    draw_id = drawing.draw_id
    row = {**_NO_DRAWING, **encode(drawing)}
    is_new = tx.is_absent(drawdowns, ("draw", draw_id))
    before: Drawing | None = tx.known(drawdowns, ("draw", draw_id))
    tx.put(drawdowns, {"draw_id": draw_id}, row, is_new=is_new)
    tx.learn(drawdowns, ("draw", draw_id), drawing)
    _renew_of_line(tx, drawing)
    drawn = Draw(draw_id, drawing.line_id, drawing.amount_minor, drawing.state)
    tx.learn_within(drawdowns, ("lease", drawing.lease_id), draw_id, drawn)
    _renew_sums(tx, drawing, before, is_known=is_new or before is not None)


def _renew_sums(tx: Tx, drawing: Drawing, before: Drawing | None, *, is_known: bool) -> None:
    """Let what is remembered of sums hold a draw as it is now; else they are summed anew."""
    moved: dict[tuple[str, ...], int] = defaultdict(int)
    for each, sign in ((drawing, 1), (before, -1)):
        if each is None:
            continue
        live = each.amount_minor if each.state is not DrawState.VOIDED else 0
        posted = each.amount_minor if each.state is DrawState.POSTED else 0
        moved["used", each.lease_id] += sign * live
        moved["used", each.lease_id, each.line_id] += sign * live
        moved["posted", each.line_id] += sign * posted
    for key, minor in moved.items():
        if not is_known:
            tx.forget_one(drawdowns, key)
        elif minor and (known := tx.known(drawdowns, key)) is not None:
            tx.learn(drawdowns, key, known + minor)


def used_minor(tx: Tx, signed: SignedLease) -> int:
    """Posted and pending draws under a lease [minor units]; summed once, then kept up."""
    key = ("used", signed.lease.lease_id)
    return tx.recall(drawdowns, key, lambda: book(tx, signed).used_minor)


def line_used_minor(tx: Tx, signed: SignedLease, line_id: str) -> int:
    """The same of one line under a lease [minor units]."""
    key = ("used", signed.lease.lease_id, line_id)
    return tx.recall(drawdowns, key, lambda: book(tx, signed).line_used_minor(line_id))


def posted_of_line_minor(tx: Tx, line_id: str) -> int:
    """A line's posted draws [minor units]; summed once, then kept up."""
    key = ("posted", line_id)
    return tx.recall(drawdowns, key, lambda: posted_minor(draws_of_line(tx, line_id)))


_NO_DRAWING = dict.fromkeys(column.name for column in drawdowns.c if column.nullable)


def _renew_of_line(tx: Tx, drawing: Drawing) -> None:
    """Let what is remembered of a line's draws hold this one as it is now, in its place."""
    known: tuple[Drawing, ...] | None = tx.known(drawdowns, ("line", drawing.line_id))
    if known is None:
        return
    at = bisect_left(known, _OLDEST_FIRST(drawing), key=_OLDEST_FIRST)
    after = at + (at < len(known) and known[at].draw_id == drawing.draw_id)
    tx.learn(drawdowns, ("line", drawing.line_id), (*known[:at], drawing, *known[after:]))


_OLDEST_FIRST = attrgetter("at_ms", "draw_id")


def find_draw(tx: Tx, draw_id: str) -> Drawing | None:
    """The drawdown with that id, if there is one."""

    def ask() -> Drawing | None:
        row = tx.find_row(drawdowns, draw_id=draw_id)
        return _drawing(row) if row else None

    return tx.recall(drawdowns, ("draw", draw_id), ask)


def learn_named(tx: Tx, draw_ids: Sequence[str]) -> None:
    """Remember draws by id, also that there are none, read in one question."""
    found: dict[str, Drawing | None] = dict.fromkeys(draw_ids)
    where = (drawdowns.c.tenant_id == tx.tenant_id, among(tx, drawdowns.c.draw_id, draw_ids))
    for row in tx.rows(select(drawdowns).where(*where)):
        found[row["draw_id"]] = _drawing(row)
    tx.learn_all(drawdowns, {("draw", draw_id): each for draw_id, each in found.items()})


def draws_of_line(tx: Tx, line_id: str) -> tuple[Drawing, ...]:
    """A line's drawdowns, oldest first."""

    def ask() -> tuple[Drawing, ...]:
        return _in_order(_drawing(row) for row in tx.find_rows(drawdowns, line_id=line_id))

    return tx.recall(drawdowns, ("line", line_id), ask)


def _in_order(draws: Iterable[Drawing]) -> tuple[Drawing, ...]:
    """Draws, the oldest first; here, for databases order texts by their own rules."""
    return tuple(sorted(draws, key=_OLDEST_FIRST))


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
