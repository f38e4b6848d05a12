"""Which kinds of product can be opened: evidence, limit, lease and draw through the centre."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.lending.kind_terms import CropScale
from core.lending.limit import Movement
from core.lending.product import Product
from core.wire.evidence import Stage
from server.services.enrolment import add_product
from server.services.evidence import accept_evidence
from server.services.offering import cannot_open
from server.services.standing import standing
from server.services.verifying import verify
from server.store import ledger, lines
from tests.support.centre_kit import SEASON_START, TESTER, Kit, open_known
from tests.support.kiosk_kit import deliver, draw, flags, leases_at_station
from tests.support.packs import pack


def offered(kit: Kit, product: Product) -> Product:
    """The product, put in force beside those of the kit, and the kit's own from now on."""
    add_product(kit.centre, product, TESTER)
    kit.product = product
    return product


def open_line(kit: Kit, product: Product) -> lines.Line:
    opened = open_known(kit, product.product_id)
    return kit.read(lines.get, next(one.line_id for one in opened if one.farmer_id == "farmer-b"))


def kisan() -> Product:
    """The pack's rule on the village's maize, whose first year ends in spring."""
    product = pack("kisan-revolving")
    assert product.revolving is not None
    turned = replace(
        product.revolving,
        first_year_on="2025-05-01",
        crops=(CropScale("maize", 2_000_000, 1_000_000, "test"),),
    )
    return replace(product, currency="KES", crop="maize", revolving=turned, bounds=None)


def test_a_revolving_line_opens_and_rises_when_its_year_turns(kit: Kit) -> None:
    product = offered(kit, kisan())
    line = open_line(kit, product)
    assert line.limit_minor == 4_160_000  # 1.6 ha × 20,000 × 1.3
    for days in (20, 60):
        on = SEASON_START + timedelta(days=days)
        kit.clock.set_day(on)
        seen = kit.evidence("plot-b1", on, Stage.VEGETATIVE, 100, season_id="2026-long-rains")
        accept_evidence(kit.centre, seen)
    moved = kit.read(lines.movements_of, line.line_id)
    assert [(each.movement, each.limit_minor) for each in moved] == [
        (Movement.OPENED, 4_160_000),
        (Movement.HELD, 4_160_000),  # a poor harvest moves no scale of finance
        (Movement.RAISED, 4_580_000),  # 45,760 to the nearest 100 is 45,800
    ]
    assert verify(kit.centre).faults == ()


def test_a_vouchers_draw_is_owed_to_its_supplier_and_leaves_no_till(kit: Kit) -> None:
    product = offered(kit, pack("input-voucher"))
    line = open_line(kit, product)
    assert line.limit_minor == 1_600_000  # 1.6 ha × 20,000 × 50 %
    kit.station.pull(kit.centre)
    lease = next(each for each in leases_at_station(kit) if each.line_id == line.line_id)
    draw(kit, "draw-1", line.line_id, lease.lease_id, 500_000)
    deliver(kit)
    assert flags(kit) == []

    def balance(account: str) -> int:
        return kit.read(ledger.account_balance, account, "KES")

    assert balance("payable/supplier/migori-agrovet") == -500_000
    assert balance("cash/st-one") == 0
    stands = kit.read(standing, line, SEASON_START + timedelta(days=1))
    assert stands.drawn_minor == 500_000
    assert verify(kit.centre).faults == ()


def test_a_rise_that_would_wait_for_ever_is_not_offered() -> None:
    product = pack("crop-season")
    twice = replace(product, movement=replace(product.movement, raise_sources_min=2))
    assert cannot_open(twice) == []  # imagery and an agent on the plot are two
    herd = pack("livestock")
    alone = replace(herd, movement=replace(herd.movement, raise_sources_min=2))
    assert "known in 1 way, so a rise would wait for ever" in cannot_open(alone)[0]
    store = pack("warehouse-receipt")
    assert cannot_open(store) == []  # the silo and the weighbridge are two
    thrice = replace(store, movement=replace(store.movement, raise_sources_min=3))
    assert "known in 2 ways" in cannot_open(thrice)[0]
    voucher = pack("input-voucher")
    assert voucher.voucher is not None
    several = replace(voucher, voucher=replace(voucher.voucher, suppliers=("a", "b")))
    assert cannot_open(several) == []  # a draw names whom it pays
