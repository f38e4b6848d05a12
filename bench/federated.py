"""Federated training beside the pooled fit and each lender alone; how often poison is found.

Simulated cooperatives of uneven size and level, ten seeds a row. A poisoned site has turned
every outcome round. The pooled fit sees all loans in one place; alone, each site fits the
same kind of model to its own, and is examined on fresh loans of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean, median

import numpy as np

from bench.report import Effort, Figure, Report
from core.canonical import canonical_bytes
from core.scoring.points import score
from core.shape import encode
from server.training.catalogue import Catalogue
from server.training.federated import sums
from server.training.federated.bins import coarse_all, fine
from server.training.federated.coordinator import BINS, Run, advance, take
from server.training.federated.solving import fit
from server.training.federated.words import FederationError, Stage
from server.training.measure import auc_ppm
from server.training.table import Loan
from tests.support.cooperatives import Cooperatives, catalogue, flipped, loans

SEEDS = 10
WORLDS = ((6, 300), (9, 300), (9, 900), (9, 3_000))  # sites, and loans a site
HEADINGS = (
    "sites × loans", "poison set aside", "stopped for people", "honest runs stopped",
    "AUC lost where unseen, at most", "AUC alone", "AUC together", "from the pooled fit",
    "bytes a site and round",
)  # fmt: skip


def measure(effort: Effort) -> Report:
    """Play every world."""
    terms = catalogue(effort.scratch)
    rows, numbers = [], {}
    for sites, size in WORLDS:
        found = [_world(terms, sites, size, seed) for seed in range(SEEDS)]
        caught = sum(each["caught"] for each in found)
        stopped = sum(each["stopped"] for each in found)
        name = f"{sites}x{size}"
        numbers |= {
            f"caught_{name}_count": float(caught),
            f"false_{name}_count": float(sum(each["false"] for each in found)),
            f"gap_{name}": max(each["gap"] for each in found),
        }
        rows.append((
            f"{sites} × about {size:,}",
            f"{caught:.0f} of {SEEDS}",
            f"{stopped:.0f} of {SEEDS}",
            f"{int(sum(each['false'] for each in found))} of {SEEDS}",
            f"{max(each['harm'] for each in found):.3f}",
            f"{median(each['alone'] for each in found):.3f}",
            f"{median(each['together'] for each in found):.3f}",
            f"{max(each['gap'] for each in found):.1e}",
            f"{median(each['bytes'] for each in found):,.0f}",
        ))  # fmt: skip
    figure = Figure(
        "federated training of 9 lenders, about 300 loans each",
        f"AUC {rows[1][6]}, weights within {rows[1][7]} of the pooled fit",
        f"each alone {rows[1][5]}",
    )
    note = "Bytes are of an answer to a step of Newton's method; the counts of round 1 are larger."
    return Report("Federated training", HEADINGS, tuple(rows), note, (figure,), numbers)


def _world(terms: Catalogue, sites: int, size: int, seed: int) -> dict[str, float]:
    chance = np.random.default_rng(1_000 + seed)
    counts = [int(size * chance.uniform(0.3, 2.0)) for _ in range(sites)]
    levels = [-2.4 + chance.normal(0, 0.4) for _ in range(sites)]
    tables = {f"site-{n}": loans(seed * 100 + n, counts[n], levels[n]) for n in range(sites)}
    fresh = {f"site-{n}": loans(50_000 + seed * 100 + n, 600, levels[n]) for n in range(sites)}
    order = [int(n) for n in chance.permutation(sites)]
    honest = Cooperatives.of(terms, tables)
    bytes_each: list[int] = []
    try:
        run = _play(honest, order, bytes_each)
    except FederationError:
        return {"false": 1.0, "harm": 0.0,
                **dict.fromkeys(("caught", "stopped", "alone", "together"), 0.0),
                "gap": 0.0, "bytes": 0.0}  # fmt: skip
    together = fmean(_auc(lambda loan: -score(run.points, loan.values), fresh[n]) for n in fresh)
    poisoned = Cooperatives.of(terms, {**tables, "site-2": flipped(tables["site-2"])})
    caught = stopped = harm = 0.0
    try:
        spoilt = _play(poisoned, order, [])
        caught = float(any("site-2" in each.sites for each in spoilt.set_aside))
        honest_sites = [name for name in fresh if name != "site-2"]
        harm = fmean(
            _auc(lambda loan: -score(run.points, loan.values), fresh[name])
            - _auc(lambda loan: -score(spoilt.points, loan.values), fresh[name])
            for name in honest_sites
        )
    except FederationError:
        stopped = 1.0
    return {
        "harm": harm if not caught else 0.0,
        "caught": caught,
        "stopped": stopped,
        "false": float(bool(run.set_aside)),
        "alone": fmean(_alone(terms, tables[name], fresh[name]) for name in tables),
        "together": together,
        "gap": _gap(honest, run) if not run.set_aside else 0.0,
        "bytes": fmean(bytes_each),
    }


def _play(these: Cooperatives, order: Sequence[int], bytes_each: list[int]) -> Run:
    run = these.begin(order=order)
    while not run.done:
        question = run.question
        for name in run.waits_for:
            told = these.answer(name, question)
            if question.stage is Stage.NEWTON:
                bytes_each.append(len(canonical_bytes(encode(told))))
            run = take(run, told)
        run = advance(run, these.catalogue)
    return run


def _gap(these: Cooperatives, run: Run) -> float:
    """The largest difference between the run's weights and those of all loans in one place."""
    asked = {site.name for site in run.question.sites}
    every = [loan for name, site in these.sites.items() if name in asked for loan in site.loans]
    codings = run.question.codings
    wanted = fit(lambda beta: sums.newton(every, codings, beta), 1 + len(codings))
    found = np.asarray([float.fromhex(each) for each in run.question.weights])
    return float(np.abs(found - wanted).max())


def _alone(terms: Catalogue, own: Sequence[Loan], fresh: Sequence[Loan]) -> float:
    """How well a lender's own fit ranks fresh loans of its own."""
    counted = [fine(one) for one in terms.feature]
    codings = coarse_all(terms.feature, counted, sums.counts(own, counted), BINS)
    weights = fit(lambda beta: sums.newton(own, codings, beta), 1 + len(codings))
    risks = sums.coded(fresh, codings) @ weights
    return auc_ppm([float(r) for r in risks], [loan.defaulted for loan in fresh]) / 1e6


def _auc(risk: Callable[[Loan], int], these: Sequence[Loan]) -> float:
    return auc_ppm([float(risk(loan)) for loan in these], [x.defaulted for x in these]) / 1e6
