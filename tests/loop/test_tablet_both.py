"""An agent's operations from tablet to centre and back: accepted is said when it is true."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.wire.fieldwork import OperationKind
from edge_node.decide.fieldwork import FieldDesk, take
from edge_node.decide.tablets import TabletDoor
from edge_node.decide.telemetry import Telemetry
from edge_node.store import fieldwork, tablets, village
from edge_node.store.logs import Tail
from server.services.verifying import verify
from server.store import people
from tests.simulation.checkers import after_each_step
from tests.support.box_story import Story
from tests.support.centre import entropy
from tests.support.tablet import FieldTablet, visit, walk

ON = "2026-03-15"  # the story's first day
# An agent's area: west, south, east, north [1e-7 degrees].
EVERYWHERE = (-1_800_000_000, -900_000_000, 1_800_000_000, 900_000_000)


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    made = Story(tmp_path)
    yield made
    made.old.close()
    made.world.close()


def bring(story: Story, tablet: FieldTablet, kind: OperationKind, body: Any) -> str:
    station = story.old
    field = FieldDesk(
        station.ends.desk, lambda *_: Telemetry(), lambda: "id-1", lambda _: (), lambda *_: ""
    )
    who = tablets.tablet(station.db, tablet.tablet_id)
    assert who is not None
    clock = station.clock(story.world.now_ms)
    return take(station.db, field, who, tablet.operation(kind, body), clock).operation_id


def states(story: Story, operation_ids: list[str]) -> list[str]:
    return [one["state"] for one in tablets.states_of(story.old.db, operation_ids)]


def enrolled(story: Story) -> FieldTablet:
    station, tablet = story.old, FieldTablet()
    clock = station.clock(story.world.now_ms)
    door = TabletDoor(station.db, station.ends.desk.station, clock, entropy("door"))
    code, _ = door.invite("tab-1", ("agent-1", "Juma"), EVERYWHERE, 14)
    door.enrol(code, tablet.public_key)
    return tablet


def ground(story: Story) -> dict[str, str]:
    plots = [one for one in village.subjects_of(story.old.db, story.farmer) if one.area_m2]
    return {"farmer_id": story.farmer, "subject_id": plots[0].subject_id}


def test_a_box_put_back_knows_the_tablet_and_where_its_chain_stands(story: Story) -> None:
    backup = story.boxes.back_up(story.old)
    tablet, whose = enrolled(story), ground(story)
    bring(story, tablet, OperationKind.VISIT, visit(**whose, visited_on=ON))
    bring(story, tablet, OperationKind.WALK, walk(**whose, walked_on=ON))
    bring(
        story,
        tablet,
        OperationKind.VISIT,
        visit("v-2", **{**whose, "farmer_id": "f-0", "visited_on": ON}),
    )
    assert not story.boxes.sync(story.old)
    before = tablets.tablet(story.old.db, "tab-1")
    told, new = story.boxes.put_back(backup)
    try:
        story.boxes.confirm(told)
        for _ in range(3):
            assert not story.boxes.sync(new)
        assert tablets.tablet(new.db, "tab-1") == before
        assert tablets.tail(new.db, tablet.public_key) == Tail(3, tablet.head)
        walked = fieldwork.walked(new.db, whose["subject_id"])
        assert walked is not None
        assert walked[1].area_m2 == 10_000
    finally:
        new.close()


def test_visits_and_walks_are_accepted_once_the_centre_has_said_so(story: Story) -> None:
    station, tablet, whose = story.old, enrolled(story), ground(story)
    sent = [
        bring(story, tablet, OperationKind.VISIT, visit(**whose, visited_on=ON)),
        bring(story, tablet, OperationKind.WALK, walk(**whose, walked_on=ON)),
        bring(
            story,
            tablet,
            OperationKind.VISIT,
            visit("v-2", **{**whose, "farmer_id": "f-0", "visited_on": ON}),
        ),
    ]
    assert states(story, sent) == ["station", "station", "needs_you"]
    for _ in range(3):
        assert not story.boxes.sync(station)
    assert states(story, sent) == ["accepted", "centre", "needs_you"], "a walk waits for a person"
    with story.world.centre.store.reading() as tx:
        told = people.trail_of(tx, "subject", whose["subject_id"])
        let_in = people.trail_of(tx, "tablet", "tab-1")
    assert [row.action for row in told] == ["field_visited", "plot_walked"]
    assert {row.actor for row in told} == {"agent-1"}
    assert [row.action for row in let_in] == ["tablet_invited", "tablet_enrolled"]
    after_each_step(story.world)
    assert verify(story.world.centre).faults == ()
