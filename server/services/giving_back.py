"""Fees that go back to the farmer who leaves while the agreement cools.

Who leaves in time pays back what was drawn and its interest to the day (directive 2008/48/EC,
article 14). The arrangement fee of every draw up to that day is undone as of the draw's own
day, so that what was paid since is split as if it had never been asked. The ledger says which
were, each once, also of a draw that a dark station tells of later.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.lending.books import fee_account, fee_back_cause
from core.lending.facts import Fact, FactKind, reversal_of, standing_facts
from core.lending.ledger import Entry, EntryKind, transfer
from server.services.centre import Work
from server.services.standing import facts_of
from server.store import agreements, ledger
from server.store.engine import Tx
from server.store.lines import Line

FEES_BACK = "fees_back_minor"  # in the detail of the step by which a farmer left


def fees_to_give_back(tx: Tx, line: Line, on: str) -> tuple[Fact, ...]:
    """The fees of draws up to a day that still stand."""
    return tuple(
        fact
        for fact in standing_facts(facts_of(tx, line))
        if fact.kind is FactKind.FEE and fact.on.isoformat() <= on
    )


def undoing(line: Line, fees: Sequence[Fact]) -> tuple[Fact, ...]:
    """What undoes some fees, as facts."""
    return tuple(reversal_of(fee, fee_back_cause(line.line_id, fee.fact_id)) for fee in fees)


def give_fees_back(work: Work, line: Line, fees: Sequence[Fact]) -> int:
    """Undo fees in the books; how much that was [minor units].

    The splits of repayments are not touched: :func:`server.services.posting.square` does that.
    """
    for fee in fees:
        moved = transfer("income/fee", fee_account(line.line_id), line.currency, fee.amount_minor)
        cause, on = fee_back_cause(line.line_id, fee.fact_id), fee.on.isoformat()
        entry = Entry(work.new_id(), EntryKind.REVERSAL, on, work.at_ms, cause, moved)
        ledger.post(work.tx, work.settings.name, entry)
    return sum(fee.amount_minor for fee in fees)


def give_late_fee_back(work: Work, line: Line) -> int:
    """Undo the fee of a draw that was told after its farmer had left; how much [minor units]."""
    left_on = agreements.left_on(work.tx, line.application_id)
    return give_fees_back(work, line, fees_to_give_back(work.tx, line, left_on)) if left_on else 0
