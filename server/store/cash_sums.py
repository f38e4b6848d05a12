"""Every cash box at once: its moves as few sums, what was wrong with them, and its accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.sql import Select

from core.lending.cashbox import DIFFERENCE_DAYS, Move, MoveKind
from server.store.bulk import among
from server.store.cash_tables import cash_moves
from server.store.engine import Tx
from server.store.tables import ledger_lines

_M = cash_moves.c


@dataclass(slots=True)
class BoxMoves:
    """What moved a box: each move of late, and the sums of those before by their kind."""

    moves: list[Move] = field(default_factory=list)
    flags_count: int = 0
    last_heard_on: str = ""


def by_person(tx: Tx, on: date) -> dict[str, BoxMoves]:
    """What moved every box, as far as a box on a day asks: by person.

    Of moves that are older than :data:`DIFFERENCE_DAYS` a box knows the sum, the first day,
    and the day of the last count: their sums by kind say the same.
    """
    before = (on - timedelta(days=DIFFERENCE_DAYS)).isoformat()
    found: dict[str, BoxMoves] = {}
    for row in tx.rows(_sums(tx, before)):
        box = found.setdefault(row["person_id"], BoxMoves())
        box.flags_count += int(row["flagged"])
        box.last_heard_on = max(box.last_heard_on, row["last_on"])
        if row["old_first_on"] is not None:
            kind = MoveKind(row["kind"])
            day = row["old_last_on"] if kind is MoveKind.COUNT else row["old_first_on"]
            box.moves.append(Move(kind, date.fromisoformat(day), int(row["old_minor"])))
    late = select(_M.person_id, _M.kind, _M.effective_on, _M.amount_minor)
    for row in tx.rows(late.where(_M.tenant_id == tx.tenant_id, _M.effective_on > before)):
        moved = Move(
            MoveKind(row["kind"]), date.fromisoformat(row["effective_on"]), row["amount_minor"]
        )
        found[row["person_id"]].moves.append(moved)
    return found


def _sums(tx: Tx, before: str) -> Select[Any]:
    old = _M.effective_on <= before
    return (
        select(
            _M.person_id,
            _M.kind,
            func.sum(case((_M.flag != "", 1), else_=0)).label("flagged"),
            func.max(_M.effective_on).label("last_on"),
            func.min(case((old, _M.effective_on))).label("old_first_on"),
            func.max(case((old, _M.effective_on))).label("old_last_on"),
            func.sum(case((old, _M.amount_minor), else_=0)).label("old_minor"),
        )
        .where(_M.tenant_id == tx.tenant_id)
        .group_by(_M.person_id, _M.kind)
    )


def balances(tx: Tx, accounts: Sequence[str]) -> dict[tuple[str, str], int]:
    """What stands on some accounts, debits less credits, by account and currency."""
    c = ledger_lines.c
    total = func.sum(c.amount_minor).label("total")
    where = (c.tenant_id == tx.tenant_id, among(tx, c.account, accounts))
    question = select(c.account, c.currency, total).where(*where).group_by(c.account, c.currency)
    return {(row["account"], row["currency"]): int(row["total"]) for row in tx.rows(question)}
