"""Settings are judged before anything starts; an unknown or odd one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ShapeError
from edge_node.config import SettingError, Settings, load_settings, read_secret


def test_defaults_need_no_file():
    assert load_settings(None, {}) == Settings()


def test_environment_overrules_the_file(tmp_path: Path):
    path = tmp_path / "edge.toml"
    path.write_text('station = "kijani-1"\nbroker_port = 2000\nfolder = "data"\n')
    settings = load_settings(path, {"HARVESTLINE_EDGE_BROKER_PORT": "3000", "HOME": "/nowhere"})
    assert (settings.station, settings.broker_port) == ("kijani-1", 3000)
    assert settings.database_path == Path("data/station.db")
    assert settings.key_path == Path("data/kijani-1.json")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("brokr_port = 1", "brokr_port"),
        ("broker_port = 70000", "from 0 to 65535"),
        ('broker_port = "x"', "broker_port"),
        ("broker_port = true", "broker_port"),
        ("station = 7", "expected text for station"),
        ('station = ""', "expected text for station"),
        ('broker = "rabbit"', "expected broker among"),
        ('broker = "mosquitto"', "device_passwords_file"),
        ('broker = "external"', "broker_user"),
        ("raw_age_days_max = 10", "raw_retention_days"),
        ("not toml", "TOML"),
    ],
)
def test_bad_setting_is_named(tmp_path: Path, text: str, words: str):
    path = tmp_path / "edge.toml"
    path.write_text(text)
    with pytest.raises(SettingError, match=words):
        load_settings(path, {})


def test_station_name_must_fit_a_topic():
    with pytest.raises(ShapeError, match="station"):
        load_settings(None, {"HARVESTLINE_EDGE_STATION": "Kijani/1"})


def test_missing_settings_file_is_an_error(tmp_path: Path):
    with pytest.raises(SettingError, match="TOML file"):
        load_settings(tmp_path / "none.toml", {})


def test_secret_file_must_hold_a_secret(tmp_path: Path):
    path = tmp_path / "secret"
    with pytest.raises(SettingError, match="secret file"):
        read_secret(path)
    path.write_text("\n")
    with pytest.raises(SettingError, match="empty"):
        read_secret(path)
    path.write_text("s3cret\n")
    assert read_secret(path) == "s3cret"
