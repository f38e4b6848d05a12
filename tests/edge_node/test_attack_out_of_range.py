"""Values that cannot be: refused where they are said, held within their range where not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.decision.policy import Verdict
from core.scoring.features import INT32_MAX
from core.wire.records import Application, Down
from core.wire.registry import Dossier
from edge_node.decide.applications import LineAsk, apply_for_line
from edge_node.decide.desk import RequestError
from edge_node.decide.replaying import replay_card
from edge_node.store.decisions import KeptCard
from tests.support.lending_station import Station, consent
from tests.support.small_farm import Farm


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    station = Station(tmp_path)
    station.populate()
    yield station
    station.close()


@pytest.mark.parametrize("late_days", [1_000_001, INT32_MAX, 2**40])
def test_a_dossier_beyond_its_range_is_held_at_the_end_of_it(
    station: Station, late_days: int
) -> None:
    far = Dossier("f-1", "2026-03-02", {"past_late_days": late_days, "area_m2": -late_days})
    station.centre.say(Down.DOSSIER, far, station.at_ms)
    station.take_down()
    kept = station.apply()
    assert isinstance(kept, KeptCard)
    worst = Dossier("f-2", "2026-03-02", {"past_late_days": 1_000_000, "area_m2": 0})
    station.centre.say(Down.DOSSIER, worst, station.at_ms)
    station.take_down()
    at_the_end = station.apply(2)
    assert kept.card.outcome.score == at_the_end.card.outcome.score
    assert kept.card.outcome.verdict is Verdict.DECLINE
    # What was said stands on the card as it was said, for people to look at, and replays.
    (told,) = [one for one in kept.card.inputs.features if one.name == "past_late_days"]
    assert told.value == late_days
    assert replay_card(station.db, kept.card.card_id, station.verifier).verdict == "decline"


@pytest.mark.parametrize(
    ("asked_minor", "currency", "subject", "says"),
    [
        (0, "KES", "plot-1", "in steps of 50000, got 0"),
        (-500_000, "KES", "plot-1", "in steps of 50000, got -500000"),
        (499_999, "KES", "plot-1", "in steps of 50000, got 499999"),
        (500_000, "USD", "plot-1", "expected KES, got 'USD'"),
        (500_000, "KES", "plot-2", "the farmer's own"),
    ],
)
def test_an_application_that_cannot_be_is_refused_by_name_and_kept_nowhere(
    station: Station, asked_minor: int, currency: str, subject: str, says: str
) -> None:
    asked = Application("ap-1", "f-1", "crop-season", (subject,), asked_minor, currency)
    ask = LineAsk(asked, (consent("c-1", "f-1", "terms"),), "card-1", "line-1")
    act = (station.db, station.desk, ask, station.telemetry_of, station.clock)
    with pytest.raises(RequestError, match=says):
        apply_for_line(*act)
    assert station.db.execute("SELECT count(*) FROM applications").fetchone() == (0,)


def test_the_largest_amount_that_can_be_written_opens_no_large_line(station: Station) -> None:
    most = 50_000 * (2**52 // 50_000)
    kept = station.apply(asked_minor=most)
    assert isinstance(kept, KeptCard)
    assert kept.card.outcome.verdict is Verdict.REFER
    assert not kept.line_id


@pytest.mark.parametrize("moisture_ppm", [-1_000, 1_000_001, INT32_MAX])
def test_a_reading_that_cannot_be_is_kept_and_counts_for_nothing(
    tmp_path: Path, moisture_ppm: int
) -> None:
    farm = Farm(tmp_path)
    farm.probe(1, moisture_ppm)
    farm.probe(2, 200_000)
    farm.compute(2)
    assert "soil_moisture_ppm" not in farm.values(1)
    assert farm.values(2)["soil_moisture_ppm"] == 200_004
    stored = farm.db.execute("SELECT count(*) FROM samples").fetchone()
    assert stored == (16,)
    farm.db.close()
