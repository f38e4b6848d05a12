"""A process that dies between any two writes, and a link that does what links do."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Any

from core.errors import HarvestlineError
from edge_node.sync.wires import (
    WINDOW_BYTES_MIN,
    WINDOW_GROWTH,
    Answer,
    CentreUnreachableError,
)

_WRITE = re.compile(
    r"\s*(?:(INSERT)\b.*?\bINTO (\w+)|(UPDATE) (\w+)|(DELETE) FROM (\w+)|(COMMIT|RELEASE)\b)",
    re.DOTALL,
)


class ProcessDiedError(BaseException):
    """The power went. No handler of the product may catch it, so it is no Exception."""


@dataclass
class Fuse:
    """Blows at a statement: before it, or after it was carried out.

    ``left`` counts statements down, or those alone that write: only they and commits divide
    one state of the disk from the next. The fuse is out while it is negative, and waits
    while it is ``held``, for those who only look. ``rows_changed`` counts what the
    centre's connections committed, for those who look only where something moved;
    ``cut`` says where the last one blew, ``wrote`` what was written or committed how often.
    """

    left: int = -1
    after: bool = False
    writes: bool = False
    cut: str = ""
    wrote: Counter[str] = field(default_factory=Counter)
    blown: int = 0
    held: bool = False
    rows_changed: int = 0

    def arm(self, statements: int, *, after: bool, writes: bool = False) -> None:
        self.left, self.after, self.writes = statements, after, writes

    def disarm(self) -> None:
        self.left = -1

    def run(self, sql: str, act: Callable[[], Any]) -> Any:
        if self.held:
            return act()
        written = write_of(sql)
        self.wrote[written] += 1
        if self.left < 0 or (self.writes and not written):
            return act()
        self.left -= 1
        if self.left >= 0:
            return act()
        self.blown += 1
        self.cut = f"{'after' if self.after else 'before'} {written or 'a question'}"
        if self.after:
            act()
        raise ProcessDiedError


@lru_cache(4_096)
def write_of(sql: str) -> str:
    """What a statement writes and where, as in INSERT draws; nothing if it only asks."""
    found = _WRITE.match(sql)
    return " ".join(filter(None, found.groups())) if found else ""


class FusedConnection:
    """A station's connection whose statements pass through a fuse.

    What a dying process had not committed is undone when its connection is closed, so
    a ROLLBACK on the way out is let through: it does what the next start would do.
    """

    def __init__(self, connection: sqlite3.Connection, fuse: Fuse) -> None:
        self._connection, self._fuse = connection, fuse

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *parameters: Any) -> Any:
        act = lambda: self._connection.execute(sql, *parameters)  # noqa: E731
        return act() if sql.startswith("ROLLBACK") else self._fuse.run(sql, act)

    def executemany(self, sql: str, *parameters: Any) -> Any:
        return self._fuse.run(sql, lambda: self._connection.executemany(sql, *parameters))


def drop(connection: sqlite3.Connection) -> None:
    """Close a dead process's connection, and with it what it had not committed.

    Rolled back first: SQLite keeps a closed connection, and its lock, for as long as a
    statement of it is still held by somebody, as a traceback does.
    """
    with contextlib.suppress(sqlite3.ProgrammingError):  # closed already
        connection.rollback()
    connection.close()


def fused_sqlite(fuse: Fuse, opened: list[sqlite3.Connection]) -> type[sqlite3.Connection]:
    """A class of connections for SQLAlchemy whose statements and commits pass a fuse.

    Each is noted in ``opened``: a process that dies takes all of its connections along.
    """

    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, *parameters: Any) -> Any:
            return fuse.run(sql, lambda: super(Cursor, self).execute(sql, *parameters))

        def executemany(self, sql: str, *parameters: Any) -> Any:
            return fuse.run(sql, lambda: super(Cursor, self).executemany(sql, *parameters))

    class Connection(sqlite3.Connection):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self._counted = 0
            opened.append(self)

        def cursor(self, factory: type[sqlite3.Cursor] = Cursor) -> sqlite3.Cursor:  # type: ignore[override]
            return super().cursor(factory)

        def commit(self) -> None:
            wrote = "COMMIT" if self.total_changes != self._counted else ""
            fuse.run(wrote, lambda: super(Connection, self).commit())
            fuse.rows_changed += self.total_changes - self._counted
            self._counted = self.total_changes

        def close(self) -> None:
            # SQLAlchemy closes what an exception has hit; see `drop` for the rollback.
            with contextlib.suppress(sqlite3.ProgrammingError):
                self.rollback()
            super().close()

    return Connection


@dataclass
class Weather:
    """How bad a link is: the chance of each mishap with one request."""

    lose_request: float = 0.0
    lose_answer: float = 0.0
    repeat: float = 0.0
    keep_for_later: float = 0.0
    spoil: float = 0.0

    @classmethod
    def drawn(cls, chance: Random) -> Weather:
        """Any weather: often fair, sometimes dreadful."""
        if chance.random() < 0.4:
            return cls()
        return cls(*(chance.choice((0.0, 0.05, 0.3)) for _ in range(5)))


@dataclass
class Limbo:
    """What a link or a carrier still has on it: it arrives late, out of order, or never."""

    up: list[bytes] = field(default_factory=list)
    down: list[tuple[str, bytes]] = field(default_factory=list)


class Link:
    """A station's way to the centre for one round: the centre's functions behind mishaps.

    Stands where ``CentreClient`` stands; what it carries is taken by the centre's real
    services, and their errors become the statuses that the API gives.
    """

    def __init__(
        self,
        station: str,
        centre: Callable[[str, bytes], bytes | None],
        weather: Weather,
        chance: Random,
        limbo: Limbo,
    ) -> None:
        self._station, self._centre = station, centre
        self._weather, self._chance, self._limbo = weather, chance, limbo
        self.sent_bytes = 0
        self.received_bytes = 0
        self.window_bytes = WINDOW_BYTES_MIN
        self.befell: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def close(self) -> None:
        """Nothing to close."""

    def widen(self) -> None:
        """As ``CentreClient`` does."""
        self.window_bytes *= WINDOW_GROWTH

    def post(self, path: str, content: bytes, content_type: str) -> Answer:
        del content_type
        self.sent_bytes += len(content)
        if path.endswith("envelopes") and self._happens("keep_for_later"):
            self._limbo.up.append(content)
            raise CentreUnreachableError("the request is still under way")
        if self._happens("lose_request"):
            raise CentreUnreachableError("the request was lost")
        if self._happens("spoil"):
            content = self._spoiled(content)
        if self._happens("repeat"):
            self._ask(path, content)
        answer = self._ask(path, content)
        if answer.body and path.endswith("pull") and self._happens("keep_for_later"):
            self._limbo.down.append((self._station, answer.body))
        if self._happens("lose_answer"):
            raise CentreUnreachableError("the answer was lost")
        if answer.body and self._happens("spoil"):
            answer = Answer(answer.status, self._spoiled(answer.body))
        self.received_bytes += len(answer.body)
        return answer

    def _ask(self, path: str, content: bytes) -> Answer:
        try:
            body = self._centre(path, content)
        except HarvestlineError as error:
            self.refused[error.code] += 1
            return Answer(error.entry.http_status, str(error).encode())
        return Answer(204, b"") if body is None else Answer(200, body)

    def _spoiled(self, content: bytes) -> bytes:
        place = self._chance.randrange(len(content))
        flipped = content[place] ^ (1 << self._chance.randrange(8))
        return content[:place] + bytes([flipped]) + content[place + 1 :]

    def _happens(self, mishap: str) -> bool:
        happens = bool(self._chance.random() < getattr(self._weather, mishap))
        self.befell[f"link: {mishap}"] += happens
        return happens
