"""The ledger read from end to end: row by row, never all at once, as of any day.

A book is looked at *as of*: what took effect up to a day and was written down up to an
instant. Rows come in a stated order, and only a bounded number is held in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.sql import ColumnElement, Select

from core.lending.dayroot import Head
from core.lending.ledger import Entry, EntryKind, EntryLine
from server.store.engine import Tx
from server.store.tables import ledger_entries, ledger_lines

LEDGER = "ledger"  # the log that a head of the books names
_E, _L = ledger_entries.c, ledger_lines.c
_SAME = and_(_E.tenant_id == _L.tenant_id, _E.entry_id == _L.entry_id)


@dataclass(frozen=True, slots=True)
class AsOf:
    """What a book is looked at with: effective up to a day, known up to an instant [ms UTC]."""

    on: str
    recorded_ms: int

    def holds(self) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        """The same as conditions on entries."""
        return _E.effective_on <= self.on, _E.recorded_at_ms <= self.recorded_ms


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry exactly as it lies in the tables, its kind not yet judged."""

    entry_id: str
    writer: str
    seq: int
    kind: str
    effective_on: str
    recorded_at_ms: int
    cause_id: str
    content_sha256: str
    previous: str
    hash: str
    line_numbers: tuple[int, ...]
    lines: tuple[EntryLine, ...]

    def entry(self) -> Entry:
        """The entry; ValueError if its kind is none."""
        kind = EntryKind(self.kind)
        return Entry(
            self.entry_id, kind, self.effective_on, self.recorded_at_ms, self.cause_id, self.lines
        )


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of an entry, with what its entry says of it."""

    account: str
    currency: str
    effective_on: str
    recorded_at_ms: int
    entry_id: str
    line_no: int
    kind: str
    cause_id: str
    writer: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account took in debit and in credit [minor units, both positive]."""

    account: str
    currency: str
    debit_minor: int
    credit_minor: int


def chained_entries(tx: Tx, after: tuple[str, int] = ("", 0)) -> Iterator[EntryRow]:
    """Every entry with its lines, by writer and number; those without lines as well."""
    header = [column for column in ledger_entries.c if column.name != "tenant_id"]
    body = (_L.line_no, _L.account, _L.currency, _L.amount_minor)
    question = (
        select(*header, *body)
        .select_from(ledger_entries.outerjoin(ledger_lines, _SAME))
        .where(_E.tenant_id == tx.tenant_id)
        .order_by(_E.writer, _E.seq, _L.line_no)
    )
    if after != ("", 0):
        question = question.where(_E.writer == after[0], _E.seq > after[1])
    for _, rows in groupby(tx.stream(question), key=lambda row: (row["writer"], row["seq"])):
        yield _entry_row(list(rows))


def _entry_row(rows: list[dict[str, Any]]) -> EntryRow:
    first = rows[0]
    found = [row for row in rows if row["line_no"] is not None]
    fields = {name: first[name] for name in EntryRow.__dataclass_fields__ if name in first}
    lines = tuple(EntryLine(r["account"], r["currency"], r["amount_minor"]) for r in found)
    return EntryRow(**fields, line_numbers=tuple(r["line_no"] for r in found), lines=lines)


def lines_without_entry(tx: Tx) -> Iterator[tuple[str, int]]:
    """Lines whose header is not there: entry and line number."""
    joined = ledger_lines.outerjoin(ledger_entries, _SAME)
    question = (
        select(_L.entry_id, _L.line_no)
        .select_from(joined)
        .where(_L.tenant_id == tx.tenant_id, _E.entry_id.is_(None))
        .order_by(_L.entry_id, _L.line_no)
    )
    for row in tx.stream(question):
        yield row["entry_id"], row["line_no"]


def causes_posted_twice(tx: Tx) -> Iterator[tuple[str, str, int]]:
    """Causes with more than one entry of a kind, which the unique index does not let be."""
    many = func.count(_E.entry_id)
    question = (
        select(_E.cause_id, _E.kind, many.label("many"))
        .where(_E.tenant_id == tx.tenant_id)
        .group_by(_E.cause_id, _E.kind)
        .having(many > 1)
        .order_by(_E.cause_id, _E.kind)
    )
    for row in tx.stream(question):
        yield row["cause_id"], row["kind"], row["many"]


def heads(tx: Tx) -> tuple[Head, ...]:
    """The last entry of every writer's chain."""
    last = (
        select(_E.writer, func.max(_E.seq).label("seq"))
        .where(_E.tenant_id == tx.tenant_id)
        .group_by(_E.writer)
        .subquery()
    )
    question = (
        select(_E.writer, _E.seq, _E.hash)
        .join(last, and_(last.c.writer == _E.writer, last.c.seq == _E.seq))
        .where(_E.tenant_id == tx.tenant_id)
        .order_by(_E.writer)
    )
    return tuple(Head(LEDGER, r["writer"], "", r["seq"], r["hash"]) for r in tx.rows(question))


def hash_at(tx: Tx, writer: str, seq: int) -> str | None:
    """The hash of a writer's entry; None if there is none of that number."""
    where = (_E.tenant_id == tx.tenant_id, _E.writer == writer, _E.seq == seq)
    found = tx.scalar(select(_E.hash).where(*where))
    return None if found is None else str(found)


def balances(tx: Tx, as_of: AsOf) -> Iterator[Balance]:
    """Every account and currency with what it took in debit and in credit, by name."""
    debit = func.sum(func.abs(_L.amount_minor) + _L.amount_minor)
    credit = func.sum(func.abs(_L.amount_minor) - _L.amount_minor)
    question = (
        select(_L.account, _L.currency, debit.label("debit"), credit.label("credit"))
        .select_from(ledger_lines.join(ledger_entries, _SAME))
        .where(_L.tenant_id == tx.tenant_id, *as_of.holds())
        .group_by(_L.account, _L.currency)
        .order_by(_L.account, _L.currency)
    )
    for row in tx.stream(question):
        # |a| + a is twice the debit: halved here, in whole numbers.
        twice = int(row["debit"]), int(row["credit"])
        yield Balance(row["account"], row["currency"], twice[0] // 2, twice[1] // 2)


def postings(tx: Tx, as_of: AsOf, account: str = "") -> Iterator[Posting]:
    """Every line of the books by account, currency and day; of one account if named."""
    question = _postings(tx, as_of)
    if account:
        question = question.where(_L.account == account)
    order = (
        _L.account, _L.currency, _E.effective_on, _E.recorded_at_ms, _L.entry_id, _L.line_no,
    )  # fmt: skip
    for row in tx.stream(question.order_by(*order)):
        yield Posting(**row)


def _postings(tx: Tx, as_of: AsOf) -> Select[Any]:
    columns = (
        _L.account, _L.currency, _E.effective_on, _E.recorded_at_ms, _L.entry_id, _L.line_no,
        _E.kind, _E.cause_id, _E.writer, _L.amount_minor,
    )  # fmt: skip
    joined = ledger_lines.join(ledger_entries, _SAME)
    where = (_L.tenant_id == tx.tenant_id, *as_of.holds())
    return select(*columns).select_from(joined).where(*where)


def postings_on(tx: Tx, as_of: AsOf, accounts: list[str]) -> Iterator[Posting]:
    """Every line on any of some accounts, by day."""
    question = _postings(tx, as_of).where(_L.account.in_(accounts))
    order = (_E.effective_on, _E.recorded_at_ms, _L.entry_id, _L.line_no)
    for row in tx.stream(question.order_by(*order)):
        yield Posting(**row)
