"""Credit lines, what they rest on, and every movement of their limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.sql import ColumnElement, Select

from core.lending.limit import Movement
from core.lending.terms import CashMonth
from core.reasons import Reason, ReasonCode
from server.store.bulk import among
from server.store.engine import NotKnownError, Tx
from server.store.rows import from_json, json_text, plain_json, read_as
from server.store.tables import line_stations, line_subjects, lines, movements

_CODES = {code.value: code for code in ReasonCode}
_MOVEMENTS = {movement.value: movement for movement in Movement}


@dataclass(frozen=True, slots=True)
class Support:
    """What one look's review computed while a rise waited: the look's date and the limit."""

    as_of: str
    limit_minor: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line as the centre holds it; the subjects stand in id order.

    ``onboarding_minor`` is its share of the onboarding lease that it was opened under
    at a station [minor units]; a line that the centre opened has none. ``status_due`` says
    that its stations are to be told how it stands with their next pull. ``cash`` are the
    farmer's own months, if they brought any: the line is repaid in them.
    """

    line_id: str
    farmer_id: str
    product_id: str
    application_id: str
    card_id: str
    station: str
    currency: str
    limit_minor: int
    due_on: str
    opened_on: str
    opened_at_ms: int
    frozen: bool
    watch: bool
    is_open: bool
    closed_at_ms: int | None
    reviewed_as_of: str
    supported: tuple[Support, ...]
    movements_count: int
    onboarding_lease_id: str
    onboarding_minor: int
    subject_ids: tuple[str, ...]
    status_due: bool = False
    cash: tuple[CashMonth, ...] = ()


@dataclass(frozen=True, slots=True)
class LineMovement:
    """A review that moved, held or froze a limit, with all that it rests on.

    ``terms`` and ``views`` are empty where the rule had none; ``views`` holds what
    was known of each plot or herd. ``consent_ids`` admitted what was looked at.
    """

    line_id: str
    seq: int
    movement_id: str
    movement: Movement
    as_of: str
    at_ms: int
    limit_before_minor: int
    limit_minor: int
    outstanding_minor: int
    leased_unspent_minor: int
    terms: Mapping[str, int]
    views: tuple[Mapping[str, Any], ...]
    reasons: tuple[Reason, ...]
    evidence_ids: tuple[str, ...]
    policy_version: str
    supported: tuple[Support, ...]
    watch: bool
    consent_ids: tuple[str, ...] = ()


def add(tx: Tx, line: Line) -> bool:
    """Add a line; False if its id is known."""
    added = tx.insert_new(
        lines,
        line_id=line.line_id,
        farmer_id=line.farmer_id,
        product_id=line.product_id,
        application_id=line.application_id,
        card_id=line.card_id,
        station=line.station,
        currency=line.currency,
        opened_on=line.opened_on,
        opened_at_ms=line.opened_at_ms,
        onboarding_lease_id=line.onboarding_lease_id,
        onboarding_minor=line.onboarding_minor,
        cash=json_text(line.cash) if line.cash else "",
        **_standing(line),
    )
    if added:
        rests = [{"line_id": line.line_id, "subject_id": each} for each in line.subject_ids]
        tx.insert_many(line_subjects, rests)
    return added


def save(tx: Tx, line: Line) -> None:
    """Write what may change of a line."""
    tx.change(lines, {"line_id": line.line_id}, _standing(line))
    tx.learn(lines, ("line", line.line_id), line)


def _standing(line: Line) -> dict[str, Any]:
    return {
        "limit_minor": line.limit_minor,
        "due_on": line.due_on,
        "frozen": line.frozen,
        "watch": line.watch,
        "is_open": line.is_open,
        "closed_at_ms": line.closed_at_ms,
        "reviewed_as_of": line.reviewed_as_of,
        "supported": json_text(line.supported),
        "movements_count": line.movements_count,
        "status_due": line.status_due,
    }


def find(tx: Tx, line_id: str) -> Line | None:
    """The line with that id, if there is one."""
    known: Line | None = tx.known(lines, ("line", line_id))
    if known is not None:
        return known  # it is locked, and what was written of it is remembered
    row = tx.find_row(lines, line_id=line_id)
    return _line(tx, row) if row else None


def get(tx: Tx, line_id: str) -> Line:
    """The line with that id.

    Raises
    ------
    NotKnownError
        If there is none.
    """
    found = find(tx, line_id)
    if found is None:
        raise NotKnownError(f"expected a line, got {line_id!r}")
    return found


def lock(tx: Tx, line_id: str) -> Line:
    """The line, with its row locked until the transaction ends.

    Raises
    ------
    NotKnownError
        If there is none.
    """

    def ask() -> Line:
        row = tx.lock_row(lines, line_id=line_id)
        if row is None:
            raise NotKnownError(f"expected a line, got {line_id!r}")
        return _line(tx, row)

    return tx.recall(lines, ("line", line_id), ask)


def lock_many(tx: Tx, subject_ids: Sequence[str]) -> tuple[Line, ...]:
    """The lines that rest on any of the subjects, locked in order and remembered."""
    of_tenant = line_subjects.c.tenant_id == tx.tenant_id
    rests = select(line_subjects).where(of_tenant, line_subjects.c.subject_id.in_(subject_ids))
    by_subject: dict[str, list[str]] = {each: [] for each in subject_ids}
    for row in tx.rows(rests):
        by_subject[row["subject_id"]].append(row["line_id"])
    ids = sorted({line_id for found in by_subject.values() for line_id in found})
    of_lines = select(line_subjects).where(of_tenant, line_subjects.c.line_id.in_(ids))
    subjects: dict[str, list[str]] = {}
    for row in tx.rows(of_lines):
        subjects.setdefault(row["line_id"], []).append(row["subject_id"])
    where = (lines.c.tenant_id == tx.tenant_id, lines.c.line_id.in_(ids))
    rows = tx.rows(select(lines).where(*where).order_by(lines.c.line_id).with_for_update())
    found = tuple(build_line(row, tuple(sorted(subjects[row["line_id"]]))) for row in rows)
    for line in found:
        tx.learn(lines, ("line", line.line_id), line)
    for subject_id, line_ids in by_subject.items():
        tx.learn(line_subjects, ("resting", subject_id), tuple(sorted(line_ids)))
    return found


def hold(tx: Tx, line_ids: Sequence[str]) -> tuple[Line, ...]:
    """The lines of those ids that there are, locked in order and remembered."""
    if not line_ids:
        return ()
    of_tenant = lines.c.tenant_id == tx.tenant_id
    named = select(lines).where(of_tenant, among(tx, lines.c.line_id, line_ids))
    rows = tx.rows(named.order_by(lines.c.line_id).with_for_update())
    rests: dict[str, list[str]] = {row["line_id"]: [] for row in rows}
    c = line_subjects.c
    where = (c.tenant_id == tx.tenant_id, among(tx, c.line_id, list(rests)))
    for row in tx.rows(select(line_subjects).where(*where)):
        rests[row["line_id"]].append(row["subject_id"])
    found = tuple(build_line(row, tuple(sorted(rests[row["line_id"]]))) for row in rows)
    tx.learn_all(lines, {("line", line.line_id): line for line in found})
    return found


def every(tx: Tx, *, open_only: bool = False) -> tuple[Line, ...]:
    """All lines, by id."""
    question = select(lines).where(lines.c.tenant_id == tx.tenant_id).order_by(lines.c.line_id)
    if open_only:
        question = question.where(lines.c.is_open)
    rests = _subjects_by_line(tx)
    return tuple(build_line(row, rests.get(row["line_id"], ())) for row in tx.rows(question))


def of_station(tx: Tx, station: str) -> tuple[str, ...]:
    """The ids of the open lines that are drawn at a station, its own and its guests'."""
    mine = (line_stations.c.tenant_id == tx.tenant_id, line_stations.c.station == station)
    guests = select(line_stations.c.line_id).where(*mine)
    here = (lines.c.station == station) | lines.c.line_id.in_(guests)
    where = (lines.c.tenant_id == tx.tenant_id, here, lines.c.is_open)
    rows = tx.rows(select(lines.c.line_id).where(*where).order_by(lines.c.line_id))
    return tuple(row["line_id"] for row in rows)


def of_farmers(tx: Tx, farmer_ids: Sequence[str]) -> dict[str, tuple[Line, ...]]:
    """The lines of each of many farmers, by id, in two questions."""
    where = (lines.c.tenant_id == tx.tenant_id, among(tx, lines.c.farmer_id, farmer_ids))
    rows = tx.rows(select(lines).where(*where).order_by(lines.c.line_id))
    c, rests = line_subjects.c, dict[str, list[str]]()
    named = (c.tenant_id == tx.tenant_id, among(tx, c.line_id, [row["line_id"] for row in rows]))
    for row in tx.rows(select(line_subjects).where(*named).order_by(c.subject_id)):
        rests.setdefault(row["line_id"], []).append(row["subject_id"])
    found: dict[str, tuple[Line, ...]] = dict.fromkeys(farmer_ids, ())
    for row in rows:
        line = build_line(row, tuple(rests.get(row["line_id"], ())))
        found[line.farmer_id] = (*found[line.farmer_id], line)
    return found


def due_at(tx: Tx, station: str) -> tuple[str, ...]:
    """The ids of the open lines of which a station is yet to be told how they stand."""
    mine = (line_stations.c.tenant_id == tx.tenant_id, line_stations.c.station == station)
    guests = select(line_stations.c.line_id).where(*mine)
    here = (lines.c.station == station) | lines.c.line_id.in_(guests)
    where = (lines.c.tenant_id == tx.tenant_id, here, lines.c.is_open, lines.c.status_due)
    rows = tx.rows(select(lines.c.line_id).where(*where).order_by(lines.c.line_id))
    return tuple(row["line_id"] for row in rows)


def opened_under(tx: Tx, lease_id: str) -> tuple[str, ...]:
    """The ids of the lines that were opened under an onboarding lease."""
    where = (lines.c.tenant_id == tx.tenant_id, lines.c.onboarding_lease_id == lease_id)
    rows = tx.rows(select(lines.c.line_id).where(*where).order_by(lines.c.line_id))
    return tuple(row["line_id"] for row in rows)


def of_farmer(tx: Tx, farmer_id: str) -> tuple[Line, ...]:
    """A farmer's lines, by id."""
    rows = tx.find_rows(lines, "line_id", farmer_id=farmer_id)
    return tuple(_line(tx, row) for row in rows)


def open_count(tx: Tx, most: int) -> int:
    """How many lines are open, counted no further than to a bound."""
    where = (lines.c.tenant_id == tx.tenant_id, lines.c.is_open)
    some = select(lines.c.line_id).where(*where).limit(most).subquery()
    return int(tx.scalar(select(func.count()).select_from(some)) or 0)


def resting_on(tx: Tx, subject_ids: Sequence[str]) -> tuple[str, ...]:
    """The ids of the lines that rest on any of the subjects, in order."""

    def ask(subject_id: str) -> tuple[str, ...]:
        rows = tx.find_rows(line_subjects, subject_id=subject_id)
        return tuple(sorted(row["line_id"] for row in rows))

    found = [
        tx.recall(line_subjects, ("resting", each), partial(ask, each)) for each in subject_ids
    ]
    return tuple(sorted({line_id for line_ids in found for line_id in line_ids}))


def _subjects_by_line(tx: Tx) -> dict[str, tuple[str, ...]]:
    where = line_subjects.c.tenant_id == tx.tenant_id
    grouped: dict[str, tuple[str, ...]] = {}
    for row in tx.rows(select(line_subjects).where(where).order_by(line_subjects.c.subject_id)):
        grouped[row["line_id"]] = (*grouped.get(row["line_id"], ()), row["subject_id"])
    return grouped


def _line(tx: Tx, row: Mapping[str, Any]) -> Line:
    found = tx.find_rows(line_subjects, line_id=row["line_id"])
    return build_line(row, tuple(sorted(each["subject_id"] for each in found)))


def build_line(row: Mapping[str, Any], subject_ids: tuple[str, ...]) -> Line:
    """A row as a line."""
    rests: dict[str, Any] = {"supported": _supports(row["supported"]), "subject_ids": subject_ids}
    return read_as(Line, {**row, **rests, "cash": _months(row["cash"])})


def _months(text: str) -> tuple[CashMonth, ...]:
    if not text:
        return ()
    return tuple(CashMonth(each["month"], each["weight"]) for each in from_json(text))


def _supports(text: str) -> tuple[Support, ...]:
    return tuple(Support(each["as_of"], each["limit_minor"]) for each in from_json(text))


def _reasons(text: str) -> tuple[Reason, ...]:
    # As they were written here; a page of reviews reads thousands.
    return tuple(Reason(_CODES[each["code"]], each["params"]) for each in from_json(text))


def add_movement(tx: Tx, moved: LineMovement) -> None:
    """Add a movement; it can never be changed."""
    row = {
        "line_id": moved.line_id,
        "seq": moved.seq,
        "movement_id": moved.movement_id,
        "movement": moved.movement.value,
        "as_of": moved.as_of,
        "at_ms": moved.at_ms,
        "limit_before_minor": moved.limit_before_minor,
        "limit_minor": moved.limit_minor,
        "outstanding_minor": moved.outstanding_minor,
        "leased_unspent_minor": moved.leased_unspent_minor,
        "terms": plain_json(dict(moved.terms)),
        "views": plain_json(list(moved.views)),
        "reasons": json_text(moved.reasons),
        "evidence_ids": json_text(moved.evidence_ids),
        "policy_version": moved.policy_version,
        "supported": json_text(moved.supported),
        "watch": moved.watch,
        "consent_ids": json_text(moved.consent_ids),
    }
    tx.append(movements, **row)
    tx.learn(movements, ("last", moved.line_id), moved)
    earlier = tx.known(movements, ("seen", moved.line_id))
    if earlier is not None:
        tx.learn(movements, ("seen", moved.line_id), [*earlier, row])


def movements_of(tx: Tx, line_id: str) -> tuple[LineMovement, ...]:
    """Every movement of a line, oldest first."""
    where = (movements.c.tenant_id == tx.tenant_id, movements.c.line_id == line_id)
    rows = tx.rows(select(movements).where(*where).order_by(movements.c.seq))
    return tuple(build_movement(row) for row in rows)


@dataclass(frozen=True, slots=True)
class PastViews:
    """What was known at a movement, for a comparison with today."""

    movement: Movement
    as_of: str
    views: tuple[Mapping[str, Any], ...]


def past_views(tx: Tx, line_id: str) -> tuple[PastViews, ...]:
    """What was known at every movement of a line, oldest first."""
    rows = tx.recall(
        movements, ("seen", line_id), lambda: tx.rows(_seen(tx, movements.c.line_id == line_id))
    )
    return tuple(
        PastViews(Movement(row["movement"]), row["as_of"], tuple(from_json(row["views"])))
        for row in rows
    )


def learn_movements(tx: Tx, line_ids: Sequence[str]) -> None:
    """Remember the first and the last movement of lines, and what was known at each."""
    seen: dict[str, list[dict[str, Any]]] = {each: [] for each in line_ids}
    for row in tx.rows(_seen(tx, movements.c.line_id.in_(line_ids))):
        seen[row["line_id"]].append(row)
    for line_id, rows in seen.items():
        tx.learn(movements, ("seen", line_id), rows)
        tx.learn(movements, ("policy", line_id), rows[0]["policy_version"] if rows else "")
    _learn_newest(tx, line_ids)


def learn_ends(tx: Tx, line_ids: Sequence[str]) -> None:
    """Remember the policy that lines were opened under, and their latest movements."""
    opened = dict.fromkeys(line_ids, "")
    c = movements.c
    where = (c.tenant_id == tx.tenant_id, among(tx, c.line_id, line_ids), c.seq == 1)
    for row in tx.rows(select(c.line_id, c.policy_version).where(*where)):
        opened[row["line_id"]] = row["policy_version"]
    tx.learn_all(movements, {("policy", line_id): policy for line_id, policy in opened.items()})
    _learn_newest(tx, line_ids)


def _learn_newest(tx: Tx, line_ids: Sequence[str]) -> None:
    c = movements.c
    mine = (c.tenant_id == tx.tenant_id, among(tx, c.line_id, line_ids))
    newest = (
        select(c.line_id, func.max(c.seq).label("seq")).where(*mine).group_by(c.line_id).subquery()
    )
    last = (newest.c.line_id == c.line_id) & (newest.c.seq == c.seq)
    found: dict[str, LineMovement | None] = dict.fromkeys(line_ids)
    for row in tx.rows(select(movements).where(*mine).join(newest, last)):
        found[row["line_id"]] = build_movement(row)
    tx.learn_all(movements, {("last", line_id): moved for line_id, moved in found.items()})


def _seen(tx: Tx, which: ColumnElement[bool]) -> Select[Any]:
    names = ("line_id", "seq", "movement", "as_of", "views", "policy_version")
    columns = [movements.c[name] for name in names]
    return (
        select(*columns)
        .where(movements.c.tenant_id == tx.tenant_id, which)
        .order_by(movements.c.seq)
    )


def opening_policy(tx: Tx, line_id: str) -> str:
    """The policy version under which a line was opened; empty while it has no movement."""

    def ask() -> str:
        return str(tx.find_value(movements, "policy_version", line_id=line_id, seq=1) or "")

    return tx.recall(movements, ("policy", line_id), ask)


def last_movement(tx: Tx, line_id: str) -> LineMovement | None:
    """The latest movement of a line."""

    def ask() -> LineMovement | None:
        row = tx.find_row(movements, "-seq", line_id=line_id)
        return build_movement(row) if row else None

    return tx.recall(movements, ("last", line_id), ask)


def build_movement(row: Mapping[str, Any]) -> LineMovement:
    """A row as a movement."""
    read = {
        "movement": _MOVEMENTS[row["movement"]],
        "terms": from_json(row["terms"]),
        "views": tuple(from_json(row["views"])),
        "reasons": _reasons(row["reasons"]),
        "evidence_ids": tuple(from_json(row["evidence_ids"])),
        "consent_ids": tuple(from_json(row["consent_ids"])),
        "supported": _supports(row["supported"]),
    }
    return read_as(LineMovement, {**row, **read})
