"""``init``, ``migrate`` and ``run``."""

from __future__ import annotations

import gc
import json
import signal
import socket
from pathlib import Path

import click
import uvicorn

from server.commands.hands import Hands, centre_of, config_option, hands_of, json_option, show
from server.config import SettingError, Settings, load_settings, settings_text
from server.keys import SEED_BYTES, write_key_pair, write_secret
from server.services.centre import RequestError
from server.services.courier import carrying
from server.services.payouts.loading import load_rails
from server.services.restating import restate_once
from server.store.engine import open_store
from server.store.schema import migrate as bring_up

SETTINGS_FILE = "server.toml"
SECRET_BYTES = 32
SHUTDOWN_S_MAX = 10
# On a link of 2 kbit/s an answer is under way for many seconds after it was written, and a
# station that syncs every minute should not shake hands anew each time.
KEEP_ALIVE_S = 120


@click.command("init")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--name", default="centre", show_default=True, help="The centre's name.")
@click.option("--tenant", default="lender", show_default=True, help="Whose book this is.")
@click.option("--database-url", default="sqlite:///centre.sqlite", show_default=True)
@click.option("--port", default=0, show_default=True, help="0 takes a free one.")
@json_option
@click.pass_context
def init(
    context: click.Context,
    *,
    out: Path,
    name: str,
    tenant: str,
    database_url: str,
    port: int,
    as_json: bool,
) -> None:
    """Make a new centre in a folder: keys, identity, settings, and its database.

    Writes server.toml, NAME.key (mode 0600), NAME.pub.json and session.secret (0600).
    An existing centre is never overwritten.
    """
    settings = Settings(
        name=name,
        tenant_id=tenant,
        database_url=database_url,
        key_file=f"{name}.key",
        port=port,
    )
    path = out / SETTINGS_FILE
    if path.exists():
        raise SettingError(f"{path} exists: a centre is not overwritten; choose another folder")
    _write(hands_of(context), settings, path)
    made = load_settings(path, {})
    store = open_store(made.database_url, made.tenant_id)
    try:
        schema = bring_up(store)
    finally:
        store.close()
    result = {
        "config": str(path),
        "identity": str(out / f"{name}.pub.json"),
        "schema": schema,
    }
    show(result, f"The centre {name} is ready: {path}", as_json=as_json)


def _write(hands: Hands, settings: Settings, path: Path) -> None:
    out = path.parent
    try:
        out.mkdir(parents=True, exist_ok=True)
        seeds = hands.random_bytes(SEED_BYTES), hands.random_bytes(SEED_BYTES)
        write_key_pair(out / settings.key_file, settings.name, *seeds)
        secret = hands.random_bytes(SECRET_BYTES).hex()
        write_secret(out / settings.session_secret_file, secret.encode())
        path.write_text(settings_text(settings), encoding="utf-8")
    except OSError as error:
        raise SettingError(f"expected to write into {out}: {error}") from error


@click.command("migrate")
@config_option
@json_option
def migrate(*, config: Path, as_json: bool) -> None:
    """Bring the database to this version's schema, all of it or nothing."""
    settings = load_settings(config, {})
    store = open_store(settings.database_url, settings.tenant_id)
    try:
        schema = bring_up(store)
    finally:
        store.close()
    show({"schema": schema}, f"The database has schema {schema}.", as_json=as_json)


@click.command("run")
@config_option
@click.option("--port", type=int, help="Overrules the settings; 0 takes a free one.")
@click.pass_context
def run(context: click.Context, *, config: Path, port: int | None) -> None:
    """Serve the API and the console until SIGTERM or Ctrl-C; pay and tell what is due.

    When ready, one JSON line says where: {"url": "http://127.0.0.1:8080"}.
    """
    centre = centre_of(context, config)
    for each in restate_once(centre):
        click.echo(
            f"Line {each.line_id} was reckoned anew from its facts: {each.before.total_minor} "
            f"before, {each.now.total_minor} now; see the audit trail.",
            err=True,
        )
    settings = centre.settings
    rails = load_rails(Path(settings.rails_file))
    listener = _listen(settings.host, settings.port if port is None else port)
    with listener:
        url = f"http://{settings.host}:{listener.getsockname()[1]}"
        app = hands_of(context).create_app(centre)
        options = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_S_MAX,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            # uvicorn raises the signal again once it has stopped; that is the clean end.
            signal.signal(number, _stopped)
        with carrying(centre, rails):
            # What stands now stands to the end: no search for cycles need go through it again.
            gc.collect()
            gc.freeze()
            _Announcing(options, {"name": settings.name, "url": url}).run(sockets=[listener])


def _stopped(_number: int, _frame: object) -> None:
    """Nothing is left to do: the server has stopped already."""


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise RequestError(f"expected to listen on {host}:{port}: {error}") from error


class _Announcing(uvicorn.Server):
    """A server that says where it is as soon as it takes requests."""

    def __init__(self, options: uvicorn.Config, announcement: dict[str, str]) -> None:
        super().__init__(options)
        self._announcement = announcement

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print one JSON line."""
        await super().startup(sockets)
        if self.started:
            click.echo(json.dumps(self._announcement))
