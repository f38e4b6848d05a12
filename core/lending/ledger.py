"""Double entry: immutable entries that sum to zero per currency.

An entry is sealed by the store (lines first, header last); here stands what makes
one valid and what its bytes are. Debits are positive, credits negative. Accounts
are paths: ``loan/principal/<line>``, ``loan/interest/<line>``, ``loan/fee/<line>``,
``loan/penalty/<line>`` (what the farmer owes), ``loan/written-off/<line>`` (how much of that is not
expected any more, in credit), ``payable/<line>`` (what is owed to the farmer),
``cash/<station>``, ``income/interest``, ``income/fee``, ``income/penalty``,
``income/rebate``, which lessens it, ``expense/write-off`` and ``income/recovery``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from core.canonical import canonical_hash, sha256_hex
from core.errors import LedgerImbalanceError
from core.shape import encode
from core.units import SAFE_INTEGER_MAX, require_safe_integer

LINES_MAX = 64
_PLAIN = re.compile(r"[ !#-\[\]-~]*")  # what JSON spells as it is: no quote, no backslash
_SAID = ("kind", "effective_on", "cause_id", "lines")


class EntryKind(Enum):
    """What happened."""

    DRAWDOWN = "drawdown"
    INTEREST = "interest"
    FEE = "fee"
    REPAYMENT = "repayment"
    REVERSAL = "reversal"
    PENALTY = "penalty"
    CAPITALISATION = "capitalisation"  # interest that became principal
    REBATE = "rebate"  # interest given back to who paid promptly
    WRITE_OFF = "write_off"  # not expected any more; still owed
    RECOVERY = "recovery"  # money that came after all
    CASH_MOVED = "cash_moved"  # from hand to hand
    CASH_DIFFERENCE = "cash_difference"  # what a count found short or over
    SHARED = "shared"  # a partner's part of what moved in a joint loan
    SETTLEMENT = "settlement"  # money that changed hands with a partner
    PAYOUT = "payout"  # a rail paid what was owed to a supplier or to an account


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One side of an entry: debit positive, credit negative [minor units]."""

    account: str
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A posting.

    ``effective_on`` is the civil date on which it counts, ``recorded_at_ms`` when
    it was written down; ``cause_id`` is the operation that led to it, so that one
    operation can never post twice.
    """

    entry_id: str
    kind: EntryKind
    effective_on: str
    recorded_at_ms: int
    cause_id: str
    lines: tuple[EntryLine, ...]


def check_entry(entry: Entry) -> Entry:
    """Return the entry if it balances.

    Raises
    ------
    LedgerImbalanceError
        If it has fewer than two lines, a zero line, or a currency whose lines do
        not sum to zero.
    """
    if not 2 <= len(entry.lines) <= LINES_MAX:
        raise LedgerImbalanceError(
            f"entry {entry.entry_id}: expected 2 to {LINES_MAX} lines, got {len(entry.lines)}"
        )
    sums: dict[str, int] = defaultdict(int)
    for line in entry.lines:
        if require_safe_integer(line.amount_minor, "amount_minor") == 0:
            raise LedgerImbalanceError(f"entry {entry.entry_id}: {line.account} moves nothing")
        sums[line.currency] += line.amount_minor
    for currency, total in sums.items():
        if total != 0:
            raise LedgerImbalanceError(
                f"entry {entry.entry_id}: {currency} lines sum to {total}, expected 0"
            )
    return entry


def entry_hash(entry: Entry, previous: str) -> str:
    """The entry's link in the ledger's hash chain."""
    return linked_hash(encode(entry), previous)


def linked_hash(body: Mapping[str, object], previous: str) -> str:
    """The same of an entry that is encoded already."""
    return canonical_hash({"entry": body, "previous": previous})


def hashes(entry: Entry, previous: str) -> tuple[str, str]:
    """The hash of what an entry says, apart from when it was written down, and its link.

    Both are those of :func:`core.canonical.canonical_hash`. An entry of plain texts, as nearly
    all are, is spelt here directly, which takes a quarter of the time; the audit spells each
    entry the long way round.
    """
    lines = entry.lines
    texts = [entry.cause_id, entry.effective_on, entry.entry_id, previous]
    numbers = [entry.recorded_at_ms]
    for line in lines:
        texts += (line.account, line.currency)
        numbers.append(line.amount_minor)
    is_plain = _PLAIN.fullmatch("".join(texts)) is not None and all(
        type(each) is int and -SAFE_INTEGER_MAX <= each <= SAFE_INTEGER_MAX for each in numbers
    )
    if not is_plain:
        body = encode(entry)
        said = {name: body[name] for name in _SAID}
        return canonical_hash(said), linked_hash(body, previous)
    told = ",".join(
        f'{{"account":"{x.account}","amount_minor":{x.amount_minor},"currency":"{x.currency}"}}'
        for x in lines
    )
    cause, when = f'"cause_id":"{entry.cause_id}"', f'"effective_on":"{entry.effective_on}"'
    what = f'"kind":"{entry.kind.value}","lines":[{told}]'
    linked = (
        f'{{"entry":{{{cause},{when},"entry_id":"{entry.entry_id}",{what},'
        f'"recorded_at_ms":{entry.recorded_at_ms}}},"previous":"{previous}"}}'
    )
    return sha256_hex(f"{{{cause},{when},{what}}}".encode()), sha256_hex(linked.encode())


def balance(lines: Iterable[EntryLine], account: str, currency: str) -> int:
    """The sum of an account's lines [minor units]; what is owed is positive."""
    return sum(x.amount_minor for x in lines if x.account == account and x.currency == currency)


def transfer(debit: str, credit: str, currency: str, amount_minor: int) -> tuple[EntryLine, ...]:
    """Two lines that move an amount from the credited to the debited account."""
    return (EntryLine(debit, currency, amount_minor), EntryLine(credit, currency, -amount_minor))
