"""Requests with a key count once, and pages hold every row once, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from server.services import once
from server.services.once import KEPT_MS, UNDER_WAY_MS_MAX, UnderWayError
from server.store import api_requests, orders
from tests.support.centre_kit import Kit
from tests.support.orders_kit import BUYER, OTHER, SUPPLIER, Trade, item, open_trade

KEY = {"Idempotency-Key": "key-1"}


@pytest.fixture
def trade(kit: Kit) -> Trade:
    return open_trade(kit)


def problem(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, str(answer.json()["type"]).rpartition(":")[2]


def order(trade: Trade, who: str = SUPPLIER, **changes: Any) -> Any:
    return trade.call(who, "POST", "/orders", trade.order_body(**changes), **KEY)


def test_the_same_key_gets_the_first_answer_again(trade: Trade) -> None:
    first, again = order(trade), order(trade)
    assert (first.status_code, again.status_code) == (201, 201)  # not 200: it is the first answer
    assert first.content == again.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert problem(order(trade, reference="o-2")) == (409, "HL-SRV-017")
    assert len(trade.kit.read(orders.of_line, trade.line_id)) == 1


def test_a_key_holds_for_what_stands_behind_the_address_too(trade: Trade) -> None:
    assert order(trade).status_code == 201
    told = trade.call(SUPPLIER, "POST", "/orders?late=yes", trade.order_body(), **KEY)
    assert problem(told) == (409, "HL-SRV-017")
    assert order(trade).headers["idempotency-replayed"] == "true"


def test_a_key_is_its_holders_and_ends(trade: Trade) -> None:
    small = {"items": [item("CAN", "fertiliser", 1, 100_000)], "total_minor": 100_000}
    assert order(trade).status_code == 201
    assert order(trade, OTHER, **small).status_code == 201
    day = trade.order_body()["deliver_by"]
    trade.kit.clock.at_ms += KEPT_MS + 1
    late = order(trade, deliver_by=day)
    assert (late.status_code, late.headers.get("idempotency-replayed")) == (200, None)


def test_a_refusal_is_the_first_answer_too_but_not_a_lack_of_leave(trade: Trade) -> None:
    bad = {"currency": "USD"}
    assert problem(order(trade, **bad)) == (409, "HL-SRV-016")
    again = order(trade, **bad)
    assert again.headers["idempotency-replayed"] == "true"
    key = {"Idempotency-Key": "key-2"}
    for _ in range(2):
        answer = trade.call(BUYER, "POST", "/orders", trade.order_body(), **key)
        assert problem(answer) == (403, "HL-SRV-007")
        assert "idempotency-replayed" not in answer.headers


def test_what_is_no_key_is_refused(trade: Trade) -> None:
    for key in ("", "k" * 129, "a b\tc", "k\u00e9"):
        headers = {**trade.tokens[SUPPLIER], "Idempotency-Key": key.encode()}
        answer = trade.client.post("/api/v1/orders", json=trade.order_body(), headers=headers)
        assert problem(answer) == (422, "HL-SRV-011")


def test_of_two_at_the_same_moment_one_is_answered(trade: Trade) -> None:
    """Twins on threads of their own, whose transactions meet in the database."""
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: order(trade), range(4)))
    made = [each for each in answers if each.status_code == 201]
    assert made
    assert {each.content for each in made} == {made[0].content}
    rest = [each for each in answers if each.status_code != 201]
    assert {problem(each) for each in rest} <= {(409, "HL-SRV-018")}
    assert all(each.headers["retry-after"] for each in rest)
    assert len(trade.kit.read(orders.of_line, trade.line_id)) == 1


def test_one_that_was_begun_and_never_answered_may_be_asked_again(trade: Trade) -> None:
    centre, clock = trade.kit.centre, trade.kit.clock
    assert once.begin(centre, "h", "k", "a" * 64) is None
    with pytest.raises(UnderWayError):
        once.begin(centre, "h", "k", "a" * 64)
    clock.at_ms += UNDER_WAY_MS_MAX + 1
    assert once.begin(centre, "h", "k", "a" * 64) is None
    asked = api_requests.KeptRequest("h", "k", "a" * 64, 0)
    once.finish(centre, asked, None)  # the process broke off: nothing is kept
    assert once.begin(centre, "h", "k", "b" * 64) is None


def test_pages_hold_every_row_once_in_order(trade: Trade) -> None:
    for number in range(5):
        small = {"items": [item("CAN", "fertiliser", 1, 100_000)], "total_minor": 100_000}
        assert trade.place(f"o-{number}", **small).status_code == 201
    whole = trade.call("integrator", "GET", "/orders").json()
    assert "next" not in whole
    found, path = [], "/orders?limit=2"
    while path:
        page = trade.call("integrator", "GET", path)
        found += page.json()["items"]
        link = page.headers.get("link", "")
        assert ("next" in page.json()) == bool(link)
        path = link.partition(">")[0].removeprefix("</api/v1") if link else ""
    assert found == whole["items"]
    assert len(found) == 5
