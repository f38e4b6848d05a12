"""How likely a loan is to fail when its harvest or herd is worth less than it was.

A borrower fails in a shock when the season's cash does not cover the living of the
household, the dues elsewhere and what is owed. The harvest's worth is taken as normal,
through the lower quantile and the median of the yield (as the limit rule sees it), so its
chance of falling short is Φ((needed − V50) / sd), sd = (V50 − V10) / 1.2816 (Merton's
structural view; R. Merton, J. Finance 29 (1974) 449). Only what the shock adds to that
chance is added to the score's own: PD' = 1 − (1 − PD)(1 − Δ), Δ = (Φ' − Φ) / (1 − Φ).
For a herd, what could be raised by selling at the loan-to-value stands for the cash.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

from core.lending.kinds.crop import crop_terms
from core.lending.limit import Household, PlotView, Seen
from core.lending.product import Product
from core.units import PPM

Z10 = 1.2815515655446004  # of the standard normal's 90th percentile
_LEAST_SPREAD = 0.02  # of the median: nobody knows a harvest better


def shortfall_ppm(product: Product, seen: Seen, household: Household, owed_minor: int) -> int:
    """The chance that what a line rests on does not repay what is owed [ppm]."""
    if owed_minor <= 0:
        return 0
    if seen.herds and product.herd is not None:
        return _of_herd(product, seen, owed_minor)
    if seen.plots and product.price is not None:
        return _of_harvest(product, seen.plots, household, owed_minor)
    return 0


def raised_pd_ppm(pd_ppm: int, before_ppm: int, after_ppm: int) -> int:
    """A probability of default with what a shock adds to the chance of falling short [ppm]."""
    if after_ppm <= before_ppm or before_ppm >= PPM:
        return pd_ppm
    added = (after_ppm - before_ppm) * PPM // (PPM - before_ppm)
    return PPM - (PPM - pd_ppm) * (PPM - added) // PPM


def _of_harvest(
    product: Product, plots: tuple[PlotView, ...], household: Household, owed_minor: int
) -> int:
    low = crop_terms(product, plots, household)
    middle = crop_terms(product, _at_median(plots), household)
    if low is None or middle is None:
        return 0
    living = household.size * product.capacity.living_cost_minor_per_person
    needed = owed_minor + living + household.dues_elsewhere_minor - household.other_cash_minor
    v50, v10 = middle.harvest_value_minor, low.harvest_value_minor
    spread = max((v50 - v10) / Z10, v50 * _LEAST_SPREAD, 1.0)
    return round(PPM * NormalDist().cdf((needed - v50) / spread))


def _at_median(plots: tuple[PlotView, ...]) -> tuple[PlotView, ...]:
    return tuple(replace(each, yield_p10_kg_per_ha=each.yield_p50_kg_per_ha) for each in plots)


def _of_herd(product: Product, seen: Seen, owed_minor: int) -> int:
    if product.herd is None:
        return 0
    terms = product.herd
    heads = sum(herd.heads for herd in seen.herds)
    raised = heads * terms.value_minor_per_head * terms.ltv_ppm // PPM
    return max(0, owed_minor - raised) * PPM // owed_minor
