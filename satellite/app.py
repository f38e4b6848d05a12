"""The command ``harvestline-satellite``: where the room's parts are joined.

The only module here that reads the clock, the environment or chance, and that
hears signals. A command lives in ``satellite.commands`` and is imported only when
it is asked for, so that ``--help`` is quick.
"""

from __future__ import annotations

import importlib
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Sequence

import click

from core.errors import HarvestlineError
from satellite import VERSION
from satellite.commands.hands import EXIT_CODES, Hands

# name: (module, attribute, what `--help` says of it)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "calibrate": ("calibrate", "calibrate", "fit the yield model to past seasons"),
    "hazards": ("hazards", "hazards", "the record of past seasons; the trigger on losses"),
    "ingest": ("imagery", "ingest", "read a catalog once: series, seasons, evidence"),
    "integrity": ("integrity", "integrity", "name what does not fit, for an officer to visit"),
    "keygen": ("signing", "keygen", "make a key to sign evidence with"),
    "quicklooks": ("quicklooks", "quicklooks", "draw plots by date, and maps of the district"),
    "watch": ("imagery", "watch", "follow a catalog and deliver what is new"),
    "yield": ("yields", "yields", "district yields: backtest, and priors for plots"),
}


class _LazyGroup(click.Group):
    """Knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """The names of all commands, in order."""
        return sorted(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002  # click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(
            importlib.import_module(f"satellite.commands.{module}"), attribute
        )
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002  # click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in sorted(COMMANDS)])


@click.group(cls=_LazyGroup, epilog=EXIT_CODES)
@click.version_option(VERSION)
@click.pass_context
def cli(context: click.Context) -> None:
    """Imagery to evidence: what satellites know of plots, seasons and yields.

    Start with: harvestline-satellite ingest CATALOG --plots PLOTS --out DIR
    """
    context.obj = Hands(os.environ, secrets.token_bytes, time.sleep, time.process_time, _on_stop)


def main(words: Sequence[str] | None = None) -> None:
    """Run the command; a fault of ours ends in its catalogue number and exit code.

    Parameters
    ----------
    words
        The command line after the program's name; the process's own if absent.
    """
    try:
        cli(words)
    except HarvestlineError as error:
        click.echo(f"{error.code} {error.entry.title}: {error}", err=True)
        sys.exit(error.entry.exit_code)


def _on_stop(call: Callable[[], None]) -> None:
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: call())


if __name__ == "__main__":
    main()
