"""A small lender for tests: a centre, a village of three farmers, a station, a satellite."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Self

from core.canonical import canonical_hash
from core.lending.product import Product, parse_product
from core.scoring.features import Direction, FeatureDefinition, Source
from core.scoring.points import FeatureTable, PdStep, PointsTable
from core.shape import decode, encode
from core.signing import open_document, sign_document
from core.units import MS_PER_DAY, day_start_ms
from core.wire.envelope import (
    GENESIS,
    PULL,
    RECEIPT,
    Envelope,
    LogClass,
    LogName,
    Pull,
    Receipt,
    Record,
    chain_head,
    pack,
    unpack,
)
from core.wire.evidence import EVIDENCE, Evidence, EvidenceKind, Season, Stage, YieldEstimate
from core.wire.modelfile import Model, TrainingSummary
from core.wire.registry import (
    Device,
    Dossier,
    Farmer,
    Registry,
    Subject,
    SubjectKind,
    ring_sha256_input,
)
from core.wire.telemetry import DeviceKind
from server.config import Settings
from server.keys import KeyPair, KeyRing, Seals, key_pair
from server.services import enrolment
from server.services.centre import Centre
from server.services.origination import open_lines
from server.services.pulls import answer_pull
from server.store.engine import Store, open_store
from server.store.people import Actor
from tests.support.centre_store import lay_out
from tests.support.model_desk import put_in_force
from tests.support.passwords import cheap_hash

TESTER = Actor("tester", "operator")
# What the forms cover that farmers sign at enrolment.
ENROLLED = ("automated_decision", "device_readings", "satellite_images")
STATION = "st-one"
SITE = "village-one"
SEASON_START = date(2026, 3, 15)
PRODUCTS = Path(__file__).resolve().parent / "terms"


@dataclass
class Clock:
    """A clock that a test moves."""

    at_ms: int = day_start_ms(SEASON_START) + 9 * 3_600_000

    def now_ms(self) -> int:
        return self.at_ms

    def set_day(self, day: date) -> None:
        self.at_ms = day_start_ms(day) + 9 * 3_600_000

    def add_days(self, days: int) -> None:
        self.at_ms += days * MS_PER_DAY


@dataclass
class Counter:
    """Identifiers and tokens in order, all different."""

    last: int = 0

    def next_id(self) -> str:
        self.last += 1
        return f"00000000-0000-7000-8000-{self.last:012d}"

    def next_token(self) -> str:
        self.last += 1
        return f"{self.last:064x}"


def keys_of(name: str, seed: int) -> KeyPair:
    return key_pair(name, bytes([seed]) * 32, bytes([seed + 100]) * 32)


@dataclass
class StationKit:
    """A base station as the centre hears it: its keys and its logs."""

    keys: KeyPair
    centre_seal_key: str
    centre_seal_key_id: str
    centre_public_key: str
    records: dict[LogClass, list[Record]] = field(default_factory=dict)
    down: list[Record] = field(default_factory=list)
    down_head: str = GENESIS

    def name(self, log: LogClass) -> LogName:
        return LogName(self.keys.name, log)

    def write(self, log: LogClass, kind: str, body: object, at_ms: int) -> Record:
        run = self.records.setdefault(log, [])
        run.append(Record(len(run) + 1, kind, at_ms, 0, encode(body)))
        return run[-1]

    def envelope(self, log: LogClass, first: int = 1, last: int | None = None) -> bytes:
        run = self.records[log]
        last = len(run) if last is None else last
        previous = chain_head(self.name(log), GENESIS, run[: first - 1])
        seal = (self.centre_seal_key_id, Seals((self.centre_seal_key,)))
        return pack(self.name(log), previous, run[first - 1 : last], self.keys, seal)

    def receipt(self, data: bytes) -> Receipt:
        ring = KeyRing((self.centre_public_key,))
        return decode(Receipt, open_document(data, RECEIPT, ring).body)

    def pull_bytes(self, at_ms: int) -> bytes:
        pull = Pull(self.keys.name, len(self.down), self.down_head, at_ms)
        return sign_document(PULL, encode(pull), self.keys)

    def take_down(self, data: bytes) -> list[Record]:
        envelope: Envelope = unpack(data, KeyRing((self.centre_public_key,)), self.keys)
        assert envelope.header.previous == self.down_head
        self.down += envelope.records
        self.down_head = envelope.header.head
        return list(envelope.records)

    def pull(self, centre: Centre) -> list[Record]:
        """Everything new of the centre's log."""
        found: list[Record] = []
        while (data := answer_pull(centre, self.pull_bytes(centre.now_ms()))) is not None:
            found += self.take_down(data)
        return found

    def bodies(self, kind: str) -> list[Any]:
        return [record.body for record in self.down if record.kind == kind]


@dataclass
class Kit:
    """Everything that a test of the centre needs."""

    centre: Centre
    clock: Clock
    ids: Counter
    station: StationKit
    satellite: KeyPair
    product: Product
    looks: int = 0

    def read(self, act: Any, *arguments: Any) -> Any:
        with self.centre.store.reading() as tx:
            return act(tx, *arguments)

    def evidence(
        self,
        subject_id: str,
        as_of: date,
        stage: Stage = Stage.SOWING,
        p10: int | None = None,
        **changes: Any,
    ) -> bytes:
        """A signed evidence document of the registered satellite."""
        self.looks += 1
        signer = changes.pop("signer", self.satellite)
        kind = EvidenceKind.PASTURE if subject_id.startswith("pasture") else EvidenceKind.CROP
        spread = p10 or 0
        estimate = YieldEstimate(
            spread * 9 // 10, spread, spread * 13 // 10, spread * 16 // 10, spread * 17 // 10,
            "test", "0" * 64,
        )  # fmt: skip
        body = Evidence(
            evidence_id=changes.pop("evidence_id", f"ev-{self.looks:04d}"),
            kind=kind,
            subject_id=subject_id,
            subject_sha256=changes.pop("subject_sha256", ring_sha256(subject_id)),
            season_id=changes.pop("season_id", self.product.season_id),
            crop="maize",
            index="ndvi",
            as_of=as_of.isoformat(),
            clear_looks=self.looks,
            stage=stage,
            season=Season(),
            observations=(),
            curve=(),
            scenes=(),
            software="test",
            last_clear_on=changes.pop("last_clear_on", as_of.isoformat()),
            stage_observed_on=None if stage is Stage.SOWING else as_of.isoformat(),
            anomaly_ppm=changes.pop("anomaly_ppm", 0),
            yield_estimate=estimate if p10 is not None else None,
            findings=changes.pop("findings", None),
        )
        assert not changes, changes
        return sign_document(EVIDENCE, encode(body), signer)


def ring_of(subject_id: str) -> list[list[float]]:
    east = 34.0 + (int(canonical_hash(subject_id)[:6], 16) % 1000) / 10_000
    return [[east, 0.5], [east + 0.001, 0.5], [east + 0.001, 0.501], [east, 0.501], [east, 0.5]]


def ring_sha256(subject_id: str) -> str:
    return canonical_hash(ring_sha256_input([(x, y) for x, y in ring_of(subject_id)]))


def product_of(name: str) -> Product:
    return parse_product(tomllib.loads((PRODUCTS / f"{name}.toml").read_text(encoding="utf-8")))


def subjects() -> tuple[Subject, ...]:
    def plot(subject_id: str, farmer_id: str, area_m2: int) -> Subject:
        return Subject(
            subject_id, SubjectKind.PLOT, farmer_id, subject_id, "maize", "2026-long-rains",
            (SEASON_START - timedelta(days=5)).isoformat(), area_m2,
        )  # fmt: skip

    return (
        plot("plot-a1", "farmer-a", 10_000),
        plot("plot-a2", "farmer-a", 20_000),
        plot("plot-b1", "farmer-b", 16_000),
        plot("plot-c1", "farmer-c", 8_000),
        Subject("herd-b", SubjectKind.HERD, "farmer-b", "herd", heads=20, pasture_id="pasture-1"),
        Subject("pasture-1", SubjectKind.PASTURE, "", "pasture", area_m2=500_000),
    )


def village() -> Registry:
    device = keys_of("probe-1", 40).identity()
    return Registry(
        site=SITE,
        name="Village One",
        utc_offset_minutes=180,
        currency="KES",
        farmers=tuple(
            Farmer(f"farmer-{letter}", f"Name {letter.upper()}", "en", STATION, 4)
            for letter in "abc"
        ),
        subjects=subjects(),
        devices=(
            Device(
                "probe-1", DeviceKind.SOIL_PROBE, "plot-a1", STATION, device.public_key, "0" * 64
            ),
        ),
        dossiers=(
            _dossier("farmer-a", 3),
            _dossier("farmer-b", 2),
            _dossier("farmer-c", 0),
        ),
    )


def _dossier(farmer_id: str, repaid: int) -> Dossier:
    known = {"years_member_count": repaid + 1, "past_seasons_repaid_count": repaid}
    return Dossier(farmer_id, "2026-03-01", known)


def polygons() -> dict[str, dict[str, Any]]:
    return {
        subject.subject_id: {"type": "Polygon", "coordinates": [ring_of(subject.subject_id)]}
        for subject in subjects()
        if subject.area_m2
    }


def model(version: int = 1) -> Model:
    """A model that approves whoever has repaid a season."""
    names = ("past_seasons_repaid_count", "years_member_count", "household_size_count", "area_m2")
    definitions = tuple(
        FeatureDefinition(
            name, "", 0, 2_000_000, Direction.SAFER, Source.HISTORY, "", 2, f"{name} is low."
        )
        for name in names
    )
    tables = tuple(
        FeatureTable(name, (1,), (0, 100 if name == names[0] else 0), 0, 100) for name in names
    )
    return Model(
        name="test-points",
        version=version,
        table=PointsTable(500, tables, (), (PdStep(0, 300_000), PdStep(550, 50_000)), 0, 0),
        features=definitions,
        training=TrainingSummary("0" * 64, 1, 1, 700_000, 300_000, True, "made by hand for tests"),
        valid_from_ms=0,
        valid_to_ms=day_start_ms(date(2027, 1, 1)),
    )


def build_kit(store: Store, settings: Settings) -> Kit:
    """A centre with a village, enrolled and stocked."""
    kit = take_kit(store, settings)
    centre = kit.centre
    for name in ("crop-season", "livestock"):
        enrolment.add_product(centre, product_of(name), TESTER)
    put_in_force(centre, json.dumps(encode(model())).encode())
    enrolment.enroll_station(centre, kit.station.keys.identity(), TESTER)
    enrolment.enroll_satellite(centre, kit.satellite.identity(), TESTER)
    enrolment.import_village(centre, village(), polygons(), TESTER)
    return kit


def take_kit(store: Store, settings: Settings, ids_last: int = 0) -> Kit:
    """The same with a database that holds the village: a copy of one that was built.

    Parameters
    ----------
    ids_last
        How many identifiers were given while it was built.
    """
    clock, ids = Clock(), Counter(ids_last)
    keys = keys_of(settings.name, 1)
    centre = Centre(
        settings, store, keys, clock.now_ms, ids.next_id, ids.next_token,
        password_hash=cheap_hash,
    )  # fmt: skip
    station = StationKit(
        keys=keys_of(STATION, 2),
        centre_seal_key=keys.identity().seal_key,
        centre_seal_key_id=keys.seal_key_id,
        centre_public_key=keys.identity().public_key,
    )
    return Kit(centre, clock, ids, station, keys_of("sat-one", 3), product_of("crop-season"))


@dataclass(frozen=True, slots=True)
class BuiltVillage:
    """A database with the village, to be copied and never written to.

    Building it anew for every test took a third of the time of the centre's tests.
    """

    database: str
    ids_last: int

    @classmethod
    def at(cls, database: str, url: str) -> Self:
        """Build it in an empty database."""
        store = open_store(url, Settings().tenant_id)
        try:
            lay_out(store)
            return cls(database, build_kit(store, Settings()).ids.last)
        finally:
            store.close()


def open_known(kit: Kit, product_id: str = "crop-season") -> Sequence[Any]:
    """Open the centre's lines for farmers with a repaid season."""
    return open_lines(kit.centre, product_id, 1_000_000, ENROLLED, TESTER)
