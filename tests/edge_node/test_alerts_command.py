"""``harvestline-edge alerts`` as an agent would use it."""

from __future__ import annotations

import json
import os

import pytest
from click.testing import CliRunner

from core.wire.registry import Subject, SubjectKind
from edge_node.app import main
from edge_node.config import load_settings
from edge_node.keys import SEED_BYTES, create_key_file, public_path
from edge_node.store import village
from edge_node.store.database import open_database
from edge_node.store.notices import begin, end

DRY = {"name": "Juu", "days": "9", "subject": "plot-1"}
STRANGE = {"name": "Juu", "device": "soil-1", "subject": "plot-1"}
GONE = {"name": "Ghala", "moisture": "14.6", "safe": "13.5", "subject": "silo-9"}


def run(*words: str) -> str:
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == 0, done.output + repr(done.exception)
    return done.stdout


@pytest.fixture
def config(tmp_path):
    centre = tmp_path / "centre.json"
    create_key_file(centre, "centre", os.urandom(SEED_BYTES), os.urandom(SEED_BYTES))
    folder = tmp_path / "station"
    run("init", "--name", "kijani-1", "--site", "kijani", "--out", str(folder),
        "--server-identity", str(public_path(centre)))  # fmt: skip
    path = folder / "station.toml"
    assert run("alerts", "--config", str(path)) == ""
    db = open_database(load_settings(path, {}).database_path)
    with db.atomic():
        village.keep_subject(
            db, Subject("plot-1", SubjectKind.PLOT, "f-1", "Juu", "maize", area_m2=5_000)
        )
        begin(db, ("dry_soil", "plot-1"), ("2026-05-19", "2026-05-20"), (DRY, ("a row",)), 1)
        begin(db, ("probe_disagrees", "plot-1"), ("2026-05-18",) * 2, (STRANGE, ()), 1)
        over = begin(db, ("damp_grain", "silo-9"), ("2026-01-01",) * 2, (GONE, ()), 1)
        end(db, over, "2999-01-01")  # long after any clock that runs this
    db.close()
    return path


def test_alerts_and_flags_are_listed_with_advice_and_rows(config):
    text = run("alerts", "--config", str(config))
    assert "farmer: Juu: the soil is drying." in text
    assert "    a row" in text
    assert "officer: Juu: the probe soil-1 does not follow" in text
    assert "Ghala" not in text


def test_alerts_are_one_object_a_line_in_the_farmers_language(config):
    told = run("alerts", "--config", str(config), "--json", "--language", "sw", "--days", "30")
    rows = [json.loads(line) for line in told.splitlines()]
    assert [(one["kind"], one["for"], one["farmer_id"]) for one in rows] == [
        ("dry_soil", "farmer", "f-1"),
        ("probe_disagrees", "officer", "f-1"),
        ("damp_grain", "farmer", ""),  # of a store that is registered here no more
    ]
    assert rows[0]["what"].startswith("Juu: udongo unakauka.")
    assert rows[2]["ended_on"] == "2999-01-01"
