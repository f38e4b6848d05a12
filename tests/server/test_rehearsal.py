"""A whole season of every pack, held against a calculation that shares no code with it.

The expected limits are written out as the lender would on paper, in whole currency; the
interest is added day by day in fractions.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from math import floor
from typing import Any

import pytest

from core.errors import ProductError, ShapeError
from server.services.rehearsal.fitting import fit, misfits
from server.services.rehearsal.playing import Played, play
from server.services.rehearsal.scenario import Scenario, read_scenario
from tests.support.packs import NAMES, SEASONS, pack, table


def season(name: str) -> Scenario:
    return read_scenario(table(SEASONS / f"{name}.toml"))


def hundreds(amount: float | Fraction) -> int:
    """Rounded down to whole hundreds [minor units]."""
    return floor(amount / 100) * 100 * 100


def interest(moves: dict[str, int], until: str, yearly: Fraction) -> int:
    """Simple interest on what is out, a day at a time, rounded half to even at the end."""
    day, out, earned = date.fromisoformat(min(moves)), 0, Fraction(0)
    while day < date.fromisoformat(until):
        out += moves.get(day.isoformat(), 0)
        earned += out * yearly / 365
        day += timedelta(days=1)
    return round(earned)


RATE = Fraction(14, 100)
LENT = Fraction(9, 10) * Fraction(98, 100) * Fraction(75, 100)  # of what a stored kg is worth

# What the line is after each step: movement, limit. A step without a look moves nothing.
EXPECTED: dict[str, list[tuple[str, int]]] = {
    "crop-season": [
        ("opened", hundreds(28_000 * 1.2 * Fraction(25, 100))),
        ("held", hundreds(28_000 * 1.2 * Fraction(25, 100))),
        # S = 65 %: 21,840; C = 1.2 ha × 2,050 kg × net × 60 %, less 20 %: far above.
        ("raised", hundreds(28_000 * 1.2 * Fraction(65, 100))),
        ("held", hundreds(28_000 * 1.2 * Fraction(65, 100))),
        ("raised", hundreds(28_000 * 1.2 * Fraction(90, 100))),
        ("held", hundreds(28_000 * 1.2 * Fraction(90, 100))),
        ("held", hundreds(28_000 * 1.2 * Fraction(90, 100))),
    ],
    "livestock": [
        ("opened", 10 * 400_000),  # 70 % of normal forage is above 65 %: all ten
        ("held", 10 * 400_000),  # a fall must be seen twice
        ("cut", hundreds(9 * 4_000 * Fraction(39, 65))),
        ("held", hundreds(9 * 4_000 * Fraction(39, 65))),
        ("raised", 9 * 400_000),  # hay for 3.6 more makes up the missing 3.6
        ("held", 9 * 400_000),
        ("cut", 7 * 400_000),  # two were slaughtered
        ("held", 7 * 400_000),
    ],
    "kisan-revolving": [
        ("opened", 5_300_000),  # (27,200 + 54,400) / 2 × 1.3 = 53,040
        ("", 5_300_000),
        ("raised", 5_830_000),  # a tenth more
        ("raised", 5_830_000 + 850_000),  # 85 % of the pump's 10,000
        ("", 6_680_000),
    ],
    "machinery": [
        ("opened", 140 * 250_000),
        ("held", 140 * 250_000),
        # 230 ha would carry 575,000; a review gives 15 %: 402,500.
        ("raised", hundreds(350_000 * Fraction(115, 100))),
        ("cut", 120 * 250_000),  # 1,440 l are 120 ha at 12 l, whatever the area counter says
        ("held", 120 * 250_000),
        ("frozen", 120 * 250_000),
    ],
    "input-voucher": [
        ("opened", 1_000_000),  # half of 20,000
        ("held", 1_000_000),
        ("held", 1_000_000),
        ("raised", 1_900_000),  # the goods of a hectare: 5,000 + 12,000 + 2,000
        ("held", 1_900_000),
        ("held", 1_900_000),
    ],
    "warehouse-receipt": [
        ("opened", hundreds(9_900 * 40 * LENT)),
        ("cut", hundreds(9_900 * 40 * LENT * Fraction(6, 10))),  # 74 of 70 to 80 % humidity
        ("held", hundreds(9_900 * 40 * LENT * Fraction(6, 10))),  # the receipt says nothing
        ("raised", hundreds(9_900 * 40 * LENT)),
        ("cut", hundreds(5_950 * 46 * LENT)),
        ("cut", 0),
    ],
}
# Draws and repayments of principal by which the interest runs, the day of the last
# repayment, and the yearly rate.
MONEY: dict[str, tuple[dict[str, int], str]] = {
    "crop-season": (
        {"2026-03-20": 840_000, "2026-04-25": 1_300_000, "2026-06-03": 800_000}, "2026-09-15",
    ),
    "machinery": ({"2026-03-01": 20_000_000, "2026-05-08": 10_000_000}, "2026-12-15"),
    "input-voucher": ({"2026-03-20": 850_000, "2026-04-25": 800_000}, "2026-08-20"),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_season_moves_the_limit_as_on_paper(name: str) -> None:
    played = play(pack(name), season(name))
    assert [(each.movement, each.limit_minor) for each in played] == EXPECTED[name]
    for each in played:
        assert each.available_minor <= max(0, each.limit_minor - each.principal_minor)


@pytest.mark.parametrize("name", MONEY)
def test_a_season_is_repaid_with_the_interest_of_its_days(name: str) -> None:
    moves, repaid_on = MONEY[name]
    last = next(each for each in play(pack(name), season(name)) if each.on == repaid_on)
    drawn = sum(moves.values())
    fees = sum(round(amount * Fraction(15, 1000)) for amount in moves.values())
    assert last.repaid_minor == drawn + fees + interest(moves, repaid_on, RATE)
    assert last.owed_minor == 0


def on(played: tuple[Played, ...], day: str) -> Played:
    return next(each for each in played if each.on == day)


def test_a_slaughters_money_goes_to_fee_and_interest_first() -> None:
    found = on(play(pack("livestock"), season("livestock")), "2026-07-01")
    owed = 22_500 + interest({"2026-03-20": 1_500_000}, "2026-07-01", RATE)
    assert found.repaid_minor == 600_000  # half of 12,000
    assert found.principal_minor == 1_500_000 - (600_000 - owed)


def test_stored_grain_repays_as_it_is_sold() -> None:
    played = play(pack("warehouse-receipt"), season("warehouse-receipt"))
    first, last = on(played, "2026-12-15"), on(played, "2027-02-10")
    earned = interest({"2026-09-20": 15_000_000}, "2026-12-15", RATE)
    left = 15_000_000 - (14_400_000 - 225_000 - earned)
    assert (first.repaid_minor, first.principal_minor) == (14_400_000, left)
    # The cumulative interest is rounded, and what was paid of it taken off.
    moves = {"2026-09-20": 15_000_000, "2026-12-15": left - 15_000_000}
    assert last.repaid_minor == left + interest(moves, "2027-02-10", RATE) - earned
    assert (last.owed_minor, last.available_minor) == (0, 0)


def test_a_revolving_line_is_repaid_and_drawn_again_with_the_regions_share() -> None:
    played = play(pack("kisan-revolving"), season("kisan-revolving"))
    year, next_year = on(played, "2026-12-31"), on(played, "2027-12-31")
    full, ours = Fraction(85, 1000), Fraction(15, 1000)
    moves = {"2026-06-01": 4_000_000}
    assert year.repaid_minor == 4_000_000 + interest(moves, "2026-12-31", full)
    assert year.subsidy_minor == interest(moves, "2026-12-31", ours)
    assert next_year.subsidy_minor == year.subsidy_minor  # none was announced for the second
    again = {"2027-04-10": 5_500_000, "2027-05-01": 850_000}
    assert next_year.repaid_minor == 6_350_000 + interest(again, "2027-12-31", full)


def test_a_voucher_is_never_cash_and_pays_no_stranger() -> None:
    found = on(play(pack("input-voucher"), season("input-voucher")), "2026-03-27")
    assert found.drawn_minor == 0
    assert found.refused.count("never cash") == 2
    assert "no more seed on this land" in found.refused


@pytest.mark.parametrize(
    ("name", "met", "late"),
    [
        # 1.2 ha: 8,400 at once; the second part a day late, of the third 200 at once and
        # 8,200 late; of the last 200.
        ("crop-season", Fraction(8_400 + 200 + 200, 36_000), Fraction(13_200 + 8_200, 36_000)),
        ("livestock", Fraction(15, 40), Fraction(15, 40)),
        ("kisan-revolving", Fraction(1), Fraction(0)),
        ("machinery", Fraction(3, 4), Fraction(0)),
        ("input-voucher", Fraction(9_000 + 1_000 + 2_000, 19_000), Fraction(7_000, 19_000)),
        # 150,000 and what is left of 5,950 kg at 46: 181,000.
        ("warehouse-receipt", Fraction(181, 250), Fraction(0)),
    ],
)
def test_a_pack_is_told_how_it_fits(name: str, met: Fraction, late: Fraction) -> None:
    found = fit(pack(name), season(name))
    assert found.term_fits
    assert (found.met_ppm, found.met_late_ppm) == (floor(met * 10**6), floor(late * 10**6))


def test_a_product_that_ends_before_the_harvest_does_not_fit() -> None:
    late = {**table(SEASONS / "crop-season.toml")}
    late["step"] = [{**late["step"][0], "on": "2026-04-10"}]
    found = fit(pack("crop-season"), read_scenario(late))
    assert (found.term_days, found.cycle_days, found.term_fits) == (158, 165, False)


STEP = {"on": "2026-03-20", "plots": [{"plot_id": "p", "area_m2": 1, "stage": "sowing"}]}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"name": "x", "step": []}, "expected 1 to 1000"),
        ({"name": "x", "step": [STEP, STEP]}, "each on a later day"),
        ({"name": "x", "step": [{**STEP, "on": "spring"}]}, "got ['spring']"),
        ({"name": "x", "step": [{**STEP, "drew": 1}]}, "expected names of a scenario, got drew"),
        ({"name": "x", "step": [{**STEP, "draw_minor": -1}]}, "of 0 or more"),
    ],
)
def test_what_is_no_scenario_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ShapeError) as refused:
        read_scenario(given)
    assert says in str(refused.value)


def test_a_view_with_a_mistyped_name_is_refused() -> None:
    wrong = {**STEP, "plots": [{"plot_id": "p", "area_m2": 1, "stage": "sowing", "yield": 1}]}
    with pytest.raises(ShapeError, match="expected names of a PlotView on 2026-03-20, got yield"):
        play(pack("crop-season"), read_scenario({"name": "x", "step": [wrong]}))


@pytest.mark.parametrize("name", NAMES)
def test_no_pack_is_warned_of(name: str) -> None:
    assert misfits(pack(name), season(name)) == ()
    assert misfits(pack(name), None) == ()


def test_what_ends_before_its_harvest_or_leaves_most_cash_open_is_warned_of() -> None:
    crop = pack("crop-season")
    early = replace(crop, credit=replace(crop.credit, term_days=90))
    [term] = misfits(early, None)
    assert term.startswith("a term of 90 days ends before its cycle of 165 days")
    small = replace(crop, credit=replace(crop.credit, limit_max_minor=1_000_000))
    [cash] = misfits(small, season("crop-season"))
    assert cash.startswith("the line meets 27.8 % of the cash")  # 10,000 of 36,000
    assert misfits(replace(early, cycle=None), None) == ()


def test_a_product_without_a_cash_calendar_has_no_fit() -> None:
    with pytest.raises(ProductError, match=r"expected \[cycle\] and \[\[cash\]\]"):
        fit(replace(pack("crop-season"), cash=None), season("crop-season"))
