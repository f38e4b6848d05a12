"""``harvestline-server train-trees``: loans in, a challenger of boosted trees out."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click

from core.units import PPM
from server.training.command import OPTIONS, starts_ms
from server.training.release import Release


def trees_command(now_ms: Callable[[], int]) -> click.Command:
    """The command; the composition root gives it the time [ms UTC]."""

    def command(  # noqa: PLR0913 - one parameter an option
        *,
        loans: Path,
        catalogue: Path,
        out: Path,
        seed: int,
        version: int,
        valid_from: datetime | None,
        valid_days: int,
        simulated: bool | None,
        as_json: bool,
    ) -> None:
        """Train boosted trees that score beside the model in use and decide nothing.

        They are written as whole numbers, without code in them; model add-trees registers
        them. Exit code 3 if the loans or the catalogue cannot be used.
        """
        from server.training.files import write_trees  # noqa: PLC0415 - loads the science stack

        release = Release(version, starts_ms(valid_from, now_ms()), valid_days, seed)
        found = write_trees(loans, catalogue, out, release, simulated=simulated)
        words = (
            f"{found['trees']} trees, AUC {int(str(found['auc_ppm'])) / PPM:.3f} on later seasons: "
            f"{found['model']} ({found['bytes']} bytes, sha256 {found['sha256']})"
        )
        click.echo(json.dumps(found, indent=2) if as_json else words)

    for option in reversed(OPTIONS):
        option(command)
    return click.command("train-trees")(command)
