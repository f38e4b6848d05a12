"""What writers signed of their logs' heads, and the root that the centre signs once a day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from core.lending.dayroot import Head
from server.store.engine import Tx
from server.store.rows import read_as
from server.store.tables import (
    audit,
    day_roots,
    inbound_logs,
    outbound_logs,
    outbound_records,
    signed_heads,
)

AUDIT = "audit"  # the log that a head of the centre's trail names
DOWN = "down"


@dataclass(frozen=True, slots=True)
class SignedHead:
    """The head of an envelope's run, with its header's bytes and the writer's signature."""

    writer: str
    log: str
    stream: str
    seq: int
    head: str
    header: bytes
    signature: bytes
    received_at_ms: int


@dataclass(frozen=True, slots=True)
class KeptRoot:
    """A day's root with its signed document; ``previous`` is the hash of the one before."""

    seq: int
    day: str
    root: str
    previous: str
    heads_count: int
    sha256: str
    signed_at_ms: int
    document: bytes


def keep_head(tx: Tx, kept: SignedHead) -> None:
    """Keep what a writer signed; the same head again changes nothing."""
    fields = {name: getattr(kept, name) for name in SignedHead.__dataclass_fields__}
    key = {name: fields[name] for name in ("writer", "log", "stream", "seq")}
    if tx.defers and tx.find_row(signed_heads, **key) is None:
        tx.append(signed_heads, **fields)
    else:
        tx.insert_new(signed_heads, **fields)


def signed(tx: Tx) -> Iterator[SignedHead]:
    """Every signed head, by log and number."""
    c = signed_heads.c
    question = select(signed_heads).where(c.tenant_id == tx.tenant_id)
    for row in tx.stream(question.order_by(c.writer, c.log, c.stream, c.seq)):
        yield read_as(SignedHead, row)


def of_logs(tx: Tx, centre: str) -> tuple[Head, ...]:
    """The heads of every log up and down and of the centre's trail; empty logs have none."""
    up = inbound_logs.c
    rows = tx.rows(select(inbound_logs).where(up.tenant_id == tx.tenant_id, up.high_water > 0))
    found = [Head(r["log"], r["writer"], r["stream"], r["high_water"], r["head"]) for r in rows]
    down = outbound_logs.c
    rows = tx.rows(select(outbound_logs).where(down.tenant_id == tx.tenant_id, down.high_water > 0))
    found += [Head(DOWN, centre, r["station"], r["high_water"], r["head"]) for r in rows]
    last = select(audit.c.seq, audit.c.hash).where(audit.c.tenant_id == tx.tenant_id)
    row = tx.row(last.order_by(audit.c.seq.desc()))
    found += [Head(AUDIT, centre, "", row["seq"], row["hash"])] if row else []
    return tuple(found)


def trail_hash_at(tx: Tx, seq: int) -> str | None:
    """The hash of a line of the centre's trail; None if there is none of that number."""
    where = (audit.c.tenant_id == tx.tenant_id, audit.c.seq == seq)
    found = tx.scalar(select(audit.c.hash).where(*where))
    return None if found is None else str(found)


def outbound_hashes(tx: Tx, station: str, span: tuple[int, int]) -> dict[int, str]:
    """The hashes of a run of the centre's log for a station, by number."""
    c = outbound_records.c
    where = (c.tenant_id == tx.tenant_id, c.station == station, c.seq.between(*span))
    return {row["seq"]: row["hash"] for row in tx.rows(select(c.seq, c.hash).where(*where))}


def lock_roots(tx: Tx) -> None:
    """Let one transaction at a time sign a day; SQLite does so by itself."""
    if tx.connection.dialect.name == "postgresql":
        tx.connection.exec_driver_sql(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 3))", (tx.tenant_id,)
        )


def add_root(tx: Tx, kept: KeptRoot) -> None:
    """Add a day's root; it can never be changed."""
    tx.insert(day_roots, **{name: getattr(kept, name) for name in KeptRoot.__dataclass_fields__})


def last_root(tx: Tx) -> KeptRoot | None:
    """The newest root."""
    question = select(day_roots).where(day_roots.c.tenant_id == tx.tenant_id)
    row = tx.row(question.order_by(day_roots.c.seq.desc()))
    return read_as(KeptRoot, row) if row else None


def has_root(tx: Tx, day: str) -> bool:
    """Whether a day has its root already."""
    where = (day_roots.c.tenant_id == tx.tenant_id, day_roots.c.day == day)
    return tx.scalar(select(day_roots.c.seq).where(*where)) is not None


def roots(tx: Tx) -> Iterator[KeptRoot]:
    """Every root, oldest first."""
    question = select(day_roots).where(day_roots.c.tenant_id == tx.tenant_id)
    for row in tx.stream(question.order_by(day_roots.c.seq), 50):
        yield read_as(KeptRoot, row)
