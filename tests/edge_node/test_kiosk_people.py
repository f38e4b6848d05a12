"""People at the kiosk: pictures that open a card, helpers within bounds, agents, questions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from core.canonical import sha256_hex
from core.units import MS_PER_DAY
from core.wire.appeals import AppealAnswer, AppealOutcome
from core.wire.cash import CashPerson, CashRole, card_seed
from core.wire.envelope import LogClass
from core.wire.records import Down, Up
from edge_node.decide.desk import RequestError
from edge_node.decide.pictures import FAILURES_MAX, PICTURES, WAITS_S, code_hash, wait_s
from edge_node.keys import StationSigner
from edge_node.store import logs
from tests.support.kiosk import Elapsed, visiting
from tests.support.lending_station import CARDS, Station, lent_station

LINE = "line-1"
MINE = ("cow", "tree", "star", "pot")
HERS = ("hen", "hen", "fish", "moon")
AGENT_CARD = "agent-card-" + "7" * 40


@pytest.fixture
def station(tmp_path) -> Iterator[Station]:
    found = lent_station(tmp_path)
    yield found
    found.close()


@pytest.fixture
def agent(station: Station) -> CashPerson:
    found = CashPerson(
        "agent-1", "Otieno", CashRole.AGENT, "kijani",
        StationSigner(card_seed(AGENT_CARD)).public_key.hex(),
        sha256_hex(AGENT_CARD.encode()), "KES", 5_000_000, 5_000_000, active=True,
    )  # fmt: skip
    station.centre.say(Down.CASH_PERSON, found, station.at_ms)
    station.take_down()
    return found


def hold_card(client: httpx.Client, farmer: str = "f-1") -> httpx.Response:
    return client.post("/identify", data={"card": CARDS[farmer]})


def csrf_of(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]*)"', page.text)
    assert found is not None, page.text
    return found.group(1)


def hidden(page: httpx.Response, action: str) -> dict[str, str]:
    form = re.search(rf'<form method="post" action="{action}"(.*?)</form>', page.text, re.DOTALL)
    assert form is not None, page.text
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form.group(1)))


def touch(client: httpx.Client, page: httpx.Response, pictures, path: str) -> httpx.Response:
    for picture in pictures:
        page = client.post(path, data={**hidden(page, path), "add": picture})
    return page


def choose(client: httpx.Client, pictures=MINE, helper: str = "") -> httpx.Response:
    page = client.get("/code", params={"helper": helper} if helper else {})
    return touch(client, page, (*pictures, *pictures), "/code")


def told(station: Station, kind: Up) -> list[dict]:
    run = logs.read_run(station.db, LogClass.MONEY, 0, 1_000, 10**9)
    return [each.body for each in run if each.kind == kind.value]


def leave(client: httpx.Client) -> None:
    client.post("/leave")


def name_helper(client: httpx.Client, amount: int) -> str:
    asked = {"relation": "child", "name": "Juma", "amount": amount}
    form = hidden(client.get("/helpers/new", params=asked), "/helpers")
    page = client.post("/helpers", data=form)
    assert page.url.path == "/known"  # whoever stands there: the farmer's own pictures first
    page = touch(client, page, MINE, "/known")
    assert (page.url.path, page.url.params["helper"]) == ("/code", form["helper_id"])
    touch(client, page, (*HERS, *HERS), "/code")
    return form["helper_id"]


def test_chosen_pictures_open_the_card_from_then_on(client, station) -> None:
    hold_card(client)
    assert "kept" in choose(client).text
    leave(client)
    page = hold_card(client)
    assert page.url.path == "/known"
    assert "Farmer 1" not in page.text
    assert client.get("/home").url.path == "/"  # the card alone opens nothing
    page = hold_card(client)
    assert touch(client, page, MINE, "/known").url.path == "/home"
    assert [each["act"] for each in told(station, Up.KIOSK_EVENT)] == ["code_chosen"]


def test_a_farmer_is_spoken_to_in_the_language_that_they_chose_last(client, station) -> None:
    page = hold_card(client)
    assert '<html lang="en"' in page.text
    client.post("/language", data={"csrf": csrf_of(page), "language": "sw"})
    leave(client)
    assert '<html lang="sw"' in hold_card(client).text
    assert '<html lang="en"' in hold_card(client, "f-2").text  # nobody else's changes


def test_who_finds_an_open_visit_cannot_choose_other_pictures(client, station) -> None:
    hold_card(client)
    choose(client)
    page = client.get("/code")
    assert page.url.path == "/known"
    assert client.get("/home").url.path == "/"  # and the visit shows nothing any more
    form = hidden(page, "/known")
    past = client.post("/code", data={"csrf": form["csrf"], "add": "cow"})
    assert past.url.path == "/"
    page = touch(client, client.get("/known"), HERS, "/known")
    assert page.url.path == "/known"
    page = touch(client, page, MINE, "/known")
    assert page.url.path == "/code"
    touch(client, page, (*HERS, *HERS), "/code")
    leave(client)
    assert touch(client, hold_card(client), HERS, "/known").url.path == "/home"


def test_neither_disk_nor_log_holds_the_pictures(client, station) -> None:
    hold_card(client)
    choose(client)
    rows = station.db.execute("SELECT salt, hash FROM picture_codes").fetchall()
    [(salt, hashed)] = rows
    assert hashed == code_hash(MINE, salt)
    everything = "".join(station.db.conn.iterdump())
    assert ",".join(MINE) not in everything
    assert not any("tree" in str(each) for each in told(station, Up.KIOSK_EVENT))


def test_the_same_pictures_are_other_hashes_for_another_farmer(client, station) -> None:
    for farmer in ("f-1", "f-2"):
        hold_card(client, farmer)
        choose(client)
        leave(client)
    hashes = {row[0] for row in station.db.execute("SELECT hash FROM picture_codes")}
    assert len(hashes) == 2


def test_pictures_are_asked_twice_and_never_one_alone(client, station) -> None:
    hold_card(client)
    page = touch(client, client.get("/code"), ("cow",) * 4, "/code")
    assert "at least two different" in page.text
    page = touch(client, client.get("/code"), (*MINE, *reversed(MINE)), "/code")
    assert "not the same" in page.text
    assert station.db.execute("SELECT count(*) FROM picture_codes").fetchone()[0] == 0


def test_wrong_pictures_wait_longer_and_longer_and_end_in_a_lock(client, station, elapsed) -> None:
    hold_card(client)
    choose(client)
    leave(client)
    waits = []
    for _ in range(FAILURES_MAX):
        page = touch(client, hold_card(client), tuple(reversed(MINE)), "/known")
        found = re.search(r"Try again in (\d+) seconds", page.text)
        waits.append(int(found.group(1)) if found else 0)
        elapsed.ms += waits[-1] * 1000 + 1
    assert waits[:2] == [0, 0]
    assert waits[2:-1] == list(WAITS_S[: len(waits) - 3])
    assert "Come with an agent" in page.text
    events = [each["act"] for each in told(station, Up.KIOSK_EVENT)]
    assert events == ["code_chosen", "code_locked"]
    assert "locked" in hold_card(client).text


def test_right_pictures_do_not_shorten_a_wait_and_a_restart_begins_it_anew(station) -> None:
    elapsed = Elapsed()
    with visiting(station, elapsed) as client:
        hold_card(client)
        choose(client)
        leave(client)
        for _ in range(3):
            touch(client, hold_card(client), tuple(reversed(MINE)), "/known")
        page = hold_card(client)
        assert "30 seconds" in page.text
        csrf = csrf_of(page)
        form = {"csrf": csrf, "so_far": ",".join(MINE[:3]), "add": MINE[3]}
        assert client.post("/known", data=form).url.path == "/known"
        assert client.get("/home").url.path == "/"
    again = Elapsed()
    with visiting(station, again) as client:
        again.ms = 29_000
        assert "30 seconds" in hold_card(client).text
        again.ms += 30_001
        assert touch(client, hold_card(client), MINE, "/known").url.path == "/home"


@pytest.mark.parametrize(("failures", "seconds"), [(0, 0), (2, 0), (3, 30), (5, 300), (99, 3600)])
def test_waits_by_failures(failures: int, seconds: int) -> None:
    assert wait_s(failures) == seconds


def test_a_sequence_is_four_known_pictures() -> None:
    for wrong in (MINE[:3], (*MINE, "cow"), (*MINE[:3], "dragon")):
        with pytest.raises(RequestError, match="pictures"):
            code_hash(wrong, b"s" * 16)
    assert len(set(PICTURES)) == 12


def test_an_agent_lets_a_locked_farmer_in_and_both_are_written_down(client, station, agent) -> None:
    hold_card(client)
    choose(client)
    leave(client)
    page = hold_card(client)
    stranger = client.post("/with-agent", data={"csrf": csrf_of(page), "card": CARDS["f-2"]})
    assert "no agent" in stranger.text
    page = client.post("/with-agent", data={"csrf": csrf_of(page), "card": AGENT_CARD})
    assert page.url.path == "/code"
    new = ("fish", "moon", "fish", "hoe")
    touch(client, page, (*new, *new), "/code")
    knew, reset = told(station, Up.KIOSK_EVENT)[1:]
    assert (knew["act"], knew["agent_id"]) == ("agent_knew", "agent-1")
    assert (reset["act"], reset["agent_id"]) == ("code_reset", "agent-1")
    leave(client)
    assert touch(client, hold_card(client), MINE, "/known").url.path == "/known"
    assert touch(client, hold_card(client), new, "/known").url.path == "/home"


def test_what_is_agreed_to_beside_an_agent_says_so(client, station, agent) -> None:
    page = hold_card(client)
    client.post("/with-agent", data={"csrf": csrf_of(page), "card": AGENT_CARD})
    client.post("/agree", data={"csrf": csrf_of(page), "purpose": "research"})
    [consent] = told(station, Up.CONSENT)
    assert (consent["helped"], consent["helped_by"]) == (True, agent.person_id)


def draw(client: httpx.Client, amount: int) -> httpx.Response:
    price = client.get(f"/draw/{LINE}/price", params={"amount": amount})
    if "/draw/" not in price.text or "Not now" in price.text:
        return price
    return client.post(f"/draw/{LINE}", data={**hidden(price, f"/draw/{LINE}"), "spoken": "yes"})


def test_a_helper_is_known_by_their_own_pictures_and_draws_within_a_day(client, station) -> None:
    hold_card(client)
    choose(client)
    helper_id = name_helper(client, 200_000)
    leave(client)
    page = touch(client, hold_card(client), HERS, "/known")
    assert "Juma acts for Farmer 1" in page.text
    payout = draw(client, 150_000)
    form = hidden(payout, payout.url.path)
    receipt = client.post(payout.url.path, data={**form, "confirmed": "yes"})
    assert "Drawn by Juma for Farmer 1" in receipt.text
    posted = told(station, Up.DRAWDOWN)[-1]
    assert (posted["state"], posted["drawn_by"]) == ("posted", helper_id)
    assert told(station, Up.CONSENT)[-1]["helped_by"] == helper_id
    assert "can draw KES 500.00 more today" in draw(client, 100_000).text
    station.at_ms += MS_PER_DAY
    assert "Shall the till pay you now?" in draw(client, 200_000).text


def test_a_helper_may_not_do_what_only_the_farmer_may(client, station) -> None:
    hold_card(client)
    choose(client)
    name_helper(client, 200_000)
    leave(client)
    home = touch(client, hold_card(client), HERS, "/known")
    csrf = csrf_of(home)
    for path in ("/agreements", "/helpers", "/helpers/new", "/code", "/apply/crop-season"):
        assert client.get(path).status_code == 403, path
    for path, form in (
        ("/withdraw", {"purpose": "satellite_images"}),
        ("/agree", {"purpose": "research"}),
        ("/helpers/end", {"helper_id": "x"}),
        (f"/leave/{LINE}", {"shown": "x", "leaving_id": "l-1"}),
        ("/code", {"add": "cow"}),
    ):
        assert client.post(path, data={"csrf": csrf, **form}).status_code == 403, path
    assert "Who may act for me" not in home.text


def test_a_helper_that_is_ended_opens_nothing_and_draws_nothing(client, station) -> None:
    hold_card(client)
    choose(client)
    helper_id = name_helper(client, 200_000)
    page = client.get("/helpers")
    assert "Juma" in page.text
    client.post("/helpers/end", data={"csrf": csrf_of(page), "helper_id": helper_id})
    leave(client)
    assert touch(client, hold_card(client), HERS, "/known").url.path == "/known"
    acts = [each["act"] for each in told(station, Up.HELPER)]
    assert acts == ["grant", "withdraw"]


def test_a_helper_ended_while_they_are_there_draws_nothing(client, station) -> None:
    hold_card(client)
    choose(client)
    helper_id = name_helper(client, 200_000)
    leave(client)
    touch(client, hold_card(client), HERS, "/known")
    with visiting(station, Elapsed()) as other:
        touch(other, hold_card(other), MINE, "/known")
        page = other.get("/helpers")
        other.post("/helpers/end", data={"csrf": csrf_of(page), "helper_id": helper_id})
    assert "may not act for this farmer any more" in draw(client, 100_000).text
    assert told(station, Up.DRAWDOWN) == []


def test_a_helper_who_may_only_look_draws_nothing(client, station) -> None:
    hold_card(client)
    choose(client)
    name_helper(client, 0)
    leave(client)
    touch(client, hold_card(client), HERS, "/known")
    assert "can draw KES 0.00 more today" in draw(client, 100_000).text


def test_a_helper_has_other_pictures_than_the_farmer(client, station) -> None:
    hold_card(client)
    choose(client)
    asked = {"relation": "child", "name": "Juma", "amount": 0}
    page = client.post(
        "/helpers", data=hidden(client.get("/helpers/new", params=asked), "/helpers")
    )
    page = touch(client, page, MINE, "/known")
    assert "choose other pictures" in touch(client, page, (*MINE, *MINE), "/code").text


def test_somebody_beside_the_farmer_is_said_once_and_stands_on_each_consent(
    client, station
) -> None:
    page = hold_card(client)
    client.post("/helped", data={"csrf": csrf_of(page), "who": "someone"})
    draw(client, 100_000)
    [consent] = told(station, Up.CONSENT)
    assert consent["helped"] is True
    assert consent["spoken"] is True
    assert "helped_by" not in consent


def test_a_complaint_says_by_when_it_is_answered_and_the_answer_comes(client, station) -> None:
    hold_card(client)
    page = client.get("/ask", params={"kind": "complaint", "topic": "price"})
    form = hidden(page, "/ask")
    done = client.post("/ask", data=form)
    assert "You are answered by 17 April 2026 at the latest" in done.text
    assert client.post("/ask", data=form).url == done.url  # again, nothing changes
    [asked] = told(station, Up.APPEAL)
    assert (asked["kind"], asked["topic"], asked["answer_by"]) == (
        "complaint", "price", "2026-04-17",
    )  # fmt: skip
    said = AppealAnswer(
        asked["appeal_id"], "f-1", AppealOutcome.EXPLAINED, "2026-04-05", "wanjiru",
        "The fee is 1.5 percent; nothing else is taken.",
    )  # fmt: skip
    for answer in (said, replace(said, words="Something else.")):
        station.centre.say(Down.APPEAL_ANSWER, answer, station.at_ms)
    station.take_down()
    assert "The lender has answered you" in client.get("/home").text
    assert "The fee is 1.5 percent" in client.get("/ask").text


def test_nobody_asks_about_what_is_anothers(client, station) -> None:
    hold_card(client, "f-2")
    form = hidden(client.get("/ask", params={"kind": "appeal", "about": LINE}), "/ask")
    assert client.post("/ask", data=form).status_code == 422
    assert told(station, Up.APPEAL) == []


def test_an_appeal_of_a_line_is_answered_by_its_products_day(client, station) -> None:
    hold_card(client)
    form = hidden(client.get("/ask", params={"kind": "appeal", "about": LINE}), "/ask")
    client.post("/ask", data=form)
    [asked] = told(station, Up.APPEAL)
    assert (asked["product_id"], asked["answer_by"]) == ("crop-season", "2026-04-12")


def test_pictures_guard_the_json_interface_too(client, station) -> None:
    hold_card(client)
    choose(client)
    leave(client)
    path = "/api/v1/kiosk/identify"
    refused = client.post(path, json={"card": CARDS["f-1"]})
    assert (refused.status_code, "HL-EDGE-044" in refused.text) == (401, True)
    known = client.post(path, json={"card": CARDS["f-1"], "pictures": list(MINE)})
    assert known.json()["farmer_id"] == "f-1"
