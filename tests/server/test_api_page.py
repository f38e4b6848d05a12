"""The commands of docs/api.md run as they stand there, with curl, against a served centre."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from core.units import civil_day
from server.app import create_app
from tests.support.centre import Served
from tests.support.centre_kit import Kit
from tests.support.orders_kit import BUYER, SUPPLIER, Trade, open_trade
from tests.support.tree import REPOSITORY

PAGE = REPOSITORY / "docs" / "api.md"
COMMANDS = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
CALLS_MIN = 8
TIMEOUT_S = 120


@pytest.fixture
def engine_name() -> str:
    return "sqlite"


@pytest.fixture
def trade(kit: Kit) -> Trade:
    return open_trade(kit)


@pytest.fixture
def url(trade: Trade) -> Iterator[str]:
    served = Served(create_app(trade.kit.centre))
    yield served.url
    served.close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_commands_of_the_page_work(trade: Trade, url: str, tmp_path: Path) -> None:
    script = "\n".join(COMMANDS.findall(PAGE.read_text(encoding="utf-8")))
    assert script.count("curl ") >= CALLS_MIN
    today = civil_day(trade.kit.clock.at_ms)
    tokens = {name: trade.tokens[name]["Authorization"].split()[1] for name in trade.tokens}
    told = {
        "CENTRE": url,
        "LINE": trade.line_id,
        "TODAY": today.isoformat(),
        "SOON": (today + timedelta(days=7)).isoformat(),
        "SUPPLIER": tokens[SUPPLIER],
        "BUYER": tokens[BUYER],
        "INTEGRATOR": tokens["integrator"],
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env={**os.environ, **told},
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    offer = json.loads((tmp_path / "offer.json").read_text(encoding="utf-8"))["offer"]
    assert offer["apr_ppm"] > 0
    assert '"state":"withdrawn"' in done.stdout
    assert '"to_farmer_minor":' in done.stdout
