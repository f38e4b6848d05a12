"""Writing off what is not expected any more; it stays owed, and what comes is a recovery.

The line's own accounts are not touched, so that its account goes on from its facts;
``loan/written-off/<line>`` stands against them, in credit.
"""

from __future__ import annotations

from datetime import date

from core.lending.agreement import (
    AgreementEvent,
    AgreementReason,
    AgreementState,
    Standing,
    advance,
)
from core.lending.books import (
    fee_account,
    interest_account,
    penalty_account,
    principal_account,
    written_off_account,
)
from core.lending.ledger import Entry, EntryKind, EntryLine, transfer
from server.services.agreements import Event, bring_about, report, state_of_line
from server.services.centre import Work
from server.services.colending import share_out
from server.services.ending import Said, event_of, freeze_for_good, stands, today_of
from server.store import agreements, ledger, lines
from server.store.agreements import Step
from server.store.lines import Line

LOSS, RECOVERED = "expense/write-off", "income/recovery"


def recover(work: Work, line: Line, on: date) -> int:
    """Book what came in for a line that was written off; how much [minor units].

    What is still written off is what the books still hold of the line.
    """
    if state_of_line(work.tx, line) is not AgreementState.WRITTEN_OFF:
        return 0
    held, lost_minor = _held(work, line), _written_off(work, line)
    came = lost_minor - held
    if came > 0:
        lost = transfer(written_off_account(line.line_id), RECOVERED, line.currency, came)
        _post(work, EntryKind.RECOVERY, on, f"recovery/{work.new_id()}", lost)
        share_out(work, line.line_id)
        event = Event(
            AgreementEvent.RECOVER, work.myself, AgreementReason.MONEY_CAME, None,
            {"amount_minor": came},
        )  # fmt: skip
        report(work, line.application_id, event, Standing(on, owed_minor=held), line.line_id)
    return max(0, came)


def unrecover(work: Work, line: Line, cause: str) -> int:
    """Take back what was booked as recovered by money that bounced; how much [minor units].

    Only while the agreement is written off: one that had closed stands on the books as owed
    again, for people to look at.
    """
    if state_of_line(work.tx, line) is not AgreementState.WRITTEN_OFF:
        return 0
    steps = agreements.life(work.tx, line.application_id)
    lost = [each for each in steps if each.event is AgreementEvent.WRITE_OFF]
    held, lost_minor = _held(work, line), _written_off(work, line)
    recovered = int(lost[-1].detail["amount_minor"]) - lost_minor if lost else 0
    back = min(held - lost_minor, recovered)
    if back > 0:
        moved = transfer(RECOVERED, written_off_account(line.line_id), line.currency, back)
        on = today_of(work, line)
        _post(work, EntryKind.REVERSAL, on, f"{cause}/undoes/recovery", moved)
        share_out(work, line.line_id)
    return max(0, back)


def require_owing(work: Work, line_id: str, said: Said) -> None:
    """Refuse to write off a line of which nothing is owed, or that has ended.

    Raises
    ------
    NotKnownError
        If there is no such line.
    AgreementError
        If the table of the agreement's life does not permit it.
    """
    line = lines.get(work.tx, line_id)
    event = event_of(AgreementEvent.WRITE_OFF, said, {})
    advance(state_of_line(work.tx, line), event.event, event.by, stands(work, line))


def write_off_in(work: Work, line_id: str, said: Said, word_id: str) -> Step:
    """Say that what is owed is not expected any more, as two said; it stays owed.

    Raises
    ------
    NotKnownError
        If there is no such line.
    AgreementError
        If nothing is owed, or who says it is no supervisor.
    """
    line = lines.lock(work.tx, line_id)
    standing = stands(work, line)
    lost = _held(work, line)
    event = event_of(AgreementEvent.WRITE_OFF, said, {"amount_minor": lost, "word_id": word_id})
    step = bring_about(work, line, event, standing)
    if lost > 0:  # what is owed may all be interest that was never posted
        moved = transfer(LOSS, written_off_account(line_id), line.currency, lost)
        _post(work, EntryKind.WRITE_OFF, standing.on, f"write_off/{line_id}/{step.seq}", moved)
        share_out(work, line_id)
    freeze_for_good(work, line)
    return step


def _held(work: Work, line: Line) -> int:
    """What the books hold as owed: interest that was not posted yet is not lost."""
    named = (principal_account, interest_account, fee_account, penalty_account)
    accounts = [account(line.line_id) for account in named]
    return sum(ledger.account_balance(work.tx, each, line.currency) for each in accounts)


def _written_off(work: Work, line: Line) -> int:
    account = written_off_account(line.line_id)
    return -ledger.account_balance(work.tx, account, line.currency)


def _post(
    work: Work, kind: EntryKind, on: date, cause_id: str, moved: tuple[EntryLine, ...]
) -> None:
    entry = Entry(work.new_id(), kind, on.isoformat(), work.at_ms, cause_id, moved)
    ledger.post(work.tx, work.settings.name, entry)
