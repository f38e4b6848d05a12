"""Between the days that are named, passing time changes nothing of what the rule takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.lending.cover import standing_of
from core.lending.elsewhere import is_stale, known_dues
from core.lending.kind_terms import CropScale, RevolvingTerms
from core.lending.kinds.revolving import year_on
from core.lending.product import parse_product
from core.lending.turns import cover_turns, dues_turns, year_turns
from core.lending.views import CoverKind, CoverView, DuesView
from tests.support.products import CROP

ON = date(2027, 12, 20)
DAYS = st.integers(-120, 120).map(lambda days: (ON + timedelta(days=days)).isoformat())
BUREAU = {"bureaus": ["crb"], "answer_days_max": 60, "required": False}


def span() -> list[date]:
    return [ON + timedelta(days=days) for days in range(-5, 90)]


@given(st.lists(st.tuples(DAYS, DAYS), max_size=4))
def test_a_cover_begins_and_ends_on_days_that_are_named(days: list[tuple[str, str]]) -> None:
    covers = [
        CoverView("k", CoverKind.GUARANTEE, "p", min(each), max(each), "CNY", 1, "", "")
        for each in days
    ]
    named, stood = set(cover_turns(covers)), None
    for on in span():
        before, stood = stood, [standing_of(each, on) for each in covers]
        assert stood == before or before is None or on in named


@given(st.lists(DAYS, max_size=4))
def test_an_answer_is_believed_and_grows_stale_on_days_that_are_named(days: list[str]) -> None:
    product = parse_product({**CROP, "bureau": BUREAU})
    dues = [DuesView(f"q-{n}", "crb", day, "CNY", n, 0, "", "c") for n, day in enumerate(days)]
    named, known = set(dues_turns(product, dues)), None
    for on in span():
        stale = [is_stale(product, each, on) for each in dues]
        before, known = known, (known_dues(product, dues, on), stale)
        assert known == before or before is None or on in named


def test_a_revolving_line_begins_its_years_on_days_that_are_named() -> None:
    for first in ("2024-02-29", "2026-03-01", "2026-12-31", "2027-01-01"):
        terms = RevolvingTerms(
            first, 5, 0, 0, 100_000, 1, (CropScale("wheat", 1, 1_000_000, "a board"),)
        )
        product = replace(parse_product(CROP), revolving=terms)
        for start in (ON, date(2027, 2, 27), date(2028, 2, 27), date(2026, 12, 30)):
            year = year_on(terms, start)
            for on in (start + timedelta(days=days) for days in range(1, 32)):
                before, year = year, year_on(terms, on)
                assert year == before or on in set(year_turns(product, start))


def test_no_day_is_beyond_the_calendar() -> None:
    last = CoverView("k", CoverKind.GUARANTEE, "p", "2026-01-01", "9999-12-31", "CNY", 1, "", "")
    assert list(cover_turns([last])) == [date(2026, 1, 1)]
