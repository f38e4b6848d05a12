"""One round with the centre: give, take, give back what a cut asks for, give the rest.

A link that is gone is said once in the log, and once when it returns. Between
rounds the pause doubles while the link is gone, up to a bound.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from core.errors import HarvestlineError
from core.lending.lease import Clock
from edge_node.decide.closing import close_given_back, give_back_expiring
from edge_node.decide.draws import give_up_abandoned
from edge_node.store import outbox
from edge_node.store.database import DiskFullError, StationDatabase, StoreError
from edge_node.sync.daily import log_settled_features
from edge_node.sync.peers import Ends
from edge_node.sync.pulling import pull
from edge_node.sync.pushing import push
from edge_node.sync.wires import CentreClient

DOUBLINGS_MAX = 16
LOG = logging.getLogger("harvestline.edge.sync")


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did; ``problem`` is empty if it reached the centre to the end."""

    pushed_records_count: int = 0
    pulled_records_count: int = 0
    refusals: tuple[str, ...] = ()
    problem: str = ""


def sync_once(db: StationDatabase, ends: Ends, client: CentreClient, clock: Clock) -> Round:
    """One round; a link that breaks is a result, not an exception.

    Raises
    ------
    StoreError, DiskFullError
        If the station cannot write.
    """
    sent, received = client.sent_bytes, client.received_bytes
    try:
        done = _round(db, ends, client, clock)
    except (StoreError, DiskFullError):
        raise
    except HarvestlineError as error:
        done = Round(problem=f"{error.code}: {error}")
    spent = (client.sent_bytes - sent, client.received_bytes - received)
    _note(db, done, clock, spent)
    return done


def _round(db: StationDatabase, ends: Ends, client: CentreClient, clock: Clock) -> Round:
    give_up_abandoned(db, ends.desk, clock)
    log_settled_features(db, ends.desk, clock)
    first = push(db, ends, client, clock)
    pulled = pull(db, ends, client, clock)
    give_back_expiring(db, clock)
    closed = close_given_back(db, ends.desk, clock)
    second = push(db, ends, client, clock)
    # What was given back is leased anew at once, while there is a link.
    again = pull(db, ends, client, clock) if closed else None
    return Round(
        pushed_records_count=first.records_count + second.records_count,
        pulled_records_count=pulled.records_count + (again.records_count if again else 0),
        refusals=pulled.refusals + (again.refusals if again else ()),
    )


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
class Pace:
    """How often to sync: the pause when all is well, and the longest one [s]."""

    every_s: int
    retry_s_max: int

    def pause_s(self, failures_count: int) -> int:
        """The pause after so many failures in a row [s]."""
        longest_s = max(self.retry_s_max, self.every_s)
        return min(self.every_s << min(failures_count, DOUBLINGS_MAX), longest_s)


def run_rounds(
    db: StationDatabase,
    ends: Ends,
    client: CentreClient,
    clock_now: Callable[[], Clock],
    pace: Pace,
    stop: threading.Event,
) -> None:
    """Sync until told to stop. A store that cannot be written ends it: the caller decides."""
    failures = 0
    while not stop.is_set():
        done = sync_once(db, ends, client, clock_now())
        failures = failures + 1 if done.problem else 0
        stop.wait(pace.pause_s(failures))
