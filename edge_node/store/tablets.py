"""Agents' tablets at the station: invited, in, turned out; and what each has brought.

Callers hold a transaction; nothing here commits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.canonical import canonical_bytes
from core.wire.envelope import GENESIS, LogClass
from core.wire.fieldwork import OperationVerdict
from edge_node.store import outbox
from edge_node.store.database import StationDatabase
from edge_node.store.logs import Tail

_TABLET = (
    "SELECT tablet_id, agent_id, agent_name, area, public_key, lease_days, lease_until_ms, "
    "revoked_ms IS NOT NULL, reason FROM tablets "
)
_OPERATION = "SELECT operation_id, seq, head, kind, code, detail, log_seq FROM tablet_operations "


@dataclass(frozen=True, slots=True)
class Invited:
    """A tablet that may come in with a code until ``until_ms`` [ms UTC].

    ``area_e7`` is west, south, east, north [degrees × 10⁷]; empty for all of the station.
    """

    tablet_id: str
    agent_id: str
    agent_name: str
    area_e7: tuple[int, ...]
    lease_days: int
    code_sha256: str
    made_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Tablet:
    """A tablet that is or was in; its lease ends by itself [ms UTC]."""

    tablet_id: str
    agent_id: str
    agent_name: str
    area_e7: tuple[int, ...]
    public_key: str
    lease_days: int
    lease_until_ms: int
    revoked: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class KeptOperation:
    """An operation as it was taken; ``code`` and ``detail`` say why it was not carried out."""

    operation_id: str
    seq: int
    head: str
    kind: str
    code: str
    detail: str
    log_seq: int


def put_invitation(db: StationDatabase, made: Invited) -> None:
    """Keep an invitation; an earlier one of the same tablet ends."""
    db.execute(
        "INSERT OR REPLACE INTO tablet_invitations (tablet_id, agent_id, agent_name, area, "
        "lease_days, code_sha256, made_ms, until_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            made.tablet_id, made.agent_id, made.agent_name, json.dumps(made.area_e7),
            made.lease_days, made.code_sha256, made.made_ms, made.until_ms,
        ],
    )  # fmt: skip


def invitation(db: StationDatabase, code_sha256: str) -> Invited | None:
    """The invitation that a code was made for."""
    row = db.execute(
        "SELECT tablet_id, agent_id, agent_name, area, lease_days, code_sha256, made_ms, until_ms "
        "FROM tablet_invitations WHERE code_sha256 = ?",
        [code_sha256],
    ).fetchone()
    if row is None:
        return None
    tablet_id, agent_id, agent_name, area, lease_days, sha256, made_ms, until_ms = row
    area_e7 = tuple(json.loads(area))
    return Invited(tablet_id, agent_id, agent_name, area_e7, lease_days, sha256, made_ms, until_ms)


def use_up(db: StationDatabase, tablet_id: str) -> None:
    """End an invitation."""
    db.execute("DELETE FROM tablet_invitations WHERE tablet_id = ?", [tablet_id])


def note_failure(db: StationDatabase, at_ms: int, forget_before_ms: int) -> None:
    """Remember a wrong code, and forget those of long ago [ms UTC]."""
    db.execute("DELETE FROM tablet_code_failures WHERE at_ms <= ?", [forget_before_ms])
    db.execute("INSERT INTO tablet_code_failures (at_ms) VALUES (?)", [at_ms])


def failures_since(db: StationDatabase, since_ms: int) -> int:
    """How many wrong codes were tried since an instant [ms UTC]."""
    row = db.execute("SELECT count(*) FROM tablet_code_failures WHERE at_ms > ?", [since_ms])
    return int(row.fetchone()[0])


def put_tablet(db: StationDatabase, tablet: Tablet) -> None:
    """Let a tablet in, with a new key if it was in before."""
    db.execute(
        "INSERT OR REPLACE INTO tablets (tablet_id, agent_id, agent_name, area, public_key, "
        "lease_days, lease_until_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            tablet.tablet_id, tablet.agent_id, tablet.agent_name, json.dumps(tablet.area_e7),
            tablet.public_key, tablet.lease_days, tablet.lease_until_ms,
        ],
    )  # fmt: skip


def renew(db: StationDatabase, tablet_id: str, until_ms: int) -> None:
    """Move the end of a tablet's lease [ms UTC]."""
    db.execute("UPDATE tablets SET lease_until_ms = ? WHERE tablet_id = ?", [until_ms, tablet_id])


def revoke(db: StationDatabase, tablet_id: str, at_ms: int, reason: str) -> None:
    """Turn a tablet out."""
    db.execute(
        "UPDATE tablets SET revoked_ms = ?, reason = ? WHERE tablet_id = ?",
        [at_ms, reason, tablet_id],
    )


def tablet(db: StationDatabase, tablet_id: str) -> Tablet | None:
    """A tablet by its name, in or out."""
    row = db.execute(f"{_TABLET} WHERE tablet_id = ?", [tablet_id]).fetchone()
    return _tablet(row) if row else None


def tablets(db: StationDatabase) -> tuple[Tablet, ...]:
    """Every tablet that was ever let in, by name."""
    return tuple(_tablet(row) for row in db.execute(f"{_TABLET} ORDER BY tablet_id"))


def _tablet(row: Sequence[Any]) -> Tablet:
    tablet_id, agent_id, agent_name, area, key, lease_days, until_ms, revoked, reason = row
    area_e7 = tuple(json.loads(area))
    return Tablet(
        tablet_id, agent_id, agent_name, area_e7, key, lease_days, until_ms, bool(revoked), reason
    )


def tail(db: StationDatabase, public_key: str) -> Tail:
    """The end of the chain of a tablet's key as taken here."""
    row = db.execute(
        "SELECT seq, head FROM tablet_operations WHERE public_key = ? ORDER BY seq DESC LIMIT 1",
        [public_key],
    ).fetchone()
    return Tail(row[0], row[1]) if row else Tail(0, GENESIS)


def taken_at(db: StationDatabase, public_key: str, seq: int) -> int | None:
    """When an operation of a tablet's key was taken [ms UTC]; None if there is none."""
    row = db.execute(
        "SELECT taken_ms FROM tablet_operations WHERE public_key = ? AND seq = ?",
        [public_key, seq],
    ).fetchone()
    return int(row[0]) if row else None


def operation(db: StationDatabase, operation_id: str) -> tuple[KeptOperation, str] | None:
    """An operation that was taken, and the key that signed it."""
    row = db.execute(
        "SELECT operation_id, seq, head, kind, code, detail, log_seq, public_key "
        "FROM tablet_operations WHERE operation_id = ?",
        [operation_id],
    ).fetchone()
    return (KeptOperation(*row[:7]), row[7]) if row else None


def keep_operation(
    db: StationDatabase, who: Tablet, kept: KeptOperation, document: dict[str, Any], at_ms: int
) -> None:
    """Write an operation as it came."""
    db.execute(
        "INSERT INTO tablet_operations (operation_id, tablet_id, public_key, seq, head, kind, "
        "taken_ms, code, detail, log_seq, document) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            kept.operation_id, who.tablet_id, who.public_key, kept.seq, kept.head, kept.kind,
            at_ms, kept.code, kept.detail, kept.log_seq, canonical_bytes(document).decode(),
        ],
    )  # fmt: skip


def keep_verdict(db: StationDatabase, verdict: OperationVerdict) -> None:
    """Keep what the centre says of an operation; its newest word counts."""
    db.execute(
        "INSERT INTO operation_verdicts (operation_id, accepted, words) VALUES (?, ?, ?) "
        "ON CONFLICT (operation_id) DO UPDATE SET accepted = excluded.accepted, "
        "words = excluded.words",
        [verdict.operation_id, int(verdict.accepted), verdict.words],
    )


def states_of(db: StationDatabase, operation_ids: Sequence[str]) -> list[dict[str, str]]:
    """How far each operation has come: ``station``, ``centre``, ``accepted`` or ``needs_you``.

    What is not known here is left out: it is on the tablet alone.
    """
    at_centre = outbox.delivered(db, LogClass.MONEY).seq
    found = []
    for operation_id in operation_ids:
        row = db.execute(
            "SELECT o.code, o.detail, o.log_seq, v.accepted, v.words FROM tablet_operations o "
            "LEFT JOIN operation_verdicts v USING (operation_id) WHERE o.operation_id = ?",
            [operation_id],
        ).fetchone()
        if row is not None:
            state, words = _state(row, at_centre)
            found.append({"operation_id": operation_id, "state": state, "words": words})
    return found


def _state(row: Sequence[Any], at_centre: int) -> tuple[str, str]:
    code, detail, log_seq, accepted, words = row
    if code:
        return "needs_you", f"{code}: {detail}"
    if accepted is not None:
        return ("accepted", "") if accepted else ("needs_you", str(words))
    return ("centre", "") if log_seq <= at_centre else ("station", "")
