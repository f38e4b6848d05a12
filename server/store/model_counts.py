"""Counts of bins as stations sent them: one row a station, model and day, never changed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from core.shape import decode
from core.wire.modelcounts import ModelCounts
from server.store.engine import Tx
from server.store.model_tables import model_counts
from server.store.rows import from_json, json_text
from server.store.tables import decisions


@dataclass(frozen=True, slots=True)
class CountsOfStation:
    """A station's counts of one day, and the number of its record."""

    station: str
    seq: int
    counts: ModelCounts


def put(tx: Tx, found: CountsOfStation, received_at_ms: int) -> bool:
    """Keep counts; False if that station's day is here already, whatever it says."""
    return tx.insert_new(
        model_counts,
        station=found.station,
        sha256=found.counts.model_sha256,
        day=found.counts.day,
        seq=found.seq,
        counts=json_text(found.counts),
        received_at_ms=received_at_ms,
    )


def find(tx: Tx, station: str, sha256: str, day: str) -> ModelCounts | None:
    """What a station said of a model's day, if it did."""
    row = tx.find_row(model_counts, station=station, sha256=sha256, day=day)
    return decode(ModelCounts, from_json(row["counts"])) if row else None


def card_documents(tx: Tx, station: str, sha256: str, since_ms: int) -> tuple[bytes, ...]:
    """A station's signed cards by a model, of those that were written from an instant on."""
    where = (
        decisions.c.tenant_id == tx.tenant_id,
        decisions.c.writer == station,
        decisions.c.at_ms >= since_ms,
        decisions.c.model_sha256 == sha256,
    )
    question = select(decisions.c.document).where(*where).order_by(decisions.c.card_id)
    return tuple(bytes(row["document"]) for row in tx.rows(question))


def since(tx: Tx, sha256: str, first_day: str) -> tuple[CountsOfStation, ...]:
    """All counts of a model from a day on, by day and station."""
    where = (
        model_counts.c.tenant_id == tx.tenant_id,
        model_counts.c.sha256 == sha256,
        model_counts.c.day >= first_day,
    )
    question = select(model_counts).where(*where)
    rows = tx.rows(question.order_by(model_counts.c.day, model_counts.c.station))
    return tuple(
        CountsOfStation(
            row["station"], row["seq"], decode(ModelCounts, from_json(row["counts"]))
        )
        for row in rows
    )  # fmt: skip


def stations_count(tx: Tx, sha256: str) -> int:
    """How many stations ever counted decisions by a model."""
    question = select(func.count(model_counts.c.station.distinct())).where(
        model_counts.c.tenant_id == tx.tenant_id, model_counts.c.sha256 == sha256
    )
    return int(tx.scalar(question) or 0)
