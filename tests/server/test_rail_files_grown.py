"""Two let in what they were told that a file does, and no more: what it grew to waits anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.lending.payout import PayoutState
from server.services import money_words
from server.services.audit.run import audit
from server.services.centre import RoleError
from server.services.payouts.rails import Rails
from server.services.payouts.reading import Reconciled, reconcile
from server.services.payouts.sending import Order, send_due
from server.store.payouts import Payout
from server.store.people import Actor
from tests.support.centre_kit import Kit
from tests.support.packs import pack
from tests.support.payout_kit import (
    RAILS,
    csv_of,
    current,
    draw_on,
    line_of,
    set_up_rails,
    told,
    with_account,
)
from tests.support.rail_files import IRIS, JUMA

LENA, NORA = Actor("lena", "lender"), Actor("nora", "supervisor")


@pytest.fixture
def due(kit: Kit) -> Payout:
    """A payout that waits to be handed to its rail."""
    payout = draw_on(kit, line_of(kit, pack("input-voucher")))
    with_account(kit, "files")
    return payout


@pytest.fixture
def rails(tmp_path: Path) -> Rails:
    """Rails whose files move nothing on one person's word."""
    most = "amount_minor_max = 10_000_000"
    return set_up_rails(tmp_path, text=RAILS.replace(most, f"{most}\nalone_minor_max = 0"))


def bring(kit: Kit, rails: Rails, payout: Payout, by: Actor) -> Reconciled:
    data = csv_of(f"{told(payout)},returned,5000.00,KES,S-1,")
    return reconcile(kit.centre, rails, "files", data, by)


@pytest.mark.both_engines
def test_a_file_that_moved_nothing_when_two_let_it_in_moves_nothing_later_without_two(
    kit: Kit, due: Payout, rails: Rails
):
    first = bring(kit, rails, due, LENA).waits  # before anything was handed to the rail
    assert first is not None
    [waits] = kit.centre.write(money_words.waiting)
    assert "settles or undoes KES 0.00; 1 of it fits nothing" in waits.sentence
    kit.centre.write(lambda work: money_words.confirm(work, first.word_id, JUMA))
    send_due(kit.centre, rails)
    second = bring(kit, rails, due, LENA).waits
    assert second is not None
    assert second.word_id != first.word_id
    assert current(kit, due).state is PayoutState.SENT
    assert bring(kit, rails, due, IRIS).findings == {"matched": 1}
    assert current(kit, due).state is PayoutState.RETURNED
    assert bring(kit, rails, due, LENA).known_count == 1
    whole = audit(kit.centre)
    assert whole.holds, whole.first


@pytest.mark.both_engines
def test_who_exports_after_a_file_was_told_does_not_confirm_it_by_the_same_bytes(
    kit: Kit, due: Payout, rails: Rails
):
    assert bring(kit, rails, due, IRIS).waits is not None
    assert send_due(kit.centre, rails, Order("files", at_once=True, by=NORA)).taken_count == 1
    with pytest.raises(RoleError, match="exported what was paid"):
        bring(kit, rails, due, NORA)
    assert current(kit, due).state is PayoutState.SENT


@pytest.mark.both_engines
def test_who_exports_after_they_confirmed_a_file_has_confirmed_nothing_of_it(
    kit: Kit, due: Payout, rails: Rails
):
    waits = bring(kit, rails, due, IRIS).waits
    assert waits is not None
    kit.centre.write(lambda work: money_words.confirm(work, waits.word_id, NORA))
    send_due(kit.centre, rails, Order("files", at_once=True, by=NORA))
    assert bring(kit, rails, due, NORA).waits is not None
    assert current(kit, due).state is PayoutState.SENT
