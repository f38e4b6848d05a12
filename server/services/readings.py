"""Readings that came up: each document held against its device's key, a run written at once.

A station's raw log brings tens of thousands of signed documents. What is asked once for
each device is asked once for a run, and rows are written by hundreds; each document is
still verified, hashed and judged by itself, so one that is wrong says so of itself alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.canonical import canonical_bytes, sha256_hex
from core.errors import HarvestlineError, ShapeError, SignatureError
from core.shape import decode
from core.signing import open_document
from core.wire.telemetry import BATCH, MESSAGE_BYTES_MAX, Batch
from server.keys import KeyRing
from server.services.centre import Work
from server.services.reported import Reported
from server.store import registry, reports
from server.store.reports import KeptReadings
from server.store.rows import holds_nul

TELEMETRY_BYTES_MAX = 2 * MESSAGE_BYTES_MAX
HOLDS_NUL = "it holds a NUL, which no column can keep; kept as it came"


@dataclass(frozen=True, slots=True)
class _Said:
    """A document as it came, and the batch that it holds."""

    reported: Reported
    batch: Batch


def apply_readings(work: Work, run: Sequence[Reported]) -> list[str]:
    """Keep the documents of a run; of each what was wrong with it, or nothing.

    Raises
    ------
    StoreError
        If a value fits no column; nothing of the run was kept then.
    """
    judged = [_read(reported) for reported in run]
    said = [each for each in judged if isinstance(each, _Said)]
    rings = _rings(work, said)
    kept: list[KeptReadings] = []
    flags: list[str] = []
    for each in judged:
        flag = each if isinstance(each, str) else _keep(each, rings, kept)
        flags.append(flag)
    if kept:
        work.tx.attempt(lambda: reports.add_readings(work.tx, kept))
    return flags


def _read(reported: Reported) -> _Said | str:
    """A document's batch, or why it has none."""
    body = reported.record.body
    if holds_nul(body):
        return HOLDS_NUL
    try:
        if not isinstance(body, dict):
            raise ShapeError(f"expected a signed telemetry document, got {type(body).__name__}")
        return _Said(reported, decode(Batch, body.get("body")))
    except HarvestlineError as error:
        return f"{error.code}: {error}"


def _rings(work: Work, said: Sequence[_Said]) -> Mapping[str, KeyRing]:
    """The key of each device that speaks in a run and is registered."""
    found = registry.find_devices(work.tx, sorted({each.batch.device for each in said}))
    return {device.device_id: KeyRing((device.public_key,)) for device in found}


def _keep(said: _Said, rings: Mapping[str, KeyRing], kept: list[KeptReadings]) -> str:
    """Put a document to what is kept, unless it cannot be opened; what was wrong with it."""
    record, batch = said.reported.record, said.batch
    document = canonical_bytes(record.body)
    try:
        flag = _fault(document, batch, rings.get(batch.device))
    except HarvestlineError as error:
        return f"{error.code}: {error}"
    kept.append(
        KeptReadings(
            sha256=sha256_hex(document),
            device_id=batch.device,
            epoch=batch.epoch,
            first_seq=batch.samples[0].seq,
            last_seq=batch.samples[-1].seq,
            writer=said.reported.writer,
            at_ms=record.at_ms,
            verified=not flag,
            document=document,
        )
    )
    return flag


def _fault(document: bytes, batch: Batch, ring: KeyRing | None) -> str:
    if ring is None:
        return f"device {batch.device} is not registered"
    try:
        open_document(document, BATCH, ring, TELEMETRY_BYTES_MAX)
    except SignatureError as error:
        return f"device {batch.device}: {error}"
    return ""
