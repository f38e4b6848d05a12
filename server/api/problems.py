"""Errors as problem+json (RFC 9457), whatever part of the centre they come from."""

from __future__ import annotations

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from core.errors import HarvestlineError
from server.services.centre import RequestError

PROBLEM_TYPE = "application/problem+json"
API_PREFIX = "/api/"
FIELDS_TOLD_MAX = 5
_log = logging.getLogger("harvestline.server")


def install(app: FastAPI) -> None:
    """Answer every catalogued error, and every malformed request, as problem+json."""
    app.add_exception_handler(HarvestlineError, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _by_the_framework)


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


async def _by_the_framework(request: Request, error: Exception) -> Response:
    """What the framework itself refuses, as an unknown path or a body that is no JSON."""
    if not isinstance(error, HTTPException):
        raise error
    if not request.url.path.startswith(API_PREFIX):
        return await http_exception_handler(request, error)
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return problem_response(RequestError(f"expected a body that is JSON: {error.detail}"))
    title = HTTPStatus(error.status_code).phrase
    body = {"type": "about:blank", "title": title, "status": error.status_code,
            "detail": f"{request.method} {request.url.path}: {error.detail}"}  # fmt: skip
    return JSONResponse(body, error.status_code, headers=error.headers, media_type=PROBLEM_TYPE)


def _malformed(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    told = [
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
        for fault in error.errors()[:FIELDS_TOLD_MAX]
    ]
    return problem_response(RequestError("; ".join(told)))
