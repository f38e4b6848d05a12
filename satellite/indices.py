"""Vegetation indices as data: a name, the bands it needs, its formula, its levels.

A scene that lacks a band is refused by name, with the indices that it can give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import HarvestlineError
from satellite.scenes.bands import SCL

if TYPE_CHECKING:
    import xarray as xr  # half a second that only `sample` needs

Bands = Mapping[str, "xr.DataArray"]


class IndexUnknownError(HarvestlineError):
    """An index was asked for that is not in the table."""

    code = "HL-SAT-006"


class BandMissingError(HarvestlineError):
    """A scene lacks a band that the index needs."""

    code = "HL-SAT-003"


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
    """One vegetation index."""

    name: str
    bands: tuple[str, ...]
    formula: Callable[[Bands], xr.DataArray]
    levels: Levels
    source: str


def _difference(high: str, low: str) -> Callable[[Bands], xr.DataArray]:
    def normalised(b: Bands) -> xr.DataArray:
        return (b[high] - b[low]) / (b[high] + b[low])

    return normalised


def _evi(b: Bands) -> xr.DataArray:
    return 2.5 * (b["nir"] - b["red"]) / (b["nir"] + 6.0 * b["red"] - 7.5 * b["blue"] + 1.0)


def _evi2(b: Bands) -> xr.DataArray:
    return 2.5 * (b["nir"] - b["red"]) / (b["nir"] + 2.4 * b["red"] + 1.0)


def _savi(b: Bands) -> xr.DataArray:
    return 1.5 * (b["nir"] - b["red"]) / (b["nir"] + b["red"] + 0.5)


_NDVI_LEVELS = Levels(0.30, 0.32, 0.50, 0.20, 0.10, 0.035)
_EVI_LEVELS = Levels(0.18, 0.20, 0.35, 0.15, 0.09, 0.035)
_NDRE_LEVELS = Levels(0.18, 0.20, 0.30, 0.10, 0.06, 0.025)
_WATER_LEVELS = Levels(0.00, 0.02, 0.15, 0.15, 0.10, 0.035)

INDICES: dict[str, Index] = {
    index.name: index
    for index in (
        Index("ndvi", ("red", "nir"), _difference("nir", "red"), _NDVI_LEVELS, "Rouse 1974"),
        Index(
            "ndre",
            ("rededge1", "nir08"),
            _difference("nir08", "rededge1"),
            _NDRE_LEVELS,
            "Gitelson & Merzlyak 1994, doi:10.1016/1011-1344(93)06963-4",
        ),
        Index("evi", ("blue", "red", "nir"), _evi, _EVI_LEVELS, "Huete 2002"),
        Index("evi2", ("red", "nir"), _evi2, _EVI_LEVELS, "Jiang 2008"),
        Index("savi", ("red", "nir"), _savi, _EVI_LEVELS, "Huete 1988"),
        Index(
            "gndvi", ("green", "nir"), _difference("nir", "green"), _NDVI_LEVELS, "Gitelson 1996"
        ),
        Index(
            "ndwi", ("nir08", "swir16"), _difference("nir08", "swir16"), _WATER_LEVELS, "Gao 1996"
        ),
    )
}


def index_named(name: str) -> Index:
    """The index of that name, in any case.

    Raises
    ------
    IndexUnknownError
        If it is not in the table.
    """
    index = INDICES.get(name.lower())
    if index is None:
        raise IndexUnknownError(f"expected one of {', '.join(INDICES)}, got {name!r}")
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
