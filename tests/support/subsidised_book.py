"""Two lines of which a region pays a part of the interest."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.lending.dated import Subsidy
from core.wire.envelope import LogClass
from core.wire.registry import Subject, SubjectKind
from server.services import enrolment
from server.services.envelopes import accept_envelope
from server.store import products
from server.store.people import Actor, Role
from tests.support.centre_kit import SEASON_START, TESTER, Kit, open_known, polygons, village
from tests.support.kiosk_kit import draw, leases_at_station
from tests.support.policies import put_in_force

LENDER = Actor("otieno", Role.LENDER.value)
UNTIL = SEASON_START + timedelta(days=100)


def lent(kit: Kit) -> list[str]:
    """Two lines of a product of which a region pays 4 % a year, drawn on the first day."""
    known = kit.read(products.newest, "crop-season")
    paid = Subsidy("migori", "2026-01-01", 40_000, "county programme")
    product = replace(known, version=2, region="migori", subsidies=(paid,))
    put_in_force(kit.centre, product, TESTER)
    kit.product = product
    opened = [each.line_id for each in open_known(kit) if each.line_id]
    kit.station.pull(kit.centre)
    for number, line_id in enumerate(opened):
        lease = next(each for each in leases_at_station(kit) if each.line_id == line_id)
        draw(kit, f"draw-{number}", line_id, lease.lease_id, 1_000_000)
    accept_envelope(kit.centre, kit.station.envelope(LogClass.MONEY))
    kit.clock.set_day(UNTIL)
    return opened


def add_store(kit: Kit) -> None:
    """A silo of farmer-b's."""
    silo = Subject("store-1", SubjectKind.STORE, "farmer-b", "Silo", crop="maize")
    fuller = replace(village(), subjects=(*village().subjects, silo))
    enrolment.import_village(kit.centre, fuller, polygons(), TESTER)
