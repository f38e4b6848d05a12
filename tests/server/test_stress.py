"""Stress tests: scenarios are checked, shocks follow the one rule, and nothing is written."""

from __future__ import annotations

import csv
import io
import tomllib
from datetime import date, timedelta
from pathlib import Path
from statistics import NormalDist
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow as pa
import pyarrow.parquet as pq
import pypdf
import pytest
from sqlalchemy import func, select

from core.lending.limit import HerdView, Household, PlotView, Seen
from server.console.figures.stress import risk_picture
from server.console.stress_report import as_html, as_pdf, shock_words
from server.services.centre import RequestError
from server.services.stress import records
from server.services.stress.failing import Z10, raised_pd_ppm, shortfall_ppm
from server.services.stress.run import Outcome, stress
from server.services.stress.scenario import ScenarioError, Shock, parse_scenario
from server.services.stress.shocks import product_after, seen_after
from server.services.stress.table import table
from server.store.tables import metadata
from tests.support.centre_kit import Kit, product_of
from tests.support.requirements import require
from tests.support.tampering import stock

HEAD = {"name": "bad", "title": "A bad season", "source": "by hand"}


def scenario(**shocks: Any):
    return parse_scenario({**HEAD, **shocks})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "expected 1 to 100 shocks, got 0"),
        ({"drought": [{"yield_loss_ppm": 1_000_001}]}, "yield_loss_ppm must be 0 to 1,000,000"),
        ({"drought": [{}]}, "yield_loss_ppm"),
        ({"dought": [{"yield_loss_ppm": 1}]}, "dought is not known"),
        ({"rate_rise": [{"rise_ppm": -1}]}, "rise_ppm must be"),
        ({"herd_disease": [{"heads_lost_ppm": 5}], "as_of": "soon"}, "as_of must be a date"),
        ({"price_fall": [{"fall_ppm": 5}], "source": ""}, "source must say something"),
        (
            {"price_fall": [{"fall_ppm": 5}], "funds": [{"currency": "KES", "cash_minor": -1}]},
            "funds in KES",
        ),
    ],
)
def test_a_scenario_that_cannot_be_is_refused_by_name(change: dict[str, Any], words: str):
    with pytest.raises(ScenarioError, match=words):
        parse_scenario({**HEAD, **change})


def test_shocks_of_one_kind_are_losses_of_what_the_other_left():
    found = scenario(
        drought=[
            {"yield_loss_ppm": 500_000, "crops": ["maize"]},
            {"yield_loss_ppm": 200_000, "forage_loss_ppm": 100_000, "villages": ["Up"]},
        ],
        rate_rise=[{"rise_ppm": 10_000}, {"rise_ppm": 5_000}],
    )
    assert found.on("maize", "Up") == Shock(600_000, 100_000, 0, 15_000, 0)
    assert found.on("maize", "Down") == Shock(500_000, 0, 0, 15_000, 0)
    assert found.on("beans", "Down") == Shock(rate_rise_ppm=15_000)
    assert len(list(shock_words(found))) == 4


def test_what_a_shock_does_by_hand():
    plot = PlotView("p", 10_000, "heading", "heading", 3, 2_000, 3_000)
    herd = HerdView("h", 20, 3, 800_000, 900_000)
    seen = seen_after(Seen((plot,), (herd,)), Shock(300_000, 250_000, 0, 0, 100_000))
    [plot], [herd] = seen.plots, seen.herds
    assert (plot.yield_p10_kg_per_ha, plot.yield_p50_kg_per_ha) == (1_400, 2_100)
    assert (herd.heads, herd.forage_p10_ppm, herd.forage_p50_ppm) == (18, 600_000, 675_000)
    crop = product_after(product_of("crop-season"), Shock(price_fall_ppm=200_000, rate_rise_ppm=5))
    plain = product_of("crop-season")
    assert crop.price.price_minor_per_kg * 5 == plain.price.price_minor_per_kg * 4
    assert crop.credit.rate_ppm == plain.credit.rate_ppm + 5


def test_the_chance_of_falling_short_by_hand():
    """One hectare at 3,000 kg (P10 2,000): the worth is linear in the yield, so is the need."""
    product, home = product_of("crop-season"), Household(size=0)
    plot = PlotView("p", 10_000, "heading", "heading", 3, 2_000, 3_000)
    price = product.price
    net = price.price_minor_per_kg * (1_000_000 - price.price_haircut_ppm) // 1_000_000
    net = net * (1_000_000 - price.post_harvest_loss_ppm) // 1_000_000
    owed = 2_500 * net  # halfway in kilograms: 500 below the median, sd = 1,000 / 1.2816
    expected = NormalDist().cdf(-500 / (1_000 / Z10))
    found = shortfall_ppm(product, Seen((plot,)), home, owed)
    assert found == pytest.approx(1_000_000 * expected, abs=300)
    assert shortfall_ppm(product, Seen((plot,)), home, 0) == 0
    herd = Seen(herds=(HerdView("h", 10, 3, 1_000_000, 1_000_000),))
    livestock = product_of("livestock")
    raised = 10 * livestock.herd.value_minor_per_head * livestock.herd.ltv_ppm // 1_000_000
    assert shortfall_ppm(livestock, herd, home, raised) == 0
    assert shortfall_ppm(livestock, herd, home, raised * 2) == 500_000


def test_only_what_a_shock_adds_raises_the_probability_of_default():
    assert raised_pd_ppm(50_000, 100_000, 100_000) == 50_000
    assert raised_pd_ppm(50_000, 0, 500_000) == 525_000  # 1 − 0.95 × 0.5
    assert raised_pd_ppm(50_000, 500_000, 750_000) == 525_000  # half of what still could fail
    assert raised_pd_ppm(50_000, 300_000, 200_000) == 50_000


def contents(kit: Kit) -> dict[str, int]:
    with kit.centre.store.reading() as tx:
        counts = {
            t.name: tx.scalar(select(func.count()).select_from(t)) for t in metadata.sorted_tables
        }
        limits = tx.connection.exec_driver_sql("SELECT sum(limit_minor) FROM lines").scalar()
    return {**counts, "limits": int(limits)}


def test_a_drought_on_a_real_book_cuts_limits_raises_losses_and_writes_nothing(kit: Kit):
    stock(kit)
    before = contents(kit)
    funds = [{"currency": "KES", "cash_minor": 1_000_000, "horizon_days": 200}]
    mild = stress(kit.centre, scenario(rate_rise=[{"rise_ppm": 1}], funds=funds))
    bad = stress(kit.centre, scenario(drought=[{"yield_loss_ppm": 900_000}], funds=funds))
    both = stress(
        kit.centre,
        scenario(drought=[{"yield_loss_ppm": 900_000}], price_fall=[{"fall_ppm": 500_000}]),
    )
    assert contents(kit) == before
    [plain], [dry], [worst] = mild.totals, bad.totals, both.totals
    assert plain.before == dry.before == worst.before
    assert (plain.after.expected_loss_minor, plain.cut_count) == (
        plain.before.expected_loss_minor,
        0,
    )
    assert dry.after.limit_minor < dry.before.limit_minor
    assert dry.after.pd_ppm > dry.before.pd_ppm
    assert dry.after.expected_loss_minor > dry.before.expected_loss_minor
    assert dry.after.at_risk_minor > dry.before.at_risk_minor
    assert worst.after.limit_minor <= dry.after.limit_minor
    assert worst.after.at_risk_minor >= dry.after.at_risk_minor
    assert sum(cell.before.limit_minor for cell in bad.cells) == dry.before.limit_minor
    [calm], [short] = mild.liquidity, bad.liquidity
    assert short.repaid_after_minor < short.repaid_before_minor == calm.repaid_before_minor
    assert short.left_after_minor == 1_000_000 + short.repaid_after_minor - short.drawn_after_minor
    elsewhere = scenario(drought=[{"yield_loss_ppm": 900_000, "villages": ["Nowhere"]}])
    [same] = stress(kit.centre, elsewhere).totals
    assert same.after == same.before
    report_is_whole(bad)


def report_is_whole(outcome: Outcome) -> None:
    """The table, the picture and both reports tell the same."""
    rows = list(table(outcome).records())
    assert rows[-1]["crop"] == "all"
    picture = ET.fromstring(f"{risk_picture(outcome, alone=True)}")  # noqa: S314 - our own
    assert sum(each.tag.endswith("rect") for each in picture.iter()) > len(outcome.cells)
    page, told = as_html(outcome), as_pdf(outcome)
    words = f"{rows[-1]['limit_after_minor'] / 100:,.2f}"
    assert words in page
    assert "<script" not in page
    reader = pypdf.PdfReader(io.BytesIO(told))
    text = " ".join(each.extract_text() for each in reader.pages)
    assert words in text
    assert "A bad season" in text


def write_records(folder: Path) -> dict[str, Path]:
    """Two counties of four years: no drought, D0, D1, D3; the worst year is the driest."""
    palmer = {2000: 2.0, 2001: -1.5, 2002: -2.5, 2003: -4.2}
    paid = {"Adams": {2002: 50.0, 2003: 200.0}, "Asotin": {2001: 10.0, 2003: 100.0}}
    files = {
        name: folder / name for name in ("names.csv", "paid.csv", "climate.parquet", "usdm.csv")
    }
    with files["names.csv"].open("w", newline="") as file:
        csv.writer(file).writerows([
            ("fips", "State", "CountyLSAD"), ("53001", "Washington", "Adams County"),
            ("53003", "Washington", "Asotin County"),
        ])  # fmt: skip
    with files["paid.csv"].open("w", newline="") as file:
        rows = [
            ("WA", county, y, usd) for county, years in paid.items() for y, usd in years.items()
        ]
        head = ("state", "county", "year", "wheat_drought_indemnity_usd")
        csv.writer(file).writerows([head, *rows])
    months = [
        {"pdsi": index, "countyfips": fips, "month": month, "year": year}
        for year, index in palmer.items() for fips in (53001, 53003) for month in ("apr", "jan")
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(months), files["climate.parquet"])
    with files["usdm.csv"].open("w", newline="") as file:
        csv.writer(file).writerows([
            ("fips", "D0", "D1", "D2", "D3", "D4", "date", "dsci"),
            ("1", 0, 0, 0, 0, 0, "2012-05-01", 0),
            ("1", 0, 0, 300, 400, 300, "2012-05-08", 400),
            ("1", 0, 0, 0, 0, 1_000, "2012-12-25", 500),
        ])  # fmt: skip
    return files


def test_a_scenario_from_records_by_hand(tmp_path: Path):
    """Two weeks, one of them dry everywhere: half of a D2 loss of the whole worst year."""
    files = write_records(tmp_path)
    found = records.losses(files["paid.csv"], files["climate.parquet"], files["names.csv"], 500_000)
    # The upper of each two county-years: none 0, D0 10 of 100, D1 50 of 200, D2+ the worst.
    assert found == records.LossByClass((0, 100_000, 250_000, 1_000_000), (2, 2, 2, 2))
    season = records.drought_season(files["usdm.csv"], "1", date(2012, 5, 1), date(2012, 9, 1))
    assert (season.weeks, season.severe_weeks) == (2, 1)
    assert season.share_ppm == (500_000, 0, 0, 500_000)
    assert records.yield_loss_ppm(season, found, 600_000) == 300_000
    text = records.drought_scenario(season, found, (500_000, 600_000))
    assert parse_scenario(tomllib.loads(text)).on("maize", "x").yield_loss_ppm == 300_000
    assert records.year_loss_ppm(files["paid.csv"], 2001, 600_000) == (30_000, 2)
    with pytest.raises(RequestError, match="indemnities of 1999"):
        records.year_scenario(files["paid.csv"], 1999, 600_000)
    with pytest.raises(RequestError, match="weeks of county 2"):
        records.drought_season(files["usdm.csv"], "2", date(2012, 5, 1), date(2012, 9, 1))
    with pytest.raises(RequestError, match="a column dsci"):
        records.drought_season(files["paid.csv"], "1", date(2012, 5, 1), date(2012, 9, 1))


def test_the_drought_of_2012_in_kansas_from_the_real_records():
    data = require("data")
    losses = records.losses(
        data / "rma_gridmet_pnw" / "rma_wheat_drought_loss_county_year.csv",
        data / "rma_gridmet_pnw" / "gridmet_county_month_1989_2015.parquet",
        data / "usdm_drought" / "county_names.csv",
        900_000,
    )
    assert sum(losses.years) == 26 * 26  # counties × years
    weeks = data / "usdm_drought" / "usdm_12_farm_counties.csv"
    first, last = date(2012, 4, 1), date(2012, 9, 30)
    dry = records.drought_season(weeks, "20193", first, last)
    wet = records.drought_season(
        weeks, "20193", first - timedelta(days=3 * 365), last.replace(year=2009)
    )
    assert (dry.weeks, dry.severe_weeks) == (26, 14)
    assert records.yield_loss_ppm(dry, losses, 600_000) == 364_117
    assert records.yield_loss_ppm(wet, losses, 600_000) < 300_000
