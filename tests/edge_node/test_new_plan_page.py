"""A new plan at the kiosk: seen beside the old one, consented to by its hash, or left alone."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from core.shape import decode
from core.units import MS_PER_DAY
from core.wire.envelope import LogClass
from core.wire.newplans import PURPOSE, offer_sha256
from core.wire.records import Consent, Down
from edge_node.store import logs
from tests.support.cash_examples import PLAN
from tests.support.kiosk import Elapsed, visiting
from tests.support.lending_station import APRIL_1, CARDS, Station


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    station.populate()
    yield station
    station.close()


@pytest.fixture
def client(station):
    with visiting(station, Elapsed()) as client:
        yield client


@pytest.fixture
def offer(station):
    """A plan that the lender proposes for farmer 1's line, until 20 April."""
    found = replace(PLAN, line_id=station.opened_line(), until_on="2026-04-20")
    station.centre.say(Down.NEW_PLAN, found, APRIL_1)
    station.take_down()
    return found


def enter(client, farmer="f-1"):
    return client.post("/identify", data={"card": CARDS[farmer]})


def consents(station):
    run = logs.read_run(station.db, LogClass.MONEY, 0, 1_000, 10**7)
    found = [decode(Consent, each.body) for each in run if each.kind == "consent"]
    return [each for each in found if each.purposes == (PURPOSE,)]


def agree(client, line_id, **changes):
    page = client.get(f"/plan/{line_id}")
    fields = {
        name: re.search(rf'name="{name}" value="([^"]*)"', page.text)[1]
        for name in ("csrf", "shown")
    }
    return client.post(f"/plan/{line_id}", data={**fields, **changes})


def test_the_farmer_sees_both_plans_and_consents_to_exactly_this_one(station, client, offer):
    assert "The lender proposes a new plan for what you owe." in enter(client).text
    page = client.get(f"/plan/{offer.line_id}").text
    for word in ("KES 10,140", "KES 10,760", "12.4%", "15 September 2027", "15 March 2027"):
        assert word in page
    assert "You have agreed to a new plan." in agree(client, offer.line_id).text
    [given] = consents(station)
    assert (given.shown_sha256, given.farmer_id) == (offer_sha256(offer), "f-1")
    agree_again = client.get(f"/plan/{offer.line_id}").text
    assert "Yes, I agree" not in agree_again
    assert len(consents(station)) == 1


def test_a_consent_to_something_else_is_none(station, client, offer):
    enter(client)
    agree(client, offer.line_id, shown="0" * 64)
    assert consents(station) == []


def test_what_is_closed_or_has_run_out_is_not_offered_any_more(station, client, offer):
    enter(client)
    station.at_ms += 30 * MS_PER_DAY
    assert "proposes a new plan" not in client.get("/home").text
    station.at_ms -= 29 * MS_PER_DAY
    assert "proposes a new plan" in client.get("/home").text
    station.centre.say(Down.NEW_PLAN, replace(offer, open=False), APRIL_1)
    station.take_down()
    assert "proposes a new plan" not in client.get(f"/plan/{offer.line_id}").text


def test_nobody_sees_anothers_plan(client, offer):
    enter(client, "f-2")
    assert client.get(f"/plan/{offer.line_id}").status_code == 404
