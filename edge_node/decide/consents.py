"""Consent given, and taken back: easily, for each purpose, with its own record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from core.lending.lease import Clock
from core.wire.consents import KnownConsent, cells_of_consent, granted_names
from core.wire.personal_data import Recipient
from core.wire.records import Consent, Up
from edge_node.decide.desk import Desk
from edge_node.store import consents, logs
from edge_node.store.database import StationDatabase

UNKNOWN_ERROR_MS = 10 * 365 * 86_400_000  # of a clock that knows nothing: ten years


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
        write_consent(db, desk, consent, clock)
        return tuple(granted(db, desk, consent.farmer_id))


def write_consent(db: StationDatabase, desk: Desk, consent: Consent, clock: Clock) -> None:
    """Write a consent with its record inside the caller's transaction; again, nothing changes.

    It needs no sound clock: whoever takes a consent back is heard, and where the time is not
    known it counts from any instant that it can have been.
    """
    if clock.error_ms < 0:
        clock = replace(clock, error_ms=UNKNOWN_ERROR_MS)
    if consents.keep(db, consent, clock.at_ms, clock.error_ms):
        logs.append(db, desk.station, Up.CONSENT, consent, clock)


def granted(db: StationDatabase, desk: Desk, farmer_id: str) -> dict[str, tuple[str, ...]]:
    """The names that a farmer consents to now, in order, each with the consents behind it."""
    facts = consents.facts_of(db, desk.station, farmer_id)
    return granted_names(facts, farmer_id, Recipient.STATION.value)


def following(consent: Consent, facts: Iterable[KnownConsent], station: str) -> Consent:
    """The consent with the others' consents that it comes after, whatever clocks say.

    Of this station's own the order of writing decides; only what others wrote of the same
    uses, in the other direction, is named.
    """
    mine = cells_of_consent(consent)
    others = [
        fact.consent.consent_id
        for fact in facts
        if fact.writer != station
        and fact.consent.action is not consent.action
        and mine & cells_of_consent(fact.consent)
    ]
    return replace(consent, follows=tuple(sorted(others))) if others else consent
