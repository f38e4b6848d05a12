"""``forecast``: the rain that a weather service expects, sent to a station's alerts."""

from __future__ import annotations

from pathlib import Path

import click

from core.shape import encode
from server.commands.hands import OPERATOR, centre_of, config_option, json_option, read_input, show
from server.services.forecasts import parse_forecasts, send_forecasts

FORECAST_BYTES_MAX = 1024 * 1024


@click.command("forecast")
@config_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--station", required=True, help="Whose alerts shall know of it.")
@click.option("--source", required=True, help="Whose forecast it is, in words.")
@json_option
@click.pass_context
def forecast(
    context: click.Context, *, config: Path, file: Path, station: str, source: str, as_json: bool
) -> None:
    """Send a rain forecast to a station: a CSV with date, rain_mm and perhaps place.

    One row a day, without gaps, at most 30 days a place; place is the weather station's
    subject, or empty for the whole site.
    """
    found = parse_forecasts(read_input(file, FORECAST_BYTES_MAX), source)
    send_forecasts(centre_of(context, config), station, found, OPERATOR)
    days = sum(len(each.rain_um) for each in found)
    sentence = f"{days} days of rain for {len(found)} places wait for {station}."
    show({"forecasts": [encode(each) for each in found]}, sentence, as_json=as_json)
