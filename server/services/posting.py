"""What reaches the ledger: drawdowns and their fees, repayments, interest and the like.

Each posting names its cause, so that one operation can never post twice. What a
repayment brings about - interest and penalty since the last, interest that becomes
principal, the split, a rebate - is posted with it; a fact that comes late reverses and
replays what it changes (:mod:`core.lending.books`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from core.canonical import canonical_hash
from core.lending.agreed import draw_fact
from core.lending.agreement import AgreementEvent, AgreementReason, Standing
from core.lending.books import (
    Books,
    Posting,
    agent_account,
    fee_account,
    line_accounts,
    posted_slots,
    postings,
    principal_account,
    repayment_fact,
    wanted_slots,
)
from core.lending.facts import Fact, FactKind
from core.lending.ledger import Entry, EntryKind, EntryLine, transfer
from core.lending.payout import PayeeKind
from core.shape import encode
from core.units import civil_date
from core.wire.evidence import Stage
from core.wire.registry import SubjectKind
from server.services import paying
from server.services.agreements import Event, report
from server.services.centre import Centre, RequestError, Work
from server.services.colending import share_out
from server.services.downlink import send_status
from server.services.ending import lapse, shut
from server.services.giving_back import give_late_fee_back
from server.services.leasing import issue_for_line
from server.services.relief_ending import end_relief
from server.services.standing import (
    account_of,
    facts_of,
    owed,
    priced_by,
    suspense_account,
    zone_minutes,
)
from server.services.writing_off import recover
from server.store import evidence, ledger, ledger_bulk, lines, people, products, registry
from server.store.engine import ConflictError, Tx
from server.store.leases import Drawing
from server.store.ledger import Repayment
from server.store.lines import Line
from server.store.people import Actor

REPAID_AHEAD_DAYS_MAX = 1  # a cashier's zone may be a day ahead of the farmer's
CLOSE_BEFORE_DUE_DAYS = 30  # a herd's line has no harvest: repaid this near to its end, it closes


@dataclass(frozen=True, slots=True)
class RepaymentRequest:
    """A cashier's report of money received [minor units]; the id makes it count once."""

    repayment_id: str
    line_id: str
    amount_minor: int
    currency: str
    effective_on: str


def post_drawdown(work: Work, drawing: Drawing) -> int:
    """Post a drawdown and its fee; the same draw again posts nothing.

    Returns
    -------
    int
        What left ``suspense/<line>`` for the line by it [minor units].
    """
    currency, suspended = drawing.currency, _suspended(work, drawing)
    payee = None if drawing.paid_by else payee_of_draw(work, drawing)
    source = suspense_account(drawing.line_id) if suspended else _paid_from(drawing, payee)
    when = (drawing.effective_on, draw_fact(drawing.draw_id))
    drawn = transfer(principal_account(drawing.line_id), source, currency, drawing.amount_minor)
    entries = [_entry(work, EntryKind.DRAWDOWN, when, drawn)]
    if payee is not None:
        if suspended:  # no till paid it, as was thought while its line was not known
            owed_entry = (f"cash/{drawing.writer}", _paid_from(drawing, payee))
            moved = transfer(*owed_entry, currency, drawing.amount_minor)
            when_owed = (drawing.effective_on, paying.owed_cause(drawing.draw_id))
            entries.append(_entry(work, EntryKind.DRAWDOWN, when_owed, moved))
        paying.make(work, drawing, payee)
    if drawing.fee_minor:
        fee = transfer(fee_account(drawing.line_id), "income/fee", currency, drawing.fee_minor)
        entries.append(_entry(work, EntryKind.FEE, when, fee))
    ledger_bulk.post_many(work.tx, drawing.writer, entries)
    if drawing.fee_minor:
        give_late_fee_back(work, lines.get(work.tx, drawing.line_id))
    repaid = ledger.repayments_of(work.tx, drawing.line_id)
    if any(each.effective_on >= drawing.effective_on for each in repaid):
        square(work, lines.get(work.tx, drawing.line_id), draw_fact(drawing.draw_id))
    share_out(work, drawing.line_id)
    return drawing.amount_minor if suspended else 0


def payee_of_draw(work: Work, drawing: Drawing) -> tuple[PayeeKind, str] | None:
    """Whom a rail pays a draw to: the supplier that it names; None where a till has paid it."""
    line = lines.get(work.tx, drawing.line_id)
    if named := _named_supplier(work, line, drawing):
        return PayeeKind.SUPPLIER, named
    return paying.payee_of(priced_by(work.tx, line), line.farmer_id)


def till_of_draw(drawing: Drawing) -> str:
    """What cash was paid out of: a cash agent's box, or the station's till."""
    return agent_account(drawing.paid_by) if drawing.paid_by else f"cash/{drawing.writer}"


def _paid_from(drawing: Drawing, payee: tuple[PayeeKind, str] | None) -> str:
    """The till that paid a draw out; what a rail pays is owed to its payee, and no till's."""
    if payee is None:
        return till_of_draw(drawing)
    return paying.owed_account(*payee, drawing.line_id)


def _named_supplier(work: Work, line: Line, drawing: Drawing) -> str:
    """The supplier that a draw names, if a version of the line's product pays them."""
    known = products.every_version(work.tx, line.product_id) if drawing.supplier else ()
    paid = {name for each in known if each.voucher is not None for name in each.voucher.suppliers}
    return drawing.supplier if drawing.supplier in paid else ""


def post_suspense(work: Work, drawing: Drawing) -> None:
    """Post money that was paid out on a line that is not known here."""
    source = till_of_draw(drawing)
    paid = transfer(
        suspense_account(drawing.line_id), source, drawing.currency, drawing.amount_minor
    )
    when = (drawing.effective_on, suspense_cause(drawing.draw_id))
    _post(work, drawing.writer, EntryKind.DRAWDOWN, when, paid)


def _suspended(work: Work, drawing: Drawing) -> bool:
    """Whether a draw's money was posted to suspense."""
    return ledger.has_cause(work.tx, suspense_cause(drawing.draw_id), EntryKind.DRAWDOWN)


def suspense_cause(draw_id: str) -> str:
    """The cause of the entry by which a draw's money stands in suspense."""
    return f"suspense/{draw_id}"


def take_repayment(
    centre: Centre, request: RepaymentRequest, cashier: Actor
) -> tuple[Repayment, bool]:
    """Take a repayment; whether it was new. The same request again changes nothing.

    Raises
    ------
    RequestError
        If the amount, currency or date cannot be.
    NotKnownError
        If there is no such line.
    ConflictError
        If the id is known with other content.
    """
    return centre.write(lambda work: take_repayment_in(work, request, cashier))


def take_repayment_in(
    work: Work, request: RepaymentRequest, cashier: Actor, paid_to: str = ""
) -> tuple[Repayment, bool]:
    """The same in a transaction that is open; into another till than the centre's, if named."""
    line = lines.lock(work.tx, request.line_id)
    content = canonical_hash(encode(request))
    known = ledger.find_repayment(work.tx, request.repayment_id)
    if known is not None:
        if known.content_sha256 != content:
            raise ConflictError(f"repayment {request.repayment_id} exists with other content")
        return known, False
    on = _require_possible(work, request, line)
    kept = _keep(work, request, (content, on, paid_to), cashier)
    square(work, line, repayment_fact(request.repayment_id))
    recover(work, line, on)
    people.record(
        work.tx, work.at_ms, cashier, "repayment_taken", ("repayment", request.repayment_id),
        {"line_id": request.line_id, "amount_minor": request.amount_minor},
    )  # fmt: skip
    settle(work, line)
    return kept, True


def _require_possible(work: Work, request: RepaymentRequest, line: Line) -> date:
    if request.amount_minor <= 0 or request.currency != line.currency:
        raise RequestError(
            f"repayment {request.repayment_id}: expected a positive amount in {line.currency}, "
            f"got {request.amount_minor} {request.currency}"
        )
    first, last = days_of_repayment(work, line)
    on = civil_date(request.effective_on)
    if on is None or not first <= on <= last:
        raise RequestError(
            f"repayment {request.repayment_id}: expected effective_on as YYYY-MM-DD from {first} "
            f"to {last}, got {request.effective_on!r}"
        )
    return on


def days_of_repayment(work: Work, line: Line) -> tuple[date, date]:
    """The first and last day on which money can have come: from the first draw to today.

    A mistyped year would else post decades of interest, or take all of it back.
    """
    drawn = ledger.principal_changes(work.tx, principal_account(line.line_id))
    days = [date.fromisoformat(day) for day, _ in drawn]
    today = work.today(zone_minutes(work.tx, line.farmer_id))
    first = min([date.fromisoformat(line.opened_on), *days])
    return first, today + timedelta(days=REPAID_AHEAD_DAYS_MAX)


def _keep(
    work: Work, request: RepaymentRequest, told: tuple[str, date, str], cashier: Actor
) -> Repayment:
    """Write down a repayment, and how it is used by what is known at the till."""
    content, on, paid_to = told
    line = lines.get(work.tx, request.line_id)
    paid = Fact(repayment_fact(request.repayment_id), FactKind.REPAYMENT, on, request.amount_minor)
    split = account_of(work.tx, line, on, also=(paid,)).split_of(paid.fact_id)
    kept = Repayment(
        repayment_id=request.repayment_id,
        line_id=request.line_id,
        amount_minor=request.amount_minor,
        currency=request.currency,
        effective_on=on.isoformat(),
        fee_minor=split.parts.fee_minor,
        interest_minor=split.parts.interest_minor,
        principal_minor=split.parts.principal_minor,
        surplus_minor=split.surplus_minor,
        content_sha256=content,
        received_by=cashier.name,
        at_ms=work.at_ms,
        paid_to=paid_to,
    )
    ledger.add_repayment(work.tx, kept)
    return kept


def square(work: Work, line: Line, cause: str) -> int:
    """Bring the ledger to what the line's facts say; how many entries that took.

    The days on which interest was posted before stay such days, so nothing is undone that
    has not changed; and up to the latest of them the ledger and the account are the same.
    """
    wanted = unsquared(work.tx, line, f"cash/{work.settings.name}", cause)
    entries = [
        _entry(work, each.kind, (each.on.isoformat(), each.cause_id), each.lines) for each in wanted
    ]
    for first in range(0, len(entries), ledger_bulk.ENTRIES_MAX):
        batch = entries[first : first + ledger_bulk.ENTRIES_MAX]
        ledger_bulk.post_many(work.tx, work.settings.name, batch)
    share_out(work, line.line_id)
    return len(wanted)


def unsquared(tx: Tx, line: Line, till: str, cause: str) -> tuple[Posting, ...]:
    """What the ledger lacks, or holds too much of, by the facts of a line."""
    entries = ledger.entries_for(tx, line_accounts(line.line_id))
    posted = posted_slots(each.entry for each in entries)
    looks = frozenset(slot.on for slot in posted.values())
    repaid = ledger.repayments_of(tx, line.line_id)
    days = [*looks, *(date.fromisoformat(each.effective_on) for each in repaid)]
    found = account_of(tx, line, max(days, default=date.min), looks=looks)
    tills = {repayment_fact(each.repayment_id): each.paid_to for each in repaid if each.paid_to}
    books = Books(line.line_id, line.currency, till, tills)
    return postings(posted, wanted_slots(books, found), cause)


def settle(work: Work, line: Line) -> None:
    """After money moved: close a line that is repaid after harvest, or lease it anew."""
    if not close_if_over(work, line.line_id):
        send_status(work, line)
        issue_for_line(work, line.line_id)


def close_if_over(work: Work, line_id: str) -> bool:
    """Close a line whose season has ended and whose debt is paid, or that nobody ever used.

    One that is not closed may be at the end of its relief.
    """
    line = lines.lock(work.tx, line_id)
    if lapse(work, line):
        return True
    is_repaid = line.is_open and _is_repaid(work, line)
    if not (is_repaid and _is_over(work, line, work.today())):
        end_relief(work, line, is_repaid=is_repaid)
        return False
    done = Event(AgreementEvent.CLOSE, work.myself, AgreementReason.REPAID)
    report(work, line.application_id, done, Standing(work.today()), line_id)
    shut(work, line)
    return True


def _is_repaid(work: Work, line: Line) -> bool:
    """Whether money was drawn, and all of it and its price has come back."""
    facts = facts_of(work.tx, line)
    if {FactKind.DRAWDOWN, FactKind.REPAYMENT} - {fact.kind for fact in facts}:
        return False
    # On the day of the last fact: a draw may be dated after the last repayment.
    return owed(work.tx, line, max(fact.on for fact in facts)).total_minor == 0


def _is_over(work: Work, line: Line, on: date) -> bool:
    """Whether the season that the line was lent against has ended."""
    due = date.fromisoformat(line.due_on)
    if on >= due:
        return True
    subjects = [registry.subject(work.tx, each) for each in line.subject_ids]
    if any(subject.kind is not SubjectKind.PLOT for subject in subjects):
        return on >= due - timedelta(days=CLOSE_BEFORE_DUE_DAYS)
    seen = [evidence.speaking_for(work.tx, each) for each in subjects]
    return all(kept is not None and kept.stage is Stage.HARVESTED for kept in seen)


def _post(
    work: Work, writer: str, kind: EntryKind, when: tuple[str, str], moved: tuple[EntryLine, ...]
) -> None:
    ledger.post(work.tx, writer, _entry(work, kind, when, moved))


def _entry(
    work: Work, kind: EntryKind, when: tuple[str, str], moved: tuple[EntryLine, ...]
) -> Entry:
    """An entry with its day and its cause, written down now."""
    return Entry(work.new_id(), kind, when[0], work.at_ms, when[1], moved)
