"""The table of indices: names, formulas, levels; read from TOML, ours and the user's.

A scene that lacks a band is refused by name, with the indices that it can give.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from core.canonical import sha256_hex
from core.errors import HarvestlineError
from satellite.indices.formula import BANDS, Formula, IndexDefinitionError, read_formula
from satellite.scenes.bands import SCL

INDICES_FILE = Path(__file__).parent.parent / "data" / "indices.toml"
FILE_BYTES_MAX = 200_000
INDICES_MAX = 100
LEVEL_MAX = 100.0  # of an index over land; chlorophyll indices reach 15
KEYS = {"formula", "bands", "source", "levels"}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")


class IndexUnknownError(HarvestlineError):
    """An index was asked for that is not in the table."""

    code = "HL-SAT-006"


class BandMissingError(HarvestlineError):
    """A scene lacks a band that the index needs."""

    code = "HL-SAT-003"


class SeasonlessIndexError(HarvestlineError):
    """A season was asked of an index that has no levels over crops."""

    code = "HL-SAT-012"


@dataclass(frozen=True, slots=True)
class Levels:
    """Where an index stands over crops, for stages and masks of greenness.

    Parameters
    ----------
    bare
        At or below: bare soil or stubble.
    emerged
        At or above, after sowing: a crop has emerged.
    closed
        At or above: the canopy is closing.
    season_min
        Least rise and fall that make a season.
    dip
        How far below both neighbours a look must lie to be cloud.
    noise_sd
        Standard deviation of one clear look about the truth.
    """

    bare: float
    emerged: float
    closed: float
    season_min: float
    dip: float
    noise_sd: float


@dataclass(frozen=True, slots=True)
class Index:
    """One index: the bands it needs, its formula, and its levels over crops if it has any."""

    name: str
    bands: tuple[str, ...]
    formula: Formula
    season_levels: Levels | None
    source: str

    @property
    def levels(self) -> Levels:
        """The levels over crops.

        Raises
        ------
        SeasonlessIndexError
            If it has none, so that no season can be read from it.
        """
        if self.season_levels is None:
            raise SeasonlessIndexError(
                f"expected an index with levels over crops, got {self.name}: it can be measured, "
                "but no season is read from it; choose another or give it levels"
            )
        return self.season_levels

    @property
    def sha256(self) -> str:
        """The hash of what the name means: formula and levels."""
        return sha256_hex(f"{self.name}\0{self.formula.text}\0{self.season_levels}".encode())


def _read(path: Path, known: Mapping[str, Index]) -> dict[str, Index]:
    try:
        data = path.read_bytes()
        if len(data) > FILE_BYTES_MAX:
            raise IndexDefinitionError(f"expected at most {FILE_BYTES_MAX} bytes in {path}")
        document = tomllib.loads(data.decode())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise IndexDefinitionError(f"expected indices in TOML at {path}, got: {error}") from error
    entries = document.pop("index", None)
    if document or not isinstance(entries, dict) or not 0 < len(entries) <= INDICES_MAX:
        raise IndexDefinitionError(
            f"expected 1 to {INDICES_MAX} tables [index.NAME] and nothing else in {path}"
            + (f", got {', '.join(document)}" if document else "")
        )
    found = dict(known)
    for name, entry in entries.items():
        if name in known:
            raise IndexDefinitionError(
                f"expected a new name in {path}, got {name}: give it another"
            )
        try:
            found[name] = _index(name, entry, found)
        except IndexDefinitionError as error:
            raise IndexDefinitionError(f"in {path}, index {name}: {error}") from error
    return found


def _index(name: str, entry: object, known: Mapping[str, Index]) -> Index:
    if not _NAME.fullmatch(name):
        raise IndexDefinitionError(
            "expected a name of small letters, digits and _, at most 31 long"
        )
    if not isinstance(entry, dict) or not KEYS.issuperset(entry):
        raise IndexDefinitionError(f"expected only {', '.join(sorted(KEYS))}, got {entry!r}")
    formula, source = entry.get("formula"), entry.get("source")
    if not isinstance(formula, str) or not isinstance(source, str) or not source.strip():
        raise IndexDefinitionError("expected a formula and a source as texts")
    read = read_formula(formula)
    bands = entry.get("bands")
    if not isinstance(bands, list) or {str(band) for band in bands} != set(read.bands):
        raise IndexDefinitionError(
            f"expected the formula's bands {', '.join(read.bands)}, got {bands!r} "
            f"(bands are {', '.join(BANDS)})"
        )
    ordered = tuple(str(band) for band in bands)
    return Index(name, ordered, read, _levels(entry.get("levels"), known), source)


def _levels(given: object, known: Mapping[str, Index]) -> Levels | None:
    if given is None:
        return None
    if isinstance(given, str):
        if given not in known or known[given].season_levels is None:
            raise IndexDefinitionError(f"expected the name of an index with levels, got {given!r}")
        return known[given].season_levels
    names = [field.name for field in fields(Levels)]
    if not isinstance(given, dict) or set(given) != set(names):
        raise IndexDefinitionError(f"expected levels {', '.join(names)}, got {given!r}")
    levels = Levels(**{name: _level(name, given[name]) for name in names})
    if not levels.bare <= levels.emerged < levels.closed:
        raise IndexDefinitionError(
            "expected bare ≤ emerged < closed: the index must rise with cover"
        )
    if min(levels.season_min, levels.dip, levels.noise_sd) <= 0:
        raise IndexDefinitionError("expected season_min, dip and noise_sd above 0")
    return levels


def _level(name: str, value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or abs(value) > LEVEL_MAX:
        raise IndexDefinitionError(
            f"expected a number up to {LEVEL_MAX:g} for {name}, got {value!r}"
        )
    return float(value)


INDICES: dict[str, Index] = _read(INDICES_FILE, {})


def indices_with(path: Path | None) -> dict[str, Index]:
    """The table, and the indices of a file of the user's.

    Raises
    ------
    IndexDefinitionError
        If the file cannot be read, or an index in it cannot be used or is not new; the
        message names the index and what is wrong with it.
    """
    return dict(INDICES) if path is None else _read(path, INDICES)


def index_named(name: str, table: Mapping[str, Index] = INDICES) -> Index:
    """The index of that name, in any case.

    Raises
    ------
    IndexUnknownError
        If it is not in the table.
    """
    index = table.get(name.lower())
    if index is None:
        raise IndexUnknownError(f"expected one of {', '.join(table)}, got {name!r}")
    return index


def season_index(name: str, table: Mapping[str, Index] = INDICES) -> Index:
    """The index of that name, if seasons can be read from it.

    Raises
    ------
    IndexUnknownError
        If it is not in the table.
    SeasonlessIndexError
        If it has no levels over crops.
    """
    index = index_named(name, table)
    if index.season_levels is None:
        fit = ", ".join(each for each in table if table[each].season_levels is not None)
        raise SeasonlessIndexError(f"expected an index that shows seasons ({fit}), got {name!r}")
    return index


def indices_from(bands: Iterable[str]) -> list[str]:
    """The indices that can be had from these bands, in the table's order."""
    have = set(bands)
    return [index.name for index in INDICES.values() if have.issuperset(index.bands)]


def require_classes(bands: Iterable[str], scene_id: str) -> None:
    """Refuse a scene without a scene classification: its clouds cannot be masked.

    Raises
    ------
    BandMissingError
        Names what the scene has.
    """
    have = sorted(set(bands))
    if SCL not in have:
        raise BandMissingError(
            f"expected an scl band to mask clouds by, but {scene_id} has only {', '.join(have)}"
        )


def require_bands(index: Index, bands: Iterable[str], scene_id: str) -> None:
    """Refuse a scene that lacks a band of the index.

    Raises
    ------
    BandMissingError
        Names the missing bands, what the scene has, and the indices it can give.
    """
    have = sorted(set(bands) - {SCL})
    missing = [band for band in index.bands if band not in have]
    if not missing:
        return
    can = ", ".join(name.upper() for name in indices_from(have)) or "none"
    raise BandMissingError(
        f"expected {' and '.join(index.bands)} for {index.name.upper()}, but {scene_id} has no "
        f"{' and no '.join(missing)} band (it has {', '.join(have)}); indices that can be had "
        f"from it: {can}; choose one with --index"
    )
