"""The SPI against climate-indices, and weather files as they come."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from satellite.hazards.spi import BOUND, YEARS_MIN, fit_rain, running_total, spi_of
from satellite.hazards.weather import WeatherError, read_weather
from tests.support.requirements import oracle


def monthly_oracle(monthly_mm: np.ndarray, months: int) -> np.ndarray:
    """SPI by climate-indices: (year, month)."""
    compute = oracle("climate_indices.compute")
    indices = oracle("climate_indices.indices")
    years = len(monthly_mm)
    values = indices.spi(
        monthly_mm.ravel(), months, indices.Distribution.gamma, 1950, 1950, 1950 + years - 1,
        compute.Periodicity.monthly,
    )  # fmt: skip
    return np.asarray(values).reshape(years, 12)


def ours(monthly_mm: np.ndarray, months: int) -> np.ndarray:
    totals = running_total(monthly_mm.ravel(), months).reshape(monthly_mm.shape)
    found = np.full(totals.shape, np.nan)
    for month in range(12):
        known = totals[np.isfinite(totals[:, month]), month]
        fit = fit_rain(known)
        assert fit is not None
        found[:, month] = spi_of(fit, totals[:, month])
    return found


@pytest.mark.parametrize("months", [1, 3, 6])
def test_spi_equals_climate_indices(months: int):
    rng = np.random.default_rng(4)
    season = 60 + 55 * np.sin(np.arange(12) * np.pi / 6)
    rain = rng.gamma(1.4, 1.0, (40, 12)) * season
    rain[rng.random((40, 12)) < 0.1] = 0.0
    expected = monthly_oracle(rain, months)
    found = ours(rain, months)
    known = np.isfinite(expected)
    assert known.sum() > 400
    np.testing.assert_allclose(found[known], expected[known], atol=1e-6)


def test_spi_of_a_real_station_equals_climate_indices(data_folder: Path):
    table = pq.read_table(data_folder / "weather_daily" / "aquacrop_sites_daily.parquet")
    monthly: dict[tuple[int, int], float] = {}
    for row in table.to_pylist():
        if row["site"] == "champion":
            when = row["year"], row["month"]
            monthly[when] = monthly.get(when, 0.0) + row["precip_mm"]
    years = sorted({year for year, _ in monthly})
    grid = np.array([[monthly.get((y, m), np.nan) for m in range(1, 13)] for y in years])
    grid = grid[np.isfinite(grid).all(axis=1)]
    assert len(grid) >= 30
    expected = monthly_oracle(grid, 3)
    known = np.isfinite(expected)
    np.testing.assert_allclose(ours(grid, 3)[known], expected[known], atol=1e-6)


def test_rain_never_seen_before_is_bounded_and_no_rain_is_the_lump_of_dry_years():
    totals = np.array([0.0, 0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0])
    fit = fit_rain(totals)
    assert fit is not None
    assert fit.dry_share == 0.25
    found = spi_of(fit, np.array([0.0, 1e6]))
    assert found[0] == pytest.approx(-0.6745, abs=1e-3)  # a quarter of years is as dry
    assert found[1] == BOUND


def test_too_few_wet_years_have_no_fit():
    assert fit_rain(np.array([0.0, 0.0, 0.0, 5.0, 6.0, 7.0])) is None
    assert fit_rain(np.full(20, 5.0)) is None


def test_running_total_is_absent_over_a_gap():
    total = running_total(np.array([1.0, 2.0, np.nan, 4.0, 5.0, 6.0]), 2)
    np.testing.assert_array_equal(total, [np.nan, 3.0, np.nan, np.nan, 9.0, 11.0])


def weather_file(folder: Path, years: int, dry_last: bool = False) -> Path:
    """A place with rain every other day, by a seed; the last 30 days may be dry."""
    rng = np.random.default_rng(2)
    first, last = date(2000, 1, 1).toordinal(), date(2000 + years, 6, 30).toordinal()
    lines = ["date,rain_mm,tmin_c,tmax_c"]
    for day in range(first, last + 1):
        rain = rng.gamma(0.8, 6.0) if day % 2 else 0.0
        if dry_last and day > last - 30:
            rain = 0.0
        warm = 25 + 3 * rng.standard_normal()
        lines.append(f"{date.fromordinal(day)},{rain:.1f},{warm - 10:.1f},{warm:.1f}")
    path = folder / "weather.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_month_without_rain_is_rare_and_earlier_years_alone_are_its_measure(tmp_path: Path):
    place = read_weather(weather_file(tmp_path, 20, dry_last=True)).places[0]
    assert place.spi(place.last_day, 30) == -BOUND
    usual = place.spi(place.last_day - 60, 30)
    assert usual is not None
    assert abs(usual) < BOUND
    assert place.spi(place.first_day + 400, 30) is None  # too few earlier years


def test_few_years_give_no_index(tmp_path: Path):
    place = read_weather(weather_file(tmp_path, YEARS_MIN - 2)).places[0]
    assert place.spi(place.last_day, 30) is None
    assert place.rain_between(place.last_day - 9, place.last_day) is not None


def test_agera5_exports_are_read_as_they_come(data_folder: Path):
    path = data_folder / "sentinel2_flanders_2019" / "weather_daily.csv"
    place = read_weather(path).places[0]
    assert place.tmax_c[0] == pytest.approx(300.24 - 273.15)
    assert place.rain_mm[0] == pytest.approx(0.01)
    assert place.spi(place.last_day, 30) is None  # fifteen months are no climate


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("day,rain\n2020-01-01,3\n", "expected the columns date and rain_mm"),
        ("date,rain_mm\n", "expected at least one day"),
        ("date,rain_mm\n2020-13-01,3\n", "expected a date and numbers at"),
        ("date,rain_mm\n2020-01-01,wet\n", "expected a date and numbers at"),
        ("date,rain_mm\n2020-01-01,inf\n", "expected a date and numbers at"),
        ("date,rain_mm\n2020-01-01,-1\n", "expected rain of 0 to 2000 mm"),
        ("date,rain_mm,tmax_c\n2020-01-01,1,300\n", "expected temperatures in degrees Celsius"),
        ("date,rain_mm\n2020-01-01,1\n2020-01-01,2\n", "expected each day once"),
        ("place,date,rain_mm\na,2020-01-01,1\nb,2020-01-01,2\n", "expected lon and lat"),
    ],
)
def test_a_bad_weather_file_is_refused_and_says_what_to_do(tmp_path: Path, text: str, said: str):
    path = tmp_path / "weather.csv"
    path.write_text(text)
    with pytest.raises(WeatherError, match=said):
        read_weather(path)


def test_a_missing_weather_file_is_named(tmp_path: Path):
    with pytest.raises(WeatherError, match=r"expected a weather file at .*none\.csv"):
        read_weather(tmp_path / "none.csv")


def test_a_plot_takes_the_nearest_place_and_none_too_far_away(tmp_path: Path):
    path = tmp_path / "weather.csv"
    path.write_text(
        "place,lon,lat,date,rain_mm\nwest,37.0,-1.0,2020-01-01,1\neast,37.2,-1.0,2020-01-01,2\n"
    )
    weather = read_weather(path)
    near = weather.near((37.16, -1.0))
    assert near is not None
    assert near.name == "east"
    assert weather.near((39.0, -1.0)) is None
