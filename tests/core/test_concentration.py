"""Caps on the book's spread: the room of a day, shared fairly, and what it never does."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConcentrationError
from core.lending.concentration import (
    Bucket,
    Cap,
    Ceiling,
    ConcentrationRules,
    Dimension,
    Placed,
    SmallBook,
    Spread,
    cap_minor,
    ceiling,
    hhi_points,
    opening_room,
    parse_concentration,
    watched,
    weather_cell,
)
from core.lending.limit import Movement, Standing, Terms, review
from core.reasons import ReasonCode
from tests.support.products import crop_product
from tests.support.tree import REPOSITORY

RULES = ConcentrationRules(1, "2026-01-01", "test", 500_000)
MAIZE = Placed("KES", "maize", "hill", "N0050E03425")


def rules(*caps: Cap, **changes: object) -> ConcentrationRules:
    return replace(RULES, caps=caps, **changes)


def spread_of(lines: list[tuple[str, int]]) -> Spread:
    """A book in which each line has a crop and a limit, all in one village and one cell."""
    buckets = []
    for dimension in Dimension:
        names = [crop if dimension is Dimension.CROP else MAIZE.bucket(dimension)
                 for crop, _ in lines]  # fmt: skip
        for name in sorted(set(names)):
            limits = [limit for own, (_, limit) in zip(names, lines, strict=True) if own == name]
            buckets.append(Bucket("KES", dimension, name, sum(limits), sum(limits), len(limits)))
    return Spread.of(buckets)


# The book: maize 600 and beans 400. One row a cap and a maize line of 300.
CAPS = """
cap                        openings  most   ceiling  by    room of a new line
crop share 700000          500000    700    325      crop  50
crop share 700000          0         700    350      crop  0
crop share 500000          500000    500    300      crop  0
crop amount 640            500000    640    310      crop  20
crop=maize share 650000    500000    650    312      crop  25
crop=beans share 100000    500000    -      -        -     -
village share 1000000      500000    1000   300      village  0
"""


@pytest.mark.parametrize("row", CAPS.strip().splitlines()[1:])
def test_a_line_rises_by_its_share_of_the_room(row: str):
    named, kind, amount, openings, most, high, by, room = row.split()
    dimension, _, bucket = named.partition("=")
    given = {"share": {"share_ppm": int(amount)},
             "amount": {"amount_minor": int(amount), "currency": "KES"}}[kind]  # fmt: skip
    cap = Cap(Dimension(dimension), bucket or None, **given)  # type: ignore[arg-type]
    held = rules(cap, openings_ppm=int(openings))
    spread = spread_of([("maize", 300), ("maize", 300), ("beans", 400)])
    found = ceiling(held, spread, MAIZE, 300)
    opening = opening_room(held, spread, MAIZE, {})
    if most == "-":
        assert (found, opening) == (None, None)
        return
    bucket_of = MAIZE.bucket(Dimension(dimension))
    assert cap_minor(held, spread, Dimension(dimension), ("KES", bucket_of)) == int(most)
    assert found == Ceiling(int(high), Dimension(by))
    assert opening == Ceiling(int(room), Dimension(by))


def test_a_small_book_counts_as_so_much():
    spread = spread_of([("maize", 100)])
    cap = Cap(Dimension.CROP, share_ppm=500_000)
    assert ceiling(rules(cap), spread, MAIZE, 100) == Ceiling(100, Dimension.CROP)
    small = rules(cap, small_books=(SmallBook("KES", 400),))
    assert ceiling(small, spread, MAIZE, 100) == Ceiling(150, Dimension.CROP)


def test_a_bucket_above_its_cap_is_watched():
    spread = spread_of([("maize", 900), ("beans", 100)])
    (found,) = watched(rules(Cap(Dimension.CROP, share_ppm=600_000)), spread)
    assert (found.bucket.bucket, found.cap_minor) == ("maize", 600)


def test_index_of_concentration():
    assert hhi_points([5]) == 10_000
    assert hhi_points([1, 1]) == 5_000
    assert hhi_points([30, 30, 20, 20]) == 2_600  # 0.3² + 0.3² + 0.2² + 0.2²
    assert hhi_points([]) == 0


@pytest.mark.parametrize(
    ("lon_e7", "lat_e7", "name"),
    [
        (342_600_000, 5_000_000, "N0050E03425"),
        (342_499_999, 4_999_999, "N0025E03400"),
        (-1_000_000, -1_000_000, "S0025W00025"),
        (-1_180_000_000, 466_000_000, "N4650W11800"),
    ],
)
def test_a_place_lies_in_a_cell_of_a_quarter_degree(lon_e7: int, lat_e7: int, name: str):
    assert weather_cell(lon_e7, lat_e7) == name


TERMS = Terms(10**9, 10**9, 10**9, 10**9, 0)


def raised(limit_minor: int, top: Ceiling | None, **changes: int) -> tuple[Movement, int, list]:
    standing = Standing(limit_minor, changes.get("drawn", 0), 0, supported_minor=(90_000_000,),
                        ceiling=top)  # fmt: skip
    terms = replace(TERMS, collateral_minor=changes.get("carries", 90_000_000))
    found = review(crop_product(), standing, terms, 1, ("ev-1",))
    return found.movement, found.limit_minor, [reason.code for reason in found.reasons]


def test_a_rise_goes_as_far_as_there_is_room_and_says_so():
    top = Ceiling(60_005_000, Dimension.VILLAGE)
    movement, limit, reasons = raised(50_000_000, top)
    assert (movement, limit) == (Movement.RAISED, 60_000_000)  # down to the product's unit
    assert reasons[-1] is ReasonCode.LIMIT_SPREAD_VILLAGE


@pytest.mark.parametrize("top", [50_000_000, 50_900_000, 40_000_000])
def test_without_room_a_rise_waits_and_is_not_forgotten(top: int):
    """Less than the product moves a limit for is no room either."""
    standing = Standing(50_000_000, 0, 0, supported_minor=(90_000_000,),
                        ceiling=Ceiling(top, Dimension.CELL))  # fmt: skip
    found = review(crop_product(), standing, TERMS, 1, ("ev-1",))
    assert (found.movement, found.limit_minor) == (Movement.HELD, 50_000_000)
    assert found.reasons[-1].code is ReasonCode.LIMIT_SPREAD_CELL
    assert len(found.supported_minor) == 2
    again = replace(standing, supported_minor=found.supported_minor[:1], ceiling=None)
    assert review(crop_product(), again, TERMS, 1, ("ev-1",)).movement is Movement.RAISED


@given(
    limit=st.integers(1, 9_000), drawn=st.integers(0, 9_000), carries=st.integers(0, 20_000),
    top=st.integers(0, 12_000),
)  # fmt: skip
def test_a_cap_never_cuts_and_never_holds_a_cut(limit: int, drawn: int, carries: int, top: int):
    unit = 10_000
    free = raised(limit * unit, None, drawn=drawn * unit, carries=carries * unit)
    bound = raised(limit * unit, Ceiling(top * unit, Dimension.CROP), drawn=drawn * unit,
                   carries=carries * unit)  # fmt: skip
    assert bound[1] <= max(limit * unit, top * unit) or bound == free
    if free[0] is not Movement.RAISED:
        assert bound == free
    else:
        assert limit * unit <= bound[1] <= free[1]


books = st.lists(
    st.tuples(st.sampled_from(["maize", "beans", "rice"]), st.integers(0, 10**9)),
    min_size=1, max_size=30,
)  # fmt: skip
caps = st.lists(
    st.builds(
        Cap,
        st.sampled_from(list(Dimension)),
        share_ppm=st.integers(0, 1_000_000),
    ),
    max_size=4,
)


@given(book=books, held=caps, openings=st.integers(0, 1_000_000), order=st.randoms())
def test_the_raises_of_a_day_stay_in_the_room_in_any_order(
    book: list[tuple[str, int]], held: list[Cap], openings: int, order
):
    """Every line takes all that it may: no bucket goes above its cap, or above where it was."""
    bounds = rules(*held, openings_ppm=openings)
    spread = spread_of(book)
    places = [Placed("KES", crop, "hill", "N0050E03425") for crop, _ in book]
    tops = [ceiling(bounds, spread, place, limit)
            for place, (_, limit) in zip(places, book, strict=True)]  # fmt: skip
    after = [top.limit_minor if top else limit for top, (_, limit) in zip(tops, book, strict=True)]
    shuffled = list(range(len(book)))
    order.shuffle(shuffled)
    again = [ceiling(bounds, spread, places[n], book[n][1]) for n in shuffled]
    assert again == [tops[n] for n in shuffled]
    for each in spread.buckets.values():
        most = cap_minor(bounds, spread, each.dimension, ("KES", each.bucket))
        if most is None:
            continue
        stands = sum(limit for place, limit in zip(places, after, strict=True)
                     if place.bucket(each.dimension) == each.bucket)  # fmt: skip
        opened = opening_room(bounds, spread, replace(
            MAIZE, **{each.dimension.value: each.bucket}), {})  # fmt: skip
        assert stands <= max(most, each.exposure_minor)
        assert opened is None or opened.limit_minor + stands <= max(most, each.exposure_minor)


def test_the_caps_of_the_page_are_accepted():
    page = (REPOSITORY / "docs" / "concentration.md").read_text(encoding="utf-8")
    found = parse_concentration(tomllib.loads(page.split("```toml")[1].split("```")[0]))
    assert [cap.dimension for cap in found.caps] == [Dimension.CELL, Dimension.VILLAGE]


FAULTS = """
share_ppm = 100000, amount_minor = 5, currency = "KES" | give one of share_ppm and amount_minor
share_ppm = 2000000                                     | share_ppm must be 0 to 1000000
amount_minor = 5                                        | needs a currency
share_ppm = 1, bucket = ""                              | leave it out for every bucket
"""


@pytest.mark.parametrize("row", FAULTS.strip().splitlines())
def test_what_is_wrong_with_a_cap_is_named(row: str):
    fields, words = row.split("|")
    text = (
        'version = 2\neffective_from = "2026-01-01"\nsource = "x"\nopenings_ppm = 500000\n'
        f"caps = [{{dimension = 'crop', {fields}}}]"
    )
    with pytest.raises(ConcentrationError, match=words.strip()):
        parse_concentration(tomllib.loads(text))
