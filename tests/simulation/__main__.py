"""Tell the story of one seed, run many, or count what they meet.

``python -m tests.simulation SEED [STEPS]`` tells one story; ``--keep FOLDER`` leaves its
world there. ``--run FIRST COUNT`` runs many, and writes those that fail to ``--failures``.
``--coverage SEEDS`` runs the first so many, and prints what they met and what none did.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.simulation.coverage import reached_by, table
from tests.simulation.run import STEPS, run_seed
from tests.simulation.world import World
from tests.support.memory import memory_folder


def main(arguments: list[str]) -> int:
    """What was asked for; 1 if a seed failed."""
    asked = _parsed(arguments)
    with tempfile.TemporaryDirectory(
        prefix=f"harvestline-world-{os.getpid()}-", dir=memory_folder()
    ) as folder:
        place = Path(folder) / "world"
        if asked.coverage:
            return _cover(asked.coverage, place)
        if asked.run:
            return _run(*asked.run, asked.failures, place)
        world = run_seed(asked.seed, asked.keep or place, asked.steps, tell=sys.stdout.write)
    told = f"{world.deaths} deaths, fingerprint {world.fingerprint[:16]}"
    sys.stdout.write(f"seed {asked.seed}: {told}\n")
    return 0


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", default=0)
    parser.add_argument("steps", type=int, nargs="?", default=STEPS)
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    parser.add_argument("--run", type=int, nargs=2, metavar=("FIRST", "COUNT"))
    parser.add_argument("--failures", type=Path, metavar="FILE")
    parser.add_argument("--coverage", type=int, metavar="SEEDS")
    return parser.parse_args(arguments)


def _run(first: int, count: int, failures: Path | None, place: Path) -> int:
    failed = 0
    with _quietly():
        for seed in range(first, first + count):
            said = _told(seed, place)
            if isinstance(said, str):
                failed += 1
                sys.stdout.write(f"{said}\n")
                if failures is not None:
                    with failures.open("a", encoding="utf-8") as file:
                        file.write(f"{said}\n\n")
            if (seed + 1 - first) % 100 == 0 or seed + 1 == first + count:
                sys.stdout.write(f"{first}–{seed}: {failed} failed\n")
                sys.stdout.flush()
    return int(failed > 0)


def _cover(seeds: int, place: Path) -> int:
    reached: Counter[tuple[str, str]] = Counter()
    failed = 0
    with _quietly():
        for seed in range(seeds):
            said = _told(seed, place)
            if isinstance(said, str):
                failed += 1
                sys.stderr.write(f"{said}\n")
            else:
                reached += reached_by(said)
    sys.stdout.write("".join(f"{line}\n" for line in table(reached, seeds)))
    return int(failed > 0)


def _told(seed: int, place: Path) -> World | str:
    """The world of a seed, or what it said when it failed; its folder is gone."""
    try:
        return run_seed(seed, place)
    except AssertionError as error:
        return str(error)
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _quietly() -> Iterator[None]:
    logging.disable(logging.WARNING)
    gc.collect()
    gc.freeze()
    yield


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that folders are removed
    raise SystemExit(main(sys.argv[1:]))
