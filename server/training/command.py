"""``harvestline-server train``: loans in, a compact model and its card out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import click

from core.units import MS_PER_DAY, PPM
from server.training.release import Release

CATALOGUE = Path(__file__).with_name("catalogue.toml")
TRAIN = """Train the compact model and write it beside its card.

An additive model is fitted on the earlier seasons, rounded to integer points, calibrated, and
measured on the later seasons beside its challengers. Exit code 3 if the loans or the catalogue
cannot be used.
"""

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


class Writes(Protocol):
    """What a command does with its loans."""

    def __call__(
        self, loans: Path, catalogue: Path, out: Path, release: Release, *,
        simulated: bool | None, progress: Callable[[str], None],
    ) -> dict[str, object]:  # fmt: skip
        """Write what was trained, and say what that is."""


@dataclass(frozen=True, slots=True)
class Trains:
    """A command that trains: its name and help, what it writes, and how that is told.

    ``writes`` finds the writer on first use, for it loads the science stack.
    """

    name: str
    help: str
    writes: Callable[[], Writes]
    told: Callable[[dict[str, object]], str]


def training_command(trains: Trains, now_ms: Callable[[], int]) -> click.Command:
    """The command of something that is trained from loans, with the options of all of them."""

    def command(
        *, loans: Path, catalogue: Path, out: Path, simulated: bool | None, as_json: bool,
        **release: Any,
    ) -> None:  # fmt: skip
        starts = starts_ms(release["valid_from"], now_ms())
        made = Release(release["version"], starts, release["valid_days"], release["seed"])
        say = (lambda _: None) if as_json else (lambda step: click.echo(f"{step} …", err=True))
        found = trains.writes()(loans, catalogue, out, made, simulated=simulated, progress=say)
        click.echo(json.dumps(found, indent=2) if as_json else trains.told(found))

    for option in reversed(OPTIONS):
        option(command)
    return click.command(trains.name, help=trains.help)(command)


def train_command(now_ms: Callable[[], int]) -> click.Command:
    """``train``; the composition root gives it the time [ms UTC]."""
    return training_command(Trains("train", TRAIN, _model_writer, describe), now_ms)


def _model_writer() -> Writes:
    from server.training.files import write_model  # noqa: PLC0415 - loads the science stack

    return write_model


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
