"""The inbox of what agents say is otherwise than registered: laid side by side, and chosen.

A version of a field that its policy leaves to a person waits here, as does every walk around
a plot. Until somebody has chosen, the register stands. The choice moves the register, goes
to the stations, is told to each agent, and stands in the trail; no version is ever lost.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.canonical import canonical_hash
from core.errors import HarvestlineError
from core.lending.walk import Measured, measure, overlap_percent
from core.shape import encode
from core.wire.corrections import BOUNDARY, POLICIES, FieldCorrection, FieldPolicy
from core.wire.fieldwork import Operation, OperationVerdict, PlotWalk, TakenOperation
from core.wire.records import Down
from core.wire.registry import Farmer, Subject, SubjectKind, outline_of, ring_sha256_input
from server.services.centre import Centre, RequestError, RoleError, Work
from server.services.downlink import send, send_once, stations_of
from server.services.reported import Reported
from server.services.reviews import review_again
from server.store import field_versions, lines, people, places, registry
from server.store.engine import Tx
from server.store.field_versions import Choice, Version
from server.store.people import Actor, Role
from server.store.rows import json_text

CHOOSERS = (Role.LENDER, Role.SUPERVISOR)
OVERLAP_PERCENT_MIN = 2
REASON_CHARACTERS_MAX = 500
_E7 = 10**7
_ERASED = "this person was erased at their word"


class VersionsChangedError(HarvestlineError):
    """The versions that were laid side by side are not those that wait now."""

    code = "HL-SRV-028"


@dataclass(frozen=True, slots=True)
class Overlap:
    """Ground that a walk shares with something registered [percent of the walk]."""

    subject_id: str
    name: str
    owner: str
    percent: int


@dataclass(frozen=True, slots=True)
class Walked:
    """A walked boundary as a version of a plot's; figures are reckoned from its corners."""

    walk_id: str
    ring_e7: tuple[tuple[int, int], ...]
    found: Measured
    overlaps: tuple[Overlap, ...]


@dataclass(frozen=True, slots=True)
class Matter:
    """A field of somebody with the versions that wait; ``registered`` is what counts until then.

    ``outline_e7`` is the registered ground and ``walks`` are what was walked, in the order of
    the versions, where the field is a boundary; both are empty otherwise.
    """

    farmer: Farmer
    subject: Subject | None
    field: str
    registered: str
    versions: tuple[Version, ...]
    outline_e7: tuple[tuple[int, int], ...] = ()
    walks: tuple[Walked, ...] = ()


def propose(
    work: Work, reported: Reported, taken: TakenOperation, operation: Operation, body: Any
) -> OperationVerdict | None:
    """Keep a version of a field; the centre's word where its policy needs no person."""
    is_walk = isinstance(body, PlotWalk)
    version = Version(
        operation.operation_id, body.farmer_id, body.subject_id,
        BOUNDARY if is_walk else body.field, reported.writer, taken.agent_id, reported.record.seq,
        body.walked_on if is_walk else body.noted_on,
        _registered(work.tx, body) if is_walk else body.was,
        json_text(body) if is_walk else body.value, work.at_ms,
    )  # fmt: skip
    field_versions.add(work.tx, version)
    if not registry.farmer(work.tx, body.farmer_id).name:
        _answer(work, version, chosen=False, reason=_ERASED, actor=work.myself, by_policy=True)
        return OperationVerdict(version.operation_id, accepted=False, words=_ERASED)
    latest = POLICIES[version.field] is FieldPolicy.LATEST
    if not is_walk and _registered(work.tx, body) == version.value:
        return _by_policy(work, version, "as registered")
    if not latest:
        return None
    _apply(work, version)
    return _by_policy(work, version, "the latest counts")


def _by_policy(work: Work, version: Version, reason: str) -> OperationVerdict:
    _answer(work, version, chosen=True, reason=reason, actor=work.myself, by_policy=True)
    return OperationVerdict(version.operation_id, accepted=True, words="")


def inbox(tx: Tx) -> tuple[Matter, ...]:
    """What waits for a person, by what was written first."""
    grouped: dict[tuple[str, str, str], list[Version]] = {}
    for one in field_versions.waiting(tx):
        grouped.setdefault((one.farmer_id, one.subject_id, one.field), []).append(one)
    return tuple(_matter(tx, versions) for versions in grouped.values())


def _matter(tx: Tx, versions: Sequence[Version]) -> Matter:
    first = versions[0]
    subject = registry.find_subject(tx, first.subject_id) if first.subject_id else None
    ordered = tuple(sorted(versions, key=lambda one: (one.station, one.seq)))
    matter = Matter(
        registry.farmer(tx, first.farmer_id), subject, first.field, _registered(tx, first), ordered
    )
    if first.field != BOUNDARY:
        return matter
    near = field_versions.shapes_near(tx, first.farmer_id)
    shapes = [(*row[:3], _outline(row[3])) for row in near]
    mine = next((shape[3] for shape in shapes if shape[0] == first.subject_id), ())
    others = [shape for shape in shapes if shape[0] != first.subject_id]
    walks = tuple(_walked(one, others) for one in ordered)
    return replace(matter, outline_e7=mine, walks=walks)


def _walked(
    version: Version, others: Sequence[tuple[str, str, str, tuple[tuple[int, int], ...]]]
) -> Walked:
    walk = json.loads(version.value)
    ring = tuple((lon, lat) for lon, lat in walk["ring_e7"])
    over = [
        Overlap(*shape[:3], percent)
        for shape in others
        if (percent := overlap_percent(ring, shape[3]) if shape[3] else 0) >= OVERLAP_PERCENT_MIN
    ]
    over.sort(key=lambda one: -one.percent)
    return Walked(walk["walk_id"], ring, measure(ring, walk["accuracy_cm"]), tuple(over))


def _outline(geojson: str) -> tuple[tuple[int, int], ...]:
    ring = json.loads(geojson)["coordinates"][0]
    return outline_of([(float(lon), float(lat)) for lon, lat, *_ in ring]) or ()


def _registered(tx: Tx, body: FieldCorrection | PlotWalk | Version) -> str:
    """What is registered in a field now, as a text; a boundary by the hash of its polygon."""
    name = BOUNDARY if isinstance(body, PlotWalk) else body.field
    kind, _, field = name.partition(".")
    if kind == "farmer":
        return str(getattr(registry.farmer(tx, body.farmer_id), field))
    subject = registry.subject(tx, body.subject_id)
    if name == BOUNDARY:
        return subject.polygon_sha256
    value = getattr(subject, field)
    return str(value) if value else ""


def choose(centre: Centre, seen: Sequence[str], chosen: str, reason: str, by: Actor) -> Matter:
    """Choose among the versions of a field that somebody saw side by side.

    Parameters
    ----------
    seen
        The operations whose versions were shown.
    chosen
        The one that is to count; empty if what is registered stands.
    reason
        Why, for the agents whose version it is not, and for the trail.

    Raises
    ------
    RoleError
        If the one who chooses may not.
    RequestError
        If no reason is given, or the one chosen was not shown.
    VersionsChangedError
        If another version has come, or somebody has chosen meanwhile.
    """
    if by.role not in {role.value for role in CHOOSERS}:
        raise RoleError("expected a lender or a supervisor to choose between versions")
    if not 0 < len(reason.strip()) <= REASON_CHARACTERS_MAX:
        raise RequestError(f"expected a reason of 1 to {REASON_CHARACTERS_MAX} characters")
    if chosen and chosen not in seen:
        raise RequestError("expected one of the versions that were shown")
    return centre.write(lambda work: _choose(work, tuple(seen), chosen, reason.strip(), by))


def _choose(work: Work, seen: Sequence[str], chosen: str, reason: str, by: Actor) -> Matter:
    people.lock_trail(work.tx)
    found = [one for one in inbox(work.tx) if set(seen) & {v.operation_id for v in one.versions}]
    if len(found) != 1 or {one.operation_id for one in found[0].versions} != set(seen):
        raise VersionsChangedError("expected the versions as they were shown: look again")
    matter = found[0]
    if chosen and not matter.farmer.name:
        raise RequestError(f"{_ERASED}: what is registered stands")
    for version in matter.versions:
        mine = version.operation_id == chosen
        if mine:
            _apply(work, version)
        _answer(work, version, chosen=mine, reason=reason, actor=by)
        words = "" if mine else f"another version counts: {reason}"
        verdict = OperationVerdict(version.operation_id, mine, words)
        send(work, version.station, Down.OPERATION, verdict)
    detail = {"field": matter.field, "versions": ",".join(sorted(seen)), "chosen": chosen,
              **_figures(matter, chosen)}  # fmt: skip
    people.record(work.tx, work.at_ms, by, "field_chosen", matter.versions[0].about, detail)
    return matter


def _figures(matter: Matter, chosen: str) -> dict[str, int]:
    """Of a boundary that was chosen: its area and its lower bound [m²]."""
    for version, walk in zip(matter.versions, matter.walks, strict=False):
        if version.operation_id == chosen:
            return {"area_m2": walk.found.area_m2, "low_m2": walk.found.low_m2}
    return {}


def _answer(
    work: Work,
    version: Version,
    *,
    chosen: bool,
    reason: str,
    actor: Actor,
    by_policy: bool = False,
) -> None:
    kept = Choice(
        version.operation_id, version.farmer_id, work.new_id(), chosen, by_policy, reason,
        actor.name, work.at_ms,
    )  # fmt: skip
    if not field_versions.answer(work.tx, kept):
        raise VersionsChangedError("expected versions that nobody has answered: look again")


def _apply(work: Work, version: Version) -> None:
    """Move the register to a version, tell the stations, and look at the limits again."""
    kind, _, field = version.field.partition(".")
    if kind == "farmer":
        _apply_farmer(work, version, field)
        return
    placed = registry.placed_subject(work.tx, version.subject_id)
    if placed is None:
        raise RequestError(f"expected {version.subject_id} in the register")
    subject, geojson = placed.subject, placed.geojson
    if version.field == BOUNDARY:
        subject, geojson = _with_boundary(subject, json.loads(version.value))
    else:
        value: Any = int(version.value) if field == "heads" else version.value
        subject = replace(subject, **{field: value})
    registry.put_subject(work.tx, subject, geojson)
    drawn = registry.placed_subject(work.tx, version.subject_id)
    if drawn is not None:
        for station in _told(work, version):
            send_once(work, station, Down.SUBJECT, drawn.drawn())
    resting = [version.subject_id]
    resting += [herd.subject_id for herd in registry.herds_on(work.tx, version.subject_id)]
    for line_id in lines.resting_on(work.tx, resting):
        review_again(work, line_id)


def _apply_farmer(work: Work, version: Version, field: str) -> None:
    farmer = registry.farmer(work.tx, version.farmer_id)
    site = registry.farmer_site(work.tx, version.farmer_id)
    value: Any = int(version.value) if field == "household_size" else version.value
    changed = replace(farmer, **{field: value})
    registry.put_farmer(work.tx, site.site if site else "", changed)
    for station in _told(work, version):
        send_once(work, station, Down.FARMER, changed)
    if field == "household_size":
        for line in lines.of_farmer(work.tx, version.farmer_id):
            review_again(work, line.line_id)


def _told(work: Work, version: Version) -> list[str]:
    """The stations that know what a version is of: its homes, and where its lines are drawn."""
    farmer = registry.farmer(work.tx, version.farmer_id)
    found = {farmer.home_station}
    if version.subject_id:
        found |= stations_of(work, (version.subject_id,))
    for line in lines.of_farmer(work.tx, version.farmer_id):
        found |= {place.station for place in places.of_line(work.tx, line)}
    return sorted(found)


def _with_boundary(subject: Subject, walk: dict[str, Any]) -> tuple[Subject, str]:
    """A plot with the ground that was walked: its ring, its area, and its lower bound."""
    if subject.kind not in (SubjectKind.PLOT, SubjectKind.PASTURE):
        raise RequestError(f"expected ground to walk around, {subject.subject_id} is none")
    corners = [(lon, lat) for lon, lat in walk["ring_e7"]]
    found = measure(corners, walk["accuracy_cm"])
    ring = [(lon / _E7, lat / _E7) for lon, lat in (*corners, corners[0])]
    polygon = {"type": "Polygon", "coordinates": [[list(point) for point in ring]]}
    changed = replace(
        subject, area_m2=found.area_m2, area_low_m2=found.low_m2,
        polygon_sha256=canonical_hash(ring_sha256_input(ring)), outline_e7=None,
    )  # fmt: skip
    return changed, json.dumps(polygon)


def told(matter: Matter) -> dict[str, Any]:
    """A matter as plain values, for a command."""
    return {
        "farmer_id": matter.farmer.farmer_id, "field": matter.field,
        "subject_id": matter.subject.subject_id if matter.subject else "",
        "registered": matter.registered,
        "versions": [
            {"operation_id": one.operation_id, "agent_id": one.agent_id, "station": one.station,
             "noted_on": one.noted_on, "value": one.value if not matter.walks else ""}
            for one in matter.versions
        ],
        "walks": [
            {**encode(one.found), "walk_id": one.walk_id,
             "overlaps": [encode(over) for over in one.overlaps]}
            for one in matter.walks
        ],
    }  # fmt: skip
