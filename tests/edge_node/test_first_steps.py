"""The first steps of docs/station.md, as a newcomer takes them on a fresh box."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_node.app import main
from edge_node.config import DATABASE_FILE
from edge_node.keys import KeyFileError, create_key_file, public_path

SECRET = "correct horse battery"


class Box:
    """A user's home on a fresh box, with the files that such a home has."""

    def __init__(self, folder: Path) -> None:
        self.home, self.folder = folder / "home", folder
        self.home.mkdir()
        (self.home / ".bashrc").write_text("# from /etc/skel\n")
        centre = folder / "centre.json"
        create_key_file(centre, "centre", b"\x31" * 32, b"\x32" * 32)
        public_path(centre).rename(self.home / "centre.pub.json")
        (folder / "secret").write_text(SECRET + "\n")

    def run(self, *words: object, code: int = 0) -> str:
        done = CliRunner().invoke(main, [str(word) for word in words])
        assert done.exit_code == code, done.output
        return done.stderr if code > 1 else done.stdout

    def init(self, **how: int) -> str:
        return self.run(
            "init", "--name", "kijani", "--site", "kijani", "--out", self.home,
            "--server-url", "https://centre.example",
            "--server-identity", self.home / "centre.pub.json", **how,
        )  # fmt: skip

    @property
    def config(self) -> Path:
        return self.home / "station.toml"


@pytest.fixture
def fresh(tmp_path):
    return Box(tmp_path)


def test_the_doctor_finds_nothing_bad_at_a_station_that_was_just_made(fresh: Box):
    told = json.loads(fresh.init())
    assert told["station"] == "kijani"
    database = fresh.home / DATABASE_FILE
    assert database.stat().st_mode & 0o777 == 0o600
    done = CliRunner().invoke(main, ["doctor", "--config", str(fresh.config), "--json"])
    found = json.loads(done.stdout)["findings"]
    of_this_machine = {"file_system", "disk"}
    assert {one["name"] for one in found if one["verdict"] == "bad"} <= of_this_machine
    assert {"schema", "keys", "box"} <= {one["name"] for one in found if one["verdict"] == "good"}


def test_a_station_is_made_once(fresh: Box):
    fresh.init()
    keys = (fresh.home / "kijani.json").read_bytes()
    assert "expected to create a key file" in fresh.init(code=KeyFileError("").entry.exit_code)
    assert "already" in fresh.init(code=6) or keys
    assert (fresh.home / "kijani.json").read_bytes() == keys


def test_a_backup_goes_back_into_a_folder_of_its_own_in_the_users_home(fresh: Box):
    fresh.init()
    backup, secret = fresh.folder / "kijani.hlb", ("--passphrase-file", fresh.folder / "secret")
    fresh.run("backup", "--config", fresh.config, *secret, backup)
    refused = fresh.run("restore", backup, "--out", fresh.home, *secret, code=3)
    assert f"as {fresh.home / 'restored'}" in refused
    told = json.loads(fresh.run("restore", backup, "--out", fresh.home / "kijani", *secret))
    assert told["config"] == str(fresh.home / "kijani" / "station.toml")
    unit = fresh.run("unit", "--config", told["config"])
    assert f"ReadWritePaths={fresh.home / 'kijani'}\n" in unit
