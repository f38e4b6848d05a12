"""A farm whose machine, store and herd are counted: by devices, tickets and papers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from core.lending.product import Product
from core.scoring.features import DailyFeature
from core.units import PPM
from core.wire.envelope import LogClass
from core.wire.evidence import Stage
from core.wire.records import Up
from core.wire.registry import Device, Subject, SubjectKind
from core.wire.telemetry import DeviceKind
from server.services import enrolment
from server.services.enrolment import add_product
from server.services.envelopes import accept_envelope
from server.services.evidence import accept_evidence
from server.services.paperwork import Sheet
from server.services.weighing import Ticket, weigh
from server.store import lines, products
from server.store.lines import Line, LineMovement
from server.store.papers import PaperKind
from server.store.people import Actor, Role
from server.store.store_receipts import Way
from tests.support.centre_kit import SEASON_START, TESTER, Kit, open_known, polygons, village
from tests.support.packs import pack

CASHIER = Actor("cashier-1", Role.CASHIER.value)
TRACTOR, SILO = "machine-b1", "store-b1"
FEED = Sheet(
    "inv-1", "herd-b", PaperKind.FEED, 4_500_000, "KES", SEASON_START.isoformat(), "Nyasi traders"
)


def herded(kit: Kit) -> str:
    """The line on farmer-b's twenty cows, of a product that counts feed and settlements."""
    known = kit.read(products.newest, "livestock")
    assert known.herd is not None
    herd = replace(known.herd, feed_minor_per_head=900_000, settlement_repay_ppm=500_000)
    add_product(kit.centre, replace(known, version=2, herd=herd), TESTER)
    opened = open_known(kit, "livestock")
    line_id: str = next(each.line_id for each in opened if each.farmer_id == "farmer-b")
    return line_id


def graze(kit: Kit, number: int) -> None:
    on = SEASON_START + timedelta(days=number)
    kit.clock.set_day(on)
    accept_evidence(kit.centre, kit.evidence("pasture-1", on, Stage.SOWING, 500_000))


@dataclass
class Counting:
    """A village with a tractor and a silo that their devices count, day by day."""

    kit: Kit
    line: Line
    sent: int = 0

    def report(self, subject_id: str, first: date, days: int, values: Mapping[str, int]) -> None:
        """Daily features of the station's devices, as its features log brings them."""
        for n in range(days):
            day = (first + timedelta(days=n)).isoformat()
            for name, value in values.items():
                self.tell(DailyFeature(subject_id, name, day, value, PPM, 24, "0" * 64))
        self.deliver()

    def tell(self, feature: DailyFeature) -> None:
        kit = self.kit
        kit.station.write(LogClass.FEATURES, Up.DAILY_FEATURE.value, feature, kit.clock.now_ms())

    def deliver(self) -> None:
        run = self.kit.station.records[LogClass.FEATURES]
        data = self.kit.station.envelope(LogClass.FEATURES, self.sent + 1)
        accept_envelope(self.kit.centre, data)
        self.sent = len(run)

    def sweep(self, on: date) -> list[LineMovement]:
        """What a day's sweep of the station's lines left behind."""
        self.kit.clock.set_day(on)
        self.kit.station.pull(self.kit.centre)
        moved: list[LineMovement] = self.kit.read(lines.movements_of, self.line.line_id)
        return moved


def counting(kit: Kit, product: Product) -> Counting:
    """The kit's village with a tractor, a silo and their devices, and farmer-b's line on one."""
    owned = (
        Subject(TRACTOR, SubjectKind.MACHINE, "farmer-b", "Trekta"),
        Subject(SILO, SubjectKind.STORE, "farmer-b", "Silo", crop="maize"),
    )
    devices = tuple(
        Device(f"device-{each.subject_id}", kind, each.subject_id, "st-one", "ab" * 32, "cd" * 32)
        for each, kind in zip(owned, (DeviceKind.MACHINE, DeviceKind.SILO_SENSOR), strict=True)
    )
    known = village()
    fuller = replace(known, subjects=(*known.subjects, *owned), devices=(*known.devices, *devices))
    enrolment.import_village(kit.centre, fuller, polygons(), TESTER)
    add_product(kit.centre, product, TESTER)
    kit.product = product
    opened = open_known(kit, product.product_id)
    line_id = next(each.line_id for each in opened if each.farmer_id == "farmer-b")
    return Counting(kit, kit.read(lines.get, line_id))


def receipt_product() -> Product:
    product = pack("warehouse-receipt")
    assert product.price is not None
    price = replace(product.price, as_of="2026-03-01")
    return replace(product, price=price, prices=None, bounds=None)


def bring(kit: Kit, ticket: str, kg: int, on: date, way: Way = Way.IN) -> None:
    told = Ticket(ticket, SILO, way, kg, on.isoformat(), "weighbridge of the cooperative")
    weigh(kit.centre, told, CASHIER)
