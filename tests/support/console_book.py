"""A centre with a village, a season of evidence and a station's envelopes: for the console.

Everything goes through the services that a running centre uses: registry import,
signed evidence, sealed envelopes, decision cards, reviews, leases. Nothing is
written past them.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from core.canonical import canonical_bytes, parse_canonical
from core.decision.card import CARD, DecisionCard
from core.decision.policy import DecisionInputs, Verdict, decide
from core.lending.lease import DrawState
from core.lending.product import Product, parse_product
from core.scoring.features import FeatureValue
from core.scoring.points import FeatureTable, PdStep, PointsTable
from core.shape import decode, encode
from core.signing import DOCUMENT_BYTES_MAX, sign_document
from core.units import civil_day, day_start_ms
from core.wire import envelope as env
from core.wire import records as rec
from core.wire import registry as reg
from core.wire.evidence import EVIDENCE, Anomalies, Evidence, Findings, Flag, Observability
from core.wire.modelfile import Model, TrainingSummary
from server.config import Settings
from server.keys import KeyPair, Seals, key_pair
from server.services.centre import Centre
from server.services.enrolment import (
    add_product,
    add_user,
    enroll_satellite,
    enroll_station,
    import_village,
)
from server.services.envelopes import accept_envelope
from server.services.evidence import accept_evidence
from server.services.origination import open_lines
from server.services.posting import RepaymentRequest, take_repayment
from server.services.pulls import answer_pull
from server.store import leases, lines, models, products, registry
from server.store.engine import open_store
from server.store.people import Actor, Role
from server.training.catalogue import read_catalogue
from server.training.command import CATALOGUE
from tests.support.centre_store import lay_out
from tests.support.console_evidence import SEASON, SOWN, Looks, seen_of_pasture, seen_of_plot
from tests.support.model_desk import put_in_force
from tests.support.passwords import cheap_hash

PRODUCTS = Path(__file__).resolve().parent / "terms"
ROOT = Actor("test", "supervisor")
PASSWORD = "rain on dry soil"
STATION = "kijani"
NEWCOMERS = 3
OPENED = date(2026, 3, 25)
PURPOSES = ("automated_decision", "satellite_images", "device_readings")
GIVEN = ("Amina", "Baraka", "Chiku", "Daudi", "Esther", "Faraji", "Grace", "Hamisi")
FAMILY = ("Otieno", "Wanjiru", "Mwangi", "Achieng", "Kiptoo", "Njoroge")
EARTH_M_PER_DEGREE = 111_320


@dataclass
class Book:
    """A centre whose clock stands where the test puts it."""

    centre: Centre
    station: KeyPair
    satellite: KeyPair
    at_ms: list[int]
    ids: Iterator[int]
    sent: list[env.Record] = field(default_factory=list)

    def on(self, day: date, hour: int = 8) -> int:
        """Set the clock to an hour of a day; the instant [ms UTC]."""
        self.at_ms[0] = day_start_ms(day) + hour * 3_600_000
        return self.at_ms[0]

    def new_id(self) -> str:
        """The next id, in the form of a UUIDv7."""
        return id_of(next(self.ids))

    def send(self, *records: tuple[rec.Up, Any]) -> None:
        """Let the station send records of its money log in a sealed envelope."""
        name = env.LogName(STATION, env.LogClass.MONEY)
        first = len(self.sent) + 1
        run = [
            env.Record(first + i, kind.value, self.at_ms[0] + i, 900, encode(body))
            for i, (kind, body) in enumerate(records)
        ]
        previous = env.chain_head(name, env.GENESIS, self.sent)
        mine = self.centre.keys.identity()
        seals = Seals([mine.seal_key])
        data = env.pack(name, previous, run, self.station, (self.centre.keys.seal_key_id, seals))
        accept_envelope(self.centre, data)
        self.sent += run


def build_book(folder: Path, farmers: int = 26, every_days: int = 10) -> Book:
    """The season from sowing to the middle of July, with a drought on a third of the plots."""
    book = new_book(folder)
    _people(book)
    village, polygons = _village(farmers)
    enroll_station(book.centre, book.station.identity(), ROOT)
    enroll_satellite(book.centre, book.satellite.identity(), ROOT)
    import_village(book.centre, village, polygons, ROOT)
    for name in ("crop-season", "livestock"):
        table = tomllib.loads((PRODUCTS / f"{name}.toml").read_text(encoding="utf-8"))
        add_product(book.centre, parse_product(table), ROOT)
    put_in_force(book.centre, canonical_bytes(encode(catalogue_model())))
    book.on(OPENED)
    for product_id in ("crop-season", "livestock"):
        open_lines(book.centre, product_id, 1_000_000, PURPOSES, ROOT)
    _season(book, farmers, every_days)
    return book


def id_of(number: int) -> str:
    """A number in the form of a UUIDv7."""
    return f"01960000-0000-7000-8000-{number:012x}"


def new_book(folder: Path) -> Book:
    """An empty centre in a folder."""
    secret = folder / "session.secret"
    secret.write_text("0f" * 32, encoding="utf-8")
    secret.chmod(0o600)
    settings = Settings(
        database_url=f"sqlite:///{folder / 'centre.sqlite'}", session_secret_file=str(secret)
    )
    store = open_store(settings.database_url, settings.tenant_id)
    lay_out(store)
    at_ms, ids = [day_start_ms(OPENED)], count(1)
    tokens = count(1)
    return Book(
        centre=Centre(
            settings=settings,
            store=store,
            keys=key_pair("centre", b"c" * 32, b"d" * 32),
            now_ms=lambda: at_ms[0],
            new_id=lambda: id_of(next(ids)),
            new_token=lambda: hashlib.sha256(f"token {next(tokens)}".encode()).hexdigest(),
            password_hash=cheap_hash,
        ),
        station=key_pair(STATION, b"s" * 32, b"t" * 32),
        satellite=key_pair("satellite", b"p" * 32, b"q" * 32),
        at_ms=at_ms,
        ids=ids,
    )


def _people(book: Book) -> None:
    for role in (Role.LENDER, Role.SUPERVISOR, Role.AUDITOR, Role.CASHIER):
        add_user(book.centre, role.value, PASSWORD, role, ROOT)


def is_dry(number: int) -> bool:
    """Whether the drought hits this farmer's plot."""
    return number % 3 == 2


def _village(count_: int) -> tuple[reg.Registry, dict[str, dict[str, Any]]]:
    farmers, subjects, dossiers = [], [], []
    polygons: dict[str, dict[str, Any]] = {}
    for n in range(count_):
        farmer_id, plot_id = f"f-{n:03d}", f"plot-{n:03d}"
        given = GIVEN[n % 8]
        name = f"{given} {FAMILY[(n // 3) % 6]}"
        farmers.append(reg.Farmer(farmer_id, name, "sw", STATION, 3 + n % 5))
        polygons[plot_id], area_m2 = _ring(n)
        subjects.append(
            reg.Subject(
                plot_id, reg.SubjectKind.PLOT, farmer_id, f"{given}’s field {n + 1}",
                crop="maize", season_id=SEASON, sown_on=SOWN.isoformat(), area_m2=area_m2,
            )
        )  # fmt: skip
        if n % 6 == 1:
            subjects.append(
                reg.Subject(
                    f"herd-{n:03d}", reg.SubjectKind.HERD, farmer_id, f"{given}’s herd",
                    heads=4 + n % 7, pasture_id="pasture-1",
                )
            )  # fmt: skip
        newcomer = n >= count_ - NEWCOMERS
        dossiers.append(reg.Dossier(farmer_id, "2026-03-01", _history(n, newcomer=newcomer)))
    polygons["pasture-1"], area_m2 = _ring(count_ + 8, scale=7.0)
    subjects.append(
        reg.Subject("pasture-1", reg.SubjectKind.PASTURE, "f-000", "Lower pasture", area_m2=area_m2)
    )
    village = reg.Registry(
        "kijani", "Kijani", 180, "KES", tuple(farmers), tuple(subjects), (), tuple(dossiers)
    )
    return village, polygons


def _history(n: int, *, newcomer: bool) -> dict[str, int]:
    late = 45 if n % 9 == 7 else n % 4
    return {
        "years_member_count": 2 + n % 9,
        "past_seasons_repaid_count": 0 if newcomer else 1 + n % 6,
        "past_late_days": late,
        "other_debt_minor": 200_000 * (n % 5),
        "cash_need_ratio_ppm": 250_000 + 20_000 * (n % 7),
    }


def _ring(n: int, scale: float = 1.0) -> tuple[dict[str, Any], int]:
    """A slanted four-cornered field beside a river, and its area [m²]."""
    east, north = 34.56 + 0.0024 * (n % 6), 0.18 + 0.0021 * (n // 6)
    width_m, height_m = (90 + 13 * (n % 5)) * scale, (80 + 9 * (n % 7)) * scale
    corners = [(0.0, 0.0), (1.0, 0.12), (1.08, 1.0), (0.1, 0.9), (0.0, 0.0)]
    ring = [
        [
            round(east + x * width_m / EARTH_M_PER_DEGREE, 7),
            round(north + y * height_m / EARTH_M_PER_DEGREE, 7),
        ]
        for x, y in corners
    ]
    return {"type": "Polygon", "coordinates": [ring]}, round(width_m * height_m * 0.9)


def catalogue_model() -> Model:
    """A model over the shipped catalogue: three bins a feature, safer in its direction."""
    rules = read_catalogue(CATALOGUE)
    cuts = {
        "years_member_count": (3, 7), "past_seasons_repaid_count": (2, 4),
        "past_late_days": (5, 30), "area_m2": (7_000, 11_000), "household_size_count": (5, 7),
        "other_debt_minor": (300_000, 700_000), "cash_need_ratio_ppm": (300_000, 360_000),
        "soil_stress_days": (6, 15), "rain_deficit_ppm": (0, 200_000),
        "ndvi_anomaly_ppm": (-120_000, 40_000), "herd_heads_count": (1, 6),
        "machine_hours_count": (4, 12), "stage_seen_count": (2, 4),
        "herd_steps_per_day": (2_000, 4_000),
    }  # fmt: skip
    tables = tuple(
        FeatureTable(
            definition.name,
            cuts[definition.name],
            (-30, 0, 14) if definition.direction.value == "safer" else (14, 0, -30),
            -2,
            3,
        )
        for definition in rules.feature
    )
    steps = (PdStep(0, 300_000), PdStep(480, 200_000), PdStep(520, 110_000), PdStep(560, 40_000))
    summary = TrainingSummary(
        "0" * 64, 4000, 420, 760_000, 400_000, True, "written by hand for tests"
    )
    valid = (day_start_ms(date(2026, 1, 1)), day_start_ms(date(2027, 1, 1)))
    return Model("crop-season-points", 1, PointsTable(550, tables, (), steps, 500, 520),
                 rules.feature, summary, *valid)  # fmt: skip


def _season(book: Book, farmers: int, every_days: int) -> None:
    day = date(2026, 4, 2)
    while day <= date(2026, 7, 11):
        book.on(day, 11)
        for n in range(farmers):
            if not (n % 13 == 5 and day > date(2026, 5, 1)):  # one is hidden by clouds
                accept_evidence(book.centre, crop_evidence(book, n, day, every_days))
        accept_evidence(book.centre, pasture_evidence(book, day, every_days))
        if day == date(2026, 4, 22):
            _draws(book, 500_000)
        if day == date(2026, 5, 12):
            _kiosk(book)
        if day == date(2026, 6, 21):
            _draws(book, 250_000)
            _repay(book)
        day += timedelta(days=every_days)
    book.on(date(2026, 7, 12))
    pull = env.Pull(STATION, 0, env.GENESIS, book.at_ms[0] - 4_000)
    answer_pull(book.centre, sign_document(env.PULL, encode(pull), book.station))


def crop_evidence(book: Book, n: int, day: date, every_days: int) -> bytes:
    """What a satellite has seen of the n-th plot up to a day, as a signed document."""
    with book.centre.store.reading() as tx:
        plot = registry.subject(tx, f"plot-{n:03d}")
    found = seen_of_plot(plot, Looks(n, day, every_days, is_dry(n)))
    return sign_document(EVIDENCE, encode(found), book.satellite)


def flagged_evidence(book: Book, n: int, day: date, flags: tuple[Flag, ...]) -> bytes:
    """The n-th plot's evidence with flags, as a signed document."""
    body = parse_canonical(crop_evidence(book, n, day, 40), DOCUMENT_BYTES_MAX)["body"]
    findings = Findings(Observability(9, 800_000, 10, 4_000, 30), Anomalies(), flags=flags)
    told = replace(decode(Evidence, body), evidence_id=f"flagged-{n}-{day}", findings=findings)
    return sign_document(EVIDENCE, encode(told), book.satellite)


def pasture_evidence(book: Book, day: date, every_days: int) -> bytes:
    """What a satellite has seen of the pasture up to a day, as a signed document."""
    with book.centre.store.reading() as tx:
        pasture = registry.subject(tx, "pasture-1")
    found = seen_of_pasture(pasture, Looks(3, day, every_days, is_dry=False))
    return sign_document(EVIDENCE, encode(found), book.satellite)


def _draws(book: Book, amount_minor: int) -> None:
    """Every second line draws at the station, inside its lease and with consent."""
    with book.centre.store.reading() as tx:
        found = [
            (line, b.lease)
            for line in lines.every(tx, open_only=True)
            for b in leases.books_of_line(tx, line.line_id)
            if not line.frozen and b.unspent_minor >= amount_minor
        ]
    for line, lease in found[::2]:
        draw = rec.Drawdown(
            book.new_id(), line.line_id, lease.lease_id, DrawState.PENDING, amount_minor,
            amount_minor * 15 // 1000, "KES", book.new_id(), 186_400,
            civil_day(book.at_ms[0]).isoformat(),
        )  # fmt: skip
        shown = rec.Consent(
            draw.consent_id, line.farmer_id, rec.ConsentAction.GRANT, ("price",), "lender",
            "ab" * 32, spoken=True, helped=False,
        )  # fmt: skip
        posted = rec.Drawdown(**{**_fields(draw), "state": DrawState.POSTED})
        book.send((rec.Up.CONSENT, shown), (rec.Up.DRAWDOWN, draw), (rec.Up.DRAWDOWN, posted))


def _fields(draw: rec.Drawdown) -> dict[str, Any]:
    return {name: getattr(draw, name) for name in rec.Drawdown.__dataclass_fields__}


def _repay(book: Book) -> None:
    """Three farmers pay a part back early."""
    with book.centre.store.reading() as tx:
        drawn = [d for line in lines.every(tx) for d in leases.draws_of_line(tx, line.line_id)]
    for draw in drawn[:3]:
        request = RepaymentRequest(book.new_id(), draw.line_id, 120_000, "KES", "2026-06-21")
        take_repayment(book.centre, request, Actor("counter", "cashier"))


def _kiosk(book: Book) -> None:
    """Three newcomers apply at the station while it is dark; their envelope arrives later."""
    with book.centre.store.reading() as tx:
        product = products.newest(tx, "crop-season")
        model = models.active(tx)
        lease = leases.onboarding(tx, STATION, "crop-season")[0].lease
        plots = {s.farmer_id: s for s in map(_subject, registry.all_subjects(tx)) if s.crop}
    assert model is not None
    newcomers = sorted(plots)[-NEWCOMERS:]
    for farmer_id, (late, stress) in zip(newcomers, ((0, 3), (8, 9), (60, 25)), strict=True):
        case = _Case(product, model.sha256, farmer_id, plots[farmer_id].subject_id, lease.lease_id)
        features = (
            FeatureValue("area_m2", plots[farmer_id].area_m2, provenance="registered"),
            FeatureValue("past_late_days", late, provenance="dossier:2026-03-01"),
            FeatureValue("soil_stress_days", stress, 870_000, "days 2026-03-22 to 2026-05-11"),
            FeatureValue("cash_need_ratio_ppm", 280_000, provenance="application"),
            FeatureValue("past_seasons_repaid_count", 0, provenance="dossier:2026-03-01"),
        )
        _apply(book, case, features)


def _subject(placed: registry.PlacedSubject) -> reg.Subject:
    return placed.subject


@dataclass(frozen=True)
class _Case:
    product: Product
    model_sha256: str
    farmer_id: str
    plot_id: str
    lease_id: str


def _apply(book: Book, case: _Case, features: tuple[FeatureValue, ...]) -> None:
    asked = rec.Application(
        book.new_id(), case.farmer_id, case.product.product_id, (case.plot_id,), 600_000, "KES"
    )
    consent = rec.Consent(
        book.new_id(), case.farmer_id, rec.ConsentAction.GRANT,
        ("automated_decision", "device_readings"), "lender", "ab" * 32, spoken=True, helped=True,
    )  # fmt: skip
    inputs = DecisionInputs(
        application=asked, station=STATION, home_station=STATION, features=features,
        purposes=tuple(sorted(consent.purposes)), consent_ids=(consent.consent_id,),
        evidence_ids=(), readings=("ab" * 32,), available_minor=800_000, capacity_minor=2_000_000,
        model_sha256=case.model_sha256, model_version=1, model_stale=False,
        policy_version=case.product.policy_version(), decided_on="2026-05-12",
        decided_at_ms=book.at_ms[0], error_ms=900,
    )  # fmt: skip
    outcome = decide(inputs, catalogue_model(), case.product)
    card = DecisionCard(book.new_id(), inputs, outcome)
    signed = parse_canonical(sign_document(CARD, encode(card), book.station), 10**6)
    records: list[tuple[rec.Up, Any]] = [
        (rec.Up.CONSENT, consent),
        (rec.Up.APPLICATION, asked),
        (rec.Up.DECISION, rec.DecisionRecord(asked.application_id, signed)),
    ]
    if outcome.verdict is Verdict.APPROVE:
        opened = rec.LineOpened(
            book.new_id(), asked.application_id, case.farmer_id, case.product.product_id,
            case.lease_id, (case.plot_id,), outcome.amount_minor, "KES",
        )  # fmt: skip
        records.append((rec.Up.LINE_OPENED, opened))
    book.send(*records)
