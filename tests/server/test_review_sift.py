"""What is sifted in the database is what a comparison line by line passes over."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

import pytest
from sqlalchemy import BigInteger

from core.units import MS_PER_DAY, MS_PER_HOUR, day_start_ms
from server.config import Settings
from server.services import book_review
from server.services.audit.run import audit
from server.services.centre import Centre
from server.services.marking import Surveyed, passed_over, survey
from server.store import line_pages, products, review_marks
from server.store.book_reviews import Part
from server.store.engine import Store, Tx, open_store
from server.store.lines import Line
from server.store.people import Actor
from server.store.schema import migrate
from tests.support.bare_rows import T, add
from tests.support.centre_kit import Counter, keys_of
from tests.support.limit_book import NOW_MS, TODAY, add_products, fill, product_of
from tests.support.postgres import Postgres
from tests.support.review_changes import CHANGES, Change

OPERATOR = Actor("operator", "operator")
WHOLE = Part("", 0, "", "", "", "", is_done=False, counts={})
RUNS = iter(range(10**9))
ZONE_MS = 3 * MS_PER_HOUR
SELLS_DAYS = 30  # to bring a harvest to its buyer


def centre_of(store: Store, at_ms: int = NOW_MS) -> Centre:
    ids = Counter()
    new_id = lambda: f"{at_ms}-{next(RUNS)}-{ids.next_id()}"  # noqa: E731
    return Centre(Settings(), store, keys_of("centre", 1), lambda: at_ms, new_id, ids.next_token)


def review_book(store: Store, at_ms: int = NOW_MS) -> None:
    centre = centre_of(store, at_ms)
    assert book_review.work_through(centre, book_review.begin(centre, OPERATOR)).is_done


@pytest.fixture
def book(postgres: Postgres) -> Iterator[Store]:
    store = open_store(postgres.create("sifted"), "lender")
    migrate(store)
    add_products(store)
    fill(store, 600, 21)
    review_book(store)
    yield store
    store.close()
    postgres.drop("sifted")


def open_lines(tx: Tx) -> list[Line]:
    return [line for page in line_pages.pages(tx, open_only=True) for line in page]


def applied(change: Change, line: Line, tx: Tx) -> None:
    change(tx, line)


def surveyed(store: Store, at_ms: int, judged_max: int) -> list[Surveyed]:
    """The surveys of a whole book, page after page, as a run asks for them."""
    found, part = list[Surveyed](), WHOLE
    while not found or not found[-1].is_last:
        with store.reading() as tx, tx.remembering() as remembering:
            found.append(survey(centre_of(store).work(remembering, at_ms), part, judged_max))
        if found[-1].last is None:
            break
        station, line_id = found[-1].last
        part = replace(part, at_station=station, at_line=line_id)
    return found


def passed(store: Store, at_ms: int) -> dict[str, str]:
    """The lines that a review would pass over, each with its mark's outcome."""
    with store.reading() as tx, tx.remembering() as remembering:
        every = [line.line_id for line in open_lines(tx)]
        marks = passed_over(centre_of(store).work(remembering, at_ms), every)
    return {line_id: mark.outcome for line_id, mark in marks.items()}


def test_pages_are_sifted_as_lines_are_compared_one_by_one(book: Store) -> None:
    """After anything changed on some lines, at any instant, and in pages of any size."""
    chance = random.Random(4)
    with book.reading() as tx:
        every = open_lines(tx)
    with book.reading() as tx:
        leased = [line for line in every if tx.find_rows(T["leases"], line_id=line.line_id)]
    for product_id, change in CHANGES.values():
        line = chance.choice([one for one in leased if one.product_id == product_id])
        leased.remove(line)
        book.write(partial(applied, change, line))
    crop = product_of("crop-season")
    for at_ms, judged_max in ((NOW_MS, 40), (NOW_MS + 16 * MS_PER_DAY, 333), (NOW_MS - 1, 2_000)):
        marks, pages = passed(book, at_ms), surveyed(book, at_ms, judged_max)
        judged = [line_id for page in pages for line_id in page.to_judge]
        assert len(judged) == len(set(judged))
        assert set(judged) == {line.line_id for line in every} - set(marks)
        counts = sum((page.passed for page in pages), start=type(pages[0].passed)())
        assert counts.total() == len(marks)
        assert all(counts[one] == list(marks.values()).count(one) for one in counts)
        assert all(len(page.to_judge) <= judged_max for page in pages)
        assert bool(marks) == (at_ms >= NOW_MS)
    dearer = replace(crop, version=crop.version + 1,
                     credit=replace(crop.credit, limit_max_minor=1_000_000))  # fmt: skip
    book.write(lambda tx: products.add(tx, dearer, NOW_MS))
    judged = [line_id for page in surveyed(book, NOW_MS, 500) for line_id in page.to_judge]
    assert {line.line_id for line in every if line.product_id == "crop-season"} <= set(judged)
    assert set(judged) == {line.line_id for line in every} - set(passed(book, NOW_MS))


def test_other_lenders_rows_are_not_read_through_to_see_that_there_are_none(book: Store) -> None:
    """Whether a lender has any covers is asked of the index, though another has thousands."""
    are_whole = [isinstance(each.type, BigInteger) for each in T["covers"].columns][2:]
    filled = ["'another'", "'c' || n", *("0" if whole else "''" for whole in are_whole)]
    asked = review_marks.QUESTION.replace("/*where*/", "line_id = 'line-00000001'")
    asked = asked.replace("%(tenant)s", "$1").replace("%(at_ms)s", "$2")
    with book.engine.begin() as connection:
        for statement in (
            f"INSERT INTO covers SELECT {', '.join(filled)} FROM generate_series(1, 20000) n",  # noqa: S608
            "ANALYZE covers",
            "SET LOCAL plan_cache_mode = force_generic_plan",
            f"PREPARE asked (text, bigint) AS {asked}",
        ):
            connection.exec_driver_sql(statement)
        plan = connection.exec_driver_sql("EXPLAIN EXECUTE asked ('lender', 0)").scalars().all()
    assert any(re.search(r"Index.* on covers g(_\d+)? ", line) for line in plan)
    assert not any(re.search(r"Seq Scan on covers g", line) for line in plan)


def test_a_harvest_is_passed_over_until_it_is_held_against_its_sales(book: Store) -> None:
    """From then on, for the rest of its season, its line is judged each time."""
    late_ms = NOW_MS + 24 * MS_PER_DAY
    review_book(book, late_ms)
    with book.reading() as tx:
        brought_in = {
            line.line_id
            for line in open_lines(tx)
            if line.product_id == "input-voucher" and _is_in(tx, line)
        }
        marks = {row["line_id"]: row for row in tx.find_rows(T["review_marks"])}
    held_on = TODAY + timedelta(days=SELLS_DAYS)
    held_ms = day_start_ms(held_on, ZONE_MS)
    known = set(passed(book, late_ms)) & brought_in
    assert len(known) > 3
    assert all(marks[line_id]["until_ms"] <= held_ms for line_id in known)
    assert any(marks[line_id]["until_ms"] == held_ms for line_id in known)
    book.write(lambda tx: _sell(tx, known, held_on))
    assert set(passed(book, late_ms)) >= known  # no sale counts before
    assert audit(centre_of(book, late_ms), ("marks",)).holds
    assert audit(centre_of(book, held_ms - 1), ("marks",)).holds
    assert not set(passed(book, held_ms)) & known
    review_book(book, held_ms)
    assert not set(passed(book, held_ms)) & known  # what is sold is not hashed: always judged
    assert audit(centre_of(book, held_ms), ("marks",)).holds


def _is_in(tx: Tx, line: Line) -> bool:
    looks = tx.find_rows(T["evidence"], "-as_of", subject_id=line.subject_ids[0])
    return bool(looks) and looks[0]["stage"] == "harvested"


def _sell(tx: Tx, line_ids: set[str], on: date) -> None:
    for line_id in sorted(line_ids):
        add(tx, "sales", sale_id=f"sold-{line_id}", reference=line_id, buyer="millers",
            line_id=line_id, farmer_id=f"farmer-{line_id[5:]}", sold_on=on.isoformat(),
            sold_kg=10, currency="KES")  # fmt: skip
