"""Drawdowns that stations report: booked whatever is wrong with them, for money was paid.

What is wrong is a flag for people. A draw on a line that could not be opened here, as
that of a farmer whom nobody registered, stands in ``suspense/<line>`` until a person
has put that right (:func:`settle_suspense`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from core.errors import LeaseError, ShapeError
from core.lending.lease import CLOCK_ERROR_MS_MAX, DrawState, LeaseKind
from core.shape import decode
from core.units import Money, civil_date, civil_day, share_ppm
from core.wire.records import Drawdown
from server.services import cash_boxes
from server.services.agreements import drawn
from server.services.centre import Work
from server.services.orders.consenting import draw_meets, fault_of_voucher
from server.services.posting import post_drawdown, post_suspense
from server.services.reported import Reported
from server.store import leases, line_rates, lines, products
from server.store.engine import ConflictError
from server.store.leases import Drawing
from server.store.lines import Line
from server.store.people import Actor
from server.store.rows import json_text

DRAW_MINOR_MAX = 10**12  # [minor units]; far above any line, far below 2^53
LINE_MINOR_MAX = 10**14  # of all draws under a line, so that its interest stays exact too


def apply_drawdown(work: Work, reported: Reported) -> str:
    """Book a draw that a station reports; what is wrong with it, or nothing."""
    draw = decode(Drawdown, reported.record.body)
    found = lines.find(work.tx, draw.line_id)
    line = lines.lock(work.tx, draw.line_id) if found is not None else None
    _require_money(draw, line.currency if line is not None else draw.currency)
    known = leases.find_draw(work.tx, draw.draw_id)
    if known is None:
        _require_sum(work, draw)
    if known is not None and known.writer != reported.writer:
        raise ConflictError(f"draw {draw.draw_id} is {known.writer}'s: another cannot settle it")
    if known is not None and _is_repeat(known, draw):
        return ""
    paid_for = fault_of_voucher(work, draw, line)
    drawing = _drawing(work, reported, draw, known)
    drawing = replace(drawing, flag=drawing.flag or paid_for)
    leases.put_draw(work.tx, drawing)
    short = ""
    if draw.state is DrawState.POSTED:
        _book(work, drawing, line)
        short = cash_boxes.paid_out(work, reported, drawing)
        if line is not None:
            drawn(work, line, drawing, Actor(reported.writer, "station"))
            draw_meets(work, draw, drawing, paid_for)
    if line is not None:
        reported.touched.add(line.line_id)
    return drawing.flag or short


def _require_money(draw: Drawdown, currency: str) -> None:
    """Refuse what no station can have paid out; sums of it would leave what JSON keeps exact."""
    if draw.currency != currency or not 0 < draw.amount_minor <= DRAW_MINOR_MAX:
        raise ShapeError(
            f"draw {draw.draw_id}: expected a positive amount in {currency}, at most "
            f"{DRAW_MINOR_MAX}"
        )
    if not 0 <= draw.fee_minor <= draw.amount_minor:
        raise ShapeError(f"draw {draw.draw_id}: expected a fee from 0 to the amount")
    Money(draw.currency, draw.amount_minor)


def _require_sum(work: Work, draw: Drawdown) -> None:
    before = leases.posted_of_line_minor(work.tx, draw.line_id)
    if before + draw.amount_minor > LINE_MINOR_MAX:
        raise ShapeError(
            f"draw {draw.draw_id}: expected at most {LINE_MINOR_MAX} under a line, "
            f"{before} are drawn"
        )


def _book(work: Work, drawing: Drawing, line: Line | None) -> None:
    if line is None:
        post_suspense(work, drawing)
        return
    post_drawdown(work, drawing)
    if not line.is_open:
        lines.save(work.tx, replace(line, is_open=True, closed_at_ms=None))


def _drawing(work: Work, reported: Reported, draw: Drawdown, known: Drawing | None) -> Drawing:
    at_ms = reported.record.at_ms
    settled = draw.state is not DrawState.PENDING
    effective_on, wrong_day = _day_of_draw(work, draw)
    rate_ppm = signed_rate_ppm(work, draw)
    if rate_ppm is None and known is not None:
        rate_ppm = known.rate_ppm
    return Drawing(
        draw_id=draw.draw_id,
        line_id=draw.line_id,
        lease_id=draw.lease_id,
        state=draw.state,
        amount_minor=draw.amount_minor,
        fee_minor=draw.fee_minor,
        currency=draw.currency,
        consent_id=draw.consent_id,
        apr_ppm=draw.apr_ppm,
        effective_on=effective_on,
        writer=reported.writer,
        at_ms=known.at_ms if known else at_ms,
        settled_at_ms=at_ms if settled else None,
        flag=_fault_of_draw(work, reported, draw, known)
        or wrong_day
        or _fault_of_price(work, draw),
        order_id=draw.order_id or "",
        supplier=draw.supplier or "",
        goods=json_text(list(draw.goods)) if draw.goods else "",
        paid_by=cash_boxes.payer_of(draw),
        rate_ppm=rate_ppm,
    )


def _day_of_draw(work: Work, draw: Drawdown) -> tuple[str, str]:
    """The day on which a draw is booked, and what was wrong with the one it names.

    A draw has its day between the lease's signature and today, give or take what a
    clock may be off; else it is booked today, and costs no interest for time past.
    """
    signed, today = leases.find(work.tx, draw.lease_id), work.today()
    off = timedelta(milliseconds=CLOCK_ERROR_MS_MAX)
    first = civil_day(signed.lease.signed_at_ms) - off if signed else today - off
    day = civil_date(draw.effective_on) or date.max
    if first <= day <= today + off:
        return day.isoformat(), ""
    told = f"expected effective_on from {first} to {today + off}, got {draw.effective_on[:40]!r}"
    return today.isoformat(), f"draw {draw.draw_id}: {told}; booked on {today}"


def _is_repeat(known: Drawing, draw: Drawdown) -> bool:
    """Whether the draw stands so already; raises if it contradicts what is known."""
    same = (known.line_id, known.lease_id, known.amount_minor, known.fee_minor, known.currency)
    told = (draw.line_id, draw.lease_id, draw.amount_minor, draw.fee_minor, draw.currency)
    pays = (known.supplier, known.order_id) != (draw.supplier or "", draw.order_id or "")
    if same != told or pays:
        raise ConflictError(f"draw {draw.draw_id} exists with other content")
    if known.state is draw.state:
        return True
    if known.state is not DrawState.PENDING:
        raise LeaseError(
            f"draw {draw.draw_id} is {known.state.value}, cannot become {draw.state.value}"
        )
    return False


def _fault_of_draw(work: Work, reported: Reported, draw: Drawdown, known: Drawing | None) -> str:
    """What lease rule a draw breaks; it is booked all the same, for money was paid."""
    if draw.state is DrawState.VOIDED:
        return ""
    signed = leases.find(work.tx, draw.lease_id)
    if signed is None:
        return f"draw {draw.draw_id}: lease {draw.lease_id} is not the centre's"
    lease, line = signed.lease, lines.find(work.tx, draw.line_id)
    if line is None:
        return f"draw {draw.draw_id}: line {draw.line_id} is not known; the money is in suspense"
    onboarding = lease.kind is LeaseKind.ONBOARDING
    # What is left to the draw: it counts against its lease already where it was pending.
    counted = known.amount_minor if known is not None else 0
    unspent = lease.amount_minor - leases.used_minor(work.tx, signed) + counted
    share = 0
    if onboarding:
        used = leases.line_used_minor(work.tx, signed, draw.line_id)
        share = line.onboarding_minor - used + counted
    faults = (
        (lease.station != reported.writer, "the lease is another station's"),
        (signed.closed_at_ms is not None, "the lease was closed before"),
        (not onboarding and lease.line_id != draw.line_id, "the lease is another line's"),
        (
            onboarding and line.onboarding_lease_id != lease.lease_id,
            "the line was not opened under this lease",
        ),
        (draw.amount_minor > unspent, "more is drawn than the lease carries"),
        (onboarding and draw.amount_minor > share, "more is drawn than the line's share"),
    )
    return next((f"draw {draw.draw_id}: {words}" for broken, words in faults if broken), "")


def signed_rate_ppm(work: Work, draw: Drawdown) -> int | None:
    """The rate that was signed for a draw: its lease's, or its line's first one.

    What a station reports besides is a flag for people: nobody pays more than was signed.
    """
    signed = leases.find(work.tx, draw.lease_id)
    if signed is not None and signed.lease.rate_ppm is not None:
        return signed.lease.rate_ppm
    opened = line_rates.of_line(work.tx, draw.line_id)
    return opened[0].rated.rate_ppm if opened else draw.rate_ppm


def _fault_of_price(work: Work, draw: Drawdown) -> str:
    """Whether a draw's fee is its product's, in any version of it, and its rate under the cap."""
    line = lines.find(work.tx, draw.line_id)
    if line is None or draw.state is DrawState.VOIDED:
        return ""
    known = products.every_version(work.tx, line.product_id)
    fees = {share_ppm(draw.amount_minor, each.credit.fee_ppm) for each in known}
    if draw.fee_minor not in fees:
        told = " or ".join(str(fee) for fee in sorted(fees))
        return f"draw {draw.draw_id}: its fee is {draw.fee_minor}, the product's is {told}"
    if draw.rate_ppm != (signed_ppm := signed_rate_ppm(work, draw)):
        told = f"its rate is {draw.rate_ppm} ppm a year, {signed_ppm} was signed"
        return f"draw {draw.draw_id}: {told}"
    drawn_on = civil_date(draw.effective_on)
    cap_ppm = max(
        each.credit.apr_cap_ppm if drawn_on is None else each.apr_cap_ppm_on(drawn_on)
        for each in known
    )
    if not 0 <= draw.apr_ppm <= cap_ppm:
        return f"draw {draw.draw_id}: its rate is {draw.apr_ppm} ppm, the cap is {cap_ppm}"
    return ""


def settle_suspense(work: Work, line: Line) -> int:
    """Move what stands in suspense for a line that is known by now; how much [minor units]."""
    moved = 0
    for drawing in leases.draws_of_line(work.tx, line.line_id):
        if drawing.state is DrawState.POSTED:
            moved += post_drawdown(work, drawing)
    cash_boxes.place_suspended(work, line)
    return moved
