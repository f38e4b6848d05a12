"""What a partner of joint loans is told and paid: a statement by line, a settlement file.

Both are read from the ledger by date of effect, after every line was brought up to its
books; a statement's closing balances are the next one's opening ones.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from io import StringIO

from core.canonical import canonical_hash, sha256_hex
from core.lending.colending import COMPONENTS, account_of, accounts_of, paid_account
from core.lending.ledger import Entry, EntryKind, transfer
from core.shape import encode
from core.signing import DocumentType, sign_document
from server.services.centre import Centre, RequestError, Work
from server.services.colending import share_out
from server.store import colending, ledger, people
from server.store.engine import NotKnownError
from server.store.people import Actor

STATEMENT = DocumentType("partner-statement", 1)
AMOUNT_MINOR_MAX = 10**15


@dataclass(frozen=True, slots=True)
class LineStatement:
    """A partner's part of one line in a period [minor units].

    Opening and closing are what it carries of principal; the flows are those of the period;
    ``settlement_minor`` is what the partner owes the lender for it, in minus what it is owed.
    """

    line_id: str
    currency: str
    share_ppm: int
    opening_principal_minor: int
    drawn_less_repaid_minor: int
    closing_principal_minor: int
    interest_minor: int
    fee_minor: int
    penalty_minor: int
    rebate_minor: int
    loss_minor: int
    settlement_minor: int


@dataclass(frozen=True, slots=True)
class PartnerStatement:
    """A partner's statement: its lines, and what is to be settled by currency.

    ``balance_minor`` is what the partner owes for all time less what changed hands, by
    currency; in minus what it is owed.
    """

    partner_id: str
    from_on: str
    until_on: str
    lines: tuple[LineStatement, ...]
    period_minor: Mapping[str, int]
    balance_minor: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Settled:
    """Money that changed hands with a partner [minor units]: it paid above 0, was paid below."""

    partner_id: str
    currency: str
    amount_minor: int
    on: str
    reference: str


def partner_statement(centre: Centre, partner_id: str, first: date, last: date) -> PartnerStatement:
    """A partner's statement of a period, both days within it.

    Raises
    ------
    NotKnownError
        If no line is carried with such a partner.
    RequestError
        If the period ends before it begins.
    """
    if last < first:
        raise RequestError(f"expected a period, got {first} to {last}")

    def act(work: Work) -> PartnerStatement:
        line_ids = colending.lines_shared(work.tx, partner_id)
        if not line_ids:
            raise NotKnownError(f"expected a partner that carries a line, got {partner_id!r}")
        for line_id in line_ids:
            share_out(work, line_id)
        found = [_line(work, partner_id, each, (first, last)) for each in line_ids]
        kept = tuple(each for each in found if each is not None)
        period: dict[str, int] = defaultdict(int)
        for each in kept:
            period[each.currency] += each.settlement_minor
        balance: dict[str, int] = defaultdict(int)
        for (_, currency), minor in colending.settlement_balances(work.tx, partner_id).items():
            balance[currency] += minor
        return PartnerStatement(
            partner_id, first.isoformat(), last.isoformat(), kept, dict(period), dict(balance)
        )

    return centre.write(act)


def _line(
    work: Work, partner_id: str, line_id: str, period: tuple[date, date]
) -> LineStatement | None:
    shared = colending.shared(work.tx, line_id)
    first, last = (day.isoformat() for day in period)
    opening: dict[str, int] = defaultdict(int)
    flows: dict[str, int] = defaultdict(int)
    named = {account_of(c, partner_id, line_id): c for c in (*COMPONENTS, "settlement")}
    currency = ""
    for each in ledger.entries_for(work.tx, accounts_of(partner_id, line_id)):
        for line in each.entry.lines:
            name = named.get(line.account)
            if name is None or each.entry.effective_on > last:
                continue
            before = each.entry.effective_on < first
            (opening if before else flows)[name] += line.amount_minor
            currency = line.currency
    if shared is None or not currency:
        return None
    share = next(p.share_ppm for p in shared.parties if p.partner_id == partner_id)
    return LineStatement(
        line_id=line_id,
        currency=currency,
        share_ppm=share,
        opening_principal_minor=-opening["principal"],
        drawn_less_repaid_minor=-flows["principal"],
        closing_principal_minor=-opening["principal"] - flows["principal"],
        interest_minor=flows["earned-interest"],
        fee_minor=flows["earned-fee"],
        penalty_minor=flows["earned-penalty"],
        rebate_minor=-flows["rebate"],
        loss_minor=-flows["loss"],
        settlement_minor=flows["settlement"],
    )


def statement_files(centre: Centre, found: PartnerStatement) -> dict[str, bytes]:
    """The statement as CSV, and what is to be settled as a document that the centre signs."""
    text = StringIO(newline="")
    columns = [field.name for field in fields(LineStatement)]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(each) for each in found.lines)
    data = text.getvalue().encode()
    name = f"{found.partner_id}-{found.from_on}-{found.until_on}"
    body = {
        "partner_id": found.partner_id,
        "from_on": found.from_on,
        "until_on": found.until_on,
        "period_minor": dict(found.period_minor),
        "balance_minor": dict(found.balance_minor),
        "file": f"{name}.csv",
        "sha256": sha256_hex(data),
    }
    return {
        f"{name}.csv": data,
        f"{name}.settlement.json": sign_document(STATEMENT, body, centre.keys),
    }


def settle_with(centre: Centre, settled: Settled, by: Actor) -> bool:
    """Book money that changed hands with a partner; False if the same is booked.

    Raises
    ------
    NotKnownError
        If no line is carried with such a partner.
    RequestError
        If nothing changed hands, or no reference is given.
    ConflictError
        If the reference has other content.
    """

    def act(work: Work) -> bool:
        if not colending.lines_shared(work.tx, settled.partner_id):
            raise NotKnownError(
                f"expected a partner that carries a line, got {settled.partner_id!r}"
            )
        if not settled.reference or not 0 < abs(settled.amount_minor) <= AMOUNT_MINOR_MAX:
            raise RequestError("expected an amount other than 0 and a reference")
        till = f"cash/{work.settings.name}"
        moved = transfer(
            till, paid_account(settled.partner_id), settled.currency, settled.amount_minor
        )
        cause = f"settled/{settled.partner_id}/{settled.reference}"
        entry = Entry(work.new_id(), EntryKind.SETTLEMENT, settled.on, work.at_ms, cause, moved)
        is_new = ledger.post(work.tx, work.settings.name, entry)
        if is_new:
            detail = {"content_sha256": canonical_hash(encode(settled))}
            subject = ("partner", settled.partner_id)
            people.record(work.tx, work.at_ms, by, "partner_settled", subject, detail)
        return is_new

    return centre.write(act)
