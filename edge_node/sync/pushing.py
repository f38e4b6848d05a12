"""The way up: runs of each log, most urgent first, until the centre receipts them.

Nothing counts as delivered without a receipt that the centre signed and that names
a hash of our own log. Each answer says where to go on, also after a cut, a restart
or a centre that was restored from a backup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.canonical import parse_canonical
from core.errors import ChainBrokenError
from core.lending.lease import Clock
from core.shape import decode
from core.signing import open_document
from core.wire.envelope import RECEIPT, LogClass, Receipt, pack, peek
from edge_node.store import logs, outbox, photo_sends, retention
from edge_node.store.database import StationDatabase
from edge_node.sync.metering import PURPOSE_OF_LOG, RUN_BYTES_MAX, RUN_BYTES_MIN, Meter
from edge_node.sync.peers import Ends
from edge_node.sync.wires import ENVELOPE_TYPE, CentreUnreachableError

UP_LOGS = (LogClass.MONEY, LogClass.FEATURES, LogClass.RAW)
ENVELOPE_RECORDS_MAX = 500
ENVELOPES_A_PUSH_MAX = 8  # then what came down meanwhile has its turn
RECEIPT_BYTES_MAX = 4096
_FORBIDDEN = 403
_CONFLICT = 409


class SenderRefusedError(CentreUnreachableError):
    """The centre takes nothing that is signed by this box."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """How much one push delivered, and whether more could go at once."""

    envelopes_count: int = 0
    records_count: int = 0
    more: bool = False


def push(ends: Ends, meter: Meter, clock: Clock, wanted: Sequence[LogClass] = UP_LOGS) -> Pushed:
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
    records = 0
    for count in range(ENVELOPES_A_PUSH_MAX):
        due = _most_urgent(ends, meter, wanted)
        if due is None:
            return Pushed(count, records)
        log, data = due
        before = outbox.delivered(meter.db, log).seq
        after = _push_one(ends, meter, log, data, clock)
        if after.high_water <= before and _behind(meter.db, log):
            raise CentreUnreachableError(
                f"expected the centre to take {log.value} from {before + 1} on, it stays at "
                f"{after.high_water}"
            )
        records += max(0, after.high_water - before)
    return Pushed(ENVELOPES_A_PUSH_MAX, records, _most_urgent(ends, meter, wanted) is not None)


def next_envelope(
    db: StationDatabase,
    ends: Ends,
    log: LogClass,
    after: int,
    raw_bytes_max: int = RUN_BYTES_MAX,
) -> bytes | None:
    """The next run of a log after a number, sealed to the centre; None if there is none."""
    records = logs.read_run(db, log, after, ENVELOPE_RECORDS_MAX, raw_bytes_max)
    previous = logs.head_at(db, log, after)
    if not records or previous is None:
        return None
    centre = ends.centre
    seal_for = (centre.seal_key_id, centre.sealer)
    return pack(ends.up(log), previous, records, ends.signer, seal_for)


def _most_urgent(
    ends: Ends, meter: Meter, wanted: Sequence[LogClass]
) -> tuple[LogClass, bytes] | None:
    """The envelope that goes next: of the most urgent log whose next run may go today."""
    for log in UP_LOGS:
        if log in wanted and _behind(meter.db, log):
            data = _affordable(ends, meter, log)
            if data is not None:
                return log, data
    return None


def _affordable(ends: Ends, meter: Meter, log: LogClass) -> bytes | None:
    """The next run of a log as large as link and budget allow; None if none fits today."""
    purpose = PURPOSE_OF_LOG[log]
    after, run_bytes = outbox.delivered(meter.db, log).seq, meter.run_bytes(purpose)
    while True:
        data = next_envelope(meter.db, ends, log, after, run_bytes)
        if data is None or meter.fits(purpose, len(data)):
            return data
        if run_bytes <= RUN_BYTES_MIN:
            return None
        run_bytes = max(run_bytes // 2, RUN_BYTES_MIN)


def take_receipt(
    db: StationDatabase, ends: Ends, data: bytes, clock: Clock, *, carried: bool = False
) -> Receipt:
    """Verify a receipt against the centre's key and our own log, and keep it.

    The link's newest word counts, also a lower one: a centre that was put back from a
    backup is given its lost days again. What a carrier brings may be any age, so a lower
    one (``carried``) changes nothing.

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
        if carried and receipt.high_water < before:
            return receipt
        outbox.keep_receipt(db, receipt, data.decode(), clock.at_ms)
        if receipt.high_water < before:  # a centre put back from a backup lost photos too
            photo_sends.offer_again(db)
        if receipt.log is LogClass.RAW:
            cited = logs.subjects_between(db, receipt.log, before, receipt.high_water)
            retention.mark_delivered(db, cited, clock.at_ms)
    return receipt


def _push_one(ends: Ends, meter: Meter, log: LogClass, data: bytes, clock: Clock) -> Receipt:
    purpose = PURPOSE_OF_LOG[log]
    answer = meter.post(purpose, "/api/v1/envelopes", data, ENVELOPE_TYPE)
    if answer.status == _CONFLICT:
        raise ChainBrokenError(f"the centre refuses this station's log: {answer.problem()}")
    if answer.status == _FORBIDDEN:
        raise SenderRefusedError(f"the centre does not hear this box: {answer.problem()}")
    if answer.refused:
        raise CentreUnreachableError(f"the centre refuses an envelope: {answer.problem()}")
    receipt = take_receipt(meter.db, ends, answer.body, clock)
    if receipt.log is not log:
        raise ChainBrokenError(f"expected a receipt for {log.value}, got {receipt.log.value}")
    sent = peek(data)
    more = sent.last < logs.tail(meter.db, log).seq
    meter.went(purpose, answer, sent.raw_bytes, more=more)
    return receipt


def _behind(db: StationDatabase, log: LogClass) -> bool:
    return outbox.delivered(db, log).seq < logs.tail(db, log).seq


def is_receipt(data: bytes) -> bool:
    """Whether bytes look like a signed receipt rather than an envelope."""
    return data[:1] == b"{" and parse_canonical(data, RECEIPT_BYTES_MAX).get("type") == str(RECEIPT)
