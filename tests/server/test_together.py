"""Several workers at once: nothing is lost, nothing counts twice, nothing is over-lent."""

from __future__ import annotations

from datetime import date

from core.errors import HarvestlineError
from core.wire.evidence import Stage
from server.services.evidence import accept_evidence
from server.services.leasing import issue_for_line
from server.services.posting import RepaymentRequest, take_repayment
from server.services.verifying import verify
from server.store import counts, ledger, lines
from server.store.people import Actor
from tests.support.at_once import at_once, guarded
from tests.support.centre_kit import Kit, open_known
from tests.support.kiosk_kit import MONEY, deliver, draw, leases_at_station

WORKERS = 6


def prepared(kit: Kit) -> str:
    """A line to work on, and identifiers that several threads may take; the line's id."""
    guarded(kit)
    open_known(kit)
    kit.station.pull(kit.centre)
    [line] = kit.read(lines.of_farmer, "farmer-b")
    return line.line_id


def test_one_repayment_from_many_tills_counts_once(kit: Kit):
    line_id = prepared(kit)
    kit.clock.set_day(date(2026, 4, 1))
    same = RepaymentRequest("r-same", line_id, 1_000, "KES", "2026-04-01")
    others = [RepaymentRequest(f"r{n}", line_id, 100, "KES", "2026-04-01") for n in range(3)]
    till = Actor("till", "cashier")
    results = at_once(
        [lambda each=each: take_repayment(kit.centre, each, till) for each in [same] * 4 + others]
    )
    assert not [each for each in results if isinstance(each, HarvestlineError)]
    assert kit.read(ledger.account_balance, "cash/centre", "KES") == 1_300
    assert verify(kit.centre).faults == ()


def test_one_envelope_from_many_links_is_applied_once(kit: Kit):
    line_id = prepared(kit)
    [lease] = [each for each in leases_at_station(kit) if each.line_id == line_id]
    for number in range(4):
        draw(kit, f"draw-{number}", line_id, lease.lease_id, 100_000)
    runs = [(1, 8), (1, 4), (3, 8), (5, 8), (1, 8), (2, 6)]
    results = at_once([lambda run=run: deliver(kit, *run) for run in runs])
    assert not [each for each in results if isinstance(each, HarvestlineError)]
    deliver(kit)
    assert kit.read(counts.rows_by_table)["inbound_records"] == len(kit.station.records[MONEY])
    assert kit.read(ledger.account_balance, f"loan/principal/{line_id}", "KES") == 400_000
    assert verify(kit.centre).faults == ()


def test_leases_are_never_signed_twice_for_the_same_headroom(kit: Kit):
    line_id = prepared(kit)
    on = date(2026, 4, 10)
    kit.clock.set_day(on)
    looks = [kit.evidence("plot-b1", on, Stage.EMERGENCE, 1500)]
    accept_evidence(kit.centre, looks[0])
    later = date(2026, 4, 15)
    kit.clock.set_day(later)
    document = kit.evidence("plot-b1", later, Stage.EMERGENCE, 1500)
    issue = [
        lambda: kit.centre.write(lambda work: issue_for_line(work, line_id)) for _ in range(WORKERS)
    ]
    results = at_once([lambda: accept_evidence(kit.centre, document), *issue])
    assert not [each for each in results if isinstance(each, HarvestlineError)]
    assert verify(kit.centre).faults == ()
    assert kit.read(lines.get, line_id).limit_minor == 2_000_000
