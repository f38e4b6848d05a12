"""Pictures instead of a number: chosen by the farmer, held against a salted slow hash.

A sequence of pictures is what a farmer who does not read can keep in mind and touch. It is
never stored and never travels; scrypt (RFC 7914) makes each try slow for whoever takes the
disk. Wrong ones make the wait grow until the farmer's own are touched, and end in a lock that
only an agent opens, beside whom the farmer chooses anew. Waits run on a clock that is never
set: a restart begins the wait again and shortens none.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from core.lending.lease import Clock
from core.wire.proxies import KioskAct, KioskEvent
from core.wire.records import Up
from edge_node.decide.desk import Desk, RequestError
from edge_node.store import logs, picture_codes
from edge_node.store.database import StationDatabase
from edge_node.store.picture_codes import KeptCode

# The twelve that the screen shows, in this order: things of a farm that have a name everywhere.
PICTURES = (
    *("cow", "hen", "fish", "tree", "ear", "drop"),
    *("house", "hoe", "star", "pot", "moon", "tractor"),
)
LENGTH = 4  # of twelve: 20,736 sequences
SALT_BYTES = 16
_N, _R, _P, _HASH_BYTES = 2**14, 8, 1, 32  # 16 MiB and about 50 ms on an x86-64 core
FREE_FAILURES = 2
WAITS_S = (30, 60, 300, 900, 1800, 3600)
FAILURES_MAX = FREE_FAILURES + len(WAITS_S)
"""After so many wrong sequences in a row the pictures are locked."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A farmer, or a helper of theirs, chooses pictures; ``agent_id`` is who stood by."""

    event_id: str
    farmer_id: str
    pictures: tuple[str, ...]
    salt: bytes
    helper_id: str = ""
    agent_id: str = ""


def code_hash(pictures: Sequence[str], salt: bytes) -> bytes:
    """The slow hash of a sequence of pictures.

    Raises
    ------
    RequestError
        If it is no sequence of :data:`LENGTH` known pictures.
    """
    if len(pictures) != LENGTH or not set(pictures) <= set(PICTURES):
        raise RequestError(f"expected {LENGTH} of the pictures on the screen")
    said = ",".join(pictures).encode()
    return hashlib.scrypt(said, salt=salt, n=_N, r=_R, p=_P, dklen=_HASH_BYTES)


def weak(pictures: Sequence[str]) -> bool:
    """Whether a sequence is one that anybody would try first: one picture over and over."""
    return len(set(pictures)) < 2


def choose(db: StationDatabase, desk: Desk, choice: Choice, clock: Clock) -> bool:
    """Let pictures count from now on; False if another of this card chose the same.

    Raises
    ------
    RequestError
        If it is no sequence of known pictures, or one that anybody would try first.
    """
    if weak(choice.pictures):
        raise RequestError("expected at least two different pictures")
    with db.atomic():
        known = picture_codes.of_farmer(db, choice.farmer_id)
        before = [each for each in known if each.helper_id == choice.helper_id]
        others = [each for each in known if each.helper_id != choice.helper_id]
        if any(_fits(each, choice.pictures) for each in others):
            return False
        hashed = code_hash(choice.pictures, choice.salt)
        kept = KeptCode(choice.farmer_id, choice.helper_id, choice.salt, hashed)
        picture_codes.keep(db, kept, choice.agent_id, clock.at_ms)
        if choice.agent_id:
            picture_codes.forgive(db, choice.farmer_id)
        reset = bool(choice.agent_id and before)
        act = KioskAct.CODE_RESET if reset else KioskAct.CODE_CHOSEN
        event = KioskEvent(
            choice.event_id, choice.farmer_id, act, choice.agent_id or None,
            choice.helper_id or None,
        )  # fmt: skip
        write_event(db, desk, event, clock)
    return True


def whose(
    db: StationDatabase, farmer_id: str, pictures: Sequence[str], helpers: Sequence[str]
) -> str | None:
    """Whose pictures these are: empty for the farmer's, a helper's id, None for nobody's.

    Every code of the card is tried, so that the time taken says nothing of whose it was.
    """
    codes = picture_codes.of_farmer(db, farmer_id)
    admitted = {"", *helpers}
    found = [e.helper_id for e in codes if e.helper_id in admitted and _fits(e, pictures)]
    return found[0] if found else None


def fail(db: StationDatabase, desk: Desk, farmer_id: str, event_id: str, clock: Clock) -> int:
    """Count wrong pictures; how many there are in a row. The one that locks is recorded."""
    with db.atomic():
        count = picture_codes.fail(db, farmer_id)
        if count == FAILURES_MAX:
            event = KioskEvent(event_id, farmer_id, KioskAct.CODE_LOCKED)
            write_event(db, desk, event, clock)
        return count


def forgive(db: StationDatabase, farmer_id: str) -> None:
    """The farmer's own right pictures end the count of wrong ones."""
    with db.atomic():
        picture_codes.forgive(db, farmer_id)


def wait_s(failures_count: int) -> int:
    """How long to wait after so many wrong sequences in a row [s]."""
    over = failures_count - FREE_FAILURES
    return 0 if over <= 0 else WAITS_S[min(over, len(WAITS_S)) - 1]


def write_event(db: StationDatabase, desk: Desk, event: KioskEvent, clock: Clock) -> None:
    """Write down what happened at the kiosk, inside the caller's transaction, once."""
    logs.append(db, desk.station, Up.KIOSK_EVENT, event, clock, f"kiosk/{event.event_id}")


def _fits(code: KeptCode, pictures: Sequence[str]) -> bool:
    return hmac.compare_digest(code.hash, code_hash(pictures, code.salt))
