"""The rate of a line's next drawdowns, review by review. Never changed, never taken away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from core.lending.risk_price import Rated, RateReason
from core.reasons import Reason
from core.shape import decode
from server.store.beside_tables import line_rates
from server.store.bulk import among
from server.store.engine import Tx
from server.store.rows import from_json, json_text


@dataclass(frozen=True, slots=True)
class LineRate:
    """A line's rate for its next drawdowns after a review [ppm a year], and why.

    ``source`` names what the probability of default was read from: a decision card, or
    ``rescored`` by the model in use; ``as_of`` is its day.
    """

    line_id: str
    seq: int
    rated: Rated
    pd_ppm: int
    effective_on: str
    as_of: str
    source: str
    reasons: tuple[Reason, ...]
    policy_version: str
    at_ms: int


def add(tx: Tx, rate: LineRate) -> None:
    """Add a review of a line's rate."""
    tx.insert(
        line_rates,
        line_id=rate.line_id,
        seq=rate.seq,
        rate_ppm=rate.rated.rate_ppm,
        pd_ppm=rate.pd_ppm,
        step=rate.rated.step,
        effective_on=rate.effective_on,
        as_of=rate.as_of,
        source=rate.source,
        reasons=json_text({"why": rate.rated.reason.value, "told": list(rate.reasons)}),
        policy_version=rate.policy_version,
        at_ms=rate.at_ms,
    )
    tx.learn(line_rates, rate.line_id, rate)


def last(tx: Tx, line_id: str) -> LineRate | None:
    """A line's rate now; None where its product is not priced by risk."""

    def ask() -> LineRate | None:
        row = tx.find_row(line_rates, "-seq", line_id=line_id)
        return _rate(row) if row else None

    return tx.recall(line_rates, line_id, ask)


def learn_last(tx: Tx, line_ids: Sequence[str]) -> None:
    """Remember the rates of many lines in one question."""
    found: dict[str, list[LineRate]] = {each: [] for each in line_ids}
    where = (line_rates.c.tenant_id == tx.tenant_id, among(tx, line_rates.c.line_id, line_ids))
    for row in tx.rows(select(line_rates).where(*where).order_by(line_rates.c.seq)):
        found[row["line_id"]].append(_rate(row))
    tx.learn_all(
        line_rates, {line_id: each[-1] if each else None for line_id, each in found.items()}
    )
    tx.learn_all(line_rates, {("all", line_id): tuple(each) for line_id, each in found.items()})


def of_line(tx: Tx, line_id: str) -> tuple[LineRate, ...]:
    """Every review of a line's rate, oldest first."""

    def ask() -> tuple[LineRate, ...]:
        return tuple(_rate(row) for row in tx.find_rows(line_rates, "seq", line_id=line_id))

    return tx.recall(line_rates, ("all", line_id), ask)


def stream(tx: Tx) -> Iterator[LineRate]:
    """Every review of every line's rate, line by line and in order."""
    order = (line_rates.c.line_id, line_rates.c.seq)
    question = select(line_rates).where(line_rates.c.tenant_id == tx.tenant_id).order_by(*order)
    return (_rate(row) for row in tx.stream(question))


def _rate(row: dict[str, object]) -> LineRate:
    said = from_json(str(row["reasons"]))
    return LineRate(
        line_id=str(row["line_id"]),
        seq=int(str(row["seq"])),
        rated=Rated(int(str(row["rate_ppm"])), int(str(row["step"])), RateReason(said["why"])),
        pd_ppm=int(str(row["pd_ppm"])),
        effective_on=str(row["effective_on"]),
        as_of=str(row["as_of"]),
        source=str(row["source"]),
        reasons=tuple(decode(Reason, each) for each in said["told"]),
        policy_version=str(row["policy_version"]),
        at_ms=int(str(row["at_ms"])),
    )
