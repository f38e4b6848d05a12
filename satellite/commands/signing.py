"""``keygen``: a key to sign evidence with."""

from __future__ import annotations

from pathlib import Path

import click

from satellite.commands.hands import EXIT_CODES, PathArg, hands_of, json_option, say
from satellite.keys import generate_key_file

SEED_BYTES = 32


@click.command(epilog=EXIT_CODES)
@click.option("--out", required=True, type=PathArg, help="Private key file to write (mode 600).")
@json_option
@click.pass_context
def keygen(context: click.Context, out: Path, as_json: bool) -> None:  # noqa: FBT001  # click passes a flag
    """Make an Ed25519 key for signing evidence; its identity goes beside it.

    Register it: harvestline-server enroll-satellite NAME.pub.json. An existing key is
    never overwritten.
    """
    signer = generate_key_file(out, hands_of(context).random_bytes(SEED_BYTES))
    facts = {"key_id": signer.key_id, "public_key": signer.public_key.hex(), "file": str(out)}
    say(facts, lambda f: [f"{name:<11}{value}" for name, value in f.items()], as_json=as_json)
