"""``map``: district maps that the console shows."""

from __future__ import annotations

from pathlib import Path

import click

from core.shape import encode
from server.commands.hands import centre_of, config_option, json_option, show
from server.services.maps import DistrictMap, add_map

COPERNICUS = "Contains modified Copernicus Sentinel data"


@click.group("map")
def map_() -> None:
    """District maps that the console shows."""


@map_.command("add")
@config_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--month", required=True, help="The month that it shows, as 2026-04.")
@click.option("--kind", required=True, help="An index's name, true_color or false_color.")
@click.option("--copernicus", is_flag=True, help=f"Say under it: {COPERNICUS} and the year.")
@json_option
def add(
    *, config: Path, file: Path, month: str, kind: str, copernicus: bool, as_json: bool
) -> None:
    """Copy FILE, a PMTiles map of harvestline-satellite quicklooks, to where the console reads.

    A map of the same month and kind gives way to it.
    """
    centre = centre_of(click.get_current_context(), config)
    words = f"{COPERNICUS} {month[:4]}" if copernicus else ""
    kept = add_map(Path(centre.settings.maps_folder), file, DistrictMap(month, kind, 0, words))
    sentence = f"The map of {kept.kind} in {kept.month} is shown ({kept.size_bytes} bytes)."
    show({**encode(kept), "name": kept.name}, sentence, as_json=as_json)
