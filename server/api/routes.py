"""The endpoints of ``/api/v1``: thin, each one service."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from core.units import SAFE_INTEGER_MAX
from core.wire.envelope import Placement
from server.api.blobs import add_blobs
from server.api.body import read_body
from server.api.boxes import add_boxes
from server.api.problems import PROBLEM_TYPE
from server.api.updates import add_updates
from server.services.access import require_role
from server.services.centre import Centre
from server.services.envelopes import accept_envelope
from server.services.evidence import Accepted, Refused, accept_evidence, accept_many
from server.services.posting import RepaymentRequest, take_repayment
from server.services.pulls import answer_pull
from server.services.status import status
from server.services.timing import answer_time
from server.store.people import Role

ENVELOPE_TYPE = "application/vnd.harvestline.envelope"
DOCUMENT_TYPE = "application/json"
_PROBLEM = {"description": "A problem from the catalogue", "content": {PROBLEM_TYPE: {}}}
_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
_Authorization = Annotated[str | None, Header(description="Bearer TOKEN")]


class RepaymentBody(BaseModel):
    """Money received for a line [minor units]."""

    model_config = ConfigDict(extra="ignore", strict=True)

    repayment_id: str = Field(min_length=1, max_length=64, pattern=_PRINTABLE)
    line_id: str = Field(min_length=1, max_length=64, pattern=_PRINTABLE)
    amount_minor: int = Field(gt=0, le=SAFE_INTEGER_MAX)
    currency: str = Field(pattern="^[A-Z]{3}$")
    effective_on: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")


def router(centre: Centre) -> APIRouter:
    """The endpoints, for one centre."""
    found = APIRouter(prefix="/api/v1", responses={"4XX": _PROBLEM})
    _add_health(found, centre)
    _add_sync(found, centre)
    _add_evidence(found, centre)
    add_blobs(found, centre)
    add_updates(found, centre)
    add_boxes(found, centre)
    _add_money(found, centre)
    return found


def _add_health(found: APIRouter, centre: Centre) -> None:
    @found.get("/health", tags=["status"], summary="Whether the centre answers")
    def health() -> dict[str, str]:
        """The centre's name, and that it can take requests."""
        return {"name": centre.settings.name, "status": "up"}

    @found.get("/status", tags=["status"], summary="Counts and high waters")
    def read_status(authorization: _Authorization = None) -> dict[str, Any]:
        """Counts, high waters and what is set aside. Needs a token of role auditor."""
        require_role(centre, authorization, Role.AUDITOR)
        return status(centre)


def _add_sync(found: APIRouter, centre: Centre) -> None:
    @found.post(
        "/envelopes",
        tags=["stations"],
        summary="Deliver an envelope",
        responses={200: {"description": "Applied or known"}, 202: {"description": "Held: early"}},
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
    )
    async def pull(request: Request) -> Response:
        """Take a signed pull document; the answer is an envelope sealed to the station."""
        data = await read_body(request, centre.settings.document_bytes_max)
        envelope = await run_in_threadpool(answer_pull, centre, data)
        if envelope is None:
            return Response(status_code=204)
        kind = DOCUMENT_TYPE if envelope[:1] == b"{" else ENVELOPE_TYPE  # the box was replaced
        return Response(envelope, media_type=kind)

    @found.post("/time", tags=["stations"], summary="Ask for the time")
    async def time(request: Request) -> Response:
        """Take a signed question with a nonce; the answer is the time, signed for it alone."""
        data = await read_body(request, centre.settings.document_bytes_max)
        answer = await run_in_threadpool(answer_time, centre, data)
        return Response(answer, media_type=DOCUMENT_TYPE)


def _add_evidence(found: APIRouter, centre: Centre) -> None:
    @found.post(
        "/evidence",
        tags=["imagery"],
        summary="Deliver evidence",
        responses={201: {"description": "New"}, 200: {"description": "Known"}},
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


def _add_money(found: APIRouter, centre: Centre) -> None:
    @found.post(
        "/repayments",
        tags=["money"],
        summary="Report a repayment",
        responses={200: {"description": "Taken, or known"}},
    )
    def repayments(body: RepaymentBody, authorization: _Authorization = None) -> JSONResponse:
        """Take a repayment; its id makes it count once. Needs a token of role cashier."""
        cashier = require_role(centre, authorization, Role.CASHIER)
        request = RepaymentRequest(**body.model_dump())
        kept, _ = take_repayment(centre, request, cashier)
        shares = {
            "repayment_id": kept.repayment_id,
            "fee_minor": kept.fee_minor,
            "interest_minor": kept.interest_minor,
            "principal_minor": kept.principal_minor,
            "surplus_minor": kept.surplus_minor,
        }
        return JSONResponse(shares, 200)
