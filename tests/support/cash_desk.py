"""A keeper and two agents with their cards at a test station."""

from __future__ import annotations

from core.canonical import sha256_hex
from core.lending.cashbox import CountKind, DifferenceReason
from core.wire.cash import CashCount, CashPerson, CashRole, Pieces, card_seed
from core.wire.records import Down
from edge_node.decide.cash import Counted, Given, Holder, count, hand_over
from edge_node.keys import StationSigner
from edge_node.store import cash
from tests.support.lending_station import APRIL_1, Station

CASH_CARDS = {name: sha256_hex(name.encode()) for name in ("juma", "akinyi", "rafiki")}
HOLD_MAX, PAY_DAY_MAX = 5_000_000, 1_000_000


def cash_person(person_id: str, station: str = "kijani", **changes: object) -> CashPerson:
    """A person as the centre names them; juma keeps the safe."""
    keeps = person_id == "juma"
    card = CASH_CARDS[person_id]
    fields = {
        "person_id": person_id,
        "name": person_id.title(),
        "role": CashRole.KEEPER if keeps else CashRole.AGENT,
        "station": station,
        "public_key": StationSigner(card_seed(card)).public_key.hex(),
        "card_sha256": sha256_hex(card.encode()),
        "currency": "KES",
        "hold_max_minor": 0 if keeps else HOLD_MAX,
        "pay_day_max_minor": 0 if keeps else PAY_DAY_MAX,
        "active": True,
    }
    return CashPerson(**{**fields, **changes})  # type: ignore[arg-type]


def staff(station: Station) -> None:
    """Let the centre name the three."""
    for person_id in CASH_CARDS:
        station.centre.say(Down.CASH_PERSON, cash_person(person_id), APRIL_1)
    station.take_down()


def holder(station: Station, person_id: str) -> Holder:
    """A person with their card at the reader."""
    person = cash.person(station.db, station.desk.station, person_id)
    return Holder(person, StationSigner(card_seed(CASH_CARDS[person_id])))


def pieces(amount_minor: int) -> tuple[Pieces, ...]:
    """An amount in pieces of one shilling."""
    return (Pieces(100, amount_minor // 100),) if amount_minor else ()


def counted(
    station: Station,
    person_id: str,
    kind: CountKind,
    amount_minor: int,
    reason: DifferenceReason | None = None,
) -> CashCount:
    """A count by an agent."""
    said = Counted(station.mint(), kind, pieces(amount_minor), reason)
    return count(station.db, station.desk, holder(station, person_id), said, station.clock)


def given(station: Station, giver: str, receiver: str, amount_minor: int) -> None:
    """Cash from one's hands into another's."""
    hands = (holder(station, giver), holder(station, receiver))
    told = Given(station.mint(), amount_minor)
    hand_over(station.db, station.desk, hands, told, station.clock)


def opened_desk(station: Station, float_minor: int = 2_000_000) -> None:
    """Akinyi opens the desk and is given a float."""
    counted(station, "akinyi", CountKind.OPEN, 0)
    if float_minor:
        given(station, "juma", "akinyi", float_minor)
