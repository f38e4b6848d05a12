"""A rise that asks for two sources waits for an agent on the plot; a cut waits for nobody."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from core.lending.limit import Movement
from core.reasons import ReasonCode
from core.shape import encode
from core.wire.evidence import Stage
from core.wire.fieldwork import OperationKind, TakenOperation
from server.services.audit.run import audit
from server.services.evidence import accept_evidence
from server.services.explaining import explained, sources_told
from server.store import lines
from tests.support.beside_lines import consent, offer
from tests.support.centre_kit import SEASON_START, Kit, open_known
from tests.support.kiosk_kit import MONEY, deliver
from tests.support.tablet import FieldTablet, visit

WAITS = ReasonCode.LIMIT_SECOND_SOURCE


def day(number: int) -> date:
    return SEASON_START + timedelta(days=number)


def newest(kit: Kit) -> lines.LineMovement:
    [line] = kit.read(lines.of_farmer, "farmer-b")
    found = kit.read(lines.last_movement, line.line_id)
    assert found is not None
    return found


def see(kit: Kit, number: int, p10: int = 2_000) -> lines.LineMovement:
    """A look at farmer B's plot on a day, and what the review made of it."""
    kit.clock.set_day(day(number))
    accept_evidence(kit.centre, kit.evidence("plot-b1", day(number), Stage.VEGETATIVE, p10))
    return newest(kit)


def go(kit: Kit, tablet: FieldTablet, number: int, **told: Any) -> lines.LineMovement:
    """An agent's visit, as a station passes it on; and the line's newest movement after it."""
    kit.clock.set_day(day(number))
    body = visit(f"v-{number}", farmer_id="farmer-b", subject_id="plot-b1",
                 visited_on=day(number).isoformat(), photos=(), **told)  # fmt: skip
    document = tablet.operation(OperationKind.VISIT, body)
    operation_id = document["body"]["operation_id"]
    taken = TakenOperation(operation_id, "tab-1", "agent-1", tablet.public_key, "", document)
    kit.station.write(MONEY, "tablet_operation", taken, kit.clock.at_ms)
    deliver(kit)
    return newest(kit)


@pytest.fixture
def two(kit: Kit) -> Kit:
    """A product whose rises ask for two sources, and a line of it that was opened."""
    offer(kit, movement={**encode(kit.product.movement), "raise_sources_min": 2})
    open_known(kit)
    return kit


def codes(moved: lines.LineMovement) -> set[ReasonCode]:
    return {reason.code for reason in moved.reasons}


def test_a_rise_waits_until_an_agent_has_stood_there_and_then_comes(two: Kit) -> None:
    kit, tablet = two, FieldTablet()
    consent(kit, "farmer-b", "visit_photos")
    waits = [see(kit, 40), see(kit, 45), see(kit, 50)]
    assert {each.movement for each in waits} == {Movement.HELD}
    assert WAITS in codes(waits[-1])
    looked = go(kit, tablet, 51, stage="vegetative", damage_percent=None)
    assert looked.seq == waits[-1].seq + 1  # looked at again at once, on the same pictures
    assert looked.views[0]["sources"] == ["imagery", "visit"]
    assert looked.views[0]["visit_id"] == "v-51"
    assert WAITS not in codes(looked)
    raised = see(kit, 55)
    assert raised.movement is Movement.RAISED
    assert any("Visit v-51; price" in each for each in explained_of(kit, raised))
    assert sources_told(raised) == {"plot-b1": ("imagery", "visit")}
    assert audit(kit.centre).holds


def explained_of(kit: Kit, moved: lines.LineMovement) -> list[str]:
    return kit.read(lambda tx: [
        each.source for each in explained(tx, lines.get(tx, moved.line_id), moved)
    ])  # fmt: skip


def test_without_a_visit_or_against_one_nothing_rises(two: Kit) -> None:
    kit, tablet = two, FieldTablet()
    consent(kit, "farmer-b", "visit_photos")
    see(kit, 40)
    go(kit, tablet, 41, stage="vegetative", damage_percent=40)  # hail
    for number in (45, 50, 55):
        held = see(kit, number)
        assert (held.movement, WAITS in codes(held)) == (Movement.HELD, True)
    go(kit, tablet, 56, stage="", damage_percent=0)  # it has recovered: nothing is lost
    assert see(kit, 60).movement is Movement.RAISED


def test_a_visit_counts_only_as_long_as_its_farmer_allows_it(two: Kit) -> None:
    kit, tablet = two, FieldTablet()
    see(kit, 40)
    go(kit, tablet, 41, stage="vegetative")
    for number in (45, 50):
        held = see(kit, number)
        assert WAITS in codes(held)
        assert "sources" not in held.views[0]
    consent(kit, "farmer-b", "visit_photos")
    see(kit, 55)
    assert see(kit, 60).movement is Movement.RAISED


def test_a_cut_comes_by_one_source(two: Kit) -> None:
    kit = two
    cuts = [see(kit, number, 100) for number in (40, 45, 50)]
    assert Movement.CUT in {each.movement for each in cuts}, [codes(each) for each in cuts]
