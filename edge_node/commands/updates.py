"""``updates``: fetch, carry in, look at and take back models, products, prompts and maps."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from core.canonical import canonical_bytes
from core.errors import CATALOGUE
from core.shape import encode
from core.units import civil_day
from core.wire.update import Message, PromptsPack, Slot
from edge_node.commands.hands import Bench, Hands, bench, client_of
from edge_node.commands.link import CONFIG
from edge_node.commands.updating import channel_of, look_over_link
from edge_node.config import SettingError
from edge_node.faces.kiosk.words import LANGUAGES, needed, spoken
from edge_node.store import models, updates
from edge_node.updates.rounds import Channel, Looked, look, roll_back, watch
from edge_node.updates.source import FolderSource

REASON_CHARACTERS = (3, 200)


@click.group("updates")
def updates_() -> None:
    """Models, products, prompts and basemaps: signed by the lender, examined here."""


@updates_.command("fetch")
@CONFIG
@click.pass_obj
def fetch(hands: Hands, config: Path) -> None:
    """Look for updates at the centre once, within what they may cost today.

    What breaks off goes on at the next. Exits with a refusal's code if there was one.
    """
    with _channel(hands, config) as (station, channel):
        if not station.settings.server_url:
            raise SettingError("expected server_url in the settings: say where the centre is")
        client = client_of(station.settings, hands.elapsed_ms)
        with contextlib.closing(client):
            looked = look_over_link(channel, station, client)
    _told(looked)


@updates_.command("import")
@CONFIG
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.pass_obj
def import_(hands: Hands, config: Path, folder: Path) -> None:
    """Take updates from FOLDER, which harvestline-server updates export wrote to a stick."""
    with _channel(hands, config) as (station, channel):
        looked = look(channel, FolderSource(folder), station.clock())
    _told(looked)


@updates_.command("rollback")
@CONFIG
@click.argument("slot")
@click.option("--reason", required=True, help="Why, for the lender; no names.")
@click.pass_obj
def rollback(hands: Hands, config: Path, slot: str, reason: str) -> None:
    """Take the version of SLOT out of use for good, and go back to the one before it.

    SLOT is model, basemap, product/ID or prompts/LANGUAGE.
    """
    shortest, longest = REASON_CHARACTERS
    if not shortest <= len(reason) <= longest:
        raise click.UsageError(f"expected a reason of {shortest} to {longest} characters")
    with _channel(hands, config) as (station, channel):
        now = roll_back(channel, Slot(slot).text, reason, station.clock())
    version = now.version if now is not None else 0
    click.echo(json.dumps({"slot": slot, "in_use_version": version}))


@updates_.command("check")
@CONFIG
@click.pass_obj
def check(hands: Hands, config: Path) -> None:
    """Examine all that is in use now; what is unsound goes, and what was before it comes back."""
    with _channel(hands, config) as (station, channel):
        gone = watch(channel, station.clock(), starting=True)
        kept = [f"{one.slot} {one.version}" for one in updates.all_in_use(station.db)]
    click.echo(json.dumps({"sound": kept, "rolled_back": list(gone)}))


@updates_.command("status")
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def status(hands: Hands, config: Path, as_json: bool) -> None:  # noqa: FBT001  (a click flag)
    """What is in use, what was refused or taken back and why, and when the last look was."""
    with bench(hands, config) as station:
        said = _status(station)
    if as_json:
        click.echo(json.dumps(said))
        return
    for key, value in said.items():
        if isinstance(value, list):
            for one in value:
                click.echo(f"{key}: {json.dumps(one)}")
        else:
            click.echo(f"{key}: {value}")


@updates_.command("prompts")
@CONFIG
@click.option("--language", type=click.Choice(sorted(LANGUAGES)), required=True)
@click.pass_obj
def prompts(hands: Hands, config: Path, language: str) -> None:
    """Write a language's sentences as this station speaks them, for a translator to change."""
    with bench(hands, config) as station:
        words = spoken(station.db, language)
        messages = tuple(Message(key, words.say(key)) for key in sorted(needed()))
    pack = PromptsPack(language, LANGUAGES[language], messages)
    click.echo(json.dumps(json.loads(canonical_bytes(encode(pack))), indent=1, ensure_ascii=False))


def _status(station: Bench) -> dict[str, Any]:
    settings, clock, db = station.settings, station.clock(), station.db
    model, found = models.current_model(db), updates.look(db)
    day = civil_day(clock.at_ms, settings.utc_offset_ms).isoformat()
    return {
        "set_up": settings.update_root_file != Path(),
        "deciding_model": {
            "version": model.model.version if model else 0,
            "stale": bool(model and not model.model.valid_from_ms <= clock.at_ms
                          < model.model.valid_to_ms),
        },
        "looked_at_ms": found.tried_ms,
        "up_to_date_at_ms": found.checked_ms,
        "problem": found.problem,
        "more_waits": found.more,
        "metadata": dict(updates.floors(db)),
        "moved_bytes_today": updates.moved_on(db, day),
        "bytes_a_day_max": settings.update_bytes_a_day_max,
        "versions": [encode(version) for version in updates.every(db)],
    }  # fmt: skip


@contextlib.contextmanager
def _channel(hands: Hands, config: Path) -> Iterator[tuple[Bench, Channel]]:
    with bench(hands, config) as station:
        yield station, channel_of(station, station.db, _say)


def _say(event: str, facts: dict[str, str | int]) -> None:
    click.echo(f"{event} {' '.join(str(fact) for fact in facts.values())}", err=True)


def _told(looked: Looked) -> None:
    """Say what a look brought; the first refusal gives the exit code."""
    click.echo(json.dumps(encode(looked)))
    said = [words for words in (looked.problem, *looked.refusals) if words]
    for words in said:
        click.echo(words, err=True)
    if said:
        sys.exit(CATALOGUE[said[0].partition(":")[0]].exit_code)
