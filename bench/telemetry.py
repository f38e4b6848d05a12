"""What readings and pictures add to a model: with them, without, and each one alone. Simulated.

Four seeded districts, twelve seasons each: weather, soil, crop and herd decide the harvest, the
harvest decides who repays, and what devices and a look from above tell of it is a shadow with
errors and gaps. Each row is one model, trained as the centre trains, on the first nine seasons,
compared on the last three, whose weather it never saw. Intervals draw whole seasons of whole
districts again: loans under one sky share their luck.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.report import Effort, Figure, Report
from bench.simulated_loans import SEASONS, SEEDS, SimulatedLoans, simulated_loans
from core.scoring.features import Source
from core.scoring.points import pd_ppm, score
from core.units import PPM
from core.wire.modelfile import Model
from server.training.canvas import FIELD, INK, SOFT, Axis, Canvas
from server.training.catalogue import Catalogue, read_catalogue
from server.training.command import CATALOGUE
from server.training.intervals import Interval, bootstrap, drawn, interval
from server.training.measure import auc_ppm, ks_ppm, log_losses
from server.training.release import Release
from server.training.run import train
from server.training.split import split_by_season
from server.training.table import Loan

WITHOUT, WITH = "without: books and application", "with all of them"
SEEN = (Source.TELEMETRY, Source.IMAGERY)
SEED, RESAMPLES = 1, 300
HEADINGS = (
    "model", "known of", "AUC", "KS", "log-loss", "AUC more than without", "log-loss less",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One model on the seasons that it never saw, with the middle 95 % of resamples."""

    name: str
    known_ppm: int
    auc: tuple[int, Interval]
    ks: tuple[int, Interval]
    log_loss: tuple[float, float, float]
    gain: tuple[int, Interval]
    saved: tuple[float, float, float]


def measure(_: Effort) -> Report:
    """Train every model and compare them."""
    return report_of_rows(compared(simulated_loans(), read_catalogue(CATALOGUE)))


def compared(simulated: SimulatedLoans, catalogue: Catalogue) -> list[Row]:
    """All models, examined on the same loans."""
    split = split_by_season(simulated.table, catalogue.training)
    models = {
        name: train(
            simulated.table, replace(catalogue, feature=features), Release(1, 0, 365, seed=SEED),
            simulated=True,
        ).model
        for name, features in _choices(catalogue).items()
    }  # fmt: skip
    return _measured(models, split.test, simulated.places_of(split.test))


def _choices(catalogue: Catalogue) -> dict[str, tuple]:  # type: ignore[type-arg]
    """Which features each model may look at."""
    books = tuple(one for one in catalogue.feature if one.source not in SEEN)
    seen = tuple(one for one in catalogue.feature if one.source in SEEN)
    found = {WITHOUT: books, WITH: (*books, *seen), "they alone": seen}
    for source in SEEN:
        found[f"with {source.value}"] = (*books, *(one for one in seen if one.source is source))
    return found | {f"with {one.name} alone": (*books, one) for one in seen}


def _measured(models: Mapping[str, Model], loans: Sequence[Loan], places: list[str]) -> list[Row]:
    outcomes = [loan.defaulted for loan in loans]
    points = {
        name: [score(model.table, loan.values) for loan in loans] for name, model in models.items()
    }
    risks = {name: [-float(value) for value in own] for name, own in points.items()}
    ones = [1.0] * len(loans)
    resampled = bootstrap(risks, outcomes, ones, SEED, RESAMPLES, places)
    draws = drawn(outcomes, SEED, RESAMPLES, places)
    losses = {
        name: np.asarray(log_losses([pd_ppm(model.table, one) for one in points[name]], outcomes))
        for name, model in models.items()
    }
    auc = {name: auc_ppm(risk, outcomes) for name, risk in risks.items()}
    rows = []
    for name, model in models.items():
        told, saved = losses[name], losses[WITHOUT] - losses[name]
        rows.append(Row(
            name=name,
            known_ppm=_known_ppm(model, loans),
            auc=(auc[name], resampled[name].auc_interval),
            ks=(ks_ppm(risks[name], outcomes), resampled[name].ks_interval),
            log_loss=_mean(told, draws),
            gain=(auc[name] - auc[WITHOUT], interval(resampled[name].auc - resampled[WITHOUT].auc)),
            saved=_mean(saved, draws),
        ))  # fmt: skip
    return rows


def _known_ppm(model: Model, loans: Sequence[Loan]) -> int:
    """Of the loans, the share of which anything was read or seen that the model looks at."""
    names = [one.name for one in model.features if one.source in SEEN]
    known = sum(any(name in loan.values for name in names) for loan in loans)
    return known * PPM // len(loans)


def _mean(values: np.ndarray, draws: Sequence[np.ndarray]) -> tuple[float, float, float]:
    each = [float(values @ times) / float(times.sum()) for times in draws]
    low, high = np.quantile(each, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def report_of_rows(rows: Sequence[Row]) -> Report:
    """The table."""
    best = next(row for row in rows if row.name == WITH)
    return Report(
        title="What readings and pictures add to the model: a simulation",
        headings=HEADINGS,
        rows=tuple(_cells(row) for row in rows),
        note=(
            f"Simulated, as every number here: {len(SEEDS)} districts of {SEASONS} seasons, the "
            "last quarter held out; it shows what the machinery can find in such a world, and "
            "nothing about real farmers. Known of: the share of loans of which the row's "
            "readings or pictures told anything. Intervals: whole seasons of whole districts "
            "drawn again, 300 times, the same draws for every row."
        ),
        figures=(
            Figure(
                "readings and pictures in the model (simulated)",
                f"AUC {best.gain[0] / PPM:+.3f}",
                f"{best.gain[1].low_ppm / PPM:+.3f} to {best.gain[1].high_ppm / PPM:+.3f}",
            ),
        ),
        numbers={
            name: value
            for row in rows
            for name, value in (
                (f"{row.name} auc_ppm", float(row.auc[0])),
                (f"{row.name} ks_ppm", float(row.ks[0])),
                (f"{row.name} log_loss", row.log_loss[0]),
            )
        },
    )


def _cells(row: Row) -> tuple[str, ...]:
    more = "" if row.name == WITHOUT else _signed(*row.gain)
    saved = "" if row.name == WITHOUT else "{:+.4f} ({:+.4f} to {:+.4f})".format(*row.saved)
    known = "" if row.name == WITHOUT else f"{row.known_ppm / PPM:.0%}"
    return (
        row.name, known, _within(*row.auc), _within(*row.ks),
        "{:.4f} ({:.4f}–{:.4f})".format(*row.log_loss), more, saved,
    )  # fmt: skip


def _within(value: int, of: Interval) -> str:
    return f"{value / PPM:.3f} ({of.low_ppm / PPM:.3f}–{of.high_ppm / PPM:.3f})"


def _signed(value: int, of: Interval) -> str:
    return f"{value / PPM:+.3f} ({of.low_ppm / PPM:+.3f} to {of.high_ppm / PPM:+.3f})"


def figure(rows: Sequence[Row]) -> str:
    """What each adds to the AUC, with its interval, as SVG."""
    shown = [row for row in rows if row.name not in (WITHOUT, "they alone")]
    low = min(0, *(row.gain[1].low_ppm for row in shown)) / PPM
    high = max(row.gain[1].high_ppm for row in shown) / PPM
    canvas = Canvas(
        Axis(low - 0.002, high + 0.002, "AUC more than without (simulated)", "{:+.3f}".format),
        Axis(-0.5, len(shown) - 0.5, "", str, ()),
        "what each reading or picture adds to the area under the ROC curve, simulated",
        width=700, height=60 + 30 * len(shown), left=250,
    )  # fmt: skip
    canvas.line([(0, -0.5), (0, len(shown) - 0.5)], SOFT, 1, "4 4")
    for place, row in enumerate(reversed(shown)):
        value, of = row.gain
        canvas.line([(of.low_ppm / PPM, place), (of.high_ppm / PPM, place)], FIELD, 2.4)
        canvas.dot(value / PPM, place, 4.5, FIELD)
        canvas.words(canvas.left - 8, canvas.y(place) + 4, row.name, anchor="end", colour=INK)
    return canvas.svg()


if __name__ == "__main__":
    found = compared(simulated_loans(), read_catalogue(CATALOGUE))
    print(report_of_rows(found).markdown())
    Path(sys.argv[1]).write_text(figure(found) + "\n", encoding="utf-8")
