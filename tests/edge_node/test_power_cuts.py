"""Power cuts at any write or sync of the station's store: FULL keeps every word it gave.

The same harness shows what the setting is worth: NORMAL loses acknowledged rows, OFF
breaks the file as well.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from tests.support.faulty_disk import SECTOR_BYTES, faulty_disk
from tests.support.power_cuts import PHASES, cuts, look

SEED = 7
CUTS, CUTS_SOAK = 90, 300
SOAK = pytest.param(CUTS_SOAK, marks=[pytest.mark.soak, pytest.mark.timeout(600)])


def tally(folder: Path, synchronous: str, count: int) -> dict[str, Counter[str]]:
    """How many cuts there were, lost acknowledged rows, broke the file; by phase."""
    made, lost, broken = Counter[str](), Counter[str](), Counter[str]()
    for cut, home in islice(cuts(folder, SEED, synchronous), count):
        found = look(cut, home)
        made[cut.phase] += 1
        lost[cut.phase] += bool(found.lost_rows)
        broken[cut.phase] += bool(found.corrupt)
        if synchronous == "FULL":
            assert not found.lost_rows, f"seed {SEED}: {found.lost_rows} rows of {home} are gone"
            assert not found.corrupt, f"seed {SEED}: {home}: {found.corrupt}"
    print(f"\n{synchronous}: cuts {dict(made)}, lost in {+lost}, broken in {+broken}")
    return {"made": made, "lost": lost, "broken": broken}


@pytest.mark.parametrize("count", [CUTS, SOAK])
def test_no_power_cut_loses_or_breaks_what_was_acknowledged(tmp_path: Path, count: int):
    made = tally(tmp_path, "FULL", count)["made"]
    assert made.total() == count
    assert set(made) == set(PHASES)


@pytest.mark.parametrize("count", [CUTS // 2, SOAK])
def test_the_usual_setting_would_lose_acknowledged_rows(tmp_path: Path, count: int):
    found = tally(tmp_path, "NORMAL", count)
    assert found["lost"].total() > 0
    assert found["broken"].total() == 0


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_without_syncs_the_file_itself_breaks(tmp_path: Path):
    found = tally(tmp_path, "OFF", CUTS_SOAK)
    assert found["lost"].total() > 0
    assert found["broken"].total() > 0


def test_the_disk_forgets_only_what_was_not_synced(tmp_path: Path):
    """The simulated disk by itself: three sectors synced, three more written and cut off."""
    with faulty_disk(tmp_path, Random(1)) as disk:
        db = sqlite3.connect(tmp_path / "one.db")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE one (a)")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("INSERT INTO one VALUES (zeroblob(2000))")
        db.commit()
        synced = disk.image()["one.db-wal"]
        assert all(disk.image()["one.db-wal"] == synced for _ in range(10))
        db.execute("PRAGMA synchronous=OFF")
        db.execute("INSERT INTO one VALUES (randomblob(2000))")
        db.commit()
        images = {disk.image()["one.db-wal"] for _ in range(50)}
        db.close()
    assert synced in images
    assert len(images) > 20
    assert all(image.startswith(synced) for image in images)
    assert any((len(image) - len(synced)) % SECTOR_BYTES for image in images), "none was torn"
