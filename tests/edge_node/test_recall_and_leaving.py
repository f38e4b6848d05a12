"""The station's side of a lease that is asked back, and of a farmer who moves away."""

from __future__ import annotations

import dataclasses

import pytest

from core.lending.limit import Movement
from core.reasons import Reason, ReasonCode
from core.wire.envelope import LogClass
from core.wire.records import Down, Recall
from edge_node.decide.closing import close_given_back
from edge_node.decide.draws import confirm_payout, void
from edge_node.store import logs, village
from tests.support.lending_station import Station, farmer, lease, status


@pytest.fixture
def leased(tmp_path):
    station = Station(tmp_path)
    station.populate()
    station.centre.say(Down.LINE, status("line-1", 2_000_000, Movement.OPENED), station.at_ms)
    station.centre.say_lease(lease("le-1", "line-1", 1_000_000))
    station.take_down()
    yield station
    station.close()


def written(station, kind):
    found = logs.read_run(station.db, LogClass.MONEY, 0, 1_000, 10**7)
    return [record.body for record in found if record.kind == kind]


def recall(station, lease_id="le-1"):
    station.centre.say(Down.RECALL, Recall(lease_id), station.at_ms)
    return station.take_down()


def refusal(station):
    begun = station.begin("line-1", 100_000)
    return begun.code if isinstance(begun, Reason) else None


def test_a_lease_that_is_asked_back_closes_with_what_was_posted(leased):
    leased.draw("line-1", 300_000)
    recall(leased)
    assert written(leased, "lease_closed") == [{"lease_id": "le-1", "posted_minor": 300_000}]
    assert refusal(leased) is ReasonCode.DRAW_LEASE_CLOSED


@pytest.mark.parametrize(("end", "posted"), [(confirm_payout, 300_000), (void, 0)])
def test_it_closes_only_when_no_draw_is_pending_and_meanwhile_none_begins(leased, end, posted):
    draw_id = leased.begin("line-1", 300_000).drawdown.draw_id
    recall(leased)
    assert written(leased, "lease_closed") == []
    assert refusal(leased) is ReasonCode.DRAW_LEASE_CLOSED
    end(leased.db, leased.desk, draw_id, leased.clock)
    close_given_back(leased.db, leased.desk, leased.clock)  # as each round with the centre does
    assert written(leased, "lease_closed") == [{"lease_id": "le-1", "posted_minor": posted}]


def test_asked_back_twice_it_closes_once(leased):
    recall(leased)
    recall(leased)
    assert len(written(leased, "lease_closed")) == 1


def test_only_the_lease_that_was_asked_for_closes(leased):
    leased.centre.say_lease(lease("le-2", "line-1", 400_000))
    recall(leased)
    assert [body["lease_id"] for body in written(leased, "lease_closed")] == ["le-1"]
    assert refusal(leased) is None


def test_a_recall_of_a_lease_that_was_never_here_is_named_and_changes_nothing(leased):
    applied = recall(leased, "le-unknown")
    assert any("le-unknown" in each for each in applied.refusals)
    assert written(leased, "lease_closed") == []
    leased.draw("line-1", 100_000)


def moved_to(station, home):
    station.centre.say(
        Down.FARMER, dataclasses.replace(farmer(2, "card"), home_station=home), station.at_ms
    )
    seq = len(station.centre.down)
    station.take_down()
    return seq


def test_who_moves_away_is_let_go_in_the_money_log_after_all_their_lines(leased):
    leased.opened_line(2)
    seq = moved_to(leased, "mwamba")
    assert written(leased, "farmer_left") == [{"farmer_id": "f-2", "told_seq": seq}]
    kinds = [each.kind for each in logs.read_run(leased.db, LogClass.MONEY, 0, 1_000, 10**7)]
    assert kinds.index("line_opened") < kinds.index("farmer_left")


def test_who_never_lived_here_or_only_changed_a_name_does_not_leave(leased):
    moved_to(leased, "mwamba")
    assert len(written(leased, "farmer_left")) == 1
    moved_to(leased, "tumaini")  # from elsewhere to elsewhere
    moved_to(leased, "kijani")
    renamed = dataclasses.replace(farmer(3, "card-3"), name="Another Name")
    leased.centre.say(Down.FARMER, renamed, leased.at_ms)
    leased.take_down()
    assert len(written(leased, "farmer_left")) == 1
    assert village.farmer(leased.db, "f-2").home_station == "kijani"


def test_who_comes_back_and_leaves_again_is_let_go_twice(leased):
    told = [moved_to(leased, home) for home in ("mwamba", "kijani", "mwamba")]
    assert [body["told_seq"] for body in written(leased, "farmer_left")] == [told[0], told[2]]
