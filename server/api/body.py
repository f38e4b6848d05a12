"""A request's body, never more of it than its endpoint takes."""

from __future__ import annotations

from fastapi import Request
from starlette.requests import ClientDisconnect

from server.services.centre import BodyTooLargeError, RequestError


async def read_body(request: Request, bytes_max: int) -> bytes:
    """A request's body, if it is not above the bound.

    Raises
    ------
    BodyTooLargeError
        As soon as the bound is passed; the rest is not read.
    RequestError
        If the sender is gone in the middle of it: on a bad link that is no fault here.
    """
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > bytes_max:
                raise BodyTooLargeError(f"expected at most {bytes_max} bytes, got more")
            parts.append(part)
    except ClientDisconnect as error:
        raise RequestError(
            f"expected the whole request, it broke off after {size} bytes"
        ) from error
    return b"".join(parts)
