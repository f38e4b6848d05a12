"""docs/limits.md and docs/products.md are what the code does: tables, packs, printed output."""

from __future__ import annotations

import re
import shlex
import tomllib
from dataclasses import fields, replace
from typing import Any

import pytest
from click.testing import CliRunner

from core.lending import dated, kind_terms, offer
from core.lending.concentration import Ceiling, Dimension
from core.lending.limit import Movement, Standing, Terms, review
from core.lending.local import local_product
from core.lending.product import Product
from server.app import main
from server.services.offering import cannot_open
from tests.support.packs import NAMES, PACKS, pack
from tests.support.products import CROP, crop_product
from tests.support.tree import REPOSITORY

LIMITS = (REPOSITORY / "docs" / "limits.md").read_text(encoding="utf-8")
PRODUCTS = (REPOSITORY / "docs" / "products.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (?:[\d,]+) \|.*\|$", re.MULTILINE)
ALSO: dict[str, dict[str, Any]] = {
    "": {},
    "two sources": {"raise_sources_min": 2},
    "step 15 %": {"raise_max_ppm": 150_000},
    "margin 15 %": {"raise_margin_ppm": 150_000},
}
STANDING: dict[str, dict[str, Any]] = {
    "harvested": {"season_over": True},
    "estimate no worse": {"worsened": False},
    "room to 40,000 by crop": {"ceiling": Ceiling(4_000_000, Dimension.CROP)},
    "room to 29,000 by cell": {"ceiling": Ceiling(2_900_000, Dimension.CELL)},
    "no room in the village": {"ceiling": Ceiling(2_800_000, Dimension.VILLAGE)},
}
AMPLE = 900_000_000  # what does not bind


def minor(text: str) -> int:
    return int(text.replace(",", "")) * 100


def rows() -> list[list[str]]:
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in ROW.findall(LIMITS)]


@pytest.mark.parametrize("row", rows(), ids=" ".join)
def test_the_decision_table_decides_so(row: list[str]) -> None:
    limit, target, used, age, looks, sources, also, movement, after, available, reason = row
    product = crop_product(movement={**CROP["movement"], **ALSO.get(also, {})})
    standing = replace(
        Standing(
            limit_minor=minor(limit),
            outstanding_minor=minor(used),
            leased_unspent_minor=0,
            supported_minor=tuple(minor(look) for look in looks.split()),
            sources_count=int(sources),
        ),
        **STANDING.get(also, {}),
    )
    gives = None if target == "unknown" else minor(target)
    terms = None if gives is None else Terms(gives, gives, AMPLE, AMPLE, AMPLE)
    found = review(product, standing, terms, int(age), ["e"])
    assert (found.movement, found.limit_minor) == (Movement(movement), minor(after))
    assert max(0, found.limit_minor - minor(used)) == minor(available)
    assert found.reasons[-1].code.value == reason.strip("`")
    assert also in ALSO or also in STANDING


def test_the_decision_table_is_not_empty() -> None:
    assert len(rows()) > 20
    assert {Movement(row[7]) for row in rows()} == set(Movement) - {Movement.OPENED}


def printed() -> list[tuple[str, str]]:
    """Commands of docs/products.md with the output that is shown under them."""
    found = re.findall(
        r"^```console\n\$ (.*?)\n```\n+```text\n(.*?)^```", PRODUCTS, re.MULTILINE | re.DOTALL
    )
    return [(command.replace("\\\n", " "), output) for command, output in found]


@pytest.mark.parametrize(("command", "output"), printed(), ids=lambda text: text[:60])
def test_what_is_shown_is_what_is_printed(
    command: str, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)
    result = CliRunner().invoke(main, shlex.split(command)[1:])
    said = result.output if result.exit_code == 0 else result.stderr
    assert [line.rstrip() for line in said.splitlines()] == [
        line.rstrip() for line in output.splitlines()
    ]


def test_each_command_is_shown_with_its_output() -> None:
    shown = {shlex.split(command)[2] for command, _ in printed()}
    assert shown == {"check", "explain", "simulate", "fit"}


@pytest.mark.parametrize("name", NAMES)
def test_every_pack_stands_in_the_table_and_can_be_opened(name: str) -> None:
    kind = pack(name).kind.value
    assert re.search(rf"^\| `{name}` \| {kind} \|", PRODUCTS, re.MULTILINE)
    assert cannot_open(pack(name)) == []


def test_every_field_of_a_product_is_named() -> None:
    terms = [
        cls
        for module in (offer, kind_terms, dated)
        for cls in vars(module).values()
        if isinstance(cls, type) and hasattr(cls, "__dataclass_fields__")
        and cls.__module__ == module.__name__
    ]  # fmt: skip
    named = {field.name for cls in [*terms, Product] for field in fields(cls)}
    assert not sorted(name for name in named if f"`{name}`" not in PRODUCTS)


def test_the_local_rules_of_the_page_are_accepted() -> None:
    toml = re.search(r"```toml\n(base = .*?)```", PRODUCTS, re.DOTALL)
    assert toml
    found = local_product(pack("crop-season"), tomllib.loads(toml[1]))
    assert found.policy_version() != pack("crop-season").policy_version()
    assert (PACKS / "local" / "migori.toml").read_text(encoding="utf-8").endswith(toml[1])
