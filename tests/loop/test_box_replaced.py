"""A station goes on with another box: nothing lost, never two that lend (ADR 12, B1–B7)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import HarvestlineError
from core.lending.product import Product
from core.reasons import Reason, ReasonCode
from core.units import MS_PER_DAY
from core.wire.envelope import LogClass, LogName
from edge_node.commands.sealed_file import BackupError
from edge_node.decide.applications import Offer, offer_for_new_line
from edge_node.decide.draws import Receipt
from edge_node.store import box, leases, logs
from edge_node.store import village as edge_village
from edge_node.store.box import BoxNotConfirmedError, BoxState
from server.services.centre import RequestError
from server.services.envelopes import accept_envelope
from server.services.senders import BoxReplacedError
from server.services.verifying import verify
from server.store import boxes as centre_boxes
from server.store import logs as centre_logs
from tests.simulation.checkers import after_each_step, at_the_end
from tests.simulation.station import SimulatedStation
from tests.simulation.village import PRODUCT
from tests.support.box_story import AMOUNT, Story
from tests.support.boxes import receipts_of


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    made = Story(tmp_path)
    yield made
    made.old.close()
    made.world.close()


def test_a_box_that_was_handed_over_goes_on_with_every_lease(story: Story):
    assert story.draw(story.old) == "posted"
    open_before = {b.lease.lease_id: b.unspent_minor for b in leases.open_leases(story.old.db)}
    backup = story.boxes.back_up(story.old, handing_over=True)
    assert story.draw(story.old) == "draw_no_lease", "the old box pays nothing out any more"
    told, new = story.boxes.put_back(backup)
    try:
        assert told.handed_over
        assert story.draw(new) == "draw_no_lease", "nor does the new one, until it is confirmed"
        assert "refuses a pull" in story.boxes.sync(new)
        assert story.boxes.confirm(told).held_leases_count == 0
        assert not story.boxes.sync(new)
        assert box.standing(new.db).state is BoxState.ACTIVE
        open_after = {b.lease.lease_id: b.unspent_minor for b in leases.open_leases(new.db)}
        assert open_after.items() >= open_before.items(), "no lease is lost"
        assert story.draw(new) == "posted"
        assert not story.boxes.sync(new)
        assert story.owed() == 2 * AMOUNT
        story.take_over(new)
        after_each_step(story.world)
        at_the_end(story.world)
    finally:
        story.world.stations[story.old.name] = story.old
        new.close()


def test_two_live_copies_never_over_lend_though_both_are_dark(story: Story):
    """The old box lives and is dark; the new one is confirmed, then dark too."""
    limit, backup = story.signed(), story.boxes.back_up(story.old)
    told, new = story.boxes.put_back(backup)
    try:
        held = story.boxes.confirm(told).held_leases_count
        assert held
        assert not story.boxes.sync(new)
        by_old, by_new = story.drain(story.old), story.drain(new)
        assert by_old > 0
        assert by_old + by_new <= limit
        assert not set(_drawn_on(new)) & box.held_leases(new.db)
        assert "HL-EDGE-036" in story.boxes.sync(story.old), "it hears that it was replaced"
        assert box.standing(story.old.db).state is BoxState.REPLACED
        assert story.draw(story.old) == "draw_no_lease"
        gone = story.boxes.gone(story.old.name, receipts_of(story.old))
        assert gone.booked_minor == by_old, "what it had paid out still counts"
        for _ in range(2):
            assert not story.boxes.sync(new)
        by_new += story.drain(new)
        assert not story.boxes.sync(new)
        assert story.owed() == by_old + by_new <= limit
        assert not verify(story.world.centre).faults
    finally:
        new.close()


def test_what_the_centre_has_beyond_the_backup_is_given_back(story: Story):
    backup = story.boxes.back_up(story.old)
    assert story.draw(story.old) == "posted"
    assert not story.boxes.sync(story.old)
    story.world.pass_time(MS_PER_DAY)
    told, new = story.boxes.put_back(backup)
    try:
        before = logs.tail(new.db, LogClass.MONEY).seq
        assert story.boxes.confirm(told).given_back_count >= 3
        assert not story.boxes.sync(new)
        ours, theirs = (logs.tail(s.db, LogClass.MONEY) for s in (new, story.old))
        assert ours.seq > before
        assert ours == theirs
        assert _draws(new) == _draws(story.old)
        new.restart(story.world.now_ms)
        story.take_over(new)
        assert not story.boxes.sync(new)
        at_the_end(story.world)
    finally:
        story.world.stations[story.old.name] = story.old
        new.close()


def test_a_backup_ahead_of_the_centre_brings_its_draws(story: Story):
    assert story.draw(story.old) == "posted"
    told, new = story.boxes.put_back(story.boxes.back_up(story.old))
    try:
        assert story.owed() == 0
        story.boxes.confirm(told)
        assert not story.boxes.sync(new)
        assert story.owed() == AMOUNT
    finally:
        new.close()


def test_a_second_copy_of_a_handed_over_backup_holds_everything(story: Story):
    backup = story.boxes.back_up(story.old, handing_over=True)
    first_told, first = story.boxes.put_back(backup)
    second_told, second = story.boxes.put_back(backup)
    try:
        assert story.boxes.confirm(first_told).held_leases_count == 0
        assert not story.boxes.sync(first)
        by_first = story.drain(first)
        assert by_first > 0
        assert story.boxes.confirm(second_told).held_leases_count > 0
        assert not story.boxes.sync(second)
        assert by_first + story.drain(second) <= story.signed()
        assert "HL-EDGE-036" in story.boxes.sync(first)
    finally:
        first.close()
        second.close()


def test_the_old_boxs_chain_is_refused_by_name(story: Story):
    told, new = story.boxes.put_back(story.boxes.back_up(story.old))
    new.close()
    story.boxes.confirm(told)
    assert story.draw(story.old) == "posted"
    carried = next(data for data in iter(lambda: story.old.stick(story.world.chance), None) if data)
    with pytest.raises(BoxReplacedError, match="replaced by another"):
        accept_envelope(story.world.centre, carried[0])
    assert story.owed() == 0
    with story.world.centre.store.reading() as tx:
        assert centre_logs.all_set_aside(tx)[0].code == "HL-SRV-014", "kept for people to look at"
        name = LogName(story.old.name, LogClass.MONEY)
        assert not centre_logs.quarantine_reason(tx, name.writer), "the new box is heard"


def test_an_unconfirmed_box_writes_nothing_whatever_the_code_does(story: Story):
    told, new = story.boxes.put_back(story.boxes.back_up(story.old))
    try:
        assert told.request
        line = leases.open_leases(new.db)[0].lease
        with pytest.raises(sqlite3.IntegrityError, match="not draw under that lease"):
            new.db.execute(
                "INSERT INTO draws (draw_id, line_id, lease_id, state, amount_minor, fee_minor, "
                "currency, consent_id, apr_ppm, effective_on, began_at_ms) "
                "VALUES ('d', 'l', ?, 'pending', 1, 0, 'KES', 'c', 1, '2026-04-01', 1)",
                [line.lease_id],
            )
        with pytest.raises(BoxNotConfirmedError, match="officer confirm"):
            box.require_may_write(new.db)
        product = edge_village.product(new.db, PRODUCT)
        assert isinstance(_offer(story, story.old, product), Offer)
        refused = _offer(story, new, product)
        assert isinstance(refused, Reason)
        assert refused.code is ReasonCode.DRAW_NO_LEASE
    finally:
        new.close()


def test_a_box_that_was_stopped_by_hand_does_not_wake_by_a_late_confirmation(story: Story):
    """Its receipts are with the lender, and its leases may be given out again."""
    told, new = story.boxes.put_back(story.boxes.back_up(story.old))
    try:
        story.boxes.confirm(told)
        box.move(new.db, BoxState.REPLACED, story.world.now_ms)  # as `retire` does
        assert not story.boxes.sync(new)
        assert box.standing(new.db).state is BoxState.REPLACED
        assert story.draw(new) == "draw_no_lease"
    finally:
        new.close()


def test_a_box_knows_which_one_took_its_place(story: Story):
    told, new = story.boxes.put_back(story.boxes.back_up(story.old))
    new.close()
    generation = story.boxes.confirm(told).box.generation
    assert "HL-EDGE-036" in story.boxes.sync(story.old)
    found = box.standing(story.old.db)
    assert (found.state, found.generation) == (BoxState.REPLACED, generation)


def test_a_request_that_does_not_fit_is_refused(story: Story, tmp_path: Path):
    told, new = story.boxes.put_back(story.boxes.back_up(story.old))
    new.close()
    done, again = story.boxes.confirm(told), story.boxes.confirm(told)
    assert (done.new, again.new) == (True, False)
    assert again.box == done.box
    with pytest.raises(RequestError, match=r"leases of .* that are held"):
        story.boxes.gone("st-two" if story.old.name == "st-one" else "st-one", [])
    spoiled = tmp_path / "spoiled.json"
    spoiled.write_bytes(
        Path(told.request).read_bytes().replace(b'"generation":1', b'"generation":7')
    )
    with pytest.raises(HarvestlineError):
        story.boxes.confirm(type(told)(told.station, "", str(spoiled), 0, handed_over=False))


def test_nobody_hands_over_with_a_draw_in_the_air(story: Story):
    begun = story.old.draw(story.line, story.farmer, AMOUNT, story.world.now_ms)
    assert isinstance(begun, Receipt)
    with pytest.raises(BackupError, match="no pending draw"):
        story.boxes.back_up(story.old, handing_over=True)


def test_a_draw_in_the_air_waits_under_its_held_lease(story: Story):
    begun = story.old.draw(story.line, story.farmer, AMOUNT, story.world.now_ms)
    assert isinstance(begun, Receipt)
    told, new = story.boxes.put_back(story.boxes.back_up(story.old))
    try:
        story.old.confirm(begun.drawdown.draw_id, story.world.now_ms)  # paid, and nobody heard
        story.boxes.confirm(told)
        assert not story.boxes.sync(new)
        new.restart(story.world.now_ms)
        story.world.pass_time(MS_PER_DAY)
        assert not story.boxes.sync(new)
        kept = leases.draw(new.db, begun.drawdown.draw_id)
        assert kept is not None
        assert kept.drawdown.state.value == "pending", "it may have been paid: not ours to void"
        assert story.boxes.gone(story.old.name, receipts_of(story.old)).booked_minor == AMOUNT
        assert not story.boxes.sync(new)
        assert story.owed() == AMOUNT
        with story.world.centre.store.reading() as tx:
            assert not centre_boxes.held(tx, story.old.name)
    finally:
        new.close()


def _offer(story: Story, station: SimulatedStation, product: Product) -> Offer | Reason:
    return offer_for_new_line(station.db, product, station.clock(story.world.now_ms))


def _drawn_on(station: SimulatedStation) -> list[str]:
    rows = station.db.execute("SELECT lease_id FROM draws WHERE state = 'posted'").fetchall()
    return [row[0] for row in rows]


def _draws(station: SimulatedStation) -> list[tuple[object, ...]]:
    return station.db.execute(
        "SELECT draw_id, lease_id, state, amount_minor FROM draws ORDER BY draw_id"
    ).fetchall()
