"""Consent taken back: easily, for each purpose, with its own record."""

from __future__ import annotations

from core.lending.lease import Clock
from core.wire.records import Consent, Up
from edge_node.decide.desk import Desk
from edge_node.store import decisions, logs
from edge_node.store.database import StationDatabase


def give_consent(
    db: StationDatabase, desk: Desk, consent: Consent, clock: Clock
) -> tuple[str, ...]:
    """Write a grant or a withdrawal; the purposes that are consented to from now on.

    Raises
    ------
    ChangedRequestError
        If the id belongs to a consent with other content.
    """
    with db.atomic():
        if decisions.keep_consent(db, consent, clock.at_ms):
            logs.append(db, desk.station, Up.CONSENT, consent, clock)
        return tuple(one.purpose for one in decisions.granted(db, consent.farmer_id))
