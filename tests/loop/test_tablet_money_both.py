"""An agent's payouts from tablet to ledger, with a real station and a real centre between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.decision.field_draw import field_quote, shown_sha256
from core.lending.lease import DrawState
from core.shape import encode
from core.units import MS_PER_DAY, civil_day
from core.wire.fieldwork import OperationKind
from core.wire.records import Drawdown
from core.wire.subleases import SUBLEASE_DAYS_MAX, FieldDraw, SubLease, SubLeaseEnd
from edge_node.decide.fieldwork import FieldDesk, take
from edge_node.decide.subleases import GRACE_MS, TakeAlong, grant, most_minor, release_lost
from edge_node.decide.tablets import TabletDoor
from edge_node.decide.telemetry import Telemetry
from edge_node.store import lines, tablets
from edge_node.store.tablets import KeptOperation
from server.services.audit.run import audit
from server.services.boxes import declare_box_gone
from server.services.centre import RequestError
from server.services.destruction import Proof, declare_destroyed
from server.services.verifying import verify
from server.store import leases
from tests.simulation.checkers import after_each_step
from tests.simulation.station import SimulatedStation
from tests.support.box_story import AMOUNT, Story
from tests.support.boxes import OFFICERS
from tests.support.centre import entropy
from tests.support.tablet import FieldTablet

CHECKS = ("tablets", "draws", "leases", "books", "sums", "seals", "inbound", "outbound", "trail")


class Field:
    """An agent with a tablet at the story's station."""

    def __init__(self, story: Story) -> None:
        self.story, self.tablet = story, FieldTablet()
        station = story.old
        code, _ = self.door(station).invite("tab-1", ("agent-1", "Juma"), (), 14)
        self.door(station).enrol(code, self.tablet.public_key)

    def door(self, station: SimulatedStation) -> TabletDoor:
        clock = station.clock(self.story.world.now_ms)
        return TabletDoor(station.db, station.name, clock, entropy("door"))

    def most(self, station: SimulatedStation) -> int:
        who = tablets.tablet(station.db, "tab-1")
        assert who is not None
        line = lines.line(station.db, self.story.line)
        clock = station.clock(self.story.world.now_ms)
        return most_minor(station.db, station.ends.desk, who, line, clock)

    def along(self, amount: int, name: str = "s-1") -> SubLease:
        station, now_ms = self.story.old, self.story.world.now_ms
        who = tablets.tablet(station.db, "tab-1")
        assert who is not None
        ask = TakeAlong(name, self.story.line, amount)
        return grant(station.db, station.ends.desk, who, ask, station.clock(now_ms)).lease

    def paid(self, part: SubLease, amount: int, draw_id: str) -> dict[str, Any]:
        """What the tablet signs in the field."""
        at_ms = self.story.world.now_ms
        price = field_quote(part.terms, amount, civil_day(at_ms, part.utc_offset_ms))
        body = FieldDraw(
            draw_id, part.sublease_id, part.line_id, part.farmer_id, amount, price.drawn_on,
            at_ms, 1_000, price.fee_minor, price.total_minor, price.due_on, price.apr_ppm,
            f"c-{draw_id}", shown_sha256(price), "sw", spoken=False,
        )  # fmt: skip
        return self.tablet.operation(OperationKind.DRAW, body)

    def given_back(self, part: SubLease, drawn: int) -> dict[str, Any]:
        return self.tablet.operation(
            OperationKind.SUBLEASE_END, SubLeaseEnd(part.sublease_id, drawn)
        )

    def bring(self, station: SimulatedStation, document: dict[str, Any]) -> KeptOperation:
        field = FieldDesk(
            station.ends.desk, lambda *_: Telemetry(), self.story.world.mint, lambda _: (),
            lambda *_: "",
        )  # fmt: skip
        who = tablets.tablet(station.db, "tab-1")
        assert who is not None
        return take(station.db, field, who, document, station.clock(self.story.world.now_ms))


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    made = Story(tmp_path)
    yield made
    made.old.close()
    made.world.close()


@pytest.fixture
def field(story: Story) -> Field:
    return Field(story)


def all_holds(story: Story) -> None:
    after_each_step(story.world)
    assert verify(story.world.centre).faults == ()
    found = audit(story.world.centre, CHECKS)
    assert found.holds, found.first
    assert all(one.looked_count for one in found.checks)


def sync(story: Story, station: SimulatedStation) -> None:
    for _ in range(3):
        assert not story.boxes.sync(station)


def test_what_was_paid_out_in_the_field_is_in_the_ledger_once(story: Story, field: Field) -> None:
    before, most = story.owed(), field.most(story.old)
    part = field.along(4 * AMOUNT)
    assert field.most(story.old) == most - 4 * AMOUNT
    sync(story, story.old)  # the centre hears that it is out before anything is drawn
    story.world.pass_time(MS_PER_DAY)
    documents = [field.paid(part, AMOUNT, f"fd-{n}") for n in (1, 2, 3)]
    assert story.owed() == before  # the tablet is in the field
    kept = [field.bring(story.old, each) for each in documents * 2]  # each comes twice
    assert {one.code for one in kept} == {""}
    field.bring(story.old, field.given_back(part, 3 * AMOUNT))
    assert field.most(story.old) == most - 3 * AMOUNT
    sync(story, story.old)
    assert story.owed() == before + 3 * AMOUNT
    told = tablets.states_of(story.old.db, [one.operation_id for one in kept[:3]])
    assert [one["state"] for one in told] == ["accepted"] * 3
    with story.world.centre.store.reading() as tx:
        drawn = leases.find_draw(tx, "fd-1")
    assert drawn is not None
    assert (drawn.state, drawn.flag) == (DrawState.POSTED, "")
    all_holds(story)


def test_a_lost_tablet_over_draws_nothing_and_a_thief_is_named(story: Story, field: Field) -> None:
    before, most = story.owed(), field.most(story.old)
    part = field.along(2 * AMOUNT)
    drained = story.drain(story.old)
    assert drained <= most - 2 * AMOUNT
    late = field.paid(part, AMOUNT, "fd-late")
    desk = story.old.ends.desk
    story.world.pass_time(part.expires_at_ms - part.signed_at_ms + GRACE_MS + MS_PER_DAY)
    held = field.most(story.old)
    clock = story.old.clock(story.world.now_ms)
    over, waits = release_lost(story.old.db, desk, "tab-1", "stolen", clock)
    assert ([one.lease.sublease_id for one in over], waits) == (["s-1"], ())
    assert field.most(story.old) == held + 2 * AMOUNT
    again = story.drain(story.old)
    assert drained + again <= most
    taken = field.bring(story.old, late)  # somebody found it, after all
    assert taken.code == "HL-EDGE-046"
    sync(story, story.old)
    assert story.owed() == before + drained + again
    all_holds(story)


@pytest.mark.parametrize(("handed_over", "drawn"), [(True, 2), (False, 1)])
def test_a_draw_of_the_old_box_is_handed_in_at_the_new_one(
    story: Story, field: Field, handed_over: bool, drawn: int
) -> None:
    before, part = story.owed(), field.along(2 * AMOUNT)
    first = field.paid(part, AMOUNT, "fd-1")
    field.bring(story.old, first)
    sync(story, story.old)
    backup = story.boxes.back_up(story.old, handing_over=handed_over)
    second = field.paid(part, AMOUNT, "fd-2")
    told, new = story.boxes.put_back(backup)
    try:
        story.boxes.confirm(told)
        sync(story, new)
        assert field.bring(new, first).code == ""  # it is there already
        kept = field.bring(new, second)
        # Of a box that was not handed over nobody knows what it booked: people look first.
        assert ("another box" in kept.detail) is not handed_over
        story.take_over(new)
        sync(story, new)
        assert story.owed() == before + drawn * AMOUNT
        all_holds(story)
    finally:
        new.close()


def test_a_station_that_is_gone_is_released_once_its_tablets_can_pay_out_no_more(
    story: Story, field: Field
) -> None:
    sync(story, story.old)  # a tablet is in; of what it takes along the centre never hears
    part, name = field.along(2 * AMOUNT), story.old.name
    story.world.stations.pop(name)
    proof = Proof(b"the board, in two parts")
    declare_destroyed(story.world.centre, name, proof, OFFICERS[0])
    story.world.pass_time(part.expires_at_ms - part.signed_at_ms)
    with pytest.raises(RequestError, match=r"tablets of .* may pay out until"):
        declare_destroyed(story.world.centre, name, proof, OFFICERS[1])
    told = field.paid(part, AMOUNT, "fd-1")["body"]["body"]
    with story.world.centre.store.reading() as tx:
        lease = leases.find(tx, part.lease_id)
        assert lease is not None
        assert lease.closed_at_ms is None  # what the tablet pays out still counts as leased
    receipt = Drawdown(
        "fd-1", part.line_id, part.lease_id, DrawState.POSTED, AMOUNT, told["fee_minor"],
        part.terms.currency, told["consent_id"], told["apr_ppm"], told["drawn_on"],
        sublease_id=part.sublease_id,
    )  # fmt: skip
    proof = Proof(proof.proof, json.dumps([encode(receipt)]).encode())
    declare_destroyed(story.world.centre, name, proof, OFFICERS[0])  # brought in meanwhile
    story.world.pass_time(GRACE_MS)  # from the first word on, not from the last
    before = story.owed()
    done = declare_destroyed(story.world.centre, name, proof, OFFICERS[1])
    assert done.confirmed
    assert done.booked_minor == AMOUNT
    assert story.owed() == before + AMOUNT


def test_a_box_that_is_gone_is_released_once_its_tablets_can_pay_out_no_more(
    story: Story, field: Field
) -> None:
    sync(story, story.old)
    told, new = story.boxes.put_back(story.boxes.back_up(story.old))
    try:
        story.boxes.confirm(told)
        sync(story, new)
        with pytest.raises(RequestError, match=r"tablets of .* may pay out until"):
            story.boxes.gone(new.name, [])
        story.world.pass_time(SUBLEASE_DAYS_MAX * MS_PER_DAY + GRACE_MS)
        proof = Proof(b"a photograph", b"[]")
        assert declare_box_gone(story.world.centre, new.name, proof, OFFICERS[1]).confirmed
    finally:
        new.close()
