"""Envelopes: applied once, held if early, refused by name; nothing that was said is lost."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from core.errors import ChainBrokenError, EnvelopeDamagedError, SignatureError
from core.signing import sign_document
from core.wire.envelope import GENESIS, LogClass, LogName, Placement, pack
from core.wire.telemetry import BATCH
from server.keys import Seals
from server.services import enrolment
from server.services.centre import RequestError, SenderError
from server.services.envelopes import WriterQuarantinedError, accept_envelope
from server.services.evidence import accept_evidence
from server.services.freezing import FreezeReason, thaw
from server.services.standing import standing
from server.services.status import status
from server.services.verifying import verify
from server.store import counts, leases, ledger, lines, logs, reports
from server.store.reports import Replay
from tests.support.centre_kit import (
    SEASON_START,
    TESTER,
    Kit,
    keys_of,
    open_known,
    polygons,
    village,
)
from tests.support.kiosk_kit import (
    MONEY,
    card_of,
    deliver,
    draw,
    flags,
    give_back,
    grant,
    leases_at_station,
    open_at_kiosk,
    write_card,
)


@pytest.fixture
def opened(kit: Kit):
    """A line opened at the kiosk with one posted draw of KES 3,000, not delivered yet."""
    kit.station.pull(kit.centre)
    opening = open_at_kiosk(kit)
    draw(kit, "draw-1", opening.line_id, opening.lease.lease_id, 300_000)
    return opening


def tables(kit: Kit) -> dict[str, int]:
    return kit.read(counts.rows_by_table)


def test_offline_application_and_draw_reach_the_books_once(kit: Kit, opened):
    answer = deliver(kit)
    receipt = kit.station.receipt(answer.receipt)
    assert (answer.placement, receipt.high_water) == (Placement.NEXT, 6)
    assert flags(kit) == []
    line = kit.read(lines.get, opened.line_id)
    stands = kit.read(standing, line, SEASON_START)
    assert (line.limit_minor, line.onboarding_minor) == (500_000, 500_000)
    assert (stands.owed.principal_minor, stands.leased_minor) == (300_000, 200_000)
    assert stands.headroom_minor == 0
    assert kit.read(ledger.account_balance, "income/fee", "KES") == -4_500
    assert kit.read(reports.decision, opened.card_id).replay is Replay.SAME
    assert verify(kit.centre).faults == ()


def test_status_says_which_records_it_counts(kit: Kit, opened):
    deliver(kit, 1, 4)
    deliver(kit)
    kit.station.pull(kit.centre)
    told = [body for body in kit.station.bodies("line") if body["line_id"] == opened.line_id]
    assert [(body["counted_seq"], body["principal_minor"]) for body in told] == [
        (4, 0),
        (6, 300_000),
    ]


def test_duplicate_envelope_changes_nothing(kit: Kit, opened):
    deliver(kit)
    before = tables(kit)
    again = deliver(kit)
    assert again.placement is Placement.KNOWN
    assert kit.station.receipt(again.receipt).high_water == 6
    assert tables(kit) == before


def test_overlapping_run_applies_only_what_is_new(kit: Kit, opened):
    deliver(kit, 1, 4)
    assert kit.station.receipt(deliver(kit, 2, 6).receipt).high_water == 6
    assert tables(kit)["inbound_records"] == 6
    assert kit.read(lines.get, opened.line_id).limit_minor == 500_000


@pytest.mark.parametrize("order", list(itertools.permutations([(1, 2), (3, 4), (5, 6)])))
def test_any_order_ends_in_the_same_books(kit: Kit, opened, order):
    for run in order:
        answer = deliver(kit, *run)
    assert kit.station.receipt(answer.receipt).high_water == 6
    assert tables(kit)["held_envelopes"] == 0
    assert tables(kit)["ledger_entries"] == 2
    assert verify(kit.centre).faults == ()


def test_early_envelope_is_held_with_a_receipt_that_tells_what_is_missing(kit: Kit, opened):
    answer = deliver(kit, 4, 6)
    assert answer.placement is Placement.EARLY
    assert kit.station.receipt(answer.receipt).high_water == 0
    assert tables(kit)["held_envelopes"] == 1
    deliver(kit, 4, 6)
    assert tables(kit)["held_envelopes"] == 1


def test_held_envelopes_are_bounded(kit: Kit, opened):
    kit.centre = replace(kit.centre, settings=replace(kit.centre.settings, held_envelopes_max=2))
    for first in (2, 3, 4):
        assert deliver(kit, first, first).placement is Placement.EARLY
    assert tables(kit)["held_envelopes"] == 2
    assert kit.station.receipt(deliver(kit).receipt).high_water == 6


def test_truncated_and_tampered_envelopes_are_set_aside(kit: Kit, opened):
    good = kit.station.envelope(MONEY)
    for damaged in (good[:-1], good[:40], b"HLE2" + good[4:], b""):
        with pytest.raises(EnvelopeDamagedError):
            accept_envelope(kit.centre, damaged)
    flipped = bytearray(good)
    flipped[good.index(b'"first":1') + 8] = ord("2")
    with pytest.raises(SignatureError):
        accept_envelope(kit.centre, bytes(flipped))
    assert tables(kit)["quarantine"] == 5
    assert tables(kit)["inbound_records"] == 0
    assert accept_envelope(kit.centre, good).placement is Placement.NEXT


def test_stranger_and_wrong_key_are_refused(kit: Kit, opened):
    seal = (kit.centre.keys.seal_key_id, Seals((kit.centre.keys.identity().seal_key,)))
    run = kit.station.records[MONEY]
    stranger = pack(LogName("st-two", MONEY), "0" * 64, run, keys_of("st-two", 9), seal)
    with pytest.raises(SenderError):
        accept_envelope(kit.centre, stranger)
    forged = pack(LogName("st-one", MONEY), "0" * 64, run, keys_of("st-one", 9), seal)
    with pytest.raises(SignatureError):
        accept_envelope(kit.centre, forged)
    assert status(kit.centre)["inbound"] == []


def test_forked_log_quarantines_its_writer(kit: Kit, opened):
    deliver(kit, 1, 4)
    kit.station.records[MONEY] = kit.station.records[MONEY][:3]
    draw(kit, "draw-9", opened.line_id, opened.lease.lease_id, 100_000)
    with pytest.raises(ChainBrokenError, match="forked"):
        deliver(kit)
    kit.station.write(LogClass.FEATURES, "daily_feature", {}, kit.clock.at_ms)
    with pytest.raises(WriterQuarantinedError):
        deliver(kit, log=LogClass.FEATURES)
    assert "forked" in kit.read(logs.quarantine_reason, "st-one")
    assert tables(kit)["inbound_records"] == 4
    leases_before = tables(kit)["leases"]
    kit.clock.add_days(55)
    kit.station.pull(kit.centre)
    assert tables(kit)["leases"] == leases_before
    assert "forked" in enrolment.release_station(kit.centre, "st-one", TESTER)
    deliver(kit, log=LogClass.FEATURES)
    assert tables(kit)["inbound_records"] == 5
    with pytest.raises(RequestError):
        enrolment.release_station(kit.centre, "st-one", TESTER)


def test_known_run_with_other_content_is_a_fork(kit: Kit, opened):
    deliver(kit)
    run = kit.station.records[MONEY]
    run[1] = replace(run[1], error_ms=9)
    with pytest.raises(ChainBrokenError, match="differs"):
        deliver(kit, 1, 3)


def test_draw_above_the_lease_is_booked_and_flagged(kit: Kit, opened):
    draw(kit, "draw-2", opened.line_id, opened.lease.lease_id, 400_000)
    deliver(kit)
    assert any("more is drawn" in flag for flag in flags(kit))
    stands = kit.read(standing, kit.read(lines.get, opened.line_id), SEASON_START)
    assert stands.owed.principal_minor == 700_000


def test_voided_draw_and_contradicting_states(kit: Kit, opened):
    draw(kit, "draw-2", opened.line_id, opened.lease.lease_id, 100_000, "pending", "voided")
    draw(kit, "draw-2", opened.line_id, opened.lease.lease_id, 100_000, "posted")
    draw(kit, "draw-1", opened.line_id, opened.lease.lease_id, 200_000, "posted")
    deliver(kit)
    told = flags(kit)
    assert len(told) == 2
    assert any("cannot become posted" in flag for flag in told)
    assert any("other content" in flag for flag in told)
    stands = kit.read(standing, kit.read(lines.get, opened.line_id), SEASON_START)
    assert stands.owed.principal_minor == 300_000


def test_pending_draw_counts_against_headroom(kit: Kit):
    kit.station.pull(kit.centre)
    opening = open_at_kiosk(kit)
    draw(kit, "draw-1", opening.line_id, opening.lease.lease_id, 300_000, "pending")
    deliver(kit)
    stands = kit.read(standing, kit.read(lines.get, opening.line_id), SEASON_START)
    assert (stands.pending_minor, stands.owed.principal_minor) == (300_000, 0)
    assert (stands.leased_minor, stands.headroom_minor) == (200_000, 0)


def test_closed_lease_releases_its_unspent_part(kit: Kit, opened):
    give_back(kit, opened.lease.lease_id, 300_000)
    deliver(kit)
    assert flags(kit) == []
    kit.station.pull(kit.centre)
    # 80 % of what is undrawn, in steps of KES 100.
    [lease] = [each for each in leases_at_station(kit) if each.line_id == opened.line_id]
    assert lease.amount_minor == 160_000
    onboarding = [
        each.lease_id
        for each in leases_at_station(kit, "onboarding")
        if each.product_id == "crop-season"
    ]
    assert len(onboarding) == 2
    assert verify(kit.centre).faults == ()


def test_lease_with_a_pending_draw_or_another_sum_releases_nothing(kit: Kit, opened):
    draw(kit, "draw-2", opened.line_id, opened.lease.lease_id, 100_000, "pending")
    give_back(kit, opened.lease.lease_id, 300_000)
    draw(kit, "draw-2", opened.line_id, opened.lease.lease_id, 100_000, "posted")
    give_back(kit, opened.lease.lease_id, 300_000)
    deliver(kit)
    told = sorted(flags(kit))
    assert len(told) == 2
    assert any("still pending" in flag for flag in told)
    assert any("nothing is released" in flag for flag in told)
    assert kit.read(leases.find, opened.lease.lease_id).closed_at_ms is None


def test_card_that_does_not_replay_is_kept_and_its_line_frozen(kit: Kit):
    kit.station.pull(kit.centre)
    opening = open_at_kiosk(kit, tampered=True)
    deliver(kit)
    assert kit.read(reports.decision, opening.card_id).replay is Replay.DIFFERS
    assert kit.read(lines.get, opening.line_id).frozen
    assert [fault.statement for fault in verify(kit.centre).faults] == ["decision cards replay"]


def test_card_by_another_hand_is_kept_and_flagged(kit: Kit, opened):
    deliver(kit)
    kept = kit.read(reports.find_application, opened.application_id)
    card = replace(card_of(kit, kept.application, 800_000), card_id="card-forged")
    write_card(kit, card, signer=keys_of("stranger", 77))
    deliver(kit)
    assert kit.read(reports.decision, "card-forged").replay is Replay.BAD_SIGNATURE


def test_malformed_and_unknown_records_stay_in_the_log_and_stop_nothing(kit: Kit, opened):
    kit.station.write(MONEY, "drawdown", {"draw_id": 7}, kit.clock.at_ms)
    kit.station.write(MONEY, "from_the_future", {"x": 1}, kit.clock.at_ms)
    kit.station.write(MONEY, "application", _nul_application(), kit.clock.at_ms)
    draw(kit, "draw-2", opened.line_id, opened.lease.lease_id, 100_000)
    answer = deliver(kit)
    assert kit.station.receipt(answer.receipt).high_water == 11
    assert len(flags(kit)) >= 2
    stands = kit.read(standing, kit.read(lines.get, opened.line_id), SEASON_START)
    assert stands.owed.principal_minor == 400_000
    assert verify(kit.centre).faults == ()


def _nul_application() -> dict[str, object]:
    return {
        "application_id": "app-\0", "farmer_id": "nobody", "product_id": "crop-season",
        "subject_ids": [], "asked_minor": 1, "currency": "KES",
    }  # fmt: skip


def batch(device_key, device: str = "probe-1") -> dict[str, object]:
    body = {
        "device": device, "epoch": "e1", "boot": 1, "oldest": 1,
        "samples": [
            {"seq": 1, "at_ms": 1, "error_ms": 0, "values": {"soil_moisture_ppm": 200_000}}
        ],
    }  # fmt: skip
    return json.loads(sign_document(BATCH, body, device_key))


def test_readings_are_kept_verbatim_and_a_wrong_device_key_shows(kit: Kit):
    for key in (keys_of("probe-1", 40), keys_of("probe-1", 41)):
        kit.station.write(LogClass.RAW, "telemetry", batch(key), kit.clock.at_ms)
    kit.station.write(
        LogClass.RAW, "telemetry", batch(keys_of("x", 42), "probe-x"), kit.clock.at_ms
    )
    deliver(kit, log=LogClass.RAW)
    assert tables(kit)["telemetry"] == 3
    told = sorted(flags(kit))
    assert len(told) == 2
    assert "registered key" in told[0]
    assert "not registered" in told[1]


def test_daily_feature_of_the_same_day_stands_in_place(kit: Kit):
    for heads in (18, 17):
        body = {
            "subject_id": "herd-b", "feature": "heads_count", "day": "2026-03-16", "value": heads,
            "coverage_ppm": 1_000_000, "readings_count": 4, "readings_sha256": "0" * 64,
        }  # fmt: skip
        kit.station.write(LogClass.FEATURES, "daily_feature", body, kit.clock.at_ms)
    deliver(kit, log=LogClass.FEATURES)
    [kept] = kit.read(reports.features_of, "herd-b")
    assert kept.value == 17


def test_pull_brings_the_village_and_acknowledges(kit: Kit):
    kit.station.pull(kit.centre)
    kinds = {record.kind for record in kit.station.down}
    assert kinds >= {"product", "model", "farmer", "subject", "device", "dossier", "lease"}
    assert {body["farmer_id"] for body in kit.station.bodies("farmer")} == {
        "farmer-a",
        "farmer-b",
        "farmer-c",
    }
    [log] = kit.read(logs.outbound)
    assert log.acknowledged == log.high_water == len(kit.station.down)


def test_pull_with_another_head_is_refused(kit: Kit):
    kit.station.pull(kit.centre)
    kit.station.down_head = "f" * 64
    with pytest.raises(ChainBrokenError):
        kit.station.pull(kit.centre)


@pytest.mark.parametrize("said", ["soon", "0001-01-01", "9999-12-31"])
def test_draw_of_a_day_that_cannot_be_is_booked_flagged_and_blocks_nothing(
    kit: Kit, opened, said: str
):
    """One such record would stop the station's money log for ever, or charge ages of interest."""
    [*_, posted] = kit.station.records[MONEY]
    for state in ("pending", "posted"):
        changes = {"draw_id": "draw-2", "amount_minor": 100_000, "effective_on": said}
        body = {**posted.body, **changes, "state": state}
        kit.station.write(MONEY, "drawdown", body, kit.clock.at_ms)
    draw(kit, "draw-3", opened.line_id, opened.lease.lease_id, 100_000)
    deliver(kit)
    assert any("effective_on" in flag for flag in flags(kit))
    line = kit.read(lines.get, opened.line_id)
    stands = kit.read(standing, line, SEASON_START + timedelta(days=10))
    assert stands.owed.principal_minor == 500_000
    assert 0 < stands.owed.interest_minor < 5_000
    assert kit.read(leases.find_draw, "draw-2").effective_on == SEASON_START.isoformat()


def test_card_of_no_day_is_kept_and_flagged_and_blocks_nothing(kit: Kit, opened):
    deliver(kit)
    kept = kit.read(reports.find_application, opened.application_id)
    card = replace(card_of(kit, kept.application, 800_000), card_id="card-no-day")
    write_card(kit, replace(card, inputs=replace(card.inputs, decided_on="soon")))
    draw(kit, "draw-2", opened.line_id, opened.lease.lease_id, 100_000)
    deliver(kit)
    assert kit.read(reports.decision, "card-no-day").replay is Replay.UNREADABLE
    assert kit.read(leases.find_draw, "draw-2") is not None


@pytest.mark.parametrize("turned_ms", [0, -3_600_000])
def test_withdrawal_counts_whatever_the_stations_clock_says(kit: Kit, turned_ms: int):
    grant(kit, "farmer-c", "consent-2")
    given = kit.station.records[MONEY][-1].body
    back = {**given, "consent_id": "consent-1", "action": "withdraw"}
    kit.station.write(MONEY, "consent", back, kit.clock.at_ms + turned_ms)
    deliver(kit)
    assert kit.read(reports.granted_purposes, "farmer-c") == {}
    grant(kit, "farmer-c", "consent-0")
    deliver(kit)
    assert kit.read(reports.granted_purposes, "farmer-c") == {"automated_decision": "consent-0"}


def test_line_that_broke_a_rule_stays_frozen_when_its_plot_is_seen_again(kit: Kit):
    """A review that froze it for want of a look must not thaw what was frozen before."""
    kit.station.pull(kit.centre)
    opening = open_at_kiosk(kit, tampered=True)
    deliver(kit)
    for number, clear in ((60, 1), (62, 62)):
        on, seen = (SEASON_START + timedelta(days=days) for days in (number, clear))
        kit.clock.set_day(on)
        document = kit.evidence("plot-c1", on, p10=1500, last_clear_on=seen.isoformat())
        accept_evidence(kit.centre, document)
        assert kit.read(lines.get, opening.line_id).frozen, number
    kit.station.pull(kit.centre)
    assert [each for each in leases_at_station(kit) if each.line_id == opening.line_id] == []
    thaw(kit.centre, opening.line_id, FreezeReason.CLEARED, TESTER)
    assert not kit.read(lines.get, opening.line_id).frozen


def test_plot_that_another_open_line_rests_on_is_not_lent_against_twice(kit: Kit):
    """The centre opens a line while the station, dark, opens one on the same plot."""
    kit.station.pull(kit.centre)
    enrolment.import_village(kit.centre, _with_history(), polygons(), TESTER)
    opening = open_at_kiosk(kit)
    open_known(kit)
    [known] = kit.read(lines.of_farmer, "farmer-c")
    deliver(kit)
    assert any(f"line {known.line_id} rests on" in flag for flag in flags(kit))
    assert kit.read(lines.get, opening.line_id).frozen
    assert not kit.read(lines.get, known.line_id).frozen


def _with_history():
    found = village()
    dossiers = tuple(
        replace(each, features={**each.features, "past_seasons_repaid_count": 2})
        for each in found.dossiers
    )
    return replace(found, dossiers=dossiers)


def test_station_cannot_settle_a_draw_of_another(kit: Kit, opened):
    """Voided by a stranger, money that was paid out would never reach the books."""
    deliver(kit, 1, 5)
    other = enrolled(kit, "st-two", 60)
    [pending] = [r.body for r in kit.station.records[MONEY] if r.body.get("state") == "pending"]
    other.write(MONEY, "drawdown", {**pending, "state": "voided"}, kit.clock.at_ms)
    accept_envelope(kit.centre, other.envelope(MONEY))
    assert any("st-one's" in flag for flag in flags(kit))
    deliver(kit)
    stands = kit.read(standing, kit.read(lines.get, opened.line_id), SEASON_START)
    assert stands.owed.principal_minor == 300_000
    assert kit.read(leases.find_draw, "draw-1").writer == "st-one"
    assert verify(kit.centre).faults == ()


def enrolled(kit: Kit, name: str, number: int):
    """Another station of this centre, with logs of its own."""
    keys = keys_of(name, number)
    enrolment.enroll_station(kit.centre, keys.identity(), TESTER)
    return replace(kit.station, keys=keys, records={}, down=[], down_head=GENESIS)


def test_word_that_returns_to_what_it_was_is_said_again(kit: Kit):
    """What a station was told last counts, not what it was ever told."""
    kit.station.pull(kit.centre)
    for size in (5, 4):
        farmers = tuple(replace(each, household_size=size) for each in village().farmers)
        found = replace(village(), farmers=farmers)
        enrolment.import_village(kit.centre, found, polygons(), TESTER)
    kit.station.pull(kit.centre)
    told = [body for body in kit.station.bodies("farmer") if body["farmer_id"] == "farmer-a"]
    assert [body["household_size"] for body in told] == [4, 5, 4]
    count = len(kit.station.down)
    enrolment.import_village(kit.centre, village(), polygons(), TESTER)
    kit.station.pull(kit.centre)
    assert len(kit.station.down) == count
