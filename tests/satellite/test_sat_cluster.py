"""The same bytes from one process, one worker, two, and two of which one is killed."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import dask
import numpy as np
import pytest

from satellite.cluster.remote import WorkerSoftwareError
from satellite.cluster.scheduler import Cluster, ClusterError
from satellite.cluster.work import Serial, Workers
from satellite.evidence.ingest import Ingest, Job, Round
from satellite.indices import index_named
from satellite.keys import generate_key_file, load_signer
from tests.support.dask_cluster import ROOT, DaskCluster, dask_cluster
from tests.support.tiny_scenes import (
    box_ring,
    ndvi_scene,
    plot_feature,
    write_catalog,
    write_plots,
)
from tests.support.tls import make_certificate

SIDE = 60
DATES = 8
FIRST = date(2026, 3, 20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of dates, one of them broken, over plots of which one lies outside."""
    root = tmp_path_factory.mktemp("scenes")
    rng = np.random.default_rng(7)
    scenes = []
    for i in range(DATES):
        day = FIRST + timedelta(days=10 * i)
        ndvi = 0.2 + 0.06 * i + rng.normal(0, 0.02, (SIDE, SIDE))
        classes = np.where(rng.random((SIDE // 2, SIDE // 2)) < 0.02, 9, 4)
        scenes.append(ndvi_scene(f"S2A_{i}", day.isoformat(), np.clip(ndvi, 0, 0.9), classes))
    write_catalog(root, scenes)
    (root / "S2A_3" / "red.tif").write_bytes(b"no raster")
    features = [
        plot_feature(f"plot-{i}", box_ring(x, y, x + 130, y + 120), crop="maize")
        for i, (x, y) in enumerate([(10, 10), (203, 17), (15, 221), (9_000, 9_000)])
    ]
    write_plots(root / "plots.geojson", features)
    generate_key_file(root / "key", bytes(range(32)))
    return root


@pytest.fixture(scope="module")
def cluster() -> Iterator[DaskCluster]:
    with dask_cluster(workers=1) as found:
        yield found


def ingested(
    folder: Path, out: Path, workers: Workers, plots: Path | None = None
) -> tuple[Round, dict[str, bytes]]:
    """An ingest and all that it wrote, by name."""
    job = Job(
        folder / "catalog.json", plots or folder / "plots.geojson", out, index_named("ndvi"),
        signer=load_signer(folder / "key"), workers=workers,
    )  # fmt: skip
    work = Ingest(job)
    try:
        done = work.run(lambda *_: None)
    finally:
        work.close()
    files = [path for path in sorted(out.rglob("*")) if path.is_file()]
    wrote = {str(p.relative_to(out)): p.read_bytes() for p in files if "sqlite" not in p.name}
    return done, wrote


@pytest.fixture(scope="module")
def alone(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Round, dict[str, bytes]]:
    """What one process makes of it."""
    return ingested(folder, tmp_path_factory.mktemp("alone"), Serial())


def test_any_number_of_workers_and_a_killed_one_give_the_same_bytes(
    folder: Path, alone: tuple[Round, dict[str, bytes]], cluster: DaskCluster, tmp_path: Path
):
    expected, bytes_alone = alone
    assert expected.scenes.new == DATES
    assert [problem.subject_id for problem in expected.scenes_broken] == ["S2A_3"]
    assert {"series.csv", "season.csv", "evidence/plot-0.json"} <= set(bytes_alone)
    with Cluster(cluster.address) as workers:
        assert ingested(folder, tmp_path / "one", workers) == (expected, bytes_alone)
        killed = cluster.add_worker()
        assert ingested(folder, tmp_path / "two", workers) == (expected, bytes_alone)
        out = tmp_path / "killed"
        found = ingested(folder, out, Killing(workers, killed, after=2))
        assert found == (expected, bytes_alone)


class Killing:
    """Workers of which one is killed once so many results have come."""

    def __init__(self, workers: Workers, victim, after: int) -> None:
        self._workers, self._victim, self._after = workers, victim, after

    def map(self, task, orders):
        for count, result in enumerate(self._workers.map(task, orders), start=1):
            if count == self._after:
                self._victim.kill()
            yield result

    def require_seen(self, path: Path) -> None:
        self._workers.require_seen(path)


def test_second_run_reads_nothing_and_a_new_plot_is_read_on_the_cluster(
    folder: Path, cluster: DaskCluster, tmp_path: Path
):
    few = tmp_path / "few.geojson"
    every = json.loads((folder / "plots.geojson").read_text())
    few.write_text(json.dumps({**every, "features": every["features"][1:]}))
    with Cluster(cluster.address) as workers:
        ingested(folder, tmp_path / "out", workers, few)
        again, _ = ingested(folder, tmp_path / "out", workers, few)
        grown, wrote = ingested(folder, tmp_path / "out", workers)
    assert (again.scenes.new, again.scenes.known, again.evidence_new) == (0, DATES, 0)
    assert (grown.scenes.new, grown.evidence_new) == (0, 1)
    _, at_once = ingested(folder, tmp_path / "once", Serial())
    assert wrote == at_once


def test_tls_takes_certificates_from_the_settings_of_dask(folder: Path, tmp_path: Path):
    made = make_certificate(tmp_path)
    files = ["--tls-ca-file", str(made.cert), "--tls-cert", str(made.cert), "--tls-key"]
    settings = {
        "distributed.comm.tls.ca-file": str(made.cert),
        "distributed.comm.tls.client.cert": str(made.cert),
        "distributed.comm.tls.client.key": str(made.key),
    }
    with dask_cluster(1, tls=[*files, str(made.key)]) as secure:
        assert secure.address.startswith("tls://")
        with dask.config.set(settings), Cluster(secure.address) as workers:
            done, _ = ingested(folder, tmp_path / "out", workers)
        assert done.scenes.new == DATES
        with pytest.raises(ClusterError, match="expected a Dask scheduler"):
            Cluster(secure.address)


def test_command_names_what_is_wrong_with_the_scheduler(folder: Path, tmp_path: Path):
    program = Path(sys.executable).parent / "harvestline-satellite"
    words = ["ingest", folder / "catalog.json", "--plots", folder / "plots.geojson",
             "--out", tmp_path / "out", "--scheduler", "http://127.0.0.1:1"]  # fmt: skip
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 5
    assert done.stderr.startswith("HL-SAT-018 cluster cannot be used: expected tcp://HOST:PORT")


def test_cluster_lost_on_the_way_is_named_and_what_was_read_is_kept(
    folder: Path, alone: tuple[Round, dict[str, bytes]], tmp_path: Path
):
    with (
        dask_cluster(workers=1) as mortal,
        Cluster(mortal.address) as workers,
        pytest.raises(ClusterError, match="was lost"),
    ):
        ingested(folder, tmp_path, Killing(workers, mortal.scheduler, after=2))
    _, wrote = ingested(folder, tmp_path, Serial())
    assert wrote == alone[1]


def test_scheduler_that_is_not_there_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ClusterError, match=f"expected a Dask scheduler at {address}"):
            Cluster(address, connect_s=0.5)
    with pytest.raises(ClusterError, match="expected tcp://HOST:PORT"):
        Cluster("http://127.0.0.1:1")


def test_worker_with_other_software_is_refused(tmp_path: Path):
    other = tmp_path / "other"
    for package in ("core", "satellite"):
        shutil.copytree(ROOT / package, other / package)
    with (other / "satellite" / "__init__.py").open("a") as file:
        file.write("\n# another release\n")
    with dask_cluster() as mixed:
        mixed.add_worker(other)
        with pytest.raises(WorkerSoftwareError, match=r"expected workers with this software.*code"):
            Cluster(mixed.address)


def test_catalog_that_a_worker_does_not_see_is_refused(cluster: DaskCluster, tmp_path: Path):
    with (
        Cluster(cluster.address) as workers,
        pytest.raises(ClusterError, match="every worker to see"),
    ):
        workers.require_seen(tmp_path / "nowhere.json")
