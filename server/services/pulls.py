"""Answering a station that asks for the centre's log: the next run, sealed to it."""

from __future__ import annotations

from core.errors import ChainBrokenError
from core.wire.envelope import PULL, LogClass, LogName, Pull, pack
from server.keys import Seals
from server.services.boxes import answer_replaced
from server.services.centre import Centre, Work
from server.services.consents.looks import tell_station
from server.services.leasing import issue_for_station
from server.services.orders.life import tend
from server.services.posting import close_if_over
from server.services.reviews import review_waiting
from server.services.senders import BoxReplacedError, Request, open_request, require_now
from server.services.telling import tell_due
from server.store import boxes, lines, logs, registry, station_states
from server.store.registry import Station
from server.store.station_states import ToldState


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
        request = _verified(centre, data)
        return centre.write(lambda work: _answer(work, request))
    except BoxReplacedError as replaced:
        return answer_replaced(centre, replaced.station)


def acknowledge_pull(centre: Centre, data: bytes) -> str:
    """Hear a pull that a carrier brought: what the station has, and its name.

    It may be any age, so its clock is not held against ours.

    Raises
    ------
    HarvestlineError
        As ``answer_pull``; also if a box brought it that was replaced.
    """
    request = _verified(centre, data)
    return centre.write(lambda work: _acknowledged(work, request, None).name)


def _verified(centre: Centre, data: bytes) -> Request[Pull]:
    return open_request(centre, data, PULL, Pull, centre.settings.document_bytes_max)


def _answer(work: Work, request: Request[Pull]) -> bytes | None:
    pull = request.asked
    station = _acknowledged(work, request, pull.at_ms - work.at_ms)
    return next_down(work, station, pull.after, pull.bytes_max)


def _acknowledged(work: Work, request: Request[Pull], skew_ms: int | None) -> Station:
    station, pull = registry.station(work.tx, request.station.name), request.asked
    require_now(work.tx, station, request.key_id)
    logs.lock_outbound(work.tx, station.name)
    if logs.outbound_hash(work.tx, station.name, pull.after) != pull.head:
        raise ChainBrokenError(
            f"{station.name}: expected record {pull.after} of the centre's log, got another head; "
            "the station follows another centre, or its store was put back"
        )
    logs.acknowledge(work.tx, station.name, pull.after)
    registry.station_seen(work.tx, station.name, work.at_ms, skew_ms)
    if pull.machine is not None:
        told = ToldState(station.name, min(pull.at_ms, work.at_ms), pull.machine)
        station_states.put(work.tx, told)
    _sweep(work, station)
    return station


def next_down(
    work: Work, station: Station, after: int, bytes_max: int | None = None
) -> bytes | None:
    """The run of the centre's log after a number, sealed to its station; None at the end."""
    tell_due(work, station.name)
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
        tend(work, line_id)
    issue_for_station(work, station.name)
    tell_station(work, station.name)
    registry.station_swept(work.tx, station.name, day)
