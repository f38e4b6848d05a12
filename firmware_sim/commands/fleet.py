"""``harvestline-sim fleet``: the village's devices over a real broker."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click

from core.units import MS_PER_DAY
from firmware_sim.commands.hands import Hands
from firmware_sim.config import SettingError
from firmware_sim.fleet.flash import FlashFolder, FlashInMemory
from firmware_sim.fleet.fleet import Fleet, steady_clock_ms
from firmware_sim.fleet.secrets import read_secrets
from firmware_sim.fleet.shift import stop_event, work
from firmware_sim.fleet.station import uplink_to
from firmware_sim.fleet.village import Habits, season_start_ms, village_members
from firmware_sim.history.folder import SECRETS_FILE, read_district

RATE_MAX = 1_000_000


@click.command("fleet")
@click.option(
    "--district",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="A folder of `harvestline-sim district`.",
)
@click.option("--broker", required=True, metavar="HOST:PORT", help="The station's MQTT broker.")
@click.option("--station-key", required=True, metavar="HEX", help="The station's public key.")
@click.option("--drought/--no-drought", default=False, help="Live the season with the drought.")
@click.option(
    "--sample-minutes",
    type=click.IntRange(1, 24 * 60),
    default=180,
    show_default=True,
    help="How often devices measure.",
)
@click.option(
    "--rate",
    type=click.IntRange(1, RATE_MAX),
    help="Begin at the season's first day and run so many times as fast as a wall clock.",
)
@click.option(
    "--flash",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the devices' flash, so that they go on where they were.",
)
@click.option("--json", "as_json", is_flag=True, help="Print lines of JSON.")
@click.pass_obj
def command(  # noqa: PLR0913 - one parameter an option
    hands: Hands,
    /,
    *,
    folder: Path,
    broker: str,
    station_key: str,
    drought: bool,
    sample_minutes: int,
    rate: int | None,
    flash: Path | None,
    as_json: bool,
) -> None:
    """Run all devices of a district until Ctrl-C.

    Time comes from the clock file (HARVESTLINE_CLOCK, demo mode), from --rate, or
    from the machine's clock; outside the season there is nothing to measure, and the
    command says so.
    """
    secrets = read_secrets(folder / SECRETS_FILE)
    uplink = uplink_to(secrets.site, broker, station_key)
    district, truth = read_district(folder, drought=drought)
    start_ms = season_start_ms(truth)
    now_ms = _clock(hands, rate, start_ms)
    if not start_ms <= now_ms() < start_ms + truth.spec.days * MS_PER_DAY:
        raise SettingError(
            f"expected a time within the {truth.spec.days} days from {truth.spec.first_day}, got "
            f"{now_ms()} ms: set a clock file, or --rate to begin at the season's first day"
        )
    members = village_members(
        district, truth, secrets.of, Habits(sample_ms=sample_minutes * 60_000)
    )
    stopped = stop_event()
    store = FlashFolder(flash) if flash else FlashInMemory()
    with Fleet(members, uplink, now_ms(), hands.new_epoch, store) as fleet:
        click.echo(json.dumps({"ready": True, "devices": len(members), "broker": broker}))
        left = work(fleet, now_ms, stopped, lambda line: click.echo(line, err=True))
        counts = {**asdict(fleet.counts()), "unacknowledged": left.unacknowledged}
    click.echo(json.dumps(counts) if as_json else _table(counts))


def _clock(hands: Hands, rate: int | None, start_ms: int) -> Callable[[], int]:
    if rate is None:
        return hands.now_ms
    if hands.is_virtual:
        raise SettingError("expected either a clock file or --rate, got both: drop --rate")
    began_ms = steady_clock_ms()
    return lambda: start_ms + (steady_clock_ms() - began_ms) * rate


def _table(counts: dict[str, int]) -> str:
    return "\n".join(f"{name.replace('_', ' '):<20} {count:>9,}" for name, count in counts.items())
