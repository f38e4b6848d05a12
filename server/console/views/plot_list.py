"""Every plot and pasture as a row: filtered, sorted, paged; the map draws the same ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from core.lending.limit import Movement
from core.wire.evidence import EvidenceKind, Stage
from server.console.views.plot_measures import MEASURES, NONE, RISKS, risk_of
from server.store import plot_rows
from server.store.engine import Tx
from server.store.memory import Row

PLOTS_A_PAGE = 25
SEARCH_CHARACTERS_MAX = 80
CHOICE_CHARACTERS_MAX = 80
PAGE_DIGITS_MAX = 6
NUMBER_DIGITS = 12  # of a number in a plot's name, when names are sorted
STAGES = tuple(stage.value for stage in Stage)
RANK = {stage: rank for rank, stage in enumerate(STAGES)}
GRAVITY = (
    Movement.OPENED.value, Movement.RAISED.value, Movement.HELD.value, Movement.CUT.value,
    Movement.FROZEN.value,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlotRow:
    """A plot or pasture, and the gravest of the open lines that rest on it.

    Without an open line the newest closed one stands here; ``line_id`` is empty without any.
    """

    subject_id: str
    kind: str
    name: str
    crop: str
    area_m2: int
    farmer_id: str
    owner: str
    village: str
    village_name: str
    stage: str
    anomaly_ppm: int | None
    polygon_sha256: str
    line_id: str = ""
    movement: str = ""
    currency: str = ""
    limit_minor: int | None = None
    watch: bool = False
    pd_ppm: int | None = None


@dataclass(frozen=True, slots=True)
class PlotQuery:
    """What was asked for; anything unknown became the default."""

    q: str = ""
    village: str = ""
    crop: str = ""
    stage: str = ""
    risk: str = ""
    movement: str = ""
    by: str = "greenness"
    sort: str = "plot"
    page: int = 1

    @property
    def falling(self) -> bool:
        """Whether the greatest come first."""
        return self.sort.startswith("-")

    @property
    def key(self) -> str:
        """By what it is sorted."""
        return self.sort.removeprefix("-")

    @property
    def is_narrowed(self) -> bool:
        """Whether anything is left out."""
        return any(getattr(self, name) for name in FILTERS)

    def link(self, **changes: object) -> dict[str, str]:
        """The query's own parameters with some changed; what is as usual is left out."""
        given = {each.name: getattr(self, each.name) for each in fields(self)} | changes
        return {name: str(value) for name, value in given.items() if value != getattr(_USUAL, name)}

    def filter_link(self) -> dict[str, str]:
        """What is left out and nothing else: the map asks with this."""
        usual = {name: getattr(_USUAL, name) for name in ("by", "sort", "page")}
        return self.link(**usual)


FILTERS = ("q", "village", "crop", "stage", "risk", "movement")
_USUAL = PlotQuery()


def read_plot_query(given: Mapping[str, str]) -> PlotQuery:
    """The query in an address; what is not known falls back to its default."""
    sort, page = given.get("sort", "plot"), given.get("page", "1")
    return PlotQuery(
        q=given.get("q", "").strip()[:SEARCH_CHARACTERS_MAX],
        village=given.get("village", "")[:CHOICE_CHARACTERS_MAX],
        crop=given.get("crop", "")[:CHOICE_CHARACTERS_MAX],
        stage=_one_of(given.get("stage", ""), (*STAGES, NONE), ""),
        risk=_one_of(given.get("risk", ""), RISKS, ""),
        movement=_one_of(given.get("movement", ""), (*GRAVITY, NONE), ""),
        by=_one_of(given.get("by", ""), MEASURES, _USUAL.by),
        sort=sort if sort.removeprefix("-") in _SORTS else _USUAL.sort,
        page=max(1, int(page)) if page.isdecimal() and len(page) <= PAGE_DIGITS_MAX else 1,
    )


def _one_of(value: str, known: Iterable[str], default: str) -> str:
    return value if value in known else default


def _filled(found: re.Match[str]) -> str:
    """A number with noughts before it, so that plot 9 stands before plot 10."""
    return found[0].zfill(NUMBER_DIGITS)


_NUMBER = re.compile(r"\d+")
_SORTS: Mapping[str, Callable[[PlotRow], Any]] = {
    "plot": lambda row: _NUMBER.sub(_filled, row.name.casefold()),
    "farmer": lambda row: row.owner.casefold(),
    "village": lambda row: row.village_name.casefold(),
    "crop": lambda row: row.crop or None,
    "area": lambda row: row.area_m2,
    "stage": lambda row: RANK.get(row.stage),
    "greenness": lambda row: row.anomaly_ppm,
    "risk": lambda row: row.pd_ppm,
    "limit": lambda row: row.limit_minor,
    "movement": lambda row: GRAVITY.index(row.movement) if row.movement else None,
}


@dataclass(frozen=True, slots=True)
class Choices:
    """What may be chosen in each filter, with how many plots of the whole each leaves."""

    villages: tuple[tuple[str, str, int], ...]
    crops: tuple[tuple[str, int], ...]
    stages: Mapping[str, int]
    risks: Mapping[str, int]
    movements: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PlotList:
    """A page of the plots, with what stands above and below it."""

    rows: tuple[PlotRow, ...]
    found_count: int
    every_count: int
    pages_count: int
    choices: Choices
    query: PlotQuery
    first: int = field(default=1)


def read_plot_list(tx: Tx, query: PlotQuery) -> PlotList:
    """The page of the plots that was asked for."""
    every = read_plots(tx)
    found = sorted_plots([row for row in every if is_wanted(row, query)], query)
    pages = max(1, -(-len(found) // PLOTS_A_PAGE))
    page = min(query.page, pages)
    start = (page - 1) * PLOTS_A_PAGE
    return PlotList(
        rows=tuple(found[start : start + PLOTS_A_PAGE]),
        found_count=len(found),
        every_count=len(every),
        pages_count=pages,
        choices=_choices(every),
        query=replace(query, page=page),
        first=start + 1,
    )


def find_plots(tx: Tx, query: PlotQuery) -> list[PlotRow]:
    """Every plot as asked for, in order, without pages."""
    return sorted_plots([row for row in read_plots(tx) if is_wanted(row, query)], query)


def is_wanted(row: PlotRow, query: PlotQuery) -> bool:
    """Whether a plot passes the filters."""
    if query.village not in ("", row.village) or query.crop not in ("", row.crop):
        return False
    if query.stage not in ("", row.stage or NONE):
        return False
    if query.movement not in ("", row.movement or NONE):
        return False
    if query.risk and query.risk != risk_of(row.pd_ppm):
        return False
    return not query.q or query.q.casefold() in _words(row)


def _words(row: PlotRow) -> str:
    """What a search looks into."""
    told = (row.name, row.owner, row.village_name, row.subject_id, row.farmer_id, row.line_id)
    return "\n".join(told).casefold()


def sorted_plots(rows: Sequence[PlotRow], query: PlotQuery) -> list[PlotRow]:
    """In the order that was asked for; what is not known stands last either way."""
    key = _SORTS[query.key]
    known = [(found, row.subject_id, row) for row in rows if (found := key(row)) is not None]
    known.sort(key=lambda each: each[:2], reverse=query.falling)
    last = sorted((row for row in rows if key(row) is None), key=lambda row: row.subject_id)
    return [row for _, _, row in known] + last


def _choices(every: Sequence[PlotRow]) -> Choices:
    named = {row.village: row.village_name for row in every if row.village}
    villages = Counter(row.village for row in every)
    crops = Counter(row.crop for row in every if row.crop)
    order = sorted(named, key=lambda site: (named[site].casefold(), site))
    return Choices(
        villages=tuple((site, named[site], villages[site]) for site in order),
        crops=tuple(sorted(crops.items())),
        stages=Counter(row.stage or NONE for row in every),
        risks=Counter(risk_of(row.pd_ppm) for row in every),
        movements=Counter(row.movement or NONE for row in every),
    )


def read_plots(tx: Tx) -> list[PlotRow]:
    """Every plot and pasture, with how the line that rests on it moved."""
    grazing = plot_rows.grazing(tx)
    line = _gravest(plot_rows.resting_lines(tx), grazing)
    villages = plot_rows.village_names(tx)
    grazed = {pasture: site for pasture, site in grazing.values() if site}
    return [
        _row(each, line.get(each["subject_id"]), villages, grazed)
        for each in plot_rows.every_plot(tx)
    ]


def _gravest(rows: Iterable[Row], grazing: Mapping[str, tuple[str, str]]) -> dict[str, Row]:
    """By plot or pasture, the line that rests on it: open before closed, then the gravest."""
    found: dict[str, Row] = {}
    for row in rows:
        herd = grazing.get(row["subject_id"])
        subject_id = herd[0] if herd else row["subject_id"]
        other = found.get(subject_id)
        if other is None or _weight(row) > _weight(other):
            found[subject_id] = row
    return found


def _weight(row: Row) -> tuple[Any, ...]:
    gravity = GRAVITY.index(_movement(row)) if row["is_open"] else -1
    return bool(row["is_open"]), gravity, row["opened_at_ms"], row["line_id"]


def _movement(row: Row) -> str:
    if row["frozen"]:
        return Movement.FROZEN.value
    return str(row["movement"] or Movement.OPENED.value)


_NO_LINE: Row = {
    "line_id": "", "currency": "", "limit_minor": None, "watch": False, "pd_ppm": None,
}  # fmt: skip


def _row(
    each: Row, line: Row | None, villages: Mapping[str, str], grazed: Mapping[str, str]
) -> PlotRow:
    village = each["site"] or grazed.get(each["subject_id"], "")
    is_crop = each["look_kind"] == EvidenceKind.CROP.value
    told = line or _NO_LINE
    return PlotRow(
        each["subject_id"], each["kind"], each["name"], each["crop"], each["area_m2"],
        each["farmer_id"], each["farmer_name"] or "", village, villages.get(village, village),
        each["stage"] if is_crop else "", each["anomaly_ppm"], each["polygon_sha256"],
        told["line_id"], _movement(line) if line else "", told["currency"], told["limit_minor"],
        bool(told["watch"]), told["pd_ppm"],
    )  # fmt: skip
