"""A village whose devices are cloned, replayed and copied, and whose honest ones have bad luck.

Real sensors of the simulated district say real values through the real committer; the
station computes its days and watches them. Each device has a habit by chance: most are
plain, some lose their memory, reboot, send late and twice and out of order, or begin each
boot in 1970, all of which look a little like fraud. Some lie from a day on. Herds pass
their gates morning and evening; strays, sold animals, gates beside a neighbour's path and
readers with a wrong clock are honest, tags that exist twice are not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from core.canonical import sha256_hex
from core.shape import encode
from core.signing import sign_document
from core.units import MS_PER_DAY, day_start_ms
from core.wire.registry import Subject, SubjectKind
from core.wire.telemetry import BIRTH, Batch, Birth, DeviceKind, Sample, topic
from edge_node.features.compute import compute_daily_features
from edge_node.intake.committer import Arrival, Committer
from edge_node.intake.messages import Heard
from edge_node.store import foreign, village
from edge_node.store.devices import put_device
from edge_node.watch.notices import NoticeKind
from edge_node.watch.rounds import open_notices, watch
from firmware_sim.district.places import DevicePlace
from firmware_sim.district.season import SeasonSpec
from firmware_sim.district.simulate import simulate_season
from firmware_sim.district.village import build_district
from firmware_sim.fleet.field import field_of
from firmware_sim.fleet.hours import moment_of
from firmware_sim.sensors.draws import Draws
from firmware_sim.sensors.faults import FaultRates, plan_faults
from firmware_sim.sensors.instrument import Instrument, read
from tests.support.edge_station import (
    SITE,
    database,
    device,
    device_signer,
    settings_for,
    signed_batch,
)

DAYS, BEFORE_DAYS = 30, 8  # looked at; lies begin after the first week
SAMPLES_A_DAY, BATCHES_A_DAY = 24, 2
EVERY_MS = MS_PER_DAY // SAMPLES_A_DAY
OFFSET_MS = 180 * 60_000
HOUR_MS, MINUTE_MS = 3_600_000, 60_000
KINDS = (DeviceKind.SOIL_PROBE, DeviceKind.WEATHER_STATION, DeviceKind.EAR_TAG_READER)
HABITS = (
    ("plain", 0.45), ("memory lost once", 0.60), ("memory lost thrice", 0.68), ("reboots", 0.80),
    ("late, twice, out of order", 0.93), ("1970 at boot", 1.0),
)  # fmt: skip
# What is planted in each village, and the rule that should see it.
COUNTER_LIES = ("clone with its numbers", "clone of its own epoch", "numbers again, altered",
                "flash put back")  # fmt: skip
COPY_LIES = ("own days again", "another's day")
BLIND_LIES = ("the very bytes again", "another's day, a digit altered")
# Reader, tags (code, retagging counter, checksum), when and how far that may be off [ms].
_Pass = tuple[str, list[tuple[str, int, bool]], int, int]
LIES = COUNTER_LIES + COPY_LIES + BLIND_LIES
HERD_WAYS = (
    ("plain", 0.55), ("a stray now and then", 0.75), ("an animal sold", 0.87),
    ("a reader's clock is wrong", 1.0),
)  # fmt: skip
HERD_LIES = ("a tag twice", "the herd lent for a count")
PATH = "past a neighbour's gate"
TAGS_A_HERD = 9


@dataclass(frozen=True, slots=True)
class Outcome:
    """A thing that was watched: what it does, since which day, and when it was flagged."""

    about: str
    way: str
    since: int
    flagged: dict[NoticeKind, int]


class CopiedVillage:
    """One seed: its devices and herds live for a month, then ``outcomes`` says how they fared."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.district = build_district(seed)
        spec = SeasonSpec(2026)
        self._truth = simulate_season(self.district, spec, seed)
        self._draws = Draws(seed, "copies")
        self._first = spec.first_day + timedelta(days=30)
        self.db, self._settings = database(folder), settings_for(folder)
        self._committer = Committer(self._settings)
        places = [each for each in self.district.devices if each.kind in KINDS]
        self._values = {each.device_id: self._measured(each) for each in places}
        self._kind = {each.device_id: each.kind for each in places}
        self._plant(places)
        self._register(places)
        self._queues: dict[str, list[_Said]] = {}
        self._next: Counter[tuple[str, str]] = Counter()

    def run(self) -> None:
        """Let the days pass, each heard, computed and watched."""
        for number in range(DAYS):
            now_ms = self._start_ms(number + 1)
            arrivals = [
                each.arrival(self._delay_ms(name, number), now_ms - MINUTE_MS)
                for name in self._values
                for each in self._said(name, number)
            ]
            arrivals.sort(key=lambda each: each.arrived_ms)
            self._committer.commit(self.db, arrivals)
            self._pass_gates(number)
            closed_ms = now_ms + self._settings.day_grace_ms
            compute_daily_features(self.db, self._settings, closed_ms)
            watch(self.db, self._settings, closed_ms)

    def outcomes(self) -> list[Outcome]:
        """How every device and herd fared."""
        first: dict[tuple[str, NoticeKind], int] = {}
        for notice in open_notices(self.db, self._first.isoformat()):
            day = (date.fromisoformat(notice.began_on) - self._first).days
            key = (notice.about, notice.kind)
            first[key] = min(day, first.get(key, day))
        ways = {**self._ways, **self._herd_ways}
        return [
            Outcome(
                about, way, since, {kind: day for (who, kind), day in first.items() if who == about}
            )
            for about, (way, since) in ways.items()
        ]

    def close(self) -> None:
        """Close the database."""
        self.db.close()

    def _start_ms(self, number: int) -> int:
        return day_start_ms(self._first + timedelta(days=number), OFFSET_MS)

    def _plant(self, places: Sequence[DevicePlace]) -> None:
        """Each lie at a device of its own, a habit at every other; the same for herds."""
        draws = self._draws
        self._ways: dict[str, tuple[str, int]] = {}
        self._mates: dict[str, str] = {}
        order = sorted(self._values, key=lambda name: draws.uniform("order", name))
        for lie in LIES:
            free = [name for name in order if name not in self._ways]
            name = next(one for one in free if any(self._alike(one, other) for other in free))
            self._ways[name] = (lie, BEFORE_DAYS + int(draws.between(0, 8, "since", lie)))
            mate = next(other for other in free if self._alike(name, other))
            self._mates[name] = mate
            self._ways[mate] = ("plain", DAYS)  # who is copied is honest
        for name in order:
            self._ways.setdefault(name, (_chosen(HABITS, draws.uniform("habit", name)), DAYS))
        read = {each.subject_id for each in places}
        herds = [herd.herd_id for herd in self.district.herds if herd.herd_id in read]
        shuffled = sorted(herds, key=lambda name: draws.uniform("herds", name))
        self._herd_ways = {
            name: (_chosen(HERD_WAYS, draws.uniform("herd", name)), DAYS) for name in shuffled
        }
        since = BEFORE_DAYS + int(draws.between(0, 8, "herd since"))
        lie = HERD_LIES[int(draws.between(0, 2, "herd lie"))] if len(herds) > 3 else HERD_LIES[0]
        self._twins = tuple(shuffled[:2])
        for name in self._twins:
            self._herd_ways[name] = (lie, since)
        self._path = shuffled[2:4] if len(shuffled) > 3 and draws.uniform("path") < 0.3 else []
        for name in self._path:
            self._herd_ways[name] = (PATH, DAYS)

    def _alike(self, name: str, other: str) -> bool:
        """Whether two devices are of one kind."""
        return name != other and self._kind[name] is self._kind[other]

    def _register(self, places: Sequence[DevicePlace]) -> None:
        with self.db.atomic():
            for plot in self.district.plots:
                village.keep_subject(self.db, Subject(
                    plot.plot_id, SubjectKind.PLOT, plot.farmer_id, plot.name, "maize", "s",
                    self._first.isoformat(), plot.area_m2,
                ))  # fmt: skip
            for zone in self.district.zones:
                village.keep_subject(
                    self.db, Subject(zone.subject_id, SubjectKind.VILLAGE, "", zone.name)
                )
            for herd in self.district.herds:
                village.keep_subject(self.db, Subject(
                    herd.herd_id, SubjectKind.HERD, herd.farmer_id, herd.name, heads=herd.heads,
                ))  # fmt: skip
        for place in places:
            put_device(self.db, device(place.device_id, place.subject_id, place.kind))

    def _measured(self, place: DevicePlace) -> list[list[dict[str, int]]]:
        """What a device measures, by day and sample."""
        spec, draws = self._truth.spec, Draws(self._draws.seed, place.device_id)
        begin, end = self._start_ms(0), self._start_ms(DAYS)
        at = field_of(self.district, self._truth, place)
        metrics = sorted(at(moment_of(spec, begin), moment_of(spec, begin)))
        instrument = Instrument(draws, begin, plan_faults(draws, metrics, begin, end, FaultRates()))
        before, days = moment_of(spec, begin - EVERY_MS), []
        for number in range(DAYS):
            day = []
            for n in range(SAMPLES_A_DAY):
                at_ms = self._start_ms(number) + n * EVERY_MS + MINUTE_MS
                now = moment_of(spec, at_ms)
                instrument, values = read(instrument, at(before, now), at_ms)
                before = now
                day.append(values)
            days.append(day)
        return days

    def _said(self, name: str, number: int) -> Iterator[_Said]:
        """The messages of a device on a day, as they come."""
        way, since = self._ways[name]
        lies = number >= since
        values = self._values[name][number]
        if lies and way == "own days again":
            values = self._values[name][number - BEFORE_DAYS]
        if lies and way.startswith("another's day"):
            values = self._values[self._mates[name]][number]
            if way == BLIND_LIES[1]:
                values = [{key: one + 1 + n % 3 for key, one in each.items()}
                          for n, each in enumerate(values)]  # fmt: skip
        yield from self._births(name, number, way)
        sent = [*self._batches(name, self._epoch(name, number, way), number, values)]
        yield from self._habitual(name, number, way, sent)
        if lies:
            yield from self._lied(name, number, way, sent)

    def _epoch(self, name: str, number: int, way: str) -> str:
        lost = {"memory lost once": 1, "memory lost thrice": 3}.get(way, 0)
        days = [self._draws.between(3, DAYS - 3, "lost", name, n) for n in range(lost)]
        if lost == 3:  # a bad contact: thrice within days
            days = [days[0], days[0] + 1.5, days[0] + 4]
        return f"e{1 + sum(number >= day for day in days)}"

    def _births(self, name: str, number: int, way: str) -> Iterator[_Said]:
        """A birth a boot; put-back flash counts boots from where its image was taken."""
        boots = number // 4 if way in ("reboots", "1970 at boot", "flash put back") else 0
        _, since = self._ways[name]
        if way == "flash put back" and number >= since:
            boots = (number - since) // 4
        again = way in ("reboots", "1970 at boot", "flash put back") and number % 4 == 0
        if number == 0 or again or (way == "flash put back" and number == since):
            epoch, kind = self._epoch(name, number, way), self._kind[name]
            birth = Birth(name, epoch, boots + 1, kind, "fw-1", (), self._start_ms(number), 1_000)
            raw = sign_document(BIRTH, encode(birth), device_signer(name))
            yield _Said(name, "b", Heard(birth, sha256_hex(raw), raw), self._start_ms(number))

    def _batches(
        self, name: str, epoch: str, number: int, values: Sequence[dict[str, int]], late_ms: int = 0
    ) -> Iterator[_Said]:
        """Two batches a day."""
        measured = [n for n, each in enumerate(values) if each]  # a sensor may be out
        for part in (
            measured[: SAMPLES_A_DAY // BATCHES_A_DAY],
            measured[SAMPLES_A_DAY // BATCHES_A_DAY :],
        ):
            first = self._next[name, epoch] + 1
            self._next[name, epoch] += len(part)
            taken = tuple(
                Sample(first + i, self._at_ms(name, number, n) + late_ms, 800, values[n])
                for i, n in enumerate(part)
            )
            if taken:
                yield _batch(Batch(name, epoch, 1, first, taken))

    def _delay_ms(self, name: str, number: int) -> int:
        """A message is heard within a minute; who copies another's day must hear it first."""
        way, since = self._ways[name]
        if way.startswith("another's day") and number >= since:
            return 10 * MINUTE_MS
        return int(MINUTE_MS * self._draws.uniform("delay", name, number))

    def _at_ms(self, name: str, number: int, sample: int) -> int:
        way, _ = self._ways[name]
        if way == "1970 at boot" and number % 4 == 0 and sample < 2:
            return 1_000 * (1 + sample)
        return self._start_ms(number) + sample * EVERY_MS + MINUTE_MS

    def _habitual(self, name: str, number: int, way: str, sent: list[_Said]) -> Iterator[_Said]:
        if way != "late, twice, out of order":
            yield from sent
            return
        queue = self._queues.setdefault(name, [])
        queue += sent
        if number % 3 == 2 or number == DAYS - 1:
            yield from (*reversed(queue), *queue)
            queue.clear()

    def _lied(self, name: str, number: int, way: str, sent: list[_Said]) -> Iterator[_Said]:
        """What somebody adds to what the device itself said."""
        other = self._values[self._mates[name]][number]
        strange = [{key: one + 7 for key, one in each.items()} for each in other if each]
        if way == "clone with its numbers":
            for each in sent:
                body = each.heard.body
                assert isinstance(body, Batch)
                taken = tuple(
                    Sample(s.seq, s.at_ms + 5 * MINUTE_MS, s.error_ms, said)
                    for s, said in zip(body.samples, strange, strict=False)
                )
                if taken:
                    yield _batch(Batch(name, body.epoch, 1, body.oldest, taken))
        elif way == "clone of its own epoch":
            yield from self._batches(name, "c1", number, strange, 65 * MINUTE_MS)
        elif way == "numbers again, altered":
            body = sent[0].heard.body if sent else None
            if not isinstance(body, Batch):
                return
            taken = tuple(
                Sample(s.seq, s.at_ms, s.error_ms, {k: v + 11 for k, v in s.values.items()})
                for s in body.samples
            )
            yield _batch(Batch(name, body.epoch, 1, body.oldest, taken))
        elif way == BLIND_LIES[0]:
            yield from sent

    def _pass_gates(self, number: int) -> None:
        """Every herd passes its gate morning and evening; some tags pass where they should not."""
        gate = {
            place.subject_id: place.device_id
            for place in self.district.devices
            if place.kind is DeviceKind.EAR_TAG_READER
        }
        with self.db.atomic():
            for n, herd in enumerate(self.district.herds):
                if herd.herd_id in gate:
                    for reader, tags, at_ms, error_ms in self._seen(herd.herd_id, n, number, gate):
                        at = (at_ms, error_ms)
                        foreign.put_sightings(self.db, reader, tags, at, at_ms)

    def _seen(self, herd: str, n: int, number: int, gate: dict[str, str]) -> Iterator[_Pass]:
        """A herd passes its own gate, and perhaps another's."""
        draws, (way, since) = self._draws, self._herd_ways[herd]
        own = [_tag(n, i) for i in range(TAGS_A_HERD)]
        out_ms, home_ms = self._gate_times(herd, number)
        others = [each for each in gate if each != herd]
        mate = others[int(draws.between(0, len(others), "mate", herd))]
        sold_on = draws.between(5, 25, "sold", herd)
        if way == "an animal sold" and number >= sold_on:
            gone = own.pop()
            if number >= sold_on + 1:
                yield gate[mate], [(gone, 0, True)], home_ms, 1_000
        stray = way == "a stray now and then" and draws.uniform("stray", herd, number) < 0.1
        yield gate[herd], [(tag, 0, True) for tag in own], out_ms, 1_000
        yield gate[herd], [(tag, 0, True) for tag in own[stray:]], home_ms, 1_000
        if stray:
            yield gate[mate], [(own[0], 0, True)], home_ms + 10 * MINUTE_MS, 1_000
        if way == PATH:
            twin = next(each for each in self._path if each != herd)
            passing_ms = out_ms + int(draws.between(3, 15, "path", herd, number)) * MINUTE_MS
            yield gate[twin], [(tag, 0, True) for tag in own], passing_ms, 1_000
        if way in HERD_LIES and number >= since and herd == self._twins[0]:
            yield from self._twin_seen(own, out_ms, number, gate)

    def _twin_seen(
        self, own: Sequence[str], out_ms: int, number: int, gate: dict[str, str]
    ) -> Iterator[_Pass]:
        """One tag in two herds, or a whole herd that is counted twice."""
        twin = self._twins[1]
        way, since = self._herd_ways[twin]
        if way == HERD_LIES[0]:  # the other animal with the same code, at its own gate
            for at_ms in self._gate_times(twin, number):
                yield gate[twin], [(own[0], 0, True)], at_ms, 1_000
        elif (number - since) % 5 == 0:
            yield gate[twin], [(tag, 0, True) for tag in own], out_ms + 3 * HOUR_MS, 1_000

    def _gate_times(self, herd: str, number: int) -> tuple[int, int]:
        """When a herd goes out and comes home, as its reader says [ms UTC]."""
        way, _ = self._herd_ways[herd]
        is_off = way == "a reader's clock is wrong"
        off = int(self._draws.between(-90, 90, "clock", herd)) if is_off else 0
        out, home = (
            self._start_ms(number)
            + (off + int(self._draws.between(low, low + 90, "gate", herd, number))) * MINUTE_MS
            for low in (330, 1_020)
        )
        return out, home


@dataclass(frozen=True, slots=True)
class _Said:
    """A message, to arrive at a time."""

    name: str
    leaf: str
    heard: Heard
    at_ms: int

    def arrival(self, delay_ms: int, latest_ms: int) -> Arrival:
        """The message as it came, some time after it was said."""
        came_ms = min(self.at_ms + delay_ms, latest_ms)
        return Arrival(self.heard, topic(SITE, self.name, self.leaf), came_ms)


def _batch(body: Batch) -> _Said:
    raw = signed_batch(body)
    at_ms = body.samples[-1].at_ms
    return _Said(body.device, "t", Heard(body, sha256_hex(raw), raw), at_ms)


def _tag(herd: int, number: int) -> str:
    return f"404{herd:06d}{number:06d}"


def _chosen(ways: Sequence[tuple[str, float]], chance: float) -> str:
    return next(way for way, upto in ways if chance < upto)
