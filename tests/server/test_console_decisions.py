"""Deciding at the console: the password asked again, visits ended, rights held, files harmless."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Callable, Iterator

import httpx
import openpyxl
import pytest

from core.lending.limit import Movement
from core.wire.appeals import Appeal, AppealKind, AppealTopic
from server.app import create_app
from server.console.pages.audit import ChainCheck
from server.console.session import STEP_UP_COOKIE
from server.services import enrolment, officers
from server.services.account_words import tell_role, tell_scope
from server.services.centre import RequestError, RoleError
from server.services.review_queue.waiting import Kind
from server.services.trail import BEGINNING, check
from server.store import lines, people, registry
from server.store.engine import Tx
from server.store.people import Actor, Role
from server.store.scoping import Scope
from server.store.tables import audit
from tests.support.centre import Served
from tests.support.centre_kit import SEASON_START, Kit, open_known
from tests.support.desk import ANNA, queue, raise_wanted, refer
from tests.support.kiosk_kit import MONEY, deliver
from tests.support.tree import REPOSITORY

PASSWORD = "rain on dry soil"


@pytest.fixture
def engine_name() -> str:
    return "sqlite"


@pytest.fixture
def enter(kit: Kit) -> Iterator[Callable[[str], httpx.Client]]:
    """Log in as somebody of the kit's lender."""
    for name, role in (("lena", Role.LENDER), ("ada", Role.AUDITOR), ("anna", Role.SUPERVISOR),
                       ("ben", Role.SUPERVISOR)):  # fmt: skip
        enrolment.add_user(kit.centre, name, PASSWORD, role, Actor("root", "operator"))
    served = Served(create_app(kit.centre))
    clients: list[httpx.Client] = []

    def come(name: str, password: str = PASSWORD) -> httpx.Client:
        client = httpx.Client(base_url=f"{served.url}/console")
        clients.append(client)
        form = {"name": name, "password": password, "next": ""}
        token = token_in(client.get("/login").text)
        assert client.post("/login", data={**form, "token": token}).status_code == 303
        return client

    yield come
    for client in clients:
        client.close()
    served.close()


def token_in(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found
    return found[1]


def picks_in(page: str) -> list[str]:
    return re.findall(r'name="pick" value="([^"]+)"', page)


def approve(client: httpx.Client, picks: list[str], **more: str) -> httpx.Response:
    token = token_in(client.get("/queue").text)
    form = {"pick": picks, "answer": "approve", "reason": "looked at it", "token": token, **more}
    return client.post("/queue", data=form)


# The password, asked again.


def test_approval_waits_for_the_password_and_keeps_what_was_filled_in(enter, kit: Kit):
    line = raise_wanted(kit)
    client = enter("anna")
    picks = picks_in(client.get("/queue").text)
    asked = approve(client, picks)
    assert "Your password once more" in asked.text
    assert picks[0] in asked.text
    assert "looked at it" in asked.text
    assert kit.read(lines.get, line.line_id).limit_minor == line.limit_minor
    wrong = approve(client, picks, step_up_password="a guess at it")
    assert wrong.status_code == 403
    assert kit.read(lines.get, line.line_id).limit_minor == line.limit_minor
    done = approve(client, picks, step_up_password=PASSWORD)
    assert "1 of 1 answered" in done.text
    moved = kit.read(lines.last_movement, line.line_id)
    assert moved.movement is Movement.RAISED


def test_password_counts_for_a_while_in_the_same_visit_alone(enter, kit: Kit):
    refer(kit)
    client, other = enter("anna"), enter("anna")
    answer = approve(client, picks_in(client.get("/queue").text), step_up_password=PASSWORD)
    assert "1 of 1" in answer.text
    kit.clock.add_days(1)  # a demonstration's season passes in minutes; the cookie's age does not
    raise_wanted(kit)
    stolen = client.cookies[STEP_UP_COOKIE]
    other.cookies.set(STEP_UP_COOKIE, stolen, path="/console")
    picks = picks_in(other.get("/queue?kind=raise").text)
    assert "Your password once more" in approve(other, picks).text
    assert "1 of 1" in approve(client, picks).text


def test_guessing_the_password_here_is_slowed_too(enter, kit: Kit):
    raise_wanted(kit)
    client = enter("anna")
    picks = picks_in(client.get("/queue").text)
    answers = [approve(client, picks, step_up_password=f"guess {n}") for n in range(7)]
    assert answers[-1].status_code == 429
    assert approve(client, picks, step_up_password=PASSWORD).status_code == 429


def test_answer_without_the_page_s_token_is_refused(enter, kit: Kit):
    raise_wanted(kit)
    client = enter("anna")
    form = {"pick": picks_in(client.get("/queue").text), "answer": "approve", "reason": "x"}
    for token in ("", token_in(enter("ben").get("/queue").text)):
        answer = client.post("/queue", data={**form, "token": token, "step_up_password": PASSWORD})
        assert answer.status_code == 403
    assert len(queue(kit, Kind.RAISE)) == 1


def test_auditor_and_odd_forms_change_nothing(enter, kit: Kit):
    raise_wanted(kit)
    auditor = enter("ada")
    page = auditor.get("/queue").text
    assert picks_in(page) == []
    assert approve(auditor, ["raise/x/y"]).status_code == 403
    client = enter("anna")
    for picks, more in (
        (["raise"], {}), (["spell/x/y"], {}), ([], {}), (["raise/x/y"], {"answer": "perhaps"}),
        (["raise/x/y"], {"reason": ""}), (["raise/x/y"], {"reason": "r" * 500}),
    ):  # fmt: skip
        answer = approve(client, picks, step_up_password=PASSWORD, **more)
        assert answer.status_code == 422, (picks, more)
    assert len(queue(kit, Kind.RAISE)) == 1


def test_two_who_answer_at_once_answer_once(enter, kit: Kit):
    raise_wanted(kit)
    anna, ben = enter("anna"), enter("ben")
    picks = picks_in(anna.get("/queue").text)
    assert picks == picks_in(ben.get("/queue").text)
    assert "1 of 1" in approve(anna, picks, step_up_password=PASSWORD).text
    late = approve(ben, picks, step_up_password=PASSWORD)
    assert late.status_code == 409
    assert "HL-SRV-025" in late.text


# Today.


def test_today_counts_what_is_open_and_says_when_all_is_well(enter, kit: Kit):
    client = enter("lena")
    assert "All is well." in client.get("/").text
    raise_wanted(kit)
    refer(kit)
    page = client.get("/").text
    for key in ("raises", "applications"):
        assert re.search(rf'href="/console/queue\?kind=\w+" id="need-{key}"', page)
    assert "All is well." not in page
    kit.clock.add_days(80)
    assert 'id="need-leases"' in client.get("/").text


# Users, roles, visits.


def answered(client: httpx.Client) -> str:
    """What the page says once somebody has approved all that waits for them."""
    done = approve(client, picks_in(client.get("/queue").text), step_up_password=PASSWORD)
    assert "1 of 1 answered" in done.text
    return done.text


def refused_at_the_door(client: httpx.Client, name: str, password: str) -> bool:
    with httpx.Client(base_url=client.base_url) as other:
        token = token_in(other.get("/login").text)
        form = {"name": name, "password": password, "next": "", "token": token}
        return other.post("/login", data=form).status_code != 303


def change(client: httpx.Client, act: str, **form: str) -> httpx.Response:
    token = token_in(client.get("/users").text)
    return client.post(
        "/users", data={"act": act, "token": token, "step_up_password": PASSWORD, **form}
    )


def test_somebody_invited_by_two_logs_in_with_both_halves_of_a_password(enter, kit: Kit):
    client, second = enter("anna"), enter("ben")
    told = change(client, "invite", username="olive", role="lender", village="village-one").text
    done = answered(second)
    halves = [re.search(r"shown only now: ([0-9a-f]{12})", page)[1] for page in (told, done)]
    for half in halves:
        assert half not in client.get("/users").text + second.get("/queue").text
        assert refused_at_the_door(client, "olive", half)
    olive = enter("olive", "-".join(halves))
    assert "in your part of the book" in olive.get("/").text
    assert change(client, "invite", username="olive", role="lender").status_code == 409
    assert change(client, "invite", username="Olive", role="lender").status_code == 409
    for name in ("o", "the rule", "a/b", "x" * 65):
        assert change(client, "invite", username=name, role="lender").status_code == 422
    unknown = change(client, "invite", username="zoe", role="lender", village="nowhere")
    assert unknown.status_code == 422


@pytest.mark.parametrize("act", ["lock", "reset", "role"])
def test_change_of_rights_ends_the_visits_that_it_takes_them_from(enter, kit: Kit, act: str):
    client, lena = enter("anna"), enter("lena")
    assert lena.get("/").status_code == 200
    assert change(client, act, username="lena", role="auditor").status_code == 200
    if act == "reset":
        assert lena.get("/").status_code == 200  # one alone changes nothing
        answered(enter("ben"))
    assert lena.get("/").status_code == 303


def test_one_visit_is_ended_and_the_other_goes_on(enter, kit: Kit):
    client, here, there = enter("anna"), enter("lena"), enter("lena")
    page = client.get("/users").text
    found = re.findall(r'name="visit" value="([0-9a-f]{64})"', page)
    assert len(found) == 2  # lena's; nobody ends their own here, they log out
    assert change(client, "end_visit", visit=found[0]).status_code == 200
    assert sorted(one.get("/").status_code for one in (here, there)) == [200, 303]


def test_logging_out_ends_the_visit_for_whoever_has_the_cookie(enter):
    client = enter("lena")
    stolen = dict(client.cookies)
    token = token_in(client.get("/").text)
    assert client.post("/logout", data={"token": token}).status_code == 303
    again = httpx.get(f"{client.base_url}", cookies=stolen)
    assert again.status_code == 303


def test_nobody_changes_their_own_rights_and_one_supervisor_stays(enter, kit: Kit):
    with pytest.raises(RoleError):
        kit.centre.write(lambda work: tell_scope(work, "anna", Scope(), (ANNA, "mine")))
    with pytest.raises(RoleError):
        kit.centre.write(
            lambda work: tell_role(work, "lena", Role.SUPERVISOR, (Actor("lena", "lender"), "me"))
        )
    officers.lock(kit.centre, "ben", ANNA)
    ben = Actor("ben", "supervisor")
    with pytest.raises(RequestError, match="besides anna"):
        officers.lock(kit.centre, "anna", ben)
    with pytest.raises(RequestError, match="besides anna"):
        officers.lower_role(kit.centre, "anna", Role.LENDER, ben)
    with pytest.raises(RequestError, match="besides lena"):
        officers.lock(kit.centre, "lena", ANNA)
    told = [row.action for row in kit.read(people.trail_of, "user", "ben")]
    assert told == ["user_added", "user_locked"]


def test_lender_sees_no_users_and_sets_no_rights(enter):
    client = enter("lena")
    assert client.get("/users").status_code == 403
    token = token_in(client.get("/").text)
    form = {"act": "invite", "username": "zoe", "role": "lender", "token": token}
    assert client.post("/users", data={**form, "step_up_password": PASSWORD}).status_code == 403
    authority = {"holder": "rule", "amount_minor": "5", "currency": "KES", "token": token}
    assert client.post("/authority", data=authority).status_code == 403


def test_own_password_is_changed_with_the_present_one(enter):
    client = enter("lena")
    token = token_in(client.get("/me").text)
    form = {"old": "not this one", "new": "a new long one", "again": "a new long one"}
    assert client.post("/me", data={**form, "token": token}).status_code == 422
    form["old"] = PASSWORD
    assert client.post("/me", data={**form, "token": token}).status_code == 303
    assert client.get("/").status_code == 303
    assert enter("lena", "a new long one").get("/").status_code == 200


# The trail.


def test_trail_is_found_by_who_what_whom_and_when(enter, kit: Kit):
    line = raise_wanted(kit)
    client = enter("ada")
    enter("lena")
    assert "lena" in client.get("/audit?action=logged_in&actor=lena").text
    assert "lena" not in re.sub("value=.lena.", "", client.get("/audit?actor=ada").text)
    assert line.line_id in client.get(f"/audit?subject={line.line_id}").text
    on = SEASON_START.isoformat()
    assert "Nothing in the trail" in client.get(f"/audit?from_on=2027-01-01&to_on={on}").text
    assert client.get("/audit?from_on=tomorrow").status_code == 422
    assert "The chain holds from line 1" in client.get("/audit").text


def test_line_that_was_changed_behind_the_program_shows(enter, kit: Kit):
    client = enter("ada")
    chain = ChainCheck()
    with kit.centre.store.reading() as tx:
        assert chain.go_on(tx).fault == ""
        whole = check(tx, BEGINNING)
        assert check(tx, BEGINNING, rows_max=2).seq == 2
    forge(kit, whole.seq - 1)
    token = token_in(client.get("/audit").text)
    assert client.post("/audit/check", data={"token": token}).status_code == 303
    found = html.unescape(client.get("/audit").text)
    assert f"The chain is broken: line {whole.seq - 1} was changed." in found


def forge(kit: Kit, seq: int) -> None:
    """Change a line of the trail as whoever owns the database could."""

    def act(tx: Tx) -> None:
        tx.connection.exec_driver_sql("DROP TRIGGER audit_no_update")
        tx.run(audit.update().where(audit.c.seq == seq).values(actor="nobody"))

    kit.centre.store.write(act)


# Files.


def test_file_tells_its_filter_and_runs_nothing(enter, kit: Kit):
    evil = '=HYPERLINK("http://x","y")'
    [farmer] = [f for f in kit.read(registry.all_farmers) if f.farmer_id == "farmer-b"]
    open_known(kit)
    named = {**{name: getattr(farmer, name) for name in farmer.__slots__}, "name": evil}
    kit.centre.store.write(lambda tx: registry.put_farmer(tx, "village-one", type(farmer)(**named)))
    client = enter("anna")
    told = client.get("/portfolio/export.csv?product=crop-season").text
    rows = list(csv.reader(io.StringIO(told)))
    assert "product crop-season" in rows[0][0]
    assert "by anna" in rows[0][0]
    assert f"'{evil}" in [row[1] for row in rows[2:]]
    book = openpyxl.load_workbook(io.BytesIO(client.get("/portfolio/export.xlsx").content))
    cells = [cell for row in book["Lines"].iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
    assert evil in [cell.value for cell in cells]
    assert "Made for anna" in book["About this list"]["A4"].value
    assert client.get("/portfolio/export.pdf").content.startswith(b"%PDF")
    shapes = json.loads(client.get("/map/export.geojson").text)
    assert len(shapes["features"]) == 5
    assert "filter: all" in shapes["harvestline"]["about"]


def test_every_list_is_had_as_a_file_and_every_file_stands_in_the_trail(enter, kit: Kit):
    client = enter("anna")
    names = ("portfolio", "applications", "map", "queue", "audit", "users", "visits", "stations",
             "cash")  # fmt: skip
    for name in names:
        answer = client.get(f"/{name}/export.csv")
        assert answer.headers["content-disposition"].startswith("attachment"), name
        assert f"/console/{name}/export.csv" in client.get(f"/{name}").text, name
    with kit.centre.store.reading() as tx:
        told = [row for row in people.trail(tx) if row.action == "list_exported"]
    assert len(told) == len(names)
    for odd in ("/portfolio/export.exe", "/cash/export.geojson", "/secrets/export.csv"):
        assert client.get(odd).status_code == 404


def test_pages_read_by_one_door():
    """A page that opened the store by itself would show what a scope withholds."""
    folder = REPOSITORY / "server" / "console"
    found = {
        path.name for path in folder.rglob("*.py") if "centre.store.reading(" in path.read_text()
    }
    officers = {"desk.py", "door.py", "second_factor.py", "stepping.py", "users.py"}  # who logs in
    assert found == officers | {"audit.py", "stress.py"}  # the trail's own scope; a count of lines
    api = (REPOSITORY / "server" / "api").rglob("*.py")
    assert [path.name for path in api if "store.reading(" in path.read_text()] == []


# Statement and appeals.


def test_statement_is_had_as_of_any_day_and_as_a_file(enter, kit: Kit):
    open_known(kit)
    [line] = kit.read(lines.of_farmer, "farmer-b")
    client = enter("ada")
    assert f"/lines/{line.line_id}/statement" in client.get(f"/lines/{line.line_id}").text
    page = client.get(f"/lines/{line.line_id}/statement?on=2026-03-20")
    assert page.status_code == 200
    assert "As of 20 Mar 2026" in page.text
    file = client.get(f"/lines/{line.line_id}/statement/export.csv?on=2026-03-20").text
    assert "facts up to 2026-03-20" in file.splitlines()[0]
    assert client.get(f"/lines/{line.line_id}/statement?on=soon").status_code == 422
    assert client.get("/lines/no-such-line/statement").status_code == 404


def test_what_a_farmer_asks_at_the_kiosk_is_answered_here(enter, kit: Kit):
    asked = Appeal(
        "ap-1", "farmer-b", AppealKind.COMPLAINT, AppealTopic.PRICE, "", "en", "2026-03-15",
        "2026-03-29", helped=False,
    )  # fmt: skip
    kit.station.write(MONEY, "appeal", asked, kit.clock.at_ms)
    deliver(kit)
    client = enter("lena")
    assert 'id="need-appeals"' in client.get("/").text
    page = client.get("/appeals").text
    form = {"appeal_id": "ap-1", "outcome": "explained", "words": "The fee is told before."}
    assert client.post("/appeals", data={**form, "token": "x"}).status_code == 403
    form["token"] = token_in(page)
    assert "Your password once more" in client.post("/appeals", data=form).text
    form["step_up_password"] = PASSWORD
    assert client.post("/appeals", data=form).status_code == 303
    assert "Nobody waits for an answer." in client.get("/appeals").text
    assert client.post("/appeals", data=form).status_code == 404
