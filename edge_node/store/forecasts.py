"""The newest forecast of each place, as the centre sent it."""

from __future__ import annotations

import json
from datetime import date

from core.canonical import canonical_bytes
from core.shape import decode, encode
from core.wire.weather import Forecast
from edge_node.store.database import StationDatabase


def keep_forecast(db: StationDatabase, forecast: Forecast) -> bool:
    """Keep a forecast if none that was issued later is here; whether it was kept."""
    cursor = db.conn.execute(
        "INSERT INTO forecasts (place, issued_on, body) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET issued_on = excluded.issued_on, body = excluded.body"
        " WHERE excluded.issued_on >= issued_on",
        (forecast.place, forecast.issued_on, canonical_bytes(encode(forecast)).decode()),
    )
    return int(cursor.rowcount) > 0


def newest_forecast(db: StationDatabase, place: str, day: date) -> dict[int, int]:
    """Rain by days ahead of a day, from 1 [um]; empty without a forecast that reaches it.

    That of the place counts before the site's. What was issued after the day is not
    known on it.
    """
    rows = db.conn.execute(
        "SELECT body FROM forecasts WHERE place IN (?, '') AND issued_on <= ?"
        " ORDER BY place = '' LIMIT 1",
        (place, day.isoformat()),
    ).fetchone()
    if rows is None:
        return {}
    found = decode(Forecast, json.loads(rows[0]))
    gone = (day - date.fromisoformat(found.issued_on)).days
    return {i - gone: rain for i, rain in enumerate(found.rain_um, start=1) if i > gone}
