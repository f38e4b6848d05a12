"""The price moves with the risk inside its band, and what was drawn keeps its price."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from core.decision.quote import quote
from core.lending.lease import DrawState
from core.lending.risk_price import RateReason
from core.reasons import ReasonCode
from core.units import civil_day
from core.wire.evidence import Stage
from core.wire.records import Drawdown
from core.wire.registry import Dossier
from server.services.audit.run import audit
from server.services.evidence import accept_evidence
from server.services.standing import facts_of, owed
from server.services.verifying import verify
from server.store import leases, line_rates, lines, registry
from tests.support.bands import BAND
from tests.support.beside_lines import draw_at, offer
from tests.support.centre_kit import SEASON_START, Kit, open_known
from tests.support.kiosk_kit import MONEY, deliver, flags, leases_at_station, open_at_kiosk


def day(number: int) -> date:
    return SEASON_START + timedelta(days=number)


def known(kit: Kit, repaid: int) -> None:
    """What the books know of farmer B: whoever has repaid no season is a 30 % risk."""
    found = {"years_member_count": 3, "past_seasons_repaid_count": repaid}
    dossier = Dossier("farmer-b", "2026-04-01", found)
    kit.centre.write(lambda work: registry.put_dossier(work.tx, dossier))


def opened(kit: Kit, **changes: object) -> str:
    offer(kit, risk_prices=[BAND], **changes)
    open_known(kit)
    kit.station.pull(kit.centre)
    [line] = kit.read(lines.of_farmer, "farmer-b")
    return line.line_id


def see(kit: Kit, number: int) -> None:
    kit.clock.set_day(day(number))
    accept_evidence(kit.centre, kit.evidence("plot-b1", day(number), Stage.VEGETATIVE, 1_600))


def rate(kit: Kit, line_id: str) -> line_rates.LineRate:
    found = kit.read(line_rates.last, line_id)
    assert found is not None
    return found


def test_a_line_begins_at_the_rate_of_its_card_and_leases_carry_it(kit: Kit):
    line_id = opened(kit)
    first = rate(kit, line_id)
    assert (first.rated.rate_ppm, first.rated.reason) == (120_000, RateReason.FIRST)
    assert first.source.startswith("card:")
    [signed] = [each for each in leases_at_station(kit) if each.line_id == line_id]
    assert signed.rate_ppm == 120_000
    [told] = [body for body in kit.station.bodies("line") if body["line_id"] == line_id]
    assert told["reasons"][-1] == {"code": "rate_first", "params": {"percent": "12.00"}}
    assert audit(kit.centre, ["rates", "leases", "cards"]).holds
    assert verify(kit.centre).faults == ()


def test_a_rate_follows_the_risk_a_step_at_a_time_and_says_why(kit: Kit):
    line_id = opened(kit)
    known(kit, 0)
    see(kit, 30)
    assert rate(kit, line_id).rated.rate_ppm == 150_000
    assert [each.code for each in rate(kit, line_id).reasons] == [ReasonCode.RATE_STEP]
    see(kit, 35)
    assert (rate(kit, line_id).rated.rate_ppm, rate(kit, line_id).seq) == (180_000, 3)
    see(kit, 40)
    assert rate(kit, line_id).seq == 3  # nothing has changed, so nothing is written
    known(kit, 2)
    see(kit, 45)
    assert rate(kit, line_id).rated.rate_ppm == 150_000
    kit.station.pull(kit.centre)
    told = [body for body in kit.station.bodies("line") if body["line_id"] == line_id][-1]
    assert told["reasons"][-1]["code"] == "rate_step"
    assert audit(kit.centre, ["rates"]).holds


def test_what_was_drawn_keeps_its_price_and_new_money_has_the_new_one(kit: Kit):
    line_id = opened(kit)
    kit.clock.set_day(day(1))
    draw_at(kit, "draw-1", line_id, 500_000, 120_000)
    known(kit, 0)
    for number in (30, 35):
        see(kit, number)
    [line] = kit.read(lines.of_farmer, "farmer-b")
    alone = kit.read(owed, line, day(90)).interest_minor
    # 500,000 at 12 % for 89 days; the line's rate has risen to 18 % since.
    assert alone == 14_630
    kit.station.pull(kit.centre)
    newest = [each for each in leases_at_station(kit) if each.line_id == line_id][-1]
    assert newest.rate_ppm == 180_000
    kit.clock.set_day(day(40))
    draw_at(kit, "draw-2", line_id, 200_000, 180_000)
    assert flags(kit) == []
    rates = {fact.fact_id: fact.rate_ppm for fact in kit.read(facts_of, line)}
    assert (rates["draw/draw-1"], rates["draw/draw-2"]) == (120_000, 180_000)
    both = kit.read(owed, line, day(90)).interest_minor
    assert both == 14_630 + 4_932  # and 200,000 at 18 % for 50 days
    assert audit(kit.centre, ["rates", "books", "draws"]).holds
    assert verify(kit.centre).faults == ()


def test_a_draw_at_another_rate_is_flagged_and_booked_at_the_one_that_was_signed(kit: Kit):
    line_id = opened(kit)
    kit.clock.set_day(day(1))
    draw_at(kit, "draw-1", line_id, 500_000, 200_000)
    [flag] = flags(kit)[-1:]
    assert "its rate is 200000 ppm a year, 120000 was signed" in flag
    drawing = kit.read(leases.find_draw, "draw-1")
    assert drawing.rate_ppm == 120_000


def test_a_rise_above_the_cap_is_blocked_and_told(kit: Kit):
    """12 % and 1.5 % once are 15.9 % a year at the end of it; at 15 % they are above 18 %."""
    changed = {**kit_credit(kit), "apr_cap_ppm": 180_000}
    line_id = opened(kit, credit=changed)
    known(kit, 0)
    see(kit, 30)
    found = rate(kit, line_id)
    assert (found.rated.rate_ppm, found.rated.reason) == (120_000, RateReason.ABOVE_CAP)
    [told] = found.reasons
    assert told.code is ReasonCode.RATE_ABOVE_CAP
    assert "above the highest that is allowed" in told.sentence()
    see(kit, 35)
    assert rate(kit, line_id).seq == found.seq  # told once


def kit_credit(kit: Kit) -> dict[str, object]:
    credit = kit.product.credit
    named = ("rate_ppm", "fee_ppm", "apr_cap_ppm", "limit_max_minor", "rounding_unit_minor",
             "draw_step_minor", "term_days")  # fmt: skip
    return {**{name: getattr(credit, name) for name in named}, "day_count": "act/365f"}


def test_a_station_in_the_dark_decides_the_first_price_that_the_centre_reads(kit: Kit):
    offer(kit, risk_prices=[BAND])
    kit.station.pull(kit.centre)
    opening = open_at_kiosk(kit)
    on = civil_day(kit.clock.at_ms)
    price = quote(kit.product.at_rate(120_000), 300_000, on)
    for state in (DrawState.PENDING, DrawState.POSTED):
        body = Drawdown(
            "draw-1", opening.line_id, opening.lease.lease_id, state, 300_000, price.fee_minor,
            "KES", "consent-1", price.apr_ppm, on.isoformat(), rate_ppm=120_000,
        )  # fmt: skip
        kit.station.write(MONEY, "drawdown", body, kit.clock.at_ms)
    deliver(kit)
    assert flags(kit) == []
    assert rate(kit, opening.line_id).rated.rate_ppm == 120_000
    assert audit(kit.centre, ["rates", "cards", "books"]).holds


@pytest.mark.parametrize("tampered", [False, True])
def test_a_card_that_does_not_replay_sets_no_price(kit: Kit, *, tampered: bool):
    offer(kit, risk_prices=[BAND])
    kit.station.pull(kit.centre)
    opening = open_at_kiosk(kit, tampered=tampered)
    deliver(kit)
    found = rate(kit, opening.line_id)
    assert found.source == ("product" if tampered else f"card:{opening.card_id}")
