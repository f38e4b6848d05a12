"""A version comes into use, or is taken back: each in one transaction with its log record.

A kill at any point leaves the version before or the one after, never half of either:
bytes are on the disk before the row that names them, and the row, what it displaces
and the record in the station's money log are written together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.canonical import sha256_hex
from core.errors import HarvestlineError
from core.lending.lease import Clock
from core.signing import Verifier
from core.wire.records import Up
from core.wire.update import UpdateAct, UpdateEvent, UpdateKind
from edge_node.decide.desk import Desk
from edge_node.store import logs, models, updates, village
from edge_node.store.database import StationDatabase
from edge_node.store.updates import State, Version
from edge_node.updates.errors import ContentLostError
from edge_node.updates.fetch import store_path
from edge_node.updates.health import Found, cited_as
from edge_node.updates.trust import Offer

REASON_CHARACTERS_MAX = 300
ACT_OF_STATE = {
    State.FAILED: UpdateAct.FAILED,
    State.ROLLED_BACK: UpdateAct.ROLLED_BACK,
    State.WITHDRAWN: UpdateAct.WITHDRAWN,
    State.SUPERSEDED: UpdateAct.ROLLED_BACK,  # for want of its bytes: it may come again
}


@dataclass(frozen=True, slots=True)
class Bay:
    """Where versions are changed: the store, who signs, the folder, the centre's key."""

    db: StationDatabase
    desk: Desk
    folder: Path
    verifier: Verifier


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a version is out: the catalogue's number and the words."""

    code: str
    words: str

    @classmethod
    def of(cls, error: HarvestlineError) -> Refusal:
        """The refusal that an error is."""
        return cls(error.code, str(error))


def content_of(bay: Bay, version: Version) -> bytes | Path:
    """The bytes of a version's pack, or the file of its basemap.

    Of a basemap only the length is looked at: it may be half a gigabyte, its hash was
    verified when it came, and a part that went bad shows itself where it is read.

    Raises
    ------
    ContentLostError
        If they are not here any more, or were changed on the disk.
    """
    if version.place.kind is UpdateKind.BASEMAP:
        path = store_path(bay.folder, version.sha256)
        if not path.is_file() or path.stat().st_size != version.size_bytes:
            raise ContentLostError(f"{version.slot} {version.version}: its file is gone or cut")
        return path
    data = updates.pack(bay.db, version.sha256)
    if data is None or sha256_hex(data) != version.sha256:
        raise ContentLostError(f"{version.slot} {version.version}: its bytes are gone or altered")
    return data


def stage(bay: Bay, offer: Offer, file: Path, clock: Clock) -> Version:
    """Write a verified target down; it is not in use yet."""
    note = offer.note
    data = b"" if note.place.kind is UpdateKind.BASEMAP else file.read_bytes()
    version = Version(
        note.slot, note.version, State.STAGED, offer.sha256, offer.size_bytes,
        cited_as(note, data) if data else "", changed_ms=clock.at_ms,
    )  # fmt: skip
    with bay.db.atomic():
        if data:
            updates.put_pack(bay.db, offer.sha256, data)
        updates.put(bay.db, version)
    return version


def activate(
    bay: Bay,
    staged: Version,
    found: Found,
    watch_ms: int,
    clock: Clock,
    step: Callable[[str], None],
) -> Version:
    """Put a staged version, which was found sound, to use in place of the one before.

    Parameters
    ----------
    watch_ms
        How long it is watched before it counts as proven [ms].
    step
        Told of each step inside the transaction.

    Raises
    ------
    ModelRefusedError
        If a model is older than what the log has brought, or its version has other content.
    """
    now = dataclasses.replace(
        staged, state=State.IN_USE, cites=found.cites, changed_ms=clock.at_ms,
        watch_until_ms=clock.at_ms + watch_ms, starts_count=0,
    )  # fmt: skip
    with bay.db.atomic():
        if found.model is not None:
            models.admit_model(bay.db, dict(found.model), bay.verifier)
        if found.product is not None:
            village.keep_product(bay.db, found.product)
        step("kept")
        before = updates.in_use(bay.db, now.slot)
        if before is not None:
            updates.put(bay.db, _moved(before, State.SUPERSEDED, before.reason, clock))
        step("displaced")
        updates.put(bay.db, now)
        _tell(bay, now, UpdateAct.ACTIVATED, Refusal("", ""), clock)
        step("told")
    return now


def refuse(bay: Bay, staged: Version, why: Refusal, clock: Clock) -> None:
    """A staged version is unsound: it never comes into use here, and the centre is told."""
    with bay.db.atomic():
        updates.put(bay.db, _moved(staged, State.FAILED, _said(why), clock))
        _tell(bay, staged, UpdateAct.FAILED, why, clock)


def forget(bay: Bay, version: Version, why: Refusal, clock: Clock) -> None:
    """A version that is not in use was withdrawn: it does not come into use again."""
    with bay.db.atomic():
        updates.put(bay.db, _moved(version, State.WITHDRAWN, _said(why), clock))
        _tell(bay, version, UpdateAct.WITHDRAWN, why, clock)


def take_back(
    bay: Bay,
    current: Version,
    state: State,
    why: Refusal,
    is_sound: Callable[[Version], bool],
    clock: Clock,
) -> Version | None:
    """Take a version out of use, and go back to the newest before it that is sound.

    Parameters
    ----------
    state
        ``ROLLED_BACK`` or ``WITHDRAWN``; ``SUPERSEDED`` if it may come into use again.
    is_sound
        Whether a version that was in use before may be again.

    Returns
    -------
    Version or None
        What is in use now; None if it is what the release or the centre's log brought.
    """
    with bay.db.atomic():
        updates.put(bay.db, _moved(current, state, _said(why), clock))
        former = [
            one
            for one in updates.of_slot(bay.db, current.slot)
            if one.state is State.SUPERSEDED and is_sound(one)
        ]
        if former:
            updates.put(bay.db, _moved(former[0], State.IN_USE, "", clock))
        _tell(bay, current, ACT_OF_STATE[state], why, clock)
    return former[0] if former else None


def _moved(version: Version, state: State, reason: str, clock: Clock) -> Version:
    return dataclasses.replace(
        version, state=state, reason=reason, changed_ms=clock.at_ms, watch_until_ms=0,
        starts_count=0,
    )  # fmt: skip


def _said(why: Refusal) -> str:
    return f"{why.code} {why.words}".strip()


def _tell(bay: Bay, version: Version, act: UpdateAct, why: Refusal, clock: Clock) -> None:
    """Write the event into the money log, among the decisions that it stands before."""
    now = updates.in_use(bay.db, version.slot)
    event = UpdateEvent(
        slot=version.slot,
        version=version.version,
        sha256=version.sha256,
        act=act,
        in_use_version=now.version if now is not None else 0,
        code=why.code,
        reason=why.words[:REASON_CHARACTERS_MAX],
    )
    logs.append(bay.db, bay.desk.station, Up.UPDATE_EVENT, event, clock)
