"""``harvestline-server train-trees``: loans in, a challenger of boosted trees out."""

from __future__ import annotations

from collections.abc import Callable

import click

from core.units import PPM
from server.training.command import Trains, Writes, training_command

TRAIN_TREES = """Train boosted trees that score beside the model in use and decide nothing.

They are written as whole numbers, without code in them; model add-trees registers them. Exit
code 3 if the loans or the catalogue cannot be used.
"""


def trees_command(now_ms: Callable[[], int]) -> click.Command:
    """``train-trees``; the composition root gives it the time [ms UTC]."""
    return training_command(Trains("train-trees", TRAIN_TREES, _trees_writer, _told), now_ms)


def _trees_writer() -> Writes:
    from server.training.files import write_trees  # noqa: PLC0415 - loads the science stack

    return write_trees


def _told(found: dict[str, object]) -> str:
    return (
        f"{found['trees']} trees, AUC {int(str(found['auc_ppm'])) / PPM:.3f} on later seasons: "
        f"{found['model']} ({found['bytes']} bytes, sha256 {found['sha256']})"
    )
