"""``harvestline-server recalibrate``: a model with the same points and today's probabilities."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click

from core.units import PPM
from server.training.command import CATALOGUE, starts_ms
from server.training.release import Release

OPTIONS = (
    click.option(
        "--model", "model_file", type=click.Path(path_type=Path), required=True,
        help="The model that is restated (canonical JSON).",
    ),
    click.option(
        "--loans", type=click.Path(path_type=Path), required=True,
        help="Recent loans as CSV, with the columns that the model was trained on.",
    ),
    click.option(
        "--catalogue", type=click.Path(path_type=Path), default=CATALOGUE,
        help="The catalogue that the model was trained with; the shipped one by default.",
    ),
    click.option(
        "--out", type=click.Path(path_type=Path), required=True, help="Where the new model goes."
    ),
    click.option(
        "--version", type=click.IntRange(1), required=True, help="Its number, above the model's."
    ),
    click.option(
        "--from-season", default="", metavar="SEASON", help="Leave out loans of seasons before."
    ),
    click.option(
        "--level-ppm", type=click.IntRange(1, PPM - 1),
        help="Move all probabilities to this expected default rate, where too few loans have "
        "ended to read new steps off them.",
    ),
    click.option(
        "--valid-from", type=click.DateTime(["%Y-%m-%d"]),
        help="First day on which stations may use it; today by default.",
    ),
    click.option("--valid-days", type=click.IntRange(1), default=365, show_default=True),
    click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON."),
)  # fmt: skip


def recalibrate_command(now_ms: Callable[[], int]) -> click.Command:
    """The command; the composition root gives it the time [ms UTC]."""

    def command(  # noqa: PLR0913 - one parameter an option
        *,
        model_file: Path,
        loans: Path,
        catalogue: Path,
        out: Path,
        version: int,
        from_season: str,
        level_ppm: int | None,
        valid_from: datetime | None,
        valid_days: int,
        as_json: bool,
    ) -> None:
        """Restate a model's default probabilities on recent loans; its points stay.

        Says first what the model promised of them and what came. Exit code 3 if the
        model, the loans or the catalogue cannot be used.
        """
        from server.training.files import write_restated  # noqa: PLC0415 - loads the stack

        release = Release(version, starts_ms(valid_from, now_ms()), valid_days, seed=0)
        figures = write_restated(
            (model_file, loans, catalogue, out), release, from_season=from_season,
            level_ppm=level_ppm,
        )  # fmt: skip
        click.echo(json.dumps(figures, indent=2) if as_json else _described(figures))

    for option in reversed(OPTIONS):
        option(command)
    return click.command("recalibrate")(command)


def _described(figures: dict[str, object]) -> str:
    lines = []
    for name in ("before", "after"):
        found = figures[name]
        if isinstance(found, dict):
            lines.append(
                f"{name:<7} promised {found['promised_ppm'] / PPM:.1%}, came "
                f"{found['observed_ppm'] / PPM:.1%} of {found['loans_count']:,} loans: "
                f"{found['trust']}"
            )
    return "\n".join([*lines, f"model   {figures['model']} (sha256 {figures['sha256']})"])
