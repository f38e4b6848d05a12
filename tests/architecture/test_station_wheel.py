"""The station's wheel: the two rooms of a station, whole, sealed by its record, nothing else."""

from __future__ import annotations

import base64
import csv
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.tree import REPOSITORY
from tools.station_wheel import ROOMS, station_wheel


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The whole wheel as hatchling builds it, and the station's."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    (whole,) = folder.glob("*.whl")
    return whole, station_wheel(whole)


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_it_holds_the_stations_rooms_byte_for_byte_and_no_other(wheels: tuple[Path, Path]):
    whole, small = (contents(path) for path in wheels)
    rooms = {name for name in whole if name.split("/")[0] in ROOMS}
    assert rooms == {name for name in small if ".dist-info/" not in name}
    assert all(small[name] == whole[name] for name in rooms)
    others = {name.split("/")[0] for name in whole} - set(ROOMS)
    assert {"server", "satellite", "firmware_sim"} <= others


def test_its_record_names_every_file(wheels: tuple[Path, Path]):
    files = contents(wheels[1])
    (record,) = (name for name in files if name.endswith("RECORD"))
    rows = {name: digest for name, digest, _ in csv.reader(files[record].decode().splitlines())}
    assert rows.keys() == files.keys()
    for name, told in rows.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).rstrip(b"=")
        assert told == ("" if name == record else f"sha256={digest.decode()}")


def test_it_is_the_same_distribution_with_the_stations_command(wheels: tuple[Path, Path]):
    whole, small = (contents(path) for path in wheels)
    (metadata,) = (name for name in small if name.endswith("METADATA"))
    assert small[metadata] == whole[metadata]
    (scripts,) = (name for name in small if name.endswith("entry_points.txt"))
    assert small[scripts].decode().split() == [
        "[console_scripts]", "harvestline-edge", "=", "edge_node.app:main",
    ]  # fmt: skip
    assert "-1edge-" in wheels[1].name


def test_the_same_wheel_gives_the_same_bytes(wheels: tuple[Path, Path]):
    before = wheels[1].read_bytes()
    assert station_wheel(wheels[0]).read_bytes() == before


def test_what_is_no_wheel_of_ours_is_refused(tmp_path: Path):
    with pytest.raises(SystemExit, match="expected harvestline-VERSION"):
        station_wheel(tmp_path / "other-1.0-py3-none-any.whl")
