"""Commits a batch of messages in one transaction; the intake's only writer.

A batch is stored as a whole or not at all. What a single message contradicts is
refused by itself and does not take its neighbours with it. Statements T4–T8 of
docs/wire.md.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.signing import Signer
from core.units import civil_day
from core.wire.telemetry import Batch, Birth, Death, Sample, Watermark
from edge_node.config import Settings
from edge_node.features.compute import limits_of
from edge_node.features.quality import Quality, first_look, is_clock_plausible, is_late
from edge_node.intake.adapters.arriving import ForeignHeard
from edge_node.intake.foreign import store_foreign
from edge_node.intake.messages import Heard
from edge_node.store import telemetry as store
from edge_node.store.database import StationDatabase
from edge_node.store.quarantine import Refusal, Refused, quarantine
from edge_node.store.telemetry import Received, SampleRow


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it came: ``arrived_ms`` by the station's clock [ms UTC]."""

    message: Heard | ForeignHeard | Refused
    topic: str
    arrived_ms: int


@dataclass(slots=True)
class Committed:
    """What a committed batch came to.

    ``watermarks`` holds the latest one of each device that is to be told.
    """

    watermarks: dict[str, Watermark] = field(default_factory=dict)
    samples_count: int = 0
    known_count: int = 0
    refused: dict[Refusal, int] = field(default_factory=dict)
    stale: set[tuple[str, str]] = field(default_factory=set)


class Committer:
    """Turns arrivals into rows.

    Parameters
    ----------
    settings
        Bounds of quality control and quarantine; the site's zone.
    adapter
        Signs what foreign devices said; None if no gateway is heard.
    """

    def __init__(self, settings: Settings, adapter: Signer | None = None) -> None:
        self._settings = settings
        self._adapter = adapter
        self._limits = limits_of(settings)

    def commit(self, db: StationDatabase, arrivals: Sequence[Arrival]) -> Committed:
        """Store arrivals in one transaction.

        Raises
        ------
        DiskFullError, StoreError
            If it could not be committed; then nothing of it is stored.
        """
        done = Committed()
        with db.atomic():
            seen_ms = store.seen_ms(db)
            for arrival in arrivals:
                # A time that was seen is never gone back behind; the row says so.
                now_ms, seen_ms = arrival.arrived_ms, max(arrival.arrived_ms, seen_ms)
                self._store(db, arrival, Received(seen_ms, now_ms < seen_ms), done)
            store.put_seen_ms(db, seen_ms)
            store.mark_stale(db, done.stale)
        return done

    def _store(
        self, db: StationDatabase, arrival: Arrival, received: Received, done: Committed
    ) -> None:
        refused: Refused | None
        if isinstance(arrival.message, Refused):
            refused = arrival.message
        elif isinstance(arrival.message, ForeignHeard):
            refused = self._store_foreign(db, arrival.topic, arrival.message, received, done)
        else:
            refused = self._store_heard(db, arrival.topic, arrival.message, received, done)
        if refused is not None:
            quarantine(db, refused, received.at_ms, self._settings.quarantine_rows_max)
            done.refused[refused.reason] = done.refused.get(refused.reason, 0) + 1

    def _store_heard(
        self, db: StationDatabase, topic: str, heard: Heard, received: Received, done: Committed
    ) -> Refused | None:
        try:
            with db.atomic():
                conflicts = self._store_body(db, heard, received, done)
        except sqlite3.IntegrityError as error:
            return Refused(Refusal.CONFLICT, topic, heard.raw, f"contradicts the store: {error}")
        if conflicts:
            detail = f"stored with other content before: {conflicts[:5]}"
            return Refused(Refusal.CONFLICT, topic, heard.raw, detail)
        return None

    def _store_foreign(
        self,
        db: StationDatabase,
        topic: str,
        heard: ForeignHeard,
        received: Received,
        done: Committed,
    ) -> Refused | None:
        if self._adapter is None:
            return Refused(Refusal.TOPIC, topic, heard.raw, "no gateway is heard here")
        with db.atomic():
            numbered, known_count, conflicts = store_foreign(
                db, heard, self._adapter, received.at_ms
            )
            for one in numbered:
                self._store_batch(db, (one.sha256, one.raw), one.body, received, done)
                # Nobody keeps an outbox for it: there is none to be told.
                done.watermarks.pop(one.body.device, None)
        done.known_count += known_count
        if conflicts:
            detail = f"heard with other content before: {conflicts[:3]}"
            return Refused(Refusal.CONFLICT, topic, heard.raw, detail)
        return Refused(Refusal.MALFORMED, topic, heard.raw, heard.fault) if heard.fault else None

    def _store_body(
        self, db: StationDatabase, heard: Heard, received: Received, done: Committed
    ) -> tuple[int, ...]:
        body = heard.body
        if isinstance(body, Death):
            store.store_death(db, body, received)
            return ()
        if isinstance(body, Birth):
            store.store_birth(db, body, received)
            watermark = store.watermark(db, body.device, body.epoch)
            if watermark.upto:
                done.watermarks[body.device] = watermark
            return ()
        return self._store_batch(db, (heard.sha256, heard.raw), body, received, done)

    def _store_batch(
        self,
        db: StationDatabase,
        document: tuple[str, bytes],
        batch: Batch,
        received: Received,
        done: Committed,
    ) -> tuple[int, ...]:
        rows = tuple(self._judged(sample, received) for sample in batch.samples)
        stored = store.store_batch(db, batch, rows, document, received)
        new = set(stored.new)
        done.stale |= {
            (batch.device, civil_day(row.at_ms, self._settings.utc_offset_ms).isoformat())
            for row in rows
            if row.seq in new and any(code == Quality.USABLE for _, _, code in row.readings)
        }
        done.samples_count += len(new)
        done.known_count += stored.known_count
        done.watermarks[batch.device] = Watermark(batch.device, batch.epoch, stored.upto)
        return stored.conflicts

    def _judged(self, sample: Sample, received: Received) -> SampleRow:
        plausible = is_clock_plausible(sample, received.at_ms, self._limits)
        return SampleRow(
            seq=sample.seq,
            at_ms=sample.at_ms,
            error_ms=sample.error_ms,
            late=is_late(sample, received.at_ms, self._settings.late_after_ms),
            readings=tuple(
                (name, value, int(first_look(name, value, clock_plausible=plausible)))
                for name, value in sample.values.items()
            ),
        )
