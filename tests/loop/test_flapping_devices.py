"""A device's link to its station that flaps and goes silent: all is stored, once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from firmware_sim.links.tcp import HOST, LinkShape, TcpLink
from tests.support.edge_device import EdgeDevice, OutboxDevice
from tests.support.edge_station import (
    STATION_SIGNER,
    RunningStation,
    batch,
    eventually,
    running_station,
    sample,
    secrets_file,
    settings_for,
    signed_batch,
)
from tests.support.requirements import require

SAMPLES = 40  # between two cuts
TURN_BYTES = 4_000  # what these take at the least, one way


@pytest.fixture(params=["amqtt", "mosquitto"])
def station(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningStation]:
    if request.param == "mosquitto":
        require("mosquitto")
    secrets = secrets_file(tmp_path, "probe-1", "probe-2")
    settings = settings_for(tmp_path, broker=request.param, device_passwords_file=secrets)
    with running_station(settings, "probe-1", "probe-2") as made:
        yield made


def linked(
    stack: contextlib.ExitStack, station: RunningStation, shape: LinkShape
) -> tuple[TcpLink, OutboxDevice]:
    """A link to the broker, and a device at its end."""
    link = stack.enter_context(TcpLink(HOST, station.access.port, np.random.default_rng(5), shape))
    device = OutboxDevice("probe-1", link.port, station_key=STATION_SIGNER.public_key)
    return link, stack.enter_context(device)


def fill(device: OutboxDevice, turn: int) -> int:
    low = turn * SAMPLES + 1
    device.fill(tuple(sample(seq) for seq in range(low, low + SAMPLES)))
    device.send(batch_samples=4)
    return low + SAMPLES - 1


def require_all_once(station: RunningStation, device: OutboxDevice, upto: int) -> None:
    """Everything arrives once the link is good again, and each number stands once."""

    def is_told() -> bool:
        device.send(batch_samples=4)
        with contextlib.suppress(AssertionError):
            device.wait_watermark(upto, timeout_s=0.5)
        return device.watermark.get("e1", 0) == upto

    eventually(is_told)
    rows = station.db.execute(
        "SELECT seq FROM samples JOIN streams USING (stream_id)"
        " WHERE device_id = 'probe-1' ORDER BY seq"
    ).fetchall()
    assert rows == [(seq,) for seq in range(1, upto + 1)]


def test_a_link_that_is_cut_in_the_middle_of_every_turn_brings_everything_once(
    station: RunningStation,
):
    """At any byte: before the first batch is whole, between two, in an acknowledgement."""
    chance, upto = np.random.default_rng(9), 0
    with contextlib.ExitStack() as stack:
        link, device = linked(stack, station, LinkShape(latency_ms=10))
        for turn in range(6):
            passed = link.counts.carried_bytes + int(chance.integers(1, TURN_BYTES))
            upto = fill(device, turn)
            eventually(lambda passed=passed: link.counts.carried_bytes >= passed)
            link.cut()
            eventually(lambda: not device.is_connected)
            link.mend()
        require_all_once(station, device, upto)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_link_that_flaps_every_few_seconds_brings_everything_once(station: RunningStation):
    """Here the time is the fault: up for 1 to 5 s, gone for a quarter of that."""
    chance, upto, clock = np.random.default_rng(9), 0, threading.Event()
    with contextlib.ExitStack() as stack:
        link, device = linked(stack, station, LinkShape(latency_ms=10))
        for turn in range(20):
            upto = fill(device, turn)
            clock.wait(chance.uniform(1.0, 5.0))
            link.cut()
            clock.wait(chance.uniform(1.0, 5.0) / 4)
            link.mend()
        require_all_once(station, device, upto)


def test_a_silent_link_loses_nothing_and_the_device_comes_back(station: RunningStation):
    """Half open: neither end hears of it, and what was sent is nowhere."""
    with contextlib.ExitStack() as stack:
        link, device = linked(stack, station, LinkShape())
        upto = fill(device, 0)
        device.wait_watermark(upto)
        link.silence()
        upto = fill(device, 1)
        # Another one speaks later, past the link, and is heard: so would this one have been.
        with EdgeDevice(
            "probe-2", station.access.port, station_key=STATION_SIGNER.public_key
        ) as other:
            other.say(signed_batch(batch("probe-2", 1)))
            other.wait_watermark(1)
        assert device.watermark == {"e1": SAMPLES}
        assert station.count("samples") == SAMPLES + 1
        link.drop_connections()
        link.mend()
        require_all_once(station, device, upto)
