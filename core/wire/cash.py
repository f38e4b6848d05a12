"""Cash in hand: who holds the lender's money at a station, and what moved their box.

Up, in the station's ``money`` log: cash_handover, cash_repayment, cash_count; a drawdown
names who paid it out. Down: cash_person. What a person says of a box is signed with the key
of that person's card, beside the station's own signature on its log: a handover by giver
and receiver, a count and a repayment by the agent. Statements A1–A6 of docs/wire.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from core.canonical import canonical_bytes, sha256_hex
from core.errors import ShapeError
from core.lending.cashbox import CountKind, DifferenceReason
from core.shape import encode
from core.signing import DocumentType, Signer, Verifier, bytes_to_sign, signature_from_hex

HANDOVER = DocumentType("cash-handover", 1)
COUNT = DocumentType("cash-count", 1)
TAKEN = DocumentType("cash-repayment", 1)
CARD_CHARACTERS_MIN, CARD_CHARACTERS_MAX = 32, 200
PIECES_KINDS_MAX = 64
_SEED_DOMAIN = b"harvestline/cash-card/v1\0"


class CashRole(Enum):
    """What a person may do with the lender's cash."""

    AGENT = "agent"  # has a box at a station: pays out, takes repayments
    KEEPER = "keeper"  # brings cash from the lender's safe and takes it back


@dataclass(frozen=True, slots=True)
class CashPerson:
    """A person who holds the lender's cash at a station.

    ``hold_max_minor`` is how much may be given into the box, ``pay_day_max_minor`` how much
    may be paid out of it on a day [minor units]; a keeper has neither. ``card_sha256`` finds
    the card, ``public_key`` verifies what it signs.
    """

    person_id: str
    name: str
    role: CashRole
    station: str
    public_key: str
    card_sha256: str
    currency: str
    hold_max_minor: int
    pay_day_max_minor: int
    active: bool


@dataclass(frozen=True, slots=True)
class Pieces:
    """So many notes or coins of one value [minor units]."""

    value_minor: int
    count: int


@dataclass(frozen=True, slots=True)
class Handover:
    """Cash went from one person's hands into another's."""

    handover_id: str
    giver_id: str
    receiver_id: str
    shift_id: str
    amount_minor: int
    currency: str
    on: str


@dataclass(frozen=True, slots=True)
class CashHandover:
    """A handover with the signatures of both."""

    handover: Handover
    giver_signature: str
    receiver_signature: str


@dataclass(frozen=True, slots=True)
class Count:
    """What an agent found in the box, note by note, and what should have been there.

    ``reason`` stands where the two differ; the difference is booked, never evened out.
    """

    count_id: str
    person_id: str
    shift_id: str
    kind: CountKind
    currency: str
    expected_minor: int
    counted_minor: int
    pieces: tuple[Pieces, ...]
    on: str
    reason: DifferenceReason | None = None

    @property
    def difference_minor(self) -> int:
        """Over, or, below zero, short [minor units]."""
        return self.counted_minor - self.expected_minor


@dataclass(frozen=True, slots=True)
class CashCount:
    """A count with the agent's signature."""

    count: Count
    signature: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A repayment that an agent took in cash."""

    repayment_id: str
    person_id: str
    shift_id: str
    line_id: str
    amount_minor: int
    currency: str
    on: str


@dataclass(frozen=True, slots=True)
class CashRepayment:
    """A repayment in cash with the agent's signature."""

    taken: Taken
    signature: str


def card_seed(token: str) -> bytes:
    """The 32 bytes from which a card's signing key follows.

    Raises
    ------
    ShapeError
        If the token is too short to be a secret.
    """
    if not CARD_CHARACTERS_MIN <= len(token) <= CARD_CHARACTERS_MAX:
        raise ShapeError(
            f"expected a cash card of {CARD_CHARACTERS_MIN} to {CARD_CHARACTERS_MAX} characters, "
            f"got {len(token)}"
        )
    return bytes.fromhex(sha256_hex(_SEED_DOMAIN + token.encode()))


def sum_minor(pieces: Sequence[Pieces]) -> int:
    """What notes and coins come to [minor units].

    Raises
    ------
    ShapeError
        If a value stands twice, or one is not positive.
    """
    values = [each.value_minor for each in pieces]
    if len(set(values)) != len(values) or len(values) > PIECES_KINDS_MAX:
        raise ShapeError(f"expected each of at most {PIECES_KINDS_MAX} values once, got {values}")
    if any(each.value_minor <= 0 or each.count <= 0 for each in pieces):
        raise ShapeError("expected positive values and numbers of notes and coins")
    return sum(each.value_minor * each.count for each in pieces)


def signed(kind: DocumentType, body: Any, signer: Signer) -> str:
    """A card's signature on what is said of a box, in hexadecimal."""
    return signer.sign(bytes_to_sign(kind, canonical_bytes(encode(body)))).hex()


def verify(kind: DocumentType, body: Any, signature: str, by: tuple[Verifier, str]) -> None:
    """Return if a card (verifier, key id) signed it.

    Raises
    ------
    SignatureError
        If it did not.
    """
    verifier, key_id = by
    message = bytes_to_sign(kind, canonical_bytes(encode(body)))
    verifier.verify(key_id, message, signature_from_hex(signature))
