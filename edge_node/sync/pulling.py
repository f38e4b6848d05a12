"""The way down: ask for the centre's log for this station, and apply what comes."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import ChainBrokenError
from core.lending.lease import Clock
from core.shape import encode
from core.signing import sign_document
from core.wire.envelope import PULL, Pull
from edge_node.store import logs
from edge_node.store.database import StationDatabase
from edge_node.sync.applying import Fate, apply_envelope
from edge_node.sync.peers import Ends
from edge_node.sync.wires import DOCUMENT_TYPE, CentreClient, CentreUnreachableError

ENVELOPES_A_PULL_MAX = 400
_NOTHING_NEW = 204


@dataclass(frozen=True, slots=True)
class Pulled:
    """How much one pull brought, and what of it was passed over."""

    envelopes_count: int
    records_count: int
    refusals: tuple[str, ...]


def pull(db: StationDatabase, ends: Ends, client: CentreClient, clock: Clock) -> Pulled:
    """Ask until there is nothing new; each asking acknowledges what came before.

    Raises
    ------
    CentreUnreachableError
        If the link breaks or the centre refuses to answer.
    ChainBrokenError
        If an envelope was refused: it is kept aside, and asking again would bring it again.
    """
    envelopes = records = 0
    refusals: list[str] = []
    while envelopes < ENVELOPES_A_PULL_MAX:
        data = _ask(db, ends, client, clock)
        if data is None:
            break
        applied = apply_envelope(db, ends, data, "link", clock)
        if applied.fate is not Fate.APPLIED:
            raise ChainBrokenError(
                f"expected the next run of the centre's log, it was {applied.fate.value}: "
                f"{applied.problem or 'it does not follow'}"
            )
        envelopes, records = envelopes + 1, records + applied.records_count
        refusals += applied.refusals
    return Pulled(envelopes, records, tuple(refusals))


def pull_document(db: StationDatabase, ends: Ends, clock: Clock) -> bytes:
    """A signed pull: where this station stands in the centre's log."""
    last = logs.down_tail(db, ends.down)
    body = Pull(ends.desk.station, last.seq, last.head, clock.at_ms)
    return sign_document(PULL, encode(body), ends.desk.signer)


def _ask(db: StationDatabase, ends: Ends, client: CentreClient, clock: Clock) -> bytes | None:
    document = pull_document(db, ends, clock)
    answer = client.post("/api/v1/pull", document, DOCUMENT_TYPE)
    if answer.refused:
        raise CentreUnreachableError(f"the centre refuses a pull: {answer.problem()}")
    return None if answer.status == _NOTHING_NEW else answer.body
