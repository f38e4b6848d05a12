"""One round with the centre: what is urgent first, then what it says, then the rest.

A link that is gone is said once in the log, and once when it returns. After a failure
the pause is short and doubles up to a bound, by chance between half of it and the whole,
so that a district's stations do not return all at once; whatever progress was made
starts it anew.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.errors import HarvestlineError
from core.lending.lease import Clock
from core.units import PPM
from core.wire.envelope import LogClass
from edge_node.decide.closing import close_given_back, give_back_expiring
from edge_node.decide.draws import give_up_abandoned
from edge_node.store import logs, outbox
from edge_node.store.box import BoxState, may_write, standing
from edge_node.store.database import DiskFullError, StationDatabase, StoreError
from edge_node.sync.asking import ask_to_be_the_box, waits
from edge_node.sync.daily import log_settled_features
from edge_node.sync.metering import UNMETERED, Allowance, Meter
from edge_node.sync.peers import Ends
from edge_node.sync.photos import send_photos
from edge_node.sync.pictures import fetch_pictures
from edge_node.sync.pulling import Pulled, PullRefusedError, pull, pull_is_due
from edge_node.sync.pushing import UP_LOGS, SenderRefusedError, push
from edge_node.sync.wires import CentreClient

DOUBLINGS_MAX = 16
RETRY_S_MIN = 1
CHANCE_BYTES = 4
LOG = logging.getLogger("harvestline.edge.sync")


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did; ``problem`` is empty if it reached the centre to the end.

    ``more`` says that as much as a round may move was moved, and more waits.
    """

    pushed_records_count: int = 0
    pulled_records_count: int = 0
    refusals: tuple[str, ...] = ()
    problem: str = ""
    more: bool = False

    @property
    def progressed(self) -> bool:
        """Whether anything was delivered or came."""
        return bool(self.pushed_records_count or self.pulled_records_count)


def sync_once(
    db: StationDatabase,
    ends: Ends,
    client: CentreClient,
    clock: Clock,
    allowance: Allowance = UNMETERED,
    *,
    rest_first: bool = False,
) -> Round:
    """One round; a link that breaks is a result, not an exception.

    Parameters
    ----------
    rest_first
        Send features and readings before asking what the centre says; money always
        goes first.

    Raises
    ------
    StoreError, DiskFullError
        If the station cannot write.
    """
    sent, received = client.sent_bytes, client.received_bytes
    pushed, pulled = _marks(db, ends)
    try:
        meter = Meter.of(db, ends, client, clock, allowance)
        done = _round(ends, meter, clock, UP_LOGS if rest_first else (LogClass.MONEY,))
    except (StoreError, DiskFullError):
        raise
    except HarvestlineError as error:
        now_pushed, now_pulled = _marks(db, ends)
        moved = (max(0, now_pushed - pushed), now_pulled - pulled)
        done = Round(*moved, problem=f"{error.code}: {error}")
    spent = (client.sent_bytes - sent, client.received_bytes - received)
    _note(db, done, clock, spent)
    return done


def _marks(db: StationDatabase, ends: Ends) -> tuple[int, int]:
    """How much was delivered, and how much came, in all [records]."""
    delivered = sum(outbox.delivered(db, log).seq for log in UP_LOGS)
    return delivered, logs.down_tail(db, ends.down).seq


def _round(ends: Ends, meter: Meter, clock: Clock, before_asking: Sequence[LogClass]) -> Round:
    if not may_write(meter.db):
        return _round_of_waiting_box(ends, meter, clock)
    give_up_abandoned(meter.db, ends.desk, clock)
    if meter.db.has_room:
        log_settled_features(meter.db, ends.desk, clock)
    try:
        urgent = push(ends, meter, clock, before_asking)
    except SenderRefusedError:
        pull(ends, meter, clock)  # a box that was replaced hears so, signed
        raise
    asks = bool(urgent.records_count) or pull_is_due(meter, clock)
    pulled = pull(ends, meter, clock) if asks else Pulled()
    give_back_expiring(meter.db, clock)
    closed = close_given_back(meter.db, ends.desk, clock)
    rest = push(ends, meter, clock)
    # What was given back is leased anew at once, while there is a link.
    again = pull(ends, meter, clock) if closed else Pulled()
    more = rest.more or pulled.more or again.more
    if not more and meter.db.has_room:
        more = fetch_pictures(ends, meter, clock)
        more = send_photos(ends, meter, clock) or more
    return Round(
        pushed_records_count=urgent.records_count + rest.records_count,
        pulled_records_count=pulled.records_count + again.records_count,
        refusals=pulled.refusals + again.refusals,
        more=more,
    )


def _round_of_waiting_box(ends: Ends, meter: Meter, clock: Clock) -> Round:
    """Only ask: a box that waits to be confirmed, or was replaced, sends nothing else.

    Raises
    ------
    BoxNotConfirmedError
        If this box has asked to be the station's, and no officer has answered.
    """
    asks = bool(ends.box_request) and standing(meter.db).state is BoxState.RESTORED
    if asks:
        ask_to_be_the_box(ends, meter, clock)
    try:
        pulled = pull(ends, meter, clock)
    except PullRefusedError as error:
        raise (waits(ends) if asks else error) from error
    return Round(0, pulled.records_count, pulled.refusals, more=pulled.more or may_write(meter.db))


def _note(db: StationDatabase, done: Round, clock: Clock, spent: tuple[int, int]) -> None:
    before = outbox.link_state(db)
    outbox.note_link(db, clock.at_ms, done.problem, *spent)
    if done.problem and (before.up or not before.tried_at_ms):
        LOG.warning("link_lost problem=%s", done.problem)
    if not done.problem and not before.up:
        LOG.info("link_returned")
    for refusal in done.refusals:
        LOG.warning("record_refused reason=%s", refusal)


@dataclass(frozen=True, slots=True)
class Streak:
    """How the latest rounds went: failures without progress, and what has the next turn.

    Where a link carries one exchange before it is cut again, asking and sending the rest
    take turns, so that neither keeps the other waiting for ever.
    """

    failures_count: int = 0
    rest_first: bool = False

    def after(self, done: Round) -> Streak:
        """The streak after one more round."""
        if not done.problem:
            return Streak()
        return Streak(1 if done.progressed else self.failures_count + 1, not self.rest_first)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to sync: the pause when all is well, and the longest after a failure [s]."""

    every_s: int
    retry_s_max: int

    def pause_s(self, failures_count: int, chance_ppm: int = PPM) -> float:
        """The pause after so many failures in a row, without progress between them [s].

        Parameters
        ----------
        chance_ppm
            Where in its second half the pause ends, by chance [0–1,000,000 ppm].
        """
        if not failures_count:
            return self.every_s
        doubled_s = RETRY_S_MIN << min(failures_count - 1, DOUBLINGS_MAX)
        return min(doubled_s, self.retry_s_max) * (PPM + chance_ppm) / (2 * PPM)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When to sync and how much: the pace, the day's allowance, and chance for the pauses."""

    pace: Pace
    allowance: Allowance
    entropy: Callable[[int], bytes]

    def pause_s(self, done: Round, failures_count: int) -> float:
        """How long to wait after a round [s]; not at all if it left more to move."""
        if done.more and not failures_count:
            return 0.0
        drawn = int.from_bytes(self.entropy(CHANCE_BYTES), "big")
        return self.pace.pause_s(failures_count, drawn % (PPM + 1))


def run_rounds(
    db: StationDatabase,
    ends: Ends,
    client: CentreClient,
    clock_now: Callable[[], Clock],
    rhythm: Rhythm,
    stop: threading.Event,
) -> None:
    """Sync until told to stop. A store that cannot be written ends it: the caller decides."""
    streak = Streak()
    while not stop.is_set():
        done = sync_once(
            db, ends, client, clock_now(), rhythm.allowance, rest_first=streak.rest_first
        )
        streak = streak.after(done)
        stop.wait(rhythm.pause_s(done, streak.failures_count))
