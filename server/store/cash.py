"""Who holds the lender's cash at which station, and all that moved their boxes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select

from core.lending.cashbox import Box, Move, MoveKind, box_of
from core.wire.cash import CashPerson, CashRole
from server.store.cash_tables import cash_moves, cash_people
from server.store.engine import NotKnownError, Tx
from server.store.rows import from_json, json_text
from server.store.tables import repayments

_P, _M = cash_people.c, cash_moves.c


@dataclass(frozen=True, slots=True)
class KeptMove:
    """What moved a box: as its station said it, with what was wrong with it.

    ``amount_minor`` is signed, into the box is positive; ``body`` what was said; ``flag``
    names what was wrong. ``at_ms`` is the station's clock, ``recorded_at_ms`` the centre's.
    """

    move_id: str
    person_id: str
    kind: MoveKind
    other_id: str
    station: str
    shift_id: str
    line_id: str
    amount_minor: int
    currency: str
    effective_on: str
    body: Mapping[str, Any]
    flag: str
    at_ms: int
    recorded_at_ms: int


def put_person(tx: Tx, person: CashPerson, when: tuple[int, str]) -> None:
    """Add a person, or change their limits, card or station (at an instant, by whom)."""
    tx.upsert(
        cash_people,
        person_id=person.person_id,
        name=person.name,
        role=person.role.value,
        station=person.station,
        public_key=person.public_key,
        card_sha256=person.card_sha256,
        currency=person.currency,
        hold_max_minor=person.hold_max_minor,
        pay_day_max_minor=person.pay_day_max_minor,
        active=person.active,
        at_ms=when[0],
        actor=when[1],
    )


def find_person(tx: Tx, person_id: str) -> CashPerson | None:
    """A person who holds cash, if there is one of that id."""

    def ask() -> CashPerson | None:
        row = tx.find_row(cash_people, person_id=person_id)
        return _person(row) if row else None

    return tx.recall(cash_people, person_id, ask)


def person(tx: Tx, person_id: str) -> CashPerson:
    """A person who holds cash.

    Raises
    ------
    NotKnownError
        If there is none of that id.
    """
    found = find_person(tx, person_id)
    if found is None:
        raise NotKnownError(f"expected a cash agent or keeper, got {person_id[:64]!r}")
    return found


def people(tx: Tx, station: str = "") -> tuple[CashPerson, ...]:
    """Everybody who holds or held cash, by id; of one station if it is named."""
    question = select(cash_people).where(_P.tenant_id == tx.tenant_id)
    if station:
        question = question.where(_P.station == station)
    return tuple(_person(row) for row in tx.rows(question.order_by(_P.person_id)))


def add_move(tx: Tx, move: KeptMove) -> None:
    """Add what moved a box; it can never be changed."""
    tx.append(
        cash_moves,
        move_id=move.move_id,
        person_id=move.person_id,
        kind=move.kind.value,
        other_id=move.other_id,
        station=move.station,
        shift_id=move.shift_id,
        line_id=move.line_id,
        amount_minor=move.amount_minor,
        currency=move.currency,
        effective_on=move.effective_on,
        body=json_text(dict(move.body)),
        flag=move.flag,
        at_ms=move.at_ms,
        recorded_at_ms=move.recorded_at_ms,
    )


def find_moves(tx: Tx, move_id: str) -> tuple[KeptMove, ...]:
    """What is known of one move: a handover between two boxes stands once for each."""
    where = (_M.tenant_id == tx.tenant_id, _M.move_id == move_id)
    rows = tx.rows(select(cash_moves).where(*where).order_by(_M.person_id))
    return tuple(_move(row) for row in rows)


def moves_of(tx: Tx, person_id: str) -> tuple[KeptMove, ...]:
    """All that moved a box, by the station's clock."""
    where = (_M.tenant_id == tx.tenant_id, _M.person_id == person_id)
    order = (_M.effective_on, _M.at_ms, _M.move_id)
    return tuple(_move(row) for row in tx.rows(select(cash_moves).where(*where).order_by(*order)))


def box(tx: Tx, person_id: str, on: date) -> Box:
    """A person's box on a day, as far as the centre has heard."""
    found = (
        Move(each.kind, date.fromisoformat(each.effective_on), each.amount_minor)
        for each in moves_of(tx, person_id)
    )
    return box_of(found, on)


def sums(tx: Tx) -> dict[tuple[str, str], int]:
    """What is in each box by its records: person and currency to amount [minor units]."""
    total = func.sum(_M.amount_minor).label("total")
    question = (
        select(_M.person_id, _M.currency, total)
        .where(_M.tenant_id == tx.tenant_id)
        .group_by(_M.person_id, _M.currency)
        .order_by(_M.person_id, _M.currency)
    )
    return {(row["person_id"], row["currency"]): int(row["total"]) for row in tx.rows(question)}


def unplaced(tx: Tx) -> tuple[KeptMove, ...]:
    """Repayments in cash on lines of which none was booked: the money is in suspense."""
    booked = select(repayments.c.repayment_id).where(repayments.c.tenant_id == tx.tenant_id)
    where = (_M.tenant_id == tx.tenant_id, _M.kind == MoveKind.REPAYMENT.value)
    question = select(cash_moves).where(*where, _M.move_id.not_in(booked)).order_by(_M.move_id)
    return tuple(_move(row) for row in tx.rows(question))


def flagged(tx: Tx, count_max: int) -> tuple[KeptMove, ...]:
    """Moves with which something was wrong, the newest first."""
    where = (_M.tenant_id == tx.tenant_id, _M.flag != "")
    order = (_M.recorded_at_ms.desc(), _M.move_id, _M.person_id)
    rows = tx.rows(select(cash_moves).where(*where).order_by(*order), count_max)
    return tuple(_move(row) for row in rows)


def stream(tx: Tx) -> Iterator[KeptMove]:
    """Every move of every box, by person and in order."""
    question = select(cash_moves).where(_M.tenant_id == tx.tenant_id)
    order = (_M.person_id, _M.effective_on, _M.at_ms, _M.move_id)
    return (_move(row) for row in tx.stream(question.order_by(*order)))


def _person(row: Mapping[str, Any]) -> CashPerson:
    return CashPerson(
        person_id=row["person_id"],
        name=row["name"],
        role=CashRole(row["role"]),
        station=row["station"],
        public_key=row["public_key"],
        card_sha256=row["card_sha256"],
        currency=row["currency"],
        hold_max_minor=row["hold_max_minor"],
        pay_day_max_minor=row["pay_day_max_minor"],
        active=bool(row["active"]),
    )


def _move(row: Mapping[str, Any]) -> KeptMove:
    names = [name for name in KeptMove.__dataclass_fields__ if name not in ("kind", "body")]
    return KeptMove(
        **{name: row[name] for name in names},
        kind=MoveKind(row["kind"]),
        body=from_json(row["body"]),
    )
