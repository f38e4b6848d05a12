"""One plot on one day as a picture that needs no explaining.

Above the ground the date and a word; on it the plot's edge, north and a scale; below
it what cloud hid, and for an index its colours with their numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from core.canonical import sha256_hex
from core.wire.evidence import PictureRef
from satellite.indices import Index
from satellite.quicklooks.canvas import (
    INK,
    PAPER,
    SOFT,
    Form,
    Picture,
    day_words,
    encoded,
    enlarged,
    font,
    hatch,
    north_sign,
    outline,
    scale_bar,
    shortened,
)
from satellite.quicklooks.colours import (
    CLOUD,
    OUTSIDE,
    RAMP,
    Scale,
    greenness_word,
    hidden_words,
    index_colours,
    is_true,
    light,
    scale_of,
)
from satellite.quicklooks.frame import SIDE_PX, Framed, framed
from satellite.quicklooks.look import TRUE_COLOUR as TRUE_COLOUR_BANDS
from satellite.quicklooks.look import DayLook, OpenScene, bands_for, day_look
from satellite.scenes.item import Item
from satellite.statistics.plots import Plot

HEAD_PX, FOOT_PX = 28, 44
FOOT_TOP_PX = HEAD_PX + SIDE_PX
HIDDEN_MAX = 0.6  # of a plot; beyond it no value is told (JRC's rule for parcels)
OUTSIDE_TOLD = 0.02
FALSE_NOTE = "green grows; not as the eye sees"
CLOUD_STEP = 16
BYTES_WANTED = 6_000  # a chip; a plot of many cells takes coarser light rather than more
LIGHT_STEPS = (8, 12, 20)  # of 255; the first cannot be told from none
CLOUD_FADE = 0.45  # how far hidden ground goes to grey
TRUE_COLOUR, FALSE_COLOUR, INDEX = "true_color", "false_color", "index"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture's bytes and how evidence names it."""

    plot_id: str
    ref: PictureRef
    data: bytes


def chips_for(
    plot: Plot, items: Sequence[Item], index: Index, form: Form = Form.WEBP
) -> tuple[Drawn, ...]:
    """The pictures of one plot from the scenes of one day; none where no scene reaches it.

    Raises
    ------
    BandMissingError
        If a scene lacks a band of the index, or its classification.
    RasterError
        If a scene is broken.
    """
    with ExitStack() as stack:
        scenes = [OpenScene(item, bands_for(item, index), stack) for item in items]
        one = framed(plot, min(scene.step for scene in scenes))
        look = day_look(scenes, one, index)
        return () if look is None else chips_of(one, look, index, form)


def chips_of(one: Framed, look: DayLook, index: Index, form: Form) -> tuple[Drawn, ...]:
    """The pictures of one plot on one day: colours, where bands allow, and the index."""
    found = []
    if look.colours is not None:
        kind = TRUE_COLOUR if is_true(look.colours) else FALSE_COLOUR
        for step in LIGHT_STEPS:
            chip = drawn(one.plot.plot_id, kind, look.day, colour_chip(one, look, step), form)
            if chip.ref.size_bytes <= BYTES_WANTED:
                break
        found.append(chip)
    image = index_chip(one, look, index)
    return (*found, drawn(one.plot.plot_id, INDEX, look.day, image, form))


def drawn(plot_id: str, kind: str, day: date, image: Picture, form: Form) -> Drawn:
    """A picture with its name by hash."""
    data = encoded(image, form)
    ref = PictureRef(kind, day.isoformat(), sha256_hex(data), form.media_type, len(data))
    return Drawn(plot_id, ref, data)


def colour_chip(one: Framed, look: DayLook, light_step: int = LIGHT_STEPS[0]) -> Picture:
    """A plot in the colours that there are; it says so where they are not the eye's."""
    colours = look.colours or TRUE_COLOUR_BANDS
    ground = light(look.reflectance, colours)
    ground = np.minimum((ground // light_step) * light_step + light_step // 2, 255)
    image = _sheet(one, look, ground, "True colour" if is_true(colours) else "False colour")
    draw = ImageDraw.Draw(image)
    note = shortened(draw, one.plot.plot_id, SIDE_PX - 12) if is_true(colours) else FALSE_NOTE
    draw.text((6, FOOT_TOP_PX + 20), note, fill=SOFT, font=font(12))
    return image


def index_chip(one: Framed, look: DayLook, index: Index) -> Picture:
    """A plot in the colours of its index, with their numbers and its mean in a word."""
    scale, name = scale_of(index), index.name.upper()
    told = look.mean if look.hidden <= HIDDEN_MAX else None
    value = "not seen" if told is None else f"{told:.2f}"
    image = _sheet(one, look, index_colours(look.value, scale), f"{name} {value}")
    draw = ImageDraw.Draw(image)
    _legend(draw, scale)
    if told is not None:
        word = greenness_word(index, told)
        draw.text((SIDE_PX - 6, FOOT_TOP_PX + 3), word, fill=INK, font=font(12, bold=True),
                  anchor="ra")  # fmt: skip
    return image


def _legend(draw: ImageDraw.ImageDraw, scale: Scale) -> None:
    left, right, top = 6, SIDE_PX - 6, FOOT_TOP_PX + 20
    step = (right - left) / len(RAMP)
    draw.rectangle((left - 1, top - 1, right, top + 9), outline=SOFT)
    for i, colour in enumerate(RAMP):
        draw.rectangle((left + i * step, top, left + (i + 1) * step - 1, top + 8), fill=colour)
    for i in range(0, len(RAMP) + 1, 2):
        at, value = left + i * step, scale.low + (scale.high - scale.low) * i / len(RAMP)
        anchor = "la" if i == 0 else "ra" if i == len(RAMP) else "ma"
        draw.text((at, top + 10), f"{value:.1f}", fill=SOFT, font=font(10), anchor=anchor)


def _sheet(one: Framed, look: DayLook, ground: NDArray[np.uint8], word: str) -> Picture:
    """The parts that both kinds share: date, word, ground, edge, signs, what was hidden."""
    image = Image.new("RGB", (SIDE_PX, FOOT_TOP_PX + FOOT_PX), PAPER)
    image.paste(_ground(one, look, ground), (0, HEAD_PX))
    draw = ImageDraw.Draw(image)
    draw.text((6, HEAD_PX // 2), day_words(look.day), fill=INK, font=font(14, bold=True),
              anchor="lm")  # fmt: skip
    draw.text((SIDE_PX - 6, HEAD_PX // 2), word, fill=INK, font=font(13), anchor="rm")
    poorly = look.hidden > HIDDEN_MAX
    draw.text((6, FOOT_TOP_PX + 3), _seen_words(look), fill=INK, font=font(12, bold=poorly))
    return image


def _ground(one: Framed, look: DayLook, ground: NDArray[np.uint8]) -> Picture:
    hidden = look.inside & ~look.clear
    shown = ground.copy()
    faded = shown[hidden] * (1 - CLOUD_FADE) + np.array(CLOUD) * CLOUD_FADE
    shown[hidden] = (faded // CLOUD_STEP) * CLOUD_STEP
    shown[~look.inside] = OUTSIDE
    picture = enlarged(shown, one.frame.cell_px)
    hatch(picture, hidden, one.frame.cell_px)
    for ring in one.rings:
        outline(picture, one.frame.pixels(ring))
    north_sign(picture)
    scale_bar(picture, one.frame.side_m / SIDE_PX)
    return picture


def _seen_words(look: DayLook) -> str:
    if look.outside > OUTSIDE_TOLD:
        return f"{round(look.outside * 100)} % of it not pictured"
    return hidden_words(look.hidden)
