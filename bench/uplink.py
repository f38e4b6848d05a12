"""What a village costs on the uplink: features against raw readings, and the model's size.

Everything that the station of a told village holds is packed into the envelopes that
it would send: urgent money and consents, daily features, and every signed batch of
readings verbatim. Compared are bytes a day: what the devices sent, raw envelopes, and
features only; and the compact model's bytes with the wire's bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.report import Effort, Figure, Report
from bench.village import StationCopy, copied_station, told_village
from core.canonical import parse_canonical
from core.lending.lease import Clock
from core.signing import DOCUMENT_BYTES_MAX
from core.wire.envelope import GENESIS, LogClass, Record, chain_head, pack
from core.wire.modelfile import MODEL_BYTES_MAX
from core.wire.records import Up
from edge_node.store import logs
from edge_node.store.database import StationDatabase
from edge_node.sync.daily import log_settled_features
from edge_node.sync.metering import RUN_BYTES_MAX
from edge_node.sync.pushing import ENVELOPE_RECORDS_MAX, next_envelope

BYTES_PER_KB = 1_000
SETTLED_DAYS = "SELECT count(DISTINCT day) FROM daily_features WHERE final_no IS NOT NULL"


def measure(effort: Effort) -> Report:
    """Pack what the village's station holds."""
    village = told_village(effort)
    station = copied_station(village, effort.scratch / "uplink")
    with station.fresh_database() as db:
        with db.atomic():
            log_settled_features(db, station.desk, Clock(station.now_ms, 1_000))
        documents = [row[0] for row in db.execute("SELECT raw FROM telemetry_documents")]
        counts = [_count(db, table) for table in ("readings", "samples", "devices")]
        days = int(db.execute(SETTLED_DAYS).fetchone()[0])
        packed = {
            log: _packed_bytes(db, station, log) for log in (LogClass.MONEY, LogClass.FEATURES)
        }
    sent_bytes = sum(len(document) for document in documents)
    raw_bytes = _raw_bytes(station, documents)
    model_bytes = (village / "compact-model.json").stat().st_size
    sizes = (sent_bytes, raw_bytes, packed[LogClass.FEATURES], packed[LogClass.MONEY])
    return _report(sizes, (effort.days, days), counts, model_bytes)


def _count(db: StationDatabase, table: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608  # fixed


def _packed_bytes(db: StationDatabase, station: StationCopy, log: LogClass) -> int:
    """What a log takes in sealed envelopes, as a station sends it after a long cut."""
    size, after, last = 0, 0, logs.tail(db, log).seq
    while after < last:
        data = next_envelope(db, station.ends, log, after)
        assert data is not None
        size += len(data)
        after += len(logs.read_run(db, log, after, ENVELOPE_RECORDS_MAX, RUN_BYTES_MAX))
    return size


def _raw_bytes(station: StationCopy, documents: Sequence[bytes]) -> int:
    """What all batches would take, if a centre asked for every reading."""
    name, ends = station.ends.up(LogClass.RAW), station.ends
    size, head = 0, GENESIS
    for run in _runs(station, documents):
        seal_for = (ends.centre.seal_key_id, ends.centre.sealer)
        size += len(pack(name, head, run, ends.desk.signer, seal_for))
        head = chain_head(name, head, run)
    return size


def _runs(station: StationCopy, documents: Sequence[bytes]) -> Iterator[list[Record]]:
    run: list[Record] = []
    size = 0
    for seq, raw in enumerate(documents, 1):
        body = parse_canonical(raw, DOCUMENT_BYTES_MAX)
        run.append(Record(seq, Up.TELEMETRY.value, station.now_ms, 1_000, body))
        size += len(raw)
        if len(run) == ENVELOPE_RECORDS_MAX or size > RUN_BYTES_MAX:
            yield run
            run, size = [], 0
    if run:
        yield run


def _report(
    sizes: tuple[int, int, int, int], days: tuple[int, int], counts: Sequence[int], model_bytes: int
) -> Report:
    told, settled = days
    over = (told, told, settled, told)
    sent, raw, features, money = (
        size / each / BYTES_PER_KB for size, each in zip(sizes, over, strict=True)
    )
    readings, samples, devices = counts
    rows = (
        ("devices to station, signed batches", sent),
        ("every reading, in sealed envelopes", raw),
        ("daily features, in sealed envelopes", features),
        ("money, consents, decisions, in sealed envelopes", money),
    )
    return Report(
        title="Bytes on the uplink, a village's day",
        headings=("what", "kB a day", "to the features"),
        rows=(
            *((name, f"{size:.1f}", f"{size / features:.2f}") for name, size in rows),
            ("the signed compact model, once", f"{model_bytes / BYTES_PER_KB:.1f} (kB)", ""),
        ),
        note=(
            f"{told} days ({settled} settled) of {devices} devices: {samples:,} samples, "
            f"{readings:,} readings. "
            "Envelopes are compressed, sealed for the centre and signed; records a run as in "
            "`edge_node.sync`. Only the readings that a decision cites travel by themselves. "
            f"A model may have {MODEL_BYTES_MAX // 1024} KiB."
        ),
        figures=(
            Figure(
                "uplink a village's day, daily features in envelopes",
                f"{features:.1f} kB",
                f"all raw readings {raw:.1f} kB ({raw / features:.0f} ×)",
            ),
            Figure(
                "compact model, signed",
                f"{model_bytes / BYTES_PER_KB:.1f} kB",
                f"bound {MODEL_BYTES_MAX // 1024} KiB",
            ),
        ),
        numbers={
            "sent_kb_per_day": sent, "raw_kb_per_day": raw, "features_kb_per_day": features,
            "money_kb_per_day": money, "model_bytes": float(model_bytes),
        },
    )  # fmt: skip
