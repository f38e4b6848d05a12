"""A table of district yields with monthly NDVI, read from CSV.

The documented shape has one row a unit and harvest year: ``unit``, ``season`` (the
calendar year of the harvest), ``yield_kg_per_ha`` (empty where unknown) and ``ndvi_1`` …
``ndvi_12`` by calendar month of that year. A TOML file maps other shapes; the shapes in
``data/yield_tables.toml`` are recognised by their columns.

Only the season's own months are read. Months after the harvest are never looked at:
they carry the year, not the crop.
"""

from __future__ import annotations

import csv
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import HarvestlineError
from satellite.yields.light import LATITUDE_DEGREES_MAX, absorbed_share, sunlight

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

SHAPES_FILE = Path(__file__).parents[2] / "data" / "yield_tables.toml"
ROWS_MAX = 1_000_000
SEASONS_MAX = 300
SEASONS_TOLD_MIN = 2
KG_PER_HA = {"kg/ha": 1.0, "t/ha": 1000.0}
YIELD_MAX_KG_PER_HA = 200_000.0
MID_MONTH_DAY = (16, 45, 75, 106, 136, 167, 197, 228, 259, 289, 320, 350)
MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
UNKNOWN = ("", "NA", "NaN", "nan")


class YieldTableError(HarvestlineError):
    """A table of district yields, or its map of columns, cannot be used."""

    code = "HL-SAT-017"


@dataclass(frozen=True, slots=True)
class Shape:
    """Which column holds what, and the months of a season in order.

    A month later in the year than the last one lies in the year before the harvest.
    """

    unit: str
    season: str
    yield_column: str
    yield_unit: str
    ndvi: str
    ndvi_scale: float
    months: tuple[int, ...]
    latitude_degrees: float
    drop: tuple[int, ...] = ()

    def lag(self, month: int) -> int:
        """Years from the month to the harvest: 1 if it lies in the year before."""
        return int(month > self.months[-1])

    def column(self, month: int) -> str:
        """The column of a month's NDVI."""
        return self.ndvi.format(month=month)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are read."""
        named = (self.unit, self.season, self.yield_column)
        return (*named, *(self.column(month) for month in self.months))


@dataclass(frozen=True, slots=True)
class DistrictTable:
    """Yields and greenness by unit and season; NaN where unknown.

    ``yields`` (unit, season) [kg/ha]; ``ndvi`` (unit, season, month); ``light`` (month,)
    the sun's share of each month, whose sum is one. ``seasons`` rise.
    """

    units: tuple[str, ...]
    seasons: tuple[int, ...]
    months: tuple[int, ...]
    yields: Array
    ndvi: Array
    light: Array

    def before(self, season: int) -> DistrictTable:
        """What was known when a season began: no later yield, no later month."""
        kept = np.array(self.seasons) < season
        return self.only(kept)

    def until(self, season: int) -> DistrictTable:
        """The same with that season's months, but without its yields."""
        table = self.only(np.array(self.seasons) <= season)
        yields = table.yields.copy()
        yields[:, np.array(table.seasons) == season] = np.nan
        return replace(table, yields=yields)

    def first_months(self, count: int) -> DistrictTable:
        """The table as it is known so many months into the season."""
        light = self.light[:count]
        return replace(
            self,
            months=self.months[:count],
            ndvi=self.ndvi[:, :, :count],
            light=light / light.sum(),
        )

    @property
    def harvested(self) -> tuple[int, ...]:
        """Positions of the seasons with yields."""
        return tuple(int(i) for i in np.flatnonzero(np.isfinite(self.yields).any(axis=0)))

    @property
    def absorbed(self) -> Array:
        """The light absorbed in each month, (unit, season, month) [share of the season's]."""
        absorbed: Array = absorbed_share(self.ndvi) * self.light
        return absorbed

    def only(self, seasons: Mask) -> DistrictTable:
        """Some of the seasons: (season,) bool."""
        return replace(
            self,
            seasons=tuple(s for s, keep in zip(self.seasons, seasons, strict=True) if keep),
            yields=self.yields[:, seasons],
            ndvi=self.ndvi[:, seasons],
        )


def read_table(path: Path, columns: Path | None = None, drop: Sequence[int] = ()) -> DistrictTable:
    """The districts' yields and NDVI.

    Parameters
    ----------
    columns
        A TOML file that maps the table's columns; recognised by the columns if absent.
    drop
        Seasons whose yields are not believed, besides those that the shape names.

    Raises
    ------
    YieldTableError
        If a column, a value or a row is missing, double or not a number.
    """
    header, rows = _rows(path)
    shape = _shape_of(columns) if columns else _recognised(header, path)
    missing = [name for name in shape.columns if name not in header]
    if missing:
        raise YieldTableError(f"expected columns {', '.join(missing)} in {path}")
    return _table(rows, replace(shape, drop=(*shape.drop, *drop)), path)


def unit_yields(table: DistrictTable, unit: str | None) -> Array:
    """One unit's yields, or the mean of all units', in each season: (season,) [kg/ha].

    Raises
    ------
    YieldTableError
        If the unit is not in the table, or has fewer than two harvests above nothing.
    """
    if unit is not None and unit not in table.units:
        raise YieldTableError(
            f"expected a unit of the table, got {unit!r}; it has {', '.join(table.units[:8])} …"
        )
    rows = [i for i, name in enumerate(table.units) if unit in (None, name)]
    yields = table.yields[rows]
    known = np.isfinite(yields)
    count = known.sum(axis=0)
    mean: Array = np.where(known, yields, 0.0).sum(axis=0) / np.maximum(count, 1)
    mean[count == 0] = np.nan
    if (count > 0).sum() < 2 or not np.nanmean(mean) > 0.0:
        raise YieldTableError(f"expected two seasons with yields for {unit or 'all units'}")
    return mean


def _rows(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            rows = []
            for row in reader:
                rows.append(row)
                if len(rows) > ROWS_MAX:
                    raise YieldTableError(f"expected at most {ROWS_MAX} rows in {path}")
            return list(reader.fieldnames or ()), rows
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise YieldTableError(f"expected a table in CSV at {path}, got: {error}") from error


def _table(rows: Sequence[Mapping[str, str]], shape: Shape, path: Path) -> DistrictTable:
    cells: dict[tuple[str, int], list[float]] = {}
    for line, row in enumerate(rows, start=2):
        key = (row[shape.unit] or "", _season(row, shape, path, line))
        if not key[0] or key in cells:
            raise YieldTableError(f"expected one row a unit and season at {path}:{line}, got {key}")
        cells[key] = _cell(row, shape, path, line)
    units = sorted({unit for unit, _ in cells})
    found = {year for _, year in cells}
    years = list(range(min(found, default=0), max(found, default=-1) + 1))
    if len(years) > SEASONS_MAX:
        raise YieldTableError(f"expected at most {SEASONS_MAX} seasons in {path}")
    if not units or len(years) < SEASONS_TOLD_MIN:
        raise YieldTableError(f"expected rows of two years or more in {path}")
    empty = [math.nan] * (1 + len(shape.months))
    # One more year in front, empty: where the first season's early months would lie.
    grid = np.array([[cells.get((u, y), empty) for y in (years[0] - 1, *years)] for u in units])
    yields = grid[:, 1:, 0].copy()
    yields[:, np.isin(years, shape.drop)] = np.nan
    ndvi = np.stack(
        [
            grid[:, 1 - shape.lag(month) : len(years) + 1 - shape.lag(month), 1 + k]
            for k, month in enumerate(shape.months)
        ],
        axis=2,
    )
    table = DistrictTable(tuple(units), tuple(years), shape.months, yields, ndvi, _light(shape))
    # A season without yields serves as a normal only if all its months were seen.
    return table.only(np.isfinite(yields).any(axis=0) | np.isfinite(ndvi).all(axis=2).any(axis=0))


def _cell(row: Mapping[str, str], shape: Shape, path: Path, line: int) -> list[float]:
    kg = _number(row, shape.yield_column, path, line) * KG_PER_HA[shape.yield_unit]
    if not (math.isnan(kg) or 0.0 <= kg <= YIELD_MAX_KG_PER_HA):
        raise YieldTableError(
            f"expected a yield of 0 to {YIELD_MAX_KG_PER_HA:.0f} kg/ha at {path}:{line}, got {kg}"
        )
    ndvi = [_number(row, shape.column(m), path, line) * shape.ndvi_scale for m in shape.months]
    if any(abs(value) > 1.0 for value in ndvi):
        raise YieldTableError(
            f"expected NDVI of -1 to 1 at {path}:{line}, got {max(ndvi, key=abs)}: "
            "set ndvi_scale in the map of columns"
        )
    return [kg, *ndvi]


def _season(row: Mapping[str, str], shape: Shape, path: Path, line: int) -> int:
    value = _number(row, shape.season, path, line)
    if math.isnan(value) or value != int(value):
        raise YieldTableError(f"expected a year in {shape.season} at {path}:{line}, got {value}")
    return int(value)


def _number(row: Mapping[str, str], column: str, path: Path, line: int) -> float:
    text = (row[column] or "").strip()
    try:
        value = math.nan if text in UNKNOWN else float(text)
    except ValueError as error:
        raise YieldTableError(
            f"expected a number in {column} at {path}:{line}, got {text!r}"
        ) from error
    if math.isinf(value):
        raise YieldTableError(f"expected a finite number in {column} at {path}:{line}")
    return value


def _light(shape: Shape) -> Array:
    days = np.array([MID_MONTH_DAY[month - 1] for month in shape.months], dtype=float)
    lengths = np.array([MONTH_DAYS[month - 1] for month in shape.months])
    light = sunlight(days, shape.latitude_degrees) * lengths
    share: Array = light / light.sum()
    return share


def _recognised(header: Sequence[str], path: Path) -> Shape:
    shapes = tomllib.loads(SHAPES_FILE.read_text(encoding="utf-8"))["shape"]
    for name, raw in shapes.items():
        shape = _parsed(raw, f"{SHAPES_FILE.name}:{name}")
        if set(shape.columns) <= set(header):
            return shape
    wanted = ", ".join(_parsed(shapes["plain"], "plain").columns)
    raise YieldTableError(
        f"expected columns {wanted} in {path}, got {', '.join(header[:12]) or 'none'}: "
        "name yours with --columns FILE"
    )


def _shape_of(path: Path) -> Shape:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise YieldTableError(f"expected a map of columns at {path}, got: {error}") from error
    return _parsed(raw, str(path))


def _parsed(raw: Mapping[str, Any], where: str) -> Shape:
    names = {"unit", "season", "yield", "yield_unit", "ndvi", "ndvi_scale", "months",
             "latitude_degrees", "drop"}  # fmt: skip
    strange = sorted(set(raw) - names)
    if strange:
        raise YieldTableError(f"expected {', '.join(sorted(names))} in {where}, got {strange}")
    try:
        shape = Shape(
            unit=str(raw["unit"]),
            season=str(raw["season"]),
            yield_column=str(raw["yield"]),
            yield_unit=str(raw.get("yield_unit", "kg/ha")),
            ndvi=str(raw["ndvi"]),
            ndvi_scale=float(raw.get("ndvi_scale", 1.0)),
            months=tuple(int(month) for month in raw["months"]),
            latitude_degrees=float(raw["latitude_degrees"]),
            drop=tuple(int(season) for season in raw.get("drop", ())),
        )
    except KeyError as error:
        raise YieldTableError(f"expected {error} named in {where}, got nothing") from error
    except (TypeError, ValueError) as error:
        raise YieldTableError(f"expected numbers and texts in {where}, got: {error}") from error
    _check(shape, where)
    return shape


def _check(shape: Shape, where: str) -> None:
    months = shape.months
    following = [month % 12 + 1 for month in months[:-1]]
    if len(months) < 2 or list(months[1:]) != following or not set(months) <= set(range(1, 13)):
        raise YieldTableError(
            f"expected two or more months in a row, as [12, 1, 2], in {where}, got {list(months)}"
        )
    if shape.yield_unit not in KG_PER_HA:
        raise YieldTableError(f"expected yield_unit kg/ha or t/ha in {where}")
    if "{month}" not in shape.ndvi:
        raise YieldTableError(f"expected ndvi such as 'ndvi_{{month}}' in {where}")
    if abs(shape.latitude_degrees) > LATITUDE_DEGREES_MAX:
        raise YieldTableError(f"expected a latitude within ±{LATITUDE_DEGREES_MAX} in {where}")
