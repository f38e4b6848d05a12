"""What a model card tells, in the order in which it is told: plain values and figures.

The page and the sheet are set from the same facts, so neither can say what the other
does not.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from core.scoring.features import FeatureDefinition
from core.scoring.points import FeatureTable
from core.units import PPM
from server.training import plots
from server.training.canvas import percent
from server.training.examine import POINTS, SeasonRow, TrainingReport
from server.training.fairness import FOUR_FIFTHS_PPM, OPPORTUNITY_GAP_PPM_MAX, FairnessTable
from server.training.intervals import Interval

Told = dict[str, Any]


def told(report: TrainingReport, model_sha256: str) -> Told:
    """The card's facts; those under ``svg`` are figures.

    Parameters
    ----------
    model_sha256
        Of the model's canonical bytes.
    """
    model, training = report.model, report.model.training
    return {
        "name": model.name,
        "version": model.version,
        "described": training.described,
        "simulated": training.simulated,
        "facts": _facts(report, model_sha256),
        "tiles": _tiles(report),
        "roc": plots.discrimination(report.roc),
        "scores": plots.scores(
            report.bars, report.cut_off, (model.table.refer_low, model.table.refer_high)
        ),
        "standing": plots.standings_figure(report.standings),
        "standings": _standings(report),
        "promises": plots.promises(report.calibration),
        "calibration": [
            [_rate(b.promised_ppm), _rate(b.observed_ppm), f"{b.loans_count:,}",
             f"{b.defaults_count:,}"]
            for b in report.calibration
        ],
        "season_rates": plots.seasons_figure(report.seasons),
        "season_auc": plots.ranking_figure(report.seasons),
        "season_psi": plots.stability_figure(report.seasons),
        "seasons": [_season(row) for row in report.seasons],
        "fairness": [_fairness(table) for table in report.fairness],
        "features": _features(report),
        "pairs": [
            {"title": f"{two.first} × {two.second}", "svg": plots.pair_surface(two)}
            for two in model.table.pairs
        ],
        "authority": _authority(report),
    }  # fmt: skip


def _facts(report: TrainingReport, model_sha256: str) -> list[list[str]]:
    model, training = report.model, report.model.training
    share = percent(training.defaults_count / training.rows_count)
    return [
        ["Loans, defaults", f"{training.rows_count:,}, {training.defaults_count:,} ({share})"],
        ["Fitted on", _span(report.fit_seasons)],
        ["Examined on", _span(report.test_seasons)],
        ["Valid", f"{_day(model.valid_from_ms)} to {_day(model.valid_to_ms)}"],
        ["Two-way tables", (f"{len(model.table.pairs)} (they changed the AUC on unseen seasons by "
         f"{report.pairs_gain_ppm / PPM:+.4f})")],
        ["Columns left unused", ", ".join(report.unused_columns) or "none"],
        ["SHA-256 of the model", model_sha256],
        ["SHA-256 of the loans", training.data_sha256],
    ]  # fmt: skip


def _tiles(report: TrainingReport) -> list[list[str]]:
    own = next(each for each in report.standings if each.name == POINTS)
    return [
        ["ranks later seasons, AUC", f"{own.auc_ppm / PPM:.3f}", _interval(own.auc_interval)],
        ["best distance, KS", f"{own.ks_ppm / PPM:.3f}", _interval(own.ks_interval)],
        ["approved without a person", percent(report.approved_ppm / PPM),
         f"score {report.cut_off} or more"],
        ["put before a person", percent(report.referred_ppm / PPM), "neither can be ruled out"],
        ["size of the model", f"{report.model_bytes / 1000:.1f} kB", "canonical JSON"],
    ]  # fmt: skip


def _interval(found: Interval) -> str:
    return f"{found.low_ppm / PPM:.3f} to {found.high_ppm / PPM:.3f}"


def _rate(rate_ppm: int) -> str:
    return f"{rate_ppm / PPM:.1%}".replace("%", " %")


def _span(seasons: tuple[str, ...]) -> str:
    return f"{seasons[0]} to {seasons[-1]} ({len(seasons)} seasons)"


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


def _standings(report: TrainingReport) -> list[list[str]]:
    return [
        [s.name, f"{s.auc_ppm / PPM:.4f}", _interval(s.auc_interval), f"{s.ks_ppm / PPM:.3f}",
         _interval(s.ks_interval)]
        for s in report.standings
    ]  # fmt: skip


def _season(row: SeasonRow) -> list[str]:
    return [
        row.season,
        "fitted" if row.fitted else "held out",
        f"{row.loans_count:,}",
        _rate(row.promised_ppm),
        _rate(row.observed_ppm),
        "too few" if row.auc_ppm is None else f"{row.auc_ppm / PPM:.3f}",
        f"{row.psi_ppm / PPM:.2f}",
        row.alarm.value,
    ]


def _fairness(table: FairnessTable) -> Told:
    return {
        "title": table.words,
        "svg": plots.fairness_figure(table),
        "rows": [
            [row.group, f"{row.loans_count:,}", _rate(row.approved_ppm),
             "none" if row.good_approved_ppm is None else _rate(row.good_approved_ppm),
             _rate(row.default_ppm), "" if row.is_judged else "too few to judge"]
            for row in table.rows
        ],
        "verdicts": _verdicts(table),
    }  # fmt: skip


def _verdicts(table: FairnessTable) -> list[Told]:
    if table.impact_ratio_ppm is None or table.opportunity_gap_ppm is None:
        return [{"holds": True, "words": "Too few loans in its groups to judge."}]
    ratio, gap = table.impact_ratio_ppm, table.opportunity_gap_ppm
    return [
        {
            "holds": bool(table.four_fifths_hold),
            "words": f"Impact ratio {ratio / PPM:.2f}: four fifths "
            f"{'hold' if table.four_fifths_hold else 'do not hold'} "
            f"(at least {FOUR_FIFTHS_PPM / PPM:.2f}).",
        },
        {
            "holds": bool(table.opportunity_is_equal),
            "words": f"Of those who repaid, groups are approved {gap / PPM:.2f} apart: opportunity "
            f"{'is' if table.opportunity_is_equal else 'is not'} equal "
            f"(at most {OPPORTUNITY_GAP_PPM_MAX / PPM:.2f}).",
        },
    ]


def _features(report: TrainingReport) -> list[Told]:
    definitions = {definition.name: definition for definition in report.model.features}
    return [
        {
            "name": table.feature,
            "words": definitions[table.feature].words,
            "about": _about(definitions[table.feature], table),
            "svg": plots.feature_shape(table),
            "points": [
                [start, f"{points:+d}"]
                for start, points in zip(_starts(table), table.points, strict=True)
            ],
        }
        for table in report.model.table.features
    ]


def _starts(table: FeatureTable) -> list[str]:
    return ["lowest", *(f"{edge:,}" for edge in table.edges)]


def _about(definition: FeatureDefinition, table: FeatureTable) -> str:
    consent = f"consent: {definition.purpose}" if definition.purpose else "no further consent"
    return (
        f"{definition.unit}; {definition.direction.value} as it rises; "
        f"from {definition.source.value}; {consent}; grade {definition.grade}; "
        f"missing {table.missing_points:+d}, reference {table.reference_points:+d}"
    )


def _authority(report: TrainingReport) -> list[str]:
    table = report.model.table
    approved, referred = percent(report.approved_ppm / PPM), percent(report.referred_ppm / PPM)
    return [
        (
            f"Of the held-out applications {approved} score {report.cut_off} or more and can be "
            f"approved without a person; {referred} fall into the refer band ({table.refer_low} "
            f"to {table.refer_high - 1}), where neither outcome can be ruled out."
        ),
        (
            "A score is one input of a decision. Consent, affordability, the limit and the "
            "officer's authority stand beside it, and a farmer may always ask a person."
        ),
        (
            "A default probability holds for the years it was calibrated on. When default rates "
            "move, restate it (harvestline-server recalibrate) or withdraw the model."
        ),
    ]
