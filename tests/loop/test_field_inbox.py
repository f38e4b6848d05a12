"""Two agents write of one field while nobody has a link: kept, laid side by side, chosen once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from core.wire.corrections import FieldCorrection
from core.wire.fieldwork import OperationKind
from edge_node.decide.fieldwork import FieldDesk, take
from edge_node.decide.inputs import as_walked
from edge_node.decide.tablets import TabletDoor
from edge_node.decide.telemetry import Telemetry
from edge_node.store import fieldwork, tablets, village
from server.services import field_inbox, grounds
from server.services.centre import RequestError, RoleError
from server.services.field_inbox import VersionsChangedError, choose
from server.services.outlook import look
from server.services.verifying import verify
from server.store import field_versions, lines, people, products, registry
from server.store.people import Actor
from tests.simulation.checkers import after_each_step
from tests.support.box_story import Story
from tests.support.centre import entropy
from tests.support.tablet import FieldTablet, walk

ON = "2026-03-15"
OFFICER = Actor("grace", "lender")


class Agents:
    """A station, two agents' tablets, and what they bring to it."""

    def __init__(self, story: Story) -> None:
        self.story, self.station = story, story.old
        self.tablets = [FieldTablet(f"tab-{n}", 20 + n) for n in (1, 2)]
        for tablet in self.tablets:
            door = TabletDoor(self.station.db, self.station.ends.desk.station, self.clock,
                              entropy(tablet.tablet_id))  # fmt: skip
            code, _ = door.invite(tablet.tablet_id, (f"agent-{tablet.tablet_id}", "Juma"), (), 14)
            door.enrol(code, tablet.public_key)
        plots = [one for one in village.subjects_of(self.station.db, story.farmer) if one.area_m2]
        self.plot = plots[0]

    @property
    def clock(self):
        return self.station.clock(self.story.world.now_ms)

    def bring(self, number, kind, body):
        station, tablet = self.station, self.tablets[number]
        desk = FieldDesk(
            station.ends.desk, lambda *_: Telemetry(), lambda: "x", lambda _: (), lambda *_: ""
        )
        who = tablets.tablet(station.db, tablet.tablet_id)
        return take(station.db, desk, who, tablet.operation(kind, body), self.clock)

    def correct(self, number, field, value, was=""):
        subject = self.plot.subject_id if field.startswith("subject.") else ""
        body = FieldCorrection(
            f"c-{number}-{field}-{value}"[:60].replace(" ", ""), self.story.farmer, subject, field,
            was, value, ON,
        )  # fmt: skip
        kept = self.bring(number, OperationKind.CORRECTION, body)
        assert kept.code == "", kept
        return kept.operation_id

    def walked(self, number, **changes):
        whose = {"farmer_id": self.story.farmer, "subject_id": self.plot.subject_id}
        body = walk(f"w-{number}", **whose, walked_on=ON, **changes)
        kept = self.bring(number, OperationKind.WALK, body)
        assert kept.code == "", kept
        return kept.operation_id

    def sync(self, rounds=3):
        for _ in range(rounds):
            assert not self.story.boxes.sync(self.station)

    def states(self, *ids):
        return [(one["state"], one["words"]) for one in tablets.states_of(self.station.db, ids)]

    def read(self, act, *arguments):
        with self.story.world.centre.store.reading() as tx:
            return act(tx, *arguments)

    def choose(self, matter, chosen, reason="the sketch map says so", by=OFFICER):
        seen = [one.operation_id for one in matter.versions]
        return choose(self.story.world.centre, seen, chosen, reason, by)


@pytest.fixture
def agents(tmp_path):
    story = Story(tmp_path)
    yield Agents(story)
    story.old.close()
    story.world.close()


def test_what_two_agents_say_waits_for_a_person_and_the_choice_comes_back(agents):
    before = agents.plot.sown_on
    first = agents.correct(0, "subject.sown_on", "2026-03-01", before)
    second = agents.correct(1, "subject.sown_on", "2026-03-08", before)
    open_here = fieldwork.open_versions(agents.station.db)
    assert [one.value for one in open_here] == ["2026-03-01", "2026-03-08"]
    agents.sync()
    assert agents.states(first, second) == [("centre", ""), ("centre", "")]
    (matter,) = agents.read(field_inbox.inbox)
    assert (matter.field, matter.registered) == ("subject.sown_on", before)
    assert [one.value for one in matter.versions] == ["2026-03-01", "2026-03-08"]
    assert agents.read(registry.subject, agents.plot.subject_id).sown_on == before
    agents.choose(matter, second)
    assert agents.read(field_inbox.inbox) == ()
    agents.sync()
    assert agents.states(first, second) == [
        ("needs_you", "another version counts: the sketch map says so"), ("accepted", ""),
    ]  # fmt: skip
    assert village.subject(agents.station.db, agents.plot.subject_id).sown_on == "2026-03-08"
    assert fieldwork.open_versions(agents.station.db) == ()
    kept = agents.read(field_versions.of_subject, agents.plot.subject_id)
    assert {one.value for one in kept} == {"2026-03-01", "2026-03-08"}, "nothing is lost"
    told = agents.read(people.trail_of, "subject", agents.plot.subject_id)
    assert [row.action for row in told][-1] == "field_chosen"
    after_each_step(agents.story.world)
    assert verify(agents.story.world.centre).faults == ()


def test_the_latest_by_the_station_counts_where_the_policy_says_so(agents):
    sent = [agents.correct(0, "farmer.language", "hi"), agents.correct(1, "farmer.language", "mn")]
    sent.append(agents.correct(1, "subject.name", "By the well"))
    agents.sync()
    assert agents.states(*sent) == [("accepted", "")] * 3
    assert agents.read(field_inbox.inbox) == ()
    assert agents.read(registry.farmer, agents.story.farmer).language == "mn"
    assert village.farmer(agents.station.db, agents.story.farmer).language == "mn"
    assert village.subject(agents.station.db, agents.plot.subject_id).name == "By the well"


def test_what_is_registered_already_needs_nobody(agents):
    farmer = agents.read(registry.farmer, agents.story.farmer)
    sent = agents.correct(0, "farmer.household_size", str(farmer.household_size))
    agents.sync()
    assert agents.states(sent) == [("accepted", "")]
    assert agents.read(field_inbox.inbox) == ()


def test_nobody_chooses_twice_without_a_role_a_reason_or_what_was_shown(agents):
    first = agents.correct(0, "farmer.household_size", "11")
    agents.sync()
    (matter,) = agents.read(field_inbox.inbox)
    with pytest.raises(RoleError):
        agents.choose(matter, first, by=Actor("eve", "auditor"))
    with pytest.raises(RequestError, match="a reason"):
        agents.choose(matter, first, reason=" ")
    with pytest.raises(RequestError, match="that were shown"):
        agents.choose(matter, "another")
    agents.correct(1, "farmer.household_size", "12")
    agents.sync()
    with pytest.raises(VersionsChangedError):
        agents.choose(matter, first)
    (matter,) = agents.read(field_inbox.inbox)
    agents.choose(matter, "", "counted again at the farm")
    with pytest.raises(VersionsChangedError):
        agents.choose(matter, first)
    assert agents.read(registry.farmer, agents.story.farmer).household_size not in (11, 12)
    agents.sync()
    assert {one[0] for one in agents.states(first)} == {"needs_you"}


@pytest.mark.parametrize(("field", "value"), [
    ("farmer.card_sha256", "ab"), ("subject.boundary", "x"), ("subject.season_id", "2027"),
    ("subject.heads", "-1"), ("subject.sown_on", "yesterday"), ("farmer.language", "English"),
    ("farmer.name", " "), ("farmer.name", "\x07"),
])  # fmt: skip
def test_what_an_agent_may_not_write_is_kept_and_told_to_mend(agents, field, value):
    fields = {"correction_id": "c-1", "farmer_id": agents.story.farmer, "was": "", "note": "",
              "subject_id": agents.plot.subject_id if field.startswith("subject") else "",
              "field": field, "value": value, "noted_on": ON}  # fmt: skip
    kept = agents.bring(0, OperationKind.CORRECTION, fields)
    assert kept.code == "HL-CORE-001" or kept.code, kept
    assert fieldwork.open_versions(agents.station.db) == ()


def rested_on(work, agents):
    """The area on which the limit of the farmer's line rests, as a review sees it [m²]."""
    line = lines.get(work.tx, agents.story.line)
    product = products.newest(work.tx, line.product_id)
    plots = look(work, line, product, work.today()).plots
    return next(one.area_m2 for one in plots if one.plot_id == agents.plot.subject_id)


def test_a_walk_waits_for_a_person_then_moves_the_register_and_what_a_limit_rests_on(agents):
    plot, centre = agents.plot, agents.story.world.centre
    operation = agents.walked(0)
    agents.sync()
    assert agents.states(operation) == [("centre", "")]
    assert as_walked(agents.station.db, plot).area_m2 == min(plot.area_m2, 9_278)
    assert agents.read(registry.subject, plot.subject_id).area_m2 == plot.area_m2
    (matter,) = agents.read(field_inbox.inbox)
    assert (matter.walks[0].found.area_m2, matter.walks[0].found.low_m2) == (10_000, 9_278)
    agents.choose(matter, operation, "walked twice, the old drawing was a guess")
    moved = agents.read(registry.placed_subject, plot.subject_id)
    assert (moved.subject.area_m2, moved.subject.area_low_m2) == (10_000, 9_278)
    assert moved.subject.lent_m2 == 9_278
    assert moved.subject.polygon_sha256 != plot.polygon_sha256
    ring = json.loads(moved.geojson)["coordinates"][0]
    assert (ring[0], len(ring)) == (ring[-1], 5)
    agents.sync()
    assert agents.states(operation) == [("accepted", "")]
    here = village.subject(agents.station.db, plot.subject_id)
    assert (here.area_m2, as_walked(agents.station.db, here).area_m2) == (10_000, 9_278)
    assert centre.write(lambda work: rested_on(work, agents)) == 9_278
    old = registry.PlacedSubject(replace(plot, outline_e7=None), None)
    again = centre.write(lambda work: grounds.as_chosen(work, old.subject, None))
    assert again == (moved.subject, moved.geojson), "the old file takes no walk back"
    before = centre.write(lambda work: grounds.grounds_before(work, plot.subject_id))
    assert before == {plot.polygon_sha256}, "evidence of the old drawing still counts a while"
    (row,) = [
        one for one in agents.read(people.trail_of, "subject", plot.subject_id)
        if one.action == "field_chosen"
    ]  # fmt: skip
    assert row.actor == "grace"
    after_each_step(agents.story.world)
    assert verify(centre).faults == ()


def test_two_walks_lie_side_by_side_and_ground_of_others_is_named(agents):
    here = agents.read(registry.all_subjects)
    other = next(one for one in here if one.geojson and one.subject.subject_id
                 != agents.plot.subject_id)  # fmt: skip
    outline = other.drawn().outline_e7
    assert outline is not None
    ring = tuple(tuple(point) for point in outline)
    first = agents.walked(0, ring_e7=ring, accuracy_cm=(400,) * len(ring))
    second = agents.walked(1)
    agents.sync()
    (matter,) = agents.read(field_inbox.inbox)
    assert [one.operation_id for one in matter.versions] == [first, second]
    (over,) = matter.walks[0].overlaps
    assert (over.subject_id, over.percent) == (other.subject.subject_id, 100)
    assert matter.walks[1].overlaps == ()
    agents.choose(matter, second)
    agents.sync()
    assert [one[0] for one in agents.states(first, second)] == ["needs_you", "accepted"]
    walked = fieldwork.walked(agents.station.db, agents.plot.subject_id)
    assert walked is not None
    assert walked[0] == "w-1", "the walk that was laid aside counts no more"


def test_a_walk_that_was_laid_aside_takes_no_ground_away(agents):
    tiny = replace(walk(), ring_e7=tuple((lon, lat // 9) for lon, lat in walk().ring_e7))
    operation = agents.walked(0, ring_e7=tiny.ring_e7)
    assert as_walked(agents.station.db, agents.plot).area_m2 < agents.plot.area_m2
    agents.sync()
    (matter,) = agents.read(field_inbox.inbox)
    agents.choose(matter, "", "the agent stopped half-way")
    agents.sync()
    assert agents.states(operation)[0][0] == "needs_you"
    assert as_walked(agents.station.db, agents.plot).area_m2 == agents.plot.area_m2
