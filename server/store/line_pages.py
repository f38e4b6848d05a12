"""Lines read in pages by id, and what many lines at once are asked: bounded in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, func, select

from core.lending.lease import DrawState
from core.lending.limit import Movement
from server.store.bulk import among
from server.store.engine import Tx
from server.store.lines import Line, LineMovement, build_line, build_movement
from server.store.tables import (
    decisions,
    drawdowns,
    evidence,
    farmers,
    inbound_records,
    leases,
    line_subjects,
    lines,
    movements,
    sites,
)

PAGE_LINES = 500
_FEATURES = "features"  # the log whose records a machine's or a store's look rests on


def pages(tx: Tx, rows_each: int = PAGE_LINES, *, open_only: bool = False) -> Iterator[list[Line]]:
    """All lines by id, a page at a time."""
    after = ""
    while True:
        question = select(lines).where(lines.c.tenant_id == tx.tenant_id, lines.c.line_id > after)
        if open_only:
            question = question.where(lines.c.is_open)
        rows = tx.rows(question.order_by(lines.c.line_id), rows_each)
        if not rows:
            return
        after = rows[-1]["line_id"]
        rests = _subjects(tx, [row["line_id"] for row in rows])
        yield [build_line(row, tuple(rests.get(row["line_id"], ()))) for row in rows]


def count_upto(tx: Tx, most: int) -> int:
    """How many lines there are, counted no further than asked."""
    some = select(lines.c.line_id).where(lines.c.tenant_id == tx.tenant_id).limit(most).subquery()
    return int(tx.scalar(select(func.count()).select_from(some)))


def named(tx: Tx, line_ids: Sequence[str]) -> list[Line]:
    """Those of some lines that may be read here, by id."""
    where = (lines.c.tenant_id == tx.tenant_id, among(tx, lines.c.line_id, line_ids))
    rows = tx.rows(select(lines).where(*where).order_by(lines.c.line_id))
    rests = _subjects(tx, [row["line_id"] for row in rows])
    return [build_line(row, tuple(rests.get(row["line_id"], ()))) for row in rows]


def _subjects(tx: Tx, line_ids: Sequence[str]) -> dict[str, list[str]]:
    c = line_subjects.c
    question = select(line_subjects).where(c.tenant_id == tx.tenant_id, c.line_id.in_(line_ids))
    found: dict[str, list[str]] = {}
    for row in tx.rows(question.order_by(c.line_id, c.subject_id)):
        found.setdefault(row["line_id"], []).append(row["subject_id"])
    return found


def movements_of(tx: Tx, line_ids: Sequence[str]) -> dict[str, list[LineMovement]]:
    """Every movement of some lines, oldest first."""
    c = movements.c
    question = select(movements).where(c.tenant_id == tx.tenant_id, c.line_id.in_(line_ids))
    found: dict[str, list[LineMovement]] = {each: [] for each in line_ids}
    for row in tx.stream(question.order_by(c.line_id, c.seq)):
        found[row["line_id"]].append(build_movement(row))
    return found


@dataclass(frozen=True, slots=True)
class LimitThen:
    """A line's limit as it stood, whether it was watched, and whether it could be drawn."""

    limit_minor: int
    watch: bool
    may_draw: bool


def limits_at(tx: Tx, line_ids: Sequence[str], upto_ms: int) -> dict[str, LimitThen]:
    """How the limits of some lines stood at an instant [ms UTC]."""
    c = movements.c
    where = (c.tenant_id == tx.tenant_id, c.line_id.in_(line_ids), c.at_ms <= upto_ms)
    question = select(c.line_id, c.limit_minor, c.watch, c.movement).where(*where)
    found: dict[str, LimitThen] = {}
    for row in tx.stream(question.order_by(c.line_id, c.seq)):
        may_draw = row["movement"] != Movement.FROZEN.value
        found[row["line_id"]] = LimitThen(row["limit_minor"], bool(row["watch"]), may_draw)
    return found


def learn_opening(tx: Tx, line_ids: Sequence[str]) -> None:
    """Remember under which policy lines were opened, read in one question."""
    c = movements.c
    where = (c.tenant_id == tx.tenant_id, c.line_id.in_(line_ids), c.seq == 1)
    found = dict.fromkeys(line_ids, "")
    for row in tx.rows(select(c.line_id, c.policy_version).where(*where)):
        found[row["line_id"]] = row["policy_version"]
    for line_id, policy in found.items():
        tx.learn(movements, ("policy", line_id), policy)


def lines_of_farmers(tx: Tx, farmer_ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Every line of some farmers as day of opening and id, oldest first."""
    c = lines.c
    where = (c.tenant_id == tx.tenant_id, c.farmer_id.in_(farmer_ids))
    found: dict[str, list[tuple[str, str]]] = {each: [] for each in farmer_ids}
    question = select(c.farmer_id, c.opened_on, c.line_id).where(*where)
    for row in tx.rows(question.order_by(c.opened_on, c.line_id)):
        found[row["farmer_id"]].append((row["opened_on"], row["line_id"]))
    return found


def known_evidence(tx: Tx, evidence_ids: Sequence[str]) -> frozenset[str]:
    """Those of some ids that name evidence, or a record of a station's log, which is here."""
    c = evidence.c
    question = select(c.evidence_id).where(
        c.tenant_id == tx.tenant_id, c.evidence_id.in_(evidence_ids)
    )
    found = {row["evidence_id"] for row in tx.rows(question)}
    return frozenset(found | _known_records(tx, [each for each in evidence_ids if "/" in each]))


def _known_records(tx: Tx, record_ids: Sequence[str]) -> set[str]:
    """Those of some ``writer/features/seq`` that were received."""
    c, found = inbound_records.c, set[str]()
    for record_id in record_ids:
        writer, _, seq = record_id.partition("/features/")
        if seq.isdecimal():
            where = (c.tenant_id == tx.tenant_id, c.writer == writer, c.log == _FEATURES)
            question = select(c.seq).where(*where, c.stream == "", c.seq == int(seq))
            found |= {record_id for _ in tx.rows(question)}
    return found


def scores_of(tx: Tx, card_ids: Sequence[str]) -> dict[str, int]:
    """The probability of default on some decision cards [ppm]."""
    c = decisions.c
    question = select(c.card_id, c.pd_ppm).where(
        c.tenant_id == tx.tenant_id, c.card_id.in_(card_ids)
    )
    return {row["card_id"]: row["pd_ppm"] for row in tx.rows(question)}


def villages_of(tx: Tx, farmer_ids: Sequence[str]) -> dict[str, str]:
    """The name of the village where each of some farmers lives."""
    joined = farmers.join(
        sites, (farmers.c.tenant_id == sites.c.tenant_id) & (farmers.c.site == sites.c.site)
    )
    question = (
        select(farmers.c.farmer_id, sites.c.name)
        .select_from(joined)
        .where(farmers.c.tenant_id == tx.tenant_id, farmers.c.farmer_id.in_(farmer_ids))
    )
    return {row["farmer_id"]: row["name"] for row in tx.rows(question)}


def leases_with_use(tx: Tx) -> Iterator[dict[str, Any]]:
    """Every lease with what each line drew under it: ``line_used`` and ``used_minor``."""
    used = func.sum(
        case((drawdowns.c.state == DrawState.VOIDED.value, 0), else_=drawdowns.c.amount_minor)
    )
    wanted = [column for column in leases.c if column.name not in ("tenant_id", "document")]
    joined = leases.outerjoin(
        drawdowns,
        (leases.c.tenant_id == drawdowns.c.tenant_id) & (leases.c.lease_id == drawdowns.c.lease_id),
    )
    question = (
        select(*wanted, drawdowns.c.line_id.label("line_used"), used.label("used_minor"))
        .select_from(joined)
        .where(leases.c.tenant_id == tx.tenant_id)
        .group_by(*wanted, drawdowns.c.line_id)
        .order_by(leases.c.lease_id, drawdowns.c.line_id)
    )
    yield from tx.stream(question)
