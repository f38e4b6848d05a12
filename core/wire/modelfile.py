"""A model on its way to a station: a signed document, never code.

A station admits a model only if the centre signed it, it is not older than the
one in use (the counter ``version`` guards against rollback) and its dates are
sound. One that has expired keeps scoring under a cap; it is never silently
replaced by an older one. Which of the models that it has a station decides by says the
newest *order* of the centre; so a model may be taken back at a station that was dark for
weeks. Statements M1–M7 of docs/wire.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from core.errors import ModelRefusedError
from core.scoring.features import FeatureDefinition
from core.scoring.points import PointsTable
from core.signing import DocumentType

MODEL = DocumentType("model", 1)
MODEL_ORDER = DocumentType("model-order", 1)
MODEL_BYTES_MAX = 256 * 1024


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """Where a model comes from and how good it was, in ppm.

    ``simulated`` says that the outcomes were simulated, not observed.
    """

    data_sha256: str
    rows_count: int
    defaults_count: int
    auc_ppm: int
    ks_ppm: int
    simulated: bool
    described: str


@dataclass(frozen=True, slots=True)
class Model:
    """A points table with all that is needed to use and to explain it.

    ``reference`` is how the applications that it was fitted on fell into the bins of the score
    and of every feature, a feature's missing ones first: what drift is measured against.
    """

    name: str
    version: int
    table: PointsTable
    features: tuple[FeatureDefinition, ...]
    training: TrainingSummary
    valid_from_ms: int
    valid_to_ms: int
    reference: Mapping[str, tuple[int, ...]] | None = None

    def __post_init__(self) -> None:
        known = {definition.name for definition in self.features}
        used = {one.feature for one in self.table.features}
        used |= {name for two in self.table.pairs for name in (two.first, two.second)}
        if not used <= known:
            raise ModelRefusedError(f"model {self.name}: no definition for {sorted(used - known)}")
        if self.valid_to_ms <= self.valid_from_ms or self.version < 1:
            raise ModelRefusedError(f"model {self.name}: expected version ≥ 1 and a valid period")


@dataclass(frozen=True, slots=True)
class ModelOrder:
    """By which model a station is to decide; of several orders the highest ``serial`` counts.

    ``station`` is who it is for; ``model`` the signed document itself, so that an order can be
    followed by whoever has it.
    """

    serial: int
    station: str
    sha256: str
    model: Any

    def __post_init__(self) -> None:
        if self.serial < 1:
            raise ModelRefusedError(f"expected an order numbered from 1, got {self.serial}")


class ModelState(Enum):
    """How far a model may be trusted today."""

    CURRENT = "current"
    STALE = "stale"  # expired: decides under a cap, raises nothing


def admit(candidate: Model, candidate_sha256: str, version: int, sha256: str) -> bool:
    """Whether a verified model replaces the one in use; False if it is the same.

    Parameters
    ----------
    version, sha256
        Of the model in use; 0 and empty if there is none.

    Raises
    ------
    ModelRefusedError
        If it is older, or has the same version with other content.
    """
    if candidate.version < version:
        raise ModelRefusedError(
            f"model {candidate.name}: version {candidate.version} is older than {version} in use"
        )
    if candidate.version == version:
        if candidate_sha256 != sha256:
            raise ModelRefusedError(
                f"model {candidate.name}: version {version} exists with other content"
            )
        return False
    return True


def state(model: Model, at_ms: int) -> ModelState:
    """Whether the model is within its dates at an instant [ms UTC]."""
    if model.valid_from_ms <= at_ms < model.valid_to_ms:
        return ModelState.CURRENT
    return ModelState.STALE
