"""The life of a payout: money that a rail carries to a supplier or to a farmer's account.

A drawdown that no till pays makes exactly one payout. What may follow what stands in one
table; everything else is refused by name. A try that got no answer changes nothing here:
it is tried again under the same instruction id, which a rail counts once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from core.canonical import canonical_hash
from core.errors import AgreementError

ATTEMPTS_MAX = 99
_ID_CHARS = 32  # with "-" and two digits the 35 characters of ISO 20022's Max35Text
PAID_TO_ACCOUNT = "account"  # what a product pays whose draws go to the farmer's own account


class PayoutState(Enum):
    """Where a payout stands."""

    PENDING = "pending"  # nothing has left yet
    SENT = "sent"  # a rail was told, or may have been; it has not said how it went
    STUCK = "stuck"  # no answer, or one that does not fit: an officer asks the rail
    PAID = "paid"
    FAILED = "failed"  # the rail says that it paid nothing
    RETURNED = "returned"  # the money came back: the drawdown is undone
    CANCELLED = "cancelled"  # it never left: the drawdown is undone


class PayoutEvent(Enum):
    """What happens to a payout."""

    MAKE = "make"
    SEND = "send"
    CONFIRM = "confirm"
    REJECT = "reject"
    GIVE_UP = "give_up"
    RESUME = "resume"  # ask the rail again, under the same instruction id
    RETRY = "retry"  # after a failure: a new attempt with an instruction id of its own
    RETURN = "return"
    CANCEL = "cancel"


_S, _E = PayoutState, PayoutEvent
TRANSITIONS: Mapping[tuple[PayoutState | None, PayoutEvent], PayoutState] = {
    (None, _E.MAKE): _S.PENDING,
    (_S.PENDING, _E.SEND): _S.SENT,
    (_S.PENDING, _E.CANCEL): _S.CANCELLED,
    (_S.SENT, _E.CONFIRM): _S.PAID,
    (_S.SENT, _E.REJECT): _S.FAILED,
    (_S.SENT, _E.GIVE_UP): _S.STUCK,
    (_S.SENT, _E.RETURN): _S.RETURNED,
    (_S.STUCK, _E.RESUME): _S.SENT,
    (_S.STUCK, _E.CONFIRM): _S.PAID,
    (_S.STUCK, _E.REJECT): _S.FAILED,
    (_S.STUCK, _E.RETURN): _S.RETURNED,
    (_S.PAID, _E.RETURN): _S.RETURNED,
    (_S.FAILED, _E.RETRY): _S.PENDING,
    (_S.FAILED, _E.CANCEL): _S.CANCELLED,
}
OPEN = (_S.PENDING, _S.SENT, _S.STUCK, _S.FAILED)  # owed to the payee still
UNDONE = (_S.RETURNED, _S.CANCELLED)  # the drawdown counts as if it had never been


class PayeeKind(Enum):
    """Whose account it is."""

    SUPPLIER = "supplier"
    FARMER = "farmer"


class Outcome(Enum):
    """What a rail says of one instruction."""

    ACCEPTED = "accepted"  # it will be paid, or not; more will be said
    PAID = "paid"
    REJECTED = "rejected"
    RETURNED = "returned"
    BOUNCED = "bounced"  # of money that had come in: it was taken back


class Finding(Enum):
    """How an answer fits what was asked."""

    MATCHED = "matched"
    UNMATCHED = "unmatched"  # no payout of this rail has that instruction id
    WRONG_AMOUNT = "wrong_amount"
    DUPLICATE = "duplicate"  # it was said before
    CONTRADICTS = "contradicts"  # it cannot be true together with what was said before


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rail says of one instruction; the amount [minor units] where it tells it."""

    instruction_id: str
    outcome: Outcome
    amount_minor: int | None = None
    currency: str = ""
    reference: str = ""
    reason: str = ""


def after(before: PayoutState | None, event: PayoutEvent) -> PayoutState:
    """The state that an event leads to.

    Raises
    ------
    AgreementError
        If the table does not permit it.
    """
    found = TRANSITIONS.get((before, event))
    if found is None:
        was = before.value if before is not None else "not made"
        allowed = ", ".join(e.value for s, e in TRANSITIONS if s is before) or "nothing"
        raise AgreementError(f"a payout that is {was} permits {allowed}, got {event.value}")
    return found


def payout_id(tenant_id: str, draw_id: str) -> str:
    """The id of a drawdown's payout: 32 hexadecimal digits, the same whoever asks."""
    return canonical_hash({"draw_id": draw_id, "payout_of": tenant_id})[:_ID_CHARS]


def instruction_id(payout: str, attempt: int) -> str:
    """What a rail knows an attempt by; the same on every try of that attempt."""
    return f"{payout}-{attempt}"


def read_instruction_id(text: str) -> tuple[str, int]:
    """The payout and the attempt of an instruction id; an empty id if it is none of ours."""
    payout, _, number = text.partition("-")
    fits = len(payout) == _ID_CHARS and number.isascii() and number.isdecimal()
    return (payout, int(number)) if fits and len(number) <= 2 else ("", 0)


_JUDGED: Mapping[Outcome, tuple[PayoutEvent, frozenset[PayoutState], PayoutState]] = {
    Outcome.PAID: (_E.CONFIRM, frozenset({_S.SENT, _S.STUCK}), _S.PAID),
    Outcome.REJECTED: (_E.REJECT, frozenset({_S.SENT, _S.STUCK}), _S.FAILED),
    Outcome.RETURNED: (_E.RETURN, frozenset({_S.SENT, _S.STUCK, _S.PAID}), _S.RETURNED),
}


def judge(
    state: PayoutState, answer: Answer, asked: tuple[int, str], *, is_latest: bool
) -> tuple[Finding, PayoutEvent | None]:
    """How an answer fits a payout, and what it brings about, if anything.

    Parameters
    ----------
    asked
        The amount [minor units] and currency that the rail was asked to pay.
    is_latest
        Whether the answer is of the latest attempt: an earlier one that failed cannot
        have been paid after all without being paid twice.
    """
    told = (answer.amount_minor, answer.currency)
    if answer.amount_minor is not None and told != asked:
        gives_up = state is PayoutState.SENT and is_latest
        return Finding.WRONG_AMOUNT, PayoutEvent.GIVE_UP if gives_up else None
    if not is_latest:
        same = answer.outcome in (Outcome.REJECTED, Outcome.ACCEPTED)
        return (Finding.DUPLICATE if same else Finding.CONTRADICTS), None
    if answer.outcome is Outcome.BOUNCED:
        return Finding.CONTRADICTS, None  # what goes out cannot bounce
    if answer.outcome is Outcome.ACCEPTED:
        is_out = state in (PayoutState.SENT, PayoutState.STUCK)
        return (Finding.MATCHED if is_out else Finding.DUPLICATE), None
    event, fits, ends = _JUDGED[answer.outcome]
    if state in fits:
        return Finding.MATCHED, event
    return (Finding.DUPLICATE if state is ends else Finding.CONTRADICTS), None
