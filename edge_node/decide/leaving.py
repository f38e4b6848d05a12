"""What a farmer may end at the station: an offer not wanted, an agreement while it cools.

By the steps ``abandon`` and ``withdraw`` of :mod:`core.lending.agreement`, in the farmer's
own name, without the network. Nothing more is drawn from then on; what is owed stays, and is
to be repaid by the day that is told. The centre applies the record by its own facts: a
withdrawal that comes too late by them is written down as irregular and shown to people.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from core.canonical import canonical_hash
from core.lending.lease import Clock, DrawState
from core.reasons import Reason, ReasonCode
from core.shape import encode
from core.wire.records import AgreementLeft, Leaving, Up
from edge_node.decide.closing import close_given_back
from edge_node.decide.debt import debt
from edge_node.decide.desk import Desk, RequestError
from edge_node.decide.draws import void
from edge_node.decide.room import uncounted_draws, uncounted_repayments
from edge_node.store import leases, leavings, lines, logs, village
from edge_node.store.database import StationDatabase
from edge_node.store.lines import KeptLine


@dataclass(frozen=True, slots=True)
class WayOut:
    """How a farmer may end an agreement today, and what it means.

    ``owed_minor`` is what is owed then, its fees given back [minor units]; ``repay_by`` the last
    day for it, with ``until`` the last day on which the farmer may still leave; both empty for an
    offer.
    """

    line_id: str
    event: Leaving
    currency: str
    owed_minor: int = 0
    repay_by: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class LeaveAsk:
    """A farmer ends an agreement, having seen the way out by its hash."""

    leaving_id: str
    line_id: str
    shown_sha256: str
    spoken: bool = False
    helped: bool = False


def way_out_sha256(way: WayOut) -> str:
    """The hash of a way out: what the one who takes it names as shown."""
    return canonical_hash(encode(way))


def way_out(db: StationDatabase, desk: Desk, line: KeptLine, clock: Clock) -> WayOut | None:
    """How a line's agreement may be ended today; None if it may not, or was."""
    if not line.open or line.left is not None:
        return None
    product = village.product(db, line.product_id)
    first = _first_drawn_on(db, line)
    if first is None:
        return WayOut(line.line_id, Leaving.ABANDON, product.currency)
    terms, on = product.agreement, desk.accrual_day(clock)
    until = first + timedelta(days=terms.cooling_off_days) if terms is not None else None
    if terms is None or until is None or on > until:
        return None
    paid = uncounted_repayments(db, line)
    as_left = replace(line, left=Leaving.WITHDRAW)
    owed = debt(as_left, uncounted_draws(db, line), product, on, paid).owed
    return WayOut(
        line_id=line.line_id,
        event=Leaving.WITHDRAW,
        currency=product.currency,
        owed_minor=owed.total_minor,
        repay_by=(on + timedelta(days=terms.withdrawn_repay_days)).isoformat(),
        until=until.isoformat(),
    )


def leave(db: StationDatabase, desk: Desk, ask: LeaveAsk, clock: Clock) -> AgreementLeft | Reason:
    """End an agreement; the same ask again changes nothing and gives the same answer.

    Raises
    ------
    UnknownRecordError
        If the line is not known here.
    RequestError
        If something else was shown than what holds now.
    """
    with db.atomic():
        line = lines.line(db, ask.line_id)
        known = leavings.of_line(db, ask.line_id)
        if known is not None and (line.left is not None or known.leaving_id == ask.leaving_id):
            return known
        way = way_out(db, desk, line, clock)
        if way is None or known is not None:
            return Reason(ReasonCode.LEAVE_TOO_LATE)
        if ask.shown_sha256 != way_out_sha256(way):
            raise RequestError("expected consent to what leaving means today, got to other words")
        _void_pending(db, desk, line, clock)
        return _write(db, desk, (line, way, ask), clock)


def _write(
    db: StationDatabase, desk: Desk, case: tuple[KeptLine, WayOut, LeaveAsk], clock: Clock
) -> AgreementLeft:
    line, way, ask = case
    left = AgreementLeft(
        leaving_id=ask.leaving_id,
        line_id=line.line_id,
        farmer_id=line.farmer_id,
        event=way.event,
        on=desk.accrual_day(clock).isoformat(),
        owed_minor=way.owed_minor,
        repay_by=way.repay_by,
        shown_sha256=ask.shown_sha256,
        spoken=ask.spoken,
        helped=ask.helped,
    )
    leavings.keep(db, left, clock.at_ms)
    subject = leavings.subject_of(line.line_id, way.event)
    logs.append(db, desk.station, Up.AGREEMENT_LEFT, left, clock, subject)
    for book in leases.books_of_line(db, line.line_id):
        if not book.closed:
            leases.mark_closing(db, book.lease.lease_id)
    close_given_back(db, desk, clock)
    return left


def _first_drawn_on(db: StationDatabase, line: KeptLine) -> date | None:
    """The day of the first drawdown, as far as it is known here."""
    here = [
        kept.drawdown.effective_on
        for kept in leases.draws_of_line(db, line.line_id)
        if kept.drawdown.state is DrawState.POSTED
    ]
    status = line.status
    told = [each.on for each in status.facts.drawn] if status and status.facts else []
    if status is not None and status.facts is None and status.principal_minor:
        return date.min  # an older centre: drawn, nobody here knows when
    found = min([*here, *told], default="")
    return date.fromisoformat(found) if found else None


def _void_pending(db: StationDatabase, desk: Desk, line: KeptLine, clock: Clock) -> None:
    """A draw that nobody has confirmed is not paid out any more."""
    for kept in leases.draws_of_line(db, line.line_id):
        if kept.drawdown.state is DrawState.PENDING and not kept.paid_out_at_ms:
            void(db, desk, kept.drawdown.draw_id, clock)
