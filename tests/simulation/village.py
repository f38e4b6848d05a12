"""The simulated lender and its village, built once and copied for every seed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import event

from core.lending.offer import AgreementTerms
from core.lending.product import Product, ProductKind
from core.lending.relief import ReliefBand
from core.lending.terms import (
    ArrearsTerms,
    CashMonth,
    InterestKind,
    OwnCashTerms,
    Part,
    RebateTerms,
    ScheduleKind,
    ScheduleTerms,
)
from core.shape import encode
from core.units import day_start_ms
from core.wire.registry import Dossier, Farmer, Registry, Subject, SubjectKind
from edge_node.config import Settings as EdgeSettings
from edge_node.keys import create_key_file, load_key_file
from edge_node.store.database import open_database
from edge_node.store.schema import migrate as migrate_station
from server.config import Settings
from server.keys import KeyPair, write_secret
from server.services import enrolment
from server.services.centre import Centre
from server.services.origination import open_lines
from server.store.engine import Store, open_store
from server.store.schema import migrate
from tests.simulation import partners
from tests.simulation.lean import lean
from tests.simulation.shelf import shared
from tests.support.centre_kit import ENROLLED, TESTER, Counter, keys_of, model, polygons, product_of
from tests.support.memory import memory_folder
from tests.support.model_desk import put_in_force
from tests.support.packs import pack

Files = dict[str, bytes]  # what a folder holds, by the path within it

STATIONS = ("st-one", "st-two")
FARMERS = ("farmer-a", "farmer-b", "farmer-c", "farmer-d")
PRODUCT = "crop-season"
SEASON_START = date(2026, 3, 15)
START_MS = day_start_ms(SEASON_START) + 9 * 3_600_000
# A visit that saw a third of the harvest lost opens relief; who agreed may leave for a week.
RELIEF = (
    ReliefBand(330_000, 4, 1, "2026-01-01", "the simulator"),
    ReliefBand(500_000, 24, 6, "2026-01-01", "the simulator"),
)

OWN_MONTHS = "own months"
STORED = "stored grain"
AGREED = AgreementTerms(cooling_off_days=7, withdrawn_repay_days=30)
# How the one product is repaid, by world: the books must hold whatever a lender offers.
REPAID: dict[str, dict[str, Any]] = {
    "bullet": {},
    "people decide": {"decision": replace(product_of(PRODUCT).decision, approve_pd_ppm_max=10_000)},
    "instalments": {
        "schedule": ScheduleTerms(ScheduleKind.EQUAL_INSTALMENTS, every_months=1),
        "arrears": ArrearsTerms(5, 60_000),
        "waterfall": (Part.PRINCIPAL, Part.INTEREST, Part.FEE, Part.PENALTY),
    },
    "capitalising": {  # dear enough that what is drawn late would cost more than may be
        "credit": replace(product_of(PRODUCT).credit, rate_ppm=280_000),
        "schedule": ScheduleTerms(
            ScheduleKind.BULLET, interest=InterestKind.CAPITALISING, capitalise_months=1
        ),
        "rebate": RebateTerms(20_000),
    },
    "cash months": {
        "schedule": ScheduleTerms(
            ScheduleKind.CASH_MONTHS, cash=(CashMonth(5, 1), CashMonth(9, 2))
        ),
        "arrears": ArrearsTerms(0, 120_000),
        "rebate": RebateTerms(30_000),
    },
    OWN_MONTHS: {
        "own_cash": OwnCashTerms(months_max=3, share_ppm_min=100_000, early_months_max=3),
        "arrears": ArrearsTerms(3, 90_000),
    },
    "two sources": {"movement": replace(product_of(PRODUCT).movement, raise_sources_min=2)},
    "lent together": {"lenders": partners.LENDERS},
    "vouchers": {"kind": ProductKind.VOUCHER, "voucher": pack("input-voucher").voucher},
    STORED: {
        "kind": ProductKind.RECEIPT,
        "receipt": pack("warehouse-receipt").receipt,
        "movement": pack("warehouse-receipt").movement,
    },
}
UTC_OFFSET_MS = 180 * 60_000
PURPOSES = ("automated_decision", "satellite_images")
READINGS = "device_readings"  # what a silo tells
PLOT_OF = {
    "farmer-a": "plot-a1",
    "farmer-b": "plot-b1",
    "farmer-c": "plot-c1",
    "farmer-d": "plot-a2",
}
STORE_OF = {each: each.replace("farmer", "store") for each in FARMERS}


def rests_on(repaid: str, farmer_id: str) -> str:
    """What of a farmer's the product lends against."""
    return STORE_OF[farmer_id] if repaid == STORED else PLOT_OF[farmer_id]


def home_of(farmer_id: str) -> str:
    """Where a farmer lives at first: half of them at each station."""
    return STATIONS[FARMERS.index(farmer_id) % 2]


def village(homes: dict[str, str], repaid: str = "bullet") -> Registry:
    """Four farmers with a plot each, and where it is lent on a store.

    ``homes`` says at which station each lives.
    """
    silos = STORE_OF if repaid == STORED else {}
    sown = (SEASON_START - timedelta(days=5)).isoformat()
    return Registry(
        site="village-one",
        name="Village One",
        utc_offset_minutes=UTC_OFFSET_MS // 60_000,
        currency="KES",
        farmers=tuple(Farmer(each, each.upper(), "en", homes[each], 4) for each in FARMERS),
        subjects=tuple(
            Subject(plot, SubjectKind.PLOT, farmer, plot, "maize", "2026-long-rains", sown, 20_000)
            for farmer, plot in PLOT_OF.items()
        )
        + tuple(
            Subject(store, SubjectKind.STORE, farmer, store, crop="maize")
            for farmer, store in silos.items()
        ),
        devices=(),
        dossiers=tuple(
            Dossier(each, "2026-03-01", {"years_member_count": 5, "past_seasons_repaid_count": 3})
            for each in FARMERS
        ),
    )


def centre_settings(folder: Path) -> Settings:
    """The centre's settings over a folder."""
    return Settings(
        session_secret_file=str(folder / "session.secret"),
        database_url=f"sqlite:///{folder / 'centre.sqlite'}",
    )


def centre_keys(settings: Settings) -> KeyPair:
    """The centre's keys; every world has the same ones."""
    return keys_of(settings.name, 1)


def station_settings(folder: Path, name: str) -> EdgeSettings:
    """A station's settings over a folder of its own."""
    return EdgeSettings(station=name, site="village-one", folder=folder / name)


def product(repaid: str) -> Product:
    """The one product, repaid in one of the ways."""
    return replace(product_of(PRODUCT), relief=RELIEF, agreement=AGREED, **REPAID[repaid])


@cache
def template(repaid: str = "bullet") -> Files:
    """A stocked centre and two new stations; half the farmers have a line."""
    return shared(f"template {repaid}", lambda: built(lambda folder: _stock(folder, repaid)))


@cache
def _empty() -> Files:
    """A centre and two stations with their keys and schemas, which take the longest, alone."""
    return shared("empty", lambda: built(_found))


def _found(folder: Path) -> None:
    settings = centre_settings(folder)
    write_secret(folder / "session.secret", b"5" * 64)
    store = open_store(settings.database_url, settings.tenant_id)
    migrate(store)
    store.close()
    for name in STATIONS:
        _new_station(folder, name)


def _stock(folder: Path, repaid: str) -> None:
    laid_out(_empty(), folder)
    settings = centre_settings(folder)
    store = open_store(settings.database_url, settings.tenant_id)
    ids = Counter()
    centre = Centre(
        settings, store, centre_keys(settings), lambda: START_MS, ids.next_id, ids.next_token
    )
    enrolment.add_product(centre, product(repaid), TESTER)
    put_in_force(centre, json.dumps(encode(model())).encode())
    for name in STATIONS:
        keys = load_key_file(station_settings(folder, name).key_path, name)
        enrolment.enroll_station(centre, keys.identity, TESTER)
    enrolment.enroll_satellite(centre, keys_of("sat-one", 3).identity(), TESTER)
    homes = {each: home_of(each) for each in FARMERS}
    enrolment.import_village(centre, village(homes, repaid), _polygons(), TESTER)
    if repaid == "lent together":  # with all but one, who did not consent to it
        partners.join(centre, PRODUCT, {each: homes[each] for each in FARMERS[1:]})
    store.close()


def built(build: Callable[[Path], None]) -> Files:
    """What somebody builds in a folder; it is held in memory, the folder is gone afterwards."""
    with TemporaryDirectory(prefix="harvestline-simulation-", dir=memory_folder()) as folder:
        build(Path(folder))
        found = (path for path in sorted(Path(folder).rglob("*")) if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def laid_out(files: Files, folder: Path) -> None:
    """The same files in another folder, for their owner alone."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(content)


@cache
def _engine() -> tuple[Store, dict[str, Any]]:
    """One engine for all worlds, and where its next connection goes.

    SQLAlchemy keeps the SQL of the statements that it has seen in the engine: one for each
    world, and for each start after a death, would compile all of them anew.
    """
    place: dict[str, Any] = {}
    with TemporaryDirectory(dir=memory_folder()) as folder:  # it needs a file to be made with
        settings = centre_settings(Path(folder))
        store = open_store(settings.database_url, settings.tenant_id)
    lean(store.engine)

    @event.listens_for(store.engine, "do_connect")
    def _here(_dialect, _record, arguments, parameters) -> None:
        arguments[:] = [place["path"]]
        parameters["factory"] = place["factory"]

    return store, place


def shared_store(folder: Path, factory: type[sqlite3.Connection]) -> Store:
    """The store of the one world that lives now; its connections are made by ``factory``.

    A world is closed before another one opens: its connections went with ``close``.
    """
    store, place = _engine()
    assert store.engine.pool.checkedout() == 0, "expected the world before to be closed"  # type: ignore[attr-defined]
    store.close()
    place.update(path=str(folder / "centre.sqlite"), factory=factory)
    return store


def move_home(centre: Centre, homes: dict[str, str], repaid: str) -> None:
    """Register the village again, as it lives now."""
    enrolment.import_village(centre, village(homes, repaid), _polygons(), TESTER)


def open_first_lines(centre: Centre) -> None:
    """Let the centre open lines for those who have none and repaid before."""
    open_lines(centre, PRODUCT, 1_000_000, ENROLLED, TESTER)


def _new_station(folder: Path, name: str) -> None:
    settings = station_settings(folder, name)
    settings.folder.mkdir(parents=True)
    number = 10 + STATIONS.index(name)
    create_key_file(settings.key_path, name, bytes([number]) * 32, bytes([number + 50]) * 32)
    db = open_database(settings.database_path)
    migrate_station(db, START_MS)
    db.close()


def _polygons() -> dict[str, dict[str, object]]:
    known = polygons()
    return {plot: known[plot] for plot in PLOT_OF.values()}
