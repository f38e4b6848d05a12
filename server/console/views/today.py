"""What needs the person who looks: each kind with how many, since when, and where to go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from core.lending.payout import PayoutState
from core.reasons import ReasonCode
from core.units import MS_PER_DAY, day_start_ms
from server.console.views.flags import flag_days
from server.console.views.station import SILENT_DAYS, StationRow, read_stations
from server.console.words import message, say
from server.services import appeals
from server.services.cash_people import held
from server.services.centre import Work
from server.services.review_queue.waiting import Kind, count_waiting
from server.services.sales_questions import trade_flags
from server.store import (
    box_requests,
    destroyed,
    field_versions,
    logs,
    model_life,
    needs,
    payouts,
)
from server.store.counted import Counted

BOUNCED_DAYS = 14
_STALE = (
    ReasonCode.LIMIT_STALE_FROZEN,
    ReasonCode.LIMIT_SILENT_FROZEN,
    ReasonCode.LIMIT_CONSENT_FROZEN,
)
_HELD = (
    ReasonCode.LIMIT_NOT_SEEN,
    ReasonCode.LIMIT_THIN,
    ReasonCode.LIMIT_DUES_UNKNOWN,
    ReasonCode.LIMIT_CONSENT_MISSING,
    ReasonCode.LIMIT_SPREAD_CROP,
    ReasonCode.LIMIT_SPREAD_VILLAGE,
    ReasonCode.LIMIT_SPREAD_CELL,
)


@dataclass(frozen=True, slots=True)
class Need:
    """One kind of thing that needs somebody: how many, since when, where; ``urgent`` first."""

    key: str
    name: str
    words: str
    count: int
    oldest_ms: int | None
    path: str
    icon: str
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Today:
    """All that needs somebody, the urgent first, and what was looked at and is well."""

    needs: tuple[Need, ...]
    well: tuple[str, ...]

    @property
    def total(self) -> int:
        """How many things stand open."""
        return sum(need.count for need in self.needs)


def read_today(work: Work, *, whole: bool) -> Today:
    """What needs somebody who may see what the work's transaction shows.

    Parameters
    ----------
    whole
        Whether that is the whole book; what is about all of it is left out otherwise.
    """
    asked = [*_EVERYBODY, *(_WHOLE if whole else ())]
    found = [need for ask in asked for need in ask(work)]
    open_ones = [need for need in found if need.count]
    open_ones.sort(key=lambda need: (not need.urgent, need.oldest_ms or 0))
    return Today(tuple(open_ones), tuple(need.name for need in found if not need.count))


def _since(found: Iterable[int]) -> Counted:
    """As many as there are, since the earliest."""
    days = list(found)
    return Counted(len(days), min(days, default=None))


def _queue(work: Work) -> Iterator[Need]:
    for kind, key, name, words, icon in _QUEUED:
        found = count_waiting(work, kind)
        path = f"queue?kind={kind.value}"
        yield _need(key, (say(name), say(words)), found, (path, icon))


def _words(work: Work) -> Iterator[Need]:
    told = (say("Words about money"), say("Told by one, waiting for another."))
    found = count_waiting(work, Kind.WORD)
    yield _need("words", told, found, ("queue?kind=word", "lock"), urgent=True)


def _appeals(work: Work) -> Iterator[Need]:
    found = appeals.waiting(work)
    late = sum(each.is_late for each in found)
    words = say("Farmers ask a person.")
    if late:
        words += " " + say("{count} past the promised day.", count=late)
    since = _since(_day_ms(each.kept.appeal.opened_on) for each in found)
    told = (say("Appeals and complaints"), words)
    yield _need("appeals", told, since, ("appeals", "person"), urgent=late > 0)


def _versions(work: Work) -> Iterator[Need]:
    told = (
        say("What agents say is otherwise"),
        say("Walks and corrections, to be laid beside the register."),
    )
    since = _since(each.at_ms for each in field_versions.waiting(work.tx))
    yield _need("versions", told, since, ("versions", "map"))


def _day_ms(text: str) -> int:
    return day_start_ms(date.fromisoformat(text))


def _limits(work: Work) -> Iterator[Need]:
    yield _need(
        "stale",
        (say("Stale evidence"), say("New draws wait: nothing was seen or heard for too long.")),
        needs.lines_told(work.tx, _STALE),
        ("portfolio?movement=frozen", "lock"),
    )
    yield _need(
        "held",
        (say("Limits held"), say("Unseen, thin, not agreed to, or no room under a cap.")),
        needs.lines_told(work.tx, _HELD),
        ("portfolio?movement=held", "hold"),
    )


def _need(
    key: str, told: tuple[str, str], found: Counted, way: tuple[str, str], *, urgent: bool = False
) -> Need:
    """A need by its name and words, its count, and its path and icon."""
    return Need(key, *told, found.count, found.oldest_ms, *way, urgent=urgent)


def _stations(work: Work) -> Iterator[Need]:
    page = read_stations(work.tx, work.at_ms)
    silent = [row for row in page.rows if _is_dark(row, work.at_ms)]
    stopped = sum(bool(row.quarantine_reason) for row in page.rows)
    yield _need(
        "leases",
        (say("Leases at silent stations"), say("May be spent there, and nobody hears of it.")),
        _since(row.station.seen_at_ms or row.station.enrolled_at_ms for row in silent),
        _STATIONS,
    )
    yield _need(
        "stopped",
        (
            say("Stations in quarantine"),
            say("Nothing is taken from them until a person looks."),
        ),
        Counted(stopped, None),
        _STATIONS,
        urgent=True,
    )
    yield _need(
        "set_aside",
        (say("Deliveries set aside"), say("Refused by name, and kept.")),
        _since(each.at_ms for each in page.set_aside),
        ("stations", "warning"),
    )
    yield _need(
        "boxes",
        (say("Boxes that wait"), say("A restored station asks to go on.")),
        _since(each.came_at_ms for each in box_requests.every(work.tx)),
        _STATIONS,
    )


def _is_dark(row: StationRow, at_ms: int) -> bool:
    """Whether a station with leases has been silent; a new one since it was enrolled."""
    since_ms = row.station.seen_at_ms or row.station.enrolled_at_ms
    return at_ms - since_ms > SILENT_DAYS * MS_PER_DAY and any(out.count for out in row.leases)


def _money(work: Work) -> Iterator[Need]:
    found = payouts.listed(work.tx, (PayoutState.STUCK, PayoutState.FAILED))
    yield _need(
        "payouts",
        (
            say("Payouts in doubt"),
            say("Stuck or failed: ask the rail, then tell how it went."),
        ),
        _since(each.made_at_ms for each in found),
        ("cash", "warning"),
        urgent=True,
    )
    yield _need(
        "bounced",
        (say("Bounced repayments"), say("In the last {days} days.", days=BOUNCED_DAYS)),
        needs.bounced_since(work.tx, work.at_ms - BOUNCED_DAYS * MS_PER_DAY),
        ("audit?action=repayment_bounced", "down"),
    )


def _cash(work: Work) -> Iterator[Need]:
    wrong = sum(
        bool(each.box.is_uncounted or each.flags_count or each.difference_minor)
        for each in held(work.tx, work.today())
    )
    told = (say("Cash to look at"), say("Uncounted, short, over, or moved wrongly."))
    yield _need("cash", told, Counted(wrong, None), ("cash", "lock"))


def _flags(work: Work) -> Iterator[Need]:
    days = flag_days(work.tx)
    days += [each.raised_on for each in trade_flags(work.tx, work.at_ms)]
    yield _need(
        "flags",
        (say("Flags"), say("Diverted sales, boundaries and crops that do not fit.")),
        _since(_day_ms(each) for each in days),
        ("visits", "warning"),
    )
    yield _need(
        "records",
        (
            say("Odd reports of stations"),
            say("Spoofed probes, repeated asking, what did not fit."),
        ),
        _since(each.received_at_ms for _, each in logs.flagged(work.tx)),
        ("stations", "warning"),
    )


def _models(work: Work) -> Iterator[Need]:
    last = model_life.last_of_all(work.tx).values()
    for state, name, words in _MODELS:
        since = _since(step.at_ms for step in last if step.state == state)
        yield _need(f"models_{state}", (say(name), say(words)), since, ("models", "ear"))


def _gone(work: Work) -> Iterator[Need]:
    told = (
        say("Stations declared destroyed"),
        say("By one officer; a second has to say so too."),
    )
    since = _since(each.declared_at_ms for each in destroyed.unconfirmed(work.tx))
    yield _need("gone", told, since, ("stations", "cross"))


_STATIONS = ("stations", "station")
_QUEUED = (
    (
        Kind.RAISE,
        "raises",
        message("Raises over authority"),
        message("The rule would raise these limits and may not alone."),
        "up",
    ),
    (
        Kind.APPLICATION,
        "applications",
        message("Referred applications"),
        message("A card left these to a person."),
        "person",
    ),
    (
        Kind.PLAN,
        "plans",
        message("New plans"),
        message("Proposed by one, waiting for another."),
        "hold",
    ),
)
_MODELS = (
    (
        "halted",
        message("Drifting models"),
        message("A roll-out was halted by its alarm, or by a person."),
    ),
    (
        "proposed",
        message("Models to approve"),
        message("Proposed by one, waiting for another."),
    ),
)
_Ask = Callable[[Work], Iterator[Need]]
_EVERYBODY: tuple[_Ask, ...] = (_queue, _appeals, _versions, _limits, _stations, _money, _flags)
_WHOLE: tuple[_Ask, ...] = (_words, _cash, _models, _gone)
