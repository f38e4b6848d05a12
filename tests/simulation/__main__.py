"""Tell the story of one seed: ``python -m tests.simulation SEED [STEPS]``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.simulation.run import STEPS, run_seed

if __name__ == "__main__":
    seed, steps = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else STEPS
    with tempfile.TemporaryDirectory() as folder:
        world = run_seed(seed, Path(folder), steps, tell=sys.stdout.write)
    sys.stdout.write(f"seed {seed}: {world.deaths} deaths, fingerprint {world.fingerprint[:16]}\n")
