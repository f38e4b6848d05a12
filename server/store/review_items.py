"""What waits for a second person, and what was answered: added, never changed.

The database refuses a second answer to an item, and an answer by whoever made it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, exists, select, tuple_

from core.shape import encode
from server.store.desk_tables import review_answers, review_items
from server.store.engine import Tx
from server.store.rows import from_json, json_text, read_as
from server.store.tables import lines, movements

_I, _A = review_items.c, review_answers.c
OPEN_MAX = 5_000  # shown of one kind


@dataclass(frozen=True, slots=True)
class Item:
    """Something that one made and another is to answer [minor units].

    ``facts`` is what the answer rests on, and ``fingerprint`` stands for all of it.
    """

    item_id: str
    kind: str
    subject_id: str
    line_id: str
    farmer_id: str
    product_id: str
    currency: str
    amount_minor: int
    facts: Mapping[str, Any]
    fingerprint: str
    made_by: str
    made_at_ms: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a second person said of an item, and why."""

    item_id: str
    made_by: str
    answered_by: str
    answer: str
    reason: str
    at_ms: int


def add(tx: Tx, item: Item) -> None:
    """Add an item; it can never be changed."""
    tx.insert(review_items, **{**encode(item), "facts": json_text(item.facts)})


def answer(tx: Tx, said: Answer) -> None:
    """Add an answer; the database refuses a second one, and one by the maker."""
    tx.insert(review_answers, **encode(said))


def find(tx: Tx, item_id: str) -> Item | None:
    """An item, if there is one of that id."""
    row = tx.find_row(review_items, item_id=item_id)
    return _item(row) if row else None


def answer_of(tx: Tx, item_id: str) -> Answer | None:
    """What was answered to an item, if anything."""
    row = tx.find_row(review_answers, item_id=item_id)
    return read_as(Answer, row) if row else None


def waiting(tx: Tx, kind: str) -> tuple[Item, ...]:
    """The items of a kind that nobody answered, the oldest first."""
    answered = select(_A.item_id).where(_A.tenant_id == tx.tenant_id)
    where = (_I.tenant_id == tx.tenant_id, _I.kind == kind, _I.item_id.not_in(answered))
    question = select(review_items).where(*where).order_by(_I.made_at_ms, _I.item_id)
    return tuple(_item(row) for row in tx.rows(question, OPEN_MAX))


def still_wanted(tx: Tx, kind: str, waits: str) -> tuple[Item, ...]:
    """Items of a kind that nobody answered and that their lines want still, the oldest first.

    The newest of its line, which is open, not frozen, and whose last movement tells the
    reason ``waits``.
    """
    n, m, newer = lines.c, movements.c, review_items.alias("newer")
    answered = exists().where(_A.tenant_id == _I.tenant_id, _A.item_id == _I.item_id)
    later = tuple_(newer.c.made_at_ms, newer.c.item_id) > tuple_(_I.made_at_ms, _I.item_id)
    same = (newer.c.tenant_id == _I.tenant_id, newer.c.kind == _I.kind)
    replaced = exists().where(*same, newer.c.subject_id == _I.subject_id, later)
    drawn_on = and_(n.tenant_id == _I.tenant_id, n.line_id == _I.line_id)
    moved = and_(m.tenant_id == n.tenant_id, m.line_id == n.line_id, m.seq == n.movements_count)
    where = (
        _I.tenant_id == tx.tenant_id, _I.kind == kind, n.is_open, ~n.frozen,
        m.reasons.contains(f'"{waits}"', autoescape=True), ~answered, ~replaced,
    )  # fmt: skip
    joined = review_items.join(lines, drawn_on).join(movements, moved)
    question = select(review_items, n.limit_minor).select_from(joined).where(*where)
    found = ((row.pop("limit_minor"), _item(row)) for row in tx.rows(_oldest(question), OPEN_MAX))
    return tuple(item for limit, item in found if item.facts["limit_before_minor"] == limit)


def _oldest(question: Select[Any]) -> Select[Any]:
    return question.order_by(_I.made_at_ms, _I.item_id)


def answered(tx: Tx, answer: str) -> Iterator[tuple[Item, Answer]]:
    """Every item that was answered so, with the answer, the oldest first."""
    together = (_I.tenant_id == _A.tenant_id) & (_I.item_id == _A.item_id)
    said = [_A[name].label(f"said_{name}") for name in ("answered_by", "reason", "at_ms")]
    question = (
        select(review_items, *said)
        .join(review_answers, together)
        .where(_I.tenant_id == tx.tenant_id, _A.answer == answer)
        .order_by(_A.at_ms, _A.item_id)
    )
    for row in tx.rows(question):
        kept = {name: row.pop(f"said_{name}") for name in ("answered_by", "reason", "at_ms")}
        item = _item(row)
        yield item, Answer(item.item_id, item.made_by, answer=answer, **kept)


def newest_of(tx: Tx, kind: str, subject_id: str) -> Item | None:
    """The newest item of a kind about something, answered or not."""
    row = tx.find_row(review_items, "-made_at_ms", "-item_id", kind=kind, subject_id=subject_id)
    return _item(row) if row else None


def _item(row: Mapping[str, Any]) -> Item:
    return read_as(Item, {**row, "facts": from_json(row["facts"])})
