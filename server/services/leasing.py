"""Leases: the part of a line's headroom that a station may spend while it is dark.

Issued after every applied envelope, evidence, review, repayment, and before each
pull. What is signed never lets posted, pending and leased exceed the limit in force
at that moment; those numbers are kept with the lease, and the verifier recomputes
them. Expiry returns nothing: only the station's own record does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from core.canonical import parse_canonical
from core.errors import LeaseError
from core.lending.forecast import (
    PACE_DAYS,
    Need,
    Planted,
    lease_need_minor,
    season_plan_minor,
)
from core.lending.lease import LEASE, Lease, LeaseKind
from core.lending.product import Product
from core.shape import encode
from core.signing import DOCUMENT_BYTES_MAX, sign_document
from core.units import MS_PER_DAY, floor_to_unit, share_ppm
from core.wire.records import Down
from server.services.centre import Work
from server.services.downlink import send
from server.services.pricing import rate_for_lease
from server.services.spreading import lines_to_open
from server.services.standing import LineStanding, standing, terms_of, zone_minutes
from server.store import boxes, destroyed, leases, lines, logs, places, products, registry
from server.store.leases import SignedLease
from server.store.lines import Line
from server.store.places import Place


@dataclass(frozen=True, slots=True)
class Basis:
    """What a lease is signed against [minor units]."""

    limit_minor: int = 0
    posted_minor: int = 0
    pending_minor: int = 0
    leased_minor: int = 0


def issue_for_station(work: Work, station: str) -> None:
    """Bring a station's leases up: those of the lines drawn there, and onboarding."""
    if not _may_lease(work, station):
        return
    for line_id in lines.of_station(work.tx, station):
        issue_for_line(work, line_id)
    for product in products.in_force(work.tx):
        _renew_onboarding(work, station, product)


def issue_for_line(work: Work, line_id: str) -> tuple[Lease, ...]:
    """Lease a line's free headroom to the stations where it is drawn, if worth a draw."""
    line = lines.lock(work.tx, line_id)
    with work.remembering() as held:
        return _issue_where_drawn(held, line)


def _issue_where_drawn(work: Work, line: Line) -> tuple[Lease, ...]:
    on = work.today(zone_minutes(work.tx, line.farmer_id))
    if not line.is_open or line.frozen or on >= terms_of(work.tx, line).drawn_before:
        return ()
    product = products.newest(work.tx, line.product_id)
    found = []
    for place in places.of_line(work.tx, line):
        if _may_lease(work, place.station):
            lease = _issue(work, standing(work.tx, line, on), product, place)
            found += [lease] if lease is not None else []
    return tuple(found)


def _may_lease(work: Work, station: str) -> bool:
    """Whether a station is enrolled, heard, and not gone for good."""
    known = registry.find_station(work.tx, station) is not None
    gone = destroyed.is_gone(work.tx, station)
    return known and not gone and not logs.quarantine_reason(work.tx, station)


def _issue(work: Work, stands: LineStanding, product: Product, place: Place) -> Lease | None:
    amount = lease_amount(work, product, stands, place)
    return None if amount == 0 else _signed_for(work, stands, (product, place.station), amount)


def lease_for_order(work: Work, stands: LineStanding, amount_minor: int) -> str:
    """Lease so much of a line's headroom to its own station, for an order; the lease's id.

    The caller holds the line and has seen that the headroom is there.

    Raises
    ------
    LeaseError
        If it is not, or the station may not be given a lease.
    """
    line = stands.line
    if amount_minor > stands.headroom_minor or not _may_lease(work, line.station):
        raise LeaseError(f"line {line.line_id}: expected headroom of {amount_minor} to lease")
    product = products.newest(work.tx, line.product_id)
    return _signed_for(work, stands, (product, line.station), amount_minor).lease_id


def _signed_for(work: Work, stands: LineStanding, where: tuple[Product, str], amount: int) -> Lease:
    line, (product, station) = stands.line, where
    lease = Lease(
        lease_id=work.new_id(),
        kind=LeaseKind.LINE,
        station=station,
        product_id=line.product_id,
        currency=line.currency,
        amount_minor=amount,
        signed_at_ms=work.at_ms,
        expires_at_ms=work.at_ms + product.lease.term_days * MS_PER_DAY,
        line_id=line.line_id,
        limit_minor=line.limit_minor,
        rate_ppm=rate_for_lease(work, line, product),
    )
    basis = Basis(
        line.limit_minor, stands.outstanding_minor, stands.pending_minor, stands.leased_minor
    )
    _sign(work, lease, basis)
    return lease


def lease_amount(work: Work, product: Product, stands: LineStanding, place: Place) -> int:
    """How much more of a line to lease to a station [minor units]; 0 below one draw step.

    The need is that of the whole line, and the station's part of it; what is out at the
    station counts against it, but not what nears its end: that is renewed ahead (L11).
    """
    need = share_ppm(lease_need_minor(_need(work, product, stands), product), place.share_ppm)
    ends_ms = work.at_ms + work.settings.lease_renew_days * MS_PER_DAY
    held = boxes.held(work.tx, place.station)  # nobody draws on these: they count, above
    out = sum(
        book.unspent_minor
        for book in stands.books
        if book.lease.station == place.station
        and book.lease.expires_at_ms > ends_ms
        and book.lease.lease_id not in held
    )
    if place.station == stands.line.station and stands.line.onboarding_lease_id not in held:
        out += stands.onboarding_unspent_minor
    bounded = max(0, min(need - out, stands.headroom_minor))
    return floor_to_unit(bounded, product.credit.draw_step_minor)


def _need(work: Work, product: Product, stands: LineStanding) -> Need:
    by = stands.on + timedelta(days=product.lease.term_days)
    since = stands.on - timedelta(days=PACE_DAYS)
    draws = leases.draws_of_line(work.tx, stands.line.line_id)
    lately = [draw for draw in draws if draw.effective_on > since.isoformat()]
    undrawn = stands.line.limit_minor - stands.outstanding_minor - stands.pending_minor
    return Need(
        undrawn_minor=undrawn,
        drawn_minor=stands.drawn_minor,
        drawn_lately_minor=leases.posted_minor(lately),
        plan_minor=season_plan_minor(product, _ground(work, stands.line), by),
    )


def _ground(work: Work, line: Line) -> tuple[Planted, ...]:
    found = [registry.find_subject(work.tx, each) for each in line.subject_ids]
    return tuple(
        Planted(each.lent_m2, date.fromisoformat(each.sown_on))
        for each in found
        if each is not None and each.area_m2 and each.sown_on
    )


def _renew_onboarding(work: Work, station: str, product: Product) -> None:
    """Give a station leave to open new lines, unless it has leave that is still good."""
    terms = product.lease
    if work.today() >= product.repayment().drawn_before or terms.onboarding_lines_max == 0:
        return
    renew_ms = work.settings.lease_renew_days * MS_PER_DAY
    held = boxes.held(work.tx, station)
    for signed in leases.onboarding(work.tx, station, product.product_id):
        opened = len(lines.opened_under(work.tx, signed.lease.lease_id))
        fresh = signed.lease.expires_at_ms - work.at_ms > renew_ms
        if signed.lease.lease_id in held:
            continue
        if fresh and opened < signed.lease.lines_max:
            return
    lines_max = lines_to_open(work, station, product)
    if lines_max == 0:
        return  # the caps on the book's spread leave no room today
    lease = Lease(
        lease_id=work.new_id(),
        kind=LeaseKind.ONBOARDING,
        station=station,
        product_id=product.product_id,
        currency=product.currency,
        amount_minor=lines_max * terms.onboarding_minor_per_line,
        signed_at_ms=work.at_ms,
        expires_at_ms=work.at_ms + terms.term_days * MS_PER_DAY,
        per_line_minor=terms.onboarding_minor_per_line,
        lines_max=lines_max,
    )
    _sign(work, lease, Basis())


def _sign(work: Work, lease: Lease, basis: Basis) -> None:
    document = sign_document(LEASE, encode(lease), work.keys)
    signed = SignedLease(
        lease=lease,
        posted_at_signing_minor=basis.posted_minor,
        pending_at_signing_minor=basis.pending_minor,
        leased_at_signing_minor=basis.leased_minor,
        document=document,
    )
    leases.add(work.tx, signed)
    send(work, lease.station, Down.LEASE, parse_canonical(document, DOCUMENT_BYTES_MAX))
