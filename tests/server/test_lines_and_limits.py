"""A limit follows the crop, through the service and the store, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from core.errors import CanonicalError, SignatureError
from core.lending.limit import Movement
from core.lending.workdays import CalendarTerms, Roll
from core.reasons import ReasonCode
from core.wire.envelope import LogClass
from core.wire.evidence import Stage
from server.services import enrolment
from server.services.centre import RequestError
from server.services.evidence import accept_evidence
from server.services.standing import standing
from server.services.verifying import verify
from server.store import leases, lines
from server.store.engine import ConflictError, NotKnownError
from tests.support.centre_kit import SEASON_START, STATION, TESTER, Kit, keys_of, open_known
from tests.support.kiosk_kit import deliver


def line_of(kit: Kit, farmer_id: str) -> lines.Line:
    found = kit.read(lines.of_farmer, farmer_id)
    assert len(found) == 1
    return found[0]


def day(number: int) -> date:
    return SEASON_START + timedelta(days=number)


def see(kit: Kit, number: int, stage: Stage, p10: int | None, *plots: str) -> None:
    """Deliver evidence of some plots on a day, on that day."""
    kit.clock.set_day(day(number))
    for plot in plots:
        accept_evidence(kit.centre, kit.evidence(plot, day(number), stage, p10))


def reasons(moved: lines.LineMovement) -> list[ReasonCode]:
    return [reason.code for reason in moved.reasons]


def test_known_farmers_get_the_sowing_share_and_a_card_that_replays(kit: Kit):
    opened = open_known(kit)
    # 3 ha and 1.6 ha × KES 25,000 × 35 %; farmer C has repaid nothing yet.
    assert {one.farmer_id: one.limit_minor for one in opened} == {
        "farmer-a": 2_620_000,
        "farmer-b": 1_400_000,
    }
    line = line_of(kit, "farmer-a")
    first = kit.read(lines.movements_of, line.line_id)[0]
    assert (first.movement, reasons(first)) == (Movement.OPENED, [ReasonCode.LIMIT_OPENED])
    assert first.terms["stage_cost_minor"] == 2_625_000
    assert verify(kit.centre).faults == ()


def test_opening_again_changes_nothing(kit: Kit):
    open_known(kit)
    assert open_known(kit) == ()


# One row a look at farmer B's only plot of 1.6 ha: day, stage, p10 [kg/ha], then the
# movement and the limit [KES]. Price 45 × 0.9 × 0.9; scale of finance 25,000 a hectare;
# four people × 1,000.
SEASON = """
day stage       p10   movement  limit
10  emergence   1500  held      14000
15  emergence   1500  raised    20000
20  emergence   1550  held      20000
35  vegetative  1600  held      20000
40  vegetative  1600  raised    28000
70  heading     1700  held      28000
75  heading     1700  raised    36000
80  heading     700   cut       26500
"""


def test_limit_follows_the_season(kit: Kit):
    open_known(kit)
    line = line_of(kit, "farmer-b")
    for row in SEASON.strip().splitlines()[1:]:
        number, stage, p10, movement, limit = row.split()
        see(kit, int(number), Stage(stage), int(p10), "plot-b1")
        moved = kit.read(lines.last_movement, line.line_id)
        assert (moved.movement.value, moved.limit_minor // 100) == (movement, int(limit)), row
        assert moved.reasons, row
    kit.station.pull(kit.centre)
    told = [body for body in kit.station.bodies("line") if body["line_id"] == line.line_id]
    assert told[-1]["limit_minor"] == moved.limit_minor
    assert verify(kit.centre).faults == ()
    assert ReasonCode.LIMIT_HARVEST_LOWER in reasons(moved)


def test_raise_needs_two_dates_not_two_documents(kit: Kit):
    open_known(kit)
    line = line_of(kit, "farmer-b")
    see(kit, 10, Stage.EMERGENCE, 1500, "plot-b1")
    see(kit, 10, Stage.EMERGENCE, 1510, "plot-b1")
    assert line_of(kit, "farmer-b").limit_minor == line.limit_minor
    see(kit, 15, Stage.EMERGENCE, 1500, "plot-b1")
    assert line_of(kit, "farmer-b").limit_minor == 2_000_000


def test_line_of_two_plots_waits_for_both_and_is_reviewed_once(kit: Kit):
    open_known(kit)
    line = line_of(kit, "farmer-a")
    see(kit, 10, Stage.EMERGENCE, 1500, "plot-a1")
    assert len(kit.read(lines.movements_of, line.line_id)) == 1
    see(kit, 10, Stage.EMERGENCE, 1500, "plot-a2")
    found = kit.read(lines.movements_of, line.line_id)
    assert [moved.movement for moved in found] == [Movement.OPENED, Movement.HELD]
    assert len(found[-1].evidence_ids) == 2


def test_wait_for_the_other_plot_ends(kit: Kit):
    open_known(kit)
    line = line_of(kit, "farmer-a")
    see(kit, 10, Stage.EMERGENCE, 1500, "plot-a1", "plot-a2")
    see(kit, 15, Stage.EMERGENCE, 300, "plot-a1")
    assert len(kit.read(lines.movements_of, line.line_id)) == 2
    kit.clock.add_days(2)
    kit.station.pull(kit.centre)
    assert kit.read(lines.last_movement, line.line_id).as_of == day(15).isoformat()


def test_stage_is_released_when_it_is_seen_not_by_the_calendar(kit: Kit):
    open_known(kit)
    line = line_of(kit, "farmer-b")
    for number in (60, 65, 70):  # the calendar says vegetative or heading by now
        see(kit, number, Stage.EMERGENCE, 1600, "plot-b1")
    assert line_of(kit, "farmer-b").limit_minor == 2_000_000
    see(kit, 75, Stage.EMERGENCE, 500, "plot-b1")
    last = kit.read(lines.last_movement, line.line_id)
    assert ReasonCode.LIMIT_STAGE_NOT_SEEN in reasons(last)


def test_stale_evidence_freezes_and_a_look_lifts_it(kit: Kit):
    open_known(kit)
    see(kit, 10, Stage.EMERGENCE, 1500, "plot-b1")
    kit.clock.set_day(day(56))
    kit.station.pull(kit.centre)
    line = line_of(kit, "farmer-b")
    last = kit.read(lines.last_movement, line.line_id)
    assert (line.frozen, last.movement) == (True, Movement.FROZEN)
    see(kit, 58, Stage.EMERGENCE, 1500, "plot-b1")
    assert not line_of(kit, "farmer-b").frozen
    kit.station.pull(kit.centre)
    frozen = [
        body["frozen"] for body in kit.station.bodies("freeze") if body["line_id"] == line.line_id
    ]
    assert frozen == [True, False]


def test_pasture_moves_the_herds_line(kit: Kit):
    open_known(kit, "livestock")
    line = line_of(kit, "farmer-b")
    assert line.limit_minor == 20 * 400_000 * 4 // 10
    for number in (5, 10):
        see(kit, number, Stage.SOWING, 900_000, "pasture-1")
    raised = line_of(kit, "farmer-b")
    assert raised.limit_minor == 20 * 400_000 * 9 // 10
    see(kit, 15, Stage.SOWING, 450_000, "pasture-1")
    cut = kit.read(lines.last_movement, line.line_id)
    assert (cut.movement, cut.limit_minor) == (Movement.CUT, 20 * 400_000 * 45 // 100)
    assert reasons(cut)[0] is ReasonCode.LIMIT_PASTURE_LOWER
    assert verify(kit.centre).faults == ()


def test_herd_is_counted_by_its_best_day_of_two_weeks(kit: Kit):
    """Animals that stay away from the reader for a day do not move the limit; lost ones do."""
    open_known(kit, "livestock")
    for number, heads in ((3, 19), (9, 12), (14, 16)):
        body = {
            "subject_id": "herd-b", "feature": "heads_count", "day": day(number).isoformat(),
            "value": heads, "coverage_ppm": 1_000_000, "readings_count": 4,
            "readings_sha256": "0" * 64,
        }  # fmt: skip
        kit.station.write(LogClass.FEATURES, "daily_feature", body, kit.clock.at_ms)
    deliver(kit, log=LogClass.FEATURES)

    def heads_seen(number: int) -> int:
        see(kit, number, Stage.SOWING, 900_000, "pasture-1")
        [view] = kit.read(lines.last_movement, line_of(kit, "farmer-b").line_id).views
        return int(view["heads"])

    assert heads_seen(10) == 19
    assert heads_seen(15) == 19
    kit.station.write(LogClass.FEATURES, "daily_feature", {**body, "day": day(17).isoformat()},
                      kit.clock.at_ms)  # fmt: skip
    deliver(kit, log=LogClass.FEATURES)
    assert heads_seen(20) == 16


def test_cut_takes_only_what_is_undrawn_and_releases_nothing_that_is_out(kit: Kit):
    open_known(kit)
    line = line_of(kit, "farmer-b")
    lease = kit.read(leases.of_line, line.line_id)[0].lease
    see(kit, 10, Stage.EMERGENCE, 100, "plot-b1")
    after = line_of(kit, "farmer-b")
    stands = kit.read(standing, after, day(10))
    assert after.limit_minor < lease.amount_minor
    assert (stands.leased_minor, stands.headroom_minor) == (lease.amount_minor, 0)
    assert after.watch
    assert len(kit.read(leases.of_line, line.line_id)) == 1


def test_repeat_changes_nothing_and_other_content_is_refused(kit: Kit):
    kit.clock.set_day(day(6))
    document = kit.evidence("plot-b1", day(5), evidence_id="ev-same")
    assert accept_evidence(kit.centre, document).new
    assert not accept_evidence(kit.centre, document).new
    other = kit.evidence("plot-b1", day(6), evidence_id="ev-same")
    with pytest.raises(ConflictError):
        accept_evidence(kit.centre, other)


def test_evidence_by_a_wrong_key_is_refused(kit: Kit):
    document = kit.evidence("plot-b1", day(5), signer=keys_of("stranger", 77))
    with pytest.raises(SignatureError, match="registered key"):
        accept_evidence(kit.centre, document)


def test_tampered_evidence_is_refused(kit: Kit):
    document = kit.evidence("plot-b1", day(5), Stage.EMERGENCE, 1500)
    with pytest.raises(SignatureError, match="does not verify"):
        accept_evidence(kit.centre, document.replace(b'"p10":1500', b'"p10":1501'))
    with pytest.raises(CanonicalError):
        accept_evidence(kit.centre, document[:-7])


def test_evidence_of_another_polygon_or_subject_is_refused(kit: Kit):
    with pytest.raises(RequestError, match="registered polygon"):
        accept_evidence(kit.centre, kit.evidence("plot-b1", day(5), subject_sha256="f" * 64))
    with pytest.raises(NotKnownError):
        accept_evidence(kit.centre, kit.evidence("plot-nowhere", day(5)))
    with pytest.raises(RequestError, match="is a herd"):
        accept_evidence(kit.centre, kit.evidence("herd-b", day(5)))


def test_late_evidence_is_kept_and_moves_nothing(kit: Kit):
    open_known(kit)
    line = line_of(kit, "farmer-b")
    see(kit, 20, Stage.EMERGENCE, 1500, "plot-b1")
    accept_evidence(kit.centre, kit.evidence("plot-b1", day(10), Stage.EMERGENCE, 50))
    assert len(kit.read(lines.movements_of, line.line_id)) == 2
    accept_evidence(
        kit.centre, kit.evidence("plot-b1", day(21), Stage.HARVESTED, 50, season_id="2025")
    )
    assert len(kit.read(lines.movements_of, line.line_id)) == 2


def test_one_clear_look_counted_on_two_dates_is_one_look(kit: Kit):
    """A later run under cloud says the same of the same picture: it supports nothing new."""
    open_known(kit)
    limit = line_of(kit, "farmer-b").limit_minor
    see(kit, 10, Stage.EMERGENCE, 1500, "plot-b1")
    for number in (13, 16):
        kit.clock.set_day(day(number))
        clouded = kit.evidence(
            "plot-b1", day(number), Stage.EMERGENCE, 1500, last_clear_on=day(10).isoformat()
        )
        accept_evidence(kit.centre, clouded)
        moved = kit.read(lines.last_movement, line_of(kit, "farmer-b").line_id)
        assert (moved.movement, moved.limit_minor) == (Movement.HELD, limit)
        assert reasons(moved)[-1] is ReasonCode.LIMIT_SECOND_LOOK
    see(kit, 19, Stage.EMERGENCE, 1500, "plot-b1")
    assert line_of(kit, "farmer-b").limit_minor > limit


def test_every_plot_is_looked_at_again_before_a_rise(kit: Kit):
    open_known(kit)
    limit = line_of(kit, "farmer-a").limit_minor
    see(kit, 10, Stage.EMERGENCE, 1500, "plot-a1", "plot-a2")
    kit.clock.set_day(day(15))
    for plot, clear in (("plot-a1", 15), ("plot-a2", 10)):
        document = kit.evidence(
            plot, day(15), Stage.EMERGENCE, 1500, last_clear_on=day(clear).isoformat()
        )
        accept_evidence(kit.centre, document)
    assert line_of(kit, "farmer-a").limit_minor == limit
    see(kit, 20, Stage.EMERGENCE, 1500, "plot-a1", "plot-a2")
    assert line_of(kit, "farmer-a").limit_minor > limit


@pytest.mark.parametrize("field", ["as_of", "last_clear_on"])
def test_evidence_of_a_day_to_come_is_refused(kit: Kit, field: str):
    """Taken, it would be fresh for ever, and all that is seen until then would come too late."""
    open_known(kit)
    kit.clock.set_day(day(10))
    later = day(400)
    as_of = later if field == "as_of" else day(10)
    document = kit.evidence("plot-b1", as_of, p10=1500, last_clear_on=later.isoformat())
    with pytest.raises(RequestError, match="day to come"):
        accept_evidence(kit.centre, document)
    see(kit, 10, Stage.EMERGENCE, 1500, "plot-b1")
    moved = kit.read(lines.last_movement, line_of(kit, "farmer-b").line_id)
    assert moved.as_of == day(10).isoformat()


def test_no_lease_is_signed_when_the_last_payment_would_be_due_already(kit: Kit):
    sunday = date(2026, 9, 20)
    calendar = CalendarTerms(Roll.PRECEDING, (6,))
    product = replace(kit.product, version=2, due_on=sunday.isoformat(), calendar=calendar)
    kit.clock.set_day(sunday - timedelta(days=1))
    signed = len(kit.read(leases.of_station, STATION))
    enrolment.add_product(kit.centre, product, TESTER)
    assert len(kit.read(leases.of_station, STATION)) == signed
