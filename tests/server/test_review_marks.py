"""What a review of the book passes over has nothing new to say; whatever it reads undoes that."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

import pytest
from sqlalchemy import event

from core.lending.concentration import Cap, ConcentrationRules, Dimension
from core.lending.offer import BureauTerms, CoverTerms
from core.units import MS_PER_DAY, MS_PER_HOUR, day_start_ms
from server.config import Settings
from server.services import book_review
from server.services.audit.run import audit
from server.services.centre import Centre, Work
from server.services.marking import passed_over, read_around
from server.services.reviews import review_again
from server.store import line_pages, products, review_marks, rulebooks
from server.store.engine import Store, Tx, open_store
from server.store.lines import Line
from server.store.people import Actor
from server.store.review_marks import Mark
from server.store.rows import json_text
from server.store.rulebooks import RuleKind
from server.store.schema import migrate
from server.store.tables import lines as lines_table
from tests.support.bare_rows import T, add, alter
from tests.support.centre_kit import Counter, keys_of
from tests.support.limit_book import NOW_MS, OPENED_ON, TODAY, add_products, fill, product_of
from tests.support.postgres import Postgres
from tests.support.review_changes import CHANGES, Change, look_of, visit

OPERATOR = Actor("operator", "operator")
LINES = 160
# Read where something is written, or by what the line itself says; never by the judgement alone.
NOT_HASHED = {
    "lines": "hashed as the line's own",
    "movements": "only grows, and the line counts them",
    "products": "hashed for all lines of a product",
    "authorities": "hashed for all lines of a product",
    "book_rules": "hashed as the day's book",
    "exposure_snapshots": "hashed as the day's book",
    "line_stations": "where a line is told",
    "stations": "where a line is told",
    "destroyed_stations": "where a line is told",
    "inbound_logs": "what a station is told",
    "inbound_records": "what a station is told",
    "outbound_logs": "what a station is told",
    "outbound_records": "what a station is told",
    "audit": "who froze a line, once it is written",
    "sales": "read of lines that pay suppliers once a harvest was to be sold: never marked then",
    "line_rates": "the price of the next draw, once it is written",
}


def centre_of(store: Store, at_ms: int = NOW_MS) -> Centre:
    ids = Counter()
    return Centre(Settings(), store, keys_of("centre", 1), lambda: at_ms, ids.next_id,
                  ids.next_token)  # fmt: skip


def review_book(store: Store, at_ms: int = NOW_MS) -> book_review.Progress:
    centre = centre_of(store, at_ms)
    centre = replace(centre, new_id=lambda: f"run-{at_ms}-{next(RUNS)}")
    return book_review.work_through(centre, book_review.begin(centre, OPERATOR))


RUNS = iter(range(10**9))


@pytest.fixture(scope="module")
def reviewed(postgres: Postgres) -> Iterator[Store]:
    """A book that was reviewed once: every line is as its review left it."""
    store = open_store(postgres.create("marked"), "lender")
    migrate(store)
    add_products(store)
    fill(store, LINES, 7)
    review_book(store)
    yield store
    store.close()
    postgres.drop("marked")


def passed(store: Store, at_ms: int = NOW_MS) -> set[str]:
    """The lines that a review would pass over."""
    with store.reading() as tx, tx.remembering() as remembering:
        every = [line.line_id for page in line_pages.pages(tx, open_only=True) for line in page]
        return set(passed_over(centre_of(store).work(remembering, at_ms), every))


def applied(change: Change, line: Line, tx: Tx) -> None:
    change(tx, line)


def has(tx: Tx, table: str, line: Line) -> bool:
    return bool(tx.find_rows(T[table], line_id=line.line_id))


def victim(tx: Tx, name: str, product_id: str, known: set[str]) -> Line:
    """A line of a product that was passed over and that nothing has changed yet."""
    for page in line_pages.pages(tx, open_only=True):
        for line in page:
            fits = line.line_id in known and line.product_id == product_id
            if fits and (has(tx, "leases", line) or ("lease" not in name and "state" not in name)):
                return line
    raise AssertionError(f"no line of {product_id} for {name}")


def test_a_line_with_nothing_new_is_passed_over_until_anything_that_it_reads_changes(
    reviewed: Store, subtests: pytest.Subtests
) -> None:
    known = passed(reviewed)
    with reviewed.reading() as tx:
        every = [line for page in line_pages.pages(tx, open_only=True) for line in page]
    assert known == {line.line_id for line in every}
    for name, (product_id, change) in CHANGES.items():
        with subtests.test(name):
            with reviewed.reading() as tx:
                line = victim(tx, name, product_id, known)
            reviewed.write(partial(applied, change, line))
            now = passed(reviewed)
            assert line.line_id in known - now
            if product_id != "livestock":  # who graze together are seen together
                assert known - now == {line.line_id}
            known = now


def test_a_visit_is_a_new_look_at_lines_whose_rises_ask_for_two_sources(
    postgres: Postgres,
) -> None:
    store = open_store(postgres.create("visited"), "lender")
    migrate(store)
    add_products(store)
    fill(store, 60, 5)
    crop = product_of("crop-season")
    two = replace(crop, version=crop.version + 1,
                  movement=replace(crop.movement, raise_sources_min=2))  # fmt: skip
    store.write(lambda tx: products.add(tx, two, NOW_MS))
    review_book(store)
    known = passed(store)
    with store.reading() as tx:
        asks, asks_not = (victim(tx, "visit", name, known) for name in
                          ("crop-season", "kisan-revolving"))  # fmt: skip
    store.write(lambda tx: [visit(tx, each) for each in (asks, asks_not)])
    assert known - passed(store) == {asks.line_id}
    store.close()
    postgres.drop("visited")


def test_every_table_that_a_review_reads_is_hashed_or_named(postgres: Postgres) -> None:
    """The judge's own questions, line by line: a new one that nobody hashes shows here."""
    store = open_store(postgres.create("asked"), "lender")
    migrate(store)
    add_products(store)
    fill(store, 60, 3)
    asked: set[str] = set()
    hear = lambda *told: asked.update(re.findall(r"\b(?:FROM|JOIN) (\w+)", told[2]))  # noqa: E731
    event.listen(store.engine, "before_cursor_execute", hear)
    centre = centre_of(store)
    with store.reading() as tx:
        every = [line.line_id for page in line_pages.pages(tx, open_only=True) for line in page]
    for line_id in every:
        centre.write(partial(review_again, line_id=line_id))
    store.close()
    postgres.drop("asked")
    hashed = set(re.findall(r"\b(?:FROM|JOIN) (\w+)", review_marks.QUESTION)) | {"farmers"}
    assert asked & set(T) - hashed <= set(NOT_HASHED)
    assert {"evidence", "consents", "drawdowns", "orders"} <= asked


def judged_at(store: Store, at_ms: int, line_ids: list[str]) -> dict[str, str]:
    """What a full review of lines would say as of an instant: nothing, or which movement."""
    with store.reading() as tx, tx.remembering() as remembering:
        work: Work = centre_of(store).work(remembering, at_ms)
        found = [line for page in line_pages.pages(tx) for line in page if line.line_id in line_ids]
        for line in found:
            remembering.learn(lines_table, ("line", line.line_id), line)
        judged = book_review.judge_page(work, found)
    return {
        line_id: "" if each is None or each.says_nothing_new else each.found.movement.value
        for line_id, each in judged.items()
    }


def add_what_is_dated(tx: Tx) -> None:
    """Counts, papers, tickets, covers and bureaus' answers of past days and of days to come."""
    crop = product_of("crop-season")
    beside = replace(crop, version=crop.version + 1, bureau=BureauTerms(("crb",), 9, required=True),
                     movement=replace(crop.movement, raise_sources_min=2),
                     cover=CoverTerms(("agri-re",), "sum", 10**10, 900_000, 10**12))  # fmt: skip
    products.add(tx, beside, NOW_MS)
    for line in [line for page in line_pages.pages(tx, open_only=True) for line in page]:
        number, subject_id = int(line.line_id[5:]), line.subject_ids[0]
        ahead = 1 + number % 14
        for days in (-9, -2, 0, ahead):
            _add_counts(tx, (line, subject_id), (TODAY + timedelta(days=days)).isoformat(), days)
        if line.product_id == "crop-season" and number % 3:
            for days in (-number % 19, -ahead):
                visit(tx, line, TODAY - timedelta(days=days))
            add(tx, "consents", consent_id=f"v-{line.line_id}", farmer_id=line.farmer_id,
                action="grant", purposes='["visit_photos"]', recipient="lender",
                at_ms=NOW_MS - 1)  # fmt: skip
        if line.product_id == "crop-season" and number % 2:
            _add_beside(tx, line, TODAY + timedelta(days=ahead - 9), ahead)


def _add_counts(tx: Tx, of: tuple[Line, str], day: str, days: int) -> None:
    line, subject_id = of
    name = f"{line.line_id}/{day}"
    told = {
        "livestock": {"heads_count": 9 + days},
        "machinery": {"engine_s": 36_000, "area_worked_m2": 30_000, "fuel_used_ml": 90_000},
        "warehouse-receipt": {"store_level_kg": 9_000, "relative_humidity_ppm": 500_000},
    }.get(line.product_id, {})
    for feature, value in told.items():
        add(tx, "daily_features", subject_id=subject_id, feature=feature, day=day, value=value,
            coverage_ppm=1_000_000)  # fmt: skip
    if line.product_id == "warehouse-receipt":
        add(tx, "store_receipts", receipt_id=name, subject_id=subject_id, way="in", kg=1_000,
            effective_on=day)  # fmt: skip
    kind = {"livestock": "slaughter", "kisan-revolving": "investment"}.get(line.product_id, "")
    if kind:
        add(tx, "farm_papers", paper_id=name, subject_id=subject_id, kind=kind, heads=1,
            amount_minor=1_000_000, currency=line.currency, effective_on=day)  # fmt: skip


def _add_beside(tx: Tx, line: Line, from_on: date, days: int) -> None:
    until_on = (from_on + timedelta(days=8 + days)).isoformat()
    said = {"cover_id": line.line_id, "kind": "guarantee", "farmer_id": line.farmer_id,
            "party": "a neighbour", "from_on": from_on.isoformat(), "until_on": until_on,
            "currency": line.currency, "sum_minor": 10**9,
            "said_on": OPENED_ON.isoformat()}  # fmt: skip
    add(tx, "covers", seq=1, event="stated", content=json_text(said), **said)
    add(tx, "consents", consent_id=f"c-{line.line_id}", farmer_id=line.farmer_id, action="grant",
        purposes='["bureau_query"]', recipient="lender", at_ms=NOW_MS - 1)  # fmt: skip
    add(tx, "bureau_answers", query_id=f"q-{line.line_id}", farmer_id=line.farmer_id,
        bureau="crb", outcome="found", as_of=from_on.isoformat(), currency=line.currency,
        dues_minor=1, liens_minor=1)  # fmt: skip


@pytest.mark.parametrize("seed", [11])
def test_within_its_span_a_full_review_of_a_marked_line_says_nothing_new(
    postgres: Postgres, seed: int
) -> None:
    store = open_store(postgres.create(f"span_{seed}"), "lender")
    migrate(store)
    add_products(store)
    fill(store, LINES, seed)
    store.write(add_what_is_dated)
    review_book(store)
    with store.reading() as tx:
        marks = tx.find_rows(T["review_marks"])
    chance = random.Random(seed)
    spans: dict[int, list[str]] = {}
    for row in marks:
        assert NOW_MS < row["until_ms"] <= NOW_MS + 32 * MS_PER_DAY
        spans.setdefault(row["until_ms"], []).append(row["line_id"])
    assert len(spans) > 8  # by an age, a stage, a price, a year, a cover, an answer
    for until_ms, line_ids in spans.items():
        for at_ms in (until_ms - 1, chance.randrange(NOW_MS, until_ms)):
            held = sorted(passed(store, at_ms) & set(line_ids))
            assert set(judged_at(store, at_ms, held).values()) <= {""}, (until_ms, at_ms)
    # What is dated ahead is heard on its day, and of a span's lines most are passed over.
    by_day = [len(passed(store, NOW_MS + n * MS_PER_DAY)) for n in range(16)]
    assert by_day == sorted(by_day, reverse=True)
    assert by_day[1] > len(marks) * 3 // 4
    assert len(set(by_day)) > 6
    # And time does change answers: a month on, what was not seen again is frozen.
    late_ms = NOW_MS + 60 * MS_PER_DAY
    assert "frozen" in judged_at(store, late_ms, [row["line_id"] for row in marks]).values()
    store.close()
    postgres.drop(f"span_{seed}")


def test_another_day_another_product_or_an_earlier_clock_is_judged_again(
    postgres: Postgres,
) -> None:
    store = open_store(postgres.create("other_day"), "lender")
    migrate(store)
    add_products(store)
    fill(store, LINES, 5)
    review_book(store)
    every = passed(store)
    assert not passed(store, NOW_MS - 1)
    next_day = day_start_ms(TODAY + timedelta(days=1), 3 * MS_PER_HOUR)
    assert passed(store, next_day - 1) == every
    assert passed(store, next_day) == every  # a day alone changes nothing here
    assert 0 < len(passed(store, next_day + 18 * MS_PER_DAY)) < len(every)
    crop = product_of("crop-season")
    dearer = replace(
        crop,
        version=crop.version + 1,
        credit=replace(crop.credit, limit_max_minor=crop.credit.limit_max_minor // 2),
    )
    store.write(lambda tx: products.add(tx, dearer, NOW_MS))
    with store.reading() as tx:
        lines_of = {line.line_id: line.product_id for page in line_pages.pages(tx) for line in page}
    left = passed(store)
    assert left == {one for one in every if lines_of[one] != "crop-season"}
    told = review_book(store)
    assert told.lines_count - told.counts["unchanged"] > 0
    store.close()
    postgres.drop("other_day")


def test_under_caps_a_line_that_would_rise_is_judged_by_each_days_book(postgres: Postgres) -> None:
    """The day's book bounds those who rise, and nobody else: their marks alone are of a day."""
    store = open_store(postgres.create("capped"), "lender")
    migrate(store)
    add_products(store)
    fill(store, LINES, 13)
    caps = (Cap(Dimension.CROP, share_ppm=300_000),)
    rules = ConcentrationRules(2, "2026-01-01", "the board", 100_000, caps)
    said = (NOW_MS - 1, "test")
    store.write(lambda tx: rulebooks.add(tx, RuleKind.CONCENTRATION, rules, said))
    review_book(store)
    marked = passed(store)
    assert len(marked) > LINES * 9 // 10
    assert audit(centre_of(store), ("marks",)).holds
    with store.reading() as tx:
        held = tx.find_rows(T["movements"], movement="held")
    assert any("limit_spread_crop" in row["reasons"] for row in held)
    later = replace(rules, version=3, source="the board, again")
    store.write(lambda tx: rulebooks.add(tx, RuleKind.CONCENTRATION, later, (NOW_MS, "test")))
    assert not audit(centre_of(store), ("marks",)).checks[0].looked_count  # no book of it is kept
    book_review.begin(centre_of(store), OPERATOR)  # keeps the book by the new rules
    left = passed(store)
    assert 0 < len(left) < len(marked)
    assert set(judged_at(store, NOW_MS, sorted(left)).values()) == {""}
    store.close()
    postgres.drop("capped")


def test_a_mark_that_hides_something_is_named_by_the_audit(postgres: Postgres) -> None:
    store = open_store(postgres.create("forged"), "lender")
    migrate(store)
    add_products(store)
    fill(store, 80, 9)
    review_book(store)
    centre = centre_of(store)
    assert audit(centre, ("marks",)).holds
    with store.reading() as tx:
        line = victim(tx, "", "crop-season", passed(store))
    store.write(lambda tx: look_of(tx, line, line.subject_ids[0],
                                   product_of("crop-season").season_id))  # fmt: skip
    assert line.line_id not in passed(store)
    assert audit(centre, ("marks",)).holds  # a mark that speaks of older rows hides nothing

    def forge(tx: Tx) -> None:
        with tx.remembering() as remembering:
            work = centre.work(remembering, NOW_MS)
            page = review_marks.look_at(remembering, [line.line_id], work.at_ms)
            around = read_around(work, page)[line.line_id]
            mark = Mark(around, "unchanged", NOW_MS, NOW_MS + MS_PER_HOUR)
            review_marks.put(remembering, [(line.line_id, mark)])

    store.write(forge)
    found = audit(centre, ("marks",))
    assert found.first is not None
    assert (found.first.table, found.first.record_id) == ("review_marks", line.line_id)
    assert found.first.expected == "a review that says nothing new"
    review_book(store)
    assert line.line_id in passed(store)
    store.write(lambda tx: alter(tx, "review_marks", {"line_id": line.line_id},
                                 inputs=1, until_ms=NOW_MS + 400 * MS_PER_DAY))  # fmt: skip
    review_book(store)  # what does not fit is judged, and marked as it is
    assert audit(centre, ("marks",)).holds
    store.write(lambda tx: alter(tx, "review_marks", {"line_id": line.line_id},
                                 until_ms=NOW_MS + 400 * MS_PER_DAY))  # fmt: skip
    longer = audit(centre, ("marks",)).first
    assert longer is not None
    assert longer.expected.startswith("a mark until")
    store.close()
    postgres.drop("forged")
