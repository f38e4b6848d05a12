"""``harvestline-server``: where the centre's clock, identifiers and environment meet.

The only module of the room that reads the clock, mints identifiers or draws on
chance. A command lives in ``server.commands`` and is imported only when asked for.
"""

from __future__ import annotations

import errno
import importlib
import importlib.util
import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import click
from fastapi import FastAPI

from core.errors import HarvestlineError
from core.timeline import CLOCK_SETTING, DEMO_SETTING, parse_clock_text, require_demo_mode
from server.commands.hands import Hands
from server.config import Settings, load_settings
from server.keys import load_key_pair
from server.services.centre import Centre, RequestError
from server.store.engine import open_store
from server.store.schema import require_current

NS_PER_MS = 1_000_000
TOKEN_BYTES = 32

# name: (module, attribute, what `--help` says of it)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "appeal": ("server.commands.appeals", "appeal", "what farmers ask a person to look at"),
    "agreement": ("server.commands.agreements", "agreement", "the life of agreements"),
    "apr": ("server.commands.price", "apr_group", "the annual percentage rate of a case"),
    "audit": ("server.commands.ledger", "audit", "check the books, name the first bad record"),
    "authority": ("server.commands.accounts", "authority", "how high a limit who may set"),
    "bureau": ("server.commands.bureau", "bureau", "what people owe other lenders"),
    "box-requests": ("server.commands.boxes", "box_requests", "restored boxes that wait"),
    "box-gone": ("server.commands.boxes", "box_gone", "release what a lost box held, by two"),
    "co-lender": ("server.commands.colending", "co_lender", "lenders who carry lines together"),
    "cover": ("server.commands.cover", "cover", "insurances and guarantees behind lines"),
    "cash": ("server.commands.cash", "cash", "who holds cash at the stations, and how much"),
    "enroll-satellite": ("server.commands.village", "enroll_satellite", "register a satellite key"),
    "enroll-station": ("server.commands.village", "enroll_station", "enrol a base station"),
    "erase": ("server.commands.farmer", "erase", "erase a person's data, by two"),
    "export-down": ("server.commands.carrying", "export_down", "write what a station lacks"),
    "farmer": ("server.commands.farmer", "farmer", "a farmer's consents, looks, own copy"),
    "forecast": ("server.commands.weather", "forecast", "send a rain forecast to a station"),
    "hook": ("server.commands.hooks", "hook", "signed news to suppliers and buyers"),
    "import": ("server.commands.village", "import_village", "register a village from its files"),
    "import-envelopes": ("server.commands.carrying", "import_envelopes", "take a carrier's file"),
    "init": ("server.commands.setup", "init", "make a new centre: keys, settings, database"),
    "key-facts": ("server.commands.price", "key_facts_sheet", "the sheet before consent"),
    "ledger": ("server.commands.ledger", "ledger", "the books' rules, and the day's root"),
    "line": ("server.commands.line", "line", "a line's statement, and relief"),
    "map": ("server.commands.maps", "map_", "district maps that the console shows"),
    "migrate": ("server.commands.setup", "migrate", "bring the database to this version"),
    "model": ("server.commands.models", "model", "the life of compact models"),
    "open-lines": ("server.commands.lending", "open_lines", "open lines for known farmers"),
    "paper": ("server.commands.paper", "paper", "invoices and settlements that move a limit"),
    "payout": ("server.commands.payouts", "payout", "pay suppliers and accounts by rails"),
    "price": ("server.commands.price", "price", "the whole price of drawing a product"),
    "product": ("server.commands.products", "product", "explain, play and offer products"),
    "store": ("server.commands.store", "store", "tickets of grain that lies in a store"),
    "stress": ("server.commands.stress", "stress", "a bad season on the whole book"),
    "subsidy": ("server.commands.subsidy", "subsidy", "interest that a region pays"),
    "suspense": ("server.commands.suspense", "suspense", "money on lines that are not known"),
    "report": ("server.commands.reports", "report", "the books and the loans as of any day"),
    "release-station": ("server.commands.village", "release_station", "end a quarantine"),
    "replace-box": ("server.commands.boxes", "replace_box_", "confirm a station's new box"),
    "repayment": ("server.commands.repayments", "repayment", "what banks bring, and bounced"),
    "replay": ("server.commands.lending", "replay", "decide a card again"),
    "review-book": ("server.commands.book", "review_book", "review every open line, in bulk"),
    "run": ("server.commands.setup", "run", "serve the API and the console"),
    "roam": ("server.commands.stations", "roam", "let a line be drawn at another station"),
    "station-destroyed": ("server.commands.stations", "station_destroyed", "declare it, by two"),
    "scenario": ("server.commands.stress", "scenario", "scenarios from records of real droughts"),
    "status": ("server.commands.lending", "status", "counts and high waters"),
    "token": ("server.commands.accounts", "token", "bearer tokens for programs"),
    "updates": ("server.commands.updates", "updates", "signed updates for stations"),
    "user": ("server.commands.accounts", "user", "people who may log in"),
    "order": ("server.commands.orders", "order", "suppliers' orders, as an officer sees them"),
    "partner": ("server.commands.orders", "partner", "suppliers and buyers"),
    "verify": ("server.commands.lending", "verify", "check the books"),
    "word": ("server.commands.words", "word", "words that wait for a second person"),
}
# Commands of other layers that are given the clock.
CLOCKED: dict[str, tuple[str, str, str]] = {
    "federated": (
        "server.training.federated.command",
        "federated_command",
        "train one model with other lenders",
    ),
    "recalibrate": (
        "server.training.restating",
        "recalibrate_command",
        "restate a model's probabilities",
    ),
    "train-trees": (
        "server.training.trees_command",
        "trees_command",
        "train a challenger of boosted trees",
    ),
    "train": ("server.training.command", "train_command", "train a compact model from past loans"),
}


def new_id(at_ms: int) -> str:
    """A UUIDv7 (RFC 9562, 5.7) of an instant [ms UTC]."""
    chance = secrets.randbits(74)
    value = (at_ms & (2**48 - 1)) << 80
    value |= 0x7 << 76 | (chance >> 62) << 64
    value |= 0b10 << 62 | (chance & (2**62 - 1))
    return str(UUID(int=value))


def machine_ms() -> int:
    """The machine's own time [ms UTC], also in a demonstration."""
    return time.time_ns() // NS_PER_MS


def clock_ms() -> int:
    """The time [ms UTC]: the machine's, or in a demonstration the clock file's."""
    path = os.environ.get(CLOCK_SETTING)
    require_demo_mode(path, os.environ.get(DEMO_SETTING))
    if path:
        return parse_clock_text(Path(path).read_text(encoding="utf-8"))
    return machine_ms()


def steady_ms() -> int:
    """A clock that only goes on and tells no time [ms]."""
    return time.monotonic_ns() // NS_PER_MS


def new_token() -> str:
    """A secret of 256 bits in hexadecimal."""
    return secrets.token_hex(TOKEN_BYTES)


def open_centre(config: Path | None) -> Centre:
    """A centre from its settings file and the environment; its database must be current."""
    centre = centre_of(load_settings(config, os.environ))
    require_current(centre.store)
    return centre


def centre_of(settings: Settings) -> Centre:
    """A centre with this process's clock, identifiers and chance."""
    store = open_store(settings.database_url, settings.tenant_id, settings.transaction_tries_max)
    return Centre(
        settings=settings,
        store=store,
        keys=load_key_pair(Path(settings.key_file), settings.name),
        now_ms=clock_ms,
        new_id=lambda: new_id(clock_ms()),
        new_token=new_token,
        machine_ms=machine_ms,
    )


def create_app(centre: Centre) -> FastAPI:
    """The web application: the API and, where it is installed, the console."""
    app = FastAPI(
        title="Harvestline centre",
        description="Envelopes and pulls of stations, evidence, orders, sales, repayments, and "
        "the book for the lender's own programs. See docs/api.md.",
        version="1",
        docs_url="/api/v1/docs",
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    mounts = {"server.api.mount": (steady_ms,), "server.console.mount": ()}
    for name, more in mounts.items():
        if importlib.util.find_spec(name.rpartition(".")[0]) and importlib.util.find_spec(name):
            importlib.import_module(name).mount(app, centre, *more)
    return app


class _LazyGroup(click.Group):
    """Knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of all commands, in order."""
        return sorted(COMMANDS | CLOCKED)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """The command of that name, imported now."""
        found = (COMMANDS | CLOCKED).get(cmd_name)
        if found is None:
            return None
        named = getattr(importlib.import_module(found[0]), found[1])
        command: click.Command = named(clock_ms) if cmd_name in CLOCKED else named
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the list of commands without importing any."""
        known = COMMANDS | CLOCKED
        with formatter.section("Commands"):
            formatter.write_dl([(name, known[name][2]) for name in sorted(known)])

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a catalogued error becomes one line and its exit code.

        So does a file that cannot be read or written: no room, no permission, no folder.
        """
        try:
            return _with_files(super().invoke, ctx)
        except HarvestlineError as error:
            click.echo(f"{error.code} {error.entry.title}: {error}", err=True)
            sys.exit(error.entry.exit_code)


def _with_files(invoke: Callable[[click.Context], object], context: click.Context) -> object:
    try:
        return invoke(context)
    except OSError as error:
        if error.filename is None and error.errno != errno.ENOSPC:
            raise
        named = f"expected to read or write {error.filename or 'a file'}, got: {error.strerror}"
        raise RequestError(f"{named}; name another file or folder, or make room") from error


@click.group(cls=_LazyGroup)
@click.version_option(package_name="harvestline")
@click.pass_context
def main(context: click.Context) -> None:
    """The lender's side: envelopes, evidence, lines and limits, ledger, models, console.

    Exit codes: 0 done, 2 wrong usage, 3 bad input, 4 refused, 5 not reachable,
    6 the store cannot be used.
    """
    context.obj = Hands(open_centre, secrets.token_bytes, create_app)
