"""Every line of the book without its money: what it is filtered, counted and sorted by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.lending.limit import Movement
from core.units import civil_day
from core.wire.evidence import EvidenceKind, Stage
from server.store import plot_rows, products
from server.store.engine import Tx
from server.store.memory import Row

RANK: Mapping[str, int] = {stage.value: stage.rank for stage in Stage}


@dataclass(frozen=True, slots=True)
class Head:
    """A line with its last movement and the least stage that was seen [minor units]."""

    line_id: str
    farmer_id: str
    farmer_name: str
    product_id: str
    product_name: str
    station: str
    currency: str
    limit_minor: int
    due_on: str
    stage: str
    anomaly_ppm: int | None
    movement: str
    moved_on: str
    watch: bool
    is_open: bool


def read_heads(tx: Tx) -> list[Head]:
    """Every line, in three questions."""
    sold = {product.product_id: product.name for product in products.in_force(tx)}
    seen = _seen(tx)
    return [_head(row, sold, seen) for row in plot_rows.every_line(tx)]


def _seen(tx: Tx) -> dict[str, tuple[str, int | None]]:
    """By line, the least stage of its crops and the worst anomaly of all that it rests on."""
    found: dict[str, tuple[str, int | None]] = {}
    for row in plot_rows.looks_of_lines(tx):
        stage, anomaly = found.get(row["line_id"], ("", None))
        if row["kind"] == EvidenceKind.CROP.value:
            stage = min(filter(None, (stage, row["stage"])), key=RANK.__getitem__)
        known = [each for each in (anomaly, row["anomaly_ppm"]) if each is not None]
        found[row["line_id"]] = (stage, min(known) if known else None)
    return found


def _head(row: Row, sold: Mapping[str, str], seen: Mapping[str, tuple[str, int | None]]) -> Head:
    stage, anomaly = seen.get(row["line_id"], ("", None))
    movement = str(row["movement"] or Movement.OPENED.value)
    at_ms = row["at_ms"]
    return Head(
        row["line_id"], row["farmer_id"], row["farmer_name"] or row["farmer_id"],
        row["product_id"], sold.get(row["product_id"], row["product_id"]), row["station"],
        row["currency"], row["limit_minor"], row["due_on"], stage, anomaly,
        Movement.FROZEN.value if row["frozen"] else movement,
        row["opened_on"] if at_ms is None else civil_day(at_ms).isoformat(),
        bool(row["watch"]), bool(row["is_open"]),
    )  # fmt: skip
