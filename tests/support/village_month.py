"""Thirty days of a village in a station's logs, and a modelled 2G link to send them over.

Sixty devices take a sample every ten minutes and send six at once, signed; forty farmers
apply, consent and draw three times through the station's real desk. The link is a model
in virtual time: bytes at a rate, a latency each way, a round trip for a new connection,
cuts by chance; whatever crosses it is the real envelope of the real push.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from core.canonical import parse_canonical, sha256_hex
from core.errors import HarvestlineError
from core.scoring.features import DailyFeature
from core.units import MS_PER_DAY
from core.wire.envelope import LogClass
from core.wire.records import Up
from core.wire.telemetry import Batch, Sample
from edge_node.store import logs, outbox
from edge_node.sync.metering import UNMETERED
from edge_node.sync.rounds import Pace, Rhythm, Streak, sync_once
from edge_node.sync.wires import (
    KEPT_S_MAX,
    WINDOW_BYTES_MIN,
    WINDOW_GROWTH,
    Answer,
    CentreUnreachableError,
    LinkCutError,
)
from tests.support.centre import entropy
from tests.support.edge_station import device_signer, signed_batch
from tests.support.lending_station import APRIL_1, Station, onboarding

DAYS, FARMERS, DRAWS_EACH = 30, 40, 3
SAMPLE_MS, SAMPLES_A_BATCH = 600_000, 6
BATCHES_A_DAY = MS_PER_DAY // SAMPLE_MS // SAMPLES_A_BATCH
# What each kind of device measures (metric, level, spread), and its features of a day.
KINDS: dict[str, tuple[int, tuple[tuple[str, int, int], ...], tuple[str, ...]]] = {
    "soil": (
        30,
        (("soil_moisture_ppm", 210_000, 400), ("soil_temperature_mdeg_c", 21_000, 90)),
        ("soil_moisture_ppm", "soil_stress"),
    ),
    "weather": (
        10,
        (("rain_um", 0, 40), ("air_temperature_mdeg_c", 24_000, 150)),
        ("rain_um", "air_temperature_mean_mdeg_c", "air_temperature_max_mdeg_c"),
    ),
    "herd": (
        10,
        (("activity_steps", 300, 60), ("animals_seen_count", 18, 1)),
        ("activity_steps", "heads_count"),
    ),
    "machine": (
        10,
        (("engine_s", 200, 90), ("area_worked_m2", 300, 120), ("fuel_used_ml", 400, 90)),
        ("engine_s", "area_worked_m2", "fuel_used_ml"),
    ),
}
UP_LOGS = (LogClass.MONEY, LogClass.FEATURES, LogClass.RAW)


def devices() -> Iterator[tuple[str, tuple[tuple[str, int, int], ...], tuple[str, ...]]]:
    """Each device: its name, what it measures, its features."""
    for kind, (count, metrics, features) in KINDS.items():
        for n in range(count):
            yield f"{kind}-{n:02d}", metrics, features


def fill(
    station: Station, days: int = DAYS, farmers: int = FARMERS, batches_a_day: int = BATCHES_A_DAY
) -> None:
    """Let so many days happen at a station."""
    lend(station, farmers)
    chance = np.random.default_rng(5)
    for day in range(days):
        with station.db.atomic():
            for name, metrics, features in devices():
                _a_days_batches(station, name, metrics, (day, batches_a_day), chance)
                _a_days_features(station, name, features, day, chance)


def lend(station: Station, farmers: int) -> None:
    """Farmers apply and draw, each through the real desk."""
    lease = onboarding("on-2")
    wide = dataclasses.replace(lease, amount_minor=800_000 * farmers, lines_max=farmers)
    station.centre.say_lease(wide)
    station.populate(farmers)
    for number in range(1, farmers + 1):
        line_id = station.opened_line(number)
        for _ in range(DRAWS_EACH):
            station.draw(line_id, 200_000)


def _a_days_batches(
    station: Station, name: str, metrics: Any, span: tuple[int, int], chance: np.random.Generator
) -> None:
    (day, batches), signer = span, device_signer(name)
    steps = {
        metric: np.maximum(0, level + np.cumsum(chance.normal(0, spread, 144))).astype(int)
        for metric, level, spread in metrics
    }
    for batch in range(batches):
        first = (day * BATCHES_A_DAY + batch) * SAMPLES_A_BATCH
        samples = tuple(
            Sample(
                first + i + 1,
                APRIL_1 + (first + i) * SAMPLE_MS + int(chance.integers(900)),
                800,
                {metric: int(v[batch * SAMPLES_A_BATCH + i]) for metric, v in steps.items()},
            )
            for i in range(SAMPLES_A_BATCH)
        )
        document = signed_batch(Batch(name, "e1", 1, first + 1, samples), signer)
        body = parse_canonical(document, 10**6)
        logs.append(station.db, "kijani", Up.TELEMETRY, body, station.clock, sha256_hex(document))


def _a_days_features(
    station: Station, name: str, features: tuple[str, ...], day: int, chance: np.random.Generator
) -> None:
    on = (date(2026, 4, 1) + timedelta(days=day)).isoformat()
    for feature in features:
        readings = sha256_hex(f"{name}/{feature}/{day}".encode())
        value = int(chance.integers(250_000))
        one = DailyFeature(f"subject-{name}", feature, on, value, 10**6, 144, readings)
        logs.append(station.db, "kijani", Up.DAILY_FEATURE, one, station.clock)


@dataclass(frozen=True, slots=True)
class Radio:
    """How a link carries: each direction's rate, the latency each way, and its cuts.

    A cut comes by chance between ``up_ms_min`` and ``up_ms_max`` after the link returned
    and lasts between ``down_ms_min`` and ``down_ms_max``; 0 for a link without cuts.
    """

    bytes_per_s: int
    latency_ms: int
    up_ms_min: int = 0
    up_ms_max: int = 0
    down_ms_min: int = 5_000
    down_ms_max: int = 30_000


GPRS = Radio(30_000 // 8, 1_000, 60_000, 300_000)
HEADERS_UP_BYTES, HEADERS_DOWN_BYTES = 260, 180  # measured of httpx and uvicorn


class ModelLink:
    """Stands where ``CentreClient`` stands, in virtual time."""

    def __init__(self, radio: Radio, station: Station, seed: int = 3) -> None:
        self.radio, self.now_ms, self.cuts = radio, 0, 0
        self.sent_bytes = self.received_bytes = 0
        self._centre, self._chance = station.centre, np.random.default_rng(seed)
        self._connected, self.window_bytes = False, WINDOW_BYTES_MIN
        self._up_again_ms = 0
        self._cut_at_ms = self._next_cut()

    def post(self, path: str, content: bytes, content_type: str) -> Answer:
        """One exchange; it takes virtual time and may break off."""
        del content_type
        self._connect()
        began_ms = self.now_ms
        self.sent_bytes += len(content)
        self._pass(self._airtime_ms(len(content) + HEADERS_UP_BYTES) + self.radio.latency_ms)
        try:
            act = self._centre.take if path.endswith("envelopes") else self._centre.pull
            body = act(content)
        except HarvestlineError as error:
            return Answer(error.entry.http_status, str(error).encode())
        answered = body or b""
        self._pass(self._airtime_ms(len(answered) + HEADERS_DOWN_BYTES) + self.radio.latency_ms)
        self.received_bytes += len(answered)
        took_ms = self.now_ms - began_ms
        return Answer(204, b"", took_ms) if body is None else Answer(200, body, took_ms)

    def widen(self) -> None:
        """As ``CentreClient`` does."""
        self.window_bytes *= WINDOW_GROWTH

    def wait(self, pause_s: float) -> None:
        """Let time pass between rounds; an idle connection is kept for a while."""
        self._connected = self._connected and pause_s < KEPT_S_MAX
        self.now_ms += int(pause_s * 1000)

    def _airtime_ms(self, count_bytes: int) -> int:
        return count_bytes * 1000 // self.radio.bytes_per_s

    def _next_cut(self) -> int | None:
        if not self.radio.up_ms_max:
            return None
        lasts_ms = self._chance.integers(self.radio.up_ms_min, self.radio.up_ms_max + 1)
        return max(self.now_ms, self._up_again_ms) + int(lasts_ms)

    def _connect(self) -> None:
        if self._cut_at_ms is not None and self.now_ms >= self._cut_at_ms:
            self._cut()
        if self.now_ms < self._up_again_ms:
            raise CentreUnreachableError("the link is cut")
        if not self._connected:
            self._pass(2 * self.radio.latency_ms)
            self._connected, self.window_bytes = True, WINDOW_BYTES_MIN

    def _pass(self, takes_ms: int) -> None:
        ends_ms = self.now_ms + takes_ms
        if self._cut_at_ms is not None and ends_ms > self._cut_at_ms:
            self.now_ms = self._cut_at_ms
            self._cut()
            raise LinkCutError("the exchange broke off")
        self.now_ms = ends_ms

    def _cut(self) -> None:
        self.cuts, self._connected = self.cuts + 1, False
        lasts_ms = self._chance.integers(self.radio.down_ms_min, self.radio.down_ms_max + 1)
        self._up_again_ms = (self._cut_at_ms or 0) + int(lasts_ms)
        self._cut_at_ms = self._next_cut()


@dataclass
class Sent:
    """How a month went over a link."""

    done_ms: dict[LogClass, int] = dataclasses.field(default_factory=dict)
    sent_bytes: int = 0
    cuts: int = 0
    rounds: int = 0


def send(station: Station, link: ModelLink, rounds_max: int = 100_000) -> Sent:
    """Sync as ``run_rounds`` does until all is receipted; when each log was whole [ms]."""
    rhythm = Rhythm(Pace(60, 60), UNMETERED, entropy("month"))
    sent, streak = Sent(), Streak()
    while len(sent.done_ms) < len(UP_LOGS) and sent.rounds < rounds_max:
        done = sync_once(
            station.db, station.ends, link, station.clock,  # type: ignore[arg-type]
            rest_first=streak.rest_first,
        )  # fmt: skip
        sent.rounds += 1
        for log in UP_LOGS:
            if outbox.delivered(station.db, log) == logs.tail(station.db, log):
                sent.done_ms.setdefault(log, link.now_ms)
        streak = streak.after(done)
        link.wait(rhythm.pause_s(done, streak.failures_count))
    sent.sent_bytes, sent.cuts = link.sent_bytes, link.cuts
    return sent
