"""Invoices and settlements of a farm: what was bought, invested, slaughtered. Never changed.

One that was written by mistake is taken back by another that names it; neither counts then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import select

from server.store.bulk import among
from server.store.engine import Tx
from server.store.rows import read_as
from server.store.tables import farm_papers


class PaperKind(Enum):
    """What a paper shows."""

    FEED = "feed"  # an invoice of hay or meal, for a herd
    SLAUGHTER = "slaughter"  # a slaughterhouse's settlement, for a herd
    INVESTMENT = "investment"  # an invoice of something invested, for a plot


@dataclass(frozen=True, slots=True)
class Paper:
    """One invoice or settlement.

    ``amount_minor`` is what was paid [minor units], ``heads`` the animals of a settlement,
    ``source`` who wrote it; ``voids`` names the paper that this one takes back, and is
    empty otherwise. ``at_ms`` is when it was written down [ms UTC], ``actor`` by whom.
    """

    paper_id: str
    subject_id: str
    kind: PaperKind
    amount_minor: int
    currency: str
    heads: int
    effective_on: str
    source: str
    voids: str
    at_ms: int
    actor: str


def add(tx: Tx, paper: Paper) -> None:
    """Add a paper; it can never be changed."""
    fields = {name: getattr(paper, name) for name in Paper.__slots__}
    tx.append(farm_papers, **{**fields, "kind": paper.kind.value})


def find(tx: Tx, paper_id: str) -> Paper | None:
    """The paper with that id, if it is known."""
    where = (farm_papers.c.tenant_id == tx.tenant_id, farm_papers.c.paper_id == paper_id)
    row = tx.row(select(farm_papers).where(*where))
    return _paper(row) if row else None


_ORDER = (farm_papers.c.effective_on, farm_papers.c.at_ms, farm_papers.c.paper_id)


def every(tx: Tx, subject_id: str) -> tuple[Paper, ...]:
    """A subject's papers, by day and then as they were written down."""

    def ask() -> tuple[Paper, ...]:
        c = farm_papers.c
        where = (c.tenant_id == tx.tenant_id, c.subject_id == subject_id)
        rows = tx.rows(select(farm_papers).where(*where).order_by(*_ORDER))
        return tuple(_paper(row) for row in rows)

    return tx.recall(farm_papers, subject_id, ask)


def subjects(tx: Tx) -> tuple[str, ...]:
    """The subjects that have papers."""
    c = farm_papers.c
    question = select(c.subject_id).where(c.tenant_id == tx.tenant_id).distinct()
    return tuple(row["subject_id"] for row in tx.rows(question.order_by(c.subject_id)))


def learn(tx: Tx, subject_ids: Sequence[str]) -> None:
    """Remember the papers of some subjects."""
    found: dict[str, list[Paper]] = {subject_id: [] for subject_id in subject_ids}
    where = (
        farm_papers.c.tenant_id == tx.tenant_id,
        among(tx, farm_papers.c.subject_id, subject_ids),
    )
    for row in tx.rows(select(farm_papers).where(*where).order_by(*_ORDER)):
        found[row["subject_id"]].append(_paper(row))
    tx.learn_all(farm_papers, {each: tuple(told) for each, told in found.items()})


def _paper(row: Mapping[str, Any]) -> Paper:
    return read_as(Paper, {**row, "kind": PaperKind(row["kind"])})


def standing(tx: Tx, subject_id: str, kind: PaperKind, days: tuple[str, str]) -> tuple[Paper, ...]:
    """Papers of a kind that nothing took back, from one day to another."""
    told = every(tx, subject_id)
    gone = {each.voids for each in told if each.voids} | {e.paper_id for e in told if e.voids}
    first, last = days
    return tuple(
        each
        for each in told
        if each.kind is kind and each.paper_id not in gone and first <= each.effective_on <= last
    )
