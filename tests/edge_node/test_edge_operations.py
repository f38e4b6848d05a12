"""A station that runs: its doctor, metrics, log and signs of life, all on one real process."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from core.timeline import clock_text
from core.units import MS_PER_DAY
from core.wire.records import Down
from core.wire.telemetry import topic
from edge_node.app import main
from edge_node.commands.journal import BYTES_PER_MIB, FILES_KEPT
from edge_node.keys import write_identity
from edge_node.store.devices import put_device
from tests.conftest import REPOSITORY
from tests.support.edge_device import EdgeDevice
from tests.support.edge_station import SITE, device, eventually
from tests.support.edge_station_process import write_settings
from tests.support.lending_station import APRIL_1, CARDS, Station, farmer

STOPPING = b"STOPPING=1"
NAME, PHONE = "Wanjiku Achieng", "+254 722 000 111"
# sqlite-utils loads pandas where it finds it; a station has none.
AS_AT_THE_EDGE = """
import sys
sys.modules["numpy"] = sys.modules["pandas"] = None
from edge_node.app import main
main()
"""
# Whole words and numbers: a hash, a count or a time may hold such letters and digits within.
WORDS = ("wanjiku", "achieng", r"(?:\+?254|0)? ?722 ?000 ?111", "plot-1", "farmer", "f-[12]")
PERSONAL = re.compile(
    rf"(?<![0-9a-z.])(?:{'|'.join((*WORDS, *map(re.escape, CARDS.values())))})(?![0-9a-z])"
)


@dataclass
class Live:
    """A running station, what it said, and what it told its supervisor."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    config: Path
    environment: dict[str, str]
    supervisor: socket.socket
    log: Path

    def command(self, *arguments: str) -> Result:
        """A command beside the running station."""
        return CliRunner().invoke(main, list(arguments), env=self.environment)

    def lines(self) -> list[dict[str, Any]]:
        """The log so far."""
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("live")
    station = Station(folder)
    station.populate()
    station.centre.say(Down.FARMER, replace(farmer(1, CARDS["f-1"]), name=NAME), APRIL_1)
    station.take_down()
    put_device(station.db, replace(device("probe-1"), station="kijani"))
    station.close()
    write_identity(folder / "centre.pub.json", station.centre.identity)
    (folder / "clock").write_text(clock_text(APRIL_1 + MS_PER_DAY))
    settings = replace(
        station.settings, broker_port=0, page_port=0, ballast_mib=1, sync_every_s=1,
        retry_s_max=1, batch_ms_max=20, server_url="http://127.0.0.1:9",
        server_identity_file=folder / "centre.pub.json", log_file=folder / "station.log",
        log_file_mib_max=1,
    )  # fmt: skip
    config = write_settings(settings)
    _fill_logs(settings.log_file)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(folder / "notify"))
        supervisor.settimeout(30)
        environment = {
            **os.environ, "HARVESTLINE_CLOCK": str(folder / "clock"), "HARVESTLINE_DEMO": "1",
            "NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "3000000",
        }  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-c", AS_AT_THE_EDGE, "run", "--config", str(config)],
            env=environment, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        live = Live(process, ready, config, environment, supervisor, settings.log_file)
        yield live
        process.kill()
        process.wait(30)
        process.stdout.close()


def _fill_logs(path: Path) -> None:
    """A log that has no room for another line, and all the older ones that are kept."""
    line = json.dumps({"at": "2026-03-01", "level": "info", "event": "old"}) + "\n"
    path.write_text(line * (BYTES_PER_MIB // len(line)) + "\n", encoding="utf-8")
    for number in range(1, FILES_KEPT + 1):
        path.with_name(f"{path.name}.{number}").write_text(f"older {number}\n", encoding="utf-8")


def test_a_full_log_rolls_over_and_the_oldest_goes(live: Live):
    eventually(lambda: any(line["event"] == "intake_connected" for line in live.lines()))
    folder, name = live.log.parent, live.log.name
    older = {path.name: path for path in folder.glob(f"{name}.*")}
    assert older.keys() == {f"{name}.{number}" for number in range(1, FILES_KEPT + 1)}
    assert older[f"{name}.1"].read_text().startswith('{"at": "2026-03-01"')
    for number in range(1, FILES_KEPT):
        assert older[f"{name}.{number + 1}"].read_text() == f"older {number}\n"
    sizes = [path.stat().st_size for path in (live.log, *older.values())]
    assert max(sizes) <= BYTES_PER_MIB
    assert not any(line["event"] == "old" for line in live.lines()), "it goes on in a fresh one"


def test_the_supervisor_hears_that_it_is_ready_and_well(live: Live):
    told = b""
    while b"WATCHDOG=1" not in told:
        heard = live.supervisor.recv(4096)
        assert told or heard == b"READY=1", "ready comes first"
        told += heard


def test_metrics_have_units_bounded_labels_and_nobody_in_them(live: Live):
    with httpx.Client(base_url=live.ready["page"], trust_env=False) as client:
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    names = set(re.findall(r"^# TYPE (\S+)", answer.text, re.MULTILINE))
    ours = {name for name in names if name.startswith("harvestline_edge_")}
    assert {
        "harvestline_edge_backlog_records", "harvestline_edge_clock_error_seconds",
        "harvestline_edge_disk_free_bytes", "harvestline_edge_part_quiet_seconds",
        "harvestline_edge_samples_total", "harvestline_edge_link_up",
    } <= ours  # fmt: skip
    assert all(re.fullmatch(r"[a-z_]+", name) for name in ours)
    labels = set(re.findall(r"harvestline_edge_\w+\{(\w+)=", answer.text))
    assert labels == {"log", "outcome", "part"}
    assert not _personal(answer.text)
    assert "harvestline_edge_leases_open 1.0" in answer.text


def test_the_doctor_looks_at_a_station_that_runs(live: Live):
    done = live.command("doctor", "--config", str(live.config), "--json")
    found = json.loads(done.stdout)
    by_name = {each["name"]: each for each in found["findings"]}
    assert found["running"]
    assert {n: by_name[n]["verdict"] for n in ("running", "schema", "broker_open")} == {
        "running": "good", "schema": "good", "broker_open": "good",
    }  # fmt: skip
    assert (by_name["box"]["verdict"], by_name["keys"]["verdict"]) == ("good", "good"), done.stdout
    assert all(each["do"] for each in found["findings"] if each["verdict"] != "good")
    assert done.exit_code == (1 if found["verdict"] == "bad" else 0)
    assert not _personal(done.stdout)


def test_the_log_is_json_and_names_nobody(live: Live):
    """Every way in which a person comes up at a station, good and bad."""
    api = "/api/v1/kiosk"
    with httpx.Client(base_url=live.ready["page"], trust_env=False) as client:
        assert client.post(f"{api}/identify", json={"card": PHONE}).status_code == 401
        assert client.post(f"{api}/identify", json={"card": {"name": NAME}}).status_code == 422
        visit = client.post(f"{api}/identify", json={"card": CARDS["f-1"]}).json()
        assert visit["name"] == NAME
        client.headers["x-csrf-token"] = visit["csrf"]
        ask = {
            "product_id": "crop-season", "subject_ids": ["plot-1"], "asked_minor": 800_000,
            "purposes": ["automated_decision", "device_readings"],
        }  # fmt: skip
        assert client.post(f"{api}/apply", json=ask).status_code == 201
        assert client.post(f"{api}/apply", json=ask | {"product_id": NAME}).status_code >= 400
        assert client.get(f"{api}/quote", params={"line_id": "f-2", "amount_minor": 1}).is_error
    port = int(live.ready["broker"].rpartition(":")[2])
    with EdgeDevice("probe-1", port) as probe:
        probe.publish(topic(SITE, "probe-1", "t"), f"{NAME} {PHONE}".encode())
        eventually(lambda: any(line["event"] == "messages_refused" for line in live.lines()))
    eventually(lambda: any(line["event"] == "link_lost" for line in live.lines()))
    lines = live.lines()
    assert {"broker_started", "intake_connected"} <= {line["event"] for line in lines}
    assert all({"at", "level", "event"} <= line.keys() for line in lines)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", line["event"]) for line in lines)
    assert not _personal(live.log.read_text(encoding="utf-8"))


def test_status_has_the_keys_that_the_docs_say(live: Live):
    done = live.command("status", "--config", str(live.config), "--json")
    found = json.loads(done.stdout)
    page = (REPOSITORY / "docs" / "station.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([a-z_]+)` \|", page.split("## What `status --json` says")[1]
                                .split("\n## ")[0], re.MULTILINE))  # fmt: skip
    assert found.keys() == documented
    assert not _personal(done.stdout)


def test_a_station_that_is_told_to_stop_says_so_and_leaves_no_word(live: Live):
    while live.supervisor.recv(4096) != STOPPING:  # the queue holds ten: read it, as systemd does
        live.process.send_signal(signal.SIGTERM)
    assert live.process.wait(60) == 0
    done = live.command("doctor", "--config", str(live.config), "--json", "--deep")
    found = json.loads(done.stdout)
    verdicts = {each["name"]: each["verdict"] for each in found["findings"]}
    assert not found["running"]
    assert (verdicts["running"], verdicts["database"]) == ("warn", "good")


def _personal(text: str) -> list[str]:
    return PERSONAL.findall(text.lower())


@pytest.mark.parametrize(
    "text",
    [NAME, PHONE, PHONE.replace(" ", ""), "0722000111", "f-1", "x=plot-1,", *CARDS.values()],
)
def test_the_guard_above_finds_whoever_is_named(text: str):
    assert _personal(f'{{"a": "{text}"}}')


def test_the_guard_above_finds_nobody_in_counts_and_hashes():
    assert not _personal("bytes 1.722000111e+09 97220001115 sum 0.722000111 9f-12ab plot-10")
