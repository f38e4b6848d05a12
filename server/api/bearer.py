"""The bearer token of a request, as the description of the interface names it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

_scheme = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="A token that `harvestline-server token add` made; its role says what it may do.",
)
_Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_scheme)]


def bearer_token(found: _Credentials) -> str | None:
    """The token, if one came; whether it is good the services judge."""
    return None if found is None else found.credentials


Bearer = Annotated[str | None, Depends(bearer_token)]
