"""Covers: index insurance and guarantees, as floors under what a harvest carries.

An insurer's word or a guarantor's adds to a limit only while it is in force, only as far
as the product lets it, and never more than its own sum. What a cover counts for is read
from the cover's dates and terms on the day of the review, so one that has ended falls out
at the next review by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from enum import Enum

from core.lending.kinds.terms import Terms
from core.lending.product import Product
from core.lending.views import CoverKind, CoverView, Household, PlotView, Seen
from core.units import PPM

CHAIN_MAX = 64  # guarantors one behind another; a longer chain is taken for a ring


class CoverStanding(Enum):
    """Where a cover stands on a day."""

    BEGINS = "begins"
    IN_FORCE = "in_force"
    ENDED = "ended"


def standing_of(cover: CoverView, on: date) -> CoverStanding:
    """Whether a cover is in force on a day; both of its days belong to it."""
    day = on.isoformat()
    if day < cover.from_on:
        return CoverStanding.BEGINS
    return CoverStanding.IN_FORCE if day <= cover.until_on else CoverStanding.ENDED


def insured_floor_minor(product: Product, seen: Seen, on: date) -> int:
    """What insurances in force add to what the harvest is worth [minor units].

    By the product, the sum insured, or what would be paid out at the harvest's lower
    quantile; a trigger on anything but the yield pays nothing that could be told beforehand.
    At most ``cover.insured_minor_per_ha`` of the area.
    """
    terms = product.cover
    if terms is None:
        return 0
    found = [
        each.sum_minor if terms.counts_sum else payout_minor(each, lower_yield(seen.plots))
        for each in seen.covers
        if each.kind is CoverKind.INSURANCE
        and each.party in terms.insurers
        and each.currency == product.currency
        and standing_of(each, on) is CoverStanding.IN_FORCE
    ]
    area_m2 = sum(plot.area_m2 for plot in seen.plots)
    return min(sum(found), area_m2 * terms.insured_minor_per_ha // 10_000)


def payout_minor(cover: CoverView, yield_kg_per_ha: int | None) -> int:
    """What an index insurance pays at a yield: in a straight line from its trigger to its exit.

    Parameters
    ----------
    yield_kg_per_ha
        The index [kg/ha]; None while it is not known, which pays nothing.
    """
    trigger, full = cover.trigger_kg_per_ha, cover.exit_kg_per_ha
    if yield_kg_per_ha is None or trigger is None or full is None or trigger <= full:
        return 0
    short = min(max(trigger - yield_kg_per_ha, 0), trigger - full)
    return cover.sum_minor * short // (trigger - full)


def lower_yield(plots: Sequence[PlotView]) -> int | None:
    """The plots' lower quantile by area, rounded up so that no payout is overstated [kg/ha]."""
    if not plots or any(plot.yield_p10_kg_per_ha is None for plot in plots):
        return None
    area_m2 = sum(plot.area_m2 for plot in plots)
    weighed = sum(plot.area_m2 * max(plot.yield_p10_kg_per_ha or 0, 0) for plot in plots)
    return -(-weighed // area_m2) if area_m2 else None


def guaranteed_floor_minor(
    product: Product, seen: Seen, stage_cost_minor: int, on: date
) -> int:  # fmt: skip
    """Under what C does not fall, for others stand in [minor units].

    Each guarantor counts for their share of their sum, at most
    ``cover.guarantor_minor_max``; all of them for at most ``guaranteed_ppm_max`` of what
    the stage costs.
    """
    terms = product.cover
    if terms is None:
        return 0
    stand: dict[str, int] = {}
    for each in seen.covers:
        counts = each.currency == product.currency and each.kind is CoverKind.GUARANTEE
        if counts and standing_of(each, on) is CoverStanding.IN_FORCE:
            share = each.sum_minor * (PPM if each.share_ppm is None else each.share_ppm) // PPM
            stand[each.party] = stand.get(each.party, 0) + share
    found = sum(min(minor, terms.guarantor_minor_max) for minor in stand.values())
    return min(found, stage_cost_minor * terms.guaranteed_ppm_max // PPM)


def with_insurance(product: Product, seen: Seen, household: Household, on: date) -> Household:
    """The household with what insurances in force add."""
    floor = insured_floor_minor(product, seen, on)
    if not floor:
        return household
    return replace(household, insured_floor_minor=household.insured_floor_minor + floor)


def with_guarantees(product: Product, seen: Seen, terms: Terms, on: date) -> Terms:
    """The terms with C no lower than what guarantors stand for, both told."""
    if product.cover is None or not seen.covers:
        return terms
    floor = guaranteed_floor_minor(product, seen, terms.stage_cost_minor, on)
    return replace(
        terms,
        collateral_minor=max(terms.collateral_minor, floor),
        insured_minor=insured_floor_minor(product, seen, on),
        guaranteed_minor=floor,
    )


def ended_since(
    before: Iterable[CoverView], now: Iterable[CoverView], on: date
) -> tuple[CoverView, ...]:
    """The covers that counted at the review before and do not any more."""
    still = {each.cover_id: each for each in now if standing_of(each, on) is CoverStanding.IN_FORCE}
    return tuple(
        each
        for each in before
        if each.as_counted and (each.cover_id not in still or still[each.cover_id].sum_minor == 0)
    )


def guarantors_in_ring(guarantees: Mapping[str, frozenset[str]], farmer: str) -> tuple[str, ...]:
    """The ring in which a farmer stands behind himself through others; empty if there is none.

    Parameters
    ----------
    guarantees
        Who stands behind whom: by debtor, the guarantors.
    """
    trail: list[tuple[str, ...]] = [(farmer,)]
    seen: set[str] = set()
    while trail:
        path = trail.pop()
        for each in sorted(guarantees.get(path[-1], frozenset())):
            if each == farmer or len(path) >= CHAIN_MAX:
                return (*path, each)
            if each not in seen:
                seen.add(each)
                trail.append((*path, each))
    return ()
