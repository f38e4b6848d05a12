"""A carrier's file at the centre: what a stick or an agent's device brings, and the answer.

The same envelopes as over a link, taken one by one: a bad one is refused by name and
set aside, the others go on. The answer is a file for the same carrier: the newest
receipt of every log that came, and the centre's log for every station that asked.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO

from core.errors import EnvelopeDamagedError, HarvestlineError
from core.shape import encode
from core.signing import sign_document
from core.wire.carrier import DOCUMENTS_MAX, MAGIC, documents_in, framed
from core.wire.envelope import RECEIPT, LogClass, LogName, Placement, Receipt, peek
from server.services.centre import Centre, Work
from server.services.envelopes import accept_envelope
from server.services.pulls import acknowledge_pull, next_down
from server.store import logs, registry
from server.store.engine import StoreError

FILE_BYTES_MAX = 1024 * 1024 * 1024
CARRIED_BYTES_MAX = 8 * 1024 * 1024  # by a tablet, each way
UP_LOGS = (LogClass.MONEY, LogClass.FEATURES, LogClass.RAW)


@dataclass(slots=True)
class Carried:
    """What a file brought: envelopes by their fate, who asked, and what was refused."""

    applied_count: int = 0
    known_count: int = 0
    held_count: int = 0
    stations: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    receipts: dict[tuple[str, LogClass], bytes] = field(default_factory=dict)


def take_file(centre: Centre, file: IO[bytes], name: str) -> Carried:
    """Take every document of a carrier's file.

    Pulls are heard after the envelopes: what these bring may change what is said down.

    Raises
    ------
    EnvelopeDamagedError
        If it is no carrier's file. One that is cut off is taken as far as it goes.
    StoreError
        If the store cannot be used; what was taken stays, the file may come again.
    """
    carried = Carried()
    pulls: list[bytes] = []
    documents = documents_in(file.read, name)
    while True:
        try:
            document = next(documents, None)
        except EnvelopeDamagedError as error:
            if not (carried.receipts or carried.refused or pulls):
                raise
            carried.refused.append(f"{error.code}: {error}")
            break
        if document is None:
            break
        if document[:1] == b"{":
            pulls.append(document)
        else:
            _heard(carried, lambda: _take(centre, carried, document))  # noqa: B023  (run at once)
    for pull in pulls:
        _heard(carried, lambda: carried.stations.append(acknowledge_pull(centre, pull)))  # noqa: B023
    return carried


def _heard(carried: Carried, act: Callable[[], None]) -> None:
    try:
        act()
    except StoreError:
        raise
    except HarvestlineError as error:
        carried.refused.append(f"{error.code}: {error}")


def _take(centre: Centre, carried: Carried, data: bytes) -> None:
    answer = accept_envelope(centre, data)
    header = peek(data)
    carried.receipts[header.writer, header.log] = answer.receipt
    if answer.placement is Placement.NEXT:
        carried.applied_count += 1
    elif answer.placement is Placement.KNOWN:
        carried.known_count += 1
    else:
        carried.held_count += 1


def write_answer(
    centre: Centre, carried: Carried, file: IO[bytes], bytes_max: int = FILE_BYTES_MAX
) -> int:
    """Write the answer to a file of at most so many bytes; how many documents it has.

    What does not fit comes with the next answer: its station asks from where it stands.
    """
    stations = dict.fromkeys(carried.stations)
    downs = (each for station in stations for each in _downs(centre, station))
    return _written(file, itertools.chain(carried.receipts.values(), downs), bytes_max)


def write_down(centre: Centre, station: str, file: IO[bytes]) -> int:
    """Write what a station has not acknowledged, and receipts for its logs, unasked.

    Raises
    ------
    HarvestlineError
        If the station is not enrolled.
    """
    with centre.store.reading() as tx:
        registry.station(tx, station)
    receipts = centre.write(lambda work: tuple(_receipts(work, station)))
    return _written(file, (*receipts, *_downs(centre, station)))


def _receipts(work: Work, station: str) -> Iterator[bytes]:
    for log in UP_LOGS:
        state = logs.lock_inbound(work.tx, LogName(station, log))
        if state.high_water:
            receipt = Receipt(station, log, "", state.high_water, state.head)
            yield sign_document(RECEIPT, encode(receipt), work.keys)


def _downs(centre: Centre, station: str) -> Iterator[bytes]:
    """The centre's log for a station, from what it has acknowledged to the end."""
    with centre.store.reading() as tx:
        after = {each.station: each.acknowledged for each in logs.outbound(tx)}.get(station, 0)
    while True:
        data = centre.write(lambda work: _next(work, station, after))  # noqa: B023  (run at once)
        if data is None:
            return
        yield data
        after = peek(data).last


def _next(work: Work, station: str, after: int) -> bytes | None:
    return next_down(work, registry.station(work.tx, station), after)


def _written(file: IO[bytes], documents: Iterable[bytes], bytes_max: int = FILE_BYTES_MAX) -> int:
    count, size_bytes = 0, file.write(MAGIC)
    for document in itertools.islice(documents, DOCUMENTS_MAX):
        piece = framed(document)
        if size_bytes + len(piece) > bytes_max:
            break
        count, size_bytes = count + 1, size_bytes + file.write(piece)
    return count


def answer_carried(centre: Centre, data: bytes) -> bytes:
    """Take a carrier's file that came over a link, and give the answer for the same carrier.

    Raises
    ------
    EnvelopeDamagedError
        If it is no carrier's file.
    """
    file = io.BytesIO()
    write_answer(centre, take_file(centre, io.BytesIO(data), "carried"), file, CARRIED_BYTES_MAX)
    return file.getvalue()
