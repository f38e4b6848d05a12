"""What may go up today, and in pieces of what size.

A metered link has a budget for each civil day of the station. Raw readings may use
three quarters of it and daily features all of it; money, consents and asking for the
centre's log may exceed it by a reserve, and by no more. An envelope that does not fit
waits for the next day. Every attempt that reached the centre's door counts whole, also
one that broke off, with an allowance for what HTTP adds.

A run that was answered within ``QUICK_MS`` and left more behind lets the next one be
twice as large; one that took longer than ``SLOW_MS`` is followed by what would have taken
``AIM_MS``, and one that broke off halves it. So nothing urgent waits long behind a large
envelope, and a link that is cut every few seconds still carries the small ones. The sizes
outlive a restart; over a new connection the client's window bounds them at first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.lending.lease import Clock
from core.units import MS_PER_DAY, PPM, civil_day
from core.wire.envelope import LogClass
from edge_node.store import uplink
from edge_node.store.database import StationDatabase
from edge_node.store.uplink import Purpose
from edge_node.sync.peers import Ends
from edge_node.sync.wires import Answer, CentreClient, CentreUnreachableError, LinkCutError

RUN_BYTES_MIN = 1024  # before compression; a run has at least one record
RUN_BYTES_MAX = 512 * 1024
QUICK_MS = 8_000
AIM_MS = 12_000
SLOW_MS = 20_000
REQUEST_OVERHEAD_BYTES = 512  # of headers, both ways, beside every body
RAW_SHARE_PPM = 750_000
ASKING_SHARE_PPM = 125_000  # of the budget, for asking when nothing else is to be said
ASKING_BYTES = 1024  # one pull document and its overhead
UNBOUNDED_BYTES = 2**53 - 1
PURPOSE_OF_LOG = {
    LogClass.MONEY: Purpose.MONEY,
    LogClass.FEATURES: Purpose.FEATURES,
    LogClass.RAW: Purpose.RAW,
}


@dataclass(frozen=True, slots=True)
class Allowance:
    """The budget of a metered link.

    Parameters
    ----------
    bytes_a_day_max
        What may be sent on one civil day [bytes]; 0 if nobody counts.
    reserve_bytes
        By how much money, consents and pulls may exceed it [bytes].
    picture_bytes_a_day_max
        What asking for pictures may cost on one civil day, both ways [bytes]; 0 for none.
    update_bytes_a_day_max
        What asking for updates may cost on one civil day, both ways [bytes]; 0 for none.
    photo_bytes_a_day_max
        What agents' photos may cost on one civil day [bytes]; 0 for none.
    photo_bytes_kept_max
        Above this, photos that the centre has give up their bytes here [bytes].
    """

    bytes_a_day_max: int = 0
    reserve_bytes: int = 0
    picture_bytes_a_day_max: int = 0
    update_bytes_a_day_max: int = 0
    photo_bytes_a_day_max: int = 0
    photo_bytes_kept_max: int = UNBOUNDED_BYTES

    def left_bytes(self, purpose: Purpose, sent_bytes: int) -> int:
        """What may still be sent today for a purpose [bytes]."""
        if not self.bytes_a_day_max:
            return UNBOUNDED_BYTES
        whole = self.bytes_a_day_max
        most = {
            Purpose.RAW: whole * RAW_SHARE_PPM // PPM,
            Purpose.FEATURES: whole,
        }.get(purpose, whole + self.reserve_bytes)
        return max(0, most - sent_bytes)

    @property
    def ask_every_ms(self) -> int:
        """Least time between two idle asks, so that they leave the budget to others [ms]."""
        if not self.bytes_a_day_max:
            return 0
        asks_a_day = self.bytes_a_day_max * ASKING_SHARE_PPM // PPM // ASKING_BYTES
        return MS_PER_DAY // max(1, asks_a_day)


UNMETERED = Allowance()


@dataclass(frozen=True, slots=True)
class Meter:
    """The way to the centre on one civil day: every request is counted, and sized."""

    db: StationDatabase
    client: CentreClient
    allowance: Allowance
    day: str

    @classmethod
    def of(
        cls,
        db: StationDatabase,
        ends: Ends,
        client: CentreClient,
        clock: Clock,
        allowance: Allowance = UNMETERED,
    ) -> Meter:
        """The meter of the civil day that the station's clock shows."""
        day = civil_day(clock.at_ms, ends.desk.utc_offset_ms).isoformat()
        return cls(db, client, allowance, day)

    def fits(self, purpose: Purpose, size_bytes: int) -> bool:
        """Whether a body may be sent today."""
        sent_bytes = sum(uplink.sent_on(self.db, self.day).values())
        left_bytes = self.allowance.left_bytes(purpose, sent_bytes)
        return size_bytes + REQUEST_OVERHEAD_BYTES <= left_bytes

    def post(self, purpose: Purpose, path: str, content: bytes, content_type: str) -> Answer:
        """Send a body and count it, whatever becomes of it.

        Raises
        ------
        CentreUnreachableError
            If there is no proper answer; one that broke off halves the next run.
        """
        before = self.client.sent_bytes
        try:
            answer = self.client.post(path, content, content_type)
        except LinkCutError:
            self._count(purpose, len(content))
            self._resize(purpose, lambda size: min(size, self.client.window_bytes) // 2)
            raise
        except CentreUnreachableError:
            self._count(purpose, self.client.sent_bytes - before)
            raise
        self._count(purpose, self.client.sent_bytes - before)
        return answer

    def get(self, path: str, headers: Mapping[str, str], answer_bytes_max: int) -> Answer:
        """Ask for bytes by name and count the asking; it changes no run's size.

        Raises
        ------
        CentreUnreachableError
            If there is no proper answer.
        """
        before = self.client.sent_bytes
        try:
            answer = self.client.get(path, headers, answer_bytes_max)
        except LinkCutError:
            self._count(Purpose.PULL, sum(len(text) for text in headers.values()))
            raise
        except CentreUnreachableError:
            self._count(Purpose.PULL, self.client.sent_bytes - before)
            raise
        self._count(Purpose.PULL, self.client.sent_bytes - before)
        return answer

    def went(self, purpose: Purpose, answer: Answer, run_bytes: int, *, more: bool) -> None:
        """Judge the size of a run by how long its exchange took.

        Parameters
        ----------
        run_bytes
            How large it was [bytes before compression].
        more
            Whether it left anything behind.
        """
        if answer.took_ms > SLOW_MS:
            self._resize(purpose, lambda size: min(size, run_bytes) * AIM_MS // answer.took_ms)
        elif answer.took_ms < QUICK_MS and more:
            if run_bytes * 2 > self.run_bytes(purpose):
                self._resize(purpose, lambda size: size * 2)
            self.client.widen()

    def run_bytes(self, purpose: Purpose) -> int:
        """How large the next run for a purpose may be [bytes before compression]."""
        return min(self._learnt_bytes(purpose), self.client.window_bytes)

    def _learnt_bytes(self, purpose: Purpose) -> int:
        found = uplink.pace(self.db)
        return found.down_bytes if purpose is Purpose.PULL else found.up_bytes

    def _count(self, purpose: Purpose, count_bytes: int) -> None:
        if count_bytes:
            uplink.note_sent(self.db, self.day, purpose, count_bytes + REQUEST_OVERHEAD_BYTES)

    def _resize(self, purpose: Purpose, change: Callable[[int], int]) -> None:
        before = self._learnt_bytes(purpose)
        size_bytes = min(max(change(before), RUN_BYTES_MIN), RUN_BYTES_MAX)
        if size_bytes == before:
            return
        keep = uplink.keep_down_bytes if purpose is Purpose.PULL else uplink.keep_up_bytes
        keep(self.db, size_bytes)


@dataclass(frozen=True, slots=True)
class UplinkState:
    """What went up today and may still go, and the size of the next runs [bytes]."""

    day: str
    sent_bytes: Mapping[str, int]
    bytes_a_day_max: int
    reserve_bytes: int
    left_bytes: Mapping[str, int]
    up_run_bytes: int
    down_run_bytes: int


def uplink_state(
    db: StationDatabase, allowance: Allowance, clock: Clock, utc_offset_ms: int
) -> UplinkState:
    """How the day's budget stands; without a budget nothing is said to be left of it."""
    day = civil_day(clock.at_ms, utc_offset_ms).isoformat()
    sent, found = uplink.sent_on(db, day), uplink.pace(db)
    total = sum(sent.values())
    metered = Purpose if allowance.bytes_a_day_max else ()
    return UplinkState(
        day=day,
        sent_bytes={each.value: sent[each] for each in Purpose},
        bytes_a_day_max=allowance.bytes_a_day_max,
        reserve_bytes=allowance.reserve_bytes,
        left_bytes={each.value: allowance.left_bytes(each, total) for each in metered},
        up_run_bytes=found.up_bytes,
        down_run_bytes=found.down_bytes,
    )
