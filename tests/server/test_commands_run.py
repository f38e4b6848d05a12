"""The commands, from an empty folder to a centre that serves; and what they refuse."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from datetime import date
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from core.canonical import canonical_bytes
from core.shape import encode
from core.signing import sign_document
from core.timeline import CLOCK_SETTING, DEMO_SETTING, clock_text
from core.units import day_start_ms
from core.wire.modelfile import MODEL
from server.app import main, new_id, open_centre
from tests.support.centre_kit import PRODUCTS, keys_of, model, polygons, village
from tests.support.model_desk import put_in_force
from tests.support.packs import PACKS, SEASONS

READY_S_MAX = 60
SEASON_MS = day_start_ms(date(2026, 3, 20))


class Shell:
    """Runs commands on one centre in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "centre" / "server.toml"
        self.clock = folder / "clock"
        self.clock.write_text(clock_text(SEASON_MS))
        self.environ = {CLOCK_SETTING: str(self.clock), DEMO_SETTING: "1"}

    def run(self, *words: str | Path) -> Result:
        return CliRunner(env=self.environ).invoke(main, [str(word) for word in words])

    def read(self, *words: str | Path) -> dict:
        found = self.run(*words, "--json")
        assert found.exit_code == 0, found.output
        return json.loads(found.stdout)

    def on(self, command: str, *words: str | Path) -> dict:
        return self.read(*command.split(), "--config", self.config, *words)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    found = Shell(tmp_path)
    found.read("init", "--out", tmp_path / "centre")
    return found


@pytest.fixture
def stocked(shell: Shell) -> Shell:
    """A centre with products, a model, a station, a satellite and a village."""
    features = [
        {"type": "Feature", "properties": {"plot_id": name}, "geometry": geometry}
        for name, geometry in polygons().items()
    ]
    files = {
        "registry.json": json.dumps(encode(village())).encode(),
        "plots.geojson": json.dumps({"type": "FeatureCollection", "features": features}).encode(),
        "model.json": canonical_bytes(encode(model())),
        "st.pub.json": canonical_bytes(encode(keys_of("st-one", 2).identity())),
        "sat.pub.json": canonical_bytes(encode(keys_of("sat-one", 3).identity())),
    }
    for name, data in files.items():
        (shell.folder / name).write_bytes(data)
    for product in ("crop-season", "livestock"):
        shell.on("product add", PRODUCTS / f"{product}.toml")
    centre = open_centre(shell.config)
    put_in_force(centre, (shell.folder / "model.json").read_bytes())
    centre.store.close()
    shell.on("enroll-station", shell.folder / "st.pub.json")
    shell.on("enroll-satellite", shell.folder / "sat.pub.json")
    shell.on("import", *imports(shell, "cards.json"))
    return shell


def imports(shell: Shell, cards: str) -> list[str | Path]:
    folder = shell.folder
    return [
        "--registry", folder / "registry.json", "--plots", folder / "plots.geojson",
        "--cards-out", folder / cards,
    ]  # fmt: skip


def test_new_centre_keeps_its_secrets_to_itself(shell: Shell):
    folder = shell.config.parent
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in folder.iterdir()
        if path.suffix in (".key", ".secret", ".sqlite")
    }
    assert modes == {"centre.key": 0o600, "session.secret": 0o600, "centre.sqlite": 0o600}
    assert "sign" not in (folder / "centre.pub.json").read_text()


def test_existing_centre_is_not_overwritten(shell: Shell):
    again = shell.run("init", "--out", shell.config.parent)
    assert again.exit_code == 3
    assert "not overwritten" in again.stderr


def test_village_is_imported_and_cards_are_minted_once(stocked: Shell):
    cards = stocked.folder / "cards.json"
    assert stat.S_IMODE(cards.stat().st_mode) == 0o600
    tokens = [card["token"] for card in json.loads(cards.read_text())]
    assert len(set(tokens)) == 3
    assert all(len(bytes.fromhex(token)) >= 8 for token in tokens)
    again = stocked.on("import", *imports(stocked, "more.json"))
    assert (again["farmers_count"], again["cards_count"]) == (3, 0)
    assert not (stocked.folder / "more.json").exists()
    refused = stocked.run("import", "--config", stocked.config, *imports(stocked, "cards.json"))
    assert refused.exit_code == 3


def test_plots_that_do_not_match_the_registry_are_refused(stocked: Shell):
    plots = stocked.folder / "plots.geojson"
    found = json.loads(plots.read_text())
    found["features"] = found["features"][1:]
    plots.write_text(json.dumps(found))
    refused = stocked.run("import", "--config", stocked.config, *imports(stocked, "more.json"))
    assert refused.exit_code == 3
    assert "expected a polygon" in refused.stderr


def test_lines_are_opened_and_books_verified(stocked: Shell):
    opened = stocked.on("open-lines", "--product", "crop-season", "--from-dossiers")
    assert (opened["decided"], opened["opened"]) == (2, 2)
    herds = stocked.on("open-lines", "--product", "livestock", "--from-dossiers", "--share", "1.0")
    assert herds["opened"] == 1
    verified = stocked.on("verify")
    assert verified["ok"]
    assert verified["checked"]["decision cards replay"] == 3
    card = opened["lines"][0]["card_id"]
    assert stocked.on("replay", card)["replay"] == "same"
    assert stocked.on("status")["lines"]["open"] == 3
    assert stocked.on("model list")["models"][0]["state"] == "active"
    assert len(stocked.on("product list")["products"]) == 2


def test_changed_product_needs_a_higher_version(stocked: Shell):
    text = (PRODUCTS / "crop-season.toml").read_text(encoding="utf-8")
    changed = stocked.folder / "changed.toml"
    changed.write_text(text.replace("rate_ppm = 140_000", "rate_ppm = 150_000"), encoding="utf-8")
    refused = stocked.run("product", "add", "--config", stocked.config, changed)
    assert (refused.exit_code, "raise the version" in refused.stderr) == (4, True)
    changed.write_text(changed.read_text().replace("version = 1", "version = 2", 1))
    assert stocked.on("product add", changed)["new"]


def test_a_product_that_ends_before_its_harvest_is_added_with_a_warning(stocked: Shell):
    text = (PACKS / "crop-season.toml").read_text(encoding="utf-8")
    short = stocked.folder / "short.toml"
    short.write_text(text.replace("term_days = 200", "term_days = 90"), encoding="utf-8")
    season = SEASONS / "crop-season.toml"
    assert stocked.on("product propose", short, "--season", season)["warnings"] == []
    [warned] = stocked.on("product add", short)["warnings"]
    assert "a term of 90 days ends before its cycle of 165 days" in warned


def test_older_and_foreign_models_are_refused(stocked: Shell):
    path = stocked.folder / "model.json"
    centre = open_centre(stocked.config)
    put_in_force(centre, canonical_bytes(encode(model(version=3))))
    centre.store.close()
    path.write_bytes(canonical_bytes(encode(model(version=2))))
    older = stocked.run("model", "add", "--config", stocked.config, path)
    assert (older.exit_code, "older" in older.stderr) == (4, True)
    path.write_bytes(sign_document(MODEL, encode(model(version=4)), keys_of("stranger", 99)))
    foreign = stocked.run("model", "add", "--config", stocked.config, path)
    assert (foreign.exit_code, "HL-CORE-004" in foreign.stderr) == (4, True)


def test_model_in_use_is_printed_as_a_c_header(stocked: Shell):
    [known] = stocked.on("model list")["models"]
    assert known["stand"] == "champion"
    text = stocked.run("model", "header", "--config", stocked.config)
    assert text.exit_code == 0
    assert f'#define HL_MODEL_SHA256 "{known["sha256"]}"' in text.stdout
    assert "HL_IN_PAST_SEASONS_REPAID_COUNT = 0," in text.stdout
    named = ("--sha256", "0" * 64)
    other = stocked.run("model", "header", "--config", stocked.config, *named)
    assert (other.exit_code, "expected a registered model" in other.stderr) == (3, True)


def test_users_and_tokens(stocked: Shell):
    password = stocked.folder / "password"
    password.write_text("correct horse battery")
    words = ("grace", "--role", "lender", "--password-file", password)
    assert stocked.on("user add", *words)["role"] == "lender"
    password.write_text("short")
    assert stocked.run("user", "add", "--config", stocked.config, *words).exit_code == 3
    password.write_bytes(b"\xff\xfe\xfd of an older age")
    unread = stocked.run("user", "add", "--config", stocked.config, *words)
    assert (unread.exit_code, "UTF-8" in unread.stderr) == (3, True)
    out = stocked.folder / "till.token"
    stocked.on("token add", "till", "--role", "cashier", "--out", out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert len(out.read_text()) == 64


def test_box_that_was_never_replaced_cannot_be_declared_gone(stocked: Shell):
    password, proof = stocked.folder / "password", stocked.folder / "proof"
    password.write_text("correct horse battery")
    proof.write_text("a photograph of the burnt box")
    stocked.on("user add", "grace", "--role", "supervisor", "--password-file", password)
    words = ("st-one", "--proof", proof, "--officer", "grace", "--password-file", password)
    refused = stocked.run("box-gone", "--config", stocked.config, *words)
    assert refused.exit_code == 3, refused.output
    password.write_text("another horse's battery")
    stranger = stocked.run("box-gone", "--config", stocked.config, *words)
    assert stranger.exit_code not in (0, refused.exit_code), stranger.output


def test_unknown_setting_and_missing_files_say_what_to_do(shell: Shell):
    shell.config.write_text(shell.config.read_text() + "colour = 1\n")
    found = shell.run("verify", "--config", shell.config)
    assert (found.exit_code, "colour" in found.stderr) == (3, True)
    nowhere = shell.run("verify", "--config", shell.folder / "none.toml")
    assert nowhere.exit_code == 3
    shell.config.write_text(shell.config.read_text().replace("colour = 1\n", ""))
    (shell.config.parent / "centre.key").chmod(0o644)
    readable = shell.run("verify", "--config", shell.config)
    assert (readable.exit_code, "chmod 600" in readable.stderr) == (6, True)


def test_database_of_another_schema_is_refused(shell: Shell):
    (shell.config.parent / "centre.sqlite").unlink()
    found = shell.run("verify", "--config", shell.config)
    assert (found.exit_code, "harvestline-server migrate" in found.stderr) == (6, True)
    assert shell.on("migrate")["schema"]
    assert shell.on("verify")["ok"]


def test_product_is_explained_in_words():
    found = CliRunner().invoke(main, ["product", "explain", str(PRODUCTS / "crop-season.toml")])
    assert "KES 8,750.00 a hectare" in found.stdout
    kisan = str(PACKS / "kisan-revolving.toml")
    told = CliRunner().invoke(main, ["product", "explain", kisan]).stdout
    # Half of the land at 27,200, half at 54,400, 30 % on top; a tenth more in each later year.
    assert "may reach INR 53,000.00 in the first year, INR 77,600.00 in the last" in told


def test_identifiers_are_uuid_version_7_in_order():
    first, second = new_id(1_700_000_000_000), new_id(1_700_000_000_001)
    assert first < second
    assert (first[14], first[19] in "89ab") == ("7", True)


@pytest.mark.e2e
def test_server_says_where_it_is_and_stops_cleanly(shell: Shell):
    environ = {**os.environ, **shell.environ}
    command = [sys.executable, "-c", "from server.app import main; main()", "run"]
    with subprocess.Popen(
        [*command, "--config", str(shell.config)], stdout=subprocess.PIPE, text=True, env=environ
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert httpx.get(f"{ready['url']}/api/v1/health", timeout=READY_S_MAX).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(READY_S_MAX) == 0


def test_virtual_clock_is_refused_outside_demo_mode(shell: Shell):
    del shell.environ[DEMO_SETTING]
    found = shell.run("product", "add", "--config", shell.config, PRODUCTS / "livestock.toml")
    assert found.exit_code == 3
    assert DEMO_SETTING in found.stderr


def test_boxes_that_wait_are_listed_and_one_is_named_to_confirm_it(shell: Shell):
    assert shell.on("box-requests") == {"waiting": []}
    assert shell.run("box-requests", "--config", shell.config).stdout == "No box waits.\n"
    for words in ((), ("request.json", "--link-key", "ab")):
        refused = shell.run("replace-box", "--config", shell.config, "--officer", "a", *words)
        assert refused.exit_code == 2
        assert "REQUEST, or --link-key" in refused.stderr
