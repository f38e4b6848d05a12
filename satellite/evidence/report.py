"""What a round or a calibration says of itself: as JSON for machines, as lines for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from satellite.evidence.ingest import Round
from satellite.statistics.plots import Problem
from satellite.yields.model import Checkpoint, CropModel, YieldModel

TABLE_STEP_DAYS = 15


def round_summary(done: Round, refused: Sequence[Problem], named_max: int) -> dict[str, Any]:
    """The facts of one round, fit for JSON."""
    return {
        "as_of": done.as_of,
        "scenes_new": done.scenes.new,
        "scenes_known": done.scenes.known,
        "scenes_later": done.scenes.later,
        "scenes_broken": done.scenes.broken,
        "broken": [asdict(problem) for problem in done.scenes_broken[:named_max]],
        "plots": done.plots,
        "plots_skipped": len(done.plots_skipped),
        "skipped": [asdict(problem) for problem in done.plots_skipped[:named_max]],
        "observations": done.observations,
        "evidence_new": done.evidence_new,
        "delivered": done.delivery.delivered,
        "refused": len(refused),
        "refusals": [asdict(problem) for problem in refused[:named_max]],
        "pending": done.delivery.pending,
        "delivery_error": done.delivery.error,
        "pictures_delivered": done.pictures.delivered,
        "pictures_waiting": done.pictures.waiting,
        "pictures_error": done.pictures.error,
    }


def round_lines(summary: dict[str, Any]) -> list[str]:
    """The same facts for a reader."""
    lines = [
        (
            f"scenes    {summary['scenes_new']} new, {summary['scenes_known']} known"
            f", {summary['scenes_broken']} broken"
        ),
        f"plots     {summary['plots']} seen, {summary['plots_skipped']} skipped",
        (
            f"evidence  {summary['evidence_new']} new as of {summary['as_of'] or 'no date'}"
            f", {summary['delivered']} delivered, {summary['refused']} refused"
            f", {summary['pending']} waiting"
        ),
    ]
    for title, key in (("broken", "broken"), ("skipped", "skipped"), ("refused", "refusals")):
        lines += [f"{title}: {p['subject_id']}: {p['detail']}" for p in summary[key]]
    if summary["pictures_delivered"] or summary["pictures_waiting"]:
        lines.append(
            f"pictures  {summary['pictures_delivered']} delivered"
            f", {summary['pictures_waiting']} waiting {summary['pictures_error']}".rstrip()
        )
    if summary["delivery_error"]:
        lines.append(f"delivery: {summary['delivery_error']}")
    return lines


def model_summary(model: YieldModel, sha256: str) -> dict[str, Any]:
    """What a calibration reached, fit for JSON."""
    return {
        "sha256": sha256,
        "index": model.index,
        "pastures": len([name for name in model.pastures if name != "*"]),
        "priors": sorted(model.priors),
        "crops": {crop: _crop_summary(found) for crop, found in model.crops.items()},
    }


def model_lines(summary: dict[str, Any]) -> list[str]:
    """The same as a table: skill is the share of the average's squared error that is gone."""
    lines = [f"model {summary['sha256'][:16]} on {summary['index'].upper()}"]
    for crop, found in summary["crops"].items():
        lines += [
            "",
            (
                f"{crop}: {found['harvests']} harvests in {found['seasons']} seasons, "
                f"average {found['average_kg_per_ha']:.0f} kg/ha"
            ),
            "  day  rung           rmse  of average  skill  width/mean  90 % covers (worst season)",
        ]
        lines += [_checkpoint_line(point) for point in found["checkpoints"]]
    if summary["priors"]:
        lines += ["", f"told from their district alone: {', '.join(summary['priors'])}"]
    if summary["pastures"]:
        lines += ["", f"pastures: {summary['pastures']} with a normal of their own"]
    return lines


def _crop_summary(crop: CropModel) -> dict[str, Any]:
    shown = [point for point in crop.checkpoints if point.day % TABLE_STEP_DAYS == 0]
    return {
        "harvests": crop.harvests,
        "seasons": len(crop.seasons),
        "average_kg_per_ha": crop.average_kg_per_ha,
        "checkpoints": [_checkpoint_summary(point) for point in shown],
    }


def _checkpoint_summary(point: Checkpoint) -> dict[str, Any]:
    covered = list(point.coverage.values())
    return {
        "day": point.day,
        "rung": point.rung,
        "rmse_kg_per_ha": point.rmse_kg_per_ha,
        "average_rmse_kg_per_ha": point.average_rmse_kg_per_ha,
        "skill": point.skill,
        "width_over_mean": point.offsets["p95"] - point.offsets["p05"],
        "coverage_90": sum(covered) / len(covered) if covered else None,
        "coverage_90_worst": min(covered) if covered else None,
    }


def _checkpoint_line(point: dict[str, Any]) -> str:
    covers = (
        "unknown"
        if point["coverage_90"] is None
        else f"{point['coverage_90']:.2f} ({point['coverage_90_worst']:.2f})"
    )
    return (
        f"  {point['day']:3d}  {point['rung']:<13}{point['rmse_kg_per_ha']:6.0f}"
        f"{point['average_rmse_kg_per_ha']:12.0f}{point['skill']:7.2f}"
        f"{point['width_over_mean']:12.2f}  {covers}"
    )
