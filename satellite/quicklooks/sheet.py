"""A plot's season on one sheet: its curve, and below it the days on which it was seen."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from PIL import Image

from satellite.config import OutputError
from satellite.indices import Index
from satellite.quicklooks.canvas import PAPER, Form, Picture, encoded
from satellite.quicklooks.chip import FOOT_PX, FOOT_TOP_PX, HIDDEN_MAX, INDEX
from satellite.quicklooks.curve import HEIGHT_PX, CurveStory, Dot, curve_image
from satellite.quicklooks.frame import SIDE_PX
from satellite.quicklooks.shelf import LookRow, PictureRow
from satellite.statistics.plots import Plot

COLUMNS = 6
DAYS_MAX = 18
GAP_PX = 12
CHIP_HEIGHT_PX = FOOT_TOP_PX + FOOT_PX


def season_sheet(
    plot: Plot,
    looks: Sequence[LookRow],
    pictures: Sequence[PictureRow],
    folder: Path,
    index: Index,
    form: Form,
) -> bytes:
    """A plot's sheet from its chips in ``folder``.

    Raises
    ------
    OutputError
        If a chip is missing or cannot be read.
    """
    by_day: dict[str, list[PictureRow]] = {}
    for row in pictures:
        by_day.setdefault(row.ref.day, []).append(row)
    shown = days_shown([look.day for look in looks if look.hidden <= HIDDEN_MAX])
    chips = [_pair(by_day.get(day, []), folder) for day in shown]
    curve = curve_image(_story(plot, looks), index, _width(COLUMNS), HEIGHT_PX)
    return encoded(_laid_out(curve, chips), form)


def days_shown(days: Sequence[str], count_max: int = DAYS_MAX) -> list[str]:
    """The first and the last day, and others spread evenly between them, in order."""
    if len(days) <= count_max:
        return list(days)
    last = len(days) - 1
    return [days[round(i * last / (count_max - 1))] for i in range(count_max)]


def _story(plot: Plot, looks: Sequence[LookRow]) -> CurveStory:
    dots = [
        Dot(date.fromisoformat(look.day), look.mean, used=look.hidden <= HIDDEN_MAX)
        for look in looks
        if look.mean is not None
    ]
    crop = f" · {plot.crop}" if plot.crop else ""
    season = (plot.season_from, plot.season_to)
    declared = (season[0], season[1]) if season[0] and season[1] else None
    return CurveStory(f"{plot.plot_id}{crop}", dots, season=declared)


def _pair(rows: Sequence[PictureRow], folder: Path) -> Picture:
    """A day's chips: colours above, index below."""
    ordered = sorted(rows, key=lambda row: row.ref.kind == INDEX)
    image = Image.new("RGB", (SIDE_PX, CHIP_HEIGHT_PX * len(ordered)), PAPER)
    for i, row in enumerate(ordered):
        try:
            with Image.open(io.BytesIO((folder / row.name).read_bytes())) as chip:
                image.paste(chip.convert("RGB"), (0, i * CHIP_HEIGHT_PX))
        except OSError as error:
            raise OutputError(f"expected a picture at {folder / row.name}: {error}") from error
    return image


def _width(columns: int) -> int:
    return columns * SIDE_PX + (columns + 1) * GAP_PX


def _laid_out(curve: Picture, chips: Sequence[Picture]) -> Picture:
    rows = [chips[i : i + COLUMNS] for i in range(0, len(chips), COLUMNS)]
    heights = [max(chip.height for chip in row) + GAP_PX for row in rows]
    image = Image.new("RGB", (curve.width, curve.height + sum(heights)), PAPER)
    image.paste(curve, (0, 0))
    top = curve.height
    for row, height in zip(rows, heights, strict=True):
        for i, chip in enumerate(row):
            image.paste(chip, (GAP_PX + i * (SIDE_PX + GAP_PX), top))
        top += height
    return image
