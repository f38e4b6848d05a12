"""The story of a season, told by real processes and checked in their books.

The season is told with its drought, and at night again as a negative control without it.
Everything is asked of the two databases afterwards.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from core.canonical import canonical_bytes
from core.decision.card import DecisionCard, replay
from core.lending.product import Product
from core.shape import decode, encode
from core.wire.modelfile import Model
from tests.support.season_books import STATION, Books

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]
DAY_MS = 86_400_000
DROUGHT_FROM, HARVEST_FROM = "2026-04-30", "2026-07-20"
SEED = 5


def _tell(folder: Path, products: Path, drought: str) -> Books:
    sim = str(Path(sys.executable).parent / "harvestline-sim")
    told = subprocess.run(
        [sim, "demo", "--leave", "--json", f"--{drought}", "--seed", str(SEED),
         "--folder", str(folder), "--products", str(products)],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr[-3000:]
    return Books(folder, json.loads(told.stdout))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Callable[[str], Books]:
    """Tells a season, each once."""
    folder = tmp_path_factory.mktemp("story")
    products = repository / "server" / "products"
    return cache(lambda name: _tell(folder / name, products, name))


@pytest.fixture(
    scope="module", params=["drought", pytest.param("no-drought", marks=pytest.mark.nightly)]
)
def books(request: pytest.FixtureRequest, told: Callable[[str], Books]) -> Books:
    return told(request.param)


@pytest.fixture(scope="module")
def zones(told: Callable[[str], Books], tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """The rainfall zone of each plot and pasture, which only the simulator knows."""
    out = tmp_path_factory.mktemp("truth") / "truth.json"
    sim = str(Path(sys.executable).parent / "harvestline-sim")
    village = told("drought").root / "village"
    subprocess.run(
        [sim, "truth", "--district", str(village), "--out", str(out), "--drought"],
        check=True, capture_output=True,
    )  # fmt: skip
    truth = json.loads(out.read_text())
    found = {row["plot_id"]: row["zone"] for row in truth["plots"]}
    return found | {row["pasture_id"]: row["zone"] for row in truth["pastures"]}


def _zones_of(books: Books, zones: dict[str, int], movement: dict[str, Any]) -> set[int]:
    pastures = books.pasture_of()
    return {zones[pastures.get(subject, subject)] for subject in movement["subjects"]}


def test_everything_that_the_station_wrote_is_at_the_centre_exactly_once(books: Books) -> None:
    written = books.station("SELECT log, seq, kind, hash FROM log_records ORDER BY log, seq")
    arrived = books.centre(
        "SELECT log, seq, kind, hash FROM inbound_records WHERE writer = ? ORDER BY log, seq",
        STATION,
    )
    assert arrived == written
    assert {row["kind"] for row in written} >= {
        "consent", "application", "decision", "line_opened", "drawdown", "lease_closed",
        "daily_feature", "telemetry",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("SELECT consent_id AS id FROM consents", "SELECT consent_id AS id FROM consents"),
        ("SELECT card_id AS id FROM decision_cards", "SELECT card_id AS id FROM decisions"),
        ("SELECT draw_id AS id FROM draws", "SELECT draw_id AS id FROM drawdowns"),
    ],
)
def test_consents_decisions_and_draws_are_booked_once(books: Books, here: str, there: str) -> None:
    at_station = {row["id"] for row in books.station(here)}
    at_centre = {row["id"] for row in books.centre(f"{there} WHERE writer = ?", STATION)}
    assert at_station == at_centre
    assert at_station
    assert not books.twice(there)


def test_daily_features_arrive_as_they_were_last_computed(books: Books) -> None:
    logged = books.station("SELECT body FROM log_records WHERE log = 'features' ORDER BY seq")
    latest = {}
    for row in logged:
        body = json.loads(row["body"])
        latest[body["subject_id"], body["feature"], body["day"]] = body["value"]
    kept = books.centre("SELECT subject_id, feature, day, value FROM daily_features")
    assert {(r["subject_id"], r["feature"], r["day"]): r["value"] for r in kept} == latest
    assert len(latest) > 5_000


def test_every_reading_that_a_decision_cites_is_at_the_centre(books: Books) -> None:
    kept = {r["sha256"] for r in books.centre("SELECT sha256 FROM telemetry WHERE verified")}
    cited = [sha for card in books.cards() for sha in card["inputs"]["readings"]]
    assert cited
    assert set(cited) <= kept


def test_every_reading_that_was_acknowledged_is_at_the_centre_once(books: Books) -> None:
    here = books.station("SELECT sha256 FROM telemetry_documents ORDER BY sha256")
    there = books.centre("SELECT sha256 FROM telemetry WHERE writer = ? ORDER BY sha256", STATION)
    assert there == here
    assert len(here) > 5_000


def test_the_ledger_balances(books: Books) -> None:
    assert books.outcome["verified"]["ok"] is True
    for row in books.centre("SELECT entry_id, SUM(amount_minor) AS s FROM ledger_lines GROUP BY 1"):
        assert row["s"] == 0
    drawn = books.centre("SELECT SUM(amount_minor) AS s FROM drawdowns WHERE state = 'posted'")
    lent = books.centre(
        "SELECT SUM(l.amount_minor) AS s FROM ledger_lines l JOIN ledger_entries e "
        "USING (tenant_id, entry_id) WHERE e.kind = 'drawdown' AND l.amount_minor > 0 "
        "AND l.account LIKE 'loan/principal/%'"
    )
    assert drawn == lent


def test_every_decision_replays_to_the_same_bytes(books: Books) -> None:
    models = {
        row["sha256"]: decode(Model, json.loads(row["document"])["body"])
        for row in books.centre("SELECT sha256, document FROM models")
    }
    products = {
        row["policy_version"]: decode(Product, json.loads(row["content"]))
        for row in books.centre("SELECT policy_version, content FROM products")
    }
    cards = list(books.cards())
    for body in cards:
        card = decode(DecisionCard, body)
        model = models[card.inputs.model_sha256]
        again = replay(card, model, card.inputs.model_sha256, products[card.inputs.policy_version])
        assert canonical_bytes(encode(again)) == canonical_bytes(body["outcome"])
    assert {card["writer"] for card in cards} == {"centre", STATION}


def test_posted_plus_leased_never_exceeded_the_limit_when_signed(books: Books) -> None:
    signed = books.centre("SELECT * FROM leases WHERE kind = 'line'")
    assert signed
    for lease in signed:
        committed = (
            lease["posted_at_signing_minor"]
            + lease["pending_at_signing_minor"]
            + lease["leased_at_signing_minor"]
            + lease["amount_minor"]
        )
        assert committed <= lease["limit_minor"], lease["lease_id"]
        assert lease["expires_at_ms"] - lease["signed_at_ms"] >= 45 * DAY_MS


def test_draws_stay_inside_their_leases(books: Books) -> None:
    over = books.centre(
        "SELECT l.lease_id FROM leases l JOIN drawdowns d USING (tenant_id, lease_id) "
        "WHERE d.state <> 'voided' GROUP BY l.lease_id, l.amount_minor "
        "HAVING SUM(d.amount_minor) > l.amount_minor"
    )
    assert over == []


def test_the_village_goes_on_in_the_dark(books: Books) -> None:
    assert books.outcome["draws_in_the_dark"] > 0
    assert books.outcome["decisions_in_the_dark"] > 0
    verdicts = {card["outcome"]["verdict"] for card in books.cards() if card["writer"] == STATION}
    assert "approve" in verdicts


def test_a_stage_is_released_only_when_it_was_seen(books: Books) -> None:
    """Every stage that a movement used had been observed by then, on that very plot."""
    seen: dict[tuple[str, str], str] = {}
    for row in books.centre("SELECT subject_id, stage, stage_observed_on FROM evidence"):
        if row["stage_observed_on"]:
            key = (row["subject_id"], row["stage"])
            seen[key] = min(seen.get(key, "9999"), row["stage_observed_on"])
    waited = 0
    for movement in books.movements():
        for view in movement["views"]:
            stage, usual = view.get("stage", "sowing"), view.get("usual_stage", "sowing")
            if "plot_id" in view and stage != "sowing":
                assert seen[view["plot_id"], stage] <= movement["as_of"]
            waited += stage == "sowing" and usual not in ("sowing", "emergence")
    assert waited > 0, "no plot lagged behind its calendar, so the rule was never put to the test"


def test_every_movement_has_evidence_and_reasons(books: Books) -> None:
    moved = [m for m in books.movements() if m["movement"] in ("raised", "cut")]
    assert moved
    for movement in moved:
        assert json.loads(movement["evidence_ids"])
        assert json.loads(movement["reasons"])
        assert movement["policy_version"]


def test_the_drought_lowers_limits_in_the_east(
    told: Callable[[str], Books], zones: dict[str, int]
) -> None:
    books = told("drought")
    east: dict[str, list[str]] = {}
    for movement in books.movements():
        if _zones_of(books, zones, movement) == {1} and movement["as_of"] >= DROUGHT_FROM:
            east.setdefault(movement["line_id"], []).append(movement["movement"])
    cut = [line for line, kinds in east.items() if "cut" in kinds]
    assert len(cut) >= 0.7 * len(east) > 0


def test_limits_in_the_west_rise(told: Callable[[str], Books], zones: dict[str, int]) -> None:
    books = told("drought")
    west: dict[str, list[dict[str, Any]]] = {}
    for movement in books.movements():
        if _zones_of(books, zones, movement) == {0}:
            west.setdefault(movement["line_id"], []).append(movement)
    assert not [m for ms in west.values() for m in ms if m["movement"] == "cut"]
    rose = [ms for ms in west.values() if ms[-1]["limit_minor"] > ms[0]["limit_minor"]]
    assert len(rose) >= 0.7 * len(west) > 0


def test_the_herds_lines_follow_their_pasture(
    told: Callable[[str], Books], zones: dict[str, int]
) -> None:
    books = told("drought")
    pastures = books.pasture_of()
    herds = [
        m for m in books.movements()
        if m["subjects"] and set(m["subjects"]) <= set(pastures) and m["as_of"] >= DROUGHT_FROM
    ]  # fmt: skip
    struck = {m["line_id"] for m in herds if _zones_of(books, zones, m) == {1}}
    cut = {m["line_id"] for m in herds if m["movement"] == "cut"}
    assert struck
    assert cut == struck


def test_a_cut_takes_only_what_is_undrawn(books: Books) -> None:
    """Nothing falls due earlier: every line keeps the due date that it was opened with."""
    due = {row["due_on"] for row in books.centre("SELECT DISTINCT due_on FROM lines")}
    assert due == {"2026-09-15"}


@pytest.mark.nightly
def test_without_the_drought_no_limit_falls(told: Callable[[str], Books]) -> None:
    books = told("no-drought")
    assert [m for m in books.movements() if m["movement"] == "cut"] == []
    assert [m for m in books.movements() if m["movement"] == "raised"]


def test_harvest_repays_the_lines(books: Books) -> None:
    owed = books.centre(
        "SELECT account, SUM(amount_minor) AS s FROM ledger_lines "
        "WHERE account LIKE 'loan/%' GROUP BY account HAVING s <> 0"
    )
    assert owed == []
    last = max(date.fromisoformat(r["effective_on"]) for r in books.centre(
        "SELECT effective_on FROM repayments"))  # fmt: skip
    assert last.isoformat() > HARVEST_FROM
