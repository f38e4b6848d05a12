"""What stands in the logs: the bodies of records, by kind.

Up, in a station's ``money`` log: consent, application, decision, line_opened,
drawdown, agreement_left, lease_closed. In its ``features`` log: daily_feature. In its ``raw`` log:
telemetry (a device's signed document, verbatim). Down, in the centre's log for a
station: farmer, subject, device, dossier, product, line, lease, freeze, model,
evidence. Statements C1–C13 of docs/wire.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from core.lending.lease import DrawState
from core.lending.limit import Movement
from core.lending.terms import CashMonth, require_cash_months
from core.reasons import Reason
from core.units import require_date
from core.wire.evidence import PictureRef
from core.wire.linefacts import LineFacts
from core.wire.registry import Device

CURVE_POINTS_MAX = 40  # of a digest's curve: what a screen of the kiosk can show


class Up(Enum):
    """Kinds of records that a station writes."""

    CONSENT = "consent"
    APPLICATION = "application"
    DECISION = "decision"
    LINE_OPENED = "line_opened"
    DRAWDOWN = "drawdown"
    LEASE_CLOSED = "lease_closed"
    FARMER_LEFT = "farmer_left"
    CLOCK_SET = "clock_set"
    DAILY_FEATURE = "daily_feature"
    TELEMETRY = "telemetry"
    DEVICE_EVENT = "device_event"
    BOX_RETIRED = "box_retired"
    AGREEMENT_LEFT = "agreement_left"
    UPDATE_EVENT = "update_event"  # its body: core.wire.update.UpdateEvent
    ORDER_ANSWER = "order_answer"  # its body: core.wire.orders.OrderAnswer
    CASH_HANDOVER = "cash_handover"  # the bodies of cash: core.wire.cash
    CASH_REPAYMENT = "cash_repayment"
    CASH_COUNT = "cash_count"
    MODEL_COUNTS = "model_counts"  # its body: core.wire.modelcounts.ModelCounts
    TABLET_EVENT = "tablet_event"  # the bodies of tablets: core.wire.fieldwork
    TABLET_OPERATION = "tablet_operation"
    SUB_LEASE = "sub_lease"  # its body: core.wire.subleases.SubLeaseEvent
    APPEAL = "appeal"  # its body: core.wire.appeals.Appeal
    HELPER = "helper"  # its body: core.wire.proxies.Helper
    KIOSK_EVENT = "kiosk_event"  # its body: core.wire.proxies.KioskEvent


class Down(Enum):
    """Kinds of records that the centre writes for a station."""

    FARMER = "farmer"
    SUBJECT = "subject"
    DEVICE = "device"
    DOSSIER = "dossier"
    PRODUCT = "product"
    LINE = "line"
    LEASE = "lease"
    RECALL = "recall"
    FREEZE = "freeze"
    MODEL = "model"
    EVIDENCE = "evidence"
    FORECAST = "forecast"
    OWN = "own"
    BOX = "box"
    LEASES_RELEASED = "leases_released"
    ORDER = "order"  # its body: core.wire.orders.OrderOffer
    CONSENT = "consent_known"  # its body: core.wire.consents.KnownConsent
    ACCESSES = "accesses"  # its body: core.wire.consents.Accesses
    CASH_PERSON = "cash_person"
    NEW_PLAN = "new_plan"  # its body: core.wire.newplans.NewPlanOffer
    MODEL_ORDER = "model_order"  # its body: a signed core.wire.modelfile.ModelOrder
    OPERATION = "operation"  # its body: core.wire.fieldwork.OperationVerdict
    APPEAL_ANSWER = "appeal_answer"  # its body: core.wire.appeals.AppealAnswer
    VOUCH = "vouch"  # its body: a signed core.wire.slips.Vouch


class ConsentAction(Enum):
    """Given, or taken back."""

    GRANT = "grant"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Consent:
    """A farmer's consent: for which purposes, who may read, what was shown.

    ``shown_sha256`` is the hash of the terms or words that were on the screen;
    ``spoken`` that they were played aloud; ``helped`` that someone helped. ``classes`` and
    ``recipients`` narrow what the purposes stand for to these classes of data and these
    readers; absent, it is all that the names stand for. ``follows`` are consents of the
    farmer that the writer knew of: this one is later, whatever clocks say (C1).
    ``helped_by`` names who helped: a helper whom the farmer has named, or an agent.
    """

    consent_id: str
    farmer_id: str
    action: ConsentAction
    purposes: tuple[str, ...]
    recipient: str
    shown_sha256: str
    spoken: bool
    helped: bool
    classes: tuple[str, ...] | None = None
    recipients: tuple[str, ...] | None = None
    follows: tuple[str, ...] | None = None
    helped_by: str | None = None


@dataclass(frozen=True, slots=True)
class Application:
    """A farmer asks for a line; ``helped_by`` names who helped, if one was named.

    ``cash`` are the farmer's own months with money, where they brought any (C16).
    """

    application_id: str
    farmer_id: str
    product_id: str
    subject_ids: tuple[str, ...]
    asked_minor: int
    currency: str
    helped_by: str | None = None
    cash: tuple[CashMonth, ...] | None = None

    def __post_init__(self) -> None:
        require_cash_months(self.cash)


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision card, as the signed document that the station keeps."""

    application_id: str
    card: Any


@dataclass(frozen=True, slots=True)
class LineOpened:
    """A new line under an onboarding lease; ``cash`` as in its application (C16)."""

    line_id: str
    application_id: str
    farmer_id: str
    product_id: str
    lease_id: str
    subject_ids: tuple[str, ...]
    limit_minor: int
    currency: str
    cash: tuple[CashMonth, ...] | None = None

    def __post_init__(self) -> None:
        require_cash_months(self.cash)


@dataclass(frozen=True, slots=True)
class Drawdown:
    """A draw reaches a state; the same draw appears once as pending, once as settled.

    A voucher's draw names the ``supplier`` that it pays and the ``goods``, by the names of
    the product's terms, and the order that it meets, if a supplier placed one. ``paid_by``
    is the cash agent whose box pays; absent where nobody's does. ``rate_ppm`` is the yearly
    rate that the draw keeps for life, where its product is priced by risk. ``drawn_by`` is
    the helper who drew in the farmer's place; absent where the farmer did. ``sublease_id`` is
    the part of the lease that an agent's tablet drew; absent where the station did.
    """

    draw_id: str
    line_id: str
    lease_id: str
    state: DrawState
    amount_minor: int
    fee_minor: int
    currency: str
    consent_id: str
    apr_ppm: int
    effective_on: str
    supplier: str | None = None
    goods: tuple[str, ...] | None = None
    order_id: str | None = None
    paid_by: str | None = None
    rate_ppm: int | None = None
    drawn_by: str | None = None
    sublease_id: str | None = None


class DeviceAct(Enum):
    """What a station did with a device or a gateway of foreign devices."""

    INVITED = "invited"
    ENROLLED = "enrolled"
    ROTATED = "rotated"
    QUARANTINED = "quarantined"
    RELEASED = "released"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """A station let a device or a gateway in, held it, or turned it out, and why.

    ``device`` stands where one was enrolled.
    """

    device_id: str
    act: DeviceAct
    reason: str
    device: Device | None = None


@dataclass(frozen=True, slots=True)
class LeaseClosed:
    """The station gives a lease back: the unspent part is released by this record."""

    lease_id: str
    posted_minor: int


class Leaving(Enum):
    """How a farmer ends an agreement at the station: the events of core.lending.agreement."""

    ABANDON = "abandon"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class AgreementLeft:
    """A farmer takes an offer back, or leaves an agreement while it cools (C12).

    ``on`` is the civil day at the site; ``owed_minor`` and ``repay_by`` are what was told
    is owed, and by when it is to be repaid; ``shown_sha256`` the hash of those words.
    """

    leaving_id: str
    line_id: str
    farmer_id: str
    event: Leaving
    on: str
    owed_minor: int
    repay_by: str
    shown_sha256: str
    spoken: bool
    helped: bool


@dataclass(frozen=True, slots=True)
class Recall:
    """The centre asks for a lease back; the station closes it when no draw is pending."""

    lease_id: str


@dataclass(frozen=True, slots=True)
class FarmerLeft:
    """The station opens no first line for this person any more: they live elsewhere.

    ``told_seq`` is the record of the centre's log by which it was told.
    """

    farmer_id: str
    told_seq: int


@dataclass(frozen=True, slots=True)
class ClockSet:
    """A person told the station the time, and why; ``floor_before_ms`` was trusted till then."""

    told_at_ms: int
    error_ms: int
    floor_before_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class LineStatus:
    """A line as the centre sees it: what the kiosk shows.

    Amounts [minor units]; interest is accrued to ``as_of`` and goes on at
    ``rate_ppm`` on the principal. ``counted_seq`` is the number of the station's
    money log up to which its draws are in these amounts, so that none is shown
    twice or not at all. ``facts`` are what the amounts rest on, so that the station
    reckons them itself, on any day; absent from older centres.
    """

    line_id: str
    farmer_id: str
    product_id: str
    subject_ids: tuple[str, ...]
    currency: str
    limit_minor: int
    principal_minor: int
    interest_minor: int
    fee_minor: int
    rate_ppm: int
    due_on: str
    as_of: str
    movement: Movement
    reasons: tuple[Reason, ...]
    evidence_ids: tuple[str, ...]
    open: bool
    counted_seq: int | None = None
    facts: LineFacts | None = None


@dataclass(frozen=True, slots=True)
class Freeze:
    """No new draw on the line until a later freeze record lifts it."""

    line_id: str
    frozen: bool
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class GrowthPoint:
    """How green a plot was on a civil day: index × 10⁴."""

    day: str
    mean_e4: int

    def __post_init__(self) -> None:
        require_date(self.day, "day")


@dataclass(frozen=True, slots=True)
class EvidenceDigest:
    """The part of an evidence document that a station needs: stage, anomaly, yield.

    ``pictures`` are the newest in colours and of the index; their bytes travel apart.
    ``curve`` is the season's greenness so far, thinned to ``CURVE_POINTS_MAX``.
    """

    evidence_id: str
    sha256: str
    subject_id: str
    as_of: str
    stage: str
    features: Mapping[str, int] = field(default_factory=dict)
    yield_p10_kg_per_ha: int | None = None
    yield_p50_kg_per_ha: int | None = None
    pictures: tuple[PictureRef, ...] | None = None
    curve: tuple[GrowthPoint, ...] | None = None
