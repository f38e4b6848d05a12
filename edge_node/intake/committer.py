"""Commits a batch of messages in one transaction; the intake's only writer.

A batch is stored as a whole or not at all. What a single message contradicts is
refused by itself and does not take its neighbours with it. Statements T4–T8 of
docs/wire.md.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from core.signing import Signer
from core.units import MS_PER_DAY, civil_day
from core.wire.telemetry import Batch, Death, Sample, Watermark
from edge_node.config import Settings
from edge_node.features.quality import (
    Quality,
    first_look,
    is_clock_plausible,
    is_late,
    limits_of,
)
from edge_node.intake.adapters.arriving import ForeignHeard
from edge_node.intake.foreign import store_foreign
from edge_node.intake.messages import Heard
from edge_node.store import telemetry as store
from edge_node.store.database import StationDatabase
from edge_node.store.quarantine import Refusal, Refused, quarantine
from edge_node.store.sheaf import Sheaf
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

    def add(self, other: Committed) -> None:
        """Count what came after this."""
        self.watermarks |= other.watermarks
        self.samples_count += other.samples_count
        self.known_count += other.known_count
        self.stale |= other.stale
        for reason, count in other.refused.items():
            self.refused[reason] = self.refused.get(reason, 0) + count


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
        try:
            with db.atomic():
                return self._commit_together(db, arrivals)
        except sqlite3.IntegrityError:
            # One of them contradicts the store: it is refused alone, the others go on.
            with db.atomic():
                return self._commit_singly(db, arrivals)

    def _commit_together(self, db: StationDatabase, arrivals: Sequence[Arrival]) -> Committed:
        done, sheaf = Committed(), Sheaf(db)
        for arrival, received in _received(db, arrivals):
            self._store(db, sheaf, arrival, received, done)
        sheaf.bind()
        store.mark_stale(db, done.stale)
        return done

    def _commit_singly(self, db: StationDatabase, arrivals: Sequence[Arrival]) -> Committed:
        done = Committed()
        for arrival, received in _received(db, arrivals):
            try:
                with db.atomic():
                    sheaf = Sheaf(db)
                    part = Committed()
                    self._store(db, sheaf, arrival, received, part)
                    sheaf.bind()
            except sqlite3.IntegrityError as error:
                if not isinstance(arrival.message, Heard):
                    raise  # the station has written it itself: a fault of its own
                detail = f"contradicts the store: {error}"
                refused = Refused(Refusal.CONFLICT, arrival.topic, arrival.message.raw, detail)
                part = Committed()
                self._refuse(db, refused, received, part)
            done.add(part)
        store.mark_stale(db, done.stale)
        return done

    def _store(
        self,
        db: StationDatabase,
        sheaf: Sheaf,
        arrival: Arrival,
        received: Received,
        done: Committed,
    ) -> None:
        refused: Refused | None
        if isinstance(arrival.message, Refused):
            refused = arrival.message
        elif isinstance(arrival.message, ForeignHeard):
            refused = self._store_foreign(
                db, sheaf, (arrival.topic, arrival.message), received, done
            )
        else:
            refused = self._store_heard(db, sheaf, (arrival.topic, arrival.message), received, done)
        if refused is not None:
            self._refuse(db, refused, received, done)

    def _refuse(
        self, db: StationDatabase, refused: Refused, received: Received, done: Committed
    ) -> None:
        quarantine(db, refused, received.at_ms, self._settings.quarantine_rows_max)
        done.refused[refused.reason] = done.refused.get(refused.reason, 0) + 1

    def _store_heard(
        self,
        db: StationDatabase,
        sheaf: Sheaf,
        arrival: tuple[str, Heard],
        received: Received,
        done: Committed,
    ) -> Refused | None:
        topic, heard = arrival
        body = heard.body
        if isinstance(body, Batch):
            conflicts = self._store_batch(sheaf, (heard.sha256, heard.raw), body, received, done)
            if conflicts:
                detail = f"stored with other content before: {conflicts[:5]}"
                return Refused(Refusal.CONFLICT, topic, heard.raw, detail)
        elif isinstance(body, Death):
            store.store_death(db, body, received)
        else:
            store.store_birth(db, body, received)
            watermark = sheaf.watermark(body.device, body.epoch)
            if watermark.upto:
                done.watermarks[body.device] = watermark
        return None

    def _store_foreign(
        self,
        db: StationDatabase,
        sheaf: Sheaf,
        arrival: tuple[str, ForeignHeard],
        received: Received,
        done: Committed,
    ) -> Refused | None:
        topic, heard = arrival
        if self._adapter is None:
            return Refused(Refusal.TOPIC, topic, heard.raw, "no gateway is heard here")
        sheaf.bind()  # the next number of an epoch is read from the store
        numbered, known_count, conflicts = store_foreign(db, heard, self._adapter, received.at_ms)
        for one in numbered:
            self._store_batch(sheaf, (one.sha256, one.raw), one.body, received, done)
            # Nobody keeps an outbox for it: there is none to be told.
            done.watermarks.pop(one.body.device, None)
        done.known_count += known_count
        if conflicts:
            detail = f"heard with other content before: {conflicts[:3]}"
            return Refused(Refusal.CONFLICT, topic, heard.raw, detail)
        if heard.fault:
            return Refused(Refusal.MALFORMED, topic, heard.raw, heard.fault)
        return None

    def _store_batch(
        self,
        sheaf: Sheaf,
        document: tuple[str, bytes],
        batch: Batch,
        received: Received,
        done: Committed,
    ) -> tuple[int, ...]:
        rows = [self._judged(sample, received) for sample in batch.samples]
        stored = sheaf.take(batch, rows, document, received)
        if len(stored.new) < len(rows):
            new = set(stored.new)
            rows = [row for row in rows if row.seq in new]
        self._mark_stale(batch.device, rows, done)
        done.samples_count += len(stored.new)
        done.known_count += stored.known_count
        done.watermarks[batch.device] = Watermark(batch.device, batch.epoch, stored.upto)
        return stored.conflicts

    def _mark_stale(self, device: str, rows: Sequence[SampleRow], done: Committed) -> None:
        """Note the civil days of usable readings: their features must be computed again."""
        offset_ms = self._settings.utc_offset_ms
        first_ms = 0  # the day that was noted last
        for row in rows:
            if first_ms <= row.at_ms < first_ms + MS_PER_DAY or not _has_usable(row):
                continue
            first_ms = (row.at_ms + offset_ms) // MS_PER_DAY * MS_PER_DAY - offset_ms
            done.stale.add((device, civil_day(row.at_ms, offset_ms).isoformat()))

    def _judged(self, sample: Sample, received: Received) -> SampleRow:
        plausible = is_clock_plausible(sample, received.at_ms, self._limits)
        return SampleRow(
            seq=sample.seq,
            at_ms=sample.at_ms,
            error_ms=sample.error_ms,
            late=is_late(sample, received.at_ms, self._settings.late_after_ms),
            readings=tuple(
                [
                    (name, value, first_look(name, value, clock_plausible=plausible).value)
                    for name, value in sample.values.items()
                ]
            ),
        )


def _received(
    db: StationDatabase, arrivals: Sequence[Arrival]
) -> Iterator[tuple[Arrival, Received]]:
    """Each arrival and when it came; the latest time that was seen is kept in the end."""
    seen_ms = store.seen_ms(db)
    for arrival in arrivals:
        # A time that was seen is never gone back behind; the row says so.
        now_ms, seen_ms = arrival.arrived_ms, max(arrival.arrived_ms, seen_ms)
        yield arrival, Received(seen_ms, now_ms < seen_ms)
    store.put_seen_ms(db, seen_ms)


def _has_usable(row: SampleRow) -> bool:
    return any(code == Quality.USABLE for _, _, code in row.readings)
