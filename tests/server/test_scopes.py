"""An officer of one village sees, finds and guesses nothing of another: page, API, file, search."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import httpx
import pytest

from core.wire.registry import Farmer, Registry, Subject, SubjectKind
from server.app import create_app
from server.services import enrolment
from server.services.access import reading
from server.services.account_words import tell_scope
from server.services.origination import open_lines
from server.store import lines, people, registry, scoping
from server.store.columns import metadata
from server.store.engine import NotKnownError
from server.store.people import Role
from server.store.scoping import OPEN, Holder, OutOfScopeError, Scope
from tests.support.asgi_client import AppClient
from tests.support.centre import Served
from tests.support.centre_kit import ENROLLED, TESTER, Kit, keys_of, ring_of
from tests.support.desk import ANNA, BEN
from tests.support.officers import confirmed, invited, known

HERE, THERE = "village-one", "village-two"
MINE = Scope("olive", villages=frozenset({HERE}))
# What names village two: its farmer, plot, station and site.
SECRETS = ("farmer-z", "Zuri Zawadi", "plot-z1", "st-two", "Village Two")


@pytest.fixture
def two(kit: Kit) -> Kit:
    """The kit's village, and a second one with a station, a farmer and a line of its own."""
    enrolment.enroll_station(kit.centre, keys_of("st-two", 9).identity(), TESTER)
    plot = Subject(
        "plot-z1", SubjectKind.PLOT, "farmer-z", "plot-z1", "maize", "2026-long-rains",
        "2026-03-10", 12_000,
    )  # fmt: skip
    farmer = Farmer("farmer-z", "Zuri Zawadi", "en", "st-two", 4)
    dossier = replace(kit.read(registry.find_dossier, "farmer-a"), farmer_id="farmer-z")
    village = Registry(THERE, "Village Two", 180, "KES", (farmer,), (plot,), (), (dossier,))
    shape = {"plot-z1": {"type": "Polygon", "coordinates": [ring_of("plot-z1")]}}
    enrolment.import_village(kit.centre, village, shape, TESTER)
    open_lines(kit.centre, "crop-season", 1_000_000, ENROLLED, TESTER)
    return kit


def line_there(kit: Kit) -> str:
    [found] = kit.read(lines.of_farmer, "farmer-z")
    return str(found.line_id)


@pytest.fixture
def password(two: Kit) -> str:
    """Olive's, who sees village one alone."""
    known(two.centre, ANNA, BEN)
    return str(invited(two.centre, "olive", Role.SUPERVISOR, MINE, (ANNA, BEN)))


@pytest.fixture
def olive(two: Kit, password: str):
    """Olive at the console."""
    served = Served(create_app(two.centre))
    with httpx.Client(base_url=served.url) as client:
        page = client.get("/console/login")
        token = re.search(r'name="token" value="([^"]+)"', page.text)[1]
        form = {"name": "olive", "password": password, "next": "", "token": token}
        assert client.post("/console/login", data=form).status_code == 303
        yield client
    served.close()


def secrets_in(text: str, kit: Kit) -> list[str]:
    told = html.unescape(text)
    return [each for each in (*SECRETS, line_there(kit)) if each in told]


LISTS = (
    "/", "/portfolio", "/portfolio?state=all", "/queue", "/applications", "/map",
    "/map/plots.json", "/visits", "/stations", "/health", "/cash", "/audit",
    "/portfolio/export.csv", "/applications/export.csv", "/map/export.geojson",
    "/map/export.csv", "/queue/export.csv", "/stations/export.csv", "/cash/export.csv",
    "/visits/export.csv", "/audit/export.csv",
)  # fmt: skip


def test_no_list_and_no_file_shows_another_village(olive: httpx.Client, two: Kit):
    shown = {}
    for path in LISTS:
        answer = olive.get(f"/console{path}")
        assert answer.status_code == 200, (path, answer.text[-500:])
        shown[path] = secrets_in(answer.text, two)
    assert shown == {path: [] for path in LISTS}
    assert "farmer-a" in olive.get("/console/map/export.csv").text or "plot-a1" in olive.get(
        "/console/map/export.csv"
    ).text  # fmt: skip


def test_search_finds_and_addresses_show_nothing_of_another_village(olive: httpx.Client, two: Kit):
    line_id = line_there(two)
    with two.centre.store.reading() as tx:
        application_id = lines.get(tx, line_id).application_id
    for query in ("Zuri", "farmer-z", line_id, "st-two"):
        asked = {"q": query, "state": "all"}
        assert "No line is like that." in olive.get("/console/portfolio", params=asked).text
        file = olive.get("/console/portfolio/export.csv", params=asked).text
        assert len(file.splitlines()) == 2  # the filter, and the names of the columns
    found = olive.get("/console/audit", params={"subject": line_id}).text
    assert "Nothing in the trail is like that." in found
    unknown = olive.get("/console/lines/no-such-line")
    for path in (f"/lines/{line_id}", "/plots/plot-z1", f"/applications/{application_id}"):
        answer = olive.get(f"/console{path}")
        assert answer.status_code == unknown.status_code == 404
        assert secrets_in(answer.text.replace(path.rpartition("/")[2], ""), two) == []


def test_nobody_acts_on_a_line_that_they_may_not_see(olive: httpx.Client, two: Kit, password: str):
    page = olive.get("/console/").text
    token = re.search(r'name="token" value="([^"]+)"', page)[1]
    form = {"token": token, "reason": "dispute"}
    line_id = line_there(two)
    assert olive.post(f"/console/lines/{line_id}/freeze", data=form).status_code == 404
    assert not two.read(lines.get, line_id).frozen
    [mine] = two.read(lines.of_farmer, "farmer-b")
    form |= {"step_up_password": password}
    assert olive.post(f"/console/lines/{mine.line_id}/freeze", data=form).status_code == 303


def test_what_is_about_the_whole_book_is_not_for_a_part_of_it(olive: httpx.Client):
    for path in ("/users", "/authority", "/users/export.csv"):
        assert olive.get(f"/console{path}").status_code == 403
    assert 'href="/console/users"' not in olive.get("/console/").text


def test_token_of_one_village_reads_and_books_nothing_of_another(two: Kit):
    client, line_id = AppClient(create_app(two.centre)), line_there(two)
    headers = {}
    for role in (Role.INTEGRATOR, Role.CASHIER, Role.AUDITOR):
        secret = enrolment.add_token(two.centre, role.value, role, TESTER, scope=MINE)
        headers[role] = {"Authorization": f"Bearer {secret}"}
    reads = headers[Role.INTEGRATOR]
    for name in ("lines", "draws", "repayments", "applications", "stations", "payouts", "orders",
                 "sales"):  # fmt: skip
        told = client.get(f"/api/v1/{name}", headers=reads)
        assert told.status_code == 200, told.text
        assert secrets_in(told.text, two) == []
    held = client.get("/api/v1/lines", headers=reads, params={"farmer_id": "farmer-z"})
    assert held.json()["items"] == []
    assert len(client.get("/api/v1/lines", headers=reads).json()["items"]) == 2
    for path in (f"lines/{line_id}", f"lines/{line_id}/statement"):
        assert client.get(f"/api/v1/{path}", headers=reads).status_code == 404
    assert client.get(f"/api/v1/lines/{line_id}/movements", headers=reads).json()["items"] == []
    body = {"repayment_id": "r-1", "line_id": line_id, "amount_minor": 5, "currency": "KES",
            "effective_on": "2026-03-16"}  # fmt: skip
    paid = client.post("/api/v1/repayments", json=body, headers=headers[Role.CASHIER])
    assert paid.status_code == 404
    assert client.get("/api/v1/status", headers=headers[Role.AUDITOR]).status_code == 403


@pytest.mark.both_engines
def test_every_question_within_a_scope_is_narrowed_by_the_database(two: Kit):
    by_station = Scope("olive", stations=frozenset({"st-one"}))
    by_product = Scope("olive", products=frozenset({"livestock"}))
    for scope, farmers in ((MINE, "abc"), (by_station, "abc"), (by_product, "")):
        with reading(two.centre, scope) as tx:
            known = {each.farmer_id for each in registry.all_farmers(tx)}
            assert known == {f"farmer-{letter}" for letter in farmers}
            assert "farmer-z" not in {line.farmer_id for line in lines.every(tx)}
            assert registry.find_subject(tx, "plot-z1") is None
            assert {each.name for each in registry.all_stations(tx)} <= {"st-one", "st-two"}
            with pytest.raises(NotKnownError):
                lines.get(tx, line_there(two))
    with reading(two.centre, Scope("olive")) as tx:
        assert len(registry.all_farmers(tx)) == 4


def test_table_that_nobody_gave_a_rule_cannot_be_read_within_a_scope(two: Kit):
    for table in scoping.unreadable():
        with reading(two.centre, MINE) as tx, pytest.raises(OutOfScopeError):
            tx.find_rows(metadata.tables[table])
    assert {"users", "api_tokens", "console_visits"} <= set(scoping.unreadable())
    personal = {"farmer_id", "line_id", "subject_id"}
    told = {name for name in OPEN if personal & set(metadata.tables[name].c.keys())}
    assert told == set(), "a table about people or lines is not open to every scope"


def test_scope_is_changed_by_a_supervisor_with_a_line_in_the_trail(two: Kit):
    known(two.centre, ANNA, BEN)
    invited(two.centre, "olive", Role.LENDER, MINE, (ANNA, BEN))
    there = replace(MINE, villages=frozenset({THERE}))
    told = two.centre.write(lambda work: tell_scope(work, "olive", there, (ANNA, "moved")))
    with two.centre.store.reading() as tx:
        assert scoping.scope_of(tx, Holder.USER, "olive").villages == {HERE}
    confirmed(two.centre, told, BEN)
    with two.centre.store.reading() as tx:
        assert scoping.scope_of(tx, Holder.USER, "olive").villages == {THERE}
        told = [row.action for row in people.trail_of(tx, "user", "olive")]
    assert told == ["user_invited", "user_scope_set"]
