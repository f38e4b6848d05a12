"""``harvestline-edge``: where the station's clock, identifiers and environment meet.

The only module of the room that reads the clock, mints identifiers or draws on
chance. A command lives in ``edge_node.commands`` and is imported only when asked for.
"""

from __future__ import annotations

import importlib
import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import click

from core.errors import HarvestlineError
from core.timeline import CLOCK_SETTING, DEMO_SETTING, parse_clock_text, require_demo_mode
from edge_node.commands.hands import Hands
from edge_node.config import SettingError

NS_PER_MS = 1_000_000

# name: (module, attribute, what `--help` says of it)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "alerts": ("edge_node.commands.alerts", "alerts", "what the station has noticed"),
    "backup": ("edge_node.commands.backup", "backup", "write all of this station, sealed"),
    "clock": ("edge_node.commands.clock", "clock", "tell a station without a link the time"),
    "devices": ("edge_node.commands.devices", "devices", "who may speak at this station"),
    "doctor": ("edge_node.commands.doctor", "doctor", "what is wrong here, and what to do"),
    "export": ("edge_node.commands.link", "export", "write what waits to a file"),
    "import": ("edge_node.commands.link", "import_", "apply the centre's envelopes from a file"),
    "init": ("edge_node.commands.setup", "init", "make a new station: keys and settings"),
    "replay": ("edge_node.commands.looking", "replay", "decide a card again"),
    "restore": ("edge_node.commands.backup", "restore", "put a backup back on a new box"),
    "retire": ("edge_node.commands.backup", "retire", "stop a box that was replaced"),
    "run": ("edge_node.commands.serving", "run", "run broker, intake, sync and kiosk"),
    "status": ("edge_node.commands.looking", "status", "how the station is"),
    "tablets": ("edge_node.commands.tablets", "tablets", "agents' tablets: in, out and lost"),
    "unit": ("edge_node.commands.unit", "unit", "print the systemd unit of this station"),
    "updates": ("edge_node.commands.updates", "updates_", "signed updates of models and more"),
    "sync": ("edge_node.commands.link", "sync", "sync with the centre once"),
    "verify-receipt": (
        "edge_node.commands.receipts",
        "verify_receipt",
        "whether a receipt is true",
    ),
}


def new_id(at_ms: int) -> str:
    """A UUIDv7 (RFC 9562, 5.7) of an instant [ms UTC]."""
    chance = secrets.randbits(74)
    value = (at_ms & (2**48 - 1)) << 80
    value |= 0x7 << 76 | (chance >> 62) << 64
    value |= 0b10 << 62 | chance & (2**62 - 1)
    return str(UUID(int=value))


def make_hands() -> Hands:
    """Time, identifiers and chance; time from a clock file in demonstrations.

    Raises
    ------
    UnitError
        If a clock file is set outside demo mode.
    """
    path = os.environ.get(CLOCK_SETTING)
    require_demo_mode(path, os.environ.get(DEMO_SETTING))
    now_ms = _clock_file(Path(path)) if path else _system_clock
    return Hands(
        environment=os.environ,
        now_ms=now_ms,
        elapsed_ms=_ticks_ms,
        mint=lambda: new_id(now_ms()),
        entropy=secrets.token_bytes,
        boot_id="" if path else _boot_id(),
    )


def _boot_id() -> str:
    """Which boot this is (Linux); empty elsewhere: then only the wall clock counts."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _ticks_ms() -> int:
    """Milliseconds since the boot, asleep or awake."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock) // NS_PER_MS


def _system_clock() -> int:
    return time.time_ns() // NS_PER_MS


def _clock_file(path: Path) -> Callable[[], int]:
    def now_ms() -> int:
        try:
            return parse_clock_text(path.read_text(encoding="ascii"))
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(f"expected a clock file at {path}: {error}") from error

    return now_ms


class Commands(click.Group):
    """Commands that are imported when they are asked for; errors from the catalogue."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in order."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, attribute, short = COMMANDS[cmd_name]
        found: click.Command = getattr(importlib.import_module(module), attribute)
        found.short_help = short
        return found

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; a known error becomes one line and the catalogue's exit code."""
        try:
            return super().invoke(ctx)
        except HarvestlineError as error:
            click.echo(f"{error.code} {error.entry.title}: {error}", err=True)
            sys.exit(error.entry.exit_code)


@click.group(cls=Commands)
@click.version_option(package_name="harvestline")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Run and look after a base station.

    Exit codes: 2 wrong usage · 3 bad input or settings · 4 refused (signature,
    chain, replay) · 5 peer or model unavailable · 6 storage. The numbers HL-EDGE-nnn
    are explained in docs/errors.md.
    """
    ctx.obj = make_hands()
