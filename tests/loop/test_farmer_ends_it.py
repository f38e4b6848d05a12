"""Consents and the end of agreements between real stations and a real centre."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.lending.agreement import AgreementState
from core.wire.records import AgreementLeft, Consent, ConsentAction
from edge_node.decide.consents import following, give_consent, granted
from edge_node.decide.leaving import LeaveAsk, leave, way_out, way_out_sha256
from edge_node.store import consents as edge_consents
from edge_node.store import leavings
from edge_node.store import lines as edge_lines
from server.services.agreements import state_of_line
from server.services.verifying import verify
from server.store import lines, reports
from tests.simulation.checkers import after_each_step
from tests.simulation.station import SimulatedStation
from tests.support.box_story import Story


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    made = Story(tmp_path)
    yield made
    made.old.close()
    made.world.close()


def end(story: Story, station: SimulatedStation) -> AgreementLeft:
    clock = station.clock(story.world.now_ms)
    way = way_out(station.db, station.ends.desk, edge_lines.line(station.db, story.line), clock)
    assert way is not None
    ask = LeaveAsk("al-1", story.line, way_out_sha256(way))
    left = leave(station.db, station.ends.desk, ask, clock)
    assert isinstance(left, AgreementLeft)
    return left


def at_the_centre(story: Story) -> AgreementState:
    with story.world.centre.store.reading() as tx:
        return state_of_line(tx, lines.get(tx, story.line))


def allowed(story: Story) -> set[str]:
    with story.world.centre.store.reading() as tx:
        return set(reports.granted_purposes(tx, story.farmer))


def test_an_offer_taken_back_in_the_dark_ends_at_the_centre(story: Story) -> None:
    end(story, story.old)
    assert at_the_centre(story) is AgreementState.OFFERED
    for _ in range(3):
        assert not story.boxes.sync(story.old)
    assert at_the_centre(story) is AgreementState.ABANDONED
    line = edge_lines.line(story.old.db, story.line)
    assert (line.open, line.left) == (False, None), "the centre's word counts from here"
    assert story.draw(story.old) != "posted"
    after_each_step(story.world)
    assert verify(story.world.centre).faults == ()


def test_a_box_put_back_knows_what_was_ended_after_its_backup(story: Story) -> None:
    backup = story.boxes.back_up(story.old)
    left = end(story, story.old)
    assert not story.boxes.sync(story.old)
    told, new = story.boxes.put_back(backup)
    try:
        story.boxes.confirm(told)
        assert not story.boxes.sync(new)
        assert leavings.of_line(new.db, story.line) == left
        assert story.draw(new) != "posted"
    finally:
        new.close()


def test_a_consent_of_the_form_is_taken_back_at_the_station_and_stops_both(story: Story) -> None:
    station, clock = story.old, story.old.clock(story.world.now_ms)
    assert "satellite_images" in granted(station.db, station.ends.desk, story.farmer)
    assert "satellite_images" in allowed(story)
    said = Consent(
        "w-1", story.farmer, ConsentAction.WITHDRAW, ("satellite_images",), "lender", "ab" * 32,
        spoken=False, helped=False,
    )  # fmt: skip
    known = edge_consents.facts_of(station.db, station.name, story.farmer)
    give_consent(station.db, station.ends.desk, following(said, known, station.name), clock)
    assert "satellite_images" not in granted(station.db, station.ends.desk, story.farmer)
    assert "satellite_images" in allowed(story), "the centre has not heard of it"
    assert not story.boxes.sync(station)
    assert "satellite_images" not in allowed(story)
    assert allowed(story) == {"automated_decision", "device_readings"}
