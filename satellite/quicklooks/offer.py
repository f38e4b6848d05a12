"""What evidence says of pictures: which of a plot's belong to it, and its season's curve."""

from __future__ import annotations

from datetime import date

from core.wire.evidence import PictureRef
from satellite.indices import Index
from satellite.quicklooks.canvas import Form
from satellite.quicklooks.chip import FALSE_COLOUR, HIDDEN_MAX, INDEX, TRUE_COLOUR, Drawn, drawn
from satellite.quicklooks.curve import Band, CurveStory, Dot, curve_image
from satellite.quicklooks.sheet import days_shown
from satellite.quicklooks.shelf import Shelf
from satellite.yields.estimate import Subject

CURVE = "curve"
CHIP_KINDS = (TRUE_COLOUR, FALSE_COLOUR, INDEX)
DAYS_MAX = 12  # of a season; each is two names of some 200 bytes in every document


def pictures_for(
    shelf: Shelf, plot_id: str, first: date, last: date, days_max: int = DAYS_MAX
) -> tuple[PictureRef, ...]:
    """The pictures that evidence on a plot's season should name, oldest first.

    Days on which too little was seen are left out; of many days the first, the last and
    others spread between them are kept.

    Parameters
    ----------
    first, last
        The season's first day, and the evidence's date.
    """
    span = (first.isoformat(), last.isoformat())
    days = [look.day for look in shelf.looks(plot_id)
            if look.hidden <= HIDDEN_MAX and span[0] <= look.day <= span[1]]  # fmt: skip
    shown = set(days_shown(days, days_max))
    return tuple(
        row.ref
        for row in shelf.pictures(plot_id)
        if row.ref.day in shown and row.ref.kind in CHIP_KINDS
    )


def season_curve(subject: Subject, index: Index, form: Form = Form.WEBP) -> Drawn:
    """A plot's curve with its band as one picture; its day is that of the newest look."""
    series, declared = subject.series, subject.season.declared
    first, last = date.fromordinal(declared.first_day), date.fromordinal(declared.last_day)
    dots = [Dot(k.date, k.mean, used=k.used) for k in series.looks if k.mean is not None]
    band = None
    if subject.curve is not None:
        curve = subject.curve
        band = Band(curve.days.tolist(), curve.mean.tolist(), curve.low.tolist(),
                    curve.high.tolist())  # fmt: skip
    crop = f" · {declared.crop}" if declared.crop else ""
    story = CurveStory(f"{subject.plot.plot_id}{crop}", dots, band, (first, last))
    image = curve_image(story, index)
    return drawn(subject.plot.plot_id, CURVE, series.looks[-1].date, image, form)
