"""What a person owes other lenders, as a bureau says it, and how long such an answer holds.

An answer that is older than the product allows is marked stale and unknown: what was
declared then counts alone, and where the product asks for an answer, nothing rises until
there is a fresh one. What is known of dues never lessens what the person declared.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from core.lending.kinds.terms import Terms
from core.lending.product import Product
from core.lending.views import DuesView, Household, Seen


def age_days(dues: DuesView, on: date) -> int:
    """How old a bureau's answer is by its own date [days]; one from tomorrow is not older."""
    return (on - date.fromisoformat(dues.as_of)).days


def is_stale(product: Product, dues: DuesView, on: date) -> bool:
    """Whether an answer is too old to be believed, or dated after the day."""
    terms = product.bureau
    return terms is None or not 0 <= age_days(dues, on) <= terms.answer_days_max


def known_dues(product: Product, dues: Iterable[DuesView], on: date) -> DuesView | None:
    """The freshest answer of a bureau that the product believes; None while nothing is known."""
    terms = product.bureau
    if terms is None:
        return None
    good = [
        each
        for each in dues
        if each.bureau in terms.bureaus
        and each.currency == product.currency
        and not is_stale(product, each, on)
    ]
    return max(good, key=lambda each: (each.as_of, each.query_id), default=None)


def is_unknown(product: Product, seen: Seen, on: date) -> bool:
    """Whether the product asks for a bureau's answer, and there is none that is fresh."""
    terms = product.bureau
    return terms is not None and terms.required and known_dues(product, seen.dues, on) is None


def with_dues(product: Product, seen: Seen, household: Household, on: date) -> Household:
    """The household with what it owes elsewhere, and what is charged on its harvest."""
    found = known_dues(product, seen.dues, on)
    if found is None:
        return household
    return replace(
        household,
        dues_elsewhere_minor=max(household.dues_elsewhere_minor, found.dues_minor),
        prior_liens_minor=max(household.prior_liens_minor, found.liens_minor),
    )


def with_told_dues(product: Product, seen: Seen, terms: Terms, household: Household) -> Terms:
    """The terms with what they took for dues and liens on the record."""
    if product.bureau is None or not seen.dues:
        return terms
    return replace(
        terms, dues_minor=household.dues_elsewhere_minor, liens_minor=household.prior_liens_minor
    )
