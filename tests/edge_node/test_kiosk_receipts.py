"""Receipts: dots for a printer, codes that stations hold against keys, the season's drawing."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from core.canonical import parse_canonical
from core.shape import encode
from core.signing import sign_document
from core.wire.records import Down, EvidenceDigest, GrowthPoint
from core.wire.slips import SLIP_BYTES_MAX, VOUCH, Vouch
from edge_node.decide.receipts import ReceiptError, check, code_of, slip_of
from edge_node.faces.kiosk.printing import (
    DOTS_WIDE,
    ROW_BYTES,
    ROWS_MAX,
    escpos,
    print_to,
    unpack_dots,
)
from edge_node.faces.kiosk.season import AGAINST, UNKNOWN, UNSEEN, degree, growth_of
from edge_node.faces.kiosk.season_drawing import field_drawing, growth_curve
from edge_node.store import village, vouches
from tests.support.kiosk import Elapsed, visiting
from tests.support.lending_station import CARDS, Station, lent_station

LINE = "line-1"


@pytest.fixture
def station(tmp_path) -> Iterator[Station]:
    found = lent_station(tmp_path / "one")
    yield found
    found.close()


@pytest.fixture
def client(station) -> Iterator[httpx.Client]:
    with visiting(station, Elapsed()) as found:
        found.post("/identify", data={"card": CARDS["f-1"]})
        yield found


def own(station: Station) -> Vouch:
    return Vouch(station.desk.station, station.keys.signer.public_key.hex())


def vouch_down(station: Station) -> None:
    document = sign_document(VOUCH, encode(own(station)), station.centre.signer)
    station.centre.say(Down.VOUCH, parse_canonical(document, SLIP_BYTES_MAX), station.at_ms)
    station.take_down()


def test_a_receipt_is_true_here_without_a_vouch_and_elsewhere_with_one(station) -> None:
    receipt = station.draw(LINE, 300_000)
    slip = slip_of(station.db, station.desk, receipt)
    centre = station.ends.centre.verifier
    plain = code_of(station.db, station.desk, slip)
    checked = check(station.db, plain, (centre, own(station)))
    assert (checked.slip.amount_minor, checked.state) == (300_000, "posted")
    elsewhere = Vouch("mlima", "ab" * 32)
    with pytest.raises(ReceiptError):
        check(station.db, plain, (centre, elsewhere))
    vouch_down(station)
    code = code_of(station.db, station.desk, slip)
    assert check(station.db, code, (centre, elsewhere)).slip == slip
    assert code == code_of(station.db, station.desk, slip), "every print is the same"


def test_a_vouch_by_another_than_the_centre_is_not_taken(station) -> None:
    document = sign_document(VOUCH, encode(own(station)), station.keys.signer)
    station.centre.say(Down.VOUCH, parse_canonical(document, SLIP_BYTES_MAX), station.at_ms)
    station.take_down()
    assert vouches.vouch(station.db) == ""


def test_a_false_receipt_is_said_to_be_false(client) -> None:
    page = client.post("/verify", data={"code": "HL1:NOT A RECEIPT"})
    assert "not a receipt of a station of this lender" in page.text
    answer = client.post("/api/v1/kiosk/verify", data={"code": "HL1:XX"})
    assert (answer.status_code, "HL-EDGE-045" in answer.text) == (422, True)


def test_dots_become_escpos_in_bands() -> None:
    dots = bytes(range(48)) * 500
    packed = zlib.compress(dots)
    assert unpack_dots(packed) == dots
    data = escpos(dots)
    found = re.findall(rb"\x1dv0\x00(..)(..)", data, re.DOTALL)
    rows = [int.from_bytes(high, "little") for _, high in found]
    assert {int.from_bytes(wide, "little") * 8 for wide, _ in found} == {DOTS_WIDE}
    assert rows == [240, 240, 20]
    assert len(data) == 2 + 3 * 8 + len(dots) + 3 + 4


@pytest.mark.parametrize(
    "packed",
    [b"", b"nothing", zlib.compress(b""), zlib.compress(b"\0" * 47),
     zlib.compress(b"\0" * (ROW_BYTES * (ROWS_MAX + 1)))],
)  # fmt: skip
def test_what_is_no_receipts_dots_is_refused(packed: bytes) -> None:
    with pytest.raises(ReceiptError, match="dots"):
        unpack_dots(packed)


def test_a_printer_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(ReceiptError, match="printer"):
        print_to(tmp_path / "nowhere" / "lp0", b"x")


@pytest.mark.parametrize(
    ("ppm", "expected"), [(400_000, 2), (100_000, 1), (99_999, 0), (-99_999, 0), (-300_000, -2)]
)
def test_how_far_off_usual_is_said_in_five_degrees(ppm: int, expected: int) -> None:
    assert degree(ppm) == expected
    assert expected in AGAINST


def digest(n: int, off_ppm: int | None) -> EvidenceDigest:
    days = ("2026-04-01", "2026-04-11", "2026-04-21")[: n + 1]
    curve = tuple(GrowthPoint(day, 2_000 + 1_000 * at) for at, day in enumerate(days))
    features = {} if off_ppm is None else {"ndvi_anomaly_ppm": off_ppm}
    return EvidenceDigest(
        f"ev-{n}", "ab" * 32, "plot-1", days[-1], "vegetative", features, curve=curve
    )


def test_what_is_usual_follows_from_each_digest(station) -> None:
    plot = village.subject(station.db, "plot-1")
    assert growth_of(station.db, plot).words == UNSEEN
    for n, off_ppm in ((0, None), (1, -250_000), (2, -200_000)):
        station.centre.say(Down.EVIDENCE, digest(n, off_ppm), station.at_ms)
    station.take_down()
    growth = growth_of(station.db, plot)
    assert [(each.day, each.mean_e4) for each in growth.usual] == [
        ("2026-04-11", 4_000), ("2026-04-21", 5_000),
    ]  # fmt: skip
    assert growth.words == "It is less green than in usual years."
    assert replace(growth, against_ppm=None).words == UNKNOWN
    curve = str(growth_curve(growth, "a < b"))
    assert curve.count("usual-mark") == 2
    assert "a &lt; b" in curve
    assert growth_curve(replace(growth, points=growth.points[:1]), "") == ""


@pytest.mark.parametrize(
    "stage", ["sowing", "emergence", "vegetative", "heading", "ripening", "harvested"]
)
def test_the_drawing_shows_a_usual_field_beside_this_one(station, stage: str) -> None:
    growth = growth_of(station.db, village.subject(station.db, "plot-1"))
    drawn = str(field_drawing(replace(growth, stage=stage, against_ppm=-500_000), "s", "u", "n"))
    assert drawn.count('class="crop') == 2
    assert "<title" not in drawn


def test_a_season_is_shown_to_its_farmer_alone(client, station) -> None:
    station.centre.say(Down.EVIDENCE, digest(2, -200_000), station.at_ms)
    station.take_down()
    assert "It is less green than in usual years." in client.get("/season/plot-1").text
    assert client.get("/season/plot-2").status_code == 404
    told = json.dumps(encode(growth_of(station.db, village.subject(station.db, "plot-2"))))
    assert "2026-04" not in told
