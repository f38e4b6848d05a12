"""Plans kept on disk, so that a second process need not build them again.

A plan's file is named for what the plan depends on (grid, polygons, version). It is
put in place by rename, and checked when it is read: by the archive's own checksums,
and against the name. What does not hold is built anew.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from satellite.config import OutputError
from satellite.scenes.raster import Grid
from satellite.statistics.coverage import Plan, build_plan, plan_key
from satellite.statistics.plots import Plot


def plan_for(grid: Grid, plots: Sequence[Plot], shelf: Path | None) -> Plan:
    """The plan of some plots on a grid: from the shelf, or built and put there.

    Parameters
    ----------
    shelf
        A folder; None to build the plan and keep it nowhere.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    if shelf is None:
        return build_plan(grid, plots)
    key = plan_key(grid, plots)
    path = shelf / f"{key}.npz"
    plan = _taken(path, grid, key)
    if plan is None:
        plan = build_plan(grid, plots)
        try:
            _put(path, plan)
        except OSError as error:
            raise OutputError(f"expected to keep a plan at {path}, got: {error}") from error
    return plan


def _taken(path: Path, grid: Grid, key: str) -> Plan | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            if str(found["key"]) != key:
                return None
            rows, cols = np.divmod(found["cell"].astype(np.int64), grid.cols)
            return Plan(
                grid=grid,
                key=key,
                plot=found["plot"],
                rows=rows.astype(np.int32),
                cols=cols.astype(np.int32),
                weight=found["weight"].astype(np.float64),
                plot_weight=found["plot_weight"],
                full_pixels=found["full_pixels"].astype(np.int64),
            )
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None  # absent, torn or of another make: it is built anew


def _put(path: Path, plan: Plan) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".plan-", delete=False) as part:
        np.savez(
            part,
            key=np.array(plan.key),
            plot=plan.plot,
            cell=(plan.rows.astype(np.int64) * plan.grid.cols + plan.cols).astype(np.uint32),
            weight=plan.weight.astype(np.float32),  # what exactextract gives: nothing is lost
            plot_weight=plan.plot_weight,
            full_pixels=plan.full_pixels.astype(np.int32),
        )
    Path(part.name).replace(path)
