"""What is known of the link: receipts, refused and early envelopes, bytes, trusted time."""

from __future__ import annotations

from dataclasses import dataclass

from core.canonical import sha256_hex
from core.lending.lease import Clock
from core.wire.envelope import GENESIS, Header, LogClass, Receipt
from edge_node.store.database import StationDatabase
from edge_node.store.logs import Tail

REFUSED_ENVELOPES_MAX = 200
REFUSED_BYTES_KEPT_MAX = 64 * 1024  # of each: enough to see whose it was
HELD_ENVELOPES_MAX = 64
# A clock that runs further ahead of all that was ever seen is a broken clock, and
# must not raise the floor: it would lock the station out once it is put right.
CLOCK_JUMP_MS_MAX = 366 * 86_400_000


@dataclass(frozen=True, slots=True)
class LinkState:
    """How the link has been [ms UTC, bytes]."""

    up: bool
    tried_at_ms: int
    reached_at_ms: int
    problem: str
    sent_bytes: int
    received_bytes: int


def keep_receipt(db: StationDatabase, receipt: Receipt, document: str, at_ms: int) -> None:
    """Write a verified receipt; one that says the same as the newest is not written again."""
    newest = delivered(db, receipt.log)
    if (newest.seq, newest.head) == (receipt.high_water, receipt.head) and newest.seq:
        return
    db.execute(
        "INSERT INTO receipts (log, high_water, head, received_at_ms, document) "
        "VALUES (?, ?, ?, ?, ?)",
        [receipt.log.value, receipt.high_water, receipt.head, at_ms, document],
    )


def delivered(db: StationDatabase, log: LogClass) -> Tail:
    """Up to where the centre's newest receipt says that it has a log."""
    row = db.execute(
        "SELECT high_water, head FROM receipts WHERE log = ? ORDER BY id DESC LIMIT 1",
        [log.value],
    ).fetchone()
    return Tail(row[0], row[1]) if row else Tail(0, GENESIS)


def refuse_envelope(
    db: StationDatabase, data: bytes, carrier: str, problem: tuple[str, str], at_ms: int
) -> None:
    """Keep the beginning of a refused envelope, its hash, code and reason.

    The oldest make room.
    """
    db.execute(
        "INSERT INTO refused_envelopes (sha256, at_ms, carrier, code, reason, size_bytes, "
        "envelope) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sha256) DO UPDATE SET "
        "at_ms = excluded.at_ms",
        [sha256_hex(data), at_ms, carrier, *problem, len(data), data[:REFUSED_BYTES_KEPT_MAX]],
    )
    db.execute(
        "DELETE FROM refused_envelopes WHERE sha256 NOT IN "
        "(SELECT sha256 FROM refused_envelopes ORDER BY at_ms DESC, sha256 LIMIT ?)",
        [REFUSED_ENVELOPES_MAX],
    )


def refused_envelopes(db: StationDatabase) -> tuple[tuple[int, str, str], ...]:
    """When and why envelopes were refused, newest first: (at_ms, code, reason)."""
    rows = db.execute(
        "SELECT at_ms, code, reason FROM refused_envelopes ORDER BY at_ms DESC, sha256"
    )
    return tuple((row[0], row[1], row[2]) for row in rows)


def hold_envelope(db: StationDatabase, header: Header, data: bytes, at_ms: int) -> bool:
    """Keep an envelope that came early; False if there is no more room for such."""
    count = db.execute("SELECT count(*) FROM held_envelopes").fetchone()[0]
    if count >= HELD_ENVELOPES_MAX:
        return False
    db.execute(
        "INSERT INTO held_envelopes (writer, stream, first, last, at_ms, envelope) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [header.writer, header.stream, header.first, header.last, at_ms, data],
    )
    return True


def next_held(db: StationDatabase, header: Header, high_water: int) -> bytes | None:
    """A held envelope that may follow now."""
    row = db.execute(
        "SELECT envelope FROM held_envelopes WHERE writer = ? AND stream = ? AND first <= ? "
        "AND last > ? ORDER BY first LIMIT 1",
        [header.writer, header.stream, high_water + 1, high_water],
    ).fetchone()
    return row[0] if row else None


def drop_held(db: StationDatabase, header: Header, high_water: int) -> None:
    """Forget held envelopes that are applied by now."""
    db.execute(
        "DELETE FROM held_envelopes WHERE writer = ? AND stream = ? AND last <= ?",
        [header.writer, header.stream, high_water],
    )


def drop_held_envelope(db: StationDatabase, header: Header) -> None:
    """Forget one held envelope, because it was refused."""
    db.execute(
        "DELETE FROM held_envelopes WHERE writer = ? AND stream = ? AND first = ? AND last = ?",
        [header.writer, header.stream, header.first, header.last],
    )


def link_state(db: StationDatabase) -> LinkState:
    """How the link has been."""
    row = db.execute(
        "SELECT up, tried_at_ms, reached_at_ms, problem, sent_bytes, received_bytes FROM link_state"
    ).fetchone()
    return LinkState(bool(row[0]), *row[1:])


def note_link(
    db: StationDatabase, at_ms: int, problem: str, sent_bytes: int, received_bytes: int
) -> None:
    """Write down an attempt to reach the centre; ``problem`` is empty if it worked."""
    with db.atomic():
        db.execute(
            "UPDATE link_state SET up = ?, tried_at_ms = ?, problem = ?, "
            "reached_at_ms = CASE WHEN ? THEN ? ELSE reached_at_ms END, "
            "sent_bytes = sent_bytes + ?, received_bytes = received_bytes + ?",
            [not problem, at_ms, problem, not problem, at_ms, sent_bytes, received_bytes],
        )


def clock_floor_ms(db: StationDatabase) -> int:
    """The latest instant that the station has ever trusted [ms UTC]."""
    return int(db.execute("SELECT floor_ms FROM clock_floor").fetchone()[0])


def trust_clock(db: StationDatabase, at_ms: int, error_ms: int) -> Clock:
    """The clock held against the floor; a sound one raises it.

    The floor takes the earliest instant that it can be, ``at_ms - error_ms``. A
    clock that is set back, or far ahead of all that was seen, changes nothing. Before
    the centre was ever heard there is nothing to hold a clock against, so it raises
    nothing either: a first boot years ahead would lock the station out.
    """
    floor_ms = clock_floor_ms(db)
    clock = Clock(at_ms, error_ms, floor_ms)
    earliest_ms = at_ms - error_ms
    if floor_ms and earliest_ms - floor_ms > CLOCK_JUMP_MS_MAX:
        return Clock(at_ms, -1, floor_ms)
    if clock.known and floor_ms and earliest_ms > floor_ms:
        raise_floor(db, earliest_ms)
    return clock


def raise_floor(db: StationDatabase, instant_ms: int) -> None:
    """Take an instant that is certainly past, as the centre's signed records prove."""
    if instant_ms > clock_floor_ms(db):
        with db.atomic():
            db.execute("UPDATE clock_floor SET floor_ms = max(floor_ms, ?)", [instant_ms])
