"""What happened to a line, dated: the only thing from which what is owed follows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum

from core.errors import LedgerImbalanceError


class FactKind(Enum):
    """What happened; on one day in this order."""

    DRAWDOWN = "drawdown"
    FEE = "fee"
    REPAYMENT = "repayment"
    REVERSAL = "reversal"  # of another fact, as if that had never been


_ORDER = {kind: place for place, kind in enumerate(FactKind)}


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened to a line on a day [minor units]; ``reverses`` is a fact's id.

    ``rate_ppm`` is the yearly rate that a drawdown keeps for life; absent, the line's.
    """

    fact_id: str
    kind: FactKind
    on: date
    amount_minor: int
    reverses: str = ""
    rate_ppm: int | None = None

    def __post_init__(self) -> None:
        if self.kind is FactKind.REVERSAL:
            fits = bool(self.reverses) and self.amount_minor == 0
        else:
            fits = not self.reverses and self.amount_minor > 0
        if not fits:
            raise LedgerImbalanceError(
                f"fact {self.fact_id}: expected a positive amount, or for a reversal none and the "
                f"fact that it reverses, got {self.amount_minor} and {self.reverses!r}"
            )


def dated_facts(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """All facts, those that were undone and what undid them too, as they took effect.

    Raises
    ------
    LedgerImbalanceError
        If two facts have one id and different content.
    """
    found: dict[str, Fact] = {}
    for fact in facts:
        if found.setdefault(fact.fact_id, fact) != fact:
            raise LedgerImbalanceError(f"fact {fact.fact_id} exists with other content")
    return tuple(sorted(found.values(), key=lambda f: (f.on, _ORDER[f.kind], f.fact_id)))


def standing_facts(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """The facts that count, in the order in which they took effect.

    Raises
    ------
    LedgerImbalanceError
        If two facts have one id and different content.
    """
    found = dated_facts(facts)
    undone = {fact.reverses for fact in found if fact.reverses}
    return tuple(f for f in found if not f.reverses and f.fact_id not in undone)


def reversal_of(fact: Fact, fact_id: str) -> Fact:
    """The fact that undoes another, effective on the same day."""
    return replace(fact, fact_id=fact_id, kind=FactKind.REVERSAL, amount_minor=0,
                   reverses=fact.fact_id)  # fmt: skip
