"""What the centre's records change at the station, each kind by its own rule.

A record that cannot be read stops its whole envelope: the log must not run on past
a lease or a freeze that was missed. Refused by name, and passed over, are only: a
kind that is newer than this release, a model that is older than the one in use or
not signed by the centre, an order of a model that a newer one has overtaken, a lease
that is not signed by it or is for another station, a freeze of a line that is not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from core.canonical import canonical_bytes
from core.errors import HarvestlineError, LeaseError, ModelRefusedError, SignatureError
from core.lending.lease import LEASE, Clock, Lease
from core.lending.product import parse_product
from core.shape import decode
from core.signing import open_document
from core.wire.appeals import AppealAnswer
from core.wire.cash import CashPerson
from core.wire.consents import Accesses, KnownConsent
from core.wire.envelope import LogClass, Record
from core.wire.fieldwork import OperationVerdict
from core.wire.modelfile import MODEL_ORDER, ModelOrder
from core.wire.newplans import NewPlanOffer
from core.wire.orders import OrderOffer
from core.wire.records import (
    Down,
    EvidenceDigest,
    FarmerLeft,
    Freeze,
    LineStatus,
    Recall,
    Up,
)
from core.wire.registry import Device, Dossier, Farmer, Subject
from core.wire.slips import SLIP_BYTES_MAX, VOUCH, Vouch
from core.wire.weather import Forecast
from edge_node.decide.closing import close_given_back, give_back_cut
from edge_node.store import (
    appeals,
    cash,
    consents,
    devices,
    leases,
    lines,
    logs,
    models,
    newplans,
    orders,
    outbox,
    pictures,
    tablets,
    village,
    vouches,
)
from edge_node.store.box import may_write
from edge_node.store.database import StationDatabase
from edge_node.store.forecasts import keep_forecast
from edge_node.store.village import UnknownRecordError
from edge_node.sync.peers import Ends
from edge_node.sync.returning import take_confirmation, take_own, take_release

_REFUSED_BY_NAME = (ModelRefusedError, SignatureError, LeaseError, UnknownRecordError)


def apply_record(db: StationDatabase, ends: Ends, record: Record, clock: Clock) -> str:
    """Apply one record inside the caller's transaction; the reason if it was passed over.

    Raises
    ------
    ShapeError
        If the record's body cannot be read.
    """
    if record.kind not in _APPLY:
        return f"kind {record.kind[:64]!r} is newer than this release"
    try:
        with db.atomic():
            _APPLY[record.kind](db, ends, record, clock)
    except _REFUSED_BY_NAME as error:
        return f"{error.code} {record.kind}: {error}"
    return ""


def _farmer(db: StationDatabase, ends: Ends, record: Record, clock: Clock) -> None:
    farmer, station = decode(Farmer, record.body), ends.desk.station
    known = village.find_farmer(db, farmer.farmer_id)
    village.keep_farmer(db, farmer)
    left_here = known is not None and known.home_station == station != farmer.home_station
    if left_here and may_write(db):  # else said when this box is confirmed
        # In the money log after every line that was opened for them here: with it they may move.
        subject = f"farmer/{farmer.farmer_id}/left/{record.seq}"
        left = FarmerLeft(farmer.farmer_id, record.seq)
        logs.append(db, station, Up.FARMER_LEFT, left, clock, subject)


def _subject(db: StationDatabase, _ends: Ends, record: Record, _clock: Clock) -> None:
    village.keep_subject(db, decode(Subject, record.body))


def _device(db: StationDatabase, _ends: Ends, record: Record, _clock: Clock) -> None:
    devices.put_device(db, decode(Device, record.body))


def _dossier(db: StationDatabase, _ends: Ends, record: Record, _clock: Clock) -> None:
    village.keep_dossier(db, decode(Dossier, record.body))


def _product(db: StationDatabase, _ends: Ends, record: Record, _clock: Clock) -> None:
    village.keep_product(db, parse_product(record.body))


def _evidence(db: StationDatabase, _ends: Ends, record: Record, _clock: Clock) -> None:
    digest = decode(EvidenceDigest, record.body)
    village.keep_evidence(db, digest, record.seq)
    newest = village.evidence_of(db, digest.subject_id)
    if newest is not None and newest.evidence_id == digest.evidence_id:
        pictures.want(db, digest.subject_id, digest.pictures or ())


def _consent(db: StationDatabase, ends: Ends, record: Record, _clock: Clock) -> None:
    fact = decode(KnownConsent, record.body)
    if fact.writer != ends.desk.station:  # its own it has, in the order in which it wrote them
        consents.keep_foreign(db, fact)


def _accesses(db: StationDatabase, _ends: Ends, record: Record, _clock: Clock) -> None:
    consents.keep_accesses(db, decode(Accesses, record.body))


def _cash_person(db: StationDatabase, ends: Ends, record: Record, _clock: Clock) -> None:
    person = decode(CashPerson, record.body)
    if person.station == ends.desk.station or cash.is_known(db, person.person_id):
        active = person.active and person.station == ends.desk.station
        cash.keep_person(db, replace(person, active=active))


def _new_plan(db: StationDatabase, _ends: Ends, record: Record, _clock: Clock) -> None:
    newplans.keep(db, decode(NewPlanOffer, record.body))


def _operation(db: StationDatabase, _ends: Ends, record: Record, _clock: Clock) -> None:
    tablets.keep_verdict(db, decode(OperationVerdict, record.body))


def _appeal_answer(db: StationDatabase, _ends: Ends, record: Record, _clock: Clock) -> None:
    appeals.keep_answer(db, decode(AppealAnswer, record.body))


def _vouch(db: StationDatabase, ends: Ends, record: Record, _clock: Clock) -> None:
    document = canonical_bytes(record.body if isinstance(record.body, dict) else {})
    signed = open_document(document, VOUCH, ends.centre.verifier, SLIP_BYTES_MAX)
    ends.require_centre(signed.key_id, "a vouch")
    if decode(Vouch, signed.body).station == ends.desk.station:
        vouches.keep(db, document.decode())


def _order(db: StationDatabase, _ends: Ends, record: Record, _clock: Clock) -> None:
    orders.keep(db, decode(OrderOffer, record.body), record.seq)


def _forecast(db: StationDatabase, _ends: Ends, record: Record, _clock: Clock) -> None:
    keep_forecast(db, decode(Forecast, record.body))


def _line(db: StationDatabase, ends: Ends, record: Record, clock: Clock) -> None:
    status = decode(LineStatus, record.body)
    known = lines.find(db, status.line_id)
    # Older centres do not say what they counted: then it is what they had receipted.
    counted_seq = status.counted_seq
    if counted_seq is None:
        counted_seq = outbox.delivered(db, LogClass.MONEY).seq
    lines.keep_status(db, status, counted_seq, record.at_ms)
    give_back_cut(db, status, known.limit_minor if known else 0)
    close_given_back(db, ends.desk, clock)


def _lease(db: StationDatabase, ends: Ends, record: Record, _clock: Clock) -> None:
    document: dict[str, Any] = record.body if isinstance(record.body, dict) else {}
    signed = open_document(canonical_bytes(document), LEASE, ends.centre.verifier)
    ends.require_centre(signed.key_id, "a lease")
    lease = decode(Lease, signed.body)
    if lease.station != ends.desk.station:
        raise LeaseError(f"lease {lease.lease_id} is for {lease.station}, not for this station")
    leases.keep_lease(db, lease, document)


def _recall(db: StationDatabase, ends: Ends, record: Record, clock: Clock) -> None:
    recall = decode(Recall, record.body)
    leases.lease_of(db, recall.lease_id)
    leases.mark_closing(db, recall.lease_id)
    close_given_back(db, ends.desk, clock)


def _freeze(db: StationDatabase, _ends: Ends, record: Record, _clock: Clock) -> None:
    freeze = decode(Freeze, record.body)
    if not lines.keep_freeze(db, freeze):
        raise UnknownRecordError(f"expected a line that is known here, got {freeze.line_id!r}")


def _model(db: StationDatabase, ends: Ends, record: Record, _clock: Clock) -> None:
    document: dict[str, Any] = record.body if isinstance(record.body, dict) else {}
    try:
        models.admit_model(db, document, ends.centre.verifier)
    except ModelRefusedError:
        raise
    except HarvestlineError as error:
        raise ModelRefusedError(f"not admitted, the one in use goes on: {error}") from error


def _model_order(db: StationDatabase, ends: Ends, record: Record, clock: Clock) -> None:
    document: dict[str, Any] = record.body if isinstance(record.body, dict) else {}
    try:
        signed = open_document(canonical_bytes(document), MODEL_ORDER, ends.centre.verifier)
        ends.require_centre(signed.key_id, "an order of a model")
        order = decode(ModelOrder, signed.body)
        if order.station != ends.desk.station:
            raise ModelRefusedError(f"order {order.serial} is for {order.station[:64]}, not here")
        models.follow_order(db, order, ends.centre.verifier, clock.at_ms)
    except ModelRefusedError:
        raise
    except HarvestlineError as error:
        raise ModelRefusedError(f"not followed, the model in use goes on: {error}") from error


_APPLY: Mapping[str, Callable[[StationDatabase, Ends, Record, Clock], None]] = {
    Down.FARMER.value: _farmer,
    Down.SUBJECT.value: _subject,
    Down.DEVICE.value: _device,
    Down.DOSSIER.value: _dossier,
    Down.PRODUCT.value: _product,
    Down.LINE.value: _line,
    Down.LEASE.value: _lease,
    Down.RECALL.value: _recall,
    Down.FREEZE.value: _freeze,
    Down.MODEL.value: _model,
    Down.MODEL_ORDER.value: _model_order,
    Down.EVIDENCE.value: _evidence,
    Down.FORECAST.value: _forecast,
    Down.NEW_PLAN.value: _new_plan,
    Down.CASH_PERSON.value: _cash_person,
    Down.CONSENT.value: _consent,
    Down.ACCESSES.value: _accesses,
    Down.OWN.value: take_own,
    Down.BOX.value: take_confirmation,
    Down.LEASES_RELEASED.value: take_release,
    Down.ORDER.value: _order,
    Down.APPEAL_ANSWER.value: _appeal_answer,
    Down.VOUCH.value: _vouch,
    Down.OPERATION.value: _operation,
}
