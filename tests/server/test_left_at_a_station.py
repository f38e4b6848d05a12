"""What farmers ended at a station, as the centre's table judges it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from core.lending.agreement import AgreementEvent as E
from core.lending.agreement import AgreementState as S
from core.lending.agreement import Party
from core.lending.offer import AgreementTerms
from core.units import civil_day
from core.wire.records import AgreementLeft, Leaving
from server.services import enrolment
from server.services.agreements import state_of_line
from server.services.standing import owed
from server.services.verifying import verify
from server.store import agreements, lines
from server.store.agreements import Step
from tests.support.centre_kit import TESTER, Kit
from tests.support.kiosk_kit import MONEY, deliver, draw, flags, open_at_kiosk


def cooling(kit: Kit, days: int = 14) -> Kit:
    terms = AgreementTerms(cooling_off_days=days, withdrawn_repay_days=30)
    product = replace(kit.product, version=kit.product.version + 1, agreement=terms)
    enrolment.add_product(kit.centre, product, TESTER)
    return replace(kit, product=product)


def opened(kit: Kit, drawn_minor: int = 0) -> str:
    kit.station.pull(kit.centre)
    opening = open_at_kiosk(kit)
    if drawn_minor:
        draw(kit, "draw-1", opening.line_id, opening.lease.lease_id, drawn_minor)
    deliver(kit)
    return opening.line_id


def left(kit: Kit, line_id: str, event: Leaving, **changes: object) -> AgreementLeft:
    on = civil_day(kit.clock.at_ms)
    told = AgreementLeft(
        "al-1", line_id, kit.read(lines.get, line_id).farmer_id, event, on.isoformat(), 0,
        (on + timedelta(days=30)).isoformat(), "ab" * 32, spoken=False, helped=False,
    )  # fmt: skip
    return replace(told, **changes)


def say(kit: Kit, told: AgreementLeft) -> None:
    kit.station.write(MONEY, "agreement_left", told, kit.clock.at_ms)
    deliver(kit)


def last(kit: Kit, line_id: str) -> Step:
    return kit.read(agreements.life, kit.read(lines.get, line_id).application_id)[-1]


def state(kit: Kit, line_id: str) -> S:
    return kit.read(state_of_line, kit.read(lines.get, line_id))


def test_an_offer_taken_back_at_the_kiosk_ends_the_line(kit: Kit) -> None:
    line_id = opened(kit)
    told = left(kit, line_id, Leaving.ABANDON)
    say(kit, told)
    step, line = last(kit, line_id), kit.read(lines.get, line_id)
    assert (step.event, step.state, step.party, step.irregular) == (
        E.ABANDON, S.ABANDONED, Party.FARMER, "",
    )  # fmt: skip
    assert (line.is_open, line.frozen) == (False, True)
    assert flags(kit) == []
    kit.station.pull(kit.centre)
    assert kit.station.bodies("line")[-1]["open"] is False


def test_an_agreement_left_while_it_cools_is_repaid_by_the_day_that_was_told(kit: Kit) -> None:
    kit = cooling(kit)
    line_id = opened(kit, 300_000)
    kit.clock.add_days(14)
    say(kit, left(kit, line_id, Leaving.WITHDRAW, owed_minor=305_000))
    step, on = last(kit, line_id), civil_day(kit.clock.at_ms)
    assert (step.state, step.irregular) == (S.WITHDRAWN, "")
    assert step.detail["repay_on"] == (on + timedelta(days=30)).isoformat()
    assert step.detail["told_owed_minor"] == 305_000
    line = kit.read(lines.get, line_id)
    assert step.detail["owed_minor"] == kit.read(owed, line, on).total_minor
    assert (line.frozen, line.is_open) == (True, True)
    assert verify(kit.centre).faults == ()


def test_too_late_by_the_centre_s_facts_is_irregular_and_told(kit: Kit) -> None:
    """A station whose product was newer let it be left; here it is past, and goes on."""
    kit = cooling(kit, 3)
    line_id = opened(kit, 300_000)
    kit.clock.add_days(4)
    say(kit, left(kit, line_id, Leaving.WITHDRAW))
    step = last(kit, line_id)
    assert (step.event, step.state) == (E.WITHDRAW, S.ACTIVE)
    assert "cooling-off" in step.irregular
    assert not kit.read(lines.get, line_id).frozen
    assert len(flags(kit)) == 1
    assert verify(kit.centre).faults == ()


def test_a_day_that_was_in_time_counts_though_the_station_was_dark_for_weeks(kit: Kit) -> None:
    kit = cooling(kit)
    line_id = opened(kit, 300_000)
    told = left(kit, line_id, Leaving.WITHDRAW)
    kit.clock.add_days(40)
    say(kit, told)
    assert (last(kit, line_id).state, last(kit, line_id).irregular) == (S.WITHDRAWN, "")


def test_a_day_that_is_yet_to_come_is_no_day_to_leave_on(kit: Kit) -> None:
    kit = cooling(kit)
    line_id = opened(kit, 300_000)
    say(kit, left(kit, line_id, Leaving.WITHDRAW, on="2099-01-01"))
    assert date.fromisoformat(last(kit, line_id).on_day) == civil_day(kit.clock.at_ms)
    assert "yet to come" in flags(kit)[0]


def test_the_same_leaving_twice_is_one_step(kit: Kit) -> None:
    line_id = opened(kit)
    told = left(kit, line_id, Leaving.ABANDON)
    say(kit, told)
    before = last(kit, line_id)
    say(kit, told)
    assert last(kit, line_id) == before


@pytest.mark.parametrize(
    "changes", [{"farmer_id": "farmer-a"}, {"line_id": "no-such-line"}], ids=["other", "none"]
)
def test_nobody_ends_another_s_agreement(kit: Kit, changes: dict[str, str]) -> None:
    line_id = opened(kit)
    say(kit, replace(left(kit, line_id, Leaving.ABANDON), **changes))
    assert state(kit, line_id) is S.OFFERED
    assert len(flags(kit)) == 1


def test_an_offer_of_which_money_was_drawn_cannot_be_taken_back(kit: Kit) -> None:
    """Forged, or a draw that the station forgot: the money is owed, and people are told."""
    line_id = opened(kit, 300_000)
    say(kit, left(kit, line_id, Leaving.ABANDON))
    assert state(kit, line_id) is S.ACTIVE
    assert kit.read(lines.get, line_id).is_open
    assert "abandon" in flags(kit)[0]
