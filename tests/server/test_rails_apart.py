"""One rail's round keeps no other rail waiting, however much waits for either."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.services.centre import Work
from server.services.payouts.sending import Order, claim
from tests.support.centre_kit import Kit
from tests.support.packs import pack
from tests.support.payout_kit import draw_on, line_of, set_up_rails, with_account


@pytest.fixture
def engine_name() -> str:
    return "postgresql"  # SQLite lets one round write at a time


def test_a_round_of_one_rail_leaves_the_others_payouts_to_them(kit: Kit, tmp_path: Path) -> None:
    payout = draw_on(kit, line_of(kit, pack("input-voucher")))
    rails = set_up_rails(tmp_path)
    with_account(kit, "mobile")
    other = next(name for name in rails if name != "mobile")
    kept = []

    def first(work: Work) -> None:
        kept.append(claim(work, rails, Order(other)))
        # While that round is not over, the payout's own rail looks for what it is to pay.
        kept.append(kit.centre.write(lambda own: claim(own, rails, Order("mobile"))))

    kit.centre.write(first)
    assert kept[0] == ()
    assert [each.payout_id for each in kept[1][0].payouts] == [payout.payout_id]
