"""What the alerts said of simulated villages, laid beside what was planted there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from core.wire.evidence import Hazard, HazardKind
from firmware_sim.district.perils import Peril, Strike, draw_perils
from firmware_sim.district.places import District
from firmware_sim.district.season import SeasonTruth
from firmware_sim.district.simulate import live_season
from satellite.hazards.alerts import hazards_of
from tests.support.watched_village import NDVI, Live, Village

PROCESSES = 2
LATE_DAYS_MIN = 15  # a fortnight after the declared day is a matter of words
SEVERE = {HazardKind.HAIL: 0.5, HazardKind.FLOOD: 0.6}  # of leaves lost; of the plot drowned
HARM_SHARE = 0.10  # of the biomass, against the same season without the drought
HARM_KG_PER_HA = 500.0
SETS: dict[str, tuple[Peril, ...]] = {
    "ordinary": (),
    "struck": (Peril.HAIL, Peril.FLOOD, Peril.LATE_SOWING, Peril.FAILED_EMERGENCE),
    "drought": (Peril.DROUGHT,),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One plot-season and one kind: what happened, and what was said.

    ``from_on`` is the day of the strike (the declared sowing for late and failed),
    ``harm_days`` from it to the first harm (drought only); ``looks`` usable ones from
    it to the alert.
    """

    seed: int
    season: str
    kind: HazardKind
    happened: bool
    severe: bool
    from_on: date
    harm_days: int | None
    raised_on: date | None
    looks: int | None
    excused: bool


def cases_of(seed: int, folder: Path) -> list[Case]:
    """All plot-seasons of a village in three seasons, by kind."""
    folder.mkdir(parents=True, exist_ok=True)
    village = Village(seed, folder)
    lives = {name: village.live(perils) for name, perils in SETS.items()}
    found: list[Case] = []
    for name, live in lives.items():
        said = hazards_of(live.seen, village.past, live.weather, NDVI.levels, live.water)
        by_plot = {one.plot.plot_id: hazards for one, hazards in zip(live.seen, said, strict=True)}
        strikes = draw_perils(village.district, live_season(drought=False), SETS[name]).strikes
        harm = _harm_days(live.truth, lives["ordinary"].truth)
        for row, plot in enumerate(village.district.plots):
            mine = [strike for strike in strikes if strike.plot == row]
            found += _cases(
                village.district, live, row, mine, by_plot.get(plot.plot_id, ()), name, harm
            )
    return found


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
    harm: np.ndarray,
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
        since = sown if kind in bare else first + timedelta(days=strike.day if strike else 0)
        raised = told.get(kind)
        if happened and raised is not None and raised < since:
            raised = None  # it spoke of something else
        found.append(
            Case(
                seed=district.seed,
                season=season,
                kind=kind,
                happened=happened,
                severe=strike is not None and strike.share >= SEVERE.get(kind, 0.0),
                from_on=since,
                harm_days=_days(harm[row], strike) if kind is HazardKind.DROUGHT else None,
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


def _days(harm_day: float, strike: Strike | None) -> int | None:
    return None if strike is None or not np.isfinite(harm_day) else int(harm_day - strike.day)


def _harm_days(struck: SeasonTruth, usual: SeasonTruth) -> np.ndarray:
    """The day on which each plot first lacks a tenth of its twin's biomass (plot,)."""
    a, b = struck.plots.biomass_kg_per_ha, usual.plots.biomass_kg_per_ha
    short = (b > HARM_KG_PER_HA) & (a < (1 - HARM_SHARE) * b)
    return np.where(short.any(axis=1), short.argmax(axis=1).astype(float), np.nan)


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
    mine = [case for case in cases if case.kind is kind]
    happened = [c for c in mine if c.happened]
    hit = [c for c in happened if c.raised_on is not None]
    severe = [c for c in happened if c.severe]
    calm = [c for c in mine if not c.happened]
    said = [c for c in calm if c.raised_on is not None]
    delays = [(c.raised_on - c.from_on).days for c in hit if c.raised_on is not None]
    leads = [
        c.harm_days - (c.raised_on - c.from_on).days
        for c in hit
        if c.harm_days is not None and c.raised_on is not None
    ]
    return Score(
        kind=kind,
        happened=len(happened),
        hit=len(hit),
        severe=len(severe) if kind in SEVERE else 0,
        severe_hit=sum(c.raised_on is not None for c in severe),
        plot_seasons=len(calm),
        false_alarms=sum(not c.excused for c in said),
        named_otherwise=sum(c.excused for c in said),
        delay_days=_spread(delays),
        looks=float(np.median([c.looks for c in hit if c.looks is not None] or [0])),
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
    """The table of docs/hazards.md."""
    return "\n".join([HEADER, *(score(cases, kind).line() for kind in HazardKind)])
