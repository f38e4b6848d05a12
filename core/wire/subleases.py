"""What an agent's tablet may draw without its station, and what it drew.

A station signs a part of one of its own leases for one tablet's key. The tablet draws inside
it, offline, and signs every draw in its chain; it gives the rest back by a signed word in the
same chain, behind which no draw of it can stand. Statements T1-T5 of docs/wire.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from core.errors import ShapeError
from core.lending.draw_terms import DrawTerms
from core.lending.lease import Lease, LeaseKind
from core.signing import DocumentType
from core.units import MS_PER_DAY, require_date
from core.wire.blob import require_sha256
from core.wire.fieldwork import Photo, require_id

SUBLEASE = DocumentType("sub-lease", 1)
SUBLEASE_BYTES_MAX = 16 * 1024
SUBLEASE_DAYS_MAX = 14  # so long an agent may be out of contact with money in hand
AT_MS_MAX = 253_370_764_800_000  # the year 9999: no calendar goes beyond
SUBLEASE_GRACE_MS = 2 * MS_PER_DAY  # a tablet's clock may be off by as much as any that is known


@dataclass(frozen=True, slots=True)
class SubLease:
    """A part of a station's lease that one tablet may draw, for one line.

    ``serial`` counts the sub-leases of the key; ``terms`` say what a draw costs;
    ``utc_offset_ms`` gives the civil day at the site. ``paid_by`` is the cash agent whose box
    pays; absent where the station has no boxes.
    """

    sublease_id: str
    serial: int
    station: str
    tablet_id: str
    public_key: str
    agent_id: str
    lease_id: str
    line_id: str
    farmer_id: str
    product_id: str
    amount_minor: int
    signed_at_ms: int
    expires_at_ms: int
    utc_offset_ms: int
    terms: DrawTerms
    paid_by: str | None = None

    def __post_init__(self) -> None:
        require_id(self.sublease_id, "sublease_id")
        require_sha256(self.public_key)  # 32 bytes as well
        if self.serial < 1 or self.amount_minor <= 0 or self.expires_at_ms <= self.signed_at_ms:
            raise ShapeError(
                f"sub-lease {self.sublease_id}: expected a serial, an amount and a term"
            )

    def as_lease(self) -> Lease:
        """The same as a lease of its own, to which the rules of leases apply."""
        return Lease(
            self.sublease_id, LeaseKind.LINE, self.tablet_id, self.product_id,
            self.terms.currency, self.amount_minor, self.signed_at_ms, self.expires_at_ms,
            self.line_id,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class FieldDraw:
    """A draw that an agent paid out, as the tablet told and signed it.

    ``at_ms`` and ``error_ms`` are the time as the tablet knew it from its station;
    ``shown_sha256`` is the hash of the price that the farmer agreed to.
    """

    draw_id: str
    sublease_id: str
    line_id: str
    farmer_id: str
    amount_minor: int
    drawn_on: str
    at_ms: int
    error_ms: int
    fee_minor: int
    total_minor: int
    due_on: str
    apr_ppm: int
    consent_id: str
    shown_sha256: str
    language: str
    spoken: bool
    signature: Photo | None = None

    def __post_init__(self) -> None:
        require_id(self.draw_id, "draw_id")
        require_id(self.consent_id, "consent_id")
        require_date(self.drawn_on, "drawn_on")
        require_date(self.due_on, "due_on")
        require_sha256(self.shown_sha256)
        if not 0 <= self.at_ms <= AT_MS_MAX:
            raise ShapeError(f"expected a time that has a day, got {self.at_ms} ms")


@dataclass(frozen=True, slots=True)
class SubLeaseEnd:
    """A tablet gives back what it did not draw: it draws no more under the sub-lease."""

    sublease_id: str
    drawn_minor: int


class SubLeaseAct(Enum):
    """What became of a sub-lease at its station."""

    GRANTED = "granted"
    ENDED = "ended"  # by the tablet's own signed word
    LOST = "lost"  # it ran out, and the tablet was turned out for good


@dataclass(frozen=True, slots=True)
class SubLeaseEvent:
    """A station signed a sub-lease, or may use again what was not drawn of it.

    ``document`` is the signed sub-lease, where one was granted; ``drawn_minor`` what had been
    drawn when it ended.
    """

    sublease_id: str
    act: SubLeaseAct
    drawn_minor: int = 0
    reason: str = ""
    document: Any = None
