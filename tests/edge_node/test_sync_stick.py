"""The same envelopes on a stick: applied like those of a link, and as hard to forge."""

from __future__ import annotations

import io

import pytest

from core.errors import EnvelopeDamagedError
from core.wire.carrier import LENGTH_BYTES, documents_in
from core.wire.carrier import MAGIC as STICK_MAGIC
from core.wire.envelope import MAGIC, LogClass, peek
from core.wire.records import Down, Up
from edge_node.store import logs, outbox, village
from edge_node.sync.pushing import next_envelope
from edge_node.sync.stick import StickError, export_file, export_to, import_file
from tests.support.lending_station import Station, farmer


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    yield station
    station.close()


def stick(path, *documents):
    path.write_bytes(
        STICK_MAGIC + b"".join(len(d).to_bytes(LENGTH_BYTES, "big") + d for d in documents)
    )
    return path


def bring(station, path):
    return import_file(station.db, station.ends, path, station.clock)


def test_a_round_by_stick_delivers_and_is_receipted(station, tmp_path):
    station.populate()
    station.draw(station.opened_line(1), 300_000)
    out = tmp_path / "out.hls"
    export_file(station.db, station.ends, out, station.clock)
    answers = []
    for document in documents_in(io.BytesIO(out.read_bytes()).read, "out"):
        if document.startswith(MAGIC):
            answers.append(station.centre.take(document))
        else:
            assert station.centre.pull(document) is None
    assert station.centre.kinds()[-1] == "drawdown"
    brought = bring(station, stick(tmp_path / "back.hls", *answers))
    assert brought.receipts_count == 1
    assert outbox.delivered(station.db, LogClass.MONEY).seq == len(station.centre.kinds())
    assert export_file(station.db, station.ends, out, station.clock).documents_count == 1


def test_envelopes_in_any_order_are_applied(station, tmp_path):
    for n in range(1, 7):
        station.centre.say(Down.FARMER, farmer(n, f"card-{n}"), station.at_ms)
    runs = [station.centre.envelope(a, a + 1) for a in (5, 1, 3)]
    brought = bring(station, stick(tmp_path / "in.hls", *runs))
    assert (brought.applied_count, brought.held_count) == (2, 1)
    assert village.farmer(station.db, "f-6")
    again = bring(station, tmp_path / "in.hls")
    assert (again.applied_count, again.known_count) == (0, 3)


def test_a_bad_envelope_on_a_stick_does_not_stop_the_good_ones(station, tmp_path):
    station.centre.say(Down.FARMER, farmer(1, "card-1"), station.at_ms)
    good = station.centre.envelope(1, 1)
    bad = good[:-1] + bytes([good[-1] ^ 1])
    brought = bring(station, stick(tmp_path / "in.hls", bad, b"{}", good))
    assert brought.applied_count == 1
    assert len(brought.refused) == 2


def test_a_stick_that_is_cut_off_keeps_what_came_before(station, tmp_path):
    for n in (1, 2):
        station.centre.say(Down.FARMER, farmer(n, f"card-{n}"), station.at_ms)
    path = stick(tmp_path / "in.hls", *(station.centre.envelope(n, n) for n in (1, 2)))
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(EnvelopeDamagedError, match="copy it again"):
        bring(station, path)
    assert logs.down_tail(station.db, station.ends.down).seq == 1


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", b"HLS1\xff\xff\xff\xff"])
def test_what_is_no_stick_file_is_refused(station, tmp_path, content):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(EnvelopeDamagedError):
        bring(station, path)


def test_a_missing_file_is_named(station, tmp_path):
    with pytest.raises(StickError, match="nowhere"):
        bring(station, tmp_path / "nowhere")


def test_an_old_receipt_on_a_stick_takes_nothing_back(station, tmp_path):
    station.populate()
    station.opened_line(1)
    early = station.centre.take(next_envelope(station.db, station.ends, LogClass.MONEY, 0))
    station.opened_line(2)
    late = station.centre.take(next_envelope(station.db, station.ends, LogClass.MONEY, 0))
    assert bring(station, stick(tmp_path / "late.hls", late)).receipts_count == 1
    delivered = outbox.delivered(station.db, LogClass.MONEY)
    assert bring(station, stick(tmp_path / "early.hls", early)).refused == ()
    assert outbox.delivered(station.db, LogClass.MONEY) == delivered
    assert delivered == logs.tail(station.db, LogClass.MONEY)


def test_a_file_holds_what_is_most_urgent_and_says_that_more_waits(station):
    station.populate()
    station.opened_line(1)
    with station.db.atomic():
        for n in range(600):
            text = station.keys.signer.sign(f"{n}".encode()).hex()
            logs.append(station.db, "kijani", Up.TELEMETRY, {"text": text}, station.clock)
    file = io.BytesIO()
    exported = export_to(station.db, station.ends, file, station.clock, bytes_max=16_000)
    assert not exported.complete
    assert exported.size_bytes == len(file.getvalue()) <= 16_000
    file.seek(0)
    found = list(documents_in(file.read, "file"))
    assert [peek(each).log for each in found[1:]] == [LogClass.MONEY]
    assert export_to(station.db, station.ends, io.BytesIO(), station.clock).complete


def test_a_stick_that_is_full_leaves_no_half_file(station, tmp_path):
    with pytest.raises(StickError, match="expected to write"):
        export_file(station.db, station.ends, tmp_path / "no-folder" / "out.hls", station.clock)


def test_a_stations_own_file_and_a_neighbours_are_refused_by_name(station, tmp_path):
    station.populate()
    station.opened_line(1)
    own = tmp_path / "own.hls"
    export_file(station.db, station.ends, own, station.clock)
    brought = bring(station, own)
    assert brought.applied_count == brought.receipts_count == 0
    assert all("expected" in reason for reason in brought.refused)
    assert len(brought.refused) == 2
    (tmp_path / "mlima").mkdir()
    neighbour = Station(tmp_path / "mlima", "mlima")
    neighbour.centre.say(Down.FARMER, farmer(1, "card-1"), station.at_ms)
    brought = bring(station, stick(tmp_path / "foreign.hls", neighbour.centre.envelope(1, 1)))
    neighbour.close()
    assert (brought.applied_count, len(brought.refused)) == (0, 1)
