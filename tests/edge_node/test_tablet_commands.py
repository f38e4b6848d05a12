"""``harvestline-edge tablets``, as a person would use them."""

from __future__ import annotations

import json
import os
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from edge_node.app import main, make_hands
from edge_node.commands.hands import bench
from edge_node.commands.watching import write_runtime
from edge_node.decide.tablets import TabletDoor
from edge_node.keys import SEED_BYTES, create_key_file, public_path
from tests.support.tablet import FieldTablet


@pytest.fixture
def config(tmp_path):
    centre = tmp_path / "centre.json"
    create_key_file(centre, "centre", os.urandom(SEED_BYTES), os.urandom(SEED_BYTES))
    folder = tmp_path / "station"
    run("init", "--name", "kijani-1", "--site", "kijani", "--out", str(folder),
        "--server-identity", str(public_path(centre)))  # fmt: skip
    path = folder / "station.toml"
    with path.open("a", encoding="utf-8") as file:
        file.write('page_tls = "server"\ntls_names = "station.local"\n')
    return path


def run(*words, code=0):
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == code, done.output + repr(done.exception)
    return [json.loads(line) for line in done.stdout.splitlines()] if code == 0 else []


def act(config, name, *words, code=0):
    return run("tablets", name, "--config", str(config), *words, code=code)


def test_a_tablet_is_invited_listed_and_turned_out(config):
    words = ("--tablet", "tab-1", "--agent", "agent-7", "--name", "Juma Otieno")
    (made,) = act(config, "invite", *words, "--area", "36.9", "-1.1", "37.1", "-0.9")
    told = urlsplit(made["enrol_at"])
    assert (told.scheme, told.hostname, told.path) == ("https", "station.local", "/tablet/")
    code = made["code"].replace("-", "")
    assert told.fragment.startswith(f"enrol={code}&key=")
    assert made["qr_page"].endswith(f"invite.html#{made['enrol_at']}")
    assert act(config, "list") == []
    enrol(config, code)
    (row,) = act(config, "list")
    assert (row["agent_id"], row["revoked"], row["operations_count"]) == ("agent-7", False, 0)
    act(config, "revoke", "tab-1", "--reason", "lost on the bus")
    assert act(config, "list")[0]["revoked"]
    act(config, "revoke", "tab-1", "--reason", "again", code=4)


def test_the_port_is_the_one_that_the_running_station_got(config):
    words = ("invite", "--tablet", "tab-1", "--agent", "agent-7", "--name", "Juma Otieno")
    with config.open("a", encoding="utf-8") as file:
        file.write("page_port = 0\n")
    told = CliRunner().invoke(main, ["tablets", *words, "--config", str(config)])
    assert told.exit_code == 2
    assert "harvestline-edge run" in told.output
    write_runtime(config.parent, {"page": "https://127.0.0.1:40123", "pid": os.getpid()})
    (made,) = act(config, *words)  # the name is free: nothing was made before
    assert made["enrol_at"].startswith("https://station.local:40123/tablet/#enrol=")
    assert made["qr_page"].startswith("https://station.local:40123/tablet/invite.html#https://")


def enrol(config, code):
    """What the page does with the code, by the station's own hand."""
    made = make_hands()
    with bench(made, config) as station:
        door = TabletDoor(station.db, "kijani-1", station.clock(), made.entropy)
        assert door.enrol(code, FieldTablet().public_key).area_e7 == (
            369_000_000, -11_000_000, 371_000_000, -9_000_000,
        )  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [("--area", "36.9", "-0.9", "37.1", "-1.1"), ("--lease-days", "61")],
    ids=["an area without ground", "a lease without end"],
)
def test_what_cannot_be_is_refused(config, words):
    wanted = ("--tablet", "tab-1", "--agent", "agent-7", "--name", "Juma", *words)
    code = 2 if "--lease-days" in words else 3
    act(config, "invite", *wanted, code=code)


def test_an_area_that_is_no_number_is_refused_by_name(config):
    words = ("--tablet", "tab-1", "--agent", "agent-7", "--name", "Juma", "--area")
    for area in (("nan",) * 4, ("-inf", "-1", "inf", "1")):
        act(config, "invite", *words, *area, code=2)


def test_a_lost_tablet_is_turned_out_and_what_it_held_is_told(config):
    words = ("--tablet", "tab-1", "--agent", "agent-7", "--name", "Juma Otieno")
    (made,) = act(config, "invite", *words, "--area", "36.9", "-1.1", "37.1", "-0.9")
    enrol(config, made["code"].replace("-", ""))
    assert act(config, "list")[0]["held_minor"] == 0
    (told,) = act(config, "lost", "tab-1", "--reason", "stolen")
    assert (told["released"], told["waits"], told["waits_until_ms"]) == ([], [], 0)
    assert act(config, "list")[0]["revoked"]
    act(config, "lost", "tab-1", "--reason", "asked again")  # nothing more comes of it
