"""``/api/v1/photo-parts`` and ``/api/v1/photos``: agents' photos, from stations, for auditors."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from core.wire.personal_data import DataClass, Purpose
from core.wire.photos import BODY_BYTES_MAX
from server.api.bearer import Bearer
from server.api.body import read_body
from server.api.shapes import bytes_body
from server.services.access import require_caller
from server.services.blobs import picture_headers
from server.services.centre import Centre
from server.services.consents.looks import API, Look, note
from server.services.photos import get_photo, take_part
from server.store.blobs import Blob
from server.store.people import Role

PART_TYPE = "application/vnd.harvestline.photo-part"


def add_photos(found: APIRouter, centre: Centre) -> None:
    """Add the two endpoints."""

    @found.post(
        "/photo-parts",
        tags=["stations"],
        summary="Deliver part of a photo",
        openapi_extra=bytes_body("A signed claim and the bytes behind it (B6)", PART_TYPE),
    )
    async def parts(request: Request) -> Response:
        """Take part of a photo; the answer is signed and says how much of it is here."""
        body = await read_body(request, BODY_BYTES_MAX)
        held = await run_in_threadpool(take_part, centre, body)
        return Response(held, media_type="application/json")

    @found.get(
        "/photos/{sha256}",
        tags=["book"],
        summary="Get a photo of a visit",
        responses={200: {"description": "The photo"}, 404: {"description": "It has not come"}},
    )
    def get(sha256: str, token: Bearer = None) -> Response:
        """Give a photo to a token of role auditor that may see the farmer."""
        caller = require_caller(centre, token, (Role.AUDITOR,))
        photo, named = get_photo(centre, caller.scope, sha256)
        look = Look(caller.actor, Purpose.SUPERVISION, (DataClass.VISITS,), API, "photo")
        note(centre, look, named.farmer_id)
        blob = Blob(photo.sha256, photo.media_type, photo.data)
        return Response(blob.data, media_type=blob.media_type, headers=picture_headers(blob))
