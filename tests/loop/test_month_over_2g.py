"""A month of a village over 2G: in the time that docs/carriers.md promises, whatever is cut."""

from __future__ import annotations

import pytest

from bench.month import measured_s, modelled_s, month
from core.wire.envelope import LogClass
from tests.support.lending_station import Station
from tests.support.village_month import GPRS, UP_LOGS, ModelLink, Radio, fill, send

# docs/carriers.md, "How long a month takes".
MONEY_MINUTES_MAX = 5
FEATURES_MINUTES_MAX = 10
RAW_MINUTES_MAX = 90
MODEL_ERROR_MAX = 0.25
MS_PER_MINUTE = 60_000


def test_a_day_goes_over_a_cut_link_once_and_money_first(tmp_path):
    found = month(tmp_path, days=1, farmers=3, radio=Radio(3_750, 1_000, 5_000, 20_000))
    assert found.sent.cuts >= 3
    done = [found.sent.done_ms[log] for log in UP_LOGS]
    assert done == sorted(done)
    assert found.sent.sent_bytes < 3 * sum(found.sent_bytes.values())


def test_a_link_that_carries_one_exchange_at_a_time_starves_nobody(tmp_path):
    # A window holds the connection and one exchange, rarely two.
    radio = Radio(4_000, 500, 2_300, 3_300, 500, 1_500)
    station = Station(tmp_path)
    fill(station, days=1, farmers=1, batches_a_day=1)
    sent = send(station, ModelLink(radio, station), rounds_max=3_000)
    came = station.db.execute("SELECT count(*) FROM down_records").fetchone()[0]
    assert came == len(station.centre.down)
    assert set(sent.done_ms) == set(UP_LOGS)
    assert sent.cuts > 100
    station.close()


@pytest.mark.soak
def test_a_month_is_there_in_the_promised_time(tmp_path):
    found = month(tmp_path, radio=GPRS)
    minutes = {log: found.sent.done_ms[log] / MS_PER_MINUTE for log in UP_LOGS}
    assert minutes[LogClass.MONEY] < MONEY_MINUTES_MAX
    assert minutes[LogClass.FEATURES] < FEATURES_MINUTES_MAX
    assert minutes[LogClass.RAW] < RAW_MINUTES_MAX
    assert found.sent.cuts > 3


@pytest.mark.soak
def test_the_modelled_link_agrees_with_a_real_one(tmp_path):
    real_s = measured_s(tmp_path / "real")
    model_s = modelled_s(tmp_path / "model")
    assert abs(model_s / real_s - 1) < MODEL_ERROR_MAX
