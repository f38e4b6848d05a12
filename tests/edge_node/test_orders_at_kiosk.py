"""Suppliers' orders at the kiosk: the whole price, the farmer's yes once, and what came."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.canonical import canonical_hash
from core.lending.limit import Movement
from core.lending.ordering import OrderStatus
from core.shape import encode
from core.units import MS_PER_DAY, civil_day
from core.wire.delivery_codes import CODE_CONTEXT, delivery_code, grouped
from core.wire.envelope import LogClass
from core.wire.orders import (
    OrderItem,
    OrderOffer,
    Received,
    shown_goods_sha256,
    shown_order_sha256,
)
from core.wire.records import Down, Up
from edge_node.decide.draws import recover
from edge_node.store import logs
from tests.support.kiosk import Elapsed, visiting
from tests.support.lending_station import APRIL_1, CARDS, Station, lease, maize, status

GOODS = [
    {"goods": "seed", "minor_per_ha": 2_000_000, "source": "test"},
    {"goods": "fertiliser", "minor_per_ha": 2_000_000, "source": "test"},
]
VOUCHER = {
    "suppliers": ["agrovet", "other-agrovet"], "buyers": ["miller"], "deliver_days_max": 21,
    "goods": GOODS, "sale_repay_ppm": 700_000,
}  # fmt: skip


def offer(order_id: str = "o-1", **changes: Any) -> OrderOffer:
    fields: dict[str, Any] = {
        "order_id": order_id,
        "line_id": "line-1",
        "farmer_id": "f-1",
        "supplier": "agrovet",
        "supplier_name": "Agrovet of Kijani",
        "currency": "KES",
        "total_minor": 123_450,  # no multiple of a draw's step: goods cost what they cost
        "items": (OrderItem("DAP-50", "DAP, 50 kg", "fertiliser", 1, "bag", 123_450),),
        "deliver_by": "2026-04-20",
        "valid_until": "2026-04-15",
        "state": OrderStatus.OFFERED,
    }
    return OrderOffer(**{**fields, **changes})


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    found = Station(tmp_path)
    found.populate()
    found.centre.say(Down.PRODUCT, maize(version=2, kind="voucher", voucher=VOUCHER), found.at_ms)
    found.centre.say(Down.LINE, status("line-1", 2_000_000, Movement.OPENED), found.at_ms)
    found.centre.say_lease(lease("le-1", "line-1", 1_000_000))
    tell(found, offer())
    yield found
    found.close()


def tell(station: Station, told: OrderOffer) -> None:
    station.centre.say(Down.ORDER, told, station.at_ms)
    station.take_down()


@pytest.fixture
def client(station: Station) -> Iterator[httpx.Client]:
    with visiting(station, Elapsed()) as found:
        found.post("/identify", data={"card": CARDS["f-1"]})
        yield found


def fields_of(text: str, action: str) -> dict[str, str]:
    form = re.search(rf'<form method="post" action="{action}">(.*?)</form>', text, re.DOTALL)
    assert form is not None, text
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form.group(1)))


def said(station: Station, kind: Up) -> list[dict[str, Any]]:
    run = logs.read_run(station.db, LogClass.MONEY, 0, 1_000, 10**9)
    return [record.body for record in run if record.kind == kind.value]


def test_the_page_tells_goods_supplier_and_whole_price(client: httpx.Client) -> None:
    unsaid = "Not all of this is spoken in this language yet."
    home = client.get("/home").text
    assert "Goods from Agrovet of Kijani" in home
    assert unsaid not in home
    page = client.get("/order/o-1").text
    for told in ("Agrovet of Kijani", "DAP, 50 kg", "1 bag", "You pay back", "(APR)", "1,234.50"):
        assert told in page
    # Their names are not spoken: the page says so, and no consent to it is marked as heard whole.
    assert unsaid in page
    assert 'data-complete="no"' in page


def test_a_yes_is_a_draw_that_names_the_order_and_counts_once(
    client: httpx.Client, station: Station
) -> None:
    form = fields_of(client.get("/order/o-1").text, "/order/o-1")
    done = client.post("/order/o-1", data=form)
    assert done.url.path.startswith("/receipt/")
    assert "Receipt for goods: show it to agrovet" in done.text
    again = client.post("/order/o-1", data=form)
    assert again.url.path == done.url.path
    drawn = said(station, Up.DRAWDOWN)
    assert [each["state"] for each in drawn] == ["pending", "posted"]
    assert {each["order_id"] for each in drawn} == {"o-1"}
    assert {(each["supplier"], tuple(each["goods"])) for each in drawn} == {
        ("agrovet", ("fertiliser",))
    }
    price = drawn[-1]
    [consent] = said(station, Up.CONSENT)[-1:]
    assert consent["consent_id"] == price["consent_id"]
    other = {**form, "draw_id": "another"}
    assert "not offered any more" in client.post("/order/o-1", data=other).text
    assert "Goods from Agrovet" not in client.get("/home").text
    assert recover(station.db, station.desk, station.clock) == ()


def test_a_price_that_was_changed_after_it_was_shown_is_not_drawn(
    client: httpx.Client, station: Station
) -> None:
    """The centre cannot change an order; were it so, the consent would name other goods."""
    form = fields_of(client.get("/order/o-1").text, "/order/o-1")
    dearer = OrderItem("DAP-50", "DAP, 50 kg", "fertiliser", 1, "bag", 200_000)
    tell(station, offer(items=(dearer,), total_minor=200_000))
    refused = client.post("/order/o-1", data=form)
    assert not refused.url.path.startswith("/receipt/")
    assert said(station, Up.DRAWDOWN) == []


def test_the_hash_of_a_voucher_binds_line_supplier_goods_and_price() -> None:
    quoted = "cd" * 32
    one = shown_goods_sha256("line-1", "agrovet", ("seed", "fertiliser"), quoted)
    assert one == shown_goods_sha256("line-1", "agrovet", ("fertiliser", "seed", "seed"), quoted)
    others = {
        shown_goods_sha256("line-2", "agrovet", ("seed", "fertiliser"), quoted),
        shown_goods_sha256("line-1", "farm-shop", ("seed", "fertiliser"), quoted),
        shown_goods_sha256("line-1", "agrovet", ("seed",), quoted),
        shown_goods_sha256("line-1", "agrovet", (), quoted),
        shown_goods_sha256("line-1", "agrovet", ("seed", "fertiliser"), "ab" * 32),
        quoted,
    }
    assert len({one, *others}) == 7


def test_the_hash_binds_goods_supplier_and_price() -> None:
    one = shown_order_sha256(offer(), canonical_hash("q"))
    others = (
        shown_order_sha256(offer(), canonical_hash("other")),
        shown_order_sha256(offer(supplier="other-agrovet"), canonical_hash("q")),
        shown_order_sha256(offer(order_id="o-2"), canonical_hash("q")),
        shown_order_sha256(offer(total_minor=1), canonical_hash("q")),
        shown_order_sha256(
            offer(items=(OrderItem("DAP-50", "DAP", "fertiliser", 2, "bag", 61_725),)),
            canonical_hash("q"),
        ),
    )
    assert len({one, *others}) == 6
    later = offer(state=OrderStatus.DELIVERING, delivery_no=1)
    assert shown_order_sha256(later, canonical_hash("q")) == one  # what befalls it is no term


def test_an_offer_that_ran_out_is_not_shown_and_not_drawn(
    client: httpx.Client, station: Station
) -> None:
    form = fields_of(client.get("/order/o-1").text, "/order/o-1")
    station.at_ms = APRIL_1 + 15 * MS_PER_DAY
    assert civil_day(station.at_ms) == date(2026, 4, 16)
    assert "Goods from Agrovet" not in client.get("/home").text
    assert "not offered any more" in client.get("/order/o-1").text
    assert "not offered any more" in client.post("/order/o-1", data=form).text
    assert said(station, Up.DRAWDOWN) == []


def test_an_order_beyond_the_lease_is_refused(client: httpx.Client, station: Station) -> None:
    big = OrderItem("DAP-50", "DAP, 50 kg", "fertiliser", 1, "bag", 1_000_001)
    tell(station, offer("o-2", items=(big,), total_minor=1_000_001))
    assert "most that" in client.get("/order/o-2").text or said(station, Up.DRAWDOWN) == []
    assert client.get("/order/o-2").url.path == "/order/o-2"
    assert "Yes, I want these goods" not in client.get("/order/o-2").text


def test_another_farmers_order_is_not_known(client: httpx.Client, station: Station) -> None:
    tell(station, offer("o-3", line_id="line-9", farmer_id="f-2"))
    assert client.get("/order/o-3").status_code == 404
    assert client.get("/order/none").status_code == 404


def test_no_is_written_down_once(client: httpx.Client, station: Station) -> None:
    page = client.get("/order/o-1").text
    form = {**fields_of(page, "/order/o-1/answer"), "answer": "declined"}
    agreed = fields_of(page, "/order/o-1")
    for _ in range(2):
        assert client.post("/order/o-1/answer", data=form).url.path == "/home"
    assert said(station, Up.ORDER_ANSWER) == [
        {"order_id": "o-1", "delivery_no": 0, "answer": "declined"}
    ]
    assert "not offered any more" in client.post("/order/o-1", data=agreed).text
    assert said(station, Up.DRAWDOWN) == []


def test_what_came_is_the_farmers_word(client: httpx.Client, station: Station) -> None:
    came = (Received("DAP-50", 1),)
    tell(station, offer(state=OrderStatus.DELIVERING, delivery_no=1, reported=came))
    assert "did they come?" in client.get("/home").text
    page = client.get("/order/o-1").text
    assert "DAP, 50 kg" in page
    form = {**fields_of(page, "/order/o-1/answer"), "answer": "received"}
    assert client.post("/order/o-1/answer", data=form).url.path == "/home"
    changed = client.post("/order/o-1/answer", data={**form, "answer": "damaged"})
    assert changed.status_code == 409
    assert client.post("/order/o-1/answer", data={**form, "delivery": "2"}).status_code == 422
    assert client.post("/order/o-1/answer", data={**form, "answer": "maybe"}).status_code == 422
    assert [each["answer"] for each in said(station, Up.ORDER_ANSWER)] == ["received"]


def test_a_voucher_of_several_suppliers_names_one_and_its_goods(
    client: httpx.Client, station: Station
) -> None:
    amount = {"amount": "350000"}
    who = client.get("/draw/line-1/price", params=amount).text
    assert "supplier=other-agrovet" in who
    what = client.get("/draw/line-1/price", params={**amount, "supplier": "other-agrovet"}).text
    assert "Fertiliser" in what
    chosen = {**amount, "supplier": "other-agrovet", "goods": "seed"}
    price = client.get("/draw/line-1/price", params=chosen).text
    form = fields_of(price, "/draw/line-1")
    nobody = {**form, "supplier": "", "goods": ""}
    assert "suppliers, never cash" in client.post("/draw/line-1", data=nobody).text
    stranger = {**form, "supplier": "a-cousin", "goods": "seed"}
    assert "suppliers, never cash" in client.post("/draw/line-1", data=stranger).text
    tobacco = {**form, "supplier": "other-agrovet", "goods": "tobacco"}
    assert "tobacco" in client.post("/draw/line-1", data=tobacco).text
    right = {**form, "supplier": "other-agrovet", "goods": "seed"}
    assert "Shall other-agrovet be paid now?" in client.post("/draw/line-1", data=right).text
    [drawn] = said(station, Up.DRAWDOWN)
    assert (drawn["supplier"], drawn["goods"]) == ("other-agrovet", ["seed"])


def test_a_yes_in_swahili(client: httpx.Client, station: Station) -> None:
    csrf = re.search(r'name="csrf" value="([^"]*)"', client.get("/home").text)
    assert csrf is not None
    client.post("/language", data={"csrf": csrf.group(1), "language": "sw"})
    assert "Ndiyo, nataka bidhaa hizi kwa bei hii" in client.get("/order/o-1").text
    assert encode(offer())["state"] == "offered"


def test_what_is_to_come_has_a_code_that_says_that_all_of_it_came(
    client: httpx.Client, station: Station
) -> None:
    form = fields_of(client.get("/order/o-1").text, "/order/o-1")
    assert 'id="came-code"' not in client.get("/order/o-1").text  # before the yes there is none
    client.post("/order/o-1", data=form)
    assert 'href="/order/o-1"' in client.get("/home").text
    page = client.get("/order/o-1").text
    secret = station.ends.shared_secret(CODE_CONTEXT)
    assert f'id="came-code">{grouped(delivery_code(secret, "o-1", 1))}<' in page
    assert "this number only when all of it has come." in page
    assert "Yes, all of this came" in page
    tell(station, offer(state=OrderStatus.DISPUTED, delivery_no=1))
    assert grouped(delivery_code(secret, "o-1", 2)) in client.get("/order/o-1").text
    tell(station, offer(state=OrderStatus.DELIVERED, delivery_no=2))
    assert 'href="/order/o-1"' not in client.get("/home").text
    assert 'id="came-code"' not in client.get("/order/o-1").text
