"""Double entry in the store: lines first, header last, one hash chain a writer.

Only :func:`post` inserts, so that an entry's lines and header are one transaction;
the header's trigger seals them. An entry's id and cause are known before it is
sent: the same again changes nothing, other content under the same id is refused.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.sql import ColumnElement, Select

from core.canonical import canonical_hash
from core.lending.ledger import Entry, EntryKind, EntryLine, check_entry, hashes
from core.shape import encode
from server.store.bulk import among
from server.store.engine import ConflictError, Tx
from server.store.rows import read_as
from server.store.tables import ledger_entries, ledger_lines, repayments

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class PostedEntry:
    """An entry with its place in its writer's chain."""

    entry: Entry
    writer: str
    seq: int
    content_sha256: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Repayment:
    """A repayment and where it went [minor units].

    ``paid_to`` is the account that took it; empty for the centre's own till.
    """

    repayment_id: str
    line_id: str
    amount_minor: int
    currency: str
    effective_on: str
    fee_minor: int
    interest_minor: int
    principal_minor: int
    surplus_minor: int
    content_sha256: str
    received_by: str
    at_ms: int
    paid_to: str = ""


def post(tx: Tx, writer: str, entry: Entry) -> bool:
    """Write an entry at the end of a writer's chain; False if it is there already.

    Raises
    ------
    LedgerImbalanceError
        If it does not balance.
    ConflictError
        If the id or the cause is taken by an entry with other content.
    """
    check_entry(entry)
    end = hold_chain(tx, writer)
    header, rows = rows_of(entry, writer, end)
    if _is_known(tx, entry, header["content_sha256"]):
        return False
    if tx.memory is None:
        tx.insert_many(ledger_lines, rows)
        tx.insert(ledger_entries, **header)
    else:
        keep_back(tx, entry, header, rows)
    return True


def keep_back(tx: Tx, entry: Entry, header: dict[str, Any], rows: Sequence[dict[str, Any]]) -> None:
    """Keep an entry back, lines before its header, and remember what it changes."""
    for row in rows:
        tx.append(ledger_lines, **row)
    tx.append(ledger_entries, **header)
    tx.learn(ledger_entries, ("end", header["writer"]), (header["seq"], header["hash"]))
    tx.learn(ledger_entries, ("id", entry.entry_id), header["content_sha256"])
    tx.learn(ledger_entries, _cause(entry), header["content_sha256"])
    for line in entry.lines:
        tx.forget_one(ledger_lines, ("moved", line.account))
        balance = ("balance", line.account, line.currency)
        if (known := tx.known(ledger_lines, balance)) is not None:
            tx.learn(ledger_lines, balance, known + line.amount_minor)


def _cause(entry: Entry) -> tuple[str, str, str]:
    return "cause", entry.cause_id, entry.kind.value


def hold_chain(tx: Tx, writer: str) -> tuple[int, str]:
    """The end of a writer's chain, to which nobody else may add until this transaction ends."""

    def ask() -> tuple[int, str]:
        lock_chain(tx, writer)
        return chain_end(tx, writer)

    return tx.recall(ledger_entries, ("end", writer), ask)


def chain_end(tx: Tx, writer: str) -> tuple[int, str]:
    """The number and the hash of a writer's last entry; 0 and ``GENESIS`` if there is none."""
    last = tx.find_row(ledger_entries, "-seq", writer=writer)
    return (last["seq"], last["hash"]) if last else (0, GENESIS)


def rows_of(
    entry: Entry, writer: str, end: tuple[int, str]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """An entry's header and lines as rows, at the end of its writer's chain."""
    said, linked = hashes(entry, end[1])
    header = {
        "entry_id": entry.entry_id,
        "writer": writer,
        "seq": end[0] + 1,
        "kind": entry.kind.value,
        "effective_on": entry.effective_on,
        "recorded_at_ms": entry.recorded_at_ms,
        "cause_id": entry.cause_id,
        "content_sha256": said,
        "previous": end[1],
        "hash": linked,
    }
    lines = [
        {
            "entry_id": entry.entry_id,
            "line_no": number,
            "account": line.account,
            "currency": line.currency,
            "amount_minor": line.amount_minor,
        }
        for number, line in enumerate(entry.lines, 1)
    ]
    return header, lines


def lock_chain(tx: Tx, writer: str) -> None:
    """Let one transaction at a time add to a chain; SQLite does so by itself."""
    if tx.connection.dialect.name == "postgresql":
        tx.connection.exec_driver_sql(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))", (f"{tx.tenant_id}/{writer}",)
        )


def content_hash(entry: Entry) -> str:
    """The hash of what an entry says, apart from when it was written down."""
    return _said(encode(entry))


def _said(body: Mapping[str, Any]) -> str:
    left = {"recorded_at_ms", "entry_id"}
    return canonical_hash({name: value for name, value in body.items() if name not in left})


def _is_known(tx: Tx, entry: Entry, content: str) -> bool:
    """Whether an entry is there already.

    Raises
    ------
    ConflictError
        If its id or its cause is taken by an entry with other content.
    """
    found = _found(tx, entry)
    if found - {content}:
        raise ConflictError(
            f"entry {entry.entry_id} for {entry.cause_id}: it exists with other content"
        )
    return bool(found)


def _found(tx: Tx, entry: Entry) -> set[str]:
    """The content of what is there under an entry's id or its cause.

    Where rows are kept back the key of the table sees to its id: one that is taken makes all
    of it be done again, one by one, and is named then.
    """
    if tx.memory is not None:
        cause = content_under(tx, entry.cause_id, entry.kind)
        same = tx.known(ledger_entries, ("id", entry.entry_id)) if tx.defers else _of_id(tx, entry)
        return {each for each in (same, cause) if each is not None}
    c = ledger_entries.c
    either = (c.entry_id == entry.entry_id) | (
        (c.cause_id == entry.cause_id) & (c.kind == entry.kind.value)
    )
    question = select(c.content_sha256).where(c.tenant_id == tx.tenant_id, either)
    return {row["content_sha256"] for row in tx.rows(question)}


def _of_id(tx: Tx, entry: Entry) -> str | None:
    """The content of the entry of that id, if there is one."""

    def ask() -> str | None:
        found: str | None = tx.find_value(ledger_entries, "content_sha256", entry_id=entry.entry_id)
        return found

    return tx.recall(ledger_entries, ("id", entry.entry_id), ask)


def content_under(tx: Tx, cause_id: str, kind: EntryKind) -> str | None:
    """The content of the entry of a kind that an operation has posted, if it has."""

    def ask() -> str | None:
        found: str | None = tx.find_value(
            ledger_entries, "content_sha256", cause_id=cause_id, kind=kind.value
        )
        return found

    return tx.recall(ledger_entries, ("cause", cause_id, kind.value), ask)


def has_cause(tx: Tx, cause_id: str, kind: EntryKind) -> bool:
    """Whether an operation has posted an entry of a kind."""
    return content_under(tx, cause_id, kind) is not None


def learn_causes(tx: Tx, causes: Sequence[tuple[str, EntryKind]]) -> None:
    """Remember what operations have posted, also that they have not, in one question."""
    found: dict[tuple[str, str, str], str | None]
    found = {("cause", cause, kind.value): None for cause, kind in causes}
    c = ledger_entries.c
    named = among(tx, c.cause_id, sorted({cause for cause, _ in causes}))
    question = select(c.cause_id, c.kind, c.content_sha256).where(
        c.tenant_id == tx.tenant_id, named
    )
    for row in tx.rows(question):
        found["cause", row["cause_id"], row["kind"]] = row["content_sha256"]
    tx.learn_all(ledger_entries, found)


def causes_under(tx: Tx, prefix: str) -> tuple[tuple[str, int], ...]:
    """The causes that begin so, with what their entries moved [minor units]."""
    joined = ledger_lines.join(
        ledger_entries,
        (ledger_lines.c.tenant_id == ledger_entries.c.tenant_id)
        & (ledger_lines.c.entry_id == ledger_entries.c.entry_id),
    )
    cause, moved = ledger_entries.c.cause_id, func.sum(ledger_lines.c.amount_minor).label("moved")
    where = (ledger_lines.c.tenant_id == tx.tenant_id, cause.startswith(prefix, autoescape=True))
    question = select(cause, moved).select_from(joined)
    rows = tx.rows(question.where(*where, ledger_lines.c.amount_minor > 0).group_by(cause))
    return tuple((row["cause_id"], int(row["moved"])) for row in rows)


def entries(tx: Tx) -> tuple[PostedEntry, ...]:
    """Every entry with its lines, by writer and number."""
    return _entries(tx, ledger_lines.c.tenant_id == tx.tenant_id)


def entries_for(tx: Tx, accounts: Iterable[str]) -> tuple[PostedEntry, ...]:
    """The entries that touch any of the accounts, by date of effect."""
    where = (ledger_lines.c.tenant_id == tx.tenant_id, ledger_lines.c.account.in_(tuple(accounts)))
    wanted = select(ledger_lines.c.entry_id).where(*where)
    found = _entries(tx, ledger_lines.c.entry_id.in_(wanted))
    return tuple(sorted(found, key=lambda p: (p.entry.effective_on, p.entry.recorded_at_ms, p.seq)))


def _entries(tx: Tx, which: ColumnElement[bool]) -> tuple[PostedEntry, ...]:
    grouped: dict[str, list[EntryLine]] = defaultdict(list)
    lines = select(ledger_lines).where(ledger_lines.c.tenant_id == tx.tenant_id, which)
    for row in tx.rows(lines.order_by(ledger_lines.c.entry_id, ledger_lines.c.line_no)):
        line = EntryLine(row["account"], row["currency"], row["amount_minor"])
        grouped[row["entry_id"]].append(line)
    ids = select(ledger_lines.c.entry_id).where(which)
    question = select(ledger_entries).where(
        ledger_entries.c.tenant_id == tx.tenant_id, ledger_entries.c.entry_id.in_(ids)
    )
    rows = tx.rows(question.order_by(ledger_entries.c.writer, ledger_entries.c.seq))
    return tuple(_posted(row, tuple(grouped[row["entry_id"]])) for row in rows)


def _posted(row: Mapping[str, Any], lines: tuple[EntryLine, ...]) -> PostedEntry:
    entry = Entry(
        entry_id=row["entry_id"],
        kind=EntryKind(row["kind"]),
        effective_on=row["effective_on"],
        recorded_at_ms=row["recorded_at_ms"],
        cause_id=row["cause_id"],
        lines=lines,
    )
    return read_as(PostedEntry, {**row, "entry": entry})


def account_balance(tx: Tx, account: str, currency: str) -> int:
    """An account's balance [minor units]: debits less credits."""

    def ask() -> int:
        where = (
            ledger_lines.c.tenant_id == tx.tenant_id,
            ledger_lines.c.account == account,
            ledger_lines.c.currency == currency,
        )
        return int(tx.scalar(select(func.sum(ledger_lines.c.amount_minor)).where(*where)) or 0)

    return tx.recall(ledger_lines, ("balance", account, currency), ask)


def drawn_minor(tx: Tx, account: str) -> int:
    """All that drawdowns ever debited to an account [minor units]."""
    joined = ledger_lines.join(
        ledger_entries,
        (ledger_lines.c.tenant_id == ledger_entries.c.tenant_id)
        & (ledger_lines.c.entry_id == ledger_entries.c.entry_id),
    )
    question = (
        select(func.sum(ledger_lines.c.amount_minor))
        .select_from(joined)
        .where(
            ledger_lines.c.tenant_id == tx.tenant_id,
            ledger_lines.c.account == account,
            ledger_entries.c.kind == EntryKind.DRAWDOWN.value,
        )
    )
    return int(tx.scalar(question) or 0)


def principal_changes(tx: Tx, account: str) -> tuple[tuple[str, int], ...]:
    """An account's movements as date of effect and amount [minor units]."""

    def ask() -> tuple[tuple[str, int], ...]:
        found = tx.rows(_dated_lines(tx, ledger_lines.c.account == account))
        return tuple((row["effective_on"], row["amount_minor"]) for row in found)

    return tx.recall(ledger_lines, ("moved", account), ask)


def _dated_lines(tx: Tx, which: ColumnElement[bool]) -> Select[Any]:
    """Lines with their entry's date of effect, by that date."""
    joined = ledger_lines.join(
        ledger_entries,
        (ledger_lines.c.tenant_id == ledger_entries.c.tenant_id)
        & (ledger_lines.c.entry_id == ledger_entries.c.entry_id),
    )
    columns = (
        ledger_entries.c.effective_on,
        ledger_lines.c.account,
        ledger_lines.c.currency,
        ledger_lines.c.amount_minor,
    )
    return (
        select(*columns)
        .select_from(joined)
        .where(ledger_lines.c.tenant_id == tx.tenant_id, which)
        .order_by(ledger_entries.c.effective_on)
    )


def trial_balance(tx: Tx) -> dict[tuple[str, str], int]:
    """The balance of every account and currency [minor units]."""
    total = func.sum(ledger_lines.c.amount_minor).label("total")
    rows = tx.rows(
        select(ledger_lines.c.account, ledger_lines.c.currency, total)
        .where(ledger_lines.c.tenant_id == tx.tenant_id)
        .group_by(ledger_lines.c.account, ledger_lines.c.currency)
    )
    return {(row["account"], row["currency"]): int(row["total"]) for row in rows}


def add_repayment(tx: Tx, repayment: Repayment) -> None:
    """Write down a repayment and how it was split."""
    tx.insert(repayments, **encode(repayment))


def find_repayment(tx: Tx, repayment_id: str) -> Repayment | None:
    """The repayment with that id, if it is known."""
    row = tx.find_row(repayments, repayment_id=repayment_id)
    return read_as(Repayment, row) if row else None


def repayments_under(tx: Tx, prefix: str, rows_max: int = 2) -> tuple[Repayment, ...]:
    """Repayments whose id begins so, up to a number of them."""
    c = repayments.c
    begins = (c.tenant_id == tx.tenant_id, c.repayment_id.startswith(prefix, autoescape=True))
    found = tx.rows(select(repayments).where(*begins).order_by(c.repayment_id), rows_max)
    return tuple(read_as(Repayment, row) for row in found)


def repayments_of(tx: Tx, line_id: str) -> tuple[Repayment, ...]:
    """A line's repayments, by date of effect."""

    def ask() -> tuple[Repayment, ...]:
        found = tx.find_rows(repayments, "effective_on", "at_ms", line_id=line_id)
        return tuple(read_as(Repayment, row) for row in found)

    return tx.recall(repayments, line_id, ask)


def lines_repaid(tx: Tx) -> tuple[str, ...]:
    """The lines on which anything was repaid, in order of id."""
    where = repayments.c.tenant_id == tx.tenant_id
    rows = tx.rows(select(repayments.c.line_id).where(where).distinct())
    return tuple(sorted(row["line_id"] for row in rows))


def learn_repayments(tx: Tx, line_ids: Sequence[str]) -> None:
    """Remember the repayments of lines, read in one question."""
    found: dict[str, list[Repayment]] = {each: [] for each in line_ids}
    for row in tx.rows(_repayments(tx, among(tx, repayments.c.line_id, line_ids))):
        found[row["line_id"]].append(read_as(Repayment, row))
    for line_id, repaid in found.items():
        tx.learn(repayments, line_id, tuple(repaid))


def _repayments(tx: Tx, which: ColumnElement[bool]) -> Select[Any]:
    question = select(repayments).where(repayments.c.tenant_id == tx.tenant_id, which)
    return question.order_by(repayments.c.effective_on, repayments.c.at_ms)
