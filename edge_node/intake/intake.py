"""The intake: from the broker's deliveries to durable rows, and only then the word back.

Two threads. paho's network thread verifies each message and puts it into a bounded
queue; one committer takes them first in, first out, in batches by count or time. A
batch is one transaction with ``synchronous=FULL``; after it the broker gets its
acknowledgements and each device its signed watermark, the latest only.

When nothing can be stored, nothing is acknowledged, neither to the broker nor to a
device: the batch is kept and tried again with back-off, and what arrives beyond the
queue is let go unacknowledged, for the devices still have it. Statements T4–T9 of
docs/wire.md.
"""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.shape import encode
from core.signing import Signer, sign_document
from core.wire.telemetry import WATERMARK, Batch, Watermark
from edge_node.config import Settings
from edge_node.intake.adapters import Adapters, is_foreign_topic
from edge_node.intake.adapters.arriving import ForeignHeard
from edge_node.intake.broker.access import BrokerAccess, ack_topic
from edge_node.intake.committer import Arrival, Committed, Committer
from edge_node.intake.events import OnEvent
from edge_node.intake.link import BrokerLink, Delivery
from edge_node.intake.messages import Heard, read_message
from edge_node.store.ballast import Ballast
from edge_node.store.database import (
    DiskFullError,
    StationDatabase,
    StoreBusyError,
    StoreError,
    has_room,
    limit_size,
    open_database,
)
from edge_node.store.devices import DeviceRegistry
from edge_node.store.quarantine import Refusal, Refused
from edge_node.store.soundness import require_sound
from edge_node.store.turns import turn_of

RETRY_S_MIN = 0.2
FULL_QUEUE_S_MAX = 1.0  # how long the network thread waits for room, its keepalive in mind
STOP_S_MAX = 30.0
# Who decides at the kiosk waits for the transaction that is under way: it stays short while
# others write now and then, and is worth its sync when nobody does.
COMMIT_SAMPLES_MAX = 200
COMMIT_SAMPLES_ALONE_MAX = 1_000
ALONE_S_MIN = 2.0  # how long nobody else has written
# Python's own 5 ms are long for a farmer whose decision asks the store a hundred times, and
# gets the interpreter back from verifying threads each time.
SWITCH_S = 0.0005
IDLE_S = 1.0  # how often an idle committer looks whether it is to stop


@dataclass(frozen=True, slots=True)
class IntakeState:
    """How the intake stands; the counts are since it was started."""

    connected: bool
    storage_blocked: bool
    samples_count: int
    known_count: int
    refused_count: int
    shed_count: int
    batches_count: int


class Intake:
    """Hears the devices of a site.

    Parameters
    ----------
    settings
        Bounds of batches, queue, quarantine and quality control.
    database_path
        The station's database, with its schema applied.
    registry
        The devices that are heard.
    signer
        Signs the watermarks.
    now_ms
        The station's clock [ms UTC].
    on_event
        Told what the log should hold; see :mod:`edge_node.intake.events`.
    adapters
        Read what gateways bring from foreign devices; None if none are heard.
    """

    def __init__(
        self,
        settings: Settings,
        database_path: Path,
        registry: DeviceRegistry,
        signer: Signer,
        now_ms: Callable[[], int],
        on_event: OnEvent,
        adapters: Adapters | None = None,
    ) -> None:
        self._settings = settings
        self._adapters = adapters
        self._database_path = database_path
        self._registry = registry
        self._signer = signer
        self._now_ms = now_ms
        self._on_event = on_event
        self._ballast = Ballast(settings.ballast_path, settings.ballast_mib)
        self._turn = turn_of(database_path)
        self._committer = Committer(settings, adapters.signer if adapters else None)
        # None only wakes an idle committer up.
        self._queue: queue.Queue[tuple[Delivery, Arrival] | None] = queue.Queue(
            settings.queue_messages_max
        )
        self._batch_s = settings.batch_ms_max / 1000
        self._stopping = threading.Event()
        self._blocked = threading.Event()
        self._finished = threading.Event()
        self._link: BrokerLink | None = None
        self._thread: threading.Thread | None = None
        self._totals = Committed()
        self._batches_count = 0
        self._shed_count = 0
        self._shed_since_commit = False
        self._turns_count = 0
        # The newest watermark of each device that was told since the start.
        self._told: dict[str, Watermark] = {}
        self._damaged = False

    def start(self, access: BrokerAccess) -> None:
        """Begin to hear devices through a broker, in the background."""
        sys.setswitchinterval(SWITCH_S)
        with contextlib.suppress(StoreError):  # the first batch will say so
            has_room(self._ballast)
        self._link = BrokerLink(
            access, self._settings.site, self._settings.retry_s_max, self._queued, self._on_event
        )
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()
        self._link.start()

    def wait_connected(self, timeout_s: float) -> bool:
        """Wait until devices are being heard; whether they are."""
        return self._link is not None and self._link.wait_connected(timeout_s)

    def stop(self) -> None:
        """Commit what is queued, unless storage is blocked, and leave the broker."""
        self._stopping.set()
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)
        if self._thread is not None:
            self._thread.join(STOP_S_MAX)
        if self._link is not None:
            self._link.stop()

    @property
    def is_running(self) -> bool:
        """False once the committer has ended, by :meth:`stop` or by a fault of its own."""
        return self._thread is not None and not self._finished.is_set()

    def committer_turns(self) -> int:
        """How often the committer has turned, idle or not: at least once in ``retry_s_max``."""
        return self._turns_count

    def network_turns(self) -> int:
        """How often the network thread has turned."""
        return self._link.turns_count if self._link is not None else 0

    def state(self) -> IntakeState:
        """How the intake stands."""
        return IntakeState(
            connected=self._link is not None and self._link.is_connected,
            storage_blocked=self._blocked.is_set(),
            samples_count=self._totals.samples_count,
            known_count=self._totals.known_count,
            refused_count=sum(self._totals.refused.values()),
            shed_count=self._shed_count,
            batches_count=self._batches_count,
        )

    def _queued(self, delivery: Delivery) -> None:
        """Verify a delivery and queue it; without room it is let go unacknowledged."""
        self._turn.stand_back()
        message = self._read(delivery)
        entry = (delivery, Arrival(message, delivery.topic, self._now_ms()))
        try:
            if self._blocked.is_set():
                self._queue.put_nowait(entry)
            else:
                self._queue.put(entry, timeout=FULL_QUEUE_S_MAX)
        except queue.Full:
            self._shed_count += 1
            self._shed_since_commit = True

    def _read(self, delivery: Delivery) -> Heard | ForeignHeard | Refused:
        topic, payload, view = delivery.topic, delivery.payload, self._registry.view()
        if self._adapters is not None and is_foreign_topic(topic):
            message: Heard | ForeignHeard | Refused
            message = self._adapters.read(topic, payload, view.known)
        else:
            message = read_message(self._settings.site, topic, payload, view.known)
        held = [name for name in _speakers(message) if view.is_held(name)]
        if held:
            detail = f"{held[0]} is in quarantine: release it, and it will send again"
            return Refused(Refusal.HELD, topic, payload, detail)
        return message

    def _run(self) -> None:
        db = self._opened()
        try:
            while batch := self._next_batch():
                db = self._committed(db, batch)
        finally:
            self._finished.set()
            db.close()

    def _opened(self) -> StationDatabase:
        db = open_database(self._database_path)
        db.patient = True
        # What a statement of many rows could undo is kept in memory, not in a file beside.
        db.conn.execute("PRAGMA temp_store=MEMORY")
        limit_size(db, self._settings.database_mib_max)
        return db

    def _next_batch(self) -> list[tuple[Delivery, Arrival]]:
        """The next messages, at least one; none when the intake is to stop and all is done."""
        batch: list[tuple[Delivery, Arrival]] = []
        closes_s, samples_count = 0.0, 0
        while (
            len(batch) < self._settings.batch_messages_max and samples_count < self._samples_max()
        ):
            self._turns_count += 1
            if self._stopping.is_set():
                wait_s = 0.0
            else:
                wait_s = max(0.0, closes_s - time.monotonic()) if batch else IDLE_S
            try:
                entry = self._queue.get(block=wait_s > 0, timeout=wait_s)
            except queue.Empty:
                if batch or self._stopping.is_set():
                    break
                continue
            if entry is not None:
                closes_s = closes_s if batch else time.monotonic() + self._batch_s
                batch.append(entry)
                samples_count += _samples_count(entry[1].message)
        return batch

    def _samples_max(self) -> int:
        alone = self._turn.calm_s() >= ALONE_S_MIN
        return COMMIT_SAMPLES_ALONE_MAX if alone else COMMIT_SAMPLES_MAX

    def _committed(
        self, db: StationDatabase, batch: list[tuple[Delivery, Arrival]]
    ) -> StationDatabase:
        """Commit a batch, however long it takes, then acknowledge; the connection to go on with."""
        pause_s = RETRY_S_MIN
        arrivals = [arrival for _, arrival in batch]
        failed: DiskFullError | StoreError | None = None
        while True:
            self._turns_count += 1
            try:
                if failed is not None:
                    db = self._renewed(db, failed)
                self._require_ballast()
                done = self._committer.commit(db, arrivals)
            except (DiskFullError, StoreError) as error:
                failed = failed if _is_suspect(failed) else error
                self._block(error)
                if self._stopping.wait(pause_s):
                    return db  # not stored and not acknowledged: the devices still have it
                pause_s = min(2 * pause_s, float(self._settings.retry_s_max))
            else:
                self._unblock()
                self._acknowledge([delivery for delivery, _ in batch], done)
                return db

    def _require_ballast(self) -> None:
        """Nothing is taken in while money lives on the ballast, also after a restart."""
        if not has_room(self._ballast):
            raise DiskFullError("expected room for the ballast before the intake goes on")

    def _renewed(self, db: StationDatabase, failed: DiskFullError | StoreError) -> StationDatabase:
        """A new connection after a fault; looked at first if the disk itself may be at fault.

        After a failed fsync the old connection's view of the file cannot be trusted, and
        what the kernel could not write it calls clean: a second fsync would succeed
        without it. A new transaction writes everything anew.
        """
        fresh = self._opened()
        if _is_suspect(failed):
            try:
                whole = require_sound(fresh, self._told.values())
            except StoreError as error:
                fresh.close()
                self._tell_damage(error)
                raise
            self._on_event("storage_verified", {"devices": len(self._told), "whole": int(whole)})
        db.close()
        return fresh

    def _tell_damage(self, error: StoreError) -> None:
        if not self._damaged:
            self._damaged = True
            self._on_event("storage_damaged", {"code": error.code, "detail": str(error)})

    def _block(self, error: DiskFullError | StoreError) -> None:
        if isinstance(error, DiskFullError):
            self._ballast.release()
        if not self._blocked.is_set():
            self._blocked.set()
            self._on_event("storage_blocked", {"code": error.code, "detail": str(error)})

    def _unblock(self) -> None:
        if self._blocked.is_set():
            self._blocked.clear()
            self._on_event("storage_released", {"shed": self._shed_count})

    def _acknowledge(self, deliveries: list[Delivery], done: Committed) -> None:
        if self._link is None:
            return
        self._link.acknowledge(deliveries)
        for watermark in done.watermarks.values():
            self._publish(self._link, watermark)
        self._told |= done.watermarks
        self._count(done)
        if self._shed_since_commit and self._queue.empty():
            # The broker holds what was let go as undelivered; it sends it on a new connection.
            self._shed_since_commit = False
            self._on_event("messages_shed", {"count": self._shed_count})
            self._link.renew()

    def _publish(self, link: BrokerLink, watermark: Watermark) -> None:
        document = sign_document(WATERMARK, encode(watermark), self._signer)
        link.publish(ack_topic(self._settings.site, watermark.device), document)

    def _count(self, done: Committed) -> None:
        self._batches_count += 1
        self._totals.samples_count += done.samples_count
        self._totals.known_count += done.known_count
        for reason, count in done.refused.items():
            self._totals.refused[reason] = self._totals.refused.get(reason, 0) + count
            self._on_event("messages_refused", {"reason": reason.value, "count": count})


def _is_suspect(error: DiskFullError | StoreError | None) -> bool:
    """Whether a fault speaks against the disk, and not only against its room or another writer."""
    return isinstance(error, StoreError) and not isinstance(error, StoreBusyError)


def _speakers(message: Heard | ForeignHeard | Refused) -> tuple[str, ...]:
    """Every device and gateway in whose name a message speaks; none of a refused one."""
    if isinstance(message, Refused):
        return ()
    if isinstance(message, ForeignHeard):
        return (message.gateway, *(sample.device for sample in message.samples))
    return (message.body.device,)


def _samples_count(message: Heard | ForeignHeard | Refused) -> int:
    if isinstance(message, Heard) and isinstance(message.body, Batch):
        return len(message.body.samples)
    return len(message.samples) if isinstance(message, ForeignHeard) else 0
