"""Cash boxes at the station: who has one, whose turn it is, and all that moved each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from core.lending.cashbox import Box, CountKind, Move, MoveKind, box_of
from core.lending.lease import DrawState
from core.wire.cash import CashPerson, CashRole, Count, Handover, Taken
from core.wire.envelope import LogClass
from core.wire.records import Drawdown
from edge_node.store import logs, subleases
from edge_node.store.database import StationDatabase
from edge_node.store.village import UnknownRecordError, as_text

_PERSON = (
    "SELECT person_id, name, role, public_key, card_sha256, currency, hold_max_minor, "
    "pay_day_max_minor, active FROM cash_people "
)


@dataclass(frozen=True, slots=True)
class Shift:
    """An agent's turn at the desk."""

    shift_id: str
    person_id: str
    opened_at_ms: int


@dataclass(frozen=True, slots=True)
class KeptMove:
    """What moved a box, and when."""

    move_id: str
    kind: MoveKind
    line_id: str
    amount_minor: int
    on: str
    at_ms: int


def subject_of(move_id: str) -> str:
    """What the money log calls a move of a box, so that it says it once."""
    return f"cash/{move_id}"


def keep_person(db: StationDatabase, person: CashPerson) -> None:
    """Keep what the centre says of a person; its newest word counts."""
    db.execute(
        "INSERT INTO cash_people (person_id, name, role, public_key, card_sha256, currency, "
        "hold_max_minor, pay_day_max_minor, active) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (person_id) DO UPDATE SET name = excluded.name, role = excluded.role, "
        "public_key = excluded.public_key, card_sha256 = excluded.card_sha256, "
        "currency = excluded.currency, hold_max_minor = excluded.hold_max_minor, "
        "pay_day_max_minor = excluded.pay_day_max_minor, active = excluded.active",
        [
            person.person_id,
            person.name,
            person.role.value,
            person.public_key,
            person.card_sha256,
            person.currency,
            person.hold_max_minor,
            person.pay_day_max_minor,
            int(person.active),
        ],
    )


def people(db: StationDatabase, station: str) -> tuple[CashPerson, ...]:
    """Everybody who may hold cash here, by name."""
    rows = db.execute(f"{_PERSON} WHERE active = 1 ORDER BY name, person_id").fetchall()
    return tuple(_person(row, station) for row in rows)


def person_of_card(db: StationDatabase, station: str, card_sha256: str) -> CashPerson | None:
    """Whose card it is; None if nobody's who may hold cash here now."""
    row = db.execute(f"{_PERSON} WHERE card_sha256 = ? AND active = 1", [card_sha256]).fetchone()
    return _person(row, station) if row else None


def person(db: StationDatabase, station: str, person_id: str) -> CashPerson:
    """A person who holds cash here.

    Raises
    ------
    UnknownRecordError
        If nobody here is called so.
    """
    row = db.execute(f"{_PERSON} WHERE person_id = ?", [person_id]).fetchone()
    if row is None:
        raise UnknownRecordError(f"expected a cash agent of this station, got {person_id[:64]!r}")
    return _person(row, station)


def is_known(db: StationDatabase, person_id: str) -> bool:
    """Whether the centre has ever named that person here."""
    wanted = [person_id]
    found = db.execute("SELECT 1 FROM cash_people WHERE person_id = ?", wanted).fetchone()
    return found is not None


def has_agents(db: StationDatabase) -> bool:
    """Whether cash is paid out of agents' boxes here."""
    wanted = [CashRole.AGENT.value]
    found = db.execute("SELECT 1 FROM cash_people WHERE active = 1 AND role = ? LIMIT 1", wanted)
    return found.fetchone() is not None


def open_shift(db: StationDatabase) -> Shift | None:
    """Whose turn it is; None while the desk is closed."""
    row = db.execute(
        "SELECT shift_id, person_id, opened_at_ms FROM cash_shifts WHERE closed_at_ms IS NULL"
    ).fetchone()
    return Shift(*row) if row else None


def keep_handover(db: StationDatabase, told: Handover, at_ms: int) -> None:
    """Move cash from a box to another; a keeper has none."""
    for person_id, amount in (
        (told.giver_id, -told.amount_minor),
        (told.receiver_id, told.amount_minor),
    ):
        if _is_agent(db, person_id):
            _move(db, (told.handover_id, person_id), MoveKind.HANDOVER, told.shift_id,
                  ("", amount, told.on, at_ms, told))  # fmt: skip


def keep_taken(db: StationDatabase, told: Taken, at_ms: int) -> None:
    """Put a repayment into a box."""
    _move(db, (told.repayment_id, told.person_id), MoveKind.REPAYMENT, told.shift_id,
          (told.line_id, told.amount_minor, told.on, at_ms, told))  # fmt: skip


def keep_count(db: StationDatabase, told: Count, at_ms: int) -> None:
    """Book what a count found; it opens or closes the agent's turn."""
    if told.kind is CountKind.OPEN:
        db.execute(
            "INSERT INTO cash_shifts (shift_id, person_id, opened_at_ms) VALUES (?, ?, ?) "
            "ON CONFLICT (shift_id) DO NOTHING",
            [told.shift_id, told.person_id, at_ms],
        )
    _move(db, (told.count_id, told.person_id), MoveKind.COUNT, told.shift_id,
          ("", told.difference_minor, told.on, at_ms, told))  # fmt: skip
    if told.kind is CountKind.CLOSE:
        db.execute(
            "UPDATE cash_shifts SET closed_at_ms = ? WHERE shift_id = ? AND closed_at_ms IS NULL",
            [at_ms, told.shift_id],
        )


def keep_payer(db: StationDatabase, draw_id: str, shift: Shift) -> None:
    """Say whose box pays a draw."""
    db.execute(
        "INSERT INTO draw_payers (draw_id, person_id, shift_id) VALUES (?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        [draw_id, shift.person_id, shift.shift_id],
    )


def payer_of(db: StationDatabase, draw_id: str) -> str | None:
    """Whose box pays a draw; None where nobody's does."""
    row = db.execute("SELECT person_id FROM draw_payers WHERE draw_id = ?", [draw_id]).fetchone()
    return row[0] if row else None


def keep_payout(db: StationDatabase, draw: Drawdown, at_ms: int) -> None:
    """Take what a draw paid out of the box that paid it."""
    row = db.execute(
        "SELECT person_id, shift_id FROM draw_payers WHERE draw_id = ?", [draw.draw_id]
    ).fetchone()
    if row is not None:
        _move(db, (draw.draw_id, row[0]), MoveKind.PAYOUT, row[1],
              (draw.line_id, -draw.amount_minor, draw.effective_on, at_ms, draw))  # fmt: skip


def reserved_minor(db: StationDatabase, person_id: str) -> int:
    """What pending draws, and the agent's tablet, are about to take out [minor units]."""
    row = db.execute(
        "SELECT coalesce(sum(d.amount_minor), 0) FROM draws d JOIN draw_payers p USING (draw_id) "
        "WHERE p.person_id = ? AND d.state = ?",
        [person_id, DrawState.PENDING.value],
    ).fetchone()
    pending = int(row[0]) if row else 0
    return pending + subleases.held_by_agent_minor(db, person_id)


def box(db: StationDatabase, person_id: str, on: date) -> Box:
    """A person's box on a day."""
    rows = db.execute(
        "SELECT kind, on_day, amount_minor FROM cash_moves WHERE person_id = ? ORDER BY place",
        [person_id],
    )
    found = (Move(MoveKind(kind), date.fromisoformat(day), amount) for kind, day, amount in rows)
    return box_of(found, on)


def moves_of(db: StationDatabase, person_id: str, count_max: int) -> tuple[KeptMove, ...]:
    """What moved a box lately, newest first."""
    rows = db.execute(
        "SELECT move_id, kind, line_id, amount_minor, on_day, at_ms FROM cash_moves "
        "WHERE person_id = ? ORDER BY place DESC LIMIT ?",
        [person_id, count_max],
    ).fetchall()
    return tuple(KeptMove(row[0], MoveKind(row[1]), *row[2:]) for row in rows)


def taken_since(db: StationDatabase, line_id: str, counted_seq: int) -> tuple[KeptMove, ...]:
    """Repayments of a line in cash here that the centre's word on it does not count yet."""
    rows = db.execute(
        "SELECT move_id, kind, line_id, amount_minor, on_day, at_ms FROM cash_moves "
        "WHERE line_id = ? AND kind = ? ORDER BY place",
        [line_id, MoveKind.REPAYMENT.value],
    ).fetchall()
    found = []
    for row in rows:
        seq = logs.number_of(db, LogClass.MONEY, subject_of(row[0]))
        if seq is None or seq > counted_seq:
            found.append(KeptMove(row[0], MoveKind(row[1]), *row[2:]))
    return tuple(found)


def find_move(db: StationDatabase, move_id: str) -> str | None:
    """What a move says, as canonical text; None if there is none of that id."""
    row = db.execute("SELECT body FROM cash_moves WHERE move_id = ?", [move_id]).fetchone()
    return row[0] if row else None


def _is_agent(db: StationDatabase, person_id: str) -> bool:
    row = db.execute("SELECT role FROM cash_people WHERE person_id = ?", [person_id]).fetchone()
    return row is None or row[0] == CashRole.AGENT.value


def _move(
    db: StationDatabase,
    key: tuple[str, str],
    kind: MoveKind,
    shift_id: str,
    said: tuple[str, int, str, int, object],
) -> None:
    line_id, amount_minor, on, at_ms, body = said
    db.execute(
        "INSERT INTO cash_moves (move_id, person_id, kind, shift_id, line_id, amount_minor, "
        "on_day, at_ms, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (move_id, person_id) DO NOTHING",
        [*key, kind.value, shift_id, line_id, amount_minor, on, at_ms, as_text(body)],
    )


def _person(row: tuple[Any, ...], station: str) -> CashPerson:
    person_id, name, role, public_key, card_sha256, currency, hold, pay, active = row
    return CashPerson(
        person_id, name, CashRole(role), station, public_key, card_sha256, currency, hold, pay,
        bool(active),
    )  # fmt: skip
