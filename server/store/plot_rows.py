"""Every plot and pasture with its newest look, and the lines that rest on them: a few questions.

The pages of the whole book read through this; each question is one pass over indexed rows,
and none reads the looks that are older than the newest (:data:`newest_looks`). What has a row
for every plot comes as the database's own rows, whose columns are told in the question's order:
a dictionary for each would be a quarter of the time of reading them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from sqlalchemy import Row as DatabaseRow
from sqlalchemy import and_, case, select
from sqlalchemy.sql import ColumnElement, Select

from core.wire.registry import SubjectKind
from server.store.bulk import among
from server.store.engine import Tx
from server.store.memory import Row
from server.store.tables import (
    decisions,
    farmers,
    line_subjects,
    lines,
    movements,
    newest_looks,
    sites,
    subjects,
)

Record: TypeAlias = DatabaseRow[*tuple[Any, ...]]  # a tuple whose columns have names too
KINDS = (SubjectKind.PLOT.value, SubjectKind.PASTURE.value)


def _same(left: Any, right: Any, *names: str) -> ColumnElement[bool]:
    return and_(*(left.c[name] == right.c[name] for name in ("tenant_id", *names)))


def _records(tx: Tx, question: Select[Any]) -> Sequence[Record]:
    """The rows of a question as the database tells them; of a part of the book, that part's."""
    tx.flush()
    narrowed = question if tx.narrow is None else tx.narrow(question)
    return tx.connection.execute(narrowed).all()


def every_plot(tx: Tx) -> Sequence[Record]:
    """Plots and pastures with their farmer, village and newest look; without their shapes.

    Told are, in this order: the subject, its kind, name, crop and area, the farmer and the hash
    of the shape, the farmer's name and village; and of the look its kind, stage and anomaly.
    The hash of a shape is empty where there is none any more: the rows of who was erased keep
    it, and what was drawn before is remembered by it.
    """
    s, f, k = subjects, farmers, newest_looks
    where = (s.c.tenant_id == tx.tenant_id, s.c.kind.in_(KINDS))
    joined = s.outerjoin(f, _same(s, f, "farmer_id")).outerjoin(k, _same(s, k, "subject_id"))
    drawn = case((s.c.geojson.is_not(None), s.c.polygon_sha256), else_="")  # not of who was erased
    question = select(
        s.c.subject_id, s.c.kind, s.c.name, s.c.crop, s.c.area_m2, s.c.farmer_id,
        drawn.label("polygon_sha256"), f.c.name.label("farmer_name"), f.c.site,
        k.c.kind.label("look_kind"), k.c.stage, k.c.anomaly_ppm,
    )  # fmt: skip
    return _records(tx, question.select_from(joined).where(*where))


def resting_lines(tx: Tx) -> Sequence[Record]:
    """Every line with each subject that it rests on, its last movement and its card's score."""
    r, n, m, d = line_subjects, lines, movements, decisions
    moved = and_(_same(n, m, "line_id"), n.c.movements_count == m.c.seq)
    joined = (
        r.join(n, _same(r, n, "line_id")).outerjoin(m, moved).outerjoin(d, _same(n, d, "card_id"))
    )
    question = select(
        r.c.subject_id, n.c.line_id, n.c.currency, n.c.limit_minor, n.c.frozen, n.c.watch,
        n.c.is_open, n.c.opened_at_ms, m.c.movement, d.c.pd_ppm,
    )  # fmt: skip
    return _records(tx, question.select_from(joined).where(r.c.tenant_id == tx.tenant_id))


def every_line(tx: Tx) -> list[Row]:
    """Every line with its farmer's name and its last movement; without its money."""
    n, f, m = lines, farmers, movements
    moved = and_(_same(n, m, "line_id"), n.c.movements_count == m.c.seq)
    joined = n.outerjoin(f, _same(n, f, "farmer_id")).outerjoin(m, moved)
    question = select(
        n.c.line_id, n.c.farmer_id, f.c.name.label("farmer_name"), n.c.product_id, n.c.station,
        n.c.currency, n.c.limit_minor, n.c.due_on, n.c.opened_on, n.c.frozen, n.c.watch,
        n.c.is_open, m.c.movement, m.c.at_ms,
    )  # fmt: skip
    return tx.rows(question.select_from(joined).where(n.c.tenant_id == tx.tenant_id))


def looks_of_lines(tx: Tx) -> list[Row]:
    """Of every line, the newest look at each plot, or herd's pasture, that it rests on."""
    r, s, k = line_subjects, subjects, newest_looks
    speaker = case((s.c.pasture_id == "", s.c.subject_id), else_=s.c.pasture_id)
    seen = and_(s.c.tenant_id == k.c.tenant_id, speaker == k.c.subject_id)
    joined = r.join(s, _same(r, s, "subject_id")).join(k, seen)
    question = select(r.c.line_id, k.c.kind, k.c.stage, k.c.anomaly_ppm)
    return tx.rows(question.select_from(joined).where(r.c.tenant_id == tx.tenant_id))


def grazing(tx: Tx) -> dict[str, tuple[str, str]]:
    """By herd, the pasture on which it grazes and its farmer's village."""
    s, f = subjects, farmers
    question = (
        select(s.c.subject_id, s.c.pasture_id, f.c.site)
        .select_from(s.outerjoin(f, _same(s, f, "farmer_id")))
        .where(s.c.tenant_id == tx.tenant_id, s.c.kind == SubjectKind.HERD.value)
    )
    return {
        row["subject_id"]: (row["pasture_id"], row["site"] or "")
        for row in tx.rows(question)
        if row["pasture_id"]
    }


def village_names(tx: Tx) -> dict[str, str]:
    """The names of the villages, by name."""
    where = sites.c.tenant_id == tx.tenant_id
    rows = tx.rows(select(sites.c.site, sites.c.name).where(where).order_by(sites.c.name))
    return {row["site"]: row["name"] for row in rows}


def farmer_names(tx: Tx, farmer_ids: Sequence[str]) -> dict[str, str]:
    """The names of some farmers, by id."""
    f = farmers.c
    where = (f.tenant_id == tx.tenant_id, among(tx, f.farmer_id, farmer_ids))
    rows = tx.rows(select(f.farmer_id, f.name).where(*where))
    return {row["farmer_id"]: row["name"] for row in rows}


def shapes_of(tx: Tx, subject_ids: Sequence[str]) -> dict[str, str]:
    """The polygons of those of some subjects that have one, as GeoJSON text.

    Of many it is quicker to read all and to keep what was asked for.
    """
    s = subjects.c
    where = [s.tenant_id == tx.tenant_id, s.kind.in_(KINDS), s.geojson.is_not(None)]
    if len(subject_ids) <= NAMED_MAX:
        where.append(among(tx, s.subject_id, subject_ids))
    wanted = frozenset(subject_ids)
    rows = tx.rows(select(s.subject_id, s.geojson).where(*where))
    return {row["subject_id"]: row["geojson"] for row in rows if row["subject_id"] in wanted}


NAMED_MAX = 2_000  # subjects in one question
