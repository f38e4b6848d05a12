"""What a fitted model says of plots today: quantiles, and the distance from normal.

Only multiplication and look-up happen here; scikit-learn is not needed to use a
model. Nothing is said where nothing is known: no model of the crop, no declared
sowing date, a normal too low to divide by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from core.units import PPM
from core.wire.evidence import EvidenceKind, YieldEstimate
from satellite.indices import Levels
from satellite.season.detect import SeasonSeen
from satellite.series import Z_90, Curve, Series
from satellite.statistics.plots import Plot
from satellite.yields.conformal import LEVELS, error_scale
from satellite.yields.curves import SownSeries, aligned_curves, features, sown_offset_days
from satellite.yields.model import CropModel, Normal, YieldModel
from satellite.yields.normal import dekad_of, value_at

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
    """The model's word on each subject, in order."""
    days = [_age_days(subject) for subject in subjects]
    grown = [
        SownSeries(s.series, s.season.declared.sown_day or s.season.declared.first_day)
        for s in subjects
    ]
    curves = aligned_curves(grown, [max(day or 0, 0) for day in days], levels)
    found: list[Outlook] = []
    for subject, day, curve in zip(subjects, days, curves, strict=True):
        crop = model.crops.get(subject.season.declared.crop)
        if subject.plot.kind is EvidenceKind.PASTURE:
            found.append(_pasture(model, subject, levels))
        elif crop is None or day is None or day < 0:
            found.append(Outlook())
        else:
            estimate = _estimate(model, crop, subject, day, curve)
            found.append(Outlook(estimate, _crop_anomaly(crop, day, curve, levels)))
    return found


def _age_days(subject: Subject) -> int | None:
    sown = subject.season.declared.sown_day
    if sown is None:
        return None
    return min(subject.series.looks[-1].day, subject.season.declared.last_day) - sown


def _estimate(
    model: YieldModel, crop: CropModel, subject: Subject, day: int, curve: np.ndarray | None
) -> YieldEstimate:
    checkpoint = crop.checkpoint(day if curve is not None else 0)
    predicted = crop.average_kg_per_ha
    if checkpoint.with_plots:
        predicted += crop.plot_effects.get(subject.plot.plot_id, 0.0)
    if checkpoint.ridge is not None and curve is not None:
        sown = subject.season.declared.sown_day or 0
        offset = sown_offset_days(date.fromordinal(sown), crop.sown_day_of_year)
        seen = features(curve[: checkpoint_end(checkpoint.day, day) + 1], offset)
        predicted += float(checkpoint.ridge.steps(seen[None, :])[0])
    predicted = max(predicted, 0.0)
    scale = float(error_scale(np.array([predicted]), crop.average_kg_per_ha)[0])
    values = {name: predicted + checkpoint.offsets[name] * scale for name in LEVELS}
    return _rising(values, checkpoint.rung, model.sha256)


def checkpoint_end(checkpoint_day: int, day: int) -> int:
    """How far features reach: to today, or the last checkpoint once that is passed [days]."""
    return day if day <= checkpoint_day + TODAY_DAYS else checkpoint_day


def _crop_anomaly(
    crop: CropModel, day: int, curve: np.ndarray | None, levels: Levels
) -> int | None:
    normal = value_at(crop.normal, day)
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
