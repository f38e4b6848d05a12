"""``harvestline-server train``: loans in, a compact model and its card out."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from core.units import MS_PER_DAY, PPM
from server.training.release import Release

CATALOGUE = Path(__file__).with_name("catalogue.toml")


OPTIONS = (
    click.option(
        "--loans",
        type=click.Path(path_type=Path),
        required=True,
        help="Past loans as CSV: one row a loan, with season, outcome (0 or 1) and features.",
    ),
    click.option(
        "--catalogue",
        type=click.Path(path_type=Path),
        default=CATALOGUE,
        help="What may be used and how (TOML); the shipped one by default.",
    ),
    click.option(
        "--out",
        type=click.Path(path_type=Path),
        required=True,
        help="Where the model goes (canonical JSON); its card is written beside it.",
    ),
    click.option("--seed", type=int, default=1, show_default=True, help="Chooses the bags."),
    click.option(
        "--version",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="The model's number.",
    ),
    click.option(
        "--valid-from",
        type=click.DateTime(["%Y-%m-%d"]),
        help="First day on which stations may use it; today by default.",
    ),
    click.option(
        "--valid-days",
        type=click.IntRange(1),
        default=365,
        show_default=True,
        help="After so many days stations decide under a cap.",
    ),
    click.option(
        "--simulated/--observed",
        default=None,
        help="Where the outcomes come from; by default what the file itself says.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON."),
)


def train_command(now_ms: Callable[[], int]) -> click.Command:
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
        """Train the compact model and write it beside its card.

        An additive model is fitted on the earlier seasons, rounded to integer points,
        calibrated, and measured on the later seasons beside its challengers. Exit
        code 3 if the loans or the catalogue cannot be used.
        """
        from server.training.files import write_model  # noqa: PLC0415 - loads the science stack

        release = Release(version, starts_ms(valid_from, now_ms()), valid_days, seed)
        say = (lambda _: None) if as_json else (lambda step: click.echo(f"{step} …", err=True))
        figures = write_model(loans, catalogue, out, release, simulated=simulated, progress=say)
        click.echo(json.dumps(figures, indent=2) if as_json else describe(figures))

    for option in reversed(OPTIONS):
        option(command)
    return click.command("train")(command)


def starts_ms(valid_from: datetime | None, now_ms: int) -> int:
    """The beginning of the named day, or of today [ms UTC]."""
    if valid_from is None:
        return now_ms // MS_PER_DAY * MS_PER_DAY
    return int(valid_from.replace(tzinfo=UTC).timestamp() * 1000)


def describe(figures: dict[str, object]) -> str:
    """The figures as the lines that people read."""
    standings = figures["standings"]
    rows = standings if isinstance(standings, list) else []
    seasons = figures["test_seasons"]
    held = ", ".join(seasons) if isinstance(seasons, list) else ""
    lines = [
        "",
        f"{'measured on ' + held:<48}{'AUC':>7}{'KS':>8}",
        *(
            f"{row['name']:<48}{row['auc_ppm'] / PPM:>7.3f}{row['ks_ppm'] / PPM:>8.3f}"
            for row in rows
        ),
        "",
        f"model  {figures['model']} ({figures['bytes']} bytes, sha256 {figures['sha256']})",
        f"card   {figures['card']} and {figures['sheet']}",
    ]
    if figures["simulated"]:
        lines.append("       SIMULATED outcomes: not for decisions about people")
    return "\n".join(lines)
