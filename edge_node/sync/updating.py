"""Files of updates over the link: in pieces that a bad link carries, within a day's bytes.

Keeps the protocol ``edge_node.updates.source.Source``. Every request is signed by the
station and counted, both ways and whatever became of it, against what updates may cost
on a civil day; what has come stays with who asked, who goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator

from core.lending.lease import Clock
from core.shape import encode
from core.signing import sign_document
from core.wire.update import REQUEST_HEADER, UPDATE_REQUEST, UpdateRequest
from edge_node.store import updates
from edge_node.store.updates import UpdateBudgetError
from edge_node.store.uplink import Purpose
from edge_node.sync.metering import QUICK_MS, REQUEST_OVERHEAD_BYTES, SLOW_MS, Meter
from edge_node.sync.peers import Ends
from edge_node.sync.wires import Answer, CentreUnreachableError, LinkCutError

PIECE_BYTES_MIN = 1024
PIECE_BYTES_MAX = 256 * 1024
CUTS_MAX = 3  # in a row, each halving the piece, before the rest waits
PROBLEM_BYTES_MAX = 4096
_WHOLE, _PARTIAL, _NOT_FOUND, _BEYOND = 200, 206, 404, 416


class LinkSource:
    """A centre's repository of updates, read in pieces.

    Parameters
    ----------
    ends
        Who asks.
    meter
        The way to the centre on this civil day.
    clock
        The station's, for the requests.
    """

    def __init__(self, ends: Ends, meter: Meter, clock: Clock) -> None:
        self._ends, self._meter, self._clock = ends, meter, clock
        self._piece_bytes = min(meter.run_bytes(Purpose.PULL), PIECE_BYTES_MAX)

    def pieces(self, path: str, offset: int, bytes_max: int) -> Iterator[bytes]:
        """The bytes of a file from an offset to its end, at most so many.

        Raises
        ------
        FileNotFoundError
            If the centre has no such file.
        UpdateBudgetError
            If the day's bytes are spent.
        CentreUnreachableError
            If the link breaks again and again, or the centre refuses.
        """
        left_bytes = bytes_max
        while left_bytes > 0:
            answer, size_bytes = self._patient(path, offset, left_bytes)
            if answer.status == _BEYOND:
                return
            if answer.body:
                yield answer.body
            if answer.status == _WHOLE or len(answer.body) < size_bytes:
                return
            offset, left_bytes = offset + size_bytes, left_bytes - size_bytes

    def _patient(self, path: str, offset: int, left_bytes: int) -> tuple[Answer, int]:
        """An answer, and how many bytes were asked for: half as many after each cut."""
        for _ in range(CUTS_MAX - 1):
            try:
                return self._ask(path, offset, left_bytes)
            except LinkCutError:
                self._piece_bytes = max(PIECE_BYTES_MIN, self._piece_bytes // 2)
        return self._ask(path, offset, left_bytes)

    def _ask(self, path: str, offset: int, most_bytes: int) -> tuple[Answer, int]:
        """An answer, and how many bytes were asked for."""
        request = self._request(path)
        size_bytes = min(most_bytes, self._piece_bytes, self._room_bytes(len(request)))
        headers = {REQUEST_HEADER: request, "range": f"bytes={offset}-{offset + size_bytes - 1}"}
        client, before = self._meter.client, self._meter.client.received_bytes
        try:
            answer = self._meter.get(
                f"/api/v1/updates/{path}", headers, max(size_bytes, PROBLEM_BYTES_MAX)
            )
        finally:
            moved = len(request) + client.received_bytes - before + REQUEST_OVERHEAD_BYTES
            updates.note_moved(self._meter.db, self._meter.day, moved)
        self._judge(answer, path)
        return answer, size_bytes

    def _judge(self, answer: Answer, path: str) -> None:
        if answer.status == _NOT_FOUND:
            raise FileNotFoundError(f"the centre has no {path}")
        if answer.refused and answer.status != _BEYOND:
            raise CentreUnreachableError(f"the centre refuses {path}: {answer.problem()}")
        if answer.took_ms > SLOW_MS:
            self._piece_bytes = max(PIECE_BYTES_MIN, self._piece_bytes // 2)
        elif answer.took_ms < QUICK_MS:
            self._piece_bytes = min(PIECE_BYTES_MAX, self._piece_bytes * 2)

    def _request(self, path: str) -> str:
        asked = UpdateRequest(self._ends.desk.station, path, self._clock.at_ms)
        return sign_document(UPDATE_REQUEST, encode(asked), self._ends.signer).decode()

    def _room_bytes(self, request_bytes: int) -> int:
        """How many bytes of a file the day still has room for, beside the asking.

        Raises
        ------
        UpdateBudgetError
            If that is too little to ask for.
        """
        most = self._meter.allowance.update_bytes_a_day_max
        moved = updates.moved_on(self._meter.db, self._meter.day)
        room = most - moved - request_bytes - REQUEST_OVERHEAD_BYTES
        if room < PIECE_BYTES_MIN or not self._meter.fits(Purpose.RAW, request_bytes):
            raise UpdateBudgetError(
                f"{moved} of {most} bytes for updates are spent on {self._meter.day}: "
                "the rest comes tomorrow, or on a stick"
            )
        return room
