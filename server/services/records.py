"""What a station's records do at the centre, kind by kind.

A record is never refused for what it says: money that was paid out is in the ledger
even if a rule was broken. What is wrong is returned as a flag, kept with the record
and shown to people.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import date

from core.canonical import canonical_bytes
from core.errors import HarvestlineError, LeaseError, ShapeError
from core.lending.agreement import AgreementReason
from core.lending.lease import LeaseKind, close
from core.lending.own_cash import own_cash_faults
from core.lending.product import Product
from core.scoring.features import DailyFeature
from core.shape import decode
from core.wire.boxes import BoxRetired
from core.wire.records import (
    Application,
    ClockSet,
    Consent,
    DecisionRecord,
    DeviceAct,
    DeviceEvent,
    FarmerLeft,
    LeaseClosed,
    LineOpened,
    Up,
)
from core.wire.update import UpdateAct, UpdateEvent
from server.services import cash_boxes
from server.services.agreements import applied, decided
from server.services.appeals import apply_appeal, apply_helper, apply_kiosk_event
from server.services.cards import fault_of_asking, fault_of_purposes, take_card
from server.services.centre import Work
from server.services.consents.taking import take_consent
from server.services.drawing import apply_drawdown
from server.services.erasing import is_erased
from server.services.field_money import apply_sub_lease
from server.services.fieldwork import apply_operation, apply_tablet_event
from server.services.leaving import apply_leaving
from server.services.model_life.drift import take_counts
from server.services.model_life.shadow import shade
from server.services.moving import complete_from, farmer_left
from server.services.opening import NewLine, open_line
from server.services.orders.delivering import apply_order_answer
from server.services.readings import HOLDS_NUL, apply_readings
from server.services.reported import Reported
from server.store import (
    boxes,
    leases,
    lines,
    people,
    products,
    registry,
    reports,
    update_steps,
    versions,
)
from server.store.engine import NotKnownError, StoreError, UnfitValueError
from server.store.people import Actor
from server.store.reports import KeptApplication, KeptConsent, Replay
from server.store.rows import holds_nul

_RAW = Up.TELEMETRY.value


def apply_run(work: Work, run: Sequence[Reported]) -> list[str]:
    """Apply records in order; of each what was wrong with it, or nothing."""
    flags: list[str] = []
    for raw, group in itertools.groupby(run, key=lambda each: each.record.kind == _RAW):
        if raw:
            flags += _readings(work, list(group))
        else:
            flags += [apply_record(work, one) for one in group]
    return flags


def _readings(work: Work, run: Sequence[Reported]) -> list[str]:
    try:
        return apply_readings(work, run)
    except (StoreError, UnfitValueError):
        return [apply_record(work, one) for one in run]  # one of them fits no column: which


def apply_record(work: Work, reported: Reported) -> str:
    """Apply one record; what was wrong with it, or nothing."""
    if holds_nul(reported.record.kind) or holds_nul(reported.record.body):
        return HOLDS_NUL
    try:
        kind = Up(reported.record.kind)
    except ValueError:
        return f"kind {reported.record.kind!r} is not known here; kept as it came"
    try:
        return work.tx.attempt(lambda: _APPLY[kind](work, reported))
    except HarvestlineError as error:
        return f"{error.code}: {error}"


def _consent(work: Work, reported: Reported) -> str:
    consent, record = decode(Consent, reported.record.body), reported.record
    kept = KeptConsent(consent, reported.writer, record.at_ms, record.error_ms, work.at_ms)
    take_consent(work, kept, Actor(reported.writer, "station"))
    return ""


def _application(work: Work, reported: Reported) -> str:
    application = decode(Application, reported.record.body)
    kept = KeptApplication(application, reported.writer, reported.record.at_ms)
    reports.add_application(work.tx, kept)
    by = Actor(reported.writer, "station")
    applied(work, application, by, AgreementReason.ASKED)
    return "" if registry.find_farmer(work.tx, application.farmer_id) else "farmer is not known"


def _decision(work: Work, reported: Reported) -> str:
    body = decode(DecisionRecord, reported.record.body)
    if not isinstance(body.card, dict):
        raise ShapeError(f"expected a signed card for {body.application_id}")
    document = canonical_bytes(body.card)
    keys = (reported.station.public_key,)
    kept = take_card(work, document, reported.writer, keys, reported.record.at_ms)
    decided(work, kept, Actor(reported.writer, "station"))
    shade(work, kept)
    if kept.replay is not Replay.SAME:
        return f"{kept.replay.value}: {kept.replay_detail}"
    return fault_of_purposes(work, document) or fault_of_asking(work, document)


def _line_opened(work: Work, reported: Reported) -> str:
    opened = decode(LineOpened, reported.record.body)
    registry.farmer(work.tx, opened.farmer_id)
    for subject_id in opened.subject_ids:
        registry.subject(work.tx, subject_id)
    flag = _fault_of_opening(work, reported, opened)
    cards = reports.decisions_of(work.tx, opened.application_id)
    new = NewLine(
        line_id=opened.line_id,
        application_id=opened.application_id,
        card_id=cards[-1].card_id if cards else "",
        farmer_id=opened.farmer_id,
        product_id=opened.product_id,
        station=reported.writer,
        subject_ids=opened.subject_ids,
        limit_minor=max(0, opened.limit_minor),
        currency=opened.currency,
        onboarding_lease_id=opened.lease_id,
        cash=opened.cash or (),
    )
    # A line that broke a rule is on the books, but nothing more is drawn on it.
    open_line(work, new, frozen=bool(flag))
    reported.touched.add(new.line_id)
    return flag


def _fault_of_opening(work: Work, reported: Reported, opened: LineOpened) -> str:
    signed = leases.find(work.tx, opened.lease_id)
    if signed is None or signed.lease.kind is not LeaseKind.ONBOARDING:
        return f"lease {opened.lease_id} is no onboarding lease of the centre"
    lease = signed.lease
    under = {*lines.opened_under(work.tx, lease.lease_id), opened.line_id}
    cards = reports.decisions_of(work.tx, opened.application_id)
    approved = [c for c in cards if c.verdict == "approve" and c.replay is Replay.SAME]
    farmer = registry.farmer(work.tx, opened.farmer_id)
    faults = (
        (lease.station != reported.writer, "the lease is another station's"),
        (lease.product_id != opened.product_id, "the lease is for another product"),
        (signed.closed_at_ms is not None, "the lease was closed before"),
        (is_erased(farmer), "the farmer was erased before a dark station's line came"),
        (farmer.home_station != reported.writer, "the farmer's home is another station"),
        (not 0 < opened.limit_minor <= lease.per_line_minor, "the limit is above a line's share"),
        (len(under) > lease.lines_max, "more lines were opened than the lease allows"),
        (not approved, "no approved card that replays"),
        (
            bool(approved) and approved[-1].amount_minor != opened.limit_minor,
            "the limit is not the approved amount",
        ),
    )
    told = next((words for broken, words in faults if broken), "")
    told = told or _fault_of_pledge(work, opened) or _fault_of_cash(work, opened)
    return f"line {opened.line_id}: {told}" if told else ""


def _fault_of_pledge(work: Work, opened: LineOpened) -> str:
    """What is pledged under another open line, as one that the centre opened meanwhile."""
    for line_id in lines.resting_on(work.tx, opened.subject_ids):
        if line_id != opened.line_id and lines.get(work.tx, line_id).is_open:
            return f"line {line_id} rests on the same subjects"
    return ""


def _fault_of_cash(work: Work, opened: LineOpened) -> str:
    """What is wrong with the farmer's own months; the line is repaid in them all the same.

    They are what the farmer was told at the station. They may fit any version of the product
    that was in force, for the station may have been told of the newest later, and the version
    of the card, where stations were given it to try.
    """
    asked = reports.find_application(work.tx, opened.application_id)
    if asked is not None and asked.application.cash != opened.cash:
        return "its cash months are not those of its application"
    known = (*products.every_version(work.tx, opened.product_id), *_tried(work, opened))
    # Which day it was at the station does not matter here: what has passed asks for nothing.
    found = [own_cash_faults(each, opened.cash, date.min) for each in known]
    return "" if not found or [] in found else found[0][0]


def _tried(work: Work, opened: LineOpened) -> tuple[Product, ...]:
    """The version that a line's card cites, if stations were given it before it is in force."""
    cards = reports.decisions_of(work.tx, opened.application_id)
    version = cards[-1].policy_version if cards else ""
    found = products.by_policy(work.tx, version) if version else None
    is_its = found is not None and found.product_id == opened.product_id
    return (found,) if found and is_its and update_steps.is_given(work.tx, version) else ()


def _lease_closed(work: Work, reported: Reported) -> str:
    closed = decode(LeaseClosed, reported.record.body)
    signed = leases.find(work.tx, closed.lease_id)
    if signed is None or signed.lease.station != reported.writer:
        raise NotKnownError(f"expected a lease of {reported.writer}, got {closed.lease_id}")
    if signed.closed_at_ms is not None:
        return ""
    if closed.lease_id in boxes.held(work.tx, reported.writer):
        raise LeaseError(
            f"lease {closed.lease_id} is held: a box before may have drawn on it; nothing is "
            "released until two officers say that this box is gone"
        )
    book = leases.book(work.tx, signed)
    close(book)
    if book.posted_minor != closed.posted_minor:
        raise LeaseError(
            f"lease {closed.lease_id}: the station posted {closed.posted_minor}, here are "
            f"{book.posted_minor}; nothing is released"
        )
    leases.close(work.tx, closed.lease_id, work.at_ms)
    if not leases.onboarding_of(work.tx, reported.writer):
        complete_from(work, reported.writer)
    return ""


def _farmer_left(work: Work, reported: Reported) -> str:
    left = decode(FarmerLeft, reported.record.body)
    farmer_left(work, left.farmer_id, reported.writer, left.told_seq)
    return ""


def _clock_set(work: Work, reported: Reported) -> str:
    told = decode(ClockSet, reported.record.body)
    detail = {
        "told_at_ms": told.told_at_ms,
        "error_ms": told.error_ms,
        "floor_before_ms": told.floor_before_ms,
    }
    actor, subject = Actor(reported.writer, "station"), ("station", reported.writer)
    people.record(work.tx, work.at_ms, actor, "clock_set", subject, detail)
    return ""


def _daily_feature(work: Work, reported: Reported) -> str:
    feature = decode(DailyFeature, reported.record.body)
    measured_at = registry.measuring_stations(work.tx, feature.subject_id)
    if measured_at and reported.writer not in measured_at:
        return f"{feature.subject_id} is measured at {', '.join(sorted(measured_at))}, not here"
    reports.put_feature(work.tx, feature, reported.writer, reported.record.seq)
    known = registry.find_subject(work.tx, feature.subject_id)
    return "" if known else f"subject {feature.subject_id} is not known"


def _telemetry(work: Work, reported: Reported) -> str:
    (flag,) = apply_readings(work, [reported])
    return flag


def _box_retired(work: Work, reported: Reported) -> str:
    """A box handed over: kept for the audit; the approval of the next one rests on it."""
    told = decode(BoxRetired, reported.record.body)
    by = Actor(reported.writer, "station")
    detail = {"generation": told.generation, "money_seq": reported.record.seq}
    people.record(work.tx, work.at_ms, by, "box_retired", ("station", reported.writer), detail)
    return ""


def _device_event(work: Work, reported: Reported) -> str:
    """A device that a station enrolled is registered here, so that its documents verify."""
    event = decode(DeviceEvent, reported.record.body)
    device = event.device
    if event.act is not DeviceAct.ENROLLED or device is None:
        return ""
    if device.device_id != event.device_id or device.station != reported.writer:
        return f"{device.device_id} of {device.station} was enrolled at {reported.writer}"
    known = registry.find_device(work.tx, device.device_id)
    if known is not None and known.station != reported.writer:
        return f"device {device.device_id} is registered at {known.station}"
    if registry.find_subject(work.tx, device.subject_id) is None:
        return f"device {device.device_id} measures {device.subject_id}, which is not known"
    registry.put_device(work.tx, device)
    return ""


def _update_event(work: Work, reported: Reported) -> str:
    event = decode(UpdateEvent, reported.record.body)
    record = reported.record
    versions.put(work.tx, reported.writer, event, record.at_ms, record.seq)
    if event.act is UpdateAct.ACTIVATED:
        return ""
    return f"{event.slot} version {event.version} is out there: {event.code} {event.reason}"


_APPLY: Mapping[Up, Callable[[Work, Reported], str]] = {
    Up.CONSENT: _consent,
    Up.AGREEMENT_LEFT: apply_leaving,
    Up.APPLICATION: _application,
    Up.DECISION: _decision,
    Up.LINE_OPENED: _line_opened,
    Up.DRAWDOWN: apply_drawdown,
    Up.MODEL_COUNTS: take_counts,
    Up.LEASE_CLOSED: _lease_closed,
    Up.FARMER_LEFT: _farmer_left,
    Up.CLOCK_SET: _clock_set,
    Up.DAILY_FEATURE: _daily_feature,
    Up.TELEMETRY: _telemetry,
    Up.DEVICE_EVENT: _device_event,
    Up.UPDATE_EVENT: _update_event,
    Up.BOX_RETIRED: _box_retired,
    Up.CASH_HANDOVER: cash_boxes.apply_handover,
    Up.CASH_REPAYMENT: cash_boxes.apply_repayment,
    Up.CASH_COUNT: cash_boxes.apply_count,
    Up.ORDER_ANSWER: apply_order_answer,
    Up.TABLET_EVENT: apply_tablet_event,
    Up.TABLET_OPERATION: apply_operation,
    Up.SUB_LEASE: apply_sub_lease,
    Up.APPEAL: apply_appeal,
    Up.HELPER: apply_helper,
    Up.KIOSK_EVENT: apply_kiosk_event,
}
