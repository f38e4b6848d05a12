"""Pictures that people chose instead of a number: their salted slow hashes, and wrong tries."""

from __future__ import annotations

from dataclasses import dataclass

from edge_node.store.database import StationDatabase


@dataclass(frozen=True, slots=True)
class KeptCode:
    """The newest choice of a farmer (``helper_id`` empty) or of a helper of theirs."""

    farmer_id: str
    helper_id: str
    salt: bytes
    hash: bytes


def keep(db: StationDatabase, code: KeptCode, agent_id: str, at_ms: int) -> None:
    """Add a choice; what was chosen before does not count any more."""
    db.execute(
        "INSERT INTO picture_codes (farmer_id, helper_id, salt, hash, agent_id, at_ms) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [code.farmer_id, code.helper_id, code.salt, code.hash, agent_id, at_ms],
    )


def of_farmer(db: StationDatabase, farmer_id: str) -> tuple[KeptCode, ...]:
    """What counts now: the farmer's own choice first, then each helper's."""
    rows = db.execute(
        "SELECT farmer_id, helper_id, salt, hash FROM picture_codes WHERE place IN "
        "(SELECT max(place) FROM picture_codes WHERE farmer_id = ? GROUP BY helper_id) "
        "ORDER BY helper_id",
        [farmer_id],
    )
    return tuple(KeptCode(*row) for row in rows)


def failures_count(db: StationDatabase, farmer_id: str) -> int:
    """Wrong pictures in a row on a farmer's card."""
    row = db.execute(
        "SELECT count FROM picture_failures WHERE farmer_id = ?", [farmer_id]
    ).fetchone()
    return row[0] if row else 0


def fail(db: StationDatabase, farmer_id: str) -> int:
    """Count wrong pictures; how many there are now in a row."""
    db.execute(
        "INSERT INTO picture_failures (farmer_id, count) VALUES (?, 1) "
        "ON CONFLICT (farmer_id) DO UPDATE SET count = count + 1",
        [farmer_id],
    )
    return failures_count(db, farmer_id)


def forgive(db: StationDatabase, farmer_id: str) -> None:
    """Begin to count anew."""
    db.execute("DELETE FROM picture_failures WHERE farmer_id = ?", [farmer_id])
