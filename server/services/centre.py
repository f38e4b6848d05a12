"""What a running centre has in its hands, and one unit of its work.

The time, identifiers and secrets come in as functions that ``app.py`` makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TypeVar

from core.errors import HarvestlineError
from core.units import civil_day
from server.config import Settings
from server.keys import KeyPair, hash_password
from server.services.bell import Bell
from server.services.rounds import Rounds
from server.store.engine import Store, Tx
from server.store.people import Actor

T = TypeVar("T")
MS_PER_MINUTE = 60_000


class RequestError(HarvestlineError):
    """A request, a file or an argument is not what the centre expects."""

    code = "HL-SRV-011"


class BodyTooLargeError(HarvestlineError):
    """A request's body is larger than its endpoint takes."""

    code = "HL-SRV-009"


class SenderError(HarvestlineError):
    """Whoever sends is not enrolled here, or speaks for somebody else."""

    code = "HL-SRV-003"


class LoginRequiredError(HarvestlineError):
    """No valid log-in or token came with the request."""

    code = "HL-SRV-006"


class RoleError(HarvestlineError):
    """The log-in is good, but its role may not do this."""

    code = "HL-SRV-007"


@dataclass(frozen=True, slots=True)
class Work:
    """One transaction at one instant [ms UTC], with the centre's keys.

    ``rung`` holds something if what is written here waits to be sent to somebody.
    """

    tx: Tx
    at_ms: int
    new_id: Callable[[], str]
    keys: KeyPair
    settings: Settings
    rung: list[bool] = field(default_factory=list)
    password_hash: Callable[[str], str] = hash_password

    def ring(self) -> None:
        """Once this is committed, wake who sends to others."""
        self.rung.append(True)

    @contextmanager
    def remembering(self) -> Iterator[Work]:
        """The same work on a line that it holds: what was read of it is not asked again."""
        if self.tx.memory is not None:
            yield self
            return
        with self.tx.remembering() as tx:
            yield replace(self, tx=tx)

    @property
    def myself(self) -> Actor:
        """The centre as the actor of what it does by rule."""
        return Actor(self.settings.name, "centre")

    def today(self, utc_offset_minutes: int = 0) -> date:
        """The civil date in a zone."""
        return civil_day(self.at_ms, utc_offset_minutes * MS_PER_MINUTE)


@dataclass(frozen=True, slots=True)
class Centre:
    """A centre: its settings, store, keys, and the functions that ``app.py`` makes.

    ``now_ms`` gives the time [ms UTC], ``new_id`` a UUIDv7, ``new_token`` a secret of
    256 bits in hexadecimal, ``password_hash`` what is kept of a password. ``bell`` rings
    when something to be sent was committed; ``rounds`` tells how those fare who send.
    ``machine_ms`` is the machine's own time where ``now_ms`` is a demonstration's: a phone's codes
    follow it.
    """

    settings: Settings
    store: Store
    keys: KeyPair
    now_ms: Callable[[], int]
    new_id: Callable[[], str]
    new_token: Callable[[], str]
    bell: Bell = field(default_factory=Bell, compare=False)
    rounds: Rounds = field(default_factory=Rounds, compare=False)
    password_hash: Callable[[str], str] = hash_password
    machine_ms: Callable[[], int] | None = None

    def wall_ms(self) -> int:
        """The time that people's own watches show [ms UTC]."""
        return self.now_ms() if self.machine_ms is None else self.machine_ms()

    def write(self, act: Callable[[Work], T]) -> T:
        """Do a piece of work in one transaction, again from its start if it met another."""
        at_ms, rung = self.now_ms(), list[bool]()
        found = self.store.write(lambda tx: act(self.work(tx, at_ms, rung)))
        if rung:
            self.bell.ring()
        return found

    def work(self, tx: Tx, at_ms: int, rung: list[bool] | None = None) -> Work:
        """A unit of work in a transaction that is open already."""
        kept = [] if rung is None else rung
        return Work(tx, at_ms, self.new_id, self.keys, self.settings, kept, self.password_hash)
