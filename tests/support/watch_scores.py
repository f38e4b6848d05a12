"""How well the watch does on seeded villages, against what was truly so or planted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from core.wire.telemetry import DeviceKind
from core.wire.weather import Forecast
from edge_node.features.derive import known_soil
from edge_node.features.land import read_land
from edge_node.store.forecasts import keep_forecast
from edge_node.watch.notices import Notice, NoticeKind
from edge_node.watch.rounds import open_notices
from firmware_sim.district.places import DevicePlace, Plot
from firmware_sim.district.season import DroughtSpec
from firmware_sim.sensors.draws import Draws
from tests.support.probed_village import ProbedVillage

HARM = 0.5  # a stress coefficient below it, for HARM_DAYS on end, is harm
HARM_DAYS = 3
STRESS = 0.9  # a stress coefficient below it is stress worth the name
FALSE_AFTER_DAYS = 21  # an alert that no harm follows so soon was false
BUCKET_PPM = 330_000


def drought_of(seed: int) -> DroughtSpec | None:
    """Every other village is struck, in either of its zones."""
    if seed % 2 == 0:
        return None
    draws = Draws(seed, "drought")
    return DroughtSpec(
        zone=int(draws.between(0, 2, "zone")),
        start_day=int(draws.between(40, 85, "start")),
        days=int(draws.between(28, 46, "days")),
        rain_share=draws.between(0.02, 0.18, "share"),
    )


@dataclass(frozen=True, slots=True)
class DrySoilScore:
    """Counts over probed plots and seasons; leads from the morning of the alert [days].

    Of the alerts, ``spared`` were followed by stress and then by rain before harm,
    ``false_alerts`` by no stress worth the name. ``harms`` is each plot's first.
    """

    plots: int
    alerts: int
    spared: int
    false_alerts: int
    harms: int
    harms_told: int
    harms_unknown_soil: int
    leads: tuple[int, ...]


def score_dry_soil(village: ProbedVillage) -> DrySoilScore:
    """Hold a finished season's alerts against the true stress of each probed plot."""
    probed = {p.subject_id for p in village.district.devices if p.kind is DeviceKind.SOIL_PROBE}
    alerts: dict[str, list[tuple[int, int]]] = {}
    for notice in open_notices(village.db, "2026-01-01"):
        if notice.kind is NoticeKind.DRY_SOIL:
            # Two days make an alert: it is told on the morning after the second.
            told = _number(village, notice.began_on) + 2
            ends = _number(village, notice.ended_on) if notice.ended_on else village.days
            alerts.setdefault(notice.about, []).append((told, ends))
    counts, leads = [0] * 7, []
    for plot in village.district.plots:
        if plot.plot_id not in probed:
            continue
        told = sorted(alerts.get(plot.plot_id, []))
        harms = _harms(village, plot)
        counts[0] += 1
        counts[1] += len(told)
        thirsty = village.stress(plot) < STRESS
        for at, _ in told:
            harmed = any(at - 1 <= harm <= at + FALSE_AFTER_DAYS for harm in harms)
            harmed |= bool((village.stress(plot)[at - 2 : at] < HARM).any())
            stressed = bool(thirsty[max(at - 2, 0) : at + FALSE_AFTER_DAYS].any())
            counts[2] += stressed and not harmed
            counts[3] += not stressed and not harmed
        for harm in harms[:1]:  # the season's first: the ones after it surprise nobody
            counts[4] += 1
            before = [at for at, ends in told if at <= harm <= ends + FALSE_AFTER_DAYS]
            counts[5] += bool(before)
            leads += [harm - before[-1]] if before else []
            counts[6] += not before and not _knew(village, plot, harm)
    return DrySoilScore(*counts, tuple(leads))


def _knew(village: ProbedVillage, plot: Plot, day: int) -> bool:
    """Whether the station knew the plot's soil a week before a day."""
    land, on = read_land(village.settings), village.first_day + timedelta(days=max(day - 7, 0))
    return known_soil(village.db, land, plot.plot_id, on) is not None


def _harms(village: ProbedVillage, plot: Plot) -> list[int]:
    """First days of spells of harm while the crop stands."""
    sown = (village.sown[plot.plot_id] - village.first_day).days
    harmed = village.stress(plot) < HARM
    days = range(sown + 10, min(sown + 105, village.days - HARM_DAYS))
    return [i for i in days if harmed[i : i + HARM_DAYS].all() and not harmed[i - 1]]


def _number(village: ProbedVillage, on: str) -> int:
    return (date.fromisoformat(on) - village.first_day).days


def perfect_forecast(village: ProbedVillage, day: int, ahead: int = 10) -> None:
    """Let the station know the true rain of the next days at each of its weather stations."""
    on = (village.first_day + timedelta(days=day)).isoformat()
    for row, zone in enumerate(village.district.zones):
        rain = village.truth.weather.rain_mm[row, day + 1 : day + 1 + ahead]
        if len(rain):
            told = tuple(int(1000 * mm) for mm in rain)
            keep_forecast(village.db, Forecast(zone.subject_id, on, told, "the simulated truth"))


# What an agent tells by feeling the soil: FAO-56's class nearest to the simulated one.
TEXTURES = {
    "sandy loam": "sandy loam",
    "loam": "loam",
    "silt loam": "silt loam",
    "silty clay loam": "silt clay loam",
}


def plots_file(village_folder: Path, seed: int, *, soils: bool = True) -> Path:
    """A file that names each plot's weather station, and its soil's texture or not."""
    from firmware_sim.district.village import build_district  # noqa: PLC0415

    district = build_district(seed)
    lines = [
        f'[[plot]]\nid = "{plot.plot_id}"\nweather = "{district.zones[plot.zone].subject_id}"\n'
        + (f'soil = "{TEXTURES[plot.soil.name]}"\n' if soils else "")
        for plot in district.plots
    ]
    path = village_folder / "plots.toml"
    path.write_text("".join(lines), encoding="utf-8")
    return path


@dataclass(frozen=True, slots=True)
class Planted:
    """Which devices lie from which day of the season on, and how."""

    ways: dict[str, tuple[str, int]]

    def lie(
        self, place: DevicePlace, day: int, sample: int, values: dict[str, int]
    ) -> dict[str, int]:
        """What the device says on a sample of a day."""
        way, since = self.ways.get(place.device_id, ("", 0))
        if not way or day < since:
            return values
        draws = Draws(since, f"{place.device_id}/{way}")
        if way == "bucket":  # always wet, with a sensor's noise
            return {**values, "soil_moisture_ppm": BUCKET_PPM + _noise(draws, day, sample)}
        if way == "drawer":  # whatever it said on the day on which it was taken out
            return {**values, "soil_moisture_ppm": 180_000 + _noise(draws, day, sample)}
        if way == "idle":  # the engine runs five hours on every third day, at a standstill
            ran = 5 * 3_600 * ((day - since) // 3 + (sample >= 4 and (day - since) % 3 == 0))
            return {**values, "engine_s": values["engine_s"] + ran}
        raise AssertionError(way)


def _noise(draws: Draws, day: int, sample: int) -> int:
    return round(draws.normal("noise", day, sample) * 2_000 / 100) * 100


def plant(seed: int, probes: int = 2, machines: int = 1) -> Planted:
    """Frauds of a village: probes in buckets and drawers, a tractor that idles."""
    from firmware_sim.district.village import build_district  # noqa: PLC0415

    devices, draws = build_district(seed).devices, Draws(seed, "frauds")
    soil = [p.device_id for p in devices if p.kind is DeviceKind.SOIL_PROBE]
    engines = [p.device_id for p in devices if p.kind is DeviceKind.MACHINE]
    ways: dict[str, tuple[str, int]] = {}
    for n in range(probes):
        chosen = soil[int(draws.between(0, len(soil), "probe", n))]
        ways[chosen] = (("bucket", "drawer")[n % 2], int(draws.between(40, 80, "since", n)))
    for n in range(machines):
        chosen = engines[int(draws.between(0, len(engines), "engine", n))]
        ways[chosen] = ("idle", int(draws.between(30, 90, "from", n)))
    return Planted(ways)


@dataclass(frozen=True, slots=True)
class FlagScore:
    """Devices of a kind that were flagged, among the honest and the planted."""

    honest: int
    honest_flagged: int
    planted: int
    planted_flagged: int
    days_to_flag: tuple[int, ...]


def score_flags(village: ProbedVillage, planted: Planted, kind: NoticeKind) -> FlagScore:
    """Hold a finished season's flags of a kind against what was planted."""
    wanted = {
        NoticeKind.PROBE_DISAGREES: (DeviceKind.SOIL_PROBE, ("bucket", "drawer")),
        NoticeKind.ENGINE_STANDS: (DeviceKind.MACHINE, ("idle",)),
    }[kind]
    found = _first_flag(village, open_notices(village.db, "2026-01-01"), kind)
    counts, days = [0] * 4, []
    for place in village.district.devices:
        if place.kind is not wanted[0]:
            continue
        way, since = planted.ways.get(place.device_id, ("", 0))
        flagged = place.subject_id in found
        lies = way in wanted[1]
        counts[2 if lies else 0] += 1
        counts[3 if lies else 1] += flagged
        days += [found[place.subject_id] - since] if lies and flagged else []
    return FlagScore(*counts, tuple(days))


def _first_flag(
    village: ProbedVillage, notices: Iterable[Notice], kind: NoticeKind
) -> dict[str, int]:
    first: dict[str, int] = {}
    for notice in notices:
        if notice.kind is kind:
            number = _number(village, notice.began_on)
            first[notice.about] = min(number, first.get(notice.about, number))
    return first


def precision_at(score: FlagScore, base_rate: float) -> float:
    """Of so many flags, which share is right, if so many devices lie [0–1]."""
    caught = base_rate * score.planted_flagged / max(score.planted, 1)
    wrong = (1 - base_rate) * score.honest_flagged / max(score.honest, 1)
    return caught / (caught + wrong) if caught + wrong else float("nan")


def summed(scores: Iterable[FlagScore]) -> FlagScore:
    """All villages together."""
    rows = list(scores)
    totals = np.sum([(s.honest, s.honest_flagged, s.planted, s.planted_flagged) for s in rows], 0)
    return FlagScore(*(int(n) for n in totals), tuple(d for s in rows for d in s.days_to_flag))
