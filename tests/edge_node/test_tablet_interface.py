"""The tablet's interface as an attacker meets it, and what of the village it gives to whom."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from dataclasses import replace

import httpx
import pytest

from core.canonical import parse_canonical
from core.shape import encode
from core.signing import open_document, sign_document
from core.wire.fieldwork import CHAIN, HELLO, Hello, OperationKind
from core.wire.records import ConsentAction, Down
from edge_node.decide.agent_area import area_of, scoring_inputs, told_of_area
from edge_node.decide.consents import give_consent
from edge_node.faces.tablet.application import (
    BODY_BYTES_MAX,
    policy_of,
    shell_files,
    static_folder,
)
from edge_node.faces.tablet.sessions import A_TABLET_MAX, CHALLENGE_MS, SESSION_MS
from edge_node.store import tablets
from edge_node.store.notices import begin
from tests.support.centre import Served
from tests.support.kiosk import Elapsed
from tests.support.lending_station import Station, consent, farmer, plot
from tests.support.tablet import SQUARE, FieldTablet, door_of, tablet_pages, visit

API = "/tablet/api"
SHELL_GZIP_BYTES_MAX = 200 * 1000


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    station = Station(tmp_path_factory.mktemp("interface"))
    station.populate(4)
    say = station.centre.say
    say(Down.SUBJECT, replace(plot(2), outline_e7=SQUARE), station.at_ms)
    far = tuple((lon + 50_000_000, lat) for lon, lat in SQUARE)
    say(Down.SUBJECT, replace(plot(3), outline_e7=far), station.at_ms)
    say(Down.FARMER, farmer(4, "card-4", "elsewhere"), station.at_ms)
    station.take_down()
    yield station
    station.close()


@pytest.fixture(scope="module")
def elapsed():
    return Elapsed()


@pytest.fixture(scope="module")
def client(station, elapsed):
    served = Served(tablet_pages(station, elapsed))
    with httpx.Client(base_url=served.url, trust_env=False) as client:
        yield client
    served.close()


@pytest.fixture
def tablet(station):
    number = 20 + len(tablets.tablets(station.db))
    tablet = FieldTablet(f"tab-{number}", number)
    code, _ = door_of(station).invite(tablet.tablet_id, ("agent-1", "Juma"), (), 14)
    door_of(station).enrol(code, tablet.public_key)
    return tablet


def hello(client, tablet, challenge=""):
    asked = challenge or client.post(f"{API}/challenge").json()["challenge"]
    data = sign_document(HELLO, encode(Hello(tablet.tablet_id, asked)), tablet.signer)
    return asked, client.post(f"{API}/session", content=data)


def bearer(client, tablet):
    _, answer = hello(client, tablet)
    assert answer.status_code == 200, answer.text
    return {"authorization": f"Bearer {answer.json()['token']}"}


def test_a_session_needs_the_key_and_a_fresh_challenge(client, tablet, elapsed):
    asked, first = hello(client, tablet)
    assert first.status_code == 200
    assert hello(client, tablet, asked)[1].status_code == 401, "a challenge counts once"
    assert hello(client, tablet, "0f" * 24)[1].status_code == 401, "it was never given"
    stranger = FieldTablet(tablet.tablet_id, 99)
    assert hello(client, stranger)[1].status_code == 403
    asked = client.post(f"{API}/challenge").json()["challenge"]
    elapsed.ms += CHALLENGE_MS
    assert hello(client, tablet, asked)[1].status_code == 401, "it is too old"


def test_a_flood_of_challenges_keeps_no_tablet_out_and_fills_no_memory(client, tablet):
    asked = client.post(f"{API}/challenge").json()["challenge"]
    others = {client.post(f"{API}/challenge").json()["challenge"] for _ in range(100)}
    assert len(others) == 100
    data = sign_document(HELLO, encode(Hello(tablet.tablet_id, asked)), tablet.signer)
    assert client.post(f"{API}/session", content=data).status_code == 200
    spoilt = ("00" if asked[:2] != "00" else "01") + asked[2:]
    for wrong in (spoilt, asked[:-1] + "é", "", "ab" * 48):
        assert hello(client, tablet, wrong or "-")[1].status_code == 401


def test_a_tablet_ends_its_own_oldest_sessions_and_no_other_s(client, station, tablet):
    other = FieldTablet("tab-2", 42)
    code, _ = door_of(station).invite("tab-2", ("agent-2", "Asha"), (), 14)
    door_of(station).enrol(code, other.public_key)
    first, mine = bearer(client, other), [bearer(client, tablet) for _ in range(A_TABLET_MAX + 1)]
    assert client.get(f"{API}/area", headers=mine[0]).status_code == 401
    for headers in (first, *mine[1:]):
        assert client.get(f"{API}/area", headers=headers).status_code == 200


def test_a_session_ends_with_its_time_and_with_the_tablet(client, station, tablet, elapsed):
    headers = bearer(client, tablet)
    assert client.get(f"{API}/area", headers=headers).status_code == 200
    elapsed.ms += SESSION_MS
    assert client.get(f"{API}/area", headers=headers).status_code == 401
    headers = bearer(client, tablet)
    door_of(station).revoke(tablet.tablet_id, "stolen")
    assert client.get(f"{API}/area", headers=headers).status_code == 401


def test_a_session_ends_when_the_tablet_is_let_in_anew_with_another_key(client, station, tablet):
    """Whoever holds the stolen tablet and its session, while the agent enrols a new one."""
    stolen = bearer(client, tablet)
    code, _ = door_of(station).invite(tablet.tablet_id, ("agent-1", "Juma"), (), 14)
    renewed = FieldTablet(tablet.tablet_id, 98)
    door_of(station).enrol(code, renewed.public_key)
    assert client.get(f"{API}/area", headers=stolen).status_code == 401
    assert client.get(f"{API}/area", headers=bearer(client, renewed)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "given", "status"),
    [
        ("GET", "/area", {}, 401),
        ("POST", "/operations", {"json": {"operations": []}}, 401),
        ("POST", "/inputs", {"json": {"farmer_ids": []}}, 401),
        ("GET", "/photos/" + "ab" * 32, {}, 401),
        ("PUT", "/photos/" + "ab" * 32 + "?start=0", {"content": b"x"}, 401),
        ("PUT", "/photos/" + "ab" * 32 + "?start=-1", {"content": b"x"}, 422),
        ("POST", "/enrol", {"json": {"code": "WRONG", "public_key": "ab" * 32}}, 401),
        ("POST", "/enrol", {"json": {"code": "WRONG", "public_key": "short"}}, 403),
        ("POST", "/enrol", {"content": b"no json"}, 422),
        ("POST", "/session", {"json": [1]}, 422),
        ("POST", "/enrol", {"content": b'{"code": "\\ud800", "public_key": "ab"}'}, 422),
        ("POST", "/enrol", {"content": b'{"code": "\xed\xa0\x80", "public_key": "ab"}'}, 422),
        ("POST", "/nothing", {}, 404),
        ("POST", "/challenge", {"headers": {"origin": "https://elsewhere"}}, 403),
        ("POST", "/challenge", {"headers": {"sec-fetch-site": "cross-site"}}, 403),
        ("GET", "/area", {"headers": {"host": "elsewhere"}}, 403),
        ("POST", "/enrol", {"content": bytes(BODY_BYTES_MAX + 1)}, 413),
    ],
)
def test_what_is_not_let_in_gets_a_number_and_nothing_else(client, method, path, given, status):
    answer = client.request(method, API + path, **given)
    assert answer.status_code == status, answer.text
    if status != 404:
        assert answer.headers["content-type"] == "application/problem+json"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_lists_have_their_bounds(client, tablet):
    headers = bearer(client, tablet)
    for path, name, count in (("operations", "operations", 51), ("states", "operation_ids", 2_001),
                              ("inputs", "farmer_ids", 51)):  # fmt: skip
        answer = client.post(f"{API}/{path}", json={name: ["x"] * count}, headers=headers)
        assert answer.status_code == 422, path


def test_operations_are_taken_up_to_the_first_that_cannot_be_and_the_end_is_signed(
    client, station, tablet
):
    good = tablet.operation(OperationKind.VISIT, visit(f"v-{tablet.tablet_id}", farmer=3))
    tablet.seq += 1
    early = tablet.operation(OperationKind.VISIT, visit("v-early"))
    told = client.post(
        f"{API}/operations", json={"operations": [good, early]}, headers=bearer(client, tablet)
    ).json()
    assert [one["state"] for one in told["states"]] == ["station"]
    assert told["stopped"]["code"] == "HL-EDGE-042"
    data = json.dumps(told["chain"], sort_keys=True, separators=(",", ":")).encode()
    signed = open_document(data, CHAIN, station.verifier)
    assert (signed.body["seq"], signed.body["tablet_id"]) == (1, tablet.tablet_id)
    assert parse_canonical(data, 10_000)["key_id"] == station.keys.signer.key_id


def test_the_area_is_compressed_and_sent_once(client, tablet):
    headers = bearer(client, tablet)
    with client.stream("GET", f"{API}/area", headers=headers) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        told = json.loads(gzip.decompress(b"".join(answer.iter_raw())))
    again = client.get(f"{API}/area?known={told['digest']}", headers=headers)
    assert (again.status_code, again.content) == (204, b"")


def area(station, area_e7=()):
    who = tablets.Tablet("t", "a", "n", area_e7, "00", 14, 0)
    return area_of(station.db, station.desk.station, who)


def test_an_agent_has_the_farmers_of_the_area_and_of_this_station_alone(station):
    everybody = area(station)
    assert [one.farmer_id for one in everybody.farmers] == ["f-1", "f-2", "f-3"]
    near = area(station, (369_000_000, -1_000_000, 371_000_000, 1_000_000))
    assert [one.farmer_id for one in near.farmers] == ["f-1", "f-2"], "f-1 is not drawn yet"
    assert {one.farmer_id for one in near.subjects} == {"f-1", "f-2"}


def test_what_is_told_holds_no_card_no_debt_and_no_dossier(station):
    told = json.dumps(told_of_area(station.db, station.desk, area(station), station.clock))
    for word in ("card_sha256", "principal", "interest", "polygon_sha256", "past_late_days"):
        assert word not in told


def test_inputs_hold_only_what_was_consented_to_and_say_what_a_consent_would_add(station):
    def inputs():
        (one,) = scoring_inputs(
            station.db, station.desk, farmer(2, "x"), station.telemetry_of, station.clock
        )
        return one

    before = inputs()
    assert "soil_stress_days" not in before["inputs"]
    given = consent(station.mint(), "f-2", "terms")
    give_consent(station.db, station.desk, given, station.clock)
    after = inputs()
    assert before["inputs"].items() <= after["inputs"].items()
    assert after["withheld"] == []
    taken = replace(given, consent_id=station.mint(), action=ConsentAction.WITHDRAW)
    give_consent(station.db, station.desk, taken, station.clock)
    assert inputs()["inputs"] == before["inputs"]


def test_what_is_due_is_named_with_its_day_the_soonest_first(station):
    station.opened_line(1)
    with station.db.atomic():
        params = {"subject": "plot-2", "name": "Field 2", "days": "9"}
        days = ("2026-03-30", "2026-04-01")
        begin(station.db, ("dry_soil", "plot-2"), days, (params, ("row",)), 1)
    told = told_of_area(station.db, station.desk, area(station), station.clock)["tasks"]
    assert [(one["purpose"], one["farmer_id"], one["due_on"]) for one in told] == [
        ("notice", "f-2", "2026-04-01"),
        ("boundary", "f-1", "2026-04-02"),
        ("routine", "f-1", "2026-04-02"),
    ]


def test_the_shell_is_small_and_its_policy_strict():
    folder = static_folder()
    sizes = {
        path: len(zlib.compress(file.read_bytes(), 6)) for path, file in shell_files(folder).items()
    }
    assert sum(sizes.values()) <= SHELL_GZIP_BYTES_MAX, sizes
    policy = policy_of((folder / "index.html").read_text(encoding="utf-8"))
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self' 'sha256-")


def test_letters_that_a_tablet_may_lack_come_from_the_station_and_are_no_part_of_the_shell(client):
    sheet = client.get("/tablet/fonts/fonts.css")
    assert sheet.headers["content-type"].startswith("text/css")
    assert "font-src 'self'" in sheet.headers["content-security-policy"]
    parts = client.get("/tablet/shell.json").json()["parts"]
    named = set(re.findall(r'url\("([^"]+)"\)', sheet.text))
    assert len(named) == 4
    for path in named:
        answer = client.get(f"/tablet/fonts/{path}")
        assert (answer.status_code, answer.headers["content-type"][:9]) == (200, "font/woff")
        assert f"/tablet/fonts/{path}" not in parts
    assert "/tablet/fonts/fonts.css" in parts
