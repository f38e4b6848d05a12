"""``/api/v1/blobs``: pictures by hash, put by makers, got by stations and auditors."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool

from core.wire.blob import CLAIM_HEADER
from server.api.bearer import Bearer
from server.api.body import read_body
from server.api.shapes import bytes_body
from server.services.access import reading, require_caller
from server.services.blobs import (
    get_blob,
    get_for_station,
    is_known,
    keep_blob,
    open_claim,
    picture_headers,
    require_shown,
)
from server.services.centre import Centre, LoginRequiredError
from server.store.blobs import Blob
from server.store.people import Role

_Claim = Annotated[str | None, Header(alias=CLAIM_HEADER, description="A signed document")]


def add_blobs(found: APIRouter, centre: Centre) -> None:
    """Add the two endpoints."""

    @found.put(
        "/blobs/{sha256}",
        tags=["imagery"],
        summary="Deliver a picture",
        responses={201: {"description": "New"}, 200: {"description": "Known"}},
        openapi_extra=bytes_body("The picture", "image/webp"),
    )
    async def put(sha256: str, request: Request, claim: _Claim = None) -> Response:
        """Take a picture whose maker's signed claim comes in a header; it is checked by bytes."""
        if claim is None:
            raise LoginRequiredError(f"expected a signed claim in {CLAIM_HEADER}, got none")
        said, maker = await run_in_threadpool(open_claim, centre, sha256, claim.encode())
        if await run_in_threadpool(is_known, centre, sha256):
            return Response(status_code=200)  # the rest need not be read
        data = await read_body(request, said.size_bytes)
        new = await run_in_threadpool(keep_blob, centre, said, maker, data)
        return Response(status_code=201 if new else 200)

    @found.get(
        "/blobs/{sha256}",
        tags=["imagery"],
        summary="Get a picture",
        responses={200: {"description": "The picture"}, 404: {"description": "It has not come"}},
    )
    def get(sha256: str, claim: _Claim = None, token: Bearer = None) -> Response:
        """Give a picture to a station whose ground it shows, or to a token of role auditor."""
        if claim is not None:
            return _answer(get_for_station(centre, sha256, claim.encode()))
        caller = require_caller(centre, token, (Role.AUDITOR,))
        with reading(centre, caller.scope) as tx:
            require_shown(tx, caller.scope, sha256)
        return _answer(get_blob(centre, sha256))


def _answer(blob: Blob) -> Response:
    return Response(blob.data, media_type=blob.media_type, headers=picture_headers(blob))
