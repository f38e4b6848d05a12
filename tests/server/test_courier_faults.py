"""A thread that carries meets a fault that nobody foresaw: it goes on, and the others too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.lending.payout import PayoutState
from server.app import create_app
from server.services import enrolment
from server.services.courier import FAULT_WAIT_S_MAX, carrying, told_of
from server.services.hooks import emit
from server.services.hooks.delivering import CLAIM_MS
from server.services.hooks.signature import secret_text
from server.services.hooks.subscribing import Wish, subscribe
from server.services.payouts.rails import Document, Handed, Rail
from server.services.rounds import Rounds
from server.store.people import Role
from tests.support.asgi_client import AppClient
from tests.support.centre_kit import TESTER, Kit
from tests.support.packs import pack
from tests.support.payout_kit import (
    GRACE,
    SUPPLIER,
    PaymentService,
    current,
    draw_on,
    holds,
    line_of,
    set_up_rails,
    with_account,
)
from tests.support.web_receiver import receiving

WAIT_S_MAX = 60.0


@pytest.fixture
def engine_name() -> str:
    return "sqlite"  # what differs by database is tested beside the services


@dataclass
class Faulty:
    """A rail whose library raises what no catalogue knows, until it is mended."""

    inner: Rail
    is_broken: bool = True
    names: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def hand_over(self, documents: Sequence[Document], at_ms: int) -> tuple[Handed, ...]:
        if self.is_broken:
            raise ZeroDivisionError("account 01002003004 divided by nothing")
        return self.inner.hand_over(documents, at_ms)


def test_an_unforeseen_fault_is_written_down_and_keeps_no_other_waiting(
    kit: Kit, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    line = line_of(kit, pack("input-voucher"))
    client = AppClient(create_app(kit.centre))
    with receiving(PaymentService(kit.clock.now_ms)) as rail, receiving() as shop:
        faulty = Faulty(set_up_rails(tmp_path, rail.url)["mobile"])
        with_account(kit, "mobile")
        subscribe(
            kit.centre,
            Wish("shop", shop.url, ("test.*",), SUPPLIER, secret_text(b"s" * 32), True),
            GRACE,
        )
        with carrying(kit.centre, {"mobile": faulty}):
            payout = draw_on(kit, line)
            met = kit.centre.rounds.wait(
                lambda found: found["rail mobile"].faults_count > 0, WAIT_S_MAX
            )
            assert met
            kit.centre.write(lambda work: emit(work, "test.made", "s-1", {"n": 1}, SUPPLIER))
            shop.wait_for(1)  # news goes on although payouts do not
            health = client.get("/api/v1/health").json()
            assert (health["status"], health["carriers_down"]) == ("degraded", 1)
            faulty.is_broken = False
            kit.clock.at_ms += CLAIM_MS  # its claim of before is over
            rail.wait_for(1)
            assert kit.centre.rounds.wait(
                lambda found: all(each.is_up for each in found.values()), WAIT_S_MAX
            )
    seen = kit.centre.rounds.of("rail mobile")
    assert seen.fault.startswith("ZeroDivisionError at hand_over:")
    assert "01002003004" not in caplog.text  # an error's words may hold what is personal
    assert [r.getMessage().split()[0] for r in caplog.records if "courier" in r.message] == [
        "courier_down", "courier_up",
    ]  # fmt: skip
    assert current(kit, payout).state is PayoutState.PAID
    assert client.get("/api/v1/health").json()["status"] == "up"
    holds(kit)


def test_metrics_tell_of_each_thread(kit: Kit):
    secret = enrolment.add_token(kit.centre, "watch", Role.AUDITOR, TESTER)
    kit.centre.rounds.add("hooks")
    kit.centre.rounds.met("rail bank", "KeyError at x:1", 5)
    client = AppClient(create_app(kit.centre))
    assert client.get("/api/v1/metrics").status_code == 401
    told = client.get("/api/v1/metrics", headers={"authorization": f"Bearer {secret}"})
    assert told.status_code == 200
    assert told.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = told.text.splitlines()
    for line in (
        'harvestline_server_carrier_up{name="hooks"} 1',
        'harvestline_server_carrier_up{name="rail bank"} 0',
        'harvestline_server_carrier_faults_total{name="rail bank"} 1',
        "harvestline_server_money_words_waiting 0",
    ):
        assert line in lines


def test_faults_in_a_row_are_counted_until_one_round_goes_well():
    rounds = Rounds()
    rounds.add("x")
    assert [rounds.met("x", "f", n).in_row_count for n in (1, 2, 3)] == [1, 2, 3]
    assert rounds.down_count == 1
    assert rounds.went_well("x").is_up is False
    assert (rounds.of("x").is_up, rounds.of("x").faults_count, rounds.down_count) == (True, 3, 0)
    assert FAULT_WAIT_S_MAX <= 60


def test_a_fault_is_told_without_its_words():
    try:
        {}["01002003004"]
    except KeyError as error:
        told = told_of(error)
    assert told.startswith("KeyError at test_a_fault_is_told_without_its_words:")
    assert "01002003004" not in told
