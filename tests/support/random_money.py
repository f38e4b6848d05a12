"""A station's money log as chance would have it: sound records, bad ones, and what hangs together.

Everything is drawn from a seed, and from what the kit's station has pulled: two kits that
stand alike write the same log.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from core.decision.quote import quote
from core.lending.lease import DrawState, Lease
from core.units import civil_day
from core.wire.records import (
    ClockSet,
    Consent,
    ConsentAction,
    Drawdown,
    FarmerLeft,
    LeaseClosed,
)
from server.store import lines
from tests.support.cash_hands import Village
from tests.support.centre_kit import SEASON_START, Kit, open_known
from tests.support.kiosk_kit import MONEY, leases_at_station, open_at_kiosk
from tests.support.packs import pack
from tests.support.payout_kit import line_of

KINDS = (
    "draw", "draw", "draw", "draw", "draw", "pending", "settle", "again", "contradict", "beyond",
    "suspense", "no_lease", "other_price", "by_agent", "voucher", "consent", "cash", "cash",
    "repay", "repay", "close", "left", "clock", "nonsense", "nul", "unknown", "kiosk", "backdated",
)  # fmt: skip


@dataclass
class RandomMoney:
    """What a station writes down by chance, and sends in envelopes of any size."""

    kit: Kit
    seed: int
    told: list[Drawdown] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        crop = self.kit.product
        line_of(self.kit, pack("input-voucher"))
        self.kit.product = crop
        open_known(self.kit)
        self.kit.station.pull(self.kit.centre)
        self.hands = Village.at(self.kit)
        opened = self.kit.read(lines.every)
        self.leases = list(leases_at_station(self.kit))
        self.voucher = {each.line_id for each in opened if each.product_id != crop.product_id}
        self.number = 0
        self.kit.clock.set_day(SEASON_START + timedelta(days=1))

    def write(self, records: int) -> None:
        """Write about so many records."""
        self.hands.hand_over("float", self.hands.keeper, self.hands.agent, 2_000_000)
        for _ in range(records):
            self.number += 1
            getattr(self, f"_{self.chance.choice(KINDS)}")()
            self.kit.clock.at_ms += self.chance.choice((0, 1, 60_000))

    def draws(self, count: int) -> None:
        """Write so many small draws that nothing is wrong with."""
        for _ in range(count):
            self.number += 1
            price = quote(self.kit.product, 1_000, SEASON_START + timedelta(days=40))
            body = self._body(amount_minor=1_000, fee_minor=price.fee_minor)
            self._tell(replace(body, apr_ppm=price.apr_ppm))

    def envelopes(self) -> list[bytes]:
        """It in envelopes of any size, some early, some twice; in the end all have come."""
        last, first, spans = len(self.kit.station.records[MONEY]), 1, []
        while first <= last:
            size = self.chance.choice((1, 2, 7, 40, 200))
            spans.append((first, min(last, first + size - 1)))
            first += size
        in_order = list(spans)
        for _ in range(1 + len(spans) // 3):
            at = self.chance.randrange(len(spans))
            spans.insert(self.chance.randrange(len(spans)), spans[at])
        return [self.kit.station.envelope(MONEY, *each) for each in (*spans, *in_order)]

    def _lease(self, *, voucher: bool = False) -> Lease:
        fit = [each for each in self.leases if (each.line_id in self.voucher) is voucher]
        return self.chance.choice(fit)

    def _body(self, state: str = "posted", **changes: Any) -> Drawdown:
        lease = self._lease()
        amount = self.chance.choice((10_000, 50_000, 100_000))
        price = quote(self.kit.product, amount, SEASON_START + timedelta(days=40))
        body = Drawdown(
            f"draw-{self.number}", lease.line_id, lease.lease_id, DrawState(state), amount,
            price.fee_minor, "KES", "consent-1", price.apr_ppm,
            civil_day(self.kit.clock.at_ms).isoformat(),
        )  # fmt: skip
        return replace(body, **changes)

    def _tell(self, body: Drawdown) -> None:
        self.told.append(body)
        self.kit.station.write(MONEY, "drawdown", body, self.kit.clock.at_ms)

    def _draw(self) -> None:
        body = self._body()
        self._tell(replace(body, state=DrawState.PENDING))
        self._tell(body)

    def _pending(self) -> None:
        self._tell(self._body("pending"))

    def _of_told(self, change: Callable[[Drawdown], Drawdown]) -> None:
        if self.told:
            self._tell(change(self.chance.choice(self.told)))

    def _settle(self) -> None:
        state = DrawState(self.chance.choice(("posted", "voided")))
        self._of_told(lambda each: replace(each, state=state))

    def _again(self) -> None:
        self._of_told(lambda each: each)

    def _contradict(self) -> None:
        self._of_told(lambda each: replace(each, amount_minor=each.amount_minor + 1))

    def _beyond(self) -> None:
        self._tell(self._body(amount_minor=90_000_000, fee_minor=0))

    def _suspense(self) -> None:
        self._tell(self._body(line_id=f"line-nobody-{self.number % 2}"))

    def _no_lease(self) -> None:
        self._tell(self._body(lease_id=self.chance.choice(("none", "x" * 600))))

    def _other_price(self) -> None:
        odd = {"fee_minor": 1, "apr_ppm": 10**9, "rate_ppm": 77, "effective_on": "2031-01-01"}
        name = self.chance.choice(sorted(odd))
        self._tell(self._body(**{name: odd[name]}))

    def _backdated(self) -> None:
        self._tell(self._body(effective_on=SEASON_START.isoformat()))

    def _by_agent(self) -> None:
        self._tell(self._body(paid_by=self.chance.choice(("akinyi", "rafiki", "nobody", "?"))))

    def _voucher(self) -> None:
        lease = self._lease(voucher=True)
        paid = self.chance.choice((None, "mkulima-agrovet", "another"))
        self._tell(self._body(line_id=lease.line_id, lease_id=lease.lease_id, supplier=paid))

    def _consent(self) -> None:
        action = ConsentAction(self.chance.choice([each.value for each in ConsentAction]))
        farmer_id = self.chance.choice(("farmer-a", "farmer-b", "farmer-z"))
        consent = Consent(
            f"c-{self.number % 5}", farmer_id, action, ("automated_decision",), "lender",
            "a" * 64, spoken=True, helped=False,
        )  # fmt: skip
        self.kit.station.write(MONEY, "consent", consent, self.kit.clock.at_ms)

    def _cash(self) -> None:
        name, amount = f"move-{self.number % 7}", self.chance.choice((10_000, 4_000_000))
        giver, receiver = self.chance.sample(
            (self.hands.keeper, self.hands.agent, self.hands.friend), 2
        )
        if self.chance.random() < 0.6:
            self.hands.hand_over(name, giver, receiver, amount)
        else:
            self.hands.count(f"count-{self.number % 4}", self.hands.agent, amount)

    def _repay(self) -> None:
        line_id = self.chance.choice((self._lease().line_id, "line-nobody-1"))
        self.hands.repay(f"repaid-{self.number % 6}", self.hands.agent, line_id, 30_000)

    def _close(self) -> None:
        closed = LeaseClosed(self._lease().lease_id, self.chance.choice((0, 1, 150_000)))
        self.kit.station.write(MONEY, "lease_closed", closed, self.kit.clock.at_ms)

    def _left(self) -> None:
        self.kit.station.write(MONEY, "farmer_left", FarmerLeft("farmer-c", 3), 1)

    def _clock(self) -> None:
        told = ClockSet(self.kit.clock.at_ms, 500, self.kit.clock.at_ms, "set by a person")
        self.kit.station.write(MONEY, "clock_set", told, self.kit.clock.at_ms)

    def _nonsense(self) -> None:
        body = self.chance.choice(({}, [], "text", 7, {"line_id": 5, "draw_id": ["x"]}))
        self.kit.station.write(MONEY, "drawdown", body, self.kit.clock.at_ms)

    def _nul(self) -> None:
        self._tell(self._body(line_id="line\0"))

    def _unknown(self) -> None:
        self.kit.station.write(MONEY, "of_tomorrow", {"x": 1}, self.kit.clock.at_ms)

    def _kiosk(self) -> None:
        if any(one.kind == "line_opened" for one in self.kit.station.records.get(MONEY, ())):
            return
        opened = open_at_kiosk(self.kit, self.number, tampered=self.chance.random() < 0.3)
        self.leases.append(replace(opened.lease, line_id=opened.line_id))
