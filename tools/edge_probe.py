"""Proves, from inside an edge-only environment, that the edge extra is light.

Run by ``.ci/edge`` with the station's own Python, after ``pip install
harvestline[edge]``. It imports every module of ``core`` and ``edge_node``, and
fails when the science stack can be imported or was loaded, when something is
installed that the edge's lock does not name, or when the whole is too large for a
small board. Standard library only.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import pkgutil
import re
import sys
import sysconfig
from importlib.metadata import distributions
from pathlib import Path

SCIENCE = ("numpy", "pandas", "rasterio", "scipy", "sklearn", "xarray")
ROOMS = ("core", "edge_node")
INSTALLED_MB_MAX = 100.0
BYTES_PER_MB = 1_000_000
BYTES_PER_BLOCK = 512  # the unit of st_blocks (POSIX)


def main() -> None:
    """Run the probe; exit with a message at the first promise that is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lock", type=Path, nargs="?", help="requirements/edge.txt")
    parser.add_argument("--modules-only", action="store_true", help="pass over lock and size")
    options = parser.parse_args()
    count = import_everything()
    refuse_science()
    sys.stdout.write(f"{count} modules of {' and '.join(ROOMS)} load without the science stack\n")
    if not options.modules_only:
        refuse_unlocked(options.lock.read_text(encoding="utf-8"))
        state_size(Path(sysconfig.get_path("purelib")))


def import_everything() -> int:
    """Import every module of the rooms that a station holds, and count them."""
    count = 0
    for room in ROOMS:
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            importlib.import_module(module.name)
            count += 1
    importlib.import_module("edge_node.app")
    return count


def refuse_science() -> None:
    """Exit if a science library was loaded or could be."""
    loaded = [name for name in SCIENCE if name in sys.modules]
    if loaded:
        sys.exit(f"expected no science stack at the edge, got these loaded: {', '.join(loaded)}")
    present = [name for name in SCIENCE if importlib.util.find_spec(name) is not None]
    if present:
        sys.exit(f"expected no science stack at the edge, got these present: {', '.join(present)}")


def refuse_unlocked(lock: str) -> None:
    """Exit if anything is installed that the lock does not name in that version."""
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", lock, re.MULTILINE))
    for found in distributions():
        name = re.sub(r"[-_.]+", "-", found.name).lower()
        if name != "harvestline" and locked.get(name) != found.version:
            sys.exit(f"expected {name} {locked.get(name, 'not at all')}, got {found.version}")


def state_size(folder: Path) -> None:
    """Print what the installed packages take on the disk [MB]; exit if it is too much."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    taken_mb = _blocks_mb(files)
    pip = [path for path in files if path.relative_to(folder).parts[0].startswith("pip")]
    sys.stdout.write(
        f"harvestline[edge] takes {taken_mb:.1f} MB with bytecode (below {INSTALLED_MB_MAX:.0f}), "
        f"{_blocks_mb(pip):.1f} of them pip\n"
    )
    if taken_mb >= INSTALLED_MB_MAX:
        sys.exit(f"expected under {INSTALLED_MB_MAX:.0f} MB installed, got {taken_mb:.1f} MB")


def _blocks_mb(files: list[Path]) -> float:
    """What files take on the disk [MB]."""
    return sum(path.stat().st_blocks * BYTES_PER_BLOCK for path in files) / BYTES_PER_MB


if __name__ == "__main__":
    main()
