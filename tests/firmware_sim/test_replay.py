"""Recordings become samples: what plays, what is named as bad, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.shape import decode
from core.wire.registry import Registry
from firmware_sim.fleet.secrets import read_secrets
from firmware_sim.replay.devices import new_secrets, registry_fragment
from firmware_sim.replay.mapping import MAP_BYTES_MAX, ReplayFileError, ReplayMap, read_map
from firmware_sim.replay.recording import BadRow, Moment, Recording, Window, read_recording

NOON_MS = 1_627_819_200_000  # 1 August 2021, 12:00 UTC
MINUTE_MS = 60_000

LONG = """
[file]
format = "csv"
form = "long"
time_column = "time"
value_column = "value"
utc_offset_minutes = 60

[[device]]
id = "probe-1"
kind = "soil_probe"
subject = "field-1"
where = { logger = "A" }

[[device.reading]]
metric = "soil_temperature_mdeg_c"
where = { channel = "1" }
multiply = "1000"

[[device.reading]]
metric = "soil_moisture_ppm"
where = { channel = "2" }
multiply = "10000"
"""

WIDE = """
[file]
format = "csv"
form = "wide"
time_column = "day"
time_format = "%d/%m/%Y"
delimiter = ";"
header_line = 3

[[device]]
id = "mast-1"
kind = "weather_station"
subject = "village"

[[device.reading]]
metric = "air_temperature_mdeg_c"
column = "tmin_f"
multiply = "555.5555555556"
add = "-17777.7777777792"
shift_minutes = 360

[[device.reading]]
metric = "rain_um"
column = "rain_mm"
multiply = "1000"
shift_minutes = 720
"""


def recorded(folder: Path, map_text: str, data: str, window: Window | None = None) -> Recording:
    map_path, path = folder / "map.toml", folder / "data.csv"
    map_path.write_text(map_text, encoding="utf-8")
    path.write_text(data, encoding="utf-8")
    return read_recording(path, read_map(map_path), window)


def test_long_rows_of_one_instant_become_one_sample(tmp_path: Path) -> None:
    found = recorded(
        tmp_path,
        LONG,
        "logger,channel,time,value\n"
        "A,1,2021-08-01T13:00,21.5\n"
        "A,2,2021-08-01T13:00,24.35\n"
        "B,1,2021-08-01T13:00,99\n"
        "A,1,2021-08-01T12:00:00Z,21.5005\n"
        "A,1,2021-08-01T12:45,-3\n",
    )
    assert found.moments == {
        "probe-1": (
            Moment(NOON_MS - 15 * MINUTE_MS, {"soil_temperature_mdeg_c": -3_000}),
            Moment(NOON_MS, {"soil_temperature_mdeg_c": 21_500, "soil_moisture_ppm": 243_500}),
            # A second value of one metric at one instant is not merged away: half to even.
            Moment(NOON_MS, {"soil_temperature_mdeg_c": 21_500}),
        )
    }
    assert (found.account.rows, found.account.readings, found.account.elsewhere) == (5, 4, 1)


def test_wide_columns_belong_to_their_hours(tmp_path: Path) -> None:
    found = recorded(
        tmp_path, WIDE, "made by hand\n\nday;rain_mm;tmin_f;remark\n01/08/2021;4.2;50;\n"
    )
    dawn, noon = found.moments["mast-1"]
    assert (dawn.at_ms, dawn.values) == (
        NOON_MS - 6 * 60 * MINUTE_MS,
        {"air_temperature_mdeg_c": 10_000},
    )
    assert (noon.at_ms, noon.values) == (NOON_MS, {"rain_um": 4_200})


def test_bad_rows_are_named_by_line_and_the_rest_plays(tmp_path: Path) -> None:
    found = recorded(
        tmp_path,
        LONG,
        "logger,channel,time,value\n"
        "A,1,2021-08-01T13:00,21.5\n"
        "A,1,31/31/2021,21.5\n"
        "A,1,2021-08-01T13:15\n"
        "A,1,2021-08-01T13:30,NaN\n"
        "\n"
        "A,1,2021-08-01T13:45,warm\n"
        "A,1,2021-08-01T13:45,1e30\n"
        "A,1,2021-08-01T13:45,inf\n"
        "A,1,2021-08-01T14:00,240\n",
    )
    assert [moment.values for moment in found.moments["probe-1"]] == [
        {"soil_temperature_mdeg_c": 21_500},
        {"soil_temperature_mdeg_c": 240_000},  # a real device said so: the station must catch it
    ]
    assert found.account.bad == [
        BadRow(3, "no such time: '31/31/2021'"),
        BadRow(4, "wrong number of fields"),
        BadRow(5, "no value of probe-1 soil_temperature_mdeg_c"),
        BadRow(7, "no number: 'warm' of probe-1 soil_temperature_mdeg_c"),
        BadRow(8, "no number: '1e30' of probe-1 soil_temperature_mdeg_c"),
        BadRow(9, "no number: 'inf' of probe-1 soil_temperature_mdeg_c"),
    ]
    assert found.account.bad_by_reason == {
        "no such time": 1,
        "wrong number of fields": 1,
        "no value": 1,
        "no number": 3,
    }


@pytest.mark.parametrize(
    ("time_format", "text"),
    [
        ("iso", "2021-08-01 13:00:00"),
        ("iso", "2021-08-01T14:00+02:00"),
        ("epoch_s", "1627819200"),
        ("epoch_ms", "1627819200000"),
        ("%d.%m.%y %H:%M", "01.08.21 13:00"),
        ("%Y-%j %H", "2021-213 13"),
    ],
)
def test_time_formats(tmp_path: Path, time_format: str, text: str) -> None:
    map_text = LONG.replace("utc_offset", f'time_format = "{time_format}"\nutc_offset')
    found = recorded(tmp_path, map_text, f"logger,channel,time,value\nA,1,{text},1\n")
    assert [moment.at_ms for moment in found.moments["probe-1"]] == [NOON_MS]


def test_window_leaves_out_and_counts(tmp_path: Path) -> None:
    rows = "".join(f"A,1,2021-08-01T13:{minute:02d},1\n" for minute in range(10))
    window = Window(NOON_MS + 3 * MINUTE_MS, NOON_MS + 7 * MINUTE_MS)
    found = recorded(tmp_path, LONG, "logger,channel,time,value\n" + rows, window)
    assert len(found.moments["probe-1"]) == 4
    assert found.account.outside == 6


def test_parquet_reads_like_csv(tmp_path: Path) -> None:
    table = pa.table(
        {
            "logger": pa.array(["A", "A", None]).dictionary_encode(),
            "channel": [1, 1, 1],
            "time": pa.array([NOON_MS + 3_600_000, None, 5], pa.timestamp("ms")),
            "value": [21.5, 22.0, float("nan")],
        }
    )
    pq.write_table(table, tmp_path / "data.parquet")
    path = tmp_path / "map.toml"
    path.write_text(LONG.replace('"csv"', '"parquet"'), encoding="utf-8")
    found = read_recording(tmp_path / "data.parquet", read_map(path))
    assert found.moments["probe-1"] == (Moment(NOON_MS, {"soil_temperature_mdeg_c": 21_500}),)
    assert found.account.bad == [BadRow(2, "no such time: 'None'")]
    assert found.account.elsewhere == 1


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"csv"', '"xlsx"', "one of csv, parquet"),
        ("soil_moisture_ppm", "soil_wetness", "expected a metric among"),
        ('"soil_probe"', '"probe"', "one of soil_probe"),
        ('multiply = "1000"', 'multiply = "much"', "decimal number"),
        ('value_column = "value"\n', "", "value_column"),
        ("probe-1", "Probe 1", "device id"),
        ('where = { channel = "2" }', 'column = "x"', "only a where"),
        ('[[device]]\nid = "probe-1"', '[[devices]]\nid = "probe-1"', r"list .* at \$.device"),
        ('multiply = "1000"', 'multipli = "1000"', r"multipli at \$.device\[0\].reading\[0\]"),
        ("[file]", "colour = 1\n[file]", r"unknown colour at \$"),
        ("[file]", "[file", "MAP file"),
        ('form = "long"', 'form = "wide"', "only a column"),
        ("subject =", "#" * MAP_BYTES_MAX + "\nsubject =", "at most"),
    ],
)
def test_map_that_cannot_be_is_refused(tmp_path: Path, old: str, new: str, expected: str) -> None:
    path = tmp_path / "map.toml"
    path.write_text(LONG.replace(old, new), encoding="utf-8")
    with pytest.raises(ReplayFileError, match=expected):
        read_map(path)


def test_readings_of_a_long_file_must_name_the_same_columns(tmp_path: Path) -> None:
    text = LONG.replace('where = { channel = "2" }', 'where = { channel = "2", unit = "%" }')
    with pytest.raises(ReplayFileError, match="name all of"):
        recorded(tmp_path, text, "logger,channel,time,value,unit\n")


@pytest.mark.parametrize("data", ["", "logger,channel,time\n", "\xff\x00"])
def test_recording_without_its_columns_is_refused(tmp_path: Path, data: str) -> None:
    with pytest.raises(ReplayFileError, match="expected columns"):
        recorded(tmp_path, LONG, data)


def test_damaged_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.parquet").write_bytes(b"PAR1 and then nothing")
    path = tmp_path / "map.toml"
    path.write_text(LONG.replace('"csv"', '"parquet"'), encoding="utf-8")
    with pytest.raises(ReplayFileError, match="expected readings"):
        read_recording(tmp_path / "data.parquet", read_map(path))


def shipped(name: str, repository: Path) -> ReplayMap:
    return read_map(repository / "firmware_sim" / "data" / name)


def test_new_keys_and_the_registry_fragment_belong_together(
    tmp_path: Path, repository: Path
) -> None:
    mapping = shipped("greenhouse_italy.toml", repository)
    numbers = iter(range(1, 100))
    made = new_secrets(mapping, "veneto", lambda: bytes([next(numbers)]) * 32)
    path = tmp_path / "replay-devices.json"
    path.write_text(json.dumps(made), encoding="utf-8")
    secrets = read_secrets(path)
    registry = decode(Registry, registry_fragment(mapping, secrets, "Veneto"))
    assert [d.device_id for d in registry.devices] == [d.id for d in mapping.device]
    assert len({d.public_key for d in registry.devices}) == len(mapping.device)
    assert {d.subject_id for d in registry.devices} == {s.subject_id for s in registry.subjects}
    text = json.dumps(registry_fragment(mapping, secrets, "Veneto"))
    assert all(
        row["key_seed"] not in text and row["password"] not in text for row in made["devices"]
    )


def test_real_greenhouse_plays_with_its_spikes_and_gaps(
    data_folder: Path, repository: Path
) -> None:
    path = data_folder / "greenhouse_italy_15min" / "greenhouse_long.parquet"
    week = Window(NOON_MS + 30 * 86_400_000, NOON_MS + 37 * 86_400_000)
    found = read_recording(path, shipped("greenhouse_italy.toml", repository), week)
    assert len(found.moments["serra-1-soil-1"]) == 7 * 96
    for moment in found.moments["serra-1-soil-1"]:
        assert 10_000 < moment.values["soil_temperature_mdeg_c"] < 40_000
    whole = found.account
    assert whole.rows == 903_369
    assert (
        whole.readings + whole.outside + whole.elsewhere + sum(whole.bad_by_reason.values())
        == whole.rows
    )
    assert whole.bad_by_reason["no value"] > 5_000


def test_real_weather_file_plays_a_year(data_folder: Path, repository: Path) -> None:
    path = data_folder / "maricopa_field_trials" / "test01__cotton2013.wth"
    found = read_recording(path, shipped("maricopa_weather.toml", repository))
    moments = found.moments["azmet-maricopa"]
    assert (found.account.rows, len(moments)) == (365, 3 * 365)
    assert moments[0].values == {
        "air_temperature_mdeg_c": -3_100,
        "relative_humidity_ppm": 922_000,
    }
    rain_mm = sum(moment.values.get("rain_um", 0) for moment in moments) / 1000
    assert 100 < rain_mm < 300
    assert found.account.bad == []
