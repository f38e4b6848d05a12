"""Evidence of a season of maize and of a pasture, as a satellite would write it."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import date, timedelta

from core.wire import evidence as ev
from core.wire import registry as reg

SEASON = "2026-long-rains"
SOWN = date(2026, 3, 22)
FIRST = SOWN + timedelta(days=1)


@dataclass(frozen=True)
class Looks:
    """Which plot, up to which day, how often, and whether the drought hits it."""

    number: int
    upto: date
    every_days: int
    is_dry: bool


def greenness(days: int, *, dry: bool) -> float:
    """An index of a maize plot so many days after sowing."""
    up = 1 / (1 + math.exp(-(days - 38) / 7))
    down = 1 / (1 + math.exp((days - (98 if dry else 128)) / 9))
    peak = 0.62 if dry and days > 62 else 0.7
    return 0.16 + peak * up * down * (0.72 if dry and days > 70 else 1.0)


def _stage(days: int) -> tuple[ev.Stage, int | None]:
    starts = ((20, ev.Stage.EMERGENCE), (40, ev.Stage.VEGETATIVE), (68, ev.Stage.HEADING),
              (98, ev.Stage.RIPENING))  # fmt: skip
    found: tuple[ev.Stage, int | None] = (ev.Stage.SOWING, None)
    for start, stage in starts:
        if days >= start:
            found = (stage, start)
    return found


def seen_of_plot(subject: reg.Subject, looks: Looks) -> ev.Evidence:
    """What a satellite has seen of a plot up to a day."""
    n, day, dry = looks.number, looks.upto, looks.is_dry
    days = (day - SOWN).days
    stage, since = _stage(days)
    seen = _observations(looks)
    estimate = None
    if days >= 40:
        middle = 2600 + 60 * (n % 8) - (1150 if dry and days > 70 else 0)
        spread = max(300, 1500 - 11 * days)
        estimate = ev.YieldEstimate(
            max(0, middle - round(1.3 * spread)), middle - spread, middle, middle + spread,
            middle + round(1.3 * spread), "season-fit", "ab" * 32,
        )  # fmt: skip
    used = [look for look in seen if look.used]
    return ev.Evidence(
        evidence_id=f"ev-{n:03d}-{day:%m%d}", kind=ev.EvidenceKind.CROP,
        subject_id=subject.subject_id, subject_sha256=subject.polygon_sha256, season_id=SEASON,
        crop="maize", index="ndvi", as_of=day.isoformat(), clear_looks=len(used), stage=stage,
        season=ev.Season(start_on=(SOWN + timedelta(20)).isoformat() if days >= 20 else None,
                         peak_on=(SOWN + timedelta(82)).isoformat() if days >= 98 else None,
                         peak_e4=8400 if days >= 98 else None),
        observations=seen, curve=_curve(day, dry=dry),
        scenes=tuple(ev.SceneRef(look.scene_id, hashlib.sha256(look.scene_id.encode()).hexdigest())
                     for look in seen),
        software="harvestline-satellite 0.1.0",
        last_clear_on=used[-1].day if used else None,
        stage_observed_on=(SOWN + timedelta(since)).isoformat() if since else None,
        anomaly_ppm=(-210_000 if dry and days > 70 else 15_000 - 9_000 * (n % 5)),
        yield_estimate=estimate,
    )  # fmt: skip


def _observations(looks: Looks) -> tuple[ev.Observation, ...]:
    n, dry = looks.number, looks.is_dry
    found, day, number = [], FIRST, 0
    while day <= looks.upto:
        number += 1
        cloudy = (number * 7 + n) % 5 == 0
        value = greenness((day - SOWN).days, dry=dry) - (0.2 if cloudy else 0.0)
        value += 0.012 * ((number * 5 + n) % 3 - 1)
        found.append(
            ev.Observation(day.isoformat(), round(value * 10_000), 310_000 if cloudy else 980_000,
                           f"S2A_36NXF_{day:%Y%m%d}", used=not cloudy)
        )  # fmt: skip
        day += timedelta(days=max(5, looks.every_days // 2))
    return tuple(found)


def _curve(upto: date, *, dry: bool) -> tuple[ev.CurvePoint, ...]:
    span = (upto - FIRST).days
    points = []
    for step in range(0, span + 1, 3):
        day = FIRST + timedelta(days=step)
        value = greenness((day - SOWN).days, dry=dry)
        width = 0.03 + 0.04 * (step > span - 12)
        points.append(
            ev.CurvePoint(day.isoformat(), *(round(v * 10_000) for v in
                                             (value, value - width, value + width)))
        )  # fmt: skip
    return tuple(points)


def seen_of_pasture(subject: reg.Subject, looks: Looks) -> ev.Evidence:
    """What a satellite has seen of the pasture up to a day."""
    day = looks.upto
    days = (day - SOWN).days
    middle = 980_000 - (7_000 * (days - 60) if days > 60 else 0)
    seen = _observations(looks)
    return ev.Evidence(
        evidence_id=f"ev-pasture-{day:%m%d}", kind=ev.EvidenceKind.PASTURE,
        subject_id="pasture-1", subject_sha256=subject.polygon_sha256, season_id=SEASON,
        crop="grass", index="ndvi", as_of=day.isoformat(), clear_looks=len(seen),
        stage=ev.Stage.SOWING, season=ev.Season(), observations=seen,
        curve=_curve(day, dry=False), scenes=(ev.SceneRef(seen[-1].scene_id, "cd" * 32),),
        software="harvestline-satellite 0.1.0", last_clear_on=day.isoformat(),
        anomaly_ppm=middle - 1_000_000,
        yield_estimate=ev.YieldEstimate(middle - 160_000, middle - 120_000, middle,
                                        middle + 110_000, middle + 140_000, "regional", "ab" * 32),
    )  # fmt: skip
