"""What the ledger holds of a line's account, and what must be reversed and replayed in it.

The account is computed from facts; the ledger is what was written down of it. Each thing
has its own place in the books, its *slot*: a repayment by its id, interest, penalty,
capitalisation and rebate by their day. When a fact comes late, the slots that it changes
are reversed and replayed, each on its own day, naming the fact as the cause. Nothing is
edited, and slots that stay the same are not touched.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from core.lending.account import Account, Split
from core.lending.ledger import Entry, EntryKind, EntryLine, transfer

_SLOT_OF_KIND = {
    EntryKind.INTEREST: "interest",
    EntryKind.PENALTY: "penalty",
    EntryKind.CAPITALISATION: "capitalised",
    EntryKind.REBATE: "rebate",
}
_CAUSE = re.compile(
    r".+/(?:posts|undoes|replays)/"
    r"(?P<slot>(?:interest|penalty|capitalised|rebate)/\d{4}-\d\d-\d\d|repayment/.+)"
)
_REPAYMENT = "repayment/"
PAYOUT_CAUSE = "payout/"
WITHDRAWN_CAUSE = "withdrawn/"


def principal_account(line_id: str) -> str:
    """What the farmer owes of what was drawn, and of interest that became principal."""
    return f"loan/principal/{line_id}"


def interest_account(line_id: str) -> str:
    """Interest that was posted and not yet paid."""
    return f"loan/interest/{line_id}"


def fee_account(line_id: str) -> str:
    """Fees that were posted and not yet paid."""
    return f"loan/fee/{line_id}"


def penalty_account(line_id: str) -> str:
    """Penalties that were posted and not yet paid."""
    return f"loan/penalty/{line_id}"


def payable_account(line_id: str) -> str:
    """What belongs to the farmer: paid above what was owed, and rebates."""
    return f"payable/{line_id}"


def written_off_account(line_id: str) -> str:
    """How much of what the farmer owes is not expected any more, in credit."""
    return f"loan/written-off/{line_id}"


def agent_account(person_id: str) -> str:
    """What a cash agent holds of the lender's."""
    return f"cash/agent/{person_id}"


def difference_account(person_id: str) -> str:
    """What counts of a cash agent's box found short, in debit, or over, in credit."""
    return f"cash-difference/{person_id}"


def line_accounts(line_id: str) -> tuple[str, ...]:
    """Every account that only one line moves."""
    named = (principal_account, interest_account, fee_account, penalty_account, payable_account)
    return tuple(account(line_id) for account in named)


def repayment_fact(repayment_id: str) -> str:
    """The fact, and the slot, of a repayment."""
    return f"{_REPAYMENT}{repayment_id}"


def withdrawal_cause(line_id: str) -> str:
    """The cause of what a farmer's leaving while an agreement cools brings about."""
    return f"{WITHDRAWN_CAUSE}{line_id}"


def fee_back_cause(line_id: str, fee_id: str) -> str:
    """The cause of the entry, and the fact, that undoes a fee of a line that was left."""
    return f"{withdrawal_cause(line_id)}/undoes/{fee_id}"


def bounce_fact(repayment_id: str) -> str:
    """The fact that a repayment came to nothing."""
    return f"bounce/{repayment_id}"


@dataclass(frozen=True, slots=True)
class Slot:
    """One thing in the books of a line: on which day what moved."""

    name: str
    kind: EntryKind
    on: date
    lines: tuple[EntryLine, ...]


@dataclass(frozen=True, slots=True)
class Posting:
    """An entry that is to be written, without the id and the instant of its writing."""

    kind: EntryKind
    on: date
    cause_id: str
    lines: tuple[EntryLine, ...]


@dataclass(frozen=True, slots=True)
class Books:
    """Whose books: the line, its currency and the account that takes its repayments.

    ``tills`` names the account of a repayment, by its fact, that another till has taken.
    """

    line_id: str
    currency: str
    till: str
    tills: Mapping[str, str] = field(default_factory=dict)


def wanted_slots(books: Books, found: Account) -> dict[str, Slot]:
    """What the ledger must hold of an account, draws and their fees aside."""
    slots = [_of_split(books, split) for split in found.splits]
    for step in found.steps:
        debit, credit = _moved(books.line_id, step.kind)
        lines = transfer(debit, credit, books.currency, step.amount_minor)
        slots.append(Slot(f"{_SLOT_OF_KIND[step.kind]}/{step.on}", step.kind, step.on, lines))
    return {slot.name: slot for slot in _joined(slots)}


def posted_slots(entries: Iterable[Entry]) -> dict[str, Slot]:
    """What the ledger holds, each slot with the sum of all that was posted to it."""
    slots = []
    for entry in entries:
        if name := slot_of(entry):
            on = date.fromisoformat(entry.effective_on)
            slots.append(Slot(name, entry.kind, on, entry.lines))
    return {slot.name: slot for slot in _joined(slots) if slot.lines}


def slot_of(entry: Entry) -> str:
    """The slot that an entry moves; nothing for a draw, a fee and money in suspense.

    Entries from before slots had names posted interest only, on the entry's own day.
    """
    named = _CAUSE.fullmatch(entry.cause_id)
    if named is not None:
        return named["slot"]
    if entry.cause_id.startswith((PAYOUT_CAUSE, WITHDRAWN_CAUSE)):
        return ""  # a draw or a fee that is undone has no slot, as it had none when it was posted
    if entry.kind is EntryKind.REPAYMENT:
        return entry.cause_id
    if entry.kind in (EntryKind.INTEREST, EntryKind.REVERSAL):
        return f"interest/{entry.effective_on}"
    return ""


def postings(
    posted: Mapping[str, Slot], wanted: Mapping[str, Slot], cause: str
) -> tuple[Posting, ...]:
    """What brings the ledger from what it holds to what it must: reversals, then replays."""
    changed = [
        name
        for name in posted.keys() | wanted.keys()
        if _sums(posted.get(name)) != _sums(wanted.get(name))
    ]
    undone = [posted[name] for name in changed if name in posted]
    made = [wanted[name] for name in changed if name in wanted]
    back = [
        Posting(EntryKind.REVERSAL, slot.on, f"{cause}/undoes/{slot.name}", _negated(slot.lines))
        for slot in sorted(undone, key=_place, reverse=True)
    ]
    anew = [
        Posting(slot.kind, slot.on, _cause_of(slot, posted, cause), slot.lines)
        for slot in sorted(made, key=_place)
    ]
    return (*back, *anew)


def _cause_of(slot: Slot, posted: Mapping[str, Slot], cause: str) -> str:
    if slot.name in posted:
        return f"{cause}/replays/{slot.name}"
    return cause if slot.name == cause else f"{cause}/posts/{slot.name}"


def _of_split(books: Books, split: Split) -> Slot:
    shares = (
        (penalty_account, split.parts.penalty_minor),
        (fee_account, split.parts.fee_minor),
        (interest_account, split.parts.interest_minor),
        (principal_account, split.parts.principal_minor),
        (payable_account, split.surplus_minor),
    )
    paid = split.parts.total_minor + split.surplus_minor
    booked = (
        EntryLine(account(books.line_id), books.currency, -part) for account, part in shares if part
    )
    till = books.tills.get(split.fact_id, books.till)
    lines = (EntryLine(till, books.currency, paid), *booked)
    return Slot(split.fact_id, EntryKind.REPAYMENT, split.on, lines)


def _moved(line_id: str, kind: EntryKind) -> tuple[str, str]:
    """The account that a step debits, and the one that it credits."""
    moved = {
        EntryKind.INTEREST: (interest_account(line_id), "income/interest"),
        EntryKind.PENALTY: (penalty_account(line_id), "income/penalty"),
        EntryKind.CAPITALISATION: (principal_account(line_id), interest_account(line_id)),
        EntryKind.REBATE: ("income/rebate", payable_account(line_id)),
    }
    return moved[kind]


def _joined(slots: Iterable[Slot]) -> list[Slot]:
    """Slots of one name as one: their lines summed by account, what cancels left out."""
    by_name: dict[str, list[Slot]] = defaultdict(list)
    for slot in slots:
        by_name[slot.name].append(slot)
    return [
        Slot(name, same[0].kind, same[0].on, _summed(line for one in same for line in one.lines))
        for name, same in by_name.items()
    ]


def _summed(lines: Iterable[EntryLine]) -> tuple[EntryLine, ...]:
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for line in lines:
        sums[line.account, line.currency] += line.amount_minor
    return tuple(EntryLine(*where, amount) for where, amount in sums.items() if amount)


def _sums(slot: Slot | None) -> frozenset[EntryLine]:
    return frozenset(slot.lines) if slot is not None else frozenset()


def _negated(lines: Iterable[EntryLine]) -> tuple[EntryLine, ...]:
    return tuple(EntryLine(line.account, line.currency, -line.amount_minor) for line in lines)


def _place(slot: Slot) -> tuple[date, str]:
    return slot.on, slot.name
