"""The edge's lock installs on a 64-bit ARM board from wheels alone: no compiler is needed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.requirements import lack
from tests.support.tree import REPOSITORY

UV = Path(sys.executable).parent / "uv"
LOCK = REPOSITORY / "requirements" / "edge.txt"
UNREACHABLE = ("dns error", "error sending request", "failed to fetch", "timed out")
PLATFORM = "aarch64-manylinux_2_28"  # Debian 10 and newer, Raspberry Pi OS


def require_the_index(done: subprocess.CompletedProcess[str]) -> None:
    """Skip where no package index can be asked."""
    if done.returncode and any(each in done.stderr.lower() for each in UNREACHABLE):
        lack("package-index", "needs a package index, and none can be reached from here")


def resolve(lock: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """What uv says of installing a lock for the board, without installing it."""
    return subprocess.run(
        [
            UV, "pip", "compile", "--quiet", "--no-deps", "--no-header", "--no-annotate",
            "--only-binary", ":all:", "--python-platform", PLATFORM, *options, str(lock),
        ],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip


@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_every_locked_package_has_a_wheel_for_the_board(python: str):
    done = resolve(LOCK, "--python-version", python)
    require_the_index(done)
    assert done.returncode == 0, done.stderr
    wanted = set(re.findall(r"^([a-z0-9-]+)==", LOCK.read_text(encoding="utf-8"), re.MULTILINE))
    found = set(re.findall(r"^([a-z0-9-]+)==", done.stdout, re.MULTILINE))
    missing = wanted - found
    windows = {"colorama"}  # locked for Windows alone
    assert missing <= windows, f"not for the board: {missing}"


def test_a_package_without_a_wheel_is_noticed(tmp_path: Path):
    """The test above can fail: this package is published as source only."""
    lock = tmp_path / "lock.txt"
    lock.write_text("rpi.gpio==0.7.1\n", encoding="utf-8")
    done = resolve(lock, "--python-version", "3.13")
    require_the_index(done)
    assert done.returncode != 0
    assert "rpi-gpio" in done.stderr.lower().replace(".", "-")
    assert "no usable wheels" in done.stderr
