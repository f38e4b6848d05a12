"""The link over real HTTP: cuts, repeats, forks, forgeries; nothing counts unreceipted."""

from __future__ import annotations

import logging
import threading

import pytest

from core.errors import ChainBrokenError, SignatureError
from core.lending.limit import Movement
from core.scoring.features import DailyFeature
from core.shape import decode, encode
from core.signing import open_document, sign_document
from core.units import MS_PER_DAY
from core.wire import envelope as env
from core.wire.envelope import LogClass
from core.wire.records import Down
from edge_node.keys import StationSigner
from edge_node.store import daily, leases, lines, logs, models, outbox, village
from edge_node.sync.applying import Fate, apply_envelope
from edge_node.sync.machine import machine_state
from edge_node.sync.metering import UNMETERED
from edge_node.sync.pushing import next_envelope, take_receipt
from edge_node.sync.rounds import Pace, Rhythm, run_rounds, sync_once
from edge_node.sync.wires import CentreClient
from tests.support.centre import Centre, Served, elapsed_ms, entropy
from tests.support.lending_station import Station, farmer, lease, status
from tests.support.models import small_model


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    yield station
    station.close()


@pytest.fixture
def linked(station):
    """A populated station and a client to its centre over real HTTP."""
    station.populate()
    served = Served(station.centre.application())
    client = CentreClient(served.url, elapsed_ms)
    yield station, client
    client.close()
    served.close()


def sync(station, client):
    return sync_once(station.db, station.ends, client, station.clock)


def refused(station):
    return [code for _, code, _ in outbox.refused_envelopes(station.db)]


def down_seq(station):
    return logs.down_tail(station.db, station.ends.down).seq


def test_everything_a_station_did_reaches_the_centre_once(linked):
    station, client = linked
    line_id = station.opened_line(1)
    station.draw(line_id, 300_000)
    for _ in range(3):
        assert sync(station, client).problem == ""
    assert station.centre.kinds() == [
        "consent", "application", "decision", "line_opened", "consent", "drawdown", "drawdown",
    ]  # fmt: skip
    assert station.centre.envelopes_count == 1


def test_a_receipt_that_was_lost_leads_to_a_repeat_that_changes_nothing(linked):
    station, client = linked
    station.opened_line(1)
    station.centre.lose_answers = 1
    assert sync(station, client).problem.startswith("HL-EDGE-005")
    assert outbox.delivered(station.db, LogClass.MONEY).seq == 0
    assert sync(station, client).problem == ""
    assert len(station.centre.kinds()) == 4
    assert station.centre.envelopes_count == 2
    assert outbox.delivered(station.db, LogClass.MONEY).seq == 4


def settle_features(station, count):
    with station.db.atomic():
        for n in range(count):
            feature = DailyFeature("plot-1", f"f{n}", "2026-04-01", n, 10**6, 1, "ab" * 32)
            daily.put_version(station.db, feature, 1, station.at_ms)
        daily.settle_until(station.db, "2026-04-01")


def test_settled_daily_features_travel_in_envelopes_of_bounded_size(linked):
    station, client = linked
    settle_features(station, 1_200)
    assert sync(station, client).problem == ""
    assert len(station.centre.kinds(LogClass.FEATURES)) == 1_200
    sizes = station.centre.runs_of(LogClass.FEATURES)
    assert sum(sizes) == 1_200
    assert sizes[0] < sizes[1] <= 500  # a link that is quick gets larger runs


def test_a_cut_between_envelopes_loses_and_repeats_nothing(linked):
    station, client = linked
    settle_features(station, 1_200)
    # The first envelope is answered, the second is applied but its answer is lost.
    log, taken = LogClass.FEATURES, station.centre.take
    answered = []

    def cut_after_first(data):
        receipt = taken(data)
        answered.append(data)
        if len(answered) == 2:
            station.centre.lose_answers = 1
        return receipt

    station.centre.take = cut_after_first
    assert sync(station, client).problem
    assert outbox.delivered(station.db, log).seq == station.centre.runs_of(log)[0]
    assert sync(station, client).problem == ""
    values = [body["value"] for body in station.centre.bodies("daily_feature", log)]
    assert sorted(values) == list(range(1_200))


def test_money_goes_before_features(linked):
    station, client = linked
    settle_features(station, 1)
    station.opened_line(1)
    order = []
    taken = station.centre.take

    def noting(data):
        order.append(env.peek(data).log)
        return taken(data)

    station.centre.take = noting
    sync(station, client)
    assert order == [LogClass.MONEY, LogClass.FEATURES]


def test_a_dark_month_is_said_once_and_its_end_once(linked, caplog):
    station, client = linked
    caplog.set_level(logging.INFO, "harvestline.edge.sync")
    sync(station, client)
    caplog.clear()
    station.centre.is_dark = True
    for _ in range(3):
        assert sync(station, client).problem
    station.centre.is_dark = False
    for _ in range(2):
        assert not sync(station, client).problem
    said = [record.getMessage().split()[0] for record in caplog.records]
    assert said == ["link_lost", "link_returned"]


def test_bytes_are_counted(linked):
    station, client = linked
    station.opened_line(1)
    sync(station, client)
    link = outbox.link_state(station.db)
    assert (link.up, link.sent_bytes > 500, link.received_bytes > 100) == (True, True, True)


def test_the_pause_after_a_failure_is_short_and_doubles_up_to_its_bound():
    pace = Pace(every_s=60, retry_s_max=20)
    assert [pace.pause_s(n) for n in range(8)] == [60, 1, 2, 4, 8, 16, 20, 20]


def test_a_station_tells_of_its_machine_once_a_round(linked):
    station, client = linked
    asked, answered = [], station.centre.pull

    def pull(document):
        asked.append(
            decode(env.Pull, open_document(document, env.PULL, station.centre.verifier).body)
        )
        return answered(document)

    station.centre.pull = pull
    station.opened_line(1)
    assert sync(station, client).problem == ""
    first, *others = [each.machine for each in asked]
    assert all(each is None for each in others)
    assert first.backlog_records >= 0
    assert first.disk_free_bytes > 0
    assert first.database_bytes > 0
    assert first.software[0].isdigit()


def test_what_waits_is_counted_until_its_receipt(linked):
    station, client = linked
    station.opened_line(1)
    before = machine_state(station.db, station.clock)
    assert before.backlog_records == logs.tail(station.db, LogClass.MONEY).seq
    assert before.backlog_bytes > 0
    assert sync(station, client).problem == ""
    after = machine_state(station.db, station.clock)
    assert (after.backlog_records, after.backlog_bytes, after.backlog_age_ms) == (0, 0, 0)


def test_chance_spreads_the_second_half_of_a_pause():
    pace = Pace(every_s=60, retry_s_max=600)
    assert [pace.pause_s(6, ppm) for ppm in (0, 500_000, 1_000_000)] == [16, 24, 32]


def test_rounds_end_when_told(linked):
    station, client = linked
    reached, stop = threading.Event(), threading.Event()
    answered = station.centre.pull

    def pull(document):
        reached.set()
        return answered(document)

    station.centre.pull = pull
    rhythm = Rhythm(Pace(1, 1), UNMETERED, entropy("rounds"))
    act = (station.db, station.ends, client, lambda: station.clock, rhythm, stop)
    thread = threading.Thread(target=run_rounds, args=act)
    thread.start()
    assert reached.wait(10)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def test_a_receipt_by_another_key_delivers_nothing(linked):
    station, _ = linked
    station.opened_line(1)
    tail = logs.tail(station.db, LogClass.MONEY)
    receipt = env.Receipt("kijani", LogClass.MONEY, "", tail.seq, tail.head)
    forged = sign_document(env.RECEIPT, encode(receipt), StationSigner(b"\x09" * 32))
    with pytest.raises(SignatureError):
        take_receipt(station.db, station.ends, forged, station.clock)
    assert outbox.delivered(station.db, LogClass.MONEY).seq == 0


@pytest.mark.parametrize("change", [{"head": "ab" * 32}, {"writer": "mlima"}, {"high_water": 99}])
def test_a_receipt_for_what_is_not_ours_delivers_nothing(linked, change):
    station, _ = linked
    station.opened_line(1)
    tail = logs.tail(station.db, LogClass.MONEY)
    body = {
        **encode(env.Receipt("kijani", LogClass.MONEY, "", tail.seq, tail.head)),
        **change,
    }
    receipt = sign_document(env.RECEIPT, body, station.centre.signer)
    with pytest.raises(ChainBrokenError, match="does not name a record"):
        take_receipt(station.db, station.ends, receipt, station.clock)
    assert outbox.delivered(station.db, LogClass.MONEY).seq == 0


def test_a_centre_that_lost_its_last_day_is_given_it_again(linked):
    station, client = linked
    line_id = station.opened_line(1)
    sync(station, client)
    log = station.centre.received[LogClass.MONEY]
    before = log.records[:2]
    station.centre.received[LogClass.MONEY].records = before
    log.head = env.chain_head(station.ends.up(LogClass.MONEY), env.GENESIS, before)
    station.draw(line_id, 100_000)
    # The envelope comes early for such a centre; its receipt says from where to send again.
    sync(station, client)
    assert sync(station, client).problem == ""
    assert len(station.centre.kinds()) == 7


def test_a_cut_is_answered_with_closed_leases_in_the_same_round(linked):
    station, client = linked
    station.centre.say(Down.LINE, status("line-1", 2_000_000, Movement.OPENED), station.at_ms)
    station.centre.say_lease(lease("le-1", "line-1", 1_000_000))
    sync(station, client)
    station.centre.say(Down.LINE, status("line-1", 900_000, Movement.CUT), station.at_ms)
    sync(station, client)
    assert [body["lease_id"] for body in station.centre.bodies("lease_closed")] == ["le-1"]


def test_a_pull_comes_in_pieces_and_is_applied_once(linked):
    station, client = linked
    for n in range(10, 150):
        station.centre.say(Down.FARMER, farmer(n, f"card-{n}"), station.at_ms)
    assert sync(station, client).pulled_records_count == 140
    assert sync(station, client).pulled_records_count == 0
    assert station.centre.acknowledged == len(station.centre.down)


def carry(station, data):
    return apply_envelope(station.db, station.ends, data, "stick", station.clock)


def test_duplicate_late_and_reordered_envelopes_end_in_the_same_state(station):
    for n in range(1, 7):
        station.centre.say(Down.FARMER, farmer(n, f"card-{n}"), station.at_ms)
    one, two, three = (station.centre.envelope(a, a + 1) for a in (1, 3, 5))
    assert carry(station, three).fate is Fate.HELD
    assert carry(station, three).fate is Fate.HELD
    assert carry(station, one).fate is Fate.APPLIED
    assert down_seq(station) == 2
    assert carry(station, two).fate is Fate.APPLIED
    assert down_seq(station) == 6  # what was held followed by itself
    for repeat in (one, two, three):
        assert carry(station, repeat).fate is Fate.KNOWN
    assert village.farmer(station.db, "f-6").name == "Farmer 6"
    assert logs.down_tail(station.db, station.ends.down).head == env.chain_head(
        station.centre.name, env.GENESIS, station.centre.down
    )


def test_early_envelopes_are_held_within_a_bound(station):
    for n in range(1, outbox.HELD_ENVELOPES_MAX + 4):
        station.centre.say(Down.FARMER, farmer(n, f"card-{n}"), station.at_ms)
    fates = [
        carry(station, station.centre.envelope(n, n)).fate
        for n in range(2, outbox.HELD_ENVELOPES_MAX + 3)
    ]
    assert fates[-1] is Fate.REFUSED
    assert fates[:-1] == [Fate.HELD] * outbox.HELD_ENVELOPES_MAX


def test_every_truncation_and_every_flipped_byte_is_refused_and_changes_nothing(station):
    station.centre.say(Down.FARMER, farmer(1, "card-1"), station.at_ms)
    data = station.centre.envelope(1, 1)
    damaged = [data[:n] for n in range(0, len(data), 7)]
    damaged += [data[:n] + bytes([data[n] ^ 1]) + data[n + 1 :] for n in range(0, len(data), 11)]
    for bad in damaged:
        assert carry(station, bad).fate is Fate.REFUSED
    assert down_seq(station) == 0
    assert village.farmer_of_card(station.db, farmer(1, "card-1").card_sha256) is None
    assert carry(station, data).fate is Fate.APPLIED
    assert len(refused(station)) <= outbox.REFUSED_ENVELOPES_MAX


def test_an_envelope_of_another_centre_is_refused_by_name(station):
    other = Centre(station.keys.identity, number=33)
    other.say(Down.FARMER, farmer(1, "card-1"), station.at_ms)
    assert carry(station, other.envelope(1, 1)).fate is Fate.REFUSED
    assert refused(station) == ["HL-CORE-004"]


def test_an_envelope_for_another_station_is_refused(station, tmp_path):
    (tmp_path / "mlima").mkdir()
    neighbour = Station(tmp_path / "mlima", "mlima")
    neighbour.centre.say(Down.FARMER, farmer(1, "card-1"), station.at_ms)
    assert carry(station, neighbour.centre.envelope(1, 1)).fate is Fate.REFUSED
    neighbour.close()


def test_an_envelope_that_is_not_sealed_is_refused(station):
    station.centre.say(Down.FARMER, farmer(1, "card-1"), station.at_ms)
    readable = env.pack(
        station.centre.name, env.GENESIS, station.centre.down, station.centre.signer
    )
    assert "open one" in carry(station, readable).problem


def test_a_forked_log_is_refused_and_what_was_applied_stays(station):
    station.centre.say(Down.FARMER, farmer(1, "card-1"), station.at_ms)
    carry(station, station.centre.envelope(1, 1))
    fork = Centre(station.keys.identity)
    fork.say(Down.FARMER, farmer(2, "card-2"), station.at_ms)
    fork.say(Down.FARMER, farmer(3, "card-3"), station.at_ms)
    result = carry(station, fork.envelope(1, 2))
    assert result.fate is Fate.REFUSED
    assert "forked" in result.problem
    assert down_seq(station) == 1
    assert village.farmer(station.db, "f-1").name == "Farmer 1"


def test_a_record_that_cannot_be_read_stops_its_whole_envelope(station):
    station.centre.say(Down.FARMER, farmer(1, "card-1"), station.at_ms)
    station.centre.say(Down.FREEZE, {"line_id": "line-1"}, station.at_ms)
    assert carry(station, station.centre.envelope(1, 2)).fate is Fate.REFUSED
    assert refused(station) == ["HL-CORE-003"]
    assert down_seq(station) == 0


def test_a_kind_that_is_newer_than_this_release_is_passed_over_by_name(station):
    station.centre.down.append(env.Record(1, "weather_prompt", station.at_ms, 0, {"text": "hot"}))
    station.centre.say(Down.FARMER, farmer(1, "card-1"), station.at_ms)
    result = carry(station, station.centre.envelope(1, 2))
    assert result.fate is Fate.APPLIED
    assert "weather_prompt" in result.refusals[0]
    assert village.farmer(station.db, "f-1")


def test_an_older_model_is_refused_and_the_one_in_use_goes_on(station):
    station.centre.say_model(small_model(3), station.at_ms)
    station.centre.say_model(small_model(2), station.at_ms)
    station.centre.say(Down.FARMER, farmer(1, "card-1"), station.at_ms)
    result = carry(station, station.centre.envelope(1, 3))
    assert "older than 3" in result.refusals[0]
    assert models.current_model(station.db).model.version == 3
    assert village.farmer(station.db, "f-1")


def test_a_model_with_a_wrong_signature_is_refused(station):
    station.centre.say_model(small_model(1), station.at_ms)
    station.centre.say_model(small_model(2), station.at_ms, StationSigner(b"\x0b" * 32))
    result = carry(station, station.centre.envelope(1, 2))
    assert "not admitted" in result.refusals[0]
    assert models.current_model(station.db).model.version == 1


def test_a_lease_for_another_station_or_by_another_key_is_refused(station):
    station.centre.say_lease(lease("le-1", "line-1", 100_000, station="mlima"))
    right, station.centre.signer = station.centre.signer, StationSigner(b"\x0c" * 32)
    station.centre.say_lease(lease("le-2", "line-1", 100_000))
    station.centre.signer = right
    result = carry(station, station.centre.envelope(1, 2))
    assert len(result.refusals) == 2
    assert leases.open_leases(station.db) == ()


def test_the_centres_word_raises_the_trusted_time(station):
    later = station.at_ms + 90 * MS_PER_DAY
    station.centre.say(Down.FARMER, farmer(1, "card-1"), later)
    carry(station, station.centre.envelope(1, 1))
    assert not station.clock.known
    station.at_ms = later
    assert station.clock.known


def test_an_envelope_may_not_hold_too_much(station):
    station.populate()
    station.opened_line(1)
    data = next_envelope(station.db, station.ends, LogClass.MONEY, 0)
    assert data is not None
    header = env.peek(data)
    assert (header.first, header.last, header.writer) == (1, 4, "kijani")
    assert header.recipient == station.ends.centre.seal_key_id
    assert lines.lines_of(station.db, "f-1")
