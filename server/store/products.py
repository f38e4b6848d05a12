"""Products as they were in force: every version stays, so that decisions replay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from sqlalchemy import select

from core.canonical import canonical_hash
from core.lending.product import Product, parse_product
from core.shape import encode
from server.store.engine import ConflictError, NotKnownError, Tx
from server.store.rows import from_json, json_text
from server.store.tables import products


class ProductUse(Enum):
    """Whether a version is offered, or known and tried out at stations of a roll-out."""

    IN_FORCE = "in_force"
    CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class KeptProduct:
    """A version as it is kept: whether it is offered, and since when it is known [ms UTC]."""

    product: Product
    state: ProductUse
    added_at_ms: int


@dataclass(frozen=True, slots=True)
class StoredProduct:
    """A version as it lies here: its name, and the name that its terms come to."""

    policy_version: str
    cited: str
    state: ProductUse
    is_sound: bool


_IN_FORCE = {"state": ProductUse.IN_FORCE.value}


def add(tx: Tx, product: Product, at_ms: int, state: ProductUse = ProductUse.IN_FORCE) -> bool:
    """Add a version of a product, or put a candidate in force; False if nothing changed.

    Raises
    ------
    ConflictError
        If the version is known with other content.
    """
    where = (products.c.tenant_id == tx.tenant_id, products.c.product_id == product.product_id)
    same = tx.row(select(products).where(*where, products.c.version == product.version))
    if same is not None:
        if same["policy_version"] != product.policy_version():
            raise ConflictError(
                f"product {product.product_id}: version {product.version} exists with other "
                "content; raise the version"
            )
        if state is not ProductUse.IN_FORCE or same["state"] == state.value:
            return False
        tx.run(
            products.update()
            .where(*where, products.c.version == product.version)
            .values(state=state.value)
        )
        return True
    tx.insert(
        products,
        policy_version=product.policy_version(),
        product_id=product.product_id,
        version=product.version,
        content=json_text(product),
        sha256=canonical_hash(encode(product)),
        added_at_ms=at_ms,
        state=state.value,
    )
    return True


def in_force(tx: Tx) -> tuple[Product, ...]:
    """The newest version of every product, by id."""
    newest: dict[str, Product] = {}
    for row in tx.find_rows(products, "product_id", "version", **_IN_FORCE):
        newest[row["product_id"]] = _parsed(row["content"])
    return tuple(newest.values())


def newest(tx: Tx, product_id: str) -> Product:
    """The newest version of a product.

    Raises
    ------
    NotKnownError
        If there is no such product.
    """

    def ask() -> Product:
        row = tx.find_row(products, "-version", product_id=product_id, **_IN_FORCE)
        if row is None:
            raise NotKnownError(f"expected a registered product, got {product_id!r}")
        return _parsed(row["content"])

    return tx.recall(products, ("newest", product_id), ask)


def every_version(tx: Tx, product_id: str) -> tuple[Product, ...]:
    """All versions of a product that were ever in force, newest first."""

    def ask() -> tuple[Product, ...]:
        rows = tx.find_rows(products, "-version", product_id=product_id, **_IN_FORCE)
        return tuple(_parsed(row["content"]) for row in rows)

    return tx.recall(products, ("versions", product_id), ask)


def by_policy(tx: Tx, policy_version: str) -> Product | None:
    """The product exactly as a decision or a movement cites it, if it is known."""

    def ask() -> Product | None:
        row = tx.find_row(products, policy_version=policy_version)
        return _parsed(row["content"]) if row else None

    return tx.recall(products, ("policy", policy_version), ask)


def every(tx: Tx) -> tuple[KeptProduct, ...]:
    """Every version of every product, candidates too: by product, the newest first."""
    question = select(products).where(products.c.tenant_id == tx.tenant_id)
    rows = tx.rows(question.order_by(products.c.product_id, products.c.version.desc()))
    return tuple(_kept(row) for row in rows)


def stored(tx: Tx) -> Iterator[StoredProduct]:
    """Every version as it lies here, by what decisions cite."""
    question = select(products).where(products.c.tenant_id == tx.tenant_id)
    for row in tx.rows(question.order_by(products.c.policy_version)):
        sha256 = canonical_hash(from_json(row["content"]))
        cited = f"{row['product_id']}@{row['version']}:{sha256[:16]}"
        is_sound = (row["policy_version"], row["sha256"]) == (cited, sha256)
        yield StoredProduct(row["policy_version"], cited, ProductUse(row["state"]), is_sound)


def kept(tx: Tx, policy_version: str) -> KeptProduct | None:
    """A version by what decisions cite, if it is known."""
    row = tx.find_row(products, policy_version=policy_version)
    return _kept(row) if row else None


def _kept(row: Mapping[str, Any]) -> KeptProduct:
    return KeptProduct(_parsed(row["content"]), ProductUse(row["state"]), row["added_at_ms"])


@lru_cache(maxsize=64)
def _parsed(content: str) -> Product:
    """A product from its text; the same few are asked for at every review."""
    return parse_product(from_json(content))
