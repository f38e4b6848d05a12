"""A farmer's own data as the kiosk shows it: what was agreed to, on what ground, who looked."""

from __future__ import annotations

from dataclasses import dataclass

from core.lending.lease import Clock
from core.units import civil_day
from core.wire.consents import Accesses, granted_names
from core.wire.personal_data import ASKS, USES, Basis, Purpose, Recipient
from edge_node.decide.agent_area import may_hold
from edge_node.decide.desk import Desk
from edge_node.store import consents, tablets, village
from edge_node.store.database import StationDatabase

# Of a price, each drawdown asks by itself; there is nothing standing to take back.
NOT_LISTED = frozenset({"drawdown", "new_plan"})
LOOKS_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Agreed:
    """A name that was agreed to, when [ms UTC], and whether at this station."""

    name: str
    consent_ids: tuple[str, ...]
    since_ms: int
    here: bool


@dataclass(frozen=True, slots=True)
class Carried:
    """An agent whose tablet holds the farmer's name, ground and lines, and until when."""

    agent_name: str
    until: str


@dataclass(frozen=True, slots=True)
class MyData:
    """All that a farmer is shown of the use of their data.

    ``open_asks`` are names that may be agreed to and are not; ``unasked`` the purposes that
    rest on the agreement or the law; ``carried`` the agents whose tablets may hold the data.
    """

    agreed: tuple[Agreed, ...]
    open_asks: tuple[str, ...]
    unasked: tuple[Purpose, ...]
    accesses: Accesses | None
    carried: tuple[Carried, ...]


def my_data(db: StationDatabase, desk: Desk, farmer_id: str, clock: Clock) -> MyData:
    """What is known here of the use of a farmer's data."""
    facts = consents.facts_of(db, desk.station, farmer_id)
    given = granted_names(facts, farmer_id, Recipient.STATION.value)
    by_id = {fact.consent.consent_id: fact for fact in facts}
    agreed = tuple(
        Agreed(
            name=name,
            consent_ids=ids,
            since_ms=max(by_id[each].at_ms for each in ids),
            here=all(by_id[each].writer == desk.station for each in ids),
        )
        for name, ids in given.items()
        if name not in NOT_LISTED
    )
    open_asks = tuple(name for name in ASKS if name not in given and name not in NOT_LISTED)
    unasked = dict.fromkeys(use.purpose for use in USES if use.basis is not Basis.CONSENT)
    carried = carried_by(db, desk, farmer_id, clock)
    return MyData(agreed, open_asks, tuple(unasked), consents.accesses_of(db, farmer_id), carried)


def carried_by(
    db: StationDatabase, desk: Desk, farmer_id: str, clock: Clock
) -> tuple[Carried, ...]:
    """The tablets that may hold a farmer's data now: all within its area, until the lease ends.

    One that was turned out keeps what it had until its lease is over, unless it comes by.
    """
    farmer = village.find_farmer(db, farmer_id)
    return tuple(
        Carried(one.agent_name, civil_day(one.lease_until_ms, desk.utc_offset_ms).isoformat())
        for one in tablets.tablets(db)
        if farmer is not None
        and one.lease_until_ms > clock.at_ms
        and may_hold(db, desk.station, one, farmer)
    )
