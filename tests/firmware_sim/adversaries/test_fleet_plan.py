"""A plan file: what it may say, and what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import HarvestlineError
from firmware_sim.adversaries.plan import EVERY_DEVICE, Happening, plan_of, read_plan
from firmware_sim.config import SettingError
from firmware_sim.sensors.faults import FaultRates
from firmware_sim.sensors.observed import GREENHOUSE


def test_shipped_example_says_everything_that_a_plan_may(repository: Path) -> None:
    plan = read_plan(repository / "firmware_sim" / "data" / "fleet_plan.toml")
    habits = plan.habits(180, 5_000)
    assert habits.faults == GREENHOUSE
    assert (habits.sample_ms, habits.duty.report_ms) == (600_000, 6 * 3_600_000)
    assert [event.what for event in plan.events] == [Happening.TORN_PAGE, Happening.POWER_ON]
    assert len(plan.adversaries) == 6


def test_empty_plan_changes_nothing() -> None:
    habits = plan_of({}).habits(180, 5_000)
    assert (habits.sample_ms, habits.faults, habits.page_samples) == (10_800_000, FaultRates(), 1)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"adversaries": []}, "'adversaries'"),
        ({"firmware": {"sampel_minutes": 5}}, "'sampel_minutes'"),
        ({"firmware": {"page_samples": 0}}, "page_samples from 1"),
        ({"firmware": {"report_minutes": -1}}, "report_minutes from 0"),
        ({"firmware": []}, "a table"),
        ({"faults": {"rates": "awful"}}, "'awful'"),
        ({"event": [{"day": 1, "device": EVERY_DEVICE, "what": "flood"}]}, "what"),
        ({"event": [{"day": 1, "hour": 24, "device": "a", "what": "power_cut"}]}, "hour below 24"),
        ({"event": [{"day": 1, "device": "a", "what": "power_cut", "why": "x"}]}, "'why'"),
        ({"event": [{"day": 1, "device": "a", "what": "power_cut"}] * 10_001}, "10000 events"),
        ({"adversary": [{"device": "a"}]}, "of kind"),
    ],
)
def test_what_a_plan_may_not_say_is_named(found: dict[str, object], expected: str) -> None:
    with pytest.raises(HarvestlineError, match=expected):
        plan_of(found)


@pytest.mark.parametrize("text", [b"[firmware", b"\xff", b"#" * 300_000])
def test_file_that_is_no_plan_is_refused_with_its_path(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "plan.toml"
    path.write_bytes(text)
    with pytest.raises(SettingError, match=r"plan\.toml"):
        read_plan(path)
