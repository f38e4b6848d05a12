"""What agents saw on a line's plots, where a rise asks for more than imagery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from core.lending.product import Product
from core.lending.views import PlotView
from core.lending.visited import VisitSeen, asks_visits, with_visits
from core.wire.personal_data import DataClass
from server.services.centre import Work
from server.services.consents.using import consents_to_decide
from server.store import evidence, field_visits, lines, products, registry
from server.store.lines import Line


@dataclass(frozen=True, slots=True)
class Visited:
    """Plots with the sources by which they are known, and what agents told of them."""

    plots: tuple[PlotView, ...]
    visits: tuple[VisitSeen, ...] = ()
    consent_ids: tuple[str, ...] = ()


def visited(
    work: Work, line: Line, product: Product, plots: tuple[PlotView, ...], today: date
) -> Visited:
    """What agents told of a line's plots today, as far as the farmer lets it count."""
    consent_id = consents_to_decide(work.tx, line.farmer_id).get(DataClass.VISITS)
    told = {each.plot_id: field_visits.of_subject(work.tx, each.plot_id) for each in plots}
    if consent_id is None or not any(told.values()):
        return Visited(plots)
    seen = tuple(
        with_visits(product, each, told[each.plot_id], today, _stage_since(work, each.plot_id))
        for each in plots
    )
    visits = tuple(visit for each in told.values() for visit in each)
    counts = any(each.visit_id for each in seen)
    return Visited(seen, visits, (consent_id,) if counts else ())


def lines_asking(work: Work, subject_id: str) -> tuple[str, ...]:
    """The lines on a plot whose rises ask for what agents see, locked: before the trail is."""
    resting = lines.resting_on(work.tx, (subject_id,)) if subject_id else ()
    return tuple(
        line_id
        for line_id in resting
        if asks_visits(products.newest(work.tx, lines.lock(work.tx, line_id).product_id))
    )


def learn_visited(work: Work, found: Sequence[Line]) -> None:
    """Read what agents told of the plots of many lines in one question, if any of them asks."""
    asks = {each for each in {line.product_id for line in found}
            if asks_visits(products.newest(work.tx, each))}  # fmt: skip
    field_visits.learn(
        work.tx, sorted({s for line in found if line.product_id in asks for s in line.subject_ids})
    )


def _stage_since(work: Work, plot_id: str) -> str:
    """The day by which pictures had shown the stage of a plot's newest look; empty if none did."""
    kept = evidence.speaking_for(work.tx, registry.subject(work.tx, plot_id))
    return (kept.stage_observed_on or "") if kept is not None else ""
