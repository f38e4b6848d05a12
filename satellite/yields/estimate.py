"""What a fitted model says of plots today: quantiles, and the distance from normal.

Only multiplication and look-up happen here; scikit-learn is not needed to use a
model. Nothing is said where nothing is known: no model of the crop, no declared
sowing date, a normal too low to divide by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.units import PPM
from core.wire.evidence import EvidenceKind, YieldEstimate
from satellite.indices import Levels
from satellite.season.detect import SeasonSeen
from satellite.series import Z_90, Curve, Series
from satellite.statistics.plots import Plot
from satellite.yields.anomalies import FEATURES, features, stand_of
from satellite.yields.curves import SownSeries, aligned_curves
from satellite.yields.model import (
    LEVELS,
    Checkpoint,
    CropModel,
    Normal,
    Prior,
    YieldModel,
    base_of,
    error_scale,
)
from satellite.yields.normal import dekad_of, value_at
from satellite.yields.prior import LIGHT_INDEX, light_step, prior_quantiles

Array = NDArray[np.float64]

FORAGE_DAYS = 30  # grazing lives on what has grown lately
TODAY_DAYS = 10
# Greenness is not forage: the error of reading one from the other, as a share
# (field calibrations of NDVI to pasture biomass report relative errors of 15–30 %).
FORAGE_ERROR_SHARE = 0.15
SOIL_SHARE = 0.5  # of `bare`: greenness is counted above this level
NORMAL_MIN = 0.05  # greenness below which a ratio is noise [index units]
RELATIVE_MAX = 3.0
Z_80 = 1.2816  # two-sided 80 % of a normal


@dataclass(frozen=True, slots=True)
class Subject:
    """A plot with everything that was seen of it."""

    plot: Plot
    series: Series
    curve: Curve | None
    season: SeasonSeen


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the model adds; either part may be absent."""

    estimate: YieldEstimate | None = None
    anomaly_ppm: int | None = None


def outlooks(model: YieldModel, subjects: Sequence[Subject], levels: Levels) -> list[Outlook]:
    """The model's word on each subject, in order.

    A crop is told as on the day on which it was last seen, from what had been seen of
    it and of its neighbours by then: a cloud moves no quantile, up or down.
    """
    found: list[Outlook] = [Outlook()] * len(subjects)
    seen_on = [_last_seen(subject) for subject in subjects]
    for day in sorted(set(seen_on)):
        then = [_as_of(subject, day) for subject in subjects]
        rows = [i for i, each in enumerate(seen_on) if each == day]
        for i, outlook in zip(rows, _told(model, then, rows, levels), strict=True):
            found[i] = outlook
    return found


def _last_seen(subject: Subject) -> int:
    """The day of a crop's last used look; the newest look where there is none, or of grass."""
    used = subject.series.used
    if subject.plot.kind is EvidenceKind.PASTURE or not used:
        return subject.series.looks[-1].day
    return used[-1].day


def _as_of(subject: Subject, day: int) -> Subject:
    """The same plot before anything later was seen; its first look is always kept."""
    looks = subject.series.looks
    if looks[-1].day <= day:
        return subject
    return replace(subject, series=subject.series.between(looks[0].day, max(day, looks[0].day)))


def _told(
    model: YieldModel, every: Sequence[Subject], rows: Sequence[int], levels: Levels
) -> list[Outlook]:
    """The model's word on some subjects, by what is known of all."""
    some = [every[i] for i in rows]
    days = [_age_days(subject) for subject in some]
    curves = aligned_curves(
        [_grown(subject) for subject in some], [max(day or 0, 0) for day in days], levels
    )
    whole = [_age_days(subject) for subject in every]
    seen = _features(model, every, whole, levels)[list(rows)]
    found: list[Outlook] = []
    for i, (subject, day, curve) in enumerate(zip(some, days, curves, strict=True)):
        found.append(_one(model, subject, (day, curve, seen[i]), levels))
    return found


def _one(
    model: YieldModel,
    subject: Subject,
    known: tuple[int | None, Array | None, Array],
    levels: Levels,
) -> Outlook:
    day, curve, seen = known
    name = subject.season.declared.crop
    crop, prior = model.crops.get(name), model.priors.get(name)
    if subject.plot.kind is EvidenceKind.PASTURE:
        return _pasture(model, subject, levels)
    if day is None or day < 0:
        return Outlook()
    if crop is None:
        if prior is None:
            return Outlook()
        return _without_history(model, prior, subject, curve, levels)
    estimate = _estimate(model, crop, subject.plot.plot_id, day, seen)
    return Outlook(estimate, _crop_anomaly(crop.normal, day, curve, levels))


def _without_history(
    model: YieldModel, prior: Prior, subject: Subject, curve: Array | None, levels: Levels
) -> Outlook:
    """The district's harvests, moved by the light that the crop has absorbed."""
    sown = subject.season.declared.sown_day
    if prior.normal is None or curve is None or sown is None or model.index != LIGHT_INDEX:
        return Outlook(_rising(prior_quantiles(prior, 0.0), "district", model.sha256))
    step = light_step(prior.normal, curve, sown, subject.plot.lon_lat[1])
    estimate = _rising(prior_quantiles(prior, step), "district_light", model.sha256)
    return Outlook(estimate, _crop_anomaly(prior.normal, len(curve) - 1, curve, levels))


def _age_days(subject: Subject) -> int | None:
    sown = subject.season.declared.sown_day
    if sown is None:
        return None
    return min(subject.series.looks[-1].day, subject.season.declared.last_day) - sown


def _grown(subject: Subject) -> SownSeries:
    declared = subject.season.declared
    return SownSeries(subject.series, declared.sown_day or declared.first_day)


def _features(
    model: YieldModel, subjects: Sequence[Subject], days: Sequence[int | None], levels: Levels
) -> Array:
    """Each subject's features among the plots of its crop and season: (subject, feature)."""
    found = np.full((len(subjects), len(FEATURES)), np.nan)
    stands: dict[tuple[str, str], list[int]] = {}
    for i, (subject, day) in enumerate(zip(subjects, days, strict=True)):
        declared = subject.season.declared
        is_crop = subject.plot.kind is EvidenceKind.CROP and declared.crop in model.crops
        if is_crop and day is not None and day >= 0:
            stands.setdefault((declared.crop, declared.season_id), []).append(i)
    for (name, _), rows in stands.items():
        crop = model.crops[name]
        stand = stand_of(
            [_grown(subjects[i]) for i in rows],
            [subjects[i].plot.lon_lat for i in rows],
            crop.normal,
            crop.last_day,
            levels.dip,
        )
        ages = np.array([min(days[i] or 0, crop.last_day) for i in rows])
        found[rows] = features(stand, ages)
    return found


def _estimate(
    model: YieldModel, crop: CropModel, plot_id: str, day: int, seen: Array
) -> YieldEstimate:
    around = crop.around(day if np.isfinite(seen).all() else 0)
    parts = [(share, _quantiles(crop, point, plot_id, seen)) for point, share in around]
    values = {name: sum(share * part[name] for share, part in parts) for name in LEVELS}
    nearest, _ = max(around, key=lambda pair: pair[1])
    return _rising(values, nearest.rung, model.sha256)


def _quantiles(crop: CropModel, point: Checkpoint, plot_id: str, seen: Array) -> dict[str, float]:
    effect = crop.plot_effects.get(plot_id, 0.0) if point.with_plots else 0.0
    predicted = base_of(crop.average_kg_per_ha, np.array([effect]))
    if point.ridge is not None and np.isfinite(seen).all():
        predicted = np.maximum(predicted * (1.0 + point.ridge.steps(seen[None, :])), 0.0)
    scale = error_scale(predicted, crop.average_kg_per_ha)
    return {name: float(predicted[0] + point.offsets[name] * scale[0]) for name in LEVELS}


def _crop_anomaly(usual: Normal, day: int, curve: np.ndarray | None, levels: Levels) -> int | None:
    normal = value_at(usual, day)
    if normal is None or curve is None or normal[0] < SOIL_SHARE * levels.bare:
        return None
    today = float(np.mean(curve[-TODAY_DAYS:]))
    return round((today / normal[0] - 1.0) * PPM)


def _pasture(model: YieldModel, subject: Subject, levels: Levels) -> Outlook:
    normal = model.pastures.get(subject.plot.plot_id) or model.pastures.get("*")
    curve = subject.curve
    if normal is None or curve is None:
        return Outlook()
    days = curve.days[-FORAGE_DAYS:]
    dekads = [dekad_of(int(day)) for day in days]
    soil = SOIL_SHARE * levels.bare
    usual = float(np.mean([normal.mean[d] for d in dekads])) - soil
    if usual < NORMAL_MIN:
        return Outlook()
    green = float(np.mean(curve.mean[-FORAGE_DAYS:])) - soil
    relative = float(np.clip(green / usual, 0.0, RELATIVE_MAX))
    sd = _pasture_sd(normal, curve, dekads, usual, relative)
    values = {
        "p05": relative - Z_90 * sd,
        "p10": relative - Z_80 * sd,
        "p50": relative,
        "p90": relative + Z_80 * sd,
        "p95": relative + Z_90 * sd,
    }
    scaled = {name: value * PPM for name, value in values.items()}
    anomaly = round((relative - 1.0) * PPM)
    return Outlook(_rising(scaled, "pasture_climatology", model.sha256), anomaly)


def _pasture_sd(
    normal: Normal, curve: Curve, dekads: Sequence[int], usual: float, relative: float
) -> float:
    spread = float(np.mean([normal.sd[d] for d in dekads])) / max(normal.seasons, 1) ** 0.5
    band = float(np.mean((curve.high - curve.low)[-FORAGE_DAYS:])) / (2 * Z_90)
    return float(
        np.sqrt(
            (band / usual) ** 2
            + (relative * spread / usual) ** 2
            + (relative * FORAGE_ERROR_SHARE) ** 2
        )
    )


def _rising(values: dict[str, float], method: str, model_sha256: str) -> YieldEstimate:
    ordered = np.maximum.accumulate([max(values[name], 0.0) for name in LEVELS])
    p05, p10, p50, p90, p95 = (round(float(value)) for value in ordered)
    return YieldEstimate(p05, p10, p50, p90, p95, method, model_sha256)
