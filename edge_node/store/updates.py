"""Versions that came by signed updates: which is in use in each slot, and what became of others.

One version of a slot is in use at most. What failed here, was rolled back or withdrawn
does not come into use again; what was in use before stays known, so that the station
can go back to it. Small contents lie here by their hash, and those that decisions cite
in ``models`` and ``products`` too; basemaps lie in the folder of updates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from core.errors import HarvestlineError
from core.wire.update import Slot
from edge_node.store.database import StationDatabase

DAYS_KEPT_MAX = 400
FORMER_KEPT_MAX = 2  # versions of a slot that were in use, to go back to
REASON_CHARACTERS_MAX = 400
_COLUMNS = (
    "slot, version, state, sha256, size_bytes, cites, reason, changed_ms, watch_until_ms, "
    "starts_count"
)


class UpdateBudgetError(HarvestlineError):
    """What updates may cost on this civil day is spent; they go on tomorrow."""

    code = "HL-EDGE-035"


class State(Enum):
    """Where a version stands at this station."""

    STAGED = "staged"
    IN_USE = "in_use"
    SUPERSEDED = "superseded"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    WITHDRAWN = "withdrawn"


GONE = (State.FAILED, State.ROLLED_BACK, State.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a slot at this station.

    ``cites`` is what cards call it; ``watch_until_ms`` when it has proved itself [ms UTC].
    """

    slot: str
    version: int
    state: State
    sha256: str
    size_bytes: int
    cites: str
    reason: str = ""
    changed_ms: int = 0
    watch_until_ms: int = 0
    starts_count: int = 0

    @property
    def place(self) -> Slot:
        """Its slot."""
        return Slot(self.slot)


@dataclass(frozen=True, slots=True)
class Look:
    """When updates were looked for [ms UTC], when to the end, and what stood in the way."""

    tried_ms: int
    checked_ms: int
    problem: str
    more: bool


def put(db: StationDatabase, version: Version) -> None:
    """Write a version down, in its state now."""
    db.execute(
        f"INSERT INTO update_versions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608
        "ON CONFLICT (slot, version) DO UPDATE SET state = excluded.state, "
        "sha256 = excluded.sha256, size_bytes = excluded.size_bytes, cites = excluded.cites, "
        "reason = excluded.reason, changed_ms = excluded.changed_ms, "
        "watch_until_ms = excluded.watch_until_ms, starts_count = excluded.starts_count",
        [
            version.slot, version.version, version.state.value, version.sha256,
            version.size_bytes, version.cites, version.reason[:REASON_CHARACTERS_MAX],
            version.changed_ms, version.watch_until_ms, version.starts_count,
        ],
    )  # fmt: skip


def every(db: StationDatabase) -> tuple[Version, ...]:
    """All versions, by slot, newest first."""
    return _read(db, "ORDER BY slot, version DESC", [])


def of_slot(db: StationDatabase, slot: str) -> tuple[Version, ...]:
    """A slot's versions, newest first."""
    return _read(db, "WHERE slot = ? ORDER BY version DESC", [slot])


def in_use(db: StationDatabase, slot: str) -> Version | None:
    """The version that is in use in a slot, if one came by updates."""
    found = _read(db, "WHERE slot = ? AND state = 'in_use'", [slot])
    return found[0] if found else None


def all_in_use(db: StationDatabase) -> tuple[Version, ...]:
    """What is in use, by slot."""
    return _read(db, "WHERE state = 'in_use' ORDER BY slot", [])


def put_pack(db: StationDatabase, sha256: str, data: bytes) -> None:
    """Keep the bytes of a small target; those of versions that are of no use any more go."""
    db.execute(
        "INSERT INTO update_packs (sha256, data) VALUES (?, ?) "
        "ON CONFLICT (sha256) DO UPDATE SET data = excluded.data",
        [sha256, data],
    )


def pack(db: StationDatabase, sha256: str) -> bytes | None:
    """The bytes of a small target, if they are here."""
    row = db.execute("SELECT data FROM update_packs WHERE sha256 = ?", [sha256]).fetchone()
    return bytes(row[0]) if row else None


def drop_useless(db: StationDatabase) -> frozenset[str]:
    """Forget the bytes of versions that cannot come into use; the hashes that stay."""
    rows = db.execute(
        "SELECT slot, version, state, sha256 FROM update_versions "
        "WHERE state IN ('in_use', 'staged', 'superseded') ORDER BY version DESC"
    ).fetchall()
    kept: set[str] = set()
    former: dict[str, int] = {}
    for slot, _version, state, sha256 in rows:
        former[slot] = former.get(slot, 0) + (state == State.SUPERSEDED.value)
        if state != State.SUPERSEDED.value or former[slot] <= FORMER_KEPT_MAX:
            kept.add(sha256)
    held = [row[0] for row in db.execute("SELECT sha256 FROM update_packs").fetchall()]
    for sha256 in held:
        if sha256 not in kept:
            db.execute("DELETE FROM update_packs WHERE sha256 = ?", [sha256])
    return frozenset(kept)


def shunned_cites(db: StationDatabase, slot: str) -> frozenset[str]:
    """What cards call the versions of a slot that must not come into use."""
    names = [state.value for state in (State.STAGED, *GONE)]
    rows = db.execute(
        "SELECT cites FROM update_versions WHERE slot = ? AND state IN (?, ?, ?, ?)", [slot, *names]
    )
    return frozenset(row[0] for row in rows)


def floors(db: StationDatabase) -> Mapping[str, int]:
    """The newest version seen of each role's metadata."""
    return dict(db.execute("SELECT role, version FROM update_floors").fetchall())


def raise_floors(db: StationDatabase, seen: Mapping[str, int]) -> None:
    """Remember the versions of metadata that were verified; none ever falls."""
    with db.atomic():
        for role, version in seen.items():
            db.execute(
                "INSERT INTO update_floors (role, version) VALUES (?, ?) ON CONFLICT (role) "
                "DO UPDATE SET version = max(version, excluded.version)",
                [role, version],
            )


def look(db: StationDatabase) -> Look:
    """When and how updates were looked for last."""
    row = db.execute("SELECT tried_ms, checked_ms, problem, more FROM update_looks").fetchone()
    return Look(row[0], row[1], row[2], bool(row[3]))


def note_look(db: StationDatabase, at_ms: int, problem: str, *, more: bool) -> None:
    """Remember that updates were looked for; without a problem, to the end."""
    checked_ms = look(db).checked_ms if problem or more else at_ms
    with db.atomic():
        db.execute(
            "UPDATE update_looks SET tried_ms = ?, checked_ms = ?, problem = ?, more = ?",
            [at_ms, checked_ms, problem[:REASON_CHARACTERS_MAX], int(more)],
        )


def note_moved(db: StationDatabase, day: str, count_bytes: int) -> None:
    """Add to what updates cost on a civil day [bytes]; days past the bound are forgotten."""
    with db.atomic():
        db.execute(
            "INSERT INTO update_days (day, moved_bytes) VALUES (?, ?) "
            "ON CONFLICT (day) DO UPDATE SET moved_bytes = moved_bytes + excluded.moved_bytes",
            [day, count_bytes],
        )
        db.execute(
            "DELETE FROM update_days WHERE day NOT IN "
            "(SELECT day FROM update_days ORDER BY day DESC LIMIT ?)",
            [DAYS_KEPT_MAX],
        )


def moved_on(db: StationDatabase, day: str) -> int:
    """What updates cost on a civil day [bytes]."""
    row = db.execute("SELECT moved_bytes FROM update_days WHERE day = ?", [day]).fetchone()
    return int(row[0]) if row else 0


def count_start(db: StationDatabase, at_ms: int) -> None:
    """Count a start of the station against every version that is still watched."""
    with db.atomic():
        db.execute(
            "UPDATE update_versions SET starts_count = starts_count + 1 "
            "WHERE state = 'in_use' AND watch_until_ms > ?",
            [at_ms],
        )


def count_steady(db: StationDatabase) -> None:
    """Take back a start: the station ran steadily after it, or was stopped in order."""
    with db.atomic():
        db.execute(
            "UPDATE update_versions SET starts_count = starts_count - 1 "
            "WHERE state = 'in_use' AND starts_count > 0"
        )


def _read(db: StationDatabase, where: str, given: Sequence[object]) -> tuple[Version, ...]:
    rows = db.execute(f"SELECT {_COLUMNS} FROM update_versions {where}", given)  # noqa: S608
    return tuple(Version(row[0], row[1], State(row[2]), *row[3:]) for row in rows)
