"""A simulated village as the imagery room watches it, without files in between.

The simulator's pictures are taken in memory (optics, clouds, mask and noise as in the
scenes that it writes) and averaged over the plots; series, seasons and hazards are
the satellite room's own. A season of a village takes about two seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from rasterio import Affine
from rasterio.features import rasterize
from shapely.geometry import Polygon

from firmware_sim.district.imagery import ground_on, landscape_of, scene_days, scene_rng, sky_share
from firmware_sim.district.parcels import NORTH_M, WEST_M
from firmware_sim.district.perils import Peril, draw_perils
from firmware_sim.district.places import GRID_PIXELS, LATITUDE_DEG, PIXEL_M, District
from firmware_sim.district.record import weather_csv
from firmware_sim.district.season import SeasonSpec, SeasonTruth
from firmware_sim.district.simulate import declared_sowing, live_season, simulate_season
from firmware_sim.district.village import build_district
from firmware_sim.history.past import past_specs
from firmware_sim.history.register import plots_geojson
from firmware_sim.scenes.picture import Look, take_picture
from firmware_sim.scenes.stac import OFFSET, SCALE
from satellite.hazards.past import Past, PastSeason, past_of
from satellite.hazards.weather import Weather, read_weather
from satellite.indices import index_named
from satellite.scenes.mask import clear_pixels
from satellite.season.detect import SeasonSeen, season_of
from satellite.series import Curve, Series, series_of, smooth
from satellite.statistics.plots import Plot, read_plots
from satellite.statistics.store import LookRow, SceneRow

NDVI = index_named("ndvi")
ARCHIVE_EVERY_DAYS = 10
PAST_SEASONS = 8
WEATHER_YEARS = 30
DARK_NIR = 0.2  # reflectance of soil is above it, of water far below
BandIndex = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Seen:
    """A plot with everything that was seen of it."""

    plot: Plot
    series: Series
    curve: Curve | None
    season: SeasonSeen


def ndvi(red: np.ndarray, nir: np.ndarray) -> np.ndarray:
    """The vegetation index."""
    return (nir - red) / (nir + red)


def dark_nir(red: np.ndarray, nir: np.ndarray) -> np.ndarray:
    """Above 0 over open water: what NDWI is where a scene has a green band."""
    del red
    return (DARK_NIR - nir) / (DARK_NIR + nir)


class Village:
    """One seed: its archive is seen once, its live season as often as it is told."""

    def __init__(self, seed: int, folder: Path, past_seasons: int = PAST_SEASONS) -> None:
        self.district = build_district(seed)
        self.folder = folder
        self._rows = _plot_rows(self.district)
        self.past_truths = [
            simulate_season(self.district, spec, seed) for spec in past_specs(past_seasons)
        ]
        self.archive: dict[str, Series] = {}
        self.past = self._past()

    def live(
        self, perils: Collection[Peril] = (), *, until: date | None = None, ordinary: bool = True
    ) -> Live:
        """The live season with hazards planted, as seen up to a day."""
        spec = live_season(drought=False)
        if not ordinary:
            spec = SeasonSpec(spec.year)
        planted = draw_perils(self.district, spec, perils) if perils else None
        truth = simulate_season(self.district, spec, self.district.seed, planted)
        sown = declared_sowing(self.district, spec, self.district.seed)
        plots = self._plots("live", plots_geojson(self.district, spec.season_id, sown))
        days = scene_days(spec.first_day, min(until or spec.last_day, spec.last_day))
        every = list(days)
        series, water = self._series(truth, every), self._series(truth, every, dark_nir)
        weather = self.folder / "weather.csv"
        weather.write_text(weather_csv(self.district, truth, WEATHER_YEARS), encoding="utf-8")
        return Live(truth, _seen(plots, series), read_weather(weather), plots, water)

    def _past(self) -> Past:
        seasons: list[PastSeason] = []
        for truth in self.past_truths:
            days = scene_days(truth.spec.first_day, truth.spec.last_day, ARCHIVE_EVERY_DAYS)
            series = self._series(truth, list(days))
            self.archive = _longer(self.archive, series)
            sown = declared_sowing(self.district, truth.spec, self.district.seed)
            seasons += [
                PastSeason(plot.plot_id, "maize", series[plot.plot_id], day.toordinal())
                for plot, day in zip(self.district.plots, sown, strict=True)
                if plot.plot_id in series
            ]
        seasons += [
            PastSeason(p.pasture_id, "grass", self.archive[p.pasture_id], None)
            for p in self.district.pastures
        ]
        return past_of(seasons, NDVI.name, NDVI.levels, "test")

    def _plots(self, name: str, document: dict[str, object]) -> list[Plot]:
        path = self.folder / f"{name}.geojson"
        path.write_text(json.dumps(document), encoding="utf-8")
        return read_plots(path)[0]

    def _series(
        self, truth: SeasonTruth, days: list[date], index: BandIndex | None = None
    ) -> dict[str, Series]:
        looks = [row for day in days for row in self._looks(truth, day, index or ndvi)]
        return series_of(looks, NDVI.levels)

    def _looks(self, truth: SeasonTruth, day: date, index_of: BandIndex) -> Iterator[LookRow]:
        rng, index = scene_rng(self.district.seed, day), truth.day_index(day)
        look = Look(day, sky_share(truth, index, rng), LATITUDE_DEG)
        ground = ground_on(self.district, truth, index)
        picture = take_picture(landscape_of(self.district), ground, look, rng)
        red, nir = (band * SCALE + OFFSET for band in (picture.red, picture.nir))
        clear = np.repeat(np.repeat(clear_pixels(picture.scl), 2, axis=0), 2, axis=1)
        index_on = index_of(red, nir)
        name = f"S2_{day:%Y%m%d}"
        scene = SceneRow(name, name, "0" * 64, day, f"{day}T08:00:00Z", "05.10")
        for plot_id, pixels in self._rows.items():
            seen = clear.ravel()[pixels]
            share = float(seen.mean())
            mean = float(index_on.ravel()[pixels][seen].mean()) if share > 0 else None
            yield LookRow(plot_id, scene, mean, share, float(len(pixels)), len(pixels))


@dataclass(frozen=True, slots=True)
class Live:
    """A live season: the truth, and what the imagery room holds of it."""

    truth: SeasonTruth
    seen: list[Seen]
    weather: Weather
    plots: list[Plot]
    water: dict[str, Series]

    def until(self, day: date) -> list[Seen]:
        """The same plots with looks up to a day only."""
        series = {one.plot.plot_id: one.series.between(0, day.toordinal()) for one in self.seen}
        return _seen(self.plots, {name: s for name, s in series.items() if s.looks})


def _plot_rows(district: District) -> dict[str, np.ndarray]:
    """The pixels of each plot and pasture, their centres inside."""
    rings = {p.plot_id: p.ring for p in district.plots}
    rings |= {p.pasture_id: p.ring for p in district.pastures}
    shapes = [(Polygon(ring), i) for i, ring in enumerate(rings.values(), start=1)]
    burnt = rasterize(
        shapes,
        (GRID_PIXELS, GRID_PIXELS),
        transform=Affine(PIXEL_M, 0, WEST_M, 0, -PIXEL_M, NORTH_M),
        dtype="int32",
    )
    flat = burnt.ravel()
    return {name: np.flatnonzero(flat == i) for i, name in enumerate(rings, start=1)}


def _longer(before: dict[str, Series], season: dict[str, Series]) -> dict[str, Series]:
    """The series with a later season's looks."""
    found = dict(before)
    for name, one in season.items():
        looks = (*before[name].looks, *one.looks) if name in before else one.looks
        found[name] = Series(name, looks, one.pixels, one.full_pixels)
    return found


def _seen(plots: list[Plot], series: dict[str, Series]) -> list[Seen]:
    some = [plot for plot in plots if plot.plot_id in series]
    curves = smooth([series[plot.plot_id] for plot in some], NDVI.levels.noise_sd)
    return [
        Seen(plot, series[plot.plot_id], curve,
             season_of(plot, series[plot.plot_id], curve, NDVI.levels))
        for plot, curve in zip(some, curves, strict=True)
    ]  # fmt: skip
