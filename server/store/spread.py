"""What lines count under, the book by bucket, and how it stood on a day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, func, select

from core.canonical import canonical_hash
from core.lending.concentration import Bucket, Dimension, Placed
from server.store import bulk
from server.store.bulk import among
from server.store.engine import Tx
from server.store.rows import from_json, json_text
from server.store.tables import (
    exposure_snapshots,
    farmers,
    line_buckets,
    line_subjects,
    lines,
    movements,
    subjects,
)

_LOCK, _OPENINGS = 7, 8  # of this module's, beside the trail's


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The book as it stood at an instant [ms UTC], by the rules that were in force."""

    seq: int
    at_ms: int
    on_day: str
    policy_version: str
    buckets: tuple[Bucket, ...]


def hold(tx: Tx, *, alone: bool) -> None:
    """Keep the day's book as it is while limits rise by it, or be alone with it to renew it.

    SQLite has one writer at a time, who needs neither.
    """
    if bulk.is_postgresql(tx):
        shared = "" if alone else "_shared"
        tx.connection.exec_driver_sql(
            f"SELECT pg_advisory_xact_lock{shared}(hashtextextended(%s, {_LOCK}))", (tx.tenant_id,)
        )


def hold_openings(tx: Tx) -> None:
    """Open one line at a time: each counts what was opened before it."""
    if bulk.is_postgresql(tx):
        tx.connection.exec_driver_sql(
            f"SELECT pg_advisory_xact_lock(hashtextextended(%s, {_OPENINGS}))", (tx.tenant_id,)
        )


def latest(tx: Tx) -> Snapshot | None:
    """The newest book that was kept."""
    return _snapshot(tx.find_row(exposure_snapshots, "-seq"))


def on_day(tx: Tx, day: str) -> Snapshot | None:
    """The last book that was kept of a day."""
    return _snapshot(tx.find_row(exposure_snapshots, "-seq", on_day=day))


def _snapshot(row: Mapping[str, Any] | None) -> Snapshot | None:
    if row is None:
        return None
    buckets = tuple(
        Bucket(currency, Dimension(dimension), name, *amounts)
        for currency, dimension, name, *amounts in from_json(row["content"])
    )
    return Snapshot(row["seq"], row["at_ms"], row["on_day"], row["policy_version"], buckets)


def add(tx: Tx, snapshot: Snapshot) -> None:
    """Keep a day's book; it can never be changed."""
    content = [
        [b.currency, b.dimension.value, b.bucket, b.exposure_minor, b.limits_minor, b.lines_count]
        for b in snapshot.buckets
    ]
    tx.insert(
        exposure_snapshots,
        seq=snapshot.seq,
        at_ms=snapshot.at_ms,
        on_day=snapshot.on_day,
        policy_version=snapshot.policy_version,
        content=json_text(content),
        sha256=canonical_hash(content),
    )


def put_places(tx: Tx, placed: Iterable[tuple[str, Placed]]) -> None:
    """Note what lines count under; it never changes while a line lives."""
    rows = [
        {"line_id": line_id, "crop": at.crop, "village": at.village, "cell": at.cell}
        for line_id, at in placed
    ]
    tx.insert_many_new(line_buckets, rows)


def place_of(tx: Tx, line_id: str) -> tuple[str, str, str] | None:
    """The crop, village and cell that a line counts under, if that was noted."""

    def ask() -> tuple[str, str, str] | None:
        row = tx.find_row(line_buckets, line_id=line_id)
        return (row["crop"], row["village"], row["cell"]) if row else None

    return tx.recall(line_buckets, line_id, ask)


def learn_places(tx: Tx, line_ids: Sequence[str]) -> None:
    """Remember what lines count under."""
    c = line_buckets.c
    for line_id in line_ids:
        tx.learn(line_buckets, line_id, None)
    question = select(line_buckets).where(c.tenant_id == tx.tenant_id)
    for row in tx.rows(question.where(among(tx, c.line_id, line_ids))):
        tx.learn(line_buckets, row["line_id"], (row["crop"], row["village"], row["cell"]))


def unplaced(tx: Tx, after: str, rows_max: int) -> list[str]:
    """Open lines of which it was not noted what they count under, some that follow one by id."""
    known = select(line_buckets.c.line_id).where(
        line_buckets.c.tenant_id == tx.tenant_id, line_buckets.c.line_id == lines.c.line_id
    )
    c = lines.c
    where = (c.tenant_id == tx.tenant_id, c.line_id > after, c.is_open, ~known.exists())
    rows = tx.rows(select(lines.c.line_id).where(*where).order_by(lines.c.line_id), rows_max)
    return [row["line_id"] for row in rows]


def where_of(tx: Tx, line_ids: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Each line's product, village and what it rests on, with the polygon that places it.

    A herd is where its pasture is.
    """
    pasture = subjects.alias()
    ground = func.coalesce(subjects.c.geojson, pasture.c.geojson)
    area = func.coalesce(pasture.c.area_m2, subjects.c.area_m2)
    question = (
        select(
            lines.c.line_id, lines.c.product_id, lines.c.currency, farmers.c.site,
            subjects.c.subject_id, area.label("area_m2"), ground.label("geojson"),
        )
        .join(line_subjects, _same(lines, line_subjects, "line_id"))
        .join(subjects, _same(line_subjects, subjects, "subject_id"))
        .outerjoin(
            pasture,
            (pasture.c.tenant_id == subjects.c.tenant_id)
            & (pasture.c.subject_id == subjects.c.pasture_id),
        )
        .outerjoin(farmers, _same(lines, farmers, "farmer_id"))
        .where(lines.c.tenant_id == tx.tenant_id, among(tx, lines.c.line_id, line_ids))
        .order_by(lines.c.line_id, area.desc(), subjects.c.subject_id)
    )  # fmt: skip
    yield from tx.rows(question)


def _same(one: Any, other: Any, column: str) -> Any:
    return (one.c.tenant_id == other.c.tenant_id) & (one.c[column] == other.c[column])


def sums(tx: Tx, dimension: Dimension, before_ms: int) -> tuple[Bucket, ...]:
    """The open lines by bucket of a dimension: the more of limit, and drawn and leased.

    What is drawn and leased is as the line's latest movement found it. A line that the
    centre opened at ``before_ms`` or later is not among them: see :func:`opened_since`.
    """
    bucket = func.coalesce(line_buckets.c[dimension.value], "")
    used = movements.c.outstanding_minor + movements.c.leased_unspent_minor
    over = case((used > lines.c.limit_minor, used - lines.c.limit_minor), else_=0)
    newest = _same(lines, movements, "line_id") & (lines.c.movements_count == movements.c.seq)
    watched = (
        select(lines.c.line_id, over.label("over_minor"))
        .join(movements, newest)
        .where(lines.c.tenant_id == tx.tenant_id, lines.c.is_open, lines.c.watch)
        .subquery()
    )
    limits = func.sum(lines.c.limit_minor)
    question = (
        select(
            lines.c.currency, bucket.label("bucket"), limits.label("limits_minor"),
            func.count().label("lines_count"),
            func.coalesce(func.sum(watched.c.over_minor), 0).label("over_minor"),
        )
        .outerjoin(line_buckets, _same(lines, line_buckets, "line_id"))
        .outerjoin(watched, watched.c.line_id == lines.c.line_id)
        .where(lines.c.tenant_id == tx.tenant_id, lines.c.is_open)
        .where((lines.c.opened_at_ms < before_ms) | (lines.c.onboarding_lease_id != ""))
        .group_by(lines.c.currency, bucket)
        .order_by(lines.c.currency, bucket)
    )  # fmt: skip
    return tuple(
        Bucket(
            row["currency"], dimension, row["bucket"],
            int(row["limits_minor"]) + int(row["over_minor"]), int(row["limits_minor"]),
            int(row["lines_count"]),
        )
        for row in tx.rows(question)
    )  # fmt: skip


def opened_since(tx: Tx, at_ms: int) -> list[tuple[str, Placed, int]]:
    """Lines that the centre opened from an instant on: each with its place and its limit."""
    where = (
        lines.c.tenant_id == tx.tenant_id,
        lines.c.opened_at_ms >= at_ms,
        lines.c.onboarding_lease_id == "",
    )
    columns = (lines.c.line_id, lines.c.currency, lines.c.limit_minor, *line_buckets.c)
    joined = select(*columns).join(line_buckets, _same(lines, line_buckets, "line_id"))
    return [
        (
            row["line_id"],
            Placed(row["currency"], row["crop"], row["village"], row["cell"]),
            row["limit_minor"],
        )
        for row in tx.rows(joined.where(*where))
    ]


def limit_at(tx: Tx, line_id: str, at_ms: int) -> int | None:
    """The limit before the first movement from an instant on; None if there is none."""
    c = movements.c
    where = (c.tenant_id == tx.tenant_id, c.line_id == line_id, c.at_ms >= at_ms)
    found = tx.scalar(select(c.limit_before_minor).where(*where).order_by(c.seq).limit(1))
    return None if found is None else int(found)


def station_places(tx: Tx, station: str) -> list[Mapping[str, Any]]:
    """Where a station's lines lie, the most common village and cell first."""
    c = line_buckets.c
    question = (
        select(c.village, c.cell, func.count().label("lines_count"))
        .join(lines, _same(lines, line_buckets, "line_id"))
        .where(lines.c.tenant_id == tx.tenant_id, lines.c.station == station)
        .group_by(c.village, c.cell)
        .order_by(func.count().desc(), c.village, c.cell)
    )
    return list(tx.rows(question, 1))


def station_site(tx: Tx, station: str) -> str:
    """The village that most of a station's people live in; empty if nobody is at home there."""
    c = farmers.c
    question = (
        select(c.site)
        .where(c.tenant_id == tx.tenant_id, c.home_station == station)
        .group_by(c.site)
        .order_by(func.count().desc(), c.site)
    )
    return str(tx.scalar(question.limit(1)) or "")


def polygon_of(tx: Tx, subject_ids: Sequence[str]) -> str | None:
    """The polygon of the largest of some subjects, a herd's being its pasture's."""
    pasture = subjects.alias()
    ground = func.coalesce(subjects.c.geojson, pasture.c.geojson)
    area = func.coalesce(pasture.c.area_m2, subjects.c.area_m2)
    grazed = (pasture.c.tenant_id == subjects.c.tenant_id) & (
        pasture.c.subject_id == subjects.c.pasture_id
    )
    mine = (subjects.c.tenant_id == tx.tenant_id, subjects.c.subject_id.in_(subject_ids))
    question = select(ground).outerjoin(pasture, grazed).where(*mine, ground.is_not(None))
    found = tx.scalar(question.order_by(area.desc(), subjects.c.subject_id).limit(1))
    return None if found is None else str(found)
