"""The ledger's own promises: sealed entries that balance, in chains without a break.

The triggers hold the seal while they are there. What they cannot hold is looked for here:
lines that came to an entry past them (another session under READ COMMITTED, a dropped
trigger, another program), for an entry's hash is over its lines.
"""

from __future__ import annotations

from core.errors import LedgerImbalanceError
from core.lending.ledger import check_entry, entry_hash
from server.services.audit.finding import Look, Looks, first_fault, well
from server.services.centre import Centre
from server.store import books, rulebooks
from server.store.books import EntryRow
from server.store.engine import Tx
from server.store.ledger import GENESIS, content_hash

_ENTRIES, _LINES = "ledger_entries", "ledger_lines"


def sums(_: Centre, tx: Tx) -> Looks:
    """Every entry has two lines or more, which sum to zero in each currency."""
    for row in books.chained_entries(tx):
        try:
            check_entry(row.entry())
            yield well(_ENTRIES, row.entry_id)
        except (LedgerImbalanceError, ValueError) as error:
            expected = "two lines or more that sum to zero in each currency"
            yield Look(_ENTRIES, row.entry_id, expected, str(error))


def seals(_: Centre, tx: Tx) -> Looks:
    """Every line belongs to a header, is numbered from one on, and is what was sealed."""
    for row in books.chained_entries(tx):
        yield _seal(row)
    for entry_id, line_no in books.lines_without_entry(tx):
        yield Look(_LINES, f"{entry_id}/{line_no}", "a header that seals it", "none")


def _seal(row: EntryRow) -> Look:
    numbers = tuple(range(1, len(row.lines) + 1))
    content = content_hash(row.entry())
    return first_fault(
        _ENTRIES,
        row.entry_id,
        (row.line_numbers != numbers, f"lines numbered 1 to {len(numbers)}",
         ", ".join(map(str, row.line_numbers))),
        (content != row.content_sha256, f"lines whose content is {row.content_sha256[:16]}…",
         f"{content[:16]}…: a line or a field was added, taken or changed after the seal"),
    )  # fmt: skip


def chains(_: Centre, tx: Tx) -> Looks:
    """Every writer's entries follow each other by number and by hash."""
    writer, seq, previous = "", 0, GENESIS
    for row in books.chained_entries(tx):
        if row.writer != writer:
            writer, seq, previous = row.writer, 0, GENESIS
        wanted = entry_hash(row.entry(), previous)
        yield first_fault(
            _ENTRIES,
            row.entry_id,
            (row.seq != seq + 1, f"number {seq + 1} of {writer}", f"number {row.seq}"),
            (row.previous != previous, f"that it follows {_short(previous)}",
             _short(row.previous)),
            (row.hash != wanted, f"the hash {_short(wanted)} of what it says", _short(row.hash)),
        )  # fmt: skip
        # What stands there is followed on, so that one break is told once.
        seq, previous = row.seq, row.hash


def accounts(_: Centre, tx: Tx) -> Looks:
    """Every line moves an account that the chart in force on its day knows."""
    charts = rulebooks.charts(tx)
    for row in books.chained_entries(tx):
        chart = rulebooks.chart_on(charts, row.effective_on)
        unknown = [each.account for each in row.lines if chart.find(each.account) is None]
        yield first_fault(
            _LINES,
            row.entry_id,
            (bool(unknown), f"accounts of the chart, version {chart.version}", ", ".join(unknown)),
        )


def causes(_: Centre, tx: Tx) -> Looks:
    """No operation posted twice: a cause and a kind stand once in the books."""
    for cause, kind, count in books.causes_posted_twice(tx):
        yield Look(_ENTRIES, cause, f"one entry of kind {kind}", f"{count}")


def _short(digest: str) -> str:
    return f"{digest[:16]}…"
