"""What a rail is: something that can be told to pay, and told again without harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from core.errors import HarvestlineError
from core.lending.payout import Answer
from core.units import minor_digits
from server.services.payouts.accounts import Account, Scheme


class RailError(HarvestlineError):
    """A rail's terms cannot be, or it is not set up here."""

    code = "HL-SRV-021"


class RailKind(Enum):
    """How a rail is told."""

    FILE = "file"
    WEBHOOK = "webhook"
    ISO20022 = "iso20022"


@dataclass(frozen=True, slots=True)
class Debtor:
    """The lender's own account at the bank."""

    name: str
    scheme: Scheme
    number: str
    bank: str


@dataclass(frozen=True, slots=True)
class RailTerms:
    """A rail as it stands in ``rails.toml``.

    Parameters
    ----------
    amount_minor_max
        The most that one instruction may pay [minor units]; what is above waits for people.
    alone_minor_max
        The most that one person's files of answers and of credits may move within a day [minor
        units]; what is above waits for another person. As ``amount_minor_max`` if it is not told.
    wait_s
        How long a batch may wait for more to come [s].
    batch_max
        The most instructions of one batch.
    folder
        Where batches are put, for ``file`` and ``iso20022``.
    debtor
        Whose account is debited, for ``iso20022``.
    address, secret_file, allow_private, timeout_s
        Where instructions are posted, for ``webhook``.
    """

    name: str
    kind: RailKind
    currency: str
    amount_minor_max: int
    alone_minor_max: int | None = None
    wait_s: int | None = None
    batch_max: int | None = None
    folder: str | None = None
    debtor: Debtor | None = None
    address: str | None = None
    secret_file: str | None = None
    allow_private: bool | None = None
    timeout_s: int | None = None


@dataclass(frozen=True, slots=True)
class Instruction:
    """What a rail is asked to pay [minor units]; ``told`` is what the payee will read."""

    instruction_id: str
    amount_minor: int
    currency: str
    account: Account
    told: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """Instructions that are handed over together; all in one currency."""

    batch_id: str
    made_at_ms: int
    instructions: tuple[Instruction, ...]

    @property
    def sum_minor(self) -> int:
        """All of it [minor units]."""
        return sum(each.amount_minor for each in self.instructions)


@dataclass(frozen=True, slots=True)
class Document:
    """A parcel as it is handed over: the same bytes on every try."""

    batch_id: str
    file_name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Handed:
    """How handing over went: whether the rail has it, and what it answered at once."""

    is_taken: bool
    told: str
    answers: tuple[Answer, ...] = ()
    source: bytes = b""


class Rail(Protocol):
    """Where instructions go. Handing over the same document twice must pay once."""

    @property
    def terms(self) -> RailTerms:
        """How it is set up."""
        ...

    @property
    def wait_ms(self) -> int:
        """How long a batch waits for more [ms]."""
        ...

    @property
    def batch_max(self) -> int:
        """The most instructions of one parcel."""
        ...

    @property
    def ask_again_ms(self) -> int | None:
        """After how long without an outcome it is told again [ms]; None if it never is."""
        ...

    def compose(self, parcel: Parcel) -> Document:
        """The document of a parcel; the same for the same parcel."""
        ...

    def hand_over(self, documents: Sequence[Document], at_ms: int) -> tuple[Handed, ...]:
        """Hand documents over, one result each, in order; never an exception."""
        ...


Rails = Mapping[str, Rail]


def amount_text(amount_minor: int, currency: str) -> str:
    """An amount in whole units with the currency's decimals, e.g. ``1234.50``."""
    digits = minor_digits(currency)
    whole, part = divmod(amount_minor, 10**digits)
    return f"{whole}.{part:0{digits}d}" if digits else f"{whole}"


def read_amount(text: str, currency: str) -> int | None:
    """The amount in minor units; None if it is no amount, or finer than the currency."""
    whole, point, part = text.strip().partition(".")
    digits = minor_digits(currency)
    part = part.rstrip("0") if len(part) > digits else part
    if not (whole.isascii() and whole.isdecimal() and len(whole) <= 15 and len(part) <= digits):
        return None
    if point and part and not (part.isascii() and part.isdecimal()):
        return None
    unit: int = 10**digits
    return int(whole) * unit + int(part.ljust(digits, "0") or "0")
