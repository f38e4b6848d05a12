"""Which model a person means."""

from __future__ import annotations

from server.services.centre import RequestError
from server.store import models
from server.store.engine import Tx
from server.store.models import RegisteredModel

HASH_CHARACTERS_MIN = 8


def find_model(tx: Tx, which: str) -> RegisteredModel:
    """The model of a version, or whose hash begins so.

    Raises
    ------
    RequestError
        If there is none, or more than one.
    """
    known = models.every(tx)
    found = [m for m in known if which == str(m.version) and m.kind == models.POINTS]
    if not found and len(which) >= HASH_CHARACTERS_MIN:
        found = [m for m in known if m.sha256.startswith(which)]
    if len(found) != 1:
        told = ", ".join(f"{m.version} ({m.sha256[:12]}…)" for m in found) or "none"
        raise RequestError(
            f"expected one model by its version or the first {HASH_CHARACTERS_MIN} characters of "
            f"its hash, got {told} for {which[:64]!r}"
        )
    return found[0]
