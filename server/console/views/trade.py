"""What an officer should ask about sales, in plain words; it refuses nobody and moves no limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from server.console.words import message, money, say
from server.services.orders.fulfilment import TradeFlag
from server.services.sales_questions import trade_flags
from server.store import line_pages, plot_rows
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
    found = trade_flags(tx, at_ms)
    farmers = plot_rows.farmer_names(tx, sorted({each.farmer_id for each in found}))
    named = line_pages.named(tx, sorted({each.line_id for each in found}))
    currencies = {line.line_id: line.currency for line in named}
    return tuple(_row(each, farmers, currencies[each.line_id]) for each in found)


def _row(flag: TradeFlag, farmers: Mapping[str, str], currency: str) -> TradeRow:
    facts = tuple(
        (say(FACTS[name]), money(int(value), currency) if name.endswith(MINOR) else value)
        for name, value in flag.facts
    )
    told = farmers.get(flag.farmer_id, flag.farmer_id)
    return TradeRow(flag.line_id, told, flag.raised_on, say(WORDS[flag.code]), facts)
