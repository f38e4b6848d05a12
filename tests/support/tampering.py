"""A book with everything in it, and a hand that changes it past every trigger.

What it changes is undone when the audit has looked: both databases undo the dropping of a
trigger with the rest of the transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Connection

from core.wire.evidence import Stage
from server.services.evidence import accept_evidence
from server.services.posting import RepaymentRequest, take_repayment
from server.store import lines
from server.store.engine import Tx
from server.store.people import Actor
from tests.support.centre_kit import SEASON_START, Kit, open_known
from tests.support.kiosk_kit import deliver, draw, flags, leases_at_station, open_at_kiosk

CASHIER = Actor("till", "cashier")


def stock(kit: Kit) -> None:
    """Lines of the centre and of a station, draws, a repayment, evidence, moved limits."""
    open_known(kit)
    kit.station.pull(kit.centre)
    kit.clock.set_day(SEASON_START + timedelta(days=1))
    opening = open_at_kiosk(kit)
    draw(kit, "draw-c", opening.line_id, opening.lease.lease_id, 300_000)
    [line] = kit.read(lines.of_farmer, "farmer-b")
    [lease] = [each for each in leases_at_station(kit) if each.line_id == line.line_id]
    draw(kit, "draw-b", line.line_id, lease.lease_id, 1_000_000)
    deliver(kit)
    assert flags(kit) == []
    for number, p10 in ((40, 3_000), (46, 3_000), (52, 900), (58, 900)):
        on = SEASON_START + timedelta(days=number)
        kit.clock.set_day(on)
        for plot in ("plot-a1", "plot-a2", "plot-b1"):
            accept_evidence(kit.centre, kit.evidence(plot, on, Stage.VEGETATIVE, p10))
    request = RepaymentRequest("r1", line.line_id, 200_000, "KES", on.isoformat())
    take_repayment(kit.centre, request, CASHIER)
    second = len(kit.station.records[next(iter(kit.station.records))])
    draw(kit, "draw-d", opening.line_id, opening.lease.lease_id, 10_000)
    deliver(kit, second + 1)  # on another day: a second root over what stood before


@contextmanager
def changed(kit: Kit, statement: str, *tables: str) -> Iterator[Tx]:
    """The book as somebody left it who could drop triggers; undone at the end."""
    with kit.centre.store.engine.connect() as connection:
        transaction = connection.begin()
        try:
            for table in tables:
                _unguard(connection, table)
            count = connection.exec_driver_sql(statement).rowcount
            assert count > 0, f"nothing was changed by {statement}"
            yield Tx(connection, kit.centre.store.tenant_id)
        finally:
            transaction.rollback()


def _unguard(connection: Connection, table: str) -> None:
    run = connection.exec_driver_sql
    if connection.dialect.name == "postgresql":
        run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        return
    question = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"
    for (name,) in run(question, (table,)).fetchall():
        run(f"DROP TRIGGER {name}")


def lost(kit: Kit, table: str, which: str) -> None:
    """Rows that are gone for good, past every trigger."""
    with kit.centre.store.engine.begin() as connection:
        _unguard(connection, table)
        count = connection.exec_driver_sql(f"DELETE FROM {table} WHERE {which}").rowcount  # noqa: S608  # a test's own words
        assert count > 0, f"no row of {table} with {which}"
