"""A centre from before the life of models was kept: what was in force is adopted, once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from server.store import model_life
from server.store.engine import StoreError
from tests.support.centre_kit import Kit

SQL = Path(__file__).resolve().parents[2] / "server" / "store" / "migrations" / "sql"


def adopting() -> str:
    """The statement by which migration 0023 writes down what was there before."""
    found = re.search(
        r"INSERT INTO model_steps.*?FROM models;", (SQL / "0023.sqlite.sql").read_text(), re.DOTALL
    )
    assert found is not None
    return found[0]


@pytest.mark.both_engines
def test_what_was_in_force_before_is_adopted_by_the_migration_alone(kit: Kit):
    """Its rows come before the rule that refuses them; the very same statement fails today."""
    for dialect in ("sqlite", "postgresql"):
        text = (SQL / f"0023.{dialect}.sql").read_text()
        rule = text.index("only models from before their life was kept are adopted")
        assert text.index(adopting()) < rule
    with pytest.raises(StoreError):
        kit.centre.write(lambda work: work.tx.connection.exec_driver_sql(adopting()))
    assert {step.event for step in kit.read(model_life.every)} >= {"registered", "promoted"}
    assert "adopted" not in {step.event for step in kit.read(model_life.every)}
