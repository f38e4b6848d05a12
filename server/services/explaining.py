"""A review told term by term: its number, what it rests on, from which day, and which binds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.lending.kinds.terms import Terms
from core.lending.product import Product, ProductKind
from core.reasons import ReasonCode
from core.shape import decode
from core.units import civil_day
from server.services.reviews import SPREAD_TERM
from server.services.spreading import policy_of
from server.store import products, registry, rulebooks
from server.store.engine import NotKnownError, Tx
from server.store.lines import Line, LineMovement
from server.words import code, say

_RULE = (
    ("collateral_minor", "C"),
    ("stage_cost_minor", "S"),
    ("capacity_minor", "R"),
    ("cap_minor", "Cap"),
)
_BESIDE = {
    "insured_minor": ("in C", "Insured floor, in the harvest’s value", "covers on record"),
    "guaranteed_minor": ("in C", "Guaranteed, under the security", "covers on record"),
    "liens_minor": ("in C", "Liens of others, out of the value", "bureau’s answer on record"),
    "ordered_minor": ("in S", "Ordered from suppliers so far", "orders on record"),
    "dues_minor": ("in R", "Dues elsewhere, out of the season’s cash", "bureau’s answer on record"),
}
_SECURITY = {
    ProductKind.LIVESTOCK: "What the herd can carry",
    ProductKind.MACHINERY: "What the machine is worth",
    ProductKind.RECEIPT: "What lies dry in the store",
    ProductKind.REVOLVING: "The scheme does not ask for the harvest",
}
_COST = {
    ProductKind.LIVESTOCK: "The season’s feed",
    ProductKind.MACHINERY: "The work that the counters show",
    ProductKind.REVOLVING: "The year’s scale of finance",
    ProductKind.VOUCHER: "What the goods of the land cost",
}
SPREAD_CODES = {
    ReasonCode.LIMIT_SPREAD_CROP: "crop",
    ReasonCode.LIMIT_SPREAD_VILLAGE: "village",
    ReasonCode.LIMIT_SPREAD_CELL: "weather cell",
}


@dataclass(frozen=True, slots=True)
class TermTold:
    """One term of a review [minor units]; ``on`` is the day that it speaks of."""

    sign: str
    words: str
    amount_minor: int
    source: str
    on: str
    binds: bool


def explained(tx: Tx, line: Line, moved: LineMovement) -> tuple[TermTold, ...]:
    """Every term on a movement's record; empty where too little was known for any.

    Raises
    ------
    NotKnownError
        If the product that it cites is not known.
    """
    if "collateral_minor" not in moved.terms:
        return ()
    product = products.by_policy(tx, moved.policy_version)
    if product is None:
        raise NotKnownError(f"expected the product {moved.policy_version}, it is not known here")
    binding = _binding(moved)
    told = [
        TermTold(sign, _words(product, name), moved.terms[name],
                 _source(tx, line, moved, (product, name)), _day(tx, line, moved, name),
                 name == binding)
        for name, sign in _RULE
    ]  # fmt: skip
    told += [
        TermTold(sign, words, moved.terms[name], source, moved.as_of, binds=False)
        for name, (sign, words, source) in _BESIDE.items()
        if name in moved.terms
    ]
    return (*told, *_guards(tx, moved, binding))


def _guards(tx: Tx, moved: LineMovement, binding: str) -> list[TermTold]:
    """What held the movement besides the rule's own terms."""
    day = civil_day(moved.at_ms).isoformat()
    told = []
    if binding == "step":
        told.append(TermTold("Step", "As far as one review raises", moved.limit_minor,
                             moved.policy_version, day, binds=True))  # fmt: skip
    if SPREAD_TERM in moved.terms:
        rules = rulebooks.concentration_on(tx, day)
        named = next((SPREAD_CODES[r.code] for r in moved.reasons if r.code in SPREAD_CODES), "")
        words = say("Its share of the room under the book’s caps")
        if named:
            words += say(", by {bucket}", bucket=code(named))
        told.append(TermTold("Spread", words, moved.terms[SPREAD_TERM],
                             policy_of(rules), day, binds=bool(named)))  # fmt: skip
    waiting = [
        TermTold("Look", "Supported by an earlier look, while a rise waits", each.limit_minor,
                 "evidence of that day", each.as_of, binds=False)
        for each in moved.supported
    ]  # fmt: skip
    return told + waiting


def _binding(moved: LineMovement) -> str:
    codes = {reason.code for reason in moved.reasons}
    if codes & set(SPREAD_CODES):
        return SPREAD_TERM
    if ReasonCode.LIMIT_RAISE_STEP in codes:
        return "step"
    lowest = decode(Terms, dict(moved.terms)).binding
    return f"{lowest}_minor"


def _words(product: Product, name: str) -> str:
    plain: Mapping[str, str] = {
        "collateral_minor": _SECURITY.get(product.kind, "What the harvest can carry"),
        "stage_cost_minor": _COST.get(product.kind, "What the stage costs"),
        "capacity_minor": "What the season’s cash can repay",
        "cap_minor": "The product’s highest amount",
    }
    return plain[name]


def _source(tx: Tx, line: Line, moved: LineMovement, of: tuple[Product, str]) -> str:
    product, name = of
    seen, price = _seen_by(moved) or "what was declared", product.price
    stages = sorted({str(view["stage"]) for view in moved.views if "stage" in view})
    if name == "capacity_minor":
        return _household(tx, line)
    if name == "collateral_minor":
        if price is None:
            return seen
        told = {"evidence": seen, "day": price.as_of, "source": price.source}
        return say("{evidence}; price of {day}: {source}", **told)
    if name == "stage_cost_minor" and stages:
        seen_at = ", ".join(code(stage) for stage in stages)
        return say("{policy}, seen at {stages}", policy=moved.policy_version, stages=seen_at)
    return moved.policy_version


def _seen_by(moved: LineMovement) -> str:
    """The evidence that a review rests on, and the agents' visits that were a second source."""
    visits = sorted({str(view["visit_id"]) for view in moved.views if "visit_id" in view})
    return ", ".join([*moved.evidence_ids, *(f"{say('Visit')} {each}" for each in visits)])


def sources_told(moved: LineMovement) -> dict[str, tuple[str, ...]]:
    """By which sources each plot or store was known at a review, where its view names them."""
    return {
        str(view.get("plot_id", view.get("store_id", ""))): tuple(view["sources"])
        for view in moved.views
        if view.get("sources")
    }


def _household(tx: Tx, line: Line) -> str:
    size = registry.farmer(tx, line.farmer_id).household_size
    known = registry.find_dossier(tx, line.farmer_id)
    if known is None:
        return say("household of {count}, no dossier, on C’s value", count=size)
    return say("household of {count}, dossier of {day}, on C’s value", count=size, day=known.as_of)


def _day(tx: Tx, line: Line, moved: LineMovement, name: str) -> str:
    if name == "capacity_minor":
        known = registry.find_dossier(tx, line.farmer_id)
        return known.as_of if known else moved.as_of
    return civil_day(moved.at_ms).isoformat() if name == "cap_minor" else moved.as_of
