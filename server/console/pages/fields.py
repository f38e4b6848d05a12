"""The map, and each plot's or pasture's own page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from server.console.desk import Desk, Visitor
from server.console.render import PREFIX
from server.console.views.book import read_rows
from server.console.views.plot import MapField, read_fields
from server.services.blobs import get_blob, picture_headers, require_shown
from server.services.maps import DistrictMap, map_path, maps_in
from server.store.engine import Tx

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
        Route("/pictures/{sha256}", _picture(desk), methods=["GET"]),
    ]


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
