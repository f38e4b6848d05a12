"""What devices and gateways log in with at this station, and the station's own word on them.

A device that the centre registered logs in with the password whose hash came with it,
until it is enrolled or rotated here: then only what stands here counts. Callers hold a
transaction; nothing here commits.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from core.wire.registry import Device
from edge_node.store.database import StationDatabase


class Standing(Enum):
    """The station's own word on a device or gateway."""

    GOOD = "good"
    QUARANTINED = "quarantined"  # may connect; what it says is not stored nor acknowledged
    REVOKED = "revoked"  # may not connect, and nothing of it is believed


@dataclass(frozen=True, slots=True)
class Credential:
    """A password by its hashes; ``until_ms`` ends the overlap of a rotation [ms UTC]."""

    user: str
    password_sha256: str
    mosquitto: str
    created_ms: int
    until_ms: int | None


def credentials(db: StationDatabase) -> dict[str, tuple[Credential, ...]]:
    """Every credential by its user, the newest first."""
    found: dict[str, tuple[Credential, ...]] = {}
    rows = db.conn.execute(
        "SELECT user_name, password_sha256, mosquitto, created_ms, until_ms FROM credentials"
        " ORDER BY user_name, until_ms IS NOT NULL, created_ms DESC"
    )
    for row in rows:
        found[row[0]] = (*found.get(row[0], ()), Credential(*row))
    return found


def put_credential(db: StationDatabase, fresh: Credential, overlap_until_ms: int) -> None:
    """Let a user log in with a new password; those before it end with the overlap.

    Parameters
    ----------
    fresh
        The new one.
    overlap_until_ms
        Until when older ones still count [ms UTC]; their own earlier end stands.
    """
    db.conn.execute(
        "UPDATE credentials SET until_ms = min(coalesce(until_ms, ?), ?) WHERE user_name = ?",
        (overlap_until_ms, overlap_until_ms, fresh.user),
    )
    # What ended before the new one began is of no more use.
    db.conn.execute(
        "DELETE FROM credentials WHERE user_name = ? AND until_ms <= ?",
        (fresh.user, fresh.created_ms),
    )
    db.conn.execute(
        "INSERT INTO credentials VALUES (?, ?, ?, ?, ?)",
        (fresh.user, fresh.password_sha256, fresh.mosquitto, fresh.created_ms, fresh.until_ms),
    )


def keep_registered(db: StationDatabase, device: Device, mosquitto: str, now_ms: int) -> None:
    """Before a first rotation: the centre's password becomes a credential that can end."""
    db.conn.execute(
        "INSERT INTO credentials SELECT ?, ?, ?, ?, NULL"
        " WHERE NOT EXISTS (SELECT 1 FROM credentials WHERE user_name = ?)",
        (device.device_id, device.password_sha256, mosquitto, now_ms, device.device_id),
    )


def remove_credentials(db: StationDatabase, user: str) -> None:
    """Let a user log in with nothing that was given out here."""
    db.conn.execute("DELETE FROM credentials WHERE user_name = ?", (user,))


def standings(db: StationDatabase) -> dict[str, Standing]:
    """Everyone whose standing is not good."""
    rows = db.conn.execute("SELECT user_name, standing FROM standings")
    return {name: Standing(standing) for name, standing in rows}


def put_standing(
    db: StationDatabase, user: str, standing: Standing, reason: str, at_ms: int
) -> None:
    """Set the standing of a device or gateway."""
    if standing is Standing.GOOD:
        db.conn.execute("DELETE FROM standings WHERE user_name = ?", (user,))
        return
    db.conn.execute(
        "INSERT INTO standings VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " standing = excluded.standing, reason = excluded.reason, at_ms = excluded.at_ms",
        (user, standing.value, reason, at_ms),
    )


def gateways(db: StationDatabase) -> frozenset[str]:
    """Every gateway of foreign devices."""
    return frozenset(row[0] for row in db.conn.execute("SELECT gateway_id FROM gateways"))


def put_gateway(db: StationDatabase, gateway: str, now_ms: int) -> None:
    """Let a gateway of foreign devices exist."""
    db.conn.execute("INSERT OR IGNORE INTO gateways VALUES (?, ?)", (gateway, now_ms))


def put_certificate(
    db: StationDatabase, serial: str, user: str, not_after_ms: int, issued_ms: int
) -> None:
    """Keep that a client certificate was issued; its serial in hexadecimal."""
    db.conn.execute(
        "INSERT INTO certificates VALUES (?, ?, ?, ?, NULL)",
        (serial, user, not_after_ms, issued_ms),
    )


def revoke_certificates(db: StationDatabase, user: str, at_ms: int) -> int:
    """Revoke every certificate of a user that still holds; how many there were."""
    cursor = db.conn.execute(
        "UPDATE certificates SET revoked_ms = ? WHERE user_name = ? AND revoked_ms IS NULL",
        (at_ms, user),
    )
    return int(cursor.rowcount)


def revoked_serials(db: StationDatabase) -> tuple[tuple[str, int], ...]:
    """Serial and time of revocation of every revoked certificate [hex, ms UTC]."""
    rows = db.conn.execute(
        "SELECT serial, revoked_ms FROM certificates WHERE revoked_ms IS NOT NULL ORDER BY serial"
    )
    return tuple((row[0], row[1]) for row in rows)
