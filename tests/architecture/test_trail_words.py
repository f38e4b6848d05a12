"""Every act that the program writes into the trail has words, and every list a title."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.wire.fieldwork import TabletAct
from core.wire.proxies import HelperAct, KioskAct
from core.wire.subleases import SubLeaseAct
from server.console import list_words
from server.known_words import KNOWN, PRODUCT_NAMES
from server.services.model_steps import Event
from server.trail_words import ACTS

SERVER = Path(list_words.__file__).parents[1]
_ACT = re.compile(r"[a-z0-9]+(_[a-z0-9]+)+")
# Acts whose last word is told by what happened.
_FAMILIES = {"helper": HelperAct, "kiosk": KioskAct, "tablet": TabletAct, "model": Event,
             "sublease": SubLeaseAct}  # fmt: skip
# Constants of the program that are acts of the trail.
_NAMED = re.compile(
    r"(STEP_ACTION|WRONG_ACTION|ACTION|REVIEWED|ERASED|FROZE|HOME_MOVED|LINE_ROAMS|RELEASED|ADMITTED)"
)


def literal_acts() -> Iterator[tuple[str, str]]:
    """What is written where a line of the trail is recorded, or named as an act."""
    for path in sorted(SERVER.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("record"):
                yield from ((text, path.name) for arg in node.args[2:4] for text in texts(arg))
            elif isinstance(node, ast.Assign) and _NAMED.fullmatch(ast.unparse(node.targets[0])):
                yield from ((text, path.name) for text in texts(node.value))


def texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if _ACT.fullmatch(node.value):
            yield node.value
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)


def test_every_act_of_the_trail_has_words():
    found = dict(literal_acts())
    assert len(found) > 70, "acts are written down in another way than this test reads"
    assert {act: where for act, where in found.items() if act.replace("_", " ") not in ACTS} == {}


@pytest.mark.parametrize("family", sorted(_FAMILIES))
def test_every_act_of_a_family_has_words(family: str):
    told = {f"{family} {each.value}".replace("_", " ") for each in _FAMILIES[family]}
    assert told <= set(ACTS)


def test_every_product_that_comes_with_the_program_has_words():
    packs = sorted((SERVER / "products").glob("*.toml"))
    names = {tomllib.loads(each.read_text(encoding="utf-8"))["name"] for each in packs}
    assert names == set(PRODUCT_NAMES)
    assert names <= KNOWN
