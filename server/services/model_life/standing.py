"""Where every model stands, with the steps that led there."""

from __future__ import annotations

from dataclasses import dataclass

from server.store import model_life, models
from server.store.engine import Tx
from server.store.model_life import TakenStep
from server.store.models import RegisteredModel


@dataclass(frozen=True, slots=True)
class ModelLife:
    """A model with its steps, oldest first."""

    model: RegisteredModel
    steps: tuple[TakenStep, ...]

    @property
    def stand(self) -> str:
        """Where it stands."""
        return self.steps[-1].state if self.steps else ""


def life_of_models(tx: Tx) -> tuple[ModelLife, ...]:
    """Every model with its steps, newest version first."""
    steps: dict[str, list[TakenStep]] = {}
    for step in model_life.every(tx):
        steps.setdefault(step.sha256, []).append(step)
    return tuple(ModelLife(one, tuple(steps.get(one.sha256, ()))) for one in models.every(tx))
