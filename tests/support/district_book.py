"""A lender's book of many villages, for what happens to a whole tile at once.

Every farmer has one plot, every tenth one two; a village has a station of its own.
Lines are opened by the services that open them in a running centre.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

from core.canonical import canonical_hash
from core.shape import encode
from core.wire.registry import (
    Dossier,
    Farmer,
    Identity,
    Registry,
    Subject,
    SubjectKind,
    ring_sha256_input,
)
from server.config import Settings
from server.keys import key_pair
from server.services import enrolment
from server.services.centre import Centre
from server.services.origination import open_lines
from server.store import registry
from server.store.engine import Store
from tests.support.centre_kit import (
    ENROLLED,
    SEASON_START,
    TESTER,
    Clock,
    Counter,
    Kit,
    StationKit,
    keys_of,
    model,
    product_of,
)
from tests.support.model_desk import put_in_force
from tests.support.passwords import cheap_hash

FARMERS_A_VILLAGE = 200
TWO_PLOTS_EVERY = 10
AREA_M2 = 10_000
Ring = list[list[float]]


def build_district(
    store: Store, settings: Settings, rings: dict[str, Ring], satellite: Identity | None = None
) -> Kit:
    """A centre whose lines rest on the plots of ``rings``, by plot id.

    Besides the kit's own satellite, another one may be registered.
    """
    clock, ids = Clock(), Counter()
    keys = keys_of(settings.name, 1)
    centre = Centre(settings, store, keys, clock.now_ms, ids.next_id, ids.next_token,
                    password_hash=cheap_hash)  # fmt: skip
    maker = keys_of("sat-one", 3)
    enrolment.add_product(centre, product_of("crop-season"), TESTER)
    put_in_force(centre, json.dumps(encode(model())).encode())
    for each in (maker.identity(), *((satellite,) if satellite else ())):
        enrolment.enroll_satellite(centre, each, TESTER)
    station = StationKit(keys_of(_station(0), 2), "", "", "")
    for number, village in enumerate(_villages(sorted(rings))):
        enrolment.import_village(centre, _registry(number, village, rings), _shapes(rings), TESTER)
    for number, _ in enumerate(_villages(sorted(rings))):
        identity = station.keys.identity() if number == 0 else _identity(number)
        centre.write(lambda work, one=identity: registry.put_station(work.tx, one, work.at_ms))
    open_lines(centre, "crop-season", 1_000_000, ENROLLED, TESTER)
    return Kit(centre, clock, ids, station, maker, product_of("crop-season"))


def rings_of(plots: int) -> dict[str, Ring]:
    """So many small squares in rows, by plot id."""
    found = {}
    for i in range(plots):
        east, north = 34.0 + (i % 100) * 0.002, 0.5 + (i // 100) * 0.002
        ring = [[0, 0], [0.001, 0], [0.001, 0.001], [0, 0.001], [0, 0]]
        found[f"plot-{i:05d}"] = [[east + x, north + y] for x, y in ring]
    return found


def _villages(plot_ids: list[str]) -> list[list[str]]:
    size = FARMERS_A_VILLAGE
    return [plot_ids[start : start + size] for start in range(0, len(plot_ids), size)]


def _registry(number: int, plot_ids: list[str], rings: dict[str, Ring]) -> Registry:
    owners = {plot_id: _owner(plot_ids, i) for i, plot_id in enumerate(plot_ids)}
    farmers = sorted(set(owners.values()))
    return Registry(
        site=f"village-{number:03d}",
        name=f"Village {number}",
        utc_offset_minutes=180,
        currency="KES",
        farmers=tuple(
            Farmer(each, f"Farmer {each[-5:]}", "en", _station(number), 4) for each in farmers
        ),
        subjects=tuple(_subject(plot_id, owner) for plot_id, owner in owners.items()),
        devices=(),
        dossiers=tuple(
            Dossier(each, "2026-03-01", {"years_member_count": 3, "past_seasons_repaid_count": 2})
            for each in farmers
        ),
    )


def _owner(plot_ids: list[str], i: int) -> str:
    first = i - 1 if i % TWO_PLOTS_EVERY == 1 else i
    return f"farmer-{plot_ids[first][-5:]}"


def _subject(plot_id: str, farmer_id: str) -> Subject:
    return Subject(
        plot_id, SubjectKind.PLOT, farmer_id, plot_id, "maize", "2026-long-rains",
        sown_on().isoformat(), AREA_M2,
    )  # fmt: skip


def sown_on() -> date:
    """When everybody sowed."""
    return SEASON_START - timedelta(days=5)


def _shapes(rings: dict[str, Ring]) -> dict[str, dict[str, Any]]:
    return {name: {"type": "Polygon", "coordinates": [ring]} for name, ring in rings.items()}


def ring_hash(ring: Ring) -> str:
    """The hash that evidence must cite."""
    return canonical_hash(ring_sha256_input([(x, y) for x, y in ring]))


def _station(number: int) -> str:
    return f"st-{number:03d}"


def _identity(number: int) -> Identity:
    # Another seed for each: a key is enrolled once.
    seed = canonical_hash([number])
    return key_pair(_station(number), bytes.fromhex(seed), bytes.fromhex(seed)[::-1]).identity()
