"""Envelopes of a station whose key was stolen: what is odd is refused alone, and stops no log."""

from __future__ import annotations

import random
import string
from dataclasses import replace
from datetime import timedelta

import pytest

from core.decision.quote import quote
from core.lending.lease import DrawState
from core.wire.envelope import Placement
from core.wire.records import Application, Consent, ConsentAction, Drawdown, LineOpened
from server.services.audit.run import audit
from server.services.envelopes import RECORDS_AT_ONCE_MAX
from server.store import leases, logs
from tests.support.centre_kit import SEASON_START, Kit, open_known
from tests.support.kiosk_kit import MONEY, deliver, flags, leases_at_station

LONGEST = 4_096  # characters of a text that the wire lets through


@pytest.fixture
def engine_name() -> str:
    return "postgresql"  # whose indexes bound a text


def long_text(number: int) -> str:
    """A text that nothing makes shorter."""
    chance = random.Random(number)
    return "".join(chance.choices(string.ascii_letters + string.digits, k=LONGEST))


def sound(kit: Kit, draw_id: str) -> Drawdown:
    """A draw with which nothing is wrong."""
    lease = leases_at_station(kit)[0]
    price = quote(kit.product, 1_000, SEASON_START + timedelta(days=40))
    return Drawdown(
        draw_id, lease.line_id, lease.lease_id, DrawState.POSTED, 1_000, price.fee_minor, "KES",
        "consent-1", price.apr_ppm, (SEASON_START + timedelta(days=1)).isoformat(),
    )  # fmt: skip


@pytest.fixture
def drawing(kit: Kit) -> Kit:
    open_known(kit)
    kit.station.pull(kit.centre)
    kit.clock.set_day(SEASON_START + timedelta(days=1))
    return kit


def odd(kit: Kit) -> list[tuple[str, object]]:
    """Records with ids that no index takes, each in another of its places."""
    draw, farmer, plots = sound(kit, "odd"), "farmer-c", ("plot-c1",)
    crop = kit.product.product_id
    consent = Consent(
        long_text(1), farmer, ConsentAction.GRANT, ("automated_decision",), "lender", "a" * 64,
        spoken=True, helped=False,
    )  # fmt: skip
    asked = Application(long_text(2), farmer, crop, plots, 500_000, "KES")
    lease = leases_at_station(kit, "onboarding")[0]
    opened = LineOpened(
        long_text(3), "app-1", farmer, crop, lease.lease_id, plots, 500_000, "KES"
    )  # fmt: skip
    return [
        ("consent", consent),
        ("application", asked),
        ("line_opened", opened),
        ("drawdown", replace(draw, draw_id=long_text(4))),
        ("drawdown", replace(draw, line_id=opened.line_id)),  # of a line that was refused
        ("drawdown", replace(draw, draw_id="odd-2", lease_id=long_text(5))),
        ("drawdown", replace(draw, draw_id="odd-3", paid_by=long_text(6))),
        ("drawdown", replace(draw, draw_id="odd-4", order_id=long_text(7))),
        (long_text(8), {"x": 1}),
    ]


def test_ids_that_no_index_takes_are_refused_alone(drawing: Kit):
    kit = drawing
    for number, (kind, body) in enumerate(odd(kit)):
        kit.station.write(MONEY, kind, body, kit.clock.at_ms)
        kit.station.write(MONEY, "drawdown", sound(kit, f"sound-{number}"), kit.clock.at_ms)
    receipt = kit.station.receipt(deliver(kit).receipt)
    assert receipt.high_water == len(kit.station.records[MONEY])
    booked = {each.draw_id: each for each in kit.read(leases.every_draw)}
    assert {f"sound-{number}" for number in range(9)} <= set(booked)
    assert [booked[f"sound-{number}"].flag for number in range(9)] == [""] * 9
    assert len(flags(kit)) >= 6
    assert audit(kit.centre).holds


def test_a_long_envelope_and_what_was_held_for_it_are_applied_in_parts(drawing: Kit):
    kit = drawing
    for number in range(RECORDS_AT_ONCE_MAX + 2):
        kit.station.write(MONEY, f"of_tomorrow_{number}", {}, kit.clock.at_ms)
    whole = len(kit.station.records[MONEY])
    kit.station.write(MONEY, "drawdown", sound(kit, "held-1"), kit.clock.at_ms)
    kit.station.write(MONEY, "drawdown", sound(kit, "held-2"), kit.clock.at_ms)
    for seq in (whole + 2, whole + 1):
        assert deliver(kit, seq, seq).placement is Placement.EARLY
    answer = deliver(kit, 1, whole)
    assert answer.placement is Placement.NEXT
    assert kit.station.receipt(answer.receipt).high_water == whole + 2
    assert {each.draw_id for each in kit.read(leases.every_draw)} == {"held-1", "held-2"}
    assert kit.read(logs.held_count, kit.station.name(MONEY)) == 0
    assert deliver(kit, 1, whole).placement is Placement.KNOWN
    found = audit(kit.centre, ["inbound", "heads", "sums", "books"])
    assert found.holds, found.first
