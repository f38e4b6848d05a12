"""Bytes per reading on the wire: device to station, and station to centre.

Device to station: the whole MQTT publication (fixed header, topic, packet number, signed
document) and its share of the station's signed watermark, for a device that reports at
once and for such that gather; beside it the same readings as a tutorial would send them,
and as SenML (RFC 8428), both without any signature. TCP and IP are not in it: they are the
same for all. Station to centre: what the told village's readings take in sealed
envelopes, raw and as daily features. Computed from the very bytes, not measured in time.
"""

from __future__ import annotations

import json
from contextlib import closing

from bench import uplink
from bench.report import Effort, Figure, Report
from bench.village import told_village
from core.shape import encode
from core.signing import sign_document
from core.wire.telemetry import WATERMARK, Batch, Sample, Watermark, topic
from edge_node.store.database import open_database
from tests.support.edge_station import SITE, STATION_SIGNER, sample, signed_batch

DEVICE = "soil-07"
GATHERED = (1, 8, 48, 256)  # samples a message: at once, a day of the demo's, six of it, the most
# Values of a soil probe, moving as they do.
_BASE = {"soil_moisture_ppm": 231_400, "soil_temperature_mdeg_c": 21_370, "battery_mv": 3_918}
_REMAINING_LENGTH_STEP = 128
BYTES_PER_KB = 1_000


def publication_bytes(where: str, payload: bytes) -> int:
    """The size of an MQTT 3.1.1 PUBLISH at QoS 1 with its PUBACK [bytes]."""
    body = 2 + len(where) + 2 + len(payload)
    length_bytes = 1
    while body >= _REMAINING_LENGTH_STEP**length_bytes:
        length_bytes += 1
    return 1 + length_bytes + body + 4


def measure(effort: Effort) -> Report:
    """Count the bytes of real messages."""
    rows = [(count, *(size / (count * len(_BASE)) for size in _sizes(count))) for count in GATHERED]
    up = uplink.measure(effort).numbers
    database = told_village(effort) / "station" / "station.db"
    with closing(open_database(database)) as db:
        readings = int(db.execute("SELECT count(*) FROM readings").fetchone()[0]) / effort.days
    raw, features = (
        up[f"{name}_kb_per_day"] * BYTES_PER_KB / readings for name in ("raw", "features")
    )
    return _report(rows, raw, features)


def _sizes(count: int) -> tuple[int, int, int, int]:
    """Ours with its watermark, ours up alone, a tutorial's messages, SenML [bytes]."""
    samples = tuple(_moved(i) for i in range(1, count + 1))
    document = signed_batch(Batch(DEVICE, "9f3c2a7be01d4c55", 3, samples[0].seq, samples))
    up = publication_bytes(topic(SITE, DEVICE, "t"), document)
    mark = Watermark(DEVICE, "9f3c2a7be01d4c55", samples[-1].seq)
    down = publication_bytes(
        topic(SITE, DEVICE, "ack"), sign_document(WATERMARK, encode(mark), STATION_SIGNER)
    )
    bare = [{"ts": s.at_ms, **s.values} for s in samples]
    tutorial = sum(
        publication_bytes(topic(SITE, DEVICE, "t"), json.dumps(one).encode()) for one in bare
    )
    pack: list[dict[str, object]] = [{"bn": f"urn:dev:ow:{DEVICE}:", "bt": samples[0].at_ms / 1000}]
    for one in samples:
        t = (one.at_ms - samples[0].at_ms) / 1000
        pack += [{"n": name, "t": t, "v": value} for name, value in one.values.items()]
    senml = publication_bytes(
        topic(SITE, DEVICE, "t"), json.dumps(pack, separators=(",", ":")).encode()
    )
    return up + down, up, tutorial, senml


def _moved(seq: int) -> Sample:
    values = {name: value + seq * 37 % 900 for name, value in _BASE.items()}
    return sample(seq, error_ms=520 + seq, **values)


def _report(rows: list[tuple[float, ...]], raw: float, features: float) -> Report:
    by_count = {int(row[0]): row for row in rows}
    one, day = by_count[GATHERED[0]], by_count[GATHERED[1]]
    return Report(
        title="Bytes per reading on the wire",
        headings=(
            "samples a message", "ours, signed, with watermark", "ours, up alone",
            "tutorial's JSON, a sample a message", "SenML, the same message",
        ),
        rows=(
            *((f"{row[0]:.0f}", *(f"{size:.1f}" for size in row[1:])) for row in rows),
            ("station to centre, raw, sealed", f"{raw:.2f}", "", "", ""),
            ("station to centre, daily features", f"{features:.2f}", "", "", ""),
        ),
        note=(
            f"{len(_BASE)} readings a sample. MQTT's own bytes are in it, TCP's and IP's are not. "
            "Only ours are signed and numbered. Station to centre: all readings of the told "
            "village in compressed, sealed, signed envelopes, and the daily features that travel "
            "in their stead, each divided by the readings behind them."
        ),
        figures=(
            Figure(
                "bytes per reading, device to station, signed, 8 samples a message",
                f"{day[1]:.0f}",
                f"a sample a message {one[1]:.0f}; tutorial's unsigned JSON {one[3]:.0f}",
            ),
            Figure(
                "bytes per reading, station to centre",
                f"{features:.2f} as daily features",
                f"{raw:.1f} raw",
            ),
        ),
        numbers={
            **{f"ours_{row[0]:.0f}_bytes": row[1] for row in rows},
            **{f"tutorial_{row[0]:.0f}_bytes": row[3] for row in rows},
            **{f"senml_{row[0]:.0f}_bytes": row[4] for row in rows},
            "raw_bytes": raw, "features_bytes": features,
        },
    )  # fmt: skip
