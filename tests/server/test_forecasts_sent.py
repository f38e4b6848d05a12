"""A weather service's rain reaches a station's mail, and what is no forecast is refused."""

from __future__ import annotations

import pytest

from core.shape import decode
from core.wire.records import Down
from core.wire.weather import Forecast
from server.services.centre import RequestError
from server.services.forecasts import parse_forecasts, send_forecasts
from tests.support.centre_kit import STATION, TESTER, Kit

DAYS = b"date,rain_mm\n2026-04-20,0\n2026-04-21,12.5\n2026-04-22,0.0004\n"
PLACES = b"place,date,rain_mm\nw-2,2026-04-20,1\nw-1,2026-04-20,3\nw-1,2026-04-21,4\n"


def test_days_become_one_forecast_that_begins_the_day_after_its_issue():
    assert parse_forecasts(DAYS, "KMD") == (Forecast("", "2026-04-19", (0, 12_500, 0), "KMD"),)


def test_each_place_has_a_forecast_of_its_own():
    assert parse_forecasts(PLACES, "KMD") == (
        Forecast("w-1", "2026-04-19", (3_000, 4_000), "KMD"),
        Forecast("w-2", "2026-04-19", (1_000,), "KMD"),
    )


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"day,rain\n", "columns date and rain_mm"),
        (b"date,rain_mm\n", "at least one day"),
        (b"date,rain_mm\n20 April,3\n", "row 2"),
        (b"date,rain_mm\n2026-04-20,much\n", "row 2"),
        (b"date,rain_mm\n2026-04-20,NaN\n", "row 2"),
        (b"date,rain_mm\n2026-04-20\n", "row 2"),
        (b"date,rain_mm\n2026-04-20,-1\n", "0 to 500 millimetres"),
        (b"date,rain_mm\n2026-04-20,501\n", "0 to 500 millimetres"),
        (b"date,rain_mm\n2026-04-20,1e999999\n", "row 2"),
        (b"date,rain_mm\n20260420,1\n", "row 2"),
        (b"date,rain_mm\n0001-01-01,1\n", "row 2"),
        (b"date,rain_mm\n2026-04-20,1\r2\n", "a CSV"),
        (b"date,rain_mm\n2026-04-20," + b"1" * 200_000 + b"\n", "a CSV"),
        (b"date,rain_mm\n2026-04-20,1\n2026-04-20,2\n", "one row for 2026-04-20"),
        (b"date,rain_mm\n2026-04-20,1\n2026-04-22,2\n", "none for the day after 2026-04-20"),
        (b"date,rain_mm\n" + b"".join(b"2026-05-%02d,1\n" % d for d in range(1, 32)), "30 days"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_what_is_no_forecast_is_refused_by_its_row(data: bytes, says: str):
    with pytest.raises(RequestError, match=says):
        parse_forecasts(data, "KMD")


def test_forecast_waits_in_the_station_s_mail_once(kit: Kit):
    forecasts = parse_forecasts(DAYS, "KMD")
    for _ in range(2):
        send_forecasts(kit.centre, STATION, forecasts, TESTER)
    kit.station.pull(kit.centre)
    said = kit.station.bodies(Down.FORECAST.value)
    assert [decode(Forecast, body) for body in said] == list(forecasts)


def test_station_that_is_not_enrolled_gets_none(kit: Kit):
    with pytest.raises(RequestError, match="enrolled station, got nowhere"):
        send_forecasts(kit.centre, "nowhere", parse_forecasts(DAYS, "KMD"), TESTER)
