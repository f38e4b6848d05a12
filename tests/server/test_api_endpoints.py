"""The interface: exact status codes, problem+json, bounds, and nothing private in logs."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from core.units import SAFE_INTEGER_MAX
from server.app import create_app
from server.services import enrolment
from server.services.drawing import DRAW_MINOR_MAX, LINE_MINOR_MAX
from server.store import leases, lines
from server.store.people import Role
from tests.support.asgi_client import AppClient
from tests.support.centre_kit import SEASON_START, TESTER, Kit, keys_of, open_known
from tests.support.kiosk_kit import MONEY, draw, flags, open_at_kiosk

PROBLEM = "application/problem+json"


@pytest.fixture
def client(kit: Kit) -> AppClient:
    return AppClient(create_app(kit.centre))


def token(kit: Kit, role: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {enrolment.add_token(kit.centre, role.value, role, TESTER)}"}


def problem(response) -> tuple[int, str]:
    assert response.headers["content-type"] == PROBLEM
    body = response.json()
    assert body["status"] == response.status_code
    assert body["type"].startswith("urn:harvestline:error:HL-")
    assert body["detail"]
    return response.status_code, body["type"].rpartition(":")[2]


def test_health_needs_no_token(client: AppClient):
    told = {"name": "centre", "status": "up", "carriers_down": 0}
    assert client.get("/api/v1/health").json() == told


def test_status_is_for_auditors(kit: Kit, client: AppClient):
    assert problem(client.get("/api/v1/status")) == (401, "HL-SRV-006")
    cashier = token(kit, Role.CASHIER)
    assert problem(client.get("/api/v1/status", headers=cashier)) == (403, "HL-SRV-007")
    found = client.get("/api/v1/status", headers=token(kit, Role.AUDITOR))
    assert found.status_code == 200
    assert found.json()["ledger_sum_minor"] == 0
    assert found.json()["rows"]["farmers"] == 3


def test_envelopes_answer_by_what_became_of_them(kit: Kit, client: AppClient):
    kit.station.pull(kit.centre)
    opening = open_at_kiosk(kit)
    draw(kit, "draw-1", opening.line_id, opening.lease.lease_id, 100_000)

    def post(data: bytes):
        return client.post("/api/v1/envelopes", content=data)

    early = post(kit.station.envelope(MONEY, 3))
    assert (early.status_code, kit.station.receipt(early.content).high_water) == (202, 0)
    applied = post(kit.station.envelope(MONEY))
    assert (applied.status_code, kit.station.receipt(applied.content).high_water) == (200, 6)
    known = post(kit.station.envelope(MONEY))
    assert (known.status_code, kit.station.receipt(known.content).high_water) == (200, 6)
    good = kit.station.envelope(MONEY)
    assert problem(post(good[:-9])) == (400, "HL-CORE-006")
    assert problem(post(b"")) == (400, "HL-CORE-006")
    tampered = good.replace(b'"first":1', b'"first":2')
    assert problem(post(tampered)) == (403, "HL-CORE-004")
    run = kit.station.records[MONEY]
    run[0] = replace(run[0], error_ms=1)
    assert problem(post(kit.station.envelope(MONEY))) == (409, "HL-CORE-007")
    assert problem(post(kit.station.envelope(MONEY))) == (409, "HL-CORE-007")


def test_pull_gives_an_envelope_then_nothing(kit: Kit, client: AppClient):
    first = client.post("/api/v1/pull", content=kit.station.pull_bytes(kit.clock.at_ms))
    assert first.status_code == 200
    assert first.headers["content-type"] == "application/vnd.harvestline.envelope"
    assert b"farmer-a" not in first.content  # it is sealed
    assert kit.station.take_down(first.content)
    again = client.post("/api/v1/pull", content=kit.station.pull_bytes(kit.clock.at_ms))
    assert (again.status_code, again.content) == (204, b"")
    kit.station.keys = keys_of("st-one", 66)
    stranger = client.post("/api/v1/pull", content=kit.station.pull_bytes(kit.clock.at_ms))
    assert problem(stranger) == (403, "HL-CORE-004")


def test_pull_in_anothers_name_is_refused(kit: Kit, client: AppClient):
    other = keys_of("st-two", 12)
    enrolment.enroll_station(kit.centre, other.identity(), TESTER)
    kit.station.keys = replace(other, name="st-one")
    answer = client.post("/api/v1/pull", content=kit.station.pull_bytes(kit.clock.at_ms))
    assert problem(answer) == (403, "HL-SRV-003")


def test_evidence_is_created_once(kit: Kit, client: AppClient):
    document = kit.evidence("plot-b1", SEASON_START, evidence_id="ev-x")
    codes = [client.post("/api/v1/evidence", content=document).status_code for _ in range(2)]
    assert codes == [201, 200]
    other = kit.evidence("plot-b1", SEASON_START + timedelta(days=1), evidence_id="ev-x")
    assert problem(client.post("/api/v1/evidence", content=other)) == (409, "HL-SRV-005")
    assert problem(client.post("/api/v1/evidence", content=b"{}")) == (415, "HL-CORE-005")
    assert problem(client.post("/api/v1/evidence", content=b"[")) == (400, "HL-CORE-002")
    nowhere = kit.evidence("plot-nowhere", SEASON_START)
    assert problem(client.post("/api/v1/evidence", content=nowhere)) == (404, "HL-SRV-004")


def test_repayments_need_a_cashier_and_count_once(kit: Kit, client: AppClient):
    open_known(kit)
    [line] = kit.read(lines.of_farmer, "farmer-b")
    body = {
        "repayment_id": "r1", "line_id": line.line_id, "amount_minor": 500, "currency": "KES",
        "effective_on": SEASON_START.isoformat(),
    }  # fmt: skip
    cashier = token(kit, Role.CASHIER)

    def post(headers=cashier, **changes):
        return client.post("/api/v1/repayments", json={**body, **changes}, headers=headers)

    assert problem(post(headers={})) == (401, "HL-SRV-006")
    assert problem(post(headers={"Authorization": "Bearer guess"})) == (401, "HL-SRV-006")
    assert problem(post(headers=token(kit, Role.AUDITOR))) == (403, "HL-SRV-007")
    first, second = post(), post()
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert first.json()["surplus_minor"] == 500
    assert problem(post(amount_minor=501)) == (409, "HL-SRV-005")
    for changes in (
        {"amount_minor": 5.5},
        {"amount_minor": -5},
        {"amount_minor": SAFE_INTEGER_MAX + 1},
        {"effective_on": "tomorrow"},
        {"effective_on": "2026-13-01"},
        {"currency": "kes"},
        {"line_id": ""},
    ):
        assert problem(post(**{"repayment_id": "r2", **changes})) == (422, "HL-SRV-011")
    assert problem(post(repayment_id="r3", line_id="nowhere")) == (404, "HL-SRV-004")


def test_bodies_above_their_bound_are_refused(kit: Kit):
    tight = replace(
        kit.centre.settings,
        envelope_bytes_max=4096,
        evidence_bytes_max=4096,
        document_bytes_max=4096,
    )
    client = AppClient(create_app(replace(kit.centre, settings=tight)))
    for path in ("envelopes", "evidence", "pull"):
        answer = client.post(f"/api/v1/{path}", content=b"x" * 5000)
        assert problem(answer) == (413, "HL-SRV-009"), path


def test_logs_name_no_person_and_no_secret(kit: Kit, client: AppClient, caplog):
    caplog.set_level(logging.DEBUG, logger="harvestline.server")
    secret = token(kit, Role.CASHIER)["Authorization"]
    client.get("/api/v1/status", headers={"Authorization": secret})
    client.post("/api/v1/evidence", content=kit.evidence("plot-nowhere", SEASON_START))
    told = caplog.text
    assert "HL-SRV-007" in told
    for private in (secret.split()[1], "Name A", "plot-nowhere"):
        assert private not in told


def test_openapi_describes_every_endpoint(client: AppClient):
    found = client.get("/api/v1/openapi.json").json()
    ours = {path: found["paths"][path] for path in found["paths"] if path.startswith("/api/v1/")}
    assert set(ours) == {
        "/api/v1/health",
        "/api/v1/metrics",
        "/api/v1/status",
        "/api/v1/envelopes",
        "/api/v1/pull",
        "/api/v1/box-requests",
        "/api/v1/evidence",
        "/api/v1/evidence:batch",
        "/api/v1/blobs/{sha256}",
        "/api/v1/repayments",
        "/api/v1/time",
        "/api/v1/updates/{path}",
        "/api/v1/orders",
        "/api/v1/orders/{order_id}",
        "/api/v1/orders/{order_id}/withdrawal",
        "/api/v1/orders/{order_id}/deliveries",
        "/api/v1/orders/{order_id}/receipt",
        "/api/v1/carried",
        "/api/v1/photo-parts",
        "/api/v1/photos/{sha256}",
        "/api/v1/sales",
        "/api/v1/sales/{sale_id}",
        "/api/v1/sales/{sale_id}/receipt",
        "/api/v1/lines",
        "/api/v1/lines/{line_id}",
        "/api/v1/lines/{line_id}/statement",
        "/api/v1/lines/{line_id}/movements",
        "/api/v1/draws",
        "/api/v1/applications",
        "/api/v1/stations",
        "/api/v1/partners",
        "/api/v1/payouts",
        "/api/v1/payouts/answers/{rail}",
    }
    assert all(each["summary"] for path in ours.values() for each in path.values())


@pytest.mark.parametrize("field", ["repayment_id", "line_id"])
@pytest.mark.parametrize("text", ["\0", "r\0001", "r1\n"])
def test_an_id_that_no_column_keeps_is_the_senders_fault(
    kit: Kit, client: AppClient, field: str, text: str
):
    body = {
        "repayment_id": "r1", "line_id": "line-1", "amount_minor": 500, "currency": "KES",
        "effective_on": SEASON_START.isoformat(), field: text,
    }  # fmt: skip
    answer = client.post("/api/v1/repayments", json=body, headers=token(kit, Role.CASHIER))
    assert problem(answer) == (422, "HL-SRV-011")


def test_a_nul_in_evidence_is_the_senders_fault_and_costs_nobody_else(
    kit: Kit, client: AppClient, engine_name: str
):
    bad = [kit.evidence("plot-b1\0", SEASON_START, evidence_id=f"ev-{n}\0") for n in range(4)]
    good = kit.evidence("plot-b1", SEASON_START, evidence_id="ev-good")
    expected = {"sqlite": (404, "HL-SRV-004"), "postgresql": (422, "HL-CORE-001")}[engine_name]
    assert problem(client.post("/api/v1/evidence", content=bad[0])) == expected
    told = client.post("/api/v1/evidence:batch", content=b"\n".join([*bad, good]))
    assert told.status_code == 200
    statuses = [each["status"] for each in told.json()["results"]]
    assert statuses == [expected[0]] * 4 + [201]


@pytest.mark.parametrize(
    "change",
    [{"fee_minor": SAFE_INTEGER_MAX}, {"fee_minor": 100_001}, {"amount_minor": SAFE_INTEGER_MAX}],
)
def test_a_draw_that_cannot_be_stops_neither_its_log_nor_its_line(
    kit: Kit, client: AppClient, change: dict[str, int]
):
    kit.station.pull(kit.centre)
    opening = open_at_kiosk(kit)
    draw(kit, "draw-1", opening.line_id, opening.lease.lease_id, 100_000, "posted")
    lie = {**kit.station.records[MONEY][-1].body, "draw_id": "draw-2", **change}
    kit.station.write(MONEY, "drawdown", lie, kit.clock.at_ms)
    answer = client.post("/api/v1/envelopes", content=kit.station.envelope(MONEY))
    assert answer.status_code == 200
    assert any(flag.startswith("HL-CORE-003: draw draw-2: expected") for flag in flags(kit))
    kit.clock.add_days(1)
    pulled = client.post("/api/v1/pull", content=kit.station.pull_bytes(kit.clock.at_ms))
    assert pulled.status_code == 200
    drawn = kit.read(leases.draws_of_line, opening.line_id)
    assert [each.draw_id for each in drawn] == ["draw-1"]


def test_many_draws_of_one_line_do_not_pass_what_is_exact(kit: Kit, client: AppClient):
    kit.station.pull(kit.centre)
    opening = open_at_kiosk(kit)
    draw(kit, "draw-1", opening.line_id, opening.lease.lease_id, 100_000, "posted")
    body = kit.station.records[MONEY][-1].body
    for number in range(2, 110):
        most = {**body, "draw_id": f"draw-{number}", "amount_minor": DRAW_MINOR_MAX}
        kit.station.write(MONEY, "drawdown", most, kit.clock.at_ms)
    answer = client.post("/api/v1/envelopes", content=kit.station.envelope(MONEY))
    assert answer.status_code == 200
    assert leases.posted_minor(kit.read(leases.draws_of_line, opening.line_id)) <= LINE_MINOR_MAX
    assert any("under a line" in flag for flag in flags(kit))


@pytest.mark.parametrize(
    ("method", "path", "data", "status"),
    [
        ("GET", "/api/v1/nothing", b"", 404),
        ("DELETE", "/api/v1/health", b"", 405),
        ("POST", "/api/v1/repayments", b"\xff\xfe", 422),
        ("POST", "/api/v1/repayments", b"{", 422),
    ],
)
def test_what_the_framework_refuses_is_a_problem_too(
    kit: Kit, client: AppClient, method: str, path: str, data: bytes, status: int
):
    headers = {"Content-Type": "application/json", **token(kit, Role.CASHIER)}
    found = client.request(method, path, content=data, headers=headers)
    assert (found.status_code, found.headers["content-type"]) == (status, PROBLEM)
    assert found.json()["status"] == status
    assert found.json()["detail"]
