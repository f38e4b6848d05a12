"""``harvestline-sim``: where the simulator's commands, clock and environment meet.

A command lives in its own module under ``commands/`` and is imported only when it
is asked for, so that ``--help`` does not wait for rasterio. To add one, add a line
to ``COMMANDS``.
"""

from __future__ import annotations

import importlib
import os
import secrets
import sys
import time
import uuid
from pathlib import Path

import click

from core.errors import HarvestlineError
from core.timeline import CLOCK_SETTING, DEMO_SETTING, parse_clock_text, require_demo_mode
from firmware_sim.commands.hands import Hands
from firmware_sim.config import SettingError, option_defaults, read_tables

# name: (module, attribute, what `--help` says of it)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("firmware_sim.commands.demo", "command", "Play a season on this machine."),
    "district": ("firmware_sim.commands.district", "command", "Write a village and its past."),
    "fleet": ("firmware_sim.commands.fleet", "command", "Run the village's devices."),
    "frauds": ("firmware_sim.commands.frauds", "command", "Plant frauds in a village, apart."),
    "replay": ("firmware_sim.commands.replay", "command", "Play recorded readings as devices."),
    "scenes": ("firmware_sim.commands.scenes", "command", "Write the live season's scenes."),
    "truth": ("firmware_sim.commands.truth", "command", "Write what truly happened, apart."),
    "weather": ("firmware_sim.commands.weather", "command", "Write the weather record."),
}


class _LazyGroup(click.Group):
    """Knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of all commands, in order."""
        return sorted(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the list of commands without importing any."""
        if COMMANDS:
            with formatter.section("Commands"):
                formatter.write_dl([(name, COMMANDS[name][2]) for name in sorted(COMMANDS)])

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a catalogued error becomes one line and its exit code."""
        try:
            return super().invoke(ctx)
        except HarvestlineError as error:
            click.echo(f"{error.code} {error.entry.title}: {error}", err=True)
            sys.exit(error.entry.exit_code)


def made_hands() -> Hands:
    """The clock and chance of this process.

    Raises
    ------
    UnitError
        If a clock file is set outside demo mode.
    """
    clock_path = os.environ.get(CLOCK_SETTING)
    require_demo_mode(clock_path, os.environ.get(DEMO_SETTING))
    return Hands(
        now_ms=(lambda: _read_clock(Path(clock_path))) if clock_path else _wall_ms,
        new_epoch=lambda: uuid.uuid4().hex[:16],
        new_secret=lambda: secrets.token_bytes(32),
        is_virtual=bool(clock_path),
    )


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _read_clock(path: Path) -> int:
    try:
        return parse_clock_text(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"expected a clock file at {path}: {error}") from error


@click.group(cls=_LazyGroup)
@click.version_option(package_name="harvestline")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings in TOML: one table a command, e.g. [district] past_seasons = 4.",
)
@click.pass_context
def main(ctx: click.Context, config: Path | None) -> None:
    """Simulated devices and the seeded district around them.

    One seed gives one village: its farmers, plots, herds and machines, a season's
    weather, and from that weather what sensors read and satellites see.

    Every option may also be set as HARVESTLINE_SIM_<COMMAND>_<OPTION>.

    Exit codes: 0 done, 2 wrong usage, 3 bad input, 5 peer not reachable, 6 output
    cannot be written.
    """
    ctx.obj = made_hands()
    tables = read_tables(config, COMMANDS) if config else {}
    name = ctx.invoked_subcommand
    command = main.get_command(ctx, name) if name else None
    if name and command is not None:
        table = tables.get(name, {})
        ctx.default_map = {name: option_defaults(name, _spoken_options(command), table, os.environ)}


def _spoken_options(command: click.Command) -> dict[str, str]:
    """The long options of a command as settings spell them, with their parameters."""
    return {
        spoken.removeprefix("--").replace("-", "_"): parameter.name
        for parameter in command.params
        for spoken in parameter.opts
        if parameter.name and spoken.startswith("--")
    }
