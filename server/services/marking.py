"""Lines of which a review can say nothing new are passed over: how that is known.

A review is a pure function of what it reads and of the day. What it read is one number
(:mod:`server.store.review_marks`), together with the program, the product in force and the
settings. From when to when passing time alone cannot change its answer is said here, rather
too short than too long. A line with the same number within that span is as it was: nothing
would be written. Anything else is judged, by the one rule. The audit judges every marked line
in full and names the first whose mark hides something.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from core.canonical import canonical_hash
from core.lending.facts import FactKind
from core.lending.product import Product, ProductKind
from core.shape import encode
from core.units import civil_date, day_start_ms
from server.services.centre import MS_PER_MINUTE, Work
from server.services.orders.fulfilment import lines_of
from server.services.outlook import Outlook, look
from server.services.reviews import MS_PER_HOUR, Case, Judged
from server.services.spreading import DayBook, day_book
from server.services.standing import zone_minutes
from server.store import authorities, lines, products, registry, review_marks
from server.store.authorities import RULE
from server.store.book_reviews import Part
from server.store.lines import Line
from server.store.review_marks import Looked, Mark

HOLDS_DAYS_MAX = 31
WAITING, UNCHANGED = "waiting", "unchanged"
_ROOMS = ("core", "server")
_BITS = 64
PRODUCTS_KNOWN_MAX = 64
_NAMED: dict[str, tuple[date, ...]] = {}  # by what a movement cites, which holds its hash


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A page of open lines: which are to be judged, and what the others' marks say.

    ``around`` is what was read around each that is to be judged, before it was locked: what
    changes in between makes its next review judge it again.
    """

    to_judge: tuple[str, ...]
    around: dict[str, int]
    passed: Counter[str]
    lines_count: int
    last: tuple[str, str] | None


def survey(work: Work, part: Part, rows_max: int) -> Surveyed:
    """The next page of a part, read in one question; nothing is locked."""
    book = _book(day_book(work))  # asked before the page: it is what will be judged by
    page = review_marks.look_over(work.tx, part, work.today(), rows_max)
    around = read_around(work, page)
    passed = {
        each.line_id: each.mark.outcome
        for each in page
        if each.mark is not None and _holds(work, each, each.mark, (around[each.line_id], book))
    }
    return Surveyed(
        tuple(each.line_id for each in page if each.line_id not in passed),
        around,
        Counter(passed.values()),
        len(page),
        (page[-1].station, page[-1].line_id) if page else None,
    )


def read_around(work: Work, page: Sequence[Looked]) -> dict[str, int]:
    """What the review of each line reads besides the line itself."""
    shared = {each: _shared(work, each) for each in {looked.product_id for looked in page}}
    return {each.line_id: each.around ^ shared[each.product_id] for each in page}


def _holds(work: Work, line: Looked, mark: Mark, read: tuple[int, int]) -> bool:
    """Whether a line's mark speaks of it as it is now: of what is around it, and of the day's book.

    Only a line that would rise is bound by the book; its mark holds the book's number too.
    """
    around, book = read
    marked = mark.inputs ^ line.own
    return mark.since_ms <= work.at_ms < mark.until_ms and marked in (around, around ^ book)


def passed_over(work: Work, line_ids: Sequence[str]) -> dict[str, Mark]:
    """Those of some lines that a review of the book would pass over now, with their marks."""
    if not line_ids or not review_marks.are_kept(work.tx):
        return {}
    book = _book(day_book(work))
    page = review_marks.look_at(work.tx, line_ids, work.today())
    around = read_around(work, page)
    return {
        each.line_id: each.mark
        for each in page
        if each.mark is not None and _holds(work, each, each.mark, (around[each.line_id], book))
    }


def mark(work: Work, found: Surveyed, judged: Mapping[str, Judged | None]) -> None:
    """Mark lines that were judged or wait, with what was read around them."""
    book, kept = _book(day_book(work)), []
    for line_id, verdict in judged.items():
        if verdict is not None and _trades(work, verdict):
            continue
        rises = verdict is not None and verdict.case.side > 0
        inputs = found.around[line_id] ^ (book if rises else 0)
        outcome = WAITING if verdict is None else UNCHANGED
        until_ms = holds_until_ms(work, line_id, verdict)
        kept.append((line_id, Mark(inputs, outcome, work.at_ms, until_ms)))
    review_marks.put(work.tx, kept)


def _trades(work: Work, judged: Judged) -> bool:
    """Whether a review reads what became of orders and sales, of its farmer's other lines too.

    That is not in the number: such a line is never marked, and always judged.
    """
    case = judged.case
    if case.product.voucher is None:
        return False
    last = case.product.stages[-1].stage if case.product.stages else ""
    brought_in = any(plot.stage == last for plot in case.outlook.plots)
    alone = len(lines_of(work.tx, case.line.farmer_id)) == 1
    return bool(case.outlook.orders or case.outlook.trade) or brought_in or not alone


def holds_until_ms(work: Work, line_id: str, judged: Judged | None) -> int:
    """The first instant at which passing time alone may change a review's answer [ms UTC].

    Parameters
    ----------
    judged
        What was judged; None of a line that waits.
    """
    if judged is None:
        return _waits_until_ms(work, lines.get(work.tx, line_id))
    case = judged.case
    tomorrow = case.today + timedelta(days=1)
    day = min(_turns(work, case)) if _is_dated_by_looks(judged) else tomorrow
    return _unless_waiting(work, case.outlook, _begins_ms(work, case.line, day))


def _is_dated_by_looks(judged: Judged) -> bool:
    """Whether the day enters a review by its looks' ages, its calendar and its tables alone.

    Interest that becomes principal, repayments, papers, covers, bureaus, orders and counts
    bring other dates: with any of them a review holds for its day.
    """
    case, terms = judged.case, judged.stands.terms
    outlook = case.outlook
    money = any(fact.kind is FactKind.REPAYMENT for fact in judged.stands.facts)
    counted = outlook.herds or outlook.machines or outlook.stores or outlook.assets
    beside = outlook.beside.covers or outlook.beside.dues or outlook.withheld
    by_crop = case.product.kind in (ProductKind.CROP, ProductKind.VOUCHER)
    bounded = judged.ceiling is not None and case.side > 0
    return by_crop and not (money or counted or beside or bounded or terms.capitalises)


def _turns(work: Work, case: Case) -> Iterator[date]:
    """The days from which on something of a crop's review may be another."""
    today, movement, age_days = case.today, case.product.movement, case.outlook.age_days
    yield today + timedelta(days=HOLDS_DAYS_MAX)
    for bound_days in (movement.fresh_days_max, movement.stale_days_max):
        if age_days <= bound_days:
            yield today + timedelta(days=bound_days - age_days + 1)
    yield from (day for day in _dates_of(case.product) if day > today)
    for subject_id in case.line.subject_ids:
        sown = civil_date(registry.subject(work.tx, subject_id).sown_on)
        if sown is not None:
            turns = (sown + timedelta(days=stage.usual_from_day) for stage in case.product.stages)
            yield from (day for day in turns if day > today)


def _dates_of(product: Product) -> tuple[date, ...]:
    """Every day that a product names, and the day after it."""
    cited = product.policy_version()
    if cited not in _NAMED:
        if len(_NAMED) >= PRODUCTS_KNOWN_MAX:
            _NAMED.clear()
        _NAMED[cited] = _named_days(product)
    return _NAMED[cited]


def _named_days(product: Product) -> tuple[date, ...]:
    found = {day for text in _texts(encode(product)) if (day := civil_date(text)) is not None}
    return tuple(sorted(found | {day + timedelta(days=1) for day in found if day < date.max}))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _waits_until_ms(work: Work, line: Line) -> int:
    """A line waits so many hours for the rest of a look, and its age is another tomorrow."""
    today = work.today(zone_minutes(work.tx, line.farmer_id))
    outlook = look(work, line, products.newest(work.tx, line.product_id), today)
    return _unless_waiting(work, outlook, _begins_ms(work, line, today + timedelta(days=1)))


def _unless_waiting(work: Work, outlook: Outlook, until_ms: int) -> int:
    """An instant, or the end of the wait for the rest of a look if that comes first."""
    over_ms = outlook.arrived_at_ms + work.settings.evidence_wait_h * MS_PER_HOUR
    waits = not outlook.complete and over_ms > work.at_ms
    return min(over_ms, until_ms) if waits else until_ms


def _begins_ms(work: Work, line: Line, day: date) -> int:
    return day_start_ms(day, zone_minutes(work.tx, line.farmer_id) * MS_PER_MINUTE)


def _shared(work: Work, product_id: str) -> int:
    """What many lines' reviews read alike: the program, the product in force, the settings."""
    product = products.newest(work.tx, product_id)
    alone = authorities.amount_of(work.tx, (RULE,), product_id, product.currency)
    wait_h = work.settings.evidence_wait_h
    return _number(_program(), product.policy_version(), wait_h, -1 if alone is None else alone)


def _book(day: DayBook | None) -> int:
    """The day's book and its caps, which bound those who would rise."""
    if day is None:
        return _number("no caps")
    return _number(day.snapshot.on_day, day.snapshot.policy_version, day.snapshot.seq)


@lru_cache(1024)
def _number(*told: str | int) -> int:
    """A number of 64 bits with a sign, as PostgreSQL keeps it."""
    return int.from_bytes(bytes.fromhex(canonical_hash(list(told)))[: _BITS // 8], signed=True)


@cache
def _program() -> str:
    """The hash of this program's own texts: another version may judge otherwise."""
    found = hashlib.sha256()
    for room in _ROOMS:
        folder = Path(str(sys.modules[room].__file__)).parent
        for path in sorted(folder.rglob("*.py")):
            found.update(str(path.relative_to(folder)).encode())
            found.update(path.read_bytes())
    return found.hexdigest()
