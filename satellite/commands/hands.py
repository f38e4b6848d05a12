"""What ``app.py`` hands to a command, and what all commands share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from satellite.config import Settings, load_settings

EXIT_CODES = """Exit codes: 0 done · 2 wrong use · 3 bad input · 4 refused · 5 the centre could
not be reached (what waits is sent next time) · 6 storage."""

PathArg = click.Path(path_type=Path)

json_option = click.option("--json", "as_json", is_flag=True, help="Speak JSON.")


@dataclass(frozen=True, slots=True)
class Hands:
    """The composition root's hands: the environment, chance, waiting, CPU time, stop signals.

    ``random_bytes`` gives so many bytes of chance, ``sleep`` waits [s], ``cpu_s`` tells
    the process's CPU time [s], ``on_stop`` calls back once the process is asked to stop.
    """

    environ: Mapping[str, str]
    random_bytes: Callable[[int], bytes]
    sleep: Callable[[float], None]
    cpu_s: Callable[[], float]
    on_stop: Callable[[Callable[[], None]], None]

    def settings(self, path: Path | None) -> Settings:
        """The settings file's, overridden by the environment's."""
        return load_settings(path, self.environ)


def hands_of(context: click.Context) -> Hands:
    """The hands that the program was started with."""
    hands = context.find_object(Hands)
    if hands is None:
        raise click.UsageError("expected to be run as harvestline-satellite COMMAND")
    return hands


@contextmanager
def progress(what: str, *, silent: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal's standard error; its function takes what is done and the total."""
    if silent or not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console  # noqa: PLC0415  # only on a terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def say(
    facts: dict[str, Any], lines: Callable[[dict[str, Any]], list[str]], *, as_json: bool
) -> None:
    """Print facts: as JSON on one line, or as the lines that a reader wants."""
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
    else:
        click.echo("\n".join(lines(facts)))
    sys.stdout.flush()
