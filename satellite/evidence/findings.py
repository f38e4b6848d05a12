"""What evidence says beside the estimate: how well it was seen, what stands out, what shows it.

All plots are looked at together, because neighbours are each other's measure. What
was not asked for, or rests on something that is not here, is left out; nothing is
guessed in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from core.wire.evidence import Findings, Hazard, PictureRef
from satellite.hazards.alerts import hazards_of
from satellite.hazards.anomalies import anomalies_of
from satellite.hazards.past import Past
from satellite.hazards.weather import Weather
from satellite.indices import Index
from satellite.integrity.flags import Finding, Known, findings_of, overlap_findings
from satellite.integrity.inputs import patches_around
from satellite.integrity.overlap import Pledges
from satellite.quicklooks.offer import pictures_for
from satellite.quicklooks.shelf import PictureRow, Shelf, safe_name
from satellite.season.observability import observability
from satellite.series import Series
from satellite.statistics.plots import Plot
from satellite.yields.estimate import Subject

FLAGS_FOLDER = "flags"


@dataclass(frozen=True, slots=True)
class Sought:
    """What to look for, and what is known besides the scenes; every part may be absent.

    Parameters
    ----------
    past, weather
        Past seasons (``hazards past``) and daily weather: hazards are told if either is
        here, and anomalies against the past need the first.
    water
        An index that is above 0 over open water: it tells a flood from hail.
    flags
        Whether to look for what should send an officer.
    pledged
        Plots that are pledged already.
    claims
        Days of claimed losses by plot id [ordinals].
    chips
        Whether to draw each plot by date.
    """

    past: Past | None = None
    weather: Weather | None = None
    water: Index | None = None
    flags: bool = False
    pledged: tuple[Plot, ...] = ()
    claims: Mapping[str, int] = field(default_factory=dict)
    chips: bool = False

    @property
    def hazards(self) -> bool:
        """Whether there is something to hold a season against."""
        return self.past is not None or self.weather is not None

    @property
    def shows(self) -> bool:
        """Whether any picture may be made."""
        return self.flags or self.chips


@dataclass(frozen=True, slots=True)
class Round:
    """What one round looks at, beside the subjects."""

    catalog: Path
    index: Index
    until: date | None
    water: Mapping[str, Series]
    shelf: Shelf | None


def findings_for(subjects: Sequence[Subject], sought: Sought, now: Round) -> list[Findings]:
    """The findings on each subject, in order.

    Raises
    ------
    HarvestlineError
        If a scene that was taken in cannot be read any more, or a picture be written.
    """
    levels = now.index.levels
    anomalies = anomalies_of(subjects, sought.past, levels)
    hazards: Sequence[tuple[Hazard, ...]] = [()] * len(subjects)
    if sought.hazards:
        hazards = hazards_of(subjects, sought.past, sought.weather, levels, now.water or None)
    flagged = _flagged(subjects, sought, now)
    return [
        Findings(
            observability=observability(one.series, one.season.declared),
            anomalies=apart,
            hazards=struck,
            flags=tuple(found.flag for found in flagged.get(one.plot.plot_id, ())),
            pictures=_pictures(one, flagged.get(one.plot.plot_id, ()), sought, now.shelf),
            stage_chances_ppm=one.season.chances.ppm if one.season.chances else (),
        )
        for one, apart, struck in zip(subjects, anomalies, hazards, strict=True)
    ]


def _flagged(
    subjects: Sequence[Subject], sought: Sought, now: Round
) -> dict[str, tuple[Finding, ...]]:
    if not subjects or not (sought.flags or sought.pledged):
        return {}
    draw = now.shelf is not None
    found: list[Finding] = []
    if sought.pledged:
        plots = [one.plot for one in subjects]
        newest = max(one.series.looks[-1].date for one in subjects)
        overlaps = Pledges(sought.pledged).overlaps_of(plots)
        found += overlap_findings(plots, sought.pledged, overlaps, newest, draw=draw)
    if sought.flags:
        patches = patches_around(now.catalog, subjects, now.index, now.until)
        seen = [one for one in subjects if one.series.used]
        found += findings_of(seen, now.index.levels, Known(sought.claims, patches), draw=draw)
    if now.shelf is not None:
        drawn = [(each, each.picture_ref) for each in found]
        now.shelf.add([_row(each, ref) for each, ref in drawn if ref is not None])
    by_plot: dict[str, tuple[Finding, ...]] = {}
    for each in found:
        by_plot[each.plot_id] = (*by_plot.get(each.plot_id, ()), each)
    return by_plot


def _row(found: Finding, ref: PictureRef) -> tuple[PictureRow, bytes]:
    name = f"{FLAGS_FOLDER}/{safe_name(found.plot_id)}-{ref.kind}-{ref.sha256[:8]}.png"
    return PictureRow(found.plot_id, ref, name), found.picture


def _pictures(
    one: Subject, flagged: Sequence[Finding], sought: Sought, shelf: Shelf | None
) -> tuple[PictureRef, ...]:
    shown = [found.picture_ref for found in flagged]
    refs = tuple(ref for ref in shown if ref is not None)
    if shelf is None or not sought.chips:
        return refs
    declared = one.season.declared
    first = date.fromordinal(max(declared.first_day, 1))
    last = min(one.series.looks[-1].date, date.fromordinal(declared.last_day))
    return (*pictures_for(shelf, one.plot.plot_id, first, last), *refs)
