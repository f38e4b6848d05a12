"""Which visit is a second source beside imagery: a table, a row a case."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from core.lending.views import PlotView, Seen
from core.lending.visited import VisitSeen, asks_visits, visit_turns, with_visits
from tests.support.packs import pack

TODAY = date(2026, 5, 20)
CROP = pack("crop-season")  # fresh for 20 days; changes below 8 % are ignored
TWO = replace(CROP, movement=replace(CROP.movement, raise_sources_min=2))
SEEN_SINCE = "2026-05-10"
PLOT = PlotView("plot", 10_000, "heading", "heading", 3, 1_500, 2_000, "ev-1")
# Visits by day, stage and damage [ppm]; and which of them counts.
ROWS = """
what                                | visits                                           | counts
nobody came                         |                                                  |
a stage                             | 2026-05-18 heading -                             | 2026-05-18
a later stage                       | 2026-05-18 ripening -                            | 2026-05-18
nothing is lost                     | 2026-05-18 - 0                                   | 2026-05-18
a visit about something else        | 2026-05-18 - -                                   |
the last day on which it is fresh   | 2026-04-30 vegetative -                          | 2026-04-30
a day older                         | 2026-04-29 vegetative -                          |
dated ahead                         | 2026-05-21 heading -                             |
less damage than moves a limit      | 2026-05-18 heading 79999                         | 2026-05-18
damage that moves a limit           | 2026-05-18 heading 80000                         |
earlier than the pictures by then   | 2026-05-10 vegetative -                          |
before the pictures showed it       | 2026-05-09 vegetative -                          | 2026-05-09
a stage that the product names not  | 2026-05-18 flowering -                           | 2026-05-18
the newest speaks, and alone        | 2026-05-12 heading -; 2026-05-18 heading 400000  |
it was well again                   | 2026-05-12 heading 400000; 2026-05-18 heading 0  | 2026-05-18
"""
CASES = [[cell.strip() for cell in row.split("|")] for row in ROWS.strip().splitlines()[1:]]


def visit(text: str) -> VisitSeen:
    on, stage, damage = text.split()
    said = "" if stage == "-" else stage
    return VisitSeen(on, on, said, None if damage == "-" else int(damage))


@pytest.mark.parametrize(("what", "told", "counts"), CASES, ids=[row[0] for row in CASES])
def test_a_visit_counts_if_it_is_fresh_and_says_nothing_else(
    what: str, told: str, counts: str
) -> None:
    visits = [visit(each) for each in told.split(";") if each.strip()]
    found = with_visits(TWO, PLOT, visits, TODAY, SEEN_SINCE)
    assert (found.visit_id or "") == counts, what
    assert Seen(plots=(found,)).sources_count == (2 if counts else 1)
    assert replace(found, sources=None, visit_id=None) == PLOT
    # Each day on which that may change is named: at the next of them, and not before.
    answers = {
        day: with_visits(TWO, PLOT, visits, date.fromordinal(day), SEEN_SINCE).visit_id
        for day in range(TODAY.toordinal() - 25, TODAY.toordinal() + 30)
    }
    turned = {day for day, now in answers.items() if now != answers.get(day - 1, now)}
    assert turned <= {day.toordinal() for day in visit_turns(TWO, visits)}


def test_a_plot_that_no_picture_shows_is_not_known_by_a_visit_alone() -> None:
    unseen = replace(PLOT, yield_p10_kg_per_ha=None)
    assert with_visits(TWO, unseen, [visit("2026-05-18 heading -")], TODAY) == unseen


def test_a_line_is_known_as_well_as_the_least_known_of_its_plots() -> None:
    seen = with_visits(TWO, PLOT, [visit("2026-05-18 heading -")], TODAY)
    assert Seen(plots=(seen, replace(PLOT, plot_id="other"))).sources_count == 1


def test_only_products_of_land_that_want_two_sources_ask_agents() -> None:
    herd = pack("livestock")
    assert asks_visits(TWO)
    assert not asks_visits(CROP)
    assert not asks_visits(replace(herd, movement=replace(herd.movement, raise_sources_min=2)))
