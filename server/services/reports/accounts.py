"""The trial balance and the general ledger, by the chart of accounts in force."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from server.services.reports.table import Cell, Report, count, minor, text
from server.store import books, rulebooks
from server.store.books import AsOf
from server.store.engine import Tx

_UNKNOWN = ("", "not in the chart")


def trial_balance(tx: Tx, then: AsOf) -> Report:
    """Every family of accounts with its debits and credits; the sums of each currency are nought.

    Accounts of one line or one writer are summed into the family of the chart.
    """
    return Report(
        "trial-balance",
        "Trial balance",
        then.on,
        (*text("code", "account", "kind", "currency"), *count("accounts"),
         *minor("debit_minor", "credit_minor", "balance_minor")),
        _balances(tx, then),
    )  # fmt: skip


def _balances(tx: Tx, then: AsOf) -> Iterator[tuple[Cell, ...]]:
    chart = rulebooks.chart_on(rulebooks.charts(tx), then.on)
    sums: dict[tuple[str, str, str, str], list[int]] = {}
    totals: dict[str, list[int]] = {}
    for each in books.balances(tx, then):
        known = chart.find(each.account)
        code, kind = (known.code, known.kind.value) if known else _UNKNOWN
        name = known.path if known else each.account
        moved = (1, each.debit_minor, each.credit_minor)
        for found in (
            sums.setdefault((code, name, kind, each.currency), [0, 0, 0]),
            totals.setdefault(each.currency, [0, 0, 0]),
        ):
            found[:] = [a + b for a, b in zip(found, moved, strict=True)]
    for (code, name, kind, currency), (many, debit, credit) in sorted(sums.items()):
        yield code, name, kind, currency, many, debit, credit, debit - credit
    for currency, (many, debit, credit) in sorted(totals.items()):
        yield "", "total", "", currency, many, debit, credit, debit - credit


def general_ledger(tx: Tx, then: AsOf, account: str = "") -> Report:
    """Every posting by account and day, with the balance after it."""
    return Report(
        "general-ledger",
        f"General ledger of {account}" if account else "General ledger",
        then.on,
        (*text("account", "currency", "effective_on"), *count("recorded_at_ms"),
         *text("entry_id"), *count("line_no"), *text("kind", "cause_id", "writer"),
         *minor("debit_minor", "credit_minor", "balance_minor")),
        _postings(tx, then, account),
    )  # fmt: skip


def _postings(tx: Tx, then: AsOf, account: str) -> Iterator[tuple[Cell, ...]]:
    found = books.postings(tx, then, account)
    for _, run in groupby(found, key=lambda each: (each.account, each.currency)):
        balance = 0
        for each in run:
            balance += each.amount_minor
            yield (
                each.account, each.currency, each.effective_on, each.recorded_at_ms, each.entry_id,
                each.line_no, each.kind, each.cause_id, each.writer, max(0, each.amount_minor),
                max(0, -each.amount_minor), balance,
            )  # fmt: skip
