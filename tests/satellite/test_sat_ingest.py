"""The whole path on small catalogs: resume, faults that are named, signed documents, delivery."""

from __future__ import annotations

import csv
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.canonical import canonical_hash, parse_canonical
from core.errors import SignatureError
from core.shape import decode
from core.signing import open_document
from core.wire.evidence import EVIDENCE, Evidence, Stage
from core.wire.registry import ring_sha256_input
from satellite.config import Settings
from satellite.evidence.delivery import CONTENT_TYPE, Courier
from satellite.evidence.document import document_bytes, evidence_of
from satellite.evidence.ingest import Ingest, Job, file_name
from satellite.evidence.outbox import Outbox, Status
from satellite.evidence.picture import curves_pictures
from satellite.indices import BandMissingError, index_named
from satellite.keys import EvidenceSigner, generate_key_file
from satellite.scenes.catalog import CatalogError
from satellite.yields.estimate import Outlook
from satellite.yields.model import YieldModel, YieldModelError
from tests.support.tiny_scenes import (
    Scene,
    box_ring,
    link_catalog,
    ndvi_scene,
    plot_feature,
    write_catalog,
    write_plots,
    write_scene,
)

SOWN = date(2026, 3, 20)
SIDE = 16  # pixels; a plot of 60 × 60 m in each half
RINGS = (box_ring(10, 10, 70, 70), box_ring(90, 10, 150, 70))


def _maize(day: int) -> float:
    return float(0.18 + 0.62 / (1 + np.exp(-(day - 40) / 7)) / (1 + np.exp((day - 115) / 8)))


def _scene(day: int, *, clear: bool = True, poor: float = 0.5) -> Scene:
    """A scene so many days after sowing: good maize in the west, poor in the east."""
    when = SOWN + timedelta(days=day)
    ndvi = np.full((SIDE, SIDE), _maize(day))
    ndvi[:, SIDE // 2 :] = 0.18 + poor * (_maize(day) - 0.18)
    classes = np.full((SIDE // 2, SIDE // 2), 4 if clear else 9)
    return ndvi_scene(f"S2_{when:%Y%m%d}", when.isoformat(), ndvi, classes)


def _plots(tmp_path: Path, *more: dict[str, Any]) -> Path:
    declared = {"crop": "maize", "sown_on": SOWN.isoformat(), "season_id": "2026-long-rains"}
    features = [plot_feature(f"p{i}", ring, **declared) for i, ring in enumerate(RINGS)]
    return write_plots(tmp_path / "plots.geojson", [*features, *more])


def _job(tmp_path: Path, days: range | list[int], **more: Any) -> Job:
    catalog = tmp_path / "stac" / "catalog.json"
    if "catalog" not in more:
        write_catalog(tmp_path / "stac", [_scene(day) for day in days])
    plots = _plots(tmp_path)
    return Job(**({"catalog": catalog, "plots_file": plots, "out": tmp_path / "out",
                   "index": index_named("ndvi")} | more))  # fmt: skip


def _run(job: Job) -> tuple[Any, dict[str, Evidence]]:
    work = Ingest(job)
    try:
        done = work.run(lambda *_: None)
    finally:
        work.close()
    found = {}
    for path in (job.out / "evidence").glob("*.json"):
        body = json.loads(path.read_bytes())
        evidence = decode(Evidence, body.get("body", body))
        found[evidence.subject_id] = evidence
    return done, found


class _Verifier:
    def __init__(self, signer: EvidenceSigner) -> None:
        self._signer = signer

    def verify(self, key_id: str, message: bytes, signature: bytes) -> None:
        if key_id != self._signer.key_id:
            raise SignatureError("another key")
        try:
            Ed25519PublicKey.from_public_bytes(self._signer.public_key).verify(signature, message)
        except InvalidSignature as error:
            raise SignatureError("wrong") from error


def test_scenes_become_series_seasons_and_evidence(tmp_path: Path) -> None:
    job = _job(tmp_path, range(0, 80, 5))
    done, evidence = _run(job)
    assert (done.scenes.new, done.scenes.broken, done.plots, done.evidence_new) == (16, 0, 2, 2)
    with (job.out / "series.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert ",".join(rows[0]) == (
        "plot_id,date,index,mean,std,median,p10,p90,valid_fraction,scene_id"
    )
    assert float(rows[0]["p10"]) <= float(rows[0]["median"]) <= float(rows[0]["p90"])
    assert len(rows) == 32
    assert float(rows[0]["mean"]) == pytest.approx(_maize(0), abs=2e-3)
    good = evidence["p0"]
    assert (good.season_id, good.crop, good.index) == ("2026-long-rains", "maize", "ndvi")
    assert (good.stage, good.stage_observed_on) == (Stage.HEADING, "2026-06-03")
    assert good.as_of == good.last_clear_on == "2026-06-03"
    assert good.subject_sha256 == canonical_hash(ring_sha256_input([tuple(p) for p in RINGS[0]]))
    assert len(good.observations) == len(good.scenes) == good.clear_looks == 16
    assert good.curve[-1].low_e4 < good.curve[-1].mean_e4 < good.curve[-1].high_e4
    assert good.yield_estimate is None, "without a model nothing is said of yields"


def test_a_second_run_changes_nothing_and_a_new_scene_is_all_that_is_read(tmp_path: Path) -> None:
    job = _job(tmp_path, range(0, 40, 5))
    _, before = _run(job)
    marks = {path: path.stat().st_mtime_ns for path in job.out.rglob("*.json")}
    done, _ = _run(job)
    assert (done.scenes.new, done.scenes.known, done.evidence_new) == (0, 8, 0)
    assert {path: path.stat().st_mtime_ns for path in job.out.rglob("*.json")} == marks
    write_catalog(tmp_path / "stac", [_scene(day) for day in range(0, 45, 5)])
    done, after = _run(job)
    assert (done.scenes.new, done.evidence_new) == (1, 2)
    assert before["p0"].evidence_id != after["p0"].evidence_id


def test_one_by_one_or_all_at_once_gives_the_same_evidence(tmp_path: Path) -> None:
    slow, fast = tmp_path / "slow", tmp_path / "fast"
    _, at_once = _run(_job(fast, range(0, 80, 5)))
    items = [write_scene(slow / "stac", _scene(day)) for day in range(0, 80, 5)]
    for n in range(1, len(items) + 1):
        catalog = link_catalog(slow / "stac", items[:n])
        job = Job(catalog, _plots(slow), slow / "out", index_named("ndvi"))
        _, step_by_step = _run(job)
    assert step_by_step == at_once


def test_as_of_hides_later_scenes(tmp_path: Path) -> None:
    until = SOWN + timedelta(days=20)
    done, evidence = _run(_job(tmp_path, range(0, 80, 5), until=until))
    assert (done.scenes.new, done.scenes.later) == (5, 11)
    assert evidence["p0"].as_of == until.isoformat()


def test_a_new_plot_is_looked_at_on_old_scenes_and_a_redrawn_one_again(tmp_path: Path) -> None:
    job = _job(tmp_path, range(0, 40, 5))
    _run(job)
    pasture = plot_feature("g", box_ring(10, 90, 70, 150), kind="pasture")
    _plots(tmp_path, pasture)
    done, evidence = _run(job)
    assert (done.scenes.new, done.evidence_new, done.plots) == (0, 1, 3)
    assert len(evidence["g"].observations) > 0
    moved = plot_feature("g", box_ring(20, 90, 80, 150), kind="pasture")
    _plots(tmp_path, moved)
    _, again = _run(job)
    assert again["g"].subject_sha256 != evidence["g"].subject_sha256
    assert again["p0"] == evidence["p0"]


def test_a_reprocessed_scene_replaces_its_looks(tmp_path: Path) -> None:
    job = _job(tmp_path, range(0, 40, 5))
    _, before = _run(job)
    write_scene(tmp_path / "stac", _scene(35, poor=0.9))
    done, after = _run(job)
    assert done.scenes.new == 0
    assert before["p1"].observations[-1].mean_e4 < after["p1"].observations[-1].mean_e4
    assert before["p1"].scenes[-1].sha256 != after["p1"].scenes[-1].sha256
    assert done.evidence_new >= 1


def test_broken_scenes_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    job = _job(tmp_path, range(0, 40, 5))
    stac = tmp_path / "stac"
    names = sorted(path.name for path in stac.iterdir() if path.is_dir())
    (stac / names[1] / "red.tif").write_bytes(b"cut off")
    shutil.rmtree(stac / names[2])
    item = stac / names[3] / f"{names[3]}.json"
    body = json.loads(item.read_text())
    del body["assets"]["red"]
    item.write_text(json.dumps(body))
    done, evidence = _run(job)
    assert done.scenes.broken == 3
    assert {p.subject_id: p.code for p in done.scenes_broken} == {
        names[1]: "HL-SAT-004", names[2]: "HL-SAT-002", names[3]: "HL-SAT-003",
    }  # fmt: skip
    assert evidence["p0"].clear_looks == 5
    done, _ = _run(job)
    assert (done.scenes.broken, done.evidence_new) == (3, 0), "still named, not read again"
    write_catalog(stac, [_scene(day) for day in range(0, 40, 5)])
    done, evidence = _run(job)
    assert (done.scenes.broken, evidence["p0"].clear_looks) == (0, 8), "repaired, then read"


def test_plots_that_cannot_be_seen_are_named(tmp_path: Path) -> None:
    job = _job(tmp_path, range(0, 40, 5))
    bow_tie = [[37, -1], [37.001, -1.001], [37.001, -1], [37, -1.001], [37, -1]]
    _plots(
        tmp_path,
        plot_feature("far", box_ring(5000, 5000, 5060, 5060), crop="maize"),
        plot_feature("crossed", bow_tie, crop="maize"),
        plot_feature("tiny", box_ring(10, 90, 40, 100), crop="maize"),
        plot_feature("small", box_ring(80, 90, 110, 120), crop="maize", sown_on=SOWN.isoformat()),
    )
    done, evidence = _run(job)
    assert {p.subject_id for p in done.plots_skipped} == {"far", "crossed", "tiny"}
    detail = {p.subject_id: p.detail for p in done.plots_skipped}
    assert "outside" in detail["far"]
    assert "3.0 pixels" in detail["tiny"]
    assert set(evidence) == {"p0", "p1", "small"}
    assert "small_plot" in evidence["small"].alerts
    assert "small_plot" not in evidence["p0"].alerts


def test_a_cloudy_scene_moves_the_date_but_not_the_stage(tmp_path: Path) -> None:
    job = _job(tmp_path, range(0, 60, 5))
    _, before = _run(job)
    scenes = [_scene(day) for day in range(0, 60, 5)] + [_scene(60, clear=False)]
    write_catalog(tmp_path / "stac", scenes)
    _, after = _run(job)
    assert after["p0"].as_of > before["p0"].as_of
    assert after["p0"].last_clear_on == before["p0"].last_clear_on
    assert (after["p0"].stage, after["p0"].stage_observed_on) == (
        before["p0"].stage,
        before["p0"].stage_observed_on,
    )


def test_bare_soil_long_after_sowing_raises_an_alert(tmp_path: Path) -> None:
    done, evidence = _run(_job(tmp_path, range(0, 80, 5)))
    assert done.plots == 2
    assert evidence["p0"].alerts == ()
    bare = [_scene(day, poor=0.02) for day in range(0, 80, 5)]
    write_catalog(tmp_path / "stac", bare)
    _, evidence = _run(_job(tmp_path, [], catalog=write_catalog(tmp_path / "stac", bare)))
    assert evidence["p1"].alerts == ("no_green_up",)
    assert evidence["p1"].stage is Stage.SOWING
    assert evidence["p1"].season.start_on is None


def test_a_catalog_in_which_no_scene_has_the_band_is_refused(tmp_path: Path) -> None:
    nir = np.full((4, 4), 3000, np.uint16)
    scene = Scene(
        "S", "2026-04-01", {"B05": nir, "B8A": nir, "SCL": np.full((4, 4), 4, np.uint8)},
        {"B05": 20.0, "B8A": 20.0, "SCL": 20.0},
    )  # fmt: skip
    job = _job(tmp_path, [], catalog=write_catalog(tmp_path / "stac", [scene]))
    with pytest.raises(BandMissingError, match=r"no red .*NDRE"):
        _run(job)
    done, _ = _run(replace(job, index=index_named("ndre")))
    assert done.scenes.new == 1


def test_an_empty_catalog_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="at least one item"):
        _run(_job(tmp_path, []))


def test_a_model_of_another_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(YieldModelError, match="ndre"):
        Ingest(_job(tmp_path, [0], model=YieldModel("ndre", {}, {}, "test")))


def test_documents_are_canonical_signed_and_named_by_their_content(tmp_path: Path) -> None:
    signer = generate_key_file(tmp_path / "key", bytes(range(32)))
    job = _job(tmp_path, range(0, 40, 5), signer=signer)
    _, evidence = _run(job)
    data = (job.out / "evidence" / "p0.json").read_bytes()
    opened = open_document(data, EVIDENCE, _Verifier(signer))
    assert decode(Evidence, opened.body) == evidence["p0"]
    tampered = data.replace(b'"maize"', b'"wheat"')
    with pytest.raises(SignatureError):
        open_document(tampered, EVIDENCE, _Verifier(signer))
    work = Ingest(job)
    work.run(lambda *_: None)
    (subject, _) = work.subjects
    findings = evidence["p0"].findings
    again = evidence_of(subject, Outlook(), "ndvi", findings)
    assert again == evidence["p0"]
    assert parse_canonical(document_bytes(again, None), 100_000)["evidence_id"] == again.evidence_id
    other = evidence_of(subject, Outlook(anomaly_ppm=1), "ndvi", findings)
    assert other.evidence_id != again.evidence_id
    work.close()


def test_a_plot_id_is_never_a_path() -> None:
    assert file_name("plot-1.a") == "plot-1.a"
    names = {file_name(name) for name in ("../x", "a/b", "a_b", "a b", ".hidden", "")}
    assert len(names) == 6
    assert not any("/" in name or name.startswith(".") for name in names)


def test_the_picture_is_drawn_in_both_formats(tmp_path: Path) -> None:
    work = Ingest(_job(tmp_path, range(0, 150, 10)))
    work.run(lambda *_: None)
    work.draw(curves_pictures)
    work.close()
    assert (tmp_path / "out" / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "out" / "curves.svg").read_bytes()[:600]


# -- delivery, to a real server on this machine


class _Centre:
    """Answers as it is told, and keeps what it was sent."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.otherwise = 201
        self.received: list[tuple[str, bytes]] = []
        centre = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                centre.received.append((self.headers["content-type"], body))
                status = centre.answers.pop(0) if centre.answers else centre.otherwise
                answer = json.dumps({"detail": "plot is not registered"}).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/v1/evidence"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def centre() -> Iterator[_Centre]:
    found = _Centre()
    yield found
    found.close()


def _send(job: Job, url: str, waits: list[float] | None = None) -> tuple[Any, list[Any]]:
    pauses = [] if waits is None else waits
    with Courier(url, Settings(), pauses.append) as courier:
        work = Ingest(replace(job, courier=courier))
        try:
            done = work.run(lambda *_: None)
            return done.delivery, work.refused
        finally:
            work.close()


def test_each_document_is_delivered_once(tmp_path: Path, centre: _Centre) -> None:
    signer = generate_key_file(tmp_path / "key", bytes(32))
    job = _job(tmp_path, range(0, 40, 5), signer=signer)
    delivery, refused = _send(job, centre.url)
    assert (delivery.delivered, delivery.pending, refused) == (2, 0, [])
    assert {kind for kind, _ in centre.received} == {CONTENT_TYPE}
    files = {path.read_bytes() for path in (job.out / "evidence").iterdir()}
    assert {body for _, body in centre.received} == files
    delivery, _ = _send(job, centre.url)
    assert (delivery.delivered, len(centre.received)) == (0, 2)


def test_a_busy_server_is_tried_again_with_growing_pauses(tmp_path: Path, centre: _Centre) -> None:
    signer = generate_key_file(tmp_path / "key", bytes(32))
    centre.answers = [503, 429, 500, 201, 200]
    waits: list[float] = []
    delivery, _ = _send(_job(tmp_path, range(0, 20, 5), signer=signer), centre.url, waits)
    assert (delivery.delivered, delivery.error) == (2, "")
    assert waits == [0.5, 1.0, 2.0]


def test_what_could_not_be_delivered_waits_for_the_next_run(
    tmp_path: Path, centre: _Centre
) -> None:
    signer = generate_key_file(tmp_path / "key", bytes(32))
    job = _job(tmp_path, range(0, 20, 5), signer=signer)
    centre.otherwise = 503
    delivery, _ = _send(job, centre.url)
    assert (delivery.delivered, delivery.pending) == (0, 2)
    assert "kept" in delivery.error
    assert len(centre.received) == Settings().deliver_tries_max
    centre.otherwise = 201
    delivery, _ = _send(job, centre.url)
    assert (delivery.delivered, delivery.pending) == (2, 0)


def test_a_refusal_is_final_named_and_does_not_stop_the_others(
    tmp_path: Path, centre: _Centre
) -> None:
    signer = generate_key_file(tmp_path / "key", bytes(32))
    job = _job(tmp_path, range(0, 20, 5), signer=signer)
    centre.answers = [404]
    delivery, refused = _send(job, centre.url)
    assert (delivery.delivered, delivery.refused) == (1, 1)
    assert refused[0].subject_id == "p0"
    assert refused[0].detail == "HTTP 404: plot is not registered"
    delivery, refused = _send(job, centre.url)
    assert (delivery.delivered, len(refused), len(centre.received)) == (0, 1, 2)


def test_a_newer_document_replaces_the_one_that_waits(tmp_path: Path, centre: _Centre) -> None:
    signer = generate_key_file(tmp_path / "key", bytes(32))
    job = _job(tmp_path, range(0, 20, 5), signer=signer)
    centre.otherwise = 503
    _send(job, centre.url)
    centre.otherwise = 201
    centre.received.clear()
    write_catalog(tmp_path / "stac", [_scene(day) for day in range(0, 25, 5)])
    delivery, _ = _send(job, centre.url)
    assert (delivery.delivered, len(centre.received)) == (2, 2)
    assert all(b"2026-04-09" in body for _, body in centre.received)


def test_unsigned_documents_are_signed_before_they_are_delivered(
    tmp_path: Path, centre: _Centre
) -> None:
    job = _job(tmp_path, range(0, 20, 5))
    _run(job)
    signer = generate_key_file(tmp_path / "key", bytes(32))
    delivery, _ = _send(replace(job, signer=signer), centre.url)
    assert delivery.delivered == 2
    for _, body in centre.received:
        open_document(body, EVIDENCE, _Verifier(signer))


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    job = _job(tmp_path, [0])
    _run(job)
    work = Ingest(job)
    work._store.connection.execute("PRAGMA user_version = 99")
    outbox = Outbox(work._store)
    assert outbox.count(Status.KEPT) == 2
    work.close()
    with pytest.raises(Exception, match="state version"):
        Ingest(job)
