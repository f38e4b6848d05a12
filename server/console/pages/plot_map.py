"""The map of all plots, the list that says the same, and the maps from space under them.

Both ask with one filter, which stands in the address: the page reads the list, and its script
asks for the compact answer that the map draws. The list hands its plots over, so that both are
of one reading (:mod:`server.console.plots_handed`).
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import BoundedSemaphore
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from core.canonical import canonical_bytes, sha256_hex
from core.wire.personal_data import DataClass
from server.console.desk import Desk
from server.console.plots_handed import HandedPlots
from server.console.render import PREFIX
from server.console.views import plot_shapes
from server.console.views.plot_list import (
    GRAVITY,
    STAGES,
    PlotQuery,
    find_plots,
    read_list_and_plots,
    read_plot_query,
)
from server.console.views.plot_measures import MEASURES, RISK_TONES, STAGE_WORDS, Measure
from server.console.words import message, say
from server.services.collected import collected_after
from server.services.maps import DistrictMap, map_path, maps_in

SHOWN = (DataClass.IDENTITY, DataClass.REGISTERED, DataClass.MONEY, DataClass.IMAGERY)
READ_AT_ONCE = 2  # who look at all plots; more would only hold more of them in memory
GZIP_LEVEL = 4  # a tenth larger than level 6, in a fifth of its time
MAP_WORDS = {
    "true_color": message("as the eye sees it"),
    "false_color": message("false colour"),
}
# What the map's script says, by its own names for it.
SCRIPT_WORDS = {
    "count": message("Plots: {count}"),
    "median": message("Median: {value}"),
    "half": message("Half of them: {low} to {high}"),
    "most": message("Most of them: {value}, {count}"),
    "unknown": message("Not known: {count}"),
    "far": message("{plots} plots in {hexagons} hexagons. Press a hexagon to go nearer."),
    "near": message("{plots} plots in this view. Press a plot to open its page."),
    "none": message("No plot lies in this view."),
    "all": message("Show all plots"),
    "empty": message("No plot that fits has a shape to draw."),
    "capped": message("The map holds the first {drawn} of {asked} plots: choose a village."),
    "failed": message("The map cannot be drawn: {why}. The list below holds the same."),
    "picture": message("The picture from space cannot be drawn: {why}."),
    "here": message("Under the cross: {what}"),
}


def routes(desk: Desk) -> list[Route]:
    """The addresses of the map, its list and its data."""
    rings, turn = plot_shapes.Rings(), BoundedSemaphore(READ_AT_ONCE)
    handed = HandedPlots(desk.centre.new_token, desk.centre.now_ms)

    def plots(request: Request) -> Response:
        visitor = desk.visitor(request)
        query = read_plot_query(request.query_params)
        with turn, collected_after(), desk.reading(visitor) as tx:
            found, rows = read_list_and_plots(tx, query)
        seen = [row.farmer_id for row in found.rows if row.farmer_id]
        desk.saw(visitor, "plots", SHOWN, *seen, "")
        query = found.query
        context: dict[str, object] = {
            "plots": found,
            "filter": urlencode(query.filter_link()),
            "reading": handed.give(visitor, query, rows),
            "query": urlencode(query.link()),
            "link": lambda **changes: _link(query, **changes),
            "measures": MEASURES,
            "risk_words": {tone.name: tone.words for tone in RISK_TONES},
        }
        if request.headers.get("hx-request") == "true":
            part = desk.page(request, "plots.html", context, visitor)
            part.headers["hx-push-url"] = _link(query)  # without what is as usual
            return part
        maps = maps_in(Path(desk.centre.settings.maps_folder))
        context |= {
            "maps": maps,
            "map_words": MAP_WORDS,
            "shown": _shown(maps, request.query_params.get("map")),
            "stages": STAGES,
            "stage_words": STAGE_WORDS,
            "movements": GRAVITY,
            "words": _script_words(),
        }
        return desk.page(request, "plot_map.html", context, visitor)

    def shapes(request: Request) -> Response:
        visitor = desk.visitor(request)
        query = read_plot_query(request.query_params)
        with turn, collected_after(), desk.reading(visitor) as tx:
            rows = handed.take(visitor, query, request.query_params.get("reading", ""))
            found = plot_shapes.compact(tx, rings, find_plots(tx, query) if rows is None else rows)
            data = plot_shapes.encoded(found)
        return _answer(request, data)

    def tiles(request: Request) -> Response:
        desk.visitor(request)
        folder = Path(desk.centre.settings.maps_folder)
        path = map_path(folder, request.path_params["name"])
        return FileResponse(path, media_type="application/vnd.pmtiles")

    return [
        Route("/map", plots, methods=["GET"]),
        Route("/map/plots.json", shapes, methods=["GET"]),
        Route("/map/tiles/{name}", tiles, methods=["GET"]),
    ]


def _answer(request: Request, data: bytes) -> Response:
    """The data, or that it is what the asker has; compressed if they can read that.

    Nothing keeps it but the page that asked: it says where people's land lies.
    """
    headers = {"etag": f'"{sha256_hex(data)[:32]}"', "vary": "accept-encoding"}
    if headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        data = gzip.compress(data, GZIP_LEVEL, mtime=0)
        headers["content-encoding"] = "gzip"
    return Response(data, media_type="application/json", headers=headers)


def _shown(maps: Sequence[DistrictMap], name: str | None) -> DistrictMap | None:
    """The map that was asked for; the newest if none was named, none if that is none of ours."""
    if name is None:
        return maps[0] if maps else None
    return next((one for one in maps if one.name == name), None)


def _link(query: PlotQuery, **changes: object) -> str:
    """A link to the same plots, asked otherwise."""
    given = query.link(**changes)
    return f"{PREFIX}/map" + (f"?{urlencode(given)}" if given else "")


def _script_words() -> str:
    """What the map's script needs to speak, and the classes that it colours by."""
    told = {name: _pattern(words) for name, words in SCRIPT_WORDS.items()}
    measures = {name: _told(measure) for name, measure in MEASURES.items()}
    return canonical_bytes({"words": told, "measures": measures}).decode()


def _pattern(words: str) -> str:
    """A sentence in the visitor's language whose braces the script fills in."""
    names = ("count", "value", "low", "high", "plots", "hexagons", "drawn", "asked", "why", "what")
    return say(words, **{name: f"{{{name}}}" for name in names})


def _told(measure: Measure) -> Mapping[str, object]:
    return {
        "about": say(measure.about),
        "median": measure.is_median,
        "name": say(measure.words),
        "tones": [
            {"below": tone.below, "tone": tone.name, "words": say(tone.words)}
            if tone.below is not None
            else {"tone": tone.name, "words": say(tone.words)}
            for tone in measure.tones
        ],
        "unknown": say(measure.unknown),
    }
