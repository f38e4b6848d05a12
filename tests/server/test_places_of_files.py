"""A file that is written takes the place of a file or of nothing; what is wrong is one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_node.files import write_whole as write_at_the_edge
from satellite.config import OutputError
from satellite.files import write_atomically
from server.app import main
from server.store.whole_files import write_whole


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    """The settings of a centre with an empty database."""
    folder = tmp_path / "centre"
    for words in (["init", "--out", folder], ["migrate", "--config", folder / "server.toml"]):
        assert CliRunner().invoke(main, [str(word) for word in words]).exit_code == 0
    return folder / "server.toml"


@pytest.mark.parametrize("write", [write_whole, write_at_the_edge, write_atomically])
def test_no_file_takes_the_place_of_a_pipe_or_a_device(tmp_path: Path, write):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises((OSError, OutputError), match="no file"):
        write(pipe, b"told")
    assert pipe.is_fifo()
    assert [each.name for each in tmp_path.iterdir()] == ["pipe"]
    write(tmp_path / "file", b"told")
    write(tmp_path / "file", b"again")
    assert (tmp_path / "file").read_bytes() == b"again"


def test_a_report_leaves_a_pipe_as_it_is(tmp_path: Path, centre: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    words = ["report", "trial-balance", "--config", str(centre), "--format", "csv", "--out"]
    found = CliRunner().invoke(main, [*words, str(pipe)])
    assert (found.exit_code, pipe.is_fifo()) == (3, True)
    assert "a folder, a device or a pipe is there, and no file" in found.output


def test_a_folder_below_a_file_is_told_in_one_line(tmp_path: Path, centre: Path):
    (tmp_path / "file").touch()
    below = tmp_path / "file" / "folder"
    words = ["bureau", "report", "crb", "--config", str(centre), "--out", str(below)]
    found = CliRunner().invoke(main, words)
    assert found.exit_code == 3
    assert f"expected to read or write {below}, got: Not a directory" in found.output


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full on this machine")
def test_a_full_disk_is_told_in_one_line(centre: Path):
    program = [sys.executable, "-c", "from server.app import main; main()"]
    with Path("/dev/full").open("wb") as full:
        run = subprocess.run(
            [*program, "status", "--config", str(centre)],
            stdout=full, stderr=subprocess.PIPE, timeout=60, check=False,
        )  # fmt: skip
    assert b"got: No space left on device; name another" in run.stderr
    assert b"Traceback" not in run.stderr
    assert run.returncode == 3
