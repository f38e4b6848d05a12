"""``harvestline-sim fleet``: the village's devices over a real broker."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click

from core.canonical import canonical_bytes
from core.shape import encode
from core.units import MS_PER_DAY
from firmware_sim.adversaries import enlisted
from firmware_sim.adversaries.plan import FleetPlan, PlannedEvent, befall, read_plan
from firmware_sim.commands.hands import Hands
from firmware_sim.config import OutputFolderError, SettingError
from firmware_sim.device.machine import ACK_WAIT_MS
from firmware_sim.district.places import District
from firmware_sim.district.season import SeasonTruth
from firmware_sim.district.simulate import declared_sowing
from firmware_sim.fleet.crowd import DEVICES_MAX, crowd_secrets, crowded
from firmware_sim.fleet.flash import FlashFolder, FlashInMemory, FlashPages, FlashStore
from firmware_sim.fleet.fleet import Fleet, steady_clock_ms
from firmware_sim.fleet.member import Member
from firmware_sim.fleet.rehearsal import (
    ACK_WAIT_MS as REHEARSAL_ACK_WAIT_MS,
)
from firmware_sim.fleet.rehearsal import KEEPALIVE_S, Journal, rehearse, seeded_epochs
from firmware_sim.fleet.secrets import read_secrets
from firmware_sim.fleet.shift import stop_event, work
from firmware_sim.fleet.station import Uplink, uplink_to
from firmware_sim.fleet.village import season_start_ms
from firmware_sim.history.folder import SECRETS_FILE, read_district
from firmware_sim.history.register import registry_of

RATE_MAX = 1_000_000
MS_PER_HOUR = 3_600_000
MS_PER_MINUTE = 60_000
BYTES_PER_MB = 1_000_000
_KIB = 1024
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_OUT_FILE = click.Path(path_type=Path, dir_okay=False)
_OUT_FOLDER = click.Path(path_type=Path, file_okay=False)


@dataclass(frozen=True, slots=True)
class _Options:
    """What the command line says of how the fleet lives."""

    plan: Path | None
    devices: int | None
    register: Path | None
    station: str
    sample_minutes: int
    rate: int | None
    days: int | None
    step_minutes: int
    flash: Path | None
    messages: Path | None


@click.command("fleet")
@click.option(
    "--district",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="A folder of `harvestline-sim district`.",
)
@click.option("--broker", metavar="HOST:PORT", help="The station's MQTT broker.")
@click.option("--station-key", metavar="HEX", help="The station's public key.")
@click.option("--drought/--no-drought", default=False, help="Live the season with the drought.")
@click.option("--plan", type=_FILE, help="Firmware, faults, events and adversaries (TOML).")
@click.option(
    "--devices",
    type=click.IntRange(1, DEVICES_MAX),
    help="So many devices: the village's places, taken again and again.",
)
@click.option("--register", type=_OUT_FILE, help="Write their registry for the lender, and end.")
@click.option("--station", default="station-1", show_default=True, help="Station to register at.")
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
    "--days",
    type=click.IntRange(1, 400),
    help="Live so many days, as fast as the station acknowledges; the same seed says the same.",
)
@click.option(
    "--step-minutes",
    type=click.IntRange(1, 24 * 60),
    default=24 * 60,
    show_default=True,
    help="With --days: what is acknowledged before the next step.",
)
@click.option(
    "--flash",
    type=_OUT_FOLDER,
    help="Folder for the devices' flash, so that they go on where they were.",
)
@click.option("--messages", type=_OUT_FOLDER, help="Write all they publish, a file a device.")
@click.option("--json", "as_json", is_flag=True, help="Print lines of JSON.")
@click.pass_obj
def command(
    hands: Hands,
    /,
    *,
    folder: Path,
    broker: str | None,
    station_key: str | None,
    drought: bool,
    as_json: bool,
    **said: Any,
) -> None:
    """Run all devices of a district until Ctrl-C, or for --days.

    Time comes from the clock file (HARVESTLINE_CLOCK, demo mode), from --rate, from
    --days, or from the machine's clock; outside the season there is nothing to
    measure, and the command says so.
    """
    options = _Options(**said)
    season = _season(folder, options, drought=drought)
    if options.register:
        _register(options.register, season, options.station)
        click.echo(f"{len(season[0].devices)} devices written to {options.register}")
        return
    if broker is None or station_key is None:
        raise click.UsageError("expected --broker and --station-key, or --register")
    uplink = uplink_to(season[0].site, broker, station_key)
    counts = _lived(hands, season, folder, uplink, options)
    click.echo(json.dumps(counts) if as_json else _table(counts))


def _season(folder: Path, options: _Options, *, drought: bool) -> tuple[District, SeasonTruth]:
    district, truth = read_district(folder, drought=drought)
    return (crowded(district, options.devices) if options.devices else district), truth


def _register(path: Path, season: tuple[District, SeasonTruth], station: str) -> None:
    district, truth = season
    sown_on = declared_sowing(district, truth.spec, district.seed)
    registry = registry_of(district, station, truth.spec.season_id, sown_on, ())
    try:
        path.write_bytes(canonical_bytes(encode(registry)))
    except OSError as error:
        raise OutputFolderError(f"expected to write {path}: {error}") from error


def _lived(
    hands: Hands,
    season: tuple[District, SeasonTruth],
    folder: Path,
    uplink: Uplink,
    options: _Options,
) -> dict[str, float]:
    district, truth = season
    plan = read_plan(options.plan) if options.plan else FleetPlan()
    now_ms = _clock(hands, options, season_start_ms(truth))
    _require_season(truth, now_ms())
    held = {**crowd_secrets(district), **read_secrets(folder / SECRETS_FILE).of}
    ack_wait_ms = REHEARSAL_ACK_WAIT_MS if options.days else ACK_WAIT_MS
    habits = plan.habits(options.sample_minutes, ack_wait_ms)
    members = enlisted(season, held, plan.adversaries, habits)
    if options.days:
        uplink = replace(uplink, keepalive_s=KEEPALIVE_S)
    store = _flash(options, plan)
    journal = Journal(options.messages) if options.messages else None
    new_epoch = seeded_epochs(district.seed) if options.days else hands.new_epoch
    fate = _Fate(plan, season_start_ms(truth), store)
    with Fleet(members, uplink, now_ms(), new_epoch, store, journal) as fleet:
        broker = f"{uplink.host}:{uplink.port}"
        click.echo(json.dumps({"ready": True, "devices": len(members), "broker": broker}))
        if options.days:
            _rehearsed(fleet, members, fate, now_ms(), options)
        else:
            work(fleet, now_ms, stop_event(), lambda line: click.echo(line, err=True), fate.strike)
        left = fleet.wait_acknowledged(0).unacknowledged
        return {**asdict(fleet.counts()), "unacknowledged": left, **_spent()}


class _Fate:
    """What the plan has in store for the devices, each event once."""

    def __init__(self, plan: FleetPlan, start_ms: int, store: FlashStore) -> None:
        self._pages = store if isinstance(store, FlashPages) else None
        self._start_ms = start_ms
        self._ahead = sorted(plan.events, key=lambda event: event.at_hours)

    def instants_ms(self) -> tuple[int, ...]:
        """When something will happen [ms UTC]."""
        return tuple(self._due_ms(event) for event in self._ahead)

    def strike(self, fleet: Fleet, at_ms: int) -> None:
        """Let happen all that is due by an instant [ms UTC], at its own hour."""
        while self._ahead and self._due_ms(self._ahead[0]) <= at_ms:
            event = self._ahead.pop(0)
            fleet.advance(self._due_ms(event))
            befall(fleet, event, self._pages)

    def _due_ms(self, event: PlannedEvent) -> int:
        return self._start_ms + event.at_hours * MS_PER_HOUR


def _rehearsed(
    fleet: Fleet, members: tuple[Member, ...], fate: _Fate, from_ms: int, options: _Options
) -> None:
    until_ms = from_ms + (options.days or 0) * MS_PER_DAY
    step_ms = options.step_minutes * MS_PER_MINUTE
    steps = {*range(from_ms + step_ms, until_ms, step_ms), until_ms, *fate.instants_ms()}
    # Who claims to be another device is let in only in turns, if at all.
    honest = {m.spec.device for m in members if not m.duty.report_ms}
    claimed = {m.spec.device for m in members if m.place}
    instants_ms = sorted(at_ms for at_ms in steps if from_ms < at_ms <= until_ms)
    rehearse(fleet, instants_ms, lambda at_ms: fate.strike(fleet, at_ms), len(honest - claimed))


def _flash(options: _Options, plan: FleetPlan) -> FlashStore:
    if plan.firmware.flash_slots:
        if options.flash:
            raise SettingError("expected either --flash or flash_slots in the plan, got both")
        return FlashPages(plan.firmware.flash_slots)
    return FlashFolder(options.flash) if options.flash else FlashInMemory()


def _clock(hands: Hands, options: _Options, start_ms: int) -> Callable[[], int]:
    rate = options.rate
    if rate is not None and options.days is not None:
        raise SettingError("expected either --rate or --days, got both: drop one")
    if (rate is not None or options.days is not None) and hands.is_virtual:
        wrong = "--rate" if rate is not None else "--days"
        raise SettingError(f"expected either a clock file or {wrong}, got both: drop {wrong}")
    if options.days is not None:
        return lambda: start_ms
    if rate is None:
        return hands.now_ms
    began_ms = steady_clock_ms()
    return lambda: start_ms + (steady_clock_ms() - began_ms) * rate


def _require_season(truth: SeasonTruth, now_ms: int) -> None:
    start_ms = season_start_ms(truth)
    if not start_ms <= now_ms < start_ms + truth.spec.days * MS_PER_DAY:
        raise SettingError(
            f"expected a time within the {truth.spec.days} days from {truth.spec.first_day}, got "
            f"{now_ms} ms: set a clock file, or --rate to begin at the season's first day"
        )


def _spent() -> dict[str, float]:
    """The most memory that this process had resident [MB], and its processor time [s]."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "resident_mb_max": round(used.ru_maxrss * _KIB / BYTES_PER_MB, 1),
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
    }


def _table(counts: Mapping[str, float]) -> str:
    return "\n".join(f"{name.replace('_', ' '):<20} {count:>9,}" for name, count in counts.items())
