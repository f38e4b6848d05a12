"""The walk-through of docs/carriers.md, "By stick", with the commands of both sides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_node.app import main as edge
from server.app import main as server
from tests.support.centre_kit import PRODUCTS


def run(command, *words: str | Path, code: int = 0):
    done = CliRunner().invoke(command, [str(word) for word in words])
    assert done.exit_code == code, done.output + repr(done.exception)
    return json.loads(done.stdout) if code == 0 else done.output + str(done.exception)


class Sides:
    """A centre and a station in folders of their own, which share a stick and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.stick = folder / "stick"
        self.stick.mkdir()
        self.centre, self.station = folder / "centre", folder / "station"
        run(server, "init", "--out", self.centre, "--json")
        [identity] = list(self.centre.glob("*.pub.json"))
        run(edge, "init", "--name", "st-one", "--site", "village-one", "--out", self.station,
            "--server-identity", identity)  # fmt: skip
        self.on_server("enroll-station", self.station / "st-one.pub.json")
        self.on_server("product add", PRODUCTS / "crop-season.toml")

    def on_server(self, command: str, *words: str | Path):
        config = self.centre / "server.toml"
        return run(server, *command.split(), "--config", config, *words, "--json")

    def on_station(self, command: str, *words: str | Path, code: int = 0):
        config = self.station / "station.toml"
        return run(edge, command, "--config", config, *words, code=code)

    def write_something(self) -> None:
        """By the one command that does; a time that is later than any that a centre signed."""
        self.on_station(
            "clock", "--at", "2036-04-01T09:30:00", "--error-s", "60", "--reason", "no battery"
        )


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    return Sides(tmp_path)


def test_a_station_lives_by_stick_alone(sides: Sides):
    first, up, down = (sides.stick / name for name in ("first.hls", "up.hls", "down.hls"))
    # The first stick of a new station, without being asked.
    sides.on_server("export-down", "st-one", first)
    told = sides.on_station("import", first)
    assert (told["applied_count"], told["refused"]) == (1, [])
    sides.write_something()
    # 1 at the station, 2 at the centre, 3 at the station.
    wrote = sides.on_station("export", up)
    assert (wrote["documents_count"], wrote["complete"]) == (2, True)
    took = sides.on_server("import-envelopes", up, "--answer", down)
    assert (took["applied_count"], took["refused"]) == (1, [])
    brought = sides.on_station("import", down)
    assert (brought["receipts_count"], brought["refused"]) == (1, [])
    # Receipted: the next file only asks.
    assert sides.on_station("export", up)["documents_count"] == 1


def test_late_twice_in_any_order_and_lost_the_sticks_end_in_the_same(sides: Sides):
    names = [sides.stick / f"up-{n}.hls" for n in (1, 2, 3)]
    for name in names:
        sides.write_something()
        sides.on_station("export", name)
    # The second is lost, the third comes first, and again, and then the first.
    answers = []
    for n, name in enumerate((names[2], names[2], names[0])):
        answers.append(sides.stick / f"down-{n}.hls")
        told = sides.on_server("import-envelopes", name, "--answer", answers[-1])
        assert told["refused"] == []
        assert (told["applied_count"], told["known_count"]) == ((1, 0) if n == 0 else (0, 1))
    for answer in reversed(answers):
        assert sides.on_station("import", answer)["refused"] == []
    assert sides.on_station("export", sides.stick / "up.hls")["documents_count"] == 1


def test_a_stick_that_was_written_over_is_refused_with_its_code(sides: Sides):
    other = sides.stick / "holiday.jpg"
    other.write_bytes(b"\xff\xd8\xff\xe0 a picture")
    assert "HL-CORE-006" in sides.on_station("import", other, code=3)
    assert "expected" in sides.on_station("import", sides.stick / "nowhere.hls", code=3)
