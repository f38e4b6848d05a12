"""Loans that several lenders carry together: who may, who carries what, to the unit.

A line's books say what was lent, earned, lost and paid. What each lender carries is a
function of them: every balance is split anew by largest remainder, so the parts sum to the
whole whatever the sequence was, and a thousand repayments of one unit drift by nothing. A
posting is the difference of two such states. Losses go to whoever stands for the first of
them, then by the shares; what a lender is owed or owes is what balances its side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from core.errors import AgreementError, ShapeError
from core.lending.books import (
    PAYOUT_CAUSE,
    fee_account,
    interest_account,
    penalty_account,
    principal_account,
    written_off_account,
)
from core.lending.ledger import Entry, EntryKind
from core.shape import decode
from core.units import PPM, allocate, civil_date, share_ppm

PARTIES_MAX = 10
SHARED, SETTLEMENT = "shared", "settlement"


@dataclass(frozen=True, slots=True)
class JointRules:
    """What the law allows of joint lending, from a day on.

    Each partner carries at least ``share_ppm_min`` of a loan; what the lender lends together
    with one partner is at most ``partner_ppm_max`` of its tier-1 capital, and all joint
    loans at most ``book_ppm_max`` of the book.
    """

    version: int
    effective_from: str
    share_ppm_min: int
    partner_ppm_max: int
    book_ppm_max: int
    tier1_minor: int
    currency: str
    source: str


def parse_joint_rules(table: Mapping[str, Any]) -> JointRules:
    """Rules from a parsed TOML table.

    Raises
    ------
    AgreementError
        If a field is missing or cannot be; all faults at once.
    """
    try:
        rules = decode(JointRules, dict(table))
    except ShapeError as error:
        raise AgreementError(f"rules of joint lending: {error}") from error
    checks = (
        (rules.version >= 1, "expected a version of 1 or more"),
        (civil_date(rules.effective_from) is not None, "expected effective_from as a date"),
        (0 < rules.share_ppm_min <= PPM // 2, f"expected share_ppm_min of 1 to {PPM // 2}"),
        (0 < rules.partner_ppm_max <= PPM, f"expected partner_ppm_max of 1 to {PPM}"),
        (0 < rules.book_ppm_max <= PPM, f"expected book_ppm_max of 1 to {PPM}"),
        (rules.tier1_minor >= 0, "expected tier1_minor of 0 or more"),
        (bool(rules.source), "expected a source"),
    )
    faults = [words for holds, words in checks if not holds]
    if faults:
        raise AgreementError(f"rules of joint lending {rules.version}: " + "; ".join(faults))
    return rules


@dataclass(frozen=True, slots=True)
class Party:
    """A lender's part: its share of each loan, and of what share of it it bears losses first."""

    partner_id: str
    name: str
    share_ppm: int
    first_loss_ppm: int = 0


@dataclass(frozen=True, slots=True)
class Arrangement:
    """An agreement to lend a product's lines together, for lines opened from a day to a day.

    The first party is the lender whose book this is: it alone deals with the farmer.
    """

    agreement_id: str
    product_id: str
    from_on: str
    until_on: str
    parties: tuple[Party, ...]

    @property
    def partners(self) -> tuple[Party, ...]:
        """All but the lender itself."""
        return self.parties[1:]

    def faults(self) -> list[str]:
        """What contradicts itself, in words."""
        ids = [each.partner_id for each in self.parties]
        total = sum(each.share_ppm for each in self.parties)
        first = [each for each in self.parties if each.first_loss_ppm]
        dates = (civil_date(self.from_on), civil_date(self.until_on))
        clean = all(each and "/" not in each and each == each.strip() for each in ids)
        rules = (
            (2 <= len(ids) <= PARTIES_MAX, f"expected 2 to {PARTIES_MAX} parties, got {len(ids)}"),
            (len(set(ids)) == len(ids), "expected each party once"),
            (clean, "expected partner ids without a slash or spaces around them"),
            (total == PPM, f"expected shares that sum to {PPM} ppm, got {total}"),
            (all(each.share_ppm > 0 for each in self.parties), "expected shares above 0"),
            (len(first) <= 1, "expected one party at most to bear losses first"),
            (all(0 <= each.first_loss_ppm <= PPM for each in first),
             f"expected first_loss_ppm of 0 to {PPM}"),
            (None not in dates and self.from_on <= self.until_on,
             f"expected from_on up to until_on, got {self.from_on[:20]} and {self.until_on[:20]}"),
        )  # fmt: skip
        return [f"{self.agreement_id[:40]}: {words}" for holds, words in rules if not holds]


class JointRule(Enum):
    """Why lenders may not carry a loan together, in order of precedence."""

    SHARE_MIN = "share_min"
    NO_CAPITAL = "no_capital"
    PARTNER_MAX = "partner_max"
    BOOK_MAX = "book_max"


@dataclass(frozen=True, slots=True)
class Refused:
    """A rule that an arrangement or a loan breaks: the bound, what was found, by how much."""

    rule: JointRule
    partner_id: str
    bound: int
    found: int
    unit: str

    @property
    def by(self) -> int:
        """By how much it is broken, in the rule's unit."""
        return abs(self.found - self.bound)

    def __str__(self) -> str:
        side = "at least" if self.rule is JointRule.SHARE_MIN else "at most"
        who = f" with {self.partner_id}" if self.partner_id else ""
        return (
            f"{self.rule.value}{who}: expected {side} {self.bound:,} {self.unit}, got "
            f"{self.found:,}, {self.by:,} {'short' if side == 'at least' else 'above'}"
        )


@dataclass(frozen=True, slots=True)
class JointExposure:
    """What is signed for or lent out already [minor units]: the lender's own part of it.

    ``with_partner_minor`` by partner, ``joint_minor`` of all joint loans, ``book_minor`` of all
    loans together.
    """

    with_partner_minor: Mapping[str, int]
    joint_minor: int
    book_minor: int


def share_refusals(rules: JointRules, arrangement: Arrangement) -> tuple[Refused, ...]:
    """Which partners' shares are too small."""
    return tuple(
        Refused(JointRule.SHARE_MIN, each.partner_id, rules.share_ppm_min, each.share_ppm, "ppm")
        for each in arrangement.partners
        if each.share_ppm < rules.share_ppm_min
    )


def loan_refusals(
    rules: JointRules, arrangement: Arrangement, exposure: JointExposure, limit_minor: int
) -> tuple[Refused, ...]:
    """Which rules one more line would break if all of its limit were drawn.

    Parameters
    ----------
    limit_minor
        The line's whole limit; the lender's own part of it counts [minor units].
    """
    own = allocate(limit_minor, [each.share_ppm for each in arrangement.parties])[0]
    found = list(share_refusals(rules, arrangement))
    if not rules.tier1_minor:
        return (*found, Refused(JointRule.NO_CAPITAL, "", 1, 0, "minor units of tier-1 capital"))
    most = rules.tier1_minor * rules.partner_ppm_max // PPM
    for each in arrangement.partners:
        total = exposure.with_partner_minor.get(each.partner_id, 0) + own
        if total > most:
            refused = (each.partner_id, most, total, "minor units")
            found.append(Refused(JointRule.PARTNER_MAX, *refused))
    joint = exposure.joint_minor + own
    book_most = (exposure.book_minor + own) * rules.book_ppm_max // PPM
    if joint > book_most:
        found.append(Refused(JointRule.BOOK_MAX, "", book_most, joint, "minor units"))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Position:
    """A line's books on a day [minor units]: what is owed, and what was earned and lost.

    ``written_off_minor`` is what is not expected any more, net of what came after all;
    ``drawn_minor`` all that was ever drawn and reached somebody.
    """

    principal_minor: int = 0
    interest_minor: int = 0
    fee_minor: int = 0
    penalty_minor: int = 0
    written_off_minor: int = 0
    earned_interest_minor: int = 0
    earned_fee_minor: int = 0
    earned_penalty_minor: int = 0
    rebate_minor: int = 0
    drawn_minor: int = 0


_INCOME = {
    "income/interest": "earned_interest_minor",
    "income/fee": "earned_fee_minor",
    "income/penalty": "earned_penalty_minor",
    "income/rebate": "rebate_minor",
}
_OWED = ("principal", "interest", "fee", "penalty")
_EARNED = ("earned-interest", "earned-fee", "earned-penalty")
COMPONENTS = (*_OWED, "written-off", *_EARNED, "rebate", "loss")


def positions(line_id: str, entries: Iterable[Entry]) -> dict[str, Position]:
    """A line's books at the end of each day on which they moved, in order."""
    named = {
        principal_account(line_id): "principal_minor",
        interest_account(line_id): "interest_minor",
        fee_account(line_id): "fee_minor",
        penalty_account(line_id): "penalty_minor",
        written_off_account(line_id): "written_off_minor",
        **_INCOME,
    }
    sums = {field.name: 0 for field in fields(Position)}
    found: dict[str, Position] = {}
    for entry in sorted(entries, key=lambda each: each.effective_on):
        for line in entry.lines:
            name = named.get(line.account)
            if name is None:
                continue
            in_credit = line.account in (*_INCOME, written_off_account(line_id))
            turned = in_credit and name != "rebate_minor"
            sums[name] += -line.amount_minor if turned else line.amount_minor
            if name == "principal_minor" and (entry.kind is EntryKind.DRAWDOWN or _undoes(entry)):
                sums["drawn_minor"] += line.amount_minor
        found[entry.effective_on] = Position(**sums)
    return found


def _undoes(entry: Entry) -> bool:
    """Whether an entry takes back a draw whose money came back or never left."""
    return entry.cause_id.startswith(PAYOUT_CAUSE) and "/undoes/" in entry.cause_id


def carried(parties: Sequence[Party], at: Position) -> tuple[dict[str, int], ...]:
    """What each party carries at a position, by component [minor units]; settlement last.

    Debits are positive: a partner's part of what is owed stands in credit, against the
    lender's own books; ``settlement`` is positive where the party owes the lender.
    """
    weights = [each.share_ppm for each in parties]
    signs = {
        **dict.fromkeys(_OWED, -1), "written-off": 1, **dict.fromkeys(_EARNED, 1),
        "rebate": -1,
    }  # fmt: skip
    split = {
        name: allocate(getattr(at, f"{name.replace('-', '_')}_minor"), weights) for name in signs
    }
    losses = loss_shares(parties, at.written_off_minor, at.drawn_minor)
    found = []
    for number in range(len(parties)):
        part = {name: sign * split[name][number] for name, sign in signs.items()}
        part["loss"] = -losses[number]
        part["settlement"] = -sum(part.values())
        found.append(part)
    return tuple(found)


def loss_shares(parties: Sequence[Party], lost_minor: int, drawn_minor: int) -> tuple[int, ...]:
    """Who bears a loss [minor units]: the first-loss party up to its part, the rest by shares."""
    first = [share_ppm(max(drawn_minor, 0), each.first_loss_ppm) for each in parties]
    taken = [min(max(lost_minor, 0), most) for most in first]
    rest = allocate(lost_minor - sum(taken), [each.share_ppm for each in parties])
    return tuple(one + other for one, other in zip(taken, rest, strict=True))


def account_of(component: str, partner_id: str, line_id: str) -> str:
    """The account that holds a component of a partner's part of a line."""
    if component == "settlement":
        return settlement_account(partner_id, line_id)
    return f"{SHARED}/{component}/{partner_id}/{line_id}"


def settlement_account(partner_id: str, line_id: str) -> str:
    """What a partner owes the lender for a line; in credit what is owed to it."""
    return f"{SETTLEMENT}/{partner_id}/{line_id}"


def paid_account(partner_id: str) -> str:
    """What changed hands with a partner: it paid in credit, was paid in debit."""
    return f"{SETTLEMENT}/{partner_id}/paid"


def accounts_of(partner_id: str, line_id: str) -> tuple[str, ...]:
    """Every account that holds a partner's part of a line."""
    named = (*COMPONENTS, "settlement")
    return tuple(account_of(each, partner_id, line_id) for each in named)
