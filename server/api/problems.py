"""Errors as problem+json (RFC 9457), whatever part of the centre they come from."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response

from core.errors import HarvestlineError
from server.services.centre import RequestError

PROBLEM_TYPE = "application/problem+json"
FIELDS_TOLD_MAX = 5
_log = logging.getLogger("harvestline.server")


class BodyTooLargeError(HarvestlineError):
    """A request's body is larger than its endpoint takes."""

    code = "HL-SRV-009"


def install(app: FastAPI) -> None:
    """Answer every catalogued error, and every malformed request, as problem+json."""
    app.add_exception_handler(HarvestlineError, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)


def problem_response(error: HarvestlineError) -> JSONResponse:
    """The answer for an error."""
    headers = {"WWW-Authenticate": "Bearer"} if error.entry.http_status == 401 else None
    return JSONResponse(
        error.problem(), error.entry.http_status, media_type=PROBLEM_TYPE, headers=headers
    )


def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, HarvestlineError):
        raise error
    # The code and the path only: a message may name what a log should not keep.
    _log.warning("request_refused code=%s path=%s", error.code, request.url.path)
    return problem_response(error)


def _malformed(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    told = [
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
        for fault in error.errors()[:FIELDS_TOLD_MAX]
    ]
    return problem_response(RequestError("; ".join(told)))
