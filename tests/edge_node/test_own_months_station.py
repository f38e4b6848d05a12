"""A farmer's own cash months at a station without a link: asked, told, drawn and owed by."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from core.decision.field_draw import FieldAsk, field_quote, judge, shown_sha256
from core.decision.quote import Quote
from core.lending.agreed import draw_facts
from core.lending.lease import Clock
from core.lending.limit import Movement
from core.lending.own_cash import with_own_cash
from core.lending.terms import CashMonth
from core.reasons import Reason, ReasonCode
from core.units import MS_PER_DAY
from core.wire.envelope import LogClass
from core.wire.fieldwork import FieldApplication, OperationKind, shown_with_cash
from core.wire.linefacts import line_facts
from core.wire.records import Application, Down
from core.wire.subleases import FieldDraw
from edge_node.decide.debt import debt, priced
from edge_node.decide.desk import RequestError
from edge_node.decide.draws import quote_draw
from edge_node.decide.fieldwork import take
from edge_node.decide.subleases import TakeAlong, grant
from edge_node.store import decisions, leases, lines, logs, tablets, village
from tests.support.lending_station import Station, maize, status
from tests.support.tablet import FieldTablet, door_of, field_desk, teller_of

OWN = {"months_max": 3, "share_ppm_min": 100_000, "early_months_max": 4}
JUNE_AND_AUGUST = (CashMonth(6, 1), CashMonth(8, 2))
APRIL_2 = date(2026, 4, 2)


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    station.populate()
    station.centre.say(Down.PRODUCT, maize(version=2, own_cash=OWN), station.at_ms)
    station.take_down()
    yield station
    station.close()


def records(station, kind):
    rows = logs.read_run(station.db, LogClass.MONEY, 0, 1000, 10**7)
    return [row.body for row in rows if row.kind == kind]


def owes(station, line_id, on):
    line = lines.line(station.db, line_id)
    drawn = tuple(
        leases.draw(station.db, body["draw_id"])
        for body in records(station, "drawdown")
        if body["state"] == "posted" and line.status is None
    )
    return debt(line, drawn, village.product(station.db, line.product_id), on)


def test_station_alone_and_by_the_centres_facts_tells_one_plan_in_the_farmers_months(station):
    kept = station.apply(cash=JUNE_AND_AUGUST)
    assert kept.card.outcome.quote.due_on == "2026-08-15"
    for kind in ("application", "line_opened"):
        [body] = records(station, kind)
        assert body["cash"] == [{"month": 6, "weight": 1}, {"month": 8, "weight": 2}]
    told = quote_draw(station.db, station.desk, kept.line_id, 300_000, station.clock)
    # 74 days of 14 % on 3,000.00 and 61 on 2,000.00.
    assert isinstance(told, Quote)
    assert (told.due_on, told.fee_minor, told.interest_minor) == ("2026-08-15", 4_500, 13_195)
    drawn = station.draw(kept.line_id, 300_000).drawdown
    here = owes(station, kept.line_id, APRIL_2)
    assert [
        (each.on.isoformat(), each.parts.principal_minor, each.parts.interest_minor)
        for each in here.ahead
    ] == [("2026-06-15", 100_000, 8_515), ("2026-08-15", 200_000, 4_680)]

    product = with_own_cash(village.product(station.db, "crop-season"), JUNE_AND_AUGUST)
    facts = line_facts(product, draw_facts(drawn.draw_id, APRIL_2, 300_000, 4_500, None))
    said = status(
        kept.line_id, 800_000, Movement.HELD, due_on=product.due_on, facts=facts,
        principal_minor=300_000, fee_minor=4_500,
    )  # fmt: skip
    station.centre.say(Down.LINE, said, station.at_ms)
    station.take_down()
    assert priced(lines.line(station.db, kept.line_id), product).repayment() == product.repayment()
    for on in (APRIL_2, date(2026, 6, 16), date(2026, 9, 30)):
        line = replace(lines.line(station.db, kept.line_id), status=None)
        alone = debt(line, (leases.draw(station.db, drawn.draw_id),), product, on)
        assert owes(station, kept.line_id, on).ahead == alone.ahead
        assert owes(station, kept.line_id, on).owed == alone.owed


def test_nothing_is_drawn_once_the_last_of_the_farmers_months_is_due(station):
    line_id = station.apply(cash=(CashMonth(5, 1),)).line_id
    told = quote_draw(station.db, station.desk, line_id, 50_000, station.clock)
    assert isinstance(told, Quote)
    assert told.due_on == "2026-05-15"
    station.at_ms += 43 * MS_PER_DAY
    assert station.desk.today(station.clock) == date(2026, 5, 15)
    told = quote_draw(station.db, station.desk, line_id, 50_000, station.clock)
    assert isinstance(told, Reason)
    assert told.code is ReasonCode.DRAW_SEASON_OVER


@pytest.mark.parametrize(
    ("cash", "words"),
    [
        ((CashMonth(6, 1), CashMonth(9, 19)), "at least 10.00 % of what is repaid"),
        ((CashMonth(4, 1),), "at most 4 months before 2026-09-15, got one 5 months before"),
    ],
)
def test_months_beyond_the_bounds_are_refused_and_nothing_is_written(station, cash, words):
    with pytest.raises(RequestError, match=words):
        station.apply(cash=cash)
    assert records(station, "application") == []


def test_a_tablet_brings_months_that_the_farmer_was_shown_with_the_words(station):
    tablet = FieldTablet("tab-1", 1)
    code, _ = door_of(station).invite("tab-1", ("agent-1", "Juma"), (), 14)
    door_of(station).enrol(code, tablet.public_key)
    teller = teller_of(station)
    words = teller.consent_sha256("crop-season", "sw")

    def brought(number: int, shown_sha256: str):
        asked = Application(
            f"a-{number}", "f-1", "crop-season", ("plot-1",), 800_000, "KES", cash=JUNE_AND_AUGUST
        )
        purposes = teller.purposes("crop-season")
        body = FieldApplication(asked, f"c-{number}", purposes, "sw", shown_sha256)
        who = tablets.tablet(station.db, "tab-1")
        document = tablet.operation(OperationKind.APPLICATION, body)
        return take(station.db, field_desk(station, teller), who, document, station.clock)

    assert "consent to the words that are used now" in brought(1, words).detail
    shown = shown_with_cash(words, JUNE_AND_AUGUST)
    taken = brought(2, shown)
    assert (taken.code, taken.detail) == ("", "")
    card = decisions.card_of_application(station.db, "a-2")
    assert card.card.inputs.application.cash == JUNE_AND_AUGUST
    assert records(station, "consent")[-1]["shown_sha256"] == shown


def test_a_tablet_is_lent_a_part_that_is_repaid_in_the_farmers_months(station):
    kept = station.apply(cash=JUNE_AND_AUGUST)
    made = FieldTablet("tab-9", 9)
    code, _ = door_of(station).invite(made.tablet_id, ("agent-1", "Juma"), (), 14)
    door_of(station).enrol(code, made.public_key)
    who = tablets.tablet(station.db, made.tablet_id)
    ask = TakeAlong("s-1", kept.line_id, 300_000)
    part = grant(station.db, station.desk, who, ask, station.clock).lease
    assert part.terms.repayment().schedule.cash == JUNE_AND_AUGUST
    price = field_quote(part.terms, 300_000, APRIL_2)
    here = quote_draw(station.db, station.desk, kept.line_id, 300_000, station.clock)
    assert (price.due_on, price.total_minor, price.apr_ppm) == (
        "2026-08-15", here.total_minor, here.apr_ppm,
    )  # fmt: skip
    told = FieldDraw(
        "d-1", "s-1", kept.line_id, part.farmer_id, 300_000, APRIL_2.isoformat(), station.at_ms,
        1_000, price.fee_minor, price.total_minor, price.due_on, price.apr_ppm, "c-d-1",
        shown_sha256(price), "sw", spoken=False,
    )  # fmt: skip
    document = made.operation(OperationKind.DRAW, told)
    taken = take(station.db, field_desk(station, teller_of(station)), who, document, station.clock)
    assert not taken.code
    asked = owes(station, kept.line_id, APRIL_2).ahead
    assert [(each.on.isoformat(), each.parts.principal_minor) for each in asked] == [
        ("2026-06-15", 100_000), ("2026-08-15", 200_000),
    ]  # fmt: skip
    last = date(2026, 8, 15)
    at_ms = station.at_ms + (last - APRIL_2).days * MS_PER_DAY
    late = FieldAsk(kept.line_id, 50_000, "0" * 64)
    refused = judge(replace(part, expires_at_ms=at_ms + MS_PER_DAY), [], late, Clock(at_ms, 1_000))
    assert refused is ReasonCode.DRAW_SEASON_OVER
