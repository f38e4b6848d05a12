"""The way down: ask for the centre's log for this station, and apply what comes."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import ChainBrokenError
from core.lending.lease import Clock
from core.shape import encode
from core.signing import sign_document
from core.wire.envelope import PULL, MachineState, Pull, peek
from edge_node.store import logs, uplink
from edge_node.store.box import BoxNotConfirmedError
from edge_node.store.database import StationDatabase
from edge_node.store.uplink import Purpose
from edge_node.sync.applying import Fate, apply_envelope
from edge_node.sync.machine import machine_state
from edge_node.sync.metering import Meter
from edge_node.sync.peers import Ends
from edge_node.sync.returning import note_replaced
from edge_node.sync.wires import DOCUMENT_TYPE, Answer, CentreUnreachableError

ENVELOPES_A_PULL_MAX = 8  # then what is urgent here has its turn
_NOTHING_NEW = 204


class PullRefusedError(CentreUnreachableError):
    """The centre was reached, and does not answer who asks."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """How much one pull brought, what of it was passed over, and whether more may wait."""

    records_count: int = 0
    refusals: tuple[str, ...] = ()
    more: bool = False


def pull(ends: Ends, meter: Meter, clock: Clock) -> Pulled:
    """Ask until there is nothing new; each asking acknowledges what came before.

    Raises
    ------
    CentreUnreachableError
        If the link breaks or the centre refuses to answer.
    ChainBrokenError
        If an envelope was refused: it is kept aside, and asking again would bring it again.
    BoxNotConfirmedError
        If the centre has confirmed another box in place of this one.
    """
    records = 0
    refusals: list[str] = []
    machine: MachineState | None = machine_state(meter.db, clock, ends.room)
    for _ in range(ENVELOPES_A_PULL_MAX):
        answer = _ask(ends, meter, clock, machine)
        machine = None  # once a round is enough
        if answer is None:
            return Pulled(records, tuple(refusals))
        if answer.body[:1] == b"{":
            told = note_replaced(meter.db, ends, answer.body, clock)
            raise BoxNotConfirmedError(
                f"the centre has confirmed box {told.generation} of {told.station}: take this one "
                "out of use, and bring what `retire` writes to the lender"
            )
        applied = apply_envelope(meter.db, ends, answer.body, "link", clock)
        if applied.fate is not Fate.APPLIED:
            raise ChainBrokenError(
                f"expected the next run of the centre's log, it was {applied.fate.value}: "
                f"{applied.problem or 'it does not follow'}"
            )
        meter.went(Purpose.PULL, answer, peek(answer.body).raw_bytes, more=True)
        records += applied.records_count
        refusals += applied.refusals
    return Pulled(records, tuple(refusals), more=True)


def pull_is_due(meter: Meter, clock: Clock) -> bool:
    """Whether it is time to ask; on a metered link not at every look."""
    since_ms = clock.at_ms - uplink.pace(meter.db).asked_at_ms
    return not 0 <= since_ms < meter.allowance.ask_every_ms


def pull_document(
    db: StationDatabase,
    ends: Ends,
    clock: Clock,
    bytes_max: int | None = None,
    machine: MachineState | None = None,
) -> bytes:
    """A signed pull: where this station stands in the centre's log, and how much may come."""
    last = logs.down_tail(db, ends.down)
    body = Pull(ends.desk.station, last.seq, last.head, clock.at_ms, bytes_max, machine)
    return sign_document(PULL, encode(body), ends.signer)


def _ask(ends: Ends, meter: Meter, clock: Clock, machine: MachineState | None) -> Answer | None:
    bytes_max = meter.run_bytes(Purpose.PULL)
    document = pull_document(meter.db, ends, clock, bytes_max, machine)
    if not meter.fits(Purpose.PULL, len(document)):
        document = pull_document(meter.db, ends, clock, bytes_max)
        if machine is None or not meter.fits(Purpose.PULL, len(document)):
            return None
    answer = meter.post(Purpose.PULL, "/api/v1/pull", document, DOCUMENT_TYPE)
    if answer.refused:
        raise PullRefusedError(f"the centre refuses a pull: {answer.problem()}")
    if answer.status != _NOTHING_NEW:
        return answer
    uplink.note_asked(meter.db, clock.at_ms)
    return None
