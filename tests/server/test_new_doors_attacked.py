"""Doors that are new at the centre, tried by a station whose key was stolen and by officers."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from core.wire.appeals import Appeal, AppealKind, AppealTopic
from server.app import create_app
from server.services import officers
from server.services.appeals import waiting
from server.store import lines
from server.store.people import Role
from server.store.scoping import Scope
from tests.support.asgi_client import AppClient
from tests.support.centre import Served
from tests.support.centre_kit import Kit, open_known
from tests.support.desk import ANNA
from tests.support.kiosk_kit import MONEY, flags


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
