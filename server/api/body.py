"""A request's body, never more of it than its endpoint takes."""

from __future__ import annotations

from fastapi import Request

from server.api.problems import BodyTooLargeError


async def read_body(request: Request, bytes_max: int) -> bytes:
    """A request's body, if it is not above the bound.

    Raises
    ------
    BodyTooLargeError
        As soon as the bound is passed; the rest is not read.
    """
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > bytes_max:
            raise BodyTooLargeError(f"expected at most {bytes_max} bytes, got more")
        parts.append(part)
    return b"".join(parts)
