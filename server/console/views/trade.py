"""What an officer should ask about sales, in plain words; it refuses nobody and moves no limit."""

from __future__ import annotations

from dataclasses import dataclass

from server.console.words import message, money, say
from server.services.orders.fulfilment import TradeFlag, trade_flags
from server.store import lines, registry
from server.store.engine import Tx

WORDS = {
    "sold_elsewhere": message("Far less was sold to the buyers than this land must have brought."),
    "sale_unpaid": message("A buyer has not paid the lender's part of a sale."),
    "sale_underpriced": message("A buyer reports far less than the product's price."),
}
FACTS = {
    "expected_kg": message("expected at least, kg"),
    "sold_to_buyers_kg": message("sold to the buyers, kg"),
    "sold_percent": message("sold, % of it"),
    "seen_ha": message("seen, ha"),
    "owed_minor": message("still owed"),
    "buyer": message("buyer"),
    "sale": message("sale"),
    "days": message("days"),
    "to_line_minor": message("to the line"),
    "sold_kg": message("sold, kg"),
    "proceeds_minor": message("reported"),
    "usual_minor": message("by the product's price"),
}
MINOR = "_minor"


@dataclass(frozen=True, slots=True)
class TradeRow:
    """One question as a person reads it."""

    line_id: str
    farmer: str
    raised_on: str
    words: str
    facts: tuple[tuple[str, str], ...]


def read_trade_flags(tx: Tx, at_ms: int) -> tuple[TradeRow, ...]:
    """Every open question about sales, by line."""
    return tuple(_row(tx, each) for each in trade_flags(tx, at_ms))


def _row(tx: Tx, flag: TradeFlag) -> TradeRow:
    farmer = registry.find_farmer(tx, flag.farmer_id)
    currency = lines.get(tx, flag.line_id).currency
    facts = tuple(
        (say(FACTS[name]), money(int(value), currency) if name.endswith(MINOR) else value)
        for name, value in flag.facts
    )
    told = farmer.name if farmer else flag.farmer_id
    return TradeRow(flag.line_id, told, flag.raised_on, say(WORDS[flag.code]), facts)
