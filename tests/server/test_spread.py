"""Caps on how the book is spread, through the services and the store, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.lending.concentration import Bucket, Cap, ConcentrationRules, Dimension
from core.lending.limit import Movement
from core.reasons import ReasonCode
from core.units import civil_day
from core.wire.evidence import Stage
from server.console.views.spread import spread_section
from server.services import enrolment
from server.services.audit.run import audit
from server.services.centre import RequestError, Work
from server.services.evidence import accept_evidence
from server.services.explaining import explained
from server.services.leasing import issue_for_station
from server.services.origination import NO_ROOM, open_for, open_lines
from server.services.reports.spread import concentration
from server.services.spreading import buckets_at, cell_of, day_book, place_all
from server.store import leases, lines, rulebooks, spread
from server.store.books import AsOf
from server.store.rulebooks import RuleKind
from tests.support.centre_kit import (
    SEASON_START,
    STATION,
    TESTER,
    Kit,
    keys_of,
    open_known,
    polygons,
)

MAIZE = Cap(Dimension.CROP, "maize", amount_minor=4_000_000, currency="KES")


def day(number: int) -> date:
    return SEASON_START + timedelta(days=number)


def put_caps(kit: Kit, *caps: Cap, version: int = 2, openings_ppm: int = 500_000) -> None:
    """Put caps in force, a second after all that was done before."""
    kit.clock.at_ms += 1_000
    rules = ConcentrationRules(version, "2026-01-01", "test", openings_ppm, caps)
    kit.centre.write(
        lambda work: rulebooks.add(work.tx, RuleKind.CONCENTRATION, rules, (work.at_ms, "test"))
    )


def see(kit: Kit, number: int, stage: Stage, p10: int, *plots: str) -> None:
    kit.clock.set_day(day(number))
    for plot in plots:
        accept_evidence(kit.centre, kit.evidence(plot, day(number), stage, p10))


def line_of(kit: Kit, farmer_id: str) -> lines.Line:
    (found,) = kit.read(lines.of_farmer, farmer_id)
    return found


def buckets_of(work: Work) -> tuple[Bucket, ...]:
    place_all(work.tx)
    return buckets_at(work.tx, work.at_ms + 1)


def exposed(kit: Kit, dimension: Dimension, bucket: str) -> int:
    found = kit.centre.write(buckets_of)
    return sum(
        each.exposure_minor for each in found
        if (each.dimension, each.bucket) == (dimension, bucket)
    )  # fmt: skip


def last(kit: Kit, farmer_id: str) -> lines.LineMovement:
    return kit.read(lines.last_movement, line_of(kit, farmer_id).line_id)


def raise_b(kit: Kit, first: int) -> lines.LineMovement:
    """Two good looks at farmer B's only plot, five days apart."""
    see(kit, first, Stage.EMERGENCE, 1500, "plot-b1")
    see(kit, first + 5, Stage.EMERGENCE, 1500, "plot-b1")
    return last(kit, "farmer-b")


def test_without_caps_nothing_is_kept_and_nothing_bound(kit: Kit):
    open_known(kit)
    assert raise_b(kit, 10).movement is Movement.RAISED
    assert kit.read(spread.latest) is None


def test_a_line_counts_under_crop_village_and_the_cell_of_its_plot(kit: Kit):
    open_known(kit)
    put_caps(kit, MAIZE)
    found = {(b.dimension, b.bucket): b for b in kit.centre.write(buckets_of)}
    # 2,620,000 and 1,400,000 of lines, and leave of 12 × 800,000 for each of two products.
    assert found[Dimension.CROP, "maize"].limits_minor == 4_020_000
    assert found[Dimension.CROP, "maize"].exposure_minor == 4_020_000 + 9_600_000
    assert found[Dimension.VILLAGE, "village-one"].lines_count == 2
    assert {b.bucket for (d, _), b in found.items() if d is Dimension.CELL} == {"N0050E03400"}
    assert cell_of(str(polygons()["plot-a1"]).replace("'", '"')) == "N0050E03400"


def test_a_rise_waits_for_room_and_says_so_and_goes_on_when_there_is(kit: Kit):
    open_known(kit)
    put_caps(kit, MAIZE)
    held = raise_b(kit, 10)
    assert (held.movement, held.limit_minor) == (Movement.HELD, 1_400_000)
    assert held.reasons[-1].code is ReasonCode.LIMIT_SPREAD_CROP
    assert held.terms["spread_minor"] == 1_400_000
    put_caps(kit, replace(MAIZE, amount_minor=20_000_000), version=3)
    see(kit, 20, Stage.EMERGENCE, 1500, "plot-b1")
    assert last(kit, "farmer-b").limit_minor == 2_000_000
    assert audit(kit.centre, ("limits",)).holds


def test_a_rise_is_scaled_to_the_line_s_share_of_the_room(kit: Kit):
    open_known(kit)
    # The book is 13,620,000 with leave; room 1,380,000, half for raises: 690,000 over 4,020,000.
    put_caps(kit, replace(MAIZE, amount_minor=15_000_000))
    raised = raise_b(kit, 10)
    assert raised.terms["spread_minor"] == 1_400_000 + 690_000 * 1_400_000 // 4_020_000
    assert (raised.movement, raised.limit_minor) == (Movement.RAISED, 1_640_000)
    assert raised.reasons[-1].code is ReasonCode.LIMIT_SPREAD_CROP
    assert audit(kit.centre, ("limits",)).holds


def test_a_cut_is_never_held(kit: Kit):
    open_known(kit)
    raise_b(kit, 10)
    put_caps(kit, replace(MAIZE, amount_minor=1))
    see(kit, 20, Stage.EMERGENCE, 100, "plot-b1")
    assert last(kit, "farmer-b").movement is Movement.CUT


def test_no_line_is_opened_where_there_is_no_room(kit: Kit):
    # The station may open 9,600,000 in the dark: 4,000,000 are left, half of it for new lines.
    put_caps(kit, replace(MAIZE, amount_minor=13_600_000))
    found = open_lines(kit.centre, "crop-season", 1_000_000, ("automated_decision",), TESTER)
    # The first takes it all, the other waits.
    assert sorted(one.limit_minor for one in found) == [0, 2_000_000]
    assert {one.verdict for one in found} == {"approve", NO_ROOM}
    waiting = next(one.farmer_id for one in found if one.verdict == NO_ROOM)
    with pytest.raises(RequestError, match="try again on another day"):
        kit.centre.write(lambda work: open_for(work, waiting, "crop-season", TESTER))
    kit.clock.add_days(1)
    again = open_lines(kit.centre, "crop-season", 1_000_000, ("automated_decision",), TESTER)
    assert [one.limit_minor for one in again] == [1_000_000]  # half of what is left


def test_what_a_dark_station_may_open_counts_as_used(kit: Kit):
    """Of 14,600,000 the first station has leave for 9,600,000; half of the rest is for openings."""
    put_caps(kit, replace(MAIZE, amount_minor=14_600_000))
    enrolment.enroll_station(kit.centre, keys_of("st-two", 12).identity(), TESTER)
    kit.centre.write(lambda work: issue_for_station(work, "st-two"))
    given = {
        (s.lease.station, s.lease.product_id): s.lease.lines_max
        for s in kit.read(leases.onboarding_out)
    }
    # 2,500,000 is three lines of 800,000; no cap bounds herds.
    assert given["st-two", "crop-season"] == 3
    assert given["st-two", "livestock"] == given[STATION, "crop-season"] == 12
    found = open_lines(kit.centre, "crop-season", 1_000_000, ("automated_decision",), TESTER)
    assert sorted(one.limit_minor for one in found) == [0, 100_000]
    assert exposed(kit, Dimension.CROP, "maize") == 9_600_000 + 2_400_000 + 100_000


def test_the_day_s_book_stays_when_lines_move_and_is_renewed_the_next_day(kit: Kit):
    open_known(kit)
    put_caps(kit, replace(MAIZE, amount_minor=100_000_000))
    kit.clock.set_day(day(9))
    kit.centre.write(day_book)
    before = kit.read(spread.latest)
    kit.centre.write(day_book)
    assert kit.read(spread.latest) == before
    raise_b(kit, 10)
    assert kit.read(spread.latest).seq > before.seq


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_no_bucket_rises_above_its_cap_whatever_comes(  # one store: a longer and longer book
    kit: Kit, data: st.DataObject
):
    """Looks of every kind in any order, openings, new caps: only cuts elsewhere leave a bucket
    above its cap, and then nothing there rises."""
    version = 1 + len(kit.read(rulebooks.versions, RuleKind.CONCENTRATION))
    amount = data.draw(st.integers(0, 30_000_000))
    cap = Cap(Dimension.CROP, "maize", amount_minor=amount, currency="KES")
    put_caps(kit, cap, version=version, openings_ppm=data.draw(st.integers(0, 1_000_000)))
    kit.clock.add_days(5)
    today = civil_day(kit.clock.at_ms)
    before = exposed(kit, Dimension.CROP, "maize")
    if data.draw(st.booleans()):
        open_known(kit)
    for plot in data.draw(st.permutations(["plot-a1", "plot-a2", "plot-b1"])):
        p10 = data.draw(st.integers(100, 3_000))
        stage = data.draw(st.sampled_from([Stage.EMERGENCE, Stage.VEGETATIVE, Stage.HEADING]))
        accept_evidence(kit.centre, kit.evidence(plot, today, stage, p10))
    if data.draw(st.booleans()):
        kit.centre.write(lambda work: issue_for_station(work, STATION))
    assert exposed(kit, Dimension.CROP, "maize") <= max(amount, before)


def test_the_report_tells_every_bucket_its_cap_and_the_index(kit: Kit):
    open_known(kit)
    put_caps(kit, replace(MAIZE, amount_minor=10_000_000))
    kit.centre.store.write(place_all)
    then = AsOf(civil_day(kit.clock.at_ms).isoformat(), kit.clock.at_ms)
    found = [dict(row) for row in kit.read(concentration, then).records()]
    rows = {(row["by"], row["bucket"]): row for row in found}
    maize = rows["crop", "maize"]
    assert (maize["exposure_minor"], maize["cap_minor"], maize["stands"]) == (
        13_620_000, 10_000_000, "above",
    )  # fmt: skip
    assert rows["crop", "livestock"]["stands"] == ""
    # 13,620,000 of maize and 9,600,000 of leave for herds.
    assert rows["crop", "all"]["hhi_points"] == 5_149
    assert rows["village", "all"]["hhi_points"] == 10_000
    section = spread_section(found)
    assert ("Crop maize", "2", "KES 136,200", "58.7 %", "KES 100,000, above", "") in (
        section.table.rows
    )
    assert "late-4" in section.picture


def test_a_day_that_is_over_is_reported_from_its_book(kit: Kit):
    open_known(kit)
    put_caps(kit, MAIZE)
    kit.centre.write(day_book)
    first = civil_day(kit.clock.at_ms).isoformat()
    kit.clock.add_days(40)
    found = list(kit.read(concentration, AsOf(first, kit.clock.at_ms)).rows)
    assert ("crop", "maize") in {row[:2] for row in found}
    with pytest.raises(RequestError, match="whose book was kept"):
        kit.read(concentration, AsOf("2026-01-01", kit.clock.at_ms))


def test_a_review_is_explained_term_by_term(kit: Kit):
    open_known(kit)
    put_caps(kit, replace(MAIZE, amount_minor=15_000_000))
    moved = raise_b(kit, 10)
    told = kit.read(explained, line_of(kit, "farmer-b"), moved)
    rows = {each.sign: each for each in told}
    assert list(rows) == ["C", "S", "R", "Cap", "Spread"]
    names = ("collateral_minor", "stage_cost_minor", "capacity_minor", "cap_minor", "spread_minor")
    for name, sign in zip(names, rows, strict=True):
        assert rows[sign].amount_minor == moved.terms[name]
    assert [sign for sign, each in rows.items() if each.binds] == ["Spread"]
    assert rows["Spread"].words.endswith("by crop")
    assert (rows["Spread"].source, rows["Spread"].on) == ("concentration@2", day(15).isoformat())
    assert moved.evidence_ids[0] in rows["C"].source
    assert "price of 2026-" in rows["C"].source
    assert "seen at emergence" in rows["S"].source
    assert "dossier of 2026-03-01" in rows["R"].source


def test_without_caps_the_lowest_term_binds(kit: Kit):
    open_known(kit)
    moved = raise_b(kit, 10)
    told = kit.read(explained, line_of(kit, "farmer-b"), moved)
    lowest = min(told, key=lambda each: each.amount_minor)
    assert [each.sign for each in told if each.binds] == [lowest.sign]
    assert all(each.source and each.on for each in told)
