"""Boxes that are gone, one by one: proof of one says nothing of another (ADR 12, B1–B7)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import ShapeError
from core.signing import sign_document
from core.wire.boxes import BOX_REQUEST
from core.wire.records import LeaseClosed, Up
from edge_node.store import box, logs
from server.services.boxes import declare_box_gone, replace_box
from server.services.centre import RequestError
from server.services.destruction import Proof, declare_destroyed
from server.services.verifying import verify
from server.store import boxes as centre_boxes
from server.store import leases as centre_leases
from server.store import logs as centre_logs
from tests.support.box_story import Story
from tests.support.boxes import OFFICERS, receipts_of


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    made = Story(tmp_path)
    yield made
    made.old.close()
    made.world.close()


class _Third:
    """A station on its third box: leases are held for the first and for the second."""

    def __init__(self, story: Story) -> None:
        self.story, backup = story, story.boxes.back_up(story.old)
        told, self.second = story.boxes.put_back(backup)
        story.boxes.confirm(told)
        assert not story.boxes.sync(self.second)
        told, self.third = story.boxes.put_back(story.boxes.back_up(self.second))
        story.boxes.confirm(told)
        assert not story.boxes.sync(self.third)

    def held(self) -> set[int]:
        with self.story.world.centre.store.reading() as tx:
            return set(centre_boxes.held_by(tx, self.story.old.name).values())


@pytest.fixture
def third(story: Story) -> Iterator[_Third]:
    made = _Third(story)
    yield made
    made.second.close()
    made.third.close()


def test_proof_that_one_box_is_gone_releases_nothing_of_another(story: Story, third: _Third):
    limit, name = story.signed(), story.old.name
    assert third.held() == {1, 2}
    by_old, by_second = story.drain(story.old), story.drain(third.second)
    assert by_old > 0
    with pytest.raises(RequestError, match="held for boxes 1, 2: say which one"):
        story.boxes.gone(name, [])
    with pytest.raises(RequestError, match="held for box 3, got none"):
        story.boxes.gone(name, [], 3)
    assert story.boxes.gone(name, receipts_of(third.second), 2).booked_minor == by_second
    assert third.held() == {1}, "the first box is dark, and lends"
    for _ in range(2):
        assert not story.boxes.sync(third.third)
    by_third = story.drain(third.third)
    assert by_old + by_second + by_third <= limit
    assert story.boxes.gone(name, receipts_of(story.old)).booked_minor == by_old
    assert not third.held()
    for _ in range(2):
        assert not story.boxes.sync(third.third)
    by_third += story.drain(third.third)
    assert not story.boxes.sync(third.third)
    assert story.owed() == by_old + by_second + by_third <= limit
    assert not verify(story.world.centre).faults


def test_a_station_is_not_destroyed_while_a_box_before_may_have_drawn(story: Story, third: _Third):
    centre, name, proof = story.world.centre, story.old.name, Proof(b"a photograph")
    with pytest.raises(RequestError, match="declare each box before gone first"):
        declare_destroyed(centre, name, proof, OFFICERS[0])
    story.boxes.gone(name, receipts_of(story.old), 1)
    story.boxes.gone(name, receipts_of(third.second), 2)
    for officer in OFFICERS:
        told = declare_destroyed(centre, name, proof, officer)
    assert told.confirmed


def test_no_record_closes_a_lease_that_is_held(story: Story):
    told, new = story.boxes.put_back(story.boxes.back_up(story.old))
    try:
        held = story.boxes.confirm(told).held_leases_count
        assert not story.boxes.sync(new)
        lease_id = min(box.held_leases(new.db))
        clock = new.clock(story.world.now_ms)
        lie = LeaseClosed(lease_id, 0)
        with new.db.atomic():
            logs.append(new.db, new.name, Up.LEASE_CLOSED, lie, clock, "a-lie")
        assert not story.boxes.sync(new)
        with story.world.centre.store.reading() as tx:
            assert len(centre_boxes.held(tx, new.name)) == held
            kept = centre_leases.find(tx, lease_id)
            flagged = [each.flag for _, each in centre_logs.flagged(tx)]
        assert kept is not None
        assert kept.closed_at_ms is None
        assert any(flag.startswith("HL-CORE-009") and lease_id in flag for flag in flagged)
    finally:
        new.close()


@pytest.mark.parametrize("receipts", [b"{}", b"not JSON", b'[{"draw_id": 1}]'])
def test_receipts_that_cannot_be_read_declare_nothing(story: Story, receipts: bytes):
    told, new = story.boxes.put_back(story.boxes.back_up(story.old))
    new.close()
    story.boxes.confirm(told)
    centre, name = story.world.centre, story.old.name
    with pytest.raises(ShapeError):
        declare_box_gone(centre, name, Proof(b"a photograph", receipts), OFFICERS[0])
    assert story.boxes.gone(name, []).confirmed, "two officers still can, with the right files"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        *((name, key) for name in ("public_key", "seal_key") for key in ("zz" * 32, "ab" * 31)),
        ("seal_key", "00" * 32),  # a point of low order: nothing can be sealed to it
    ],
)
def test_a_box_whose_key_is_none_is_refused_before_anything_changes(
    story: Story, name: str, key: str
):
    told, new = story.boxes.put_back(story.boxes.back_up(story.old))
    new.close()
    centre = story.world.centre
    document = json.loads(Path(told.request).read_bytes())
    spoiled = sign_document(BOX_REQUEST, {**document["body"], name: key}, story.old.keys.signer)
    with pytest.raises(RequestError, match="expected a public key"):
        replace_box(centre, spoiled, OFFICERS[0])
    assert not story.boxes.sync(story.old), "the box of today is heard"
