"""The page of models: who stands where, by whom, at which station, and what drifts."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from server.app import create_app
from server.console.views.models import read_models
from server.services.enrolment import add_user
from server.services.model_life import rollout
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


def test_an_empty_registry_is_a_page_too(kit: Kit):
    found = read(kit)
    assert (len(found.rows), found.on_the_way, found.drift_words) == (1, None, "Too few counted")
    assert {one.told for one in found.stations} == {"1"}
