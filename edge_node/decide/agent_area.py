"""What an agent's tablet may hold: the farmers of its area, their ground, what is due there.

Only farmers whose home is this station and who have ground inside the agent's area, or
who have none drawn anywhere. Of what the model looks at only what the farmer has consented
to; of money only which lines there are, up to what limit and when they fall due.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from core.decision.policy import Verdict, unsigned_ppm_max
from core.lending.lease import Clock
from core.lending.product import Product
from core.lending.walk import HALF_TURN_E7
from core.scoring.features import admissible
from core.shape import decode, encode
from core.wire.fieldwork import VisitPurpose
from core.wire.modelfile import Model
from core.wire.registry import Farmer, Subject, SubjectKind
from edge_node.decide.consents import granted
from edge_node.decide.desk import Desk
from edge_node.decide.inputs import features, fits, looked_at, pledged
from edge_node.decide.telemetry import TelemetryOf
from edge_node.store import fieldwork, models, notices, village
from edge_node.store.database import StationDatabase
from edge_node.store.lines import KeptLine, lines_of
from edge_node.store.tablets import Tablet

DUE_SOON_DAYS = 30
VISIT_EVERY_DAYS = 60
FARMERS_AT_ONCE_MAX = 50


@dataclass(frozen=True, slots=True)
class Area:
    """Farmers and subjects that a tablet may hold."""

    farmers: tuple[Farmer, ...]
    subjects: tuple[Subject, ...]

    def holds(self, farmer_id: str) -> bool:
        """Whether a farmer is the agent's."""
        return any(one.farmer_id == farmer_id for one in self.farmers)


def area_of(db: StationDatabase, station: str, who: Tablet) -> Area:
    """The farmers of a tablet's area and all that is theirs, in order of id."""
    rows = db.execute("SELECT body FROM farmers ORDER BY farmer_id")
    at_home = [decode(Farmer, json.loads(row[0])) for row in rows]
    at_home = [one for one in at_home if one.home_station == station]
    owned: dict[str, list[Subject]] = {one.farmer_id: [] for one in at_home}
    for (body,) in db.execute("SELECT body FROM subjects ORDER BY subject_id"):
        subject = decode(Subject, json.loads(body))
        if subject.farmer_id in owned:
            owned[subject.farmer_id].append(subject)
    mine = [one for one in at_home if _is_inside(owned[one.farmer_id], who.area_e7)]
    ground = tuple(subject for one in mine for subject in owned[one.farmer_id])
    return Area(tuple(mine), ground)


def may_hold(db: StationDatabase, station: str, who: Tablet, farmer: Farmer) -> bool:
    """Whether a farmer is one of a tablet's area."""
    subjects = village.subjects_of(db, farmer.farmer_id)
    return farmer.home_station == station and _is_inside(subjects, who.area_e7)


def _is_inside(subjects: Iterable[Subject], area_e7: tuple[int, ...]) -> bool:
    drawn = [point for one in subjects for point in one.outline_e7 or ()]
    if not area_e7 or not drawn:
        return True
    west, south, east, north = area_e7
    if west > east:  # over 180°
        drawn = [point for point in drawn if not east < point[0] < west]
        west, east = -HALF_TURN_E7, HALF_TURN_E7
    return any(west <= lon <= east and south <= lat <= north for lon, lat in drawn)


def told_of_area(db: StationDatabase, desk: Desk, area: Area, clock: Clock) -> dict[str, Any]:
    """An area as a tablet keeps it."""
    lines = {one.farmer_id: lines_of(db, one.farmer_id) for one in area.farmers}
    visited = fieldwork.last_visits(db)
    return {
        "today": desk.today(clock).isoformat(),
        "farmers": [
            {
                "farmer_id": one.farmer_id, "name": one.name, "language": one.language,
                "household_size": one.household_size, "visited_on": visited.get(one.farmer_id, ""),
            }
            for one in area.farmers
        ],
        "subjects": [_told_subject(db, one) for one in area.subjects],
        "versions": [
            encode(one) for one in fieldwork.open_versions(db) if area.holds(one.farmer_id)
        ],
        "lines": [_told_line(line) for each in lines.values() for line in each if line.open],
        "tasks": _tasks(db, desk, area, lines, visited, clock),
    }  # fmt: skip


def _told_subject(db: StationDatabase, subject: Subject) -> dict[str, Any]:
    told: dict[str, Any] = encode(subject)
    told.pop("polygon_sha256", None)
    walk = fieldwork.walked(db, subject.subject_id)
    if walk is not None:
        told["walked"] = encode(walk[1])
    return told


def _told_line(line: KeptLine) -> dict[str, Any]:
    return {
        "line_id": line.line_id, "farmer_id": line.farmer_id, "product_id": line.product_id,
        "limit_minor": line.limit_minor, "frozen": line.frozen,
        "due_on": line.status.due_on if line.status else "",
    }  # fmt: skip


def _tasks(
    db: StationDatabase,
    desk: Desk,
    area: Area,
    lines: Mapping[str, tuple[KeptLine, ...]],
    visited: Mapping[str, str],
    clock: Clock,
) -> list[dict[str, str]]:
    """What is to be done, each with a day by which: what is due soonest first."""
    today = desk.today(clock)
    owner = {one.subject_id: one.farmer_id for one in area.subjects}
    found = [
        _task(VisitPurpose.NOTICE, owner[one.about], one.about, one.seen_on, one.kind)
        for one in notices.notices(db)
        if one.about in owner
    ]
    found += [_task(VisitPurpose.REFERRAL, *row) for row in _referred(db, area, today)]
    for farmer_id, theirs in lines.items():
        opened = [line for line in theirs if line.open]
        dues = [line.status.due_on for line in opened if line.status and line.status.due_on]
        soon = [due for due in dues if due <= (today + timedelta(days=DUE_SOON_DAYS)).isoformat()]
        found += [_task(VisitPurpose.REPAYMENT, farmer_id, "", due, "") for due in soon[:1]]
        if opened:
            # A day that has not come may have been written before such days were refused.
            last = min(visited.get(farmer_id, ""), today.isoformat())
            due = _days_after(last, VISIT_EVERY_DAYS) if last else today.isoformat()
            found.append(_task(VisitPurpose.ROUTINE, farmer_id, "", due, ""))
    found += [
        _task(VisitPurpose.BOUNDARY, one.farmer_id, one.subject_id, today.isoformat(), "")
        for one in area.subjects
        if one.kind is SubjectKind.PLOT and one.outline_e7 is None and lines.get(one.farmer_id)
        and fieldwork.walked(db, one.subject_id) is None
    ]  # fmt: skip
    return sorted(found, key=lambda task: (task["due_on"], task["farmer_id"], task["purpose"]))


def _referred(db: StationDatabase, area: Area, today: date) -> list[tuple[str, str, str, str]]:
    """Whose application waits for a person: farmer, no subject, the day, no kind."""
    mine = {one.farmer_id for one in area.farmers}
    first_ms = (today - timedelta(days=DUE_SOON_DAYS)).isoformat()
    rows = db.execute(
        "SELECT farmer_id, max(json_extract(document, '$.body.inputs.decided_on')) "
        "FROM decision_cards WHERE verdict = ? GROUP BY farmer_id",
        [Verdict.REFER.value],
    )
    return [(row[0], "", row[1], "") for row in rows if row[0] in mine and row[1] >= first_ms]


def _task(
    purpose: VisitPurpose, farmer_id: str, subject_id: str, due_on: str, kind: str
) -> dict[str, str]:
    return {
        "task_id": f"{purpose.value}/{subject_id or farmer_id}", "purpose": purpose.value,
        "farmer_id": farmer_id, "subject_id": subject_id, "due_on": due_on, "kind": kind,
    }  # fmt: skip


def _days_after(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def scoring_inputs(
    db: StationDatabase, desk: Desk, farmer: Farmer, telemetry_of: TelemetryOf, clock: Clock
) -> list[dict[str, Any]]:
    """The model's inputs for a farmer under each product that fits what they have.

    ``withheld`` are the consents that would add something: if the farmer gives one of them,
    only the station can score.
    """
    kept = models.current_model(db)
    if kept is None:
        return []
    subjects = village.subjects_of(db, farmer.farmer_id)
    found = []
    for product_id in village.product_ids(db):
        product = village.product(db, product_id)
        fitting = [one.subject_id for one in subjects if fits(one, product)]
        if fitting:
            inputs, withheld = _inputs(
                db, desk, (farmer, product, kept.model), fitting, telemetry_of, clock
            )
            found.append({
                "farmer_id": farmer.farmer_id, "product_id": product_id, "subject_ids": fitting,
                "model_sha256": kept.sha256, "inputs": inputs, "withheld": withheld,
            })  # fmt: skip
    return found


def _inputs(
    db: StationDatabase,
    desk: Desk,
    case: tuple[Farmer, Product, Model],
    subject_ids: Iterable[str],
    telemetry_of: TelemetryOf,
    clock: Clock,
) -> tuple[dict[str, int], list[str]]:
    farmer, product, model = case
    given = tuple(granted(db, desk, farmer.farmer_id))
    every = tuple({*given, *(one.purpose for one in model.features if one.purpose)})
    plots = pledged(db, farmer, product, subject_ids)
    found = []
    for purposes in (given, every):
        names = frozenset(
            one.name for one in model.features if not one.purpose or one.purpose in purposes
        )
        looked = looked_at(plots, purposes)
        telemetry = telemetry_of(
            db, farmer.farmer_id, [one.subject for one in looked], names, desk.today(clock)
        )
        known = features(db, farmer, looked, telemetry.features, names)
        values = {value.name: value for value in known}
        found.append(
            admissible(
                model.features, values, purposes, product.decision.coverage_ppm_min,
                unsigned_ppm_max(product),
            )
        )  # fmt: skip
    admitted, whole = found
    more = {one.purpose for one in model.features if one.name in whole.keys() - admitted.keys()}
    return admitted, sorted(more)
