"""Stations that are lost for good, people who move, and lines that are drawn in two places."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.errors import HarvestlineError, ShapeError
from core.lending.lease import DrawState, Lease
from core.shape import decode, encode
from core.units import PPM
from core.wire.envelope import GENESIS, LogClass
from core.wire.records import Drawdown, FarmerLeft, LeaseClosed
from server.services import enrolment
from server.services.centre import LoginRequiredError, RequestError, RoleError, SenderError
from server.services.destruction import Proof, declare_destroyed, officer
from server.services.envelopes import accept_envelope
from server.services.moving import move_home
from server.services.pulls import answer_pull
from server.services.roaming import roam
from server.services.standing import standing
from server.services.verifying import verify
from server.store import destroyed, leases, ledger, lines, people, registry
from server.store.people import Actor, Role
from server.store.places import Place
from tests.support.centre_kit import (
    SEASON_START,
    TESTER,
    Kit,
    StationKit,
    keys_of,
    open_known,
    polygons,
    village,
)
from tests.support.kiosk_kit import MONEY, deliver, draw, leases_at_station, open_at_kiosk

FIRST, SECOND = Actor("officer-a", "supervisor"), Actor("officer-b", "supervisor")
PROOF = Proof(b"a photograph of the board, sawn in two")


def another(kit: Kit, name: str = "st-two", number: int = 60) -> StationKit:
    keys = keys_of(name, number)
    enrolment.enroll_station(kit.centre, keys.identity(), TESTER)
    return replace(kit.station, keys=keys, records={}, down=[], down_head=GENESIS)


def leases_of(station: StationKit) -> list[Lease]:
    found = [decode(Lease, document["body"]) for document in station.bodies("lease")]
    return [lease for lease in found if lease.kind.value == "line"]


def stands(kit: Kit, line_id: str):
    return kit.read(standing, kit.read(lines.get, line_id), SEASON_START)


def line_of(kit: Kit, farmer_id: str) -> str:
    """A line that the centre opened for a farmer who repaid before."""
    open_known(kit)
    return kit.read(lines.of_farmer, farmer_id)[0].line_id


def lives(kit: Kit, station: str) -> None:
    """Register the village again, with farmer C at another station."""
    farmers = tuple(
        replace(each, home_station=station) if each.farmer_id == "farmer-c" else each
        for each in village().farmers
    )
    enrolment.import_village(kit.centre, replace(village(), farmers=farmers), polygons(), TESTER)


def home(kit: Kit) -> str:
    return kit.read(registry.farmer, "farmer-c").home_station


@pytest.fixture
def opened(kit: Kit):
    """A line opened at st-one's kiosk, delivered, with one draw that never was."""
    kit.station.pull(kit.centre)
    opening = open_at_kiosk(kit)
    deliver(kit)
    draw(kit, "draw-dark", opening.line_id, opening.lease.lease_id, 200_000)
    return opening


def receipts_of(kit: Kit, state: str = "posted") -> bytes:
    bodies = [r.body for r in kit.station.records[MONEY] if r.kind == "drawdown"]
    return json.dumps([each for each in bodies if each["state"] == state]).encode()


def test_a_lost_stations_leases_count_as_drawn_until_two_officers_declare_it(kit: Kit, opened):
    kit.clock.add_days(400)  # long after they expired
    assert stands(kit, opened.line_id).headroom_minor == 0
    brought = replace(PROOF, receipts=receipts_of(kit))
    assert not declare_destroyed(kit.centre, "st-one", brought, FIRST).confirmed
    assert stands(kit, opened.line_id).headroom_minor == 0, "one officer changes nothing"
    found = declare_destroyed(kit.centre, "st-one", brought, SECOND)
    assert (found.confirmed, found.booked_minor, found.flags) == (True, 200_000, ())
    after = stands(kit, opened.line_id)
    assert (after.owed.principal_minor, after.leased_minor) == (200_000, 0)
    assert after.headroom_minor == opened.limit_minor - 200_000
    assert kit.read(ledger.account_balance, "cash/st-one", "KES") == -200_000
    assert all(s.closed_at_ms is not None for s in kit.read(leases.of_station, "st-one"))
    trail = [row.action for row in kit.read(people.trail_of, "station", "st-one")]
    assert trail[-2:] == ["destruction_declared", "destruction_confirmed"]
    assert verify(kit.centre).faults == ()


def test_what_a_destroyed_station_paid_out_is_told_where_else_the_line_is_drawn(kit: Kit, opened):
    guest = another(kit)
    roam(kit.centre, opened.line_id, Place("st-two", 400_000), TESTER)
    guest.pull(kit.centre)
    before = len(guest.bodies("line"))
    brought = replace(PROOF, receipts=receipts_of(kit))
    declare_destroyed(kit.centre, "st-one", brought, FIRST)
    declare_destroyed(kit.centre, "st-one", brought, SECOND)
    guest.pull(kit.centre)
    told = [body for body in guest.bodies("line")[before:] if body["line_id"] == opened.line_id]
    assert told[-1]["principal_minor"] == 200_000
    assert told[-1]["facts"]["drawn"] != []


def test_nothing_is_ever_accepted_from_a_destroyed_station(kit: Kit, opened):
    declare_destroyed(kit.centre, "st-one", PROOF, FIRST)
    declare_destroyed(kit.centre, "st-one", PROOF, SECOND)
    for log in (MONEY, LogClass.FEATURES):
        kit.station.write(log, "daily_feature", {}, kit.clock.at_ms)
        with pytest.raises(SenderError, match="revoked for good"):
            deliver(kit, log=log)
    with pytest.raises(HarvestlineError):
        answer_pull(kit.centre, kit.station.pull_bytes(kit.clock.at_ms))
    count = len(kit.read(leases.of_station, "st-one"))
    enrolment.add_product(kit.centre, replace(kit.product, version=9), TESTER)
    assert len(kit.read(leases.of_station, "st-one")) == count, "nothing is leased there"
    with pytest.raises(RequestError, match="for good"):
        declare_destroyed(kit.centre, "st-one", PROOF, Actor("officer-c", "supervisor"))
    assert kit.read(leases.find_draw, "draw-dark") is None


def test_a_draw_that_was_pending_when_the_station_died_is_voided(kit: Kit, opened):
    draw(kit, "draw-open", opened.line_id, opened.lease.lease_id, 100_000, "pending")
    deliver(kit)
    declare_destroyed(kit.centre, "st-one", PROOF, FIRST)
    declare_destroyed(kit.centre, "st-one", PROOF, SECOND)
    assert kit.read(leases.find_draw, "draw-open").state is DrawState.VOIDED
    assert stands(kit, opened.line_id).owed.principal_minor == 200_000
    assert verify(kit.centre).faults == ()


@pytest.mark.parametrize(
    ("proof", "by", "told"),
    [
        (PROOF, FIRST, "second officer"),
        (Proof(b"another photograph"), SECOND, "same proof"),
        (Proof(PROOF.proof, b"[]\n"), SECOND, "same proof"),
        (Proof(b""), SECOND, "empty file"),
    ],
)
def test_a_confirmation_that_confirms_nothing_is_refused(kit: Kit, proof, by, told):
    declare_destroyed(kit.centre, "st-one", PROOF, FIRST)
    with pytest.raises(RequestError, match=told):
        declare_destroyed(kit.centre, "st-one", proof, by)
    assert not kit.read(destroyed.is_gone, "st-one")
    with pytest.raises(ShapeError):
        declare_destroyed(kit.centre, "st-one", Proof(b"x", b"{}"), SECOND)


def test_an_officer_sets_right_what_nobody_has_confirmed(kit: Kit, opened):
    """Receipts that cannot be booked would else stand in the way for ever."""
    wrong = [{"draw_id": "d", "line_id": opened.line_id, "lease_id": "l", "state": "posted",
              "amount_minor": -5, "fee_minor": 0, "currency": "KES", "consent_id": "c",
              "apr_ppm": 1, "effective_on": "2026-03-20"}]  # fmt: skip
    bad = Proof(PROOF.proof, json.dumps(wrong).encode())
    declare_destroyed(kit.centre, "st-one", bad, FIRST)
    with pytest.raises(ShapeError, match="expected a positive amount"):
        declare_destroyed(kit.centre, "st-one", bad, SECOND)
    assert not declare_destroyed(kit.centre, "st-one", PROOF, FIRST).confirmed
    with pytest.raises(RequestError, match="same proof"):
        declare_destroyed(kit.centre, "st-one", bad, SECOND)
    assert declare_destroyed(kit.centre, "st-one", PROOF, SECOND).confirmed


def test_only_a_supervisor_with_the_password_is_an_officer(kit: Kit):
    enrolment.add_user(kit.centre, "ada", "a long password", Role.SUPERVISOR, TESTER)
    enrolment.add_user(kit.centre, "ben", "a long password", Role.LENDER, TESTER)
    assert officer(kit.centre, "ada", "a long password") == Actor("ada", "supervisor")
    with pytest.raises(LoginRequiredError):
        officer(kit.centre, "ada", "another password")
    with pytest.raises(LoginRequiredError):
        officer(kit.centre, "nobody", "a long password")
    with pytest.raises(RoleError):
        officer(kit.centre, "ben", "a long password")


def test_two_stations_share_what_a_line_carries_and_no_more(kit: Kit):
    """The whole limit is never leased twice, however the shares move."""
    guest = another(kit)
    line_id = line_of(kit, "farmer-a")
    kit.station.pull(kit.centre)
    limit = kit.read(lines.get, line_id).limit_minor
    places = roam(kit.centre, line_id, Place("st-two", 500_000), TESTER)
    assert [(each.station, each.share_ppm) for each in places] == [
        ("st-one", 500_000),
        ("st-two", 500_000),
    ]
    guest.pull(kit.centre)
    kit.station.pull(kit.centre)
    first = [lease for lease in leases_at_station(kit) if lease.line_id == line_id]
    recalled = [body["lease_id"] for body in kit.station.bodies("recall")]
    assert recalled == [lease.lease_id for lease in first]
    out = first + leases_of(guest)
    assert sum(lease.amount_minor for lease in out) <= limit
    for lease_id in recalled:  # the station obeys
        kit.station.write(MONEY, "lease_closed", LeaseClosed(lease_id, 0), kit.clock.at_ms)
    deliver(kit)
    kit.centre.write(lambda work: _issue(work, line_id))
    guest.pull(kit.centre)
    assert [body["line_id"] for body in guest.bodies("line")][-1] == line_id
    assert {body["farmer_id"] for body in guest.bodies("farmer")} == {"farmer-a"}
    live = [s for s in kit.read(leases.of_line, line_id) if s.closed_at_ms is None]
    assert {signed.lease.station for signed in live} == {"st-one", "st-two"}
    assert sum(signed.lease.amount_minor for signed in live) <= limit
    lease = leases_of(guest)[-1]
    body = Drawdown(
        "draw-guest", line_id, lease.lease_id, DrawState.POSTED, 10_000, 150, "KES", "c", 1,
        SEASON_START.isoformat(),
    )  # fmt: skip
    guest.write(MONEY, "drawdown", body, kit.clock.at_ms)
    accept_envelope(kit.centre, guest.envelope(MONEY))
    assert stands(kit, line_id).owed.principal_minor == 10_000
    assert verify(kit.centre).faults == ()


def _issue(work, line_id):
    from server.services.leasing import issue_for_line  # noqa: PLC0415

    return issue_for_line(work, line_id)


def test_a_share_that_cannot_be_is_refused(kit: Kit):
    another(kit)
    line_id = line_of(kit, "farmer-a")
    for place, told in (
        (Place("st-one", 1), "another station than its own"),
        (Place("st-two", PPM + 1), "expected a share"),
        (Place("st-two", -1), "expected a share"),
    ):
        with pytest.raises(RequestError, match=told):
            roam(kit.centre, line_id, place, TESTER)
    roam(kit.centre, line_id, Place("st-two", 400_000), TESTER)
    assert len(roam(kit.centre, line_id, Place("st-two", 0), TESTER)) == 1


def test_a_home_changes_only_with_the_old_stations_word(kit: Kit):
    guest = another(kit)
    kit.station.pull(kit.centre)
    lives(kit, "st-two")
    assert home(kit) == "st-one"
    guest.pull(kit.centre)
    assert guest.bodies("farmer") == [], "the new station cannot open a line for them yet"
    kit.station.pull(kit.centre)
    told = max(r.seq for r in kit.station.down if r.kind == "farmer")
    kit.station.write(MONEY, "farmer_left", FarmerLeft("farmer-c", told), kit.clock.at_ms)
    deliver(kit)
    assert home(kit) == "st-two"
    guest.pull(kit.centre)
    assert guest.bodies("farmer")[-1]["home_station"] == "st-two"


def test_an_answer_to_an_older_word_moves_nobody(kit: Kit):
    """They came back in between, and the old station may have opened a line for them."""
    another(kit)
    kit.station.pull(kit.centre)
    lives(kit, "st-two")
    kit.station.pull(kit.centre)
    told = max(r.seq for r in kit.station.down if r.kind == "farmer")
    lives(kit, "st-one")
    lives(kit, "st-two")
    kit.station.write(MONEY, "farmer_left", FarmerLeft("farmer-c", told), kit.clock.at_ms)
    deliver(kit)
    assert home(kit) == "st-one"
    kit.station.pull(kit.centre)
    newest = max(r.seq for r in kit.station.down if r.kind == "farmer")
    kit.station.write(MONEY, "farmer_left", FarmerLeft("farmer-c", newest), kit.clock.at_ms)
    deliver(kit)
    assert home(kit) == "st-two"


def test_a_line_follows_its_farmer_home(kit: Kit, opened):
    another(kit)
    deliver(kit)
    lives(kit, "st-two")
    kit.station.pull(kit.centre)
    told = max(r.seq for r in kit.station.down if r.kind == "farmer")
    kit.station.write(MONEY, "farmer_left", FarmerLeft("farmer-c", told), kit.clock.at_ms)
    deliver(kit)
    guest = replace(kit.station, keys=keys_of("st-two", 60), records={}, down=[], down_head=GENESIS)
    guest.pull(kit.centre)
    assert [body["line_id"] for body in guest.bodies("line")] == [opened.line_id]


def test_who_lived_at_a_destroyed_station_moves_at_once(kit: Kit):
    another(kit)
    lives(kit, "st-two")
    assert home(kit) == "st-one"
    declare_destroyed(kit.centre, "st-one", PROOF, FIRST)
    declare_destroyed(kit.centre, "st-one", PROOF, SECOND)
    assert home(kit) == "st-two"


def test_giving_back_every_onboarding_lease_lets_people_move(kit: Kit):
    another(kit)
    kit.station.pull(kit.centre)
    lives(kit, "st-two")
    for signed in kit.read(leases.onboarding_of, "st-one"):
        record = LeaseClosed(signed.lease.lease_id, 0)
        kit.station.write(MONEY, "lease_closed", record, kit.clock.at_ms)
    deliver(kit)
    assert home(kit) == "st-two"
    kit.centre.write(lambda work: move_home(work, work_farmer(work), "st-two"))
    assert home(kit) == "st-two"


def work_farmer(work):
    return registry.farmer(work.tx, "farmer-c")


def test_officers_declare_it_at_the_command_line(tmp_path: Path):
    from server.app import main  # noqa: PLC0415

    run = CliRunner()
    made = run.invoke(main, ["init", "--out", str(tmp_path), "--json"])
    assert made.exit_code == 0, made.output
    config = json.loads(made.output)["config"]
    identity = tmp_path / "st-one.pub.json"
    identity.write_text(json.dumps(encode(keys_of("st-one", 9).identity())))
    assert run.invoke(main, ["enroll-station", str(identity), "--config", config]).exit_code == 0
    password, proof = tmp_path / "password", tmp_path / "proof.jpg"
    password.write_text("a long password")
    proof.write_bytes(PROOF.proof)
    said = []
    for name in ("ada", "ben"):
        run.invoke(
            main, ["user", "add", name, "--role", "supervisor", "--password-file", str(password),
                   "--config", config],
        )  # fmt: skip
        found = run.invoke(
            main, ["station-destroyed", "st-one", "--proof", str(proof), "--officer", name,
                   "--password-file", str(password), "--config", config, "--json"],
        )  # fmt: skip
        assert found.exit_code == 0, found.output
        said.append(json.loads(found.output)["confirmed"])
    assert said == [False, True]


def test_station_that_a_farmer_moved_away_from_is_told(kit: Kit):
    """Else it goes on opening first lines for somebody whose home is elsewhere."""
    kit.station.pull(kit.centre)
    moved = another(kit)
    farmers = tuple(
        replace(each, home_station="st-two") if each.farmer_id == "farmer-c" else each
        for each in village().farmers
    )
    found = replace(village(), farmers=farmers)
    enrolment.import_village(kit.centre, found, polygons(), TESTER)
    for station, homes in ((kit.station, ["st-one", "st-two"]), (moved, [])):
        station.pull(kit.centre)
        told = [body for body in station.bodies("farmer") if body["farmer_id"] == "farmer-c"]
        assert [body["home_station"] for body in told] == homes
    seq = next(r.seq for r in reversed(kit.station.down) if r.kind == "farmer")
    kit.station.write(MONEY, "farmer_left", FarmerLeft("farmer-c", seq), kit.clock.at_ms)
    deliver(kit)
    moved.pull(kit.centre)
    assert [body["home_station"] for body in moved.bodies("farmer")] == ["st-two"]
