"""``harvestline-sim demo``: the whole loop on this machine, a season in a few minutes."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from firmware_sim.commands.hands import Hands
from firmware_sim.config import OutputFolderError
from firmware_sim.story.plan import StoryPlan
from firmware_sim.story.season import Progress as DayTold
from firmware_sim.story.season import Season, Told
from firmware_sim.story.stage import Chance, Places, Stage, set_stage

MARKER = "harvestline-demo"  # only a folder that holds this file is ever emptied
CARDS_SHOWN = 3
_DEFAULTS = StoryPlan()


@click.command("demo")
@click.option("--seed", default=_DEFAULTS.seed, show_default=True, help="The village's seed.")
@click.option("--farmers", default=_DEFAULTS.farmers, show_default=True, help="Farmers, 8 to 120.")
@click.option("--days", default=_DEFAULTS.days, show_default=True, help="Days to tell.")
@click.option(
    "--drought/--no-drought", default=True, show_default=True, help="Whether the drought strikes."
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".harvestline/demo"),
    show_default=True,
    help="Where everything is kept; an earlier demo there is replaced.",
)
@click.option(
    "--products",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path("server/products"),
    show_default=True,
    help="Where the products' TOML files are.",
)
@click.option(
    "--stay/--leave", default=True, show_default=True, help="Keep serving when the season is over."
)
@click.option(
    "--pictures/--no-pictures",
    default=False,
    show_default=True,
    help="Draw each plot by date, for the console and the kiosk: about a minute more.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@click.pass_obj
def command(  # noqa: PLR0913 - one parameter an option
    hands: Hands,
    /,
    *,
    seed: int,
    farmers: int,
    days: int,
    drought: bool,
    folder: Path,
    products: Path,
    stay: bool,
    pictures: bool,
    as_json: bool,
) -> None:
    """Play a season of the village with real processes, then keep serving its pages.

    Starts the centre, a base station with its broker, the imagery and the village's
    devices; 172 days pass in a few minutes. In the third month a drought strikes the
    east; for thirty days the station's uplink is cut. Ctrl-C stops everything.
    """
    plan = dataclasses.replace(
        _DEFAULTS, seed=seed, farmers=farmers, days=days, drought=drought, pictures=pictures
    )
    places = Places(_emptied(folder).resolve(), products.resolve())
    console = Console(stderr=as_json, soft_wrap=True)
    chance = Chance(hands.new_epoch, lambda: hands.new_secret().hex()[:12])
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with set_stage(plan, places, chance, lambda words: console.print(f"· {words} …")) as stage:
            (places.root / MARKER).touch()
            console.print(_addresses(stage))
            told = _tell(stage, console)
            outcome = _outcome(stage, told)
            click.echo(json.dumps(outcome)) if as_json else console.print(_table(outcome))
            if stay:
                console.print("The pages stay up. Ctrl-C stops everything.")
                threading.Event().wait()
    except KeyboardInterrupt:
        console.print("Stopped.")


def _emptied(folder: Path) -> Path:
    """The folder, without an earlier demo.

    Raises
    ------
    OutputFolderError
        If it holds something else.
    """
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists() and not (folder / "clock").exists():
            raise OutputFolderError(
                f"expected an empty folder or an earlier demo at {folder}, got other files: "
                "choose another --folder"
            )
        shutil.rmtree(folder)
    return folder


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _addresses(stage: Stage) -> Table:
    table = Table(title="Harvestline is up", title_justify="left")
    for heading in ("who", "where", "log in with"):
        table.add_column(heading, overflow="fold")
    for role, password in stage.passwords.items():
        table.add_row(role, stage.centre_url, f"{role} / {password}")
    for farmer_id, token in sorted(stage.cards.items())[:CARDS_SHOWN]:
        table.add_row(f"farmer ({farmer_id})", stage.page_url, f"card {token}")
    table.add_row("agent", f"{stage.page_url}/station", "no log-in: the station's state")
    return table


def _tell(stage: Stage, console: Console) -> Told:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    shown = sys.stderr.isatty()
    with Progress(*columns, console=console, disable=not shown) as progress:
        task = progress.add_task("The season", total=stage.plan.days)

        def advance(told: DayTold) -> None:
            words = f"{told.on:%d %B} · {told.words}"
            progress.update(task, completed=told.day + 1, description=words)

        return Season(stage, advance).run()


def _outcome(stage: Stage, told: Told) -> dict[str, object]:
    checked = json.loads(stage.server_command("verify", "--json"))
    status = stage.centre.status()
    return {
        "seed": stage.plan.seed,
        "drought": stage.plan.drought,
        "samples": told.samples,
        "pictures": told.pictures,
        "draws": len(told.drawn),
        "draws_in_the_dark": told.dark_draws,
        "draws_refused": told.refused_draws,
        "decisions_at_the_kiosk": sum(told.decisions.values()),
        "verdicts_at_the_kiosk": dict(sorted(told.decisions.items())),
        "decisions_in_the_dark": told.dark_applications,
        "first_decision_s": round(told.first_decision_s or 0.0, 1),
        "lines": status["lines"],
        "verified": checked,
    }


def _table(outcome: dict[str, object]) -> Table:
    table = Table(title="The season in figures", title_justify="left", show_header=False)
    for name, value in outcome.items():
        text = json.dumps(value) if isinstance(value, dict | list) else str(value)
        table.add_row(name.replace("_", " "), text)
    return table
