"""Real drought losses beside the weather before them: county-years of wheat (USDA RMA, gridMET).

A season is told by months up to June only: winter wheat of the inland Pacific
Northwest is harvested from July on, and what comes after may not be known by a
trigger. A county-year without a record had no drought indemnity; a *loss year* is
one of the worst of its county, as counties differ a hundredfold in what they insure.
"""

from __future__ import annotations

import csv
import dataclasses
import tomllib
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.errors import HarvestlineError

Array = NDArray[np.float64]

LOSS_FILE = "rma_wheat_drought_loss_county_year.csv"
WEATHER_FILE = "gridmet_county_month_1989_2015.parquet"
COUNTIES_FILE = Path(__file__).parent.parent / "data" / "pnw_counties.toml"
LAST_MONTH = 6  # June: the last that may be known before harvest
LOSS_SHARE = 0.3  # of a county's years, its worst, are loss years
FIRST_YEAR, LAST_YEAR = 1990, 2015
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
VARIABLES = ("pr", "pet", "pdsi")
INDEMNITY_USD_MAX = 1e10


class LossError(HarvestlineError):
    """Loss records, or the weather that belongs to them, cannot be used."""

    code = "HL-SAT-016"


@dataclass(frozen=True, slots=True)
class Losses:
    """County-years with what was paid and the months before harvest.

    Parameters
    ----------
    counties, years
        Names of the axes.
    indemnity_usd
        Drought indemnity (county, year) [USD].
    is_loss
        Whether it was one of the county's worst years (county, year).
    months
        By variable (county, year, month): the eighteen months up to June of the year,
        January of the year before first. ``pr`` and ``pet`` are monthly totals [mm].
    """

    counties: tuple[str, ...]
    years: tuple[int, ...]
    indemnity_usd: Array
    is_loss: NDArray[np.bool_]
    months: Mapping[str, Array]

    def known_until(self, month: int) -> Losses:
        """The same with the months up to an earlier one only (1 January to 6 June)."""
        months = {name: values[:, :, : 12 + month] for name, values in self.months.items()}
        return dataclasses.replace(self, months=months)


def read_losses(folder: Path) -> Losses:
    """The loss records and weather of a folder.

    Raises
    ------
    LossError
        If a file is missing, lacks a column or a month, or names an unknown county.
    """
    codes = tomllib.loads(COUNTIES_FILE.read_text(encoding="utf-8"))["fips"]
    years = tuple(range(FIRST_YEAR, LAST_YEAR + 1))
    counties = tuple(sorted(codes))
    paid = np.zeros((len(counties), len(years)))
    for name, year, usd in _paid(folder / LOSS_FILE):
        if name not in codes or not FIRST_YEAR <= year <= LAST_YEAR:
            raise LossError(
                f"expected a county of {COUNTIES_FILE.name} from {FIRST_YEAR} to {LAST_YEAR}, "
                f"got {name} {year} in {folder / LOSS_FILE}"
            )
        paid[counties.index(name), years.index(year)] = usd
    table = _weather(folder / WEATHER_FILE)
    months = {
        variable: np.array(
            [[_eighteen(table, codes[c], y, variable) for y in years] for c in counties]
        )
        for variable in VARIABLES
    }
    worst = np.quantile(paid, 1 - LOSS_SHARE, axis=1)[:, None]
    return Losses(counties, years, paid, (paid > worst) & (paid > 0), months)


def _paid(path: Path) -> list[tuple[str, int, float]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [
                (
                    f"{row['state']}/{row['county']}",
                    int(row["year"]),
                    float(row["wheat_drought_indemnity_usd"]),
                )
                for row in csv.DictReader(file)
            ]
    except OSError as error:
        raise LossError(f"expected loss records at {path}, got: {error.strerror}") from error
    except KeyError as error:
        raise LossError(f"expected the column {error.args[0]} in {path}") from error
    except (ValueError, TypeError) as error:
        raise LossError(f"expected years and indemnities as numbers in {path}: {error}") from error
    if not all(0 <= usd <= INDEMNITY_USD_MAX for _, _, usd in rows):
        raise LossError(f"expected indemnities of 0 to {INDEMNITY_USD_MAX:.0e} USD in {path}")
    return rows


def _weather(path: Path) -> dict[tuple[int, int, int], dict[str, float]]:
    """Monthly means by county, year and month."""
    names = ["countyfips", "year", "month", *VARIABLES]
    try:
        columns = pq.read_table(path, columns=names).to_pydict()
    except (OSError, pa.ArrowException) as error:
        raise LossError(f"expected monthly weather at {path}, got: {error}") from error
    if missing := set(names) - set(columns):
        raise LossError(f"expected the columns {', '.join(sorted(missing))} in {path}")
    found: dict[tuple[int, int, int], dict[str, float]] = {}
    for row in zip(*(columns[name] for name in names), strict=True):
        fips, year, month = row[:3]
        if month not in MONTHS:
            raise LossError(f"expected months as jan to dec in {path}, got {month!r}")
        values = dict(zip(VARIABLES, map(float, row[3:]), strict=True))
        found[int(fips), int(year), MONTHS.index(month) + 1] = values
    return found


def _eighteen(
    table: Mapping[tuple[int, int, int], Mapping[str, float]], fips: int, year: int, variable: str
) -> list[float]:
    when = [(year - 1, m) for m in range(1, 13)] + [(year, m) for m in range(1, LAST_MONTH + 1)]
    values: list[float] = []
    for y, m in when:
        if (fips, y, m) not in table:
            raise LossError(f"expected the weather of county {fips} in {y}-{m:02d}, got none")
        value = table[fips, y, m][variable]
        days = monthrange(y, m)[1] if variable in ("pr", "pet") else 1
        values.append(max(value, 0.0) * days if variable == "pr" else value * days)
    return values
