"""A day's decision cards as counts of bins: what leaves a station to watch a model for drift."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from core.decision.card import DecisionCard
from core.scoring.drift import SCORES, bin_of, score_edges
from core.wire.modelcounts import VERDICTS, ModelCounts, bins_of
from core.wire.modelfile import Model


def count_cards(
    day: str, model: Model, model_sha256: str, cards: Iterable[DecisionCard]
) -> ModelCounts:
    """How decisions by one model fell into its bins, as they were scored.

    A feature that the decision did not use counts as missing, whatever is known of it.

    Raises
    ------
    ShapeError
        If there is no card.
    """
    edges = score_edges(model.table)
    bins = {name: [0] * count for name, count in bins_of(model.table).items()}
    verdicts = dict.fromkeys(VERDICTS, 0)
    clamped = {definition.name: definition for definition in model.features}
    count = 0
    for card in cards:
        missing = set(card.outcome.missing)
        known = {v.name: v.value for v in card.inputs.features if v.name not in missing}
        bins[SCORES][bisect_right(edges, card.outcome.score)] += 1
        for one in model.table.features:
            value = known.get(one.feature)
            held = None if value is None else clamped[one.feature].clamp(value)
            bins[one.feature][bin_of(one, held)] += 1
        verdicts[card.outcome.verdict.value] += 1
        count += 1
    told = {name: tuple(counts) for name, counts in bins.items()}
    return ModelCounts(day, model_sha256, count, verdicts, told)
