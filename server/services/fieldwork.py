"""What agents' tablets did, as stations pass it on: kept, checked, and answered.

A station has carried an operation out by the rules; here its signature is verified again,
what it speaks of must be registered, and the station is told so that the agent's tablet can
say "accepted" truthfully. Visits and walks go into the trail under the farmer's ground.
"""

from __future__ import annotations

from typing import Any

from core.canonical import canonical_bytes
from core.lending.walk import measure
from core.shape import decode
from core.signing import open_document
from core.wire.corrections import FieldCorrection
from core.wire.fieldwork import (
    OPERATION,
    OPERATION_BYTES_MAX,
    FieldApplication,
    FieldVisit,
    Operation,
    OperationKind,
    OperationVerdict,
    PlotWalk,
    TabletEvent,
    TakenOperation,
)
from core.wire.records import Down
from core.wire.subleases import FieldDraw, SubLeaseEnd
from server.keys import KeyRing
from server.services import field_money
from server.services.centre import Work
from server.services.downlink import send
from server.services.field_inbox import propose
from server.services.photos import SIGNATURE
from server.services.reported import Reported
from server.services.reviews import review_for_evidence
from server.services.second_source import lines_asking
from server.services.serving import fault_of_telling
from server.store import people, photos, registry, reports
from server.store.people import Actor
from server.store.photos import VisitPhoto

_BODIES = {
    OperationKind.VISIT: FieldVisit,
    OperationKind.CORRECTION: FieldCorrection,
    OperationKind.WALK: PlotWalk,
    OperationKind.APPLICATION: FieldApplication,
    OperationKind.DRAW: FieldDraw,
    OperationKind.SUBLEASE_END: SubLeaseEnd,
}


def apply_tablet_event(work: Work, reported: Reported) -> str:
    """A tablet was invited, let in, renewed or turned out at a station."""
    event = decode(TabletEvent, reported.record.body)
    by = Actor(reported.writer, "station")
    detail = {"agent_id": event.agent_id, "public_key": event.public_key, "reason": event.reason,
              "lease_until_ms": event.lease_until_ms}  # fmt: skip
    subject = ("tablet", event.tablet_id)
    people.record(work.tx, work.at_ms, by, f"tablet_{event.act.value}", subject, detail)
    return ""


def apply_operation(work: Work, reported: Reported) -> str:
    """An operation of a tablet; what is wrong with it is told to the station too."""
    taken = decode(TakenOperation, reported.record.body)
    ring = KeyRing([taken.public_key])
    data = canonical_bytes(taken.document)
    signed = open_document(data, OPERATION, ring, OPERATION_BYTES_MAX)
    operation = decode(Operation, signed.body)
    if (operation.operation_id, operation.tablet_id) != (taken.operation_id, taken.tablet_id):
        return f"operation {taken.operation_id[:64]}: the station names it otherwise"
    if taken.code:  # the station has refused it, and told its agent
        return field_money.words_of_refused(taken, operation)
    body: Any = decode(_BODIES[operation.kind], operation.body)
    flag = _fault(work, reported.writer, operation.kind, body)
    if not flag:  # whose ground it is not, in whose trail it has no place
        asking = lines_asking(work, body.subject_id) if isinstance(body, FieldVisit) else ()
        _trail(work, taken, operation, body)
        _name_photos(work, reported.writer, operation, body)
        for line_id in asking:
            review_for_evidence(work, line_id)
    verdict: OperationVerdict | None = OperationVerdict(operation.operation_id, not flag, flag)
    if not flag and operation.kind in (OperationKind.WALK, OperationKind.CORRECTION):
        verdict = propose(work, reported, taken, operation, body)
    if verdict is not None:  # what waits for a person is neither accepted nor refused
        send(work, reported.writer, Down.OPERATION, verdict)
    return flag


def _fault(work: Work, station: str, kind: OperationKind, body: Any) -> str:
    if kind is OperationKind.SUBLEASE_END:
        return ""
    if kind is OperationKind.DRAW:
        return field_money.fault_of_draw(work, station, body)
    farmer_id = body.application.farmer_id if kind is OperationKind.APPLICATION else body.farmer_id
    fault = fault_of_telling(work, station, farmer_id)
    if fault:
        return fault
    if kind is OperationKind.APPLICATION:
        asked = body.application
        known = reports.find_application(work.tx, asked.application_id)
        here = known is not None and known.writer == station
        came = known is not None and here and known.application.farmer_id == farmer_id
        return "" if came else f"application {asked.application_id} has not come from {station}"
    subject = registry.find_subject(work.tx, body.subject_id) if body.subject_id else None
    if body.subject_id and (subject is None or subject.farmer_id != farmer_id):
        return f"{body.subject_id[:64]} is not registered for {farmer_id[:64]} at the centre"
    return ""


def _name_photos(work: Work, station: str, operation: Operation, body: Any) -> None:
    """Expect the photos that an operation names: their bytes come after everything else."""
    signed = getattr(body, "signature", None)
    taken = [(one, one.about) for one in getattr(body, "photos", ())]
    taken += [(signed, SIGNATURE)] if signed is not None else []
    about = body.application if isinstance(body, FieldApplication) else body
    visit = body if isinstance(body, FieldVisit) else None
    for photo, shows in taken:
        photos.name(
            work.tx,
            VisitPhoto(
                operation_id=operation.operation_id, sha256=photo.sha256, station=station,
                farmer_id=about.farmer_id, subject_id=visit.subject_id if visit else "",
                visit_id=visit.visit_id if visit else "", about=shows,
                taken_on=visit.visited_on if visit else "", media_type=photo.media_type,
                size_bytes=photo.size_bytes, at_ms=work.at_ms,
            ),
        )  # fmt: skip


def _trail(work: Work, taken: TakenOperation, operation: Operation, body: Any) -> None:
    """Who saw what, when, by ids and figures alone: notes and photos are personal data."""
    if operation.kind in field_money.MONEY:
        field_money.trail(work, taken, operation, body)
        return
    by = Actor(taken.agent_id, "agent")
    detail: dict[str, Any] = {
        "operation_id": operation.operation_id, "tablet_id": taken.tablet_id,
    }  # fmt: skip
    if isinstance(body, FieldVisit):
        detail |= {"visit_id": body.visit_id, "on": body.visited_on, "stage": body.stage,
                   "purpose": body.purpose.value, "photos_count": len(body.photos),
                   "damage_percent": body.damage_percent or 0,
                   "damage_told": body.damage_percent is not None}  # fmt: skip
        subject = ("subject", body.subject_id) if body.subject_id else ("farmer", body.farmer_id)
        people.record(work.tx, work.at_ms, by, "field_visited", subject, detail)
    elif isinstance(body, FieldCorrection):
        detail |= {"field": body.field, "on": body.noted_on}  # the value may be a name
        whose = ("subject", body.subject_id) if body.subject_id else ("farmer", body.farmer_id)
        people.record(work.tx, work.at_ms, by, "field_corrected", whose, detail)
    elif isinstance(body, PlotWalk):
        found = measure(body.ring_e7, body.accuracy_cm)  # not what the tablet says it is
        detail |= {"walk_id": body.walk_id, "on": body.walked_on, "area_m2": found.area_m2,
                   "sd_m2": found.sd_m2, "low_m2": found.low_m2}  # fmt: skip
        subject = ("subject", body.subject_id)
        people.record(work.tx, work.at_ms, by, "plot_walked", subject, detail)
    else:
        subject = ("application", body.application.application_id)
        people.record(work.tx, work.at_ms, by, "application_brought", subject, detail)
