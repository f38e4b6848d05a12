"""Invoices and settlements move limits: feed, slaughter, investments; each counts once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from core.lending.kind_terms import CropScale
from core.lending.limit import Movement
from core.wire.envelope import LogClass
from core.wire.evidence import Stage
from server.services.audit.run import audit
from server.services.centre import RequestError
from server.services.enrolment import add_product
from server.services.envelopes import accept_envelope
from server.services.evidence import accept_evidence
from server.services.paperwork import Filed, Sheet, file_paper
from server.store import ledger, lines
from server.store.engine import ConflictError, StoreError
from server.store.papers import PaperKind
from server.store.people import Actor, Role
from server.store.tables import farm_papers
from tests.support.centre_kit import SEASON_START, TESTER, Kit, open_known
from tests.support.counted_farm import CASHIER, FEED, graze, herded
from tests.support.kiosk_kit import draw, leases_at_station
from tests.support.packs import pack

LENDER = Actor("otieno", Role.LENDER.value)


def filed(kit: Kit, sheet: Sheet) -> Filed:
    by = CASHIER if sheet.kind is PaperKind.SLAUGHTER else LENDER
    return file_paper(kit.centre, sheet, by)


def test_feed_carries_cows_and_a_slaughter_takes_them_away_and_repays(kit: Kit) -> None:
    line_id = herded(kit)
    for number in (5, 10):
        graze(kit, number)

    def last() -> lines.LineMovement:
        moved: lines.LineMovement = kit.read(lines.last_movement, line_id)
        return moved

    assert last().limit_minor == 20 * 400_000 // 2  # half of the usual grass
    filed(kit, FEED)
    assert last().limit_minor == 20 * 400_000 // 2  # one look is none
    graze(kit, 15)
    assert (last().movement, last().limit_minor) == (Movement.RAISED, 15 * 400_000)  # five fed

    kit.station.pull(kit.centre)
    lease = next(each for each in leases_at_station(kit) if each.line_id == line_id)
    draw(kit, "draw-1", line_id, lease.lease_id, 500_000)
    accept_envelope(kit.centre, kit.station.envelope(LogClass.MONEY))
    on = (SEASON_START + timedelta(days=15)).isoformat()
    gone = Sheet(
        "ab-77", "herd-b", PaperKind.SLAUGHTER, 400_000, "KES", on, "county abattoir", heads=8
    )
    found = filed(kit, gone)
    assert found.repayment is not None
    assert found.repayment.amount_minor == 200_000
    assert (last().movement, last().limit_minor) == (Movement.CUT, 11 * 400_000)
    [view] = last().views
    assert (view["settled_heads"], view["feed_bought_minor"]) == (8, 4_500_000)
    assert not filed(kit, gone).new
    assert len(kit.read(ledger.repayments_of, line_id)) == 1
    assert audit(kit.centre).holds


def test_a_paper_that_was_wrong_is_taken_back_by_another(kit: Kit) -> None:
    line_id = herded(kit)
    graze(kit, 5)
    filed(kit, FEED)
    filed(kit, replace(FEED, paper_id="inv-1x", voids="inv-1"))
    graze(kit, 10)
    [view] = kit.read(lines.last_movement, line_id).views
    assert "feed_bought_minor" not in view
    with pytest.raises(RequestError, match="paper inv-1 was taken back before"):
        filed(kit, replace(FEED, paper_id="inv-1y", voids="inv-1"))
    with pytest.raises(RequestError, match="expected a paper of herd-b to take back, got none"):
        filed(kit, replace(FEED, paper_id="inv-2", voids="inv-9"))
    filed(kit, replace(FEED, paper_id="inv-3"))
    with pytest.raises(RequestError, match="expected what paper inv-3 says"):
        filed(kit, replace(FEED, paper_id="inv-4", voids="inv-3", amount_minor=1))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"subject_id": "plot-b1"}, "expected a herd for a paper of feed, got plot-b1, a plot"),
        ({"amount_minor": 0}, "expected an amount of 1 to 1000000000000 .minor units., got 0"),
        ({"heads": 1}, "expected no heads on a paper of feed, got 1"),
        ({"kind": PaperKind.SLAUGHTER, "heads": 21}, "expected 1 to 20 heads"),
        ({"kind": PaperKind.SLAUGHTER}, "expected 1 to 20 heads"),
        ({"currency": "UGX"}, "expected a paper in KES, got UGX"),
        ({"effective_on": "2026-03-16"}, "expected a day up to 2026-03-15, got 2026-03-16"),
    ],
)
def test_a_paper_that_cannot_be_is_refused(
    kit: Kit, changed: Mapping[str, object], says: str
) -> None:
    herded(kit)
    with pytest.raises(RequestError, match=says):
        filed(kit, replace(FEED, **changed))


def test_a_papers_number_counts_once_and_its_row_stays(kit: Kit) -> None:
    filed(kit, FEED)
    with pytest.raises(ConflictError, match="paper inv-1 exists with other content"):
        filed(kit, replace(FEED, amount_minor=1))
    for change in (farm_papers.update().values(heads=1), farm_papers.delete()):
        with pytest.raises(StoreError, match="append-only"):
            kit.centre.store.write(lambda tx, change=change: tx.run(change))


def test_an_investments_invoice_raises_a_revolving_line(kit: Kit) -> None:
    product = pack("kisan-revolving")
    assert product.revolving is not None
    assert product.revolving.term_ppm
    turned = replace(
        product.revolving,
        first_year_on="2026-01-01",
        crops=(CropScale("maize", 2_000_000, 1_000_000, "test"),),
        term_minor_max=10_000_000,
    )
    product = replace(product, currency="KES", crop="maize", revolving=turned, bounds=None)
    add_product(kit.centre, product, TESTER)
    kit.product = product
    opened = open_known(kit, product.product_id)
    line_id = next(each.line_id for each in opened if each.farmer_id == "farmer-b")
    pump = Sheet(
        "pump-1", "plot-b1", PaperKind.INVESTMENT, 2_000_000, "KES", SEASON_START.isoformat(),
        "pump dealer",
    )  # fmt: skip
    filed(kit, pump)
    for number in (10, 20, 30):  # at most 15 % a review
        on = SEASON_START + timedelta(days=number)
        kit.clock.set_day(on)
        seen = kit.evidence("plot-b1", on, Stage.VEGETATIVE, 100, season_id="2026-long-rains")
        accept_evidence(kit.centre, seen)
    moved = kit.read(lines.last_movement, line_id)
    lent = 2_000_000 * turned.term_ppm // 1_000_000
    assert (moved.movement, moved.limit_minor) == (Movement.RAISED, 4_160_000 + lent)
    assert moved.views[-1]["asset_id"] == "pump-1"
    assert audit(kit.centre).holds


@pytest.mark.parametrize("kind", [PaperKind.FEED, PaperKind.INVESTMENT])
def test_who_takes_money_in_does_not_raise_what_may_be_lent(kit: Kit, kind: PaperKind) -> None:
    with pytest.raises(RequestError, match="expected a lender or a supervisor for a paper of"):
        file_paper(kit.centre, replace(FEED, kind=kind), CASHIER)
