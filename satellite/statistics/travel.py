"""Plots and looks as columns, for their way between processes.

A row an object each would be, in pickle, a fifth of the time that it takes to read a
scene: most of it making ten thousand objects one by one on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import shapely

from satellite.statistics.plots import Plot
from satellite.statistics.sample import Look, collector_paused
from satellite.statistics.weighted import Spread

Columns = tuple[tuple[Any, ...], ...]
_PLOT = tuple(each.name for each in fields(Plot))
_POLYGON = _PLOT.index("polygon")
_SPREAD = Look._fields.index("spread")


def columns_of_looks(looks: Iterable[Look]) -> tuple[Columns, Columns]:
    """The looks' columns, and those of the spreads that are there."""
    columns = list(zip(*looks, strict=True))
    if not columns:
        return (), ()
    spreads = columns[_SPREAD]
    columns[_SPREAD] = tuple(each is not None for each in spreads)
    return tuple(columns), tuple(zip(*(each for each in spreads if each is not None), strict=True))


def looks_of(columns: Columns, spreads: Columns) -> tuple[Look, ...]:
    """The looks again, equal to those that were taken apart."""
    if not columns:
        return ()
    each = map(Spread, *spreads) if spreads else iter(())
    whole = list(columns)
    with collector_paused():
        whole[_SPREAD] = tuple(next(each) if there else None for there in columns[_SPREAD])
        return tuple(map(Look, *whole))


def columns_of_plots(plots: Sequence[Plot]) -> Columns:
    """The plots' columns, boundaries as WKB."""
    columns = [tuple(getattr(plot, name) for plot in plots) for name in _PLOT]
    columns[_POLYGON] = tuple(shapely.to_wkb(np.array(columns[_POLYGON], dtype=object)))
    return tuple(columns)


def plots_of(columns: Columns) -> tuple[Plot, ...]:
    """The plots again, with the same bits in their boundaries."""
    whole = list(columns)
    whole[_POLYGON] = tuple(shapely.from_wkb(np.array(columns[_POLYGON], dtype=object)))
    with collector_paused():
        return tuple(map(Plot, *whole))
