"""Logs of stations as received, the centre's logs for them, and what was set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.sql import ColumnElement

from core.wire.envelope import GENESIS, LogClass, LogName, Record, text_hash
from core.wire.records import Down
from server.store.engine import Tx
from server.store.rows import from_json, json_text, kept_text, read_as, read_text
from server.store.tables import (
    held_envelopes,
    inbound_logs,
    inbound_records,
    outbound_logs,
    outbound_records,
    quarantine,
)

# What a record down speaks of; a kind that is not here speaks of one thing only.
_KEY_OF_KIND = {
    Down.FARMER.value: "farmer_id",
    Down.SUBJECT.value: "subject_id",
    Down.DEVICE.value: "device_id",
    Down.DOSSIER.value: "farmer_id",
    Down.PRODUCT.value: "product_id",
    Down.CONSENT.value: "consent",
    Down.ACCESSES.value: "farmer_id",
}


@dataclass(frozen=True, slots=True)
class InboundLog:
    """How far a writer's log was received; a reason if nothing more is taken from it."""

    writer: str
    log: str
    stream: str
    high_water: int
    head: str
    quarantine_reason: str


@dataclass(frozen=True, slots=True)
class InboundRecord:
    """A record as received; ``flag`` says what was wrong with it, if anything.

    ``text`` is the canonical text of its body.
    """

    record: Record
    hash: str
    received_at_ms: int
    flag: str
    text: str


@dataclass(frozen=True, slots=True)
class OutboundLog:
    """How far the centre's log for a station goes, and what the station has of it."""

    station: str
    high_water: int
    head: str
    acknowledged: int


@dataclass(frozen=True, slots=True)
class SetAside:
    """A delivery that was refused, for people to look at."""

    quarantine_id: str
    source: str
    log: str
    code: str
    detail: str
    sha256: str
    at_ms: int


def lock_inbound(tx: Tx, name: LogName) -> InboundLog:
    """The state of a writer's log, locked until the transaction ends."""
    tx.insert_new(inbound_logs, **_log(name), high_water=0, head=GENESIS, quarantine_reason="")
    row = tx.lock_row(inbound_logs, **_log(name))
    if row is None:
        raise AssertionError(f"{name} was just written")
    return read_as(InboundLog, row)


def move_inbound(tx: Tx, name: LogName, high_water: int, head: str) -> None:
    """Write how far a log was received."""
    tx.change(inbound_logs, _log(name), {"high_water": high_water, "head": head})
    tx.learn(inbound_logs, ("high", name), high_water)


def high_water(tx: Tx, name: LogName) -> int:
    """How far a writer's log was received; 0 if nothing was."""

    def ask() -> int:
        return int(tx.find_value(inbound_logs, "high_water", **_log(name)) or 0)

    return tx.recall(inbound_logs, ("high", name), ask)


def quarantine_writer(tx: Tx, writer: str, reason: str) -> None:
    """Take nothing more from any log of a writer."""
    where = (inbound_logs.c.tenant_id == tx.tenant_id, inbound_logs.c.writer == writer)
    tx.run(inbound_logs.update().where(*where).values(quarantine_reason=reason))


def quarantine_reason(tx: Tx, writer: str) -> str:
    """Why nothing is taken from a writer; empty if all is well."""

    def ask() -> str:
        found = tx.find_rows(inbound_logs, writer=writer)
        return next((each for row in found if (each := str(row["quarantine_reason"]))), "")

    return tx.recall(inbound_logs, ("reason", writer), ask)


def release_writer(tx: Tx, writer: str) -> None:
    """Take from a writer again."""
    quarantine_writer(tx, writer, "")


def inbound(tx: Tx) -> tuple[InboundLog, ...]:
    """The state of every log, by writer."""
    question = select(inbound_logs).where(inbound_logs.c.tenant_id == tx.tenant_id)
    rows = tx.rows(question.order_by(inbound_logs.c.writer, inbound_logs.c.log))
    return tuple(read_as(InboundLog, row) for row in rows)


def add_inbound(tx: Tx, name: LogName, run: Sequence[InboundRecord]) -> None:
    """Keep records as received; they can never be changed."""
    log = _log(name)
    rows = [{**log, **_inbound_row(kept)} for kept in run]
    if tx.memory is None:
        tx.insert_many(inbound_records, rows)
        return
    for row in rows:
        tx.append(inbound_records, **row)


def _inbound_row(kept: InboundRecord) -> dict[str, Any]:
    record = kept.record
    written = {"kind": kept_text(record.kind), "body": kept.text}
    return written | {
        "seq": record.seq, "at_ms": record.at_ms, "error_ms": record.error_ms,
        "hash": kept.hash, "received_at_ms": kept.received_at_ms, "flag": kept.flag,
    }  # fmt: skip


def inbound_hash(tx: Tx, name: LogName, seq: int) -> str | None:
    """The hash of a received record; ``GENESIS`` for 0, None if there is none."""
    if seq == 0:
        return GENESIS
    found: str | None = tx.find_value(inbound_records, "hash", **_log(name), seq=seq)
    return found


def inbound_run(tx: Tx, name: LogName, after: int, rows_max: int) -> tuple[InboundRecord, ...]:
    """Received records after a number, in order."""
    where = (*_record_key(tx, name), inbound_records.c.seq > after)
    rows = tx.rows(select(inbound_records).where(*where).order_by(inbound_records.c.seq), rows_max)
    return tuple(_inbound(row) for row in rows)


def flagged(tx: Tx, rows_max: int = 200) -> tuple[tuple[str, InboundRecord], ...]:
    """Records with which something was wrong, each with its writer, newest first."""
    where = (inbound_records.c.tenant_id == tx.tenant_id, inbound_records.c.flag != "")
    question = select(inbound_records).where(*where)
    c = inbound_records.c
    newest = (c.received_at_ms.desc(), c.writer, c.log, c.seq.desc())
    rows = tx.rows(question.order_by(*newest), rows_max)
    return tuple((row["writer"], _inbound(row)) for row in rows)


def _inbound(row: Mapping[str, Any]) -> InboundRecord:
    return InboundRecord(_record(row), row["hash"], row["received_at_ms"], row["flag"], row["body"])


def _record(row: Mapping[str, Any]) -> Record:
    error_ms = row.get("error_ms", 0)
    kind = read_text(row["kind"])
    return Record(row["seq"], kind, row["at_ms"], error_ms, from_json(row["body"]))


def _inbound_key(tx: Tx, name: LogName) -> tuple[ColumnElement[bool], ...]:
    return (
        inbound_logs.c.tenant_id == tx.tenant_id,
        inbound_logs.c.writer == name.writer,
        inbound_logs.c.log == name.log.value,
        inbound_logs.c.stream == name.stream,
    )


def _log(name: LogName) -> dict[str, str]:
    return {"writer": name.writer, "log": name.log.value, "stream": name.stream}


def _record_key(tx: Tx, name: LogName) -> tuple[ColumnElement[bool], ...]:
    return (
        inbound_records.c.tenant_id == tx.tenant_id,
        inbound_records.c.writer == name.writer,
        inbound_records.c.log == name.log.value,
        inbound_records.c.stream == name.stream,
    )


def hold(tx: Tx, name: LogName, span: tuple[int, int], held: tuple[str, bytes], at_ms: int) -> bool:
    """Keep an early envelope (its hash and bytes) for later; False if it is held already."""
    return tx.insert_new(
        held_envelopes,
        writer=name.writer,
        log=name.log.value,
        stream=name.stream,
        first=span[0],
        last=span[1],
        sha256=held[0],
        received_at_ms=at_ms,
        data=held[1],
    )


def held_count(tx: Tx, name: LogName) -> int:
    """How many early envelopes of a log are held."""
    question = select(func.count()).select_from(held_envelopes).where(*_held_key(tx, name))
    return int(tx.scalar(question))


def covers_held(tx: Tx, name: LogName, first: int, last: int) -> bool:
    """Whether a held envelope brings this run; sealed again, the same run has other bytes."""
    where = (*_held_key(tx, name), held_envelopes.c.first <= first, held_envelopes.c.last >= last)
    return tx.row(select(held_envelopes.c.first).where(*where)) is not None


def next_held(tx: Tx, name: LogName, high_water: int) -> bytes | None:
    """A held envelope that has become next or known, if there is one."""
    where = (*_held_key(tx, name), held_envelopes.c.first <= high_water + 1)
    question = select(held_envelopes.c.data).where(*where).order_by(held_envelopes.c.first)
    found = tx.scalar(question.limit(1))
    return None if found is None else bytes(found)


def drop_held(tx: Tx, name: LogName, sha256: str) -> None:
    """Forget a held envelope that was applied or refused."""
    tx.run(held_envelopes.delete().where(*_held_key(tx, name), held_envelopes.c.sha256 == sha256))


def _held_key(tx: Tx, name: LogName) -> tuple[ColumnElement[bool], ...]:
    return (
        held_envelopes.c.tenant_id == tx.tenant_id,
        held_envelopes.c.writer == name.writer,
        held_envelopes.c.log == name.log.value,
        held_envelopes.c.stream == name.stream,
    )


def drop_all_held(tx: Tx, name: LogName) -> None:
    """Forget every early envelope of a log: a box that was replaced had signed them."""
    tx.run(held_envelopes.delete().where(*_held_key(tx, name)))


def set_aside(tx: Tx, aside: SetAside, data: bytes, rows_max: int) -> None:
    """Keep a refused delivery, once; past the bound the oldest gives way."""
    same = (quarantine.c.tenant_id == tx.tenant_id, quarantine.c.sha256 == aside.sha256)
    if tx.row(select(quarantine.c.quarantine_id).where(*same)) is not None:
        return
    count = select(func.count()).select_from(quarantine)
    if tx.scalar(count.where(quarantine.c.tenant_id == tx.tenant_id)) >= rows_max:
        oldest = tx.scalar(
            select(quarantine.c.quarantine_id)
            .where(quarantine.c.tenant_id == tx.tenant_id)
            .order_by(quarantine.c.at_ms, quarantine.c.quarantine_id)
            .limit(1)
        )
        tx.run(
            quarantine.delete().where(
                quarantine.c.tenant_id == tx.tenant_id, quarantine.c.quarantine_id == oldest
            )
        )
    tx.insert(
        quarantine,
        quarantine_id=aside.quarantine_id,
        source=aside.source,
        log=aside.log,
        code=aside.code,
        detail=aside.detail,
        sha256=aside.sha256,
        at_ms=aside.at_ms,
        data=data,
    )


def all_set_aside(tx: Tx, rows_max: int = 200) -> tuple[SetAside, ...]:
    """Refused deliveries, newest first."""
    columns = [column for column in quarantine.c if column.name != "data"]
    question = select(*columns).where(quarantine.c.tenant_id == tx.tenant_id)
    rows = tx.rows(question.order_by(quarantine.c.at_ms.desc()), rows_max)
    return tuple(read_as(SetAside, row) for row in rows)


def lock_outbound(tx: Tx, station: str) -> OutboundLog:
    """The state of the centre's log for a station, locked until the transaction ends."""

    def ask() -> OutboundLog:
        row = tx.lock_row(outbound_logs, station=station)
        if row is None:
            tx.insert_new(
                outbound_logs, station=station, high_water=0, head=GENESIS, acknowledged=0
            )
            row = tx.lock_row(outbound_logs, station=station)
        if row is None:
            raise AssertionError(f"the log for {station} was just written")
        return read_as(OutboundLog, row)

    return tx.recall(outbound_logs, station, ask)


def send(tx: Tx, writer: str, station: str, record: tuple[str, Any], at_ms: int) -> int:
    """Append a record (kind and body) to the centre's log for a station; its number."""
    log = lock_outbound(tx, station)
    kind, body = record
    entry = Record(log.high_water + 1, kind, at_ms, 0, body)
    text = json_text(body)
    head = text_hash(LogName(writer, LogClass.DOWN, station), log.head, entry, text)
    tx.append(
        outbound_records,
        station=station,
        seq=entry.seq,
        kind=kind,
        at_ms=at_ms,
        hash=head,
        body=text,
    )
    tx.change(outbound_logs, {"station": station}, {"high_water": entry.seq, "head": head})
    tx.learn(outbound_logs, station, replace(log, high_water=entry.seq, head=head))
    return entry.seq


def acknowledge(tx: Tx, station: str, upto: int) -> None:
    """Note how far a station has the centre's log."""
    where = (
        outbound_logs.c.tenant_id == tx.tenant_id,
        outbound_logs.c.station == station,
        outbound_logs.c.acknowledged < upto,
    )
    tx.run(outbound_logs.update().where(*where).values(acknowledged=upto))


def outbound(tx: Tx) -> tuple[OutboundLog, ...]:
    """The state of the centre's log for every station."""
    question = select(outbound_logs).where(outbound_logs.c.tenant_id == tx.tenant_id)
    rows = tx.rows(question.order_by(outbound_logs.c.station))
    return tuple(read_as(OutboundLog, row) for row in rows)


def outbound_hash(tx: Tx, station: str, seq: int) -> str | None:
    """The hash of a record of the centre's log; ``GENESIS`` for 0, None if there is none."""
    if seq == 0:
        return GENESIS
    found: str | None = tx.find_value(outbound_records, "hash", station=station, seq=seq)
    return found


def outbound_run(
    tx: Tx, station: str, after: int, records_max: int, bytes_max: int
) -> tuple[Record, ...]:
    """Records after a number, as many as both bounds allow, at least one if any."""
    where = (
        outbound_records.c.tenant_id == tx.tenant_id,
        outbound_records.c.station == station,
        outbound_records.c.seq > after,
    )
    question = select(outbound_records).where(*where).order_by(outbound_records.c.seq)
    run: list[Record] = []
    used_bytes = 0
    for row in tx.rows(question, records_max):
        used_bytes += len(row["body"].encode())
        if run and used_bytes > bytes_max:
            break
        run.append(_record(row))
    return tuple(run)


def last_sent(tx: Tx, station: str, kind: str, body: Any) -> bool:
    """Whether what a station was told last of this very thing is this body.

    A value that returns to what it was is news: the station still holds the one between.
    """
    where = [
        outbound_records.c.tenant_id == tx.tenant_id,
        outbound_records.c.station == station,
        outbound_records.c.kind == kind,
    ]
    key = _KEY_OF_KIND.get(kind)
    if key is not None:
        told = json_text({key: body[key]})[1:-1]
        where.append(outbound_records.c.body.contains(told, autoescape=True))
    newest = select(outbound_records.c.body).where(*where).order_by(outbound_records.c.seq.desc())
    return bool(tx.scalar(newest.limit(1)) == json_text(body))


def newest_sent(tx: Tx, station: str, kind: str) -> Any:
    """The body of the last record of a kind that a station was sent; None if there is none."""
    where = (
        outbound_records.c.tenant_id == tx.tenant_id,
        outbound_records.c.station == station,
        outbound_records.c.kind == kind,
    )
    newest = select(outbound_records.c.body).where(*where).order_by(outbound_records.c.seq.desc())
    found = tx.scalar(newest.limit(1))
    return from_json(found) if found is not None else None
