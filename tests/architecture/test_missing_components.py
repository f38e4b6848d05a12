"""A component that is not on the machine skips a test here and fails it in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.requirements import COMPONENTS, find, refuses_skips
from tests.support.tree import REPOSITORY

NEEDY = """
from tests.support.requirements import oracle, require

def test_data():
    require("data")

def test_oracle():
    oracle("an_oracle_that_is_not_there")
"""


@pytest.mark.parametrize(("ci", "outcome"), [("", "2 skipped"), ("true", "2 failed")])
def test_what_is_missing_skips_at_home_and_fails_in_ci(ci: str, outcome: str, tmp_path: Path):
    (tmp_path / "test_needy.py").write_text(NEEDY, encoding="utf-8")
    environ = {**os.environ, "CI": ci, "PYTHONPATH": str(REPOSITORY)}
    for setting in ("HARVESTLINE_DATA", "HARVESTLINE_CI_LACKS"):
        environ.pop(setting, None)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rsf", str(tmp_path)],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome in result.stdout, result.stdout + result.stderr
    assert "set HARVESTLINE_DATA to the folder" in result.stdout
    assert "the oracle an_oracle_that_is_not_there is not installed" in result.stdout


@pytest.mark.parametrize("component", ["chromium", "mosquitto", "data"])
def test_nothing_is_found_where_nothing_is(component: str, tmp_path: Path):
    if component == "mosquitto" and Path("/usr/sbin/mosquitto").exists():
        assert find(component, {"PATH": str(tmp_path)}) == Path("/usr/sbin/mosquitto")
        return
    assert find(component, {"PATH": str(tmp_path)}) is None


def test_data_folder_is_found_when_it_is_one(tmp_path: Path):
    assert find("data", {"HARVESTLINE_DATA": str(tmp_path)}) == tmp_path.resolve()
    assert find("data", {"HARVESTLINE_DATA": str(tmp_path / "nowhere")}) is None


def test_unknown_component_is_refused():
    with pytest.raises(ValueError, match=f"expected one of {', '.join(COMPONENTS)}"):
        find("abacus", {})


@pytest.mark.parametrize(
    ("ci", "refused"), [("true", True), ("1", True), ("false", False), ("", False)]
)
def test_only_a_set_ci_refuses_skips(ci: str, refused: bool):
    assert refuses_skips({"CI": ci}, "data") is refused


def test_what_ci_says_that_it_lacks_is_skipped_and_nothing_else():
    environ = {"CI": "true", "HARVESTLINE_CI_LACKS": "data mount"}
    assert not refuses_skips(environ, "data")
    assert refuses_skips(environ, "chromium")
