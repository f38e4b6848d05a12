"""Where a payment service calls with the outcome of an instruction."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi import Path as PathPart
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from server.api.body import read_body
from server.api.shapes import bytes_body
from server.services.centre import Centre
from server.services.payouts.loading import load_rails
from server.services.payouts.reading import take_call
from server.store.engine import NotKnownError

RAIL_CHARS_MAX = 64


def add_payouts(found: APIRouter, centre: Centre) -> None:
    """Add the endpoint; the rails are read once, when the centre starts."""
    rails = load_rails(Path(centre.settings.rails_file))

    @found.post(
        "/payouts/answers/{rail}",
        tags=["money"],
        summary="Tell the outcome of a payout's instruction",
        responses={200: {"description": "Taken, or known"}},
        openapi_extra=bytes_body("What became of an instruction", "application/json"),
    )
    async def answers(
        request: Request, rail: Annotated[str, PathPart(max_length=RAIL_CHARS_MAX)]
    ) -> JSONResponse:
        """Take a call that is signed as docs/payout.md says; the same call again is known.

        ``finding`` says how it fitted: matched, unmatched, wrong_amount, duplicate or
        contradicts.
        """
        if rail not in rails:
            raise NotKnownError(f"expected a rail that is set up here, got {rail!r}")
        body = await read_body(request, centre.settings.document_bytes_max)
        heard = {name.lower(): value for name, value in request.headers.items()}
        taken = await run_in_threadpool(take_call, centre, rails, rail, heard, body)
        return JSONResponse({"finding": taken.answer.finding.value, "new": taken.is_new})
