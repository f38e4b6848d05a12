"""The kiosk tells what would change a decision, in the farmer's language, and only what is true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from httpx import Client

from core.wire.records import Down
from core.wire.registry import Dossier
from tests.support.kiosk import Elapsed, visiting
from tests.support.lending_station import CARDS, Station, maize
from tests.support.models import small_model

SMALL = "With at most {value} late days you would be given the line."


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    station = Station(tmp_path)
    station.populate()
    features = tuple(
        replace(one, change=SMALL) if one.name == "past_late_days" else one
        for one in small_model().features
    )
    station.centre.say_model(replace(small_model(2), features=features), station.at_ms)
    station.take_down()
    yield station
    station.close()


@pytest.fixture
def client(station: Station) -> Iterator[Client]:
    with visiting(station, Elapsed()) as client:
        yield client


def decision(station: Station, client: Client, asked_minor: int = 800_000) -> str:
    kept = station.apply(asked_minor=asked_minor)
    client.post("/identify", data={"card": CARDS["f-1"]})
    page = client.get(f"/decision/{kept.card.card_id}")
    assert page.status_code == 200
    return page.text


def test_the_nearest_change_is_told(station: Station, client: Client) -> None:
    late = Dossier("f-1", "2026-03-02", {"past_late_days": 45})
    station.centre.say(Down.DOSSIER, late, station.at_ms)
    station.take_down()
    text = decision(station, client)
    assert "What would change it" in text
    assert "With at most 29 late days you would be given the line." in text
    assert "What would change it" in client.get("/home").text


def test_a_smaller_amount_is_told_where_the_authority_ends(
    station: Station, client: Client
) -> None:
    authority = maize().decision.authority_minor_max
    text = decision(station, client, authority + 50_000)
    assert "You would be given the line if you asked for KES" in text


def test_where_nothing_helps_that_is_said_in_the_farmers_language(
    station: Station, client: Client
) -> None:
    known = replace(maize(version=2), decision=replace(maize().decision, known_features_min=9))
    station.centre.say(Down.PRODUCT, known, station.at_ms)
    station.take_down()
    text = decision(station, client)
    assert "Nothing that you could change now would change this." in text
    page = client.get("/home").text
    csrf = page.split('name="csrf" value="', 1)[1].split('"', 1)[0]
    client.post("/language", data={"csrf": csrf, "language": "sw"})
    assert "Hakuna unachoweza kubadilisha sasa kitakachobadilisha hili." in client.get("/home").text


def test_an_approval_says_nothing_of_it(station: Station, client: Client) -> None:
    assert "What would change it" not in decision(station, client)


def test_a_reason_that_rests_on_nothing_known_says_so(station: Station, client: Client) -> None:
    """No soil was too dry that nobody could measure, or whose readings are doubted."""
    late = Dossier("f-1", "2026-03-02", {"past_late_days": 45})
    station.centre.say(Down.DOSSIER, late, station.at_ms)
    station.take_down()
    text = decision(station, client)
    assert "is not known well enough" in text
    assert "past_late_days" in text  # what is known is called by its own words
    assert "soil_stress_days" not in text
