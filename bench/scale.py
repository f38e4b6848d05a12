"""Scale: a Dask cluster against one process, and a new scene through to limits on 10,000 plots.

First the same scenes are read by this process, by one Dask worker and by two, in turns;
wall and CPU time stand beside the serial run's. Then one new scene goes the whole way:
read, series, season, yield, signed evidence, delivery over HTTP to a centre that reviews
every line and moves limits; the seconds of each stage stand beside the goal of two
minutes. The centre's batches are held against the same documents sent one by one.

The set-up (a tile, a centre with a line on every plot) takes minutes and is not counted.
``HARVESTLINE_BENCH_PLOTS`` sets another number of plots, on a smaller tile if fewer.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import psutil

from bench.report import Effort, Figure, Report
from bench.tile import Tile, dates, write_tile
from core.units import civil_day
from core.wire.evidence import Stage
from core.wire.registry import Identity
from satellite.cluster.scheduler import Cluster
from satellite.cluster.work import Serial, Workers
from satellite.config import Settings as SatelliteSettings
from satellite.evidence.delivery import Courier
from satellite.evidence.ingest import Ingest, Job
from satellite.indices import index_named
from satellite.keys import EvidenceSigner, generate_key_file
from satellite.scenes.catalog import read_item
from satellite.statistics.plots import read_plots
from satellite.statistics.reading import SceneOrder, scene_task
from satellite.yields.model import read_model
from server.app import create_app
from server.config import Settings
from server.keys import write_secret
from server.services.evidence import accept_evidence
from server.store import lines
from server.store.engine import open_store
from server.store.schema import migrate
from tests.support.centre import Served
from tests.support.centre_kit import Kit
from tests.support.dask_cluster import DaskCluster, dask_cluster
from tests.support.district_book import build_district, ring_hash, sown_on
from tests.support.tiny_scenes import link_catalog

PLOTS = int(os.environ.get("HARVESTLINE_BENCH_PLOTS", "10000"))
SIDE_MAX = 10_980  # of the tile [pixels]: Sentinel-2's
# Fewer plots lie on a smaller tile, as close to each other.
SIDE = round(min(1.0, PLOTS / 10_000) ** 0.5 * SIDE_MAX / 2) * 2
SCENES = 6  # read by each number of workers
SEASON_SCENES = 12  # before the new one
ALONE = 200  # documents sent one by one, to compare
GOAL_S = 120.0
BUSY_SHARE_MAX = 0.15  # of the cores, by others: above, wall times mean little
WATCH_S = 2.0
NDVI = index_named("ndvi")
SEASON = {"crop": "maize", "season_id": "2026-long-rains", "sown_on": sown_on().isoformat()}


@dataclass(frozen=True, slots=True)
class Spent:
    """Wall and CPU seconds of one reading of all scenes, the workers' CPU included."""

    wall_s: float
    cpu_s: float


def measure(effort: Effort) -> Report:
    """Readers in turns, then the new scene, on one tile."""
    busy = _busy_share()
    _say(f"writing {SEASON_SCENES + 2} scenes of {SIDE} pixels a side")
    first = sown_on() + timedelta(days=10)
    tile = write_tile(effort.scratch / "tile", SIDE, PLOTS, dates(first, SEASON_SCENES + 2), SEASON)
    _say(f"reading {SCENES} scenes")
    read = _readers(tile, effort.repeats)
    for name, runs in read.items():  # the set-up below takes minutes: a broken run keeps these
        _say(f"{name}: " + ", ".join(f"{each.wall_s:.1f} s wall" for each in runs))
    _say(f"opening a line on each of {PLOTS} plots")
    stages, facts = _new_scene(tile, effort.scratch)
    return _report(read, stages, facts, max(busy, _busy_share()))


def _say(what: str) -> None:
    print(f"scale: {what} …", file=sys.stderr, flush=True)


def _busy_share() -> float:
    """The share of all cores that others take while this process waits [0–1]."""
    return psutil.cpu_percent(WATCH_S) / 100.0


# -- readers


def _readers(tile: Tile, repeats: int) -> dict[str, list[Spent]]:
    plots, _ = read_plots(tile.plots)
    task = scene_task(plots, NDVI)
    orders = [SceneOrder(read_item(path), "") for path in tile.items[:SCENES]]
    found: dict[str, list[Spent]] = {"this process": [], "1 worker": [], "2 workers": []}

    def timed(name: str, workers: Workers, cluster: DaskCluster | None) -> None:
        cpu_s, wall_s = _cpu_s(cluster), time.perf_counter()
        assert all(reading.looks for reading in workers.map(task, orders))
        spent = Spent(time.perf_counter() - wall_s, _cpu_s(cluster) - cpu_s)
        found[name].append(spent)

    alone = Serial()
    with (
        dask_cluster(1) as single,
        dask_cluster(2) as double,
        Cluster(single.address) as one,
        Cluster(double.address) as two,
    ):
        for workers in (alone, one, two):  # plans are built once a worker and grid
            list(workers.map(task, orders[:2]))
        for _ in range(repeats):
            timed("this process", alone, None)
            timed("1 worker", one, single)
            timed("2 workers", two, double)
    return found


def _cpu_s(cluster: DaskCluster | None) -> float:
    """CPU time so far of this process and a cluster's [s]."""
    total = time.process_time()
    for pid in cluster.pids if cluster else ():
        spent = psutil.Process(pid).cpu_times()
        total += spent.user + spent.system
    return total


# -- from a new scene to limits


def _new_scene(tile: Tile, scratch: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of each stage, and facts, of one new scene over plots that have a season."""
    key = scratch / "key"
    signer = generate_key_file(key, bytes(range(32)))
    kit = _centre(scratch, tile, signer)
    model = _model(scratch)
    link_catalog(tile.root, tile.items[:-2])
    _set_day(kit, tile.items[-3])
    served = Served(create_app(kit.centre))
    url = f"{served.url}/api/v1/evidence"
    try:
        _say("telling the season so far")
        _ingested(tile, scratch, signer, model, url)
        _say("a new scene")
        link_catalog(tile.root, tile.items[:-1])
        _set_day(kit, tile.items[-2])
        stages = _ingested(tile, scratch, signer, model, url)
        link_catalog(tile.root, tile.items)
        _set_day(kit, tile.items[-1])
        facts = _as_command(tile, scratch, key, model, url)
    finally:
        served.close()
    moved = _movements(kit)
    facts["movements"] = float(moved)
    facts["one_by_one_ms"] = _one_by_one_ms(kit, tile)
    return stages, facts


def _centre(scratch: Path, tile: Tile, signer: EvidenceSigner) -> Kit:
    secret = scratch / "session.secret"
    write_secret(secret, b"5" * 64)
    settings = Settings(
        database_url=f"sqlite:///{scratch / 'centre.sqlite'}", session_secret_file=str(secret)
    )
    store = open_store(settings.database_url, settings.tenant_id)
    migrate(store)
    maker = Identity("bench-satellite", signer.public_key.hex())
    return build_district(store, settings, tile.rings, maker)


def _model(scratch: Path) -> Path:
    """A yield model that was fitted to the simulator's archive."""
    village, out = scratch / "village", scratch / "yield.json"
    archive = village / "archive"
    _run("sim", "district", "--seed", "5", "--out", str(village))
    _run("satellite", "calibrate", str(archive / "catalog.json"), "--plots",
         str(archive / "plots.geojson"), "--harvests", str(archive / "harvests.csv"),
         "--out", str(out))  # fmt: skip
    return out


def _run(room: str, *words: str) -> None:
    program = Path(sys.executable).parent / f"harvestline-{room}"
    subprocess.run([program, *words], check=True, stdout=subprocess.DEVNULL)


def _set_day(kit: Kit, item: Path) -> None:
    kit.clock.set_day(date.fromisoformat(f"{item.stem[-8:-4]}-{item.stem[-4:-2]}-{item.stem[-2:]}"))


def _ingested(
    tile: Tile, scratch: Path, signer: EvidenceSigner, model: Path, url: str
) -> dict[str, float]:
    """Seconds of each stage of one round, delivery and reviews included."""
    marks: list[tuple[str, float]] = []
    settings = SatelliteSettings(deliver_timeout_s=120.0)
    with Courier(url, settings, time.sleep) as courier:
        job = Job(
            tile.root / "catalog.json", tile.plots, scratch / "out", NDVI,
            model=read_model(model), signer=signer, courier=courier,
            begin=lambda stage: marks.append((stage, time.perf_counter())),
        )  # fmt: skip
        marks.append(("start", time.perf_counter()))
        work = Ingest(job)
        try:
            done = work.run(lambda *_: None)
        finally:
            work.close()
    assert done.evidence_new == PLOTS, done
    assert done.delivery.delivered == PLOTS, done.delivery
    ends = [at for _, at in marks[1:]] + [time.perf_counter()]
    return {stage: end - at for (stage, at), end in zip(marks, ends, strict=True)}


def _as_command(tile: Tile, scratch: Path, key: Path, model: Path, url: str) -> dict[str, float]:
    """The same as a command of its own: wall seconds."""
    config = scratch / "satellite.toml"
    config.write_text("deliver_timeout_s = 120\n")
    started = time.perf_counter()
    _run("satellite", "ingest", str(tile.root / "catalog.json"), "--plots", str(tile.plots),
         "--out", str(scratch / "out"), "--key", str(key), "--model", str(model),
         "--deliver", url, "--no-picture", "--config", str(config))  # fmt: skip
    return {"command_s": time.perf_counter() - started}


def _movements(kit: Kit) -> int:
    """Reviews of the last scene that were written down."""
    with kit.centre.store.reading() as tx:
        found = [lines.last_movement(tx, line.line_id) for line in lines.every(tx)]
    return sum(moved is not None and moved.seq > 1 for moved in found)


def _one_by_one_ms(kit: Kit, tile: Tile) -> float:
    """CPU of the centre for a document that comes alone [ms]."""
    kit.clock.add_days(5)
    day = civil_day(kit.clock.at_ms, 0)
    documents = [
        kit.evidence(name, day, Stage.VEGETATIVE, 1_500, subject_sha256=ring_hash(ring))
        for name, ring in sorted(tile.rings.items())[:ALONE]
    ]
    started = time.process_time()
    for each in documents:
        accept_evidence(kit.centre, each)
    return (time.process_time() - started) / len(documents) * 1e3


# -- the report


def _report(
    read: dict[str, list[Spent]], stages: dict[str, float], facts: dict[str, float], busy: float
) -> Report:
    wall = {name: statistics.median(each.wall_s for each in runs) for name, runs in read.items()}
    cpu = {name: statistics.median(each.cpu_s for each in runs) for name, runs in read.items()}
    speedup = _median_ratio(read["1 worker"], read["2 workers"], "wall_s")
    cost = _median_ratio(read["2 workers"], read["this process"], "cpu_s")
    total_s = sum(stages.values())
    rows = [
        (f"{SCENES} scenes read by {name}", f"{wall[name]:.1f}", f"{cpu[name]:.1f}")
        for name in read
    ]
    rows += [(f"new scene: {stage}", f"{spent:.1f}", "") for stage, spent in stages.items()]
    rows += [
        ("new scene: all stages", f"{total_s:.1f}", ""),
        ("new scene: as a command", f"{facts['command_s']:.1f}", ""),
    ]
    loaded = (
        f" Others took {busy:.0%} of the cores meanwhile: wall times and the speed-up are "
        "worse than on an idle machine." if busy > BUSY_SHARE_MAX else ""
    )  # fmt: skip
    per_document_ms = stages["delivery"] / PLOTS * 1e3
    return Report(
        title="Scale: a cluster, and a new scene through to limits",
        headings=("what", "wall [s]", "CPU [s]"),
        rows=tuple(rows),
        note=(
            f"{PLOTS:,} plots on a tile of {SIDE:,} × {SIDE:,} pixels. 1→2 workers: "
            f"{speedup:.2f} × faster (goal 1.7); two workers cost {cost:.2f} × the serial CPU "
            f"(goal 1.15). The new scene is the {SEASON_SCENES + 1}th of its season; delivery "
            f"takes in the review of every line: {facts['movements']:,.0f} lines have moved. "
            f"{per_document_ms:.1f} ms a document in batches, "
            f"{facts['one_by_one_ms']:.1f} ms of the centre's CPU one by one.{loaded}"
        ),
        figures=(
            Figure(
                f"new scene to limits, {PLOTS:,} plots",
                f"{total_s:.0f} s",
                f"goal {GOAL_S:.0f} s; with a busy machine: {busy:.0%} by others",
            ),
        ),
        numbers={
            "speedup_1_to_2": speedup,
            "cpu_to_serial": cost,
            "new_scene_s": total_s,
            "busy_share": busy,
            **{f"{stage.replace(' ', '_')}_s": spent for stage, spent in stages.items()},
            **facts,
        },
    )


def _median_ratio(over: list[Spent], under: list[Spent], what: str) -> float:
    pairs = zip(over, under, strict=True)
    return statistics.median(getattr(a, what) / getattr(b, what) for a, b in pairs)
