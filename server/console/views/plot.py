"""A plot or pasture: its curve, its stages as they were seen, what each estimate said."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from core.units import PPM
from core.wire.evidence import Evidence, EvidenceKind, Stage
from core.wire.registry import Farmer, Subject, SubjectKind
from server.console.figures.curve import STAGE_WORDS, StageSeen
from server.console.figures.narrowing import Estimate
from server.console.words import known, long_day, say
from server.store import evidence, registry
from server.store.engine import NotKnownError, Tx
from server.store.evidence import KeptEvidence
from server.store.registry import PlacedSubject

EVIDENCE_SHOWN_MAX = 100
PPM_PER_PERCENT = PPM // 100
FIELDS = (SubjectKind.PLOT, SubjectKind.PASTURE)


@dataclass(frozen=True, slots=True)
class PlotStory:
    """Everything that a plot's page shows; ``shown`` is the evidence that is drawn."""

    subject: Subject
    farmer: Farmer | None
    grazed_by: tuple[Subject, ...]
    kept: tuple[KeptEvidence, ...]
    shown: Evidence | None
    shown_sha256: str
    stages: tuple[StageSeen, ...]
    estimates: tuple[Estimate, ...]
    sentence: str
    unit: str


def read_plot(tx: Tx, subject_id: str, evidence_id: str = "") -> PlotStory:
    """A plot's story, drawn from its newest evidence or from the one that is named.

    Raises
    ------
    NotKnownError
        If there is no such plot, or the evidence is not of this plot.
    """
    subject = registry.subject(tx, subject_id)
    if subject.kind not in FIELDS:
        raise NotKnownError(f"expected a plot or a pasture, got the {subject.kind.value}")
    kept = evidence.of_subject(tx, subject_id)
    chosen = next((k for k in kept if k.evidence_id == evidence_id), None) if evidence_id else None
    if evidence_id and chosen is None:
        raise NotKnownError(f"expected evidence of {subject_id}, got {evidence_id!r}")
    chosen = chosen or next(iter(kept), None)
    season = [k for k in reversed(kept) if chosen and k.season_id == chosen.season_id]
    upto = [k for k in season if chosen and k.as_of <= chosen.as_of]
    return PlotStory(
        subject=subject,
        farmer=registry.find_farmer(tx, subject.farmer_id),
        grazed_by=registry.herds_on(tx, subject_id),
        kept=kept,
        shown=evidence.document(tx, chosen.evidence_id) if chosen else None,
        shown_sha256=chosen.sha256 if chosen else "",
        stages=stages_seen(subject, upto),
        estimates=_estimates(upto),
        sentence=sentence(subject, chosen),
        unit=say("% of normal forage") if subject.kind is SubjectKind.PASTURE else say("kg/ha"),
    )


def stages_seen(subject: Subject, kept: Sequence[KeptEvidence]) -> tuple[StageSeen, ...]:
    """Each stage with the day of the look that first showed it, in order."""
    if not kept or kept[0].kind is EvidenceKind.PASTURE:
        return ()
    found = [StageSeen(Stage.SOWING, subject.sown_on or kept[0].as_of)]
    for each in kept:
        if each.stage.rank > found[-1].stage.rank:
            found.append(StageSeen(each.stage, each.stage_observed_on or each.as_of))
    return tuple(found)


def _estimates(kept: Sequence[KeptEvidence]) -> tuple[Estimate, ...]:
    found = []
    for each in kept:
        if each.yield_p10 is None or each.yield_p50 is None or each.yield_p90 is None:
            continue
        scale = PPM_PER_PERCENT if each.kind is EvidenceKind.PASTURE else 1
        quantiles = (each.yield_p10, each.yield_p50, each.yield_p90)
        found.append(Estimate(each.as_of, *(round(q / scale) for q in quantiles)))
    return tuple(found)


def sentence(subject: Subject, kept: KeptEvidence | None) -> str:
    """What the newest evidence says, in one or two plain sentences."""
    if kept is None:
        return say("No satellite has reported on {name} yet.", name=subject.name)
    if not kept.last_clear_on:
        return say(
            "{name} has not been seen clearly this season; its limit waits.", name=subject.name
        )
    seen = {"name": subject.name, "day": long_day(kept.last_clear_on)}
    if kept.kind is EvidenceKind.CROP:
        told = say(
            "{name} was last seen clearly on {day}: {crop}, {stage}.",
            **seen, crop=known(subject.crop or "crop"), stage=say(STAGE_WORDS[kept.stage]),
        )  # fmt: skip
    else:
        told = say("{name} was last seen clearly on {day}.", **seen)
    parts = (told, _against_normal(kept.anomaly_ppm), _expected(kept))
    return " ".join(part for part in parts if part)


def _against_normal(anomaly_ppm: int | None) -> str:
    if anomaly_ppm is None:
        return ""
    percent = round(abs(anomaly_ppm) * 100 / PPM)
    if percent < 3:
        return say("It is as green as is normal for the date.")
    if anomaly_ppm > 0:
        return say("It is {percent} % greener than is normal for the date.", percent=percent)
    return say("It is {percent} % less green than is normal for the date.", percent=percent)


def _expected(kept: KeptEvidence) -> str:
    if kept.yield_p10 is None or kept.yield_p50 is None:
        return say("Nothing can be said of its yield yet.")
    if kept.kind is EvidenceKind.PASTURE:
        return say(
            "With nine chances in ten it carries {low} % of normal forage or more; {middle} % is "
            "expected.", low=kept.yield_p10 * 100 // PPM, middle=kept.yield_p50 * 100 // PPM,
        )  # fmt: skip
    return say(
        "With nine chances in ten it will give {low} kg/ha or more; {middle} is expected.",
        low=kept.yield_p10, middle=kept.yield_p50,
    )  # fmt: skip


def geometry(placed: PlacedSubject) -> Mapping[str, Any] | None:
    """The geometry of a subject, whether it was kept as a feature or bare."""
    if not placed.geojson:
        return None
    found = json.loads(placed.geojson)
    inner = found.get("geometry") if found.get("type") == "Feature" else found
    return inner if isinstance(inner, dict) else None


def days_since(day: str | None, today: date) -> int | None:
    """How long ago a day was [days]."""
    return (today - date.fromisoformat(day)).days if day else None
