"""The shared looks: vendored files are what the lock says, copies are equal, text is legible."""

from __future__ import annotations

import base64
import hashlib
import itertools
import math
import re
import tomllib
from xml.etree import ElementTree as ET

import pytest

from tests.support.tree import REPOSITORY
from tools.copy_assets import ASSETS, LOCK, ROOMS, lock_text, sources

LOCKED = tomllib.loads(LOCK.read_text(encoding="utf-8"))["file"]
CONTRAST_TEXT_MIN = 7.0  # the sun theme's own bound, WCAG AAA
CONTRAST_GRAPHIC_MIN = 3.0  # WCAG 2.2, 1.4.11
CONTRAST_SUN_MIN = 4.5  # of graphics, where light falls on the screen
APART_MIN = 25.0  # distance in CIELAB at which two categories are told apart at a glance
TOKEN = re.compile(r"--(hl-[a-z0-9-]+):\s*([^;]+);")
BLOCK = re.compile(r"^ *(:root[^{]*){([^}]*)}", re.MULTILINE)
BLOCKS = [
    (selector.strip(), dict(TOKEN.findall(body)))
    for selector, body in BLOCK.findall((ASSETS / "tokens.css").read_text(encoding="utf-8"))
]
LIGHT = BLOCKS[0][1]
CHOSEN = {re.search(r'"(\w+)"', selector)[1]: told for selector, told in BLOCKS if '="' in selector}
THEMES = {"light": LIGHT, **{name: {**LIGHT, **told} for name, told in CHOSEN.items()}}
TEXT = sorted(name for name in LIGHT if name.endswith("-text") or name == "hl-ink")
GRAPHICS = sorted(
    name for name in LIGHT if re.match("hl-(line|chart)-", name) and "band" not in name
)
COLOURS = sorted(name for name in LIGHT if LIGHT[name].startswith("#"))
# Machado, Oliveira, Fernandes 2009, doi:10.1109/TVCG.2009.113, severity 1.0, linear RGB.
SIGHT = {
    "full": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


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


def linear(colour: str) -> list[float]:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def luminance(colour: str) -> float:
    red, green, blue = linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def lab(colour: str, sight: str) -> tuple[float, float, float]:
    """A colour in CIELAB (D65), as an eye with this sight sees it."""
    seen = [
        min(1.0, max(0.0, sum(m * c for m, c in zip(row, linear(colour), strict=True))))
        for row in SIGHT[sight]
    ]
    rows = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    x, y, z = (sum(m * c for m, c in zip(row, seen, strict=True)) for row in rows)
    x, y, z = (
        t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116
        for t in (x / 0.95047, y, z / 1.08883)
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("theme", ["dark", "sun"])
def test_a_themes_wish_and_choice_are_the_same(theme: str):
    asked = {"dark": "prefers-color-scheme: dark", "sun": "prefers-contrast: more"}[theme]
    css = (ASSETS / "tokens.css").read_text(encoding="utf-8")
    media = css.split(f"@media ({asked})", 1)[1].split(':root[data-theme="', 1)[0]
    assert dict(TOKEN.findall(media)) == CHOSEN[theme]
    assert set(CHOSEN[theme]) >= set(COLOURS)


@pytest.mark.parametrize("theme", THEMES)
def test_text_is_legible_in_every_theme(theme: str):
    told = THEMES[theme]
    pairs = [(n, s) for n in TEXT for s in ("hl-paper", "hl-card", "hl-sunk", "hl-hover")]
    pairs += [(n, n.replace("-text", "-tint")) for n in TEXT if n.replace("-text", "-tint") in told]
    pairs += [("hl-ink", f"hl-stage-{n}") for n in range(6)]
    pairs += [("hl-ink", name) for name in told if name.endswith("-tint")]
    pairs += [("hl-on-field", "hl-field"), ("hl-on-field", "hl-field-deep")]
    pairs += [("hl-on-bar", "hl-bar"), ("hl-on-bar", "hl-bar-deep"), ("hl-field", "hl-card")]
    pairs += [("hl-field", "hl-field-tint"), ("hl-ochre-text", "hl-ochre-hover")]
    dim = {
        (one, other): round(ratio(told[one], told[other]), 2)
        for one, other in pairs
        if one != other and ratio(told[one], told[other]) < CONTRAST_TEXT_MIN
    }
    assert dim == {}


@pytest.mark.parametrize("theme", THEMES)
def test_graphics_stand_out_from_their_card(theme: str):
    told, least = THEMES[theme], CONTRAST_SUN_MIN if theme == "sun" else CONTRAST_GRAPHIC_MIN
    assert [n for n in GRAPHICS if ratio(told[n], told["hl-card"]) < least] == []
    assert ratio(told["hl-focus"], told["hl-card"]) >= least


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("theme", THEMES)
def test_chart_colours_are_told_apart_by_every_eye(theme: str, sight: str):
    colours = [THEMES[theme][f"hl-chart-{n}"] for n in range(1, 7)]
    near = {
        (one, other): distance
        for one, other in itertools.combinations(colours, 2)
        if (distance := math.dist(lab(one, sight), lab(other, sight))) < APART_MIN
    }
    assert near == {}


@pytest.mark.parametrize("face", ["edge_node/faces/kiosk/static/kiosk.css"])
def test_a_face_takes_its_colours_from_the_tokens(face: str):
    told = (REPOSITORY / face).read_text(encoding="utf-8")
    own = [line for line in told.splitlines() if re.search(r"#[0-9a-f]{3,8}\b", line)]
    # Banknotes look the same in every light; a printed page is white.
    assert [line for line in own if not line.startswith((".note.rank", "@media print"))] == []


def test_contrast_is_that_of_wcag():
    assert ratio("#000000", "#ffffff") == pytest.approx(21.0)
    assert ratio("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
