"""The way up: runs of each log, most urgent first, until the centre receipts them.

Nothing counts as delivered without a receipt that the centre signed and that names
a hash of our own log. Each answer says where to go on, also after a cut, a restart
or a centre that was restored from a backup.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.canonical import parse_canonical
from core.errors import ChainBrokenError
from core.lending.lease import Clock
from core.shape import decode
from core.signing import open_document
from core.wire.envelope import RECEIPT, LogClass, Receipt, pack
from edge_node.store import logs, outbox, retention
from edge_node.store.database import StationDatabase
from edge_node.sync.peers import Ends
from edge_node.sync.wires import ENVELOPE_TYPE, CentreClient, CentreUnreachableError

UP_LOGS = (LogClass.MONEY, LogClass.FEATURES, LogClass.RAW)
ENVELOPE_RECORDS_MAX = 500
ENVELOPE_RAW_BYTES_MAX = 512 * 1024
ENVELOPES_A_PUSH_MAX = 400
RECEIPT_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True)
class Pushed:
    """How much one push delivered."""

    envelopes_count: int
    records_count: int


def push(db: StationDatabase, ends: Ends, client: CentreClient, clock: Clock) -> Pushed:
    """Send what has no receipt yet; after every envelope the most urgent log goes first.

    Raises
    ------
    CentreUnreachableError
        If the link breaks or the centre makes no progress; what was receipted stays so.
    ChainBrokenError
        If the centre says that this station's log has forked.
    HarvestlineError
        If the centre refuses an envelope or signs no proper receipt.
    """
    envelopes = records = 0
    while envelopes < ENVELOPES_A_PUSH_MAX:
        log = next((each for each in UP_LOGS if _behind(db, each)), None)
        if log is None:
            break
        before = outbox.delivered(db, log).seq
        after = _push_one(db, ends, client, log, clock)
        if after.high_water <= before and _behind(db, log):
            raise CentreUnreachableError(
                f"expected the centre to take {log.value} from {before + 1} on, it stays at "
                f"{after.high_water}"
            )
        envelopes, records = envelopes + 1, records + max(0, after.high_water - before)
    return Pushed(envelopes, records)


def next_envelope(db: StationDatabase, ends: Ends, log: LogClass, after: int) -> bytes | None:
    """The next run of a log after a number, sealed to the centre; None if there is none."""
    records = logs.read_run(db, log, after, ENVELOPE_RECORDS_MAX, ENVELOPE_RAW_BYTES_MAX)
    previous = logs.head_at(db, log, after)
    if not records or previous is None:
        return None
    centre = ends.centre
    seal_for = (centre.seal_key_id, centre.sealer)
    return pack(ends.up(log), previous, records, ends.desk.signer, seal_for)


def take_receipt(db: StationDatabase, ends: Ends, data: bytes, clock: Clock) -> Receipt:
    """Verify a receipt against the centre's key and our own log, and keep it.

    Raises
    ------
    SignatureError
        If it is not the centre's.
    ChainBrokenError
        If it names another log, or a hash that is not ours.
    """
    signed = open_document(data, RECEIPT, ends.centre.verifier, RECEIPT_BYTES_MAX)
    ends.require_centre(signed.key_id, "a receipt")
    receipt = decode(Receipt, signed.body)
    ours = (ends.desk.station, "", logs.head_at(db, receipt.log, receipt.high_water))
    if (receipt.writer, receipt.stream, receipt.head) != ours:
        raise ChainBrokenError(
            f"receipt for {receipt.writer[:64]!r}/{receipt.log.value} at {receipt.high_water} "
            "does not name a record of this station"
        )
    with db.atomic():
        before = outbox.delivered(db, receipt.log).seq
        outbox.keep_receipt(db, receipt, data.decode(), clock.at_ms)
        if receipt.log is LogClass.RAW:
            cited = logs.subjects_between(db, receipt.log, before, receipt.high_water)
            retention.mark_delivered(db, cited, clock.at_ms)
    return receipt


def _push_one(
    db: StationDatabase, ends: Ends, client: CentreClient, log: LogClass, clock: Clock
) -> Receipt:
    data = next_envelope(db, ends, log, outbox.delivered(db, log).seq)
    if data is None:
        raise ChainBrokenError(f"expected records of {log.value} to send, got none")
    answer = client.post("/api/v1/envelopes", data, ENVELOPE_TYPE)
    if answer.status == 409:
        raise ChainBrokenError(f"the centre refuses this station's log: {answer.problem()}")
    if answer.refused:
        raise CentreUnreachableError(f"the centre refuses an envelope: {answer.problem()}")
    receipt = take_receipt(db, ends, answer.body, clock)
    if receipt.log is not log:
        raise ChainBrokenError(f"expected a receipt for {log.value}, got {receipt.log.value}")
    return receipt


def _behind(db: StationDatabase, log: LogClass) -> bool:
    return outbox.delivered(db, log).seq < logs.tail(db, log).seq


def is_receipt(data: bytes) -> bool:
    """Whether bytes look like a signed receipt rather than an envelope."""
    return data[:1] == b"{" and parse_canonical(data, RECEIPT_BYTES_MAX).get("type") == str(RECEIPT)
