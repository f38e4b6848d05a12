"""The model card's figures: ranking, calibration, years, groups, and each table's shape."""

from __future__ import annotations

from collections.abc import Sequence

from core.scoring.drift import ACT_PPM, WATCH_PPM, Alarm
from core.scoring.points import FeatureTable, PairTable
from core.units import PPM
from server.training.canvas import (
    CLAY,
    FIELD,
    INK,
    OCHRE,
    RULE,
    SKY,
    SOFT,
    Axis,
    Canvas,
    Say,
    percent,
    short,
)
from server.training.examine import ScoreBar, SeasonRow, Standing
from server.training.fairness import FOUR_FIFTHS_PPM, FairnessTable
from server.training.measure import CalibrationBin

EDGE_LABELS_MAX = 5
TILES_WRITTEN_MAX = 10
SEASON_LABELS_MAX = 9
ALARM_COLOURS = {Alarm.NONE: FIELD, Alarm.WATCH: OCHRE, Alarm.ACT: CLAY}
WIDE, BOTTOM_ROOM = 700, 54  # px
_SHARE = (0.0, 0.25, 0.5, 0.75, 1.0)


def discrimination(curve: Sequence[tuple[float, float]]) -> str:
    """The ROC curve against chance."""
    canvas = Canvas(
        Axis(0, 1, "share of repaid loans refused", percent, _SHARE),
        Axis(0, 1, "share of defaults found", percent, _SHARE),
        "ROC curve: share of defaults found against share of repaid loans refused",
    )
    canvas.area([*curve, (1, 0)], FIELD, 0.10)
    canvas.line([(0, 0), (1, 1)], SOFT, 1, "4 4")
    canvas.line(curve, FIELD, 2.4)
    return canvas.svg()


def scores(bars: Sequence[ScoreBar], cut_off: int, band: tuple[int, int]) -> str:
    """Scores of those who repaid and of those who did not, each as a share of its own."""
    step = bars[1].start - bars[0].start if len(bars) > 1 else 20
    repaid, lost = sum(b.repaid for b in bars) or 1, sum(b.defaulted for b in bars) or 1
    top = max(max(b.repaid / repaid, b.defaulted / lost) for b in bars) * 1.15
    canvas = Canvas(
        Axis(bars[0].start, bars[-1].start + step, "score", short),
        Axis(0, top, "share of its outcome", percent),
        "scores of loans that were repaid and of loans that defaulted",
    )
    low, high = (min(max(edge, bars[0].start), bars[-1].start + step) for edge in band)
    canvas.box((low, 0), (high, top), OCHRE, 0.16)
    for colour, of, whole in ((FIELD, "repaid", repaid), (CLAY, "defaulted", lost)):
        shares = [(b.start, getattr(b, of) / whole) for b in bars]
        corners = [(x, y) for start, y in shares for x in (start, start + step)]
        paired = [(x, shares[i // 2][1]) for i, (x, _) in enumerate(corners)]
        canvas.area([(bars[0].start, 0), *paired, (bars[-1].start + step, 0)], colour, 0.14)
        canvas.line(paired, colour, 1.8)
    if bars[0].start <= cut_off <= bars[-1].start + step:
        canvas.line([(cut_off, 0), (cut_off, top)], INK, 1.2, "3 3")
    return canvas.svg()


def standings_figure(standings: Sequence[Standing]) -> str:
    """Every model's AUC with its interval; the stations' own stands out."""
    spans = [s.auc_interval for s in standings]
    low = min(s.low_ppm for s in spans) / PPM - 0.005
    high = max(s.high_ppm for s in spans) / PPM + 0.005
    canvas = Canvas(
        Axis(low, high, "area under the ROC curve, with 95 % interval", "{:.3g}".format),
        Axis(0, len(standings), "", short, ()),
        "AUC of every model with its interval",
        width=WIDE, height=BOTTOM_ROOM + 30 * len(standings), left=230,
    )  # fmt: skip
    for place, standing in enumerate(standings):
        y = len(standings) - place - 0.5
        own = place == len(standings) - 1
        colour = FIELD if own else SOFT
        span = standing.auc_interval
        canvas.line([(span.low_ppm / PPM, y), (span.high_ppm / PPM, y)], colour, 3 if own else 2)
        canvas.dot(standing.auc_ppm / PPM, y, 6 if own else 4.5, colour)
        canvas.words(
            220, canvas.y(y) + 4, standing.name, anchor="end", size=13, colour=INK if own else SOFT
        )
    return canvas.svg()


def promises(bins: Sequence[CalibrationBin]) -> str:
    """Promised against observed default rates; a dot's area is its number of loans."""
    top = max([PPM // 100, *(max(b.promised_ppm, b.observed_ppm) for b in bins)]) * 1.1 / PPM
    most = max([1, *(b.loans_count for b in bins)])
    canvas = Canvas(
        Axis(0, top, "promised probability of default", percent),
        Axis(0, top, "share that defaulted", percent),
        "observed default rates against promised ones",
    )
    canvas.line([(0, 0), (top, top)], SOFT, 1, "4 4")
    for each in bins:
        radius = 3 + 7 * (each.loans_count / most) ** 0.5
        canvas.dot(each.promised_ppm / PPM, each.observed_ppm / PPM, radius, OCHRE)
    return canvas.svg()


def seasons_figure(rows: Sequence[SeasonRow]) -> str:
    """Promised and observed default rates by season; those held out lie on tinted ground."""
    top = max(max(r.promised_ppm, r.observed_ppm) for r in rows) * 1.12 / PPM
    canvas = _by_season(rows, Axis(0, top, "default rate", percent), "default rates by season")
    canvas.line([(i, r.promised_ppm / PPM) for i, r in enumerate(rows)], SKY, 2.2, "6 4")
    canvas.line([(i, r.observed_ppm / PPM) for i, r in enumerate(rows)], CLAY, 2.4)
    for i, row in enumerate(rows):
        canvas.dot(i, row.observed_ppm / PPM, 3.5, CLAY)
    return canvas.svg()


def ranking_figure(rows: Sequence[SeasonRow]) -> str:
    """The AUC of every season that has enough of either outcome."""
    known = [(i, r.auc_ppm / PPM) for i, r in enumerate(rows) if r.auc_ppm is not None]
    found = [value for _, value in known] or [0.5]
    low, high = min(0.5, *found) - 0.02, max(found) + 0.03
    canvas = _by_season(rows, Axis(low, high, "AUC", "{:.2f}".format), "AUC by season")
    canvas.line([(-0.5, 0.5), (len(rows) - 0.5, 0.5)], SOFT, 1, "4 4")
    canvas.line(known, FIELD, 2.2)
    for i, value in known:
        canvas.dot(i, value, 3.5, FIELD)
    return canvas.svg()


def stability_figure(rows: Sequence[SeasonRow]) -> str:
    """The stability index of every season's scores against those fitted on, with both alarms."""
    top = max([ACT_PPM * 1.3, *(r.psi_ppm * 1.08 for r in rows)]) / PPM
    canvas = _by_season(rows, Axis(0, top, "stability index", "{:.2g}".format), "PSI by season")
    for level, colour in ((WATCH_PPM, OCHRE), (ACT_PPM, CLAY)):
        canvas.line([(-0.5, level / PPM), (len(rows) - 0.5, level / PPM)], colour, 1, "4 3")
    for i, row in enumerate(rows):
        canvas.box((i - 0.32, 0), (i + 0.32, row.psi_ppm / PPM), ALARM_COLOURS[row.alarm], 0.85)
    return canvas.svg()


def _by_season(rows: Sequence[SeasonRow], up: Axis, label: str) -> Canvas:
    every = -(-len(rows) // SEASON_LABELS_MAX)
    marks = tuple(float(i) for i in range(0, len(rows), every))
    across = Axis(-0.5, len(rows) - 0.5, "", lambda i: rows[int(i)].season[:12], marks)
    canvas = Canvas(across, up, label, width=WIDE, height=220)
    held = [i for i, row in enumerate(rows) if not row.fitted]
    if held:
        canvas.box((held[0] - 0.5, up.low), (held[-1] + 0.5, up.high), SKY, 0.08)
        canvas.words(canvas.x(held[0] - 0.5) + 5, 26, "held out", colour=SKY)
    return canvas


def fairness_figure(table: FairnessTable) -> str:
    """Each group's share approved, and of those who repaid; the line is four fifths of the best."""
    rows = table.rows
    best = max((row.approved_ppm for row in rows if row.is_judged), default=0)
    canvas = Canvas(
        Axis(0, 1, "share approved without a person", percent, _SHARE),
        Axis(0, len(rows), "", short, ()),
        f"share approved by {table.words}",
        width=WIDE, height=BOTTOM_ROOM + 30 * len(rows), left=170,
    )  # fmt: skip
    for place, row in enumerate(rows):
        y = len(rows) - place - 0.5
        colour = FIELD if row.is_judged else RULE
        canvas.box((0, y - 0.3), (row.approved_ppm / PPM, y + 0.3), colour, 0.75)
        if row.good_approved_ppm is not None:
            canvas.dot(row.good_approved_ppm / PPM, y, 4.5, INK)
        canvas.words(160, canvas.y(y) + 4, row.group[:26], anchor="end", size=12, colour=INK)
    if table.impact_ratio_ppm is not None:
        limit = best * FOUR_FIFTHS_PPM / PPM / PPM
        canvas.line([(limit, 0), (limit, len(rows))], CLAY, 1.4, "5 3")
    return canvas.svg()


def feature_shape(table: FeatureTable) -> str:
    """A feature's points by bin, with its missing points as a dashed line."""
    values = (*table.points, table.missing_points, 0)
    low, high = min(values), max(values)
    room = max(high - low, 1) * 0.08
    count = len(table.points)
    canvas = Canvas(
        Axis(0, count, "", lambda i: short(table.edges[int(i) - 1]), _edge_marks(count)),
        Axis(low - room, high + room, "points", "{:+g}".format),
        f"points of {table.feature} by its value",
        width=320, height=180,
    )  # fmt: skip
    corners = [(x, float(y)) for i, y in enumerate(table.points) for x in (i, i + 1)]
    canvas.area([(0, 0), *corners, (count, 0)], FIELD, 0.12)
    canvas.line([(0, 0), (count, 0)], SOFT, 0.8)
    canvas.line(corners, FIELD, 2.2)
    canvas.line([(0, table.missing_points), (count, table.missing_points)], OCHRE, 1.6, "2 4")
    return canvas.svg()


def pair_surface(table: PairTable) -> str:
    """A two-way table as tiles: green gives points, clay takes them; missing lies outermost."""
    rows, columns = len(table.points), len(table.points[0])
    most = max([1, *(abs(value) for row in table.points for value in row)])
    canvas = Canvas(
        Axis(0, columns, table.second, _edge_name(table.second_edges), _pair_marks(columns)),
        Axis(0, rows, table.first, _edge_name(table.first_edges), _pair_marks(rows)),
        f"points of {table.first} and {table.second} together",
        width=320, height=230, left=62,
    )  # fmt: skip
    written = columns <= TILES_WRITTEN_MAX and rows <= TILES_WRITTEN_MAX
    for r, row in enumerate(table.points):
        for c, value in enumerate(row):
            colour = FIELD if value > 0 else CLAY if value else RULE
            strength = 0.12 + 0.75 * abs(value) / most if value else 0.35
            canvas.box((c + 0.03, r + 0.03), (c + 0.97, r + 0.97), colour, strength)
            if value and written:
                place = canvas.x(c + 0.5), canvas.y(r + 0.5) + 3.5
                canvas.words(*place, f"{value:+d}", anchor="middle", size=9, colour=INK)
    return canvas.svg()


def _edge_marks(count: int) -> tuple[float, ...]:
    every = max(1, -(-(count - 1) // EDGE_LABELS_MAX))
    return tuple(float(i) for i in range(1, count, every))


def _pair_marks(count: int) -> tuple[float, ...]:
    every = max(1, -(-(count - 2) // EDGE_LABELS_MAX))
    return (0.5, *(float(i) for i in range(2, count, every)))


def _edge_name(edges: Sequence[int]) -> Say:
    return lambda place: "none" if place < 1 else short(edges[int(place) - 2])
