"""What a training run is told about the model that it makes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Release:
    """What makes a model a release: its number and dates [ms UTC], and the seed."""

    version: int
    valid_from_ms: int
    valid_days: int
    seed: int
