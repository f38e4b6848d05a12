"""What the alerts said of simulated villages, laid beside what was planted there."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from core.wire.evidence import Hazard, HazardKind
from firmware_sim.district.perils import Peril, Perils, Strike, draw_perils
from firmware_sim.district.places import District
from firmware_sim.district.season import SeasonTruth
from firmware_sim.district.simulate import live_season, watered_crops
from satellite.hazards.alerts import hazards_of
from tests.support.watched_village import NDVI, Live, Village

PROCESSES = 2
LATE_DAYS_MIN = 15  # a fortnight after the declared day is a matter of words
SEVERE = {HazardKind.HAIL: 0.5, HazardKind.FLOOD: 0.6}  # of leaves lost; of the plot drowned
DROUGHT_LOSS = 0.20  # of the harvest lost to thirst: a drought, planted or not
MILD_LOSS = 0.10  # from here to a drought: thirst that an alert may name
CROP_KG_PER_HA = 300.0  # a harvest at all
HARM_SHARE = 0.10  # of the biomass
HARM_KG_PER_HA = 500.0
DUE_ON = date(2026, 9, 15)  # of the demonstration's product
SETS: dict[str, tuple[Peril, ...]] = {
    "ordinary": (),
    "struck": (Peril.HAIL, Peril.FLOOD, Peril.LATE_SOWING, Peril.FAILED_EMERGENCE),
    "drought": (Peril.DROUGHT,),
    "natural": (),  # the year's own weather, dry spells and all
}


@dataclass(frozen=True, slots=True)
class Case:
    """One plot-season and one kind: what happened, and what was said.

    ``from_on`` is the day of the strike (the declared sowing for late and failed),
    ``harm_on`` of the first harm (drought only); ``share`` what was lost: of the
    harvest to thirst, of leaves to hail, of the plot to water; ``looks`` usable ones
    from the strike to the alert. What is ``unasked`` counts neither way: rain that was
    made to fail and took less than a drought takes.
    """

    seed: int
    season: str
    kind: HazardKind
    happened: bool
    planted: bool
    unasked: bool
    severe: bool
    share: float
    from_on: date
    harm_on: date | None
    raised_on: date | None
    looks: int | None
    excused: bool


@dataclass(frozen=True, slots=True)
class Thirst:
    """What thirst took of each plot: share of the harvest, and the day of first harm."""

    loss: np.ndarray
    harm_day: np.ndarray


def cases_of(seed: int, folder: Path) -> list[Case]:
    """All plot-seasons of a village in four seasons, by kind."""
    folder.mkdir(parents=True, exist_ok=True)
    village = Village(seed, folder)
    found: list[Case] = []
    ordinary = village.live().truth
    for name, perils in SETS.items():
        live = village.live(perils, ordinary=name != "natural")
        said = hazards_of(live.seen, village.past, live.weather, NDVI.levels, live.water)
        by_plot = {one.plot.plot_id: hazards for one, hazards in zip(live.seen, said, strict=True)}
        planted = draw_perils(village.district, live_season(drought=False), perils)
        thirst = thirst_of(village.district, live, planted if perils else None, ordinary)
        for row, plot in enumerate(village.district.plots):
            mine = [strike for strike in planted.strikes if strike.plot == row]
            found += _cases(
                village.district, live, row, mine, by_plot.get(plot.plot_id, ()), name, thirst
            )
    return found


def thirst_of(
    district: District, live: Live, perils: Perils | None, ordinary: SeasonTruth
) -> Thirst:
    """A season beside itself with all the water that its crops ask for.

    The day of harm under a planted drought is that on which a plot first has a tenth
    less biomass than without the drought; under the year's own weather, that on which
    a tenth of all that it could have grown by harvest is lost.
    """
    watered = watered_crops(district, live.truth.spec, district.seed, perils)
    most = watered.yield_kg_per_ha
    loss = 1 - live.truth.yield_kg_per_ha / np.maximum(most, 1.0)
    grown, could = live.truth.plots.biomass_kg_per_ha, watered.cover.biomass_kg_per_ha
    short = could - grown >= HARM_SHARE * could.max(axis=1, keepdims=True)
    if perils is not None and perils.drought is not None:
        twin = ordinary.plots.biomass_kg_per_ha
        short = (twin > HARM_KG_PER_HA) & (grown < (1 - HARM_SHARE) * twin)
    harm = np.where(short.any(axis=1), short.argmax(axis=1).astype(float), np.nan)
    return Thirst(np.where(most > CROP_KG_PER_HA, loss, 0.0), harm)


def all_cases(seeds: Sequence[int], folder: Path) -> list[Case]:
    """The cases of many villages, two at a time."""
    with ProcessPoolExecutor(PROCESSES) as pool:
        every = pool.map(cases_of, seeds, [folder / str(seed) for seed in seeds])
        return [case for cases in every for case in cases]


def _cases(
    district: District,
    live: Live,
    row: int,
    strikes: list[Strike],
    said: Iterable[Hazard],
    season: str,
    thirst: Thirst,
) -> list[Case]:
    plot, first = district.plots[row], live.truth.spec.first_day
    one = next(s for s in live.seen if s.plot.plot_id == plot.plot_id)
    sown, stages = one.plot.sown_on or first, live.truth.stages[row]
    told = {hazard.kind: date.fromisoformat(hazard.raised_on) for hazard in said}
    struck = {HazardKind(strike.peril.value): strike for strike in strikes}
    bare = {
        HazardKind.LATE_SOWING: (stages.sown - sown).days >= LATE_DAYS_MIN,
        HazardKind.FAILED_EMERGENCE: stages.emerged is None,
    }
    found = []
    for kind in HazardKind:
        strike = struck.get(kind)
        happened = bare.get(kind, strike is not None)
        dry = kind is HazardKind.DROUGHT
        if dry:
            happened = bool(thirst.loss[row] >= DROUGHT_LOSS)
        since = sown if kind in bare else first + timedelta(days=strike.day if strike else 0)
        raised = told.get(kind)
        if happened and not dry and raised is not None and raised < since:
            raised = None  # it spoke of something else
        found.append(
            Case(
                seed=district.seed,
                season=season,
                kind=kind,
                happened=happened,
                planted=strike is not None or kind in bare,
                unasked=dry and strike is not None and not happened,
                severe=strike is not None and strike.share >= SEVERE.get(kind, 0.0),
                share=float(thirst.loss[row]) if dry else (strike.share if strike else 0.0),
                from_on=since,
                harm_on=_harm_on(first, float(thirst.harm_day[row])) if dry else None,
                raised_on=raised,
                looks=_looks(live, one.plot.plot_id, since, raised),
                excused=_excused(kind, struck, bare),
            )
        )
    return found


def _excused(
    kind: HazardKind,
    struck: dict[HazardKind, Strike],
    bare: dict[HazardKind, bool],
) -> bool:
    """Whether an alert that was not planted names a neighbour of what was.

    A plot on which nothing comes up is first called late, a flood that was not seen
    while water stood looks like hail, and a plot sown six weeks late like one that failed.
    """
    pairs = {
        HazardKind.LATE_SOWING: bare[HazardKind.FAILED_EMERGENCE],
        HazardKind.FAILED_EMERGENCE: bare[HazardKind.LATE_SOWING],
        HazardKind.HAIL: HazardKind.FLOOD in struck,
        HazardKind.FLOOD: HazardKind.HAIL in struck,
    }
    return pairs.get(kind, False)


def _looks(live: Live, plot_id: str, since: date, raised: date | None) -> int | None:
    """Usable looks from the strike to the alert, that of the alert included."""
    if raised is None:
        return None
    series = next(s.series for s in live.seen if s.plot.plot_id == plot_id)
    return sum(
        since.toordinal() <= look.day <= raised.toordinal() and look.valid_fraction >= 0.4
        for look in series.looks
    )


def _harm_on(first: date, day: float) -> date | None:
    return first + timedelta(days=int(day)) if np.isfinite(day) else None


@dataclass(frozen=True, slots=True)
class Score:
    """One kind over many plot-seasons."""

    kind: HazardKind
    happened: int
    hit: int
    severe: int
    severe_hit: int
    plot_seasons: int
    false_alarms: int
    mild_alarms: int
    named_otherwise: int
    delay_days: tuple[float, float, float]
    looks: float
    lead_days: tuple[float, float, float] | None
    lead_week_share: float | None

    def line(self) -> str:
        """A row of the table in docs/hazards.md."""
        lead = "" if self.lead_days is None else _three(self.lead_days)
        week = "" if self.lead_week_share is None else f"{self.lead_week_share:.2f}"
        severe = f"{self.severe_hit / self.severe:.2f} of {self.severe}" if self.severe else "–"
        return (
            f"| {self.kind.value} | {self.happened} | {self.hit / max(self.happened, 1):.2f} "
            f"| {severe} | {self.false_alarms} of {self.plot_seasons} "
            f"({self.false_alarms / self.plot_seasons:.3f}) | {self.named_otherwise} "
            f"| {_three(self.delay_days)} | {self.looks:.0f} | {lead} | {week} |"
        )


def _three(values: tuple[float, float, float]) -> str:
    return f"{values[1]:.0f} ({values[0]:.0f} to {values[2]:.0f})"


def score(cases: Sequence[Case], kind: HazardKind) -> Score:
    """How the alerts of one kind did; delays are of hits, 10th, 50th and 90th percentile."""
    mine = [case for case in cases if case.kind is kind and not case.unasked]
    happened = [c for c in mine if c.happened]
    hit = [c for c in happened if c.raised_on is not None]
    severe = [c for c in happened if c.severe]
    calm = [c for c in mine if not c.happened]
    said = [c for c in calm if c.raised_on is not None]
    struck_first = [c for c in hit if c.planted and c.raised_on and c.raised_on >= c.from_on]
    delays = [(c.raised_on - c.from_on).days for c in struck_first if c.raised_on is not None]
    leads = lead_days(cases) if kind is HazardKind.DROUGHT else []
    return Score(
        kind=kind,
        happened=len(happened),
        hit=len(hit),
        severe=len(severe) if kind in SEVERE else 0,
        severe_hit=sum(c.raised_on is not None for c in severe),
        plot_seasons=len(calm),
        false_alarms=sum(not c.excused for c in said),
        mild_alarms=sum(not c.excused and c.share >= MILD_LOSS for c in said),
        named_otherwise=sum(c.excused for c in said),
        delay_days=_spread(delays),
        looks=float(np.median([c.looks for c in struck_first if c.looks is not None] or [0])),
        lead_days=_spread(leads) if leads else None,
        lead_week_share=float(np.mean(np.array(leads) >= 7)) if leads else None,
    )


def _spread(values: Sequence[int]) -> tuple[float, float, float]:
    low, mid, high = np.percentile(np.array(values or [0]), [10, 50, 90])
    return float(low), float(mid), float(high)


HEADER = (
    "| hazard | struck | hit rate | of the severe | false alarms per plot-season "
    "| named as its neighbour | days to the alert | looks | days before harm | ≥ 7 days |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def table(cases: Sequence[Case]) -> str:
    """The tables of docs/hazards.md."""
    leads = [
        (name, lead_days(cases, planted=p)) for name, p in (("planted", True), ("natural", False))
    ]
    spreads = "; ".join(
        f"{n} {_three(_spread(d))} of {len(d)}, ≥ 7 days {np.mean(np.array(d) >= 7):.2f}"
        for n, d in leads
        if d
    )
    due = _three(_spread(due_days(cases)))
    return "\n".join(
        [
            HEADER,
            *(score(cases, kind).line() for kind in HazardKind),
            "",
            *(one.line() for one in shares(cases)),
            "",
            f"days from drought alert to harm: {spreads}; to the due date {due}",
        ]
    )


def lead_days(cases: Sequence[Case], *, planted: bool | None = None) -> list[int]:
    """Days from the alert to the first harm, of droughts that were told; below 0 too late."""
    return [
        (case.harm_on - case.raised_on).days
        for case in cases
        if case.kind is HazardKind.DROUGHT
        and case.happened
        and planted in (None, case.planted)
        and case.raised_on is not None
        and case.harm_on is not None
    ]


def due_days(cases: Sequence[Case]) -> list[int]:
    """Days from the alert to the due date, of droughts that were told."""
    dry = [c for c in cases if c.kind is HazardKind.DROUGHT and c.happened]
    return [(DUE_ON - c.raised_on).days for c in dry if c.raised_on is not None]


@dataclass(frozen=True, slots=True)
class Share:
    """How many of some cases were told, and the 90 % range when villages are drawn again."""

    name: str
    told: int
    of: int
    low: float
    high: float

    @property
    def rate(self) -> float:
        """The share that was told."""
        return self.told / max(self.of, 1)

    def line(self) -> str:
        """A row of the second table in docs/hazards.md."""
        likely = f"{self.rate:.3f} ({self.low:.3f} to {self.high:.3f})"
        return f"| {self.name} | {self.told} of {self.of} | {likely} |"


def share_told(name: str, cases: Sequence[Case]) -> Share:
    """Alerts among cases; whole villages are drawn, as weather strikes them whole."""
    seeds = sorted({case.seed for case in cases})
    told = np.array([sum(c.raised_on is not None for c in cases if c.seed == s) for s in seeds])
    of = np.array([sum(c.seed == s for c in cases) for s in seeds])
    drawn = np.random.default_rng(0).integers(len(seeds), size=(2000, len(seeds)))
    rates = told[drawn].sum(axis=1) / np.maximum(of[drawn].sum(axis=1), 1)
    low, high = np.percentile(rates, [5, 95])
    return Share(name, int(told.sum()), int(of.sum()), float(low), float(high))


def shares(cases: Sequence[Case]) -> list[Share]:
    """Droughts by what thirst took, hail by the leaves that it tore."""
    dry = [c for c in cases if c.kind is HazardKind.DROUGHT]
    hail = [c for c in cases if c.kind is HazardKind.HAIL and not c.excused]
    calm = [c for c in dry if not c.planted]
    parts = {
        "planted drought, all plots": [c for c in dry if c.planted],
        "planted, a fifth or more lost": [c for c in dry if c.planted and c.happened],
        "natural, a fifth or more lost": [c for c in calm if c.happened],
        "not planted, 10 to 20 % lost": [c for c in calm if MILD_LOSS <= c.share < DROUGHT_LOSS],
        "not planted, under 10 % lost": [c for c in calm if c.share < MILD_LOSS],
    }
    edges = (0.0, 0.35, 0.5, 0.65, 1.0)
    for low, high in itertools.pairwise(edges):
        parts[f"hail, {low:.0%} to {high:.0%} of leaves"] = [
            c for c in hail if c.planted and low <= c.share < high
        ]
    parts["no hail"] = [c for c in hail if not c.planted]
    return [share_told(name, some) for name, some in parts.items() if some]
