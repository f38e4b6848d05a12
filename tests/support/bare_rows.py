"""Rows written straight into the centre's tables, empty where nothing is said, for tests."""

from __future__ import annotations

from sqlalchemy import Table, update
from sqlalchemy.types import BigInteger, Boolean, Integer, LargeBinary

from server.store.engine import Tx
from server.store.lines import Line
from server.store.tables import metadata

T = metadata.tables
EMPTY = {Boolean: False, BigInteger: 0, Integer: 0, LargeBinary: b""}


def add(tx: Tx, name: str, **values: object) -> None:
    """A row of a table, empty where nothing is said."""
    table: Table = T[name]
    row = {
        column.name: values.get(
            column.name, None if column.nullable else EMPTY.get(type(column.type), "")
        )
        for column in table.columns
        if column.name != "tenant_id"
    }
    tx.insert(table, **row)


def alter(tx: Tx, name: str, key: dict[str, object], **values: object) -> None:
    """Some rows of a table, changed."""
    where = [T[name].c[column] == value for column, value in key.items()]
    assert tx.run(update(T[name]).where(*where).values(**values)) > 0


def relieve(tx: Tx, line: Line) -> None:
    """A step that puts off what a line owes, with the word of two that the database asks for."""
    word = f"relief-{line.line_id}"
    add(tx, "money_words", word_id=word, kind="relief", subject_id=line.line_id, told_by="anna")
    add(tx, "money_word_answers", word_id=word, told_by="anna", answered_by="ben",
        is_confirmed=True)  # fmt: skip
    add(tx, "agreement_steps", agreement_id=line.application_id, seq=99, line_id=line.line_id,
        event="grant_relief", actor="ben", detail=f'{{"word_id":"{word}"}}')  # fmt: skip
