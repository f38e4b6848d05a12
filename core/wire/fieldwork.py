"""What agents do in the field, as their tablets sign it and stations pass it on.

A tablet is a writer: every operation is a signed document that names its number, and the
hash of the one before. The station keeps it as it came, carries it out by its own rules,
and puts it into its money log as ``tablet_operation``; the centre answers with ``operation``.
What an application leads to stands in its own records (consent, application, decision).
Statements F1-F9 of docs/tablet.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from core.canonical import canonical_hash
from core.errors import ShapeError
from core.lending.terms import CashMonth
from core.lending.walk import measure
from core.shape import encode
from core.signing import DocumentType
from core.units import require_date
from core.wire.blob import MEDIA_TYPES, require_sha256
from core.wire.records import Application
from core.wire.registry import require_outline

OPERATION = DocumentType("tablet-operation", 1)
HELLO = DocumentType("tablet-hello", 1)
CHAIN = DocumentType("tablet-chain", 1)
OPERATION_BYTES_MAX = 32 * 1024
PHOTO_BYTES_MAX = 1024 * 1024
PHOTOS_MAX = 24
EAR_TAGS_MAX = 500
NOTE_CHARACTERS_MAX = 2_000
PERCENT_MAX = 100
_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_EAR_TAG = re.compile(r"[0-9]{15}")  # ISO 11784: country or maker, then twelve digits


class OperationKind(Enum):
    """What an agent did."""

    APPLICATION = "application"
    VISIT = "visit"
    WALK = "walk"
    DRAW = "draw"  # the bodies of money: core.wire.subleases
    SUBLEASE_END = "sublease_end"
    CORRECTION = "correction"  # its body: core.wire.corrections


class VisitPurpose(Enum):
    """Why an agent went there."""

    ROUTINE = "routine"
    NOTICE = "notice"  # the station had noticed something
    LOSS = "loss"
    REPAYMENT = "repayment"
    REFERRAL = "referral"  # an application waits for a person
    BOUNDARY = "boundary"


class TabletAct(Enum):
    """What a station did with a tablet."""

    INVITED = "invited"
    ENROLLED = "enrolled"
    RENEWED = "renewed"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that an agent did; ``previous`` is the hash of the document before.

    ``at_ms`` is the tablet's own clock: it orders nothing.
    """

    operation_id: str
    tablet_id: str
    seq: int
    previous: str
    at_ms: int
    kind: OperationKind
    body: Any

    def __post_init__(self) -> None:
        require_id(self.operation_id, "operation_id")
        if self.seq < 1:
            raise ShapeError(f"expected a number from 1 on, got {self.seq}")
        require_sha256(self.previous)


@dataclass(frozen=True, slots=True)
class Hello:
    """A tablet signs the station's challenge: it is there, and holds its key."""

    tablet_id: str
    challenge: str


@dataclass(frozen=True, slots=True)
class ChainEnd:
    """Up to where a station has taken a tablet's operations: so far it may forget them."""

    tablet_id: str
    public_key: str
    seq: int
    head: str


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture that an agent took; its bytes travel apart, named by their hash."""

    sha256: str
    media_type: str
    size_bytes: int
    about: str

    def __post_init__(self) -> None:
        require_sha256(self.sha256)
        if self.media_type not in MEDIA_TYPES or not 0 < self.size_bytes <= PHOTO_BYTES_MAX:
            raise ShapeError(
                f"expected a photo of at most {PHOTO_BYTES_MAX} bytes among "
                f"{', '.join(MEDIA_TYPES)}, got {self.size_bytes} of {self.media_type[:40]!r}"
            )


@dataclass(frozen=True, slots=True)
class FieldVisit:
    """An agent stood there and saw it.

    ``damage_percent`` is what the agent judged to be lost; ``ear_tags`` are 15 digits each
    (ISO 11784); the place is where the tablet was, with its accuracy [degrees × 10⁷, cm].
    """

    visit_id: str
    farmer_id: str
    subject_id: str
    visited_on: str
    purpose: VisitPurpose
    stage: str
    note: str
    photos: tuple[Photo, ...]
    ear_tags: tuple[str, ...] = ()
    damage_percent: int | None = None
    heads: int | None = None
    lon_e7: int | None = None
    lat_e7: int | None = None
    accuracy_cm: int | None = None
    signature: Photo | None = None

    def __post_init__(self) -> None:
        require_id(self.visit_id, "visit_id")
        require_date(self.visited_on, "visited_on")
        if len(self.photos) > PHOTOS_MAX or len(self.ear_tags) > EAR_TAGS_MAX:
            raise ShapeError(f"expected at most {PHOTOS_MAX} photos, {EAR_TAGS_MAX} ear tags")
        if len(self.note) > NOTE_CHARACTERS_MAX:
            raise ShapeError(f"expected a note of at most {NOTE_CHARACTERS_MAX} characters")
        wrong = next((tag for tag in self.ear_tags if not _EAR_TAG.fullmatch(tag)), None)
        if wrong is not None:
            raise ShapeError(f"expected 15 digits on an ear tag, got {wrong[:40]!r}")
        if self.damage_percent is not None and not 0 <= self.damage_percent <= PERCENT_MAX:
            raise ShapeError(f"expected damage of 0 to 100 %, got {self.damage_percent}")


@dataclass(frozen=True, slots=True)
class PlotWalk:
    """A boundary as walked: its corners, and the phone's accuracy at each.

    ``area_m2``, ``sd_m2`` and ``low_m2`` are what the agent was shown; whoever receives it
    reckons them again from the corners (core.lending.walk).
    """

    walk_id: str
    farmer_id: str
    subject_id: str
    walked_on: str
    ring_e7: tuple[tuple[int, int], ...]
    accuracy_cm: tuple[int, ...]
    fixes_count: int
    pauses_count: int
    area_m2: int
    sd_m2: int
    low_m2: int

    def __post_init__(self) -> None:
        require_id(self.walk_id, "walk_id")
        require_date(self.walked_on, "walked_on")
        require_outline(self.ring_e7, self.subject_id)
        if measure(self.ring_e7, self.accuracy_cm).area_m2 <= 0:
            raise ShapeError("expected a walk around some ground, got one along a line")


@dataclass(frozen=True, slots=True)
class FieldApplication:
    """An application that a farmer made with an agent, and what the farmer agreed to.

    ``shown_sha256`` is the hash of the words that stood on the tablet in ``language``, with
    the farmer's own cash months where they brought any (:func:`shown_with_cash`).
    """

    application: Application
    consent_id: str
    purposes: tuple[str, ...]
    language: str
    shown_sha256: str
    spoken: bool = False
    signature: Photo | None = None

    def __post_init__(self) -> None:
        require_id(self.application.application_id, "application_id")
        require_id(self.consent_id, "consent_id")
        require_sha256(self.shown_sha256)


def shown_with_cash(shown_sha256: str, cash: tuple[CashMonth, ...] | None) -> str:
    """The hash of what was shown: the words alone, or with the farmer's own cash months."""
    if cash is None:
        return shown_sha256
    return canonical_hash({"cash": encode(cash), "words": shown_sha256})


@dataclass(frozen=True, slots=True)
class TabletEvent:
    """A station let a tablet in, or turned it out.

    ``agent_name``, ``area_e7`` and ``lease_days`` stand where one was let in, so that a box
    that takes the station over knows it too.
    """

    tablet_id: str
    agent_id: str
    act: TabletAct
    public_key: str
    lease_until_ms: int
    reason: str = ""
    agent_name: str | None = None
    area_e7: tuple[int, ...] | None = None
    lease_days: int | None = None


@dataclass(frozen=True, slots=True)
class TakenOperation:
    """An operation as the station took it; ``code`` says why it was not carried out, if not."""

    operation_id: str
    tablet_id: str
    agent_id: str
    public_key: str
    code: str
    document: Any


@dataclass(frozen=True, slots=True)
class OperationVerdict:
    """What the centre says of an operation: taken as it is, or what a person must look at."""

    operation_id: str
    accepted: bool
    words: str


def require_id(text: str, name: str) -> str:
    """The same text, if it can be an identifier that a tablet made.

    Raises
    ------
    ShapeError
        If it is empty, too long, or holds other characters.
    """
    if not _ID.fullmatch(text):
        raise ShapeError(f"expected {name} of 1 to 64 letters and digits, got {text[:70]!r}")
    return text
