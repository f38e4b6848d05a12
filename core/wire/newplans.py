"""A plan that the lender proposes anew for what a line owes, as its farmer is shown it.

Down: new_plan. The farmer consents at the kiosk to the hash of exactly this offer; nothing
changes before a supervisor has approved it. Statement C14 of docs/wire.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.canonical import canonical_hash
from core.lending.terms import Restructured
from core.shape import encode

PURPOSE = "new_plan"


@dataclass(frozen=True, slots=True)
class PlannedPayment:
    """What is to be paid by a day [minor units]."""

    on: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class NewPlanOffer:
    """A new plan beside the old one [minor units, ppm a year].

    Totals are all that is still to be paid, with interest; the rates what owing it costs a
    year. ``open`` is false once the offer was taken, declined or has run out.
    """

    proposal_id: str
    line_id: str
    farmer_id: str
    currency: str
    owed_minor: int
    restructured: Restructured
    total_before_minor: int
    apr_before_ppm: int
    payments: tuple[PlannedPayment, ...]
    total_minor: int
    apr_ppm: int
    until_on: str
    open: bool = True


def offer_sha256(offer: NewPlanOffer) -> str:
    """The hash of an offer: what a consent to it names as shown."""
    return canonical_hash(encode(replace(offer, open=True)))
