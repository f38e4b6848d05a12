"""Real loans, ranked out of time: the points table beside what it might have been.

``data/sba_loans``: fitted on approvals up to a year, examined on later years that nothing
had seen; weights restore the national totals. In the same run: a logistic regression, a
coarse WoE scorecard, and monotone boosted trees of two sizes, each fitted as it is, with
the years levelled, and with the latest years weighing most. The best of the eight is picked
on the examined loans, which favours the trees. Intervals are the bootstrap's 95 %, on the
same resamples for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.public_loans import LACKING, SBA_CATALOGUE, data_folder, write_sba
from bench.report import Effort, Figure, Report
from core.units import PPM
from server.training.catalogue import Catalogue, read_catalogue
from server.training.challengers import TREES, fit_trees
from server.training.examine import FLOATS, POINTS, RESAMPLES_SEED, TrainingReport
from server.training.intervals import Interval, Resampled, bootstrap, interval
from server.training.measure import auc_ppm, ks_ppm
from server.training.release import Release
from server.training.run import thinly_known, train_ranked
from server.training.split import split_by_season
from server.training.table import Loan, LoanTable, read_table

CUTS = (("2001", "2006"), ("1997", "2001"), ("2004", "2009"))
SEED = 1
GOAL_PPM, GOAL_BYTES = 5_000, 8_000
HEADINGS = ("fitted until, examined until", "model", "all: AUC", "KS", "farms: AUC", "KS")


@dataclass(frozen=True, slots=True)
class Cut:
    """One division of the years: the trained model and every model's risks."""

    years: tuple[str, str]
    report: TrainingReport
    loans: tuple[Loan, ...]
    farms: tuple[int, ...]
    risks: Mapping[str, Sequence[float]]


def measure(effort: Effort) -> Report:
    """Train and examine at every cut."""
    data = data_folder()
    if data is None:
        return Report("Real loans, out of time", ("not measured",), ((LACKING,),))
    table, catalogue, farms = sba_table(data, effort.scratch)
    cuts = [cut_at(table, catalogue, farms, years) for years in CUTS]
    rows, numbers, shortest = [], {}, []
    for cut in cuts:
        found, gap_ppm = _rows(cut)
        rows += found
        shortest.append(gap_ppm)
        numbers[f"gap_{cut.years[0]}_ppm"] = float(gap_ppm)
        numbers[f"model_{cut.years[0]}_bytes"] = float(cut.report.model_bytes)
    return _report(tuple(rows), cuts, shortest, numbers)


def sba_table(data: Path, scratch: Path) -> tuple[LoanTable, Catalogue, frozenset[int]]:
    """The SBA's loans as training reads them, and which rows are farms (NAICS 11)."""
    catalogue = read_catalogue(SBA_CATALOGUE)
    path = write_sba(data, scratch / "sba.csv")
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    place = lines[0].split(",").index("agri")
    farms = frozenset(i for i, line in enumerate(lines[1:]) if line.split(",")[place] == "1")
    return read_table(path, catalogue), catalogue, farms


def cut_at(
    table: LoanTable, catalogue: Catalogue, farms: frozenset[int], years: tuple[str, str]
) -> Cut:
    """Train at a cut; what was not collected in its fitted years is no feature of it."""
    terms = replace(catalogue.training, fit_until=years[0], test_until=years[1])
    split = split_by_season(table, terms)
    thin = thinly_known(split.fit, catalogue)
    kept = tuple(each for each in catalogue.feature if each.name not in thin)
    asked = replace(catalogue, training=terms, feature=kept)
    report, risks = train_ranked(table, asked, Release(1, 0, 365, SEED), simulated=False)
    for name in TREES:
        for words, within, half_life in (
            ("years as they are", False, 0),
            ("latest years first", False, terms.half_life_seasons),
            ("levelled, latest years first", True, terms.half_life_seasons),
        ):
            ranker = fit_trees(
                split.fit, kept, SEED, name, within_season=within, half_life_seasons=half_life
            )
            risks = {f"{name}, {words}": ranker(split.test), **risks}
    tested = frozenset(split.test_seasons)
    places = [i for i, loan in enumerate(table.loans) if loan.season in tested]
    return Cut(
        years, report, split.test, tuple(k for k, i in enumerate(places) if i in farms), risks
    )


def _rows(cut: Cut) -> tuple[list[tuple[str, ...]], int]:
    """A row for every model of a cut, and by how much the points fall short [ppm]."""
    farms = [cut.loans[i] for i in cut.farms]
    farm_risks = {name: [risk[i] for i in cut.farms] for name, risk in cut.risks.items()}
    whole, few = _resampled(cut.risks, cut.loans), _resampled(farm_risks, farms)
    rows = [
        (
            f"{cut.years[0]}, {cut.years[1]}",
            name,
            *_measures(risk, cut.loans, whole[name]),
            *_measures(farm_risks[name], farms, few[name]),
        )
        for name, risk in cut.risks.items()
    ]
    outcomes, weights = [x.defaulted for x in cut.loans], [x.weight for x in cut.loans]
    aucs = {name: auc_ppm(risk, outcomes, weights) for name, risk in cut.risks.items()}
    best = max((name for name in aucs if "trees" in name), key=lambda name: aucs[name])
    apart = interval(whole[POINTS].auc - whole[best].auc)
    gap_ppm = aucs[best] - aucs[POINTS]
    rows.append(
        (f"{cut.years[0]}, {cut.years[1]}", f"points less the best trees; {len(farms)} farms",
         f"{-gap_ppm / PPM:+.4f} {_span(apart, sign='+')}",
         f"{cut.report.model_bytes:,} B",
         _span(interval(few[POINTS].auc - few[best].auc), sign="+"), "")
    )  # fmt: skip
    return rows, gap_ppm


def _resampled(risks: Mapping[str, Sequence[float]], loans: Sequence[Loan]) -> dict[str, Resampled]:
    outcomes, weights = [x.defaulted for x in loans], [x.weight for x in loans]
    return bootstrap(risks, outcomes, weights, RESAMPLES_SEED)


def _measures(
    risk: Sequence[float], loans: Sequence[Loan], resampled: Resampled
) -> tuple[str, str]:
    outcomes, weights = [x.defaulted for x in loans], [x.weight for x in loans]
    auc, ks = auc_ppm(risk, outcomes, weights), ks_ppm(risk, outcomes, weights)
    return (
        f"{auc / PPM:.4f} {_span(resampled.auc_interval)}",
        f"{ks / PPM:.3f} {_span(resampled.ks_interval)}",
    )


def _span(found: Interval, sign: str = "") -> str:
    return f"({found.low_ppm / PPM:{sign}.3f} to {found.high_ppm / PPM:{sign}.3f})"


def _report(
    rows: tuple[tuple[str, ...], ...],
    cuts: Sequence[Cut],
    gaps_ppm: Sequence[int],
    numbers: Mapping[str, float],
) -> Report:
    shown = "; ".join(
        f"until {cut.years[0]}: {-gap / PPM:+.4f}, {cut.report.model_bytes:,} bytes, "
        f"{len(cut.report.model.table.pairs)} two-way tables"
        for cut, gap in zip(cuts, gaps_ppm, strict=True)
    )
    return Report(
        title="Real loans, ranked out of time",
        headings=HEADINGS,
        rows=rows,
        note=(
            f"Points less the best of eight boosted trees ({shown}); goal: not below "
            f"-{GOAL_PPM / PPM:.3f} at under {GOAL_BYTES:,} bytes of signed JSON. "
            f"`{FLOATS}` is the same model before it is rounded and its directions are enforced."
        ),
        figures=(
            Figure(
                "points table less the best boosted trees, AUC on later years",
                ", ".join(f"{-gap / PPM:+.3f}" for gap in gaps_ppm),
                f"goal -{GOAL_PPM / PPM:.3f}",
            ),
        ),
        numbers=numbers,
    )
