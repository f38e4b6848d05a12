"""The command as people and the demo run it: real processes, exit codes, files on disk."""

from __future__ import annotations

import contextlib
import io
import json
import stat
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from core.wire.registry import read_identity
from satellite.app import main
from satellite.config import SettingError, Settings, load_settings
from satellite.keys import KeyFileError, generate_key_file, load_signer
from tests.support.tiny_scenes import (
    box_ring,
    link_catalog,
    ndvi_scene,
    plot_feature,
    write_catalog,
    write_plots,
    write_scene,
)

TIMEOUT_S = 60


def _command(*words: object) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "satellite.app", *map(str, words)]


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def _run(*words: object) -> Done:
    """The command in this process: starting one anew costs two seconds of imports."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(word) for word in words])
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Done(code, out.getvalue(), err.getvalue())


def _scenes(first: date, count: int, height: float = 0.8) -> list:
    found = []
    for i in range(count):
        day = first + timedelta(days=10 * i)
        green = 0.2 + (height - 0.2) * np.exp(-(((10 * i - 70) / 30) ** 2))
        found.append(
            ndvi_scene(f"S2_{day:%Y%m%d}", day.isoformat(), np.full((16, 16), green),
                       np.full((8, 8), 4))
        )  # fmt: skip
    return found


def _plots(path: Path, count: int = 1, **more: str) -> Path:
    rings = [box_ring(10 + 15 * i, 10, 60 + 15 * i, 70) for i in range(count)]
    return write_plots(
        path, [plot_feature(f"p{i}", ring, crop="maize", **more) for i, ring in enumerate(rings)]
    )


def test_help_is_quick_to_read_and_lists_the_commands() -> None:
    done = subprocess.run(
        _command("--help"), capture_output=True, text=True, timeout=TIMEOUT_S, check=True
    )
    for word in ("ingest", "watch", "calibrate", "keygen", "Exit codes"):
        assert word in done.stdout


def test_ingest_writes_everything_and_says_so_in_json(tmp_path: Path) -> None:
    catalog = write_catalog(tmp_path / "stac", _scenes(date(2026, 3, 20), 15))
    plots = _plots(tmp_path / "plots.geojson", sown_on="2026-03-20")
    out = tmp_path / "out"
    done = _run("ingest", catalog, "--plots", plots, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["scenes_new"], facts["plots"], facts["evidence_new"]) == (15, 1, 1)
    made = {path.name for path in out.iterdir()}
    assert {"series.csv", "season.csv", "curves.png", "curves.svg", "evidence"} <= made
    again = _run("ingest", catalog, "--plots", plots, "--out", out)
    assert "0 new, 15 known, 0 broken" in again.stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--index", "nvdi"), 3, "HL-SAT-006"),
        (("--model", "none.json"), 3, "HL-SAT-007"),
        (("--key", "none.key"), 6, "HL-SAT-010"),
        (("--deliver", "http://127.0.0.1:9/"), 2, "--key"),
        (("--config", "none.toml"), 3, "HL-SAT-001"),
    ],
)
def test_wrong_input_ends_in_its_number_and_exit_code(
    tmp_path: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    catalog = write_catalog(tmp_path / "stac", _scenes(date(2026, 3, 20), 1))
    plots = _plots(tmp_path / "plots.geojson")
    done = _run("ingest", catalog, "--plots", plots, "--out", tmp_path / "out", *words)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_catalog_is_bad_input_and_a_file_as_folder_is_storage(tmp_path: Path) -> None:
    plots = _plots(tmp_path / "plots.geojson")
    done = _run("ingest", tmp_path / "none.json", "--plots", plots, "--out", tmp_path / "out")
    assert (done.returncode, "HL-SAT-002" in done.stderr) == (3, True)
    catalog = write_catalog(tmp_path / "stac", _scenes(date(2026, 3, 20), 1))
    done = _run("ingest", catalog, "--plots", plots, "--out", plots)
    assert (done.returncode, "HL-SAT-009" in done.stderr) == (6, True)


def test_an_unreachable_centre_leaves_everything_made_and_exits_5(tmp_path: Path) -> None:
    catalog = write_catalog(tmp_path / "stac", _scenes(date(2026, 3, 20), 5))
    plots, key = _plots(tmp_path / "plots.geojson"), tmp_path / "key"
    assert _run("keygen", "--out", key).returncode == 0
    settings = tmp_path / "settings.toml"
    settings.write_text("deliver_backoff_s = 0\ndeliver_tries_max = 2\n")
    done = _run(
        "ingest", catalog, "--plots", plots, "--out", tmp_path / "out", "--key", key,
        "--deliver", "http://127.0.0.1:9/x", "--json", "--config", settings,
    )  # fmt: skip
    assert done.returncode == 5
    facts = json.loads(done.stdout)
    assert (facts["pending"], facts["evidence_new"]) == (1, 1)
    assert "2 times" in facts["delivery_error"]
    assert (tmp_path / "out" / "evidence" / "p0.json").exists()


def test_keygen_writes_a_private_file_and_its_public_half(tmp_path: Path) -> None:
    key = tmp_path / "keys" / "satellite"
    done = _run("keygen", "--out", key, "--json")
    facts = json.loads(done.stdout)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    written = read_identity((tmp_path / "keys" / "satellite.pub.json").read_bytes())
    assert (written.name, written.public_key) == ("satellite", facts["public_key"])
    assert load_signer(key).public_key.hex() == facts["public_key"]
    assert key.read_text().strip() not in done.stdout
    before = key.read_text()
    again = _run("keygen", "--out", key)
    assert again.returncode == 6
    assert key.read_text() == before


def test_a_key_that_others_can_read_or_that_is_no_key_is_refused(tmp_path: Path) -> None:
    key = tmp_path / "key"
    generate_key_file(key, bytes(32))
    key.chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_signer(key)
    for text in ("not hexadecimal", "abcd"):
        key.write_text(text)
        key.chmod(0o600)
        with pytest.raises(KeyFileError):
            load_signer(key)


def test_calibrate_fits_a_model_that_ingest_uses(tmp_path: Path) -> None:
    stac, lines = tmp_path / "archive", []
    scenes = []
    for year, height in zip(range(2021, 2025), (0.8, 0.6, 0.7, 0.5), strict=True):
        sown = date(year, 3, 20)
        scenes += _scenes(sown, 15, height)
        for i in range(4):
            harvested = sown + timedelta(days=145)
            kg = 4000 * height + 10 * i
            lines.append(f"p{i},{year},maize,{sown},{harvested},{kg}")
    catalog = write_catalog(stac, scenes)
    plots = _plots(tmp_path / "plots.geojson", 4, sown_on="2026-03-20")
    harvests = tmp_path / "harvests.csv"
    header = "plot_id,season_id,crop,sown_on,harvested_on,yield_kg_per_ha"
    harvests.write_text("\n".join([header, *lines]) + "\n")
    model = tmp_path / "model.json"
    done = _run(
        "calibrate", catalog, "--plots", plots, "--harvests", harvests, "--out", model,
        "--work", tmp_path / "work",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "maize: 16 harvests in 4 seasons" in done.stdout
    assert "season_ridge" in done.stdout
    assert "skill" in done.stdout
    now = write_catalog(tmp_path / "now", _scenes(date(2026, 3, 20), 9, 0.75))
    out = tmp_path / "out"
    done = _run("ingest", now, "--plots", plots, "--out", out, "--model", model, "--json")
    assert done.returncode == 0, done.stderr
    body = json.loads((out / "evidence" / "p0.json").read_text())
    estimate = body["yield_estimate"]
    assert estimate["model_sha256"] == json.loads(model.read_text())["sha256"]
    assert estimate["p05"] <= estimate["p10"] <= estimate["p50"] <= estimate["p90"]
    assert 2600 <= estimate["p50"] <= 3400, "between the seasons of 0.7 and 0.8"
    assert body["anomaly_ppm"] > 0, "greener than the archive's average"


def test_watch_follows_a_growing_catalog_until_its_file_appears(tmp_path: Path) -> None:
    stac, out, stop = tmp_path / "stac", tmp_path / "out", tmp_path / "stop"
    plots = _plots(tmp_path / "plots.geojson", sown_on="2026-03-20")
    stac.mkdir()
    items = [write_scene(stac, scene) for scene in _scenes(date(2026, 3, 20), 4)]
    process = subprocess.Popen(
        _command("watch", stac / "catalog.json", "--plots", plots, "--out", out, "--json",
                 "--poll-s", "0.02", "--until-file", stop),
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        waiting = json.loads(process.stdout.readline())
        assert waiting["type"].endswith("HL-SAT-002"), "no catalog yet: said, and waited for"
        for n in range(1, len(items) + 1):
            link_catalog(stac, items[:n])
            facts = json.loads(process.stdout.readline())
            assert (facts["scenes_new"], facts["evidence_new"]) == (1, 1)
        stop.touch()
        assert process.wait(TIMEOUT_S) == 0
    finally:
        process.kill()
        process.wait(TIMEOUT_S)
        process.stdout.close()
    assert (out / "curves.png").exists()


def test_watch_ends_in_order_on_sigterm(tmp_path: Path) -> None:
    catalog = write_catalog(tmp_path / "stac", _scenes(date(2026, 3, 20), 3))
    plots = _plots(tmp_path / "plots.geojson")
    process = subprocess.Popen(
        _command("watch", catalog, "--plots", plots, "--out", tmp_path / "out", "--json"),
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["scenes_new"] == 3
        process.terminate()
        assert process.wait(TIMEOUT_S) == 0
    finally:
        process.kill()
        process.wait(TIMEOUT_S)
        process.stdout.close()


def test_settings_come_from_toml_then_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("deliver_timeout_s = 3.5\ndeliver_tries_max = 2\n")
    found = load_settings(path, {"HARVESTLINE_SATELLITE_DELIVER_TRIES_MAX": "7", "OTHER": "x"})
    assert found == Settings(deliver_timeout_s=3.5, deliver_tries_max=7)
    for text in (
        "colour = 1",
        "deliver_timeout_s = 'long'",
        "deliver_tries_max = 0",
        "=",
        "deliver_timeout_s = -1",
    ):
        path.write_text(text)
        with pytest.raises(SettingError):
            load_settings(path, {})
    with pytest.raises(SettingError, match="colour"):
        load_settings(None, {"HARVESTLINE_SATELLITE_COLOUR": "1"})
