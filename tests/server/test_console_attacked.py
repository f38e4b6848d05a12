"""The console as a thief would try it: visits, tokens and codes of others, addresses, forms."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from server import one_time
from server.console.session import (
    DOOR_COOKIE,
    SESSION_COOKIE,
    STEP_UP_COOKIE,
    VISIT_COOKIE,
)
from server.services import enrolment
from server.store.people import Actor, Role
from tests.support.console_book import PASSWORD, new_book
from tests.support.factor_door import Door, give, opened, token_in

LOCK = {"act": "lock", "username": "ada"}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def door(tmp_path) -> Iterator[Door]:
    book = new_book(tmp_path)
    for name, role in (("ada", Role.AUDITOR), ("lena", Role.LENDER), ("anna", Role.SUPERVISOR),
                       ("ben", Role.SUPERVISOR)):  # fmt: skip
        enrolment.add_user(book.centre, name, PASSWORD, role, Actor("root", "operator"))
    with opened(book) as found:
        yield found
    book.centre.store.close()


def own_token(client: httpx.Client) -> str:
    return token_in(client.get("/me").text)


def asks_again(client: httpx.Client) -> bool:
    answer = client.post("/users", data={**LOCK, "token": own_token(client)})
    assert answer.status_code == 200, answer.text
    return "Your password once more" in answer.text


def test_every_cookie_is_kept_from_scripts_other_sites_and_other_paths(door: Door):
    secret, _ = door.enrol(door.enter("anna"))
    door.later()
    client, asked = door.by_password("anna")
    entered = give(client, asked, one_time.code_at(secret, door.step))
    ben, at_ben = door.by_password("ben")
    step_up = ben.post("/users", data={**LOCK, "username": "lena", "token": own_token(ben),
                                       "step_up_password": PASSWORD})  # fmt: skip
    seen = set()
    for answer in (door.client().get("/login"), asked, entered, at_ben, step_up):
        for cookie in answer.headers.get_list("set-cookie"):
            if "Max-Age=0" not in cookie:
                seen.add(cookie.partition("=")[0])
                for part in ("HttpOnly", "SameSite=lax", "Path=/console"):
                    assert part in cookie
    assert seen == {VISIT_COOKIE, DOOR_COOKIE, SESSION_COOKIE, STEP_UP_COOKIE}


def test_over_https_no_cookie_goes_in_the_clear(door: Door):
    answer = door.client().get("/login", headers={"x-forwarded-proto": "https"})
    cookies = answer.headers.get_list("set-cookie")
    assert cookies
    assert all("Secure" in cookie for cookie in cookies)


def test_a_visit_that_somebody_else_chose_is_worth_nothing_after_the_log_in(door: Door):
    thief = door.client()
    known = token_in(thief.get("/login").text)
    victim = door.client()
    victim.cookies.set(VISIT_COOKIE, thief.cookies[VISIT_COOKIE], path="/console")
    form = {"name": "anna", "password": PASSWORD, "next": "", "token": known}
    assert victim.post("/login", data=form).status_code == 303
    thief.cookies.set(SESSION_COOKIE, thief.cookies[VISIT_COOKIE], path="/console")
    assert thief.get("/").status_code == 303
    assert victim.post("/users", data={**LOCK, "token": known}).status_code == 403
    assert victim.get("/").status_code == 200


@pytest.mark.parametrize("sent", ["x", "a" * 5000, '"\\012Set-Cookie: own=1"', "0" * 63 + "G"])
def test_a_visit_that_is_none_of_ours_is_not_taken_up(door: Door, sent: str):
    answer = door.client().get("/login", headers={"cookie": f"{VISIT_COOKIE}={sent}"})
    [cookie] = answer.headers.get_list("set-cookie")
    assert re.match(f"{VISIT_COOKIE}=[0-9a-f]{{64}};", cookie)


def test_a_token_of_another_visit_counts_for_no_act(door: Door):
    anna, theirs = door.enter("anna"), (door.enter("ben"), door.enter("anna"))
    for other in theirs:
        token = own_token(other)
        for path in ("/users", "/authority", "/queue", "/models", "/policies", "/me", "/logout",
                     "/me/second-factor", "/appeals", "/versions", "/audit/check"):  # fmt: skip
            answer = anna.post(path, data={"token": token, "step_up_password": PASSWORD})
            assert (answer.status_code, "HL-SRV-012" in answer.text) == (403, True), path
    assert anna.get("/").status_code == 200


def test_a_step_up_counts_neither_for_another_person_nor_for_another_visit(door: Door):
    anna = door.enter("anna")
    form = {"act": "lock", "username": "lena", "token": own_token(anna)}
    assert anna.post("/users", data={**form, "step_up_password": PASSWORD}).status_code == 200
    taken = anna.cookies[STEP_UP_COOKIE]
    for other in (door.enter("ben"), door.enter("anna")):
        other.cookies.set(STEP_UP_COOKIE, taken, path="/console")
        assert asks_again(other)
    again = {**LOCK, "token": own_token(anna)}
    assert "Your password once more" not in anna.post("/users", data=again).text


def test_a_code_counts_once_in_whatever_visit_and_for_nobody_else(door: Door):
    secret, _ = door.enrol(door.enter("anna"))
    door.later()
    code = one_time.code_at(secret, door.step)
    anna, (other, asked) = door.enter("anna", code), door.by_password("anna")
    assert give(other, asked, code).status_code == 401
    form = {**LOCK, "token": own_token(anna), "step_up_code": code}
    assert anna.post("/users", data=form).status_code == 403
    door.later()
    fresh = one_time.code_at(secret, door.step)
    ben_secret, _ = door.enrol(door.enter("ben"))
    assert ben_secret != secret
    ben, asked = door.by_password("ben")
    assert give(ben, asked, fresh).status_code == 401
    assert anna.post("/users", data={**form, "step_up_code": fresh}).status_code == 200


@pytest.mark.parametrize(
    "wanted",
    ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "/consoles",
     "/console//elsewhere.example", "/console/\\elsewhere", "/console/../api/v1",
     "/console/%2e%2E/api/v1", "/console/\r\nset-cookie: own=1", "/console/\ta", "javascript:a()"],
)  # fmt: skip
def test_what_leads_out_of_the_console_leads_home(door: Door, wanted: str):
    _, entered = door.by_password("anna", wanted)
    chosen = door.client().post("/language", data={"language": "sw", "next": wanted})
    for answer in (entered, chosen):
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/")
        assert "own" not in answer.cookies


@pytest.mark.parametrize(
    "path",
    ["/portfolio/export.csv%0d%0aX:y", "/portfolio/export...%2fcentre.sqlite", "/plots/%00",
     "/map/tiles/..%2f..%2fcentre.sqlite", "/static/..%2f..%2fmount.py", "/static/%2e%2e/mount.py",
     "/static//etc/passwd", "/pictures/..%2f..%2fetc%2fpasswd", "/lines/%ff/statement",
     "/plots/%0d%0aX:y/export.csv", "/health/..%2fpar/export.csv"],
)  # fmt: skip
def test_an_address_with_tricks_in_it_is_no_page(door: Door, path: str):
    anna = door.enter("anna")
    answer = anna.get(httpx.URL(f"{door.served.url}/console").copy_with(
        raw_path=f"/console{path}".encode()))  # fmt: skip
    assert answer.status_code == 404
    assert "x" not in answer.headers


def test_a_file_is_named_by_the_list_and_the_day_whatever_is_asked(door: Door):
    anna = door.enter("anna")
    for asked in ("actor=%0d%0aX:y", 'actor=";filename=evil.exe', "before=" + "9" * 400, "to_on="):
        answer = anna.get(f"/audit/export.csv?{asked}")
        named = answer.headers["content-disposition"]
        assert re.fullmatch(r'attachment; filename="trail-[0-9-]{10}\.csv"', named)


@pytest.mark.parametrize(
    ("kind", "body"),
    [(FORM, b"a&" * 400_000), ("multipart/form-data", b"x"),
     ("multipart/form-data; boundary=b", b"no boundary"),
     ("multipart/form-data; boundary=b",
      b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 9000 + b"--b--\r\n")],
    ids=["fields", "without a boundary", "broken", "parts"],
)  # fmt: skip
def test_a_form_that_cannot_be_read_is_refused_in_words_of_its_own(door: Door, kind, body):
    for path in ("/login", "/login/code", "/queue", "/me/second-factor"):
        answer = door.client().post(path, content=body, headers={"content-type": kind})
        assert answer.status_code == 400
        assert "This form cannot be read" in answer.text
        assert answer.elapsed.total_seconds() < 5
