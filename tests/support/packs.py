"""The product packs that are shipped, and their seasons."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from core.lending.product import Product, read_product
from tests.support.tree import REPOSITORY

PACKS = REPOSITORY / "server" / "products"
SEASONS = PACKS / "seasons"
NAMES = tuple(sorted(file.stem for file in PACKS.glob("*.toml")))


def table(file: Path) -> dict[str, Any]:
    """A TOML file."""
    return tomllib.loads(file.read_text(encoding="utf-8"))


@cache
def pack(name: str) -> Product:
    """A pack that is shipped."""
    return read_product(table(PACKS / f"{name}.toml"))
