"""What needs the person who looks: each kind with how many, since when, and where to go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from core.lending.payout import PayoutState
from core.reasons import ReasonCode
from core.units import MS_PER_DAY, day_start_ms
from server.console.views.flags import read_every_flag
from server.console.views.station import SILENT_DAYS, StationRow, read_stations
from server.console.views.trade import read_trade_flags
from server.console.words import message, say
from server.services import appeals, money_words
from server.services.cash_people import held
from server.services.centre import Work
from server.services.review_queue.waiting import Kind, waiting
from server.store import (
    agreements,
    box_requests,
    destroyed,
    field_versions,
    logs,
    model_life,
    needs,
    payouts,
)
from server.store.needs import Counted

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


def _oldest(found: Iterable[int]) -> int | None:
    return min(found, default=None)


def _queue(work: Work) -> Iterator[Need]:
    raises, referred = waiting(work, Kind.RAISE), agreements.referred(work.tx)
    plans = waiting(work, Kind.PLAN)
    yield Need(
        "raises",
        say("Raises over authority"),
        say("The rule would raise these limits and may not alone."),
        len(raises),
        _oldest(each.at_ms for each in raises),
        "queue?kind=raise",
        "up",
    )
    yield Need(
        "applications",
        say("Referred applications"),
        say("A card left these to a person."),
        len(referred),
        _oldest(each.at_ms for each in referred),
        "queue?kind=application",
        "person",
    )
    yield Need(
        "plans",
        say("New plans"),
        say("Proposed by one, waiting for another."),
        len(plans),
        _oldest(each.at_ms for each in plans),
        "queue?kind=plan",
        "hold",
    )


def _words(work: Work) -> Iterator[Need]:
    found = money_words.waiting(work)
    yield Need(
        "words",
        say("Words about money"),
        say("Told by one, waiting for another."),
        len(found),
        _oldest(each.word.at_ms for each in found),
        "queue?kind=word",
        "lock",
        urgent=True,
    )


def _appeals(work: Work) -> Iterator[Need]:
    found = appeals.waiting(work)
    late = sum(each.is_late for each in found)
    words = say("Farmers ask a person.")
    if late:
        words += " " + say("{count} past the promised day.", count=late)
    yield Need(
        "appeals",
        say("Appeals and complaints"),
        words,
        len(found),
        _oldest(_day_ms(each.kept.appeal.opened_on) for each in found),
        "appeals",
        "person",
        urgent=late > 0,
    )


def _versions(work: Work) -> Iterator[Need]:
    found = field_versions.waiting(work.tx)
    yield Need(
        "versions",
        say("What agents say is otherwise"),
        say("Walks and corrections, to be laid beside the register."),
        len(found),
        _oldest(each.at_ms for each in found),
        "versions",
        "map",
    )


def _day_ms(text: str) -> int:
    return day_start_ms(date.fromisoformat(text))


def _limits(work: Work) -> Iterator[Need]:
    yield _counted(
        "stale",
        say("Stale evidence"),
        say("New draws wait: nothing was seen or heard for too long."),
        needs.lines_told(work.tx, _STALE),
        "portfolio?movement=frozen",
        "lock",
    )
    yield _counted(
        "held",
        say("Limits held"),
        say("Unseen, thin, not agreed to, or no room under a cap."),
        needs.lines_told(work.tx, _HELD),
        "portfolio?movement=held",
        "hold",
    )


def _counted(key: str, name: str, words: str, found: Counted, path: str, icon: str) -> Need:
    return Need(key, name, words, found.count, found.oldest_ms, path, icon)


def _stations(work: Work) -> Iterator[Need]:
    page = read_stations(work.tx, work.at_ms)
    silent = [row for row in page.rows if _is_dark(row, work.at_ms)]
    stopped = [row for row in page.rows if row.quarantine_reason]
    seen = [row.station.seen_at_ms or row.station.enrolled_at_ms for row in silent]
    yield Need(
        "leases",
        say("Leases at silent stations"),
        say("May be spent there, and nobody hears of it."),
        len(silent),
        _oldest(seen),
        "stations",
        "station",
    )
    yield Need(
        "stopped",
        say("Stations in quarantine"),
        say("Nothing is taken from them until a person looks."),
        len(stopped),
        None,
        "stations",
        "station",
        urgent=True,
    )
    yield Need(
        "set_aside",
        say("Deliveries set aside"),
        say("Refused by name, and kept."),
        len(page.set_aside),
        _oldest(each.at_ms for each in page.set_aside),
        "stations",
        "warning",
    )
    boxes = box_requests.every(work.tx)
    yield Need(
        "boxes",
        say("Boxes that wait"),
        say("A restored station asks to go on."),
        len(boxes),
        _oldest(each.came_at_ms for each in boxes),
        "stations",
        "station",
    )


def _is_dark(row: StationRow, at_ms: int) -> bool:
    """Whether a station with leases has been silent; a new one since it was enrolled."""
    since_ms = row.station.seen_at_ms or row.station.enrolled_at_ms
    return at_ms - since_ms > SILENT_DAYS * MS_PER_DAY and any(out.count for out in row.leases)


def _money(work: Work) -> Iterator[Need]:
    found = payouts.listed(work.tx, (PayoutState.STUCK, PayoutState.FAILED))
    yield Need(
        "payouts",
        say("Payouts in doubt"),
        say("Stuck or failed: ask the rail, then tell how it went."),
        len(found),
        _oldest(each.made_at_ms for each in found),
        "cash",
        "warning",
        urgent=True,
    )
    bounced = needs.bounced_since(work.tx, work.at_ms - BOUNCED_DAYS * MS_PER_DAY)
    yield _counted(
        "bounced",
        say("Bounced repayments"),
        say("In the last {days} days.", days=BOUNCED_DAYS),
        bounced,
        "audit?action=repayment_bounced",
        "down",
    )


def _cash(work: Work) -> Iterator[Need]:
    people = [
        each
        for each in held(work.tx, work.today())
        if each.box.is_uncounted or each.flags_count or each.difference_minor
    ]
    yield Need(
        "cash",
        say("Cash to look at"),
        say("Uncounted, short, over, or moved wrongly."),
        len(people),
        None,
        "cash",
        "lock",
    )


def _flags(work: Work) -> Iterator[Need]:
    seen, traded = read_every_flag(work.tx), read_trade_flags(work.tx, work.at_ms)
    days = [_day_ms(each.raised_on) for each in seen]
    days += [_day_ms(each.raised_on) for each in traded]
    yield Need(
        "flags",
        say("Flags"),
        say("Diverted sales, boundaries and crops that do not fit."),
        len(seen) + len(traded),
        _oldest(days),
        "visits",
        "warning",
    )
    odd = [each for _, each in logs.flagged(work.tx)]
    yield Need(
        "records",
        say("Odd reports of stations"),
        say("Spoofed probes, repeated asking, what did not fit."),
        len(odd),
        _oldest(each.received_at_ms for each in odd),
        "stations",
        "warning",
    )


def _models(work: Work) -> Iterator[Need]:
    last = model_life.last_of_all(work.tx).values()
    for state, name, words in (
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
    ):
        found = [step.at_ms for step in last if step.state == state]
        yield Need(
            f"models_{state}", say(name), say(words), len(found), _oldest(found), "models", "ear"
        )


def _gone(work: Work) -> Iterator[Need]:
    found = destroyed.unconfirmed(work.tx)
    yield Need(
        "gone",
        say("Stations declared destroyed"),
        say("By one officer; a second has to say so too."),
        len(found),
        _oldest(each.declared_at_ms for each in found),
        "stations",
        "cross",
    )


_Ask = Callable[[Work], Iterator[Need]]
_EVERYBODY: tuple[_Ask, ...] = (_queue, _appeals, _versions, _limits, _stations, _money, _flags)
_WHOLE: tuple[_Ask, ...] = (_words, _cash, _models, _gone)
