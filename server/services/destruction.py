"""A station that never comes back: two officers declare that its key is destroyed (L10).

Until then its leases count as drawn. The declaration rests on a proof (a photograph of
the destroyed board, a police report) whose hash is kept, and on the receipts that people
hold: what was paid out and never reported is booked from these. Then the key is revoked
for good, nothing is accepted from the station, and what it held unspent is released.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.canonical import sha256_hex
from core.errors import ShapeError
from core.lending.lease import DrawState, release
from core.shape import decode, encode
from core.wire.envelope import Record
from core.wire.records import Drawdown, Up
from server.keys import password_matches
from server.services.centre import (
    Centre,
    LoginRequiredError,
    RequestError,
    RoleError,
    Work,
)
from server.services.downlink import send_status
from server.services.drawing import apply_drawdown
from server.services.field_money import require_tablets_ran_out
from server.services.leasing import issue_for_line
from server.services.moving import complete_from
from server.services.reported import Reported
from server.store import boxes, destroyed, leases, lines, people, registry
from server.store.destroyed import Destruction
from server.store.people import Actor, Role
from server.store.registry import Station

RECEIPTS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Proof:
    """The bytes of the proof, and of the receipts as a JSON list of drawdowns."""

    proof: bytes
    receipts: bytes = b"[]"


@dataclass(frozen=True, slots=True)
class Declared:
    """Where a declaration stands, and what its confirmation changed [minor units]."""

    told: Destruction
    booked_minor: int = 0
    released_minor: int = 0
    flags: tuple[str, ...] = ()

    @property
    def confirmed(self) -> bool:
        """Whether a second officer has confirmed it: then it is for good."""
        return self.told.confirmed_at_ms is not None


def officer(
    centre: Centre, username: str, password: str, roles: tuple[Role, ...] = (Role.SUPERVISOR,)
) -> Actor:
    """A supervisor, or a person of one of the roles, by name and password.

    Raises
    ------
    LoginRequiredError
        If they do not match.
    RoleError
        If the user's role is none of them.
    """
    with centre.store.reading() as tx:
        user = people.user(tx, username)
    if user is None or user.disabled or not password_matches(user.password_hash, password):
        raise LoginRequiredError(f"expected the name and password of an officer, got {username!r}")
    if user.role not in roles:
        wanted = " or ".join(each.value for each in roles)
        raise RoleError(f"expected a {wanted}, {username} is {user.role.value}")
    return Actor(user.username, user.role.value)


def declare_destroyed(centre: Centre, name: str, proof: Proof, by: Actor) -> Declared:
    """Declare a station destroyed, or confirm what another officer declared.

    Raises
    ------
    NotKnownError
        If there is no such station.
    RequestError
        If the proof is empty or another one than was declared, the same officer confirms,
        it was confirmed before, tablets may still pay out, or leases are held for a box before;
        the message says which.
    ShapeError
        If the receipts are not a JSON list of drawdowns.
    """
    if not proof.proof:
        raise RequestError("expected a proof, got an empty file")
    receipts = tuple(read_receipts(proof.receipts))
    return centre.write(lambda work: _declare(work, name, proof, receipts, by))


def _declare(
    work: Work, name: str, proof: Proof, receipts: tuple[Drawdown, ...], by: Actor
) -> Declared:
    station = registry.station(work.tx, name)
    hashes = (sha256_hex(proof.proof), sha256_hex(proof.receipts))
    if boxes.held(work.tx, name):
        raise RequestError(
            f"leases of {name} are held for a box before: a proof that this one is destroyed says "
            "nothing of that one; declare each box before gone first (box-gone)"
        )
    known = destroyed.find(work.tx, name)
    detail = {"proof_sha256": hashes[0], "receipts_sha256": hashes[1]}
    if known is None or is_corrected(known, hashes, by):
        told = Destruction(name, *hashes, by.name, work.at_ms)
        destroyed.put(work.tx, told)
        people.record(work.tx, work.at_ms, by, "destruction_declared", ("station", name), detail)
        return Declared(told)
    require_second(known, hashes, by)
    require_tablets_ran_out(work, name, "destruction_declared")
    told = replace(known, confirmed_by=by.name, confirmed_at_ms=work.at_ms)
    people.record(work.tx, work.at_ms, by, "destruction_confirmed", ("station", name), detail)
    return _carry_out(work, station, told, receipts)


def is_corrected(known: Destruction, hashes: tuple[str, str], by: Actor) -> bool:
    """Whether an officer brings other files for what they declared, and nobody confirmed.

    Receipts that cannot be booked could else never be set right: a confirmation needs the
    files that were declared.
    """
    told = (known.proof_sha256, known.receipts_sha256)
    return known.confirmed_at_ms is None and known.declared_by == by.name and told != hashes


def require_second(known: Destruction, hashes: tuple[str, str], by: Actor) -> None:
    """Refuse a confirmation by the same officer, with other files, or a second one."""
    faults = (
        (known.confirmed_at_ms is not None, "it was confirmed before, for good"),
        (
            people.is_one_of(by.name, (known.declared_by,)),
            f"expected a second officer, {by.name} declared it",
        ),
        (
            (known.proof_sha256, known.receipts_sha256) != hashes,
            "expected the same proof and receipts as were declared",
        ),
    )
    for broken, words in faults:
        if broken:
            raise RequestError(f"station {known.station}: {words}")


def _carry_out(
    work: Work, station: Station, told: Destruction, receipts: tuple[Drawdown, ...]
) -> Declared:
    touched: set[str] = set()
    flags = [flag for each in receipts if (flag := book_receipt(work, station, each, touched))]
    released = 0
    for signed in leases.of_station(work.tx, station.name):
        if signed.closed_at_ms is None:
            released += leases.book(work.tx, signed).unspent_minor
            release_lease(work, signed.lease.lease_id)
            touched |= {signed.lease.line_id} - {""}
    destroyed.put(work.tx, told)  # from here on nothing is sent to it or leased there
    complete_from(work, station.name)
    for line_id in sorted(touched):
        if lines.find(work.tx, line_id) is not None:
            issue_for_line(work, line_id)
            send_status(work, lines.lock(work.tx, line_id))  # its other stations did not see it
    booked = sum(each.amount_minor for each in receipts)
    return Declared(told, booked, released, tuple(flags))


def book_receipt(work: Work, station: Station, receipt: Drawdown, touched: set[str]) -> str:
    """Book a drawdown that a person can show a receipt of; what is wrong with it, if anything."""
    posted = replace(receipt, state=DrawState.POSTED)
    record = Record(0, Up.DRAWDOWN.value, work.at_ms, 0, encode(posted))
    return apply_drawdown(work, Reported(station, record, touched))


def release_lease(work: Work, lease_id: str) -> None:
    """Void what was never paid out, and close the lease."""
    signed = leases.find(work.tx, lease_id)
    if signed is None:
        raise AssertionError(f"lease {lease_id} was just read")
    for draw_id, draw in release(leases.book(work.tx, signed)).draws.items():
        drawing = leases.find_draw(work.tx, draw_id)
        if drawing is not None and drawing.state is not draw.state:
            settled = replace(drawing, state=draw.state, settled_at_ms=work.at_ms)
            leases.put_draw(work.tx, settled)
    leases.close(work.tx, lease_id, work.at_ms)


def read_receipts(data: bytes) -> Iterator[Drawdown]:
    """The drawdowns of a JSON list; ``ShapeError`` if it is none."""
    try:
        found = json.loads(data)
    except ValueError as error:
        raise ShapeError(f"expected receipts as a JSON list of drawdowns: {error}") from error
    if not isinstance(found, list) or len(found) > RECEIPTS_MAX:
        raise ShapeError(f"expected a list of at most {RECEIPTS_MAX} receipts")
    yield from (decode(Drawdown, each, f"$[{i}]") for i, each in enumerate(found))
