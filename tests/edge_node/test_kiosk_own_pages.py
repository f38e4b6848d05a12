"""What is the farmer's own at the kiosk: their data and agreements, to give, take back and end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.lending.limit import Movement
from core.units import MS_PER_DAY
from core.wire.consents import Access, Accesses, KnownConsent
from core.wire.envelope import LogClass
from core.wire.records import Down, Up
from edge_node.store import logs
from tests.support.forms import Forms
from tests.support.kiosk import Elapsed, visiting
from tests.support.lending_station import (
    CARDS,
    Station,
    consent,
    lease,
    maize,
    plot,
    status,
)
from tests.support.tablet import FieldTablet, door_of

LINE = "line-1"


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    station = Station(tmp_path)
    station.populate()
    cools = {"agreement": {"cooling_off_days": 14, "withdrawn_repay_days": 30}}
    say = station.centre.say
    say(Down.PRODUCT, maize(version=2, **cools), station.at_ms)
    say(Down.LINE, status(LINE, 2_000_000, Movement.OPENED), station.at_ms)
    paper = consent("paper-1", "f-1", "form", ("satellite_images",))
    say(Down.CONSENT, KnownConsent(paper, "centre", station.at_ms, 0), station.at_ms)
    looks = (Access("2026-04-01", "supervisor", "servicing", ("identity", "money"), 2),)
    say(Down.ACCESSES, Accesses("f-1", "2026-04-01", looks), station.at_ms)
    station.centre.say_lease(lease("le-1", LINE, 1_000_000))
    station.take_down()
    yield station
    station.close()


@pytest.fixture
def client(station: Station) -> Iterator[httpx.Client]:
    with visiting(station, Elapsed()) as client:
        client.post("/identify", data={"card": CARDS["f-1"]})
        yield client


def money_log(station: Station, kind: Up) -> list[dict[str, Any]]:
    rows = logs.read_run(station.db, LogClass.MONEY, 0, 1000, 10**7)
    return [row.body for row in rows if row.kind == kind.value]


def test_my_data_tells_what_was_agreed_what_was_not_what_needs_no_asking_and_who_looked(
    client: httpx.Client,
) -> None:
    text = client.get("/agreements").text
    assert "Satellite pictures of my plots may be used to decide." in text
    assert "Agreed at the lender." in text
    assert "A machine at this station may decide on my application." in text
    assert "the law makes the lender keep its books" in text
    assert "A supervisor at the lender × 2" in text
    assert "name, account" in text


def test_a_farmer_sees_which_agents_carry_their_data_and_until_when(
    client: httpx.Client, station: Station
) -> None:
    assert "Nobody does." in client.get("/agreements").text
    far = (0, 0, 1, 1)
    for tablet, name, area in (("tab-1", "Juma Otieno", ()), ("tab-2", "Asha Keter", far)):
        agent = FieldTablet(tablet, 30 + len(name))
        code, _ = door_of(station).invite(tablet, (f"agent-{tablet}", name), area, 14)
        door_of(station).enrol(code, agent.public_key)
    ground = replace(plot(1), outline_e7=((370_000_000, 0), (370_009_000, 0), (370_009_000, 9_000)))
    station.centre.say(Down.SUBJECT, ground, station.at_ms)
    station.take_down()
    text = client.get("/agreements").text
    assert "Juma Otieno, until" in text
    assert "Asha Keter" not in text, "the farmer's ground lies outside her area"
    station.at_ms += 15 * MS_PER_DAY
    assert "Juma Otieno" not in client.get("/agreements").text, "the lease is over"


def test_each_consent_is_given_and_taken_back_by_itself(
    client: httpx.Client, station: Station
) -> None:
    form = Forms(client.get("/agreements").text).fields
    page = client.post("/agree", data={**form["/agree"], "purpose": "research"})
    assert "Agreed here on 2 April 2026." in page.text
    back = Forms(page.text).fields["/withdraw"]
    client.post("/withdraw", data={**back, "purpose": "satellite_images"})
    given, taken = money_log(station, Up.CONSENT)
    assert (given["action"], given["purposes"]) == ("grant", ["research"])
    assert (taken["action"], taken["purposes"], taken["follows"]) == (
        "withdraw", ["satellite_images"], ["paper-1"],
    )  # fmt: skip
    home = client.get("/home").text
    assert "You have not agreed that this is looked at" in home


def test_what_is_no_name_or_was_not_given_changes_nothing(
    client: httpx.Client, station: Station
) -> None:
    form = Forms(client.get("/agreements").text).fields
    client.post("/agree", data={**form["/agree"], "purpose": "everything"})
    client.post("/withdraw", data={**form["/withdraw"], "purpose": "research"})
    client.post("/agree", data={"csrf": "forged", "purpose": "research"})
    assert money_log(station, Up.CONSENT) == []


def test_an_offer_is_taken_back_with_two_touches(client: httpx.Client, station: Station) -> None:
    assert "I do not want this line" in client.get("/home").text
    page = client.get(f"/leave/{LINE}")
    assert "You have drawn nothing and owe nothing." in page.text
    form = Forms(page.text).fields[f"/leave/{LINE}"]
    page = client.post(f"/leave/{LINE}", data=form)
    assert "The line has ended" in page.text
    client.post(f"/leave/{LINE}", data=form)  # sent twice
    (told,) = money_log(station, Up.AGREEMENT_LEFT)
    assert (told["event"], told["farmer_id"]) == ("abandon", "f-1")


def test_leaving_tells_what_is_to_be_repaid_by_when_in_both_languages(
    client: httpx.Client, station: Station
) -> None:
    station.draw(LINE, 400_000)
    assert "until 16 April 2026" in client.get("/home").text
    text = client.get(f"/leave/{LINE}").text
    assert "You pay back KES 4,000 by 2 May 2026" in text
    form = Forms(text).fields
    client.post("/language", data={**form["/language"], "language": "sw"})
    page = client.get(f"/leave/{LINE}")
    assert "Utalipa Ksh 4,000 ifikapo 2 Mei 2026" in page.text
    page = client.post(f"/leave/{LINE}", data=Forms(page.text).fields[f"/leave/{LINE}"])
    assert "Umejitoa kwenye mkataba" in page.text
    home = client.get("/home").text
    assert "Umemaliza mkataba huu" in home


def test_nobody_ends_another_s_agreement(client: httpx.Client, station: Station) -> None:
    form = Forms(client.get(f"/leave/{LINE}").text).fields[f"/leave/{LINE}"]
    client.post("/leave")
    page = client.post("/identify", data={"card": CARDS["f-2"]})
    csrf = Forms(page.text).fields["/language"]["csrf"]
    for answer in (
        client.get(f"/leave/{LINE}"),
        client.post(f"/leave/{LINE}", data={**form, "csrf": csrf}),
        client.get(f"/left/{LINE}"),
    ):
        assert answer.status_code == 404
    assert money_log(station, Up.AGREEMENT_LEFT) == []


def test_the_same_by_json(station: Station) -> None:
    with visiting(station, Elapsed()) as client:
        begun = client.post("/api/v1/kiosk/identify", json={"card": CARDS["f-1"]}).json()
        client.headers["x-csrf-token"] = begun["csrf"]
        api = "/api/v1/kiosk"
        data = client.get(f"{api}/my-data").json()
        assert [each["name"] for each in data["agreed"]] == ["satellite_images"]
        left = client.post(f"{api}/grant", json={"purpose": "research"}).json()
        assert left["granted"] == ["research", "satellite_images"]
        way = client.get(f"{api}/way-out", params={"line_id": LINE}).json()
        ask = {"line_id": LINE, "shown_sha256": way["shown_sha256"], "leaving_id": "al-9"}
        answers = [client.post(f"{api}/leave-agreement", json=ask) for _ in range(2)]
        assert [each.status_code for each in answers] == [201, 201]
        assert answers[0].json() == answers[1].json()
        late = client.get(f"{api}/way-out", params={"line_id": LINE}).json()
        assert late["refused"]["code"] == "leave_too_late"
