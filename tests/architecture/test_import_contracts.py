"""The arrows of the design hold, and each contract is able to say no."""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tree import DEPLOYABLES, REPOSITORY, ROOMS, parse, python_files

LINTER = Path(sys.executable).with_name("lint-imports")
# What core may take from the standard library: values, text, arithmetic, hashes.
CORE_MAY_IMPORT = {
    "__future__", "abc", "base64", "bisect", "calendar", "collections", "contextlib",
    "dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "hashlib",
    "hmac", "itertools", "json", "math",
    "operator", "re", "string", "struct", "textwrap", "tomllib", "types", "typing",
    "unicodedata", "zlib",
}  # fmt: skip
TRESPASSES = [
    ("server/api.py", "import satellite", "The four deployables never import each other"),
    ("core/errors.py", "import server", "Core knows no room"),
    ("core/units.py", "import time", "Core has no input or output"),
    ("core/units.py", "import pathlib", "Core has no input or output"),
    ("core/units.py", "import numpy", "Core has no input or output"),
    ("core/errors.py", "import core.wire", "The layers of core"),
    ("core/timeline.py", "import core.canonical", "The layers of core"),
    ("core/odds.py", "", "The layers of core"),
    ("edge_node/config.py", "import numpy", "The station never loads the science stack"),
    ("edge_node/features.py", "import edge_node.decide", "The layers of edge_node"),
    ("edge_node/intake.py", "import edge_node.sync", "The layers of edge_node"),
    ("satellite/indices.py", "import satellite.series", "The layers of satellite"),
    ("server/services.py", "import server.console", "The layers of server"),
    ("firmware_sim/device.py", "import firmware_sim.district", "The layers of firmware_sim"),
    ("server/services.py", "import rasterio.windows", "One door to rasters"),
    ("satellite/series.py", "import rioxarray", "One door to rasters"),
    ("server/api.py", "import sklearn.linear_model", "One door to machine learning"),
    ("server/console.py", "import sqlalchemy", "One door to SQLAlchemy"),
    ("satellite/scenes.py", "import distributed.client", "One door to Dask"),
    ("edge_node/intake.py", "import cryptography.exceptions", "One door to cryptography"),
]
DOORS = [
    ("satellite/scenes.py", "import rasterio, rioxarray"),
    ("firmware_sim/scenes.py", "import rasterio"),
    ("satellite/yields.py", "import sklearn"),
    ("server/training.py", "import sklearn, interpret"),
    ("server/store.py", "import sqlalchemy"),
    *((f"{room}/keys.py", "import cryptography") for room in DEPLOYABLES),
]


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINTER, "--no-logo", "--no-cache"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_import_contract_holds():
    result = lint(REPOSITORY)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Every room with every layer that the contracts name, all of them empty."""
    shutil.copy(REPOSITORY / ".importlinter", tmp_path)
    for room in ROOMS:
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").touch()
    contracts = configparser.ConfigParser()
    contracts.read(tmp_path / ".importlinter", encoding="utf-8")
    for contract in contracts.values():
        for layer in re.findall(r"\w+", contract.get("layers", "")):
            if "containers" in contract:
                (tmp_path / contract["containers"].strip() / f"{layer}.py").touch()
    return tmp_path


def test_contracts_hold_in_an_empty_house_and_at_its_doors(house: Path):
    for place, statement in DOORS:
        (house / place).write_text(f"{statement}\n", encoding="utf-8")
    result = lint(house)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(("place", "statement", "contract"), TRESPASSES)
def test_contract_notices_a_trespass(house: Path, place: str, statement: str, contract: str):
    (house / place).write_text(f"{statement}\n", encoding="utf-8")
    result = lint(house)
    assert result.returncode == 1, result.stdout + result.stderr
    assert re.search(rf"{contract}.* BROKEN", result.stdout), result.stdout


def test_core_imports_only_pure_parts_of_the_standard_library():
    foreign = {
        f"{path.relative_to(REPOSITORY)}: {name}"
        for path in python_files("core")
        for name in top_names(parse(path))
        if name not in CORE_MAY_IMPORT | {"core"}
    }
    assert not foreign


def top_names(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").split(".")[0])
    return names


def test_station_starts_where_the_science_stack_is_absent():
    """sqlite-utils loads numpy and pandas if they are here, so they are hidden first."""
    hidden = ("numpy", "pandas", "rasterio", "scipy", "sklearn", "xarray", "matplotlib", "shapely")
    probe = (
        "import importlib, pkgutil, sys\n"
        f"sys.modules.update(dict.fromkeys({hidden}))\n"
        "import edge_node.app\n"
        "for m in pkgutil.walk_packages(edge_node.__path__, 'edge_node.'):\n"
        "    importlib.import_module(m.name)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", probe], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
