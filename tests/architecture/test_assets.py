"""The shared looks: vendored files are what the lock says, copies are equal, text is legible."""

from __future__ import annotations

import base64
import hashlib
import re
import tomllib
from xml.etree import ElementTree as ET

import pytest

from tests.support.tree import REPOSITORY
from tools.copy_assets import ASSETS, LOCK, ROOMS, lock_text, sources

LOCKED = tomllib.loads(LOCK.read_text(encoding="utf-8"))["file"]
CONTRAST_TEXT_MIN = 7.0  # the sun theme's own bound, WCAG AAA
CONTRAST_GRAPHIC_MIN = 3.0  # WCAG 2.2, 1.4.11
TOKEN = re.compile(r"--(hl-[a-z0-9-]+):\s*(#[0-9a-f]{6});")
TOKENS = dict(TOKEN.findall((ASSETS / "tokens.css").read_text(encoding="utf-8")))
TEXT = sorted(name for name in TOKENS if name.endswith("-text") or name == "hl-ink")
GRAPHICS = sorted(name for name in TOKENS if name.startswith("hl-line-") and "band" not in name)


@pytest.mark.parametrize("entry", LOCKED, ids=lambda entry: entry["file"])
def test_vendored_file_is_what_the_lock_names(entry: dict[str, str | int]):
    content = (ASSETS / str(entry["file"])).read_bytes()
    digest = base64.b64encode(hashlib.sha384(content).digest()).decode()
    assert (len(content), f"sha384-{digest}") == (entry["bytes"], entry["sha384"])


def test_lock_names_every_vendored_file_and_every_licence():
    assert lock_text() == LOCK.read_text(encoding="utf-8")
    vendored = {p.relative_to(ASSETS).as_posix() for p in sources(("vendor",))}
    assert {entry["file"] for entry in LOCKED} == vendored
    folders = {entry["file"].split("/")[1] for entry in LOCKED}
    assert all((ASSETS / "vendor" / folder / "LICENSE").is_file() for folder in folders)


@pytest.mark.parametrize("room", ROOMS)
def test_copies_in_rooms_equal_their_source(room: str):
    target = REPOSITORY / room
    if not target.is_dir():
        pytest.skip(f"{room} serves no pages yet")
    wanted = {p.relative_to(ASSETS): p.read_bytes() for p in sources(ROOMS[room])}
    found = {p.relative_to(target): p.read_bytes() for p in target.rglob("*") if p.is_file()}
    assert found.keys() == wanted.keys()
    assert [str(name) for name in wanted if wanted[name] != found[name]] == []


@pytest.mark.parametrize("path", list(sources(("icons",))), ids=lambda path: path.stem)
def test_icon_is_small_and_takes_the_colour_of_its_text(path):
    root = ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314 - our own file
    assert root.get("viewBox") == "0 0 24 24"
    assert root.get("stroke") == "currentColor"
    assert path.stat().st_size < 1000


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def ratio(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def contrast(one: str, other: str) -> float:
    return ratio(TOKENS[one], TOKENS[other])


@pytest.mark.parametrize("surface", ["hl-paper", "hl-card", "hl-sunk"])
@pytest.mark.parametrize("name", TEXT)
def test_text_is_legible_in_sunlight(name: str, surface: str):
    assert contrast(name, surface) >= CONTRAST_TEXT_MIN


@pytest.mark.parametrize(
    "name", [name for name in TEXT if name != "hl-ink" and name.replace("-text", "-tint") in TOKENS]
)
def test_text_is_legible_on_its_own_tint(name: str):
    assert contrast(name, name.replace("-text", "-tint")) >= CONTRAST_TEXT_MIN


def test_text_on_the_field_is_legible():
    assert contrast("hl-on-field", "hl-field") >= CONTRAST_TEXT_MIN


@pytest.mark.parametrize("name", GRAPHICS)
def test_graphic_stands_out_from_its_card(name: str):
    assert contrast(name, "hl-card") >= CONTRAST_GRAPHIC_MIN


def test_contrast_is_that_of_wcag():
    assert ratio("#000000", "#ffffff") == pytest.approx(21.0)
    assert ratio("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
