"""A plot's page says what the centre knows of it, to who may see it, and what is not here."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe

from core.canonical import sha256_hex
from core.errors import ShapeError
from core.scoring.features import DailyFeature
from core.shape import encode
from core.signing import sign_document
from core.units import PPM
from core.wire.envelope import PULL, MachineState, Pull
from core.wire.evidence import EVIDENCE
from core.wire.registry import Device, Subject, SubjectKind
from core.wire.telemetry import DeviceKind
from server.console.pages.plot import read_page
from server.services.access import reading
from server.services.evidence import accept_evidence
from server.services.pulls import acknowledge_pull
from server.store import consent_uses, counts, logs, people, photos, registry, reports
from server.store.engine import NotKnownError
from server.store.people import Actor
from server.store.photos import StoredPhoto, VisitPhoto
from server.store.scoping import Scope
from tests.support.chromium import chromium
from tests.support.console_book import PASSWORD, STATION, Book, build_book
from tests.support.console_evidence import Looks, seen_of_plot
from tests.support.console_visits import visits

PHOTO = b"\xff\xd8\xff\xe0 a photo \xff\xd9"
LATE = "c" * 64
FIRST = date(2026, 4, 1)
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    found = build_book(tmp_path_factory.mktemp("book"), farmers=6, every_days=40)
    season_before(found)
    found.centre.write(lambda work: tell_all(work.tx))
    yield found
    found.centre.store.close()


def season_before(book: Book) -> None:
    """Last year's evidence of plot-001: the same curve, 365 days earlier."""
    with book.centre.store.reading() as tx:
        plot = registry.subject(tx, "plot-001")
    seen = encode(seen_of_plot(plot, Looks(1, date(2026, 7, 10), 40, is_dry=False)))
    for day in re.findall(r"2026-\d\d-\d\d", json.dumps(seen)):
        earlier = date.fromisoformat(day) - timedelta(days=365)
        seen = json.loads(json.dumps(seen).replace(f'"{day}"', f'"{earlier}"'))
    seen |= {"season_id": "2025-long-rains", "evidence_id": "ev-before"}
    accept_evidence(book.centre, sign_document(EVIDENCE, seen, book.satellite))


def tell_all(tx) -> None:
    """A weather station and a probe that tell of each day; visits, a walk, photos."""
    registry.put_subject(tx, Subject("village-1", SubjectKind.VILLAGE, "", "Kijani"), None)
    for number, (device, kind, subject) in enumerate((
        ("weather-1", DeviceKind.WEATHER_STATION, "village-1"),
        ("soil-1", DeviceKind.SOIL_PROBE, "plot-001"),
    )):  # fmt: skip
        key = f"{number:064x}"
        registry.put_device(tx, Device(device, kind, subject, STATION, key, "b" * 64))
    for i in range(60):
        day = (FIRST + timedelta(days=i)).isoformat()
        tell(tx, "village-1", "rain_um", day, 5_000 if i % 10 == 0 else 0)
        for name, value in (("min", 9_000), ("mean", 17_000), ("max", 26_000)):
            tell(tx, "village-1", f"air_temperature_{name}_mdeg_c", day, value)
        tell(tx, "plot-001", "soil_moisture_ppm", day, 250_000 - 2_000 * i)
        tell(tx, "plot-001", "soil_stress", day, int(i > 50))
    agent = Actor("agent-7", "agent")
    seen = {"on": "2026-06-03", "stage": "heading", "purpose": "loss", "photos_count": 3,
            "damage_percent": 35}  # fmt: skip
    people.record(tx, 1, agent, "field_visited", ("subject", "plot-001"), seen)
    walk = {"on": "2026-05-20", "area_m2": 9_500, "sd_m2": 120, "low_m2": 9_300}
    people.record(tx, 2, agent, "plot_walked", ("subject", "plot-001"), walk)
    for sha256, about in ((sha256_hex(PHOTO), "the east edge"), (LATE, "broken stems")):
        photos.name(tx, VisitPhoto("op-1", sha256, STATION, "f-001", "plot-001", "v-1", about,
                                   "2026-06-03", "image/jpeg", len(PHOTO), 3))  # fmt: skip
    photos.keep(tx, StoredPhoto(sha256_hex(PHOTO), "image/jpeg", PHOTO), STATION, 4)


def tell(tx, subject_id: str, name: str, day: str, value: int) -> None:
    told = DailyFeature(subject_id, name, day, value, PPM, 24, "a" * 64)
    reports.put_feature(tx, told, STATION, 1)


@pytest.fixture(scope="module")
def door(url: str) -> Iterator[Callable[[str], httpx.Client]]:
    """A client of each user who comes, logged in once."""
    clients: dict[str, httpx.Client] = {}

    def enter(name: str) -> httpx.Client:
        if name not in clients:
            clients[name] = httpx.Client(base_url=url)
            log_in(clients[name], name)
        return clients[name]

    yield enter
    for client in clients.values():
        client.close()


@pytest.fixture
def client(door: Callable[[str], httpx.Client]) -> httpx.Client:
    """The lender's."""
    return door("lender")


def log_in(client: httpx.Client, name: str) -> None:
    page = client.get("/login").text
    token = re.search(r'name="token" value="([^"]+)"', page)
    assert token
    form = {"name": name, "password": PASSWORD, "next": "", "token": token[1]}
    assert client.post("/login", data=form).status_code == 303


def page_of(client: httpx.Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def test_page_tells_the_season_against_past_years_and_plots_around(client):
    told = page_of(client, "/plots/plot-001")
    assert "This plot’s past year" in told
    assert "nearest plots of the crop" in told
    assert "Against its own past years" in told
    assert "no earlier season of it has come" not in told
    assert re.search(r"On \d+ \w+ eight chances in ten lie within", told)


def test_page_tells_weather_and_sensors_with_their_devices_and_numbers(client):
    told = page_of(client, "/plots/plot-001")
    assert "30 mm of rain on 6 of 60 days told, up to 30 May" in told
    assert "it was too dry on 9 of 60 days told" in told
    assert "weather-1" in told
    assert "soil-1" in told
    assert "Soil water by week" in told


def test_page_of_a_plot_without_devices_says_so(client):
    assert "No device measures" in page_of(client, "/plots/plot-002")


def test_page_tells_the_lines_with_each_term_their_facts_and_cards(client, book: Book):
    told = page_of(client, "/plots/plot-001")
    assert "What the harvest can carry" in told
    assert "The product’s highest amount" in told
    assert "Every term of the last reviews" in told
    assert "Ledger: the last facts" in told
    assert re.search(r'href="/console/lines/[^"]+/statement"', told)
    assert re.search(r'href="/console/applications/[^"]+"', told)


def test_page_shows_photos_that_came_and_says_where_the_others_lie(client):
    told = page_of(client, "/plots/plot-001")
    shown = client.get(f"/photos/{sha256_hex(PHOTO)}")
    assert "a loss was claimed" in told
    assert "35 %" in told
    assert "Walked: 0.95 ha, surely 0.93 ha or more" in told
    assert f'src="/console/photos/{sha256_hex(PHOTO)}"' in told
    assert f'src="/console/photos/{LATE}"' not in told
    assert f"still at {STATION}" in told
    assert "2 photos are still at kijani" in told  # one is named, one its visit only counted
    assert shown.content == PHOTO


def test_pasture_says_what_grazes_there(client):
    told = page_of(client, "/plots/pasture-1")
    assert "Lower pasture" in told
    assert "normal forage" in told


@pytest.mark.parametrize("path", ["/plots/nothing", "/plots/plot-001?evidence=ev-002-0710"])
def test_what_is_not_of_a_plot_is_not_there(client, path: str):
    assert client.get(path).status_code == 404


def test_evidence_of_a_plot_is_had_as_a_file(client):
    told = client.get("/plots/plot-001/export.csv").text
    rows = list(csv.DictReader(io.StringIO(told.split("\n", 1)[1])))
    shape = client.get("/plots/plot-001/export.geojson").json()
    kinds = {form: client.get(f"/plots/plot-001/export.{form}") for form in ("xlsx", "pdf")}
    assert {row["season"] for row in rows} == {"2025-long-rains", "2026-long-rains"}
    assert rows[0]["as_of"] >= rows[-1]["as_of"]
    assert shape["features"][0]["geometry"]["type"] == "Polygon"
    assert shape["features"][0]["properties"]["plot"] == "plot-001"
    assert kinds["xlsx"].content[:2] == b"PK"
    assert kinds["pdf"].content[:5] == b"%PDF-"


def test_who_is_held_to_another_station_sees_no_such_plot(book: Book):
    held = Scope("lena", stations=frozenset({"elsewhere"}))
    with reading(book.centre, held) as tx, pytest.raises(NotKnownError):
        read_page(tx, ("plot-001", ""), date(2026, 7, 12))


def test_who_is_held_to_this_station_sees_its_weather_and_visits(book: Book):
    held = Scope("lena", stations=frozenset({STATION}))
    with reading(book.centre, held) as tx:
        shown = read_page(tx, ("plot-001", ""), date(2026, 7, 12))
    assert "30 mm of rain" in shown.weather.sentence
    assert [row.walked for row in shown.visited.visits] == [False, True]
    assert shown.resting


def test_every_look_at_a_plot_is_written_down(client, book: Book):
    page_of(client, "/plots/plot-003")
    with book.centre.store.reading() as tx:
        looks = consent_uses.accesses_of(tx, "f-003")
    assert {"imagery", "telemetry", "visits", "money"} <= set(looks[-1].classes)


# Reports beside the plots: the stress test, and the health of the loans as files.


def test_stress_test_at_the_console_draws_the_whole_book_and_writes_nothing(client, book: Book):
    def rows() -> dict[str, int]:
        with book.centre.store.reading() as tx:
            counted = counts.rows_by_table(tx)
        return {name: count for name, count in counted.items() if name in ("movements", "lines")}

    before = rows()
    told = page_of(client, "/stress?harvest=90&forage=90")
    assert "Drought: 90.0 % of the harvest" in told
    assert told.count('class="bar-after"') > 3
    assert "Principal at risk by crop and village" in told
    assert rows() == before


def test_stress_test_is_had_as_a_report_with_pictures_and_as_rows(client):
    assert client.get("/stress/report.pdf?harvest=50").content[:5] == b"%PDF-"
    assert "maize" in client.get("/stress/export.csv?harvest=50").text


@pytest.mark.parametrize("asked", ["harvest=101", "rate=51", "price=nan", "herd=-1", "forage=x"])
def test_a_shock_that_cannot_be_is_told_and_not_run(client, asked: str):
    answer = client.get(f"/stress?{asked}")
    assert answer.status_code == 422
    assert "expected 0 to" in answer.text
    assert "bar-after" not in answer.text
    assert client.get(f"/stress/export.csv?{asked}").status_code == 422


def test_a_stress_test_without_a_shock_asks_for_one(client):
    assert "Put the book to it" in page_of(client, "/stress")
    assert client.get("/stress/report.pdf").status_code == 422


@pytest.mark.parametrize("key", ["par", "ageing", "vintages", "provisioning", "spread"])
def test_the_health_of_the_loans_is_had_as_files(client, key: str):
    assert "filter: all; by lender" in client.get(f"/health/{key}/export.csv").text
    assert client.get(f"/health/{key}/export.xlsx").content[:2] == b"PK"


def test_there_is_no_other_report_of_health(client):
    assert client.get("/health/trial-balance/export.csv").status_code == 404


# The stations: what each says of its own machine.


def tell_machine(book: Book, at_ms: int, free_bytes: int) -> None:
    machine = MachineState("0.1.0", free_bytes, 41_000_000, 12, 8_200, 7_200_000, 900)
    with book.centre.store.reading() as tx:
        down = logs.outbound_hash(tx, STATION, 0)
    asked = Pull(STATION, 0, down, at_ms, machine=machine)
    acknowledge_pull(book.centre, sign_document(PULL, encode(asked), book.station))


def test_a_station_s_page_tells_version_disk_backlog_and_clock(client, book: Book):
    now_ms = book.centre.now_ms()
    tell_machine(book, now_ms, 9_000_000_000)
    told = page_of(client, "/stations")
    for words in ("9.0 GB", "database 41.0 MB", "records, 8.2 kB; the oldest 2 h", "0.1.0"):
        assert words in told
    tell_machine(book, now_ms - 1, 1)  # a carrier brought an older word
    assert "9.0 GB" in page_of(client, "/stations")
    [row] = csv.DictReader(io.StringIO(client.get("/stations/export.csv").text.split("\n", 1)[1]))
    assert (row["software"], row["backlog_records"]) == ("0.1.0", "12")


@pytest.mark.parametrize(
    "wrong", [{"disk_free_bytes": -1}, {"software": ""}, {"software": "x" * 65}]
)
def test_a_machine_that_cannot_be_is_refused(wrong: dict[str, Any]):
    with pytest.raises(ShapeError):
        replace(MachineState("0.1.0", 1, 1, 0, 0, 0, -1), **wrong)


# In a real browser: accessible by day and night, no wider than the screen, nothing from elsewhere.


@pytest.mark.browser
@pytest.mark.parametrize(
    ("size", "theme"),
    [("phone", "dark"), pytest.param("desk", "light", marks=pytest.mark.nightly)],
)
def test_pictures_are_told_fit_the_screen_and_come_from_here(url: str, size: str, theme: str):
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    found: dict[str, list[str]] = {}
    with chromium() as browser, visits(browser, url) as come:
        page = come("lender", size)
        page.emulate_media(color_scheme=theme)
        for path in ("/plots/plot-001", "/stress?harvest=33&price=20", "/stations"):
            page.goto(url + path)
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            told = Axe().run(page, options={"runOnly": {"type": "tag", "values": AXE_TAGS}})
            found[path] = [f"{f['id']}: {f['nodes'][0]['html'][:90]}"
                           for f in told.response["violations"]]  # fmt: skip
            found[path] += ["too wide"] * page.evaluate(wide)
        page.emulate_media(media="print")
        page.goto(f"{url}/plots/plot-001")
        assert page.locator(".jump").is_hidden()
        assert page.locator(".if-wide svg").first.is_visible()
    assert [fault for faults in found.values() for fault in faults] == []
