"""Runs of a review of the whole book: when, by whom, and how far each part of it came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from server.store.engine import NotKnownError, Tx
from server.store.rows import from_json, json_text, read_as
from server.store.tables import book_review_parts, book_reviews, lines


@dataclass(frozen=True, slots=True)
class Run:
    """A review of the whole book as of one instant [ms UTC]; ``ended_at_ms`` once all is done."""

    run_id: str
    at_ms: int
    started_by: str
    ended_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Part:
    """The lines of some stations, in the order of station and line, and the last one done.

    ``until_station`` is the first station of the next part; empty in the last.
    """

    run_id: str
    part: int
    from_station: str
    until_station: str
    at_station: str
    at_line: str
    is_done: bool
    counts: Mapping[str, int]


def add(tx: Tx, run: Run, parts: Sequence[Part]) -> None:
    """Add a run with its parts."""
    tx.insert(
        book_reviews, run_id=run.run_id, at_ms=run.at_ms, started_by=run.started_by,
        ended_at_ms=run.ended_at_ms,
    )  # fmt: skip
    tx.insert_many(book_review_parts, [{**_row(part), **_place(part)} for part in parts])


def _row(part: Part) -> dict[str, Any]:
    return {
        "run_id": part.run_id,
        "part": part.part,
        "from_station": part.from_station,
        "until_station": part.until_station,
    }


def _place(part: Part) -> dict[str, Any]:
    return {
        "at_station": part.at_station,
        "at_line": part.at_line,
        "is_done": part.is_done,
        "counts": json_text(dict(part.counts)),
    }


def open_run(tx: Tx) -> Run | None:
    """The run that is not done yet, if there is one."""
    where = (book_reviews.c.tenant_id == tx.tenant_id, book_reviews.c.ended_at_ms.is_(None))
    row = tx.row(select(book_reviews).where(*where).order_by(book_reviews.c.at_ms))
    return read_as(Run, row) if row else None


def get(tx: Tx, run_id: str) -> Run:
    """The run with that id.

    Raises
    ------
    NotKnownError
        If there is none.
    """
    where = (book_reviews.c.tenant_id == tx.tenant_id, book_reviews.c.run_id == run_id)
    row = tx.row(select(book_reviews).where(*where))
    if row is None:
        raise NotKnownError(f"expected a review of the book, got {run_id!r}")
    return read_as(Run, row)


def parts_of(tx: Tx, run_id: str) -> tuple[Part, ...]:
    """A run's parts, in order."""
    c = book_review_parts.c
    where = (c.tenant_id == tx.tenant_id, c.run_id == run_id)
    rows = tx.rows(select(book_review_parts).where(*where).order_by(c.part))
    return tuple(_part(row) for row in rows)


def take_part(tx: Tx, run_id: str, wanted: int) -> Part | None:
    """A part that is not done and that nobody works on, held until the transaction ends.

    The part that was ``wanted`` comes first, so that who began one goes on with it.
    """
    c = book_review_parts.c
    where = (c.tenant_id == tx.tenant_id, c.run_id == run_id, c.is_done.is_(False))
    order = ((c.part != wanted), c.part)
    question = select(book_review_parts).where(*where).order_by(*order)
    row = tx.row(question.with_for_update(skip_locked=True))
    return _part(row) if row else None


def move(tx: Tx, part: Part) -> None:
    """Write how far a part came."""
    tx.change(book_review_parts, {"run_id": part.run_id, "part": part.part}, _place(part))


def end(tx: Tx, run_id: str, at_ms: int) -> None:
    """Note that all of a run is done; the first word counts."""
    c = book_reviews.c
    where = (c.tenant_id == tx.tenant_id, c.run_id == run_id, c.ended_at_ms.is_(None))
    tx.run(book_reviews.update().where(*where).values(ended_at_ms=at_ms))


def _part(row: Mapping[str, Any]) -> Part:
    counts = from_json(row["counts"])
    return read_as(Part, {**row, "is_done": bool(row["is_done"]), "counts": counts})


def lines_by_station(tx: Tx) -> list[tuple[str, int]]:
    """How many open lines each station has, by station."""
    where = (lines.c.tenant_id == tx.tenant_id, lines.c.is_open)
    columns = (lines.c.station, func.count().label("lines_count"))
    question = select(*columns).where(*where).group_by(lines.c.station)
    rows = tx.rows(question.order_by(lines.c.station))
    return [(row["station"], row["lines_count"]) for row in rows]
