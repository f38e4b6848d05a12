"""The cash desk's pages over HTTP: a whole day, in both languages, and what is refused."""

from __future__ import annotations

import re

import pytest

from core.reasons import ReasonCode
from core.units import MS_PER_DAY
from core.wire.envelope import LogClass
from edge_node.faces.kiosk.cash_pages import CASH_IDLE_MS_MAX
from edge_node.faces.kiosk.visits import GRACE_MS
from edge_node.faces.resting import FAILURES_MAX
from edge_node.store import cash, logs
from tests.support.cash_desk import CASH_CARDS, staff
from tests.support.kiosk import Elapsed, visiting
from tests.support.lending_station import CARDS, Station


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    station.populate()
    staff(station)
    yield station
    station.close()


@pytest.fixture
def elapsed():
    return Elapsed()


@pytest.fixture
def client(station, elapsed):
    with visiting(station, elapsed) as client:
        yield client


def hidden(page, name):
    return re.search(rf'name="{name}" value="([^"]*)"', page.text)[1]


def enter(client, person="akinyi", language="en"):
    return client.post("/cash/identify", data={"card": CASH_CARDS[person], "language": language})


def count(client, kind, reason="", **numbers):
    page = client.get(f"/cash/count/{kind}")
    fields = {"csrf": hidden(page, "csrf"), "count_id": hidden(page, "count_id")}
    return client.post(f"/cash/count/{kind}", data={**fields, "reason": reason, **numbers})


def hand_over(client, way, amount, other="juma"):
    page = client.get("/cash/hand-over")
    fields = {"csrf": hidden(page, "csrf"), "handover_id": hidden(page, "handover_id")}
    return client.post(
        "/cash/hand-over",
        data={**fields, "amount": amount, "other_card": CASH_CARDS[other], "way": way},
    )


def repay(client, farmer, amount):
    page = client.get("/cash/repayment")
    found = client.post(
        "/cash/repayment/card", data={"csrf": hidden(page, "csrf"), "card": CARDS[farmer]}
    )
    fields = {name: hidden(found, name) for name in ("csrf", "repayment_id", "line_id")}
    page = client.post("/cash/repayment", data={**fields, "amount": amount})
    if 'name="sure"' in page.text:
        assert hidden(page, "repayment_id") == fields["repayment_id"]
        page = client.post(
            "/cash/repayment", data={**fields, "amount": amount, "sure": hidden(page, "sure")}
        )
    return page


def test_a_day_at_the_desk(station, client):
    station.opened_line()
    assert "Count and open the desk" in enter(client).text
    assert "Counted: it is right." in count(client, "open").text
    taken = hand_over(client, "take", 20000)
    assert "You took KES 20,000 from Juma. Both cards have signed." in taken.text
    assert "You took KES 1,500." in repay(client, "f-1", 1500).text
    assert "You gave KES 500 to Juma." in hand_over(client, "give", 500).text
    wrong = count(client, "day", v100000="20")
    assert "That cannot be." in wrong.text
    assert "expected a reason for a difference of -100000" in wrong.text
    missing = count(client, "day", "wrong_change", v100000="20")
    assert "Counted: KES 1,000 is missing. It is written down." in missing.text
    assert "Counted: it is right." in count(client, "close", v100000="20").text
    assert cash.open_shift(station.db) is None
    kinds = [r.kind for r in logs.read_run(station.db, LogClass.MONEY, 0, 100, 10**7)]
    assert [kind for kind in kinds if kind.startswith("cash")] == [
        "cash_count", "cash_handover", "cash_repayment", "cash_handover", "cash_count",
        "cash_count",
    ]  # fmt: skip


def test_it_speaks_swahili_through_and_through(station, client):
    station.opened_line()
    pages = [client.get("/cash?lang=sw"), enter(client, language="sw"), count(client, "open")]
    pages += [client.get(f"/cash/{path}") for path in ("hand-over", "repayment", "count/day")]
    pages += [hand_over(client, "take", 1000), repay(client, "f-1", 100)]
    for page in pages:
        assert '<html lang="sw">' in page.text
        assert not re.search(r"Count the|Hand cash|Take a|In your box|Sign what", page.text)


def test_only_a_card_that_may_hold_cash_opens_it_and_only_while_it_is_touched(client, elapsed):
    assert "This card may not hold cash here." in client.post(
        "/cash/identify", data={"card": CARDS["f-1"]}
    ).text  # fmt: skip
    enter(client)
    elapsed.ms += CASH_IDLE_MS_MAX + GRACE_MS + 1
    assert "hold your own card to the reader" in client.get("/cash/hand-over").text


def test_the_reader_rests_after_too_many_cards(client):
    for number in range(FAILURES_MAX):
        client.post("/cash/identify", data={"card": f"{number:064}"})
    assert "This card may not hold cash here." in enter(client).text


def test_more_than_is_owed_is_asked_about_before_it_is_taken(station, client):
    station.opened_line()
    enter(client)
    count(client, "open")
    page = client.get("/cash/repayment")
    form = {"csrf": hidden(page, "csrf"), "card": CARDS["f-1"]}
    found = client.post("/cash/repayment/card", data=form)
    fields = {name: hidden(found, name) for name in ("csrf", "repayment_id", "line_id")}
    asked = client.post("/cash/repayment", data={**fields, "amount": 1500})
    assert "KES 1,500 is KES 1,500 more than is owed now." in asked.text
    assert [move.kind.value for move in cash.moves_of(station.db, "akinyi", 10)] == ["count"]
    sure = hidden(asked, "sure")
    for amount, yes in ((15_000, sure), (1500, "1"), (1500, "")):  # a yes to something else
        again = client.post("/cash/repayment", data={**fields, "amount": amount, "sure": yes})
        assert f"KES {amount:,} is KES {amount:,} more than is owed now." in again.text
    assert len(cash.moves_of(station.db, "akinyi", 10)) == 1
    for _ in range(2):  # touched twice
        taken = client.post("/cash/repayment", data={**fields, "amount": 1500, "sure": sure})
        assert "You took KES 1,500." in taken.text
    again = client.post("/cash/repayment", data={**fields, "amount": 1500})
    assert "You took KES 1,500." in again.text  # it is in the box: nothing is asked
    assert len(cash.moves_of(station.db, "akinyi", 10)) == 2


def test_a_form_of_another_page_is_refused(station, client):
    station.opened_line()
    enter(client)
    count(client, "open")
    client.post(
        "/cash/repayment",
        data={"csrf": "0" * 64, "repayment_id": "r1", "line_id": "x", "amount": 5},
    )
    assert cash.moves_of(station.db, "akinyi", 10)[0].kind.value == "count"


@pytest.mark.parametrize("number", ["-1", "1.5", "x", "9999999"])
def test_a_number_that_cannot_be_is_refused(client, number):
    enter(client)
    assert count(client, "open", v100000=number).status_code == 422


def test_who_nobody_counted_for_days_is_told_so(station, client):
    enter(client)
    count(client, "open")
    hand_over(client, "take", 1000)
    station.at_ms += 2 * MS_PER_DAY
    assert "Count the box: nobody has for 2 days." in client.get("/cash").text


def test_the_farmer_sees_what_the_desk_can_pay_out(station, client):
    station.opened_line()
    client.post("/identify", data={"card": CARDS["f-1"]})
    assert "The cash desk is closed" in client.get("/home").text
    assert ReasonCode.DRAW_NO_CASHIER.value == "draw_no_cashier"
    enter(client)
    count(client, "open")
    hand_over(client, "take", 1000)
    page = client.get("/home")
    assert "The cash desk can pay out KES 1,000.00 now." in page.text
