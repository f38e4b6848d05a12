"""On which days the passing of time alone changes what a review reads.

Each function names every day from which on something may be another, past ones among them.
Whoever keeps an answer keeps it until the first that is still ahead; a day too many costs a
review, a day too few would hide one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from core.lending.facts import Fact, standing_facts
from core.lending.product import Product
from core.lending.schedule import capitalising_of
from core.lending.terms import RepaymentTerms
from core.lending.views import CoverView, DuesView

_DAY = timedelta(days=1)


def principal_turns(terms: RepaymentTerms, facts: Iterable[Fact]) -> Iterator[date]:
    """Days on which the principal may move if nothing more happens.

    What was dated ahead comes to count, and interest becomes principal; in between interest,
    penalties and what is late run on, and move no principal.
    """
    known = standing_facts(facts)
    yield from (fact.on for fact in known)
    yield from capitalising_of(terms, known)
    yield from (date.fromisoformat(each.on) for each in terms.restructured)


def cover_turns(covers: Iterable[CoverView]) -> Iterator[date]:
    """Days on which covers begin, and those after their last."""
    for each in covers:
        yield date.fromisoformat(each.from_on)
        yield from _after(date.fromisoformat(each.until_on))


def dues_turns(product: Product, dues: Iterable[DuesView]) -> Iterator[date]:
    """Days on which bureaus' answers begin to be believed, and from which they no longer are."""
    for each in dues:
        said = date.fromisoformat(each.as_of)
        yield said
        if product.bureau is not None:
            yield from _after(said, product.bureau.answer_days_max)


def year_turns(product: Product, on: date) -> Iterator[date]:
    """The next two days on which a revolving line begins another of its years."""
    if product.revolving is None:
        return
    first = date.fromisoformat(product.revolving.first_year_on)
    for year in (on.year, on.year + 1):
        try:
            yield first.replace(year=year)
        except ValueError:
            yield date(year, 3, 1)  # the 29th of February, in a year without


def _after(day: date, days: int = 0) -> Iterator[date]:
    """The day after so many more; none beyond the end of all calendars."""
    if day.toordinal() + days < date.max.toordinal():
        yield day + timedelta(days=days) + _DAY
