"""Boosted trees as a document: integers that anybody can read, and no code to load.

scikit-learn's own files are pickles, which run what they hold. A challenger's trees are
written down instead, node by node: inputs are integers, so a threshold is one, too, and leaves
are log-odds in millionths. They are signed like every document of the centre, scored by
twenty lines of Python without scikit-learn, and never leave the centre.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.canonical import canonical_bytes
from core.scoring.features import FeatureDefinition
from core.shape import encode
from core.signing import DocumentType
from core.units import PPM
from core.wire.modelfile import TrainingSummary
from server.training.catalogue import Catalogue, TrainingTableError
from server.training.challengers import SMALL_TREES, trees_machine
from server.training.matrix import inputs_of, outcomes_of, weights_of
from server.training.measure import auc_ppm, ks_ppm
from server.training.release import Release
from server.training.split import split_by_season
from server.training.table import Loan, LoanTable

TREES = DocumentType("challenger-trees", 1)
TREES_BYTES_MAX = 2 * 1024 * 1024
TREES_MAX, NODES_MAX = 500, 127
MICRO = 1_000_000
LEAF = -1


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree, node 0 its root: at a node a value up to ``limits`` goes left.

    ``inputs`` is the feature's place, or ``LEAF``; ``missing_left`` is 1 where a missing value
    goes left. ``values`` are a leaf's log-odds of default in millionths.
    """

    inputs: tuple[int, ...]
    limits: tuple[int, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    missing_left: tuple[int, ...]
    values: tuple[int, ...]

    def __post_init__(self) -> None:
        runs = (self.limits, self.left, self.right, self.missing_left, self.values)
        count = len(self.inputs)
        if not 1 <= count <= NODES_MAX or any(len(run) != count for run in runs):
            raise TrainingTableError(f"expected a tree of 1 to {NODES_MAX} nodes, got {count}")
        for node, place in enumerate(self.inputs):
            # A child stands after its parent: so every walk ends.
            ends = place == LEAF or all(
                node < child < count for child in (self.left[node], self.right[node])
            )
            if place < LEAF or not ends:
                raise TrainingTableError(f"expected children after node {node}, got others")

    def leaf(self, values: Sequence[int | None]) -> int:
        """The log-odds of the leaf that values fall into [millionths]."""
        node = 0
        while self.inputs[node] != LEAF:
            value = values[self.inputs[node]]
            is_left = self.missing_left[node] == 1 if value is None else value <= self.limits[node]
            node = self.left[node] if is_left else self.right[node]
        return self.values[node]


@dataclass(frozen=True, slots=True)
class ChallengerTrees:
    """A boosted ensemble with what is needed to score and to explain where it comes from."""

    name: str
    version: int
    features: tuple[FeatureDefinition, ...]
    baseline: int
    trees: tuple[Tree, ...]
    training: TrainingSummary

    def __post_init__(self) -> None:
        highest = max((max(tree.inputs) for tree in self.trees), default=LEAF)
        if not 1 <= len(self.trees) <= TREES_MAX or highest >= len(self.features):
            raise TrainingTableError(
                f"trees {self.name}: expected 1 to {TREES_MAX} trees over {len(self.features)} "
                f"features, got {len(self.trees)} that ask for feature {highest + 1}"
            )
        if self.version < 1:
            raise TrainingTableError(f"trees {self.name}: expected a version of at least 1")

    def log_odds(self, inputs: Mapping[str, int]) -> int:
        """The log-odds of default of admitted inputs [millionths]."""
        values = [inputs.get(definition.name) for definition in self.features]
        return self.baseline + sum(tree.leaf(values) for tree in self.trees)


def default_ppm(log_odds: int) -> int:
    """The probability that log-odds stand for [millionths to ppm]."""
    return round(PPM / (1 + math.exp(-log_odds / MICRO)))


def train_trees(
    table: LoanTable, catalogue: Catalogue, release: Release, *, simulated: bool
) -> ChallengerTrees:
    """Fit monotone boosted trees on the earlier seasons, and write down what they are.

    Measured on the later ones by the integers themselves, not by what they were made of.

    Raises
    ------
    TrainingTableError
        If the trees cannot be written in whole numbers.
    """
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - comes with scikit-learn

    terms = catalogue.training
    split = split_by_season(table, terms)
    machine = trees_machine(catalogue.feature, release.seed, SMALL_TREES)
    with threadpool_limits(1):
        machine.fit(
            inputs_of(split.fit, catalogue.names),
            outcomes_of(split.fit),
            sample_weight=weights_of(split.fit, within_season=terms.within_season),
        )
    nothing = TrainingSummary(table.sha256, 0, 0, 0, 0, simulated, "")
    bare = ChallengerTrees(
        f"{terms.name}-trees", release.version, catalogue.feature,
        round(float(machine._baseline_prediction[0, 0]) * MICRO), written(machine), nothing,
    )  # fmt: skip
    found = _summarised(bare, split.test, table, simulated=simulated)
    size = len(canonical_bytes(encode(found)))
    if size > TREES_BYTES_MAX:
        raise TrainingTableError(f"expected trees of at most {TREES_BYTES_MAX} bytes, got {size}")
    return found


def _summarised(
    trees: ChallengerTrees, test: Sequence[Loan], table: LoanTable, *, simulated: bool
) -> ChallengerTrees:
    risks = [trees.log_odds(loan.values) for loan in test]
    outcomes, weights = [x.defaulted for x in test], [x.weight for x in test]
    summary = TrainingSummary(
        data_sha256=table.sha256,
        rows_count=len(table.loans),
        defaults_count=sum(loan.defaulted for loan in table.loans),
        auc_ppm=auc_ppm(risks, outcomes, weights),
        ks_ppm=ks_ppm(risks, outcomes, weights),
        simulated=simulated,
        described=f"Monotone boosted trees, {len(trees.trees)} of them; for comparison alone.",
    )
    return ChallengerTrees(
        trees.name, trees.version, trees.features, trees.baseline, trees.trees, summary
    )


def written(machine: Any) -> tuple[Tree, ...]:
    """The trees of a fitted machine of scikit-learn, in whole numbers.

    Its nodes have no public door; a test holds what is read here against its own answers.
    """
    return tuple(_tree(stage[0].nodes) for stage in machine._predictors)


def _tree(nodes: Any) -> Tree:
    leaf = [bool(node["is_leaf"]) for node in nodes]
    return Tree(
        inputs=tuple(LEAF if leaf[i] else int(n["feature_idx"]) for i, n in enumerate(nodes)),
        limits=tuple(0 if leaf[i] else _limit(n) for i, n in enumerate(nodes)),
        left=tuple(0 if leaf[i] else int(n["left"]) for i, n in enumerate(nodes)),
        right=tuple(0 if leaf[i] else int(n["right"]) for i, n in enumerate(nodes)),
        missing_left=tuple(int(n["missing_go_to_left"]) for n in nodes),
        values=tuple(round(float(n["value"]) * MICRO) for n in nodes),
    )


def _limit(node: Any) -> int:
    """The highest whole number that goes left; all of them where only missing ones go right."""
    threshold = float(node["num_threshold"])
    return math.floor(threshold) if math.isfinite(threshold) else 2**31 - 1
