"""What a station's records do at the centre, kind by kind.

A record is never refused for what it says: money that was paid out is in the ledger
even if a rule was broken. What is wrong is returned as a flag, kept with the record
and shown to people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from core.canonical import canonical_bytes, sha256_hex
from core.errors import HarvestlineError, LeaseError, ShapeError, SignatureError
from core.lending.lease import CLOCK_ERROR_MS_MAX, DrawState, LeaseKind, close
from core.scoring.features import DailyFeature
from core.shape import decode
from core.signing import open_document
from core.units import civil_day
from core.wire.envelope import Record
from core.wire.records import (
    Application,
    Consent,
    DecisionRecord,
    Drawdown,
    LeaseClosed,
    LineOpened,
    Up,
)
from core.wire.telemetry import BATCH, MESSAGE_BYTES_MAX, Batch
from server.keys import KeyRing
from server.services.cards import take_card
from server.services.centre import Work
from server.services.opening import NewLine, open_line
from server.services.posting import post_drawdown
from server.store import leases, lines, registry, reports
from server.store.engine import ConflictError, NotKnownError
from server.store.leases import Drawing
from server.store.registry import Station
from server.store.reports import KeptApplication, KeptConsent, KeptReadings, Replay

TELEMETRY_BYTES_MAX = 2 * MESSAGE_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Reported:
    """A record with the station that wrote it.

    ``touched`` gathers the lines of whose money something changed: their station is
    told once, when the whole run counts.
    """

    station: Station
    record: Record
    touched: set[str]

    @property
    def writer(self) -> str:
        """The station's name."""
        return self.station.name


def apply_record(work: Work, reported: Reported) -> str:
    """Apply one record; what was wrong with it, or nothing."""
    try:
        kind = Up(reported.record.kind)
    except ValueError:
        return f"kind {reported.record.kind!r} is not known here; kept as it came"
    try:
        return work.tx.attempt(lambda: _APPLY[kind](work, reported))
    except HarvestlineError as error:
        return f"{error.code}: {error}"


def _consent(work: Work, reported: Reported) -> str:
    consent = decode(Consent, reported.record.body)
    registry.farmer(work.tx, consent.farmer_id)
    kept = KeptConsent(consent, reported.writer, reported.record.at_ms, reported.record.error_ms)
    reports.add_consent(work.tx, kept)
    return ""


def _application(work: Work, reported: Reported) -> str:
    application = decode(Application, reported.record.body)
    kept = KeptApplication(application, reported.writer, reported.record.at_ms)
    reports.add_application(work.tx, kept)
    return "" if registry.find_farmer(work.tx, application.farmer_id) else "farmer is not known"


def _decision(work: Work, reported: Reported) -> str:
    body = decode(DecisionRecord, reported.record.body)
    if not isinstance(body.card, dict):
        raise ShapeError(f"expected a signed card for {body.application_id}")
    document = canonical_bytes(body.card)
    keys = (reported.station.public_key,)
    kept = take_card(work, document, reported.writer, keys, reported.record.at_ms)
    return "" if kept.replay is Replay.SAME else f"{kept.replay.value}: {kept.replay_detail}"


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
    told = told or _fault_of_pledge(work, opened)
    return f"line {opened.line_id}: {told}" if told else ""


def _fault_of_pledge(work: Work, opened: LineOpened) -> str:
    """What is pledged under another open line, as one that the centre opened meanwhile."""
    for line_id in lines.resting_on(work.tx, opened.subject_ids):
        if line_id != opened.line_id and lines.get(work.tx, line_id).is_open:
            return f"line {line_id} rests on the same subjects"
    return ""


def _drawdown(work: Work, reported: Reported) -> str:
    draw = decode(Drawdown, reported.record.body)
    line = lines.lock(work.tx, draw.line_id)
    if draw.amount_minor <= 0 or draw.fee_minor < 0 or draw.currency != line.currency:
        raise ShapeError(f"draw {draw.draw_id}: expected a positive amount in {line.currency}")
    known = leases.find_draw(work.tx, draw.draw_id)
    if known is not None and known.writer != reported.writer:
        raise ConflictError(f"draw {draw.draw_id} is {known.writer}'s: another cannot settle it")
    if known is not None and _is_repeat(known, draw):
        return ""
    at_ms = reported.record.at_ms
    settled = draw.state is not DrawState.PENDING
    effective_on, wrong_day = _day_of_draw(work, draw)
    drawing = Drawing(
        draw_id=draw.draw_id,
        line_id=draw.line_id,
        lease_id=draw.lease_id,
        state=draw.state,
        amount_minor=draw.amount_minor,
        fee_minor=draw.fee_minor,
        currency=draw.currency,
        consent_id=draw.consent_id,
        apr_ppm=draw.apr_ppm,
        effective_on=effective_on,
        writer=reported.writer,
        at_ms=known.at_ms if known else at_ms,
        settled_at_ms=at_ms if settled else None,
        flag=_fault_of_draw(work, reported, draw) or wrong_day,
    )
    leases.put_draw(work.tx, drawing)
    if draw.state is DrawState.POSTED:
        post_drawdown(work, drawing)
        if not line.is_open:
            line = replace(line, is_open=True, closed_at_ms=None)
            lines.save(work.tx, line)
    reported.touched.add(line.line_id)
    return drawing.flag


def _day_of_draw(work: Work, draw: Drawdown) -> tuple[str, str]:
    """The day on which a draw is booked, and what was wrong with the one it names.

    A draw has its day between the lease's signature and today, give or take what a
    clock may be off; else it is booked today, and costs no interest for time past.
    """
    signed, today = leases.find(work.tx, draw.lease_id), work.today()
    off = timedelta(milliseconds=CLOCK_ERROR_MS_MAX)
    first = civil_day(signed.lease.signed_at_ms) - off if signed else today - off
    try:
        day = date.fromisoformat(draw.effective_on)
    except ValueError:
        day = date.max
    if first <= day <= today + off:
        return day.isoformat(), ""
    told = f"expected effective_on from {first} to {today + off}, got {draw.effective_on[:40]!r}"
    return today.isoformat(), f"draw {draw.draw_id}: {told}; booked on {today}"


def _is_repeat(known: Drawing, draw: Drawdown) -> bool:
    """Whether the draw stands so already; raises if it contradicts what is known."""
    same = (known.line_id, known.lease_id, known.amount_minor, known.fee_minor, known.currency)
    if same != (draw.line_id, draw.lease_id, draw.amount_minor, draw.fee_minor, draw.currency):
        raise ConflictError(f"draw {draw.draw_id} exists with other content")
    if known.state is draw.state:
        return True
    if known.state is not DrawState.PENDING:
        raise LeaseError(
            f"draw {draw.draw_id} is {known.state.value}, cannot become {draw.state.value}"
        )
    return False


def _fault_of_draw(work: Work, reported: Reported, draw: Drawdown) -> str:
    """What lease rule a draw breaks; it is booked all the same, for money was paid."""
    if draw.state is DrawState.VOIDED:
        return ""
    signed = leases.find(work.tx, draw.lease_id)
    if signed is None:
        return f"draw {draw.draw_id}: lease {draw.lease_id} is not the centre's"
    lease, book = signed.lease, leases.book(work.tx, signed)
    others = {key: each for key, each in book.draws.items() if key != draw.draw_id}
    book = replace(book, draws=others)
    line = lines.get(work.tx, draw.line_id)
    share = line.onboarding_minor - book.line_used_minor(draw.line_id)
    onboarding = lease.kind is LeaseKind.ONBOARDING
    faults = (
        (lease.station != reported.writer, "the lease is another station's"),
        (book.closed, "the lease was closed before"),
        (not onboarding and lease.line_id != draw.line_id, "the lease is another line's"),
        (
            onboarding and line.onboarding_lease_id != lease.lease_id,
            "the line was not opened under this lease",
        ),
        (draw.amount_minor > book.unspent_minor, "more is drawn than the lease carries"),
        (onboarding and draw.amount_minor > share, "more is drawn than the line's share"),
    )
    return next((f"draw {draw.draw_id}: {words}" for broken, words in faults if broken), "")


def _lease_closed(work: Work, reported: Reported) -> str:
    closed = decode(LeaseClosed, reported.record.body)
    signed = leases.find(work.tx, closed.lease_id)
    if signed is None or signed.lease.station != reported.writer:
        raise NotKnownError(f"expected a lease of {reported.writer}, got {closed.lease_id}")
    if signed.closed_at_ms is not None:
        return ""
    book = leases.book(work.tx, signed)
    close(book)
    if book.posted_minor != closed.posted_minor:
        raise LeaseError(
            f"lease {closed.lease_id}: the station posted {closed.posted_minor}, here are "
            f"{book.posted_minor}; nothing is released"
        )
    leases.close(work.tx, closed.lease_id, work.at_ms)
    return ""


def _daily_feature(work: Work, reported: Reported) -> str:
    feature = decode(DailyFeature, reported.record.body)
    reports.put_feature(work.tx, feature, reported.writer, reported.record.seq)
    known = registry.find_subject(work.tx, feature.subject_id)
    return "" if known else f"subject {feature.subject_id} is not known"


def _telemetry(work: Work, reported: Reported) -> str:
    body = reported.record.body
    if not isinstance(body, dict):
        raise ShapeError(f"expected a signed telemetry document, got {type(body).__name__}")
    batch = decode(Batch, body.get("body"))
    document = canonical_bytes(body)
    flag = _fault_of_readings(work, document, batch)
    kept = KeptReadings(
        sha256=sha256_hex(document),
        device_id=batch.device,
        epoch=batch.epoch,
        first_seq=batch.samples[0].seq,
        last_seq=batch.samples[-1].seq,
        writer=reported.writer,
        at_ms=reported.record.at_ms,
        verified=not flag,
        document=document,
    )
    reports.add_readings(work.tx, kept)
    return flag


def _fault_of_readings(work: Work, document: bytes, batch: Batch) -> str:
    device = registry.find_device(work.tx, batch.device)
    if device is None:
        return f"device {batch.device} is not registered"
    try:
        open_document(document, BATCH, KeyRing((device.public_key,)), TELEMETRY_BYTES_MAX)
    except SignatureError as error:
        return f"device {batch.device}: {error}"
    return ""


_APPLY: Mapping[Up, Callable[[Work, Reported], str]] = {
    Up.CONSENT: _consent,
    Up.APPLICATION: _application,
    Up.DECISION: _decision,
    Up.LINE_OPENED: _line_opened,
    Up.DRAWDOWN: _drawdown,
    Up.LEASE_CLOSED: _lease_closed,
    Up.DAILY_FEATURE: _daily_feature,
    Up.TELEMETRY: _telemetry,
}
