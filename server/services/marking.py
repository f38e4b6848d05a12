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
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from core.canonical import canonical_hash
from core.lending.product import Product
from core.lending.turns import cover_turns, dues_turns, principal_turns, year_turns
from core.lending.visited import visit_turns
from core.shape import encode
from core.units import civil_date, day_start_ms
from server.services.centre import MS_PER_MINUTE, Work
from server.services.orders.fulfilment import lines_of, sold_from
from server.services.outlook import Outlook, look
from server.services.reviews import MS_PER_HOUR, Case, Judged
from server.services.spreading import DayBook, day_book
from server.services.standing import zone_minutes
from server.store import authorities, lines, products, registry, review_marks
from server.store.authorities import RULE
from server.store.book_reviews import Part
from server.store.lines import Line
from server.store.review_marks import Around, Looked, Mark

HOLDS_DAYS_MAX = 31
LOOKS_OVER_MAX = 8  # in one page: so many times half of what may be judged is looked at
WAITING, UNCHANGED = "waiting", "unchanged"
_ROOMS = ("core", "server")
_BITS = 64
CALENDARS_KNOWN_MAX = 4_096
_AHEAD: dict[tuple[str, str, date], date] = {}  # by what a movement cites, which holds a hash


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A page of open lines: which are to be judged, and what the others' marks say.

    ``around`` is what was read around each that is to be judged, before it was locked: what
    changes in between makes its next review judge it again.
    """

    to_judge: tuple[str, ...]
    around: dict[str, int]
    passed: Counter[str]
    last: tuple[str, str] | None
    is_last: bool


def survey(work: Work, part: Part, judged_max: int) -> Surveyed:
    """The next page of a part; nothing is locked.

    It goes on until half as many lines are to be judged as may be: what a page takes besides
    them is then shared by enough, also where most lines are passed over.
    """
    book = _book(day_book(work))  # asked before the page: it is what will be judged by
    shared = {
        each.product_id: _shared(work, each.product_id) for each in products.in_force(work.tx)
    }
    rows_max, is_last = max(1, judged_max // 2), False
    around: dict[str, int] = {}
    passed: Counter[str] = Counter()
    last = None
    for _ in range(LOOKS_OVER_MAX):
        page = review_marks.sift(work.tx, part, work.at_ms, rows_max, Around(shared, book))
        passed += page.passed
        around |= {line_id: number ^ _shared(work, product_id)
                   for line_id, product_id, number in page.new}  # fmt: skip
        last = page.last or last
        is_last = page.lines_count < rows_max
        if last is None or is_last or len(around) > judged_max - rows_max:
            break
        part = replace(part, at_station=last[0], at_line=last[1])
    return Surveyed(tuple(around), around, passed, last, is_last)


def _read_around(work: Work, page: Sequence[Looked]) -> Iterator[tuple[Looked, int]]:
    """Each line with what its review reads besides the line itself."""
    shared = {each: _shared(work, each) for each in {looked.product_id for looked in page}}
    for each in page:
        yield each, each.around ^ shared[each.product_id]


def read_around(work: Work, page: Sequence[Looked]) -> dict[str, int]:
    """The same by line."""
    return {each.line_id: read for each, read in _read_around(work, page)}


def _holds(work: Work, line: Looked, read: tuple[int, int]) -> bool:
    """Whether a line's mark speaks of it as it is now: of what is around it, and of the day's book.

    Only a line that would rise is bound by the book; its mark holds the book's number too.
    """
    if line.inputs is None or not line.since_ms <= work.at_ms < line.until_ms:
        return False
    around, book = read
    differs = line.inputs ^ line.own ^ around
    return differs in (0, book)


def passed_over(work: Work, line_ids: Sequence[str]) -> dict[str, Mark]:
    """Those of some lines that a review of the book would pass over now, with their marks."""
    if not line_ids or not review_marks.are_kept(work.tx):
        return {}
    book = _book(day_book(work))
    page = review_marks.look_at(work.tx, line_ids, work.at_ms)
    return {
        each.line_id: each.mark
        for each, read in _read_around(work, page)
        if _holds(work, each, (read, book))
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

    That is not in the number: such a line is never marked, and always judged. A harvest that
    was brought in is held against its sales only when there was time to sell it; until then
    its line is as any other.
    """
    case = judged.case
    if case.product.voucher is None:
        return False
    alone = len(lines_of(work.tx, case.line.farmer_id)) == 1
    if case.outlook.orders or case.outlook.trade or not alone:
        return True
    last = case.product.stages[-1].stage if case.product.stages else ""
    if not any(plot.stage == last for plot in case.outlook.plots):
        return False
    sold = _sold_from(work, case)
    return sold is None or sold <= case.today


def _sold_from(work: Work, case: Case) -> date | None:
    """From when on a harvest is held against its sales; None where what is hashed does not say.

    The hash is of the looks of the land's own season, the sales of the product's.
    """
    season_id = case.product.season_id
    if any(registry.subject(work.tx, each).season_id != season_id
           for each in case.line.subject_ids):  # fmt: skip
        return None
    return sold_from(work.tx, case.line, case.product)


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
    ahead = (day for day in _turns(work, judged) if day > case.today)
    day = min(ahead, default=case.today + timedelta(days=HOLDS_DAYS_MAX))
    last = case.today + timedelta(days=HOLDS_DAYS_MAX)
    return _unless_waiting(work, case.outlook, _begins_ms(work, case.line, min(day, last)))


def _turns(work: Work, judged: Judged) -> Iterator[date]:
    """The days from which on something of a review may be another, past ones among them.

    Rows that are dated ahead are none of them: their number changes on their day.
    """
    case, stands = judged.case, judged.stands
    product, outlook, today = case.product, case.outlook, case.today
    if judged.ceiling is not None and case.side > 0:
        yield today + timedelta(days=1)  # the book that bounds it is of its day
    yield from _age_turns(product, outlook, today)
    yield from visit_turns(product, outlook.visits)
    if product.voucher is not None and (sold := _sold_from(work, case)) is not None:
        yield sold
    sown = {registry.subject(work.tx, each).sown_on for each in case.line.subject_ids}
    yield from (_calendar_turn(product, each, today) for each in sown or {""})
    yield from cover_turns(outlook.beside.covers)
    yield from dues_turns(product, outlook.beside.dues)
    if stands.facts:
        yield from principal_turns(stands.terms, stands.facts)


def _age_turns(product: Product, outlook: Outlook, today: date) -> Iterator[date]:
    """The days on which looks are older than the product bounds, if nothing is seen again."""
    for bound_days in (product.movement.fresh_days_max, product.movement.stale_days_max):
        if outlook.age_days <= bound_days:
            yield today + timedelta(days=bound_days - outlook.age_days + 1)


def _calendar_turn(product: Product, sown_on: str, today: date) -> date:
    """The next day that a product names, or on which it expects another stage of what was sown.

    Asked for every line, and of many the same.
    """
    asked = (product.policy_version(), sown_on, today)
    if asked not in _AHEAD:
        if len(_AHEAD) >= CALENDARS_KNOWN_MAX:
            _AHEAD.clear()
        days = [*_named_days(product), *year_turns(product, today)]
        sown = civil_date(sown_on)
        if sown is not None:
            days += [sown + timedelta(days=stage.usual_from_day) for stage in product.stages]
        _AHEAD[asked] = min((day for day in days if day > today), default=date.max)
    return _AHEAD[asked]


def _named_days(product: Product) -> tuple[date, ...]:
    """Every day that a product names, and the day after it."""
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
    """A line waits so many hours for the rest of a look; unseen for too long it is frozen."""
    today = work.today(zone_minutes(work.tx, line.farmer_id))
    product = products.newest(work.tx, line.product_id)
    outlook = look(work, line, product, today)
    ahead = [day for day in _age_turns(product, outlook, today) if day > today]
    day = min([*ahead, today + timedelta(days=HOLDS_DAYS_MAX)])
    return _unless_waiting(work, outlook, _begins_ms(work, line, day))


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
