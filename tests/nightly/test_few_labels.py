"""Villages with few labels: what the district and the light say beside the full archive.

Three models of the same village: the district's average alone; the district moved by
twelve plots' harvests of one season, with light; and the whole archive of eight seasons.
The table that is printed (``-s``) stands in docs/yield.md.
"""

from __future__ import annotations

import csv
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from tests.support.village_yields import Said, run, said_of, two_at_a_time

pytestmark = [pytest.mark.nightly, pytest.mark.e2e, pytest.mark.timeout(1700)]
SEEDS = range(201, 205)
DAYS = ("2026-05-15", "2026-06-20", "2026-08-20")
FROM = "2026-03-01"
LABELLED_PLOTS = 12
MODELS = ("district", "few labels", "archive")


def _models(district: Path, folder: Path) -> dict[str, Path]:
    """The three models of a village, by name."""
    archive = district / "archive"
    with (archive / "harvests.csv").open() as file:
        rows = list(csv.DictReader(file))
    seasons: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        seasons[row["season_id"][:4]].append(float(row["yield_kg_per_ha"]))
    table = folder / "district.csv"
    blank = "," * 4
    table.write_text(
        "unit,season,yield_kg_per_ha,ndvi_12,ndvi_1,ndvi_2,ndvi_3,ndvi_4\n"
        + "".join(f"village,{year},{np.mean(kg):.0f},{blank}\n" for year, kg in seasons.items())
    )
    last = max(row["season_id"] for row in rows)
    labelled = [row for row in rows if row["season_id"] == last][:LABELLED_PLOTS]
    few = folder / "few.csv"
    with few.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(labelled)
    made = {name: folder / f"{name}.json".replace(" ", "-") for name in MODELS}
    run("satellite", "yield", "prior", table, "--crop", "maize", "--out", made["district"])
    known = ("calibrate", archive / "catalog.json", "--plots", archive / "plots.geojson",
             "--work", folder / "work")  # fmt: skip
    run("satellite", *known, "--harvests", few, "--prior", made["district"],
        "--out", made["few labels"])  # fmt: skip
    run("satellite", *known, "--harvests", archive / "harvests.csv", "--out", made["archive"])
    return made


def _village(seed: int, folder: Path) -> dict[tuple[str, bool], list[Said]]:
    district = folder / "village"
    run("sim", "district", "--seed", seed, "--out", district)
    models = _models(district, folder)
    found: dict[tuple[str, bool], list[Said]] = {}
    for drought in (False, True):
        weather = "--drought" if drought else "--no-drought"
        scenes, truth = folder / f"scenes{weather}", folder / f"truth{weather}"
        run("sim", "scenes", "--district", district, "--out", scenes, "--from", FROM,
            "--to", max(DAYS), weather)  # fmt: skip
        run("sim", "truth", "--district", district, "--out", truth, weather)
        out = folder / f"out{weather}"
        for day in DAYS:
            for name, model in models.items():  # the scenes are read for the first one only
                run("satellite", "ingest", scenes / "catalog.json", "--plots",
                    district / "plots.geojson", "--out", out, "--model", model,
                    "--as-of", day, "--no-picture")  # fmt: skip
                said = said_of(seed, drought, day, out, truth)
                found.setdefault((name, drought), []).append(said)
    shutil.rmtree(folder)
    return found


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], list[Said]]:
    found: dict[tuple[str, bool], list[Said]] = defaultdict(list)
    folders = [tmp_path_factory.mktemp(f"few{seed}") for seed in SEEDS]
    for village in two_at_a_time(_village, SEEDS, folders):
        for (name, drought), some in village.items():
            print("\n".join(f"{name:10s} {said.line()}" for said in some), flush=True)
            found[name, drought] += some
    for (name, drought), said in found.items():
        for day in DAYS:
            at = [one for one in said if one.as_of == day]
            print(
                f"{'drought' if drought else '-':8s}{day}  {name:10s} rmse/mean {_error(at):.2f}  "
                f"covered {_covered(at):.3f}  width/mean {np.mean([s.width for s in at]):.2f}"
            )
    return found


def _error(said: list[Said]) -> float:
    squares = [np.mean((s.p50 - s.truth) ** 2) / s.truth.mean() ** 2 for s in said]
    return float(np.sqrt(np.mean(squares)))


def _covered(said: list[Said]) -> float:
    return float(np.concatenate([one.covered for one in said]).mean())


def test_intervals_without_history_cover(every: dict[tuple[str, bool], list[Said]]) -> None:
    for name in MODELS:
        assert _covered(every[name, False] + every[name, True]) >= 0.85


def test_light_and_a_few_labels_say_more_than_the_district(
    every: dict[tuple[str, bool], list[Said]],
) -> None:
    def late(name: str) -> float:
        said = every[name, False] + every[name, True]
        return _error([one for one in said if one.as_of == max(DAYS)])

    assert late("few labels") < late("district")
    assert late("archive") < late("few labels")
