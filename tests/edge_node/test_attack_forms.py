"""Forms that a thief fills in by hand: false goods, ids that jam a card, half characters."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from core.canonical import canonical_bytes, parse_canonical
from core.errors import ShapeError
from core.shape import encode
from core.signing import sign_document
from core.wire.appeals import AppealKind, AppealTopic
from core.wire.orders import shown_goods_sha256
from core.wire.records import Up
from core.wire.slips import (
    PREFIX,
    SLIP_BYTES_MAX,
    VOUCH,
    Slip,
    SlipKind,
    Vouch,
    base45,
    from_base45,
    write_slip,
)
from edge_node.decide.appeals import OPEN_HELPED_MAX, Asking, ask
from edge_node.decide.cash import take_repayment
from edge_node.decide.desk import RequestError
from edge_node.decide.receipts import ReceiptError, check
from edge_node.faces.kiosk.visits import Visits
from edge_node.faces.kiosk.voice import Voice
from edge_node.faces.resting import FAILURES_MAX, FAILURES_MS, SOURCES_MAX
from edge_node.keys import StationSigner
from edge_node.store import appeals, proxies
from tests.support.cash_desk import holder, staff
from tests.support.centre import entropy
from tests.support.kiosk import Elapsed, visiting
from tests.support.lending_station import CARDS, Station, lent_station

API = "/api/v1/kiosk"
UNUSABLE = ["x" * 5_000, "\x00", "../home", "a b"]


@pytest.fixture
def station(tmp_path) -> Iterator[Station]:
    found = lent_station(tmp_path)
    yield found
    found.close()


@pytest.fixture
def client(station: Station) -> Iterator[httpx.Client]:
    with visiting(station, Elapsed()) as found:
        yield found


@pytest.fixture
def csrf(client: httpx.Client) -> str:
    page = client.post("/identify", data={"card": CARDS["f-1"]})
    found = re.search(r'name="csrf" value="([^"]*)"', page.text)
    assert found is not None
    return found.group(1)


def quoted(client: httpx.Client, amount: int) -> str:
    asked = {"line_id": "line-1", "amount_minor": amount}
    return str(client.get(f"{API}/quote", params=asked).json()["quote_sha256"])


def draws_count(station: Station) -> int:
    return int(station.db.execute("SELECT count(*) FROM draws").fetchone()[0])


def test_a_line_that_pays_cash_signs_no_receipt_for_goods(client, station, csrf):
    """Cash from the till, and a true receipt for goods to any shop: paid twice."""
    shown = shown_goods_sha256("line-1", "shop", ("radio",), quoted(client, 100_000))
    form = {"csrf": csrf, "amount": 100_000, "shown": shown, "draw_id": "d-1"}
    refused = client.post("/draw/line-1", data={**form, "supplier": "shop", "goods": "radio"})
    assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert draws_count(station) == 0


@pytest.mark.parametrize("made_up", UNUSABLE)
def test_an_id_that_can_be_none_is_written_nowhere(client, station, csrf, made_up):
    """The centre and the station itself could not read such a record again."""
    forms = (
        ("/ask", {"appeal_id": made_up, "kind": "appeal", "about": ""}),
        ("/helpers", {"helper_id": made_up, "relation": "child", "name": "Juma", "amount": 0}),
        (
            "/draw/line-1",
            {"amount": 100_000, "shown": quoted(client, 100_000), "draw_id": made_up},
        ),
    )
    for path, form in forms:
        refused = client.post(path, data={"csrf": csrf, **form})
        assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY, path
    assert appeals.of_farmer(station.db, "f-1") == ()
    assert proxies.of_farmer(station.db, "f-1") == ()
    assert draws_count(station) == 0
    for path in ("/home", "/helpers", "/ask"):
        assert client.get(path).status_code == httpx.codes.OK, path


def test_a_helpers_name_is_one_line_however_it_is_typed(client, station, csrf):
    form = {"helper_id": "h-1", "relation": "child", "amount": 0, "csrf": csrf}
    client.post("/helpers", data={**form, "name": " Zoe\u0301\n  Otieno "})
    assert [each.name for each in proxies.of_farmer(station.db, "f-1")] == ["Zoé Otieno"]


@pytest.mark.parametrize("path", ["identify", "draw", "leave-agreement", "withdraw"])
def test_half_a_character_is_a_bad_request_and_no_fault(client, csrf, path):
    told = {
        "card": "\ud800", "line_id": "\ud800", "amount_minor": 1, "quote_sha256": "",
        "shown_sha256": "", "purposes": ["\ud800"],
    }  # fmt: skip
    headers = {"x-csrf-token": csrf, "content-type": "application/json"}
    refused = client.post(f"{API}/{path}", content=json.dumps(told), headers=headers)
    assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY


@pytest.mark.parametrize("name", ["[", "[::1", "a]b"])
def test_a_host_or_origin_that_is_none_is_refused(client, name):
    assert client.get("/", headers={"host": name}).status_code == httpx.codes.FORBIDDEN
    refused = client.post("/leave", headers={"origin": f"http://{name}"})
    assert refused.status_code == httpx.codes.FORBIDDEN


@pytest.mark.parametrize("locale", ["a" * 300, "é", "..", "EN"])
def test_no_clip_is_looked_for_under_another_name_than_a_languages(client, tmp_path, locale):
    assert Voice(tmp_path).clip(locale, "w-one") is None
    assert client.get(f"/voice/{locale}/w-one.ogg").status_code == httpx.codes.NOT_FOUND


def vouched(station: Station, name: str, signer: StationSigner) -> dict[str, Any]:
    told = encode(Vouch(name, signer.public_key.hex()))
    return parse_canonical(sign_document(VOUCH, told, station.centre.signer), SLIP_BYTES_MAX)


def slip(name: str, amount_minor: int = 100_000) -> Slip:
    return Slip(
        SlipKind.DRAW, "d-1", name, "2026-04-01", "KES", amount_minor, 110_000, "2026-10-01"
    )


def test_how_a_draw_stands_here_is_not_said_of_another_stations(station):
    """Two stations may have given the same id."""
    station.begin("line-1", 100_000, "d-1")
    other = StationSigner(b"\x07" * 32)
    code = write_slip(slip("mlima"), other, vouched(station, "mlima", other))
    own = Vouch(station.desk.station, station.keys.signer.public_key.hex())
    keys = (station.ends.centre.verifier, own)
    assert check(station.db, code, keys).state == ""
    mine = write_slip(slip(own.station), station.keys.signer)
    assert check(station.db, mine, keys).state == "pending"


def test_a_receipt_is_its_own_stations_word_alone(station):
    """A vouched key that speaks for another station, and an amount altered after signing."""
    other, own = StationSigner(b"\x07" * 32), station.desk.station
    keys = (station.ends.centre.verifier, Vouch(own, station.keys.signer.public_key.hex()))
    vouch = vouched(station, "mlima", other)
    for code in (
        write_slip(slip(own), other, vouch),
        write_slip(slip("mlima"), station.keys.signer, vouch),
        write_slip(slip(own), other),
        altered(write_slip(slip("mlima"), other, vouch)),
    ):
        with pytest.raises(ReceiptError):
            check(station.db, code, keys)


def altered(code: str) -> str:
    parts = json.loads(zlib.decompress(from_base45(code.removeprefix(PREFIX))))
    parts["slip"]["body"]["amount_minor"] *= 10
    return PREFIX + base45(zlib.compress(canonical_bytes(parts)))


def test_what_was_refused_is_in_no_log(client, station, csrf):
    client.post("/ask", data={"csrf": csrf, "appeal_id": "a b", "kind": "appeal"})
    rows = station.db.execute("SELECT count(*) FROM log_records WHERE kind = ?", [Up.APPEAL.value])
    assert rows.fetchone() == (0,)


def test_a_helper_leaves_room_for_the_farmers_own_complaint(station):
    """Ten questions of a helper's, and nobody hears the farmer complain of them."""
    asking = Asking("a-0", AppealKind.PERSON, AppealTopic.OTHER, "", "en", helped=True)
    for n in range(OPEN_HELPED_MAX):
        told = replace(asking, appeal_id=f"a-{n}", helped_by="h-1")
        ask(station.db, station.desk, "f-1", told, station.clock)
    told = replace(asking, appeal_id="a-9")
    with pytest.raises(RequestError, match="with help"):
        ask(station.db, station.desk, "f-1", told, station.clock)
    own = replace(asking, appeal_id="a-10", kind=AppealKind.COMPLAINT, helped=False)
    assert ask(station.db, station.desk, "f-1", own, station.clock).appeal_id == "a-10"


def test_unknown_cards_from_one_address_close_the_reader_for_that_address_alone():
    elapsed = Elapsed()
    visits = Visits(elapsed, entropy("visits"))
    for _ in range(FAILURES_MAX):
        visits.fail("192.0.2.7")
    assert visits.rests("192.0.2.7")
    assert not visits.rests("127.0.0.1")
    visits.begin("f-1", "en", source="127.0.0.1")
    assert visits.rests("192.0.2.7"), "another's known card does not let them go on"
    for n in range(SOURCES_MAX):
        visits.fail(f"2001:db8::{n}")
    elapsed.ms += FAILURES_MS
    assert not visits.rests("192.0.2.7")


@pytest.mark.parametrize("made_up", UNUSABLE)
def test_a_repayment_under_an_id_that_nobody_could_read_is_not_taken(station, made_up):
    """The farmer's money in the agent's hand, and a record that the centre cannot read."""
    staff(station)
    with pytest.raises(ShapeError):
        take_repayment(
            station.db, station.desk, holder(station, "akinyi"), (made_up, "line-1", 1_000),
            station.clock,
        )  # fmt: skip
