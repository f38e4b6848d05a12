"""A farm whose owner cheats, at a real store, and what an application there would use of it."""

from __future__ import annotations

from datetime import date, timedelta

from core.scoring.features import (
    Direction,
    FeatureDefinition,
    FeatureValue,
    Source,
    admissible,
)
from core.wire.registry import Subject
from edge_node.commands.alerts import row_of
from edge_node.decide.telemetry import telemetry_of
from edge_node.watch.rounds import notices_of_farmer, open_notices
from tests.support.small_farm import SOWN, Farm

CONSENT = "device_readings"
COVERAGE_PPM_MIN = 500_000  # of the demonstration's product
OFFICER_READS = ("what", "advice", "evidence", "farmer_id", "began_on")


def definition(name: str) -> FeatureDefinition:
    """A feature of telemetry as a model's catalogue has it."""
    return FeatureDefinition(
        name, "units", 0, 10**6, Direction.FREE, Source.TELEMETRY, CONSENT, 2, name
    )


def told(farm: Farm, subject: Subject, name: str, day: int) -> FeatureValue | None:
    """What the devices tell of a feature on the day after ``day``."""
    today: date = SOWN + timedelta(days=day + 1)
    found = telemetry_of(farm.settings)(
        farm.db, subject.farmer_id, [subject], frozenset([name]), today
    )
    return next((each for each in found.features if each.name == name), None)


def used(farm: Farm, subject: Subject, name: str, day: int) -> dict[str, int]:
    """What of it a decision would take up: nothing where it is too thin or doubted."""
    value = told(farm, subject, name, day)
    known = {} if value is None else {name: value}
    return admissible([definition(name)], known, [CONSENT], COVERAGE_PPM_MIN)


def officer_reads(farm: Farm, kind: str) -> list[dict[str, object]]:
    """The open flags of a kind as the officer's list shows them, each with all it should say."""
    rows = [row_of(farm.db, one) for one in open_notices(farm.db) if one.kind.value == kind]
    assert all(row["for"] == "officer" and all(row[key] for key in OFFICER_READS) for row in rows)
    return rows


def farmer_reads(farm: Farm, farmer_id: str) -> tuple[object, ...]:
    """What the kiosk's first page tells the farmer of notices."""
    return notices_of_farmer(farm.db, farmer_id)
