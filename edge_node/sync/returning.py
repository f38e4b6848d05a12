"""A box that holds a backup: what the centre gives back to it, and its confirmation.

Until the confirmation it writes nothing. It applies the centre's log as any station does;
what the centre has of the station's own logs beyond the backup comes behind, each record
with its hash, and is put into state and log as if it had been made here. The last word is
the confirmation, with the leases that the box before may have drawn on.
"""

from __future__ import annotations

import json
from dataclasses import replace

from core.canonical import canonical_bytes, sha256_hex
from core.decision.card import DecisionCard
from core.decision.policy import Verdict
from core.lending.lease import Clock, DrawState
from core.scoring.features import DailyFeature
from core.shape import decode
from core.signing import open_document
from core.wire.boxes import REPLACED, Box, LeasesReleased, Own, Replaced
from core.wire.envelope import LogClass, LogName, Receipt, Record
from core.wire.records import (
    AgreementLeft,
    Application,
    Consent,
    DecisionRecord,
    DeviceAct,
    DeviceEvent,
    Drawdown,
    FarmerLeft,
    LeaseClosed,
    LineOpened,
    Up,
)
from edge_node.store import (
    box,
    cash,
    consents,
    credentials,
    decisions,
    devices,
    leases,
    leavings,
    logs,
    outbox,
    returned,
    subleases,
)
from edge_node.store.box import BoxState
from edge_node.store.credentials import Standing
from edge_node.store.database import StationDatabase
from edge_node.sync import returned_cash, returned_field, returned_kiosk
from edge_node.sync.peers import Ends

_STANDING_OF_ACT = {
    DeviceAct.QUARANTINED: Standing.QUARANTINED,
    DeviceAct.REVOKED: Standing.REVOKED,
}


def take_own(db: StationDatabase, ends: Ends, record: Record, clock: Clock) -> None:
    """Take back a record of this station's own log.

    Raises
    ------
    ChainBrokenError
        If it does not follow from what is here.
    """
    own = decode(Own, record.body)
    name = LogName(ends.desk.station, own.log)
    made = Record(own.seq, own.kind, own.at_ms, own.error_ms, own.body)
    box.let_take_back(db, on=True)
    if logs.take_back(db, name, made, own.head, _subject(made)):
        _apply(db, made)
        # The centre has it: nothing before it is sent again.
        receipt = Receipt(name.writer, name.log, "", own.seq, own.head)
        outbox.keep_receipt(db, receipt, "", clock.at_ms)
    box.let_take_back(db, on=False)


def take_confirmation(db: StationDatabase, ends: Ends, record: Record, clock: Clock) -> None:
    """The centre confirms a box: this one, and it writes from now on; or another.

    Only a box that waits begins to write. One that was stopped, by its own hand-over, by
    ``retire`` or by the centre's word, stays so although its confirmation comes late: what
    it held may be given out again. One that waits goes on waiting when it hears of another,
    for its own confirmation may stand behind it in the same log.
    """
    told, standing = decode(Box, record.body), box.standing(db)
    if told.generation <= standing.generation:
        return
    waits = standing.state is BoxState.RESTORED
    if told.key_id != ends.signer.key_id:
        state = BoxState.RESTORED if waits else BoxState.REPLACED
        box.move(db, state, clock.at_ms, told.generation)
    elif waits:
        box.move(db, BoxState.ACTIVE, clock.at_ms, told.generation)
        box.hold(db, told.held_leases)
        _say_who_left(db, ends, clock)


def take_release(db: StationDatabase, _ends: Ends, record: Record, _clock: Clock) -> None:
    """What another box drew is booked: its leases are closed, what was pending is void."""
    told = decode(LeasesReleased, record.body)
    box.release(db, told.lease_ids)
    for kept in leases.pending_draws(db):
        if kept.drawdown.lease_id in told.lease_ids:
            leases.mark_settled(db, kept.drawdown.draw_id, DrawState.VOIDED)
    for lease_id in told.lease_ids:
        _close(db, lease_id)


def note_replaced(db: StationDatabase, ends: Ends, document: bytes, clock: Clock) -> Replaced:
    """Take the centre's signed word that another box was confirmed: this one stops.

    Raises
    ------
    SignatureError
        If it is not the centre's.
    """
    signed = open_document(document, REPLACED, ends.centre.verifier)
    ends.require_centre(signed.key_id, "that this box was replaced")
    told = decode(Replaced, signed.body)
    standing = box.standing(db)
    if told.station == ends.desk.station and told.generation > standing.generation:
        with db.atomic():
            box.move(db, BoxState.REPLACED, clock.at_ms, told.generation)
    return told


def _say_who_left(db: StationDatabase, ends: Ends, clock: Clock) -> None:
    """Say now of whom the centre said meanwhile that they live elsewhere."""
    station = ends.desk.station
    rows = db.execute(
        "SELECT f.farmer_id, max(d.seq) FROM farmers f JOIN down_records d "
        "ON d.kind = 'farmer' AND json_extract(d.body, '$.farmer_id') = f.farmer_id "
        "WHERE json_extract(f.body, '$.home_station') <> ? GROUP BY f.farmer_id",
        [station],
    ).fetchall()
    for farmer_id, seq in rows:
        body = FarmerLeft(farmer_id, seq)
        logs.append(db, station, Up.FARMER_LEFT, body, clock, f"farmer/{farmer_id}/left/{seq}")


def _subject(record: Record) -> str:
    """What the log says only once, as it was written when the record was made."""
    if record.kind == Up.DRAWDOWN.value:
        draw = decode(Drawdown, record.body)
        return f"draw/{draw.draw_id}/{draw.state.value}"
    if record.kind == Up.LEASE_CLOSED.value:
        return f"lease/{decode(LeaseClosed, record.body).lease_id}/closed"
    if record.kind in (Up.AGREEMENT_LEFT.value, Up.FARMER_LEFT.value):
        return _subject_of_leaving(record)
    if record.kind == Up.DAILY_FEATURE.value:
        return f"settled/{record.seq}"
    if record.kind == Up.TELEMETRY.value:
        return sha256_hex(canonical_bytes(record.body))
    others = (returned_cash, returned_kiosk, returned_field)
    return next((found for one in others if (found := one.subject_of(record))), "")


def _subject_of_leaving(record: Record) -> str:
    if record.kind == Up.AGREEMENT_LEFT.value:
        ended = decode(AgreementLeft, record.body)
        return leavings.subject_of(ended.line_id, ended.event)
    left = decode(FarmerLeft, record.body)
    return f"farmer/{left.farmer_id}/left/{left.told_seq}"


def _apply(db: StationDatabase, record: Record) -> None:
    """Put into the state what a record of this station says."""
    body, kind = record.body, record.kind
    if kind == Up.CONSENT.value:
        consents.keep(db, decode(Consent, body), record.at_ms, record.error_ms)
    elif kind == Up.APPLICATION.value:
        decisions.keep_application(db, decode(Application, body), record.at_ms)
    elif kind == Up.DECISION.value:
        _apply_decision(db, decode(DecisionRecord, body))
    elif kind == Up.LINE_OPENED.value:
        _apply_line(db, decode(LineOpened, body), record.at_ms)
    elif kind == Up.DRAWDOWN.value:
        _apply_draw(db, decode(Drawdown, body), record.at_ms)
    elif kind == Up.AGREEMENT_LEFT.value:
        leavings.keep(db, decode(AgreementLeft, body), record.at_ms)
    elif kind == Up.LEASE_CLOSED.value:
        _close(db, decode(LeaseClosed, body).lease_id)
    elif kind == Up.DEVICE_EVENT.value:
        _apply_device(db, decode(DeviceEvent, body), record.at_ms)
    elif kind == Up.DAILY_FEATURE.value:
        returned.take_settled(db, decode(DailyFeature, body), record.seq, record.at_ms)
    else:
        returned_cash.apply(db, record)
        returned_kiosk.apply(db, record)
        returned_field.apply(db, record)


def _close(db: StationDatabase, lease_id: str) -> None:
    """Close a lease, unless it is closed here or never came; no tablet draws under it then."""
    subleases.end_of_lease(db, lease_id)
    db.execute(
        "UPDATE leases SET closing = 1, closed = 1 WHERE lease_id = ? AND closed = 0", [lease_id]
    )


def _apply_decision(db: StationDatabase, told: DecisionRecord) -> None:
    """Keep a card; one that was approved waits for its line, which comes next in the log."""
    card = decode(DecisionCard, told.card["body"])
    if card.outcome.verdict is not Verdict.APPROVE:
        decisions.keep_card(db, card, told.card, "")


def _apply_line(db: StationDatabase, opened: LineOpened, at_ms: int) -> None:
    rows = db.execute(
        "SELECT body FROM log_records WHERE log = ? AND kind = ? ORDER BY seq DESC",
        [LogClass.MONEY.value, Up.DECISION.value],
    )
    for (text,) in rows:
        told = decode(DecisionRecord, json.loads(text))
        if told.application_id == opened.application_id:
            card = decode(DecisionCard, told.card["body"])
            decisions.keep_card(db, card, told.card, opened.line_id)
            returned.take_opened(db, opened, card.inputs.decided_on, at_ms)
            return


def _apply_draw(db: StationDatabase, draw: Drawdown, at_ms: int) -> None:
    known = leases.draw(db, draw.draw_id)
    if known is None:
        leases.keep_draw(db, replace(draw, state=DrawState.PENDING), at_ms)
    elif known.drawdown.state is not DrawState.PENDING:
        return
    shift = cash.open_shift(db)
    if draw.paid_by is not None:
        turn = shift.shift_id if shift is not None and shift.person_id == draw.paid_by else ""
        cash.keep_payer(db, draw.draw_id, cash.Shift(turn, draw.paid_by, at_ms))
    if draw.state is DrawState.POSTED:
        leases.mark_paid_out(db, draw.draw_id, max(at_ms, 1))
        cash.keep_payout(db, draw, at_ms)
    if draw.state is not DrawState.PENDING:
        leases.mark_settled(db, draw.draw_id, draw.state)


def _apply_device(db: StationDatabase, event: DeviceEvent, at_ms: int) -> None:
    if event.device is not None:
        devices.put_device(db, event.device)
    if event.act in _STANDING_OF_ACT:
        standing = _STANDING_OF_ACT[event.act]
        credentials.put_standing(db, event.device_id, standing, event.reason, at_ms)
    elif event.act is DeviceAct.RELEASED:
        credentials.put_standing(db, event.device_id, Standing.GOOD, event.reason, at_ms)
