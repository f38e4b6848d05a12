"""Leases: the part of a line's headroom that a station may spend while it is dark.

Issued after every applied envelope, evidence, review, repayment, and before each
pull. What is signed never lets posted, pending and leased exceed the limit in force
at that moment; those numbers are kept with the lease, and the verifier recomputes
them. Expiry returns nothing: only the station's own record does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.canonical import parse_canonical
from core.lending.lease import LEASE, Lease, LeaseKind
from core.lending.product import Product
from core.shape import encode
from core.signing import DOCUMENT_BYTES_MAX, sign_document
from core.units import MS_PER_DAY, floor_to_unit, share_ppm
from core.wire.records import Down
from server.services.centre import Work
from server.services.downlink import send
from server.services.standing import LineStanding, standing, zone_minutes
from server.store import leases, lines, logs, products, registry
from server.store.leases import SignedLease


@dataclass(frozen=True, slots=True)
class Basis:
    """What a lease is signed against [minor units]."""

    limit_minor: int = 0
    posted_minor: int = 0
    pending_minor: int = 0
    leased_minor: int = 0


def issue_for_station(work: Work, station: str) -> None:
    """Bring a station's leases up: one an open line that has headroom, and onboarding."""
    if registry.find_station(work.tx, station) is None or logs.quarantine_reason(work.tx, station):
        return
    for line_id in lines.of_station(work.tx, station):
        issue_for_line(work, line_id)
    for product in products.in_force(work.tx):
        _renew_onboarding(work, station, product)


def issue_for_line(work: Work, line_id: str) -> Lease | None:
    """Lease a line's free headroom to its station, if it is worth a draw."""
    line = lines.lock(work.tx, line_id)
    if not line.is_open or line.frozen or logs.quarantine_reason(work.tx, line.station):
        return None
    if registry.find_station(work.tx, line.station) is None:
        return None
    on = work.today(zone_minutes(work.tx, line.farmer_id))
    product = products.newest(work.tx, line.product_id)
    if on >= date.fromisoformat(line.due_on):
        return None  # nothing more can be priced
    stands = standing(work.tx, line, on)
    amount = lease_amount(product, stands)
    if amount == 0:
        return None
    lease = Lease(
        lease_id=work.new_id(),
        kind=LeaseKind.LINE,
        station=line.station,
        product_id=line.product_id,
        currency=line.currency,
        amount_minor=amount,
        signed_at_ms=work.at_ms,
        expires_at_ms=work.at_ms + product.lease.term_days * MS_PER_DAY,
        line_id=line_id,
        limit_minor=line.limit_minor,
    )
    basis = Basis(
        line.limit_minor, stands.owed.principal_minor, stands.pending_minor, stands.leased_minor
    )
    _sign(work, lease, basis)
    return lease


def lease_amount(product: Product, stands: LineStanding) -> int:
    """How much more of a line to lease [minor units]; 0 below one draw step.

    The share applies to all that is neither drawn nor pending, so that what was held
    back is not leased away bit by bit by the next runs.
    """
    undrawn = stands.line.limit_minor - stands.owed.principal_minor - stands.pending_minor
    wanted = share_ppm(max(0, undrawn), product.lease.share_of_headroom_ppm) - stands.leased_minor
    bounded = max(0, min(wanted, stands.headroom_minor))
    return floor_to_unit(bounded, product.credit.draw_step_minor)


def _renew_onboarding(work: Work, station: str, product: Product) -> None:
    """Give a station leave to open new lines, unless it has leave that is still good."""
    terms = product.lease
    if work.today() >= date.fromisoformat(product.due_on) or terms.onboarding_lines_max == 0:
        return
    renew_ms = work.settings.lease_renew_days * MS_PER_DAY
    for signed in leases.onboarding(work.tx, station, product.product_id):
        opened = len(lines.opened_under(work.tx, signed.lease.lease_id))
        fresh = signed.lease.expires_at_ms - work.at_ms > renew_ms
        if fresh and opened < signed.lease.lines_max:
            return
    lease = Lease(
        lease_id=work.new_id(),
        kind=LeaseKind.ONBOARDING,
        station=station,
        product_id=product.product_id,
        currency=product.currency,
        amount_minor=terms.onboarding_lines_max * terms.onboarding_minor_per_line,
        signed_at_ms=work.at_ms,
        expires_at_ms=work.at_ms + terms.term_days * MS_PER_DAY,
        per_line_minor=terms.onboarding_minor_per_line,
        lines_max=terms.onboarding_lines_max,
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
