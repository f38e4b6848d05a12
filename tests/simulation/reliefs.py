"""Invariant 6: relief ends when its last day has passed or all is repaid, no day before or after.

The rule is said in docs/relief.md#when-it-is-over; here it is read from the tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from core.lending.agreement import AgreementReason
from core.units import civil_day
from server.store.engine import Tx
from tests.simulation.village import UTC_OFFSET_MS
from tests.simulation.world import World

_STANDS = """
SELECT l.due_on, (SELECT coalesce(sum(x.amount_minor), 0) FROM ledger_lines x
                  WHERE x.account = 'loan/principal/' || l.line_id)
FROM lines l WHERE l.line_id = ?
"""
_IN_RELIEF = """
SELECT l.line_id, l.due_on, l.station FROM lines l WHERE l.is_open AND l.due_on < ? AND (
    SELECT state FROM agreement_steps s WHERE s.agreement_id = l.application_id
    ORDER BY seq DESC LIMIT 1) = 'in_relief'
"""


def faults_of_end(tx: Tx, row: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a step by which a relief ended."""
    due_on, principal_minor = tx.connection.exec_driver_sql(_STANDS, (row["line_id"],)).one()
    if row["reason"] == AgreementReason.TIME_PASSED.value and row["on_day"] <= due_on:
        yield f"6: the relief of {row['line_id']} ended on {row['on_day']}, it lasts to {due_on}"
    if row["reason"] == AgreementReason.REPAID.value and principal_minor > 0:
        yield f"6: the relief of {row['line_id']} ended as repaid, {principal_minor} are owed"


def faults_of_reliefs(world: World, tx: Tx) -> Iterator[str]:
    """When all is healed: no line whose home has a link is in a relief that is over.

    The sweep of the day after may be yet to come, for it is done once a civil day.
    """
    yesterday = civil_day(world.now_ms, UTC_OFFSET_MS) - timedelta(days=1)
    alive = {each.name for each in world.alive}
    for line_id, due_on, home in tx.connection.exec_driver_sql(_IN_RELIEF, (str(yesterday),)):
        if home in alive:
            yield f"6: {line_id} is in relief still, which lasted to {due_on}"
