"""A metered link: the day's budget by urgency, its reserve, and the size of the pieces."""

from __future__ import annotations

import pytest

from core.units import MS_PER_DAY
from core.wire.envelope import LogClass, peek
from core.wire.records import Down, Up
from edge_node.store import logs, outbox, uplink
from edge_node.store.database import open_database
from edge_node.store.uplink import Purpose
from edge_node.sync.metering import (
    AIM_MS,
    QUICK_MS,
    REQUEST_OVERHEAD_BYTES,
    RUN_BYTES_MAX,
    RUN_BYTES_MIN,
    SLOW_MS,
    UNMETERED,
    Allowance,
    Meter,
    uplink_state,
)
from edge_node.sync.rounds import sync_once
from edge_node.sync.wires import (
    WINDOW_BYTES_MIN,
    WINDOW_GROWTH,
    Answer,
    CentreClient,
    CentreUnreachableError,
    LinkCutError,
)
from tests.support.centre import Served, elapsed_ms
from tests.support.lending_station import Station, farmer


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    yield station
    station.close()


@pytest.fixture
def linked(station):
    station.populate()
    served = Served(station.centre.application())
    client = CentreClient(served.url, elapsed_ms)
    yield station, client
    client.close()
    served.close()


def log_records(station, kind, count, size_bytes=400):
    with station.db.atomic():
        for n in range(count):
            # Incompressible, as hashes and signatures are.
            body = {"n": n, "text": station.keys.signer.sign(f"{kind}{n}".encode()).hex()}
            body["more"] = "".join(
                station.keys.signer.sign(f"{kind}{n}/{i}".encode()).hex()
                for i in range(size_bytes // 128)
            )
            logs.append(station.db, "kijani", kind, body, station.clock)


def waiting(station, log):
    return logs.waiting(station.db, log, outbox.delivered(station.db, log).seq)[0]


def sync_all(station, client, allowance):
    while True:
        done = sync_once(station.db, station.ends, client, station.clock, allowance)
        assert done.problem == ""
        if not done.more:
            return


def sent_today(station):
    return uplink_state(station.db, UNMETERED, station.clock, station.desk.utc_offset_ms)


def test_no_budget_holds_nothing_back(linked):
    station, client = linked
    log_records(station, Up.TELEMETRY, 600)
    sync_all(station, client, UNMETERED)
    assert waiting(station, LogClass.RAW) == 0


def test_raw_stops_at_its_share_features_at_the_budget_money_at_the_reserve(linked):
    station, client = linked
    allowance = Allowance(bytes_a_day_max=60_000, reserve_bytes=20_000)
    log_records(station, Up.TELEMETRY, 600)
    sync_all(station, client, allowance)
    assert 30_000 < sum(sent_today(station).sent_bytes.values()) <= 45_000
    assert waiting(station, LogClass.RAW)
    log_records(station, Up.DAILY_FEATURE, 600)
    sync_all(station, client, allowance)
    assert 50_000 < sum(sent_today(station).sent_bytes.values()) <= 60_000
    assert waiting(station, LogClass.FEATURES)
    log_records(station, Up.CONSENT, 20)
    sync_all(station, client, allowance)
    assert 60_000 < sum(sent_today(station).sent_bytes.values()) <= 80_000
    assert waiting(station, LogClass.MONEY) == 0
    log_records(station, Up.CONSENT, 400)
    sync_all(station, client, allowance)
    assert sum(sent_today(station).sent_bytes.values()) <= 80_000
    assert waiting(station, LogClass.MONEY)


def test_the_budget_begins_anew_with_the_civil_day_and_outlives_a_restart(linked):
    station, client = linked
    allowance = Allowance(bytes_a_day_max=20_000)
    station.at_ms += MS_PER_DAY - station.at_ms % MS_PER_DAY  # 03:00 in a zone three hours east
    log_records(station, Up.TELEMETRY, 200)
    sync_all(station, client, allowance)
    left = waiting(station, LogClass.RAW)
    assert left
    station.db.close()
    station.db = open_database(station.settings.database_path, any_thread=True)
    station.at_ms += 20 * 3_600_000  # 23:00
    sync_all(station, client, allowance)
    assert waiting(station, LogClass.RAW) == left
    station.at_ms += 2 * 3_600_000  # 01:00 of the next day there, still the same day in UTC
    sync_all(station, client, allowance)
    assert waiting(station, LogClass.RAW) < left


def test_what_is_counted_is_what_the_centre_got_and_what_http_adds(linked):
    station, client = linked
    log_records(station, Up.TELEMETRY, 50)
    sync_all(station, client, UNMETERED)
    got = [size for log, _, size in station.centre.taken if log is LogClass.RAW]
    counted = sent_today(station).sent_bytes["raw"]
    assert counted == sum(got) + len(got) * REQUEST_OVERHEAD_BYTES


def test_idle_asking_is_spread_on_a_metered_link(linked):
    station, client = linked
    allowance = Allowance(bytes_a_day_max=100_000)
    asked = []
    pull = station.centre.pull
    station.centre.pull = lambda document: (asked.append(1), pull(document))[1]
    for _ in range(24 * 12):
        station.at_ms += 300_000
        assert not sync_once(station.db, station.ends, client, station.clock, allowance).problem
    assert 8 <= len(asked) <= 14
    asked.clear()
    log_records(station, Up.CONSENT, 1)
    sync_all(station, client, allowance)
    assert asked  # who says something urgent hears the answer


class Broken:
    """A link that breaks off in the middle, or is not there."""

    def __init__(self, error):
        self.error, self.sent_bytes, self.received_bytes = error, 0, 0
        self.window_bytes = WINDOW_BYTES_MIN

    def widen(self):
        self.window_bytes *= WINDOW_GROWTH

    def post(self, *_):
        raise self.error


@pytest.mark.parametrize(
    ("error", "counted"), [(LinkCutError, True), (CentreUnreachableError, False)]
)
def test_a_break_in_the_middle_counts_and_halves_the_next_run(station, error, counted):
    log_records(station, Up.CONSENT, 10)
    before = sent_today(station)
    sync_once(station.db, station.ends, Broken(error("gone")), station.clock)
    after = sent_today(station)
    assert (sum(after.sent_bytes.values()) > sum(before.sent_bytes.values())) is counted
    assert after.up_run_bytes == (WINDOW_BYTES_MIN // 2 if counted else before.up_run_bytes)


def took(ms):
    return Answer(200, b"", ms)


def test_runs_shrink_to_the_least_and_grow_to_the_most(station):
    meter = Meter.of(station.db, station.ends, Broken(None), station.clock)
    for _ in range(20):
        meter.went(Purpose.RAW, took(SLOW_MS + 1), RUN_BYTES_MAX, more=True)
    assert meter.run_bytes(Purpose.RAW) == RUN_BYTES_MIN
    for _ in range(20):
        meter.went(Purpose.RAW, took(QUICK_MS - 1), meter.run_bytes(Purpose.RAW), more=True)
    assert meter.run_bytes(Purpose.RAW) == RUN_BYTES_MAX
    meter.went(Purpose.RAW, took(SLOW_MS), RUN_BYTES_MAX, more=True)
    assert meter.run_bytes(Purpose.RAW) == RUN_BYTES_MAX
    assert uplink.pace(station.db).down_bytes < RUN_BYTES_MAX  # the other way is judged apart


def test_a_run_that_took_long_is_followed_by_one_that_fits(station):
    """Half a megabyte learnt over Wi-Fi must not cost a village an hour, one halving a time."""
    uplink.keep_up_bytes(station.db, RUN_BYTES_MAX)
    meter = Meter.of(station.db, station.ends, Broken(None), station.clock)
    meter.went(Purpose.RAW, took(10 * AIM_MS), 160 * 1024, more=True)
    assert uplink.pace(station.db).up_bytes == 16 * 1024


def test_a_new_connection_starts_small_whatever_was_learnt(station):
    uplink.keep_up_bytes(station.db, RUN_BYTES_MAX)
    meter = Meter.of(station.db, station.ends, Broken(None), station.clock)
    sizes = []
    for _ in range(4):
        sizes.append(meter.run_bytes(Purpose.RAW))
        meter.went(Purpose.RAW, took(QUICK_MS - 1), sizes[-1], more=True)
    assert sizes == [2**14, 2**16, 2**18, RUN_BYTES_MAX]


def test_a_small_envelope_that_held_all_there_was_says_nothing_of_the_link(station):
    meter = Meter.of(station.db, station.ends, Broken(None), station.clock)
    before = meter.run_bytes(Purpose.MONEY)
    meter.went(Purpose.MONEY, took(10), 500, more=False)
    assert meter.run_bytes(Purpose.MONEY) == before


def test_a_pull_asks_for_no_more_than_the_link_carries(linked):
    station, client = linked
    for n in range(10, 60):
        station.centre.say(Down.FARMER, farmer(n, f"card-{n}"), station.at_ms)
    uplink.keep_down_bytes(station.db, RUN_BYTES_MIN)
    sizes, envelope = [], station.centre.envelope

    def noting(first, last):
        sizes.append(last - first + 1)
        return envelope(first, last)

    station.centre.envelope = noting
    sync_all(station, client, UNMETERED)
    assert sum(sizes) == 50
    assert sizes[0] <= 8  # about 150 bytes a farmer
    assert sizes[1] > sizes[0]


class Watched:
    """A client that notes what passes, and lets somebody act meanwhile."""

    def __init__(self, client, act):
        self._client, self._act, self.order = client, act, []

    @property
    def sent_bytes(self):
        return self._client.sent_bytes

    @property
    def received_bytes(self):
        return self._client.received_bytes

    @property
    def window_bytes(self):
        return self._client.window_bytes

    def widen(self):
        self._client.widen()

    def post(self, path, content, content_type) -> Answer:
        if path.endswith("envelopes"):
            self.order.append(peek(content).log)
            self._act(len(self.order))
        return self._client.post(path, content, content_type)


def test_money_written_during_a_raw_push_goes_next(linked):
    station, client = linked
    log_records(station, Up.TELEMETRY, 1_500)
    station.opened_line(1)
    watched = Watched(client, lambda n: log_records(station, Up.CONSENT, 1) if n == 3 else None)
    sync_all(station, watched, UNMETERED)
    money, raw = LogClass.MONEY, LogClass.RAW
    assert watched.order[:5] == [money, raw, raw, money, raw]
