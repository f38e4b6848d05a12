"""Lines on machines and stored grain: what devices count moves them, through the centre."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from core.lending.limit import Movement
from core.lending.product import Product
from core.reasons import ReasonCode
from core.scoring.features import DailyFeature
from core.units import PPM
from core.wire.envelope import LogClass
from core.wire.registry import Device, Subject, SubjectKind
from core.wire.telemetry import DeviceKind
from server.services import enrolment
from server.services.audit.run import audit
from server.services.centre import RequestError
from server.services.enrolment import add_product
from server.services.envelopes import accept_envelope
from server.services.standing import standing
from server.services.weighing import Sale, Ticket, sentence, weigh
from server.store import ledger, lines, reports
from server.store.engine import ConflictError, StoreError
from server.store.lines import LineMovement
from server.store.store_receipts import Way
from server.store.tables import store_receipts
from tests.support.centre_kit import SEASON_START, TESTER, Kit, village
from tests.support.counted_farm import (
    CASHIER,
    SILO,
    TRACTOR,
    bring,
    counting,
    receipt_product,
)
from tests.support.kiosk_kit import draw, flags, leases_at_station
from tests.support.packs import pack

DAY = {"engine_s": 4 * 3_600, "area_worked_m2": 20_000, "fuel_used_ml": 30_000}
DRY = {"store_level_kg": 24_000, "relative_humidity_ppm": 650_000}


def told(moved: LineMovement) -> set[ReasonCode]:
    return {reason.code for reason in moved.reasons}


def machinery() -> Product:
    """The pack's rule with a window of eight weeks."""
    product = pack("machinery")
    assert product.machine is not None
    return replace(product, machine=replace(product.machine, window_days=56), bounds=None)


def test_a_tractors_work_raises_its_line_on_the_second_look(kit: Kit) -> None:
    counted = counting(kit, machinery())
    first_minor = counted.line.limit_minor
    assert first_minor == 800_000  # what a station would open it with
    counted.report(TRACTOR, SEASON_START, 49, DAY)
    moved = counted.sweep(SEASON_START + timedelta(days=49))
    assert [each.movement for each in moved] == [Movement.OPENED, Movement.HELD]
    assert moved[-1].as_of == "2026-04-26"  # the Sunday before the last day that was told
    assert told(moved[-1]) == {ReasonCode.LIMIT_SECOND_LOOK}
    # The same week's days again make no second look.
    assert len(counted.sweep(SEASON_START + timedelta(days=50))) == 2
    counted.report(TRACTOR, SEASON_START + timedelta(days=49), 7, DAY)
    moved = counted.sweep(SEASON_START + timedelta(days=56))
    assert moved[-1].movement is Movement.RAISED
    assert moved[-1].limit_minor == 920_000  # at most 15 % a review
    assert moved[-1].terms["stage_cost_minor"] == 50 * 20_000 * 250_000 // 10_000
    assert moved[-1].evidence_ids[0].startswith("st-one/features/")
    assert audit(kit.centre).holds


def test_an_engine_that_idles_proves_no_area_and_a_thin_window_proves_nothing(kit: Kit) -> None:
    counted = counting(kit, machinery())
    idle = {"engine_s": 8 * 3_600, "area_worked_m2": 0, "fuel_used_ml": 16_000}
    counted.report(TRACTOR, SEASON_START, 56, idle)
    moved = counted.sweep(SEASON_START + timedelta(days=56))
    assert moved[-1].movement is Movement.CUT
    assert moved[-1].limit_minor == 0
    assert moved[-1].views[0]["area_m2"] == 0

    thin = replace(machinery(), version=2)
    assert thin.machine is not None
    wide = replace(thin, machine=replace(thin.machine, window_days=180))
    add_product(kit.centre, wide, TESTER)
    counted.report(TRACTOR, SEASON_START + timedelta(days=56), 7, DAY)
    moved = counted.sweep(SEASON_START + timedelta(days=63))
    assert moved[-1].movement is Movement.HELD
    assert told(moved[-1]) == {ReasonCode.LIMIT_THIN}


def test_a_tractor_that_falls_silent_freezes_its_line_and_thaws_when_it_speaks(kit: Kit) -> None:
    counted = counting(kit, machinery())
    counted.report(TRACTOR, SEASON_START, 49, DAY)
    counted.sweep(SEASON_START + timedelta(days=49))
    moved = counted.sweep(SEASON_START + timedelta(days=49 + 45))
    assert moved[-1].movement is Movement.FROZEN
    assert told(moved[-1]) == {ReasonCode.LIMIT_SILENT_FROZEN}
    counted.report(TRACTOR, SEASON_START + timedelta(days=49), 49, DAY)
    moved = counted.sweep(SEASON_START + timedelta(days=49 + 50))
    assert moved[-1].movement is not Movement.FROZEN
    assert not counted.kit.read(lines.get, counted.line.line_id).frozen


def test_another_station_may_not_speak_of_a_machine_that_it_does_not_hear(kit: Kit) -> None:
    counted = counting(kit, machinery())
    elsewhere = replace(
        village(),
        subjects=(Subject("machine-a1", SubjectKind.MACHINE, "farmer-a", "Trekta"),),
        devices=(Device("far", DeviceKind.MACHINE, "machine-a1", "st-two", "ab" * 32, "cd" * 32),),
    )
    enrolment.import_village(kit.centre, elsewhere, {}, TESTER)
    counted.tell(DailyFeature("machine-a1", "engine_s", "2026-03-16", 9_000, PPM, 24, "0" * 64))
    counted.deliver()
    assert kit.read(reports.features_of, "machine-a1") == ()
    assert any("is measured at st-two, not here" in flag for flag in flags(kit))


def test_stored_grain_is_lent_on_by_two_sources_and_released_as_it_is_sold(kit: Kit) -> None:
    counted = counting(kit, receipt_product())
    counted.report(SILO, SEASON_START, 8, DRY)
    moved = counted.sweep(SEASON_START + timedelta(days=8))
    assert len(moved) == 1  # no ticket yet: what lies there is not known
    bring(kit, "wb-1", 20_000, SEASON_START + timedelta(days=1))
    moved = counted.sweep(SEASON_START + timedelta(days=9))
    assert moved[-1].movement is Movement.RAISED
    # The lesser of tickets and level: 20 t × 40.00 × 90 % × 98 % × 75 %.
    assert moved[-1].terms["collateral_minor"] == 20_000 * 4_000 * 90 * 98 * 75 // 10**6
    assert moved[-1].limit_minor == 50_000_000  # the product's cap

    lease = next(each for each in leases_at_station(kit) if each.line_id == counted.line.line_id)
    draw(kit, "draw-1", counted.line.line_id, lease.lease_id, 500_000)
    data = kit.station.envelope(LogClass.MONEY)
    accept_envelope(kit.centre, data)

    on = SEASON_START + timedelta(days=9)
    out = Ticket("wb-2", SILO, Way.OUT, 15_000, on.isoformat(), "weighbridge of the cooperative")
    found = weigh(kit.centre, out, CASHIER, Sale(300_000, "KES"))
    assert found.stock_kg == 5_000
    assert found.repayment is not None
    assert found.repayment.amount_minor == 240_000  # 80 % of the sale
    assert "15,000 kg left store-b1; its tickets leave 5,000 kg" in sentence(found)
    moved = kit.read(lines.movements_of, counted.line.line_id)
    assert moved[-1].movement is Movement.CUT
    assert moved[-1].terms["collateral_minor"] == 5_000 * 4_000 * 90 * 98 * 75 // 10**6
    again = weigh(kit.centre, out, CASHIER, Sale(300_000, "KES"))
    assert not again.new
    assert len(kit.read(ledger.repayments_of, counted.line.line_id)) == 1
    stands = kit.read(standing, kit.read(lines.get, counted.line.line_id), on)
    assert stands.outstanding_minor < 500_000
    assert audit(kit.centre).holds


def test_damp_grain_counts_less_and_mouldy_grain_nothing(kit: Kit) -> None:
    counted = counting(kit, receipt_product())
    bring(kit, "wb-1", 20_000, SEASON_START)
    counted.report(SILO, SEASON_START, 8, {**DRY, "relative_humidity_ppm": 750_000})
    moved = counted.sweep(SEASON_START + timedelta(days=8))
    assert moved[-1].terms["collateral_minor"] == 20_000 * 4_000 * 90 * 98 * 75 // 10**6 // 2
    counted.report(
        SILO, SEASON_START + timedelta(days=8), 7, {**DRY, "relative_humidity_ppm": 810_000}
    )
    moved = counted.sweep(SEASON_START + timedelta(days=15))
    assert moved[-1].limit_minor == 0


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"subject_id": "plot-b1"}, "expected a store, got plot-b1, a plot"),
        ({"kg": 0}, "expected 1 to 100,000,000 kg, got 0"),
        ({"effective_on": "2026-03-16"}, "expected a day up to 2026-03-15, got 2026-03-16"),
        ({"way": Way.OUT}, "expected at most 0 kg to leave store-b1"),
    ],
)
def test_a_ticket_that_cannot_be_is_refused(
    kit: Kit, changed: Mapping[str, object], says: str
) -> None:
    counting(kit, receipt_product())
    good = Ticket("wb-1", SILO, Way.IN, 100, SEASON_START.isoformat(), "weighbridge")
    with pytest.raises(RequestError, match=says):
        weigh(kit.centre, replace(good, **changed), CASHIER)


def test_a_tickets_number_counts_once_and_its_row_stays(kit: Kit) -> None:
    counting(kit, receipt_product())
    good = Ticket("wb-1", SILO, Way.IN, 100, SEASON_START.isoformat(), "weighbridge")
    weigh(kit.centre, good, CASHIER)
    with pytest.raises(ConflictError, match="ticket wb-1 exists with other content"):
        weigh(kit.centre, replace(good, kg=101), CASHIER)
    with pytest.raises(RequestError, match="expected a sale with grain that leaves"):
        weigh(kit.centre, good, CASHIER, Sale(100, "KES"))
    out = replace(good, receipt_id="wb-2", way=Way.OUT)
    with pytest.raises(RequestError, match="expected a sale in KES, got UGX"):
        weigh(kit.centre, out, CASHIER, Sale(100, "UGX"))
    # A ticket of an earlier day may not take what a later one has taken already.
    kit.clock.add_days(2)
    later = replace(out, receipt_id="wb-3", effective_on="2026-03-17")
    weigh(kit.centre, later, CASHIER)
    with pytest.raises(RequestError, match="at most 0 kg to leave"):
        weigh(kit.centre, replace(out, effective_on="2026-03-16"), CASHIER)
    for change in (store_receipts.update().values(kg=1), store_receipts.delete()):
        with pytest.raises(StoreError, match="append-only"):
            kit.centre.store.write(lambda tx, change=change: tx.run(change))
