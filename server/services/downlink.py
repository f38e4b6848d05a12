"""What goes down to a station: its village, lines, leases, models, evidence.

Nothing is said twice: what a station was told last of a thing is not sent again,
except a line's status and a freeze, whose latest word counts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from core.canonical import parse_canonical
from core.reasons import Reason
from core.scoring.features import FeatureValue
from core.shape import encode
from core.signing import sign_document
from core.wire.envelope import LogClass, LogName
from core.wire.evidence import CurvePoint, EvidenceKind, PictureRef
from core.wire.linefacts import line_facts
from core.wire.records import (
    CURVE_POINTS_MAX,
    Down,
    EvidenceDigest,
    Freeze,
    GrowthPoint,
    LineStatus,
)
from core.wire.registry import Subject, SubjectKind
from core.wire.slips import SLIP_BYTES_MAX, VOUCH, Vouch
from server.services import model_orders
from server.services.centre import Work
from server.services.model_orders import Due
from server.services.pricing import told_rate
from server.services.standing import LineStanding, priced_now, standing, zone_minutes
from server.store import (
    destroyed,
    lines,
    logs,
    models,
    moves,
    places,
    products,
    registry,
    reports,
)
from server.store.evidence import KeptEvidence
from server.store.lines import Line

CURVE_SHOWN = CURVE_POINTS_MAX // 2  # points of a curve that goes down: what a link bears
PRICE_ALONE = "drawdown"  # a consent to one price, which nobody else needs to know
# What a farmer is shown at the kiosk; of each row the newest, of one day the first kind.
PICTURES_SHOWN = (("true_color", "false_color"), ("index",))


def send(work: Work, station: str, kind: Down, body: Any) -> None:
    """Append a record to the centre's log for a station that is enrolled and not gone.

    Raises
    ------
    ModelLifeError
        If it is a model that was not approved.
    """
    model_orders.require_released(work.tx, kind, body)
    known = registry.find_station(work.tx, station) is not None
    if known and not destroyed.is_gone(work.tx, station):
        record = (kind.value, encode(body))
        logs.send(work.tx, work.settings.name, station, record, work.at_ms)


def ready_to_send(work: Work, stations: Sequence[str]) -> None:
    """Ask once, and remember, what sending to stations asks; their logs are locked in order."""
    for station in stations:
        if registry.find_station(work.tx, station) and not destroyed.is_gone(work.tx, station):
            logs.lock_outbound(work.tx, station)


def send_once(work: Work, station: str, kind: Down, body: Any) -> None:
    """Append a record unless it is what the station was told last of the same thing."""
    if not logs.last_sent(work.tx, station, kind.value, encode(body)):
        send(work, station, kind, body)


def send_status(work: Work, line: Line, known: LineStanding | None = None) -> None:
    """Tell the stations where a line is drawn how it stands now, as far as not ``known``."""
    stands = known or standing(work.tx, line, work.today(zone_minutes(work.tx, line.farmer_id)))
    for place in places.of_line(work.tx, line):
        send(work, place.station, Down.LINE, line_status(work, stands, place.station))


def send_guest(work: Work, line: Line, station: str) -> None:
    """Tell another station all that it needs for one line's draws."""
    send_once(work, station, Down.PRODUCT, products.newest(work.tx, line.product_id))
    farmer = registry.find_farmer(work.tx, line.farmer_id)
    if farmer is not None:
        send_once(work, station, Down.FARMER, farmer)
    for subject_id in line.subject_ids:
        placed = registry.placed_subject(work.tx, subject_id)
        if placed is not None:
            send_once(work, station, Down.SUBJECT, placed.drawn())


def tell_model(work: Work, station: str, due: Due, *, always: bool = False) -> bool:
    """Tell a station by which model to decide, unless it was told so; whether it was told now.

    A station that never had an order uses the highest version that it was sent; ``always`` is
    for when that is not what it is to decide by.
    """
    told = model_orders.last_order(work.tx, station)
    model = due.at(station, told)
    if model is None or told == model.sha256:
        return False
    if not told and not always and model == due.in_force:
        return False
    send(work, station, Down.MODEL_ORDER, model_orders.order_for(work, station, model))
    return True


def line_status(work: Work, stands: LineStanding, station: str) -> LineStatus:
    """A line as its farmer may see it at a station, with the reasons of its latest movement."""
    line, owed = stands.line, stands.owed
    priced = priced_now(work.tx, line)
    moved = lines.last_movement(work.tx, line.line_id)
    if moved is None:
        raise AssertionError(f"line {line.line_id} was opened without a movement")
    return LineStatus(
        line_id=line.line_id,
        farmer_id=line.farmer_id,
        product_id=line.product_id,
        subject_ids=line.subject_ids,
        currency=line.currency,
        limit_minor=line.limit_minor,
        principal_minor=stands.outstanding_minor,
        interest_minor=owed.interest_minor,
        fee_minor=owed.fee_minor,
        rate_ppm=priced.credit.rate_ppm,
        due_on=line.due_on,
        as_of=stands.on.isoformat(),
        movement=moved.movement,
        reasons=(*moved.reasons, *told_rate(work, line.line_id, moved.at_ms)),
        evidence_ids=moved.evidence_ids,
        open=line.is_open,
        counted_seq=logs.high_water(work.tx, LogName(station, LogClass.MONEY)),
        facts=line_facts(priced, stands.facts, stands.relief, stands.terms.restructured),
    )


def send_freeze(work: Work, line: Line, reasons: tuple[Reason, ...]) -> None:
    """Tell the stations where a line is drawn that new draws wait, or may go on."""
    for place in places.of_line(work.tx, line):
        send(work, place.station, Down.FREEZE, Freeze(line.line_id, line.frozen, reasons))


def send_evidence(
    work: Work,
    stations: frozenset[str],
    kept: KeptEvidence,
    pictures: Sequence[PictureRef] = (),
    curve: Sequence[CurvePoint] = (),
) -> None:
    """Tell stations what imagery says of a subject: stage, anomaly, yield, pictures, curve."""
    digest = EvidenceDigest(
        evidence_id=kept.evidence_id,
        sha256=kept.sha256,
        subject_id=kept.subject_id,
        as_of=kept.as_of,
        stage=kept.stage.value,
        features={value.name: value.value for value in imagery_features(kept)},
        yield_p10_kg_per_ha=kept.yield_p10,
        yield_p50_kg_per_ha=kept.yield_p50,
        pictures=newest_pictures(pictures) or None,
        curve=thinned(curve) or None,
    )
    for station in sorted(stations):
        send(work, station, Down.EVIDENCE, digest)


def thinned(curve: Sequence[CurvePoint]) -> tuple[GrowthPoint, ...]:
    """A season's curve as a screen of the kiosk can show it: its last point, and others evenly."""
    step = -(-len(curve) // CURVE_SHOWN) or 1
    kept = [point for at, point in enumerate(curve) if at % step == (len(curve) - 1) % step]
    return tuple(GrowthPoint(point.day, point.mean_e4) for point in kept)


def newest_pictures(pictures: Sequence[PictureRef]) -> tuple[PictureRef, ...]:
    """The newest picture in colours, true before false, and the newest of the index."""
    found = []
    for kinds in PICTURES_SHOWN:
        of_kind = [one for one in pictures if one.kind in kinds]
        if of_kind:
            found.append(max(of_kind, key=lambda one: (one.day, -kinds.index(one.kind))))
    return tuple(found)


def imagery_features(kept: KeptEvidence) -> tuple[FeatureValue, ...]:
    """The scoring features that an evidence document gives."""
    found = []
    if kept.anomaly_ppm is not None:
        found.append(("ndvi_anomaly_ppm", kept.anomaly_ppm))
    if kept.kind is EvidenceKind.CROP and kept.clear_looks:  # never seen is no stage, not the first
        found.append(("stage_seen_count", kept.stage.rank))
    return tuple(FeatureValue(name, value, provenance=kept.evidence_id) for name, value in found)


def stock_station(work: Work, station: str) -> None:
    """Send a station its village: products, model, farmers, subjects, devices, dossiers."""
    for product in products.in_force(work.tx):
        send_once(work, station, Down.PRODUCT, product)
    model = models.active(work.tx)
    if model is not None:
        send_once(work, station, Down.MODEL, json.loads(model.document))
        tell_model(work, station, model_orders.due(work.tx))
    send_vouch(work, station)
    farmers = [f for f in registry.all_farmers(work.tx) if f.home_station == station]
    devices = [d for d in registry.all_devices(work.tx) if d.station == station]
    home = frozenset(farmer.farmer_id for farmer in farmers)
    measured = frozenset(device.subject_id for device in devices)
    # Who is leaving was told so already: the station must not open a line for them again.
    leaving = {move.farmer_id for move in moves.of_station(work.tx, station)}
    for farmer in farmers:
        if farmer.farmer_id not in leaving:
            send_once(work, station, Down.FARMER, farmer)
    for subject in _subjects(work, home, measured):
        send_once(work, station, Down.SUBJECT, subject)
    for device in devices:
        send_once(work, station, Down.DEVICE, device)
    for farmer in farmers:
        dossier = registry.find_dossier(work.tx, farmer.farmer_id)
        if dossier is not None:
            send_once(work, station, Down.DOSSIER, dossier)
        send_consents(work, farmer.farmer_id, station)


def send_vouch(work: Work, station: str) -> None:
    """Tell a station that its key is vouched for, so that others can hold its receipts true."""
    known = registry.find_station(work.tx, station)
    if known is not None:
        vouch = Vouch(station, known.public_key)
        document = sign_document(VOUCH, encode(vouch), work.keys)
        send_once(work, station, Down.VOUCH, parse_canonical(document, SLIP_BYTES_MAX))


def send_consents(work: Work, farmer_id: str, station: str) -> None:
    """Tell a station of a farmer's consents that were written elsewhere, to prices apart."""
    for kept in reports.consents_of(work.tx, farmer_id):
        if kept.writer != station and kept.consent.purposes != (PRICE_ALONE,):
            send_once(work, station, Down.CONSENT, kept.fact)


def _subjects(work: Work, home: frozenset[str], measured: frozenset[str]) -> list[Subject]:
    """What the farmers own, what devices measure, and the pastures that herds graze."""
    known = [(placed.subject, placed) for placed in registry.all_subjects(work.tx)]
    grazed = {s.pasture_id for s, _ in known if s.farmer_id in home and s.kind is SubjectKind.HERD}
    wanted = measured | grazed
    return [placed.drawn() for s, placed in known if s.farmer_id in home or s.subject_id in wanted]


def stations_of(work: Work, subject_ids: tuple[str, ...]) -> frozenset[str]:
    """The stations that a subject's news concern: its farmer's, or its grazers' homes."""
    found: set[str] = set()
    for subject_id in subject_ids:
        subject = registry.find_subject(work.tx, subject_id)
        herds = registry.herds_on(work.tx, subject_id)
        for each in (*((subject,) if subject else ()), *herds):
            farmer = registry.find_farmer(work.tx, each.farmer_id)
            if farmer is not None:
                found.add(farmer.home_station)
    return frozenset(found)
