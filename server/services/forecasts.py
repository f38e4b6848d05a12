"""A weather service's rain forecast, on its way to a station's alerts."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from core.errors import ShapeError
from core.units import civil_date
from core.wire.records import Down
from core.wire.weather import RAIN_UM_MAX, Forecast
from server.services.centre import Centre, RequestError, Work
from server.services.downlink import send_once
from server.store import people, registry
from server.store.people import Actor

UM_PER_MM = 1_000
_COLUMNS = ("date", "rain_mm")


def parse_forecasts(data: bytes, source: str) -> tuple[Forecast, ...]:
    """The forecasts in a CSV: one row a day, ``date,rain_mm``, perhaps ``place``.

    Raises
    ------
    RequestError
        If a column, a date or a number is wrong, or a day is missing; it names the row.
    """
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
        names = reader.fieldnames or ()
        if not set(_COLUMNS) <= set(names):
            raise RequestError(f"expected the columns date and rain_mm, got {', '.join(names)}")
        rows: dict[str, dict[date, int]] = defaultdict(dict)
        for row in reader:
            day, rain_um = _cells(row, reader.line_num)
            if rows[row.get("place") or ""].setdefault(day, rain_um) != rain_um:
                raise RequestError(f"row {reader.line_num}: expected one row for {day}")
    except (UnicodeDecodeError, csv.Error) as error:
        raise RequestError(f"expected a CSV in UTF-8: {error}") from error
    if not rows:
        raise RequestError("expected at least one day of rain, got none")
    return tuple(_forecast(place, rain, source) for place, rain in sorted(rows.items()))


def send_forecasts(
    centre: Centre, station: str, forecasts: tuple[Forecast, ...], actor: Actor
) -> None:
    """Put forecasts into a station's mail; the same again is not sent twice.

    Raises
    ------
    RequestError
        If the station is not enrolled.
    """

    def act(work: Work) -> None:
        if registry.find_station(work.tx, station) is None:
            raise RequestError(f"expected an enrolled station, got {station}")
        for each in forecasts:
            send_once(work, station, Down.FORECAST, each)
        days = {each.place or "site": len(each.rain_um) for each in forecasts}
        people.record(work.tx, work.at_ms, actor, "forecast_sent", ("station", station), days)

    centre.write(act)


def _cells(row: Mapping[str, str | None], number: int) -> tuple[date, int]:
    day, told = civil_date((row["date"] or "").strip()), row["rain_mm"] or ""
    rain_um = _rain_um(told.strip())
    # The first day of the calendar has none before it, on which a forecast was issued.
    if day is None or day == date.min or rain_um is None:
        raise RequestError(
            f"row {number}: expected a date as 2026-04-20 and 0 to {RAIN_UM_MAX // UM_PER_MM} "
            f"millimetres of rain, got {(row['date'] or '')[:40]!r} and {told[:40]!r}"
        )
    return day, rain_um


def _rain_um(text: str) -> int | None:
    """A number of millimetres [um]; nothing if it is none, or more than falls in a day."""
    try:
        rain = Decimal(text) * UM_PER_MM
        return int(rain.to_integral_value()) if 0 <= rain <= RAIN_UM_MAX else None
    except ArithmeticError:
        return None


def _forecast(place: str, rain: Mapping[date, int], source: str) -> Forecast:
    days = sorted(rain)
    for before, after in pairwise(days):
        if after - before != timedelta(days=1):
            raise RequestError(f"expected every day from {days[0]} on, got none for the day "
                               f"after {before}")  # fmt: skip
    issued_on = (days[0] - timedelta(days=1)).isoformat()
    try:
        return Forecast(place, issued_on, tuple(rain[day] for day in days), source)
    except ShapeError as error:
        raise RequestError(f"{place or 'the site'}: {error}") from error
