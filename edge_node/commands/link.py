"""``sync``, ``export`` and ``import``: the link to the centre, by network or by stick."""

from __future__ import annotations

import json
from pathlib import Path

import click

from core.shape import encode
from edge_node.commands.hands import Bench, Hands, allowance_of, bench, client_of
from edge_node.config import SettingError
from edge_node.sync.rounds import Round, sync_once
from edge_node.sync.stick import export_file, import_file
from edge_node.sync.timekeeping import keep_time
from edge_node.sync.wires import CentreClient, CentreUnreachableError

ROUNDS_MAX = 10_000  # of one command
CONFIG = click.option(
    "--config",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The station's settings (station.toml).",
)
FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.command()
@CONFIG
@click.pass_obj
def sync(hands: Hands, config: Path) -> None:
    """Sync with the centre once and say what moved; exits with 5 if it cannot be reached."""
    with bench(hands, config) as station:
        if not station.settings.server_url:
            raise SettingError("expected server_url in the settings: say where the centre is")
        client = client_of(station.settings, hands.elapsed_ms)
        try:
            done = _synced(station, client)
        finally:
            client.close()
        click.echo(json.dumps(encode(done)))
        if done.problem:
            raise CentreUnreachableError(done.problem)


def _synced(station: Bench, client: CentreClient) -> Round:
    """Round after round until nothing more can move; what all of them moved."""
    allowance = allowance_of(station.settings)
    pushed = pulled = 0
    refusals: list[str] = []
    hands = station.hands
    keep_time(station.db, station.ends, client, hands.reading, hands.entropy)
    for _ in range(ROUNDS_MAX):
        done = sync_once(station.db, station.ends, client, station.clock(), allowance)
        pushed, pulled = pushed + done.pushed_records_count, pulled + done.pulled_records_count
        refusals += done.refusals
        if done.problem or not done.more:
            break
    return Round(pushed, pulled, tuple(refusals), done.problem, done.more)


@click.command("export")
@CONFIG
@FILE
@click.pass_obj
def export(hands: Hands, config: Path, file: Path) -> None:
    """Write all that the centre has not receipted to FILE, sealed, for a USB stick."""
    with bench(hands, config) as station:
        done = export_file(station.db, station.ends, file, station.clock())
        click.echo(json.dumps(encode(done)))


@click.command("import")
@CONFIG
@FILE
@click.pass_obj
def import_(hands: Hands, config: Path, file: Path) -> None:
    """Apply the centre's envelopes and receipts in FILE; what is bad is kept aside."""
    with bench(hands, config) as station:
        done = import_file(station.db, station.ends, file, station.clock())
        click.echo(json.dumps(encode(done)))
