"""``/api/v1/evidence``: signed evidence of registered makers, one by one or many at once."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from server.api.body import read_body
from server.api.shapes import bytes_body
from server.api.sync import DOCUMENT_TYPE
from server.services.centre import Centre
from server.services.evidence import Accepted, Refused, accept_evidence, accept_many

LINES_TYPE = "application/x-ndjson"


def add_evidence(found: APIRouter, centre: Centre) -> None:
    """Add the two endpoints."""

    @found.post(
        "/evidence",
        tags=["imagery"],
        summary="Deliver evidence",
        responses={201: {"description": "New"}, 200: {"description": "Known"}},
        openapi_extra=bytes_body("A signed evidence document", DOCUMENT_TYPE),
    )
    async def evidence(request: Request) -> JSONResponse:
        """Take a signed evidence document of a registered maker."""
        data = await read_body(request, centre.settings.evidence_bytes_max)
        taken = await run_in_threadpool(accept_evidence, centre, data)
        return JSONResponse(_taken_body(taken), 201 if taken.new else 200)

    @found.post(
        "/evidence:batch",
        tags=["imagery"],
        summary="Deliver many documents of evidence",
        responses={200: {"description": "One result a document, in order"}},
        openapi_extra=bytes_body("Signed evidence documents, one a line", LINES_TYPE),
    )
    async def evidence_batch(request: Request) -> JSONResponse:
        """Take signed evidence documents, one a line.

        Each is judged by itself: ``results`` holds for each line its status as if it had
        come alone, with the id and hash of what was taken or the problem of what was not.
        """
        data = await read_body(request, centre.settings.evidence_batch_bytes_max)
        documents = [line for line in data.split(b"\n") if line]
        answers = await run_in_threadpool(accept_many, centre, documents)
        return JSONResponse({"results": [_result(answer) for answer in answers]})


def _taken_body(taken: Accepted) -> dict[str, Any]:
    return {"evidence_id": taken.evidence_id, "sha256": taken.sha256}


def _result(answer: Accepted | Refused) -> dict[str, Any]:
    if isinstance(answer, Refused):
        return answer.error.problem()
    return {"status": 201 if answer.new else 200, **_taken_body(answer)}
