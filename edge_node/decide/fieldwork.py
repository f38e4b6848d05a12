"""Operations of agents' tablets, carried out by the rules that hold at the kiosk too.

One transaction an operation: it is kept as it was signed, put into the money log, and
carried out; or kept with the reason why it was not, so that a tablet's chain never stops at
a mistake and its agent is told. The same again changes nothing. Statements F4-F8 of
docs/tablet.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from core.canonical import canonical_bytes, sha256_hex
from core.errors import HarvestlineError, ShapeError
from core.lending.lease import Clock
from core.lending.walk import measure
from core.reasons import SENTENCES, Reason
from core.shape import decode
from core.signing import open_document
from core.units import MS_PER_DAY
from core.wire.blob import BlobClaim, require_as_claimed, require_sha256
from core.wire.corrections import FieldCorrection
from core.wire.envelope import LogClass
from core.wire.fieldwork import (
    OPERATION,
    OPERATION_BYTES_MAX,
    FieldApplication,
    FieldVisit,
    Operation,
    OperationKind,
    Photo,
    PlotWalk,
    TakenOperation,
    shown_with_cash,
)
from core.wire.records import Consent, ConsentAction, Up
from core.wire.registry import SubjectKind
from edge_node.decide.agent_area import may_hold
from edge_node.decide.applications import LineAsk, apply_for_line
from edge_node.decide.consents import following
from edge_node.decide.desk import Desk, RequestError, require_known
from edge_node.decide.field_draws import take_draw, take_end
from edge_node.decide.subleases import SubLeaseRefusedError
from edge_node.decide.tablets import TabletRefusedError
from edge_node.decide.telemetry import TelemetryOf
from edge_node.keys import KeyRing
from edge_node.store import consents, fieldwork, logs, photo_sends, tablets, village
from edge_node.store.database import DiskFullError, StationDatabase
from edge_node.store.decisions import ChangedRequestError
from edge_node.store.tablets import KeptOperation, Tablet
from edge_node.store.village import UnknownRecordError

PART_BYTES_MAX = 256 * 1024
PHOTO_ROOM_BYTES = 512 * 1024 * 1024
# What one tablet may write into the station's money log in a day: a busy agent fills forty
# forms. What is about money may go on where forms wait.
FORMS_A_DAY_MAX, OPERATIONS_A_DAY_MAX = 500, 1_000
AHEAD_DAYS_MAX = 1  # a tablet's clock may be in another zone
LENDER = "lender"
DETAIL_CHARACTERS_MAX = 500
# A no of these kinds is the agent's to mend; any other fault leaves the operation on the tablet.
_MENDABLE = (
    RequestError, UnknownRecordError, ChangedRequestError, ShapeError, SubLeaseRefusedError
)  # fmt: skip


class BrokenChainError(HarvestlineError):
    """An operation does not follow from the one before, or its id or number is taken."""

    code = "HL-EDGE-042"


class TabletRoomError(HarvestlineError):
    """A tablet has brought all that it may for now; the rest waits on it."""

    code = "HL-EDGE-047"


class _CannotDecideError(RequestError):
    """Nothing can be decided here now."""


@dataclass(frozen=True, slots=True)
class FieldDesk:
    """What carrying out needs beside the database: the desk, telemetry, ids, shown words."""

    desk: Desk
    telemetry_of: TelemetryOf
    mint: Callable[[], str]
    purposes: Callable[[str], tuple[str, ...]]  # what a product may be consented to
    shown_sha256: Callable[[str, str], str]  # of a product's words in a language
    photo_room_bytes: int = PHOTO_ROOM_BYTES  # of one tablet, until the centre has them
    forms_a_day: int = FORMS_A_DAY_MAX
    operations_a_day: int = OPERATIONS_A_DAY_MAX


def take(
    db: StationDatabase, field: FieldDesk, who: Tablet, document: dict[str, Any], clock: Clock
) -> KeptOperation:
    """Take one signed operation of a tablet, and carry it out.

    Raises
    ------
    HarvestlineError
        If it is not signed by this tablet, does not follow in its chain, or the station
        cannot act now (clock, model, disk): then it was not taken and stays on the tablet.
    """
    data = canonical_bytes(document)
    signed = open_document(data, OPERATION, KeyRing.of_hex(who.public_key), OPERATION_BYTES_MAX)
    operation = decode(Operation, signed.body)
    head = sha256_hex(data)
    with db.atomic():
        known = _known(db, who, operation, head)
        if known is not None:
            return known
        require_known(clock)
        is_money = operation.kind in (OperationKind.DRAW, OperationKind.SUBLEASE_END)
        most = field.operations_a_day if is_money else field.forms_a_day
        _require_share(db, who, operation.seq - most, most, clock)
        code, detail = _attempt(db, field, who, operation, clock)
        log_seq = logs.append(
            db, field.desk.station, Up.TABLET_OPERATION,
            TakenOperation(
                operation.operation_id, who.tablet_id, who.agent_id, who.public_key, code, document
            ),
            clock, f"operation/{operation.operation_id}",
        )  # fmt: skip
        kept = KeptOperation(
            operation.operation_id, operation.seq, head, operation.kind.value, code, detail, log_seq
        )
        tablets.keep_operation(db, who, kept, document, clock.at_ms)
    return kept


def _known(
    db: StationDatabase, who: Tablet, operation: Operation, head: str
) -> KeptOperation | None:
    """The operation if it is here already; None if it is the next one."""
    if operation.tablet_id != who.tablet_id:
        raise TabletRefusedError(f"expected operations of {who.tablet_id}, got another tablet's")
    found = tablets.operation(db, operation.operation_id)
    if found is not None:
        if found[0].head != head or found[1] != who.public_key:
            raise BrokenChainError(f"operation {operation.operation_id} is here with other content")
        return found[0]
    end = tablets.tail(db, who.public_key)
    if operation.seq != end.seq + 1 or operation.previous != end.head:
        raise BrokenChainError(
            f"expected operation {end.seq + 1} of {who.tablet_id} after {end.head[:12]}, got "
            f"{operation.seq} after {operation.previous[:12]}"
        )
    return None


def _require_share(db: StationDatabase, who: Tablet, seq: int, most: int, clock: Clock) -> None:
    """Refuse, for now, what comes within a day of an operation that many before it."""
    taken_ms = tablets.taken_at(db, who.public_key, seq)
    if taken_ms is not None and 0 <= clock.at_ms - taken_ms < MS_PER_DAY:
        raise TabletRoomError(
            f"expected at most {most} of these in a day from {who.tablet_id}: the rest stays on "
            "the tablet and goes on tomorrow"
        )


def _attempt(
    db: StationDatabase, field: FieldDesk, who: Tablet, operation: Operation, clock: Clock
) -> tuple[str, str]:
    """Carry an operation out; the code and words of why not, both empty if it was."""
    try:
        with db.atomic():
            _CARRY_OUT[operation.kind](db, field, who, operation, clock)
    except _MENDABLE as error:
        return error.code, str(error)[:DETAIL_CHARACTERS_MAX]
    return "", ""


def _visit(
    db: StationDatabase, field: FieldDesk, who: Tablet, operation: Operation, clock: Clock
) -> None:
    visit = decode(FieldVisit, operation.body)
    _require_area(db, field, who, visit.farmer_id)
    _require_subject(db, visit.farmer_id, visit.subject_id)
    _require_past(field.desk, visit.visited_on, clock)
    if fieldwork.is_visit_known(db, visit.visit_id):
        raise ChangedRequestError(f"visit {visit.visit_id} is here already")
    fieldwork.keep_visit(db, visit, operation.operation_id)
    for photo in (*visit.photos, *((visit.signature,) if visit.signature else ())):
        fieldwork.announce(db, photo, who.tablet_id)


def _walk(
    db: StationDatabase, field: FieldDesk, who: Tablet, operation: Operation, clock: Clock
) -> None:
    walk = decode(PlotWalk, operation.body)
    _require_area(db, field, who, walk.farmer_id)
    _require_subject(db, walk.farmer_id, walk.subject_id)
    _require_past(field.desk, walk.walked_on, clock)
    subject = village.subject(db, walk.subject_id)
    if subject.kind not in (SubjectKind.PLOT, SubjectKind.PASTURE):
        raise RequestError(f"expected a plot or pasture to walk around, got {subject.kind.value}")
    if fieldwork.is_walk_known(db, walk.walk_id):
        raise ChangedRequestError(f"walk {walk.walk_id} is here already")
    found = measure(walk.ring_e7, walk.accuracy_cm)
    fieldwork.keep_walk(db, walk, found, operation.operation_id, operation.seq)


def _application(
    db: StationDatabase, field: FieldDesk, who: Tablet, operation: Operation, clock: Clock
) -> None:
    asked = decode(FieldApplication, operation.body)
    application = asked.application
    _require_area(db, field, who, application.farmer_id)
    if application.helped_by is not None:
        raise RequestError("expected no helper of the farmer's: the agent stood by, and is named")
    shown = shown_with_cash(
        field.shown_sha256(application.product_id, asked.language), application.cash
    )
    if asked.shown_sha256 != shown:
        raise RequestError(
            "expected consent to the words that are used now, got older ones: let the tablet "
            "reach the station, show the words again, and send it again"
        )
    unknown = set(asked.purposes) - set(field.purposes(application.product_id))
    if unknown:
        raise RequestError(f"expected purposes that are asked for, got {sorted(unknown)}")
    consent = Consent(
        asked.consent_id, application.farmer_id, ConsentAction.GRANT,
        tuple(sorted(set(asked.purposes))), LENDER, asked.shown_sha256, asked.spoken, helped=True,
    )  # fmt: skip
    known = consents.facts_of(db, field.desk.station, application.farmer_id)
    given = (following(consent, known, field.desk.station),) if asked.purposes else ()
    ask = LineAsk(application, given, field.mint(), field.mint())
    outcome = apply_for_line(db, field.desk, ask, field.telemetry_of, clock)
    if isinstance(outcome, Reason):
        raise _CannotDecideError(f"nothing can be decided now: {SENTENCES[outcome.code]}")
    if asked.signature is not None:
        fieldwork.announce(db, asked.signature, who.tablet_id)


def _correction(
    db: StationDatabase, field: FieldDesk, who: Tablet, operation: Operation, clock: Clock
) -> None:
    """Keep an agent's version of a field: the register stays the centre's to change."""
    asked = decode(FieldCorrection, operation.body)
    _require_area(db, field, who, asked.farmer_id)
    _require_subject(db, asked.farmer_id, asked.subject_id)
    _require_past(field.desk, asked.noted_on, clock)
    fieldwork.keep_correction(
        db, asked, (operation.operation_id, who.agent_id), logs.tail(db, LogClass.MONEY).seq + 1
    )


def _draw(
    db: StationDatabase, field: FieldDesk, who: Tablet, operation: Operation, clock: Clock
) -> None:
    take_draw(db, field.desk, who, operation, clock)


def _sublease_end(
    db: StationDatabase, field: FieldDesk, who: Tablet, operation: Operation, clock: Clock
) -> None:
    take_end(db, field.desk, who, operation, clock)


_CARRY_OUT: dict[
    OperationKind, Callable[[StationDatabase, FieldDesk, Tablet, Operation, Clock], None]
] = {
    OperationKind.VISIT: _visit,
    OperationKind.WALK: _walk,
    OperationKind.APPLICATION: _application,
    OperationKind.DRAW: _draw,
    OperationKind.SUBLEASE_END: _sublease_end,
    OperationKind.CORRECTION: _correction,
}


def _require_subject(db: StationDatabase, farmer_id: str, subject_id: str) -> None:
    village.farmer(db, farmer_id)
    if subject_id and village.subject(db, subject_id).farmer_id != farmer_id:
        raise RequestError(f"expected what belongs to {farmer_id}, got {subject_id}")


def _require_area(db: StationDatabase, field: FieldDesk, who: Tablet, farmer_id: str) -> None:
    """Refuse a farmer whom the tablet may not hold: a stolen one writes of no others."""
    if not may_hold(db, field.desk.station, who, village.farmer(db, farmer_id)):
        raise RequestError(f"expected a farmer of the area of {who.tablet_id}, got {farmer_id}")


def _require_past(desk: Desk, day: str, clock: Clock) -> None:
    """Refuse a day that has not come: what is newest counts, and would for ever."""
    latest = desk.today(clock) + timedelta(days=AHEAD_DAYS_MAX)
    if day > latest.isoformat():
        raise RequestError(
            f"expected a day up to {latest.isoformat()}, got {day}: set the tablet's clock"
        )


def take_part(
    db: StationDatabase,
    who: Tablet,
    part: tuple[str, int, bytes],
    clock: Clock,
    room_bytes: int = PHOTO_ROOM_BYTES,
) -> fieldwork.PhotoState:
    """Take the next part of a photo; a part that is here already changes nothing.

    The last part brings the hash to the test: what does not match is forgotten, and the
    tablet begins again. A photo is taken from the tablet that named it: another could
    otherwise spoil it part by part.

    Parameters
    ----------
    part
        The photo's hash, the part's first byte, and its bytes.
    room_bytes
        What a tablet's photos may take here that the centre does not have yet [bytes].

    Raises
    ------
    UnknownRecordError
        If no operation of the tablet has named the photo.
    TabletRoomError
        If the tablet's room is spent: the photo waits on it.
    RequestError
        If the part is too large, leaves a hole, or goes beyond the end.
    ShapeError
        If the whole is not what was named.
    DiskFullError
        If the disk is short: a photo can wait on its tablet, money cannot.
    """
    sha256, start_byte, data = part
    require_sha256(sha256)
    if not db.has_room:
        raise DiskFullError("expected room for photos, the disk is short: they stay on the tablet")
    damaged = ""
    with db.atomic():
        state = _photo(db, sha256)
        end = start_byte + len(data)
        if state.whole or end <= state.received_bytes:
            return state
        _require_next(state, who, start_byte, len(data))
        if photo_sends.held_for_tablet(db, who.tablet_id) + len(data) > room_bytes:
            raise TabletRoomError(
                f"expected at most {room_bytes} bytes of photos that the centre does not have "
                "yet: they stay on the tablet until it has some of them"
            )
        fieldwork.keep_part(db, sha256, start_byte, data)
        if end == state.photo.size_bytes:
            damaged = _complete(db, state.photo, clock.at_ms)
    if damaged:
        raise ShapeError(f"{damaged}: send the photo again from its beginning")
    return _photo(db, sha256)


def _require_next(state: fieldwork.PhotoState, who: Tablet, start_byte: int, size: int) -> None:
    """Refuse what is not the next part of a photo of this tablet."""
    if state.tablet_id != who.tablet_id:
        raise UnknownRecordError(f"expected a photo of {who.tablet_id}, got another tablet's")
    if not 0 < size <= PART_BYTES_MAX or start_byte + size > state.photo.size_bytes:
        raise RequestError(f"expected a part of at most {PART_BYTES_MAX} bytes inside the photo")
    if start_byte != state.received_bytes:
        raise RequestError(f"expected the part from {state.received_bytes}, got {start_byte}")


def _photo(db: StationDatabase, sha256: str) -> fieldwork.PhotoState:
    state = fieldwork.photo_state(db, sha256)
    if state is None:
        raise UnknownRecordError(f"expected a photo of a visit that is here, got {sha256}")
    return state


def _complete(db: StationDatabase, photo: Photo, at_ms: int) -> str:
    """Check a photo whose last part has come; what is wrong with it, or nothing."""
    data = fieldwork.parts(db, photo.sha256)
    try:
        require_as_claimed(BlobClaim(photo.sha256, photo.media_type, photo.size_bytes), data)
    except ShapeError as error:
        fieldwork.forget_parts(db, photo.sha256)
        return str(error)
    fieldwork.keep_photo(db, photo.sha256, data, at_ms)
    return ""
