"""The map, and each plot's or pasture's own page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from core.wire.personal_data import DataClass
from server.console.desk import Desk, Visitor
from server.console.figures.curve import curve_picture, estimate_picture, season_span
from server.console.render import PREFIX
from server.console.views.book import read_rows
from server.console.views.pictures import read_pictures
from server.console.views.plot import MapField, days_since, read_fields, read_plot
from server.services.blobs import get_blob, picture_headers, require_shown
from server.services.maps import DistrictMap, map_path, maps_in
from server.store import lines
from server.store.engine import Tx

_SHOWN = (DataClass.IDENTITY, DataClass.REGISTERED, DataClass.MONEY, DataClass.IMAGERY)
MOVEMENT_LEGEND = (
    ("raised", "Raised"),
    ("held", "Held, or just opened"),
    ("cut", "Cut"),
    ("frozen", "Frozen"),
    ("none", "No line rests on it"),
)
MAP_WORDS = {"true_color": "as the eye sees it", "false_color": "false colour"}
ANOMALY_LEGEND = (
    ("low3", "25 % or more below normal"),
    ("low2", "12 to 25 % below"),
    ("low1", "4 to 12 % below"),
    ("mid", "as normal"),
    ("high1", "4 to 12 % above"),
    ("high2", "12 % or more above"),
    ("none", "not known"),
)


def routes(desk: Desk) -> list[Route]:
    """The addresses of the map and the plots."""

    def fields_map(request: Request) -> Response:
        visitor = desk.visitor(request)
        by = "anomaly" if request.query_params.get("by") == "anomaly" else "movement"
        found = _fields(desk, visitor)
        maps = maps_in(Path(desk.centre.settings.maps_folder))
        context = {
            "by": by,
            "maps": maps,
            "map_words": MAP_WORDS,
            "shown": _shown(maps, request.query_params.get("map")),
            "fields": found,
            "legend": ANOMALY_LEGEND if by == "anomaly" else MOVEMENT_LEGEND,
        }
        return desk.page(request, "map.html", context, visitor)

    def tiles(request: Request) -> Response:
        desk.visitor(request)
        folder = Path(desk.centre.settings.maps_folder)
        path = map_path(folder, request.path_params["name"])
        return FileResponse(path, media_type="application/vnd.pmtiles")

    def shapes(request: Request) -> Response:
        visitor = desk.visitor(request)
        return JSONResponse(
            {
                "type": "FeatureCollection",
                "features": features_of(_fields(desk, visitor)),
            }
        )

    return [
        Route("/map", fields_map, methods=["GET"]),
        Route("/map/fields.geojson", shapes, methods=["GET"]),
        Route("/map/tiles/{name}", tiles, methods=["GET"]),
        Route("/plots/{subject_id}", _plot(desk), methods=["GET"]),
        Route("/pictures/{sha256}", _picture(desk), methods=["GET"]),
    ]


def _plot(desk: Desk) -> Callable[[Request], Response]:
    def plot(request: Request) -> Response:
        visitor = desk.visitor(request)
        subject_id = request.path_params["subject_id"]
        with desk.reading(visitor) as tx:
            story = read_plot(tx, subject_id, request.query_params.get("evidence", ""))
            resting = lines.resting_on(
                tx, [subject_id, *(herd.subject_id for herd in story.grazed_by)]
            )
            rests = [row for row in read_rows(tx, desk.today(tx)) if row.line_id in resting]
            today = desk.today(tx)
            pictures = read_pictures(tx, story.subject.name, story.shown)
        desk.saw(visitor, "plot", _SHOWN, story.farmer.farmer_id if story.farmer else "")
        curve = strip = None
        if story.shown is not None:
            curve = curve_picture(story.shown, story.stages, story.sentence)
            if story.estimates:
                title = (
                    f"Expected yield over the season in {story.unit}; the figures are in the table"
                )
                span = season_span(story.shown)
                strip = estimate_picture(story.estimates, span, story.unit, title)
        last = story.shown.last_clear_on if story.shown else None
        context = {
            "story": story,
            "curve": curve,
            "strip": strip,
            "rests": rests,
            "pictures": pictures,
            "age_days": days_since(last, today),
        }
        return desk.page(request, "plot.html", context, visitor)

    return plot


def _picture(desk: Desk) -> Callable[[Request], Response]:
    def picture(request: Request) -> Response:
        visitor = desk.visitor(request)
        sha256 = request.path_params["sha256"]
        with desk.reading(visitor) as tx:
            require_shown(tx, visitor.scope, sha256)
        found = get_blob(desk.centre, sha256)
        return Response(found.data, media_type=found.media_type, headers=picture_headers(found))

    return picture


def _shown(maps: Sequence[DistrictMap], name: str | None) -> DistrictMap | None:
    """The map that was asked for; the newest if none was named, none if that is none of ours."""
    if name is None:
        return maps[0] if maps else None
    return next((one for one in maps if one.name == name), None)


def _fields(desk: Desk, visitor: Visitor) -> list[MapField]:
    with desk.reading(visitor) as tx:
        return fields_of(tx, desk.today(tx))


def fields_of(tx: Tx, today: date) -> list[MapField]:
    """The plots and pastures as they stand on the map."""
    return read_fields(tx, read_rows(tx, today))


def movement_tone(movement: str) -> str:
    """The class of colour for a movement."""
    return {"": "none", "opened": "held"}.get(movement, movement)


def features_of(fields: Sequence[MapField]) -> list[Mapping[str, object]]:
    """Those that have a shape, as GeoJSON."""
    return [_feature(field) for field in fields if field.geometry]


def _feature(field: MapField) -> dict[str, object]:
    return {
        "type": "Feature",
        "geometry": field.geometry,
        "properties": {
            "name": field.name,
            "owner": field.owner,
            "kind": field.kind,
            "url": f"{PREFIX}/plots/{field.subject_id}",
            "movement": field.movement or "no line",
            "movement_tone": movement_tone(field.movement),
            "anomaly_tone": field.anomaly_tone,
            "stage": field.stage,
            "crop": field.crop,
            "limit": field.limit,
        },
    }
