"""Which lines' sales a person should look at: of the whole book, in a few questions a page.

The database names the lines that can give a question at all, those with a harvest that was
seen to be brought in and those with a sale; each of them is judged by the rule of one line.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.units import civil_day
from server.services.orders.fulfilment import TradeFlag, flags_of_line
from server.services.standing import read_money
from server.store import evidence, line_pages, products, registry, sales
from server.store.engine import Tx
from server.store.lines import Line

LINES_AT_ONCE = 500


def trade_flags(tx: Tx, at_ms: int) -> tuple[TradeFlag, ...]:
    """What a person should look at of all lines that sell to registered buyers."""
    today = civil_day(at_ms)
    sold = {one.product_id: one.season_id for one in products.in_force(tx) if one.voucher}
    line_ids = sales.in_question(tx, sold)
    found: list[TradeFlag] = []
    for start in range(0, len(line_ids), LINES_AT_ONCE):
        page = line_pages.named(tx, line_ids[start : start + LINES_AT_ONCE])
        with tx.remembering() as remembering:
            _learn(remembering, page, sold)
            for line in page:
                found += flags_of_line(remembering, line, today)
    return tuple(found)


def _learn(tx: Tx, page: Sequence[Line], sold: dict[str, str]) -> None:
    """Remember all that the questions about some lines rest on."""
    line_ids = [line.line_id for line in page]
    rests = sorted({each for line in page for each in line.subject_ids})
    seasons = {(each, sold[line.product_id]) for line in page for each in line.subject_ids}
    line_pages.learn_opening(tx, line_ids)
    registry.learn_subjects(tx, rests)
    evidence.learn_evidence(tx, (), sorted(seasons))
    sales.learn_lines(tx, line_ids)
    read_money(tx, page)
