"""One new borrower at two stations that are both dark: bounded before, found and frozen at sync."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.decision.policy import Verdict, decide
from core.reasons import Reason, ReasonCode
from core.wire.envelope import GENESIS
from core.wire.records import Application
from server.services import enrolment
from server.services.verifying import verify
from server.store import leases, lines
from tests.support.centre_kit import TESTER, Kit, StationKit, keys_of, model
from tests.support.kiosk_kit import card_of, deliver, draw, flags, open_at_kiosk


@pytest.fixture
def guest(kit: Kit) -> StationKit:
    """A second station, which knows the farmer and opens a line although it is not their home."""
    keys = keys_of("st-two", 60)
    enrolment.enroll_station(kit.centre, keys.identity(), TESTER)
    return replace(kit.station, keys=keys, records={}, down=[], down_head=GENESIS)


def borrow(kit: Kit, station: StationKit, number: int) -> str:
    """At a station, in the dark: farmer C opens a line and draws all of it."""
    kit.station = station
    station.pull(kit.centre)
    opening = open_at_kiosk(kit, number)
    draw(kit, f"draw-{number}", opening.line_id, opening.lease.lease_id, opening.limit_minor)
    return opening.line_id


@pytest.mark.parametrize("home_first", [True, False], ids=["home first", "guest first"])
def test_the_second_line_is_found_and_frozen_at_sync_and_all_that_was_paid_is_booked(
    kit: Kit, guest: StationKit, home_first: bool
):
    home = kit.station
    at_home, elsewhere = borrow(kit, home, 1), borrow(kit, guest, 2)
    for station in (home, guest) if home_first else (guest, home):
        kit.station = station
        deliver(kit)
    found = {line.line_id: line for line in kit.read(lines.of_farmer, "farmer-c")}
    assert set(found) == {at_home, elsewhere}
    assert found[elsewhere].frozen
    assert f"line {elsewhere}: the farmer's home is another station" in flags(kit)
    # On the same plot: where the guest's word came first, home's waits for somebody too.
    assert found[at_home].frozen is not home_first
    for number, line_id in ((1, at_home), (2, elsewhere)):
        booked = kit.read(leases.find_draw, f"draw-{number}")
        assert (booked.line_id, booked.amount_minor) == (line_id, 500_000)
    # Each stayed within what its own station was leased: nobody lent more than was signed.
    assert verify(kit.centre).faults == ()
    # What is frozen is leased to nobody any more.
    guest.pull(kit.centre)
    assert not [body for body in guest.bodies("lease") if body["body"].get("line_id") == elsewhere]


def test_the_home_rule_bounds_a_person_to_one_first_line(kit: Kit, guest: StationKit):
    line_id = borrow(kit, kit.station, 1)
    deliver(kit)
    assert not kit.read(lines.get, line_id).frozen
    homes = {body["farmer_id"]: body["home_station"] for body in kit.station.bodies("farmer")}
    assert homes["farmer-c"] == "st-one"
    guest.pull(kit.centre)
    assert "farmer-c" not in {body["farmer_id"] for body in guest.bodies("farmer")}
    # A guest's desk that knows them all the same, from an agent's list, sends them home.
    asked = Application("app-2", "farmer-c", kit.product.product_id, ("plot-c1",), 500_000, "KES")
    at_home = card_of(kit, asked, 500_000)
    assert at_home.outcome.verdict is Verdict.APPROVE
    outcome = decide(replace(at_home.inputs, station="st-two"), model(), kit.product)
    assert outcome.verdict is Verdict.DECLINE
    assert outcome.reasons == (Reason(ReasonCode.DECISION_OTHER_STATION),)
