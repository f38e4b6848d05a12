"""Answering a station that asks for the centre's log: the next run, sealed to it."""

from __future__ import annotations

from core.errors import ChainBrokenError, SignatureError
from core.shape import decode
from core.signing import open_document
from core.wire.envelope import PULL, LogClass, LogName, Pull, pack
from server.keys import KeyRing, Seals
from server.services.boxes import answer_replaced, replaced_keys
from server.services.centre import Centre, SenderError, Work
from server.services.destruction import heard_stations
from server.services.leasing import issue_for_station
from server.services.posting import close_if_over
from server.services.reviews import review_waiting
from server.store import boxes, lines, logs, registry
from server.store.registry import Station


def answer_pull(centre: Centre, data: bytes) -> bytes | None:
    """The next envelope for a station, or None if it has everything.

    A box that was replaced gets a signed document that says so.

    Raises
    ------
    HarvestlineError
        If the request is damaged, not by an enrolled station, in another's name, or
        the station follows another log than the centre's.
    """
    try:
        pull = _verified(centre, data)
    except SignatureError:
        replaced = _of_replaced_box(centre, data)
        if replaced is None:
            raise
        return replaced
    return centre.write(lambda work: _answer(work, pull))


def acknowledge_pull(centre: Centre, data: bytes) -> str:
    """Hear a pull that a carrier brought: what the station has, and its name.

    It may be any age, so its clock is not held against ours.

    Raises
    ------
    HarvestlineError
        As ``answer_pull``.
    """
    pull = _verified(centre, data)
    return centre.write(lambda work: _acknowledged(work, pull, None).name)


def _of_replaced_box(centre: Centre, data: bytes) -> bytes | None:
    """The centre's word to a box that was replaced, if that is who asks."""
    with centre.store.reading() as tx:
        before = replaced_keys(tx)
    if not before:
        return None
    try:
        ring = KeyRing(public_key for _, public_key in before.values())
        signed = open_document(data, PULL, ring, centre.settings.document_bytes_max)
    except SignatureError:
        return None  # by a box of today, or by nobody: the ordinary way says which
    station, _ = before[signed.key_id]
    return answer_replaced(centre, signed.key_id, station)


def _verified(centre: Centre, data: bytes) -> Pull:
    with centre.store.reading() as tx:
        stations = {one.key_id: one for one in heard_stations(tx)}
    ring = KeyRing(one.public_key for one in stations.values())
    signed = open_document(data, PULL, ring, centre.settings.document_bytes_max)
    pull = decode(Pull, signed.body)
    if stations[signed.key_id].name != pull.station:
        raise SenderError(f"expected {stations[signed.key_id].name}, got a pull for {pull.station}")
    return pull


def _answer(work: Work, pull: Pull) -> bytes | None:
    station = _acknowledged(work, pull, pull.at_ms - work.at_ms)
    return next_down(work, station, pull.after, pull.bytes_max)


def _acknowledged(work: Work, pull: Pull, skew_ms: int | None) -> Station:
    station = registry.station(work.tx, pull.station)
    logs.lock_outbound(work.tx, station.name)
    if logs.outbound_hash(work.tx, station.name, pull.after) != pull.head:
        raise ChainBrokenError(
            f"{station.name}: expected record {pull.after} of the centre's log, got another head; "
            "the station follows another centre, or its store was put back"
        )
    logs.acknowledge(work.tx, station.name, pull.after)
    registry.station_seen(work.tx, station.name, work.at_ms, skew_ms)
    _sweep(work, station)
    return station


def next_down(
    work: Work, station: Station, after: int, bytes_max: int | None = None
) -> bytes | None:
    """The run of the centre's log after a number, sealed to its station; None at the end."""
    settings = work.settings
    most_bytes = settings.pull_bytes_max
    if bytes_max is not None:
        most_bytes = min(most_bytes, max(bytes_max, 0))
    run = logs.outbound_run(work.tx, station.name, after, settings.pull_records_max, most_bytes)
    previous = logs.outbound_hash(work.tx, station.name, after)
    if not run or previous is None:
        return None
    name = LogName(settings.name, LogClass.DOWN, station.name)
    linked = boxes.linked(work.tx, station)
    seals = Seals((linked.seal_key,))
    return pack(name, previous, run, work.keys, (linked.seal_key_id, seals))


def _sweep(work: Work, station: Station) -> None:
    """Once a day, what time alone brings; whatever else moves a line leases it at once."""
    day = work.today().isoformat()
    if station.swept_on == day:
        return
    review_waiting(work, station.name)
    for line_id in lines.of_station(work.tx, station.name):
        close_if_over(work, line_id)
    issue_for_station(work, station.name)
    registry.station_swept(work.tx, station.name, day)
