"""Offline decisions: latency from the store to the committed card, against a limit of one second.

A farmer's application at the kiosk's teller, on the station of a told village that has
no uplink: consent, telemetry features, evidence, score, capacity, lease, card, signature,
and one durable transaction. Each decision is made on the database as the season left
it, just opened, so nothing is warm that a station would not have warm. Beside it, in
the same run: a durable commit of one row, which is the least that any decision costs.
"""

from __future__ import annotations

import gc
import itertools
import sqlite3
import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from bench.report import Effort, Figure, Report
from bench.village import StationCopy, copied_station, told_village
from edge_node.decide.telemetry import telemetry_of
from edge_node.faces.kiosk.standing import Possible
from edge_node.faces.kiosk.teller import Agreement, ApplicationForm, Sources, Teller
from edge_node.store import village
from edge_node.store.database import StationDatabase
from edge_node.store.decisions import KeptCard

LIMIT_MS = 1_000
DECISIONS_MIN = 100  # a repeat; fewer say nothing of a 99th percentile
COMMITS = 200
APPLIED_STEPS = 10


def measure(effort: Effort) -> Report:
    """Decide for every farmer who may apply, over and over."""
    folder = told_village(effort)
    station = copied_station(folder, effort.scratch / "decision")
    took_ms: list[float] = []
    verdicts: dict[str, int] = {}
    while len(took_ms) < DECISIONS_MIN * effort.repeats:
        for verdict, ms in _round(station):
            took_ms.append(ms)
            verdicts[verdict] = verdicts.get(verdict, 0) + 1
    commits_ms = _commits_ms(station.folder)
    return _report(took_ms, commits_ms, verdicts, effort)


def _round(station: StationCopy) -> list[tuple[str, float]]:
    """One decision for each farmer who may apply, each on the database as it was."""
    with station.fresh_database() as db:
        asks = applicants(db, teller_at(station, db))
    assert asks, "expected farmers without a line, found none: tell fewer days"
    found = []
    for farmer_id, possible in asks:
        with station.fresh_database() as db:
            teller = teller_at(station, db)
            form, agreed = form_of(teller, possible), agreed_by(teller, possible)
            gc.collect()
            began_s = time.perf_counter()
            kept = teller.apply(farmer_id, form, agreed)
            took_ms = (time.perf_counter() - began_s) * 1e3
        assert isinstance(kept, KeptCard), kept
        found.append((kept.card.outcome.verdict.value, took_ms))
    return found


def teller_at(station: StationCopy, db: StationDatabase) -> Teller:
    """Who decides at a copied station, on one of its databases."""
    numbers = itertools.count(1)
    sources = Sources(lambda: (station.now_ms, 1_000), lambda: f"bench-{next(numbers):06d}")
    return Teller(db, station.desk, sources, telemetry_of(station.settings))


def applicants(db: StationDatabase, teller: Teller) -> list[tuple[str, Possible]]:
    """Each farmer who may apply, with what for."""
    rows = db.execute("SELECT farmer_id FROM farmers ORDER BY farmer_id").fetchall()
    standings = [(farmer_id, teller.standing(farmer_id)) for (farmer_id,) in rows]
    return [
        (farmer_id, possible)
        for farmer_id, standing in standings
        for possible in standing.possible
        if village.product(db, possible.product.product_id).crop
    ]


def form_of(teller: Teller, possible: Possible) -> ApplicationForm:
    """A farmer's application."""
    product = possible.product
    subjects = tuple(subject.subject_id for subject in possible.subjects)
    asked = product.credit.draw_step_minor * APPLIED_STEPS
    return ApplicationForm(product.product_id, subjects, asked, teller.mint())


def agreed_by(teller: Teller, possible: Possible) -> Agreement:
    """The consent that goes with it."""
    product_id = possible.product.product_id
    shown = teller.consent_sha256(product_id, "en")
    return Agreement(shown, teller.purposes(product_id), spoken=True)


def _commits_ms(folder: Path) -> list[float]:
    """A durable commit of one row, with the station's settings and nothing else [ms]."""
    took = []
    with closing(sqlite3.connect(folder / "commits.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE cards (document)")
        for _ in range(COMMITS):
            began_s = time.perf_counter()
            db.execute("INSERT INTO cards VALUES (?)", ["x" * 4096])
            took.append((time.perf_counter() - began_s) * 1e3)
    return took


def _report(
    took_ms: Sequence[float], commits_ms: Sequence[float], verdicts: dict[str, int], effort: Effort
) -> Report:
    p50, p99 = percentiles(took_ms)
    least50, least99 = percentiles(commits_ms)
    told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
    return Report(
        title="Offline decision: from the store to the committed card",
        headings=("what", "p50 [ms]", "p99 [ms]", "p99 to the limit"),
        rows=(
            ("decision", f"{p50:.1f}", f"{p99:.1f}", f"{p99 / LIMIT_MS:.3f}"),
            ("one row, committed durably", f"{least50:.1f}", f"{least99:.1f}", ""),
            ("limit", "", f"{LIMIT_MS:,}", "1"),
        ),
        note=(
            f"{len(took_ms)} decisions ({told}) at the station of a village with {effort.days} "
            "days of readings and pictures, trained model, products of the demo, no uplink; "
            "each on a freshly opened database."
        ),
        figures=(
            Figure(
                "offline decision, store to committed card",
                f"p50 {p50:.0f} ms, p99 {p99:.0f} ms",
                f"limit {LIMIT_MS // 1000} s",
            ),
        ),
        numbers={"p50_ms": p50, "p99_ms": p99, "commit_p50_ms": least50, "limit_ms": LIMIT_MS},
    )


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    """The 50th and the 99th percentile."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return cuts[49], cuts[98]
