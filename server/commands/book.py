"""``review-book``: every open line reviewed on what is known now, by one worker or several."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click

from core.shape import encode
from server.commands.hands import OPERATOR, centre_of, config_option, json_option, show
from server.services.book_review import Progress, begin, get_run, progress, work_through
from server.services.centre import RequestError
from server.store.book_reviews import Run

WORKERS_MAX = 16
_MAIN = "from server.app import main; main()"


@click.command("review-book")
@config_option
@click.option(
    "--workers",
    type=click.IntRange(1, WORKERS_MAX),
    default=1,
    show_default=True,
    help="Processes that share the work; more than one only on PostgreSQL.",
)
@click.option("--run", "run_id", default="", help="Help with this run; else the open one, or new.")
@json_option
@click.pass_context
def review_book(
    context: click.Context, *, config: Path, workers: int, run_id: str, as_json: bool
) -> None:
    """Review every open line, as of one instant; what was interrupted goes on.

    Each line is judged by the same rule as when evidence of it comes, and moves, holds or
    freezes as it would then. A page of lines is one transaction: stopping in the middle
    loses nothing, and nothing moves twice. Leases follow with each station's next pull.
    """
    centre = centre_of(context, config)
    if workers > 1 and centre.store.engine.dialect.name == "sqlite":
        raise RequestError("expected one worker on SQLite, which has one writer at a time")
    run = get_run(centre, run_id) if run_id else begin(centre, OPERATOR)
    helpers = [_helper(config, run) for _ in range(workers - 1)]
    try:
        work_through(centre, run, lambda told: _tell(told, as_json=as_json))
    finally:
        failed = [helper.wait() for helper in helpers].count(0) < len(helpers)
    found = progress(centre, run)
    _end(found, failed=failed, as_json=as_json)


def _helper(config: Path, run: Run) -> subprocess.Popen[bytes]:
    """Another process that takes parts of the run; what it says is thrown away."""
    command = [sys.executable, "-c", _MAIN, "review-book", "--config", str(config),
               "--run", run.run_id, "--json"]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _tell(told: Progress, *, as_json: bool) -> None:
    """How far it is, for whoever waits."""
    words = json.dumps(encode(told), sort_keys=True) if as_json else _words(told)
    click.echo(words, err=True)


def _end(found: Progress, *, failed: bool, as_json: bool) -> None:
    if failed and not found.is_done:
        raise RequestError(
            f"expected every worker of run {found.run_id} to end well, one did not: "
            "run the command again, it goes on from there"
        )
    show(encode(found), _words(found), as_json=as_json)


def _words(told: Progress) -> str:
    counted = ", ".join(f"{count:,} {what}" for what, count in told.counts.items())
    state = "done" if told.is_done else "so far"
    return f"{told.lines_count:,} lines reviewed {state}: {counted or 'none'}"
