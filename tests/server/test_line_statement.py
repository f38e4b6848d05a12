"""A line's statement as of past days: by effect and by what was known, in three forms."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date, timedelta

import pytest
from click.testing import CliRunner

from core.lending.account import Amounts
from server.commands.hands import Hands
from server.commands.line import line as line_group
from server.services.posting import RepaymentRequest, take_repayment
from server.services.standing import owed
from server.services.statements import Statement, statement
from server.store import lines
from server.store.people import Actor
from tests.support.centre_kit import SEASON_START, Kit
from tests.support.kiosk_kit import drawn_by_farmer_b

CASHIER = Actor("till", "cashier")


def day(number: int) -> date:
    return SEASON_START + timedelta(days=number)


@pytest.fixture
def told(kit: Kit) -> str:
    """Drawn on day 1, repaid on day 74; on day 80 a repayment of day 10 comes to light."""
    line_id = drawn_by_farmer_b(kit, day(1))
    for name, known, on, amount in (
        ("r1", day(74), day(74), 143_000),
        ("late", day(80), day(10), 500_000),
    ):
        kit.clock.set_day(known)
        request = RepaymentRequest(name, line_id, amount, "KES", on.isoformat())
        take_repayment(kit.centre, request, CASHIER)
    return line_id


def seen(kit: Kit, line_id: str, on: date, known: date) -> Statement:
    return kit.read(lambda tx: statement(tx, lines.get(tx, line_id), on, known))


def test_a_statement_is_the_same_whenever_it_is_asked_for(kit: Kit, told: str):
    then = seen(kit, told, day(75), day(75))
    assert [(row.what, row.amount_minor) for row in then.rows] == [
        ("drawn", 1_000_000), ("fee", 15_000), ("repaid", 143_000),
    ]  # fmt: skip
    # 1,430 paid the fee, 280 of interest and 1,000 of principal; a day on 9,000 since.
    assert then.owed == Amounts(interest_minor=345, principal_minor=900_000)


def test_what_came_to_light_later_shows_beside_it(kit: Kit, told: str):
    now = seen(kit, told, day(75), day(80))
    assert [(row.on, row.recorded_on) for row in now.rows][2:] == [
        (day(10), day(80)), (day(74), day(74)),
    ]  # fmt: skip
    assert now.owed == kit.read(lambda tx: owed(tx, lines.get(tx, told), day(75)))
    assert now.owed.total_minor < 900_345 - 500_000
    assert now.rows[-1].owed.total_minor == now.owed.total_minor - now.owed.interest_minor
    assert sum(each.parts.principal_minor for each in now.ahead) == now.owed.principal_minor


def test_before_the_first_draw_nothing_is_owed(kit: Kit, told: str):
    found = seen(kit, told, day(0), day(80))
    assert (found.rows, found.owed, found.ahead) == ((), Amounts(), ())


def printed(kit: Kit, *arguments: str):
    hands = Hands(lambda _: kit.centre, lambda _: b"", lambda _: None)  # type: ignore[arg-type,return-value]
    return CliRunner().invoke(line_group, ["statement", "--config", "x", *arguments], obj=hands)


def test_the_command_prints_text_json_and_csv(kit: Kit, told: str):
    asked = (told, "--on", day(75).isoformat(), "--known", day(75).isoformat())
    text = printed(kit, *asked).output
    assert re.search("2026-05-28  repaid +KES 1,430.00  owed +KES 9,000.00", text)
    assert "Owed: KES 9,003.45 (principal KES 9,000.00, interest KES 3.45)" in text
    assert f"  2026-09-15  {'KES 9,379.73'}" in text
    document = json.loads(printed(kit, *asked, "--form", "json").output)
    assert document["owed"] == {
        "fee_minor": 0, "interest_minor": 345, "penalty_minor": 0, "principal_minor": 900_000,
    }  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(printed(kit, *asked, "--form", "csv").output)))
    assert [row["what"] for row in rows] == ["drawn", "fee", "repaid", "owed"]
    assert rows[-1]["owed_minor"] == "900345"
    late = printed(kit, told, "--on", day(75).isoformat()).output
    assert "written down 2026-06-03" in late


def test_a_day_that_cannot_be_asked_for_is_refused(kit: Kit, told: str):
    for wrong in ("2026-13-01", day(81).isoformat()):
        assert "expected a day" in str(printed(kit, told, "--on", wrong).exception)
