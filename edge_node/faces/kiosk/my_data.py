"""A farmer's own data as the kiosk shows it: what was agreed to, on what ground, who looked."""

from __future__ import annotations

from dataclasses import dataclass

from core.wire.consents import Accesses, granted_names
from core.wire.personal_data import ASKS, USES, Basis, Purpose, Recipient
from edge_node.decide.desk import Desk
from edge_node.store import consents
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
class MyData:
    """All that a farmer is shown of the use of their data.

    ``open_asks`` are names that may be agreed to and are not; ``unasked`` the purposes that
    rest on the agreement or the law.
    """

    agreed: tuple[Agreed, ...]
    open_asks: tuple[str, ...]
    unasked: tuple[Purpose, ...]
    accesses: Accesses | None


def my_data(db: StationDatabase, desk: Desk, farmer_id: str) -> MyData:
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
    return MyData(agreed, open_asks, tuple(unasked), consents.accesses_of(db, farmer_id))
