"""A fleet: devices that live in virtual time and talk over real sockets, in one thread.

One selector watches all clients' sockets. Whoever directs a story calls from another
thread; each call is carried out by the loop and answered when done, so the devices
need no locks. A failure inside the loop is raised by the next call.
"""

from __future__ import annotations

import contextlib
import os
import queue
import selectors
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Self, TypeVar, cast

from firmware_sim.config import SettingError
from firmware_sim.device.machine import flash_of
from firmware_sim.fleet.flash import FlashInMemory, FlashPages, FlashStore
from firmware_sim.fleet.member import Member
from firmware_sim.fleet.session import Session
from firmware_sim.fleet.station import Uplink
from firmware_sim.fleet.unit import OnSaid, Unit

Result = TypeVar("Result")
IDLE_MS_MAX = 1_000
TELL_MS = 10  # between two counts of what is delivered, over all devices
CONNECTS_A_ROUND_MAX = 8  # so that a broker's return does not starve those already connected


@dataclass(frozen=True, slots=True)
class Delivery:
    """How much of what was measured the station has not acknowledged; true if nothing is left.

    ``waiting`` counts the devices that hold it; ``connected`` those with a session.
    """

    unacknowledged: int
    waiting: int
    connected: int

    def __bool__(self) -> bool:
        return self.unacknowledged == 0


@dataclass(frozen=True, slots=True)
class FleetCounts:
    """Sums over all devices since the start."""

    sessions: int
    refused_sessions: int
    messages: int
    samples_sent: int
    watermarks: int
    refused_watermarks: int


def steady_clock_ms() -> int:
    """A clock that only goes forwards [ms]; its zero means nothing."""
    return time.monotonic_ns() // 1_000_000


class Fleet:
    """Devices of one site.

    Parameters
    ----------
    members
        The devices.
    uplink
        Where they report to.
    at_ms
        The true instant at which they are switched on [ms UTC].
    new_epoch
        Gives a fresh epoch id: for each device without flash, and at each factory reset.
    flash
        Where their flash is kept.
    on_said
        Told of each message that a device publishes: member, topic, payload.

    Raises
    ------
    SettingError
        If two devices have one id.
    """

    def __init__(
        self,
        members: Sequence[Member],
        uplink: Uplink,
        at_ms: int,
        new_epoch: Callable[[], str],
        flash: FlashStore | None = None,
        on_said: OnSaid | None = None,
    ) -> None:
        names = [member.name for member in members]
        if len(set(names)) < len(names):
            raise SettingError(f"expected each device once, got {sorted(names)}")
        store = flash if flash is not None else FlashInMemory()
        self._new_epoch = new_epoch
        self._at_ms = at_ms
        self._units: dict[str, Unit] = {}
        for member in members:
            twin = self._units.get(member.twin)
            epoch = twin.device.memory.epoch if twin is not None else new_epoch()
            unit = Unit(member, uplink, store, epoch, at_ms)
            unit.on_said = on_said
            self._units[member.name] = unit
        # When each device next wants attention [ms, steady]; a thousand are not asked in turn.
        self._due_ms = dict.fromkeys(self._units, 0)
        self._news, self._told_ms = True, 0
        self._selector = selectors.DefaultSelector()
        self._waker: socket.socket | None = None
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._delivery = self._delivery_now()
        self._stopping = False
        self._thread = ThreadPoolExecutor(1, "fleet")
        self._running: Future[None] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to connect. The devices are on, but measure only as :meth:`advance` tells."""
        if self._running is None:
            self._waker, wakened = socket.socketpair()
            for end in (self._waker, wakened):
                end.setblocking(False)  # noqa: FBT003 - the library's only spelling
            self._selector.register(wakened, selectors.EVENT_READ, None)
            self._running = self._thread.submit(self._run)
            self._running.add_done_callback(lambda _: self._tell())

    def stop(self) -> None:
        """Say goodbye for every device and end the loop; stopping twice does nothing."""
        if self._running is None or self._stopping:
            return
        self._stopping = True
        self._wake()
        self._thread.shutdown(wait=True)
        if self._waker is not None:
            self._waker.close()
        self._running.result()

    def advance(self, to_ms: int) -> None:
        """Let every device wake and measure up to a virtual instant [ms UTC], then report."""
        self._call(lambda: self._advance(to_ms))

    def wait_acknowledged(self, timeout_s: float) -> Delivery:
        """Wait until no living device holds an unacknowledged sample, or for ``timeout_s`` [s].

        Devices without power, or whose radio sleeps, are not waited for; what they hold
        comes when they return.
        """
        with self._changed:
            self._changed.wait_for(lambda: bool(self._delivery) or self._has_ended(), timeout_s)
        self._raise_failure()
        return self._delivery

    def wait_connected(self, timeout_s: float, count: int | None = None) -> int:
        """Wait until so many devices (all by default) have a session; how many have one."""
        wanted = len(self._units) if count is None else count
        with self._changed:
            self._changed.wait_for(
                lambda: self._delivery.connected >= wanted or self._has_ended(), timeout_s
            )
        self._raise_failure()
        return self._delivery.connected

    @property
    def names(self) -> tuple[str, ...]:
        """Every member's name."""
        return tuple(self._units)

    def kill(self, device: str) -> None:
        """Cut a device's power without warning; the broker publishes its will."""
        self._call(lambda: self._unit(device).kill(self._at_ms))

    def tear(self, device: str, pages: FlashPages) -> None:
        """Cut a device's power while it writes a page of its flash."""

        def work() -> None:
            unit = self._unit(device)
            pages.tear(device, flash_of(unit.device))
            unit.kill(self._at_ms)

        self._call(work)

    def restart(self, device: str) -> None:
        """Cut a device's power if it has any, and switch it on with what is in its flash."""

        def work() -> None:
            unit = self._unit(device)
            unit.kill(self._at_ms)
            unit.revive(self._at_ms, self._new_epoch())

        self._call(work)

    def factory_reset(self, device: str) -> None:
        """Wipe a device's memory: it begins a new epoch, and what it had not sent is gone."""
        self._call(lambda: self._unit(device).reset(self._at_ms, self._new_epoch()))

    def counts(self) -> FleetCounts:
        """What the devices have done so far."""
        return self._call(self._counts)

    def reasons(self) -> dict[str, str]:
        """Why devices that have no session, or were refused something, say so: id to reason."""
        return self._call(
            lambda: {n: u.last_reason for n, u in self._units.items() if u.last_reason}
        )

    def epochs(self) -> dict[str, str]:
        """Each device's present epoch."""
        return self._call(lambda: {n: u.device.memory.epoch for n, u in self._units.items()})

    def _unit(self, device: str) -> Unit:
        if device not in self._units:
            raise SettingError(f"expected one of {sorted(self._units)}, got {device!r}")
        return self._units[device]

    def _advance(self, to_ms: int) -> None:
        self._at_ms = max(self._at_ms, to_ms)
        for unit in self._units.values():
            unit.live(self._at_ms)
            unit.report(self._at_ms, steady_clock_ms())

    def _counts(self) -> FleetCounts:
        names = FleetCounts.__slots__
        units = self._units.values()
        return FleetCounts(*(sum(getattr(u.counts, name) for u in units) for name in names))

    def _call(self, work: Callable[[], Result]) -> Result:
        """Have the loop's thread do something, and wait for its answer."""
        if self._running is None or self._stopping:
            raise SettingError("expected a running fleet: call start() first")
        answer: Future[Result] = Future()
        self._calls.put(lambda: self._carry_out(answer, work))
        self._wake()
        # The loop either answers or ends with its failure; a long leap in time may take long.
        while not wait([answer], timeout=1).done:
            self._raise_failure()
            if self._has_ended() and not answer.done():
                raise SettingError("expected a running fleet: it was stopped meanwhile")
        return answer.result()

    def _carry_out(self, answer: Future[Any], work: Callable[[], Any]) -> None:
        """Do what was asked; a refused argument is the caller's matter, not the loop's.

        The news is told before the answer, so that who advances and then waits does
        not find the delivery of the time before.
        """
        try:
            result = work()
        except SettingError as error:
            answer.set_exception(error)
        else:
            self._tell()
            answer.set_result(result)

    def _wake(self) -> None:
        if self._waker is not None:
            # It has been woken often enough, or has ended and needs no waking.
            with contextlib.suppress(BlockingIOError, ConnectionError):
                self._waker.send(b"\0")

    def _has_ended(self) -> bool:
        return self._running is not None and self._running.done()

    def _raise_failure(self) -> None:
        if self._running is not None and self._running.done():
            self._running.result()

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._round()
        finally:
            for unit in self._units.values():
                unit.leave()
            for key in tuple(self._selector.get_map().values()):
                cast("socket.socket", key.fileobj).close()
            self._selector.close()

    def _round(self) -> None:
        """Serve what is ready, do what is due, carry out what was asked."""
        self._attend()
        due_ms = min(self._due_ms.values(), default=steady_clock_ms() + IDLE_MS_MAX)
        pause_ms = min(max(0, due_ms - steady_clock_ms()), TELL_MS if self._news else IDLE_MS_MAX)
        for key, mask in self._selector.select(pause_ms / 1000):
            if key.data is None:
                os.read(key.fd, 4_096)
            else:
                self._serve(key.data, mask)
        while not self._calls.empty():
            self._calls.get()()
            # A call may have changed any device: look at each.
            self._due_ms = dict.fromkeys(self._units, 0)
        if self._news and steady_clock_ms() >= self._told_ms + TELL_MS:
            self._tell()

    def _serve(self, session: Session, mask: int) -> None:
        unit = self._units[session.name]
        unit.serve(session, mask, steady_clock_ms(), self._at_ms)
        self._due_ms[session.name] = 0
        self._news = True

    def _attend(self) -> None:
        """Do what is due for each device that has anything due, and note when the next is."""
        now_ms, connects = steady_clock_ms(), 0
        for name in [name for name, due_ms in self._due_ms.items() if due_ms <= now_ms]:
            unit = self._units[name]
            if connects >= CONNECTS_A_ROUND_MAX and not unit.has_session:
                continue  # it stays due, and comes first in the next rounds
            sessions = unit.counts.sessions
            self._due_ms[name] = unit.attend(now_ms, self._selector)
            connects += unit.counts.sessions - sessions
            self._news = True

    def _delivery_now(self) -> Delivery:
        held = [u.unacknowledged for u in self._units.values() if u.is_alive and u.is_listening]
        connected = sum(unit.is_connected for unit in self._units.values())
        return Delivery(sum(held), sum(count > 0 for count in held), connected)

    def _tell(self) -> None:
        delivery = self._delivery_now()
        self._news, self._told_ms = False, steady_clock_ms()
        with self._changed:
            self._delivery = delivery
            self._changed.notify_all()
