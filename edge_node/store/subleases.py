"""Parts of this station's leases that tablets hold: what is promised, drawn, given back.

Callers hold a transaction; the schema's triggers hold the same bounds once more.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.canonical import canonical_bytes
from core.lending.lease import Draw, DrawState
from core.shape import decode
from core.wire.subleases import SubLease, SubLeaseAct
from edge_node.store.database import StationDatabase

_SELECT = "SELECT document, recalled, ended, left_minor FROM sublease_rooms "


@dataclass(frozen=True, slots=True)
class KeptSubLease:
    """A sub-lease as it stands here; ``left_minor`` is what its tablet may still draw.

    ``ended`` is empty while the tablet may draw, else how it ended.
    """

    lease: SubLease
    document: dict[str, Any]
    recalled: bool
    ended: str
    left_minor: int


def keep(db: StationDatabase, lease: SubLease, document: dict[str, Any]) -> None:
    """Keep a sub-lease that was signed; the same again changes nothing."""
    db.execute(
        "INSERT INTO subleases (sublease_id, tablet_id, public_key, agent_id, serial, lease_id, "
        "line_id, amount_minor, expires_at_ms, document) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (sublease_id) DO NOTHING",
        [
            lease.sublease_id, lease.tablet_id, lease.public_key, lease.agent_id, lease.serial,
            lease.lease_id, lease.line_id, lease.amount_minor, lease.expires_at_ms,
            canonical_bytes(document).decode(),
        ],
    )  # fmt: skip


def find(db: StationDatabase, sublease_id: str) -> KeptSubLease | None:
    """A sub-lease by its id."""
    row = db.execute(_SELECT + "WHERE sublease_id = ?", [sublease_id]).fetchone()
    return _kept(row) if row else None


def open_of_key(db: StationDatabase, public_key: str) -> tuple[KeptSubLease, ...]:
    """What the tablet with a key may still draw or has to give back, oldest first."""
    rows = db.execute(_SELECT + "WHERE public_key = ? AND ended = '' ORDER BY serial", [public_key])
    return tuple(map(_kept, rows))


def open_of_tablet(db: StationDatabase, tablet_id: str) -> tuple[KeptSubLease, ...]:
    """All that a tablet holds, whatever key it had, oldest first."""
    rows = db.execute(
        _SELECT + "WHERE tablet_id = ? AND ended = '' ORDER BY sublease_id", [tablet_id]
    )
    return tuple(map(_kept, rows))


def last_serial(db: StationDatabase, public_key: str) -> int:
    """The number of the newest sub-lease of a key; 0 if it has had none."""
    row = db.execute("SELECT max(serial) FROM subleases WHERE public_key = ?", [public_key])
    return int(row.fetchone()[0] or 0)


def held_of_lease(db: StationDatabase, lease_id: str) -> tuple[Draw, ...]:
    """What tablets may still draw of a lease, as draws that are pending."""
    rows = db.execute(
        "SELECT sublease_id, line_id, left_minor FROM sublease_rooms "
        "WHERE lease_id = ? AND ended = '' ORDER BY sublease_id",
        [lease_id],
    )
    return tuple(
        Draw(f"sub-lease/{sublease_id}", line_id, left, DrawState.PENDING)
        for sublease_id, line_id, left in rows
    )


def held_of_line_minor(db: StationDatabase, line_id: str) -> int:
    """What tablets may still draw of a line [minor units]."""
    row = db.execute(
        "SELECT coalesce(sum(left_minor), 0) FROM sublease_rooms WHERE line_id = ? AND ended = ''",
        [line_id],
    ).fetchone()
    return int(row[0])


def held_by_agent_minor(db: StationDatabase, agent_id: str) -> int:
    """What an agent may still pay out in the field [minor units]."""
    row = db.execute(
        "SELECT coalesce(sum(left_minor), 0) FROM sublease_rooms WHERE agent_id = ? AND ended = ''",
        [agent_id],
    ).fetchone()
    return int(row[0])


def draws_of(db: StationDatabase, sublease_id: str) -> tuple[Draw, ...]:
    """The draws under a sub-lease."""
    rows = db.execute(
        "SELECT draw_id, line_id, amount_minor, state FROM draws WHERE sublease_id = ? "
        "ORDER BY draw_id",
        [sublease_id],
    )
    return tuple(Draw(row[0], row[1], row[2], DrawState(row[3])) for row in rows)


def recall(db: StationDatabase, lease_ids: Sequence[str]) -> None:
    """Ask tablets, at their next contact, for what they hold of leases."""
    for lease_id in lease_ids:
        db.execute(
            "UPDATE subleases SET recalled = 1 WHERE lease_id = ? AND ended = '' AND recalled = 0",
            [lease_id],
        )


def end(db: StationDatabase, sublease_id: str, act: SubLeaseAct) -> None:
    """Let what was not drawn of a sub-lease be the station's again; again, nothing changes."""
    db.execute(
        "UPDATE subleases SET ended = ? WHERE sublease_id = ? AND ended = ''",
        [act.value, sublease_id],
    )


def end_of_lease(db: StationDatabase, lease_id: str) -> None:
    """A lease is closed by the centre's word: no tablet draws under it any more."""
    db.execute(
        "UPDATE subleases SET ended = ? WHERE lease_id = ? AND ended = ''",
        [SubLeaseAct.LOST.value, lease_id],
    )


def _kept(row: Sequence[Any]) -> KeptSubLease:
    text, recalled, ended, left = row
    document = json.loads(text)
    return KeptSubLease(
        decode(SubLease, document["body"]), document, bool(recalled), ended, int(left)
    )
