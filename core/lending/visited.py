"""An agent who stood on a plot is a second source beside imagery, if what was seen agrees.

A rise may need more than one independent source (``movement.raise_sources_min``). A visit is
one when its agent told a stage or a damage, not longer ago than evidence is fresh, and did not
say otherwise than the pictures: another kind of eye, not another picture. A cut never asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from core.lending.product import Product
from core.lending.views import PlotView

IMAGERY, VISIT = "imagery", "visit"


@dataclass(frozen=True, slots=True)
class VisitSeen:
    """What an agent told of a plot; ``stage`` is empty and ``damage_ppm`` absent if not told."""

    visit_id: str
    visited_on: str
    stage: str = ""
    damage_ppm: int | None = None

    @property
    def tells(self) -> bool:
        """Whether it says anything of the crop."""
        return bool(self.stage) or self.damage_ppm is not None


def asks_visits(product: Product) -> bool:
    """Whether rises of a product wait for what agents see."""
    return product.kind.pledge == "plot" and (product.movement.raise_sources_min or 1) > 1


def with_visits(
    product: Product, plot: PlotView, visits: Iterable[VisitSeen], on: date, stage_since: str = ""
) -> PlotView:
    """A plot's view with the sources by which it is known; the same if no visit counts.

    Parameters
    ----------
    visits
        What agents told of the plot; the newest up to the day speaks, and no other.
    stage_since
        The day by which pictures showed the stage of the view; empty if none did.
    """
    told = [each for each in visits if each.tells and each.visited_on <= on.isoformat()]
    if not told or plot.yield_p10_kg_per_ha is None:
        return plot
    visit = max(told, key=lambda each: (each.visited_on, each.visit_id))
    age_days = (on - date.fromisoformat(visit.visited_on)).days
    stands = age_days <= product.movement.fresh_days_max
    if not stands or _says_otherwise(product, plot, visit, stage_since):
        return plot
    return replace(plot, sources=(IMAGERY, VISIT), visit_id=visit.visit_id)


def visit_turns(product: Product, visits: Iterable[VisitSeen]) -> Iterator[date]:
    """The days on which visits begin to count, and from which they are too old to."""
    for each in visits:
        day = date.fromisoformat(each.visited_on)
        yield day
        bound_days = product.movement.fresh_days_max
        if day.toordinal() + bound_days < date.max.toordinal():
            yield day + timedelta(days=bound_days + 1)


def _says_otherwise(product: Product, plot: PlotView, visit: VisitSeen, stage_since: str) -> bool:
    """Whether an agent saw damage, or an earlier stage than pictures had shown by that day.

    Less damage than the change that moves a limit says nothing; a stage that the product does
    not know neither.
    """
    if visit.damage_ppm and visit.damage_ppm >= product.movement.change_min_ppm:
        return True
    stages = [each.stage for each in product.stages]
    if visit.stage not in stages or plot.stage not in stages:
        return False
    was_seen = bool(stage_since) and stage_since <= visit.visited_on
    return was_seen and stages.index(visit.stage) < stages.index(plot.stage)
