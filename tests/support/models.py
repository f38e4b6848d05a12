"""A compact model small enough to score by hand."""

from __future__ import annotations

from core.canonical import canonical_hash
from core.scoring.features import Direction, FeatureDefinition, Source
from core.scoring.points import FeatureTable, PairTable, PdStep, PointsTable
from core.shape import encode
from core.wire.modelfile import Model, TrainingSummary

TABLE = PointsTable(
    base=500,
    features=(
        FeatureTable("past_late_days", (1, 30), (20, 0, -60), -10, 10),
        FeatureTable("area_m2", (5_000,), (-5, 15), 0, 5),
        FeatureTable("soil_stress_days", (10,), (10, -40), -15, 5),
    ),
    pairs=(
        PairTable(
            "area_m2", "soil_stress_days", (5_000,), (10,),
            ((0, 0, 0), (0, 2, -3), (0, 4, -20)), 1,
        ),
    ),
    pd_steps=(PdStep(0, 400_000), PdStep(470, 200_000), PdStep(500, 80_000), PdStep(530, 30_000)),
    refer_low=480,
    refer_high=490,
)  # fmt: skip


def _feature(name: str, unit: str, direction: Direction, source: Source, purpose: str) -> (
    FeatureDefinition
):  # fmt: skip
    return FeatureDefinition(name, unit, 0, 1_000_000, direction, source, purpose, 3, name)


FEATURES = (
    _feature("past_late_days", "days", Direction.RISKIER, Source.HISTORY, ""),
    _feature("area_m2", "m2", Direction.SAFER, Source.FARMER, ""),
    _feature("soil_stress_days", "days", Direction.RISKIER, Source.TELEMETRY, "device_readings"),
)


def small_model(version: int = 1) -> Model:
    """The model, valid from 1970 for 100 years."""
    summary = TrainingSummary("0" * 64, 10, 3, 700_000, 300_000, True, "made by hand")
    return Model("hand", version, TABLE, FEATURES, summary, 0, 100 * 365 * 86_400_000)


def model_hash(model: Model) -> str:
    """The hash that a card cites."""
    return canonical_hash(encode(model))
