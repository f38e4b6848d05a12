"""The second factor at the console's door: who holds it comes in with it, and steps up with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

from server import one_time
from server.console.session import DOOR_COOKIE, SESSION_COOKIE
from server.keys import hash_password
from server.services import enrolment, officers
from server.store import lines, people
from server.store.people import Actor, Role
from tests.support.centre_kit import Kit
from tests.support.console_book import PASSWORD
from tests.support.desk import ANNA, raise_wanted
from tests.support.factor_door import (
    OWN,
    Door,
    begin,
    confirm,
    factor_in,
    give,
    opened,
    secret_in,
    token_in,
)


@pytest.fixture
def engine_name() -> str:
    return "sqlite"


@pytest.fixture
def door(kit: Kit) -> Iterator[Door]:
    for name, role in (("lena", Role.LENDER), ("ada", Role.AUDITOR), ("anna", Role.SUPERVISOR),
                       ("ben", Role.SUPERVISOR)):  # fmt: skip
        enrolment.add_user(kit.centre, name, PASSWORD, role, Actor("root", "operator"))
    with opened(kit) as found:
        yield found


def test_who_enrolled_comes_in_with_password_and_code_and_with_neither_alone(door: Door):
    first, elsewhere = door.enter("anna"), door.enter("anna")
    secret, spare = door.enrol(first)
    assert len(spare) == 10
    assert first.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 303  # it came in by the password alone
    door.later()
    client, asked = door.by_password("anna")
    assert asked.status_code == 200
    assert SESSION_COOKIE not in client.cookies
    assert client.get("/").status_code == 303
    assert give(client, asked, "123").status_code == 401
    code = one_time.code_at(secret, door.step)
    entered = give(client, asked, code)
    assert (entered.status_code, entered.headers["location"]) == (303, "/console/")
    assert client.get("/").status_code == 200
    again, asked = door.by_password("anna")
    assert give(again, asked, code).status_code == 401  # over a shoulder, a moment later
    assert give(again, asked, spare[0]).status_code == 303
    last, asked = door.by_password("anna")
    assert give(last, asked, spare[0]).status_code == 401
    assert "9 recovery codes are left" in again.get(OWN).text
    trail = door.kit.read(people.trail, 0, 1000)
    told = [row.detail for row in trail if row.action == "logged_in"][-2:]
    assert ["code" in str(told[0]), "recovery code" in str(told[1])] == [True, True]
    assert secret.hex() not in str(trail)


def test_a_code_without_the_password_before_it_lets_nobody_in(door: Door):
    secret, _ = door.enrol(door.enter("anna"))
    door.later()
    code = one_time.code_at(secret, door.step)
    stranger = door.client()
    form = stranger.get("/login")
    assert give(stranger, form, code).status_code == 401
    waiting, asked = door.by_password("anna")
    stranger.cookies.set(DOOR_COOKIE, waiting.cookies[DOOR_COOKIE], path="/console")
    assert give(stranger, form, code).status_code == 401  # another browser's right password
    officers.change_own_password(door.kit.centre, PASSWORD, "another password", ANNA)
    assert give(waiting, asked, code).status_code == 401  # what was right is right no more


def test_guessing_codes_is_slowed_by_the_count_of_wrong_passwords(door: Door):
    secret, _ = door.enrol(door.enter("anna"))
    door.later()
    client, asked = door.by_password("anna")
    answers = [give(client, asked, f"{n:03d}").status_code for n in range(7)]
    assert answers == [401] * 5 + [429] * 2
    assert give(client, asked, one_time.code_at(secret, door.step)).status_code == 429
    assert door.by_password("anna")[1].status_code == 429  # and the right password forgets none
    door.kit.clock.at_ms += 61_000
    client, asked = door.by_password("anna")
    assert give(client, asked, one_time.code_at(secret, door.step)).status_code == 303


def test_guesses_that_come_at_the_same_moment_are_slowed_as_well(door: Door):
    """Of twelve who ask at once five are heard, not all that began before the first was wrong."""
    kit = door.kit
    kit.centre = replace(kit.centre, password_hash=hash_password)  # as slow as a lender's
    door.served.close()
    door.serve()
    doors = [door.client() for _ in range(12)]
    forms = [{"name": "nobody", "password": f"guess {n}", "next": "",
              "token": token_in(client.get("/login").text)}
             for n, client in enumerate(doors)]  # fmt: skip
    with ThreadPoolExecutor(len(doors)) as pool:
        sent = [pool.submit(client.post, "/login", data=form)
                for client, form in zip(doors, forms, strict=True)]  # fmt: skip
        answers = sorted(each.result().status_code for each in sent)
    assert answers == [401] * 5 + [429] * 7


def test_what_moves_money_asks_the_code_and_the_password_no_more(door: Door):
    line = raise_wanted(door.kit)
    client = door.enter("anna")
    secret, _ = door.enrol(client)
    door.later()
    client = door.enter("anna", one_time.code_at(secret, door.step))

    def approve(**more: str) -> httpx.Response:
        page = client.get("/queue").text
        picks = re.findall(r'name="pick" value="([^"]+)"', page)
        form = {"pick": picks, "answer": "approve", "reason": "seen", "token": token_in(page)}
        return client.post("/queue", data={**form, **more})

    used = one_time.code_at(secret, door.step)
    for given in ({}, {"step_up_password": PASSWORD}, {"step_up_code": used}):
        assert 'name="step_up_code"' in approve(**given).text
    assert door.kit.read(lines.get, line.line_id).limit_minor == line.limit_minor
    door.later()
    assert "1 of 1 answered" in approve(step_up_code=one_time.code_at(secret, door.step)).text


def test_where_it_is_needed_nothing_opens_before_it(door: Door):
    door.served.close()
    door.serve(second_factor="needed")
    client = door.enter("lena")
    for page in ("/", "/queue", "/map", "/me", "/users"):
        assert client.get(page).headers["location"] == f"/console{OWN}"
    form = {"old": PASSWORD, "new": "a new password", "again": "a new password"}
    token = token_in(client.get(OWN).text)
    refused = client.post("/me", data={**form, "token": token})
    assert (refused.status_code, "HL-SRV-029" in refused.text) == (403, True)
    door.enrol(client)
    assert client.get("/").status_code == 200
    assert door.enter("ada").get("/").status_code == 200  # who approves nothing is not asked
    other = door.enter("ben")
    left = other.post("/logout", data={"token": token_in(other.get(OWN).text)})
    assert left.headers["location"] == "/console/login"


def test_who_has_none_logs_in_as_ever_and_who_approves_is_asked(door: Door):
    for name, asked in (("anna", True), ("lena", True), ("ada", False)):
        assert ("Set up your second factor" in door.enter(name).get("/").text) is asked
    client = door.enter("anna")
    door.enrol(client)
    assert "Set up your second factor" not in client.get("/").text


def test_a_secret_is_shown_once_and_an_offer_is_its_owner_s(door: Door):
    anna, ben = door.enter("anna"), door.enter("ben")
    asked = anna.post(OWN, data={"act": "begin", "token": token_in(anna.get(OWN).text)})
    assert "Your password once more" in asked.text
    offered = begin(anna)
    code = one_time.code_at(secret_in(offered), door.step)
    assert "otpauth://totp/" in offered
    assert confirm(ben, factor_in(offered), code).status_code == 422
    wrong = confirm(anna, factor_in(offered), "000")
    assert wrong.status_code == 403
    for page in (wrong.text, anna.get(OWN).text):
        assert "otpauth://" not in page
        assert "factor-secret" not in page
    assert confirm(anna, factor_in(offered), code).status_code == 200
    door.later()
    with_password = begin(door.enter("anna", one_time.code_at(secret_in(offered), door.step)))
    assert 'name="step_up_code"' in with_password  # a new phone asks a code of the old one


def test_two_end_it_at_the_console(door: Door):
    door.enrol(door.enter("lena"))
    anna, ben = door.enter("anna"), door.enter("ben")
    users = anna.get("/users").text
    assert users.count("Phone lost: end the second factor") == 1
    form = {"act": "factor", "username": "lena", "token": token_in(users)}
    told = anna.post("/users", data={**form, "step_up_password": PASSWORD})
    assert "waits in the queue" in told.text
    door.later()
    assert door.by_password("lena")[1].status_code == 200  # until it is confirmed it is asked
    page = ben.get("/queue").text
    assert "The second factor of lena ends" in page
    [pick] = re.findall(r'name="pick" value="([^"]+)"', page)
    answer = {"pick": pick, "answer": "approve", "reason": "spoke to her", "token": token_in(page)}
    assert "1 of 1" in ben.post("/queue", data={**answer, "step_up_password": PASSWORD}).text
    assert door.enter("lena").get("/").status_code == 200
