"""The kiosk over HTTP: who may see what, what may be sent, what each page says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

import edge_node.faces.kiosk as kiosk_package
from core.canonical import sha256_hex
from core.lending.limit import Movement
from core.lending.relief import Relief
from core.units import MS_PER_DAY
from core.wire.envelope import LogClass
from core.wire.records import Down
from edge_node.faces.kiosk.drawings import limit_curve, note_steps, notes_of
from edge_node.faces.kiosk.guard import BODY_BYTES_MAX
from edge_node.faces.kiosk.rendering import money, percent
from edge_node.faces.kiosk.visits import GRACE_MS, IDLE_MS_MAX
from edge_node.faces.kiosk.words import words_in
from edge_node.faces.resting import FAILURES_MAX, FAILURES_MS
from edge_node.store import logs
from edge_node.store.lines import LimitStep
from edge_node.store.models import current_model
from tests.support.forms import Forms
from tests.support.kiosk import Elapsed, visiting
from tests.support.lending_station import CARDS, Station, freeze, lease, monthly, status

TEMPLATES = Path(kiosk_package.__file__).parent / "templates"


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    station.populate()
    yield station
    station.close()


@pytest.fixture
def elapsed():
    return Elapsed()


@pytest.fixture
def client(station, elapsed):
    with visiting(station, elapsed) as client:
        yield client


def enter(client, farmer="f-1"):
    return client.post("/identify", data={"card": CARDS[farmer]})


def lease_line(station, limit=2_000_000, amount=1_000_000):
    station.centre.say(Down.LINE, status("line-1", limit, Movement.OPENED), station.at_ms)
    station.centre.say_lease(lease("le-1", "line-1", amount))
    station.take_down()


def money_log(station):
    return logs.read_run(station.db, LogClass.MONEY, 0, 1000, 10**7)


def test_the_idle_page_names_nobody(client, station):
    text = client.get("/").text
    assert "Hold your card" in text
    assert not any(name in text for name in ("Farmer 1", "Farmer 2", "f-1"))


def test_a_card_opens_the_farmers_own_page(client):
    page = enter(client)
    assert page.url.path == "/home"
    assert "Farmer 1" in page.text
    assert "Farmer 2" not in page.text


def test_an_unknown_card_opens_nothing(client):
    page = client.post("/identify", data={"card": "not a card"})
    assert "not known here" in page.text
    assert client.get("/home").url.path == "/"


def test_a_farmer_without_a_card_cannot_be_entered_with_an_empty_one(client):
    assert client.post("/identify", data={"card": " "}).url.path == "/"


def test_too_many_unknown_cards_let_the_reader_rest(client, elapsed):
    for _ in range(FAILURES_MAX):
        client.post("/identify", data={"card": "guess"})
    assert enter(client).url.path == "/"
    elapsed.ms += FAILURES_MS
    assert enter(client).url.path == "/home"


def test_a_visit_ends_when_nobody_touches_the_screen(client, elapsed):
    enter(client)
    elapsed.ms += IDLE_MS_MAX + GRACE_MS
    assert client.get("/home").url.path == "/home"
    elapsed.ms += IDLE_MS_MAX + GRACE_MS + 1
    assert client.get("/home").url.path == "/"


def test_leaving_ends_the_visit_for_good(client):
    enter(client)
    cookie = client.cookies["visit"]
    client.post("/leave")
    client.cookies.set("visit", cookie)
    assert client.get("/home").url.path == "/"


def test_a_drawdown_from_card_to_receipt(client, station):
    lease_line(station)
    assert "KES 10,000" in enter(client).text
    built = client.get("/draw/line-1", params={"amount": 300_000, "add": 50_000})
    assert "KES 3,500" in built.text
    price = client.get("/draw/line-1/price", params={"amount": 350_000})
    for told in ("KES 3,500", "KES 52.50", "15 September 2026", "APR"):
        assert told in price.text
    payout = client.post("/draw/line-1", data=Forms(price.text).fields["/draw/line-1"])
    assert payout.url.path.startswith("/payout/")
    assert [r.kind for r in money_log(station)] == ["consent", "drawdown"]
    form = Forms(payout.text).fields[payout.url.path]
    receipt = client.post(payout.url.path, data={**form, "confirmed": "yes"})
    assert "Receipt" in receipt.text
    assert "KES 6,500" in receipt.text
    assert [r.body.get("state") for r in money_log(station)][1:] == ["pending", "posted"]


def test_no_receipt_is_shown_before_the_draw_is_posted(client, station):
    lease_line(station)
    enter(client)
    price = client.get("/draw/line-1/price", params={"amount": 350_000})
    payout = client.post("/draw/line-1", data=Forms(price.text).fields["/draw/line-1"])
    early = client.get(payout.url.path.replace("payout", "receipt"))
    assert early.url.path == payout.url.path
    assert "Receipt" not in early.text


def test_the_same_form_sent_twice_draws_once(client, station):
    lease_line(station)
    enter(client)
    price = client.get("/draw/line-1/price", params={"amount": 350_000})
    form = Forms(price.text).fields["/draw/line-1"]
    assert client.post("/draw/line-1", data=form).url == client.post("/draw/line-1", data=form).url
    assert [r.kind for r in money_log(station)].count("drawdown") == 1


def test_a_cancelled_draw_owes_nothing(client, station):
    lease_line(station)
    enter(client)
    price = client.get("/draw/line-1/price", params={"amount": 350_000})
    payout = client.post("/draw/line-1", data=Forms(price.text).fields["/draw/line-1"])
    form = Forms(payout.text).fields[payout.url.path]
    assert "Cancelled" in client.post(payout.url.path, data={**form, "confirmed": "no"}).text
    assert "KES 10,000" in client.get("/home").text


def test_an_application_with_consent_for_each_purpose(client, station):
    enter(client)
    page = client.get("/apply/crop-season/consent", params={"amount": 800_000})
    form = Forms(page.text).fields["/apply/crop-season"]
    chosen = {"purpose": ["automated_decision"], "subject": ["plot-1"]}
    decision = client.post("/apply/crop-season", data={**form, **chosen})
    assert "Your credit line is open" in decision.text
    [consent] = [r.body for r in money_log(station) if r.kind == "consent"]
    assert consent["purposes"] == ["automated_decision"]
    assert consent["shown_sha256"] == form["shown"]


def test_consent_to_words_that_were_not_shown_is_refused(client, station):
    enter(client)
    page = client.get("/apply/crop-season/consent", params={"amount": 800_000})
    form = {**Forms(page.text).fields["/apply/crop-season"], "shown": sha256_hex(b"other words")}
    chosen = {"purpose": ["automated_decision"], "subject": ["plot-1"]}
    assert "HL-EDGE-011" in client.post("/apply/crop-season", data={**form, **chosen}).text
    assert money_log(station) == ()


def test_consent_is_taken_back_on_one_page(client, station):
    test_an_application_with_consent_for_each_purpose(client, station)
    page = client.get("/agreements")
    form = Forms(page.text).fields["/withdraw"]
    page = client.post("/withdraw", data={**form, "purpose": "automated_decision"})
    assert "You have agreed to nothing" in page.text
    assert money_log(station)[-1].body["action"] == "withdraw"


def test_a_frozen_line_says_why(client, station):
    lease_line(station)
    station.centre.say(Down.FREEZE, freeze("line-1", frozen=True), station.at_ms)
    station.take_down()
    text = enter(client).text
    assert "New draws wait until the lender has looked." in text
    assert "not seen for 50 days" in text


def test_a_clock_set_back_a_year_pays_nothing_out(client, station):
    lease_line(station)
    enter(client)
    client.get("/home")
    station.at_ms -= 365 * MS_PER_DAY
    page = client.get("/draw/line-1/price", params={"amount": 350_000})
    assert "does not know the date" in page.text
    assert "not trusted" in client.get("/station").text


def test_nobody_reads_anothers_line_draw_or_decision(client, station):
    lease_line(station)
    receipt = station.draw("line-1", 100_000)
    kept = station.apply(2)
    enter(client, "f-3")
    for path in (
        "/draw/line-1",
        "/draw/line-1/price?amount=100000",
        f"/receipt/{receipt.drawdown.draw_id}",
        f"/payout/{receipt.drawdown.draw_id}",
        f"/decision/{kept.card.card_id}",
    ):
        page = client.get(path)
        assert page.status_code == 404, path
        assert "KES 1,000" not in page.text


def test_a_form_without_this_visits_token_changes_nothing(client, station):
    lease_line(station)
    enter(client)
    price = client.get("/draw/line-1/price", params={"amount": 350_000})
    form = {**Forms(price.text).fields["/draw/line-1"], "csrf": "0" * 64}
    assert client.post("/draw/line-1", data=form).url.path == "/"
    assert money_log(station) == ()


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"origin": "http://elsewhere.example"},
        {"host": "elsewhere.example"},
    ],
)
def test_other_sites_can_send_nothing(client, headers):
    answer = client.post("/identify", data={"card": CARDS["f-1"]}, headers=headers)
    assert answer.status_code == 403
    assert "visit" not in client.cookies


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_refused_before_it_is_read(client, chunked):
    body = b"card=" + b"x" * BODY_BYTES_MAX

    def parts():
        yield from (body[:1000], body[1000:])

    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = client.post("/identify", content=parts() if chunked else body, headers=form)
    assert answer.status_code == 413
    assert answer.json()["type"].endswith("HL-EDGE-013")


def test_every_answer_carries_the_security_headers(client):
    for path in ("/", "/static/kiosk.css", "/nowhere", "/api/v1/kiosk/home"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    cookie = client.post("/identify", data={"card": CARDS["f-1"]}, follow_redirects=False).headers[
        "set-cookie"
    ]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()


def test_no_page_carries_inline_script_or_style():
    templates = list(TEMPLATES.glob("*.html"))
    assert templates
    for template in templates:
        text = template.read_text(encoding="utf-8")
        assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=", text), template.name


def test_malformed_requests_get_plain_words(client):
    enter(client)
    page = client.get("/draw/line-1/price", params={"amount": "lots"})
    assert page.status_code == 422
    assert "HL-EDGE-011" in page.text


def test_the_farmer_is_spoken_to_in_swahili(client, station):
    lease_line(station)
    page = client.post("/identify", data={"card": CARDS["f-1"], "language": "sw"})
    assert '<html lang="sw">' in page.text
    assert "Unaweza kuchukua hapa" in page.text
    csrf = Forms(page.text).fields["/language"]["csrf"]
    page = client.post("/language", data={"csrf": csrf, "language": "en"})
    assert "You can draw here now" in page.text


def test_a_farmer_sees_what_to_pay_and_when_in_both_languages(client, station):
    facts = monthly(("d-1", "2026-04-02", 600_000), paid=[("2026-04-15", 100_000)])
    told = status("line-1", 2_000_000, Movement.OPENED, principal_minor=500_000, facts=facts)
    station.centre.say(Down.LINE, told, station.at_ms)
    station.take_down()
    page = client.post("/identify", data={"card": CARDS["f-1"], "language": "sw"})
    assert "Utakacholipa, na lini" in page.text
    [line] = client.get("/api/v1/kiosk/home").json()["lines"]
    asked = [(each["on"], each["amount_minor"]) for each in line["ahead"]]
    assert [on for on, _ in asked] == [f"2026-{month:02}-15" for month in range(4, 10)]
    station.at_ms += 40 * MS_PER_DAY  # the payments of April and May are late by then
    page = client.get("/home")
    assert "Umechelewa: lipa hiki sasa" in page.text
    csrf = Forms(page.text).fields["/language"]["csrf"]
    page = client.post("/language", data={"csrf": csrf, "language": "en"})
    assert "What you pay, and when" in page.text
    assert "Late: pay this now" in page.text
    assert page.text.count('class="late"') == 1


def test_a_farmer_sees_relief_before_the_due_date_in_both_languages(client, station):
    relief = Relief("2026-04-01", "2026-09-15", 24, 12, 410_000)
    facts = replace(monthly(("d-1", "2026-04-01", 600_000)), relief=relief)
    told = status(
        "line-1", 2_000_000, Movement.CUT, principal_minor=600_000, facts=facts,
        due_on="2028-09-15",
    )  # fmt: skip
    station.centre.say(Down.LINE, told, station.at_ms)
    station.take_down()
    page = client.post("/identify", data={"card": CARDS["f-1"], "language": "sw"})
    assert "Umepoteza asilimia 41 ya mavuno yako." in page.text
    [line] = client.get("/api/v1/kiosk/home").json()["lines"]
    assert [each["on"] for each in line["ahead"]] == ["2028-09-15"]
    csrf = Forms(page.text).fields["/language"]["csrf"]
    page = client.post("/language", data={"csrf": csrf, "language": "en"})
    assert "nothing of it is due before 15 September 2027, all of it by 15 September" in page.text
    station.at_ms += 200 * MS_PER_DAY  # the due date of before has passed
    assert 'class="late"' not in client.get("/home").text


def test_an_unknown_language_falls_back_to_english():
    assert words_in("sw").say("Done") == "Tayari"
    assert words_in("xx").language == "en"


def test_a_model_past_its_date_is_told_on_the_station_page(client, station):
    words = "past its date: it decides on half of its authority"
    assert words not in client.get("/station").text
    ended_ms = current_model(station.db).model.valid_to_ms
    station.at_ms = ended_ms
    assert words in client.get("/station").text


def test_the_station_page_names_no_farmer(client, station):
    lease_line(station)
    station.draw("line-1", 100_000)
    text = client.get("/station").text
    assert "Farmer" not in text
    assert "line-1" not in text
    assert "Leases that are out" in text


@pytest.mark.parametrize(
    ("amount_minor", "expected"),
    [
        (0, []),
        (365_000, [(100_000, 3), (50_000, 1), (10_000, 1), (5_000, 1)]),
        (1_200_000, [(100_000, 12)]),
    ],
)
def test_amounts_become_banknotes(amount_minor, expected):
    assert [(note.value_minor, note.count) for note in notes_of(amount_minor, "KES")] == expected


def test_notes_to_add_are_steps_within_reach():
    assert note_steps(50_000, 800_000, "KES") == (50_000, 100_000, 500_000)
    assert note_steps(50_000, 0, "KES") == ()


def test_money_and_rates_are_written_for_people():
    assert (money(800_000, "KES"), money(52_50, "KES")) == ("KES 8,000", "KES 52.50")
    assert percent(181_181) == "18.1%"


def test_a_limit_that_never_moved_has_no_curve():
    step = LimitStep("2026-04-01", 100, "opened", ())
    assert limit_curve([step], "title") == ""
    assert "<svg" in limit_curve([step, LimitStep("2026-04-01", 0, "cut", ())], "a<b")
