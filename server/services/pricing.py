"""The price of a line's next drawdowns: by its risk, inside its product's dated band.

The first rate is the one on the decision card that opened the line, which a station may
have decided alone. Later ones follow the model's score of what is known by then. What was
drawn keeps its rate; leases carry the rate that holds when they are signed, so a station
that is dark quotes what the centre signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.decision.card import DecisionCard
from core.errors import PriceError
from core.lending.product import Product
from core.lending.risk_price import Rated, RateReason, first_rate, next_rate, risk_price_on
from core.lending.whole_price import whole_price
from core.reasons import Reason, ReasonCode
from server.services.centre import Work
from server.services.standing import zone_minutes
from server.store import line_rates
from server.store.line_rates import LineRate
from server.store.lines import Line

HUNDREDTH_PPM = 100  # of a percent
_TOLD = {
    RateReason.FIRST: ReasonCode.RATE_FIRST,
    RateReason.NO_BAND: ReasonCode.RATE_NO_BAND,
    RateReason.BAND: ReasonCode.RATE_BAND,
    RateReason.ABOVE_CAP: ReasonCode.RATE_ABOVE_CAP,
    RateReason.STEP: ReasonCode.RATE_STEP,
    RateReason.DEARER: ReasonCode.RATE_DEARER,
    RateReason.CHEAPER: ReasonCode.RATE_CHEAPER,
    RateReason.UNCHANGED: ReasonCode.RATE_UNCHANGED,
}


@dataclass(frozen=True, slots=True)
class Risk:
    """A probability of default [ppm], its day, and what it was read from."""

    pd_ppm: int
    as_of: str
    source: str


def price_opening(work: Work, line: Line, product: Product, card: DecisionCard | None) -> None:
    """Set a new line's first rate: the one on its card, or by the card's risk where none is.

    A line without a card that is known here begins at the product's own rate.
    """
    if not product.risk_prices:
        return
    today = work.today(zone_minutes(work.tx, line.farmer_id))
    band = risk_price_on(product.risk_prices, today)
    if band is None or card is None:
        risk = Risk(0, today.isoformat(), "product")
        _keep(work, line, product, (Rated(product.credit.rate_ppm, 0, RateReason.FIRST), risk))
        return
    by_risk = first_rate(band, card.outcome.pd_ppm)
    told = card.outcome.quote
    if told is not None and told.rate_ppm is not None:
        by_risk = Rated(told.rate_ppm, by_risk.step, RateReason.FIRST)
    risk = Risk(card.outcome.pd_ppm, card.inputs.decided_on, f"card:{card.card_id}")
    _keep(work, line, product, (by_risk, risk))


def review_rate(work: Work, line: Line, product: Product, risk: Risk) -> LineRate | None:
    """Move a line's rate towards its risk; what it is now. None if it is not priced by risk.

    A review that changes nothing writes nothing, unless a rise was stopped by the cap.
    """
    before = line_rates.last(work.tx, line.line_id)
    if before is None or not product.risk_prices:
        return before
    today = work.today(zone_minutes(work.tx, line.farmer_id))
    band = risk_price_on(product.risk_prices, today)
    if band is None:
        return before
    found = next_rate(band, before.rated, risk.pd_ppm)
    over = above_cap_ppm(product, line, found.rate_ppm, today)
    if found.rate_ppm > before.rated.rate_ppm and over > 0:
        found = Rated(before.rated.rate_ppm, before.rated.step, RateReason.ABOVE_CAP)
    moved = (found.rate_ppm, found.step) != (before.rated.rate_ppm, before.rated.step)
    stopped = found.reason is RateReason.ABOVE_CAP and before.rated.reason is not found.reason
    if not moved and not stopped:
        return before
    return _keep(work, line, product, (found, risk), over)


def above_cap_ppm(product: Product, line: Line, rate_ppm: int, on: date) -> int:
    """By how much the whole price at a rate would be above the cap in force [ppm]; 0 if not.

    After the last day on which anything is drawn there is no price, and nothing is above.
    """
    amount = max(line.limit_minor, product.credit.draw_step_minor)
    try:
        told = whole_price(product.at_rate(rate_ppm), amount, on)
    except PriceError:
        return 0
    return max(0, told.apr_ppm - product.apr_cap_ppm_on(on))


def rate_for_lease(work: Work, line: Line, product: Product) -> int | None:
    """The rate that a lease of a line carries [ppm]; None where the product's own holds."""
    if not product.risk_prices:
        return None
    found = line_rates.last(work.tx, line.line_id)
    return found.rated.rate_ppm if found is not None else None


def told_rate(work: Work, line_id: str, since_ms: int) -> tuple[Reason, ...]:
    """Why a line's rate changed, if it did at or after an instant."""
    found = line_rates.last(work.tx, line_id)
    return found.reasons if found is not None and found.at_ms >= since_ms else ()


def _keep(
    work: Work, line: Line, product: Product, told: tuple[Rated, Risk], over_ppm: int = 0
) -> LineRate:
    rated, risk = told
    words = {"percent": _percent(rated.rate_ppm)}
    if rated.reason is RateReason.ABOVE_CAP:
        words["over"] = _percent(over_ppm)
    before = line_rates.last(work.tx, line.line_id)
    kept = LineRate(
        line_id=line.line_id,
        seq=1 if before is None else before.seq + 1,
        rated=rated,
        pd_ppm=risk.pd_ppm,
        effective_on=work.today(zone_minutes(work.tx, line.farmer_id)).isoformat(),
        as_of=risk.as_of,
        source=risk.source,
        reasons=(Reason(_TOLD[rated.reason], words),),
        policy_version=product.policy_version(),
        at_ms=work.at_ms,
    )
    line_rates.add(work.tx, kept)
    return kept


def _percent(rate_ppm: int) -> str:
    """A rate as people say it: hundredths of a percent, rounded up."""
    hundredths = -(-rate_ppm // HUNDREDTH_PPM)
    return f"{hundredths // 100}.{hundredths % 100:02}"
