"""What a watermark covered is at the centre exactly once, whatever befell on the way.

Two probes' messages come ten times, in any order over a thousand of them, between broken
ones, under a station clock that jumps ten years, with a factory reset, and over a store
that is closed and opened between batches; then the uplink flaps.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import select

from core.shape import decode, encode
from core.signing import open_document, sign_document
from core.wire.registry import Device
from core.wire.telemetry import BATCH, MESSAGE_BYTES_MAX, Batch, DeviceKind
from edge_node.intake.committer import Arrival, Committer
from edge_node.intake.messages import read_message
from edge_node.store.database import open_database
from edge_node.store.devices import UnknownDeviceError
from edge_node.store.quarantine import Refusal, quarantine_totals
from edge_node.sync.daily import log_documents
from firmware_sim.links.tcp import LinkShape
from server.keys import KeyRing
from server.store.engine import Tx
from server.store.tables import telemetry
from tests.support.centre_kit import STATION, keys_of
from tests.support.edge_station import NOW_MS, sample, settings_for
from tests.support.linked_station import Linked, linked_station

SITE, PROBE = "kijani", "probe-1"
KEY = keys_of(PROBE, 40)  # as the centre registered it
MESSAGES, SAMPLES, TIMES = 100, 5, 10  # of an epoch; in a message; that each comes
YEAR_MS = 366 * 86_400_000
CLOCKS_MS = (NOW_MS, NOW_MS, NOW_MS - 10 * YEAR_MS, NOW_MS + 10 * YEAR_MS, 5_000)
DEVICE = Device(
    PROBE, DeviceKind.SOIL_PROBE, "plot-a1", STATION, KEY.identity().public_key, "0" * 64
)
BROKEN = (
    b"", b"\xff\x00" * 50, b'{"a":1}', b"x" * (MESSAGE_BYTES_MAX + 1),
    sign_document(BATCH, encode(Batch(PROBE, "e1", 1, 1, (sample(1),))), keys_of("thief", 9)),
)  # fmt: skip


@pytest.fixture
def linked(tmp_path: Path) -> Iterator[Linked]:
    with linked_station(tmp_path) as made:
        yield made


def device_of(name: str) -> Device:
    if name != PROBE:
        raise UnknownDeviceError(name)
    return DEVICE


def messages(epoch: str) -> list[bytes]:
    """Signed messages of an epoch; every third overlaps the one before it."""
    found = []
    for number in range(MESSAGES):
        first = number * SAMPLES + 1 - (2 if number % 3 == 2 else 0)
        last = (number + 1) * SAMPLES
        body = Batch(PROBE, epoch, 1, 1, tuple(sample(seq) for seq in range(first, last + 1)))
        found.append(sign_document(BATCH, encode(body), KEY))
    return found


def arrivals(chance: Random, said: list[bytes]) -> list[Arrival]:
    """Each message ten times and a broken one now and then, in any order."""
    all_said = said * TIMES + [chance.choice(BROKEN) for _ in range(MESSAGES // 2)]
    chance.shuffle(all_said)
    topic = f"v1/{SITE}/{PROBE}/t"
    return [
        Arrival(read_message(SITE, topic, raw, device_of), topic, chance.choice(CLOCKS_MS))
        for raw in all_said
    ]


def take_in(folder: Path, came: list[Arrival]) -> dict[str, int]:
    """Store in batches, each on a connection of its own; the watermark of each epoch."""
    told: dict[str, int] = {}
    committer = Committer(settings_for(folder))
    for start in range(0, len(came), 100):
        with closing(open_database(folder / "station.db")) as db:
            done = committer.commit(db, came[start : start + 100])
            for mark in done.watermarks.values():
                told[mark.epoch] = max(told.get(mark.epoch, 0), mark.upto)
    return told


def at_centre(tx: Tx) -> list[tuple[bytes, bool]]:
    return [(row["document"], row["verified"]) for row in tx.rows(select(telemetry))]


def flap(linked: Linked) -> None:
    """Rounds over a link that breaks after some kilobytes, until all is receipted."""
    linked.link.reshape(LinkShape(drop_after_bytes_mean=40_000))
    client = linked.client()
    for _ in range(1_000):
        if not linked.station.waiting():
            return
        linked.station.sync(client)
    pytest.fail("the link carries nothing")


def test_everything_that_was_acknowledged_is_at_the_centre_exactly_once(
    tmp_path: Path, linked: Linked
):
    chance, station = Random(20), linked.station
    folder = station.path.parent
    told = take_in(folder, arrivals(chance, messages("e1")))
    # A factory reset: the numbers begin anew in another epoch, old messages still come.
    told |= take_in(folder, arrivals(chance, messages("e1")[-20:] + messages("e2")))
    assert told == {"e1": MESSAGES * SAMPLES, "e2": MESSAGES * SAMPLES}
    refused = quarantine_totals(station.db)
    assert set(refused) == {Refusal.MALFORMED, Refusal.OVERSIZED, Refusal.SIGNATURE}
    assert log_documents(station.db, station.desk, station.clock, 150) == 150
    flap(linked)
    log_documents(station.db, station.desk, station.clock, 10_000)
    flap(linked)
    linked.require_all_once()

    kept = linked.kit.read(at_centre)
    assert all(verified for _, verified in kept)
    ours = {bytes(raw) for (raw,) in station.db.execute("SELECT raw FROM telemetry_documents")}
    assert {raw for raw, _ in kept} == ours
    assert len(kept) == len(ours)
    ring = KeyRing((DEVICE.public_key,))
    found: dict[tuple[str, int], object] = {}
    for raw, _ in kept:
        body = decode(Batch, open_document(raw, BATCH, ring).body)
        for one in body.samples:
            # A sample in two documents says the same in both: its number tells it once.
            assert found.setdefault((body.epoch, one.seq), one) == one
    assert set(found) == {(epoch, seq) for epoch in told for seq in range(1, told[epoch] + 1)}
    unmarked = "SELECT count(*) FROM telemetry_documents WHERE delivered_ms IS NULL"
    assert station.db.execute(unmarked).fetchone() == (0,)
