"""One look for updates: believe, fetch, stage, examine, put to use, watch.

What is refused is told by name and leaves in use what is in use. A version that is
unsound, or turns out so while it is watched, goes by itself and what was before it
comes back. A look that breaks off goes on where it was at the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import HarvestlineError, ModelRefusedError
from core.lending.lease import Clock
from core.units import MS_PER_HOUR
from core.wire.update import Rollout, TargetNote
from edge_node.store import models, updates
from edge_node.store.box import may_write
from edge_node.store.database import DiskFullError, StationDatabase, StoreError
from edge_node.store.updates import GONE, State, UpdateBudgetError, Version
from edge_node.updates.activation import (
    Bay,
    Refusal,
    activate,
    content_of,
    forget,
    refuse,
    stage,
    take_back,
)
from edge_node.updates.errors import (
    ContentLostError,
    HealthCheckError,
    TargetAlteredError,
    UpdateEndlessError,
    UpdateMisfitError,
    UpdateRollbackError,
    UpdateSourceError,
)
from edge_node.updates.fetch import fetch, forget_others, store_path
from edge_node.updates.health import Measure, examine
from edge_node.updates.source import Source
from edge_node.updates.trust import Offer, Trusted, refresh

STARTS_MAX = 5  # that neither ran steadily nor ended in order, while a version is watched
METADATA_KEPT = "trusted"
_PASSED_OVER = (
    TargetAlteredError, UpdateEndlessError, UpdateSourceError, UpdateMisfitError, ContentLostError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Channel:
    """How this station gets updates.

    Parameters
    ----------
    bay
        Where versions are changed.
    root
        The root that the station was given when it was set up.
    prompts
        Sentences that the screens need, of each language that this release shows.
    watch_h
        How long a version is watched after it came into use [h].
    step
        Told of each step, as ``downloaded model/3.json``; for the log.
    """

    bay: Bay
    root: bytes
    prompts: Mapping[str, frozenset[str]]
    watch_h: int
    step: Callable[[str], None]

    @property
    def watch_ms(self) -> int:
        """How long a version is watched [ms]."""
        return self.watch_h * MS_PER_HOUR


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look brought; ``problem`` is empty if it came to the end.

    ``more`` says that bytes wait for another day or another try.
    """

    activated: tuple[str, ...] = ()
    taken_back: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    problem: str = ""
    more: bool = False


def look(channel: Channel, source: Source, clock: Clock) -> Looked:
    """Take from a source what is meant for this station; a bad source is a result.

    Raises
    ------
    StoreError, DiskFullError
        If the station cannot write.
    """
    db = channel.bay.db
    try:
        trusted = _believe(channel, source, clock)
        looked = _take(channel, source, trusted, clock)
    except (StoreError, DiskFullError):
        raise
    except HarvestlineError as error:
        looked = Looked(problem=f"{error.code}: {error}", more=True)
    with db.atomic():
        kept = updates.drop_useless(db)
    # A basemap that broke off keeps what has come of it.
    if not looked.more:
        forget_others(channel.bay.folder, kept)
    told = looked.problem or "; ".join(looked.refusals)
    updates.note_look(db, clock.at_ms, told, more=looked.more)
    return looked


def _believe(channel: Channel, source: Source, clock: Clock) -> Trusted:
    """The newest metadata, none of it older than what this station has seen."""
    folder = channel.bay.folder / METADATA_KEPT
    at_ms = max(clock.at_ms, clock.floor_ms)  # a clock that was set back makes nothing fresh
    trusted = refresh(folder, channel.root, source, at_ms)
    older = {
        role: (trusted.versions[role], floor)
        for role, floor in updates.floors(channel.bay.db).items()
        if trusted.versions.get(role, floor) < floor
    }
    if older:
        told = ", ".join(f"{role} {got}, {floor} was here" for role, (got, floor) in older.items())
        raise UpdateRollbackError(f"expected metadata at least as new as before, got {told}")
    updates.raise_floors(channel.bay.db, trusted.versions)
    return trusted


def _take(channel: Channel, source: Source, trusted: Trusted, clock: Clock) -> Looked:
    activated: list[str] = []
    refusals = list(trusted.misfits)
    taken_back = list(_withdrawn(channel, trusted, clock))
    more = False
    for offer in _wanted(channel, trusted, refusals):
        try:
            activated.append(_install(channel, source, offer, clock))
        except UpdateBudgetError as error:
            refusals.append(f"{error.code}: {error}")
            more = True
            break
        except (*_PASSED_OVER, HealthCheckError, ModelRefusedError) as error:
            refusals.append(f"{error.code}: {error}")
    return Looked(tuple(activated), tuple(taken_back), tuple(refusals), more=more)


def _withdrawn(channel: Channel, trusted: Trusted, clock: Clock) -> Iterator[str]:
    """Take out of use what the centre has withdrawn."""
    gone = {offer.note.path for offer in trusted.offers if offer.note.withdrawn}
    why = Refusal("", "withdrawn by the centre")
    known = [one for one in updates.every(channel.bay.db) if one.state not in GONE]
    # What is in use goes last, so that it does not go back to another that is withdrawn.
    for version in sorted(known, key=lambda one: one.state is State.IN_USE):
        path = version.place.path(version.version)
        if path not in gone:
            continue
        if version.state is State.IN_USE:
            sound = _soundness(channel, clock)
            take_back(channel.bay, version, State.WITHDRAWN, why, sound, clock)
        else:
            forget(channel.bay, version, why, clock)
        channel.step(f"withdrawn {path}")
        yield path


def _wanted(channel: Channel, trusted: Trusted, refusals: list[str]) -> Iterator[Offer]:
    """The newest version of each slot that is for this station and better than what is here."""
    station = channel.bay.desk.station
    slots: dict[str, list[Offer]] = {}
    for offer in trusted.offers:
        slots.setdefault(offer.note.slot, []).append(offer)
    for slot, offers in slots.items():
        known = {one.version: one for one in updates.of_slot(channel.bay.db, slot)}
        try:
            newest = _newest(station, offers, known)
        except UpdateRollbackError as error:
            refusals.append(f"{error.code}: {error}")
            continue
        if newest is not None:
            yield newest


def _newest(station: str, offers: Sequence[Offer], known: Mapping[int, Version]) -> Offer | None:
    """The offer to take, if there is one.

    Raises
    ------
    UpdateRollbackError
        If all that is offered is older than what is in use, or the same with other bytes.
    """
    current = next((one for one in known.values() if one.state is State.IN_USE), None)
    mine = [
        offer
        for offer in offers
        if not offer.note.withdrawn
        and offer.note.rollout.takes(station, offer.note.path)
        and (offer.note.version not in known or known[offer.note.version].state not in GONE)
    ]
    if current is None or not mine:
        return mine[-1] if mine else None
    newest = mine[-1]
    listed = {offer.note.version: offer for offer in offers}
    if newest.note.version == current.version and newest.sha256 != current.sha256:
        raise UpdateRollbackError(f"{newest.note.path}: this version is here with other content")
    if newest.note.version < current.version and current.version not in listed:
        raise UpdateRollbackError(
            f"{newest.note.path}: version {current.version} is in use and was not withdrawn"
        )
    return newest if newest.note.version > current.version else None


def _install(channel: Channel, source: Source, offer: Offer, clock: Clock) -> str:
    """Download, verify, stage, examine, put to use; what it is, for people."""
    bay, note = channel.bay, offer.note
    channel.step(f"download {note.path}")
    file = fetch(bay.folder, offer, source)
    channel.step(f"verified {note.path}")
    staged = stage(bay, offer, file, clock)
    channel.step(f"staged {note.path}")
    try:
        found = examine(note, content_of(bay, staged), _measure(channel, clock, first=True))
        channel.step(f"sound {note.path}")
        activate(bay, staged, found, channel.watch_ms, clock, channel.step)
    except (HealthCheckError, ModelRefusedError) as error:
        refuse(bay, staged, Refusal.of(error), clock)
        channel.step(f"refused {note.path} {error.code}")
        raise
    channel.step(f"in_use {note.path}")
    return note.path


def watch(channel: Channel, clock: Clock, *, starting: bool = False) -> tuple[str, ...]:
    """Examine again what is watched, and at a start all that is in use; what was taken back.

    A version whose bytes the disk has lost is not to blame: it makes way, and comes into
    use again when it was fetched once more.

    Raises
    ------
    StoreError, DiskFullError
        If the station cannot write.
    """
    gone = []
    if not may_write(channel.bay.db):
        return ()  # a box that waits for the centre's word can write nothing down
    for version in updates.all_in_use(channel.bay.db):
        watched = clock.at_ms < version.watch_until_ms
        why = _fault(channel, version, clock, examined=watched or starting)
        if why is not None:
            lost = why.code == ContentLostError.code
            state = State.SUPERSEDED if lost else State.ROLLED_BACK
            take_back(channel.bay, version, state, why, _soundness(channel, clock), clock)
            path = version.place.path(version.version)
            channel.step(f"{'lost' if lost else 'rolled_back'} {path} {why.code}")
            gone.append(path)
    return tuple(gone)


def roll_back(channel: Channel, slot: str, words: str, clock: Clock) -> Version | None:
    """Go back by hand to the version before; what is in use now, if it came by updates.

    Raises
    ------
    UpdateSourceError
        If nothing in the slot came by updates.
    """
    current = updates.in_use(channel.bay.db, slot)
    if current is None:
        raise UpdateSourceError(f"expected a version of {slot} that came by updates, none has")
    why, sound = Refusal("", words), _soundness(channel, clock)
    return take_back(channel.bay, current, State.ROLLED_BACK, why, sound, clock)


def _fault(
    channel: Channel, version: Version, clock: Clock, *, examined: bool = True
) -> Refusal | None:
    """Why a version may not be in use; only that its bytes are lost unless it is examined."""
    if examined and version.starts_count > STARTS_MAX:
        return Refusal(
            HealthCheckError.code,
            f"the station started {version.starts_count} times since, and never ran steadily",
        )
    note = TargetNote(version.slot, version.version, Rollout())
    try:
        content = content_of(channel.bay, version)
        if examined:
            examine(note, content, _measure(channel, clock, first=False))
    except (ContentLostError, HealthCheckError, UpdateMisfitError) as error:
        return Refusal.of(error)
    return None


def _soundness(channel: Channel, clock: Clock) -> Callable[[Version], bool]:
    return lambda version: _fault(channel, version, clock) is None


def _measure(channel: Channel, clock: Clock, *, first: bool) -> Measure:
    model = models.current_model(channel.bay.db)
    return Measure(
        verifier=channel.bay.verifier,
        prompts=channel.prompts,
        today=channel.bay.desk.today(clock),
        at_ms=clock.at_ms,
        model=model.model if model is not None else None,
        first=first,
    )


def basemap_path(db: StationDatabase, folder: Path) -> Path | None:
    """The file of the map in use below the folder of updates, if there is one."""
    version = updates.in_use(db, "basemap")
    return store_path(folder, version.sha256) if version is not None else None
