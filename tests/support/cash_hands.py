"""People who hold cash at the kit's station, and what they say of their boxes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from core.lending.cashbox import CountKind, DifferenceReason
from core.shape import encode
from core.units import civil_day
from core.wire.cash import (
    COUNT,
    HANDOVER,
    TAKEN,
    CashCount,
    CashHandover,
    CashPerson,
    CashRepayment,
    CashRole,
    Count,
    Handover,
    Pieces,
    Taken,
    card_seed,
    signed,
)
from edge_node.keys import StationSigner
from server.services.cash_people import NewPerson, add_person
from server.store import lines
from server.store.people import Actor
from tests.support.centre_kit import STATION, Kit
from tests.support.kiosk_kit import MONEY, deliver

SUPERVISOR = Actor("wanjiru", "supervisor")
HOLD_MAX, PAY_DAY_MAX = 5_000_000, 2_000_000


@dataclass
class Hand:
    """A person at the station with their card."""

    person: CashPerson
    card: str

    @property
    def signer(self) -> StationSigner:
        return StationSigner(card_seed(self.card))


@dataclass
class Village:
    """A keeper, two agents, and the kit's station that reports what they do."""

    kit: Kit
    keeper: Hand
    agent: Hand
    friend: Hand
    expected: dict[str, int] = field(default_factory=dict)

    @classmethod
    def at(cls, kit: Kit) -> Village:
        def hand(person_id: str, role: CashRole) -> Hand:
            limits = (HOLD_MAX, PAY_DAY_MAX) if role is CashRole.AGENT else (0, 0)
            new = NewPerson(person_id, person_id.title(), role, STATION, "KES", *limits)
            return Hand(*add_person(kit.centre, new, SUPERVISOR))

        return cls(
            kit,
            hand("juma", CashRole.KEEPER),
            hand("akinyi", CashRole.AGENT),
            hand("rafiki", CashRole.AGENT),
        )

    @property
    def today(self) -> str:
        return civil_day(self.kit.clock.at_ms).isoformat()

    def say(self, kind: str, body: Any) -> None:
        self.kit.station.write(MONEY, kind, body, self.kit.clock.at_ms)

    def hand_over(self, name: str, giver: Hand, receiver: Hand, amount: int, **changes: Any) -> Any:
        told = Handover(
            name, giver.person.person_id, receiver.person.person_id, "shift-1", amount, "KES",
            self.today,
        )  # fmt: skip
        told = replace(told, **changes)
        body = CashHandover(
            told, signed(HANDOVER, told, giver.signer), signed(HANDOVER, told, receiver.signer)
        )
        self.say("cash_handover", body)
        self._move(giver, -amount)
        self._move(receiver, amount)
        return body

    def count(self, name: str, hand: Hand, counted: int, **changes: Any) -> Any:
        person_id = hand.person.person_id
        expected = self.expected.get(person_id, 0)
        reason = DifferenceReason.UNEXPLAINED if counted != expected else None
        pieces = (Pieces(100, counted // 100),) if counted else ()
        told = Count(
            name, person_id, "shift-1", CountKind.DAY, "KES", expected, counted, pieces,
            self.today, reason,
        )  # fmt: skip
        told = replace(told, **changes)
        body = CashCount(told, signed(COUNT, told, hand.signer))
        self.say("cash_count", body)
        self._move(hand, told.difference_minor)
        return body

    def repay(self, name: str, hand: Hand, line_id: str, amount: int, **changes: Any) -> Any:
        told = Taken(name, hand.person.person_id, "shift-1", line_id, amount, "KES", self.today)
        told = replace(told, **changes)
        body = CashRepayment(told, signed(TAKEN, told, hand.signer))
        self.say("cash_repayment", body)
        self._move(hand, amount)
        return body

    def again(self, kind: str, body: Any) -> None:
        """The same record once more, as from a box that came back."""
        self.say(kind, encode(body))

    def deliver(self) -> None:
        deliver(self.kit)

    def line_of_farmer_b(self) -> str:
        [line] = self.kit.read(lines.of_farmer, "farmer-b")
        found: str = line.line_id
        return found

    def _move(self, hand: Hand, amount: int) -> None:
        if hand.person.role is CashRole.AGENT:
            person_id = hand.person.person_id
            self.expected[person_id] = self.expected.get(person_id, 0) + amount
