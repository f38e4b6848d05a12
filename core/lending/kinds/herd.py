"""A herd's line: tagged heads × scale, as far as pasture and bought feed carry them."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import ProductError
from core.lending.kinds.terms import Terms
from core.lending.offer import HerdTerms
from core.lending.product import Product
from core.lending.views import HerdView
from core.units import PPM


def herd_terms(product: Product, herds: Sequence[HerdView]) -> Terms | None:
    """The terms of the rule for a livestock line; None while forage or tags are unknown.

    C is the herd's value × loan-to-value, S the season's feed, both scaled by what carries
    the herd, at most 1: the lower quantile of forage over the product's full forage (below
    the floor none of it), and the feed that was bought. Animals that were settled do not
    count any more.

    Raises
    ------
    ProductError
        If the product has no herd terms.
    """
    if product.herd is None:
        raise ProductError(f"{product.product_id}: a herd limit needs [herd], got none")
    terms = product.herd
    heads = [heads_that_count(terms, herd) for herd in herds]
    if any(herd.forage_p10_ppm is None for herd in herds) or None in heads:
        return None
    counted = [each or 0 for each in heads]
    carried = sum(_carried(terms, herd, each) for herd, each in zip(herds, counted, strict=True))
    return Terms(
        collateral_minor=carried * terms.value_minor_per_head * terms.ltv_ppm // (PPM * PPM),
        stage_cost_minor=carried * terms.scale_minor_per_head // PPM,
        capacity_minor=product.credit.limit_max_minor,
        cap_minor=product.credit.limit_max_minor,
        harvest_value_minor=sum(counted) * terms.value_minor_per_head,
    )


def heads_that_count(terms: HerdTerms, herd: HerdView) -> int | None:
    """The animals that are lent on; None where tags are asked for and none was ever read."""
    if terms.tags_required and herd.tags_read is None:
        return None
    return herd.standing_heads


def _carried(terms: HerdTerms, herd: HerdView, heads: int) -> int:
    """What of a herd is fed [heads × ppm]."""
    full_ppm = PPM if terms.forage_full_ppm is None else terms.forage_full_ppm
    forage_ppm = herd.forage_p10_ppm or 0
    grazed = min(forage_ppm * PPM // full_ppm, PPM)
    carried = heads * (grazed if forage_ppm >= terms.forage_floor_ppm else 0)
    if terms.feed_minor_per_head:
        carried += (herd.feed_bought_minor or 0) * PPM // terms.feed_minor_per_head
    return min(carried, heads * PPM)
