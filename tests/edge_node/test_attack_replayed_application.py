"""An application that is sent again, as it was or altered, opens nothing and counts once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.wire.envelope import LogClass
from core.wire.records import Application
from edge_node.decide.applications import LineAsk, apply_for_line
from edge_node.store import lines, logs
from edge_node.store.decisions import ChangedRequestError, KeptCard
from tests.support.lending_station import Station, consent


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    station = Station(tmp_path)
    station.populate()
    yield station
    station.close()


def send(station: Station, application: Application, try_no: int) -> KeptCard:
    """What a client sends: the same application, with ids of its own for what should follow."""
    given = (consent(f"c-{try_no}", application.farmer_id, "terms"),)
    ask = LineAsk(application, given, f"card-{try_no}", f"line-{try_no}")
    act = (station.db, station.desk, ask, station.telemetry_of, station.clock)
    kept = apply_for_line(*act)
    assert isinstance(kept, KeptCard)
    return kept


def kinds(station: Station) -> list[str]:
    return [row.kind for row in logs.read_run(station.db, LogClass.MONEY, 0, 1000, 10**7)]


def test_an_approved_application_that_is_replayed_opens_one_line(station: Station) -> None:
    asked = Application("ap-1", "f-1", "crop-season", ("plot-1",), 500_000, "KES")
    first = send(station, asked, 1)
    before = kinds(station)
    for try_no in range(2, 6):
        again = send(station, asked, try_no)
        assert (again.card, again.line_id) == (first.card, first.line_id)
    assert kinds(station) == before
    assert len(lines.lines_of(station.db, "f-1")) == 1


def test_a_replay_with_another_amount_is_refused_by_name(station: Station) -> None:
    send(station, Application("ap-1", "f-1", "crop-season", ("plot-1",), 500_000, "KES"), 1)
    more = Application("ap-1", "f-1", "crop-season", ("plot-1",), 800_000, "KES")
    before = kinds(station)
    with pytest.raises(ChangedRequestError, match="exists with other content"):
        send(station, more, 2)
    assert kinds(station) == before
