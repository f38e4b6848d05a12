"""All hazards of all plots at once, as evidence holds them.

A plot without a usable look in its season raises nothing, nor does a pasture: its
want of grass is told by :mod:`satellite.hazards.forage`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from core.units import PPM
from core.wire.evidence import Hazard, HazardKind
from satellite.hazards.crowd import Crowd, Watched, crowds_of
from satellite.hazards.drought import droughts
from satellite.hazards.emergence import bare_plots
from satellite.hazards.past import Past
from satellite.hazards.sudden import sudden_losses
from satellite.hazards.weather import Weather
from satellite.indices import Levels
from satellite.series import Series


def hazards_of(
    watched: Sequence[Watched],
    past: Past | None,
    weather: Weather | None,
    levels: Levels,
    water: Mapping[str, Series] | None = None,
) -> list[tuple[Hazard, ...]]:
    """The hazards of each plot in its declared season, in order of the day they were raised.

    Parameters
    ----------
    watched
        All plots at once: neighbours are each other's measure.
    past, weather
        What is usual here; either may be absent, and what rests on it is then not told.
    water
        By plot, the series of a water index (above 0 over open water), where one was
        measured: it tells a flood at its first look, and from hail.

    Returns
    -------
    list
        One tuple a plot. Each hazard rests on looks and weather up to its ``raised_on``
        only: what a later round adds never changes when it was raised.
    """
    found: list[list[Hazard]] = [[] for _ in watched]
    for crowd in crowds_of(watched, past, levels, water):
        for row, hazard in _of_crowd(crowd, weather):
            found[int(crowd.rows[row])].append(hazard)
    return [tuple(sorted(some, key=lambda h: (h.raised_on, h.kind.value))) for some in found]


def _of_crowd(crowd: Crowd, weather: Weather | None) -> list[tuple[int, Hazard]]:
    dry_spells = droughts(crowd, weather)
    found = [
        (dry.row, _hazard(HazardKind.DROUGHT, dry.since, dry.raised, dry.share))
        for dry in dry_spells
    ]
    known_dry = {dry.row: dry.raised for dry in dry_spells}
    for loss in sudden_losses(crowd):
        if not loss.wet and known_dry.get(loss.row, loss.raised + 1) <= loss.raised:
            continue  # thirsty leaves roll and wither within days too
        kind = HazardKind.FLOOD if loss.wet else HazardKind.HAIL
        found.append((loss.row, _hazard(kind, loss.since, loss.raised, loss.share)))
    for bare in bare_plots(crowd):
        kind = HazardKind.FAILED_EMERGENCE if bare.failed else HazardKind.LATE_SOWING
        found.append((bare.row, _hazard(kind, bare.since, bare.raised, bare.share)))
    return found


def _hazard(kind: HazardKind, since: int, raised: int, share: float) -> Hazard:
    return Hazard(
        kind,
        since_on=date.fromordinal(since).isoformat(),
        raised_on=date.fromordinal(raised).isoformat(),
        severity_ppm=round(share * PPM),
    )
