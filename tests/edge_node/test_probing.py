"""An applicant who tries out answers: the station counts, a person looks, the centre checks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.decision.policy import ASKED_DAYS, ASKS_MAX, Verdict
from core.reasons import ReasonCode
from core.units import MS_PER_DAY
from core.wire.records import Application, Down
from core.wire.registry import Dossier
from edge_node.decide.applications import LineAsk, apply_for_line
from edge_node.store.decisions import KeptCard
from tests.support.lending_station import Station, consent, maize


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    station = Station(tmp_path)
    station.populate()
    late = Dossier("f-1", "2026-03-02", {"past_late_days": 45})
    station.centre.say(Down.DOSSIER, late, station.at_ms)
    station.take_down()
    yield station
    station.close()


def decided(station: Station, asked_minor: int = 800_000) -> KeptCard:
    kept = station.apply(asked_minor=asked_minor)
    assert isinstance(kept, KeptCard)
    return kept


def test_near_identical_applications_end_with_a_person(station: Station) -> None:
    for number in range(ASKS_MAX):
        kept = decided(station, 800_000 - 50_000 * number)
        assert kept.card.outcome.verdict is Verdict.DECLINE
        assert kept.card.inputs.asked_before == (number or None)
    often = decided(station, 50_000)
    assert often.card.outcome.reasons[0].code is ReasonCode.DECISION_ASKED_OFTEN
    # Even once nothing else speaks against it.
    good = Dossier("f-1", "2026-03-03", {"past_late_days": 0})
    station.centre.say(Down.DOSSIER, good, station.at_ms)
    station.take_down()
    assert decided(station).card.outcome.verdict is Verdict.REFER
    station.at_ms += (ASKED_DAYS + 1) * MS_PER_DAY
    again = decided(station)
    assert again.card.inputs.asked_before is None
    assert again.line_id


def test_the_same_application_again_counts_once(station: Station) -> None:
    """Sent again, as on a bad link, with ids of its own for card and line."""
    application = Application("ap-1", "f-1", "crop-season", ("plot-1",), 800_000, "KES")

    def send(try_no: int) -> KeptCard:
        given = (consent(f"c-{try_no}", "f-1", "terms"),)
        ask = LineAsk(application, given, f"card-{try_no}", f"line-{try_no}")
        act = (station.db, station.desk, ask, station.telemetry_of, station.clock)
        kept = apply_for_line(*act)
        assert isinstance(kept, KeptCard)
        return kept

    first = send(1)
    assert first.card.inputs.asked_before is None
    for try_no in range(2, ASKS_MAX + 2):
        assert send(try_no).card == first.card
    assert decided(station).card.inputs.asked_before == 1


def test_another_product_and_another_farmer_are_not_counted(station: Station) -> None:
    other = replace(maize(), product_id="sorghum-season")
    station.centre.say(Down.PRODUCT, other, station.at_ms)
    station.take_down()
    decided(station)
    kept = station.apply(2)
    assert isinstance(kept, KeptCard)
    assert kept.card.inputs.asked_before is None
