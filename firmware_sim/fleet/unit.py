"""A living device of the fleet: its state, its flash, and its session with the broker.

Belongs to the fleet's loop; nobody else may touch it.
"""

from __future__ import annotations

import selectors
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.errors import HarvestlineError
from firmware_sim.device import machine
from firmware_sim.device.events import (
    Acknowledged,
    Connected,
    Disconnected,
    Event,
    FactoryReset,
    PowerCut,
    PowerOn,
    TimeHeard,
    Transmit,
)
from firmware_sim.device.machine import Message, Phase
from firmware_sim.fleet.flash import FlashStore
from firmware_sim.fleet.member import Member, lived
from firmware_sim.fleet.session import Session, SessionState
from firmware_sim.fleet.station import Uplink, account_of, signed, watermark_for

KEEP_ALIVE_MS = 1_000
SESSION_MS_MAX = 15_000  # from connecting until acknowledgements can be heard
OnSaid = Callable[[str, str, bytes], None]


@dataclass(slots=True)
class UnitCounts:
    """What a unit has done so far."""

    sessions: int = 0
    refused_sessions: int = 0
    messages: int = 0
    samples_sent: int = 0
    watermarks: int = 0
    refused_watermarks: int = 0


class Unit:
    """One device and whatever connects it.

    Parameters
    ----------
    member
        What it is.
    uplink
        Where it reports to.
    flash
        Where its flash is kept; a device that is found there goes on where it was.
    epoch
        The id of its first epoch, if it has no flash yet.
    at_ms
        When it is switched on [ms UTC].
    """

    def __init__(
        self, member: Member, uplink: Uplink, flash: FlashStore, epoch: str, at_ms: int
    ) -> None:
        self.counts = UnitCounts()
        self.last_reason = ""
        self.on_said: OnSaid | None = None
        self._member = member
        self._uplink = uplink
        self._flash = flash
        self._session: Session | None = None
        self._retry_at_ms = 0
        self._retry_ms = uplink.retry_ms_min
        self._next_keep_alive_ms = 0
        self._session_since_ms = 0
        self._radio_since_ms = 0
        self._next_report_ms = at_ms + member.duty.report_ms
        self.is_listening = not member.duty.report_ms
        written = flash.load(member.name)
        self.device = (
            machine.new_device(member.spec, epoch, at_ms)
            if written is None
            else machine.restore(written, at_ms)
        )
        self._feed(PowerOn(at_ms))
        if written is None:  # whoever fits a new device sets its clock
            self._feed(TimeHeard(at_ms, at_ms, self._member.time_error_ms))

    @property
    def is_alive(self) -> bool:
        """Whether the device has power."""
        return self.device.phase is not Phase.DEATH

    @property
    def has_session(self) -> bool:
        """Whether a session has begun, ready or not."""
        return self._session is not None

    @property
    def is_connected(self) -> bool:
        """Whether the device has a session in which it hears the station."""
        return self._session is not None and self._session.state is SessionState.READY

    @property
    def unacknowledged(self) -> int:
        """Samples that the device holds above its watermark."""
        return len(self.device.memory.outbox)

    def live(self, to_ms: int) -> None:
        """Wake and measure up to a true instant [ms UTC]; nothing is sent yet."""
        before = self.device.flashed
        self.device = lived(self._member, self.device, to_ms)
        if self.device.flashed is not before:
            self._write()
        if not self.is_alive:
            self._vanish()

    def report(self, at_ms: int, steady_ms: int) -> None:
        """Hear the time if the link is up, and send what is new or overdue.

        A radio that is not always on wakes here when its time has come.
        """
        if self._member.duty.report_ms and at_ms >= self._next_report_ms:
            missed = (at_ms - self._next_report_ms) // self._member.duty.report_ms
            self._next_report_ms += (missed + 1) * self._member.duty.report_ms
            self.is_listening, self._radio_since_ms = True, steady_ms
        if self.is_connected:
            self._feed(TimeHeard(at_ms, at_ms, self._member.time_error_ms))
            self._feed(Transmit(steady_ms))

    def attend(self, steady_ms: int, selector: selectors.BaseSelector) -> int:
        """Do what is due by the loop's clock; returns when to come again [ms, steady]."""
        self._tire(steady_ms)
        if self._session is None:
            if not self.is_alive or not self.is_listening:
                return steady_ms + KEEP_ALIVE_MS
            if steady_ms < self._retry_at_ms:
                return self._retry_at_ms
            self._connect(steady_ms, selector)
        self._keep(steady_ms)
        due_ms = self.device.radio.due_ms
        if due_ms and steady_ms >= due_ms:
            self._feed(Transmit(steady_ms))
        waits = (self._next_keep_alive_ms, self.device.radio.due_ms or self._next_keep_alive_ms)
        return min(waits) if self._session is not None else self._retry_at_ms

    def serve(self, session: Session, mask: int, steady_ms: int, at_ms: int) -> None:
        """The session's socket is ready."""
        if session is not self._session:
            return  # the device has since begun another session
        before = session.state
        session.serve(mask)
        if before is SessionState.CONNECTING and session.state is SessionState.READY:
            self._begin(steady_ms, at_ms)
        for payload in session.inbox:
            self._hear(payload, steady_ms)
        session.inbox.clear()
        self._settle(steady_ms)

    def kill(self, at_ms: int) -> None:
        """Lose power at a true instant [ms UTC]: the broker publishes the will."""
        self._feed(PowerCut(at_ms))
        self._vanish()

    def revive(self, at_ms: int, epoch: str) -> None:
        """Get power back with nothing but what was in flash; with nothing, in a new epoch."""
        written = self._flash.load(self._member.name)
        self.device = (
            machine.new_device(self._member.spec, epoch, at_ms)
            if written is None
            else machine.restore(written, at_ms)
        )
        self._feed(PowerOn(at_ms))

    def reset(self, at_ms: int, epoch: str) -> None:
        """Return to the factory's state: a new epoch, numbers from 1, unsent samples gone."""
        self._vanish()
        self._feed(FactoryReset(at_ms, epoch))

    def leave(self) -> None:
        """End the session politely; the device keeps its state."""
        if self._session is not None:
            self._session.leave()
            self._session = None
        self._feed(Disconnected())

    def _feed(self, event: Event) -> None:
        """Step the device, write its flash, and only then let its messages out."""
        before = self.device
        self.device, said = machine.step(self._member.spec, self.device, event)
        if self.device.flashed is not before.flashed or self.device.clock is not before.clock:
            self._write()
        for message in said:
            topic, payload = signed(self._uplink.site, message, self._member.signer)
            self.counts.messages += 1
            self.counts.samples_sent += len(getattr(message, "samples", ()))
            self._say(topic, payload)
            for beside in self._beside(message, topic, payload):
                self._say(*beside)

    def _say(self, topic: str, payload: bytes) -> None:
        if self._session is not None:
            self._session.publish(topic, payload)
            if self.on_said is not None:
                self.on_said(self._member.name, topic, payload)

    def _beside(self, message: Message, topic: str, payload: bytes) -> Sequence[tuple[str, bytes]]:
        mischief = self._member.mischief
        return () if mischief is None else mischief.beside(message, topic, payload)

    def _write(self) -> None:
        self._flash.save(self._member.name, machine.flash_of(self.device))

    def _tire(self, steady_ms: int) -> None:
        """Put a radio to sleep that is not always on: all is acknowledged, or it waited enough."""
        duty = self._member.duty
        if not duty.report_ms or not self.is_listening:
            return
        done = self.is_connected and not self.unacknowledged
        if done or steady_ms - self._radio_since_ms >= duty.listen_ms:
            self.is_listening = False
            self.leave()

    def _connect(self, steady_ms: int, selector: selectors.BaseSelector) -> None:
        account = account_of(self._uplink.site, self._member, self.device)
        link = self._uplink
        self._session = Session(account, link.host, link.port, link.keepalive_s, selector)
        self._session_since_ms = steady_ms
        self._next_keep_alive_ms = steady_ms + KEEP_ALIVE_MS
        self.counts.sessions += 1
        self._settle(steady_ms)

    def _keep(self, steady_ms: int) -> None:
        if self._session is None or steady_ms < self._next_keep_alive_ms:
            return
        self._next_keep_alive_ms = steady_ms + KEEP_ALIVE_MS
        self._session.keep_alive()
        waited_ms = steady_ms - self._session_since_ms
        if self._session.state is SessionState.CONNECTING and waited_ms >= SESSION_MS_MAX:
            self._session.vanish(f"no acknowledged subscription within {waited_ms} ms")
        self._settle(steady_ms)

    def _begin(self, steady_ms: int, at_ms: int) -> None:
        self._retry_ms = self._uplink.retry_ms_min
        self._feed(TimeHeard(at_ms, at_ms, self._member.time_error_ms))
        self._feed(Connected(steady_ms))

    def _hear(self, payload: bytes, steady_ms: int) -> None:
        try:
            watermark = watermark_for(self._member.spec.device, payload, self._uplink.station)
        except HarvestlineError as error:
            self.counts.refused_watermarks += 1
            self.last_reason = str(error)
            return
        self.counts.watermarks += 1
        self._feed(Acknowledged(steady_ms, watermark))

    def _settle(self, steady_ms: int) -> None:
        """If the session has ended, take note and plan the next."""
        session = self._session
        if session is None or session.state is not SessionState.ENDED:
            return
        self.last_reason = session.reason
        self.counts.refused_sessions += session.reason.startswith("refused")
        self._session = None
        self._retry_at_ms = steady_ms + self._retry_ms
        self._retry_ms = min(2 * self._retry_ms, self._uplink.retry_ms_max)
        self._feed(Disconnected())

    def _vanish(self) -> None:
        if self._session is not None:
            self._session.vanish("lost power")
            self._session = None
            self._retry_at_ms = 0
        self._feed(Disconnected())
