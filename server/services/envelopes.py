"""Taking envelopes: verified, placed, applied once, held if early, answered by a receipt.

A log that forks is proof that a writer contradicted itself under its own signature:
nothing more is taken from that writer until a person has looked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.canonical import sha256_hex
from core.errors import (
    ChainBrokenError,
    EnvelopeDamagedError,
    HarvestlineError,
    ShapeError,
    SignatureError,
)
from core.shape import encode
from core.signing import sign_document
from core.wire.envelope import (
    RECEIPT,
    Envelope,
    LogClass,
    LogName,
    Placement,
    Receipt,
    fresh_from,
    peek,
    place,
    signed_head,
    unpack,
)
from server.keys import KeyRing
from server.services.centre import Centre, SenderError, Work
from server.services.dayroots import sign_day
from server.services.downlink import send_status
from server.services.foreseeing import foresee
from server.services.leasing import issue_for_station
from server.services.records import apply_run
from server.services.reported import Reported
from server.services.senders import require_now
from server.store import boxes, heads, ledger_bulk, lines, logs, registry
from server.store.engine import StoreError, Tx
from server.store.heads import SignedHead
from server.store.logs import InboundLog, InboundRecord, SetAside
from server.store.registry import Station
from server.store.rows import without_nul

QUARANTINE_BYTES_MAX = 64 * 1024  # of any one refused delivery
DETAIL_CHARACTERS_MAX = 500
NAME_CHARACTERS_MAX = 100  # of a writer that may not be one of ours
# Applied in one transaction. Each ledger entry holds a lock of PostgreSQL's until its end, of
# which a server has some 6,400 for all: a draw makes up to three entries.
RECORDS_AT_ONCE_MAX = 1_000
_UP_LOGS = (LogClass.MONEY, LogClass.FEATURES, LogClass.RAW)


class WriterQuarantinedError(ChainBrokenError):
    """Nothing more is taken from a writer whose log has forked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an envelope, and the signed receipt for its sender."""

    placement: Placement
    receipt: bytes


@dataclass(frozen=True, slots=True)
class _Part:
    """What one transaction took; ``goes_on`` if the log has more here that is next."""

    placement: Placement
    receipt: bytes
    goes_on: bool = False


def accept_envelope(centre: Centre, data: bytes) -> Answer:
    """Take an envelope of an enrolled station, and what was held for it.

    It is applied in parts of up to ``RECORDS_AT_ONCE_MAX`` records, each whole or not at all:
    one that breaks off leaves the log's beginning applied, and the rest comes again.

    Raises
    ------
    SenderError
        If the writer is not enrolled.
    HarvestlineError
        If it is damaged, not by its writer, or contradicts what was received before;
        it is set aside for people to look at.
    """
    name = None
    try:
        name = peek(data).name
        station, linked = _sender(centre, name, peek(data).key_id)
        envelope = unpack(data, KeyRing((linked.public_key,)), centre.keys)
        first = part = centre.write(lambda work: _take(work, station, envelope, data))
        while part.goes_on:
            part = centre.write(lambda work: _take_more(work, station, (envelope, data)))
        return Answer(first.placement, part.receipt)
    except WriterQuarantinedError:
        raise
    except (EnvelopeDamagedError, SignatureError, ShapeError, SenderError) as error:
        _put_aside(centre, name, data, error)
        raise
    except ChainBrokenError as error:
        # Raised only after the writer's signature was verified: it is no forger's doing.
        _put_aside(centre, name, data, error)
        _quarantine(centre, name, str(error))
        raise


def _sender(centre: Centre, name: LogName, key_id: str) -> tuple[Station, Station]:
    """The station, and the same with the keys of its box of today."""
    with centre.store.reading() as tx:
        station = registry.find_station(tx, name.writer)
        if station is None:
            raise SenderError(
                f"expected an enrolled station, got writer {name.writer[:NAME_CHARACTERS_MAX]!r}"
            )
        if name.log not in _UP_LOGS or name.stream:
            raise SenderError(f"expected one of a station's own logs, got {name.log.value}")
        return station, require_now(tx, station, key_id)


def _take(work: Work, station: Station, envelope: Envelope, data: bytes) -> _Part:
    name = envelope.header.name
    require_now(work.tx, station, envelope.header.key_id)
    state = logs.lock_inbound(work.tx, name)
    reason = logs.quarantine_reason(work.tx, station.name)
    if reason:
        raise WriterQuarantinedError(
            f"nothing is taken from {station.name} until a person has looked: {reason}"
        )
    registry.station_seen(work.tx, station.name, work.at_ms, None)
    placement = place(envelope.header, state.high_water)
    if placement is Placement.NEXT:
        sign_day(work)  # what stood before this envelope; once a day
        return _apply_in_bulk(work, station, (envelope, data), state)
    if placement is Placement.KNOWN:
        _require_same(work.tx, envelope)
    else:
        _hold(work, envelope, data)
    return _Part(placement, _receipt(work, name, state))


def _take_more(work: Work, station: Station, came: tuple[Envelope, bytes]) -> _Part:
    """Take the rest of an envelope, or what was held and has become next."""
    name = came[0].header.name
    state = logs.lock_inbound(work.tx, name)
    if logs.quarantine_reason(work.tx, station.name):
        return _Part(Placement.KNOWN, _receipt(work, name, state))
    if state.high_water < came[0].header.last:
        return _apply_in_bulk(work, station, came, state)
    held = logs.next_held(work.tx, name, state.high_water)
    if held is None:
        return _Part(Placement.KNOWN, _receipt(work, name, state))
    linked = boxes.linked(work.tx, station)
    envelope = unpack(held, KeyRing((linked.public_key,)), work.keys)
    try:
        if place(envelope.header, state.high_water) is Placement.NEXT:
            return _apply_in_bulk(work, station, (envelope, held), state)
    except ChainBrokenError as error:
        logs.quarantine_writer(work.tx, station.name, str(error))
    logs.drop_held(work.tx, name, envelope.sha256)
    return _Part(Placement.KNOWN, _receipt(work, name, state), goes_on=True)


def _apply_in_bulk(
    work: Work, station: Station, came: tuple[Envelope, bytes], before: InboundLog
) -> _Part:
    """Apply what is next of an envelope, in a transaction that remembers."""
    name = came[0].header.name

    def act(tx: Tx) -> InboundLog:
        return _apply_next(replace(work, tx=tx), station, came, before)

    state = work.tx.in_bulk(act, ledger_bulk.writer(work.tx))
    waits = logs.next_held(work.tx, name, state.high_water) is not None
    goes_on = waits or state.high_water < came[0].header.last
    return _Part(Placement.NEXT, _receipt(work, name, state), goes_on)


def _apply_next(
    work: Work, station: Station, came: tuple[Envelope, bytes], state: InboundLog
) -> InboundLog:
    envelope, data = came
    state = _apply(work, station, envelope, state)
    if state.high_water == envelope.header.last:
        _keep_head(work, data)
    if envelope.header.name.log is LogClass.MONEY:
        issue_for_station(work, station.name)
    return state


def _require_same(tx: Tx, envelope: Envelope) -> None:
    header = envelope.header
    kept = logs.inbound_hash(tx, header.name, header.last)
    if kept is None:
        raise StoreError(
            f"{header.writer}/{header.log.value}: record {header.last} was received before and is "
            "not kept here any more, which is no fault of its writer: run the audit, and restore "
            "the database from a backup"
        )
    if kept != header.head:
        raise ChainBrokenError(
            f"{header.writer}/{header.log.value}: record {header.last} differs from the one "
            "received before; the writer's log has forked"
        )


def _hold(work: Work, envelope: Envelope, data: bytes) -> None:
    """Keep an early envelope if there is room; the receipt tells what is missing."""
    header = envelope.header
    if logs.covers_held(work.tx, header.name, header.first, header.last):
        return
    if logs.held_count(work.tx, header.name) < work.settings.held_envelopes_max:
        span = (header.first, header.last)
        logs.hold(work.tx, header.name, span, (envelope.sha256, data), work.at_ms)


def _apply(work: Work, station: Station, envelope: Envelope, state: InboundLog) -> InboundLog:
    name = envelope.header.name
    touched: set[str] = set()
    known = fresh_from(envelope, state.high_water, state.head)
    run = envelope.records[known : known + RECORDS_AT_ONCE_MAX]
    foresee(work, station.name, name.log, run)
    flags = apply_run(work, [Reported(station, record, touched) for record in run])
    kept = []
    for number, (record, flag) in enumerate(zip(run, flags, strict=True), known):
        told, link = without_nul(flag)[:DETAIL_CHARACTERS_MAX], envelope.links[number]
        text = envelope.body_text(number)
        kept.append(InboundRecord(record, link.hash, work.at_ms, told, text))
    logs.add_inbound(work.tx, name, kept)
    last, head = run[-1].seq, kept[-1].hash
    logs.move_inbound(work.tx, name, last, head)
    for line_id in sorted(touched):
        line = lines.find(work.tx, line_id)
        if line is not None:
            send_status(work, line)
    return replace(state, high_water=last, head=head)


def _keep_head(work: Work, data: bytes) -> None:
    """Keep the writer's own word on its log's head: nobody else can have written the log."""
    header, (text, signature) = peek(data), signed_head(data)
    kept = SignedHead(
        header.writer, header.log.value, header.stream, header.last, header.head, text, signature,
        work.at_ms,
    )  # fmt: skip
    heads.keep_head(work.tx, kept)


def _receipt(work: Work, name: LogName, state: InboundLog) -> bytes:
    receipt = Receipt(name.writer, name.log, name.stream, state.high_water, state.head)
    return sign_document(RECEIPT, encode(receipt), work.keys)


def _quarantine(centre: Centre, name: LogName | None, reason: str) -> None:
    """Take nothing more from a writer."""

    def act(work: Work, forked: LogName) -> None:
        logs.lock_inbound(work.tx, forked)
        logs.quarantine_writer(work.tx, forked.writer, reason)

    if name is not None:
        centre.write(lambda work: act(work, name))


def _put_aside(centre: Centre, name: LogName | None, data: bytes, error: HarvestlineError) -> None:
    """Keep a refused delivery for people to look at; the same bytes only once."""

    def act(work: Work) -> None:
        aside = SetAside(
            quarantine_id=work.new_id(),
            source=without_nul(name.writer)[:NAME_CHARACTERS_MAX] if name else "",
            log=name.log.value if name else "",
            code=error.code,
            detail=without_nul(str(error))[:DETAIL_CHARACTERS_MAX],
            sha256=sha256_hex(data),
            at_ms=work.at_ms,
        )
        kept = data[:QUARANTINE_BYTES_MAX]
        logs.set_aside(work.tx, aside, kept, work.settings.quarantine_rows_max)

    centre.write(act)
