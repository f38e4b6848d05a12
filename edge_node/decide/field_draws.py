"""Draws that agents paid out with their tablets: taken once, judged by the rule that they used.

The money was paid before the station hears of it, so what counts is the sub-lease as it was
signed, not what has become known since: a line that was frozen or cut meanwhile does not undo
a draw that was within the lease. What breaks the rule is kept as it was signed, named, and
moves no money in the books.
"""

from __future__ import annotations

from core.decision.field_draw import FieldAsk, judge, shown_sha256
from core.decision.quote import Quote
from core.lending.lease import Clock, DrawState
from core.shape import decode
from core.units import civil_day
from core.wire.fieldwork import Operation
from core.wire.records import Consent, ConsentAction, Drawdown, Up
from core.wire.subleases import FieldDraw, SubLeaseAct, SubLeaseEnd
from edge_node.decide.consents import write_consent
from edge_node.decide.desk import Desk
from edge_node.decide.room import posted_subject
from edge_node.decide.subleases import SubLeaseRefusedError, end
from edge_node.store import cash, fieldwork, leases, logs, subleases
from edge_node.store.cash import Shift
from edge_node.store.database import StationDatabase
from edge_node.store.subleases import KeptSubLease
from edge_node.store.tablets import Tablet

DRAWDOWN, LENDER = "drawdown", "lender"


def take_draw(
    db: StationDatabase, desk: Desk, who: Tablet, operation: Operation, clock: Clock
) -> None:
    """Book a draw that a tablet paid out; its drawdown record is written once.

    Raises
    ------
    SubLeaseRefusedError
        If the sub-lease is not this tablet's, has ended, or does not permit the draw.
    """
    told = decode(FieldDraw, operation.body)
    kept = _own(db, who, told.sublease_id)
    if leases.draw(db, told.draw_id) is not None:
        raise SubLeaseRefusedError(f"draw {told.draw_id} is here already, by another operation")
    if not leases.is_drawable(db, kept.lease.lease_id):
        raise SubLeaseRefusedError(
            f"draw {told.draw_id}: another box of this station may have booked it; let the "
            "lender see its receipt before that box is declared gone"
        )
    price = _judged(db, kept, told)
    drawdown = _drawdown(kept, told, price)
    given = Consent(
        told.consent_id, kept.lease.farmer_id, ConsentAction.GRANT, (DRAWDOWN,), LENDER,
        told.shown_sha256, told.spoken, helped=True, helped_by=who.agent_id,
    )  # fmt: skip
    write_consent(db, desk, given, clock)
    _book(db, desk, drawdown, clock)
    if told.signature is not None:
        fieldwork.announce(db, told.signature, who.tablet_id)


def take_end(
    db: StationDatabase, desk: Desk, who: Tablet, operation: Operation, clock: Clock
) -> None:
    """A tablet gave back what it did not draw: by its place in the chain no draw can follow.

    Raises
    ------
    SubLeaseRefusedError
        If the sub-lease is not this tablet's, or more was drawn than the station was told.
    """
    told = decode(SubLeaseEnd, operation.body)
    kept = _own(db, who, told.sublease_id)
    drawn = kept.lease.amount_minor - kept.left_minor
    if told.drawn_minor < drawn:
        raise SubLeaseRefusedError(
            f"expected at least {drawn} drawn under {told.sublease_id}, got {told.drawn_minor}"
        )
    reason = (
        "" if told.drawn_minor == drawn else f"the tablet says that {told.drawn_minor} is drawn"
    )
    end(db, desk, kept, SubLeaseAct.ENDED, reason, clock)


def _own(db: StationDatabase, who: Tablet, sublease_id: str) -> KeptSubLease:
    kept = subleases.find(db, sublease_id)
    if kept is None or kept.lease.public_key != who.public_key:
        raise SubLeaseRefusedError(
            f"expected a sub-lease of {who.tablet_id}, got {sublease_id[:64]!r}"
        )
    if kept.ended:
        raise SubLeaseRefusedError(f"sub-lease {sublease_id} has ended: nothing is drawn under it")
    return kept


def _judged(db: StationDatabase, kept: KeptSubLease, told: FieldDraw) -> Quote:
    """The price, as of the time that the tablet had from its station: clocks move here."""
    lease, told_clock = kept.lease, Clock(told.at_ms, told.error_ms)
    if told.drawn_on != civil_day(told.at_ms, lease.utc_offset_ms).isoformat():
        raise SubLeaseRefusedError(f"expected the day of {told.at_ms} ms, got {told.drawn_on}")
    ask = FieldAsk(told.line_id, told.amount_minor, told.shown_sha256)
    price = judge(lease, subleases.draws_of(db, lease.sublease_id), ask, told_clock)
    if not isinstance(price, Quote):
        raise SubLeaseRefusedError(f"draw {told.draw_id} breaks its sub-lease: {price.value}")
    said = (told.fee_minor, told.total_minor, told.due_on, told.apr_ppm, told.farmer_id)
    true = (price.fee_minor, price.total_minor, price.due_on, price.apr_ppm, lease.farmer_id)
    if said != true or told.shown_sha256 != shown_sha256(price):
        raise SubLeaseRefusedError(f"draw {told.draw_id}: expected the price {true}, got {said}")
    return price


def _drawdown(kept: KeptSubLease, told: FieldDraw, price: Quote) -> Drawdown:
    return Drawdown(
        draw_id=told.draw_id,
        line_id=told.line_id,
        lease_id=kept.lease.lease_id,
        state=DrawState.POSTED,
        amount_minor=told.amount_minor,
        fee_minor=price.fee_minor,
        currency=price.currency,
        consent_id=told.consent_id,
        apr_ppm=price.apr_ppm,
        effective_on=told.drawn_on,
        paid_by=kept.lease.paid_by,
        rate_ppm=price.rate_ppm,
        sublease_id=told.sublease_id,
    )


def _book(db: StationDatabase, desk: Desk, drawdown: Drawdown, clock: Clock) -> None:
    """Posted at once: it was paid out. Begun, confirmed and settled in one transaction."""
    leases.keep_draw(db, drawdown, clock.at_ms)
    if drawdown.paid_by is not None:
        cash.keep_payer(db, drawdown.draw_id, Shift("", drawdown.paid_by, clock.at_ms))
    cash.keep_payout(db, drawdown, clock.at_ms)
    logs.append(db, desk.station, Up.DRAWDOWN, drawdown, clock, posted_subject(drawdown.draw_id))
