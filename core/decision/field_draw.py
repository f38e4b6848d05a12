"""Whether a tablet may pay out, and at what price: one rule at tablet, station and centre.

Pure, and the twin of ``payout.js`` on the tablet; both are held to the same vectors. The
order is that of a draw at the kiosk: the amount, the lease, the season, the cap, the consent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from core.canonical import canonical_hash
from core.decision.quote import Quote
from core.lending.draw_terms import DrawTerms
from core.lending.lease import Clock, Draw, LeaseBook, refuse_draw
from core.lending.price import Flow, apr_ppm
from core.lending.schedule import plan
from core.reasons import ReasonCode
from core.shape import encode
from core.units import civil_day, share_ppm
from core.wire.subleases import SubLease


@dataclass(frozen=True, slots=True)
class FieldAsk:
    """A farmer asks the agent for money; ``agreed_sha256`` is the price that they agreed to.

    ``frozen`` says that new draws wait, as far as the tablet knows.
    """

    line_id: str
    amount_minor: int
    agreed_sha256: str
    frozen: bool = False


def field_quote(terms: DrawTerms, amount_minor: int, drawn_on: date) -> Quote:
    """The whole price of drawing an amount on a day, by a sub-lease's terms.

    Raises
    ------
    PriceError
        If the due date is not after the day.
    """
    fee_minor = share_ppm(amount_minor, terms.fee_ppm)
    dues = plan(terms.repayment(), amount_minor, drawn_on, fee_minor)
    back = [Flow((due.on - drawn_on).days, -due.total_minor) for due in dues]
    total_minor = sum(due.total_minor for due in dues)
    return Quote(
        amount_minor=amount_minor,
        fee_minor=fee_minor,
        interest_minor=total_minor - amount_minor - fee_minor,
        total_minor=total_minor,
        currency=terms.currency,
        drawn_on=drawn_on.isoformat(),
        due_on=dues[-1].on.isoformat(),
        apr_ppm=apr_ppm([Flow(0, amount_minor), *back]),
        rate_ppm=terms.told_rate_ppm,
    )


def shown_sha256(price: Quote) -> str:
    """The hash of a price: what a consent to it names as shown."""
    return canonical_hash(encode(price))


def judge(
    lease: SubLease, draws: Sequence[Draw], ask: FieldAsk, clock: Clock
) -> Quote | ReasonCode:
    """The price at which a draw may be paid out now, or the first reason why it may not."""
    terms = lease.terms
    if ask.amount_minor <= 0 or ask.amount_minor % terms.step_minor:
        return ReasonCode.DRAW_AMOUNT_INVALID
    book = LeaseBook(lease.as_lease(), {draw.draw_id: draw for draw in draws})
    refusal = refuse_draw(replace(book, frozen=ask.frozen), ask.line_id, ask.amount_minor, clock)
    if refusal is not None:
        return refusal
    today = civil_day(clock.at_ms, lease.utc_offset_ms)
    if today >= terms.repayment().drawn_before:
        return ReasonCode.DRAW_SEASON_OVER
    price = field_quote(terms, ask.amount_minor, today)
    if price.apr_ppm > terms.apr_cap_ppm_on(today):
        return ReasonCode.DRAW_PRICE_ABOVE_CAP
    if ask.agreed_sha256 != shown_sha256(price):
        return ReasonCode.DRAW_CONSENT_MISSING
    return price
