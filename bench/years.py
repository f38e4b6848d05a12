"""Default rates move: what a model's probabilities are worth year by year, beside restated ones.

``data/sba_loans``, the points table fitted on approvals until 2001. Each year's promise is
compared with what came: by the probabilities as they were trained, and moved at each new
year to the level that was expected *then*: of vintages seen for two full years, the last
one's expected share in the end, by the chain ladder over charge-offs dated before. The
points are the same all along. An alarm is raised where chance cannot explain a ratio of
1.25 (watch) or 1.5 (broken).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench.loans import SEED, sba_table
from bench.public_loans import LACKING, data_folder
from bench.report import Effort, Figure, Report
from core.scoring.points import PointsTable, pd_ppm, score
from core.units import PPM
from server.training.recalibrate import Promise, moved_steps, promise
from server.training.release import Release
from server.training.ripening import Vintage, expected_ppm
from server.training.run import train
from server.training.table import Loan, LoanTable

FIT_UNTIL, FIRST, LAST = "2001", 2002, 2010
AGES_MAX = 26  # years of the file


def measure(effort: Effort) -> Report:
    """Promise and outcome of every year, restated and not."""
    data = data_folder()
    if data is None:
        return Report("Default rates by year", ("not measured",), ((LACKING,),))
    table, catalogue, _ = sba_table(data, effort.scratch)
    terms = replace(catalogue.training, fit_until=FIT_UNTIL, test_until=str(LAST))
    report = train(
        table, replace(catalogue, training=terms), Release(1, 0, 365, SEED), simulated=False
    )
    vintages = vintages_of(effort.scratch / "sba.csv")
    rows, apart = [], {"as trained": 0.0, "restated": 0.0}
    for year in range(FIRST, LAST + 1):
        found = year_of(report.model.table, table, vintages, year)
        rows.append((str(year), f"{found['as trained'].loans_count:,}", *_cells(found)))
        for name, each in found.items():
            gap = abs(each.promised_ppm - each.observed_ppm) / PPM
            apart[name] += gap / (LAST - FIRST + 1)
    return _report(tuple(rows), apart)


def year_of(
    points: PointsTable, table: LoanTable, vintages: Sequence[Vintage], year: int
) -> dict[str, Promise]:
    """What was promised of a year's loans, as trained and restated when the year began."""
    loans = [loan for loan in table.loans if loan.season == str(year)]
    before = [loan for loan in table.loans if loan.season == str(year - 1)]
    expected = expected_ppm(vintages, year)
    restated = replace(points, pd_steps=moved_steps(points, before, expected[max(expected)]))
    return {"as trained": promised_of(points, loans), "restated": promised_of(restated, loans)}


def promised_of(points: PointsTable, loans: Sequence[Loan]) -> Promise:
    """A table's promise of some loans."""
    return promise([pd_ppm(points, score(points, loan.values)) for loan in loans], loans)


def vintages_of(path: Path) -> tuple[Vintage, ...]:
    """Loans of each approval year, and how many were charged off by each year's end."""
    mass: dict[int, float] = {}
    gone: dict[int, dict[int, float]] = {}
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            year, weight = int(row["approval_fy"]), float(row["weight"])
            mass[year] = mass.get(year, 0.0) + weight
            if row["defaulted"] == "1":
                age = _age(year, row["charged_off_on"])
                ages = gone.setdefault(year, {})
                ages[age] = ages.get(age, 0.0) + weight
    return tuple(
        Vintage(year, mass[year], _risen(gone.get(year, {})))
        for year in sorted(mass)
        if year >= 1989
    )


def _age(year: int, charged_off_on: str) -> int:
    """Full years until it was known; a charge-off without a date was known at the end alone."""
    if not charged_off_on:
        return AGES_MAX - 1
    return min(max(int(charged_off_on[:4]) - year, 0), AGES_MAX - 1)


def _risen(ages: Mapping[int, float]) -> tuple[float, ...]:
    found, total = [], 0.0
    for age in range(AGES_MAX):
        total += ages.get(age, 0.0)
        found.append(total)
    return tuple(found)


def _cells(found: Mapping[str, Promise]) -> list[str]:
    trained, restated = found["as trained"], found["restated"]
    cells = [_percent(trained.observed_ppm)]
    for each in (trained, restated):
        ratio = each.observed_ppm / each.promised_ppm
        cells += [_percent(each.promised_ppm), f"{ratio:.2f}", each.trust.value]
    return cells


def _percent(rate_ppm: int) -> str:
    return f"{rate_ppm / PPM:.1%}"


def _report(rows: tuple[tuple[str, ...], ...], apart: Mapping[str, float]) -> Report:
    return Report(
        title="Default rates by year, promised and come",
        headings=("year", "loans", "came", "as trained", "ratio", "alarm",
                  "restated", "ratio", "alarm"),
        rows=rows,
        note=(
            f"Mean distance {apart['as trained']:.1%} of loans as trained, "
            f"{apart['restated']:.1%} restated. The file holds loans that had ended by 2014, so "
            "the youngest years lean to those that failed early. What no vintage had shown yet "
            "(2005 to 2007) no restating foresees; the alarm says so, and a lender then withdraws "
            "or caps the model."
        ),
        figures=(
            Figure(
                "default rate promised against came, mean distance over 2002 to 2010",
                f"{apart['restated']:.1%} restated each year",
                f"{apart['as trained']:.1%} as trained",
            ),
        ),
        numbers={f"{name.replace(' ', '_')}_apart": value for name, value in apart.items()},
    )  # fmt: skip
