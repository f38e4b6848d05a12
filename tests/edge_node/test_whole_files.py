"""A file is there whole or not at all, and only for whom it is meant."""

from __future__ import annotations

import pytest

from edge_node.files import PRIVATE, new_file, settle, whole_file, write_whole


def test_a_file_that_broke_off_leaves_what_was_there(tmp_path):
    path = tmp_path / "kept"
    write_whole(path, b"before")
    with pytest.raises(ZeroDivisionError), whole_file(path) as file:
        file.write(b"half" * (1 // 0))
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["kept"], "nothing is left lying about"


def test_what_a_crash_left_aside_is_no_hindrance(tmp_path):
    path = tmp_path / "kept"
    (tmp_path / "kept.new").write_bytes(b"left by a crash")
    write_whole(path, b"whole", PRIVATE)
    assert path.read_bytes() == b"whole"
    assert path.stat().st_mode & 0o777 == PRIVATE


def test_a_new_file_is_private_and_writes_over_nothing(tmp_path):
    path = tmp_path / "secret"
    with new_file(path) as file:
        file.write(b"seed")
    assert path.stat().st_mode & 0o777 == PRIVATE
    with pytest.raises(FileExistsError), new_file(path):
        pass
    assert path.read_bytes() == b"seed"
    settle(tmp_path)
    with pytest.raises(FileNotFoundError):
        settle(tmp_path / "nowhere")
