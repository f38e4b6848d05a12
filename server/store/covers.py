"""Covers that stand behind farmers' lines: stated, paid from, ended. Never changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import select

from core.lending.views import CoverKind
from server.store.beside_tables import covers
from server.store.bulk import among
from server.store.engine import Tx
from server.store.rows import from_json, json_text


class CoverEvent(Enum):
    """What happened to a cover."""

    STATED = "stated"
    PAID = "paid"  # money came from it
    ENDED = "ended"  # before its day


@dataclass(frozen=True, slots=True)
class CoverStep:
    """One step of a cover [minor units].

    ``content`` is what was said: of a statement all of its terms, of a payment its line and
    reference, of an end its reason; ``sha256`` the hash of the file that said so. The sum is
    the cover's at a statement, and what was paid at a payment.
    """

    cover_id: str
    seq: int
    kind: CoverKind
    event: CoverEvent
    farmer_id: str
    party: str
    from_on: str
    until_on: str
    currency: str
    sum_minor: int
    content: Mapping[str, Any]
    sha256: str
    actor: str
    at_ms: int


def add(tx: Tx, step: CoverStep) -> None:
    """Add a step of a cover."""
    tx.insert(
        covers,
        cover_id=step.cover_id,
        seq=step.seq,
        kind=step.kind.value,
        event=step.event.value,
        farmer_id=step.farmer_id,
        party=step.party,
        from_on=step.from_on,
        until_on=step.until_on,
        currency=step.currency,
        sum_minor=step.sum_minor,
        content=json_text(dict(step.content)),
        sha256=step.sha256,
        actor=step.actor,
        at_ms=step.at_ms,
    )


def of_farmer(tx: Tx, farmer_id: str) -> tuple[CoverStep, ...]:
    """Every step of the covers behind a farmer, cover by cover and in order."""

    def ask() -> tuple[CoverStep, ...]:
        where = (covers.c.tenant_id == tx.tenant_id, covers.c.farmer_id == farmer_id)
        return _steps(tx, where)

    return tx.recall(covers, farmer_id, ask)


def learn(tx: Tx, farmer_ids: Sequence[str]) -> None:
    """Remember the covers behind many farmers in one question."""
    found: dict[str, list[CoverStep]] = {each: [] for each in farmer_ids}
    for step in _steps(
        tx, (covers.c.tenant_id == tx.tenant_id, among(tx, covers.c.farmer_id, farmer_ids))
    ):
        found[step.farmer_id].append(step)
    tx.learn_all(covers, {farmer_id: tuple(steps) for farmer_id, steps in found.items()})


def of_cover(tx: Tx, cover_id: str) -> tuple[CoverStep, ...]:
    """Every step of a cover, in order."""
    return _steps(tx, (covers.c.tenant_id == tx.tenant_id, covers.c.cover_id == cover_id))


def every(tx: Tx) -> tuple[CoverStep, ...]:
    """Every step of every cover."""
    return _steps(tx, (covers.c.tenant_id == tx.tenant_id,))


def _steps(tx: Tx, where: Iterable[Any]) -> tuple[CoverStep, ...]:
    rows = tx.rows(select(covers).where(*where).order_by(covers.c.cover_id, covers.c.seq))
    return tuple(
        CoverStep(
            **{
                name: row[name]
                for name in ("cover_id", "seq", "farmer_id", "party", "from_on", "until_on",
                             "currency", "sum_minor", "sha256", "actor", "at_ms")
            },
            kind=CoverKind(row["kind"]),
            event=CoverEvent(row["event"]),
            content=from_json(row["content"]),
        )
        for row in rows
    )  # fmt: skip
