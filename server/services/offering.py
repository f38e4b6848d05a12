"""Which products' lines can be opened today: those whose evidence reaches the centre.

A product of another kind can be written down, explained, played and held to its use; it is
not put in force, so that nobody applies for a line that nothing would ever move.
"""

from __future__ import annotations

from core.errors import ProductError
from core.lending.product import Product, ProductKind

_BY_VISIT = (ProductKind.CROP, ProductKind.VOUCHER, ProductKind.REVOLVING)
_SOURCES = {
    ProductKind.RECEIPT: 2,  # the silo's level and the weighbridge's tickets
    **dict.fromkeys(_BY_VISIT, 2),  # imagery and an agent on the plot
}


def cannot_open(product: Product) -> list[str]:
    """Why no line of a product can be opened today, in words; nothing if lines can."""
    found, sources = [], _SOURCES.get(product.kind, 1)
    if (product.movement.raise_sources_min or 1) > sources:
        found.append(
            f"what its limit rests on is known in {sources} way{'s' if sources > 1 else ''}, so a "
            "rise would wait for ever"
        )
    return found


def require_openable(product: Product) -> None:
    """Refuse to offer what cannot be opened.

    Raises
    ------
    ProductError
        If no line of the product can be opened today; the message says why.
    """
    if closed := cannot_open(product):
        raise ProductError(
            f"{product.product_id}: expected a product whose lines can be opened, got one where "
            f"{'; '.join(closed)}: use product simulate"
        )
