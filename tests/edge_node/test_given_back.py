"""What the centre gives back to a box that was put back from a backup."""

from __future__ import annotations

import pytest

from core.scoring.features import DailyFeature
from core.units import PPM
from edge_node.store import daily
from edge_node.store.daily import graded_features
from edge_node.store.returned import take_settled
from tests.support.lending_station import Station

DAY = "2026-04-01"


@pytest.fixture
def station(tmp_path):
    made = Station(tmp_path)
    yield made
    made.close()


def told(value, readings=144):
    return DailyFeature("plot-1", "soil_moisture_ppm", DAY, value, PPM, readings, "ab" * 32)


def known(station):
    return graded_features(station.db, "plot-1", (DAY, DAY))


def test_a_feature_of_unknown_origin_counts_as_signed_by_no_device(station):
    with station.db.atomic():
        take_settled(station.db, told(210_000), 7, station.at_ms)
    assert [(one.feature.value, one.unsigned_ppm) for one in known(station)] == [(210_000, PPM)]
    (settled,) = daily.final_features(station.db, 0, 10)
    assert (settled.final_no, settled.version, settled.feature) == (7, 1, told(210_000))


def test_a_settled_version_follows_what_is_here_and_an_open_one_gives_way(station):
    with station.db.atomic():
        daily.put_feature(station.db, told(100_000, 3), station.at_ms)  # still open
        take_settled(station.db, told(200_000), 1, station.at_ms)
        take_settled(station.db, told(300_000), 2, station.at_ms)
    settled = daily.final_features(station.db, 0, 10)
    assert [(s.final_no, s.version, s.feature.value) for s in settled] == [
        (1, 1, 200_000), (2, 2, 300_000),
    ]  # fmt: skip
    assert known(station)[0].feature.value == 300_000
