"""Blobs by hash: pictures that evidence names. Never changed; a missing one harms nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select

from server.store.engine import Tx
from server.store.tables import blobs

HASHES_AT_ONCE_MAX = 500  # SQLite binds at most 999 values


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob as it was put."""

    sha256: str
    media_type: str
    data: bytes


def add(tx: Tx, blob: Blob, satellite: str, at_ms: int) -> bool:
    """Keep a blob; whether it is new."""
    return tx.insert_new(
        blobs, sha256=blob.sha256, media_type=blob.media_type, size_bytes=len(blob.data),
        satellite=satellite, received_at_ms=at_ms, data=blob.data,
    )  # fmt: skip


def find(tx: Tx, sha256: str) -> Blob | None:
    """The blob of that hash, if it has come."""
    question = select(blobs.c.sha256, blobs.c.media_type, blobs.c.data)
    row = tx.row(question.where(blobs.c.tenant_id == tx.tenant_id, blobs.c.sha256 == sha256))
    return Blob(row["sha256"], row["media_type"], bytes(row["data"])) if row else None


def known(tx: Tx, hashes: Iterable[str]) -> frozenset[str]:
    """Which of these hashes have come."""
    wanted, found = list(dict.fromkeys(hashes)), set()
    for start in range(0, len(wanted), HASHES_AT_ONCE_MAX):
        part = wanted[start : start + HASHES_AT_ONCE_MAX]
        question = select(blobs.c.sha256).where(
            blobs.c.tenant_id == tx.tenant_id, blobs.c.sha256.in_(part)
        )
        found |= {row["sha256"] for row in tx.rows(question)}
    return frozenset(found)
