"""Approve, refer or decline: inside delegated authority, with ordered reasons.

A pure function of recorded inputs, a model and a product: the same on the station,
at the centre and on a tablet. Declining consent to one use of data never declines
a loan: the features behind it are missing, and what must be consented to before a
machine may decide sends the application to a person instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from enum import Enum

from core.decision.quote import Quote, quote
from core.lending.own_cash import with_own_cash
from core.lending.product import Product
from core.reasons import Reason, ReasonCode
from core.scoring.features import UNSIGNED_PPM_MAX, FeatureValue, admissible
from core.scoring.points import REASONS_MAX, pd_ppm, score_and_lost
from core.units import floor_to_unit
from core.wire.modelfile import Model
from core.wire.records import Application

STALE_AUTHORITY_DIVISOR = 2  # an expired model decides on half of the authority
ASKED_DAYS = 30  # how far back earlier applications of a farmer count
ASKS_MAX = 4  # without a line in these days, unless the product says otherwise; then a person


class Verdict(Enum):
    """The three outcomes."""

    APPROVE = "approve"
    REFER = "refer"
    DECLINE = "decline"


@dataclass(frozen=True, slots=True)
class DecisionInputs:
    """Everything that a decision rests on.

    ``available_minor`` is what lease or headroom allows, ``capacity_minor`` what the
    season's cash can repay [minor units]; ``readings`` names the signed telemetry
    documents (hashes) that the telemetry features cite. ``asked_before`` counts the farmer's
    applications for the product in the last ``ASKED_DAYS`` that opened no line; absent, none.
    """

    application: Application
    station: str
    home_station: str
    features: tuple[FeatureValue, ...]
    purposes: tuple[str, ...]
    consent_ids: tuple[str, ...]
    evidence_ids: tuple[str, ...]
    readings: tuple[str, ...]
    available_minor: int
    capacity_minor: int
    model_sha256: str
    model_version: int
    model_stale: bool
    policy_version: str
    decided_on: str
    decided_at_ms: int
    error_ms: int
    asked_before: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was decided, and why."""

    verdict: Verdict
    score: int
    pd_ppm: int
    amount_minor: int
    reasons: tuple[Reason, ...]
    missing: tuple[str, ...]
    quote: Quote | None = None


def decide(inputs: DecisionInputs, model: Model, product: Product) -> Outcome:
    """Decide one application.

    Checks go in order of precedence; the first that fails gives the verdict, and the
    model's own reasons follow where the score was the cause. At most four reasons.
    """
    values = {value.name: value for value in inputs.features}
    used = admissible(
        model.features, values, inputs.purposes, product.decision.coverage_ppm_min,
        unsigned_ppm_max(product),
    )  # fmt: skip
    points, lost = score_and_lost(model.table, used)
    missing = tuple(d.name for d in model.features if d.name not in used)
    base = Outcome(Verdict.REFER, points, pd_ppm(model.table, points), 0, (), missing)
    stopped = _stop_before_score(inputs, product, len(used))
    if stopped is not None:
        return replace(base, verdict=stopped[0], reasons=(Reason(stopped[1]),))
    stopped = _stop_on_score(base, model, product)
    if stopped is not None:
        features = (Reason(ReasonCode.FEATURE, {"feature": one.feature}) for one in lost)
        reasons = (Reason(stopped[1]), *features)[:REASONS_MAX]
        return replace(base, verdict=stopped[0], reasons=reasons)
    return _set_amount(base, inputs, product)


def unsigned_ppm_max(product: Product) -> int:
    """How much of a feature's readings may be unsigned under a product [ppm]."""
    stated = product.decision.unsigned_ppm_max
    return UNSIGNED_PPM_MAX if stated is None else stated


def asks_max(product: Product) -> int:
    """How often a farmer may ask before a person looks: whoever tries out answers finds one."""
    stated = product.decision.asks_max
    return ASKS_MAX if stated is None else stated


def _stop_before_score(
    inputs: DecisionInputs, product: Product, known: int
) -> tuple[Verdict, ReasonCode] | None:
    terms = product.decision
    if inputs.station != inputs.home_station:
        return Verdict.DECLINE, ReasonCode.DECISION_OTHER_STATION
    if not set(inputs.purposes).issuperset(terms.purposes):
        return Verdict.REFER, ReasonCode.DECISION_CONSENT_MISSING
    if (inputs.asked_before or 0) >= asks_max(product):
        return Verdict.REFER, ReasonCode.DECISION_ASKED_OFTEN
    if known < terms.known_features_min:
        return Verdict.REFER, ReasonCode.DECISION_EVIDENCE_THIN
    return None


def _stop_on_score(
    base: Outcome, model: Model, product: Product
) -> tuple[Verdict, ReasonCode] | None:
    if base.pd_ppm > product.decision.refer_pd_ppm_max:
        return Verdict.DECLINE, ReasonCode.DECISION_PD_HIGH
    in_band = model.table.refer_low <= base.score < model.table.refer_high
    if in_band or base.pd_ppm > product.decision.approve_pd_ppm_max:
        return Verdict.REFER, ReasonCode.DECISION_PD_BORDER
    return None


def _set_amount(base: Outcome, inputs: DecisionInputs, product: Product) -> Outcome:
    authority = product.decision.authority_minor_max
    if inputs.model_stale:
        authority //= STALE_AUTHORITY_DIVISOR
    asked = inputs.application.asked_minor
    if asked > authority:
        return replace(base, reasons=(Reason(ReasonCode.DECISION_AUTHORITY),))
    bounded = min(asked, inputs.capacity_minor, inputs.available_minor)
    amount = floor_to_unit(max(bounded, 0), product.credit.draw_step_minor)
    if amount == 0:
        reasons = (Reason(ReasonCode.DECISION_CAPACITY),)
        return replace(base, verdict=Verdict.DECLINE, reasons=reasons)
    decided_on = date.fromisoformat(inputs.decided_on)
    repaid = with_own_cash(product, inputs.application.cash)
    price = quote(repaid.at_risk(base.pd_ppm, decided_on), amount, decided_on)
    if price.apr_ppm > product.apr_cap_ppm_on(decided_on):
        reasons = (Reason(ReasonCode.DECISION_PRICE_CAP),)
        return replace(base, verdict=Verdict.DECLINE, reasons=reasons)
    less = (Reason(ReasonCode.DECISION_CAPACITY),) if amount < asked else ()
    reasons = (Reason(ReasonCode.DECISION_APPROVED), *less)
    return replace(base, verdict=Verdict.APPROVE, amount_minor=amount, reasons=reasons, quote=price)
