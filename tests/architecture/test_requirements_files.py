"""What is installed: pinned, hashed, without addresses, and light at the edge."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.support.tree import REPOSITORY

REQUIREMENTS = REPOSITORY / "requirements"
LOCKS = ("lock.txt", "edge.txt", "uv.txt")
HEAVY = {
    "exactextract", "interpret-core", "matplotlib", "numpy", "pandas", "pyarrow", "pyproj",
    "rasterio", "rioxarray", "scikit-learn", "scipy", "shapely", "xarray",
    "babel", "fpdf2", "uharfbuzz", "msgspec", "zstandard", "pillow",
}  # fmt: skip
ENTRY = re.compile(r"^([a-z0-9._-]+)==(\S+)(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def entries(lock: str) -> dict[str, tuple[str, str]]:
    """Name to version and the rest of its entry, hashes included."""
    text = (REQUIREMENTS / lock).read_text(encoding="utf-8")
    return {m[1]: (m[2], m[3]) for m in ENTRY.finditer(text)}


def extra(name: str) -> set[str]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["optional-dependencies"][name]
    return {re.split(r"[\[<>=~! ;]", line)[0].lower() for line in lines}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_hash(lock: str):
    bare = [name for name, (_, rest) in entries(lock).items() if "--hash=sha256:" not in rest]
    assert entries(lock)
    assert not bare


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_an_address(lock: str):
    text = (REQUIREMENTS / lock).read_text(encoding="utf-8")
    assert re.findall(r"\S*://\S*|--(?:extra-)?index-url.*|--find-links.*", text) == []


@pytest.mark.parametrize("name", ["edge", "satellite", "server", "sim", "dev"])
def test_lock_holds_everything_that_an_extra_asks_for(name: str):
    assert extra(name) - {"harvestline"} <= entries("lock.txt").keys()


def test_edge_lock_holds_exactly_what_the_big_lock_says_of_it():
    big = entries("lock.txt")
    assert extra("edge") <= entries("edge.txt").keys()
    differ = {n for n, (version, _) in entries("edge.txt").items() if big[n][0] != version}
    assert not differ


def test_edge_extra_asks_for_nothing_heavy():
    assert not HEAVY & extra("edge")
    assert not HEAVY & entries("edge.txt").keys()
