"""Prometheus metrics of a running station, at ``/metrics`` beside its pages.

Names and units as Prometheus has them (base units, ``_total`` for counters). Labels come
from short fixed lists: a log's class, a part, an outcome. No person, device, plot, line or
amount of money is in them.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from core.lending.lease import Clock
from edge_node.commands.standing import Backlog, backlog, counts
from edge_node.config import LOOPBACK_NAMES, Settings
from edge_node.intake.intake import IntakeState
from edge_node.store import outbox
from edge_node.store.database import StationDatabase

PATH = "/metrics"
PREFIX = "harvestline_edge_"
MS_PER_S = 1_000


@dataclass(frozen=True, slots=True)
class Measured:
    """Where the numbers come from: settings, clock, intake, parts' silence, certificate's end."""

    settings: Settings
    clock: Callable[[], Clock]
    intake: Callable[[], IntakeState]
    quiet_ms: Callable[[], Mapping[str, int]]
    certificate_end_ms: Callable[[], int]


class StationCollector(Collector):
    """Collects a station's numbers when it is asked."""

    def __init__(self, db: StationDatabase, sources: Measured) -> None:
        self._db, self._sources, self._turn = db, sources, threading.Lock()

    def collect(self) -> Iterator[Metric]:
        """Every metric, as it stands now."""
        with self._turn:
            clock = self._sources.clock()
            yield from _intake(self._sources.intake())
            yield from _backlog(backlog(self._db, clock))
            yield from _link(outbox.link_state(self._db))
            yield from self._lending(clock)
            yield from self._machine()

    def _lending(self, clock: Clock) -> Iterator[Metric]:
        found = counts(self._db, clock)
        yield _gauge("clock_known", "Whether leases may be drawn by the clock.", int(clock.known))
        yield _gauge(
            "clock_error_seconds",
            "How far the clock may be off.",
            max(0, clock.error_ms) / MS_PER_S,
        )
        yield _gauge("box_may_write", "Whether this is the confirmed box.", int(found.may_write))
        yield _gauge("model_current", "Whether a model scores within its dates.", found.model)
        yield _gauge("leases_open", "Leases that are not closed.", found.leases)
        yield _gauge("leases_held", "Leases that another box may have spent.", found.held)
        yield _gauge("draws_pending", "Draws neither posted nor voided.", found.pending)
        yield _gauge("devices_registered", "Devices that may speak.", found.devices)
        yield _gauge("devices_heard", "Devices heard within a day.", found.heard)

    def _machine(self) -> Iterator[Metric]:
        settings = self._sources.settings
        free = shutil.disk_usage(settings.folder).free
        yield _gauge("disk_free_bytes", "Free where the database is.", free)
        database = settings.database_path
        size = _size(database) + _size(database.with_name(f"{database.name}-wal"))
        yield _gauge("database_bytes", "Database with its write-ahead log.", size)
        yield _gauge("ballast_bytes", "Space set aside.", _size(settings.ballast_path))
        end_ms = self._sources.certificate_end_ms()
        if end_ms:
            yield _gauge(
                "certificate_end_timestamp_seconds",
                "When the certificate ends.",
                end_ms // MS_PER_S,
            )
        quiet = GaugeMetricFamily(
            f"{PREFIX}part_quiet_seconds", "Since a part has turned.", labels=["part"]
        )
        for part, quiet_ms in self._sources.quiet_ms().items():
            quiet.add_metric([part], quiet_ms / MS_PER_S)
        yield quiet


def _intake(state: IntakeState) -> Iterator[Metric]:
    yield _gauge("intake_connected", "Whether devices are heard.", int(state.connected))
    yield _gauge(
        "storage_blocked", "Whether nothing is acknowledged for want of room.",
        int(state.storage_blocked),
    )  # fmt: skip
    samples = CounterMetricFamily(
        f"{PREFIX}samples", "Samples since the start, by outcome.", labels=["outcome"]
    )
    samples.add_metric(["stored"], state.samples_count)
    samples.add_metric(["known"], state.known_count)
    yield samples
    yield _counter("messages_refused", "Messages kept in quarantine.", state.refused_count)
    yield _counter("messages_shed", "Messages let go unacknowledged.", state.shed_count)
    yield _counter("batches", "Batches committed.", state.batches_count)


def _backlog(found: tuple[Backlog, ...]) -> Iterator[Metric]:
    records = GaugeMetricFamily(
        f"{PREFIX}backlog_records", "Records without a receipt.", labels=["log"]
    )
    size = GaugeMetricFamily(f"{PREFIX}backlog_bytes", "Their size.", labels=["log"])
    age = GaugeMetricFamily(f"{PREFIX}backlog_age_seconds", "Age of the oldest.", labels=["log"])
    for one in found:
        records.add_metric([one.log], one.records_count)
        size.add_metric([one.log], one.size_bytes)
        age.add_metric([one.log], one.age_ms / MS_PER_S)
    yield from (records, size, age)


def _link(state: outbox.LinkState) -> Iterator[Metric]:
    yield _gauge("link_up", "Whether the latest round reached the centre.", int(state.up))
    yield _gauge(
        "link_reached_timestamp_seconds", "When a round last did.", state.reached_at_ms // MS_PER_S
    )
    yield _counter("link_sent_bytes", "Bytes sent to the centre.", state.sent_bytes)
    yield _counter("link_received_bytes", "Bytes received from it.", state.received_bytes)


def _gauge(name: str, said: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, said, value=value)


def _counter(name: str, said: str, value: float) -> Metric:
    return CounterMetricFamily(PREFIX + name, said, value=value)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def registry_of(collector: StationCollector) -> CollectorRegistry:
    """The station's own numbers, and those of its process."""
    registry = CollectorRegistry()
    registry.register(collector)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry


class MetricsDoor:
    """Answers ``/metrics`` and sends all other requests on.

    Parameters
    ----------
    pages
        Everything else.
    registry
        What is shown.
    loopback_only
        Whether only this machine may ask.
    """

    def __init__(self, pages: ASGIApp, registry: CollectorRegistry, *, loopback_only: bool) -> None:
        self._pages, self._registry, self._loopback_only = pages, registry, loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._pages(scope, receive, send)
            return
        response: Response = PlainTextResponse("metrics are shown to this machine only\n", 403)
        if not self._loopback_only or (scope.get("client") or ("",))[0] in LOOPBACK_NAMES:
            text = await run_in_threadpool(generate_latest, self._registry)
            response = Response(text, media_type=CONTENT_TYPE_LATEST)
        await response(scope, receive, send)
