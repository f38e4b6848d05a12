"""Every plot and pasture as a row: filtered, sorted, paged; the map draws the same ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from typing import Any, NamedTuple

from core.lending.limit import Movement
from core.wire.evidence import EvidenceKind, Stage
from server.console.views.plot_measures import (
    MEASURES,
    NONE,
    PPM_PER_MILLE,
    RISKS,
    risk_of,
)
from server.store import plot_rows
from server.store.engine import Tx
from server.store.plot_rows import Record

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
_OPENED, _FROZEN, _CROP_LOOK = Movement.OPENED.value, Movement.FROZEN.value, EvidenceKind.CROP.value


class PlotRow(NamedTuple):
    """A plot or pasture, and the gravest of the open lines that rest on it.

    Without an open line the newest closed one stands here; ``line_id`` is empty without any.
    A tuple with names: of all rows that a page reads, most are only counted.
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
    return read_list_and_plots(tx, query)[0]


def read_list_and_plots(tx: Tx, query: PlotQuery) -> tuple[PlotList, list[PlotRow]]:
    """The page of the plots that was asked for, and all as asked for, of one reading."""
    every = read_plots(tx)
    found = sorted_plots(_wanted(every, query), query)
    pages = max(1, -(-len(found) // PLOTS_A_PAGE))
    page = min(query.page, pages)
    start = (page - 1) * PLOTS_A_PAGE
    shown = PlotList(
        rows=tuple(found[start : start + PLOTS_A_PAGE]),
        found_count=len(found),
        every_count=len(every),
        pages_count=pages,
        choices=_choices(every),
        query=replace(query, page=page),
        first=start + 1,
    )
    return shown, found


def find_plots(tx: Tx, query: PlotQuery) -> list[PlotRow]:
    """Every plot as asked for, in order, without pages."""
    return sorted_plots(_wanted(read_plots(tx), query), query)


def _wanted(every: Sequence[PlotRow], query: PlotQuery) -> Sequence[PlotRow]:
    return [row for row in every if is_wanted(row, query)] if query.is_narrowed else every


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
    keyed = [(key(row), row.subject_id, row) for row in rows]
    known = [each for each in keyed if each[0] is not None]
    known.sort(reverse=query.falling)  # no two have one subject: the rows are not compared
    last = [row for found, _, row in keyed if found is None]
    last.sort(key=attrgetter("subject_id"))
    return [row for _, _, row in known] + last


_TOLD = attrgetter("village", "village_name", "crop", "stage", "movement")


def _choices(every: Sequence[PlotRow]) -> Choices:
    """Counted in two passes: of many plots most are alike in all that is told here."""
    villages, crops, stages = Counter[str](), Counter[str](), Counter[str]()
    movements, risks = Counter[str](), Counter[str]()
    named = {}
    for (village, name, crop, stage, movement), count in Counter(map(_TOLD, every)).items():
        named[village] = name
        villages[village] += count
        crops[crop] += count
        stages[stage or NONE] += count
        movements[movement or NONE] += count
    bands = Counter(None if row.pd_ppm is None else row.pd_ppm // PPM_PER_MILLE for row in every)
    for mille, count in bands.items():
        risks[risk_of(None if mille is None else mille * PPM_PER_MILLE)] += count
    order = sorted(filter(None, named), key=lambda site: (named[site].casefold(), site))
    return Choices(
        villages=tuple((site, named[site], villages[site]) for site in order),
        crops=tuple(sorted((crop, count) for crop, count in crops.items() if crop)),
        stages=stages,
        risks=risks,
        movements=movements,
    )


def read_plots(tx: Tx) -> list[PlotRow]:
    """Every plot and pasture, with how the line that rests on it moved."""
    grazing = plot_rows.grazing(tx)
    line = _gravest(plot_rows.resting_lines(tx), grazing)
    villages = plot_rows.village_names(tx)
    grazed = {pasture: site for pasture, site in grazing.values() if site}
    return [_row(each, line.get(each[0]), villages, grazed) for each in plot_rows.every_plot(tx)]


def _gravest(rows: Iterable[Record], grazing: Mapping[str, tuple[str, str]]) -> dict[str, Record]:
    """By plot or pasture, the line that rests on it: open before closed, then the gravest."""
    found: dict[str, Record] = {}
    for row in rows:
        subject_id: str = row[0]
        if herd := grazing.get(subject_id):
            subject_id = herd[0]
        other = found.get(subject_id)
        if other is None or _weight(row) > _weight(other):
            found[subject_id] = row
    return found


def _weight(row: Record) -> tuple[Any, ...]:
    movement = _FROZEN if row.frozen else row.movement or _OPENED
    gravity = GRAVITY.index(movement) if row.is_open else -1
    return bool(row.is_open), gravity, row.opened_at_ms, row.line_id


def _row(
    each: Record,
    line: Record | None,
    villages: Mapping[str, str],
    grazed: Mapping[str, str],
) -> PlotRow:
    (subject_id, kind, name, crop, area_m2, farmer_id, sha256, owner, site,
     look_kind, stage, anomaly_ppm) = each  # fmt: skip
    village = site or grazed.get(subject_id, "")
    told: tuple[Any, ...] = ()
    if line is not None:
        _, line_id, currency, limit_minor, frozen, watch, _, _, moved, pd_ppm = line
        moved = _FROZEN if frozen else moved or _OPENED
        told = line_id, moved, currency, limit_minor, watch, pd_ppm
    return PlotRow(
        subject_id, kind, name, crop, area_m2, farmer_id, owner or "", village,
        villages.get(village, village), stage if look_kind == _CROP_LOOK else "", anomaly_ppm,
        sha256, *told,
    )  # fmt: skip
