from __future__ import annotations

import csv
import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from core.canonical import canonical_bytes, canonical_hash, parse_canonical
from core.errors import ShapeError, SignatureError
from core.shape import decode, encode
from core.wire.registry import Registry, SubjectKind, ring_sha256_input
from firmware_sim.app import main
from firmware_sim.config import OutputFolderError, SettingError
from firmware_sim.district.season import SeasonSpec
from firmware_sim.district.simulate import simulate_season
from firmware_sim.district.village import build_district
from firmware_sim.history.folder import FolderPlan, read_district, write_district
from firmware_sim.history.loans import DOSSIER_FEATURES, FEATURES
from firmware_sim.keys import DeviceSigner, KeyRing
from tests.support.kijani import SEED, village_and_season

SEASONS = 2
REGISTRY_BYTES_MAX = 4 * 1024 * 1024


def write(folder: Path, seed: int = SEED) -> Path:
    plan = FolderPlan(past_seasons=SEASONS, archive_every_days=25)
    write_district(folder, build_district(seed), plan, lambda: None)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("district"))


def registry_in(folder: Path) -> Registry:
    body = parse_canonical((folder / "registry.json").read_bytes(), REGISTRY_BYTES_MAX)
    return decode(Registry, body)


def geojson_in(path: Path) -> list[dict[str, Any]]:
    features: list[dict[str, Any]] = json.loads(path.read_text())["features"]
    return features


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_seed_same_folder_byte_for_byte(folder: Path, tmp_path: Path) -> None:
    assert contents(write(tmp_path / "again")) == contents(folder)


def test_writing_twice_into_one_folder_changes_nothing(folder: Path, tmp_path: Path) -> None:
    write(tmp_path, seed=SEED + 1)
    assert contents(write(tmp_path)) == contents(folder)


def test_registry_is_canonical_and_decodes(folder: Path) -> None:
    registry = registry_in(folder)
    assert canonical_bytes(encode(registry)) == (folder / "registry.json").read_bytes()
    assert len(registry.farmers) >= 40
    assert registry.currency == "KES"
    farmers = {farmer.farmer_id for farmer in registry.farmers}
    owners = {s.farmer_id for s in registry.subjects if s.kind is not SubjectKind.VILLAGE}
    assert owners <= farmers
    subjects = {subject.subject_id for subject in registry.subjects}
    assert {device.subject_id for device in registry.devices} <= subjects
    assert {s.pasture_id for s in registry.subjects if s.kind is SubjectKind.HERD} <= subjects


def test_registry_and_geojson_speak_of_the_same_land(folder: Path) -> None:
    hashes = {s.subject_id: s for s in registry_in(folder).subjects if s.polygon_sha256}
    features = geojson_in(folder / "plots.geojson")
    assert {feature["properties"]["plot_id"] for feature in features} == set(hashes)
    for feature in features:
        about, ring = feature["properties"], feature["geometry"]["coordinates"][0]
        subject = hashes[about["plot_id"]]
        points = [(lon, lat) for lon, lat in ring]
        assert ring[0] == ring[-1]
        assert canonical_hash(ring_sha256_input(points)) == subject.polygon_sha256
        assert about["farmer_id"] == subject.farmer_id
        assert about["kind"] == ("crop" if subject.kind is SubjectKind.PLOT else "pasture")
        assert about["season_id"] == "2026-long-rains"
        assert about["area_ha"] == pytest.approx(subject.area_m2 / 1e4)
        assert about.get("sown_on", "") == subject.sown_on


def test_archive_declares_land_without_a_season(folder: Path) -> None:
    for feature in geojson_in(folder / "archive" / "plots.geojson"):
        assert set(feature["properties"]) == {"plot_id", "farmer_id", "kind", "crop", "area_ha"}


def test_dossiers_hold_what_the_centre_knows_before_the_season(folder: Path) -> None:
    registry = registry_in(folder)
    assert [d.farmer_id for d in registry.dossiers] == [f.farmer_id for f in registry.farmers]
    for dossier in registry.dossiers:
        assert tuple(sorted(dossier.features)) == tuple(sorted(DOSSIER_FEATURES))
        assert dossier.as_of < "2026-03-01"


def test_secrets_are_for_the_owner_alone_and_match_the_registry(folder: Path) -> None:
    path = folder / "devices-secret.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secrets = {row["device_id"]: row for row in json.loads(path.read_text())["devices"]}
    devices = registry_in(folder).devices
    assert set(secrets) == {device.device_id for device in devices}
    ring = KeyRing(tuple(bytes.fromhex(device.public_key) for device in devices))
    for device in devices:
        secret = secrets[device.device_id]
        signer = DeviceSigner(bytes.fromhex(secret["key_seed"]))
        ring.verify(signer.key_id, b"water", signer.sign(b"water"))
        with pytest.raises(SignatureError):
            ring.verify(signer.key_id, b"wine", signer.sign(b"water"))
        assert hashlib.sha256(secret["password"].encode()).hexdigest() == device.password_sha256
    assert len({row["password"] for row in secrets.values()}) == len(secrets)


def test_unknown_key_and_short_seed_are_refused() -> None:
    stranger = DeviceSigner(bytes(32))
    with pytest.raises(SignatureError, match="expected a key"):
        KeyRing(()).verify(stranger.key_id, b"x", stranger.sign(b"x"))
    with pytest.raises(SignatureError, match="expected a key seed of 32 bytes"):
        DeviceSigner(b"short")


def test_harvests_are_weighed_past_ones_near_the_truth(folder: Path) -> None:
    with (folder / "archive" / "harvests.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["season_id"] for row in rows} == {"2024-long-rains", "2025-long-rains"}
    assert all(row["sown_on"] < row["harvested_on"] for row in rows)
    district = build_district(SEED)
    truth = simulate_season(district, SeasonSpec(2025), SEED)
    true = {p.plot_id: y for p, y in zip(district.plots, truth.yield_kg_per_ha, strict=True)}
    last = [row for row in rows if row["season_id"] == "2025-long-rains"]
    errors = [int(row["yield_kg_per_ha"]) / true[row["plot_id"]] - 1 for row in last]
    assert len(last) == len(district.plots)
    assert abs(np.mean(errors)) < 0.05
    assert 0.05 < np.std(errors) < 0.2


KEYS_OF_A_FOLDER = {
    *("site", "name", "utc_offset_minutes", "currency", "farmers", "subjects", "devices"),
    *("dossiers", "farmer_id", "language", "home_station", "household_size", "card_sha256"),
    *("subject_id",),
    *("kind", "crop", "season_id", "sown_on", "area_m2", "heads", "pasture_id"),
    *("polygon_sha256", "device_id", "station", "public_key", "password_sha256", "as_of"),
    *("features", *DOSSIER_FEATURES, "type", "crs", "properties", "geometry", "coordinates"),
    *("plot_id", "area_ha", "warning", "seed", "farmers_count", "key_seed", "password"),
}


def keys_of(document: object) -> set[str]:
    if isinstance(document, dict):
        return set(document).union(*(keys_of(value) for value in document.values()))
    if isinstance(document, list):
        return set().union(*(keys_of(value) for value in document))
    return set()


def test_no_file_of_the_folder_carries_the_truth(folder: Path) -> None:
    """Files, keys and columns are those that a lender may know; none names the live season."""
    names = {path for path in contents(folder) if "S2_" not in path}
    assert names == {
        *("registry.json", "plots.geojson", "devices-secret.json", "loans.csv"),
        *("loans.README.txt", "archive/plots.geojson", "archive/harvests.csv"),
        "archive/catalog.json",
    }
    for name in ("registry.json", "plots.geojson", "devices-secret.json", "archive/plots.geojson"):
        assert keys_of(json.loads((folder / name).read_text())) <= KEYS_OF_A_FOLDER
    for name in ("loans.csv", "archive/harvests.csv"):
        assert "2026-long-rains" not in (folder / name).read_text()
    assert not list((folder / "archive").glob("S2_37MBU_2026*"))
    columns = (folder / "loans.csv").read_text().splitlines()[1].split(",")
    assert set(columns) == {"loan_id", "season_id", *FEATURES, "amount_minor", "defaulted"}


def test_live_yields_stand_in_no_text_of_the_folder(folder: Path) -> None:
    """A few past harvests end in the same digits by chance; a leak would show them all."""
    for drought in (False, True):
        _, truth = village_and_season(drought=drought)
        ours = [str(round(float(value))) for value in truth.yield_kg_per_ha if value > 0]
        for path in (p for p in folder.rglob("*") if p.suffix in (".json", ".geojson", ".csv")):
            lines = path.read_text().splitlines()
            held = [value for value in ours if any(line.endswith(f",{value}") for line in lines)]
            assert len(held) < 0.25 * len(ours), path


def test_folder_is_read_back_to_the_same_village_and_season(folder: Path) -> None:
    district, truth = read_district(folder, drought=True)
    ours, season = village_and_season(drought=True)
    assert district == ours
    assert np.array_equal(truth.yield_kg_per_ha, season.yield_kg_per_ha)


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", '{"seed": "1", "farmers_count": 42}'])
def test_folder_of_something_else_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "devices-secret.json").write_text(text)
    with pytest.raises(OutputFolderError, match="expected"):
        read_district(tmp_path, drought=False)


def test_station_of_the_plan_is_home_to_farmers_and_devices(tmp_path: Path) -> None:
    plan = FolderPlan(past_seasons=1, archive_every_days=50, station="ngong-2")
    write_district(tmp_path, build_district(2, farmers=8), plan, lambda: None)
    registry = registry_in(tmp_path)
    assert {farmer.home_station for farmer in registry.farmers} == {"ngong-2"}
    assert {device.station for device in registry.devices} == {"ngong-2"}
    with pytest.raises(ShapeError, match="expected station of a-z"):
        FolderPlan(station="Not A Name")


@pytest.mark.parametrize(("seasons", "every"), [(0, 10), (41, 10), (8, 7), (8, 0)])
def test_impossible_plan_is_refused(seasons: int, every: int) -> None:
    with pytest.raises(SettingError, match="expected"):
        FolderPlan(past_seasons=seasons, archive_every_days=every)


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments))
    return result.exit_code, result.output


def test_commands_write_a_village_its_scenes_and_apart_from_them_the_truth(tmp_path: Path) -> None:
    village, scenes = tmp_path / "village", tmp_path / "scenes"
    code, said = run(
        *("district", "--seed", "1", "--out", str(village), "--past-seasons", "1"),
        *("--archive-every-days", "50", "--json"),
    )
    assert code == 0
    assert json.loads(said)["plots"] == 67
    code, said = run(
        *("scenes", "--district", str(village), "--out", str(scenes), "--json"),
        *("--from", "2026-05-25", "--to", "2026-06-05", "--drought"),
    )
    assert code == 0
    assert json.loads(said) == ["S2_37MBU_20260529_0_L2A", "S2_37MBU_20260603_0_L2A"]
    alone = tmp_path / "alone"
    run(
        *("scenes", "--district", str(village), "--out", str(alone)),
        *("--from", "2026-06-01", "--to", "2026-06-05", "--drought"),
    )
    one, two = contents(scenes), contents(alone)
    assert {name: one[name] for name in two if name != "catalog.json"} == {
        name: sha256 for name, sha256 in two.items() if name != "catalog.json"
    }
    truth = tmp_path / "truth.json"
    assert run("truth", "--district", str(village), "--out", str(truth), "--drought")[0] == 0
    document = json.loads(truth.read_text())
    assert len(document["plots"]) == 67
    assert document["drought"]["zone"] == 1


def test_truth_is_never_written_into_the_folder_that_others_read(folder: Path) -> None:
    code, said = run("truth", "--district", str(folder), "--out", str(folder / "truth.json"))
    assert code == 6
    assert "HL-SIM-003" in said
    assert not (folder / "truth.json").exists()


def test_help_names_every_command() -> None:
    code, said = run("--help")
    assert code == 0
    assert all(name in said for name in ("district", "scenes", "truth"))


def test_bad_use_ends_in_a_plain_error(tmp_path: Path, folder: Path) -> None:
    code, said = run("district", "--seed", "1", "--out", str(tmp_path), "--farmers", "3")
    assert code == 3
    assert "HL-SIM-001 setting is not valid: expected a seed from 0 and 8 to 120" in said
    code, said = run(
        *("scenes", "--district", str(folder), "--out", str(tmp_path)),
        *("--from", "2026-06-05", "--to", "2026-05-25"),
    )
    assert code == 2
    assert "expected --from before --to" in said
