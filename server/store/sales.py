"""What buyers say they bought of farmers' harvests. Never changed, never taken away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, select

from core.wire.evidence import Stage
from server.store.bulk import among
from server.store.engine import NotKnownError, Tx
from server.store.rows import read_as
from server.store.tables import evidence, line_subjects, lines
from server.store.trade_tables import sales


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale to a registered buyer [kg, minor units].

    ``reference`` is the buyer's own name of it. ``to_line_minor`` is what the buyer pays to
    the lender, ``to_farmer_minor`` what is the farmer's.
    """

    sale_id: str
    reference: str
    buyer: str
    line_id: str
    farmer_id: str
    sold_on: str
    sold_kg: int
    currency: str
    proceeds_minor: int
    to_line_minor: int
    to_farmer_minor: int
    content_sha256: str
    at_ms: int


def add(tx: Tx, sale: Sale) -> bool:
    """Keep a sale, which can never be changed; whether its id and reference were free."""
    return tx.insert_new(sales, **{name: getattr(sale, name) for name in Sale.__slots__})


def get(tx: Tx, sale_id: str) -> Sale:
    """The sale with that id.

    Raises
    ------
    NotKnownError
        If there is none.
    """
    found = find(tx, sale_id)
    if found is None:
        raise NotKnownError(f"expected a sale that is known, got {sale_id[:64]!r}")
    return found


def find(tx: Tx, sale_id: str) -> Sale | None:
    """The sale with that id, if there is one."""
    row = tx.find_row(sales, sale_id=sale_id)
    return read_sale(row) if row else None


def by_reference(tx: Tx, buyer: str, reference: str) -> Sale | None:
    """A buyer's sale by the buyer's own name of it."""
    row = tx.find_row(sales, buyer=buyer, reference=reference)
    return read_sale(row) if row else None


def repayment_id(sale: Sale) -> str:
    """The id of the repayment that a sale brings: it can count once only."""
    return f"sale/{sale.sale_id}"


def of_line(tx: Tx, line_id: str) -> tuple[Sale, ...]:
    """What was sold of a line's harvest, oldest first."""

    def ask() -> tuple[Sale, ...]:
        return tuple(read_sale(row) for row in tx.find_rows(sales, "sale_id", line_id=line_id))

    return tx.recall(sales, ("line", line_id), ask)


def in_question(tx: Tx, seasons: Mapping[str, str]) -> list[str]:
    """The lines of some products that sold something, or rest on a harvest that was brought in.

    Parameters
    ----------
    seasons
        The season of each product whose lines are wanted, by its id.
    """
    n, r, e, s = lines.c, line_subjects.c, evidence.c, sales.c
    # One within the other: side by side, SQLite would read every look for every line.
    looks = exists().where(
        e.tenant_id == r.tenant_id, e.subject_id == r.subject_id, e.stage == Stage.HARVESTED.value
    )
    rests = (r.tenant_id == n.tenant_id, r.line_id == n.line_id)
    mine = (n.tenant_id == tx.tenant_id,)
    selling = exists().where(s.tenant_id == n.tenant_id, s.line_id == n.line_id)
    questions = [select(n.line_id).where(*mine, n.product_id.in_(sorted(seasons)), selling)]
    questions += [
        select(n.line_id).where(
            *mine, n.product_id == product_id,
            exists().where(*rests, looks.where(e.season_id == season_id)),
        )
        for product_id, season_id in sorted(seasons.items())
    ]  # fmt: skip
    # Each asked by itself: of an OR of them PostgreSQL thinks so badly that it compiles it.
    return sorted({row["line_id"] for question in questions for row in tx.rows(question)})


def learn_lines(tx: Tx, line_ids: Sequence[str]) -> None:
    """Remember what was sold of lines' harvests, read in one question."""
    found: dict[str, list[Sale]] = {line_id: [] for line_id in line_ids}
    where = (sales.c.tenant_id == tx.tenant_id, among(tx, sales.c.line_id, line_ids))
    for row in tx.rows(select(sales).where(*where).order_by(sales.c.sale_id)):
        found[row["line_id"]].append(read_sale(row))
    for line_id, sold in found.items():
        tx.learn(sales, ("line", line_id), tuple(sold))


def every(tx: Tx) -> Iterator[Sale]:
    """All sales by id, one by one."""
    question = select(sales).where(sales.c.tenant_id == tx.tenant_id)
    return (read_sale(row) for row in tx.stream(question.order_by(sales.c.sale_id)))


def read_sale(row: Mapping[str, Any]) -> Sale:
    """A row of the table as a sale."""
    return read_as(Sale, row)
