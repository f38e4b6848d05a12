"""``status`` and ``replay``: look at a station without changing it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from core.shape import encode
from edge_node.commands.hands import Hands, allowance_of, bench
from edge_node.commands.link import CONFIG
from edge_node.commands.watching import STATUS, ask_running
from edge_node.decide.replaying import replay_card
from edge_node.faces.kiosk.station_page import IntakeHealth, station_state
from edge_node.keys import KeyRing
from edge_node.store import box, decisions
from edge_node.sync.metering import uplink_state


@click.command()
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def status(hands: Hands, config: Path, as_json: bool) -> None:  # noqa: FBT001  (a click flag)
    """Say how the station is: link, outbox, leases, model, clock, devices.

    The keys of --json are told in docs/station.md.
    """
    with bench(hands, config) as station:
        name = station.settings.station
        clock, settings = station.clock(), station.settings
        said_itself = ask_running(settings, STATUS)
        state = station_state(station.db, name, clock, lambda: _health(said_itself))
        this_box = encode(box.standing(station.db))
        uplink = uplink_state(station.db, allowance_of(settings), clock, settings.utc_offset_ms)
    running = bool(said_itself)
    said = {**encode(state), "uplink": encode(uplink), "box": this_box, "running": running}
    if as_json:
        click.echo(json.dumps(said))
        return
    for key, value in said.items():
        click.echo(f"{key}: {json.dumps(value) if isinstance(value, dict | list) else value}")


def _health(said: Mapping[str, Any]) -> IntakeHealth:
    """What only the running station knows of itself."""
    return IntakeHealth(
        bool(said.get("intake_connected")),
        bool(said.get("storage_blocked")),
        tuple(said.get("stuck_parts", ())),
    )


@click.command()
@CONFIG
@click.argument("card_id", required=False)
@click.option("--every", is_flag=True, help="Replay all cards of this station.")
@click.pass_obj
def replay(hands: Hands, config: Path, card_id: str | None, every: bool) -> None:  # noqa: FBT001
    """Decide CARD_ID again from what it records; exits with 4 unless the bytes are the same."""
    if bool(card_id) == every:
        raise click.UsageError("expected a CARD_ID, or --every")
    with bench(hands, config) as station:
        verifier = KeyRing([station.keys.signer.public_key])
        wanted = decisions.card_ids(station.db) if every else (card_id or "",)
        for each in wanted:
            click.echo(json.dumps(encode(replay_card(station.db, each, verifier))))
