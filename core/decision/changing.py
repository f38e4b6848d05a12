"""What would change a decision: the nearest change in what the farmer can change, exactly.

The model is a table that adds up, so nothing is estimated: each change that is told was
decided again and led to an approval. Only what a definition says that people can change is
looked at; nobody is told to be older, or to have had better rain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from itertools import combinations
from itertools import product as product_of

from core.decision.policy import (
    STALE_AUTHORITY_DIVISOR,
    DecisionInputs,
    Outcome,
    Verdict,
    decide,
    unsigned_ppm_max,
)
from core.lending.product import Product
from core.reasons import ReasonCode
from core.scoring.features import FeatureDefinition, admissible
from core.scoring.points import PointsTable, pd_ppm, score
from core.units import PPM, floor_to_unit
from core.wire.modelfile import Model

TRIES_MAX = 40  # candidates that are decided again, nearest first


class ChangeKind(Enum):
    """What is to be changed."""

    FEATURE = "feature"
    AMOUNT = "amount"
    CONSENT = "consent"
    STATION = "station"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to change: a feature to a value, the amount asked [minor units], and so on.

    ``about`` is the feature's name, the consent's purpose or the station; ``at_most`` says
    of a feature that less is as good as ``value``, otherwise more is.
    """

    kind: ChangeKind
    about: str = ""
    value: int = 0
    at_most: bool = False


def what_would_change(
    inputs: DecisionInputs, outcome: Outcome, model: Model, product: Product
) -> tuple[Change, ...]:
    """The changes that together lead to an approval; empty if it is one, or there are none.

    Parameters
    ----------
    inputs, outcome
        As they stand on a decision card.
    """
    if outcome.verdict is Verdict.APPROVE or not outcome.reasons:
        return ()
    why = outcome.reasons[0].code
    if why is ReasonCode.DECISION_OTHER_STATION:
        return _if_approved(
            [Change(ChangeKind.STATION, inputs.home_station)], inputs, model, product
        )
    if why is ReasonCode.DECISION_CONSENT_MISSING:
        lacking = sorted(set(product.decision.purposes) - set(inputs.purposes))
        wanted = [Change(ChangeKind.CONSENT, each) for each in lacking]
        return _if_approved(wanted, inputs, model, product)
    if why is ReasonCode.DECISION_AUTHORITY:
        return _less_asked(inputs, model, product)
    if why in (ReasonCode.DECISION_PD_HIGH, ReasonCode.DECISION_PD_BORDER):
        return _other_features(inputs, model, product)
    return ()


def _if_approved(
    changes: list[Change], inputs: DecisionInputs, model: Model, product: Product
) -> tuple[Change, ...]:
    """The changes, if they are enough by themselves or with a smaller amount."""
    changed = _changed(inputs, changes)
    found = decide(changed, model, product)
    if found.verdict is Verdict.APPROVE:
        return tuple(changes)
    if found.reasons[0].code is ReasonCode.DECISION_AUTHORITY:
        less = _less_asked(changed, model, product)
        return (*changes, *less) if less else ()
    return ()


def _less_asked(inputs: DecisionInputs, model: Model, product: Product) -> tuple[Change, ...]:
    """The most that may be asked for within the authority."""
    step, asked = product.credit.draw_step_minor, inputs.application.asked_minor
    whole = product.decision.authority_minor_max
    for authority in (whole, whole // STALE_AUTHORITY_DIVISOR):
        less = floor_to_unit(min(authority, asked), step)
        change = Change(ChangeKind.AMOUNT, value=less, at_most=True)
        if 0 < less < asked and _approves([change], inputs, model, product):
            return (change,)
    return ()


def _other_features(inputs: DecisionInputs, model: Model, product: Product) -> tuple[Change, ...]:
    values = {value.name: value for value in inputs.features}
    used = admissible(
        model.features, values, inputs.purposes, product.decision.coverage_ppm_min,
        unsigned_ppm_max(product),
    )  # fmt: skip
    open_to = [one for one in model.features if one.change and one.name in used]
    for count in (1, 2):
        ranked = sorted(_candidates(open_to, used, model.table, product, count))
        for _, _, changes in ranked[:TRIES_MAX]:
            found = _if_approved(list(changes), inputs, model, product)
            if found:
                return found
    return ()


Ranked = tuple[int, int, tuple[Change, ...]]


def _candidates(
    definitions: list[FeatureDefinition], used: Mapping[str, int], table: PointsTable,
    product: Product, count: int,
) -> Iterator[Ranked]:  # fmt: skip
    """Changes of so many features whose score is approved: how far off [ppm], and which."""
    number = 0
    for chosen in combinations(definitions, count):
        for values in product_of(*(_steps(one, used[one.name], table) for one in chosen)):
            changed = {
                **used,
                **{one.name: value for one, value in zip(chosen, values, strict=True)},
            }
            if not _good(score(table, changed), table, product):
                continue
            number += 1
            far = sum(
                abs(value - used[one.name]) * PPM // (one.high - one.low)
                for one, value in zip(chosen, values, strict=True)
            )
            yield (
                far,
                number,
                tuple(
                    Change(ChangeKind.FEATURE, one.name, value, value < used[one.name])
                    for one, value in zip(chosen, values, strict=True)
                ),
            )


def _steps(one: FeatureDefinition, value: int, table: PointsTable) -> list[int]:
    edges = {e for each in table.features if each.feature == one.name for e in each.edges}
    for two in table.pairs:
        edges |= set(two.first_edges) if two.first == one.name else set()
        edges |= set(two.second_edges) if two.second == one.name else set()
    nearest = {edge if edge > value else edge - 1 for edge in edges}
    return sorted(each for each in nearest if one.low <= each <= one.high and each != value)


def _good(points: int, table: PointsTable, product: Product) -> bool:
    in_band = table.refer_low <= points < table.refer_high
    return not in_band and pd_ppm(table, points) <= product.decision.approve_pd_ppm_max


def _approves(
    changes: list[Change], inputs: DecisionInputs, model: Model, product: Product
) -> bool:
    found = decide(_changed(inputs, changes), model, product)
    return found.verdict is Verdict.APPROVE


def _changed(inputs: DecisionInputs, changes: list[Change]) -> DecisionInputs:
    """The inputs as they would be."""
    found = inputs
    for change in changes:
        if change.kind is ChangeKind.STATION:
            found = replace(found, station=change.about)
        elif change.kind is ChangeKind.CONSENT:
            found = replace(found, purposes=tuple(sorted({*found.purposes, change.about})))
        elif change.kind is ChangeKind.AMOUNT:
            asked = replace(found.application, asked_minor=change.value)
            found = replace(found, application=asked)
        else:
            features = tuple(
                replace(each, value=change.value) if each.name == change.about else each
                for each in found.features
            )
            found = replace(found, features=features)
    return found
