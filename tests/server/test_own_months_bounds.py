"""A line's own months are those that its product takes: by an officer, and at stations that try."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from core.canonical import canonical_bytes
from core.lending.product import Product
from core.lending.terms import CashMonth, OwnCashTerms
from core.shape import encode
from core.wire.records import Application
from core.wire.update import Rollout
from server.services import enrolment
from server.services.agreements import state_of
from server.services.centre import RequestError
from server.services.referred import decline_referred, offer_referred
from server.store import lines, products, update_steps
from server.store.people import Actor
from server.store.products import ProductUse
from server.store.update_steps import UpdateStep
from tests.support.centre_kit import STATION, TESTER, Kit
from tests.support.kiosk_kit import (
    MONEY,
    card_of,
    deliver,
    flags,
    leases_at_station,
    open_at_kiosk,
    write_card,
)

pytestmark = pytest.mark.both_engines

OWN = OwnCashTerms(months_max=3, share_ppm_min=100_000, early_months_max=3)
JUNE_AND_AUGUST = (CashMonth(6, 1), CashMonth(8, 2))
LENDER = Actor("otieno", "lender")


@pytest.fixture
def spring(kit: Kit) -> Kit:
    """The same lender on 20 March, with leases at the station."""
    kit.clock.set_day(date(2026, 3, 20))
    kit.station.pull(kit.centre)
    return kit


def taking(kit: Kit) -> Product:
    return replace(kit.product, version=kit.product.version + 1, own_cash=OWN)


def refer(kit: Kit, cash: tuple[CashMonth, ...]) -> None:
    """A station's application with months, which its card refers to a person."""
    lease = next(x for x in leases_at_station(kit, "onboarding") if x.product_id == "crop-season")
    asked = Application(
        "app-r", "farmer-c", "crop-season", ("plot-c1",), 500_000, "KES", cash=cash
    )  # fmt: skip
    kit.station.write(MONEY, "application", asked, kit.clock.at_ms)
    write_card(kit, card_of(kit, asked, lease.per_line_minor, purposes=()))
    deliver(kit)


def test_an_officer_opens_no_line_in_months_that_the_product_does_not_take(spring: Kit):
    refer(spring, (CashMonth(1, 1),))
    with pytest.raises(RequestError, match="no own cash months, because crop-season has its own"):
        offer_referred(spring.centre, "app-r", 300_000, LENDER)
    decline_referred(spring.centre, "app-r", LENDER)  # so that the farmer may apply without them
    assert spring.read(state_of, "app-r").value == "declined"


def test_an_officer_opens_no_line_whose_months_have_passed_while_it_waited(spring: Kit):
    product = taking(spring)
    enrolment.add_product(spring.centre, product, TESTER)
    refer(replace(spring, product=product), (CashMonth(6, 1),))
    spring.clock.set_day(date(2026, 7, 20))
    with pytest.raises(RequestError, match="a cash month after 2026-07-20 and up to 2026-09-15"):
        offer_referred(spring.centre, "app-r", 300_000, LENDER)


def given(kit: Kit, product: Product) -> None:
    """Stations may try a version, as the first step of its roll-out tells."""
    rollout = canonical_bytes(encode(Rollout((STATION,)))).decode()
    path, name = f"product/{product.product_id}/{product.version}", product.policy_version()
    step = UpdateStep(path, 0, update_steps.STAGED, name, rollout, "", TESTER.name, 7)
    kit.centre.write(lambda work: update_steps.add(work.tx, step))


@pytest.mark.parametrize("is_given", [True, False])
def test_months_of_a_version_count_where_stations_were_given_it_and_else_freeze(
    spring: Kit, is_given: bool
):
    tried = taking(spring)
    spring.centre.write(lambda work: products.add(work.tx, tried, work.at_ms, ProductUse.CANDIDATE))
    if is_given:
        given(spring, tried)
    trial = replace(spring, product=tried)
    opening = open_at_kiosk(trial, cash=JUNE_AND_AUGUST)
    deliver(trial)
    line = trial.read(lines.get, opening.line_id)
    assert (line.frozen, line.cash) == (not is_given, JUNE_AND_AUGUST)
    assert (flags(trial) == []) is is_given
