"""The model card: what a model is, how good, on what, in one HTML file without scripts."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

from core.scoring.features import FeatureDefinition
from core.scoring.points import FeatureTable
from core.units import PPM
from server.training.examine import TrainingReport
from server.training.plots import discrimination, feature_shape, promises

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1d2119;background:#faf6ec;margin:0}
main{max-width:68rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.75rem;margin:.5rem 0}h2{margin:2.5rem 0 .5rem;font-size:1.3rem}
.simulated{background:#fbecc9;color:#4a3000;border:3px solid #c98a1b;border-radius:8px;
padding:1rem 1.25rem;font-size:1.125rem}
.observed{background:#e3eedd;border-radius:8px;padding:1rem 1.25rem}
table{border-collapse:collapse;background:#fffdf8;width:100%}
th,td{border-bottom:1px solid #ddd3bb;padding:.4rem .6rem;text-align:left;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(17rem,1fr));gap:1rem}
figure{margin:0;background:#fffdf8;border:1px solid #ddd3bb;border-radius:8px;padding:.75rem}
figcaption{font-weight:600}figcaption small{display:block;font-weight:400;color:#474a3c}
code{font-size:.85em;overflow-wrap:anywhere}.scroll{overflow-x:auto}
"""


def model_card(report: TrainingReport, model_sha256: str) -> str:
    """The card of a trained model as a complete HTML page.

    Parameters
    ----------
    model_sha256
        Of the model's canonical bytes.
    """
    model, training = report.model, report.model.training
    title = f"{model.name}, version {model.version}"
    parts = [
        f"<h1>Model card: {escape(title)}</h1>",
        _origin(report),
        (
            f"<p>{escape(training.described)} A higher score is safer; 50 points double the odds "
            "that a loan is repaid. The station adds integers and needs no library to do so.</p>"
        ),
        _facts(report, model_sha256),
        "<h2>How well it ranks later seasons</h2>",
        (
            "<p>All of these were fitted on the same earlier seasons and measured on the "
            "same later ones. What stations use is the last line.</p>"
        ),
        _standings(report),
        '<div class="grid">',
        f"<figure><figcaption>Discrimination</figcaption>{discrimination(report.roc)}</figure>",
        (
            "<figure><figcaption>Calibration<small>on the line: as promised</small></figcaption>"
            f"{promises(report.calibration)}</figure></div>"
        ),
        _calibration(report),
        "<h2>What each feature is worth</h2>",
        (
            "<p>The dashed line is what a missing value gets: never more than the average of the "
            "known ones.</p>"
        ),
        _features(report),
        "<h2>Who decides</h2>",
        _authority(report),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}'
        '</title><meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def _origin(report: TrainingReport) -> str:
    if report.model.training.simulated:
        return (
            '<p class="simulated"><strong>SIMULATED.</strong> The loans behind this model were '
            "made by a simulator; no farmer ever took one. It shows that the machinery works. "
            "It must not decide about people: train it again on observed loans first.</p>"
        )
    return '<p class="observed">The outcomes behind this model were observed.</p>'


def _facts(report: TrainingReport, model_sha256: str) -> str:
    model, training = report.model, report.model.training
    rows = {
        "Loans, defaults": f"{training.rows_count:,}, {training.defaults_count:,} "
        f"({training.defaults_count / training.rows_count:.1%})",
        "Valid": f"{_day(model.valid_from_ms)} to {_day(model.valid_to_ms)}",
        "Size": f"{report.model_bytes:,} bytes of canonical JSON",
        "SHA-256 of the model": f"<code>{model_sha256}</code>",
        "SHA-256 of the loans": f"<code>{training.data_sha256}</code>",
        "Two-way tables": f"{len(model.table.pairs)} (they changed the AUC on unseen seasons by "
        f"{report.pairs_gain_ppm / PPM:+.4f})",
        "Columns left unused": escape(", ".join(report.unused_columns)) or "none",
    }
    cells = "".join(f"<tr><th>{name}</th><td>{text}</td></tr>" for name, text in rows.items())
    return f"<table>{cells}</table>"


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


def _standings(report: TrainingReport) -> str:
    rows = "".join(
        f'<tr><td>{escape(s.name)}</td><td class="n">{s.auc_ppm / PPM:.3f}</td>'
        f'<td class="n">{s.ks_ppm / PPM:.3f}</td></tr>'
        for s in report.standings
    )
    return (
        '<table><tr><th>Model</th><th class="n">AUC</th><th class="n">KS</th></tr>'
        f"{rows}</table><br>"
    )


def _calibration(report: TrainingReport) -> str:
    rows = "".join(
        f'<tr><td class="n">{b.promised_ppm / PPM:.1%}</td><td class="n">{b.observed_ppm / PPM:.1%}'
        f'</td><td class="n">{b.loans_count}</td><td class="n">{b.defaults_count}</td></tr>'
        for b in report.calibration
    )
    return (
        "<details><summary>The same as a table</summary><table><tr>"
        '<th class="n">Promised</th><th class="n">Observed</th><th class="n">Loans</th>'
        f'<th class="n">Defaults</th></tr>{rows}</table></details>'
    )


def _features(report: TrainingReport) -> str:
    definitions = {definition.name: definition for definition in report.model.features}
    figures = "".join(
        f"<figure><figcaption>{escape(table.feature)}"
        f"<small>{_describe(definitions[table.feature], table)}</small></figcaption>"
        f"{feature_shape(table)}<details><summary>Points</summary>{_points(table)}</details>"
        "</figure>"
        for table in report.model.table.features
    )
    return f'<div class="grid">{figures}</div>'


def _describe(definition: FeatureDefinition, table: FeatureTable) -> str:
    consent = f"consent: {definition.purpose}" if definition.purpose else "no further consent"
    return escape(
        f"{definition.unit}; {definition.direction.value} as it rises; "
        f"from {definition.source.value}; {consent}; grade {definition.grade}; "
        f"missing {table.missing_points:+d}. Told as: {definition.words}"
    )


def _points(table: FeatureTable) -> str:
    starts = ["lowest", *(f"{edge:,}" for edge in table.edges)]
    rows = "".join(
        f'<tr><td class="n">{start}</td><td class="n">{points:+d}</td></tr>'
        for start, points in zip(starts, table.points, strict=True)
    )
    return f'<table><tr><th class="n">From</th><th class="n">Points</th></tr>{rows}</table>'


def _authority(report: TrainingReport) -> str:
    table = report.model.table
    return (
        f"<p>Of the later seasons' applications {report.approved_ppm / PPM:.0%} score "
        f"{report.cut_off} or more and can be approved without a person; "
        f"{report.referred_ppm / PPM:.0%} fall into the refer band ({table.refer_low} to "
        f"{table.refer_high - 1}), where neither outcome can be ruled out.</p>"
    )
