"""What a person holds beside their password: the sealed secret of their phone, and spare codes.

The database keeps it so that a time that was used stays used, a spare code is used once, and
what was confirmed ends by the person's own next one or by a confirmed word of two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select

from server.store.desk_tables import recovery_codes, second_factors
from server.store.engine import Tx
from server.store.rows import read_as

_C = second_factors.c


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """A secret that a phone holds, too; ``last_step`` is the newest time whose code was used."""

    username: str
    factor_id: str
    sealed: bytes
    offered_at_ms: int
    confirmed_at_ms: int | None = None
    last_step: int = 0
    wrong_count: int = 0
    ended_at_ms: int | None = None
    word_id: str = ""

    @property
    def sealed_sha256(self) -> str:
        """By what the trail knows the secret, which it does not tell."""
        return hashlib.sha256(self.sealed).hexdigest()


@dataclass(frozen=True, slots=True)
class SpareCode:
    """A spare code by its hash, and when it was used."""

    username: str
    factor_id: str
    code_sha256: str
    used_at_ms: int | None


def in_force(tx: Tx, username: str) -> SecondFactor | None:
    """What a user has confirmed and still holds."""
    rows = tx.find_rows(second_factors, username=username)
    found = (read_as(SecondFactor, row) for row in rows)
    return next((f for f in found if f.confirmed_at_ms is not None and f.ended_at_ms is None), None)


def offered(tx: Tx, username: str, factor_id: str) -> SecondFactor | None:
    """What was offered to a user under an id and is not confirmed yet."""
    row = tx.find_row(second_factors, username=username, factor_id=factor_id)
    found = read_as(SecondFactor, row) if row else None
    return found if found is not None and found.confirmed_at_ms is None else None


def holders(tx: Tx) -> frozenset[str]:
    """Who holds one."""
    where = (
        _C.tenant_id == tx.tenant_id,
        _C.confirmed_at_ms.is_not(None),
        _C.ended_at_ms.is_(None),
    )
    return frozenset(str(row["username"]) for row in tx.rows(select(_C.username).where(*where)))


def offer(tx: Tx, factor: SecondFactor) -> None:
    """Keep an offer; what was offered to the user before and never confirmed is gone."""
    where = (
        _C.tenant_id == tx.tenant_id, _C.username == factor.username, _C.confirmed_at_ms.is_(None),
    )  # fmt: skip
    tx.run(second_factors.delete().where(*where))
    tx.insert(
        second_factors, username=factor.username, factor_id=factor.factor_id,
        sealed=factor.sealed, offered_at_ms=factor.offered_at_ms, confirmed_at_ms=None,
        last_step=0, wrong_count=0, ended_at_ms=None, word_id="",
    )  # fmt: skip


def confirm(tx: Tx, factor: SecondFactor, at_ms: int, step: int) -> None:
    """An offer is proven by the code of a time; what held before it ends."""
    before = in_force(tx, factor.username)
    _change(tx, factor, {"confirmed_at_ms": at_ms, "last_step": step, "wrong_count": 0})
    if before is not None:
        _change(tx, before, {"ended_at_ms": at_ms})


def use(tx: Tx, factor: SecondFactor, step: int) -> None:
    """The code of a time was used: neither it nor an earlier one counts again."""
    _change(tx, factor, {"last_step": step, "wrong_count": 0})


def count_wrong(tx: Tx, factor: SecondFactor) -> None:
    """One more wrong code in a row."""
    _change(tx, factor, {"wrong_count": factor.wrong_count + 1})


def end(tx: Tx, factor: SecondFactor, at_ms: int, word_id: str) -> None:
    """End what a user holds, by a confirmed word of two."""
    _change(tx, factor, {"ended_at_ms": at_ms, "word_id": word_id})


def add_codes(tx: Tx, factor: SecondFactor, hashes: tuple[str, ...]) -> None:
    """Keep the hashes of spare codes."""
    who = {"username": factor.username, "factor_id": factor.factor_id}
    tx.insert_many(recovery_codes, [{**who, "code_sha256": h, "used_at_ms": None} for h in hashes])


def spend_code(tx: Tx, factor: SecondFactor, code_sha256: str, at_ms: int) -> bool:
    """Use a spare code up; whether it was one that was not used yet."""
    c = recovery_codes.c
    where = (*_codes_of(tx, factor), c.code_sha256 == code_sha256, c.used_at_ms.is_(None))
    spent = tx.run(recovery_codes.update().where(*where).values(used_at_ms=at_ms)) == 1
    if spent:
        _change(tx, factor, {"wrong_count": 0})
    return spent


def codes_left(tx: Tx, factor: SecondFactor) -> int:
    """How many spare codes were not used yet."""
    where = (*_codes_of(tx, factor), recovery_codes.c.used_at_ms.is_(None))
    return int(tx.scalar(select(func.count()).select_from(recovery_codes).where(*where)))


def stream(tx: Tx) -> Iterator[SecondFactor]:
    """Every second factor that was ever offered and not replaced, person by person."""
    question = select(second_factors).where(_C.tenant_id == tx.tenant_id)
    ordered = question.order_by(_C.username, _C.offered_at_ms, _C.factor_id)
    return (read_as(SecondFactor, row) for row in tx.stream(ordered))


def stream_codes(tx: Tx) -> Iterator[SpareCode]:
    """Every spare code by its hash, person by person."""
    c = recovery_codes.c
    question = select(recovery_codes).where(c.tenant_id == tx.tenant_id)
    ordered = question.order_by(c.username, c.factor_id, c.code_sha256)
    return (read_as(SpareCode, row) for row in tx.stream(ordered))


def used_at(tx: Tx, username: str) -> tuple[int, ...]:
    """When somebody's spare codes were used [ms UTC], of every factor that they held."""
    c = recovery_codes.c
    where = (c.tenant_id == tx.tenant_id, c.username == username, c.used_at_ms.is_not(None))
    rows = tx.rows(select(c.used_at_ms).where(*where))
    return tuple(int(row["used_at_ms"]) for row in rows)


def _codes_of(tx: Tx, factor: SecondFactor) -> tuple[ColumnElement[bool], ...]:
    c = recovery_codes.c
    return (
        c.tenant_id == tx.tenant_id,
        c.username == factor.username,
        c.factor_id == factor.factor_id,
    )


def _change(tx: Tx, factor: SecondFactor, values: dict[str, object]) -> None:
    key = {"username": factor.username, "factor_id": factor.factor_id}
    tx.change_row(second_factors, key, values)
