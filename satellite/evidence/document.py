"""One plot's findings as an evidence document (core/wire/evidence, statements E1–E6).

The id is a UUIDv5 of the content's hash, so the same content has the same id and
may be sent any number of times.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from core.canonical import canonical_bytes, canonical_hash
from core.shape import encode
from core.signing import Signer, sign_document
from core.units import PPM
from core.wire.evidence import (
    EVIDENCE,
    CurvePoint,
    Evidence,
    Findings,
    Observation,
    SceneRef,
    Season,
    Stage,
)
from satellite import SOFTWARE
from satellite.season.detect import SeasonSeen
from satellite.series import Curve, Series
from satellite.yields.estimate import Outlook, Subject

EVIDENCE_NAMESPACE = uuid.UUID("6f1c5b0e-0d3a-5d52-9a55-6d3b0a6a2f11")
E4 = 10_000
CURVE_STEP_DAYS = 5
SCENES_MAX = 400  # a season has at most one look a day
GREEN_UP_DAYS = 40  # after sowing, something green should have been seen
GREEN_UP_LOOKS_MIN = 3
LOW_VIGOUR_PPM = -250_000
UNSEEN_DAYS = 30


def evidence_of(
    subject: Subject, outlook: Outlook, index_name: str, findings: Findings | None = None
) -> Evidence:
    """The evidence on one plot, its id made from its content."""
    plot, season = subject.plot, subject.season
    series = season_series(subject.series, season)
    clear = [look for look in series.looks if look.used]
    stage = season.stage
    draft = Evidence(
        evidence_id="",
        kind=plot.kind,
        subject_id=plot.plot_id,
        subject_sha256=plot.ring_sha256,
        season_id=season.declared.season_id,
        crop=season.declared.crop,
        index=index_name,
        as_of=subject.series.looks[-1].date.isoformat(),
        clear_looks=len(clear),
        stage=stage.stage,
        season=_season(season),
        observations=_observations(series),
        curve=_curve(subject.curve, season),
        scenes=tuple(SceneRef(k.scene_id, k.scene_sha256) for k in clear)[-SCENES_MAX:],
        software=SOFTWARE,
        last_clear_on=clear[-1].date.isoformat() if clear else None,
        stage_observed_on=_iso(stage.day),
        anomaly_ppm=outlook.anomaly_ppm,
        yield_estimate=outlook.estimate,
        alerts=_alerts(subject, outlook, series),
        findings=findings,
    )
    content = encode(draft)
    return replace(draft, evidence_id=str(uuid.uuid5(EVIDENCE_NAMESPACE, canonical_hash(content))))


def document_bytes(evidence: Evidence, signer: Signer | None) -> bytes:
    """The document's canonical bytes: signed if there is a key, the bare body if not."""
    body = encode(evidence)
    return canonical_bytes(body) if signer is None else sign_document(EVIDENCE, body, signer)


def season_series(series: Series, season: SeasonSeen) -> Series:
    """The series within the declared season."""
    return series.between(season.declared.first_day, season.declared.last_day)


def _season(season: SeasonSeen) -> Season:
    return Season(
        start_on=_iso(season.start_day),
        peak_on=_iso(season.peak_day),
        end_on=_iso(season.end_day),
        peak_e4=None if season.peak is None else round(season.peak * E4),
        start_days_90=season.start_days_90,
        peak_days_90=season.peak_days_90,
        end_days_90=season.end_days_90,
    )


def _observations(series: Series) -> tuple[Observation, ...]:
    return tuple(
        Observation(
            look.date.isoformat(),
            round(look.mean * E4),
            round(look.valid_fraction * PPM),
            look.scene_id,
            look.used,
        )
        for look in series.looks
        if look.mean is not None
    )


def _curve(curve: Curve | None, season: SeasonSeen) -> tuple[CurvePoint, ...]:
    if curve is None:
        return ()
    first = max(curve.first_day, season.declared.first_day)
    last = min(curve.last_day, season.declared.last_day)
    days = list(range(first, last + 1, CURVE_STEP_DAYS))
    if days and days[-1] != last:
        days.append(last)
    return tuple(
        CurvePoint(
            date.fromordinal(day).isoformat(),
            round(float(curve.mean[day - curve.first_day]) * E4),
            round(float(curve.low[day - curve.first_day]) * E4),
            round(float(curve.high[day - curve.first_day]) * E4),
        )
        for day in days
    )


def _alerts(subject: Subject, outlook: Outlook, series: Series) -> tuple[str, ...]:
    declared = subject.season.declared
    as_of = subject.series.looks[-1].day
    clear = [look.day for look in series.looks if look.used]
    late = declared.sown_day is not None and as_of >= declared.sown_day + GREEN_UP_DAYS
    looks_since = sum(day >= (declared.sown_day or 0) + GREEN_UP_DAYS // 2 for day in clear)
    found: Mapping[str, bool] = {
        "low_vigour": outlook.anomaly_ppm is not None and outlook.anomaly_ppm <= LOW_VIGOUR_PPM,
        "no_crop_calendar": not declared.has_calendar,
        "no_green_up": late
        and looks_since >= GREEN_UP_LOOKS_MIN
        and subject.season.stage.stage is Stage.SOWING,
        "not_seen_lately": _is_unseen(subject, clear),
        "small_plot": subject.series.is_small,
    }
    return tuple(name for name, holds in found.items() if holds)


def _is_unseen(subject: Subject, clear: Sequence[int]) -> bool:
    """Whether a season that is still on was not seen for long; what was cut is over."""
    if not clear:
        return True
    season = subject.season
    over = season.stage.stage is Stage.HARVESTED
    today = min(subject.series.looks[-1].day, season.declared.last_day)
    return not over and today - clear[-1] >= UNSEEN_DAYS


def _iso(day: int | None) -> str | None:
    return None if day is None else date.fromordinal(day).isoformat()
