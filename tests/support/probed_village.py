"""A simulated village's season at a station, day by day, as its features would stand.

Sensors with their noise, bias and faults are read every three hours, judged by the
station's own quality control and aggregated by its own definitions; only the wire and
the intake are left out, so that many seasons can be looked at. Tests of both sides
together use the real intake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from core.scoring.features import DailyFeature
from core.units import MS_PER_DAY, day_start_ms
from core.wire.registry import Device, Subject, SubjectKind
from core.wire.telemetry import METRICS, DeviceKind
from edge_node.config import Settings
from edge_node.features.daily import DAILY, DeviceDay, day_value
from edge_node.features.derive import derive_until
from edge_node.features.land import read_land
from edge_node.features.quality import (
    Quality,
    Reading,
    coverage_ppm,
    first_look,
    limits_of,
    second_look,
)
from edge_node.store import daily, village
from edge_node.store.database import StationDatabase
from edge_node.store.devices import put_device
from edge_node.watch.rounds import watch
from firmware_sim.district.places import DevicePlace, District, Plot
from firmware_sim.district.season import DroughtSpec, SeasonSpec, SeasonTruth
from firmware_sim.district.simulate import declared_sowing, simulate_season
from firmware_sim.district.village import build_district
from firmware_sim.fleet.field import field_of
from firmware_sim.fleet.hours import moment_of
from firmware_sim.sensors.draws import Draws
from firmware_sim.sensors.faults import FaultRates, plan_faults
from firmware_sim.sensors.instrument import Instrument, read
from tests.support.edge_station import STATION, database, settings_for

SAMPLE_MS = 3 * 3_600_000
OFFSET_MS = 180 * 60_000
EPOCH = "e1"

# From (device, day of the season, sample of the day, honest values) to what is said.
Lie = Callable[[DevicePlace, int, int, dict[str, int]], dict[str, int]]


def honest(_place: DevicePlace, _day: int, _sample: int, values: dict[str, int]) -> dict[str, int]:
    """What an honest device says."""
    return values


@dataclass
class ProbedVillage:
    """One village and season; ``lie`` is what planted frauds make of readings."""

    seed: int
    folder: Path
    drought: DroughtSpec | None = None
    lie: Lie = honest
    kinds: tuple[DeviceKind, ...] = (
        DeviceKind.SOIL_PROBE, DeviceKind.WEATHER_STATION, DeviceKind.MACHINE,
    )  # fmt: skip
    changes: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.district: District = build_district(self.seed)
        spec = SeasonSpec(2026, drought=self.drought)
        self.truth: SeasonTruth = simulate_season(self.district, spec, self.seed)
        sown = declared_sowing(self.district, spec, self.seed)
        self.sown = {p.plot_id: on for p, on in zip(self.district.plots, sown, strict=True)}
        self.settings: Settings = settings_for(self.folder, **self.changes)
        self.db: StationDatabase = database(self.folder)
        self._register()
        self.features: dict[str, list[tuple[DailyFeature, int]]] = {}
        for place in self.district.devices:
            if place.kind in self.kinds:
                self._measure(place)

    @property
    def first_day(self) -> date:
        """The season's first civil day."""
        return self.truth.spec.first_day

    @property
    def days(self) -> int:
        """Length of the season [days]."""
        return self.truth.spec.days

    def run(self, each: Callable[[int], None] = lambda _day: None) -> None:
        """Close one day after another: features, derived features, watch."""
        land = read_land(self.settings)
        with self.db.atomic():
            for number in range(self.days):
                day = self.first_day + timedelta(days=number)
                now_ms = day_start_ms(day, OFFSET_MS) + MS_PER_DAY + self.settings.day_grace_ms
                for feature, unsigned in self.features.get(day.isoformat(), ()):
                    daily.put_feature(self.db, feature, now_ms, unsigned)
                    daily.mark_underived(self.db, [(feature.subject_id, feature.day)])
                derive_until(self.db, land, day, now_ms)
                each(number)
                watch(self.db, self.settings, now_ms)

    def stress(self, plot: Plot) -> np.ndarray:
        """A plot's true stress coefficient on each day of the season [0–1]."""
        row = self.district.plots.index(plot)
        soil, theta = plot.soil, self.truth.plots.soil_moisture[row]
        free = (theta - soil.wilting_point) / (soil.field_capacity - soil.wilting_point)
        return np.clip(free / 0.5, 0, 1)

    def close(self) -> None:
        """Close the database."""
        self.db.close()

    def _register(self) -> None:
        with self.db.atomic():
            for plot in self.district.plots:
                village.keep_subject(self.db, Subject(
                    plot.plot_id, SubjectKind.PLOT, plot.farmer_id, plot.name, "maize", "s",
                    self.sown[plot.plot_id].isoformat(), plot.area_m2,
                ))  # fmt: skip
            for zone in self.district.zones:
                village.keep_subject(
                    self.db, Subject(zone.subject_id, SubjectKind.VILLAGE, "", zone.name)
                )
            for herd in self.district.herds:
                village.keep_subject(self.db, Subject(
                    herd.herd_id, SubjectKind.HERD, herd.farmer_id, herd.name, heads=herd.heads,
                ))  # fmt: skip
            for machine in self.district.machines:
                village.keep_subject(self.db, Subject(
                    machine.machine_id, SubjectKind.MACHINE, machine.farmer_id, machine.name,
                ))  # fmt: skip
            for place in self.district.devices:
                if place.kind in self.kinds:
                    put_device(self.db, Device(
                        place.device_id, place.kind, place.subject_id, STATION, "0" * 64, "0" * 64,
                    ))  # fmt: skip

    def _said(self, place: DevicePlace) -> dict[str, list[Reading]]:
        """All readings of a device over the season, by metric."""
        spec, draws = self.truth.spec, Draws(self.seed, f"{place.device_id}/{self.seed}")
        start_ms = day_start_ms(spec.first_day, OFFSET_MS)
        end_ms = start_ms + spec.days * MS_PER_DAY
        at = field_of(self.district, self.truth, place)
        metrics = sorted(at(moment_of(spec, start_ms), moment_of(spec, start_ms)))
        faults = plan_faults(draws, metrics, start_ms, end_ms, FaultRates())
        instrument = Instrument(draws, start_ms, faults)
        before, said = moment_of(spec, start_ms), {name: [] for name in metrics}
        for seq, at_ms in enumerate(range(start_ms + SAMPLE_MS, end_ms, SAMPLE_MS), start=1):
            now = moment_of(spec, at_ms)
            instrument, values = read(instrument, at(before, now), at_ms)
            before = now
            number, sample = divmod(at_ms - start_ms, MS_PER_DAY)
            for name, value in self.lie(place, number, sample // SAMPLE_MS, values).items():
                said[name].append(Reading(at_ms, EPOCH, seq, value))
        return said

    def _measure(self, place: DevicePlace) -> None:
        """A device's daily features, through the station's own quality control."""
        said, limits = self._said(place), limits_of(self.settings)
        start_ms = day_start_ms(self.first_day, OFFSET_MS)
        for metric, readings in said.items():
            ranged = [
                r for r in readings
                if first_look(metric, r.value, clock_plausible=True) is Quality.USABLE
            ]  # fmt: skip
            codes = second_look(METRICS[metric], ranged, limits)
            usable = [r for r, code in zip(ranged, codes, strict=True) if not code]
            by_day: dict[int, list[Reading]] = {}
            for reading in usable:
                by_day.setdefault((reading.at_ms - start_ms) // MS_PER_DAY, []).append(reading)
            before = None
            for number, within in sorted(by_day.items()):
                self._put(place, metric, (number, start_ms + number * MS_PER_DAY), within, before)
                before = within[-1]

    def _put(
        self,
        place: DevicePlace,
        metric: str,
        when: tuple[int, int],
        within: list[Reading],
        before: Reading | None,
    ) -> None:
        number, start_ms = when
        seen = coverage_ppm([r.at_ms for r in within], start_ms, start_ms + MS_PER_DAY, SAMPLE_MS)
        for definition in DAILY:
            if definition.metric != metric:
                continue
            counter = before if definition.aggregate.value == "rise" else None
            part = DeviceDay(place.device_id, tuple(within), seen, counter)
            value = day_value(definition, [part])
            assert value is not None
            day = (self.first_day + timedelta(days=number)).isoformat()
            feature = DailyFeature(
                place.subject_id, value.feature, day, value.value, value.coverage_ppm,
                value.readings_count, value.readings_sha256,
            )  # fmt: skip
            self.features.setdefault(day, []).append((feature, 0))
