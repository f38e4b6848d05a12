"""``alerts``: what the station has noticed, for the agent and the lender's officer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from core.units import civil_day
from edge_node.commands.hands import Hands, bench
from edge_node.commands.link import CONFIG
from edge_node.faces.kiosk.words import LANGUAGES, words_in
from edge_node.store import village
from edge_node.store.database import StationDatabase
from edge_node.watch.notices import FOR_FARMERS, Notice
from edge_node.watch.rounds import open_notices


@click.command()
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--days", default=0, type=click.IntRange(0, 400), help="Also what ended so lately.")
@click.option("--language", default="en", type=click.Choice(list(LANGUAGES)), help="Of the words.")
@click.pass_obj
def alerts(hands: Hands, config: Path, as_json: bool, days: int, language: str) -> None:  # noqa: FBT001
    """List alerts to farmers and flags for the lender's officer, the newest first.

    Each with what was noticed, what to do or to look at, since when, and the rows that it
    rests on. Exits with 0 whether or not there are any.
    """
    with bench(hands, config) as station:
        clock, offset_ms = station.clock(), station.settings.utc_offset_ms
        since = civil_day(clock.at_ms, offset_ms) - timedelta(days=days)
        found = open_notices(station.db, since.isoformat() if days else "")
        rows = [row_of(station.db, one, language) for one in found]
    for row in rows:
        click.echo(json.dumps(row, ensure_ascii=False) if as_json else _text(row))


def row_of(db: StationDatabase, notice: Notice, language: str = "en") -> dict[str, Any]:
    """A notice as an agent reads it, with the farmer whom it concerns."""
    words, subject_id = words_in(language), notice.params.get("subject", "")
    farmer = _farmer(db, subject_id)
    return {
        "kind": notice.kind.value,
        "for": "farmer" if notice.kind in FOR_FARMERS else "officer",
        "about": notice.about,
        "subject_id": subject_id,
        "farmer_id": farmer,
        "began_on": notice.began_on,
        "seen_on": notice.seen_on,
        "ended_on": notice.ended_on,
        "what": words.notice(notice),
        "advice": words.advice(notice),
        "evidence": list(notice.evidence),
    }


def _farmer(db: StationDatabase, subject_id: str) -> str:
    try:
        return village.subject(db, subject_id).farmer_id
    except village.UnknownRecordError:
        return ""  # it was registered when the notice began and is not now


def _text(row: Mapping[str, Any]) -> str:
    until = f" to {row['ended_on']}" if row["ended_on"] else ""
    lines = [
        f"{row['for']}: {row['what']}",
        f"  {row['advice']}",
        f"  {row['kind']} {row['about']} ({row['farmer_id'] or 'no farmer'})",
        f"  since {row['began_on']}{until}",
    ]
    return "\n".join([*lines, *(f"    {one}" for one in row["evidence"])])
