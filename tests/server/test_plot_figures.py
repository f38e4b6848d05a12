"""Pictures of a plot's page, drawn without a database: what is drawn, named, and left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from markupsafe import Markup

from core.wire.evidence import Evidence, Stage
from core.wire.registry import Subject, SubjectKind
from server.console.figures import canvas
from server.console.figures.curve import Around, BandPoint, StageSeen, curve_picture
from server.console.figures.daily import Panel, Range, Reading, daily_picture, weeks_of
from server.console.figures.narrowing import Estimate, narrowing_picture, narrowing_words
from server.console.figures.terms import Term, TermsStory, terms_picture
from server.console.views.around import against, around_of, band, centre_of, curve_of
from server.words import say, speaking
from tests.support.console_evidence import SOWN, Looks, seen_of_plot

SVG = "{http://www.w3.org/2000/svg}"
SPAN = (date(2026, 3, 20), date(2026, 7, 12))


PLOT = Subject("plot-001", SubjectKind.PLOT, "f-001", "Field", area_m2=9_000, polygon_sha256="ab")


def seen_up_to(day: date) -> Evidence:
    return seen_of_plot(PLOT, Looks(1, day, 10, is_dry=False))


def drawings(markup: Markup) -> list[ET.Element]:
    """The wide picture and the phone's, as trees; both must be whole XML."""
    return [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", markup)]  # noqa: S314 - our own


def words(drawn: ET.Element) -> list[str]:
    return [node.text or "" for node in drawn.iter(f"{SVG}text")]


def by_class(drawn: ET.Element, name: str) -> list[ET.Element]:
    return [node for node in drawn.iter() if name in (node.get("class") or "").split()]


def labels_apart(drawn: ET.Element, least_px: float) -> None:
    """No two words to the right of the frame stand on each other."""
    places = sorted(
        (float(node.get("y") or 0)) for node in drawn.iter(f"{SVG}text")
        if "label-text" in (node.get("class") or "") and float(node.get("x") or 0) > 200
    )  # fmt: skip
    assert all(b - a >= least_px for a, b in pairwise(places))


def days(first: date, values: Sequence[float]) -> tuple[Reading, ...]:
    return tuple(Reading(first + timedelta(days=i), value) for i, value in enumerate(values))


# The curve.


def test_curve_stands_against_past_years_and_plots_around_and_each_is_named():
    evidence = seen_up_to(date(2026, 7, 10))
    points = tuple(
        BandPoint(SPAN[0] + timedelta(days=5 * i), 0.2, 0.3, 0.4) for i in range(20)
    )  # fmt: skip
    stages = (StageSeen(Stage.SOWING, SOWN.isoformat()),)
    around = Around(past=points, past_years=3, near=points, near_plots=12)
    wide, phone = drawings(curve_picture(evidence, stages, around, "A season"))
    assert {"this plot", "plots around", "own past years"} <= set(words(wide))
    assert not {"plots around"} & set(words(phone))  # its legend names it: there is no room
    for drawn in (wide, phone):
        assert len(by_class(drawn, "past-band")) == len(by_class(drawn, "near-band")) == 1
        assert drawn.get("aria-label") == "A season"


def test_marks_near_each_other_stand_on_rows_of_their_own():
    evidence = seen_up_to(date(2026, 7, 10))
    marks = ("2026-04-25", "2026-05-26", "2026-06-26")  # each too near to the one before
    season = replace(evidence.season, start_on=marks[0], peak_on=marks[1], end_on=marks[2])
    _, phone = drawings(curve_picture(replace(evidence, season=season), (), Around(), "A season"))
    told = [node for node in phone.iter(f"{SVG}text")
            if (node.text or "").partition(" ")[0] in ("start", "peak", "end")]  # fmt: skip
    rows = [float(node.get("y") or 0) for node in told]
    assert len(rows) == 3
    assert rows[0] != rows[1] != rows[2]


def test_a_long_name_has_its_room_beside_the_curve():
    with speaking("sw"):
        wide, _ = drawings(
            curve_picture(seen_up_to(date(2026, 7, 10)), (), Around(near=(), past=()), "Msimu")
        )
        longest = max(len(say(words)) for words in ("plots around", "own past years"))
    (name,) = by_class(wide, "end-name")
    width = float((wide.get("viewBox") or "").split()[2])
    assert float(name.get("x") or 0) + 8.6 * longest <= width  # a letter in the sun's bold


def test_curve_without_a_past_draws_no_band():
    evidence = seen_up_to(date(2026, 7, 10))
    wide, _ = drawings(curve_picture(evidence, (), Around(), "A season"))
    assert not by_class(wide, "past-band")
    assert not by_class(wide, "near-band")


def test_names_of_ends_stand_apart_and_in_order():
    assert canvas.apart([50, 52, 51], 0, 100, 10) == [50, 70, 60]
    assert canvas.apart([98, 99], 0, 100, 10) == [90, 100]


# What stands around it.


def test_band_takes_lowest_middle_and_highest_where_enough_is_known():
    day = SPAN[0].toordinal()
    flat = [[(day, v), (day + 20, v)] for v in (0.2, 0.5, 0.8)]
    short = [(day, 0.9), (day + 5, 0.9)]
    found = band([*flat, short], (day, day + 25), 3)
    assert [(p.low, p.middle, p.high) for p in found] == [
        (0.2, pytest.approx(0.65), 0.9), (0.2, pytest.approx(0.65), 0.9),
        (0.2, 0.5, 0.8), (0.2, 0.5, 0.8), (0.2, 0.5, 0.8),
    ]  # fmt: skip


def test_too_few_neighbours_make_no_band():
    own = [(700_000, 0.4), (700_020, 0.6)]
    assert around_of(own, (), [own, own]).near == ()
    assert around_of((), [own], [own] * 3) == Around()


def test_curve_is_held_against_the_middle_on_the_newest_common_day():
    own = [(700_000, 0.40), (700_020, 0.60)]
    points = tuple(
        BandPoint(date.fromordinal(day), 0.1, 0.5, 0.9) for day in (700_000, 700_020, 700_040)
    )
    assert against(own, points) == 200_000
    assert against(own, ()) is None


def test_curve_of_a_young_season_is_its_used_looks():
    evidence = seen_up_to(date(2026, 4, 12))
    assert [day for day, _ in curve_of(evidence)] == sorted(day for day, _ in curve_of(evidence))


def test_middle_of_a_shape_bare_within_a_feature_or_of_several_parts():
    ring = [[0, 0], [2, 0], [2, 2], [0, 2]]
    bare = f'{{"type": "Polygon", "coordinates": [{ring}]}}'
    feature = f'{{"type": "Feature", "geometry": {bare}}}'
    parts = f'{{"type": "MultiPolygon", "coordinates": [[{ring}], [{ring}]]}}'
    assert centre_of(bare) == centre_of(feature) == centre_of(parts) == (1, 1)
    assert centre_of(None) is None
    assert centre_of('{"type": "Feature", "geometry": null}') is None


# The harvest.


def test_harvest_is_a_fan_whose_ends_are_named_apart():
    fan = (Estimate("2026-05-01", 900, 2600, 4300), Estimate("2026-07-10", 2380, 2400, 2420))
    for drawn in drawings(narrowing_picture(fan, SPAN, "kg/ha", "Harvest")):
        assert {"2,420", "2,400", "2,380"} <= set(words(drawn))
        labels_apart(drawn, 30)
        assert drawn.find(f"{SVG}desc") is not None
        assert len(by_class(drawn, "floor-mark")) == len(fan)


def test_words_say_from_how_wide_to_how_narrow():
    fan = (Estimate("2026-07-10", 2000, 2400, 2900), Estimate("2026-05-01", 900, 2600, 4300))
    told = narrowing_words(fan, "kg/ha")
    assert told == "On 10 Jul eight chances in ten lie within 900 kg/ha; on 1 May it was 3,400."
    assert "900 kg/ha." in narrowing_words(fan[:1], "kg/ha")


# What devices told.


def test_rain_is_daily_on_a_desk_and_weekly_on_a_phone():
    rain = days(SPAN[0], [0.0, 7.0] * 57)
    panel = Panel("Rain, mm a day", weekly="Rain, mm a week", bars=rain)
    wide, phone = drawings(daily_picture([panel], SPAN, "Rain"))
    assert "Rain, mm a day" in words(wide)
    assert len(by_class(wide, "rain")) == 57
    assert "Rain, mm a week" in words(phone)
    assert len(by_class(phone, "rain")) == len(weeks_of(rain)) == 17


def test_weeks_begin_on_monday_keep_the_sum_and_tell_thin_days():
    monday = date(2026, 6, 1)
    told = (*days(monday - timedelta(days=1), [4.0, 1.0, 2.0]), Reading(monday, 0.5, thin=True))
    assert weeks_of(told) == (
        Reading(date(2026, 5, 25), 4.0), Reading(monday, 3.5, thin=True),
    )  # fmt: skip


def test_a_silence_breaks_a_line_and_is_not_drawn_over():
    told = (*days(date(2026, 4, 1), [20.0] * 10), *days(date(2026, 5, 20), [22.0] * 10))
    wide, _ = drawings(daily_picture([Panel("Soil", curve=told)], SPAN, "Soil"))
    assert len(by_class(wide, "measured")) == 2


def test_cold_nights_go_below_nought_and_marks_stand_under_their_day():
    frost = tuple(Range(one.on, one.value - 6, one.value) for one in days(SPAN[0], [2.0] * 30))
    panel = Panel("Air, °C", band=frost, marks=(SPAN[0],), notes=("lowest −4",))
    wide, phone = drawings(daily_picture([panel], SPAN, "Air"))
    assert "−4" in words(wide)
    assert "lowest −4" in words(wide)
    assert "lowest −4" not in words(phone)
    assert len(by_class(wide, "dry-day")) == 1


def test_panels_without_a_value_are_left_out():
    told = daily_picture(
        [Panel("Rain", bars=()), Panel("Soil", curve=days(SPAN[0], [1.0]))], SPAN, ""
    )
    assert "Rain" not in words(drawings(told)[0])


# The terms of a limit.


def story(*terms: Term) -> TermsStory:
    return TermsStory(
        currency="KES",
        limits=(("2026-04-01", 500_000), ("2026-06-01", 900_000)),
        terms=terms,
        bound=(("2026-04-01", 500_000, "S"), ("2026-06-01", 900_000, "S")),
        until="2026-07-01",
    )


def test_each_term_is_named_and_one_above_the_picture_has_an_arrow():
    shown = story(
        Term("C", "harvest", (("2026-04-01", 1_000_000), ("2026-06-01", 950_000))),
        Term("S", "stage", (("2026-04-01", 500_000), ("2026-06-01", 900_000))),
        Term("Cap", "product", (("2026-04-01", 15_000_000), ("2026-06-01", 15_000_000))),
    )
    wide, phone = drawings(terms_picture(shown, "Terms"))
    assert {"C 9,500", "S 9,000", "↑ Cap 150,000"} <= set(words(wide))
    assert "↑ Cap 150k" in words(phone)
    for drawn in (wide, phone):
        labels_apart(drawn, 15)
        assert len(by_class(drawn, "bound-dot")) == 2


def test_words_from_outside_are_escaped_in_every_picture():
    bad = "<script>alert(1)</script>"
    drawn = [
        daily_picture([Panel(bad, bars=days(SPAN[0], [1.0]), notes=(bad,))], SPAN, bad, bad),
        narrowing_picture([Estimate("2026-05-01", 1, 2, 3)], SPAN, bad, bad),
        terms_picture(story(Term(bad, bad, (("2026-04-01", 1),))), bad),
    ]
    assert not any("<script" in one for one in drawn)
