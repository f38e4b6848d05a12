"""The page of models: who stands where, by whom, at which station, and what drifts."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from core.canonical import canonical_bytes
from core.shape import encode
from server.app import create_app
from server.console.views.models import read_models
from server.services import model_orders
from server.services.enrolment import add_user
from server.services.measured import metrics_text
from server.services.model_life import rollout
from server.services.model_life.standing import life_of_models
from server.services.modelling import register_model
from server.services.status import status
from server.store import model_life, models, reports
from server.store.people import Role
from server.store.reports import KeptDecision
from tests.support.centre import Served
from tests.support.centre_kit import TESTER, Kit, model
from tests.support.console_book import PASSWORD
from tests.support.model_desk import CHEN, MARIA
from tests.support.models_book import seed_models


@pytest.fixture
def page(kit: Kit) -> Iterator[httpx.Client]:
    for role in (Role.LENDER, Role.AUDITOR, Role.SUPERVISOR):
        add_user(kit.centre, role.value, PASSWORD, role, TESTER)
    add_user(kit.centre, "second", PASSWORD, Role.SUPERVISOR, TESTER)
    served = Served(create_app(kit.centre))
    with httpx.Client(base_url=served.url, follow_redirects=True) as client:
        yield client
    served.close()


def log_in(client: httpx.Client, name: str) -> None:
    token = re.search(r'name="token" value="([^"]+)"', client.get("/console/login").text)
    assert token is not None
    form = {"name": name, "password": PASSWORD, "next": "", "token": token[1]}
    assert client.post("/console/login", data=form).status_code == 200


def act(client: httpx.Client, sha256: str, what: str, **more: object) -> httpx.Response:
    """Do what the page offers, as it was shown, with the password that is asked for."""
    form = form_of(client, sha256)
    assert f'value="{what}"' in form, f"{what} is not offered"
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    sent = {**hidden, "act": what, "reason": "as agreed", **more}
    asked = client.post("/console/models", data=sent)
    if "Your password once more" not in asked.text:
        return asked
    return client.post("/console/models", data={**sent, "step_up_password": PASSWORD})


def form_of(client: httpx.Client, sha256: str) -> str:
    """The form of a model; empty if nothing is offered."""
    page = client.get("/console/models").text
    found = (f for f in re.findall("<form.*?</form>", page, re.DOTALL) if sha256 in f)
    return next(found, "")


def stand(kit: Kit, sha256: str) -> str:
    return kit.read(model_life.last, sha256).state


def come(page: httpx.Client, name: str) -> httpx.Client:
    client = httpx.Client(base_url=page.base_url, follow_redirects=True)
    log_in(client, name)
    return client


def read(kit: Kit):
    return kit.read(read_models, kit.clock.at_ms)


def test_the_page_says_what_decides_where_and_by_whose_word(kit: Kit, page: httpx.Client):
    seed_models(kit)
    assert "name" in page.get("/console/models").text, "nobody reads it without a log-in"
    log_in(page, "auditor")
    text = page.get("/console/models").text
    for words in (
        "Version 1", "Version 2", "for 25.0 % of the stations", "Watch", "maria", "chen",
        "stays at the centre", "st-four", "New model", "from .10: watch", "stricter-points 7",
        "0.106",
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


def test_a_model_is_challenged_approved_rolled_out_and_taken_back_at_the_console(
    kit: Kit, page: httpx.Client
):
    found = register_model(kit.centre, canonical_bytes(encode(model(2))), MARIA)
    lender, first, second = (come(page, name) for name in ("lender", "supervisor", "second"))
    looks = come(page, "auditor")
    champion = kit.read(models.active).sha256
    assert form_of(first, champion) == "", "nothing would decide in its place"
    sha256 = found.sha256
    assert 'value="challenged"' not in form_of(looks, sha256), "who only looks does nothing"
    assert act(lender, sha256, "challenged").status_code == 200
    act(first, sha256, "proposed")
    assert 'value="approved"' not in form_of(lender, sha256), "a lender approves nothing"
    assert 'value="approved"' not in form_of(first, sha256), "nobody approves what they proposed"
    assert "another person approves it" in first.get("/console/models").text
    act(second, sha256, "approved")
    assert stand(kit, sha256) == "approved"
    stale = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form_of(first, sha256)))
    act(second, sha256, "staged", station="st-one", low="5", high="60")
    assert kit.read(model_orders.last_order, "st-one") == sha256
    assert kit.read(model_orders.roll_outs)[0].refused_ppm == (50_000, 600_000)
    again = {**stale, "act": "promoted", "reason": "late", "step_up_password": PASSWORD}
    late = first.post("/console/models", data=again)
    assert (late.status_code, "HL-SRV-025" in late.text) == (409, True)
    act(first, sha256, "halted")
    act(first, sha256, "resumed")
    act(second, sha256, "promoted")
    assert kit.read(models.active).sha256 == sha256
    act(first, sha256, "rolled_back", reason="the east complains")
    assert kit.read(models.active).version == 1
    step = kit.read(model_life.last, sha256)
    assert (step.actor, step.detail["words"]) == ("supervisor", "the east complains")
    lender.close(), first.close(), second.close(), looks.close()


def test_an_act_needs_the_password_the_page_s_token_and_a_reason(kit: Kit, page: httpx.Client):
    found = register_model(kit.centre, canonical_bytes(encode(model(2))), MARIA)
    log_in(page, "lender")
    form = form_of(page, found.sha256)
    sent = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    sent |= {"act": "challenged", "reason": "to see"}
    wrong = page.post("/console/models", data={**sent, "step_up_password": "no"})
    assert (wrong.status_code, stand(kit, found.sha256)) == (403, "candidate")
    for change in ({"token": "x"}, {"reason": " "}, {"act": "replaced"}, {"share": "x"}):
        told = page.post("/console/models", data={**sent, **change})
        done = told.status_code < 400 and "Your password once more" not in told.text
        assert not done, change
    assert stand(kit, found.sha256) == "candidate"


def test_a_challenger_is_compared_with_intervals_at_the_console(kit: Kit, page: httpx.Client):
    seed_models(kit)
    log_in(page, "auditor")
    sha256 = next(life.model.sha256 for life in kit.read(life_of_models) if life.model.version == 7)
    told = act(page, sha256, "compare").text
    for words in ("stricter-points 7 beside the model in use", "Cards that both scored",
                  "It alone approves", "too few ends are known to say"):  # fmt: skip
        assert words in told, words


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


def test_a_station_without_published_updates_is_known_by_its_newest_decision(kit: Kit):
    seed_models(kit)
    cards = kit.read(reports.every_decision)
    assert {each.model_sha256 for each in cards} > {max(cards, key=_at).model_sha256}
    last = max((each for each in cards if each.writer == "st-one"), key=_at)
    versions = {one.sha256: f"{one.version}" for one in kit.read(models.every)}
    found = {one.station: (one.says, one.decided, one.decided_at_ms) for one in read(kit).stations}
    assert found["st-one"] == ("", versions[last.model_sha256], last.at_ms)
    assert found["st-two"] == ("", "", 0), "who has decided nothing is not said to run anything"


def _at(card: KeptDecision) -> int:
    return card.at_ms
