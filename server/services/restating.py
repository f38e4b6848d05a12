"""Once, after an upgrade: bring books that were kept another way to the account of their facts.

Before, a repayment that came late left the ones after it as they had been split, so its
line owed something else than its facts say. Nobody's debt changes silently: each line that
owes something else is reversed and replayed under the cause ``restated/<line>``, the audit
trail says what was owed before and after, and the stations are told all lines' facts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from core.lending.account import Amounts
from core.lending.accrual import PrincipalChange, simple_interest
from core.lending.books import fee_account, principal_account
from core.shape import encode
from server.services.centre import Centre, Work
from server.services.downlink import send_status
from server.services.posting import square
from server.services.standing import owed, priced_by, zone_minutes
from server.store import ledger, lines, people
from server.store.engine import Tx
from server.store.lines import Line

RECKONED = ("ledger", "account-of-facts")  # the audit trail's object that says it was done
CHUNK_LINES = 500


@dataclass(frozen=True, slots=True)
class Restated:
    """A line whose books were brought to its facts: what was owed before, and is now."""

    line_id: str
    before: Amounts
    now: Amounts
    entries: int


def restate_once(centre: Centre) -> tuple[Restated, ...]:
    """Restate the books unless that was done before; the lines that owe something else."""
    with centre.store.reading() as tx:
        if people.trail_of(tx, *RECKONED):
            return ()
        open_lines = [line.line_id for line in lines.every(tx) if line.is_open]
        repaid = ledger.lines_repaid(tx)
    found = []
    for line_id in repaid:
        changed = centre.write(partial(_restate, line_id=line_id))
        found += [changed] if changed else []
    for chunk in _chunks(open_lines):
        centre.write(partial(_tell, line_ids=chunk))
    told = {"lines_restated": len(found), "lines_told": len(open_lines)}
    centre.write(
        lambda work: people.record(
            work.tx, work.at_ms, work.myself, "books_reckoned", RECKONED, told
        )
    )
    return tuple(found)


def _restate(work: Work, line_id: str) -> Restated | None:
    line = lines.lock(work.tx, line_id)
    on = work.today(zone_minutes(work.tx, line.farmer_id))
    before, now = _kept_before(work.tx, line, on), owed(work.tx, line, on)
    entries = square(work, line, f"restated/{line_id}")
    if not entries:
        return None
    detail = {"before": encode(before), "now": encode(now), "entries": entries}
    people.record(work.tx, work.at_ms, work.myself, "line_restated", ("line", line_id), detail)
    return Restated(line_id, before, now, entries)


def _kept_before(tx: Tx, line: Line, on: date) -> Amounts:
    """What the books said before: the ledger's balances, and interest on its principal."""
    credit = priced_by(tx, line).credit
    changes = [
        PrincipalChange(date.fromisoformat(day), amount)
        for day, amount in ledger.principal_changes(tx, principal_account(line.line_id))
    ]
    earned = simple_interest(changes, credit.rate_ppm, on, credit.day_count)
    paid = sum(each.interest_minor for each in ledger.repayments_of(tx, line.line_id))
    return Amounts(
        fee_minor=ledger.account_balance(tx, fee_account(line.line_id), line.currency),
        interest_minor=max(0, earned - paid),
        principal_minor=ledger.account_balance(tx, principal_account(line.line_id), line.currency),
    )


def _tell(work: Work, line_ids: Sequence[str]) -> None:
    for line_id in line_ids:
        send_status(work, lines.lock(work.tx, line_id))


def _chunks(line_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(line_ids), CHUNK_LINES):
        yield line_ids[first : first + CHUNK_LINES]
