"""Lines in the order of their stations, a page at a time, and all that their reviews ask.

A page is read with one question a table, however many lines it has. Every answer is
remembered under the key under which the one-line look-ups of the other modules keep it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table, and_, select, tuple_
from sqlalchemy.sql import ColumnElement

from core.wire.registry import Dossier, Farmer, Subject, SubjectKind
from server.store.agreements import learn_last
from server.store.book_reviews import Part
from server.store.bulk import among
from server.store.engine import Tx
from server.store.evidence import learn_evidence
from server.store.lines import Line, build_line, build_movement
from server.store.papers import learn as learn_papers
from server.store.products import by_policy
from server.store.rows import from_json, read_as
from server.store.tables import dossiers, farmers, line_subjects, lines, movements, subjects

Row = Mapping[str, Any]
_SUBJECT = [column for column in subjects.c if column.name != "geojson"]
_KINDS = {kind.value: kind for kind in SubjectKind}


def lock_page(tx: Tx, part: Part, rows_max: int) -> tuple[Line, ...]:
    """The next open lines of a part, locked until the transaction ends, and remembered."""
    c = lines.c
    where = [
        c.station >= part.from_station,
        tuple_(c.station, c.line_id) > tuple_(part.at_station, part.at_line),
    ]
    if part.until_station:
        where.append(c.station < part.until_station)
    return _lock(tx, where, rows_max)


def lock_lines(tx: Tx, line_ids: Sequence[str]) -> tuple[Line, ...]:
    """Those of some lines that are open, locked in the same order, and remembered."""
    return _lock(tx, [among(tx, lines.c.line_id, line_ids)]) if line_ids else ()


def _lock(tx: Tx, where: Sequence[ColumnElement[bool]], rows_max: int = 0) -> tuple[Line, ...]:
    c = lines.c
    question = select(lines).where(c.tenant_id == tx.tenant_id, c.is_open, *where)
    rows = tx.rows(question.order_by(c.station, c.line_id).with_for_update(), rows_max)
    rests = _by(tx, line_subjects, "line_id", [row["line_id"] for row in rows])
    found = tuple(
        build_line(row, tuple(sorted(each["subject_id"] for each in rests[row["line_id"]])))
        for row in rows
    )
    tx.learn_all(lines, {("line", line.line_id): line for line in found})
    return found


def learn_page(tx: Tx, found: Sequence[Line]) -> None:
    """Remember what the reviews of lines that are locked will ask of what they rest on."""
    line_ids = [line.line_id for line in found]
    _learn_movements(tx, line_ids)
    subject_ids = sorted({s for one in found for s in one.subject_ids})
    _learn_seen_last(tx, _learn_subjects(tx, subject_ids))
    learn_papers(tx, subject_ids)
    _learn_farmers(tx, sorted({line.farmer_id for line in found}))
    learn_frozen(tx, [line for line in found if line.frozen])


def by_kind(tx: Tx, found: Sequence[Line]) -> dict[SubjectKind, list[str]]:
    """What lines rest on by its kind, as far as it is remembered."""
    kinds: dict[SubjectKind, list[str]] = {}
    for subject_id in sorted({each for line in found for each in line.subject_ids}):
        known: Subject | None = tx.known(subjects, ("subject", subject_id))
        if known is not None:
            kinds.setdefault(known.kind, []).append(subject_id)
    return kinds


def learn_frozen(tx: Tx, found: Sequence[Line]) -> None:
    """Remember the latest steps of lines that are frozen, or will be."""
    if found:
        learn_last(tx, [line.application_id for line in found])


def learn_past(tx: Tx, line_ids: Sequence[str]) -> None:
    """Remember what was known at every movement of lines, in the order of the movements."""
    c = movements.c
    columns = (c.line_id, c.seq, c.movement, c.as_of, c.views, c.policy_version)
    question = select(*columns).where(c.tenant_id == tx.tenant_id, among(tx, c.line_id, line_ids))
    found: dict[str, list[Row]] = {line_id: [] for line_id in line_ids}
    for row in tx.rows(question.order_by(c.line_id, c.seq)) if line_ids else ():
        found[row["line_id"]].append(row)
    for line_id, rows in found.items():
        tx.learn(movements, ("seen", line_id), rows)


def _learn_movements(tx: Tx, line_ids: Sequence[str]) -> None:
    """The latest movement of each line, and the policy under which it was opened."""
    m = movements.c
    newest = and_(
        lines.c.tenant_id == m.tenant_id,
        lines.c.line_id == m.line_id,
        lines.c.movements_count == m.seq,
    )
    # Named as lines, each of which leads to one movement: by theirs all were read and most left.
    mine = (lines.c.tenant_id == tx.tenant_id, among(tx, lines.c.line_id, line_ids))
    known: dict[tuple[str, str], Any] = {("last", line_id): None for line_id in line_ids}
    known |= {("policy", line_id): "" for line_id in line_ids}
    for row in tx.rows(select(movements).where(*mine).join(lines, newest)):
        known["last", row["line_id"]] = build_movement(row)
        if row["seq"] == 1:
            known["policy", row["line_id"]] = row["policy_version"]
    moved = [line_id for line_id in line_ids if not known["policy", line_id]]
    asked = (m.tenant_id == tx.tenant_id, among(tx, m.line_id, moved), m.seq == 1)
    opened = tx.rows(select(m.line_id, m.policy_version).where(*asked)) if moved else ()
    known |= {("policy", row["line_id"]): row["policy_version"] for row in opened}
    tx.learn_all(movements, known)
    for policy in sorted({known["policy", line_id] for line_id in line_ids} - {""}):
        by_policy(tx, policy)  # asked before anything waits to be written


def _learn_subjects(tx: Tx, subject_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Subjects; who speaks for each of them, with the season, where a season counts."""
    speaking = []
    found: dict[tuple[str, str], Any] = {("subject", each): None for each in subject_ids}
    # Without its outline, which no review looks at and which is longer than all the rest.
    where = (subjects.c.tenant_id == tx.tenant_id, among(tx, subjects.c.subject_id, subject_ids))
    for row in tx.rows(select(*_SUBJECT).where(*where)):
        known = {"kind": _KINDS[row["kind"]], "outline_e7": None}
        subject = read_as(Subject, {**row, **known})
        found["subject", subject.subject_id] = subject
        if subject.kind is SubjectKind.HERD:
            speaking.append((subject.pasture_id, ""))
        else:
            speaking.append((subject.subject_id, subject.season_id))
    tx.learn_all(subjects, found)
    return sorted(set(speaking))


def _learn_seen_last(tx: Tx, wanted: Sequence[tuple[str, str]]) -> None:
    learn_evidence(tx, (), wanted)


def _learn_farmers(tx: Tx, farmer_ids: Sequence[str]) -> None:
    known: dict[tuple[str, str], Any] = {("farmer", farmer_id): None for farmer_id in farmer_ids}
    known |= {("site", farmer_id): "" for farmer_id in farmer_ids}
    for row in _among(tx, farmers, "farmer_id", farmer_ids):
        known["farmer", row["farmer_id"]] = read_as(Farmer, row)
        known["site", row["farmer_id"]] = row["site"]
    tx.learn_all(farmers, known)
    told: dict[str, Dossier | None] = dict.fromkeys(farmer_ids)
    for row in _among(tx, dossiers, "farmer_id", farmer_ids):
        farmer_id = row["farmer_id"]
        told[farmer_id] = Dossier(farmer_id, row["as_of"], from_json(row["features"]))
    tx.learn_all(dossiers, told)


def _among(tx: Tx, table: Table, column: str, values: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of this tenant whose column is among values."""
    where = (table.c.tenant_id == tx.tenant_id, among(tx, table.c[column], values))
    return tx.rows(select(table).where(*where))


def _by(tx: Tx, table: Table, column: str, values: Sequence[str]) -> dict[str, list[Row]]:
    """The same, gathered by the column."""
    found: dict[str, list[Row]] = {value: [] for value in values}
    for row in _among(tx, table, column, values):
        found[row[column]].append(row)
    return found
