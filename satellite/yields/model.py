"""The yield model's file: plain JSON under its own SHA-256, read without scikit-learn.

It is not a wire document (floats are allowed in it); evidence cites its hash.
"""

from __future__ import annotations

import json
import typing
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.canonical import sha256_hex
from core.errors import HarvestlineError

FORMAT = "harvestline/yield-model/v2"
MODEL_BYTES_MAX = 50_000_000
SIGNIFICANT_DIGITS = 8
LEVELS = {"p05": 0.05, "p10": 0.10, "p50": 0.50, "p90": 0.90, "p95": 0.95}
SCALE_FLOOR_SHARE = 0.1
BASE_SHARE_MIN = 0.2  # of the average: below, a share of the base would be a share of noise

Array = NDArray[np.float64]


class YieldModelError(HarvestlineError):
    """A yield model, or the harvests to fit one, cannot be used."""

    code = "HL-SAT-007"


@dataclass(frozen=True, slots=True)
class RidgeRung:
    """A linear step on standardised features, as a share of the rung below."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    penalty: float

    def steps(self, features: Array) -> Array:
        """The share by which the features move the rung below: (row,)."""
        scaled = (features - np.array(self.mean)) / np.array(self.scale)
        result: Array = self.intercept + scaled @ np.array(self.weights)
        return result


def base_of(average_kg_per_ha: float, effect_kg_per_ha: Array) -> Array:
    """What plots yield in the average season, never so little that it cannot be divided by."""
    floor = BASE_SHARE_MIN * average_kg_per_ha
    return np.maximum(average_kg_per_ha + effect_kg_per_ha, floor)


def error_scale(predicted: Array, average: float) -> Array:
    """By how much errors grow with the prediction [kg/ha].

    Halfway between constant and proportional: the errors of a failed plot are
    smaller than a good one's in kg/ha, and larger as a share.
    """
    return np.sqrt(np.maximum(predicted, SCALE_FLOOR_SHARE * average) * average)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The model for one number of days since sowing.

    ``rung`` names what was admitted, ``offsets`` the quantiles' distance from the
    prediction in units of its error scale, ``skill`` the share of the average's
    squared error that is gone [0–1], ``coverage`` that of left-out seasons.
    """

    day: int
    rung: str
    offsets: dict[str, float]
    skill: float
    rmse_kg_per_ha: float
    average_rmse_kg_per_ha: float
    coverage: dict[str, float]
    with_plots: bool
    ridge: RidgeRung | None = None


@dataclass(frozen=True, slots=True)
class Normal:
    """What an index usually is: (step,) by days since sowing or day of year."""

    step_days: int
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    seasons: int


@dataclass(frozen=True, slots=True)
class CropModel:
    """Everything that is known of one crop's yields; ``checkpoints`` in order of day."""

    average_kg_per_ha: float
    plot_effects: dict[str, float]
    checkpoints: tuple[Checkpoint, ...]
    normal: Normal
    seasons: tuple[str, ...]
    harvests: int

    def checkpoint(self, day: int) -> Checkpoint:
        """The checkpoint nearest to a number of days since sowing."""
        return min(self.checkpoints, key=lambda c: abs(c.day - day))

    def around(self, day: int) -> tuple[tuple[Checkpoint, float], ...]:
        """The checkpoints before and after a day with their shares, which sum to one.

        Between two of them an estimate moves from the one to the other: a jump on a
        checkpoint's day would be the model's, not the crop's.
        """
        after = next((c for c in self.checkpoints if c.day >= day), self.checkpoints[-1])
        before = next((c for c in reversed(self.checkpoints) if c.day <= day), after)
        if after.day <= before.day:
            return ((before, 1.0),)
        share = (day - before.day) / (after.day - before.day)
        return ((before, 1.0 - share), (after, share))

    @property
    def last_day(self) -> int:
        """The age after which nothing is learned: the first plots are harvested [days]."""
        return self.checkpoints[-1].day


@dataclass(frozen=True, slots=True)
class Prior:
    """What is known of a crop where too few harvests are: see ``prior``.

    Parameters
    ----------
    mean_kg_per_ha
        The average of the district, moved towards what labels there are.
    season_spread, plot_spread
        Standard deviations of seasons about that average and of plots about their
        season's, as shares of the mean.
    seasons, labels
        On how many district seasons and single harvests it rests.
    normal
        The crop's index by days since sowing; without it no season is read.
    source
        Where the district's yields came from.
    """

    mean_kg_per_ha: float
    season_spread: float
    plot_spread: float
    seasons: int
    labels: int
    normal: Normal | None
    source: str


@dataclass(frozen=True, slots=True)
class YieldModel:
    """The content of a model file, with the hash that evidence cites.

    ``priors`` stand in for crops that are not in ``crops``.
    """

    index: str
    crops: dict[str, CropModel]
    pastures: dict[str, Normal]
    software: str
    sha256: str = ""
    priors: dict[str, Prior] = field(default_factory=dict)


def model_bytes(model: YieldModel) -> bytes:
    """The model's file, and inside it the hash of its body."""
    # A model without priors keeps the bytes, and so the hash, of one made before there were any.
    left_out = {"sha256"} if model.priors else {"sha256", "priors"}
    body = _rounded({k: v for k, v in asdict(model).items() if k not in left_out})
    text = _dump(body)
    document = {"body": body, "format": FORMAT, "sha256": sha256_hex(text)}
    return json.dumps(document, sort_keys=True, indent=1).encode()


def write_model(path: Path, model: YieldModel) -> str:
    """Write a model file by rename; returns its hash.

    Raises
    ------
    YieldModelError
        If it cannot be written.
    """
    data = model_bytes(model)
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise YieldModelError(f"expected to write a model to {path}, got: {error}") from error
    return str(json.loads(data)["sha256"])


def read_model(path: Path) -> YieldModel:
    """A model file, verified against its own hash.

    Raises
    ------
    YieldModelError
        If it is missing, of another format, altered, or lacks a part.
    """
    try:
        data = path.read_bytes()
        if len(data) > MODEL_BYTES_MAX:
            raise YieldModelError(f"expected at most {MODEL_BYTES_MAX} bytes in {path}")
        document = json.loads(data)
    except (OSError, ValueError) as error:
        raise YieldModelError(f"expected a yield model at {path}, got: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise YieldModelError(f"expected {FORMAT} in {path}: make one with calibrate")
    found = sha256_hex(_dump(document.get("body")))
    if found != document.get("sha256"):
        raise YieldModelError(
            f"expected the body of {path} to hash to {document.get('sha256')}, got {found}: "
            "the file was altered; use the original or calibrate again"
        )
    try:
        model = _build(YieldModel, document["body"] | {"sha256": found})
    except (KeyError, TypeError, ValueError) as error:
        raise YieldModelError(f"expected every part of a model in {path}, got: {error}") from error
    return typing.cast("YieldModel", model)


def _dump(body: object) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value


def _build(hint: Any, value: Any) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        hints = typing.get_type_hints(hint)
        present = [one.name for one in fields(hint) if one.name in value]
        return hint(**{name: _build(hints[name], value[name]) for name in present})
    if origin is tuple:
        return tuple(_build(args[0], inner) for inner in value)
    if origin is dict:
        return {key: _build(args[1], inner) for key, inner in value.items()}
    if args and type(None) in args:
        return None if value is None else _build(args[0], value)
    return hint(value)
