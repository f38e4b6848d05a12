"""What is known of the land: each plot's soil, and the weather station that it stands under.

``plots_file`` names them::

    [[plot]]
    id = "plot-3"
    soil = "sandy loam"          # FAO-56, Table 19; or field_capacity_ppm and
    weather = "village-east"     # wilting_point_ppm, as measured

Numbers that were measured count before all else. A texture counts until the plot's
probe has told its own soil after soaking rains (:mod:`edge_node.features.probe`):
that has the probe's bias in it, a table has not. Where nothing is named the weather is
the mean of all stations.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_node.config import SettingError, Settings
from edge_node.features.crops import SOILS, Soil
from edge_node.features.evapotranspiration import Place

FILE_BYTES_MAX = 1024 * 1024
PLOTS_MAX = 10_000
_KEYS = {"id", "soil", "field_capacity_ppm", "wilting_point_ppm", "weather"}
_MOISTURE_PPM_MAX = 700_000


@dataclass(frozen=True, slots=True)
class PlotLand:
    """A plot's soil, if somebody has said, and its weather station, if one is named.

    ``is_measured`` if its limits are numbers and not a texture's.
    """

    soil: Soil | None = None
    weather: str = ""
    is_measured: bool = False


@dataclass(frozen=True, slots=True)
class Land:
    """The site: where it is, its usual soil, and what is known of single plots."""

    place: Place
    soil: Soil
    plots: Mapping[str, PlotLand]

    def plot(self, plot_id: str) -> PlotLand:
        """What is known of a plot."""
        return self.plots.get(plot_id, PlotLand())


def read_land(settings: Settings) -> Land:
    """The land as the settings have it.

    Raises
    ------
    SettingError
        If the soil is not known, or the file of plots cannot be used.
    """
    place = Place(settings.latitude_mdeg, settings.altitude_m)
    usual = _texture(settings.soil)
    if settings.plots_file == Path():
        return Land(place, usual, {})
    return Land(place, usual, _plots(_toml(settings.plots_file)))


def _toml(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise SettingError(f"expected at most {FILE_BYTES_MAX} bytes in {path}")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"expected a TOML file of plots at {path}: {error}") from error


def _plots(found: Mapping[str, Any]) -> dict[str, PlotLand]:
    tables = found.get("plot", [])
    if set(found) - {"plot"} or not isinstance(tables, list) or len(tables) > PLOTS_MAX:
        raise SettingError(f"expected at most {PLOTS_MAX} [[plot]] tables and nothing else")
    plots: dict[str, PlotLand] = {}
    for table in tables:
        name = table.get("id") if isinstance(table, dict) else None
        if not isinstance(name, str) or set(table) - _KEYS or name in plots:
            raise SettingError(f"expected one [[plot]] with {sorted(_KEYS)} for each, got {table}")
        plots[name] = PlotLand(_soil(table), _text(table, "weather"), "soil" not in table)
    return plots


def _soil(table: Mapping[str, Any]) -> Soil | None:
    if "soil" in table:
        return _texture(_text(table, "soil"))
    limits = (table.get("field_capacity_ppm"), table.get("wilting_point_ppm"))
    if limits == (None, None):
        return None
    full, dry = limits
    if type(full) is not int or type(dry) is not int or not 0 < dry < full <= _MOISTURE_PPM_MAX:
        raise SettingError(
            f"expected 0 < wilting_point_ppm < field_capacity_ppm <= {_MOISTURE_PPM_MAX}, "
            f"got {dry} and {full}"
        )
    return Soil(full, dry)


def _texture(name: str) -> Soil:
    if name not in SOILS:
        raise SettingError(f"expected a soil among {sorted(SOILS)}, got {name!r}")
    return SOILS[name]


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise SettingError(f"expected text for {key}, got {value!r}")
    return value
