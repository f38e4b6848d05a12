"""What crosses on PostgreSQL: two stations with shared lines, the desk, people, a review, a rail.

Each of them wants the same lines, the same chains and the one trail, in an order of its own.
Everything ends, nothing is lost or doubled, and the audit holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.decision.quote import quote
from core.lending.lease import DrawState, Lease
from core.shape import decode
from core.units import PPM
from core.wire.envelope import GENESIS
from core.wire.records import ConsentAction, Drawdown
from server.services import book_review, enrolment
from server.services.audit.run import audit
from server.services.consents.taking import write_consent
from server.services.envelopes import accept_envelope
from server.services.freezing import FreezeReason, freeze, thaw
from server.services.payouts.sending import send_due
from server.services.posting import RepaymentRequest, take_repayment
from server.services.roaming import roam
from server.store import leases, ledger, lines, payouts
from server.store.people import Actor
from server.store.places import Place
from tests.support.at_once import at_once, guarded
from tests.support.centre_kit import SEASON_START, TESTER, Kit, StationKit, keys_of, open_known
from tests.support.kiosk_kit import MONEY, flags
from tests.support.packs import pack
from tests.support.payout_kit import line_of, set_up_rails, with_account

ROUNDS = 4  # of each client
DRAWS = 3  # of each line, in each envelope of each station
DRAW_MINOR, REPAID_MINOR = 1_000, 700
LENA = Actor("lena", "lender")


@pytest.fixture
def engine_name() -> str:
    return "postgresql"  # SQLite lets one write at a time


def shared_village(kit: Kit) -> StationKit:
    """Every line drawn at two stations, one of them paid to a supplier by a rail."""
    crop = kit.product
    line_of(kit, pack("input-voucher"))
    kit.product = crop
    open_known(kit)
    keys = keys_of("st-two", 60)
    enrolment.enroll_station(kit.centre, keys.identity(), TESTER)
    other = replace(kit.station, keys=keys, records={}, down=[], down_head=GENESIS)
    for line in kit.read(lines.every):
        roam(kit.centre, line.line_id, Place("st-two", PPM // 2), TESTER)
    for station in (kit.station, other):
        station.pull(kit.centre)
    kit.clock.set_day(SEASON_START + timedelta(days=1))
    return other


def envelopes(kit: Kit, station: StationKit, *, backwards: bool) -> list[bytes]:
    """Draws on every line that a station may draw on, in an order of its own."""
    told: dict[str, Lease] = {}
    for document in station.bodies("lease"):
        lease = decode(Lease, document["body"])
        if lease.line_id:
            told[lease.line_id] = lease
    packed = []
    for number in range(ROUNDS):
        first = len(station.records.get(MONEY, ())) + 1
        for line_id in sorted(told, reverse=backwards):
            for each in range(DRAWS):
                name = f"{station.keys.name}-{line_id}-{number}-{each}"
                draw_in(kit, station, told[line_id], name)
        packed.append(station.envelope(MONEY, first))
    return packed


def draw_in(kit: Kit, station: StationKit, lease: Lease, draw_id: str) -> None:
    price = quote(kit.product, DRAW_MINOR, SEASON_START + timedelta(days=40))
    on = (SEASON_START + timedelta(days=1)).isoformat()
    body = Drawdown(
        draw_id, lease.line_id, lease.lease_id, DrawState.POSTED, DRAW_MINOR, price.fee_minor,
        "KES", "consent-1", price.apr_ppm, on,
    )  # fmt: skip
    station.write(MONEY, "drawdown", body, kit.clock.at_ms)


def in_turn(*acts: Callable[[], object]) -> Callable[[], list[object]]:
    return lambda: [act() for act in acts]


def repaid(kit: Kit, line_id: str, number: int) -> object:
    on = (SEASON_START + timedelta(days=1)).isoformat()
    request = RepaymentRequest(f"r-{line_id}-{number}", line_id, REPAID_MINOR, "KES", on)
    return take_repayment(kit.centre, request, LENA)


def clients(kit: Kit, other: StationKit, folder: Path) -> list[Callable[[], Any]]:
    """Whoever wants the same lines at once."""
    centre, rails = kit.centre, set_up_rails(folder)
    line_ids = [line.line_id for line in kit.read(lines.every)]
    farmers = sorted({line.farmer_id for line in kit.read(lines.every)})
    sent = {
        station.keys.name: envelopes(kit, station, backwards=station is other)
        for station in (kit.station, other)
    }
    numbered = [(number, each) for number in range(ROUNDS) for each in reversed(line_ids)]
    names = ("automated_decision",)
    said = (ConsentAction.WITHDRAW, ConsentAction.GRANT)

    def consented(farmer_id: str, action: ConsentAction) -> object:
        return centre.write(lambda work: write_consent(work, farmer_id, names, action, LENA))

    return [
        *(in_turn(*(partial(accept_envelope, centre, data) for data in each))
          for each in (*sent.values(), sent["st-two"])),  # st-two's twice, by two ways
        in_turn(*(partial(repaid, kit, each, number) for number, each in numbered)),
        in_turn(*(partial(act, centre, each, why, LENA) for _, each in numbered
                  for act, why in ((freeze, FreezeReason.DISPUTE), (thaw, FreezeReason.CLEARED)))),
        in_turn(*(partial(consented, each, action) for each in farmers * 2 for action in said)),
        in_turn(*(lambda: book_review.work_through(
            centre, book_review.begin(centre, TESTER), page_lines=1) for _ in range(ROUNDS))),
        in_turn(*(partial(send_due, centre, rails) for _ in range(2 * ROUNDS))),
    ]  # fmt: skip


def impatient(kit: Kit) -> None:
    """Let who waits in a ring be told after 50 ms, not after a second."""
    engine = kit.centre.store.engine
    with engine.connect() as connection, connection.begin():
        name = connection.exec_driver_sql("SELECT current_database()").scalar()
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET deadlock_timeout = '50ms'")
    engine.dispose()  # the next connections know of it


def test_whatever_crosses_ends_and_nothing_is_lost_or_doubled(kit: Kit, tmp_path: Path):
    other = shared_village(kit)
    impatient(kit)
    guarded(kit)
    with_account(kit, "files")
    acts = clients(kit, other, tmp_path)
    came = at_once(acts)
    assert [each for each in came if isinstance(each, Exception)] == []
    draws = kit.read(leases.every_draw)
    told = {
        record.body["draw_id"]
        for station in (kit.station, other)
        for record in station.records[MONEY]
    }
    assert {each.draw_id for each in draws} == told
    assert [each for each in flags(kit) if "lease" in each] == []
    causes = [each.entry.cause_id for each in kit.read(ledger.entries)
              if each.entry.kind.value == "drawdown"]  # fmt: skip
    assert sorted(set(causes)) == sorted(causes)
    assert set(causes) >= {f"draw/{each}" for each in told}
    opened = kit.read(lines.every)
    for line in opened:
        taken = kit.read(ledger.repayments_of, line.line_id)
        assert len(taken) == ROUNDS, line.line_id
    paid = [each for each in opened if each.product_id != kit.product.product_id]
    made = [each.draw_id for one in paid for each in kit.read(payouts.of_line, one.line_id)]
    wanted = [each.draw_id for each in draws if each.line_id in {one.line_id for one in paid}]
    assert sorted(made) == sorted(wanted)
    assert audit(kit.centre).holds
