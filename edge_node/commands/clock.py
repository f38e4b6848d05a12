"""``clock``: tell a station that cannot reach its centre what time it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from core.errors import UnitError
from core.lending.clock import Anchor
from core.wire.records import ClockSet, Up
from edge_node.commands.hands import Hands, bench
from edge_node.commands.link import CONFIG
from edge_node.store import logs
from edge_node.store.clocks import OPERATOR, take_anchor

REASON_CHARACTERS = (3, 200)
MS_PER_S = 1_000


@click.command("clock")
@CONFIG
@click.option("--at", required=True, help="The time now in UTC, as 2026-04-01T09:30:00.")
@click.option("--error-s", type=click.IntRange(1, 86_400), required=True, help="May be off by.")
@click.option("--reason", required=True, help="Why, for the lender's audit; no names.")
@click.pass_obj
def clock(hands: Hands, config: Path, at: str, error_s: int, reason: str) -> None:
    """Tell the station the time when its clock stands wrong and no link is near.

    It may take a time back that a clock had run ahead to, never to before what the centre
    has signed. It is written down for the lender. Leases hold whatever is told: a
    wrong time can let an expired one be drawn on, never a unit more than it carries.
    """
    told_ms = _instant_ms(at)
    shortest, longest = REASON_CHARACTERS
    if not shortest <= len(reason) <= longest:
        raise UnitError(f"expected a reason of {shortest} to {longest} characters")
    with bench(hands, config) as station:
        anchor = Anchor(told_ms, error_s * MS_PER_S, hands.reading())
        with station.db.atomic():
            floor_ms = take_anchor(station.db, anchor, OPERATOR, reason)
            record = ClockSet(told_ms, anchor.error_ms, floor_ms, reason)
            logs.append(station.db, station.settings.station, Up.CLOCK_SET, record, station.clock())
        now = station.clock()
        told = {"at_ms": now.at_ms, "error_ms": now.error_ms, "known": now.known}
        click.echo(json.dumps({**told, "floor_before_ms": floor_ms}))


def _instant_ms(text: str) -> int:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UnitError(f"expected a time such as 2026-04-01T09:30:00, got {text!r}") from error
    in_utc = found if found.tzinfo else found.replace(tzinfo=UTC)
    return int(in_utc.timestamp()) * MS_PER_S
