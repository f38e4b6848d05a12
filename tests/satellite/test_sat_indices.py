"""Indices as data: what the language allows, what it refuses, and the numbers of old."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from satellite.indices import (
    BANDS,
    INDICES,
    IndexDefinitionError,
    IndexUnknownError,
    SeasonlessIndexError,
    index_named,
    indices_with,
    read_formula,
    season_index,
)

# What the indices were before they were data: plain Python over arrays.
PLAIN = {
    "ndvi": lambda b: (b["nir"] - b["red"]) / (b["nir"] + b["red"]),
    "ndre": lambda b: (b["nir08"] - b["rededge1"]) / (b["nir08"] + b["rededge1"]),
    "evi": lambda b: 2.5 * (b["nir"] - b["red"])
    / (b["nir"] + 6.0 * b["red"] - 7.5 * b["blue"] + 1.0),
    "evi2": lambda b: 2.5 * (b["nir"] - b["red"]) / (b["nir"] + 2.4 * b["red"] + 1.0),
    "savi": lambda b: 1.5 * (b["nir"] - b["red"]) / (b["nir"] + b["red"] + 0.5),
    "gndvi": lambda b: (b["nir"] - b["green"]) / (b["nir"] + b["green"]),
    "ndmi": lambda b: (b["nir08"] - b["swir16"]) / (b["nir08"] + b["swir16"]),
}  # fmt: skip
# A maize canopy, bare soil and open water, as Sentinel-2 sees them.
COVERS = {
    "blue": (0.03, 0.08, 0.06), "green": (0.06, 0.11, 0.05), "red": (0.03, 0.15, 0.03),
    "rededge1": (0.09, 0.18, 0.04), "rededge2": (0.28, 0.20, 0.02), "rededge3": (0.38, 0.22, 0.02),
    "nir": (0.42, 0.24, 0.02), "nir08": (0.43, 0.25, 0.02), "swir16": (0.18, 0.32, 0.01),
    "swir22": (0.08, 0.28, 0.01),
}  # fmt: skip
# index, canopy, soil, water: worked out by hand from the table above
BY_HAND = """
ndvi   0.866667  0.230769 -0.200000
evi    0.709091  0.146104 -0.033333
msavi  0.662318  0.133700 -0.018888
osavi  0.741639  0.189818 -0.055238
ndmi   0.409836 -0.122807  0.333333
ndwi  -0.750000 -0.371429  0.428571
mndwi -0.500000 -0.488372  0.666667
nbr    0.686275 -0.056604  0.333333
cire   3.222222  0.222222 -0.500000
cig    6.000000  1.181818 -0.600000
nirv   0.364000  0.055385 -0.004000
kndvi  0.635811  0.053204  0.039979
wdrvi  0.473684 -0.515152 -0.764706
mtci   3.166667  0.666667 -2.000000
psri   0.000000  0.350000 -1.500000
"""

LEVELS = "{ bare = 0.1, emerged = 0.2, closed = 0.4, season_min = 0.2, dip = 0.1, noise_sd = 0.03 }"
GOOD = {
    "formula": '"(nir - red) / (nir + red + 0.1)"',
    "bands": '["red", "nir"]',
    "source": '"own trial 2025"',
    "levels": LEVELS,
}


def _file(folder: Path, name: str = "mine", **more: str) -> Path:
    entry = {key: value for key, value in (GOOD | more).items() if value}
    text = "\n".join([f"[index.{name}]", *(f"{key} = {value}" for key, value in entry.items())])
    path = folder / "indices.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", PLAIN)
def test_a_formula_from_text_gives_the_same_bits_as_the_python_of_old(name: str) -> None:
    rng = np.random.default_rng(1)
    bands = {band: xr.DataArray(rng.uniform(0.01, 0.6, 500), dims="pixel") for band in BANDS}
    found, plain = index_named(name).formula(bands), PLAIN[name](bands)
    assert (found.to_numpy() == plain.to_numpy()).all()


@pytest.mark.parametrize("line", BY_HAND.strip().splitlines())
def test_an_index_has_the_value_of_its_publication(line: str) -> None:
    name, *values = line.split()
    with np.errstate(divide="ignore"):
        found = index_named(name).formula({band: np.array(v) for band, v in COVERS.items()})
    assert found == pytest.approx([float(value) for value in values], abs=1e-6)


def test_every_index_names_its_source_and_its_bands() -> None:
    assert len(INDICES) >= 12
    for index in INDICES.values():
        assert "doi:10." in index.source, index.name
        assert set(index.bands) == set(index.formula.bands)


def test_ndwi_is_mcfeeters_water_and_ndmi_gaos_and_only_one_shows_seasons() -> None:
    assert index_named("NDWI").bands == ("green", "nir")
    assert season_index("ndmi").levels.noise_sd > 0
    with pytest.raises(SeasonlessIndexError, match=r"ndvi.*got 'ndwi'"):
        season_index("ndwi")
    with pytest.raises(SeasonlessIndexError, match="ndwi"):
        _ = index_named("ndwi").levels


REFUSED = {
    "__import__('os').system('true')": "__import__",
    "nir.__class__": "nir.__class__",
    "nir[0]": "nir",
    "(lambda: nir)()": "lambda",
    "[nir for nir in red]": "parentheses",
    "nir if red else 1": "expected",
    "nir > red": "nir > red",
    "nir and red": "nir and red",
    "nir // red": "nir // red",
    "nir % 2": "nir % 2",
    "~nir": "~nir",
    "nir @ red": "nir @ red",
    "(nir := red)": "expected",
    "f'{nir}'": "expected",
    "'nir' * 3": "'nir'",
    "True * nir": "True",
    "1e400 * nir": "inf",
    "1j * nir": "1j",
    "nir ** red": "plain number",
    "nir ** 9": "exponent",
    "nir ** -(2 + 9)": "plain number",
    "9999999 * nir": "9999999",
    "scl + nir": "scl",
    "nir08a - red": "nir08a",
    "eval(nir)": "eval",
    "abs(nir, red)": "expected 1 values",
    "min(nir)": "expected 2 values",
    "max(nir, red, key=nir)": "max",
    "abs(*nir)": "expected",
    "1 + 2": "at least one band",
    "(nir - red": "does not parse",
    "nir; red": "does not parse",
    "": "does not parse",
    "nir\0": "does not parse",
    "nir + " + "-" * 30 + "red": "levels",
    "+".join(["nir"] * 101): "characters",
    "+".join(["nir"] * 90): "parts",
}


@pytest.mark.parametrize("text", REFUSED)
def test_anything_but_arithmetic_over_bands_is_refused_by_name(text: str) -> None:
    with pytest.raises(IndexDefinitionError) as caught:
        read_formula(text)
    assert REFUSED[text] in str(caught.value)


@given(st.text(max_size=60))
def test_no_text_does_more_than_be_refused_or_read(text: str) -> None:
    try:
        formula = read_formula(text)
    except IndexDefinitionError:
        return
    assert set(formula.bands) <= set(BANDS)


def test_a_users_index_adds_to_the_table_and_can_be_asked_for(tmp_path: Path) -> None:
    table = indices_with(_file(tmp_path))
    mine = season_index("mine", table)
    assert mine.bands == ("red", "nir")
    assert mine.levels.closed == 0.4
    assert mine.formula({"nir": np.array([0.4]), "red": np.array([0.1])}) == pytest.approx(0.5)
    assert set(table) == {*INDICES, "mine"}
    with pytest.raises(IndexUnknownError):
        index_named("mine")


def test_levels_may_be_those_of_another_index_or_none(tmp_path: Path) -> None:
    alike = indices_with(_file(tmp_path, levels='"ndvi"'))["mine"]
    assert alike.levels == INDICES["ndvi"].levels
    assert indices_with(_file(tmp_path, levels=""))["mine"].season_levels is None


def test_what_a_name_means_has_a_hash_that_changes_with_it(tmp_path: Path) -> None:
    first = indices_with(_file(tmp_path))["mine"].sha256
    assert indices_with(_file(tmp_path))["mine"].sha256 == first
    assert indices_with(_file(tmp_path, levels='"ndvi"'))["mine"].sha256 != first
    other = indices_with(_file(tmp_path, formula='"(nir - red) / (nir + red + 0.2)"'))["mine"]
    assert other.sha256 != first


WRONG_FILES = [
    ({"name": "ndvi"}, "new name"),
    ({"name": "Mine"}, "small letters"),
    ({"name": '"../x"'}, "small letters"),
    ({"bands": '["red", "nir08"]'}, "formula's bands red, nir"),
    ({"bands": '"red"'}, "formula's bands"),
    ({"formula": '"nir - reed"'}, "reed"),
    ({"formula": "3"}, "as texts"),
    ({"source": '" "'}, "as texts"),
    ({"source": ""}, "as texts"),
    ({"colour": '"green"'}, "expected only"),
    ({"levels": '"evy"'}, "evy"),
    ({"levels": '"ndwi"'}, "ndwi"),
    ({"levels": "{ bare = 0.1 }"}, "emerged"),
    ({"levels": LEVELS.replace("0.4", "0.15")}, "rise with cover"),
    ({"levels": LEVELS.replace("0.03", "0.0")}, "above 0"),
    ({"levels": LEVELS.replace("0.03", "nan")}, "noise_sd"),
    ({"levels": LEVELS.replace("0.03", "true")}, "noise_sd"),
]


@pytest.mark.parametrize(("wrong", "says"), WRONG_FILES)
def test_a_wrong_file_is_refused_with_what_is_wrong(
    tmp_path: Path, wrong: dict[str, str], says: str
) -> None:
    with pytest.raises(IndexDefinitionError) as caught:
        indices_with(_file(tmp_path, **wrong))
    assert says in str(caught.value)
    assert "indices.toml" in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"", b"x = 1\n", b"[index]\n", b"[index.a\n", b"\xff\xfe", b"#" * 300_000]
)
def test_a_file_that_is_no_table_of_indices_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "indices.toml"
    path.write_bytes(data)
    with pytest.raises(IndexDefinitionError, match=r"indices\.toml"):
        indices_with(path)
    with pytest.raises(IndexDefinitionError, match="absent"):
        indices_with(tmp_path / "absent.toml")
