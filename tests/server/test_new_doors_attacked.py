"""Doors that are new at the centre, tried by a station whose key was stolen and by officers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from core.lending.payout import PayeeKind
from core.wire.appeals import Appeal, AppealKind, AppealTopic
from server.app import create_app
from server.services import officers
from server.services.appeals import waiting
from server.services.bouncing import BounceReason, BounceRequest
from server.services.centre import RoleError
from server.services.enrolment import add_user
from server.services.money_words import confirm, tell_bounce
from server.services.payouts.payees import confirm_payee, set_payee
from server.services.posting import RepaymentRequest, take_repayment
from server.store import lines
from server.store.engine import ConflictError
from server.store.people import Actor, Role
from server.store.scoping import Scope
from tests.support.asgi_client import AppClient
from tests.support.centre import Served
from tests.support.centre_kit import SEASON_START, TESTER, Kit, open_known
from tests.support.desk import ANNA
from tests.support.kiosk_kit import MONEY, drawn_by_farmer_b, flags
from tests.support.payout_kit import AGROVET, SUPPLIER
from tests.support.two_words import FIRST


@pytest.fixture
def client(kit: Kit) -> AppClient:
    kit.station.pull(kit.centre)
    return AppClient(create_app(kit.centre))


def sent(kit: Kit, client: AppClient, kind: str, body: object) -> int:
    """What the centre answers to a station's first record."""
    kit.station.write(MONEY, kind, body, kit.clock.at_ms)
    data = kit.station.envelope(MONEY, 1, len(kit.station.records[MONEY]))
    return client.post("/api/v1/envelopes", content=data).status_code


@pytest.mark.parametrize("line_id", [[], {}, ["line-1"], {"a": []}, 7, True])
def test_a_draw_whose_line_is_no_text_is_flagged_and_stops_no_log(
    kit: Kit, client: AppClient, line_id: object
):
    assert sent(kit, client, "drawdown", {"draw_id": "draw-9", "line_id": line_id}) == 200
    assert len(flags(kit)) == 1


@pytest.mark.parametrize("body", [[], "line-1", 7, [["line_id", "line-1"]]])
def test_a_draw_that_is_no_object_is_flagged_and_stops_no_log(
    kit: Kit, client: AppClient, body: object
):
    assert sent(kit, client, "drawdown", body) == 200
    assert len(flags(kit)) == 1


def test_an_appeal_on_the_last_of_days_is_kept_and_stops_no_log(kit: Kit, client: AppClient):
    last = "9999-12-31"
    told = Appeal(
        "apl-1", "farmer-b", AppealKind.APPEAL, AppealTopic.DECISION, "card-1", "sw", last, last,
        helped=False, product_id=kit.product.product_id,
    )  # fmt: skip
    assert sent(kit, client, "appeal", told) == 200
    [one] = kit.centre.write(waiting)
    assert (one.kept.answer_by, one.is_late) == (last, False)


OTHERWISE = ("Wanjiru", " wanjiru", "WANJIRU ", "wan jiru", "ｗａｎｊｉｒｕ")


@pytest.mark.parametrize("name", OTHERWISE)
def test_a_name_written_otherwise_is_no_second_person(kit: Kit, name: str):
    same = Actor(name, "supervisor")
    line_id = drawn_by_farmer_b(kit, SEASON_START + timedelta(days=1))
    on = (SEASON_START + timedelta(days=40)).isoformat()
    kit.clock.set_day(SEASON_START + timedelta(days=40))
    for number, taker in enumerate((Actor("till", "cashier"), FIRST), 1):
        request = RepaymentRequest(f"r{number}", line_id, 300_000, "KES", on)
        take_repayment(kit.centre, request, taker)
    asked = BounceRequest("r1", BounceReason.CHEQUE_UNPAID, "cheque 3", on)
    word = kit.centre.write(lambda work: tell_bounce(work, asked, FIRST))
    with pytest.raises(RoleError, match="another person than"):
        kit.centre.write(lambda work: confirm(work, word.word_id, same))
    own = replace(asked, repayment_id="r2")
    with pytest.raises(RoleError, match="who took it"):
        kit.centre.write(lambda work: tell_bounce(work, own, same))
    payee = (PayeeKind.SUPPLIER, SUPPLIER)
    set_payee(kit.centre, payee, ("files", AGROVET), FIRST, "contract 12")
    with pytest.raises(RoleError, match="another officer confirms it"):
        confirm_payee(kit.centre, payee, AGROVET, same)


@pytest.mark.parametrize("name", OTHERWISE)
def test_nobody_has_a_second_login_by_writing_their_name_otherwise(kit: Kit, name: str):
    add_user(kit.centre, "wanjiru", "a long password", Role.SUPERVISOR, TESTER)
    with pytest.raises(ConflictError, match="written otherwise"):
        add_user(kit.centre, name, "a long password", Role.SUPERVISOR, TESTER)
    add_user(kit.centre, "wanjiru", "another password", Role.LENDER, TESTER)  # renewed
    add_user(kit.centre, "wanjiru2", "a long password", Role.LENDER, TESTER)


@pytest.fixture
def olive(kit: Kit) -> Iterator[httpx.Client]:
    """A supervisor at the console."""
    open_known(kit)
    password = officers.invite(kit.centre, "olive", Role.SUPERVISOR, Scope(), ANNA)
    served = Served(create_app(kit.centre))
    with httpx.Client(base_url=served.url) as found:
        form = {"name": "olive", "password": password, "next": ""}
        form["token"] = token_of(found.get("/console/login"))
        assert found.post("/console/login", data=form).status_code == 303
        yield found
    served.close()


def token_of(page: httpx.Response) -> str:
    return str(re.search(r'name="token" value="([^"]+)"', page.text)[1])


ODD = (
    "/audit?to_on=9999-12-31", "/audit?from_on=0001-01-01", "/audit/export.csv?to_on=9999-12-31",
    "/audit?subject=%00", "/audit?before=999999999999999", "/portfolio?q=%00", "/lines/%00",
    "/lines/LINE/statement?on=9999-12-31", "/lines/LINE/statement?known_on=0001-01-01",
    "/lines/LINE/statement/export.csv?on=9999-12-31", "/plots/%00", "/queue?kind=%00",
)  # fmt: skip


def test_no_address_is_the_centres_fault(kit: Kit, olive: httpx.Client):
    [line, *_] = kit.read(lines.of_farmer, "farmer-a")
    asked = {path: f"/console{path.replace('LINE', line.line_id)}" for path in ODD}
    found = {path: olive.get(at).status_code for path, at in asked.items()}
    assert {path: code for path, code in found.items() if code not in (200, 404, 422)} == {}


@pytest.mark.parametrize("amount", ["9" * 5_000, "9" * 17, "-1", "1.5", "", "²"])
def test_no_amount_of_authority_is_the_centres_fault(olive: httpx.Client, amount: str):
    form = {"amount_minor": amount, "currency": "KES", "holder": "rule"}
    form["token"] = token_of(olive.get("/console/"))
    answer = olive.post("/console/authority", data=form)
    assert answer.status_code == 422
    assert "a whole amount in minor units" in answer.text
