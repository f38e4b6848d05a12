"""What a station says that the centre cannot place: booked, flagged, and never in the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from core.decision.quote import quote
from core.lending.lease import DrawState
from core.shape import decode
from core.wire.envelope import LogClass, LogName
from core.wire.records import Application, Drawdown, LineOpened
from core.wire.registry import Farmer
from server.services import enrolment
from server.services.centre import RequestError
from server.services.suspense import in_suspense, open_suspended
from server.services.verifying import verify
from server.store import leases, ledger, lines, logs
from tests.support.centre_kit import TESTER, Kit, polygons, village
from tests.support.kiosk_kit import (
    MONEY,
    Opening,
    card_of,
    deliver,
    draw,
    flags,
    give_back,
    grant,
    leases_at_station,
    open_at_kiosk,
    write_card,
)

STRANGER = "farmer-nobody-registered"


def open_for_stranger(kit: Kit) -> Opening:
    """A line that a station opened for somebody whom the centre does not know."""
    lease = leases_at_station(kit, "onboarding")[0]
    opened = LineOpened(
        "line-x", "app-x", STRANGER, lease.product_id, lease.lease_id, ("plot-c1",), 500_000, "KES"
    )
    kit.station.write(MONEY, "line_opened", opened, kit.clock.at_ms)
    return Opening("line-x", "app-x", "", lease, 500_000)


def balance(kit: Kit, account: str) -> int:
    return kit.read(ledger.account_balance, account, "KES")


def test_money_for_somebody_unregistered_is_in_the_books(kit: Kit):
    kit.station.pull(kit.centre)
    opening = open_for_stranger(kit)
    draw(kit, "draw-x", "line-x", opening.lease.lease_id, 300_000)
    deliver(kit)
    deliver(kit)
    assert balance(kit, "suspense/line-x") == 300_000
    assert balance(kit, "cash/st-one") == -300_000
    assert [(each.line_id, each.amount_minor) for each in in_suspense(kit.centre)] == [
        ("line-x", 300_000)
    ]
    assert any("the money is in suspense" in flag for flag in flags(kit))
    assert verify(kit.centre).faults == ()


def test_a_lease_with_money_in_suspense_can_be_given_back(kit: Kit):
    kit.station.pull(kit.centre)
    opening = open_for_stranger(kit)
    draw(kit, "draw-x", "line-x", opening.lease.lease_id, 300_000)
    give_back(kit, opening.lease.lease_id, 300_000)
    deliver(kit)
    signed = kit.read(leases.find, opening.lease.lease_id)
    assert signed.closed_at_ms is not None


def test_suspense_is_settled_once_the_farmer_is_registered(kit: Kit):
    kit.station.pull(kit.centre)
    opening = open_for_stranger(kit)
    draw(kit, "draw-x", "line-x", opening.lease.lease_id, 300_000)
    deliver(kit)
    with pytest.raises(RequestError, match="still cannot be opened"):
        open_suspended(kit.centre, "line-x", TESTER)
    with pytest.raises(RequestError, match="a line that a station reported"):
        open_suspended(kit.centre, "line-y", TESTER)
    known = village()
    found = replace(known, farmers=(*known.farmers, Farmer(STRANGER, "X", "en", "st-one", 4)))
    enrolment.import_village(kit.centre, found, polygons(), TESTER)
    assert open_suspended(kit.centre, "line-x", TESTER) == 300_000
    assert open_suspended(kit.centre, "line-x", TESTER) == 300_000  # again, nothing moves
    assert (balance(kit, "suspense/line-x"), balance(kit, "loan/principal/line-x")) == (0, 300_000)
    assert balance(kit, "cash/st-one") == -300_000
    assert balance(kit, "loan/fee/line-x") == 4_500
    assert kit.read(lines.get, "line-x").frozen, "nobody approved it: a person looks first"
    assert in_suspense(kit.centre) == ()
    assert verify(kit.centre).faults == ()


def test_a_fee_that_is_not_the_products_is_flagged(kit: Kit):
    kit.station.pull(kit.centre)
    opening = open_at_kiosk(kit)
    price = quote(kit.product, 100_000, date(2026, 5, 1))
    for number, fee_minor, apr_ppm in (
        (1, price.fee_minor, price.apr_ppm),
        (2, price.fee_minor + 1, price.apr_ppm),
        (3, price.fee_minor, kit.product.credit.apr_cap_ppm + 1),
    ):
        body = Drawdown(
            f"draw-{number}", opening.line_id, opening.lease.lease_id, DrawState.POSTED, 100_000,
            fee_minor, "KES", "consent-1", apr_ppm, "2026-03-15",
        )  # fmt: skip
        kit.station.write(MONEY, "drawdown", body, kit.clock.at_ms)
    deliver(kit)
    told = sorted(flags(kit))
    assert ["its fee is" in told[0], "the cap is" in told[1]] == [True, True]
    assert len(told) == 2
    assert balance(kit, f"loan/principal/{opening.line_id}") == 300_000


def test_a_card_that_claims_what_nobody_consented_to_is_flagged(kit: Kit):
    kit.station.pull(kit.centre)
    opening = open_at_kiosk(kit)
    grant(kit, "farmer-c", "consent-1")
    card = card_of(kit, _application(kit, opening), 800_000)
    claims = replace(card.inputs, purposes=("automated_decision", "machine_use"))
    write_card(kit, replace(card, card_id="card-2", inputs=claims))
    names = replace(card.inputs, consent_ids=("consent-1", "consent-nobody-gave"))
    write_card(kit, replace(card, card_id="card-3", inputs=names))
    deliver(kit)
    told = " ".join(flags(kit))
    assert "card card-2: purposes that no consent of it grants: machine_use" in told
    assert "card card-3: consents that are not here: consent-nobody-gave" in told
    assert "card-app-1" not in told


def _application(kit: Kit, _opening: Opening) -> Application:

    bodies = [each.body for each in kit.station.records[MONEY] if each.kind == "application"]
    return decode(Application, next(b for b in bodies if b["application_id"] == "app-1"))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("con\0sent", {}),
        ("\0", {}),
        ('\\json:"x"', {}),
        ("lease_closed", {"lease_id": "a\0b", "posted_minor": 0}),
        ("consent", {"deep": [{"e\0r": 1}]}),
    ],
)
def test_a_nul_blocks_no_log(kit: Kit, kind: str, body: dict[str, object]):
    kit.station.pull(kit.centre)
    kit.station.write(MONEY, kind, body, kit.clock.at_ms)
    opening = open_at_kiosk(kit)
    draw(kit, "draw-1", opening.line_id, opening.lease.lease_id, 300_000)
    assert kit.station.receipt(deliver(kit).receipt).high_water == 7
    first = kit.read(logs.inbound_run, LogName("st-one", LogClass.MONEY), 0, 1)[0]
    assert (first.record.kind, first.record.body) == (kind, body)
    assert first.flag
    assert balance(kit, f"loan/principal/{opening.line_id}") == 300_000
    assert verify(kit.centre).faults == ()
