"""The page of models: who stands where, by whom, at which station, and what drifts."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from server.app import create_app
from server.console.views.models import read_models
from server.services.enrolment import add_user
from server.services.measured import metrics_text
from server.services.model_life import rollout
from server.services.status import status
from server.store.people import Role
from tests.support.centre import Served
from tests.support.centre_kit import TESTER, Kit
from tests.support.console_book import PASSWORD
from tests.support.model_desk import CHEN
from tests.support.models_book import seed_models


@pytest.fixture
def page(kit: Kit) -> Iterator[httpx.Client]:
    for role in (Role.LENDER, Role.AUDITOR):
        add_user(kit.centre, role.value, PASSWORD, role, TESTER)
    served = Served(create_app(kit.centre))
    with httpx.Client(base_url=served.url, follow_redirects=True) as client:
        yield client
    served.close()


def log_in(client: httpx.Client, name: str) -> None:
    token = re.search(r'name="token" value="([^"]+)"', client.get("/console/login").text)
    assert token is not None
    form = {"name": name, "password": PASSWORD, "next": "", "token": token[1]}
    assert client.post("/console/login", data=form).status_code == 200


def read(kit: Kit):
    return kit.read(read_models, kit.clock.at_ms)


def test_the_page_says_what_decides_where_and_by_whose_word(kit: Kit, page: httpx.Client):
    seed_models(kit)
    assert "name" in page.get("/console/models").text, "nobody reads it without a log-in"
    log_in(page, "auditor")
    text = page.get("/console/models").text
    for words in (
        "Version 1", "Version 2", "at 25.0 %", "Watch", "maria", "chen", "stays at the centre",
        "st-four", "New model", "from .10: watch", "stricter-points 7", "0.106",
    ):  # fmt: skip
        assert words in text, words
    assert "farmer-" not in text


def test_a_halt_and_a_model_past_its_date_are_told(kit: Kit, page: httpx.Client):
    rolling = seed_models(kit)
    rollout.halt(kit.centre, rolling.sha256, CHEN)
    kit.clock.add_days(400)
    found = read(kit)
    assert found.champion is not None
    assert found.champion.is_stale
    log_in(page, "lender")
    text = page.get("/console/models").text
    assert "past its date: stations decide under half their authority" in text
    assert "The roll-out of version 2 is halted" in text


def test_the_alarm_stands_in_the_metrics_and_the_status_too(kit: Kit):
    rolling = seed_models(kit)
    rollout.halt(kit.centre, rolling.sha256, CHEN)
    text = metrics_text(kit.centre)
    for line in (
        'harvestline_server_model_alarm{version="2"} 1',
        'harvestline_server_model_decisions{version="2"} 1000',
        "harvestline_server_model_rollouts_halted 1",
    ):
        assert line in text.splitlines()
    assert 'harvestline_server_model_psi_ppm{version="2",part="score"} 10' in text
    told = status(kit.centre)["models"]
    assert told["rolling"] == [{"version": 2, "share_ppm": 250_000, "halted": True}]
    assert {"version": 2, "decisions": 1000, "alarm": "watch"} in told["drift"]


def test_an_empty_registry_is_a_page_too(kit: Kit):
    found = read(kit)
    assert (len(found.rows), found.on_the_way, found.drift_words) == (1, None, "Too few counted")
    assert {one.told for one in found.stations} == {"1"}
