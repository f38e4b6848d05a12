"""Decisions: each verdict with its reasons, and cards that replay byte for byte."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.canonical import canonical_bytes
from core.decision.card import DecisionCard, replay
from core.decision.policy import Verdict, decide
from core.errors import ReplayMismatchError
from core.reasons import SENTENCES, Reason, ReasonCode
from core.scoring.features import UNSIGNED_PPM_MAX, FeatureValue
from core.shape import decode, encode
from tests.support.applications import GOOD, MODEL, PRODUCT, asked
from tests.support.models import model_hash
from tests.support.products import CROP, crop_product

LATE = (FeatureValue("past_late_days", 40), FeatureValue("area_m2", 9_000))
BORDER = (FeatureValue("past_late_days", 5), FeatureValue("area_m2", 9_000))
BAD = (*LATE, FeatureValue("soil_stress_days", 20))


@pytest.mark.parametrize(
    ("changes", "verdict", "amount", "reasons"),
    [
        ({}, "approve", 800_000, ["decision_approved"]),
        ({"asked_minor": 5_000_000}, "approve", 2_000_000,
         ["decision_approved", "decision_capacity"]),
        ({"available_minor": 15_000}, "approve", 10_000,
         ["decision_approved", "decision_capacity"]),
        ({"capacity_minor": 9_999}, "decline", 0, ["decision_capacity"]),
        ({"asked_minor": 6_000_001}, "refer", 0, ["decision_authority"]),
        ({"asked_minor": 3_000_001, "model_stale": True}, "refer", 0, ["decision_authority"]),
        ({"home_station": "mbali"}, "decline", 0, ["decision_other_station"]),
        ({"purposes": ()}, "refer", 0, ["decision_consent_missing"]),
        ({"features": GOOD[:1]}, "refer", 0, ["decision_evidence_thin"]),
        ({"features": BORDER, "purposes": ("automated_decision",)}, "approve", 800_000,
         ["decision_approved"]),
        ({"features": LATE}, "decline", 0, ["decision_pd_high", "feature", "feature"]),
        ({"features": BAD}, "decline", 0,
         ["decision_pd_high", "feature", "feature", "feature"]),
    ],
)  # fmt: skip
def test_verdicts(changes: dict[str, Any], verdict: str, amount: int, reasons: list[str]) -> None:
    outcome = decide(asked(**changes), MODEL, PRODUCT)
    assert (outcome.verdict.value, outcome.amount_minor) == (verdict, amount)
    assert [reason.code.value for reason in outcome.reasons] == reasons
    assert (outcome.quote is not None) == (verdict == "approve")


def test_a_score_in_the_band_goes_to_a_person() -> None:
    table = replace(MODEL.table, refer_low=500, refer_high=600)
    outcome = decide(asked(), replace(MODEL, table=table), PRODUCT)
    assert outcome.verdict is Verdict.REFER
    assert outcome.reasons[0].code is ReasonCode.DECISION_PD_BORDER


def test_a_price_above_the_cap_is_declined() -> None:
    dear = crop_product(credit={**CROP["credit"], "apr_cap_ppm": 60_000})
    outcome = decide(asked(), MODEL, dear)
    assert outcome.verdict is Verdict.DECLINE
    assert outcome.reasons == (Reason(ReasonCode.DECISION_PRICE_CAP),)


def test_declining_one_use_of_data_only_makes_it_missing() -> None:
    stressed = (*GOOD, FeatureValue("soil_stress_days", 20))
    without = decide(asked(features=stressed, purposes=("automated_decision",)), MODEL, PRODUCT)
    assert "soil_stress_days" in without.missing
    assert without.verdict is Verdict.APPROVE


def test_a_card_replays_byte_for_byte_after_a_journey() -> None:
    inputs = asked()
    card = DecisionCard("card1", inputs, decide(inputs, MODEL, PRODUCT))
    travelled = decode(DecisionCard, encode(card))
    assert canonical_bytes(encode(travelled)) == canonical_bytes(encode(card))
    assert replay(travelled, MODEL, model_hash(MODEL), PRODUCT) == card.outcome


def test_a_doctored_card_does_not_replay() -> None:
    inputs = asked()
    outcome = decide(inputs, MODEL, PRODUCT)
    doctored = DecisionCard("card1", inputs, replace(outcome, amount_minor=900_000))
    with pytest.raises(ReplayMismatchError, match="differs"):
        replay(doctored, MODEL, model_hash(MODEL), PRODUCT)
    with pytest.raises(ReplayMismatchError, match="expected"):
        replay(DecisionCard("c", inputs, outcome), MODEL, "0" * 64, PRODUCT)


def test_every_reason_has_words() -> None:
    assert set(SENTENCES) == set(ReasonCode)
    said = Reason(ReasonCode.LIMIT_STAGE_SEEN, {"stage": "heading"}).sentence()
    assert said == "Your crop was seen at heading, so the next part is released."


@pytest.mark.parametrize(
    ("unsigned_ppm", "bound_ppm", "is_missing"),
    [
        (None, None, False),
        (UNSIGNED_PPM_MAX, None, False),  # at the bound it still counts
        (UNSIGNED_PPM_MAX + 1, None, True),
        (1, 0, True),  # a product may ask for signatures only
        (1_000_000, 1_000_000, False),
    ],
)
def test_a_feature_that_too_few_devices_signed_is_missing(unsigned_ppm, bound_ppm, is_missing):
    terms = replace(PRODUCT.decision, unsigned_ppm_max=bound_ppm)
    product = replace(PRODUCT, decision=terms)
    relayed = FeatureValue("soil_stress_days", 5, unsigned_ppm=unsigned_ppm)
    outcome = decide(asked(features=(*GOOD, relayed)), MODEL, product)
    assert ("soil_stress_days" in outcome.missing) is is_missing


def test_an_application_that_rests_on_unsigned_readings_goes_to_a_person():
    terms = replace(PRODUCT.decision, known_features_min=len(GOOD) + 1)
    product = replace(PRODUCT, decision=terms)
    stress = FeatureValue("soil_stress_days", 5)
    assert decide(asked(features=(*GOOD, stress)), MODEL, product).verdict is Verdict.APPROVE
    relayed = replace(stress, unsigned_ppm=1_000_000)
    outcome = decide(asked(features=(*GOOD, relayed)), MODEL, product)
    assert outcome.verdict is Verdict.REFER
    assert [reason.code for reason in outcome.reasons] == [ReasonCode.DECISION_EVIDENCE_THIN]


def test_whoever_tries_out_answers_finds_a_person() -> None:
    assert decide(asked(asked_before=3), MODEL, PRODUCT).verdict is Verdict.APPROVE
    often = decide(asked(asked_before=4), MODEL, PRODUCT)
    assert (often.verdict, often.reasons) == (
        Verdict.REFER,
        (Reason(ReasonCode.DECISION_ASKED_OFTEN),),
    )
    strict = crop_product(decision={**CROP["decision"], "asks_max": 1})
    assert decide(asked(asked_before=1), MODEL, strict).verdict is Verdict.REFER
