"""Updates as a person at the station handles them, and as a running station does."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from fastapi import FastAPI

from core.timeline import CLOCK_SETTING, DEMO_SETTING, clock_text, parse_clock_text
from core.units import MS_PER_DAY
from edge_node.app import main, make_hands
from edge_node.commands.hands import Bench, bench, ends_of
from edge_node.commands.running import Running
from edge_node.commands.updating import Updating, basemap_of, is_due
from edge_node.config import load_settings
from edge_node.faces.basemap import BASEMAP_PATH, BasemapDoor
from edge_node.faces.kiosk.words import needed, spoken, words_in
from edge_node.keys import create_key_file, load_key_file, public_path
from edge_node.store import box, updates
from edge_node.store.database import open_database
from edge_node.updates.rounds import STARTS_MAX
from tests.support.asgi_client import AppClient
from tests.support.lending_station import APRIL_1
from tests.support.models import small_model
from tests.support.update_repository import (
    Repository,
    basemap_bytes,
    basemap_target,
    model_target,
    prompts_target,
)

NOW_MS = APRIL_1 + MS_PER_DAY
LOST = "This sentence stands on no screen."


class Shell:
    """A station that was made by ``init``, with a clock that a test turns, and a stick."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        centre = folder / "centre.json"
        self.centre = create_key_file(centre, "centre", b"\x31" * 32, b"\x32" * 32).signer
        self.repository = Repository(folder / "stick", NOW_MS)
        (folder / "root.json").write_bytes(self.repository.root)
        self.set_clock(NOW_MS)
        self.run("init", "--name", "kijani", "--site", "kijani", "--out", str(folder / "station"),
                 "--server-identity", str(public_path(centre)))  # fmt: skip
        self.config = folder / "station" / "station.toml"
        with self.config.open("a", encoding="utf-8") as file:
            file.write(f'update_root_file = "{folder / "root.json"}"\n')

    def set_clock(self, at_ms: int) -> None:
        (self.folder / "clock").write_text(clock_text(at_ms))

    @property
    def environ(self) -> dict[str, str]:
        return {CLOCK_SETTING: str(self.folder / "clock"), DEMO_SETTING: "1"}

    def run(self, *words: str, code: int = 0) -> str:
        done = CliRunner(env=self.environ).invoke(main, list(words))
        assert done.exit_code == code, done.output + repr(done.exception)
        return done.stderr if code else done.stdout

    def act(self, name: str, *words: str) -> Any:
        return json.loads(self.run("updates", name, "--config", str(self.config), *words))

    def refused(self, name: str, *words: str, code: int = 4) -> str:
        return self.run("updates", name, "--config", str(self.config), *words, code=code)

    def carry(self) -> Any:
        return self.act("import", str(self.repository.path))

    def versions(self) -> dict[str, dict[int, str]]:
        found: dict[str, dict[int, str]] = {}
        for one in self.act("status", "--json")["versions"]:
            found.setdefault(one["slot"], {})[one["version"]] = one["state"]
        return found


@pytest.fixture
def shell(tmp_path):
    return Shell(tmp_path)


def swahili(**changes: str) -> dict[str, str]:
    own = words_in("sw")
    return {key: changes.get(key, own.say(key)) for key in needed()}


def test_a_stick_is_carried_in_looked_at_and_taken_back(shell):
    shell.repository.add(*model_target(small_model(1), shell.centre))
    shell.repository.add(*basemap_target(basemap_bytes()))
    shell.repository.publish()
    assert shell.carry()["activated"] == ["basemap/1.pmtiles", "model/1.json"]
    shell.repository.add(*model_target(small_model(2), shell.centre))
    shell.repository.publish()
    shell.carry()
    said = shell.act("status", "--json")
    assert said["deciding_model"] == {"version": 2, "stale": False}
    assert said["up_to_date_at_ms"] == NOW_MS
    assert said["metadata"] == {"root": 1, "timestamp": 3, "snapshot": 3, "targets": 3}
    assert shell.act("check") == {"sound": ["basemap 1", "model 2"], "rolled_back": []}
    back = shell.act("rollback", "model", "--reason", "it declines everybody")
    assert back == {"slot": "model", "in_use_version": 1}
    assert shell.versions()["model"] == {2: "rolled_back", 1: "in_use"}
    assert shell.carry()["activated"] == []
    assert "set_up: True" in shell.run("updates", "status", "--config", str(shell.config))
    shell.refused("rollback", "basemap", "--reason", "x", code=2)
    assert "HL-EDGE-034" in shell.refused(
        "rollback", "product/maize", "--reason", "wrong price", code=5
    )


def test_a_refusal_gives_its_number_and_its_exit_code(shell):
    shell.repository.add(*model_target(small_model(1), shell.centre))
    shell.repository.publish()
    path = shell.repository.file_of("model/1.json")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    stick = str(shell.repository.path)
    assert "HL-EDGE-025: model/1.json: expected" in shell.refused("import", stick)
    shell.set_clock(NOW_MS + 101 * MS_PER_DAY)
    assert "HL-EDGE-028: timestamp.json is expired" in shell.refused("import", stick)
    assert shell.act("status", "--json")["problem"].startswith("HL-EDGE-028")
    assert "HL-EDGE-001" in shell.refused("fetch", code=3)  # no server_url


def test_without_a_root_nothing_is_believed(shell):
    text = shell.config.read_text(encoding="utf-8")
    shell.config.write_text(text[: text.index("update_root_file")], encoding="utf-8")
    stick = str(shell.repository.path)
    assert "HL-EDGE-024" in shell.refused("import", stick, code=3)
    assert shell.act("status", "--json")["set_up"] is False


def test_a_translator_s_file_comes_back_as_the_station_s_words(shell):
    written = json.loads(
        shell.run("updates", "prompts", "--config", str(shell.config), "--language", "sw")
    )
    assert {one["id"] for one in written["messages"]} == needed()
    assert len(needed()) > 100
    assert {one["id"]: one["text"] for one in written["messages"]}["Done"] == "Tayari"
    shell.repository.add(*prompts_target(swahili(Done="Imekamilika")))
    shell.repository.publish()
    shell.carry()
    db = open_database(load_settings(shell.config, {}).database_path)
    assert spoken(db, "sw").say("Done") == "Imekamilika"
    assert spoken(db, "sw").say(LOST) == LOST
    assert spoken(db, "en").say("Done") == "Done"
    db.close()
    shell.act("rollback", "prompts/sw", "--reason", "a wrong word")
    db = open_database(load_settings(shell.config, {}).database_path)
    assert spoken(db, "sw").say("Done") == "Tayari"
    db.close()


def test_prompts_must_have_every_sentence_of_this_release(shell):
    texts = swahili()
    del texts["Done"]
    shell.repository.add(*prompts_target(texts))
    shell.repository.publish()
    told = shell.refused("import", str(shell.repository.path))
    assert "HL-EDGE-033: prompts/sw/1.json: 1 sentences of the screens lack: 'Done'" in told


def test_a_running_station_counts_its_starts_and_takes_back_what_never_lets_it_run(shell):
    for version in (1, 2):
        shell.repository.add(*model_target(small_model(version), shell.centre))
        shell.repository.publish()
        shell.carry()
    settings, hands = load_settings(shell.config, {}), make_hands()
    keys = load_key_file(settings.key_path, "kijani")
    db = open_database(settings.database_path, any_thread=True)
    station = Bench(hands, settings, keys, db, ends_of(hands, settings, keys))
    told: list[str] = []

    def started() -> Updating:
        part = Updating(station, db, lambda event, _facts: told.append(event))
        part.begin()
        return part

    db.execute("UPDATE update_versions SET watch_until_ms = ? WHERE version = 2", [2**52])
    part = started()
    assert updates.in_use(db, "model").starts_count == 1
    part.prove(db)
    part.prove(db)
    assert updates.in_use(db, "model").starts_count == 0  # stopped in order
    for _ in range(STARTS_MAX):
        started()  # and killed each time
        assert updates.in_use(db, "model").version == 2
    started()
    assert updates.in_use(db, "model").version == 1
    assert "update_step" in told
    stop = threading.Event()
    stop.set()
    part.run(stop)  # ends at once, without a centre
    db.close()


def test_the_pause_between_looks_is_kept_and_a_clock_set_back_does_not_stretch_it(shell):
    shell.carry()
    settings = load_settings(shell.config, {})
    db = open_database(settings.database_path)
    tried_ms = updates.look(db).tried_ms
    assert tried_ms == NOW_MS
    assert not is_due(db, settings, NOW_MS + settings.update_every_s * 1_000 - 1)
    assert is_due(db, settings, NOW_MS + settings.update_every_s * 1_000)
    assert is_due(db, settings, NOW_MS - 1)
    db.close()


def test_the_map_in_use_is_served_by_ranges_and_nothing_else_changes(shell):
    shell.carry()
    settings = load_settings(shell.config, {})
    db = open_database(settings.database_path, any_thread=True)
    pages = FastAPI()
    pages.get("/")(lambda: "pages")
    client = AppClient(BasemapDoor(pages, basemap_of(settings, db)))
    assert client.get("/").json() == "pages"
    assert client.get(BASEMAP_PATH).status_code == 404
    assert client.post(BASEMAP_PATH).status_code == 405
    shell.repository.add(*basemap_target(basemap_bytes()))
    shell.repository.publish()
    shell.carry()
    found = client.get(BASEMAP_PATH, headers={"range": "bytes=0-126"})
    assert (found.status_code, found.content) == (206, basemap_bytes()[:127])
    assert found.headers["content-type"] == "application/vnd.pmtiles"
    db.close()


def test_a_box_that_was_put_back_starts_without_its_map_and_fetches_it_again(shell, tmp_path):
    """A backup holds no basemap: it may be half a gigabyte, and there is always another."""
    shell.repository.add(*basemap_target(basemap_bytes()))
    shell.repository.publish()
    shell.carry()
    secret, backup, out = tmp_path / "secret", tmp_path / "kijani.hlb", tmp_path / "new"
    secret.write_text("correct horse battery")
    with_secret = ("--passphrase-file", str(secret))
    shell.run("backup", "--config", str(shell.config), str(backup), *with_secret)
    shell.run("restore", str(backup), "--out", str(out), *with_secret)
    shell.config = out / "station.toml"
    assert not list(out.glob("**/store/*"))
    for confirmed in (False, True):
        with started(shell, confirmed=confirmed) as page:
            assert httpx.get(page + BASEMAP_PATH, trust_env=False).status_code == 404
            assert httpx.get(page + "/", trust_env=False, follow_redirects=True).is_success
    assert shell.carry()["activated"] == ["basemap/1.pmtiles"]
    with started(shell) as page:
        found = httpx.get(page + BASEMAP_PATH, trust_env=False)
        assert found.content == basemap_bytes()


@contextlib.contextmanager
def started(shell, *, confirmed: bool = True):
    """A running station; where its pages are."""
    settings = {f"HARVESTLINE_EDGE_{name}": "0" for name in ("PAGE_PORT", "BROKER_PORT")}
    hands = replace(make_hands_of(shell), environment=settings)
    with bench(hands, shell.config) as station:
        if confirmed:
            box.move(station.db, box.BoxState.ACTIVE, NOW_MS)
        running = Running(station)
        try:
            yield running.start().page
        finally:
            running.stop()


def make_hands_of(shell):
    """The hands of a command, by the test's clock."""
    clock = shell.folder / "clock"
    hands = make_hands()
    return replace(hands, now_ms=lambda: parse_clock_text(clock.read_text()), boot_id="")
