"""A book of many plots that lie somewhere: villages over a district, shapes, looks, scores.

The lines are those of :mod:`tests.support.limit_book`; here they get outlines, crops, names and
looks that differ from place to place, as a drought does. The same for the same seed.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from core.wire.evidence import Stage
from server.config import Settings
from server.services.centre import Centre
from server.services.enrolment import add_user
from server.store import bulk
from server.store.engine import Store, Tx, open_store
from server.store.people import Actor, Role
from server.store.rows import json_text
from server.store.schema import migrate
from server.store.tables import decisions, evidence, farmers, lines, movements, sites, subjects
from tests.support.centre_kit import Counter, keys_of
from tests.support.console_book import PASSWORD
from tests.support.limit_book import CHUNK, NOW_MS, Rows, add_products, rows_of

SECRET = "session.secret"
HARVESTED_ON = date(2026, 4, 2)  # of what was brought in: long enough ago to have been sold
RAISE_EVERY = 89  # lines, of which one waits with a raise above the rule's authority
PLOTS_OF_A_VILLAGE = 1_000  # as limit_book has lines of a site
EARTH_M_PER_DEGREE = 111_320
CENTRE = (34.6, 0.35)  # [deg east, deg north]
SIDE_M = 95.0  # from one plot of a village to the next
VILLAGES = (
    "Bondeni", "Chemelil", "Eldama", "Gathiga", "Homa", "Ikonge", "Kapsoit", "Kijani", "Lugari",
    "Maseno", "Mbita", "Nandi", "Nyando", "Oyugis", "Rangwe", "Sondu", "Tiriki", "Ugunja",
    "Vihiga", "Yala",
)  # fmt: skip
CROPS = ("maize", "maize", "maize", "beans", "sorghum", "cotton")
GIVEN = ("Amina", "Baraka", "Chiku", "Daudi", "Esther", "Faraji", "Grace", "Hamisi", "Imani")
FAMILY = ("Otieno", "Wanjiru", "Mwangi", "Achieng", "Kiptoo", "Njoroge", "Chebet", "Barasa")


def wide_centre(folder: Path, database_url: str, plots_count: int) -> Centre:
    """A centre that keeps such a book, with one who may look at all of it."""
    secret = folder / SECRET
    secret.write_text("0f" * 32, encoding="utf-8")
    secret.chmod(0o600)
    centre = opened(folder, database_url)
    migrate(centre.store)
    fill_wide(centre.store, plots_count)
    add_user(centre, "supervisor", PASSWORD, Role.SUPERVISOR, Actor("test", "supervisor"))
    return centre


def opened(folder: Path, database_url: str) -> Centre:
    """A centre over a book that is there."""
    settings = Settings(database_url=database_url, session_secret_file=str(folder / SECRET))
    store = open_store(database_url, settings.tenant_id)
    ids = Counter()
    return Centre(settings, store, keys_of("centre", 1), lambda: NOW_MS, ids.next_id,
                  ids.next_token)  # fmt: skip


def fill_wide(store: Store, plots_count: int, seed: int = 1) -> None:
    """Write a book of so many lines, each plot of it with a shape."""
    add_products(store)
    for start in range(0, plots_count, CHUNK):
        rows = rows_of(range(start, min(start + CHUNK, plots_count)), seed)
        _dress(rows, seed)
        store.write(lambda tx, some=rows: _write(tx, some))
    if store.engine.dialect.name == "postgresql":
        store.write(lambda tx: tx.connection.exec_driver_sql("ANALYZE"))


def _write(tx: Tx, rows: Rows) -> None:
    for table, kept in rows.items():
        if bulk.is_postgresql(tx):
            bulk.copy_rows(tx, table, kept)
        else:
            tx.insert_many(table, kept)


def _dress(rows: Rows, seed: int) -> None:
    """Names, shapes, crops, looks and scores."""
    for row in rows.get(sites, []):
        row["name"] = VILLAGES[int(row["site"].rpartition("-")[2]) % len(VILLAGES)]
    for row in rows[farmers]:
        number = _number(row["farmer_id"])
        given, family = GIVEN[number % 9], FAMILY[number // 9 % 8]
        row["name"] = f"{given} {family} {number // 72}"
    for row in rows[subjects]:
        if row["kind"] == "plot":
            _plot(row, seed)
    for row in rows[evidence]:
        row["anomaly_ppm"] = _anomaly(_number(row["evidence_id"].rpartition("-")[0]), seed)
        if row["stage"] == Stage.HARVESTED.value:
            row["stage_observed_on"] = HARVESTED_ON.isoformat()
    for row in rows[movements]:
        row["movement"] = _moved(row, seed)
        row["reasons"] = _told(row)
    for row in rows[lines]:
        row["frozen"] = _number(row["line_id"]) % 131 == 0
        row["watch"] = _number(row["line_id"]) % 57 == 0
    rows[decisions] = list(_decisions(rows[lines], seed))


def _number(name: str) -> int:
    return int(name.rpartition("-")[2])


def _plot(row: dict[str, Any], seed: int) -> None:
    number = _number(row["subject_id"])
    chance = random.Random(f"{seed}/plot/{number}")
    row["crop"] = chance.choice(CROPS)
    row["name"] = f"{chance.choice(('Upper', 'Lower', 'River', 'Home', 'Hill'))} plot {number}"
    row["polygon_sha256"] = f"{number:064x}"
    row["geojson"] = json.dumps({"type": "Polygon", "coordinates": [_ring(number, chance)]})


def _middle(number: int) -> tuple[float, float]:
    """Where a plot lies [deg east, deg north]: in a village, and villages in a spiral."""
    village, place = divmod(number, PLOTS_OF_A_VILLAGE)
    far, turn = 0.055 * math.sqrt(village + 0.4), village * 2.399963
    row, column = divmod(place, 32)
    east = CENTRE[0] + far * math.cos(turn) + (column - 16) * SIDE_M / EARTH_M_PER_DEGREE
    north = CENTRE[1] + far * math.sin(turn) + (row - 16) * SIDE_M / EARTH_M_PER_DEGREE
    return east, north


def _ring(number: int, chance: random.Random) -> list[list[float]]:
    """A crooked plot of four to seven corners."""
    east, north = _middle(number)
    corners, half = chance.randint(4, 7), chance.uniform(0.28, 0.5) * SIDE_M / EARTH_M_PER_DEGREE
    turn = chance.random()
    found = []
    for corner in range(corners):
        angle = 2 * math.pi * (corner + turn) / corners
        far = half * chance.uniform(0.85, 1.05)
        found.append([round(east + far * math.cos(angle), 7),
                      round(north + far * math.sin(angle), 7)])  # fmt: skip
    return [*found, found[0]]


def _anomaly(number: int, seed: int) -> int:
    """Against normal [ppm]: a dry belt in the south-east, and each plot's own luck."""
    east, north = _middle(number)
    belt = math.sin((east - CENTRE[0]) * 9) - math.cos((north - CENTRE[1]) * 7)
    luck = random.Random(f"{seed}/look/{number}").gauss(0, 70_000)
    return round(-60_000 + 110_000 * belt + luck)


def _moved(row: dict[str, Any], seed: int) -> str:
    """How a line moved last: by its look, and the first time it was opened."""
    if row["seq"] == 1:
        return "opened"
    anomaly = _anomaly(_number(row["line_id"]), seed)
    return "cut" if anomaly < -150_000 else "raised" if anomaly > 20_000 else "held"


def _told(row: dict[str, Any]) -> str:
    """Why a line stands where it does: stale, not seen, waiting for a person, or as it was."""
    number, told = _number(row["line_id"]), "limit_unchanged"
    if row["seq"] == 1:
        told = "limit_opened"
    elif number % 131 == 0:
        told = "limit_stale_frozen"
    elif number % RAISE_EVERY == 0:
        told = "limit_waits_person"
    elif number % 23 == 0:
        told = "limit_not_seen"
    return json_text([{"code": told, "params": {"days": "32"} if "stale" in told else {}}])


def _decisions(found: list[dict[str, Any]], seed: int) -> Iterator[dict[str, Any]]:
    """The card of nine lines in ten."""
    for row in found:
        number = _number(row["line_id"])
        if number % 10 == 0:
            continue
        chance = random.Random(f"{seed}/card/{number}")
        yield {
            "card_id": row["card_id"], "application_id": row["application_id"],
            "farmer_id": row["farmer_id"], "product_id": row["product_id"],
            "writer": row["station"], "verdict": "approve", "score": 600,
            "pd_ppm": round(1e6 * chance.betavariate(1.6, 18)), "amount_minor": 0,
            "currency": row["currency"], "model_sha256": "0" * 64, "policy_version": "",
            "document_sha256": "0" * 64, "document": b"{}", "replay": "same", "replay_detail": "",
            "at_ms": row["opened_at_ms"],
        }  # fmt: skip
