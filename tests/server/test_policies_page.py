"""The page of policies: versions compared, approved by two, put in force; and no way past that."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.lending.product import Product
from core.timeline import CLOCK_SETTING, DEMO_SETTING
from core.units import PPM
from core.wire.update import Rollout
from server.app import create_app, open_centre
from server.services import policies
from server.services.audit.run import audit
from server.services.centre import Centre, RequestError, RoleError
from server.services.enrolment import add_user
from server.services.money_words import confirm
from server.services.policies import (
    Policy,
    differences,
    find_policy,
    read_policies,
    read_updates,
    share_of,
    tell_policy,
)
from server.store import money_words, people, products
from server.store.money_words import WordKind
from server.store.people import Actor, Role
from tests.server.test_updates_published import publishing, revised
from tests.support.centre import Served
from tests.support.centre_kit import TESTER, Kit
from tests.support.console_book import PASSWORD
from tests.support.update_repository import basemap_bytes

ANN, BEN = Actor("ann", "supervisor"), Actor("ben", "supervisor")


@pytest.fixture
def newer(kit: Kit) -> Product:
    """A version that lends less, as a candidate."""
    credit = replace(kit.product.credit, limit_max_minor=kit.product.credit.limit_max_minor // 2)
    found = replace(kit.product, version=kit.product.version + 1, credit=credit)
    policies.propose(kit.centre, found, TESTER)
    return found


@pytest.fixture
def served(kit: Kit) -> Iterator[str]:
    for name, role in (
        ("lender", Role.LENDER), ("ann", Role.SUPERVISOR), ("ben", Role.SUPERVISOR),
    ):  # fmt: skip
        add_user(kit.centre, name, PASSWORD, role, TESTER)
    found = Served(create_app(kit.centre))
    yield found.url
    found.close()


def come(url: str, name: str) -> httpx.Client:
    client = httpx.Client(base_url=url, follow_redirects=True)
    token = re.search(r'name="token" value="([^"]+)"', client.get("/console/login").text)
    assert token is not None
    form = {"name": name, "password": PASSWORD, "next": "", "token": token[1]}
    assert client.post("/console/login", data=form).status_code == 200
    return client


def form_of(page: str, name: str) -> dict[str, str]:
    """What the form of a version carries; nothing where nothing is offered."""
    found = (f for f in re.findall("<form.*?</form>", page, re.DOTALL) if f'value="{name}"' in f)
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', next(found, "")))


def act(client: httpx.Client, product: Product, what: str) -> httpx.Response:
    page = client.get("/console/policies").text
    assert f'value="{what}"' in page, f"{what} is not offered"
    told = {**form_of(page, product.policy_version()), "act": what, "reason": "less is safer"}
    return client.post("/console/policies", data={**told, "step_up_password": PASSWORD})


def test_a_policy_is_compared_approved_by_two_and_put_in_force_at_the_console(
    kit: Kit, newer: Product, served: str
):
    name = newer.policy_version()
    first, second, lender = (come(served, each) for each in ("ann", "ben", "lender"))
    page = first.get("/console/policies").text
    for words in ("credit.limit_max_minor", f"{newer.credit.limit_max_minor}", "Candidate", name):
        assert words in page, words
    assert not form_of(lender.get("/console/policies").text, name), "a supervisor's affair"
    assert 'value="promote"' not in page, "nothing goes out before two approved it"
    old = form_of(page, name)
    act(first, newer, "tell")
    assert "Waits for a second person" in first.get("/console/policies").text
    again = {**old, "act": "tell", "reason": "again", "step_up_password": PASSWORD}
    assert first.post("/console/policies", data=again).status_code == 409, "it has moved on"
    queue = second.get("/console/queue?kind=word").text
    assert f"{name} may be lent by" in queue
    pick = re.search(r'name="pick" value="([^"]+)"', queue)
    assert pick is not None
    token = re.search(r'name="token" value="([^"]+)"', queue)
    assert token is not None
    said = {"token": token[1], "pick": pick[1], "answer": "approve", "reason": "looked at",
            "step_up_password": PASSWORD}  # fmt: skip
    assert second.post("/console/queue?kind=word", data=said).status_code == 200
    assert kit.read(products.newest, newer.product_id).version == kit.product.version
    act(first, newer, "promote")
    assert kit.read(products.newest, newer.product_id) == newer
    trail = [(row.action, row.actor) for row in kit.read(people.trail_of, "product", name)]
    assert trail[-3:] == [
        ("policy_approved", "ben"), ("product_added", "ann"), ("policy_in_force", "ann"),
    ]  # fmt: skip
    assert not form_of(first.get("/console/policies").text, name), "what is in force stays so"
    for client in (first, second, lender):
        client.close()


def test_nobody_approves_their_own_and_nothing_unapproved_goes_out(kit: Kit, newer: Product):
    name = newer.policy_version()
    with pytest.raises(RequestError, match="approved by two"):
        policies.put_in_force(kit.centre, name, ANN)
    word = kit.centre.write(lambda work: tell_policy(work, name, (ANN, "less is safer")))
    with pytest.raises(RoleError, match="another person"):
        kit.centre.write(lambda work: confirm(work, word.word_id, ANN))
    with pytest.raises(RoleError):
        kit.centre.write(lambda work: confirm(work, word.word_id, Actor("lou", "lender")))
    with pytest.raises(RequestError, match="approved by two"):
        policies.put_in_force(kit.centre, name, ANN)
    kit.centre.write(lambda work: confirm(work, word.word_id, BEN))
    [kept] = kit.read(money_words.of_kind, WordKind.POLICY)
    assert kept.answer is not None
    policies.put_in_force(kit.centre, name, ANN)
    with kit.centre.store.reading() as tx:
        assert find_policy(kit.centre, tx, name).in_force
    with pytest.raises(RequestError, match="in force already"):
        kit.centre.write(lambda work: tell_policy(work, name, (ANN, "again")))


def test_a_second_person_answers_a_policy_where_it_is_shown(kit: Kit, newer: Product, served: str):
    first, second, lender = (come(served, each) for each in ("ann", "ben", "lender"))
    act(first, newer, "tell")
    pages = {each: each.get("/console/policies").text for each in (first, lender)}
    for page in pages.values():
        assert 'value="approve"' not in page, "neither who asked nor a lender answers it"
    act(second, newer, "refuse")
    [word] = kit.read(money_words.of_kind, WordKind.POLICY)
    assert word.answer is not None
    assert (word.answer.is_confirmed, word.answer.reason) == (False, "less is safer")
    act(first, newer, "tell")
    seen = form_of(second.get("/console/policies").text, newer.policy_version())
    own = re.search(r'name="token" value="([^"]+)"', first.get("/console/policies").text)
    assert own is not None
    said = {**seen, "token": own[1], "act": "approve", "reason": "mine"}
    refused = first.post("/console/policies", data={**said, "step_up_password": PASSWORD})
    assert (refused.status_code, "expected another person than ann" in refused.text) == (403, True)
    act(second, newer, "approve")
    act(second, newer, "promote")
    assert kit.read(products.newest, newer.product_id) == newer
    for client in (first, second, lender):
        client.close()


def test_what_two_versions_have_otherwise_is_told_field_by_field(kit: Kit, newer: Product):
    told = {each.path: (each.before, each.after) for each in differences(kit.product, newer)}
    most = kit.product.credit.limit_max_minor
    assert told["credit.limit_max_minor"] == (f"{most}", f"{most // 2}")
    assert set(told) == {"version", "credit.limit_max_minor"}
    assert differences(newer, newer) == ()


def test_an_approved_policy_goes_to_some_stations_then_to_all_or_is_withdrawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shell = publishing(tmp_path)
    shell.station("st-one")
    for version in (1, 2, 3):
        shell.on("updates add-product", revised(shell, version))
    shell.on("updates promote", "product/crop-season", "1")
    monkeypatch.setenv(CLOCK_SETTING, str(tmp_path / "clock"))
    monkeypatch.setenv(DEMO_SETTING, "1")
    centre = open_centre(shell.config)
    names = {one.kept.product.version: one for one in listed(centre)}
    second, third = (names[n].kept.product.policy_version() for n in (2, 3))
    with pytest.raises(RequestError, match="approved by two"):
        policies.stage(centre, second, Rollout(("st-one",)), ANN)
    for name in (second, third):
        word = centre.write(lambda work, name=name: tell_policy(work, name, (ANN, "as agreed")))
        centre.write(lambda work, word=word: confirm(work, word.word_id, BEN))
    policies.stage(centre, second, Rollout(("st-one",)), ANN)
    assert {n: share_of(one.note) for n, one in versions(centre).items()} == {
        1: (PPM, ()), 2: (0, ("st-one",)), 3: (0, ()),
    }  # fmt: skip
    policies.stage(centre, second, Rollout((), PPM // 4), ANN)
    assert share_of(versions(centre)[2].note) == (PPM // 4, ("st-one",))
    policies.put_in_force(centre, second, ANN)
    assert versions(centre)[2].in_force
    policies.stage(centre, third, Rollout(("st-one",)), ANN)
    policies.withdraw(centre, third, BEN)
    assert share_of(versions(centre)[3].note) == (0, ())
    with pytest.raises(RequestError, match="withdrawn"):
        policies.put_in_force(centre, third, ANN)
    centre.store.close()


def test_a_map_for_stations_is_asked_for_answered_and_given_at_the_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shell = publishing(tmp_path)
    shell.station("st-one")
    (tmp_path / "map.pmtiles").write_bytes(basemap_bytes())
    shell.on("updates add-basemap", tmp_path / "map.pmtiles", "--version", "1")
    monkeypatch.setenv(CLOCK_SETTING, str(tmp_path / "clock"))
    monkeypatch.setenv(DEMO_SETTING, "1")
    centre = open_centre(shell.config)
    for name in ("ann", "ben"):
        add_user(centre, name, PASSWORD, Role.SUPERVISOR, TESTER)
    app = Served(create_app(centre))
    first, second = come(app.url, "ann"), come(app.url, "ben")
    path = "basemap/1.pmtiles"

    def does(client: httpx.Client, what: str, **more: str) -> httpx.Response:
        page = client.get("/console/policies").text
        assert f'value="{what}"' in page, f"{what} is not offered"
        told = {**form_of(page, path), "act": what, "reason": "newer roads", **more}
        return client.post("/console/policies", data={**told, "step_up_password": PASSWORD})

    assert "Map of the district, version 1" in first.get("/console/policies").text
    does(first, "tell")
    assert not form_of(first.get("/console/policies").text, path), "who asked answers nothing"
    does(second, "refuse")
    does(first, "tell")
    does(second, "approve")
    does(first, "stage", station="st-one")
    [given] = read(centre, read_updates)
    assert (share_of(given.note), given.approved_by) == ((0, ("st-one",)), "ben")
    does(first, "promote")
    [given] = read(centre, read_updates)
    assert share_of(given.note) == (PPM, ())
    does(second, "withdraw")
    assert read(centre, read_updates)[0].note.withdrawn
    assert audit(centre, ["policies", "words", "trail"]).holds
    for client in (first, second):
        client.close()
    app.close()
    centre.store.close()


def read(centre: Centre, what: Callable[..., Any]) -> Any:
    with centre.store.reading() as tx:
        return what(centre, tx)


def listed(centre: Centre) -> tuple[Policy, ...]:
    with centre.store.reading() as tx:
        return read_policies(centre, tx)


def versions(centre: Centre) -> dict[int, Policy]:
    return {one.kept.product.version: one for one in listed(centre)}
