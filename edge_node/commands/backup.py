"""``backup``, ``restore`` and ``retire``: a station that outlives its box."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from core.lending.lease import DrawState
from core.shape import encode
from core.wire.envelope import LogClass
from core.wire.records import Up
from edge_node.commands.backing_up import hand_over, make_backup, put_back
from edge_node.commands.hands import Bench, Hands, bench
from edge_node.commands.link import CONFIG, FILE
from edge_node.commands.sealed_file import BackupError, require_passphrase
from edge_node.config import read_secret
from edge_node.decide.draws import recover
from edge_node.files import write_whole
from edge_node.store import box, leases, logs, outbox
from edge_node.store.box import BoxState

RECORDS_MAX = 1_000_000
_PATH = click.Path(dir_okay=False, path_type=Path)
_PASSPHRASE = click.option(
    "--passphrase-file", type=_PATH, help="A file with the passphrase; else it is asked."
)


def _passphrase(path: Path | None, *, again: bool) -> str:
    if path is not None:
        return require_passphrase(read_secret(path))
    found: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=again)
    return require_passphrase(found)


@click.command()
@CONFIG
@FILE
@_PASSPHRASE
@click.option(
    "--hand-over",
    "handing_over",
    is_flag=True,
    help="Stop this box for good: the restored one goes on with all its leases.",
)
@click.pass_obj
def backup(
    hands: Hands, config: Path, file: Path, passphrase_file: Path | None, handing_over: bool  # noqa: FBT001
) -> None:  # fmt: skip
    """Write keys, settings, certificates and database to FILE, sealed under a passphrase.

    Works while the station runs. Keep the passphrase apart from FILE: with both, anybody
    can ask to be this station.
    """
    secret = _passphrase(passphrase_file, again=True)
    with bench(hands, config) as station:
        if handing_over:
            hand_over(station, station.clock())
        click.echo(json.dumps(encode(make_backup(station, file, secret, config))))


@click.command()
@FILE
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="An empty or new folder."
)
@click.option("--station", default="", help="Refuse the backup of any other station.")
@_PASSPHRASE
@click.pass_obj
def restore(
    hands: Hands, file: Path, out: Path, station: str, passphrase_file: Path | None
) -> None:
    """Put a backup back on this box; it waits there until the centre has confirmed it.

    Until an officer has run `harvestline-server replace-box` on the box-request.json that
    this writes, the box hears devices and shows what it knows, and pays nothing out.
    """
    secret = _passphrase(passphrase_file, again=False)
    click.echo(json.dumps(encode(put_back(hands, file, out.resolve(), secret, station))))


@click.command()
@CONFIG
@FILE
@click.pass_obj
def retire(hands: Hands, config: Path, file: Path) -> None:
    """Stop this box for good, and write the payouts that the centre has not receipted to FILE.

    For a box that was replaced while nobody could reach it: two officers give FILE to
    `harvestline-server box-gone --receipts`.
    """
    with bench(hands, config) as station:
        # In one transaction: the station may run, and what it paid out in between would be
        # in no file while its lease is released.
        with station.db.atomic():
            recover(station.db, station.ends.desk, station.clock())
            found = _unreported(station)
            _write(file, json.dumps(found) + "\n")
            box.move(station.db, BoxState.REPLACED, station.clock().at_ms)
        amount = sum(int(each["amount_minor"]) for each in found)
        click.echo(json.dumps({"receipts": len(found), "amount_minor": amount}))


def _write(file: Path, text: str) -> None:
    try:
        write_whole(file, text.encode())
    except OSError as error:
        raise BackupError(f"expected to write {file}: {error}") from error


def _unreported(station: Bench) -> list[dict[str, Any]]:
    """Payouts of which the centre has no record, as it takes them.

    Also those that were confirmed when this box could no longer write them down.
    """
    after = outbox.delivered(station.db, LogClass.MONEY).seq
    run = logs.read_run(station.db, LogClass.MONEY, after, RECORDS_MAX, 2**40)
    posted = [
        each.body
        for each in run
        if each.kind == Up.DRAWDOWN.value and each.body["state"] == DrawState.POSTED.value
    ]
    paid = (each.drawdown for each in leases.paid_out_draws(station.db))
    return posted + [encode(replace(each, state=DrawState.POSTED)) for each in paid]
