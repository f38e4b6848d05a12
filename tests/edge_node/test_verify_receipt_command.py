"""``harvestline-edge verify-receipt``: a square's text before a station that never saw it."""

from __future__ import annotations

import json
import os

import pytest
from click.testing import CliRunner, Result

from core.canonical import parse_canonical
from core.shape import encode
from core.signing import sign_document
from core.wire.slips import SLIP_BYTES_MAX, VOUCH, Slip, SlipKind, Vouch, write_slip
from edge_node.app import main
from edge_node.keys import SEED_BYTES, StationSigner, create_key_file, public_path

SLIP = Slip(SlipKind.DRAW, "draw-1", "mlima", "2026-04-02", "KES", 300_000, 322_500, "2026-09-15")
STATION = StationSigner(b"\x07" * 32)


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


@pytest.fixture
def shown(tmp_path) -> tuple[str, str]:
    """A station's settings, and the square of another station of the same lender."""
    seed, path = os.urandom(SEED_BYTES), tmp_path / "centre.json"
    create_key_file(path, "centre", seed, os.urandom(SEED_BYTES))
    folder = tmp_path / "station"
    made = run("init", "--name", "kijani-1", "--site", "kijani", "--out", str(folder),
               "--server-identity", str(public_path(path)))  # fmt: skip
    assert made.exit_code == 0, made.output
    body = encode(Vouch("mlima", STATION.public_key.hex()))
    vouch = parse_canonical(sign_document(VOUCH, body, StationSigner(seed)), SLIP_BYTES_MAX)
    return str(folder / "station.toml"), write_slip(SLIP, STATION, vouch)


def test_another_stations_receipt_is_true_without_a_link(shown) -> None:
    config, code = shown
    told = run("verify-receipt", "--config", config, code)
    assert told.exit_code == 0, told.output
    assert "True: mlima on 2026-04-02, draw draw-1: KES 3,000.00" in told.output
    asked = run("verify-receipt", "--config", config, "--json", code)
    assert json.loads(asked.stdout)["slip"]["total_minor"] == 322_500


def test_an_altered_receipt_is_refused_with_its_number(shown) -> None:
    config, code = shown
    told = run("verify-receipt", "--config", config, write_slip(SLIP, STATION))
    assert (told.exit_code, "HL-EDGE-045" in told.output + told.stderr) == (4, True)
    assert run("verify-receipt", "--config", config, code[:-6]).exit_code == 4
