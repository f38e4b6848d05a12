"""The console shows the book as it is, to those who may see it, and changes nothing unasked."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from core.lending.limit import Movement
from core.units import civil_day
from core.wire.registry import Farmer
from server.app import create_app
from server.console.figures.limit import LimitStory, Marker, Step, limit_picture, split_bar
from server.console.session import TRIES_MAX
from server.console.views.book import read_query, read_rows
from server.console.words import figure
from server.services.enrolment import add_user
from server.services.evidence import accept_evidence
from server.services.standing import standing
from server.store import evidence, leases, ledger, lines, people, registry, reports
from server.store.people import Actor, Role
from tests.support.cash_book import seed_cash
from tests.support.centre import Served
from tests.support.console_book import PASSWORD, Book, build_book, crop_evidence

PAGES = (
    "/", "/portfolio", "/queue", "/map", "/map?by=risk", "/map/plots.json",
    "/applications", "/stations", "/models", "/policies", "/users", "/authority", "/audit",
    "/portfolio/export.csv",
)  # fmt: skip


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    found = build_book(tmp_path_factory.mktemp("book"), farmers=14, every_days=20)
    yield found
    found.centre.store.close()


@pytest.fixture(scope="module")
def door(book: Book) -> Iterator[Callable[[], httpx.Client]]:
    """The console over HTTP; each client that it gives has its own cookies."""
    served = Served(create_app(book.centre))
    clients: list[httpx.Client] = []

    def come() -> httpx.Client:
        clients.append(httpx.Client(base_url=served.url))
        return clients[-1]

    yield come
    for client in clients:
        client.close()
    served.close()


@pytest.fixture
def visit(door: Callable[[], httpx.Client]) -> Callable[[str], httpx.Client]:
    """Log in as a role."""

    def enter(role: str) -> httpx.Client:
        client = door()
        assert log_in(client, role).status_code == 303
        return client

    return enter


def token_in(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found
    return found[1]


def log_in(client: httpx.Client, name: str, password: str = PASSWORD, wanted: str = ""):
    page = client.get("/console/login", params={"next": wanted})
    form = {"name": name, "password": password, "next": wanted, "token": token_in(page.text)}
    return client.post("/console/login", data=form)


def said(client: httpx.Client, path: str) -> str:
    answer = client.get(f"/console{path}")
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def open_line(book: Book, **wanted: object):
    with book.centre.store.reading() as tx:
        return next(
            line
            for line in lines.every(tx, open_only=True)
            if all(getattr(line, name) == value for name, value in wanted.items())
        )


# The door.


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_shown_before_the_log_in(door, page: str):
    answer = door().get(f"/console{page}")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/login?next=%2Fconsole%2F")


def test_log_in_leads_to_what_was_wanted_and_nowhere_else(door):
    client = door()
    assert log_in(client, "lender", wanted="/console/map").headers["location"] == "/console/map"
    for outside in ("https://elsewhere.example/", "//elsewhere.example", "/console//x", "/api/v1"):
        assert log_in(client, "lender", wanted=outside).headers["location"] == "/console/"


@pytest.mark.parametrize(("name", "password"), [("lender", "wrong"), ("nobody", PASSWORD)])
def test_wrong_name_and_wrong_password_sound_the_same(door, name: str, password: str):
    answer = log_in(door(), name, password)
    assert answer.status_code == 401
    assert "The name or the password is not right." in answer.text


def test_cashier_has_no_place_at_the_console(door):
    assert log_in(door(), "cashier").status_code == 401


def test_guessing_is_slowed_and_ends(door, book: Book):
    client = door()
    for _ in range(TRIES_MAX):
        assert log_in(client, "guessed", "no").status_code == 401
    assert log_in(client, "guessed", "no").status_code == 429
    book.at_ms[0] += 61_000
    assert log_in(client, "guessed", "no").status_code == 401


def test_form_larger_than_any_is_not_read_whoever_sends_it(door):
    client = door()
    for path in ("/console/queue", "/console/language", "/console/login"):
        named = client.post(path, files={"reason": b"a" * 2**21})
        assert (named.status_code, "HL-SRV-009" in named.text) == (413, True), path
    assert client.post("/console/queue", data={"reason": "a" * 2**10}).status_code == 303
    form = {"content-type": "application/x-www-form-urlencoded"}
    coming = (b"a" * 2**16 for _ in range(100))  # nobody says how much it will be
    assert client.post("/console/queue", content=coming, headers=form).status_code == 413


def test_log_in_without_the_page_s_token_is_refused(door):
    client = door()
    client.get("/console/login")
    for token in ("", "forged", "InNvbWV0aGluZyI.x"):
        form = {"name": "lender", "password": PASSWORD, "token": token}
        assert client.post("/console/login", data=form).status_code == 403


def test_altered_cookie_opens_nothing(door, visit):
    value = visit("lender").cookies["harvestline_session"]
    for altered in ("x" + value[1:], value[:-1], ""):
        headers = {"cookie": f"harvestline_session={altered}"}
        assert door().get("/console/", headers=headers).status_code == 303
    assert door().get("/console/", headers={"cookie": f"harvestline_session={value}"}).is_success


def test_new_password_ends_older_sessions(door, book: Book, tmp_path: Path):

    root = Actor("test", "supervisor")
    add_user(book.centre, "leaver", PASSWORD, Role.LENDER, root)
    client = door()
    log_in(client, "leaver")
    assert client.get("/console/").status_code == 200
    add_user(book.centre, "leaver", PASSWORD + "!", Role.LENDER, root)
    assert client.get("/console/").status_code == 303


def test_log_out_ends_the_session(visit):
    client = visit("lender")
    token = token_in(client.get("/console/").text)
    assert client.post("/console/logout", data={"token": token}).status_code == 303
    assert client.get("/console/").status_code == 303


def routes_of(app: FastAPI) -> Iterator[str]:
    """Every path of the console, with ``x`` where it names one record."""
    found: Any = next(each.app for each in app.routes if getattr(each, "path", "") == "/console")
    while not hasattr(found, "routes"):
        found = found._app
    for route in found.routes:
        yield "/console" + re.sub(r"{[^}]+}", "x", route.path)


def test_every_answer_carries_the_security_headers(visit, book: Book):
    client = visit("auditor")
    paths = {*routes_of(create_app(book.centre))}
    paths |= {"/console/nothing", "/console/static/console.css", "/console/static/nothing"}
    paths |= {f"/console/audit/export.{form}" for form in ("csv", "xlsx", "pdf")}
    assert len(paths) > 40
    seen = set()
    for path in sorted(paths - {"/console/logout"}):
        for method in ("GET", "POST"):
            answer = client.request(method, path)
            headers = answer.headers
            policy = headers["content-security-policy"]
            assert policy.startswith("default-src 'none'"), path
            assert not re.search(r"unsafe|\*|https?:", policy), (path, policy)
            assert headers["x-content-type-options"] == "nosniff", path
            seen.add(answer.status_code)
    assert {200, 303, 404, 405} <= seen
    assert client.get("/console/").headers["cache-control"] == "no-store"


def test_pages_hold_no_inline_script_or_style(visit, book: Book):
    client = visit("lender")
    line = open_line(book)
    for page in ("/portfolio", "/map", f"/lines/{line.line_id}", "/plots/plot-002", "/stations"):
        text = client.get(f"/console{page}").text
        assert not re.search(r"<script(?![^>]*\bsrc=)", text)
        assert not re.search(r"\s(style|on[a-z]+)=\"", text)
        assert "<style" not in text


# What is shown.


def test_portfolio_shows_every_open_line_and_its_sums(visit, book: Book):
    text = said(visit("lender"), "/portfolio")
    with book.centre.store.reading() as tx:
        found = [row for row in read_rows(tx, book_day(book)) if row.is_open]
    assert len(found) >= 8
    for row in found:
        assert f"/console/lines/{row.line_id}" in text
        assert row.reason in text
    assert figure(sum(row.limit_minor for row in found), "KES") in text
    assert figure(sum(row.leased_minor for row in found), "KES") in text


def book_day(book: Book):

    return civil_day(book.at_ms[0], 180 * 60_000)


def test_row_agrees_with_the_ledger_and_the_leases(book: Book):
    with book.centre.store.reading() as tx:
        for row in read_rows(tx, book_day(book)):
            draws = leases.draws_of_line(tx, row.line_id)
            repaid = sum(r.principal_minor for r in ledger.repayments_of(tx, row.line_id))
            assert row.drawn_minor == leases.posted_minor(draws) - repaid
            stands = standing(tx, lines.get(tx, row.line_id), book_day(book))
            assert row.leased_minor == stands.leased_minor


@pytest.mark.parametrize("query", ["movement=frozen", "product=livestock", "stage=ripening"])
def test_filter_shows_only_what_fits(visit, book: Book, query: str):
    text = said(visit("lender"), f"/portfolio?{query}")
    shown = set(re.findall(r'href="/console/lines/([^"]+)"', text))
    name, value = query.split("=")
    field = {"movement": "movement", "product": "product_id", "stage": "stage"}[name]
    with book.centre.store.reading() as tx:
        rows = [row for row in read_rows(tx, book_day(book)) if row.is_open]
    assert shown == {row.line_id for row in rows if getattr(row, field) == value}
    assert 0 < len(shown) < len(rows)


def test_search_finds_a_farmer_and_says_when_there_is_none(visit):
    client = visit("lender")
    assert said(client, "/portfolio?q=amina").count('<th scope="row">') >= 1
    assert "No line is like that." in said(client, "/portfolio?q=nobody+here")


def test_sorting_turns_and_unknown_orders_fall_back(visit, book: Book):
    client = visit("lender")
    rising = re.findall(r"/console/lines/([^\"]+)\"", said(client, "/portfolio?sort=limit"))
    falling = re.findall(r"/console/lines/([^\"]+)\"", said(client, "/portfolio?sort=-limit"))
    assert rising == falling[::-1]
    assert read_query({"sort": "password", "page": "-3", "state": "x"}) == read_query({})


def test_part_for_htmx_is_the_table_alone(visit):
    answer = visit("lender").get("/console/portfolio", headers={"hx-request": "true"})
    assert answer.text.lstrip().startswith('<div class="stack results"')
    assert "<html" not in answer.text


def test_every_movement_stands_with_its_reasons_and_evidence(visit, book: Book):
    line = open_line(book, product_id="crop-season")
    text = said(visit("auditor"), f"/lines/{line.line_id}")
    with book.centre.store.reading() as tx:
        moved = lines.movements_of(tx, line.line_id)
    assert {m.movement for m in moved} >= {Movement.OPENED, Movement.RAISED}
    for each in moved:
        assert all(reason.sentence() in text for reason in each.reasons)
        assert all(f"?evidence={evidence_id}" in text for evidence_id in each.evidence_ids)
    assert "This one binds." in text


def test_frozen_line_says_so(visit, book: Book):
    text = said(visit("lender"), f"/lines/{open_line(book, frozen=True).line_id}")
    assert "but new draws wait until the line goes on" in text


def test_plot_page_tells_the_curve_in_words_and_figures(visit, book: Book):
    text = said(visit("lender"), "/plots/plot-002")
    with book.centre.store.reading() as tx:
        kept = evidence.latest(tx, "plot-002")
        whole = evidence.document(tx, kept.evidence_id)
    assert "maize, ripening. It is 21 % less green than is normal" in text
    assert f"{kept.yield_p10:,} kg/ha" in text
    assert kept.sha256 in text
    begins = text.index("<svg xmlns")
    picture = text[begins : text.index("</svg>", begins)]
    assert picture.count('class="look"') == sum(o.used for o in whole.observations)
    assert picture.count('class="look-unused"') == sum(not o.used for o in whole.observations)
    for scene in whole.scenes:
        assert scene.scene_id in text


def test_older_evidence_can_be_looked_at(visit, book: Book):
    text = said(visit("lender"), "/plots/plot-002?evidence=ev-002-0512")
    assert "As of 12 May 2026" in text
    answer = visit("lender").get("/console/plots/plot-001?evidence=ev-002-0512")
    assert answer.status_code == 404


def test_pasture_page_speaks_of_forage(visit):
    text = said(visit("lender"), "/plots/pasture-1")
    assert "of normal forage or more" in text
    assert "% of normal forage" in text


def test_map_s_shapes_are_those_of_the_list(visit):
    client = visit("lender")
    told = client.get("/console/map/plots.json").json()
    text = said(client, "/map")
    assert len(told["id"]) == len(told["corners"]) == told["asked"] == 15
    assert all(f'href="/console/plots/{subject_id}"' in text for subject_id in told["id"])
    assert len(told["way"]) == 2 * sum(told["corners"])
    assert told["id"].index("pasture-1") in told["pasture"]
    assert 3 in told["movement"]  # frozen


def test_names_from_outside_are_escaped(visit, book: Book):

    line = open_line(book)
    with book.centre.store.reading() as tx:
        before = registry.farmer(tx, line.farmer_id)
    hostile = Farmer(before.farmer_id, '<img src=x onerror="alert(1)">', "sw", "kijani", 4)
    book.centre.write(lambda work: registry.put_farmer(work.tx, "kijani", hostile))
    client = visit("lender")
    for page in ("/portfolio", "/map", f"/lines/{line.line_id}", "/applications"):
        assert "<img" not in client.get(f"/console{page}").text
    book.centre.write(lambda work: registry.put_farmer(work.tx, "kijani", before))


def test_stations_page_tells_logs_leases_and_silence(visit, book: Book):
    text = said(visit("auditor"), "/stations")
    assert "kijani" in text
    assert "In touch" in text
    assert re.search(rf'<td class="n"[^>]*>{len(book.sent)}</td>', text)


def test_cash_page_tells_who_holds_what_and_what_to_look_at(visit, book: Book):
    assert "Nobody holds cash." in said(visit("lender"), "/cash")
    seed_cash(book.centre)
    text = said(visit("auditor"), "/cash")
    for word in ("Akinyi", "Uncounted", "Juma", "Keeps the safe", "not signed by the card"):
        assert word in text
    assert "Cash in hand" in said(visit("auditor"), "/stations")


def test_unknown_things_are_named(visit, door):
    for page in ("/lines/none", "/plots/none", "/applications/none", "/nothing"):
        answer = visit("lender").get(f"/console{page}")
        assert answer.status_code == 404
        assert "<h1>" in answer.text
        assert 'href="/console/queue"' in answer.text, "the way to the other pages stays"
    assert 'href="/console/queue"' not in door().get("/console/nothing").text


# Cards and acts.


def application_with(book: Book, verdict: str) -> tuple[str, str]:
    with book.centre.store.reading() as tx:
        found = next(d for d in reports.every_decision(tx) if d.verdict == verdict)
    return found.application_id, found.card_id


def test_card_s_points_add_up_to_its_score(visit, book: Book):
    for verdict in ("approve", "decline"):
        application_id, _ = application_with(book, verdict)
        text = said(visit("lender"), f"/applications/{application_id}")
        base = int(re.search(r"(\d+) to begin with", text)[1])
        total = int(re.search(r"it makes (\d+)", text)[1])
        points = re.findall(r'data-label="Points">([+−]\d+)<', text)
        assert len(points) == 14
        assert base + sum(int(p.replace("−", "-")) for p in points) == total


def test_decline_is_told_in_words_of_the_farmer(visit, book: Book):
    application_id, _ = application_with(book, "decline")
    text = said(visit("lender"), f"/applications/{application_id}")
    assert "The risk that it cannot be repaid is too high." in text
    assert "The soil was too dry on many days." in text
    assert "no consent for this use" in text


def test_replay_verifies_and_decides_again(visit, book: Book):
    client = visit("auditor")
    application_id, card_id = application_with(book, "approve")
    token = token_in(client.get(f"/console/applications/{application_id}").text)
    url = f"/console/cards/{card_id}/replay"
    assert "Replayed now: the same." in client.post(url, data={"token": token}).text
    part = client.post(url, data={"token": token}, headers={"hx-request": "true"}).text
    assert part.lstrip().startswith('<div id="replay"')
    assert client.post(url, data={}).status_code == 403


def test_supervisor_stops_and_lifts_and_it_outlives_a_review(visit, book: Book):
    client, line = visit("supervisor"), open_line(book, frozen=False)
    url = f"/console/lines/{line.line_id}"
    token = token_in(client.get(url).text)
    form = {"token": token, "reason": "dispute"}
    assert "Your password once more" in client.post(f"{url}/freeze", data=form).text
    assert not open_line(book, line_id=line.line_id).frozen
    form |= {"step_up_password": PASSWORD}
    assert client.post(f"{url}/freeze", data=form).status_code == 303
    text = said(client, f"/lines/{line.line_id}")
    assert "Stopped by supervisor" in text
    assert "Let draws go on" in text
    review_again(book, line.line_id)
    assert open_line(book, line_id=line.line_id).frozen
    client.cookies.delete("harvestline_step_up", path="/console")
    form = {"token": token, "reason": "cleared"}
    assert "Your password once more" in client.post(f"{url}/thaw", data=form).text
    assert open_line(book, line_id=line.line_id).frozen
    client.post(f"{url}/thaw", data={**form, "step_up_password": PASSWORD})
    assert not open_line(book, line_id=line.line_id).frozen
    with book.centre.store.reading() as tx:
        acts = [row.action for row in people.trail_of(tx, "line", line.line_id)]
    assert acts[-2:] == ["line_frozen", "line_unfrozen"]


def review_again(book: Book, line_id: str) -> None:
    """New evidence of the line's plot arrives."""

    line = open_line(book, line_id=line_id)
    number = int(line.subject_ids[0].rsplit("-", 1)[1])
    accept_evidence(book.centre, crop_evidence(book, number, book_day(book), 20))


@pytest.mark.parametrize("role", ["lender", "auditor"])
def test_only_a_supervisor_stops_a_line(visit, book: Book, role: str):
    client, line = visit(role), open_line(book, frozen=False)
    url = f"/console/lines/{line.line_id}"
    page = client.get(url).text
    assert "Stop new draws" not in page
    form = {"token": token_in(page), "reason": "dispute"}
    assert client.post(f"{url}/freeze", data=form).status_code == 403
    assert not open_line(book, line_id=line.line_id).frozen


def test_act_needs_the_page_s_token_and_a_known_reason(visit, book: Book):
    client, line = visit("supervisor"), open_line(book, frozen=False)
    url = f"/console/lines/{line.line_id}"
    other = token_in(visit("supervisor").get(url).text)
    assert (
        client.post(f"{url}/freeze", data={"token": other, "reason": "dispute"}).status_code == 403
    )
    token = token_in(client.get(url).text)
    answer = client.post(f"{url}/freeze", data={"token": token, "reason": "a whim"})
    assert answer.status_code == 422
    assert not open_line(book, line_id=line.line_id).frozen


def test_what_the_rule_froze_no_person_lifts(visit, book: Book):
    client, line = visit("supervisor"), open_line(book, frozen=True)
    url = f"/console/lines/{line.line_id}"
    form = {"token": token_in(client.get(url).text), "reason": "cleared",
            "step_up_password": PASSWORD}  # fmt: skip
    assert client.post(f"{url}/thaw", data=form).status_code == 422
    assert open_line(book, line_id=line.line_id).frozen


# Pictures.


def test_limit_picture_steps_where_the_limit_moved():
    story = LimitStory(
        "KES",
        (Step("2026-04-01", 100_000), Step("2026-05-01", 200_000)),
        (Step("2026-04-10", 50_000),),
        (),
        (Marker(1, "2026-05-01", 200_000, "raised"),),
        "2026-06-01",
    )
    drawn = str(limit_picture(story, "a <title>"))
    line = re.search(r'<polyline points="([^"]+)" class="limit-line"', drawn)
    heights = [float(point.split(",")[1]) for point in line[1].split()]
    assert heights[0] == heights[1] > heights[2] == heights[3]
    assert "a &lt;title&gt;" in drawn
    assert 'class="dot-raised"' in drawn


@pytest.mark.parametrize("leased", [(), (Step("2026-04-02", 40_000),)])
def test_a_line_that_nobody_drew_on_has_its_picture(leased: tuple[Step, ...]):
    limits = (Step("2026-04-01", 100_000),)
    drawn = str(limit_picture(LimitStory("KES", limits, (), leased, (), "2026-06-01"), "untouched"))
    assert 'class="limit-line"' in drawn
    assert 'class="drawn-area"' not in drawn or 'points=""' in drawn


def test_split_bar_shares_its_width():
    widths = re.findall(r'width="([\d.]+)"', str(split_bar(100, 25, 50)))
    assert [float(width) for width in widths] == [200.0, 50.0, 100.0]
