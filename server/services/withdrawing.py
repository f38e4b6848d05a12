"""Leaving an agreement while it cools: nothing more is drawn, and its fees are given back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from core.errors import AgreementError
from core.lending.agreement import AgreementEvent
from core.lending.books import withdrawal_cause
from server.services.agreements import bring_about
from server.services.centre import Centre, Work
from server.services.downlink import send_status
from server.services.ending import Said, cooling_off_until, event_of, freeze_for_good, stands
from server.services.giving_back import FEES_BACK, fees_to_give_back, give_fees_back, undoing
from server.services.posting import square
from server.services.standing import account_of, priced_by
from server.store import lines
from server.store.agreements import Step
from server.store.lines import Line


def withdraw(centre: Centre, line_id: str, said: Said) -> Step:
    """Leave an agreement within its cooling-off period; nothing more is drawn.

    Raises
    ------
    NotKnownError
        If there is no such line.
    AgreementError
        If the product has no such period, or it has passed.
    """
    return centre.write(lambda work: _withdraw(work, line_id, said))


def _withdraw(work: Work, line_id: str, said: Said) -> Step:
    line = lines.lock(work.tx, line_id)
    standing = replace(stands(work, line), cooling_off_until=cooling_off_until(work, line))
    terms = priced_by(work.tx, line).agreement
    if terms is None:
        raise AgreementError(
            f"withdraw: expected a product with a cooling-off period, {line.product_id} has none"
        )
    repay_on = standing.on + timedelta(days=terms.withdrawn_repay_days)
    detail = {**left_with(work, line, standing.on), "repay_on": repay_on.isoformat()}
    step = bring_about(work, line, event_of(AgreementEvent.WITHDRAW, said, detail), standing)
    let_go(work, line, standing.on)
    send_status(work, lines.get(work.tx, line_id))
    return step


def left_with(work: Work, line: Line, on: date) -> dict[str, int]:
    """What is given back to who leaves on a day, and what is owed then [minor units]."""
    fees = fees_to_give_back(work.tx, line, on.isoformat())
    owed = account_of(work.tx, line, on, also=undoing(line, fees)).owed
    return {
        "owed_minor": owed.total_minor,
        FEES_BACK: sum(fee.amount_minor for fee in fees),
    }


def let_go(work: Work, line: Line, on: date) -> None:
    """Freeze a line that was left on a day for good, and give its fees back."""
    freeze_for_good(work, line)
    fees = fees_to_give_back(work.tx, line, on.isoformat())
    if give_fees_back(work, line, fees):
        square(work, line, withdrawal_cause(line.line_id))
