"""Files of rails as officers bring them: by one who had no hand in it, and by two where needed."""

from __future__ import annotations

from server.services.payouts.rails import Rails
from server.services.payouts.reading import Reconciled, reconcile
from server.store.people import Actor
from tests.support.centre_kit import Kit

IRIS, JUMA = Actor("iris", "supervisor"), Actor("juma", "supervisor")


def brought(kit: Kit, rails: Rails, rail: str, data: bytes) -> Reconciled:
    """What a file comes to that one officer brings, and another too if it waits for them."""
    found = reconcile(kit.centre, rails, rail, data, IRIS)
    return found if found.waits is None else reconcile(kit.centre, rails, rail, data, JUMA)
