"""The portfolio: every line as a row, filtered, sorted and paged; and its totals.

What a line is filtered and counted by is read of all in a few questions
(:mod:`server.console.views.book_heads`); what is owed on it follows from its facts, and is
reckoned for the page that is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeVar

from core.lending.limit import Movement
from core.lending.terms import CashMonth
from core.wire.evidence import Stage
from server.console.views.book_heads import Head, read_heads
from server.console.words import reason
from server.services.standing import LineStanding, read_money, standing
from server.store import line_pages, lines
from server.store.engine import Tx
from server.store.lines import LineMovement

Sorted = TypeVar("Sorted")
ROWS_A_PAGE = 25
SUMMED_LINES_MAX = 1_000  # money of more is added up only when it is asked for
LINES_A_QUESTION = 2_000  # read together; their answers are remembered for no longer
SEARCH_CHARACTERS_MAX = 80
MOVEMENTS = tuple(movement.value for movement in Movement)
STATES = ("open", "closed", "watch", "all")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the portfolio [minor units]."""

    line_id: str
    farmer_id: str
    farmer_name: str
    product_id: str
    product_name: str
    station: str
    currency: str
    limit_minor: int
    drawn_minor: int
    leased_minor: int
    pending_minor: int
    owed_minor: int
    due_on: str
    stage: str
    anomaly_ppm: int | None
    movement: str
    moved_on: str
    change_minor: int
    reason: str
    watch: bool
    is_open: bool
    subject_ids: tuple[str, ...]
    cash: tuple[CashMonth, ...]

    @property
    def free_minor(self) -> int:
        """Under the limit and neither drawn, pending nor leased [minor units]."""
        used = self.drawn_minor + self.pending_minor + self.leased_minor
        return max(0, self.limit_minor - used)


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked for; anything unknown became the default."""

    search: str
    movement: str
    product: str
    stage: str
    state: str
    sort: str
    falling: bool
    page: int
    sums: bool = False  # add up the money of however many lines

    def link(self, **changes: object) -> dict[str, str]:
        """The query's own parameters with some changed, for a link to a sibling page."""
        given = {
            "q": self.search,
            "movement": self.movement,
            "product": self.product,
            "stage": self.stage,
            "state": self.state,
            "sort": f"{'-' if self.falling else ''}{self.sort}",
            "page": self.page,
            "sums": "1" if self.sums else "",
            **changes,
        }
        shown = {name: str(value) for name, value in given.items()}
        return {name: value for name, value in shown.items() if value != _DEFAULTS[name]}


_DEFAULTS = {
    "q": "", "movement": "", "product": "", "stage": "", "state": "open", "sort": "farmer",
    "page": "1", "sums": "",
}  # fmt: skip
_MONEY_SORTS = ("drawn", "leased")
_SORTS: Mapping[str, Callable[[Any], Any]] = {
    "farmer": lambda row: (row.farmer_name.casefold(), row.line_id),
    "product": lambda row: (row.product_name.casefold(), row.line_id),
    "limit": lambda row: (row.limit_minor, row.line_id),
    "drawn": lambda row: (row.drawn_minor, row.line_id),
    "leased": lambda row: (row.leased_minor, row.line_id),
    "due": lambda row: (row.due_on, row.line_id),
    "stage": lambda row: (Stage(row.stage).rank if row.stage else -1, row.line_id),
    "moved": lambda row: (row.moved_on, row.line_id),
}


@dataclass(frozen=True, slots=True)
class Money:
    """What is drawn, leased, free and owed, added up over some lines [minor units]."""

    drawn_minor: int
    leased_minor: int
    free_minor: int
    owed_minor: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the lines of one currency [minor units]; ``money`` only where it was added up."""

    currency: str
    lines_count: int
    limit_minor: int
    money: Money | None


@dataclass(frozen=True, slots=True)
class Book:
    """A page of the portfolio with what stands above and below it."""

    rows: tuple[Row, ...]
    found_count: int
    pages_count: int
    totals: tuple[Totals, ...]
    counts: Mapping[str, int]
    watch_count: int
    products: Mapping[str, str]
    query: Query


def read_query(given: Mapping[str, str]) -> Query:
    """The query in an address; what is not known falls back to its default."""
    sort = given.get("sort", "farmer")
    name = sort.removeprefix("-")
    page = given.get("page", "1")
    stages = {stage.value for stage in Stage}
    return Query(
        search=given.get("q", "").strip()[:SEARCH_CHARACTERS_MAX],
        movement=_one_of(given.get("movement", ""), MOVEMENTS, ""),
        product=given.get("product", "")[:SEARCH_CHARACTERS_MAX],
        stage=_one_of(given.get("stage", ""), stages, ""),
        state=_one_of(given.get("state", "open"), STATES, "open"),
        sort=_one_of(name, _SORTS, "farmer"),
        falling=sort.startswith("-") and name in _SORTS,
        page=int(page) if page.isdecimal() and len(page) < 7 else 1,
        sums=given.get("sums") == "1",
    )


def _one_of(value: str, known: Any, default: str) -> str:
    return value if value in known else default


def read_book(tx: Tx, query: Query, today: date) -> Book:
    """The portfolio as asked for.

    Of many lines the money is read of the page alone, unless they are to be added up or
    sorted by it.
    """
    every = read_heads(tx)
    in_state = [head for head in every if _in_state(head, query.state)]
    counts = Counter(head.movement for head in in_state)
    found = [head for head in in_state if _wanted(head, query)]
    pages = max(1, -(-len(found) // ROWS_A_PAGE))
    asked = replace(query, page=min(max(query.page, 1), pages))
    rows, totals = _page(tx, found, asked, today)
    return Book(
        rows=tuple(rows),
        found_count=len(found),
        pages_count=pages,
        totals=totals,
        counts={movement: counts.get(movement, 0) for movement in MOVEMENTS},
        watch_count=sum(head.watch for head in in_state),
        products={head.product_id: head.product_name for head in every},
        query=asked,
    )


def _page(
    tx: Tx, found: Sequence[Head], query: Query, today: date
) -> tuple[Sequence[Row], tuple[Totals, ...]]:
    """A page's rows, and the totals of all that were found."""
    start = (query.page - 1) * ROWS_A_PAGE
    if query.sums or query.sort in _MONEY_SORTS or len(found) <= SUMMED_LINES_MAX:
        rows = _sorted(with_money(tx, found, today), query)
        return rows[start : start + ROWS_A_PAGE], _totals(found, rows)
    shown = _sorted(found, query)[start : start + ROWS_A_PAGE]
    return with_money(tx, shown, today), _totals(found, None)


def find_rows(tx: Tx, query: Query, today: date) -> list[Row]:
    """Every line as asked for, in order, without pages."""
    wanted = [head for head in read_heads(tx) if _in_state(head, query.state)]
    found = [head for head in wanted if _wanted(head, query)]
    return _sorted(with_money(tx, found, today), query)


def _sorted(found: Iterable[Sorted], query: Query) -> list[Sorted]:
    key: Callable[[Any], Any] = _SORTS[query.sort]
    return sorted(found, key=key, reverse=query.falling)


def _in_state(row: Head, state: str) -> bool:
    if state == "all":
        return True
    if state == "watch":
        return row.watch and row.is_open
    return row.is_open == (state == "open")


def _wanted(row: Head, query: Query) -> bool:
    words = f"{row.farmer_name} {row.farmer_id} {row.line_id} {row.station}".casefold()
    return (
        query.search.casefold() in words
        and query.movement in ("", row.movement)
        and query.product in ("", row.product_id)
        and query.stage in ("", row.stage)
    )


def _totals(heads: Sequence[Head], rows: Sequence[Row] | None) -> tuple[Totals, ...]:
    found = []
    for currency in sorted({head.currency for head in heads}):
        limits = [head.limit_minor for head in heads if head.currency == currency]
        money = None if rows is None else _added([row for row in rows if row.currency == currency])
        found.append(Totals(currency, len(limits), sum(limits), money))
    return tuple(found)


def _added(rows: Sequence[Row]) -> Money:
    return Money(
        drawn_minor=sum(row.drawn_minor for row in rows),
        leased_minor=sum(row.leased_minor for row in rows),
        free_minor=sum(row.free_minor for row in rows),
        owed_minor=sum(row.owed_minor for row in rows),
    )


def read_rows(tx: Tx, today: date) -> list[Row]:
    """Every line as a row, by id."""
    return with_money(tx, sorted(read_heads(tx), key=lambda head: head.line_id), today)


def with_money(tx: Tx, heads: Sequence[Head], today: date) -> list[Row]:
    """Some lines as rows, in the order in which they came."""
    rows: list[Row] = []
    for start in range(0, len(heads), LINES_A_QUESTION):
        some = heads[start : start + LINES_A_QUESTION]
        kept = {line.line_id: line for line in line_pages.named(tx, [h.line_id for h in some])}
        with tx.remembering() as remembering:
            read_money(remembering, list(kept.values()))
            lines.learn_movements(remembering, list(kept))
            rows += [
                _row(
                    head,
                    standing(remembering, kept[head.line_id], today),
                    lines.last_movement(remembering, head.line_id),
                )
                for head in some
            ]
    return rows


def _row(head: Head, stands: LineStanding, moved: LineMovement | None) -> Row:
    line = stands.line
    return Row(
        line_id=line.line_id,
        farmer_id=line.farmer_id,
        farmer_name=head.farmer_name,
        product_id=line.product_id,
        product_name=head.product_name,
        station=line.station,
        currency=line.currency,
        limit_minor=line.limit_minor,
        drawn_minor=stands.owed.principal_minor,
        leased_minor=stands.leased_minor,
        pending_minor=stands.pending_minor,
        owed_minor=stands.owed.total_minor,
        due_on=line.due_on,
        stage=head.stage,
        anomaly_ppm=head.anomaly_ppm,
        movement=head.movement,
        moved_on=head.moved_on,
        change_minor=moved.limit_minor - moved.limit_before_minor if moved else line.limit_minor,
        reason=reason(moved.reasons[0]) if moved and moved.reasons else "",
        watch=line.watch,
        is_open=line.is_open,
        subject_ids=line.subject_ids,
        cash=line.cash,
    )
