"""Foreign readings into documents of the adapter: numbered, signed, once.

A document is a device's ``telemetry`` batch of one sample under the adapter's key, with
a ``source`` beside it that older readers pass over (W6 of docs/wire.md). Callers hold a
transaction.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.canonical import canonical_bytes, sha256_hex
from core.shape import encode
from core.signing import Signer, sign_document
from core.wire.telemetry import BATCH, Batch, Sample
from edge_node.intake.adapters.arriving import ForeignHeard, ForeignSample
from edge_node.store import foreign
from edge_node.store.database import StationDatabase
from edge_node.store.foreign import Source

ARRIVAL_ERROR_MS = 300_000  # how long a message without a time may have been on its way


@dataclass(frozen=True, slots=True)
class ForeignDocument:
    """A foreign reading as a signed document; shaped as what a device has signed itself."""

    body: Batch
    sha256: str
    raw: bytes


def store_foreign(
    db: StationDatabase, heard: ForeignHeard, adapter: Signer, received_ms: int
) -> tuple[tuple[ForeignDocument, ...], int, tuple[str, ...]]:
    """Number and sign what is new in a gateway's message.

    Returns the documents to store, how many readings were known, and the keys of those
    that contradict what was heard before under the same key.

    Parameters
    ----------
    db
        The station's database, in a transaction.
    heard
        The message.
    adapter
        The adapters' key.
    received_ms
        When it came [ms UTC].
    """
    fresh: list[ForeignDocument] = []
    known_count, conflicts = 0, []
    next_seqs: dict[str, int] = {}
    for sample in heard.samples:
        told = _told(sample, received_ms)
        before = foreign.heard_before(db, told)
        if before is not None:
            known_count += 1
            if before != told.content_sha256:
                conflicts.append(f"{sample.foreign_id} {sample.key}")
            continue
        epoch = foreign.epoch_of(heard.gateway)
        seq = next_seqs.get(sample.device) or foreign.next_seq(db, sample.device, epoch)
        next_seqs[sample.device] = seq + 1
        source = Source(heard.gateway, heard.format, sample.foreign_id, sample.grade, heard.sha256)
        foreign.remember(db, told, (epoch, seq), source, received_ms)
        moment = (told.at_ms, _error_ms(sample))
        tags = [(each.tag, each.retagged, each.checked) for each in sample.sightings]
        foreign.put_sightings(db, sample.device, tags, moment, received_ms)
        body = Batch(sample.device, epoch, 1, seq, (Sample(seq, *moment, sample.values),))
        fresh.append(_signed(body, source, adapter))
    return tuple(fresh), known_count, tuple(conflicts)


def _told(sample: ForeignSample, received_ms: int) -> foreign.Heard:
    """What tells the reading from others; what it says does not depend on when it came."""
    content = {"values": dict(sample.values), "tags": [each.tag for each in sample.sightings]}
    at_ms = sample.at_ms if sample.at_ms is not None else received_ms
    digest = sha256_hex(canonical_bytes(content))
    return foreign.Heard(sample.device, sample.key, sample.window_ms, at_ms, digest)


def _error_ms(sample: ForeignSample) -> int:
    return sample.error_ms if sample.at_ms is not None else sample.error_ms + ARRIVAL_ERROR_MS


def _signed(body: Batch, source: Source, adapter: Signer) -> ForeignDocument:
    document = sign_document(BATCH, {**encode(body), "source": encode(source)}, adapter)
    return ForeignDocument(body, sha256_hex(document), document)
