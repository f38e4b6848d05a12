"""The price by risk: dated bands of a product, and how a line's rate moves inside them.

A band names steps of the probability of default, each with its rate. The rate of a line's
next drawdown follows the step of its newest score, with a margin around each edge so that
it does not tremble, and by at most so much a review. A drawdown keeps the rate that it was
drawn at for its whole life; no field of a band can change that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from itertools import pairwise

from core.lending.dated import period_faults, row_on
from core.units import PPM

STEPS_MAX = 20


@dataclass(frozen=True, slots=True)
class RiskStep:
    """Up to and with a probability of default, the yearly rate [ppm]."""

    pd_ppm_max: int
    rate_ppm: int


@dataclass(frozen=True, slots=True)
class RiskPrice:
    """The rates by risk from a day on.

    Every rate lies within ``rate_min_ppm`` to ``rate_max_ppm``; whoever is riskier than the
    last step pays its rate. A line changes its step only when its probability of default is
    ``margin_ppm`` beyond the edge, and one review moves its rate by at most
    ``change_max_ppm``.
    """

    from_on: str
    rate_min_ppm: int
    rate_max_ppm: int
    margin_ppm: int
    change_max_ppm: int
    steps: tuple[RiskStep, ...]
    source: str
    until_on: str | None = None

    def step_of(self, pd_ppm: int) -> int:
        """The step of a probability of default, counted from 0."""
        found = (number for number, step in enumerate(self.steps) if pd_ppm <= step.pd_ppm_max)
        return next(found, len(self.steps) - 1)

    def faults(self) -> list[str]:
        """What cannot be, in words."""
        where = f"risk_prices from {self.from_on[:10]}"
        rates = [step.rate_ppm for step in self.steps]
        edges = [step.pd_ppm_max for step in self.steps]
        low, high = self.rate_min_ppm, self.rate_max_ppm
        rules = (
            (0 < len(rates) <= STEPS_MAX, f"expected 1 to {STEPS_MAX} steps, got {len(rates)}"),
            (0 <= low <= high,
             f"expected rate_min_ppm up to rate_max_ppm, got {low} and {high}: it is inverted"),
            (all(low <= rate <= high for rate in rates),
             f"expected rates of {low} to {high} ppm, got {rates}"),
            (rates == sorted(rates),
             f"expected rates that rise with the risk, got {rates}"),
            (all(before < after for before, after in pairwise(edges)),
             f"expected pd_ppm_max to rise from step to step, got {edges}"),
            (0 <= self.margin_ppm <= PPM, f"expected margin_ppm of 0 to {PPM}"),
            (self.change_max_ppm > 0, "expected change_max_ppm above 0, or no rate ever moves"),
        )  # fmt: skip
        return [f"{where}: {words}" for holds, words in rules if not holds]


class RateReason(Enum):
    """Why a line's rate is what it is after a review, in order of precedence."""

    FIRST = "first"  # the line's first rate, by its decision
    NO_BAND = "no_band"  # no band holds on the day: the rate stays
    BAND = "band"  # the product's band moved, and took the rate with it
    ABOVE_CAP = "above_cap"  # the whole price would be above the cap: the rate stays
    STEP = "step"  # on its way to its step, by as much as one review may
    DEARER = "dearer"
    CHEAPER = "cheaper"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Rated:
    """A line's rate for its next drawdowns [ppm a year], its step, and why."""

    rate_ppm: int
    step: int
    reason: RateReason


def risk_price_on(rows: Sequence[RiskPrice] | None, on: date) -> RiskPrice | None:
    """The band that holds on a day; None outside the table."""
    return row_on(rows or (), on)


def first_rate(band: RiskPrice, pd_ppm: int) -> Rated:
    """The rate that a line begins with."""
    step = band.step_of(pd_ppm)
    return Rated(band.steps[step].rate_ppm, step, RateReason.FIRST)


def next_rate(band: RiskPrice, before: Rated, pd_ppm: int) -> Rated:
    """The rate after a review: towards the step of the risk, no further than one review goes.

    What lies outside the band comes into it at once: the band is the lender's law.
    """
    step = _settled_step(band, min(before.step, len(band.steps) - 1), pd_ppm)
    held = min(max(before.rate_ppm, band.rate_min_ppm), band.rate_max_ppm)
    target = band.steps[step].rate_ppm
    low, high = held - band.change_max_ppm, held + band.change_max_ppm
    rate = min(max(target, low), high)
    return Rated(rate, step, _why(before.rate_ppm, held, rate, target))


def dearest_ppm(rows: Sequence[RiskPrice] | None, on: date, otherwise_ppm: int) -> int:
    """The highest rate that a line may come to: what a season must be able to repay [ppm]."""
    band = risk_price_on(rows, on)
    return otherwise_ppm if band is None else band.rate_max_ppm


def risk_price_faults(rows: Sequence[RiskPrice]) -> list[str]:
    """What is wrong with the bands and their dates, in words."""
    return [*period_faults("risk_prices", rows), *(fault for row in rows for fault in row.faults())]


def _settled_step(band: RiskPrice, step: int, pd_ppm: int) -> int:
    """The step, left only when the risk is the band's margin beyond its edge.

    The lowest step is never left downwards, nor the last upwards: there is no edge.
    """
    dearer = band.step_of(max(pd_ppm - band.margin_ppm, 0))
    cheaper = band.step_of(pd_ppm + band.margin_ppm)
    return max(dearer, min(step, cheaper))


def _why(before_ppm: int, held_ppm: int, rate_ppm: int, target_ppm: int) -> RateReason:
    if rate_ppm == before_ppm:
        return RateReason.UNCHANGED
    if held_ppm != before_ppm:
        return RateReason.BAND
    if rate_ppm != target_ppm:
        return RateReason.STEP
    return RateReason.DEARER if rate_ppm > before_ppm else RateReason.CHEAPER
