"""The portfolio: every line as a row, filtered, sorted and paged; and its totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from core.lending.limit import Movement
from core.units import civil_day
from core.wire.evidence import EvidenceKind, Stage
from server.console.words import reason
from server.services.chunks import read_money
from server.services.standing import LineStanding, standing
from server.store import evidence, line_pages, lines, products, registry
from server.store.engine import Tx
from server.store.evidence import KeptEvidence
from server.store.lines import LineMovement

ROWS_A_PAGE = 25
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
            **changes,
        }
        shown = {name: str(value) for name, value in given.items()}
        return {name: value for name, value in shown.items() if value != _DEFAULTS[name]}


_DEFAULTS = {
    "q": "", "movement": "", "product": "", "stage": "", "state": "open", "sort": "farmer",
    "page": "1",
}  # fmt: skip
_SORTS: Mapping[str, Callable[[Row], Any]] = {
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
class Totals:
    """Sums over the rows of one currency [minor units]."""

    currency: str
    lines_count: int
    limit_minor: int
    drawn_minor: int
    leased_minor: int
    free_minor: int
    owed_minor: int


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
    )


def _one_of(value: str, known: Any, default: str) -> str:
    return value if value in known else default


def read_book(tx: Tx, query: Query, today: date) -> Book:
    """The portfolio as asked for."""
    every = read_rows(tx, today)
    in_state = [row for row in every if _in_state(row, query.state)]
    counts = Counter(row.movement for row in in_state)
    found = _sorted(in_state, query)
    pages = max(1, -(-len(found) // ROWS_A_PAGE))
    page = min(max(query.page, 1), pages)
    start = (page - 1) * ROWS_A_PAGE
    return Book(
        rows=tuple(found[start : start + ROWS_A_PAGE]),
        found_count=len(found),
        pages_count=pages,
        totals=_totals(found),
        counts={movement: counts.get(movement, 0) for movement in MOVEMENTS},
        watch_count=sum(row.watch for row in in_state),
        products={row.product_id: row.product_name for row in every},
        query=_on_page(query, page),
    )


def find_rows(tx: Tx, query: Query, today: date) -> list[Row]:
    """Every line as asked for, in order, without pages."""
    return _sorted((row for row in read_rows(tx, today) if _in_state(row, query.state)), query)


def _sorted(rows: Iterable[Row], query: Query) -> list[Row]:
    found = [row for row in rows if _wanted(row, query)]
    return sorted(found, key=_SORTS[query.sort], reverse=query.falling)


def _on_page(query: Query, page: int) -> Query:
    return Query(
        query.search, query.movement, query.product, query.stage, query.state, query.sort,
        query.falling, page,
    )  # fmt: skip


def _in_state(row: Row, state: str) -> bool:
    if state == "all":
        return True
    if state == "watch":
        return row.watch and row.is_open
    return row.is_open == (state == "open")


def _wanted(row: Row, query: Query) -> bool:
    words = f"{row.farmer_name} {row.farmer_id} {row.line_id} {row.station}".casefold()
    return (
        query.search.casefold() in words
        and query.movement in ("", row.movement)
        and query.product in ("", row.product_id)
        and query.stage in ("", row.stage)
    )


def _totals(rows: Sequence[Row]) -> tuple[Totals, ...]:
    found = []
    for currency in sorted({row.currency for row in rows}):
        mine = [row for row in rows if row.currency == currency]
        found.append(
            Totals(
                currency=currency,
                lines_count=len(mine),
                limit_minor=sum(row.limit_minor for row in mine),
                drawn_minor=sum(row.drawn_minor for row in mine),
                leased_minor=sum(row.leased_minor for row in mine),
                free_minor=sum(row.free_minor for row in mine),
                owed_minor=sum(row.owed_minor for row in mine),
            )
        )
    return tuple(found)


def read_rows(tx: Tx, today: date) -> list[Row]:
    """Every line as a row."""
    names = {farmer.farmer_id: farmer.name for farmer in registry.all_farmers(tx)}
    sold = {product.product_id: product.name for product in products.in_force(tx)}
    seen = evidence.latest_everywhere(tx)
    pastures = {
        placed.subject.subject_id: placed.subject.pasture_id for placed in registry.all_subjects(tx)
    }
    rows = []
    for page in line_pages.pages(tx, LINES_A_QUESTION):
        with tx.remembering() as remembering:
            read_money(remembering, page)
            lines.learn_movements(remembering, [line.line_id for line in page])
            for line in page:
                looks = [
                    seen[key]
                    for subject_id in line.subject_ids
                    if (key := pastures.get(subject_id) or subject_id) in seen
                ]
                moved = lines.last_movement(remembering, line.line_id)
                stands = standing(remembering, line, today)
                rows.append(_row(stands, moved, looks, names, sold))
    return rows


def _row(
    stands: LineStanding,
    moved: LineMovement | None,
    looks: Sequence[KeptEvidence],
    names: Mapping[str, str],
    sold: Mapping[str, str],
) -> Row:
    line = stands.line
    stages = [look.stage for look in looks if look.kind is EvidenceKind.CROP]
    anomalies = [look.anomaly_ppm for look in looks if look.anomaly_ppm is not None]
    movement = moved.movement.value if moved else Movement.OPENED.value
    return Row(
        line_id=line.line_id,
        farmer_id=line.farmer_id,
        farmer_name=names.get(line.farmer_id, line.farmer_id),
        product_id=line.product_id,
        product_name=sold.get(line.product_id, line.product_id),
        station=line.station,
        currency=line.currency,
        limit_minor=line.limit_minor,
        drawn_minor=stands.owed.principal_minor,
        leased_minor=stands.leased_minor,
        pending_minor=stands.pending_minor,
        owed_minor=stands.owed.total_minor,
        due_on=line.due_on,
        stage=min(stages, key=lambda stage: stage.rank).value if stages else "",
        anomaly_ppm=min(anomalies) if anomalies else None,
        movement=Movement.FROZEN.value if line.frozen else movement,
        moved_on=civil_day(moved.at_ms).isoformat() if moved else line.opened_on,
        change_minor=moved.limit_minor - moved.limit_before_minor if moved else line.limit_minor,
        reason=reason(moved.reasons[0]) if moved and moved.reasons else "",
        watch=line.watch,
        is_open=line.is_open,
        subject_ids=line.subject_ids,
    )
