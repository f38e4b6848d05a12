"""What is published, how long it may be trusted, and what each station runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from core.units import PPM, civil_day
from core.wire.update import UpdateAct
from server.services.publishing.rollout import Desk
from server.services.publishing.signing import DARK_DAYS_MIN, Standing
from server.store import registry, versions
from server.store.versions import StationVersion


@dataclass(frozen=True, slots=True)
class InUse:
    """What a station says is in use in a slot, and what went wrong there last.

    ``version`` is 0 where what the log or the release brought is in use.
    """

    station: str
    slot: str
    version: int
    said_at_ms: int
    refused_version: int
    refused_code: str
    refused_reason: str


@dataclass(frozen=True, slots=True)
class UpdatesStatus:
    """The repository, the stations, and what a person should look at."""

    repository: Standing
    stations: tuple[InUse, ...]
    silent: tuple[str, ...]
    warnings: tuple[str, ...]

    def sentences(self) -> Iterator[str]:
        """The same for people, line by line."""
        repository = self.repository
        yield ", ".join(
            f"{role} {version} until {repository.expires[role]}"
            for role, version in repository.versions.items()
        )
        for one in repository.targets:
            rollout = one.note.rollout
            share = f"{rollout.share_ppm * 100 / PPM:g} %"
            named = f" and {', '.join(rollout.stations)}" if rollout.stations else ""
            state = "withdrawn" if one.note.withdrawn else f"{share}{named}"
            yield f"  {one.note.path}  {state}  {one.size_bytes} bytes"
        for each in self.stations:
            bad = (
                f"; version {each.refused_version} is out: {each.refused_code} "
                f"{each.refused_reason}"
                if each.refused_version
                else ""
            )
            yield f"  {each.station}  {each.slot}  version {each.version}{bad}"
        for name in self.silent:
            yield f"  {name}  has said nothing of updates"
        yield from (f"LOOK: {words}" for words in self.warnings)


def updates_status(desk: Desk) -> UpdatesStatus:
    """How updates stand at the centre and at the stations."""
    standing = desk.publisher.standing()
    with desk.centre.store.reading() as tx:
        said = versions.every(tx)
        names = [station.name for station in registry.all_stations(tx)]
    newest: dict[tuple[str, str], list[StationVersion]] = {}
    for one in said:
        newest.setdefault((one.station, one.slot), []).append(one)
    today = civil_day(desk.centre.now_ms(), 0)
    return UpdatesStatus(
        repository=standing,
        stations=tuple(_in_use(words) for words in newest.values()),
        silent=tuple(sorted(set(names) - {one.station for one in said})),
        warnings=tuple(_warnings(standing.expires, today)),
    )


def _in_use(words: list[StationVersion]) -> InUse:
    last = words[-1]
    # A version below the one in use is history: the station has gone past it.
    bad = [
        one
        for one in words
        if one.act != UpdateAct.ACTIVATED.value and one.version > last.in_use_version
    ]
    refused = bad[-1] if bad else None
    return InUse(
        station=last.station,
        slot=last.slot,
        version=last.in_use_version,
        said_at_ms=last.at_ms,
        refused_version=refused.version if refused else 0,
        refused_code=refused.code if refused else "",
        refused_reason=refused.reason if refused else "",
    )


def _warnings(expires: Mapping[str, str], today: date) -> Iterator[str]:
    for role, on in expires.items():
        days = (date.fromisoformat(on) - today).days
        if days < DARK_DAYS_MIN:
            do = "rotate-root" if role == "root" else "renew"
            yield (
                f"{role} can be trusted for {days} days more, a station may be dark for "
                f"{DARK_DAYS_MIN}: run updates {do}"
            )
