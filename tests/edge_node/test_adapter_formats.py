"""Foreign formats against what their own world publishes: vectors, not our own encoder."""

from __future__ import annotations

import base64
import csv
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.intake.adapters import bthome, chirpstack, ear_tags, senml
from edge_node.intake.adapters.mapping import ForeignDevice, MappingError, Slice, parse_mapping
from edge_node.intake.adapters.reading import ForeignMessageError, parse_json
from edge_node.keys import open_ccm
from tests.support.requirements import require

MAC = "54:48:E6:8F:80:A5"


def device_with(**how: Any) -> ForeignDevice:
    values = {"foreign_id": "x", "format": "senml", "device": "d", "gateways": (), "rules": ()}
    return ForeignDevice(**{**values, **how})


# The table "Example, Result" of https://bthome.io/format, object by object.
PUBLISHED = """
0161 battery_percent 97
02CA09 temperature_c 25.06
03BF13 humidity_percent 50.55
04138A01 pressure_hpa 1008.83
05138A14 illuminance_lux 13460.67
065E1F mass_kg 80.3
073E1D mass_lb 74.86
08CA06 dewpoint_c 17.38
0960 count 96
0A138A14 energy_kwh 1346.067
0B021B00 power_w 69.14
0C020C voltage_v 3.074
0D120C pm2_5_ug_per_m3 3090
0E021C pm10_ug_per_m3 7170
12E204 co2_ppm 1250
133301 tvoc_ug_per_m3 307
14020C moisture_percent 30.74
2E23 humidity_percent 35
2F23 moisture_percent 35
3D0960 count 24585
3E2A2C0960 count 1611213866
3F020C rotation_degree 307.4
400C00 distance_mm 12
414E00 distance_m 7.8
424E3400 duration_s 13.390
434E34 current_a 13.39
444E34 speed_m_per_s 133.90
451101 temperature_c 27.3
4632 uv_index 5.0
478756 volume_l 2215.1
48DC87 volume_ml 34780
49DC87 flow_m3_per_h 34.780
4A020C voltage_v 307.4
4B138A14 gas_m3 1346.067
4C41018A01 gas_m3 25821.505
4D12138A14 energy_kwh 344593.170
4E87562A01 volume_l 19551.879
4F87562A01 water_l 19551.879
505D396164 timestamp_s 1684093277
518756 acceleration_m_per_s2 22.151
528756 gyroscope_degree_per_s 22.151
5587562A01 volume_storage_l 19551.879
"""


@pytest.mark.parametrize("line", PUBLISHED.split("\n")[1:-1])
def test_every_published_bthome_example_decodes_to_its_published_result(line: str):
    data, name, value = line.split()
    advert = bthome.decode_advert(bytes.fromhex("40" + data), MAC, b"", open_ccm)
    assert advert.quantities == {name: Decimal(value)}


BIND_KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")


@pytest.mark.parametrize(
    "data",
    ["41a47266c95f730011223378237214", "43a5808fe64854f196c06ffb4900112233f08ecbde"],
    ids=["address aside", "address within"],
)
def test_sealed_adverts_of_the_bthome_ble_suite_open_with_their_bind_key(data: str):
    advert = bthome.decode_advert(bytes.fromhex(data), MAC, BIND_KEY, open_ccm)
    assert advert.quantities == {
        "temperature_c": Decimal("25.06"),
        "humidity_percent": Decimal("50.55"),
    }
    assert advert.sealed
    assert advert.counter == 0x33221100


def test_sealed_advert_with_a_wrong_key_altered_or_unsealed_is_refused():
    good = bytes.fromhex("41a47266c95f730011223378237214")
    for data, key in (
        (good, bytes(16)),
        (good[:-1] + b"\0", BIND_KEY),
        (bytes.fromhex("4002CA09"), BIND_KEY),  # a downgrade: the key demands a seal
        (good, b""),
    ):
        with pytest.raises(ForeignMessageError):
            bthome.decode_advert(data, MAC, key, open_ccm)


def test_unknown_object_ends_an_advert_and_keeps_what_came_before():
    advert = bthome.decode_advert(bytes.fromhex("40015dfe5d0903b718"), MAC, b"", open_ccm)
    assert advert.quantities == {"battery_percent": Decimal(93)}


def test_several_values_of_one_name_keep_the_order_of_the_advert():
    advert = bthome.decode_advert(bytes.fromhex("40" + "451101" * 3), MAC, b"", open_ccm)
    assert list(advert.quantities) == ["temperature_c", "temperature_c_2", "temperature_c_3"]


@given(st.binary(max_size=40))
def test_no_bytes_break_the_bthome_decoder(data: bytes):
    try:
        found = bthome.decode_advert(data, MAC, b"", open_ccm)
    except ForeignMessageError:
        return
    assert all(value.is_finite() for value in found.quantities.values())


# RFC 8428, section 5.1.2, second example, and its resolution as 5.1.4 shows it.
MULTIPLE = b"""[
 {"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,
  "n":"voltage","u":"V","v":120.1},
 {"n":"current","t":-5,"v":1.2},
 {"n":"current","t":-4,"v":1.3},
 {"n":"current","t":-3,"v":1.4},
 {"n":"current","t":-2,"v":1.5},
 {"n":"current","t":-1,"v":1.6},
 {"n":"current","v":1.7}
]"""
RESOLVED = """
voltage V 1.276020076001e+09 120.1
current A 1.276020071001e+09 1.2
current A 1.276020072001e+09 1.3
current A 1.276020073001e+09 1.4
current A 1.276020074001e+09 1.5
current A 1.276020075001e+09 1.6
current A 1.276020076001e+09 1.7
"""


def test_senml_example_resolves_as_the_rfc_shows():
    found = [(r.name, r.unit, r.time_s, r.value) for r in senml.resolve(parse_json(MULTIPLE))]
    wanted = [line.split() for line in RESOLVED.split("\n")[1:-1]]
    assert found == [
        (f"urn:dev:ow:10e2073a0108006:{n}", u, Decimal(t), Decimal(v)) for n, u, t, v in wanted
    ]


def test_senml_readings_are_grouped_by_device_and_instant():
    readings = senml.read_pack(parse_json(MULTIPLE))
    assert [r.at_ms for r in readings][:2] == [1_276_020_076_001, 1_276_020_071_001]
    assert readings[0].foreign_id == "urn:dev:ow:10e2073a0108006"
    assert readings[0].quantities == {"voltage": Decimal("120.1"), "current": Decimal("1.7")}


def test_senml_time_relative_to_now_is_left_to_the_station():
    # RFC 8428, 5.1.2: no base time, the first record is 5 seconds old.
    pack = b'[{"bn":"urn:dev:mac:0024befffe804ff1/","n":"soil","t":-5,"v":22.5}]'
    (reading,) = senml.read_pack(parse_json(pack))
    assert reading.at_ms is None
    assert reading.error_ms == 5_000
    assert reading.quantities == {"soil": Decimal("22.5")}


@pytest.mark.parametrize(
    "pack",
    [
        b"[]",
        b"{}",
        b'[{"n":"a:b","v":"1"}]',
        b'[{"n":"a:b","v":1,"vs":"x"}]',
        b'[{"n":"a:b","v":1,"mandatory_":2}]',
        b'[{"bver":11,"n":"a:b","v":1}]',
        b'[{"n":"bad name","v":1}]',
        b'[{"n":"a:b","v":NaN}]',
        b"[" * 40_000,
        b'[{"n":"a:b","v":1e99999999}]',
    ],
)
def test_senml_that_breaks_the_rfc_is_refused(pack: bytes):
    with pytest.raises(ForeignMessageError):
        senml.read_pack(parse_json(pack))


def test_crc_is_kermit_and_agrees_with_a_readers_manual():
    # The catalogue of parametrised CRC algorithms gives 0x2189 as KERMIT's check value.
    assert ear_tags.crc_kermit(b"123456789") == 0x2189
    # Protocol of the 134K-RW-USB-D1 reader: 8 bytes of data and 2 of BCC as sent.
    sent = bytes.fromhex("BE78A221DA1E0080D60F")
    assert ear_tags.crc_kermit(sent[:8]) == int.from_bytes(sent[8:], "little")


# From the documentation of ISO11784Tools: one tag in every notation that it met.
@pytest.mark.parametrize(
    ("line", "bits_reversed"),
    [
        ("3E7.1CBE991A14", False),
        ("999123456789012", False),
        ("8000F9DCBE991A14", False),
        ("2858997D3B9F0001", True),
        ("\x02999 123456789012\r\n", False),
    ],
)
def test_one_tag_in_every_notation_is_one_code(line: str, *, bits_reversed: bool):
    code = ear_tags.read_line(line, bits_reversed=bits_reversed)
    assert code.digits == "999123456789012"
    assert code.is_animal
    assert code.is_test


# From the manual of Allflex panel readers.
def test_allflex_and_tiris_lines_read_as_their_manual_says():
    plain = ear_tags.read_line("LA 982 000001088420\r\n")
    assert (plain.country, plain.national, plain.is_manufacturer) == (982, 1_088_420, True)
    assert ear_tags.read_line("LA 00000 0 982 000001088420") == plain


def test_retagging_counter_and_flags_stand_where_iso_11784_puts_them():
    code = ear_tags.AnimalCode(276, 312_312_345, retagged=3, user=5, reserved=1, has_data=True)
    bits = f"{ear_tags.bits_of_code(code):064b}"
    assert (bits[0], bits[1:4], bits[4:9], bits[9:15], bits[15]) == (
        "1", "011", "00101", "000001", "1",
    )  # fmt: skip
    assert int(bits[16:26], 2) == 276
    assert int(bits[26:], 2) == 312_312_345


@given(
    st.builds(
        ear_tags.AnimalCode,
        st.integers(0, 1023), st.integers(0, ear_tags.NATIONAL_MAX), st.booleans(),
        st.integers(0, 7), st.integers(0, 31), st.integers(0, 63), st.booleans(),
    ),
    st.integers(0, 63),
)  # fmt: skip
def test_a_flipped_bit_of_a_checked_code_is_refused(code: ear_tags.AnimalCode, place: int):
    bits = ear_tags.bits_of_code(code)
    assert ear_tags.code_of_bits(bits) == code
    crc = ear_tags.crc_kermit(bits.to_bytes(8, "little"))
    assert ear_tags.read_line(f"{bits:016X} {crc:04X}").checked
    with pytest.raises(ForeignMessageError, match="checksum"):
        ear_tags.read_line(f"{bits ^ 1 << place:016X} {crc:04X}")


def test_number_that_no_tag_can_hold_is_refused():
    with pytest.raises(ForeignMessageError, match="274877906943"):
        ear_tags.read_line("982999999999999")


def test_codes_agree_with_the_published_lists():
    codes = require("data") / "codes"
    with (codes / "icar_animal_id_schemes.csv").open(encoding="utf-8") as file:
        schemes = {row["scheme"]: row for row in csv.DictReader(file)}
    with (codes / "iso3166_1.csv").open(encoding="utf-8") as file:
        text = file.read()
    for name in ("eu.animalId", "std.iso.11785", "usa.ain"):
        example = schemes[name]["example"]
        code = ear_tags.read_line(example)
        assert code.digits == example
        assert re.fullmatch(schemes[name]["regex_suggested"], code.digits)
        assert code.is_manufacturer is False
        assert f"{code.country:03d}" in text


UPLINK = {
    "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
    "time": "2026-05-28T10:15:27.000000000+00:00",
    "deviceInfo": {
        "tenantId": "52f14cd4-c6f1-4fbd-8f87-4025e1d49242",
        "applicationName": "fields",
        "deviceName": "soil 7",
        "devEui": "0101010101010101",
        "tags": {"key": "value"},
    },
    "devAddr": "00189440",
    "adr": True,
    "dr": 1,
    "fCnt": 12,
    "fPort": 2,
    "data": base64.b64encode(bytes.fromhex("0C1D09C4FF9C")).decode(),
    "object": {"soil": {"moisture": 30.74, "temperature": 25.06}, "low": False, "note": "x"},
    "rxInfo": [
        {
            "gatewayId": "0016c001f153a14c",
            "uplinkId": 4217106255,
            "gwTime": "2026-05-28T10:15:26.383634108Z",
            "nsTime": "2026-05-28T10:15:27.042538880+00:00",
            "rssi": -36,
            "snr": 10.5,
        },
        {"gatewayId": "0016c001f153a14d", "nsTime": "2026-05-28T10:15:26.9+00:00", "rssi": -90},
    ],
}


def uplink(**changes: Any) -> Any:
    body = {**UPLINK, **changes}
    return parse_json(json.dumps({k: v for k, v in body.items() if v is not None}).encode())


def test_uplink_takes_the_gateways_own_time_and_the_decoded_object():
    reading = chirpstack.read_uplink(uplink(), {})
    assert reading.at_ms == 1_779_963_326_383
    assert reading.error_ms == chirpstack.GATEWAY_ERROR_MS
    assert reading.key == "00189440/12"
    assert reading.quantities == {
        "soil.moisture": Decimal("30.74"), "soil.temperature": Decimal("25.06"), "low": Decimal(0),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "at_ms", "error_ms"),
    [
        ({"rxInfo": UPLINK["rxInfo"][1:]}, 1_779_963_326_900, chirpstack.SERVER_ERROR_MS),  # type: ignore[index]
        ({"rxInfo": None}, 1_779_963_327_000, chirpstack.SERVER_ERROR_MS),
        ({"rxInfo": None, "time": None}, None, 0),
    ],
    ids=["server's", "event's", "only the station's"],
)
def test_uplink_without_a_gateways_clock_says_whose_time_it_is(
    changes: dict[str, Any], at_ms: int | None, error_ms: int
):
    reading = chirpstack.read_uplink(uplink(**changes), {})
    assert (reading.at_ms, reading.error_ms) == (at_ms, error_ms)


def test_payload_is_cut_as_the_mapping_declares():
    slices = (
        Slice("moisture", 2, 0, 2, signed=False, little=False),
        Slice("air", 0, 4, 2, signed=True, little=False),
        Slice("elsewhere", 9, 0, 1, signed=False, little=False),
    )
    device = device_with(slices=slices)
    reading = chirpstack.read_uplink(uplink(object=None), {"0101010101010101": device})
    assert reading.quantities == {"moisture": Decimal(0x0C1D), "air": Decimal(-100)}
    with pytest.raises(ForeignMessageError, match="expected 6 bytes"):
        chirpstack.read_uplink(uplink(data="DB0="), {"0101010101010101": device})


@pytest.mark.parametrize(
    "changes",
    [
        {"deviceInfo": None}, {"devAddr": None}, {"fCnt": -1}, {"fCnt": "12"}, {"rxInfo": {}},
        {"time": "yesterday", "rxInfo": None}, {"time": "2026-05-28T10:15:27", "rxInfo": None},
    ],
)  # fmt: skip
def test_event_that_is_no_uplink_is_refused(changes: dict[str, Any]):
    with pytest.raises(ForeignMessageError):
        chirpstack.read_uplink(uplink(**changes), {})


GOOD_TABLE = {
    "foreign_id": "0101010101010101",
    "format": "chirpstack-up",
    "device": "soil-7",
    "metric": [{"from": "soil.moisture", "to": "soil_moisture_ppm", "scale": "10000"}],
}


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "sparkplug"}, {"metric": []}, {"metrics": []}, {"device": "Soil 7"},
        {"metric": [{"from": "x", "to": "soil_moisture_percent"}]},
        {"metric": [{"from": "x", "to": "rain_um", "scale": 0.1}]},
        {"metric": [{"from": "x", "to": "rain_um", "scale": "nan"}]},
        {"slice": [{"name": "x", "at": 0, "bytes": 9}]}, {"bit_order": "lsb"},
        {"bind_key_file": "absent.key"},
    ],
)  # fmt: skip
def test_mapping_that_says_something_else_is_refused_at_the_start(
    changes: dict[str, Any], tmp_path: Path
):
    assert parse_mapping([GOOD_TABLE], tmp_path)["chirpstack-up"]["0101010101010101"]
    with pytest.raises(MappingError):
        parse_mapping([{**GOOD_TABLE, **changes}], tmp_path)
    with pytest.raises(MappingError, match="once"):
        parse_mapping([GOOD_TABLE, GOOD_TABLE], tmp_path)
