"""A farmer's own cash months stand where officers and programs look, in five languages."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from io import BytesIO

import httpx
import openpyxl
import pytest

from core.lending.terms import CashMonth, OwnCashTerms
from core.wire.records import Application
from server.app import create_app
from server.console.speaking import LANGUAGE_COOKIE
from server.services.enrolment import add_token, add_user
from server.store.people import Role
from server.words import LANGUAGES, cash_months, speaking
from tests.support.asgi_client import AppClient
from tests.support.centre import Served
from tests.support.centre_kit import TESTER, Kit
from tests.support.console_book import PASSWORD
from tests.support.kiosk_kit import (
    MONEY,
    card_of,
    deliver,
    draw,
    leases_at_station,
    open_at_kiosk,
    write_card,
)
from tests.support.policies import put_in_force

OWN = OwnCashTerms(months_max=3, share_ppm_min=100_000, early_months_max=3)
JUNE_AND_AUGUST = (CashMonth(6, 1), CashMonth(8, 2))
PATHS = {"lines": "portfolio", "applications": "applications"}
SAID = {
    "en": "Own cash months: Jun 33 %, Aug 67 %",
    "sw": "Miezi yake ya fedha: Jun 33%, Ago 67%",
    "hi": "किसान के अपने आय के महीने: जून 33%, अग॰ 67%",
    "zh": "自报进款月份：6月 33%, 8月 67%",
    "mn": "Өөрийн орлоготой сарууд: 6-р сар 33%, 8-р сар 67%",
}


@pytest.fixture
def line_id(kit: Kit) -> str:
    """A line in the farmer's own months, drawn, beside another's application that waits."""
    product = replace(kit.product, version=kit.product.version + 1, own_cash=OWN)
    put_in_force(kit.centre, product)
    kit.clock.set_day(date(2026, 3, 20))
    kit.station.pull(kit.centre)
    own = replace(kit, product=product)
    opening = open_at_kiosk(own, cash=JUNE_AND_AUGUST)
    draw(own, "draw-1", opening.line_id, opening.lease.lease_id, 300_000)
    deliver(own)
    lease = next(x for x in leases_at_station(own, "onboarding") if x.product_id == "crop-season")
    asked = Application(
        "app-r", "farmer-c", "crop-season", ("plot-c1",), 500_000, "KES", cash=JUNE_AND_AUGUST
    )
    own.station.write(MONEY, "application", asked, own.clock.at_ms)
    write_card(own, card_of(own, asked, lease.per_line_minor, purposes=()))
    deliver(own)
    return opening.line_id


@pytest.fixture
def come(kit: Kit, line_id: str) -> Iterator[Callable[[str], httpx.Client]]:
    add_user(kit.centre, "lender", PASSWORD, Role.LENDER, TESTER)
    served = Served(create_app(kit.centre))
    clients: list[httpx.Client] = []

    def enter(language: str) -> httpx.Client:
        client = httpx.Client(base_url=f"{served.url}/console", cookies={LANGUAGE_COOKIE: language})
        clients.append(client)
        token = re.search(r'name="token" value="([^"]+)"', client.get("/login").text)
        assert token is not None
        form = {"name": "lender", "password": PASSWORD, "next": "", "token": token[1]}
        assert client.post("/login", data=form).status_code == 303
        return client

    yield enter
    for client in clients:
        client.close()
    served.close()


def test_months_and_shares_are_said_in_every_language():
    for language in LANGUAGES:
        with speaking(language):
            assert SAID[language].endswith(cash_months(JUNE_AND_AUGUST)), language
    assert (
        cash_months([CashMonth(month, 1) for month in (1, 5, 9)]) == "Jan 33 %, May 33 %, Sep 33 %"
    )
    assert cash_months(()) == ""


def test_the_console_shows_them_on_pages_and_lists_in_every_language(
    come: Callable[[str], httpx.Client], line_id: str
):
    for language in LANGUAGES:
        client = come(language)
        for page in (f"/lines/{line_id}", "/applications/app-r", "/applications", "/portfolio"):
            text = client.get(page).text.replace("\u00a0", " ")
            assert SAID[language] in text, (language, page)
        months = SAID[language].replace("：", ": ").partition(": ")[2]
        assert months in client.get("/queue?kind=application").text, language


def test_a_list_has_them_for_programs_and_for_readers(
    come: Callable[[str], httpx.Client], line_id: str
):
    for name, key in (("lines", "line"), ("applications", "application")):
        client = come("sw")
        rows = list(csv.reader(io.StringIO(client.get(f"/{PATHS[name]}/export.csv").text)))
        head = next(row for row in rows if "own_months" in row)
        after = rows[rows.index(head) + 1 :]
        found = {row[head.index(key)]: row[head.index("own_months")] for row in after}
        assert found[line_id if name == "lines" else "app-r"] == "6=1 8=2"
        sheet = openpyxl.load_workbook(
            BytesIO(client.get(f"/{PATHS[name]}/export.xlsx").content)
        ).active
        cells = {str(cell) for row in sheet.iter_rows(values_only=True) for cell in row}
        assert {"Miezi yake ya fedha", "Jun 33%, Ago 67%"} <= cells, name


def test_programs_read_them_with_lines_and_applications(kit: Kit, line_id: str):
    token = add_token(kit.centre, "books", Role.INTEGRATOR, TESTER)
    client, told = (
        AppClient(create_app(kit.centre)),
        [{"month": 6, "weight": 1}, {"month": 8, "weight": 2}],
    )
    for name, key, wanted in (
        ("lines", "line_id", line_id),
        ("applications", "application_id", "app-r"),
    ):
        answer = client.get(f"/api/v1/{name}", headers={"Authorization": f"Bearer {token}"})
        found = {each[key]: each["cash"] for each in answer.json()["items"]}
        assert found[wanted] == told
