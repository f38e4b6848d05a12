"""``/api/v1/envelopes``, ``/pull`` and ``/time``: what stations send and ask, all of it signed."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from core.wire.envelope import Placement
from server.api.body import read_body
from server.api.shapes import bytes_body
from server.services.carrying import CARRIED_BYTES_MAX, answer_carried
from server.services.centre import Centre
from server.services.envelopes import accept_envelope
from server.services.pulls import answer_pull
from server.services.timing import answer_time

ENVELOPE_TYPE = "application/vnd.harvestline.envelope"
DOCUMENT_TYPE = "application/json"
CARRIER_TYPE = "application/vnd.harvestline.carrier"


def add_sync(found: APIRouter, centre: Centre) -> None:
    """Add the endpoints."""

    @found.post(
        "/envelopes",
        tags=["stations"],
        summary="Deliver an envelope",
        responses={200: {"description": "Applied or known"}, 202: {"description": "Held: early"}},
        openapi_extra=bytes_body("An envelope sealed to the centre (E1)", ENVELOPE_TYPE),
    )
    async def envelopes(request: Request) -> Response:
        """Take an envelope sealed to the centre; the answer is a signed receipt."""
        data = await read_body(request, centre.settings.envelope_bytes_max)
        answer = await run_in_threadpool(accept_envelope, centre, data)
        early = answer.placement is Placement.EARLY
        return Response(answer.receipt, 202 if early else 200, media_type=DOCUMENT_TYPE)

    @found.post(
        "/pull",
        tags=["stations"],
        summary="Ask for the centre's log",
        responses={200: {"description": "An envelope"}, 204: {"description": "Nothing new"}},
        openapi_extra=bytes_body("A signed pull document", DOCUMENT_TYPE),
    )
    async def pull(request: Request) -> Response:
        """Take a signed pull document; the answer is an envelope sealed to the station."""
        data = await read_body(request, centre.settings.document_bytes_max)
        envelope = await run_in_threadpool(answer_pull, centre, data)
        if envelope is None:
            return Response(status_code=204)
        kind = DOCUMENT_TYPE if envelope[:1] == b"{" else ENVELOPE_TYPE  # the box was replaced
        return Response(envelope, media_type=kind)

    _add_carried(found, centre)

    @found.post(
        "/time",
        tags=["stations"],
        summary="Ask for the time",
        openapi_extra=bytes_body("A signed question with a nonce", DOCUMENT_TYPE),
    )
    async def time(request: Request) -> Response:
        """Take a signed question with a nonce; the answer is the time, signed for it alone."""
        data = await read_body(request, centre.settings.document_bytes_max)
        answer = await run_in_threadpool(answer_time, centre, data)
        return Response(answer, media_type=DOCUMENT_TYPE)


def _add_carried(found: APIRouter, centre: Centre) -> None:
    @found.post(
        "/carried",
        tags=["stations"],
        summary="Deliver a carrier's file",
        responses={200: {"description": "The answer, for the same carrier"}},
        openapi_extra=bytes_body("Sealed envelopes and signed requests (N10)", CARRIER_TYPE),
    )
    async def carried(request: Request) -> Response:
        """Take what a tablet carried for a station; whoever carries proves and learns nothing.

        A page of a station's origin sends it, so the answer may be read by any origin: all in
        it is sealed to a station, or says no more than that something was received.
        """
        data = await read_body(request, CARRIED_BYTES_MAX)
        answer = await run_in_threadpool(answer_carried, centre, data)
        headers = {"access-control-allow-origin": "*"}
        return Response(answer, media_type=CARRIER_TYPE, headers=headers)
