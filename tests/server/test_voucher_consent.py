"""What a voucher's draw was consented to: these goods, this supplier, this price, or a flag."""

from __future__ import annotations

import pytest

from core.canonical import canonical_hash
from core.decision.quote import quote
from core.lending.lease import DrawState
from core.shape import encode
from core.units import civil_day
from core.wire.orders import shown_goods_sha256
from core.wire.records import Consent, ConsentAction, Drawdown
from server.services.paying import HELD_MS
from server.store import payouts
from tests.support.centre_kit import Kit
from tests.support.kiosk_kit import MONEY, deliver, flags, leases_at_station
from tests.support.packs import pack
from tests.support.payout_kit import AMOUNT, SUPPLIER, line_of

GOODS = ("fertiliser",)


@pytest.fixture
def engine_name() -> str:
    return "sqlite"  # a rule, and no SQL of its own


def drawn(kit: Kit, shown: str, goods: tuple[str, ...] = GOODS) -> str:
    """A draw for goods with a consent that names a hash; the line's id."""
    line = line_of(kit, pack("input-voucher"))
    [lease] = [each for each in leases_at_station(kit) if each.line_id == line.line_id][:1]
    on = civil_day(kit.clock.at_ms)
    price = quote(kit.product, AMOUNT, on)
    quoted = canonical_hash(encode(price))
    named = {
        "these": shown_goods_sha256(line.line_id, SUPPLIER, GOODS, quoted),
        "of before": quoted,
        "another's": shown_goods_sha256(line.line_id, "farm-shop", GOODS, quoted),
        "dearer": shown_goods_sha256(line.line_id, SUPPLIER, GOODS, "ab" * 32),
    }
    consent = Consent(
        "co-1", "farmer-b", ConsentAction.GRANT, ("drawdown",), "lender", named[shown],
        spoken=True, helped=False,
    )  # fmt: skip
    kit.station.write(MONEY, "consent", consent, kit.clock.at_ms)
    for state in (DrawState.PENDING, DrawState.POSTED):
        draw = Drawdown(
            "draw-1", line.line_id, lease.lease_id, state, AMOUNT, price.fee_minor, "KES", "co-1",
            price.apr_ppm, on.isoformat(), supplier=SUPPLIER, goods=goods,
        )  # fmt: skip
        kit.station.write(MONEY, "drawdown", draw, kit.clock.at_ms)
    deliver(kit)
    return line.line_id


@pytest.mark.parametrize("shown", ["these", "of before"])
def test_a_consent_to_these_goods_counts_and_so_does_one_of_before(kit: Kit, shown: str):
    [payout] = kit.read(payouts.of_line, drawn(kit, shown))
    assert flags(kit) == []
    assert payout.due_at_ms < HELD_MS


@pytest.mark.parametrize(
    ("shown", "goods"), [("another's", GOODS), ("dearer", GOODS), ("these", ("seed",))]
)
def test_a_consent_to_others_is_flagged_and_its_supplier_waits(
    kit: Kit, shown: str, goods: tuple[str, ...]
):
    [payout] = kit.read(payouts.of_line, drawn(kit, shown, goods))
    assert any("the consent is not to these goods at this price" in each for each in flags(kit))
    assert payout.due_at_ms >= HELD_MS
