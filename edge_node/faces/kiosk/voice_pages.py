"""The clips' door: ``GET /voice/{locale}/{key}.ogg``."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from edge_node.faces.kiosk.voice import Voice
from edge_node.store.village import UnknownRecordError

MEDIA_TYPE = "audio/ogg"


def voice_pages(voice: Voice) -> APIRouter:
    """The one route of the clips."""
    router = APIRouter()

    def clip(locale: str, name: str) -> Response:
        found = voice.clip(locale, name)
        if found is None:
            raise UnknownRecordError(f"expected a clip of {locale[:8]!r}, got {name[:80]!r}")
        return Response(found, media_type=MEDIA_TYPE)

    router.add_api_route("/voice/{locale}/{name}.ogg", clip, methods=["GET"], response_model=None)
    return router
