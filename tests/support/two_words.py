"""What two officers say about money, one after the other, for tests."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from core.lending.agreement import AgreementReason
from core.lending.payout import Outcome
from core.lending.relief import LossSeen, Relief
from core.shape import decode
from server.services.bouncing import BounceRequest
from server.services.cash_people import Ending
from server.services.centre import Centre
from server.services.letting_go import (
    tell_cancel,
    tell_order_release,
    tell_release,
    tell_write_off,
)
from server.services.money_words import confirm, tell_bounce, tell_difference, tell_outcome
from server.services.relief import tell_relief
from server.store import agreements, bounces, lines, payouts
from server.store.agreements import Step
from server.store.bounces import KeptBounce
from server.store.engine import ConflictError
from server.store.money_words import KeptWord
from server.store.payouts import Payout
from server.store.people import Actor

FIRST, SECOND = Actor("wanjiru", "supervisor"), Actor("barasa", "supervisor")


def bounced(
    centre: Centre, asked: BounceRequest, first: Actor = FIRST, second: Actor = SECOND
) -> KeptBounce | None:
    """A repayment that came to nothing by the word of two; it does so once."""
    if _bounce(centre, asked) is not None:
        with pytest.raises(ConflictError, match="bounced already"):
            centre.write(lambda work: tell_bounce(work, asked, first))
        return _bounce(centre, asked)
    told = centre.write(lambda work: tell_bounce(work, asked, first))
    centre.write(lambda work: confirm(work, told.word_id, second))
    return _bounce(centre, asked)


def _bounce(centre: Centre, asked: BounceRequest) -> KeptBounce | None:
    with centre.store.reading() as tx:
        return bounces.find(tx, asked.repayment_id)


def settled(
    centre: Centre, payout_id: str, outcome: Outcome, reason: str = "heard by telephone"
) -> KeptWord:
    """How a payout went by the word of two."""
    told = centre.write(lambda work: tell_outcome(work, payout_id, outcome, FIRST, reason))
    return centre.write(lambda work: confirm(work, told.word_id, SECOND))


def ended(centre: Centre, person_id: str, ending: tuple[Ending, int]) -> KeptWord:
    """What becomes of cash short or over by the word of two."""
    told = centre.write(lambda work: tell_difference(work, person_id, ending, FIRST, "looked at"))
    return centre.write(lambda work: confirm(work, told.word_id, SECOND))


def cancelled(
    centre: Centre, payout_id: str, first: Actor = FIRST, reason: str = "not wanted any more"
) -> Payout:
    """A payout that is not to be paid, by the word of two."""
    told = centre.write(lambda work: tell_cancel(work, payout_id, first, reason))
    centre.write(lambda work: confirm(work, told.word_id, SECOND))
    return _payout(centre, payout_id)


def released(
    centre: Centre, payout_id: str, first: Actor = FIRST, reason: str = "looked at"
) -> Payout:
    """A held payout that may go, by the word of two."""
    told = centre.write(lambda work: tell_release(work, payout_id, first, reason))
    centre.write(lambda work: confirm(work, told.word_id, SECOND))
    return _payout(centre, payout_id)


def order_released(centre: Centre, order_id: str) -> KeptWord:
    """A held order that may go on, by the word of two."""
    told = centre.write(lambda work: tell_order_release(work, order_id, FIRST, "looked at"))
    return centre.write(lambda work: confirm(work, told.word_id, SECOND))


def written_off(
    centre: Centre, line_id: str, why: AgreementReason = AgreementReason.NOT_RECOVERABLE
) -> Step:
    """A line whose debt is not expected any more, by the word of two; its last step."""
    told = centre.write(lambda work: tell_write_off(work, line_id, why, FIRST, why.value))
    centre.write(lambda work: confirm(work, told.word_id, SECOND))
    with centre.store.reading() as tx:
        return agreements.life(tx, lines.get(tx, line_id).application_id)[-1]


def relieved(
    centre: Centre, line_id: str, seen: Sequence[LossSeen], second: Actor = SECOND
) -> tuple[Step, Relief]:
    """What a line owes put off for a verified loss, by the word of two; its step, and by what."""
    told = centre.write(lambda work: tell_relief(work, line_id, seen, (FIRST, "looked at")))
    centre.write(lambda work: confirm(work, told.word_id, second))
    with centre.store.reading() as tx:
        step = agreements.life(tx, lines.get(tx, line_id).application_id)[-1]
    return step, decode(Relief, dict(step.detail["relief"]))


def _payout(centre: Centre, payout_id: str) -> Payout:
    with centre.store.reading() as tx:
        found = payouts.find(tx, payout_id)
    assert found is not None
    return found
