"""The scorer on one core: one application with its reasons, beside scikit-learn and onnxruntime.

The points table trained on the tests' simulated loans, against gradient-boosted trees
fitted on the same loans, called one row at a time as a station would: the challenger and
plainer trees by scikit-learn, the plainer ones also exported to ONNX (the exporter does not
take the challenger's). The peers give a probability and no reason. Then what surrounds the score
at a station: the decision with its card in canonical bytes, and its signature. Cold start
is a fresh interpreter that loads the model and scores one row: CPU time and peak resident
memory as the kernel counts them.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnxruntime
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingClassifier
from threadpoolctl import threadpool_limits

from bench.report import Effort, Figure, Report
from core.canonical import canonical_bytes, sha256_hex
from core.decision.card import CARD, DecisionCard
from core.decision.policy import DecisionInputs, decide
from core.scoring.features import FeatureValue
from core.scoring.points import score, score_and_lost
from core.shape import encode
from core.signing import bytes_to_sign
from core.wire.modelfile import Model
from core.wire.records import Application
from server.training.catalogue import Catalogue, read_catalogue
from server.training.challengers import SMALL_TREES, trees_machine
from server.training.command import CATALOGUE
from server.training.matrix import inputs_of, outcomes_of
from server.training.release import Release
from server.training.run import train
from server.training.table import LoanTable, read_table
from tests.support.loans import write_loans
from tests.support.products import crop_product

CALLS, PEER_CALLS, ROWS = 20_000, 300, 500
GOAL_US, GOAL_TIMES, GOAL_CARD_US = 15, 100, 100
GOAL_COLD_MS, GOAL_MB = 100, 25
KIB_PER_MB = 1_000_000 / 1024
REPOSITORY = Path(__file__).resolve().parents[1]
COLD = {
    "points table, Python's standard library": """
import json, sys
from core.scoring.points import score_and_lost
from core.shape import decode
from core.wire.modelfile import Model
model = decode(Model, json.loads(open(sys.argv[1], "rb").read()))
print(score_and_lost(model.table, json.loads(sys.argv[2])))
""",
    "boosted trees, scikit-learn": """
import json, sys, joblib, numpy
model = joblib.load(sys.argv[1])
print(model.predict_proba(numpy.array([json.loads(sys.argv[2])], dtype=float)))
""",
    "plain trees, onnxruntime": """
import json, sys, numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
row = numpy.array([json.loads(sys.argv[2])], dtype=numpy.float32)
print(session.run(None, {session.get_inputs()[0].name: row}))
""",
}
POINTS, SKLEARN, ONNX = COLD
PLAIN = "plain trees, scikit-learn"


@dataclass(frozen=True, slots=True)
class Models:
    """One points table and one set of trees, of the same loans, with rows to score."""

    model: Model
    trees: Any
    plain: Any
    session: Any
    rows: tuple[Mapping[str, int], ...]
    matrix: Any
    files: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Took:
    """A call's CPU time [µs]."""

    p50_us: float
    p99_us: float


def measure(effort: Effort) -> Report:
    """Score, explain, decide, sign; beside the peers."""
    models = _models(effort.scratch)
    table, cores = models.model.table, os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    alone = threadpool_limits(1)  # one core: the peer's threads would only wait for each other
    took = {
        "score alone": _timed(partial(score, table), models.rows),
        "score and four reasons": _timed(partial(score_and_lost, table), models.rows),
        SKLEARN: _timed(models.trees.predict_proba, _single(models.matrix), PEER_CALLS),
        PLAIN: _timed(models.plain.predict_proba, _single(_filled(models.matrix)), PEER_CALLS),
        ONNX: _timed(_by_onnx(models.session), _single(_filled(models.matrix))),
        **_cards(models),
    }
    cold = {name: _cold(name, models, effort.repeats) for name in COLD}
    alone.restore_original_limits()
    os.sched_setaffinity(0, cores)
    return _report(took, cold, models)


def _models(scratch: Path) -> Models:
    catalogue = read_catalogue(CATALOGUE)
    loans = read_table(write_loans(scratch / "loans.csv"), catalogue)
    model = train(loans, catalogue, Release(1, 0, 36_500, seed=1), simulated=True).model
    trees = trees_machine(catalogue.feature, 1, SMALL_TREES)
    matrix = inputs_of(loans.loans, catalogue.names)
    trees.fit(matrix, outcomes_of(loans.loans))
    plain = GradientBoostingClassifier(n_estimators=200, max_depth=3, random_state=1)
    plain.fit(_filled(matrix), outcomes_of(loans.loans))
    exported = to_onnx(plain, _filled(matrix[:1]), options={"zipmap": False})
    files = _kept(scratch, model, trees, exported.SerializeToString())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(files[ONNX], options, providers=["CPUExecutionProvider"])
    rows = tuple(loan.values for loan in loans.loans[:: len(loans.loans) // ROWS])[:ROWS]
    return Models(model, trees, plain, session, rows, _matrix(loans, catalogue), files)


def _filled(matrix: Any) -> Any:
    """Rows as the plainer trees take them: a number below all others where one is missing."""
    return np.nan_to_num(matrix, nan=-1.0).astype(np.float32)


def _matrix(loans: LoanTable, catalogue: Catalogue) -> Any:
    return inputs_of(loans.loans[:: len(loans.loans) // ROWS][:ROWS], catalogue.names)


def _kept(scratch: Path, model: Model, trees: Any, exported: bytes) -> dict[str, Path]:
    files = {
        POINTS: scratch / "model.json",
        SKLEARN: scratch / "t.joblib",
        ONNX: scratch / "t.onnx",
    }
    files[POINTS].write_bytes(canonical_bytes(encode(model)))
    joblib.dump(trees, files[SKLEARN])
    files[ONNX].write_bytes(exported)
    return files


def _single(matrix: Any) -> list[Any]:
    return [matrix[i : i + 1] for i in range(len(matrix))]


def _by_onnx(session: Any) -> Callable[[Any], object]:
    name = session.get_inputs()[0].name
    return lambda row: session.run(None, {name: row})


def _timed(run: Callable[[Any], object], rows: Sequence[Any], calls: int = CALLS) -> Took:
    """A call's time, less what asking the clock itself takes: a system call, half a microsecond."""
    clock_us = statistics.median(_spent_us(lambda _: None, rows, calls))
    cuts = statistics.quantiles(_spent_us(run, rows, calls), n=100, method="inclusive")
    return Took(cuts[49] - clock_us, cuts[98] - clock_us)


def _spent_us(run: Callable[[Any], object], rows: Sequence[Any], calls: int) -> list[float]:
    found = []
    for row in itertools.islice(itertools.cycle(rows), calls):
        began_ns = time.process_time_ns()
        run(row)
        found.append((time.process_time_ns() - began_ns) / 1e3)
    return found


def _cards(models: Models) -> dict[str, Took]:
    """A decision with its card's bytes, by its end, and the signature over them."""
    product = crop_product()
    digest = sha256_hex(canonical_bytes(encode(models.model)))
    found: dict[str, list[DecisionInputs]] = {}
    for row in models.rows:
        inputs = _inputs(row, models.model, digest, product.policy_version())
        verdict = decide(inputs, models.model, product).verdict.value
        found.setdefault(verdict, []).append(inputs)
    took = {}
    for verdict, some in sorted(found.items()):

        def card(inputs: DecisionInputs) -> bytes:
            outcome = decide(inputs, models.model, product)
            return canonical_bytes(encode(DecisionCard("card-1", inputs, outcome)))

        took[f"unsigned card, {verdict} ({len(some)} of {len(models.rows)})"] = _timed(
            card, some, 3_000
        )
    key = Ed25519PrivateKey.generate()
    bodies = [card(inputs) for inputs in some]
    took["its signature"] = _timed(lambda b: key.sign(bytes_to_sign(CARD, b)), bodies, 3_000)
    return took


def _inputs(row: Mapping[str, int], model: Model, digest: str, policy: str) -> DecisionInputs:
    return DecisionInputs(
        application=Application("ap-1", "f-1", "wheat", ("plot-1",), 800_000, "CNY"),
        station="kijani", home_station="kijani",
        features=tuple(FeatureValue(name, value) for name, value in row.items()),
        purposes=("automated_decision", "device_readings", "satellite_images"),
        consent_ids=("c-1",), evidence_ids=("0f5c",), readings=(), available_minor=5_000_000,
        capacity_minor=2_000_000, model_sha256=digest, model_version=model.version,
        model_stale=False, policy_version=policy, decided_on="2026-04-01",
        decided_at_ms=1_775_000_000_000, error_ms=1000,
    )  # fmt: skip


def _cold(name: str, models: Models, repeats: int) -> tuple[float, float]:
    """CPU time [ms] and peak resident memory [MB] of a fresh interpreter's first answer."""
    row: object = dict(models.rows[0])
    if name != POINTS:
        row = [0.0 if np.isnan(v) else float(v) for v in models.matrix[0]]
    command = [sys.executable, "-c", _WATCHED, COLD[name], str(models.files[name]), json.dumps(row)]
    found = []
    for _ in range(max(repeats, 3)):
        done = subprocess.run(
            command, cwd=REPOSITORY, capture_output=True, text=True, check=True,
            env={"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        cpu_s, peak_kib = map(float, done.stdout.split()[-2:])
        found.append((cpu_s * 1e3, peak_kib / KIB_PER_MB))
    return statistics.median(c for c, _ in found), statistics.median(m for _, m in found)


# The watched interpreter answers for itself. The peak is its own mapping's: what getrusage
# gives also counts the process that it was forked from.
_WATCHED = """
import sys
code = sys.argv.pop(1)
exec(compile(code, "scorer", "exec"))
import os
used = os.times()
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(used.user + used.system, peak.split()[1])
"""


def _report(
    took: Mapping[str, Took], cold: Mapping[str, tuple[float, float]], models: Models
) -> Report:
    own = took["score and four reasons"]
    goals = {
        "score and four reasons": f"goal {GOAL_US} µs",
        SKLEARN: f"{took[SKLEARN].p50_us / own.p50_us:,.0f} × ours; goal {GOAL_TIMES} ×",
        PLAIN: f"{took[PLAIN].p50_us / own.p50_us:,.0f} × ours",
        ONNX: f"{took[ONNX].p50_us / own.p50_us:,.1f} × ours",
    }
    rows = [
        (
            name,
            f"{t.p50_us:,.1f}",
            f"{t.p99_us:,.1f}",
            goals.get(name, f"goal {GOAL_CARD_US} µs" if "unsigned" in name else ""),
        )
        for name, t in took.items()
    ]
    rows += [
        (
            f"cold start: {name}",
            f"{ms:,.0f} ms CPU",
            f"{mb:,.1f} MB",
            f"goal {GOAL_COLD_MS} ms, {GOAL_MB} MB" if name == POINTS else "",
        )
        for name, (ms, mb) in cold.items()
    ]
    return Report(
        title="The scorer, one application at a time",
        headings=("what", "p50 [µs]", "p99 [µs]", "beside it"),
        rows=tuple(rows),
        note=_note(models),
        figures=(
            Figure(
                "score with four reasons, one application", f"p50 {own.p50_us:.1f} µs",
                f"scikit-learn {took[SKLEARN].p50_us / own.p50_us:,.0f} ×, "
                f"onnxruntime {took[ONNX].p50_us / own.p50_us:,.1f} × (no reasons)",
            ),
            Figure(
                "scorer's cold start",
                f"{cold[POINTS][0]:.0f} ms CPU, {cold[POINTS][1]:.0f} MB",
                f"scikit-learn {cold[SKLEARN][0]:,.0f} ms, {cold[SKLEARN][1]:,.0f} MB; "
                f"onnxruntime {cold[ONNX][0]:,.0f} ms, {cold[ONNX][1]:,.0f} MB",
            ),
        ),
        numbers={"score_p50_us": own.p50_us, "score_p99_us": own.p99_us,
                 "sklearn_p50_us": took[SKLEARN].p50_us, "onnx_p50_us": took[ONNX].p50_us,
                 "cold_ms": cold[POINTS][0], "cold_mb": cold[POINTS][1]},
    )  # fmt: skip


def _note(models: Models) -> str:
    size = {name: path.stat().st_size for name, path in models.files.items()}
    parts = encode(models.model)
    held = {name: len(canonical_bytes(parts[name])) for name in ("table", "reference")}
    return (
        f"{len(models.model.table.features)} features, {len(models.model.table.pairs)} "
        f"two-way tables; model files {size[POINTS]:,}, {size[SKLEARN]:,} and {size[ONNX]:,} "
        f"bytes; of ours the table is {held['table']:,} (goal under 8,000), what drift is held "
        f"against {held['reference']:,}, the rest names, words and dates. An approval's "
        "card also tells its whole price; nothing of it is remembered from card to card. "
        "All times are CPU of this process, less the clock's own. Cold start: CPU and peak "
        "resident memory of a fresh interpreter."
    )
