"""Pictures at the centre: signed, checked by their bytes, kept once, shown to who may see."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.canonical import sha256_hex
from core.errors import ShapeError
from core.shape import encode
from core.signing import sign_document
from core.wire.blob import BlobClaim, BlobRequest, read_kind, require_as_claimed
from core.wire.evidence import EVIDENCE, Anomalies, Findings, Observability, PictureRef
from satellite.config import Settings as SatelliteSettings
from satellite.indices import index_named
from satellite.quicklooks.delivery import PictureCourier, blobs_url
from satellite.quicklooks.make import PictureJob, Pictures
from satellite.quicklooks.shelf import Shelf, Status
from server.app import create_app
from server.services import enrolment
from server.services.blobs import get_blob
from server.services.evidence import accept_evidence
from server.store import registry
from server.store.engine import StoreError
from server.store.people import Role
from tests.support.asgi_client import AppClient
from tests.support.centre import Served
from tests.support.centre_kit import TESTER, Kit, keys_of
from tests.support.console_book import PASSWORD, ROOT, Book, build_book
from tests.support.console_evidence import Looks, seen_of_plot
from tests.support.pictures import claim_header, claim_of, picture, request_header
from tests.support.tiny_scenes import (
    box_ring,
    ndvi_scene,
    plot_feature,
    write_catalog,
    write_plots,
)

SEEN = date(2026, 7, 12)


@pytest.fixture
def client(kit: Kit) -> AppClient:
    return AppClient(create_app(kit.centre))


def put(client: AppClient, data: bytes, headers: dict[str, str], sha256: str = ""):
    path = f"/api/v1/blobs/{sha256 or sha256_hex(data)}"
    return client.request("PUT", path, content=data, headers=headers)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def auditor(kit: Kit) -> dict[str, str]:
    token = enrolment.add_token(kit.centre, "auditor", Role.AUDITOR, TESTER)
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(("form", "kind"), [("WEBP", "image/webp"), ("PNG", "image/png")])
def test_a_picture_is_kept_once_and_comes_back_whole(
    form: str, kind: str, kit: Kit, client: AppClient
):
    data = picture(form)
    headers = claim_header(claim_of(data, kind), kit.satellite)
    assert [put(client, data, headers).status_code for _ in range(2)] == [201, 200]
    found = client.get(f"/api/v1/blobs/{sha256_hex(data)}", headers=auditor(kit))
    assert (found.status_code, found.content) == (200, data)
    assert found.headers["content-type"] == kind
    assert found.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in found.headers["content-security-policy"]


def test_who_signs_nothing_or_is_not_known_puts_nothing(kit: Kit, client: AppClient):
    data = picture()
    assert refusal(put(client, data, {})) == (401, "HL-SRV-006")
    stranger = claim_header(claim_of(data), keys_of("other", 9))
    assert refusal(put(client, data, stranger)) == (403, "HL-CORE-004")
    for headers in ({}, {"Authorization": "Bearer no"}):
        found = client.get(f"/api/v1/blobs/{sha256_hex(data)}", headers=headers)
        assert refusal(found) == (401, "HL-SRV-006")


def test_bytes_must_be_what_they_are_said_to_be(kit: Kit, client: AppClient):
    data, other = picture(), picture(tone=91)
    good = claim_header(claim_of(data), kit.satellite)
    assert refusal(put(client, data, good, sha256_hex(other))) == (422, "HL-SRV-011")
    swapped = claim_header(replace(claim_of(data), size_bytes=len(other)), kit.satellite)
    assert refusal(put(client, other, swapped, sha256_hex(data))) == (422, "HL-CORE-003")
    short = claim_header(replace(claim_of(data), size_bytes=len(data) - 1), kit.satellite)
    assert refusal(put(client, data, short)) == (413, "HL-SRV-009")
    mistyped = claim_header(claim_of(data, "image/png"), kit.satellite)
    assert refusal(put(client, data, mistyped)) == (422, "HL-CORE-003")
    page = b"<html><script>alert(1)</script>" + b" " * 40
    assert refusal(put(client, page, claim_header(claim_of(page), kit.satellite))) == (
        422, "HL-CORE-003",
    )  # fmt: skip
    large = claim_header(replace(claim_of(data), size_bytes=2**30), kit.satellite)
    assert refusal(put(client, data, large)) == (422, "HL-SRV-011")
    assert refusal(client.get(f"/api/v1/blobs/{sha256_hex(data)}", headers=auditor(kit))) == (
        404, "HL-SRV-004",
    )  # fmt: skip
    assert refusal(client.get("/api/v1/blobs/nothing", headers=auditor(kit))) == (
        422, "HL-CORE-003",
    )  # fmt: skip


def test_a_kept_picture_cannot_be_changed(kit: Kit, client: AppClient):
    data = picture()
    put(client, data, claim_header(claim_of(data), kit.satellite))
    with pytest.raises(StoreError, match="refused"):
        kit.centre.write(
            lambda work: work.tx.connection.exec_driver_sql("UPDATE blobs SET media_type = 'x'")
        )


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "WebP or PNG"),
        (picture("PNG")[:-1], "WebP or PNG"),
        (picture("PNG") + b"<script>", "WebP or PNG"),
        (picture() + b"<script>", "whole WebP"),
        (picture()[:12] + b"ANIM" + picture()[16:], "still WebP"),
        (b"GIF89a" + b"\0" * 40, "WebP or PNG"),
    ],
)
def test_damaged_and_other_pictures_are_refused(data: bytes, what: str):
    with pytest.raises(ShapeError, match=what):
        read_kind(data)


def test_sides_are_read_from_the_bytes_and_bounded():
    assert read_kind(picture("PNG", 17)) == ("image/png", 17, 17)
    assert read_kind(picture("WEBP", 300)) == ("image/webp", 300, 300)
    assert read_kind(picture("WEBP", 300, lossless=False)) == ("image/webp", 300, 300)
    data = picture("PNG")
    wide = data[:16] + struct.pack(">II", 90_000, 8) + data[24:]
    with pytest.raises(ShapeError, match="8192"):
        require_as_claimed(claim_of(wide, "image/png"), wide)


@given(st.binary(max_size=80))
def test_no_bytes_crash_the_reader_of_kinds(tail: bytes):
    for start in (b"", b"RIFF", b"\x89PNG\r\n\x1a\n", picture()[:20], picture("PNG")[:20]):
        try:
            kind, width, height = read_kind(start + tail)
        except ShapeError:
            continue
        assert kind in ("image/webp", "image/png")
        assert min(width, height) >= 0


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    found = build_book(tmp_path_factory.mktemp("book"), farmers=4, every_days=40)
    yield found
    found.centre.store.close()


@pytest.fixture(scope="module")
def named(book: Book) -> dict[str, bytes]:
    """Evidence of plot-001 that names three pictures, of which two have come."""
    data = {kind: picture(tone=tone) for kind, tone in
            (("true_color", 20), ("index", 30), ("late", 40))}  # fmt: skip
    refs = [("true_color", "2026-07-10", "true_color"), ("index", "2026-07-10", "index"),
            ("index", "2026-07-05", "late")]  # fmt: skip
    findings = Findings(
        Observability(9, 700_000, 20, 4_000, 28), Anomalies(),
        pictures=tuple(PictureRef(kind, day, sha256_hex(data[key]), "image/webp", len(data[key]))
                       for kind, day, key in refs),
    )  # fmt: skip
    book.on(SEEN)
    with book.centre.store.reading() as tx:
        plot = registry.subject(tx, "plot-001")
    seen = seen_of_plot(plot, Looks(1, date(2026, 7, 11), 5, is_dry=False))
    seen = replace(seen, evidence_id="ev-with-pictures", findings=findings)
    accept_evidence(book.centre, sign_document(EVIDENCE, encode(seen), book.satellite))
    client = AppClient(create_app(book.centre))
    for key in ("true_color", "index"):
        headers = claim_header(claim_of(data[key]), book.satellite)
        assert put(client, data[key], headers).status_code == 201
    return data


def test_a_plot_s_page_shows_its_pictures_and_says_which_have_not_come(book: Book, named):
    served = Served(create_app(book.centre))
    with closing(served), httpx.Client(base_url=served.url) as client:
        unseen = client.get(f"/console/pictures/{sha256_hex(named['index'])}")
        assert unseen.status_code == 303
        assert "/console/login" in unseen.headers["location"]
        log_in(client)
        page = client.get("/console/plots/plot-001").text
        assert page.index(sha256_hex(named["true_color"])) < page.index(sha256_hex(named["index"]))
        assert "on 10 Jul 2026 as the eye sees it" in page
        assert sha256_hex(named["late"]) not in page
        assert "on 5 Jul 2026" in page
        assert "the picture has not come yet" in page
        shown = client.get(f"/console/pictures/{sha256_hex(named['index'])}")
        assert (shown.status_code, shown.content) == (200, named["index"])
        assert shown.headers["content-type"] == "image/webp"
        assert "sandbox" in shown.headers["content-security-policy"]
        missing = client.get(f"/console/pictures/{sha256_hex(named['late'])}")
        assert missing.status_code == 404
        assert client.get("/console/pictures/..%2fx").status_code in (404, 422)


def log_in(client: httpx.Client) -> None:
    text = client.get("/console/login").text
    token = text.partition('name="token" value="')[2].partition('"')[0]
    form = {"name": "auditor", "password": PASSWORD, "next": "", "token": token}
    assert client.post("/console/login", data=form).status_code == 303


def test_a_station_gets_the_pictures_of_its_own_ground_only(book: Book, named):
    client = AppClient(create_app(book.centre))
    sha256 = sha256_hex(named["index"])
    asked = BlobRequest(book.station.name, "plot-001", sha256, book.at_ms[0])

    def get(request: BlobRequest, signer=book.station) -> httpx.Response:
        path = f"/api/v1/blobs/{sha256}"
        return client.get(path, headers=request_header(request, signer))

    assert get(asked).content == named["index"]
    assert refusal(get(replace(asked, subject_id="plot-002"))) == (404, "HL-SRV-004")
    assert refusal(get(replace(asked, subject_id="nowhere"))) == (404, "HL-SRV-004")
    assert refusal(get(replace(asked, station="another"))) == (403, "HL-SRV-003")
    assert refusal(get(replace(asked, sha256="0" * 64))) == (403, "HL-SRV-003")
    other = keys_of("far-station", 77)
    enrolment.enroll_station(book.centre, other.identity(), ROOT)
    far = replace(asked, station="far-station")
    assert refusal(get(far, other)) == (404, "HL-SRV-004")
    assert refusal(get(asked, book.satellite)) == (403, "HL-CORE-004")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """Two plots' pictures of two days, as a satellite drew them."""
    root = tmp_path_factory.mktemp("drawn")
    green, clear = np.full((40, 40), 0.65), np.full((20, 20), 4)
    scenes = [ndvi_scene(f"s{i}", f"2026-04-0{i}", green * i / 2, clear) for i in (1, 2)]
    plots = write_plots(root / "plots.geojson", [
        plot_feature(f"p{i}", box_ring(50 * i, 100, 50 * i + 60, 200)) for i in (1, 2)
    ])  # fmt: skip
    catalog = write_catalog(root / "stac", scenes)
    work = Pictures(PictureJob(str(catalog), plots, root / "out", index_named("ndvi")))
    work.run(lambda *_: None)
    yield work.shelf
    work.close()


def test_a_satellite_s_pictures_reach_the_centre_once_newest_first(book: Book, shelf: Shelf):
    days = [row.ref.day for row in shelf.waiting(100)]
    assert days == sorted(days, reverse=True)
    assert len(days) == 8
    settings = SatelliteSettings(deliver_tries_max=1)
    nobody = "http://127.0.0.1:9/api/v1/evidence"
    with PictureCourier(nobody, book.satellite, settings, lambda _: None) as courier:
        away = courier.deliver(shelf)
    assert (away.delivered, away.waiting) == (0, 8)
    assert "sent with the next run" in away.error
    gone = shelf.waiting(1)[0]
    (shelf.folder / gone.name).unlink()
    with closing(Served(create_app(book.centre))) as served:
        stranger = keys_of("stranger", 55)
        with PictureCourier(served.url, book.satellite, settings, lambda _: None) as courier:
            sent = courier.deliver(shelf)
            again = courier.deliver(shelf)
        assert (sent.delivered, sent.refused, sent.waiting, sent.error) == (7, 0, 0, "")
        assert (again.delivered, again.refused) == (0, 0)
        assert gone.ref.day not in {row.ref.day for row in shelf.pictures(gone.plot_id)
                                    if row.ref.kind == gone.ref.kind}  # fmt: skip
        row = shelf.pictures("p1")[0]
        kept = get_blob(book.centre, row.ref.sha256)
        assert kept.data == (shelf.folder / row.name).read_bytes()
        shelf.mark([(row.ref.sha256, Status.WAITING, "")])
        with PictureCourier(served.url, stranger, settings, lambda _: None) as courier:
            refused = courier.deliver(shelf)
        assert (refused.delivered, refused.refused) == (0, 1)


def test_a_centre_s_address_leads_to_its_pictures():
    for address, want in (
        ("http://c:1", "http://c:1/api/v1/blobs"),
        ("https://c/base/", "https://c/base/api/v1/blobs"),
        ("https://c/api/v1/evidence", "https://c/api/v1/blobs"),
    ):
        assert blobs_url(address) == want


def test_a_claim_names_a_hash_and_a_kind():
    for sha256, kind in (("AB" * 32, "image/webp"), ("ab", "image/webp"),
                         ("ab" * 32, "image/svg+xml"), ("ab" * 32, "text/html")):  # fmt: skip
        with pytest.raises(ShapeError):
            BlobClaim(sha256, kind, 10)
