"""A real cash desk and a real centre: what the one holds the other books, to the unit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.canonical import canonical_hash
from core.lending.cashbox import CountKind, DifferenceReason
from core.lending.product import parse_product
from core.reasons import Reason
from core.shape import decode
from core.wire.cash import CashPerson
from core.wire.envelope import LogClass
from core.wire.records import LineStatus
from core.wire.registry import Farmer
from edge_node.decide.cash import Counted, Given, Holder, count, hand_over, take_repayment
from edge_node.decide.debt import debt, priced
from edge_node.decide.draws import confirm_payout
from edge_node.decide.room import uncounted_draws, uncounted_repayments
from edge_node.store import cash, leases, logs, village
from edge_node.store import lines as edge_lines
from server.config import Settings
from server.services.audit.run import audit
from server.services.bouncing import BounceReason, BounceRequest
from server.services.standing import owed
from server.store import ledger, lines
from server.store.engine import Store, open_store
from server.store.schema import migrate
from tests.support.cash_desk import pieces
from tests.support.cash_hands import Hand, Village
from tests.support.centre_kit import SEASON_START, STATION, Kit, build_kit, open_known
from tests.support.kiosk_kit import MONEY, deliver, flags, leases_at_station
from tests.support.lending_station import Station
from tests.support.two_words import bounced

D1 = SEASON_START + timedelta(days=1)
WHY = DifferenceReason.UNEXPLAINED


class Both:
    """The centre's books, and a station's database that was told what the centre says."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.kit: Kit = build_kit(store, Settings())
        open_known(self.kit)
        self.kit.clock.set_day(D1)
        self.people = Village.at(self.kit)
        [line] = self.kit.read(lines.of_farmer, "farmer-b")
        self.line_id = line.line_id
        self.station = Station(folder, STATION)
        self.station.at_ms = self.kit.clock.at_ms
        self.sent, self.heard, self.repayments = 0, 0, list[str]()
        self.hear()
        self.count(CountKind.OPEN, 0)

    def hear(self) -> None:
        """Tell the station all that the centre has said since."""
        self.kit.station.pull(self.kit.centre)
        db, said = self.station.db, self.kit.station.bodies
        with db.atomic():
            for body in said("product"):
                village.keep_product(db, parse_product(body))
            for body in said("farmer"):
                village.keep_farmer(db, decode(Farmer, body))
            for body in said("cash_person"):
                cash.keep_person(db, decode(CashPerson, body))
            for document, lease in zip(said("lease"), leases_all(self.kit), strict=True):
                leases.keep_lease(db, lease, document)
            for body in said("line")[self.heard :]:
                status = decode(LineStatus, body)
                edge_lines.keep_status(db, status, status.counted_seq or 0, self.station.at_ms)
        self.heard = len(said("line"))

    def carry(self) -> None:
        """Bring the station's records to the centre, and its word back."""
        for record in logs.read_run(self.station.db, LogClass.MONEY, self.sent, 10**4, 10**8):
            self.kit.station.write(MONEY, record.kind, record.body, record.at_ms)
            self.sent = record.seq
        deliver(self.kit)
        self.hear()

    def holder(self, hand: Hand) -> Holder:
        return Holder(hand.person, hand.signer)

    def count(self, kind: CountKind, amount: int, reason: DifferenceReason | None = None) -> None:
        told = Counted(self.station.mint(), kind, pieces(amount), reason)
        agent = self.holder(self.people.agent)
        count(self.station.db, self.station.desk, agent, told, self.station.clock)

    def held(self) -> int:
        today = self.station.desk.today(self.station.clock)
        return cash.box(self.station.db, "akinyi", today).expected_minor

    def act(self, kind: str, amount: int) -> None:
        db, desk, clock = self.station.db, self.station.desk, self.station.clock
        agent, keeper = self.holder(self.people.agent), self.holder(self.people.keeper)
        name = self.station.mint()
        if kind == "give" and self.held() + amount <= agent.person.hold_max_minor:
            hand_over(db, desk, (keeper, agent), Given(name, amount), clock)
        elif kind == "back" and 0 < amount <= self.held():
            hand_over(db, desk, (agent, keeper), Given(name, amount), clock)
        elif kind == "repay":
            take_repayment(db, desk, agent, (name, self.line_id, amount), clock)
            self.repayments.append(name)
        elif kind == "count":
            found = max(0, self.held() - amount % 700 * 100)
            self.count(CountKind.DAY, found, WHY if found != self.held() else None)
        elif kind == "draw":
            begun = self.station.begin(self.line_id, 50_000 * (1 + amount % 4))
            if not isinstance(begun, Reason):
                confirm_payout(db, desk, begun.drawdown.draw_id, clock)
        elif kind == "days":
            self.kit.clock.add_days(1 + amount % 20)
            self.station.at_ms = self.kit.clock.at_ms
        elif kind == "carry":
            self.carry()
        elif kind == "bounce":
            self.bounce(amount)

    def bounce(self, place: int) -> None:
        self.carry()
        if self.repayments:
            named = self.repayments[place % len(self.repayments)]
            taken = self.kit.read(ledger.find_repayment, named)
            reason = BounceReason.ENTERED_IN_ERROR
            asked = BounceRequest(named, reason, "visit", taken.effective_on)
            bounced(self.kit.centre, asked)
            self.hear()

    def owed_here(self) -> int:
        line = edge_lines.line(self.station.db, self.line_id)
        product = priced(line, village.product(self.station.db, line.product_id))
        drawn = uncounted_draws(self.station.db, line)
        paid = uncounted_repayments(self.station.db, line)
        today = self.station.desk.today(self.station.clock)
        return debt(line, drawn, product, today, paid).owed.total_minor


def leases_all(kit: Kit):
    """Every lease as it was signed, in the order in which it came."""
    found = {each.lease_id: each for kind in ("line", "onboarding")
             for each in leases_at_station(kit, kind)}  # fmt: skip
    return [found[document["body"]["lease_id"]] for document in kit.station.bodies("lease")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    return tmp_path_factory.mktemp("cash")


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["give", "back", "repay", "count", "draw", "days", "carry", "bounce"]),
        st.integers(1, 3_000).map(lambda n: n * 100),
    ),
    min_size=4,
    max_size=14,
)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(ACTS)
def test_the_desk_and_the_books_agree_on_any_day(folder: Path, acts: list[tuple[str, int]]) -> None:
    here = folder / canonical_hash(repr(acts))
    here.mkdir(exist_ok=True)
    store = open_store("sqlite:///:memory:", "lender")
    migrate(store)
    both = Both(here, store)
    try:
        both.act("give", 900_000)
        for kind, amount in acts:
            both.act(kind, amount)
        foreseen = both.owed_here()
        both.carry()
        line = both.kit.read(lines.get, both.line_id)
        today = both.station.desk.today(both.station.clock)
        assert foreseen == both.kit.read(lambda tx: owed(tx, line, today)).total_minor
        assert foreseen == both.owed_here()
        assert both.kit.read(ledger.account_balance, "cash/agent/akinyi", "KES") == both.held()
        assert flags(both.kit) == []
        found = audit(both.kit.centre)
        assert found.holds, found.first
    finally:
        both.station.close()
        store.close()
