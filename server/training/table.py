"""The table of past loans, read once and checked cell by cell.

CSV with a header line; lines that start with ``#`` before it are notes of the form
``# key: value``, of which ``simulated`` is one. An empty cell is missing, never
zero. A cell outside its feature's range is held within it, as at the station.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.scoring.features import FeatureDefinition
from server.training.catalogue import Catalogue, TrainingTableError

ROWS_MIN = 200
ROWS_MAX = 1_000_000
BYTES_MAX = 256 * 1024 * 1024
FAULTS_SHOWN_MAX = 5
WEIGHT_MAX = 1e6  # loans that one row may stand for
_YES, _NO = {"true", "yes", "1"}, {"false", "no", "0"}


@dataclass(frozen=True, slots=True)
class Loan:
    """One past loan: what was known when it was given, and how it ended.

    ``weight`` is how many loans it stands for; ``groups`` whom the examination for
    fairness counts it with, by audit column, and is never read by a model.
    """

    season: str
    defaulted: bool
    values: Mapping[str, int]
    weight: float = 1.0
    groups: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoanTable:
    """All loans of a file. ``simulated`` is None where the file does not say."""

    loans: tuple[Loan, ...]
    sha256: str
    simulated: bool | None
    unused_columns: tuple[str, ...]

    @property
    def seasons(self) -> tuple[str, ...]:
        """The seasons in order of time, which is the order of their names."""
        return tuple(sorted({loan.season for loan in self.loans}))


def read_table(path: Path, catalogue: Catalogue) -> LoanTable:
    """Every loan of a CSV file.

    Raises
    ------
    TrainingTableError
        If a column is absent or leaks, a cell is not a whole number, an outcome is
        not 0 or 1, or there are too few or too many rows.
    """
    text = _read_text(path)
    notes, lines = _split_notes(text)
    reader = csv.DictReader(lines)
    columns = tuple(reader.fieldnames or ())
    _require_columns(path, columns, catalogue)
    faults: list[str] = []
    loans = tuple(_loans(reader, catalogue, len(notes) + 2, faults))
    if faults:
        more = f" (and {len(faults) - FAULTS_SHOWN_MAX} more)" if len(faults) > 5 else ""
        raise TrainingTableError(f"{path}: " + "; ".join(faults[:FAULTS_SHOWN_MAX]) + more)
    _require_outcomes(path, loans)
    known = {*catalogue.names, *_reserved(catalogue), *(each.name for each in catalogue.audit)}
    return LoanTable(
        loans=loans,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        simulated=_simulated(path, notes),
        unused_columns=tuple(column for column in columns if column not in known),
    )


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > BYTES_MAX:
            raise TrainingTableError(f"expected at most {BYTES_MAX} bytes in {path}")
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingTableError(f"expected a CSV file in UTF-8 at {path}: {error}") from error


def _split_notes(text: str) -> tuple[list[str], list[str]]:
    lines = text.splitlines()
    count = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return lines[:count], lines[count:]


def _reserved(catalogue: Catalogue) -> tuple[str, ...]:
    columns = catalogue.table
    return tuple(name for name in (columns.outcome, columns.season, columns.weight) if name)


def _require_columns(path: Path, columns: tuple[str, ...], catalogue: Catalogue) -> None:
    wanted = (*_reserved(catalogue), *catalogue.names)
    absent = [name for name in wanted if name not in columns]
    if absent:
        raise TrainingTableError(
            f"{path}: expected the columns {', '.join(absent)}, got {', '.join(columns) or 'none'}"
        )
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise TrainingTableError(f"{path}: expected each column once, got {twice} again")


def _loans(
    reader: csv.DictReader[str], catalogue: Catalogue, first_line: int, faults: list[str]
) -> Iterator[Loan]:
    for number, row in enumerate(reader, first_line):
        if number - first_line >= ROWS_MAX:
            faults.append(f"expected at most {ROWS_MAX} rows")
            return
        outcome = row.get(catalogue.table.outcome)
        season = row.get(catalogue.table.season) or ""
        if outcome not in ("0", "1") or not season:
            faults.append(f"line {number}: expected a season and an outcome 0 or 1")
            continue
        values: dict[str, int] = {}
        for definition in catalogue.feature:
            _read_cell(row.get(definition.name), definition, number, values, faults)
        weight = _weight(row, catalogue, number, faults)
        groups = _groups(row, catalogue, number, faults)
        yield Loan(season, outcome == "1", values, weight, groups)


def _weight(
    row: Mapping[str, str | None], catalogue: Catalogue, number: int, faults: list[str]
) -> float:
    """How many loans a row stands for; one where the table has no weights."""
    if not catalogue.table.weight:
        return 1.0
    cell = row.get(catalogue.table.weight) or ""
    try:
        weight = float(cell)
    except ValueError:
        weight = math.nan
    if not 0 < weight <= WEIGHT_MAX:
        faults.append(f"line {number}: expected a weight above 0, got {cell!r}")
        return 1.0
    return weight


def _groups(
    row: Mapping[str, str | None], catalogue: Catalogue, number: int, faults: list[str]
) -> dict[str, str]:
    """The groups that a row is audited with; without a consent the cell is empty."""
    found: dict[str, str] = {}
    for column in catalogue.audit:
        cell = (row.get(column.name) or "").strip()
        try:
            group = column.group(cell)
        except ValueError:
            faults.append(f"line {number}: expected a whole number for {column.name}, got {cell!r}")
            continue
        if group:
            found[column.name] = group
    return found


def _read_cell(
    cell: str | None,
    definition: FeatureDefinition,
    number: int,
    values: dict[str, int],
    faults: list[str],
) -> None:
    if cell is None or not cell.strip():
        return
    try:
        values[definition.name] = definition.clamp(int(cell))
    except ValueError:
        faults.append(f"line {number}: expected a whole number for {definition.name}, got {cell!r}")


def _require_outcomes(path: Path, loans: tuple[Loan, ...]) -> None:
    defaults = sum(loan.defaulted for loan in loans)
    if len(loans) < ROWS_MIN or not 0 < defaults < len(loans):
        raise TrainingTableError(
            f"{path}: expected at least {ROWS_MIN} loans of both outcomes, "
            f"got {len(loans)} with {defaults} defaults"
        )


def _simulated(path: Path, notes: list[str]) -> bool | None:
    """What the notes, or a companion ``<name>.json``, say of the outcomes' origin."""
    pairs = (line.lstrip("# ").partition(":") for line in notes)
    said = {key.strip().lower(): value.strip().lower() for key, _, value in pairs}
    companion = path.with_suffix(".json")
    if "simulated" not in said and companion.is_file():
        try:
            found = json.loads(companion.read_text(encoding="utf-8"))
        except ValueError as error:
            raise TrainingTableError(f"{companion}: expected JSON, got: {error}") from error
        said["simulated"] = str(found.get("simulated", "")).lower() if found else ""
    word = said.get("simulated", "").split(" ")[0].strip(".,;")
    if word in _YES | _NO:
        return word in _YES
    if any("simulated" in note.lower() for note in notes):
        return True
    return None
