"""Scenarios from real records: weeks of drought, and what insurers paid for wheat they cost.

The bridge between the two is the Palmer index. The US Drought Monitor's classes are ranges
of it (D0 −1 to −1.9, D1 −2 to −2.9, D2 −3 to −3.9, D3 −4 to −4.9, D4 −5 and less: the
Monitor's own table of "Drought Classification"); gridMET gives the index by county and
month, and the Risk Management Agency the drought indemnities of wheat in those counties.

An indemnity in dollars is no yield. So each county-year is measured against the county's
worst year since 1990, which is set to ``worst_loss_ppm`` of the harvest (an assumption,
stated in the file); a county-year without an indemnity lost nothing. Within a class a
quantile of these losses is taken: how bad a bad year of that drought was, not the mean.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq

from core.units import PPM, civil_date
from server.services.centre import RequestError

CLASSES = ("none", "D0", "D1", "D2 and worse")
SEASON_MONTHS = ("mar", "apr", "may", "jun", "jul")  # when winter wheat there grows
FIRST_YEAR = 1990
PERMILLE = 1_000
_STATES = {"Idaho": "ID", "Oregon": "OR", "Washington": "WA"}
_MONITOR = ("D0", "D1", "D2", "D3", "D4")


@dataclass(frozen=True, slots=True)
class LossByClass:
    """What droughts of each class cost, measured against each county's worst year [ppm].

    ``years`` is on how many county-years each rests.
    """

    loss_ppm: tuple[int, ...]
    years: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DroughtSeason:
    """A season's drought in a county: the mean share of its area in each class [ppm]."""

    fips: str
    first: str
    last: str
    weeks: int
    severe_weeks: int  # with more than half of the county in D2 or worse
    share_ppm: tuple[int, ...]


def losses(indemnities: Path, climate: Path, names: Path, quantile_ppm: int) -> LossByClass:
    """A quantile of the losses of wheat in each class of drought.

    Raises
    ------
    RequestError
        If a file is missing or has other columns.
    """
    paid = _indemnities(indemnities)
    county = {row["fips"]: (row["State"], row["CountyLSAD"]) for row in _rows(names, "CountyLSAD")}
    found: dict[int, list[int]] = defaultdict(list)
    for (fips, year), palmer in sorted(_palmer(climate).items()):
        state, called = county.get(fips, ("", ""))
        years = paid.get((_STATES.get(state, ""), called.removesuffix(" County")))
        if years is None:
            continue
        worst = max(years.values())
        found[_class_of(palmer)].append(round(PPM * years.get(year, 0.0) / worst))
    if len(found) < len(CLASSES):
        raise RequestError(f"expected county-years of every class of drought in {climate}")
    return LossByClass(
        tuple(_quantile(found[place], quantile_ppm) for place in range(len(CLASSES))),
        tuple(len(found[place]) for place in range(len(CLASSES))),
    )


def drought_season(monitor: Path, fips: str, first: date, last: date) -> DroughtSeason:
    """A county's drought between two days, week by week.

    Raises
    ------
    RequestError
        If the file has no week of the county between them.
    """
    weeks = [
        tuple(int(row[name]) for name in _MONITOR)
        for row in _rows(monitor, "dsci")
        if row["fips"] == fips and first <= _day(row["date"], monitor) <= last
    ]
    if not weeks:
        raise RequestError(f"expected weeks of county {fips} from {first} to {last} in {monitor}")
    severe = sum(sum(week[2:]) * 2 > PERMILLE for week in weeks)
    by_class = [(PERMILLE - min(sum(week), PERMILLE), week[0], week[1], sum(week[2:]))
                for week in weeks]  # fmt: skip
    mean = tuple(
        sum(week[place] for week in by_class) * PPM // (PERMILLE * len(weeks))
        for place in range(len(CLASSES))
    )
    return DroughtSeason(fips, f"{first}", f"{last}", len(weeks), severe, mean)


def yield_loss_ppm(season: DroughtSeason, found: LossByClass, worst_loss_ppm: int) -> int:
    """What a season's drought would cost of a harvest [ppm]."""
    weighted = sum(s * loss for s, loss in zip(season.share_ppm, found.loss_ppm, strict=True))
    return weighted // PPM * worst_loss_ppm // PPM


def year_loss_ppm(indemnities: Path, year: int, worst_loss_ppm: int) -> tuple[int, int]:
    """What the counties lost in one real year: the mean loss [ppm], over how many counties."""
    paid = _indemnities(indemnities)
    shares = [round(PPM * years.get(year, 0.0) / max(years.values())) for years in paid.values()]
    if not any(year in years for years in paid.values()):
        raise RequestError(f"expected indemnities of {year} in {indemnities}")
    return sum(shares) // len(shares) * worst_loss_ppm // PPM, len(shares)


def drought_scenario(season: DroughtSeason, found: LossByClass, assumed: tuple[int, int]) -> str:
    """A scenario file for a season of drought, with all that it rests on in its comments.

    Parameters
    ----------
    assumed
        The quantile that was taken, and what the worst year cost [ppm].
    """
    quantile, worst = assumed
    loss = yield_loss_ppm(season, found, worst)
    shares = zip(CLASSES, season.share_ppm, found.loss_ppm, found.years, strict=True)
    notes = [
        (f"{season.weeks} weeks, {season.severe_weeks} of them with most of the county in D2 or "
        "worse. By class: share of area and weeks, loss of the worst year's, county-years."),
        *(f"{name}: {_per_cent(s)} of the season, {_per_cent(lost)} of the worst, {years}"
          for name, s, lost, years in shares),
        (f"Quantile {_per_cent(quantile)} of the losses in each class; the worst year is assumed "
        f"to have cost {_per_cent(worst)} of a harvest. Forage is set to lose as much as grain."),
    ]  # fmt: skip
    table = {
        "name": f"drought-{season.fips}-{season.first[:4]}",
        "title": f"A drought as in county {season.fips}, {season.first} to {season.last}",
        "source": "US Drought Monitor weeks; RMA wheat drought indemnities and gridMET Palmer "
        "index, inland Pacific Northwest, 1990-2015",
    }
    return scenario_text(table, loss, notes)


def year_scenario(indemnities: Path, year: int, worst: int) -> str:
    """A scenario file for what one real year cost.

    Raises
    ------
    RequestError
        If the records do not know the year.
    """
    loss, counties = year_loss_ppm(indemnities, year, worst)
    notes = [
        (
            f"The mean over {counties} counties of their indemnities of {year} against their worst "
            f"year's, which is assumed to have cost {_per_cent(worst)} of a harvest."
        ),
    ]
    table = {
        "name": f"loss-year-{year}",
        "title": f"A harvest as poor as that of {year}",
        "source": "RMA wheat drought indemnities, inland Pacific Northwest, 1990-2015",
    }
    return scenario_text(table, loss, notes)


def scenario_text(table: Mapping[str, str], loss_ppm: int, notes: Iterable[str]) -> str:
    """A scenario file of one drought: notes as comments, then its fields."""
    lines = [f"# {note}" for note in notes]
    lines += ["", *(f"{name} = {_toml(value)}" for name, value in table.items()), ""]
    lines += ["[[drought]]", f"yield_loss_ppm = {loss_ppm}", f"forage_loss_ppm = {loss_ppm}"]
    return "\n".join(lines) + "\n"


def _per_cent(value_ppm: int) -> str:
    return f"{100 * value_ppm / PPM:.1f} %"


def _toml(value: str) -> str:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


def _class_of(palmer: float) -> int:
    return 0 if palmer > -1 else min(3, int(-palmer))


def _quantile(values: Sequence[int], quantile_ppm: int) -> int:
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, len(ranked) * quantile_ppm // PPM)]


def _indemnities(path: Path) -> dict[tuple[str, str], dict[int, float]]:
    found: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for row in _rows(path, "wheat_drought_indemnity_usd"):
        key = (row["state"], row["county"])
        found[key][int(row["year"])] = float(row["wheat_drought_indemnity_usd"])
    return found


def _palmer(path: Path) -> dict[tuple[str, int], float]:
    """The mean Palmer index of each county's growing season, by county and year."""
    try:
        table = pq.read_table(path, columns=["pdsi", "countyfips", "month", "year"])
    except (OSError, ValueError, KeyError) as error:
        raise RequestError(f"expected county months with pdsi at {path}: {error}") from error
    months: dict[tuple[str, int], list[float]] = defaultdict(list)
    for row in table.to_pylist():
        if row["month"] in SEASON_MONTHS and row["year"] >= FIRST_YEAR:
            months[f"{row['countyfips']:05d}", row["year"]].append(row["pdsi"])
    return {key: sum(values) / len(values) for key, values in months.items()}


def _rows(path: Path, needed: str) -> Iterable[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if needed not in (reader.fieldnames or ()):
                raise RequestError(f"expected a column {needed} in {path}")
            yield from reader
    except OSError as error:
        raise RequestError(f"expected a readable table at {path}: {error}") from error


def _day(text: str, path: Path) -> date:
    found = civil_date(text)
    if found is None:
        raise RequestError(f"expected days such as 2012-07-03 in {path}, got {text!r}")
    return found
