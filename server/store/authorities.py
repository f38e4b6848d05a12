"""How high a limit each holder may set on a line: data that only grows, the newest word holds.

A holder is the rule, a role, or one user; a product's own word comes before the word for
every product, and a user's before their role's.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.shape import encode
from server.store.desk_tables import authorities
from server.store.engine import Tx
from server.store.rows import read_as

RULE = "rule"
EVERY_PRODUCT = ""


def role_holder(role: str) -> str:
    """The holder that stands for a role."""
    return f"role:{role}"


def user_holder(username: str) -> str:
    """The holder that stands for one user."""
    return f"user:{username}"


@dataclass(frozen=True, slots=True)
class Authority:
    """A holder's highest limit on a line of a product, in a currency [minor units]."""

    holder: str
    product_id: str
    currency: str
    version: int
    amount_minor: int
    at_ms: int
    actor: str
    word_id: str = ""


def add(tx: Tx, told: Authority) -> None:
    """Add a word about authority; it can never be changed."""
    tx.insert(authorities, **encode(told))


def newest(tx: Tx) -> dict[tuple[str, str, str], Authority]:
    """The word that holds for each holder, product and currency; remembered."""

    def ask() -> dict[tuple[str, str, str], Authority]:
        rows = tx.find_rows(authorities, "version")
        found = (read_as(Authority, row) for row in rows)
        return {(each.holder, each.product_id, each.currency): each for each in found}

    return tx.recall(authorities, "newest", ask)


def history(tx: Tx) -> tuple[Authority, ...]:
    """Every word on authority, the newest of each first."""
    rows = tx.find_rows(authorities, "-at_ms", "-version")
    return tuple(read_as(Authority, row) for row in rows)


def amount_at(
    words: tuple[Authority, ...], holders: tuple[str, ...], what: tuple[str, str], at_ms: int
) -> int | None:
    """The same as :func:`amount_of` as it was at an instant [ms UTC].

    Parameters
    ----------
    words
        All of them, the newest of each first.
    what
        The product and the currency.
    """
    product_id, currency = what
    for holder in holders:
        for product in (product_id, EVERY_PRODUCT):
            key = (holder, product, currency)
            for each in words:
                if each.at_ms <= at_ms and (each.holder, each.product_id, each.currency) == key:
                    return each.amount_minor
    return None


def amount_of(tx: Tx, holders: tuple[str, ...], product_id: str, currency: str) -> int | None:
    """The highest limit that the first holder with a word may set; None without any word."""
    known = newest(tx)
    for holder in holders:
        for product in (product_id, EVERY_PRODUCT):
            found = known.get((holder, product, currency))
            if found is not None:
                return found.amount_minor
    return None
