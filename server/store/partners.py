"""Suppliers and buyers that the lender has registered, by the name that products call them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from server.store.engine import NotKnownError, Tx
from server.store.rows import read_as
from server.store.trade_tables import partners


class PartnerKind(Enum):
    """Who sells goods to farmers, or buys their harvest."""

    SUPPLIER = "supplier"
    BUYER = "buyer"


@dataclass(frozen=True, slots=True)
class Partner:
    """A supplier or a buyer; ``closed_at_ms`` is None while the lender works with them."""

    partner_id: str
    kind: PartnerKind
    name: str
    registered_by: str
    registered_at_ms: int
    closed_at_ms: int | None = None


def put(tx: Tx, partner: Partner) -> None:
    """Register a partner, or write down that one was closed or renamed."""
    tx.upsert(
        partners,
        partner_id=partner.partner_id,
        kind=partner.kind.value,
        name=partner.name,
        account="",
        registered_by=partner.registered_by,
        registered_at_ms=partner.registered_at_ms,
        closed_at_ms=partner.closed_at_ms,
    )


def find(tx: Tx, partner_id: str) -> Partner | None:
    """The partner of that name, if one is registered."""
    row = tx.find_row(partners, partner_id=partner_id)
    return _partner(row) if row else None


def get(tx: Tx, partner_id: str) -> Partner:
    """The partner of that name.

    Raises
    ------
    NotKnownError
        If none is registered.
    """
    found = find(tx, partner_id)
    if found is None:
        raise NotKnownError(f"expected a registered supplier or buyer, got {partner_id[:64]!r}")
    return found


def every(tx: Tx) -> tuple[Partner, ...]:
    """All partners, by name."""
    return tuple(_partner(row) for row in tx.find_rows(partners, "partner_id"))


def _partner(row: dict[str, object]) -> Partner:
    return read_as(Partner, {**row, "kind": PartnerKind(row["kind"])})
