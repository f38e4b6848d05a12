"""The station as a process: set up, run, sync, pay out, carried by stick, stopped, replayed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import httpx
import pytest

from core.shape import decode
from core.timeline import clock_text
from core.units import MS_PER_DAY
from core.wire.records import Down
from core.wire.registry import Dossier, Identity
from tests.conftest import REPOSITORY
from tests.support.centre import Centre, Served
from tests.support.lending_station import APRIL_1, CARDS, farmer, maize, onboarding, plot
from tests.support.models import small_model

pytestmark = pytest.mark.e2e

API = "/api/v1/kiosk"
COMMAND = [sys.executable, "-c", "from edge_node.app import main; main()"]


class Outside:
    """A station's folder, its commands and the centre that it talks to."""

    def __init__(self, folder):
        self.folder, self.clock = folder, folder / "clock"
        self.clock.write_text(clock_text(APRIL_1 + MS_PER_DAY))
        self.environment = {
            **os.environ,
            "HARVESTLINE_CLOCK": str(self.clock),
            "HARVESTLINE_DEMO": "1",
        }
        out = folder / "station"
        made = self.run("init", "--name", "kijani", "--site", "kijani", "--out", str(out))
        self.config = made["config"]
        identity = decode(Identity, json.loads((out / "kijani.pub.json").read_text()))
        self.centre = Centre(identity)
        self.served = Served(self.centre.application())
        (folder / "centre.pub.json").write_text(json.dumps(_identity(self.centre)))
        self.environment |= {
            "HARVESTLINE_EDGE_SERVER_URL": self.served.url,
            "HARVESTLINE_EDGE_SERVER_IDENTITY_FILE": str(folder / "centre.pub.json"),
            "HARVESTLINE_EDGE_BROKER_PORT": "0",
            "HARVESTLINE_EDGE_PAGE_PORT": "0",
            "HARVESTLINE_EDGE_SYNC_EVERY_S": "1",
            "HARVESTLINE_EDGE_BALLAST_MIB": "1",
        }

    def run(self, *arguments, expected=0, change=()):
        environment = {**self.environment, **dict(change)}
        done = subprocess.run(
            [*COMMAND, *arguments], env=environment, cwd=REPOSITORY, capture_output=True,
            text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == expected, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return lines[-1] if lines and not expected else done.stderr

    def start(self):
        process = subprocess.Popen(
            [*COMMAND, "run", "--config", self.config], env=self.environment, cwd=REPOSITORY,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        ready = process.stdout.readline()
        assert ready, f"the station ended with {process.wait(10)}"
        return process, json.loads(ready)


def _identity(centre):
    found = centre.identity
    return {"name": found.name, "public_key": found.public_key, "seal_key": found.seal_key}


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    outside = Outside(tmp_path_factory.mktemp("outside"))
    say = outside.centre.say
    say(Down.FARMER, farmer(1, CARDS["f-1"]), APRIL_1)
    say(Down.SUBJECT, plot(1), APRIL_1)
    say(Down.DOSSIER, Dossier("f-1", "2026-03-01", {"past_late_days": 0}), APRIL_1)
    say(Down.PRODUCT, maize(), APRIL_1)
    outside.centre.say_model(small_model(), APRIL_1)
    outside.centre.say_lease(onboarding())
    yield outside
    outside.served.close()


def wait_for(condition, wait_s=90):
    ends = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < ends, "it did not come about"


def test_a_station_from_its_first_day_to_its_replay(outside, tmp_path):
    process, ready = outside.start()
    try:
        with httpx.Client(base_url=ready["page"], trust_env=False) as client:
            status = "/api/v1/station/status"
            wait_for(lambda: client.get(status).json()["model"]["version"] == 1)
            assert client.get(status).json()["intake_connected"]
            visit = client.post(f"{API}/identify", json={"card": CARDS["f-1"]}).json()
            client.headers["x-csrf-token"] = visit["csrf"]
            outside.centre.is_dark = True
            line_id = apply_and_draw(client)
            assert line_id
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        process.stdout.close()
    card = outside.run("replay", "--config", outside.config, "--every")
    assert (card["verdict"], card["amount_minor"]) == ("approve", 800_000)
    stick = str(tmp_path / "stick.hls")
    assert outside.run("export", "--config", outside.config, stick)["documents_count"] == 2
    outside.centre.is_dark = False
    assert outside.run("sync", "--config", outside.config)["pushed_records_count"] == 7
    assert outside.centre.kinds()[-1] == "drawdown"
    found = outside.run("status", "--config", outside.config, "--json")
    assert found["link"]["up"]
    assert found["pending_draws_count"] == 0


def apply_and_draw(client):
    ask = {
        "product_id": "crop-season", "subject_ids": ["plot-1"], "asked_minor": 800_000,
        "purposes": ["automated_decision", "device_readings"],
    }  # fmt: skip
    line_id = client.post(f"{API}/apply", json=ask).json()["line_id"]
    price = client.get(f"{API}/quote", params={"line_id": line_id, "amount_minor": 300_000})
    draw = {
        "line_id": line_id, "amount_minor": 300_000,
        "quote_sha256": price.json()["quote_sha256"],
    }  # fmt: skip
    begun = client.post(f"{API}/draw", json=draw).json()["draw"]
    payout = f"{API}/draw/{begun['draw_id']}/payout"
    assert client.post(payout, json={"confirmed": True}).json()["draw"]["state"] == "posted"
    return line_id


@pytest.mark.parametrize(
    ("change", "expected", "code"),
    [
        ({"HARVESTLINE_DEMO": "0"}, 3, "HL-CORE-001"),
        ({"HARVESTLINE_EDGE_NONSENSE": "1"}, 3, "HL-EDGE-001"),
        ({"HARVESTLINE_EDGE_SERVER_IDENTITY_FILE": "/nowhere"}, 6, "HL-EDGE-009"),
        ({"HARVESTLINE_EDGE_SERVER_URL": "http://127.0.0.1:1"}, 5, "HL-EDGE-005"),
    ],
)
def test_commands_end_with_the_catalogues_exit_codes(outside, change, expected, code):
    arguments = ("sync", "--config", outside.config)
    assert code in outside.run(*arguments, expected=expected, change=change)


def test_a_second_set_up_never_overwrites_keys(outside):
    out = str(outside.folder / "station")
    again = ("init", "--name", "kijani", "--site", "kijani", "--out", out)
    assert "HL-EDGE-009" in outside.run(*again, expected=6)
