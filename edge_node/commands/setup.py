"""``init``: a new station's keys, public identity and settings."""

from __future__ import annotations

import json
from pathlib import Path

import click

from core.wire.telemetry import require_name
from edge_node.commands.hands import Hands
from edge_node.config import load_settings
from edge_node.keys import SEED_BYTES, create_key_file, public_path
from edge_node.store.database import open_database
from edge_node.store.schema import migrate

SKELETON = """# Settings of this station. `harvestline-edge run --config` reads them;
# HARVESTLINE_EDGE_<NAME> overrules one. All names and bounds: docs and edge_node/config.py.
station = {station}
site = {site}
folder = {folder}
server_url = {server_url}
server_identity_file = {identity}
"""


@click.command()
@click.option("--name", required=True, help="The station's name, as its records are signed.")
@click.option("--site", required=True, help="The site in the topics of its devices.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder for keys and database."
)
@click.option("--server-url", default="", help="Where the centre listens.")
@click.option(
    "--server-identity", default="", help="The centre's public identity file (NAME.pub.json)."
)
@click.pass_obj
def init(
    hands: Hands, name: str, site: str, out: Path, server_url: str, server_identity: str
) -> None:
    """Make a new station: keys (mode 0600), public identity, station.toml and its database."""
    require_name(name, "station")
    require_name(site, "site")
    folder = out.resolve()
    key_path = folder / f"{name}.json"
    keys = create_key_file(key_path, name, hands.entropy(SEED_BYTES), hands.entropy(SEED_BYTES))
    config = folder / "station.toml"
    identity = str(Path(server_identity).resolve()) if server_identity else ""
    text = SKELETON.format(
        station=json.dumps(name),
        site=json.dumps(site),
        folder=json.dumps(str(folder)),
        server_url=json.dumps(server_url),
        identity=json.dumps(identity),
    )
    kept = [line for line in text.splitlines() if not line.endswith('= ""')]
    config.write_text("\n".join(kept) + "\n", encoding="utf-8")
    db = open_database(load_settings(config, {}).database_path)
    try:
        migrate(db, hands.now_ms())
    finally:
        db.close()
    made = {
        "station": name,
        "config": str(config),
        "identity": str(public_path(key_path)),
        "key_id": keys.signer.key_id,
    }
    click.echo(json.dumps(made))
