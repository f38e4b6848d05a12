"""Applications for tests of decisions, by a model and a product small enough to check by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.decision.policy import DecisionInputs
from core.scoring.features import FeatureValue
from core.wire.records import Application
from tests.support.models import model_hash, small_model
from tests.support.products import crop_product

MODEL, PRODUCT = small_model(), crop_product()
GOOD = (FeatureValue("past_late_days", 0), FeatureValue("area_m2", 9_000))


def asked(**changes: Any) -> DecisionInputs:
    application = Application("ap1", "f1", "wheat", ("p",), 800_000, "CNY")
    inputs = DecisionInputs(
        application=application,
        station="kijani",
        home_station="kijani",
        features=GOOD,
        purposes=("automated_decision", "device_readings"),
        consent_ids=("c1",),
        evidence_ids=(),
        readings=(),
        available_minor=5_000_000,
        capacity_minor=2_000_000,
        model_sha256=model_hash(MODEL),
        model_version=1,
        model_stale=False,
        policy_version=PRODUCT.policy_version(),
        decided_on="2026-04-01",
        decided_at_ms=1_775_000_000_000,
        error_ms=1000,
    )
    asked_minor = changes.pop("asked_minor", 800_000)
    return replace(inputs, application=replace(application, asked_minor=asked_minor), **changes)
