"""The reasons that explain evidence: its views held against those of the review before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.lending.limit import PlotView
from core.lending.product import Product, ProductKind
from core.reasons import Reason, ReasonCode
from core.units import PPM, divide_half_even
from server.services.outlook import Outlook

TOLD_CHANGE_PPM = 20_000  # a harvest or pasture that moved less is not worth a reason


def explain(
    product: Product, outlook: Outlook, before: Sequence[Mapping[str, Any]], direction: int
) -> tuple[Reason, ...]:
    """Why the evidence moves a limit, most important first.

    Parameters
    ----------
    before
        The views of the review before; empty at the first.
    direction
        1 if the rule's limit is above the one in force, −1 if below, 0 if equal.
    """
    if product.kind is ProductKind.LIVESTOCK:
        return _explain_herd(outlook, before, direction)
    if not product.stages:
        return ()  # a line by scale of finance follows no stage and no harvest
    return _explain_crop(product, outlook, before, direction)


def _explain_crop(
    product: Product, outlook: Outlook, before: Sequence[Mapping[str, Any]], direction: int
) -> tuple[Reason, ...]:
    stages = [stage.stage for stage in product.stages]
    known = {str(view["plot_id"]): str(view["stage"]) for view in before if "plot_id" in view}
    risen = [
        plot.stage
        for plot in outlook.plots
        if stages.index(plot.stage) > stages.index(known.get(plot.plot_id, stages[0]))
    ]
    late = [p.usual_stage for p in outlook.plots if _is_late(stages, p)]
    p10 = _harvest([(p.area_m2, p.yield_p10_kg_per_ha) for p in outlook.plots])
    p50 = _harvest([(p.area_m2, p.yield_p50_kg_per_ha) for p in outlook.plots])
    was = _harvest([(v["area_m2"], v.get("yield_p10_kg_per_ha")) for v in before if "area_m2" in v])
    change = _change(was, p10)
    reasons = []
    if p50 is not None and direction < 0 and (change <= 0 or was is None):
        reasons.append(Reason(ReasonCode.LIMIT_HARVEST_LOWER, {"kg_per_ha": str(p50)}))
    if risen and direction >= 0:
        stage = max(risen, key=stages.index)
        reasons.append(Reason(ReasonCode.LIMIT_STAGE_SEEN, {"stage": stage}))
    if p10 is not None and direction > 0 and (change > 0 or not risen):
        reasons.append(Reason(ReasonCode.LIMIT_HARVEST_HIGHER, {"kg_per_ha": str(p10)}))
    if late and direction <= 0:
        stage = max(late, key=stages.index)
        reasons.append(Reason(ReasonCode.LIMIT_STAGE_NOT_SEEN, {"stage": stage}))
    return tuple(reasons)


def _explain_herd(
    outlook: Outlook, before: Sequence[Mapping[str, Any]], direction: int
) -> tuple[Reason, ...]:
    forage = _harvest([(herd.heads, herd.forage_p10_ppm) for herd in outlook.herds])
    was = _harvest([(v["heads"], v.get("forage_p10_ppm")) for v in before if "heads" in v])
    heads = sum(herd.heads for herd in outlook.herds)
    heads_before = sum(int(view["heads"]) for view in before if "heads" in view)
    reasons = []
    if forage is not None and direction != 0:
        percent = {"percent": str(divide_half_even(forage * 100, PPM))}
        lower = direction < 0
        code = ReasonCode.LIMIT_PASTURE_LOWER if lower else ReasonCode.LIMIT_PASTURE_HIGHER
        moved = _change(was, forage)
        if was is None or (moved < 0 if lower else moved > 0) or heads == heads_before:
            reasons.append(Reason(code, percent))
    if before and heads != heads_before:
        reasons.append(Reason(ReasonCode.LIMIT_HERD_COUNTED, {"heads": str(heads)}))
    return tuple(reasons)


def _is_late(stages: list[str], plot: PlotView) -> bool:
    return stages.index(plot.usual_stage) > stages.index(plot.stage)


def _harvest(weighted: Sequence[tuple[int, int | None]]) -> int | None:
    """The mean by weight; None if a part is not known."""
    if not weighted or any(value is None for _, value in weighted):
        return None
    total = sum(weight for weight, _ in weighted)
    return divide_half_even(sum(w * (v or 0) for w, v in weighted), total) if total else None


def _change(before: int | None, now: int | None) -> int:
    """The sign of a change that is worth telling."""
    if before is None or now is None or abs(now - before) * PPM < before * TOLD_CHANGE_PPM:
        return 0
    return 1 if now > before else -1
