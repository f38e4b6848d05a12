"""Reviews read orders: what was ordered is a term, and what went elsewhere holds every rise."""

from __future__ import annotations

import pytest

from core.lending.limit import Movement
from core.reasons import ReasonCode
from core.units import civil_day
from core.wire.evidence import Stage
from core.wire.orders import Answer
from server.services import book_review
from server.services.audit.run import audit
from server.services.evidence import accept_evidence
from server.services.explaining import explained
from server.services.orders.fulfilment import SELL_DAYS
from server.services.orders.officers import divert_order
from server.services.outlook import look
from server.services.reviews import review_again
from server.store import lines, products
from server.store.lines import LineMovement
from tests.support.centre_kit import TESTER, Kit
from tests.support.orders_kit import Trade, open_trade

SEASON = "2026-long-rains"


@pytest.fixture
def engine_name() -> str:
    return "postgresql"  # where lines are passed over


@pytest.fixture
def trade(kit: Kit) -> Trade:
    return open_trade(kit)


def seen(trade: Trade, stage: Stage, p10: int | None, days: int = 6) -> LineMovement:
    """Another look, some days on; the movement that came of it."""
    kit = trade.kit
    kit.clock.add_days(days)
    on = civil_day(kit.clock.at_ms)
    accept_evidence(kit.centre, kit.evidence("plot-b1", on, stage, p10, season_id=SEASON))
    return latest(trade)


def latest(trade: Trade) -> LineMovement:
    found: LineMovement | None = trade.kit.read(lines.last_movement, trade.line_id)
    assert found is not None
    return found


def codes(moved: LineMovement) -> list[ReasonCode]:
    return [reason.code for reason in moved.reasons]


def test_what_was_ordered_is_a_term_and_is_explained(trade: Trade) -> None:
    assert "ordered_minor" not in seen(trade, Stage.EMERGENCE, 2_000).terms
    trade.bought()
    moved = seen(trade, Stage.EMERGENCE, 2_000)
    assert moved.terms["ordered_minor"] == 450_000
    [ordered] = [view for view in moved.views if "order_id" in view]
    assert (ordered["state"], ordered["amount_minor"]) == ("paid", 450_000)
    line = trade.kit.read(lines.get, trade.line_id)
    told = {each.sign: each for each in trade.kit.read(explained, line, moved)}
    assert told["in S"].amount_minor == 450_000
    assert told["in S"].words == "Ordered from suppliers so far"
    assert audit(trade.kit.centre, ("limits", "consents")).holds


def test_an_order_that_went_elsewhere_holds_every_rise_until_it_is_put_right(trade: Trade) -> None:
    order_id = trade.bought()
    trade.report(order_id)
    trade.answer(order_id, 1, Answer.RECEIVED)
    before = seen(trade, Stage.VEGETATIVE, 3_000)
    assert ReasonCode.LIMIT_ORDER_BROKEN not in codes(before)
    divert_order(trade.kit.centre, order_id, TESTER)
    moved = seen(trade, Stage.VEGETATIVE, 3_600)
    assert codes(moved)[0] is ReasonCode.LIMIT_ORDER_BROKEN
    assert moved.terms["stage_cost_minor"] == 450_000  # what was ordered: nothing more is lent
    assert moved.limit_minor <= before.limit_minor
    assert moved.movement in (Movement.CUT, Movement.HELD)
    assert seen(trade, Stage.VEGETATIVE, 3_900).limit_minor == moved.limit_minor
    assert audit(trade.kit.centre, ("limits",)).holds


def test_goods_that_never_came_are_seen_by_a_review_of_the_whole_book(trade: Trade) -> None:
    """Time alone breaks an order; a line that waits for goods is never passed over."""
    kit = trade.kit
    trade.bought()
    seen(trade, Stage.VEGETATIVE, 3_000)
    book_review.work_through(kit.centre, book_review.begin(kit.centre, TESTER))
    assert ReasonCode.LIMIT_ORDER_BROKEN not in codes(latest(trade))
    terms = kit.read(products.newest, "input-voucher").voucher
    assert terms is not None
    kit.clock.add_days(10 + terms.deliver_days_max + 1)
    on = civil_day(kit.clock.at_ms)
    again = kit.evidence("plot-b1", on, Stage.VEGETATIVE, 3_000, season_id=SEASON)
    accept_evidence(kit.centre, again)
    alone = kit.centre.write(lambda work: review_again(work, trade.line_id))
    assert alone is not None
    book_review.work_through(kit.centre, book_review.begin(kit.centre, TESTER))
    assert latest(trade) == alone
    assert ReasonCode.LIMIT_ORDER_BROKEN in codes(alone)


def test_a_harvest_that_was_not_sold_to_the_buyers_holds_rises_of_the_farmers_lines(
    trade: Trade,
) -> None:
    kit = trade.kit
    trade.bought()
    seen(trade, Stage.RIPENING, 2_000)
    seen(trade, Stage.HARVESTED, None)
    trade.sell(sold_kg=800, proceeds_minor=100_000)
    kit.clock.add_days(SELL_DAYS)
    line = kit.read(lines.get, trade.line_id)
    product, today = kit.read(products.newest, "input-voucher"), civil_day(kit.clock.at_ms)
    found = kit.centre.write(lambda work: look(work, line, product, today))
    [view] = found.trade
    assert view.sold_elsewhere == (trade.line_id,)
    told = latest(trade)
    anew = kit.centre.write(lambda work: review_again(work, trade.line_id))
    assert anew is not None
    assert anew.seq == told.seq + 1  # what was learnt stands on the record
    assert {"trade_of": "farmer-b", "sold_elsewhere": [trade.line_id]}.items() <= next(
        dict(each) for each in anew.views if "trade_of" in each
    ).items()
    assert audit(kit.centre, ("limits", "consents")).holds
