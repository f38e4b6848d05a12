"""Books kept before there was one account of facts: brought to it once, and never silently."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from core.lending.account import Amounts
from core.lending.ledger import Entry, EntryKind, EntryLine, transfer
from server.services.posting import RepaymentRequest, take_repayment
from server.services.restating import restate_once
from server.services.standing import owed
from server.services.verifying import verify
from server.store import ledger, lines, people
from server.store.ledger import Repayment
from server.store.people import Actor
from tests.support.centre_kit import SEASON_START, Kit, open_known
from tests.support.kiosk_kit import deliver, draw, leases_at_station

CASHIER = Actor("till", "cashier")
D1, D74 = SEASON_START + timedelta(days=1), SEASON_START + timedelta(days=74)


@pytest.fixture
def drawn(kit: Kit) -> str:
    """KES 10,000 drawn on the first day, KES 1,430 repaid on day 74; the line's id."""
    open_known(kit)
    kit.station.pull(kit.centre)
    [line] = kit.read(lines.of_farmer, "farmer-b")
    [lease] = [each for each in leases_at_station(kit) if each.line_id == line.line_id]
    kit.clock.set_day(D1)
    draw(kit, "draw-1", line.line_id, lease.lease_id, 1_000_000)
    deliver(kit)
    kit.clock.set_day(D74)
    request = RepaymentRequest("r1", line.line_id, 143_000, "KES", D74.isoformat())
    take_repayment(kit.centre, request, CASHIER)
    return line.line_id


def take_as_before(kit: Kit, line_id: str, amount: int, on: date) -> None:
    """A backdated repayment as an earlier release booked it: later splits stay as they were."""

    def act(work) -> None:
        kept = Repayment(
            "r2", line_id, amount, "KES", on.isoformat(), 0, 0, amount, 0, "0" * 64, "till",
            work.at_ms,
        )  # fmt: skip
        ledger.add_repayment(work.tx, kept)
        paid = (
            EntryLine("cash/centre", "KES", amount),
            EntryLine(f"loan/principal/{line_id}", "KES", -amount),
        )
        back = transfer(f"loan/interest/{line_id}", "income/interest", "KES", -14_000)
        for kind, day, cause, moved in (
            (EntryKind.REPAYMENT, on, "repayment/r2", paid),
            (EntryKind.REVERSAL, D74, "backdated/r2", back),
        ):
            entry = Entry(work.new_id(), kind, day.isoformat(), work.at_ms, cause, moved)
            ledger.post(work.tx, "centre", entry)

    kit.centre.write(act)


def owes(kit: Kit, line_id: str) -> Amounts:
    return kit.read(lambda tx: owed(tx, lines.get(tx, line_id), D74))


def test_a_line_that_was_kept_another_way_is_restated_once_and_openly(kit: Kit, drawn: str):
    take_as_before(kit, drawn, 500_000, D1)
    assert all(drawn in fault.where for fault in verify(kit.centre).faults)
    assert len(verify(kit.centre).faults) > 0
    [found] = restate_once(kit.centre)
    assert (found.before, found.now) == (
        Amounts(principal_minor=400_000),
        Amounts(principal_minor=386_420),
    )
    assert owes(kit, drawn) == found.now
    assert verify(kit.centre).faults == ()
    assert sum(kit.read(ledger.trial_balance).values()) == 0
    [said] = [r for r in kit.read(people.trail_of, "line", drawn) if r.action == "line_restated"]
    assert (said.detail["before"]["principal_minor"], said.detail["now"]["principal_minor"]) == (
        400_000, 386_420,
    )  # fmt: skip
    causes = [p.entry.cause_id for p in kit.read(ledger.entries)]
    assert f"restated/{drawn}/undoes/repayment/r1" in causes
    assert restate_once(kit.centre) == ()


def test_a_line_that_was_kept_so_already_changes_nothing_and_its_station_hears_its_facts(
    kit: Kit, drawn: str
):
    before, entries = owes(kit, drawn), len(kit.read(ledger.entries))
    kit.station.pull(kit.centre)
    heard = len(kit.station.bodies("line"))
    assert restate_once(kit.centre) == ()
    assert (owes(kit, drawn), len(kit.read(ledger.entries))) == (before, entries)
    kit.station.pull(kit.centre)
    told = [body for body in kit.station.bodies("line")[heard:] if body["line_id"] == drawn]
    assert told[-1]["facts"]["paid"] == [{"amount_minor": 143_000, "on": D74.isoformat()}]
    count = len(kit.station.bodies("line"))
    restate_once(kit.centre)
    kit.station.pull(kit.centre)
    assert len(kit.station.bodies("line")) == count
