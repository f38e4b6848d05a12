"""What the tests of integrity are given besides the series: claims, and pixels around plots."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from satellite.hazards.crowd import Watched
from satellite.indices import Index
from satellite.integrity.growth import is_annual
from satellite.integrity.patches import Patch, read_patches
from satellite.scenes.item import Item
from satellite.scenes.source import open_source
from satellite.statistics.plots import PlotError, bounds_of

CLAIM_COLUMNS = ("plot_id", "loss_on")
CLAIMS_BYTES_MAX = 50_000_000


def read_claims(path: Path) -> dict[str, int]:
    """The day of each claimed loss by plot id [ordinals], from a CSV of plot_id and loss_on.

    Raises
    ------
    PlotError
        If the file is not such a table.
    """
    try:
        if path.stat().st_size > CLAIMS_BYTES_MAX:
            raise PlotError(f"expected at most {CLAIMS_BYTES_MAX} bytes in {path}")
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
        return {row["plot_id"]: date.fromisoformat(row["loss_on"]).toordinal() for row in rows}
    except KeyError as error:
        raise PlotError(
            f"expected a CSV of {', '.join(CLAIM_COLUMNS)} at {path}, got no column {error}"
        ) from error
    except (OSError, UnicodeDecodeError, TypeError, ValueError) as error:
        raise PlotError(
            f"expected a CSV of {', '.join(CLAIM_COLUMNS)} (YYYY-MM-DD) at {path}, got: {error}"
        ) from error


def patches_around(
    catalog: str | Path, every: Sequence[Watched], index: Index, until: date | None
) -> dict[str, Patch]:
    """The pixels around the plots whose boundary can be tested, on the scenes that were used.

    Raises
    ------
    CatalogError, RasterError, BandMissingError
        If the catalog, or a scene that was taken in, cannot be read any more.
    """
    plots = [one.plot for one in every if is_annual(one) and not one.series.is_small]
    if not plots:
        return {}
    taken_in = {look.scene_id for one in every for look in one.series.used}
    items = [
        item
        for item in open_source(catalog).items(bounds_of(plots), until)
        if isinstance(item, Item) and item.item_id in taken_in
    ]
    return read_patches(items, plots, index)
