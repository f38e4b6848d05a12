"""The promises of the logs: chains without a break, heads that their writers signed, roots.

A station's log is chained by hash and its head signed by the station with every envelope,
so the centre cannot have written it. The centre's own logs and all heads stand under a
root that it signs once a day; what lies before a root cannot be changed unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import HarvestlineError
from core.lending.dayroot import FIRST, DayRoot, Head, root_of
from core.shape import encode
from core.units import civil_day
from core.wire.envelope import GENESIS, LogClass, LogName, Record, record_hash, verify_head
from server.keys import KeyRing
from server.services.audit.finding import Look, Looks, first_fault, well
from server.services.centre import Centre
from server.services.dayroots import open_root
from server.store import books, boxes, heads, logs, people, registry
from server.store.engine import Tx
from server.store.heads import AUDIT, DOWN, KeptRoot, SignedHead
from server.store.rows import json_text

RUN_RECORDS = 2_000
RUN_BYTES = 64 * 1024 * 1024


def inbound(_: Centre, tx: Tx) -> Looks:
    """Every received record follows the one before; the high water is the last of them."""
    for log in logs.inbound(tx):
        name = LogName(log.writer, LogClass(log.log), log.stream)
        head, seq = GENESIS, 0
        while run := logs.inbound_run(tx, name, seq, RUN_RECORDS):
            for kept in run:
                where = f"{log.writer}/{log.log}/{kept.record.seq}"
                yield _link("inbound_records", where, (name, seq, head), kept.record, kept.hash)
                head, seq = kept.hash, kept.record.seq
        yield first_fault(
            "inbound_logs",
            f"{log.writer}/{log.log}",
            ((log.high_water, log.head) != (seq, head), f"high water {seq}, the last record",
             f"{log.high_water}"),
        )  # fmt: skip


def outbound(centre: Centre, tx: Tx) -> Looks:
    """Every record of the centre's log for a station follows the one before."""
    for log in logs.outbound(tx):
        name = LogName(centre.settings.name, LogClass.DOWN, log.station)
        head, seq = GENESIS, 0
        while run := logs.outbound_run(tx, log.station, seq, RUN_RECORDS, RUN_BYTES):
            hashes = heads.outbound_hashes(tx, log.station, (run[0].seq, run[-1].seq))
            for record in run:
                where = f"{log.station}/{record.seq}"
                found = hashes.get(record.seq, "")
                yield _link("outbound_records", where, (name, seq, head), record, found)
                head, seq = found, record.seq
        yield first_fault(
            "outbound_logs",
            log.station,
            ((log.high_water, log.head) != (seq, head), f"high water {seq}, the last record",
             f"{log.high_water}"),
        )  # fmt: skip


def _link(
    table: str, where: str, before: tuple[LogName, int, str], record: Record, found: str
) -> Look:
    name, seq, head = before
    wanted = record_hash(name, head, record)
    return first_fault(
        table,
        where,
        (record.seq != seq + 1, f"number {seq + 1}", f"number {record.seq}"),
        (found != wanted, f"the hash {wanted[:16]}… of what it says", f"{found[:16]}…"),
    )


def signed_heads(_: Centre, tx: Tx) -> Looks:
    """Every head that a writer signed stands in its log, and the signature is the writer's."""
    rings: dict[str, KeyRing] = {}
    covered: dict[tuple[str, str, str], int] = {}
    for kept in heads.signed(tx):
        ring = rings.setdefault(kept.writer, _ring(tx, kept.writer))
        yield _signed(tx, kept, ring)
        covered[kept.writer, kept.log, kept.stream] = kept.seq
    for log in logs.inbound(tx):
        upto = covered.get((log.writer, log.log, log.stream))
        # Logs that were received before heads were kept have none to be held against.
        if upto is not None and upto != log.high_water:
            expected = f"the writer's signature on record {log.high_water}, the last"
            yield Look("signed_heads", f"{log.writer}/{log.log}", expected, f"on record {upto}")


def _signed(tx: Tx, kept: SignedHead, ring: KeyRing) -> Look:
    where = f"{kept.writer}/{kept.log}/{kept.seq}"
    try:
        header = verify_head(kept.header, kept.signature, ring)
    except HarvestlineError as error:
        return Look("signed_heads", where, f"a head that {kept.writer} signed", str(error))
    named = (header.writer, header.log.value, header.stream, header.last, header.head)
    name = LogName(kept.writer, LogClass(kept.log), kept.stream)
    found = logs.inbound_hash(tx, name, kept.seq)
    return first_fault(
        "signed_heads",
        where,
        (named != (kept.writer, kept.log, kept.stream, kept.seq, kept.head),
         "the head that the signed header names", kept.head[:16]),
        (found != kept.head, f"record {kept.seq} with the signed hash {kept.head[:16]}…",
         f"{found[:16]}…" if found else "no such record"),
    )  # fmt: skip


def _ring(tx: Tx, writer: str) -> KeyRing:
    """The keys of a station, today's and those of the boxes before."""
    station = registry.find_station(tx, writer)
    if station is None:
        return KeyRing(())
    before = boxes.keys_before(tx, station).values()
    return KeyRing((station.public_key, boxes.linked(tx, station).public_key, *before))


def day_roots(centre: Centre, tx: Tx) -> Looks:
    """Every day's root is the centre's, follows the day before, and its heads stand still."""
    previous, seq = FIRST, 0
    public_key = centre.keys.identity().public_key
    for kept in heads.roots(tx):
        yield _root(tx, kept, (previous, seq), public_key)
        previous, seq = kept.sha256, kept.seq
    last = heads.last_root(tx)
    if last is not None:
        yield from _shrunk(centre, tx, open_root(last, public_key))


def _root(tx: Tx, kept: KeptRoot, before: tuple[str, int], public_key: str) -> Look:
    previous, seq = before
    try:
        body = open_root(kept, public_key)
    except HarvestlineError as error:
        return Look("day_roots", kept.day, "a root that the centre signed", str(error))
    said = (body.seq, body.day, body.root, body.previous, body.signed_at_ms, len(body.heads))
    columns = (
        kept.seq, kept.day, kept.root, kept.previous, kept.signed_at_ms, kept.heads_count,
    )  # fmt: skip
    moved = next((each for each in body.heads if _hash_at(tx, each) != each.hash), None)
    return first_fault(
        "day_roots",
        kept.day,
        (said != columns, "what its document says", f"{columns[:3]}"),
        (kept.seq != seq + 1, f"number {seq + 1}", f"number {kept.seq}"),
        (body.previous != previous, f"that it follows {previous[:16]}…", f"{body.previous[:16]}…"),
        (civil_day(body.signed_at_ms).isoformat() != body.day, "that it was signed on its day",
         civil_day(body.signed_at_ms).isoformat()),
        (root_of(body.heads) != body.root, f"the root {root_of(body.heads)[:16]}… of its heads",
         f"{body.root[:16]}…"),
        (moved is not None, *_moved(tx, moved)),
    )  # fmt: skip


def _moved(tx: Tx, head: Head | None) -> tuple[str, str]:
    if head is None:
        return "", ""
    where = f"{head.log}/{head.writer}{f'/{head.stream}' if head.stream else ''} {head.seq}"
    return f"{where} with the hash {head.hash[:16]}… that was signed", f"{_hash_at(tx, head)}"[:16]


def _shrunk(centre: Centre, tx: Tx, body: DayRoot) -> Looks:
    """Logs that were signed and have become shorter, or are gone."""
    standing = (*books.heads(tx), *heads.of_logs(tx, centre.settings.name))
    now = {(each.log, each.writer, each.stream): each.seq for each in standing}
    for head in body.heads:
        upto = now.get((head.log, head.writer, head.stream), 0)
        where = f"{body.day} {head.log}/{head.writer}"
        expected = f"at least {head.seq} records, as were signed"
        yield first_fault("day_roots", where, (upto < head.seq, expected, f"{upto}"))


def _hash_at(tx: Tx, head: Head) -> str | None:
    """The hash that stands today where a head stood when it was signed."""
    if head.log == books.LEDGER:
        return books.hash_at(tx, head.writer, head.seq)
    if head.log == AUDIT:
        return heads.trail_hash_at(tx, head.seq)
    if head.log == DOWN:
        return logs.outbound_hash(tx, head.stream, head.seq)
    return logs.inbound_hash(tx, LogName(head.writer, LogClass(head.log), head.stream), head.seq)


def trail(_: Centre, tx: Tx) -> Looks:
    """Every line of the centre's trail of what people did follows the one before."""
    previous, seq = people.GENESIS, 0
    while rows := people.trail(tx, seq, RUN_RECORDS):
        for row in rows:
            wanted = people.audit_hash(seq + 1, previous, _facts(encode(row), row.detail))
            whole = (row.seq, row.previous, row.hash) == (seq + 1, previous, wanted)
            expected = f"number {seq + 1} with the hash {wanted[:16]}… of what it says"
            found = f"number {row.seq}, {row.hash[:16]}…"
            where = str(row.seq)
            yield well("audit", where) if whole else Look("audit", where, expected, found)
            previous, seq = row.hash, row.seq


def _facts(row: Mapping[str, Any], detail: object) -> dict[str, Any]:
    chained = ("seq", "previous", "hash")
    return {name: value for name, value in row.items() if name not in chained} | {
        "detail": json_text(detail)
    }
