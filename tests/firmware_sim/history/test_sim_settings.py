from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from firmware_sim.app import main
from firmware_sim.config import SettingError, option_defaults, read_tables

OPTIONS = {"seed": "seed", "past_seasons": "past_seasons", "district": "folder"}


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments), env=environment)
    return result.exit_code, result.output


def test_environment_wins_over_the_file_and_other_commands_are_passed_over() -> None:
    environment = {
        "HARVESTLINE_SIM_DISTRICT_PAST_SEASONS": "3",
        "HARVESTLINE_SIM_FLEET_BROKER": "127.0.0.1:1883",
        "PATH": "/bin",
    }
    found = option_defaults("district", OPTIONS, {"past_seasons": 5, "seed": 9}, environment)
    assert found == {"past_seasons": "3", "seed": 9}
    assert option_defaults("scenes", OPTIONS, {"district": "here"}, {}) == {"folder": "here"}


@pytest.mark.parametrize(
    ("table", "environment"),
    [
        ({"past_season": 4}, {}),
        ({}, {"HARVESTLINE_SIM_DISTRICT_SEEDS": "4"}),
        ({"seed": [1, 2]}, {}),
        ({"seed": 1.5}, {}),
    ],
)
def test_unknown_or_mistyped_setting_is_refused(
    table: dict[str, object], environment: dict[str, str]
) -> None:
    with pytest.raises(SettingError, match="of district"):
        option_defaults("district", OPTIONS, table, environment)


@pytest.mark.parametrize(
    "text", ["[villages]\nseed = 1\n", "seed = 1\n", "[district\n", None, b"\xff\xfe\x00"]
)
def test_file_of_something_else_is_refused(tmp_path: Path, text: str | bytes | None) -> None:
    path = tmp_path / "sim.toml"
    if isinstance(text, bytes):
        path.write_bytes(text)
    elif text is not None:
        path.write_text(text)
    with pytest.raises(SettingError, match="expected"):
        read_tables(path, {"district", "scenes"})


def test_settings_reach_the_command_and_the_command_line_wins(tmp_path: Path) -> None:
    config = tmp_path / "sim.toml"
    config.write_text(
        "[district]\nseed = 4\nfarmers = 9\npast_seasons = 1\narchive_every_days = 50\n"
    )
    out = str(tmp_path / "village")
    code, said = run(
        *("--config", str(config), "district", "--out", out, "--seed", "5", "--json"),
        HARVESTLINE_SIM_DISTRICT_FARMERS="8",
    )
    assert code == 0, said
    summary = json.loads(said)
    assert (summary["seed"], summary["farmers"]) == (5, 8)


def test_bad_setting_ends_in_a_plain_error(tmp_path: Path) -> None:
    code, said = run(
        *("district", "--seed", "1", "--out", str(tmp_path)), HARVESTLINE_SIM_DISTRICT_FARMER="8"
    )
    assert code == 3
    assert "HL-SIM-001" in said
    assert "farmer" in said
    code, said = run(
        *("district", "--seed", "1", "--out", str(tmp_path)), HARVESTLINE_SIM_DISTRICT_FARMERS="x"
    )
    assert code == 2
    assert "farmers" in said
