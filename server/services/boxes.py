"""A station's box is replaced by one that holds a backup of it (B1–B7, ADR 12).

An officer approves the new box's request, signed under the station's key. From then on
only its own link keys are heard; the box before is told that it was replaced. What the
centre has of the station's logs beyond the backup is given back. Leases that the box before
may have drawn on are held: they count as drawn, nobody draws on them, and others are signed
out of what is free. They are released when two officers say that this box is gone and bring
the receipts that people hold. A box that was handed over signed its last record itself:
then nothing is held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from core.canonical import sha256_hex
from core.shape import encode
from core.signing import key_id_of, sign_document
from core.wire.boxes import (
    BOX_REQUEST,
    REPLACED,
    Box,
    BoxRequest,
    LeasesReleased,
    Own,
    Replaced,
)
from core.wire.envelope import LogClass, LogName
from core.wire.records import Down, Drawdown
from server.keys import KeyFileError, public_key_bytes, seal_key_bytes
from server.services.centre import Centre, RequestError, Work
from server.services.destruction import (
    Declared,
    Proof,
    book_receipt,
    is_corrected,
    read_receipts,
    release_lease,
    require_second,
)
from server.services.downlink import send
from server.services.field_money import require_tablets_ran_out
from server.services.leasing import issue_for_line, issue_for_station
from server.services.senders import is_anybodys, open_as_enrolled
from server.store import boxes, destroyed, leases, lines, logs, people, registry
from server.store.boxes import ConfirmedBox
from server.store.destroyed import Destruction
from server.store.engine import Tx
from server.store.people import Actor
from server.store.registry import Station

REQUEST_BYTES_MAX = 16 * 1024
RECORDS_AT_ONCE_MAX = 1_000
_GIVEN_BACK_WHOLE = (LogClass.MONEY, LogClass.FEATURES)


@dataclass(frozen=True, slots=True)
class Replacement:
    """What an approval did: the new box, how much is held, how many records go back to it."""

    box: ConfirmedBox
    held_leases_count: int
    given_back_count: int
    new: bool


def replace_box(centre: Centre, document: bytes, by: Actor) -> Replacement:
    """Approve a box's request; the same request again changes nothing.

    Raises
    ------
    SignatureError, SenderError
        If no enrolled station signed it with its own key, in its own name.
    RequestError
        If its backup is of another history, or of a later box than the centre knows.
    """
    request = open_as_enrolled(centre, document, BOX_REQUEST, BoxRequest, REQUEST_BYTES_MAX)
    sha256 = sha256_hex(document)
    return centre.write(lambda work: _replace(work, request, sha256, by))


def _replace(work: Work, request: BoxRequest, sha256: str, by: Actor) -> Replacement:
    found = boxes.of_station(work.tx, request.station)
    same = [box for box in found if box.request_sha256 == sha256]
    if same:
        return Replacement(same[0], len(boxes.held(work.tx, request.station)), 0, new=False)
    now = found[-1].generation if found else 1
    _require_fit(work, request, now, found)
    whole = request.handed_over and request.generation == now and _is_at_the_end(work, request)
    box = _box(request, now + 1, sha256, (by, work.at_ms), handed_over=whole)
    boxes.add(work.tx, box)
    if not whole:
        _hold_all(work, request.station, now)
    given_back = sum(_give_back(work, request, log) for log in LogClass if log is not LogClass.DOWN)
    held = tuple(sorted(boxes.held(work.tx, request.station)))
    send(work, request.station, Down.BOX, Box(box.generation, box.key_id, held))
    detail = {"generation": box.generation, "handed_over": whole, "held_leases": len(held)}
    people.record(work.tx, work.at_ms, by, "box_replaced", ("station", request.station), detail)
    issue_for_station(work, request.station)
    return Replacement(box, len(held), given_back, new=True)


def _require_fit(
    work: Work, request: BoxRequest, now: int, found: tuple[ConfirmedBox, ...]
) -> None:
    station = request.station
    reason = logs.quarantine_reason(work.tx, station)
    key_id = key_ids(request)[0]
    faults = [
        (bool(reason), f"it is in quarantine ({reason}): release it first"),
        (request.generation > now, f"expected a backup of box {now} or before"),
        (key_id in {box.key_id for box in found}, "another request of this box was approved"),
        (is_anybodys(work.tx, key_id), "its link key is another's"),
    ]
    for end in request.logs:
        name = LogName(station, end.log)
        state = logs.lock_inbound(work.tx, name)
        ours = logs.inbound_hash(work.tx, name, min(end.seq, state.high_water))
        other = end.seq <= state.high_water and ours != end.head
        faults.append((other, f"its {end.log.value} log is of another history"))
    for broken, words in faults:
        if broken:
            raise RequestError(f"box of {station}: {words}")


def key_ids(request: BoxRequest) -> tuple[str, str]:
    """The ids of its link keys: one that is no key would break the pulls of every station."""
    try:
        keys = (public_key_bytes(request.public_key), seal_key_bytes(request.seal_key))
    except KeyFileError as error:
        raise RequestError(f"box of {request.station}: {error}") from error
    return key_id_of(keys[0]), key_id_of(keys[1])


def _is_at_the_end(work: Work, request: BoxRequest) -> bool:
    """Whether the centre has nothing of the money log beyond what was handed over."""
    has = max((end.seq for end in request.logs if end.log is LogClass.MONEY), default=0)
    return has >= logs.high_water(work.tx, LogName(request.station, LogClass.MONEY))


def _box(
    request: BoxRequest, generation: int, sha256: str, approved: tuple[Actor, int], *,
    handed_over: bool,
) -> ConfirmedBox:  # fmt: skip
    key_id, seal_key_id = key_ids(request)
    return ConfirmedBox(
        station=request.station,
        generation=generation,
        public_key=request.public_key,
        key_id=key_id,
        seal_key=request.seal_key,
        seal_key_id=seal_key_id,
        handed_over=handed_over,
        request_sha256=sha256,
        approved_by=approved[0].name,
        approved_at_ms=approved[1],
    )


def _hold_all(work: Work, station: str, generation: int) -> None:
    for signed in leases.of_station(work.tx, station):
        if signed.closed_at_ms is None:
            boxes.hold(work.tx, signed.lease.lease_id, station, generation)


def _give_back(work: Work, request: BoxRequest, log: LogClass) -> int:
    """Send what the centre has of a log and the box has not; how many records."""
    name = LogName(request.station, log)
    logs.drop_all_held(work.tx, name)
    has = next((end.seq for end in request.logs if end.log is log), 0)
    last = logs.high_water(work.tx, name)
    after = has if log in _GIVEN_BACK_WHOLE else max(has, last - 1)
    count = 0
    for own in _own_records(work.tx, name, after):
        send(work, request.station, Down.OWN, own)
        count += 1
    return count


def _own_records(tx: Tx, name: LogName, after: int) -> Iterator[Own]:
    while run := logs.inbound_run(tx, name, after, RECORDS_AT_ONCE_MAX):
        for kept in run:
            one = kept.record
            yield Own(name.log, one.seq, one.kind, one.at_ms, one.error_ms, kept.hash, one.body)
        after = run[-1].record.seq


def answer_replaced(centre: Centre, name: str) -> bytes:
    """The centre's signed word to a box of a station that was replaced."""
    with centre.store.reading() as tx:
        box = boxes.of_station(tx, name)[-1]
    told = Replaced(name, box.generation, box.approved_at_ms)
    return sign_document(REPLACED, encode(told), centre.keys)


def declare_box_gone(
    centre: Centre, name: str, proof: Proof, by: Actor, generation: int | None = None
) -> Declared:
    """Declare that a box before is gone for good, or confirm what another officer declared.

    The receipts are booked into the leases that are held for this box, what was pending is
    void, and what they held unspent is released. What another box may have drawn stays held.

    Parameters
    ----------
    generation
        Which box is gone; it may be left out where leases are held for one alone.

    Raises
    ------
    RequestError
        If nothing is held for that box, it is not said which of several, the proof is empty
        or another one than was declared, the same officer confirms, or tablets may still pay out.
    ShapeError
        If the receipts are not a JSON list of drawdowns.
    """
    if not proof.proof:
        raise RequestError("expected a proof, got an empty file")
    receipts = tuple(read_receipts(proof.receipts))
    hashes = (sha256_hex(proof.proof), sha256_hex(proof.receipts))
    return centre.write(lambda work: _declare(work, (name, generation), hashes, receipts, by))


def _declare(
    work: Work,
    box: tuple[str, int | None],
    hashes: tuple[str, str],
    receipts: tuple[Drawdown, ...],
    by: Actor,
) -> Declared:
    name = box[0]
    station = registry.station(work.tx, name)
    generation = _which(boxes.held_by(work.tx, name), *box)
    key = f"{name}/{generation + 1}"  # the box that took its place
    detail = {"box": generation, "proof_sha256": hashes[0], "receipts_sha256": hashes[1]}
    known = destroyed.find(work.tx, key)
    if known is None or is_corrected(known, hashes, by):
        told = Destruction(key, *hashes, by.name, work.at_ms)
        destroyed.put(work.tx, told)
        people.record(work.tx, work.at_ms, by, "box_gone_declared", ("station", name), detail)
        return Declared(told)
    require_second(known, hashes, by)
    require_tablets_ran_out(work, name, "box_gone_declared", generation)
    told = replace(known, confirmed_by=by.name, confirmed_at_ms=work.at_ms)
    destroyed.put(work.tx, told)
    people.record(work.tx, work.at_ms, by, "box_gone_confirmed", ("station", name), detail)
    return _release(work, station, (told, generation), receipts)


def _which(held: Mapping[str, int], name: str, generation: int | None) -> int:
    """The box that is meant: proof that one is gone says nothing of another."""
    boxes_before = sorted(set(held.values()))
    if not boxes_before or (generation is not None and generation not in boxes_before):
        which = "a box before" if generation is None else f"box {generation}"
        raise RequestError(f"expected leases of {name} that are held for {which}, got none")
    if generation is None and len(boxes_before) > 1:
        each = ", ".join(str(number) for number in boxes_before)
        raise RequestError(f"leases of {name} are held for boxes {each}: say which one is gone")
    return boxes_before[0] if generation is None else generation


def _release(
    work: Work, station: Station, gone: tuple[Destruction, int], receipts: tuple[Drawdown, ...]
) -> Declared:
    told, generation = gone
    touched, released = set[str](), 0
    flags = [flag for each in receipts if (flag := book_receipt(work, station, each, touched))]
    by_box = boxes.held_by(work.tx, station.name)
    held = sorted(lease_id for lease_id, box in by_box.items() if box == generation)
    for lease_id in held:
        signed = leases.find(work.tx, lease_id)
        if signed is not None and signed.closed_at_ms is None:
            released += leases.book(work.tx, signed).unspent_minor
            release_lease(work, lease_id)
            touched |= {signed.lease.line_id} - {""}
        boxes.release(work.tx, lease_id)
    send(work, station.name, Down.LEASES_RELEASED, LeasesReleased(tuple(held)))
    for line_id in sorted(touched):
        if lines.find(work.tx, line_id) is not None:
            issue_for_line(work, line_id)
    booked = sum(each.amount_minor for each in receipts)
    return Declared(told, booked, released, tuple(flags))
