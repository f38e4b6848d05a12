"""Which box this station is, and the leases that another box may have spent (ADR 12)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from core.errors import HarvestlineError
from edge_node.store.database import StationDatabase


class BoxState(Enum):
    """What this box may do: only one that is ``active`` writes."""

    ACTIVE = "active"
    RESTORED = "restored"  # put back from a backup; waits for the centre's word
    RETIRED = "retired"  # handed over to another box
    REPLACED = "replaced"  # the centre has confirmed another box


class BoxNotConfirmedError(HarvestlineError):
    """The box is not the station's now: it may neither decide nor pay out."""

    code = "HL-EDGE-036"


@dataclass(frozen=True, slots=True)
class BoxStanding:
    """How this box stands: its state, its generation, since when [ms UTC]."""

    state: BoxState
    generation: int
    since_ms: int

    @property
    def may_write(self) -> bool:
        """Whether it is the station's box now."""
        return self.state is BoxState.ACTIVE


_TO_DO = {
    BoxState.RESTORED: "let an officer confirm box-request.json, then sync",
    BoxState.RETIRED: "it was handed over; restore its backup to go on",
    BoxState.REPLACED: "the centre has confirmed another; bring its receipts to the lender",
}


def standing(db: StationDatabase) -> BoxStanding:
    """How this box stands."""
    row = db.execute("SELECT state, generation, since_ms FROM box").fetchone()
    return BoxStanding(BoxState(row[0]), row[1], row[2])


def may_write(db: StationDatabase) -> bool:
    """Whether this box is the station's now."""
    return standing(db).may_write


def require_may_write(db: StationDatabase) -> None:
    """Return if this box is the station's now.

    Raises
    ------
    BoxNotConfirmedError
        If it is not; the message says what to do.
    """
    found = standing(db)
    if not found.may_write:
        raise BoxNotConfirmedError(
            f"expected the station's confirmed box, this one is {found.state.value}: "
            f"{_TO_DO[found.state]}"
        )


def held_leases(db: StationDatabase) -> frozenset[str]:
    """Leases that another box may have spent: nothing is drawn on them or given back here."""
    return frozenset(row[0] for row in db.execute("SELECT lease_id FROM held_leases").fetchall())


def move(db: StationDatabase, state: BoxState, at_ms: int, generation: int = 0) -> None:
    """Let this box be in another state; a generation of 0 keeps the one that it has."""
    db.execute(
        "UPDATE box SET state = ?, since_ms = ?, generation = max(generation, ?)",
        [state.value, at_ms, generation],
    )


def let_take_back(db: StationDatabase, *, on: bool) -> None:
    """Let what the centre gives back be written, within the caller's transaction."""
    db.execute("UPDATE box SET taking_back = ?", [int(on)])


def hold(db: StationDatabase, lease_ids: Iterable[str]) -> None:
    """Draw on these leases no more."""
    for lease_id in lease_ids:
        db.execute("INSERT INTO held_leases VALUES (?) ON CONFLICT DO NOTHING", [lease_id])


def release(db: StationDatabase, lease_ids: Iterable[str]) -> None:
    """Forget that these leases are held: the centre has closed them."""
    for lease_id in lease_ids:
        db.execute("DELETE FROM held_leases WHERE lease_id = ?", [lease_id])
