"""What a draw costs a year here, offline: the rate that the centre signed with the lease.

A line that was opened here under an onboarding lease has its rate from its decision card,
which was decided by the product's band: the centre reads the same card.
"""

from __future__ import annotations

from core.lending.lease import Lease
from core.lending.product import Product
from edge_node.store import decisions
from edge_node.store.database import StationDatabase
from edge_node.store.lines import KeptLine


def rate_ppm_of(db: StationDatabase, line: KeptLine, lease: Lease) -> int | None:
    """The yearly rate of a draw under a lease [ppm]; None where the product's own holds."""
    if lease.rate_ppm is not None:
        return lease.rate_ppm
    if line.opened is None:
        return None
    kept = decisions.card_of_application(db, line.opened.application_id)
    price = kept.card.outcome.quote if kept is not None else None
    return price.rate_ppm if price is not None else None


def at_lease(db: StationDatabase, line: KeptLine, product: Product, lease: Lease) -> Product:
    """The product priced for a draw under a lease."""
    return product.at_rate(rate_ppm_of(db, line, lease)) if product.risk_prices else product
