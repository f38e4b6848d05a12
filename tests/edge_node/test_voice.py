"""The kiosk's voice: every sentence that is said has its clips, in the language's own order."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from core.errors import UnitError
from core.units import Money
from edge_node.faces.kiosk import said
from edge_node.faces.kiosk.number_words import NextDay, Rate, spoken_words, word_names
from edge_node.faces.kiosk.spoken import spoken_sentences
from edge_node.faces.kiosk.voice import Voice, clip_key, clips_for, spoken_pieces
from tests.support.kiosk import Elapsed, visiting
from tests.support.lending_station import Station

SPEAKING = ("en", "hi", "sw", "zh")
VALUES = {
    "amount": Money("KES", 123_450), "available": Money("KES", 800_000), "day": date(2026, 6, 12),
    "step": Money("KES", 50_000), "percent": "18.1", "over": "2.5", "stage": "heading",
}  # fmt: skip


def _words(locale: str, value: object) -> str:
    return " ".join(spoken_words(locale, value))


@pytest.mark.parametrize("locale", SPEAKING)
def test_every_sentence_that_is_said_has_its_clips(locale: str):
    for sentence in spoken_sentences():
        params = {name: VALUES.get(name, "7") for name in re.findall(r"{(\w+)}", sentence)}
        found = clips_for(locale, sentence, params)
        assert found, (locale, sentence)
        for path in found:
            _, _, place, name = path.split("/")
            clip = Voice().clip(place, name.removesuffix(".ogg"))
            assert clip is not None
            assert clip.startswith(b"OggS")


def test_mongolian_waits_for_its_recordings():
    assert clips_for("mn", "You receive") is None
    shown = said.clips_of(Voice(), "mn", [said.says("You receive")])
    assert (shown.paths, shown.complete) == ((), False)


def test_a_recording_speaks_before_the_release(tmp_path: Path):
    key = clip_key("You receive")
    for locale in ("mn", "sw"):
        (tmp_path / locale).mkdir()
        (tmp_path / locale / f"{key}.ogg").write_bytes(f"OggS {locale}".encode())
    voice = Voice(tmp_path)
    assert voice.clips_for("mn", "You receive") == [f"/voice/mn/{key}.ogg"]
    assert voice.clip("sw", key) == b"OggS sw"
    assert voice.clip("en", key) != b"OggS sw"
    assert voice.clips_for("mn", "You pay back") is None


def test_an_amount_is_said_in_mongolian_once_its_words_are_recorded(tmp_path: Path):
    (tmp_path / "mn").mkdir()
    for word in word_names("mn"):
        (tmp_path / "mn" / f"w-{word}.ogg").write_bytes(b"OggS")
    found = Voice(tmp_path).clips_for("mn", said.VALUE, {"value": Money("MNT", 2_500_000)})
    assert found == [f"/voice/mn/w-{w}.ogg" for w in ("20-and", "5", "1000", "MNT")]


@pytest.mark.parametrize("name", ["../../etc/passwd", "w-1/..", "", ".", "a" * 200, "W/x", "%2e"])
def test_a_clips_name_reaches_nothing_else(tmp_path: Path, name: str):
    (tmp_path / "secret.ogg").write_bytes(b"secret")
    voice = Voice(tmp_path / "recordings")
    assert voice.clip("en", name) is None
    assert voice.clip("..", "secret") is None


@pytest.mark.parametrize(
    ("locale", "number", "words"),
    [
        ("en", 0, "0"), ("en", 21, "20 1"), ("en", 1_215, "1 1000 2 100 15"),
        ("sw", 25, "20 and 5"), ("sw", 5_000, "1000 5"), ("sw", 105, "100 1 and 5"),
        ("hi", 99, "99"), ("hi", 1_234_567, "12 100000 34 1000 5 100 67"),
        ("zh", 10, "10"), ("zh", 105, "1 100 0 5"), ("zh", 2_000, "2-pair 1000"),
        ("zh", 20_305, "2-pair 10000 0 3 100 0 5"), ("zh", 10_010, "1 10000 0 1 10"),
        ("mn", 25, "20-and 5"), ("mn", 100, "100"), ("mn", 1_500, "1 1000 5 100"),
    ],
)  # fmt: skip
def test_a_number_is_said_as_its_language_says_it(locale: str, number: int, words: str):
    assert _words(locale, number) == words


def test_money_rates_and_days_stand_in_the_languages_order():
    assert _words("en", Money("KES", 50_050)) == "5 100 KES 50 KES-minor"
    assert _words("sw", Money("KES", 50_050)) == "KES 100 5 and KES-minor 50"
    assert _words("zh", Rate(181_400)) == "percent 10 8 point 1"
    assert _words("en", Rate(181_400)) == "18 point 1 percent"
    assert _words("sw", date(2026, 6, 12)).startswith("day 10 and 2 month-6 1000 2")
    assert _words("zh", date(2026, 6, 12)) == "2 0 2 6 year month-6 10 2 day"
    assert _words("en", Money("KES", -100)) == "minus 1 KES"
    with pytest.raises(UnitError):
        spoken_words("en", 10**12)
    with pytest.raises(UnitError):
        spoken_words("xx", 1)


def test_a_day_soon_is_said_without_its_year():
    today = date(2026, 3, 1)
    (soon,) = said.on_day("2026-09-15", today)
    assert soon.params["value"] == NextDay(date(2026, 9, 15))
    assert _words("en", NextDay(date(2026, 9, 15))) == "15 month-9"
    assert _words("sw", NextDay(date(2026, 9, 15))) == "10 and 5 month-9"
    assert _words("zh", NextDay(date(2026, 9, 15))) == "month-9 10 5 day"
    assert _words("mn", NextDay(date(2026, 9, 15))) == "month-9 10-and 5"
    for far in ("2027-09-15", "2025-09-15"):
        (whole,) = said.on_day(far, today)
        assert whole.params["value"] == date.fromisoformat(far)
    assert said.on_day("", today) == ()


def test_a_sentence_is_cut_where_its_parameters_stand():
    cut = spoken_pieces("Rate {a}% to {day}.", "At {a}% until {day}.")
    base = clip_key("Rate {a}% to {day}.")
    assert cut == [(f"{base}.0", "At"), ("a%", ""), (f"{base}.1", "until"), ("day", "")]
    found = clips_for("en", "Your price is {percent}% a year.", {"percent": "18.1"})
    assert found is not None
    assert [path.rsplit("/w-")[-1] for path in found[1:-1]] == [
        "18.ogg", "point.ogg", "1.ogg", "percent.ogg",
    ]  # fmt: skip


def test_the_station_serves_clips_and_nothing_else(tmp_path: Path):
    station = Station(tmp_path)
    station.populate()
    with visiting(station, Elapsed()) as client:
        found = client.get("/voice/sw/w-1000.ogg")
        assert (found.status_code, found.headers["content-type"]) == (200, "audio/ogg")
        assert found.headers["cache-control"].startswith("public")
        assert client.get("/voice/mn/w-1000.ogg").status_code == 404
        assert client.get("/voice/sw/..%2f..%2fkiosk.ogg").status_code == 404
    station.close()
