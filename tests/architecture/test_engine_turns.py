"""Both databases are met: what one run leaves out, the other takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.engine_turns import ENGINES, own_engine

OF_TWO = "tests/server/test_restating.py"
OF_THE_DATABASE = "tests/server/test_ledger_seal.py"


def met(repository: Path, turn: str) -> set[str]:
    """The names of the tests that a run of this turn takes from the two files."""
    arguments = ["--collect-only", "--engines", turn, "-p", "no:cacheprovider"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, OF_TWO, OF_THE_DATABASE],
        cwd=repository, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    return {line for line in run.stdout.splitlines() if "::" in line}


def elsewhere(name: str) -> str:
    """The same test on the other database."""
    sqlite, postgresql = ENGINES
    here, there = (sqlite, postgresql) if f"[{sqlite}" in name else (postgresql, sqlite)
    return name.replace(here, there)


def test_what_one_run_leaves_out_the_other_takes(repository: Path) -> None:
    own, other = met(repository, "own"), met(repository, "other")
    of_two = {name for name in own if name.startswith(OF_TWO)}
    assert of_two
    assert {elsewhere(name) for name in of_two} == other
    of_the_database = own - of_two
    assert of_the_database
    assert {elsewhere(name) for name in of_the_database} == of_the_database


def test_a_test_keeps_its_database_whatever_its_parameters() -> None:
    names = [f"tests/server/test_money.py::test_{number}" for number in range(200)]
    assert {own_engine(f"{name}[postgresql-3]") for name in names} == {*ENGINES}
    assert all(own_engine(name) == own_engine(f"{name}[sqlite]") for name in names)
