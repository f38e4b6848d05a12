"""Who looked at whose data: written down with each look, told to the farmer once a day.

A page or command about one person leaves a row for each look; a list of many leaves one a
day for each person on it, actor and list. The farmer's home station gets a summary by day
and role: names of officers stay at the centre.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from core.canonical import canonical_hash
from core.units import civil_day
from core.wire.consents import ACCESSES_MAX, Access, Accesses
from core.wire.personal_data import DataClass, Purpose
from core.wire.records import Down
from server.services.centre import MS_PER_MINUTE, Centre, Work
from server.services.downlink import send_once
from server.store import consent_uses, registry
from server.store.consent_uses import KeptAccess
from server.store.people import Actor

CONSOLE, COMMAND, API = "console", "command", "api"
TOLD_DAYS = 90  # of looks that a station is told
ID_CHARS = 32


@dataclass(frozen=True, slots=True)
class Look:
    """A look at people's data: by whom, what for, at which classes, how and where."""

    by: Actor
    purpose: Purpose
    classes: tuple[DataClass, ...]
    way: str
    shown: str


def note(centre: Centre, look: Look, farmer_id: str) -> None:
    """Write down a look at one person's data; it is not shown unless this is committed."""
    if farmer_id:
        centre.write(lambda work: note_in(work, look, farmer_id))


def note_in(work: Work, look: Look, farmer_id: str) -> None:
    """The same inside a piece of work."""
    consent_uses.add_accesses(work.tx, [_kept(work, look, farmer_id, work.new_id())])


def note_list(centre: Centre, look: Look, farmer_ids: Iterable[str]) -> None:
    """Write down that people stood on a list that somebody saw, once a day."""
    named = sorted({each for each in farmer_ids if each})
    if named:
        centre.write(lambda work: _note_list(work, look, named))


def tell_station(work: Work, station: str) -> None:
    """Tell a station of the looks at its people's data that it has not been told of."""
    since_ms = work.at_ms - TOLD_DAYS * 86_400_000
    homes = {f.farmer_id for f in registry.all_farmers(work.tx) if f.home_station == station}
    for farmer_id in consent_uses.looked_at_since(work.tx, since_ms):
        if farmer_id in homes:
            send_once(work, station, Down.ACCESSES, summary(work, farmer_id))


def summary(work: Work, farmer_id: str) -> Accesses:
    """The looks at a farmer's data by day, role, purpose and classes, newest first."""
    site = registry.farmer_site(work.tx, farmer_id)
    offset_ms = site.utc_offset_minutes * MS_PER_MINUTE if site else 0
    first = civil_day(work.at_ms, offset_ms) - timedelta(days=TOLD_DAYS)
    found: Counter[tuple[date, str, str, tuple[str, ...]]] = Counter()
    for one in consent_uses.accesses_of(work.tx, farmer_id):
        on = civil_day(one.at_ms, offset_ms)
        if on >= first:
            found[on, one.role, one.purpose, one.classes] += 1
    ordered = sorted(found.items(), key=lambda each: (-each[0][0].toordinal(), each[0][1:]))
    looks = tuple(
        Access(on.isoformat(), role, purpose, classes, count)
        for (on, role, purpose, classes), count in ordered[:ACCESSES_MAX]
    )
    return Accesses(farmer_id, looks[0].on if looks else first.isoformat(), looks)


def _note_list(work: Work, look: Look, farmer_ids: list[str]) -> None:
    day = work.today().isoformat()
    rows = [_kept(work, look, each, _list_id(work, look, each, day)) for each in farmer_ids]
    consent_uses.add_accesses(work.tx, rows)


def _list_id(work: Work, look: Look, farmer_id: str, day: str) -> str:
    named = [work.tx.tenant_id, look.by.name, look.shown, farmer_id, day]
    return canonical_hash({"list": named})[:ID_CHARS]


def _kept(work: Work, look: Look, farmer_id: str, access_id: str) -> KeptAccess:
    return KeptAccess(
        access_id=access_id,
        farmer_id=farmer_id,
        at_ms=work.at_ms,
        actor=look.by.name,
        role=look.by.role,
        purpose=look.purpose.value,
        classes=tuple(sorted(each.value for each in look.classes)),
        way=look.way,
        shown=look.shown,
    )
