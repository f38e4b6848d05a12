"""How much of a line a station will need while it is dark: the size of a lease (L9).

A lease ties up headroom and outlives a cut, so it is no larger than its use can be told
beforehand. The forecast is the largest of three: what the season still costs up to the
stage that the calendar expects at the lease's end; what was drawn lately, carried on
over the term; and a floor, because people need money that no plan foresaw. It is
bounded by the product's share of what is undrawn. No plan (a herd): the bound itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from core.lending.product import Product
from core.units import share_ppm

LEAST_SHARE_PPM = 250_000  # of what is undrawn: what a plan did not foresee
PACE_DAYS = 30  # draws of so many days are carried on
M2_PER_HA = 10_000


@dataclass(frozen=True, slots=True)
class Planted:
    """Ground that a line rests on: its area and when it was sown."""

    area_m2: int
    sown_on: date


@dataclass(frozen=True, slots=True)
class Need:
    """What a lease's size rests on [minor units]; ``plan_minor`` is None without a plan."""

    undrawn_minor: int
    drawn_minor: int
    drawn_lately_minor: int
    plan_minor: int | None


def lease_need_minor(need: Need, product: Product) -> int:
    """How much of a line should be out at its station for one term [minor units]."""
    undrawn = max(0, need.undrawn_minor)
    bound = share_ppm(undrawn, product.lease.share_of_headroom_ppm)
    if need.plan_minor is None:
        return bound
    planned = need.plan_minor - need.drawn_minor
    pace = need.drawn_lately_minor * product.lease.term_days // PACE_DAYS
    return min(bound, max(planned, pace, share_ppm(undrawn, LEAST_SHARE_PPM)))


def season_plan_minor(product: Product, ground: Sequence[Planted], by: date) -> int | None:
    """What the season costs up to the stage that the calendar expects on a day [minor units].

    The calendar releases nothing (a stage is released when it is seen); it only says how
    much may be asked for before the station is heard again.
    """
    if not product.stages or not ground:
        return None
    return sum(_plan_minor(product, each, by) for each in ground)


def _plan_minor(product: Product, ground: Planted, by: date) -> int:
    begun = [
        stage.released_ppm
        for stage in product.stages
        if ground.sown_on + timedelta(days=stage.usual_from_day) <= by
    ]
    cost = product.scale_of_finance_minor_per_ha * ground.area_m2 // M2_PER_HA
    return share_ppm(cost, max(begun, default=product.stages[0].released_ppm))
