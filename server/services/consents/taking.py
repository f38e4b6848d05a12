"""Consents as they arrive: kept as facts, told to the farmer's stations, withdrawals told on.

A withdrawal stops new use from the transaction that writes it. Nothing that was decided
before is rewritten; what rested on the withdrawn consent after its own time and before its
arrival is listed (:func:`used_in_the_meantime`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.canonical import canonical_hash
from core.wire.consents import cells_of_consent
from core.wire.personal_data import ASKS, Recipient
from core.wire.records import Consent, ConsentAction
from server.services.centre import RequestError, Work
from server.services.downlink import PRICE_ALONE, send_consents
from server.services.hooks import emit
from server.store import consent_uses, lines, people, places, registry, reports
from server.store.people import Actor
from server.store.reports import KeptConsent

HERE = frozenset({Recipient.STATION.value, Recipient.LENDER.value})


@dataclass(frozen=True, slots=True)
class UsedSince:
    """What was made with a withdrawn consent between the withdrawal and its arrival."""

    kind: str
    object_id: str
    consent_ids: tuple[str, ...]
    at_ms: int


def take_consent(work: Work, kept: KeptConsent, by: Actor) -> None:
    """Keep a consent and tell it on; the same again changes nothing.

    Raises
    ------
    NotKnownError
        If the farmer is not known.
    ConflictError
        If the id belongs to a consent with other content.
    """
    consent = kept.consent
    registry.farmer(work.tx, consent.farmer_id)
    if not reports.add_consent(work.tx, kept) or consent.purposes == (PRICE_ALONE,):
        return
    people.hold_trail(work.tx)
    tell_stations(work, consent.farmer_id)
    if consent.action is ConsentAction.WITHDRAW:
        _tell_of_withdrawal(work, kept, by)


def tell_stations(work: Work, farmer_id: str) -> None:
    """Tell the stations of a farmer of consents that were written elsewhere."""
    home = registry.farmer(work.tx, farmer_id).home_station
    stations = {home}
    for line in lines.of_farmer(work.tx, farmer_id):
        stations |= {place.station for place in places.of_line(work.tx, line)}
    for station in sorted(stations - {""}):
        send_consents(work, farmer_id, station)


def write_consent(
    work: Work, farmer_id: str, names: tuple[str, ...], action: ConsentAction, by: Actor
) -> Consent:
    """Write down at the centre what a farmer said there or on paper.

    It follows all that is known of the same uses in the other direction: whoever writes it
    down has the farmer's word now.

    Raises
    ------
    RequestError
        If a name is not one that farmers are asked by.
    """
    unknown = sorted(set(names) - set(ASKS))
    if unknown or not names:
        raise RequestError(f"expected names of {sorted(ASKS)}, got {unknown or 'none'}")
    consent = Consent(
        consent_id=work.new_id(),
        farmer_id=farmer_id,
        action=action,
        purposes=tuple(sorted(set(names))),
        recipient=work.settings.tenant_id,
        shown_sha256=canonical_hash({"form": "centre", "purposes": sorted(set(names))}),
        spoken=False,
        helped=True,
    )
    consent = _following(work, consent)
    kept = KeptConsent(consent, work.settings.name, work.at_ms, 0, work.at_ms)
    take_consent(work, kept, by)
    detail = {"action": action.value, "purposes": list(consent.purposes)}
    subject = ("consent", consent.consent_id)
    people.record(work.tx, work.at_ms, by, "consent_written", subject, detail)
    return consent


def used_in_the_meantime(work: Work, withdrawal: KeptConsent) -> tuple[UsedSince, ...]:
    """What was made with the consents that a withdrawal ends, after it and before it came.

    By the withdrawal's own time less what its clock may be off; decisions of stations, limit
    movements and the centre's uses alike.
    """
    ended = _ended_by(work, withdrawal)
    since_ms = withdrawal.at_ms - withdrawal.error_ms
    until_ms = withdrawal.received_at_ms or withdrawal.at_ms
    farmer_id = withdrawal.consent.farmer_id
    found = [
        UsedSince(use.kind, use.object_id, use.consent_ids, use.at_ms)
        for use in consent_uses.uses_of(work.tx, farmer_id)
    ]
    for line in lines.of_farmer(work.tx, farmer_id):
        found += [
            UsedSince("movement", moved.movement_id, moved.consent_ids, moved.at_ms)
            for moved in lines.movements_of(work.tx, line.line_id)
        ]
    return tuple(
        each
        for each in sorted(found, key=lambda each: (each.at_ms, each.kind, each.object_id))
        if since_ms <= each.at_ms <= until_ms and set(each.consent_ids) & ended
    )


def _ended_by(work: Work, withdrawal: KeptConsent) -> set[str]:
    cells = cells_of_consent(withdrawal.consent)
    return {
        kept.consent.consent_id
        for kept in reports.consents_of(work.tx, withdrawal.consent.farmer_id)
        if kept.consent.action is ConsentAction.GRANT and cells & cells_of_consent(kept.consent)
    }


def _following(work: Work, consent: Consent) -> Consent:
    """The consent with those in the other direction, of the same uses, that are known."""
    cells = cells_of_consent(consent)
    others = [
        kept.consent.consent_id
        for kept in reports.consents_of(work.tx, consent.farmer_id)
        if kept.consent.action is not consent.action and cells & cells_of_consent(kept.consent)
    ]
    return replace(consent, follows=tuple(sorted(others)) or None)


def _tell_of_withdrawal(work: Work, kept: KeptConsent, by: Actor) -> None:
    """Those outside who were told something hear that they may use it no more."""
    consent = kept.consent
    used = used_in_the_meantime(work, kept)
    outside = sorted({cell.recipient for cell in cells_of_consent(consent)} - HERE - {""})
    told = {
        "consent_id": consent.consent_id,
        "farmer_id": consent.farmer_id,
        "purposes": list(consent.purposes),
        "recipients": outside,
        "at_ms": kept.at_ms,
    }
    emit(work, "consent.withdrawn", consent.consent_id, told)
    detail = {
        "purposes": list(consent.purposes),
        "recipients": outside,
        "used_in_the_meantime": [f"{each.kind}/{each.object_id}" for each in used],
    }
    subject = ("consent", consent.consent_id)
    people.record(work.tx, work.at_ms, by, "consent_withdrawn", subject, detail)
