"""``harvestline-sim replay``: recorded readings of real loggers, played as devices."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from core.canonical import canonical_bytes
from firmware_sim.commands.hands import Hands
from firmware_sim.config import OutputFolderError, SettingError
from firmware_sim.fleet.fleet import Fleet, steady_clock_ms
from firmware_sim.fleet.secrets import Secrets, read_secrets
from firmware_sim.fleet.shift import stop_event
from firmware_sim.fleet.station import Uplink, uplink_to
from firmware_sim.replay.devices import new_secrets, registry_fragment, replay_members
from firmware_sim.replay.mapping import ReplayFileError, ReplayMap, read_map
from firmware_sim.replay.player import Patience, play_all, play_paced, start_ms
from firmware_sim.replay.recording import Account, Recording, Window, read_recording

BAD_ROWS_SHOWN = 10
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_OUT = click.Path(path_type=Path, dir_okay=False)


@dataclass(frozen=True, slots=True)
class _Pace:
    """When recorded instants are played: shifted by ``shift_ms`` [ms], at a rate or as they go."""

    shift_ms: int
    rate: int | None


@click.command("replay")
@click.argument("recording", type=_FILE)
@click.option("--map", "map_path", type=_FILE, required=True, help="Which column is what (TOML).")
@click.option(
    "--secrets",
    "secrets_path",
    type=_OUT,
    default="replay-devices.json",
    show_default=True,
    help="The devices' keys; made if there is no such file.",
)
@click.option(
    "--site", default="replay", show_default=True, help="The station's site, for new keys."
)
@click.option("--register", type=_OUT, help="Write a registry fragment for the lender to import.")
@click.option("--broker", metavar="HOST:PORT", help="The station's broker; without it, only check.")
@click.option("--station-key", metavar="HEX", help="The station's public key.")
@click.option("--from", "first", metavar="TIME", help="Play from this ISO 8601 instant.")
@click.option("--until", "last", metavar="TIME", help="Play until before this instant.")
@click.option("--start-at", metavar="TIME", help="Shift so that the first reading falls here.")
@click.option(
    "--rate",
    type=click.IntRange(min=1),
    help="So many times as fast as it was recorded; "
    "by default as fast as the station acknowledges.",
)
@click.option("--bad-rows", type=_OUT, help="Write all bad rows' lines and reasons (CSV).")
@click.pass_obj
def command(  # noqa: PLR0913 - one parameter an option
    hands: Hands,
    /,
    *,
    recording: Path,
    map_path: Path,
    secrets_path: Path,
    site: str,
    register: Path | None,
    broker: str | None,
    station_key: str | None,
    first: str | None,
    last: str | None,
    start_at: str | None,
    rate: int | None,
    bad_rows: Path | None,
) -> None:
    """Play RECORDING, a CSV or parquet of real readings, as devices of a station.

    Bad rows are named by line and counted; the rest plays. What has been
    acknowledged is printed at the end as one line of JSON.
    """
    mapping = read_map(map_path)
    secrets = _secrets(secrets_path, mapping, site, hands.new_secret)
    if register:
        _write(register, canonical_bytes(registry_fragment(mapping, secrets, site)))
        click.echo(f"{len(mapping.device)} devices written to {register}", err=True)
    uplink = _uplink(secrets.site, broker, station_key)
    window = Window(
        *(_instant(text) if text else d for text, d in ((first, 0), (last, Window().until_ms)))
    )
    found = read_recording(recording, mapping, window)
    _tell(found.account, bad_rows)
    if not found.moments:
        raise ReplayFileError(f"expected readings in {recording}, got none that the MAP speaks of")
    shift_ms = _instant(start_at) - _first_ms(found) if start_at else 0
    result = _summary(found)
    if uplink is not None:
        result |= _played(hands, (mapping, secrets, found), uplink, _Pace(shift_ms, rate))
    click.echo(json.dumps(result))


def _played(
    hands: Hands, what: tuple[ReplayMap, Secrets, Recording], uplink: Uplink, pace: _Pace
) -> dict[str, int]:
    mapping, secrets, found = what
    members = replay_members(mapping, found.moments, secrets, pace.shift_ms)
    began_ms = start_ms(found) + pace.shift_ms
    with Fleet(members, uplink, began_ms, hands.new_epoch) as fleet:
        if pace.rate is not None:
            clock = _paced_clock(began_ms, pace.rate)
            play_paced(fleet, found, pace.shift_ms, clock, stop_event())
        else:
            total = sum(len(part) for part in found.moments.values())
            with click.progressbar(
                length=total, label="Samples", file=sys.stderr, hidden=not sys.stderr.isatty()
            ) as bar:
                play_all(fleet, found, pace.shift_ms, Patience(), bar.update)
        left = fleet.wait_acknowledged(0).unacknowledged
        return {**asdict(fleet.counts()), "unacknowledged": left}


def _paced_clock(began_ms: int, rate: int) -> Callable[[], int]:
    zero_ms = steady_clock_ms()
    return lambda: began_ms + (steady_clock_ms() - zero_ms) * rate


def _first_ms(found: Recording) -> int:
    return min(part[0].at_ms for part in found.moments.values())


def _summary(found: Recording) -> dict[str, Any]:
    account = found.account
    return {
        "devices": len(found.moments),
        "samples": sum(len(part) for part in found.moments.values()),
        "rows": account.rows,
        "readings": account.readings,
        "rows_elsewhere": account.elsewhere,
        "readings_outside": account.outside,
        "bad_rows": dict(sorted(account.bad_by_reason.items())),
    }


def _tell(account: Account, out: Path | None) -> None:
    for bad in account.bad[:BAD_ROWS_SHOWN]:
        click.echo(f"line {bad.line}: {bad.reason}", err=True)
    hidden = sum(account.bad_by_reason.values()) - BAD_ROWS_SHOWN
    if hidden > 0:
        click.echo(f"and {hidden} more; --bad-rows FILE names them", err=True)
    if out:
        lines = (f"{bad.line},{bad.reason}\n" for bad in account.bad)
        _write(out, ("line,reason\n" + "".join(lines)).encode())


def _uplink(site: str, broker: str | None, station_key: str | None) -> Uplink | None:
    if broker is None:
        return None
    if station_key is None:
        raise SettingError("expected --station-key with --broker: devices trust no other answer")
    return uplink_to(site, broker, station_key)


def _instant(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingError(f"expected a time such as 2021-08-01T00:00, got {text!r}") from error
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return round(at.timestamp() * 1000)


def _secrets(path: Path, mapping: ReplayMap, site: str, new_secret: Callable[[], bytes]) -> Secrets:
    if not path.exists():
        made = json.dumps(new_secrets(mapping, site, new_secret), indent=1).encode()
        _write(path, made, mode=0o600)
        click.echo(f"new keys of {len(mapping.device)} devices written to {path}", err=True)
    return read_secrets(path)


def _write(path: Path, data: bytes, mode: int = 0o644) -> None:
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.unlink(missing_ok=True)
        partial.touch(mode=mode)
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        raise OutputFolderError(f"expected to write {path}: {error}") from error
