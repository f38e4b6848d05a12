"""Every act of the console that moves money or rights asks for the code of a phone before it.

The acts are read from the console's own routes and tables: one that is added and does not ask
fails here, until it asks or stands below with the reason why it need not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from starlette.routing import Route

from server import one_time
from server.app import create_app
from server.console.pages import models, policies, users
from server.console.session import STEP_UP_COOKIE
from server.services import enrolment
from server.store import people
from server.store.people import Actor, Role
from tests.support.console_book import PASSWORD, new_book
from tests.support.factor_door import Door, opened, token_in

Form = dict[str, str]
ASKS: list[tuple[str, Form]] = [
    *(("/queue", {"answer": each, "reason": "seen", "pick": "word/none/none"})
      for each in ("approve", "refuse")),
    *(("/users", {"act": each, "username": "nobody", "label": "nothing", "role": "lender"})
      for each in users._ACTS),
    ("/authority", {"amount_minor": "1", "currency": "KES", "holder": "rule"}),
    *(("/models", {"act": each.value, "reason": "seen"}) for each in models._ACTS),
    *(("/policies", {"act": each, "reason": "seen", "policy": "none@1:0"})
      for each in policies._ACTS),
    ("/me/second-factor", {"act": "begin"}),
]  # fmt: skip
# Of these the acts are of something that is known; test_console.py, test_console_decisions.py
# and test_field_inbox_page.py do them.
ASKS_OF_KNOWN = {"/lines/{line_id}/freeze", "/lines/{line_id}/thaw", "/appeals", "/versions"}
ASKS_NOT = {
    "/login": "nobody is in yet",
    "/login/code": "asks for the code itself",
    "/logout": "takes only the visit",
    "/language": "changes the browser's own cookie",
    "/me": "asks for the present password itself",
    "/audit/check": "reads",
    "/cards/{card_id}/replay": "reads",
}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    book = new_book(tmp_path_factory.mktemp("acts"))
    enrolment.add_user(book.centre, "anna", PASSWORD, Role.SUPERVISOR, Actor("root", "operator"))
    with opened(book) as found:
        yield found
    book.centre.store.close()


@pytest.fixture(scope="module")
def phone(door: Door) -> bytes:
    secret, _ = door.enrol(door.enter("anna"))
    return secret


@pytest.fixture(scope="module")
def anna(door: Door, phone: bytes) -> httpx.Client:
    door.later()
    return door.enter("anna", one_time.code_at(phone, door.step))


def stepped_up(door: Door) -> int:
    with door.kit.centre.store.reading() as tx:
        return sum(row.action == "stepped_up" for row in people.trail(tx, 0, 10_000))


def written(door: Door) -> int:
    with door.kit.centre.store.reading() as tx:
        return people.trail_length(tx)


@pytest.mark.parametrize(("path", "form"), ASKS, ids=lambda each: "-".join(
    each.values() if isinstance(each, dict) else [each]))  # fmt: skip
def test_an_act_asks_for_a_code_and_is_not_done_before(path, form, door, phone, anna):
    anna.cookies.delete(STEP_UP_COOKIE, path="/console") if STEP_UP_COOKIE in anna.cookies else None
    form = {**form, "token": token_in(anna.get("/me").text)}
    before, passed = written(door), stepped_up(door)
    for given in ({}, {"step_up_password": PASSWORD}, {"step_up_code": "000000"}):
        assert 'name="step_up_code"' in anna.post(path, data={**form, **given}).text
    assert written(door) - before <= 1, "a wrong code in a row is written down, nothing else"
    door.later()
    code = one_time.code_at(phone, door.step)
    answer = anna.post(path, data={**form, "step_up_code": code})
    assert 'name="step_up_code"' not in answer.text
    assert stepped_up(door) == passed + 1


def test_every_address_that_is_written_to_asks_or_says_why_not(door: Door):
    """Whoever adds an address adds it above: with the forms that ask, or with a reason."""
    asks = {path for path, _ in ASKS} | ASKS_OF_KNOWN
    assert posted(door) == asks | ASKS_NOT.keys()
    assert asks.isdisjoint(ASKS_NOT)


def posted(door: Door) -> set[str]:
    app = create_app(door.kit.centre)
    found = next(each.app for each in app.routes if getattr(each, "path", "") == "/console")
    while not hasattr(found, "routes"):
        found = found._app
    return {
        each.path for each in found.routes if isinstance(each, Route) and "POST" in each.methods
    }


def test_two_acts_that_need_no_code_change_nothing(door: Door, anna: httpx.Client):
    """What the phone's first code confirms and what compares are in tables of acts that ask."""
    token = token_in(anna.get("/me").text)
    before = written(door)
    compared = anna.post("/models", data={"act": "compare", "model": "0" * 64, "token": token})
    confirmed = anna.post("/me/second-factor", data={"act": "confirm", "factor_id": "none",
                                                     "code": "000000", "token": token})  # fmt: skip
    assert [compared.status_code, confirmed.status_code] == [404, 422]
    assert written(door) == before
    assert not re.search("step_up", compared.text + confirmed.text)
