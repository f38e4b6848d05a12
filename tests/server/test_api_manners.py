"""The interface's manners: keys, tags, versions, rates, sizes, and tokens taken back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.errors import HarvestlineError
from server.api.door import Rates
from server.api.lists import LISTS
from server.services import enrolment
from server.store.people import Role
from tests.support.centre_kit import TESTER, Kit
from tests.support.orders_kit import BUYER, OTHER, SUPPLIER, Trade, item, open_trade


@pytest.fixture
def engine_name() -> str:
    return "sqlite"  # pages and keys are tried on both, in test_api_once.py


@pytest.fixture
def trade(kit: Kit) -> Trade:
    return open_trade(kit)


def problem(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, str(answer.json()["type"]).rpartition(":")[2]


def test_a_page_that_cannot_be_is_refused(trade: Trade) -> None:
    for query in [
        "cursor=x",
        "cursor=bm9wZQ",
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=" + "a" * 600,
    ]:
        assert problem(trade.call("integrator", "GET", f"/orders?{query}")) == (422, "HL-SRV-011")


def test_a_cursor_is_of_one_list_and_its_filters(trade: Trade) -> None:
    for number in range(3):
        small = {"items": [item("CAN", "fertiliser", 1, 100_000)], "total_minor": 100_000}
        trade.place(f"o-{number}", **small)
    cursor = trade.call(SUPPLIER, "GET", "/orders?limit=1").json()["next"]
    assert trade.call(SUPPLIER, "GET", f"/orders?limit=1&cursor={cursor}").status_code == 200
    for who, path in (
        (OTHER, f"/orders?cursor={cursor}"),
        ("integrator", f"/orders?cursor={cursor}"),
        ("integrator", f"/sales?cursor={cursor}"),
        (SUPPLIER, f"/orders?line_id={trade.line_id}&cursor={cursor}"),
    ):
        assert problem(trade.call(who, "GET", path)) == (422, "HL-SRV-011")


def test_a_lenders_program_reads_the_book(trade: Trade, subtests: pytest.Subtests) -> None:
    trade.bought()
    trade.sell()
    for name in (*LISTS, "orders", "sales"):
        with subtests.test(name):
            _read_by_whom_it_may(trade, name)


def _read_by_whom_it_may(trade: Trade, name: str) -> None:
    answer = trade.call("integrator", "GET", f"/{name}")
    assert answer.status_code == 200
    for private in ("Name B", "password", "public_key", "seal_key"):
        assert private not in answer.text
    tag = answer.headers["etag"]
    same = trade.call("integrator", "GET", f"/{name}", **{"If-None-Match": tag})
    assert (same.status_code, same.content) == (304, b"")
    for who in (SUPPLIER, BUYER, "cashier", "nobody"):
        seen = trade.call(who, "GET", f"/{name}").status_code
        own = (name, who) in (("orders", SUPPLIER), ("sales", BUYER))
        assert (seen == 200) == own


def test_one_line_its_statement_and_the_history_of_its_limit(trade: Trade) -> None:
    trade.bought()
    line = trade.call("integrator", "GET", f"/lines/{trade.line_id}").json()
    assert line["outstanding_minor"] == 450_000
    assert line["state"] == "active"
    assert line["headroom_minor"] + line["leased_minor"] + 450_000 == line["limit_minor"]
    told = trade.call("integrator", "GET", f"/lines/{trade.line_id}/statement").json()
    assert [row["what"] for row in told["rows"]] == ["drawn", "fee"]
    past = trade.call("integrator", "GET", f"/lines/{trade.line_id}/statement?on=2026-03-01")
    assert past.json()["rows"] == []
    bad = trade.call("integrator", "GET", f"/lines/{trade.line_id}/statement?on=2026-02-30")
    assert problem(bad) == (422, "HL-SRV-011")
    moved = trade.call("integrator", "GET", f"/lines/{trade.line_id}/movements").json()["items"]
    assert [each["movement"] for each in moved] == ["opened"]
    assert problem(trade.call("integrator", "GET", "/lines/none")) == (404, "HL-SRV-004")


def test_another_version_is_refused_by_name(trade: Trade) -> None:
    for path in ("/api/v2/orders", "/api/v0/health", "/api/v10", "/api/"):
        assert problem(trade.client.get(path)) == (404, "HL-SRV-020")


def test_a_huge_body_is_refused_before_it_is_read(trade: Trade) -> None:
    body = {**trade.order_body(), "note": "x" * trade.kit.centre.settings.document_bytes_max}
    for path in ("orders", "sales", "repayments"):
        answer = trade.call(SUPPLIER, "POST", f"/{path}", body)
        assert problem(answer) == (413, "HL-SRV-009")


def test_a_token_that_asks_too_often_waits_and_others_do_not(kit: Kit) -> None:
    tight = replace(kit.centre.settings, api_requests_per_minute_max=5)
    trade = open_trade(replace(kit, centre=replace(kit.centre, settings=tight)))
    seen = [trade.call(SUPPLIER, "GET", "/orders") for _ in range(8)]
    assert [each.status_code for each in seen[:5]] == [200] * 5
    assert problem(seen[-1]) == (429, "HL-SRV-019")
    assert seen[-1].headers["retry-after"] == "1"
    assert trade.call(OTHER, "GET", "/orders").status_code == 200


def test_a_rate_fills_again_as_time_goes_on() -> None:
    now = [0]
    rates = Rates(60, lambda: now[0])
    assert [rates.wait_ms("a") for _ in range(61)][-1] == 1_000
    now[0] += 500
    assert rates.wait_ms("a") == 500
    now[0] += 500
    assert rates.wait_ms("a") == 0
    assert rates.wait_ms("b") == 0


def test_a_token_is_taken_back_from_the_next_request_on(trade: Trade) -> None:
    assert trade.call(SUPPLIER, "GET", "/orders").status_code == 200
    enrolment.revoke_token(trade.kit.centre, SUPPLIER, TESTER)
    assert problem(trade.call(SUPPLIER, "GET", "/orders")) == (401, "HL-SRV-006")


def test_a_token_speaks_for_whom_its_role_says(trade: Trade) -> None:
    wrong = (
        (Role.SUPPLIER, ""), (Role.SUPPLIER, BUYER), (Role.CASHIER, SUPPLIER),
        (Role.BUYER, "nobody"),
    )  # fmt: skip
    for role, party in wrong:
        with pytest.raises(HarvestlineError, match="expected"):
            enrolment.add_token(trade.kit.centre, "x", role, TESTER, party)


def test_byte_bodies_and_the_bearer_stand_in_the_description(trade: Trade) -> None:
    found = trade.client.get("/api/v1/openapi.json").json()
    assert found["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for path in ("envelopes", "pull", "time", "evidence", "evidence:batch", "box-requests"):
        body = found["paths"][f"/api/v1/{path}"]["post"]["requestBody"]
        [content] = body["content"].values()
        assert content["schema"] == {"type": "string", "format": "binary"}
    for path in ("orders", "sales", "lines", "status"):
        for method in found["paths"][f"/api/v1/{path}"].values():
            assert method["security"] == [{"bearer": []}]
