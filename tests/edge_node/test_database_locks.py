"""The database's locks hold while somebody else opens and closes it."""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys
import threading
from pathlib import Path

from edge_node.store.database import open_database
from edge_node.store.turns import Turn

WAIT_S = 60.0
_COUNT = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(db.execute("SELECT count(*) FROM notes").fetchone()[0])
db.close()
"""


def counted_by_another_process(path: Path) -> int:
    """How many rows another process sees; the last to close a database deletes its journal."""
    said = subprocess.run(
        [sys.executable, "-c", _COUNT, path], capture_output=True, text=True, check=True
    )
    return int(said.stdout)


def test_what_is_committed_after_a_visitor_has_left_can_be_seen(tmp_path: Path) -> None:
    """A visitor (``status``, ``doctor``, a backup) must not take the journal along."""
    path = tmp_path / "station.db"
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(contextlib.closing(open_database(path)))
        first.conn.execute("CREATE TABLE notes (word TEXT) STRICT")
        stack.enter_context(contextlib.closing(open_database(path)))
        assert counted_by_another_process(path) == 0
        with first.atomic():
            first.conn.execute("INSERT INTO notes VALUES ('kept')")
        assert counted_by_another_process(path) == 1


def test_writers_of_one_process_take_turns_and_a_lost_turn_stops_nobody(tmp_path: Path) -> None:
    """While one thread writes, the next waits in line, and not by asking SQLite again."""
    path = tmp_path / "station.db"
    order: list[str] = []
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(contextlib.closing(open_database(path)))
        second = stack.enter_context(contextlib.closing(open_database(path, any_thread=True)))
        first.conn.execute("CREATE TABLE notes (word TEXT) STRICT")
        assert first.turn is second.turn is not None

        def write() -> None:
            with second.atomic():
                order.append("second")
                second.conn.execute("INSERT INTO notes VALUES ('second')")

        thread = threading.Thread(target=write)
        with first.atomic():
            thread.start()
            first.conn.execute("INSERT INTO notes VALUES ('first')")
            order.append("first")
        thread.join()
        assert order == ["first", "second"]
        assert counted_by_another_process(path) == 2
        with first.turn.held(WAIT_S) as had, first.turn.held(0.01) as missed:
            order.append("without a turn")
        assert (had, missed) == (True, False)
    assert order[-1] == "without a turn"


def test_patient_writer_lets_those_who_wait_go_first() -> None:
    """However long the intake has been in line, a farmer who comes is served before it."""
    turn, waiting, pause = Turn(), threading.Barrier(3), threading.Event()
    order: list[str] = []

    def write(name: str, *, patient: bool) -> None:
        waiting.wait(WAIT_S)
        with turn.held(WAIT_S, patient=patient) as taken:
            assert taken
            order.append(name)

    threads = [
        threading.Thread(target=write, args=("intake",), kwargs={"patient": True}),
        threading.Thread(target=write, args=("farmer",), kwargs={"patient": False}),
    ]
    for thread in threads:
        thread.start()
    with turn.held(WAIT_S):
        waiting.wait(WAIT_S)
        while turn.hurried_count < 2:
            pause.wait(0.001)
    for thread in threads:
        thread.join(WAIT_S)
    assert order == ["farmer", "intake"]


def test_reading_stands_back_for_a_bounded_time_only() -> None:
    turn = Turn()
    turn.stand_back()
    assert turn.calm_s() == math.inf
    with turn.held(WAIT_S):
        assert turn.calm_s() == 0.0
        turn.stand_back()  # comes back although the writer is not done
        assert turn.stand_back_s() <= 0
    with turn.held(WAIT_S, patient=True):
        turn.stand_back()
