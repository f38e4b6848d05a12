"""What a station does with agents' tablets: lets them in, takes operations once, keeps photos."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.canonical import sha256_hex
from core.errors import ShapeError, SignatureError
from core.lending.limit import Movement
from core.units import MS_PER_DAY, MS_PER_HOUR
from core.wire.envelope import LogClass
from core.wire.fieldwork import (
    FieldApplication,
    OperationKind,
    OperationVerdict,
    Photo,
    VisitPurpose,
)
from core.wire.records import Application, Down
from core.wire.subleases import SubLeaseEnd
from edge_node.decide.agent_area import area_of, told_of_area
from edge_node.decide.desk import ClockUnknownError, RequestError
from edge_node.decide.fieldwork import BrokenChainError, TabletRoomError, take, take_part
from edge_node.decide.inputs import as_walked
from edge_node.decide.tablets import FAILURES_MAX, TabletRefusedError
from edge_node.store import decisions, fieldwork, logs, photo_sends, tablets, village
from edge_node.store.ballast import Ballast
from edge_node.store.database import DiskFullError
from edge_node.store.village import UnknownRecordError
from tests.support.lending_station import Station, plot, status
from tests.support.tablet import (
    SQUARE,
    WEBP,
    FieldTablet,
    door_of,
    field_desk,
    teller_of,
    visit,
    walk,
)

MORE_MIB_THAN_ANY_DISK = 2**40


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    station.populate()
    yield station
    station.close()


@pytest.fixture
def tablet(station):
    return enrolled(station)


def enrolled(station, number=9):
    tablet = FieldTablet(f"tab-{number}", number)
    code, _ = door_of(station).invite(tablet.tablet_id, ("agent-1", "Juma"), (), 14)
    door_of(station).enrol(code, tablet.public_key)
    return tablet


def bring(station, tablet, document):
    who = tablets.tablet(station.db, tablet.tablet_id)
    field = field_desk(station, teller_of(station))
    return take(station.db, field, who, document, station.clock)


def state(station, kept):
    (found,) = tablets.states_of(station.db, [kept.operation_id])
    return found["state"]


def application(station, application_id="a-1", farmer=1, **changes):
    teller = teller_of(station)
    asked = Application(
        application_id, f"f-{farmer}", "crop-season", (f"plot-{farmer}",), 800_000, "KES"
    )
    fields = {
        "application": asked, "consent_id": f"c-{application_id}",
        "purposes": teller.purposes("crop-season"), "language": "sw",
        "shown_sha256": teller.consent_sha256("crop-season", "sw"),
    }  # fmt: skip
    return FieldApplication(**fields | changes)


def test_a_code_lets_one_tablet_in_once_and_the_log_says_so(station):
    door, tablet = door_of(station), FieldTablet()
    code, until_ms = door.invite("tab-1", ("agent-1", "Juma"), (), 14)
    assert until_ms == station.at_ms + 24 * MS_PER_HOUR
    spelt = "-".join(code[n : n + 4] for n in range(0, 16, 4)).lower()
    assert door.enrol(spelt, tablet.public_key).agent_name == "Juma"
    with pytest.raises(TabletRefusedError, match="wrong, used or too old"):
        door.enrol(code, tablet.public_key)
    records = logs.read_run(station.db, LogClass.MONEY, 0, 100, 10**6)
    told = [record.body["act"] for record in records if record.kind == "tablet_event"]
    assert told == ["invited", "enrolled"]


def test_a_code_is_too_old_after_a_day_and_guessing_ends_soon(station):
    code, _ = door_of(station).invite("tab-1", ("agent-1", "Juma"), (), 14)
    station.at_ms += 24 * MS_PER_HOUR
    for _ in range(FAILURES_MAX):
        with pytest.raises(TabletRefusedError, match="wrong, used or too old"):
            door_of(station).enrol(code, FieldTablet().public_key)
    with pytest.raises(TabletRefusedError, match="too many wrong codes"):
        door_of(station).enrol("ANY", FieldTablet().public_key)


def test_wrong_codes_of_somebody_near_keep_no_agent_out(station):
    code, _ = door_of(station).invite("tab-1", ("agent-1", "Juma"), (), 14)
    for _ in range(FAILURES_MAX + 1):
        with pytest.raises(TabletRefusedError):
            door_of(station).enrol("ANY", FieldTablet().public_key)
    assert door_of(station).enrol(code, FieldTablet().public_key).tablet_id == "tab-1"


@pytest.mark.parametrize(("area", "days"), [((1, 2, 1, 3), 14), ((1, 2, 3), 14), ((), 0), ((), 61)])
def test_what_no_area_or_lease_can_be_is_refused(station, area, days):
    with pytest.raises(RequestError):
        door_of(station).invite("tab-1", ("agent-1", "Juma"), area, days)


def test_a_lease_is_renewed_by_contact_and_runs_out_without(station, tablet):
    first = tablets.tablet(station.db, tablet.tablet_id).lease_until_ms
    station.at_ms += 6 * MS_PER_DAY
    assert door_of(station).admit(tablet.tablet_id).lease_until_ms == first
    station.at_ms += 2 * MS_PER_DAY
    assert door_of(station).admit(tablet.tablet_id).lease_until_ms == first + 8 * MS_PER_DAY
    station.at_ms += 14 * MS_PER_DAY
    with pytest.raises(TabletRefusedError, match="has run out"):
        door_of(station).admit(tablet.tablet_id)


def test_who_is_turned_out_or_unknown_is_not_let_in(station, tablet):
    door_of(station).revoke(tablet.tablet_id, "lost on the bus")
    with pytest.raises(TabletRefusedError, match="lost on the bus"):
        door_of(station).admit(tablet.tablet_id)
    with pytest.raises(TabletRefusedError, match="no tablet"):
        door_of(station).revoke(tablet.tablet_id, "again")
    with pytest.raises(TabletRefusedError, match="no tablet"):
        door_of(station).admit("tab-77")


def test_the_same_operation_twice_is_taken_once(station, tablet):
    document = tablet.operation(OperationKind.VISIT, visit())
    first = bring(station, tablet, document)
    assert bring(station, tablet, document) == first
    assert state(station, first) == "station"
    counted = [station.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
               for table in ("tablet_operations", "field_visits")]  # fmt: skip
    assert counted == [1, 1]


def test_two_tablets_of_one_station_have_a_chain_each(station, tablet):
    other = enrolled(station, 10)
    for each, farmer in ((tablet, 1), (other, 2), (tablet, 3)):
        body = visit(f"v-{farmer}", farmer=farmer)
        assert not bring(station, each, each.operation(OperationKind.VISIT, body)).code
    ends = [tablets.tail(station.db, each.public_key) for each in (tablet, other)]
    assert [(end.seq, end.head) for end in ends] == [(2, tablet.head), (1, other.head)]


def test_a_chain_with_a_hole_another_head_or_a_used_id_is_refused(station, tablet):
    bring(station, tablet, tablet.operation(OperationKind.VISIT, visit()))
    tablet.operation(OperationKind.VISIT, visit("v-2"))
    with pytest.raises(BrokenChainError, match="expected operation 2"):
        bring(station, tablet, tablet.operation(OperationKind.VISIT, visit("v-3")))
    tablet.seq = 1
    with pytest.raises(BrokenChainError, match="expected operation 2"):
        bring(station, tablet, tablet.operation(OperationKind.VISIT, visit("v-3")))
    tablet.seq = 1
    again = tablet.operation(OperationKind.VISIT, visit("v-3"), operation_id="tab-9-op-1")
    with pytest.raises(BrokenChainError, match="other content"):
        bring(station, tablet, again)


def test_another_key_or_an_altered_word_is_refused(station, tablet):
    stranger = FieldTablet(tablet.tablet_id, 8)
    with pytest.raises(SignatureError):
        bring(station, tablet, stranger.operation(OperationKind.VISIT, visit()))
    document = tablet.operation(OperationKind.VISIT, visit())
    document["body"]["body"]["note"] = "Something else."
    with pytest.raises(SignatureError):
        bring(station, tablet, document)
    other = enrolled(station, 10)
    foreign = other.operation(OperationKind.VISIT, visit(), tablet_id="tab-9")
    with pytest.raises(TabletRefusedError, match="another tablet's"):
        bring(station, other, foreign)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (visit(subject_id="plot-2"), "expected what belongs to f-1"),
        (visit(farmer_id="f-77", subject_id=""), "known here"),
    ],
)
def test_a_mistake_is_told_and_does_not_stop_the_chain(station, tablet, body, words):
    kept = bring(station, tablet, tablet.operation(OperationKind.VISIT, body))
    assert words in kept.detail
    assert state(station, kept) == "needs_you"
    after = bring(station, tablet, tablet.operation(OperationKind.VISIT, visit()))
    assert state(station, after) == "station"


def test_without_a_trusted_clock_the_operation_stays_on_the_tablet(station, tablet):
    document = tablet.operation(OperationKind.VISIT, visit())
    station.error_ms = -1
    with pytest.raises(ClockUnknownError):
        bring(station, tablet, document)
    station.error_ms = 1_000
    assert bring(station, tablet, document).seq == 1


def test_an_application_ends_in_the_records_of_the_kiosk(station, tablet):
    body = application(station)
    kept = bring(station, tablet, tablet.operation(OperationKind.APPLICATION, body))
    assert state(station, kept) == "station", kept.detail
    card = decisions.card_of_application(station.db, "a-1").card
    assert card.outcome.verdict.value == "approve"
    records = logs.read_run(station.db, LogClass.MONEY, 0, 100, 10**6)
    kinds = [record.kind for record in records]
    assert kinds[-5:] == ["consent", "application", "decision", "line_opened", "tablet_operation"]
    (consent,) = [record.body for record in records if record.kind == "consent"]
    assert consent["helped"]
    assert consent["shown_sha256"] == body.shown_sha256


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"shown_sha256": "0" * 64}, "older ones"), ({"purposes": ("gossip",)}, "gossip")],
)
def test_consent_counts_only_to_the_words_in_use(station, tablet, changes, words):
    body = application(station, **changes)
    kept = bring(station, tablet, tablet.operation(OperationKind.APPLICATION, body))
    assert words in kept.detail
    assert decisions.card_of_application(station.db, "a-1") is None


def test_a_second_line_is_refused_as_at_the_kiosk(station, tablet):
    bring(station, tablet, tablet.operation(OperationKind.APPLICATION, application(station)))
    body = application(station, "a-2")
    kept = bring(station, tablet, tablet.operation(OperationKind.APPLICATION, body))
    assert "without an open line" in kept.detail


def test_the_limit_counts_what_a_walk_is_sure_of(station, tablet):
    kept = bring(station, tablet, tablet.operation(OperationKind.WALK, walk()))
    assert state(station, kept) == "station", kept.detail
    walk_id, found = fieldwork.walked(station.db, "plot-1")
    assert (walk_id, found.area_m2, found.low_m2) == ("w-1", 10_000, 9_278)
    assert as_walked(station.db, village.subject(station.db, "plot-1")).area_m2 == 9_278


def test_a_plot_that_is_smaller_than_registered_carries_less(station, tablet):
    third = tuple((370_000_000 + (lon - 370_000_000) // 3, lat // 3) for lon, lat in SQUARE)
    bring(station, tablet, tablet.operation(OperationKind.WALK, walk(ring_e7=third)))
    for n in (1, 2):
        body = application(station, f"a-{n}", farmer=n)
        bring(station, tablet, tablet.operation(OperationKind.APPLICATION, body))
    cards = [decisions.card_of_application(station.db, f"a-{n}").card for n in (1, 2)]
    walked, registered = (card.inputs.capacity_minor for card in cards)
    assert 0 < walked < registered // 5


def test_a_walk_is_reckoned_again_and_never_adds_ground(station, tablet):
    wide = tuple((lon + (lon > 370_000_000) * 9_000, lat) for lon, lat in walk().ring_e7)
    body = walk(ring_e7=wide, area_m2=5, low_m2=5)
    bring(station, tablet, tablet.operation(OperationKind.WALK, body))
    assert fieldwork.walked(station.db, "plot-1")[1].area_m2 > 19_000
    bring(station, tablet, tablet.operation(OperationKind.APPLICATION, application(station)))
    inputs = decisions.card_of_application(station.db, "a-1").card.inputs
    plain = next((one.value for one in inputs.features if one.name == "area_m2"), 10_000)
    assert plain == 10_000


def test_a_day_that_has_not_come_is_refused_and_jams_no_list(station, tablet):
    """A visit of the year 9999 stopped every tablet's list; such a walk is the newest for ever."""
    never = "9999-12-31"
    for kind, body in (
        (OperationKind.VISIT, visit(visited_on=never)),
        (OperationKind.WALK, walk(walked_on=never)),
    ):
        kept = bring(station, tablet, tablet.operation(kind, body))
        assert (kept.code, "expected a day up to" in kept.detail) == ("HL-EDGE-011", True)
    assert fieldwork.last_visits(station.db) == {}
    assert fieldwork.walked(station.db, "plot-1") is None


def test_a_day_that_was_written_before_such_days_were_refused_jams_no_list(station, tablet):
    station.centre.say(Down.LINE, status("line-1", 2_000_000, Movement.OPENED), station.at_ms)
    station.take_down()
    with station.db.atomic():
        fieldwork.keep_visit(station.db, visit(visited_on="9999-12-31"), "op-1")
    who = tablets.tablet(station.db, tablet.tablet_id)
    area = area_of(station.db, station.desk.station, who)
    told = told_of_area(station.db, station.desk, area, station.clock)
    assert any(task["purpose"] == "routine" for task in told["tasks"])


def test_a_stolen_tablet_writes_of_no_farmer_outside_its_area(station):
    far = tuple((lon + 50_000_000, lat) for lon, lat in SQUARE)
    station.centre.say(Down.SUBJECT, replace(plot(2), outline_e7=far), station.at_ms)
    station.take_down()
    stolen, area = FieldTablet("tab-8", 8), (369_000_000, -1_000_000, 371_000_000, 1_000_000)
    code, _ = door_of(station).invite(stolen.tablet_id, ("agent-1", "Juma"), area, 14)
    door_of(station).enrol(code, stolen.public_key)
    for kind, body in (
        (OperationKind.VISIT, visit("v-2", 2)),
        (OperationKind.WALK, walk("w-2", 2)),
        (OperationKind.APPLICATION, application(station, farmer=2)),
    ):
        kept = bring(station, stolen, stolen.operation(kind, body))
        assert (kept.code, "of the area of tab-8" in kept.detail) == ("HL-EDGE-011", True)
    assert bring(station, stolen, stolen.operation(OperationKind.VISIT, visit())).code == ""


def test_a_key_has_one_spelling_and_so_one_chain(station):
    tablet = FieldTablet("tab-8", 8)
    code, _ = door_of(station).invite(tablet.tablet_id, ("agent-1", "Juma"), (), 14)
    spaced = " ".join(tablet.public_key[n : n + 2] for n in range(0, 64, 2)).upper()
    assert door_of(station).enrol(code, spaced).public_key == tablet.public_key


def test_states_rise_with_the_link_and_the_centres_word(station, tablet):
    kept = bring(station, tablet, tablet.operation(OperationKind.VISIT, visit()))
    station.db.execute(
        "INSERT INTO receipts (log, high_water, head, received_at_ms, document) "
        "VALUES ('money', ?, ?, 1, '{}')", [kept.log_seq, "ab" * 32],
    )  # fmt: skip
    assert state(station, kept) == "centre"
    say = station.centre.say
    say(Down.OPERATION, OperationVerdict(kept.operation_id, True, ""), station.at_ms)
    station.take_down()
    assert state(station, kept) == "accepted"
    flagged = OperationVerdict(kept.operation_id, False, "farmer is not known")
    say(Down.OPERATION, flagged, station.at_ms)
    station.take_down()
    assert state(station, kept) == "needs_you"


def send_part(station, part, number=9, **room):
    who = tablets.tablet(station.db, f"tab-{number}")
    return take_part(station.db, who, part, station.clock, **room)


def photographed(station, tablet, data=WEBP, claimed=None):
    photo = Photo(claimed or sha256_hex(data), "image/webp", len(data), "plot")
    body = visit(photos=(photo,), purpose=VisitPurpose.LOSS, damage_percent=40)
    bring(station, tablet, tablet.operation(OperationKind.VISIT, body))
    return photo


def test_a_photo_comes_in_parts_in_any_repetition(station, tablet):
    photo, half = photographed(station, tablet), len(WEBP) // 2
    part = send_part(station, (photo.sha256, 0, WEBP[:half]))
    assert (part.received_bytes, part.whole) == (half, False)
    again = send_part(station, (photo.sha256, 0, WEBP[:half]))
    assert again.received_bytes == half
    with pytest.raises(RequestError, match=f"expected the part from {half}"):
        send_part(station, (photo.sha256, half + 1, WEBP[half + 1 :]))
    assert send_part(station, (photo.sha256, half, WEBP[half:])).whole
    assert send_part(station, (photo.sha256, 0, WEBP)).whole
    assert fieldwork.photo(station.db, photo.sha256) == ("image/webp", WEBP)
    waits = "SELECT count(*) FROM field_photos WHERE whole_ms IS NULL"
    assert station.db.execute(waits).fetchone()[0] == 0


def test_a_photo_that_is_not_what_was_named_is_forgotten_and_may_come_again(station, tablet):
    photo = photographed(station, tablet)
    wrong = WEBP[:-1] + bytes([WEBP[-1] ^ 1])
    with pytest.raises(ShapeError, match="from its beginning"):
        send_part(station, (photo.sha256, 0, wrong))
    assert fieldwork.photo_state(station.db, photo.sha256).received_bytes == 0
    assert send_part(station, (photo.sha256, 0, WEBP)).whole


def test_nobody_stores_what_no_visit_named(station, tablet):
    with pytest.raises(UnknownRecordError):
        send_part(station, ("ab" * 32, 0, WEBP))


def test_a_tablet_spoils_no_photo_of_another_one(station, tablet):
    photo = photographed(station, tablet)
    enrolled(station, 8)
    with pytest.raises(UnknownRecordError, match="another tablet's"):
        send_part(station, (photo.sha256, 0, WEBP[:100]), number=8)
    assert send_part(station, (photo.sha256, 0, WEBP)).whole


def test_photos_that_wait_for_the_centre_have_a_bound_for_each_tablet(station, tablet):
    first = photographed(station, tablet)
    room = len(WEBP) + 10
    assert send_part(station, (first.sha256, 0, WEBP), room_bytes=room).whole
    other = WEBP[:-1] + bytes([WEBP[-1] ^ 1])
    body = visit("v-2", photos=(Photo(sha256_hex(other), "image/webp", len(other), "plot"),))
    bring(station, tablet, tablet.operation(OperationKind.VISIT, body))
    part = (sha256_hex(other), 0, other)
    with pytest.raises(TabletRoomError, match="stay on the tablet"):
        send_part(station, part, room_bytes=room)
    with station.db.atomic():
        photo_sends.note_delivered(station.db, first.sha256, len(WEBP), station.at_ms)
    assert send_part(station, part, room_bytes=room).whole, "the centre has the first"
    with station.db.atomic():
        assert photo_sends.make_room(station.db, len(WEBP)) == 1
    assert fieldwork.photo(station.db, first.sha256) is None, "the centre has it"
    assert fieldwork.photo(station.db, part[0]) == ("image/webp", other), "nobody else has it"
    assert send_part(station, (first.sha256, 0, WEBP), room_bytes=0).whole, "asked, it is here"


def test_photos_do_not_eat_the_room_that_is_kept_for_money(station, tablet, tmp_path):
    photo = photographed(station, tablet)
    station.db.ballast = Ballast(tmp_path / "ballast", MORE_MIB_THAN_ANY_DISK)
    with pytest.raises(DiskFullError, match="stay on the tablet"):
        send_part(station, (photo.sha256, 0, WEBP))
    kept = bring(station, tablet, tablet.operation(OperationKind.VISIT, visit("v-2")))
    assert kept.code == "", "what an agent wrote is taken all the same"
    station.db.ballast = None
    assert send_part(station, (photo.sha256, 0, WEBP)).whole


def test_a_tablet_floods_no_money_log_and_keeps_no_payout_from_it(station, tablet):
    field = replace(field_desk(station, teller_of(station)), forms_a_day=3, operations_a_day=5)
    who = tablets.tablet(station.db, tablet.tablet_id)
    for n in range(3):
        take(
            station.db, field, who, tablet.operation(OperationKind.VISIT, visit(f"v-{n}")),
            station.clock,
        )  # fmt: skip
    before = logs.tail(station.db, LogClass.MONEY).seq
    seq, head = tablet.seq, tablet.head
    late = tablet.operation(OperationKind.VISIT, visit("v-late"))
    with pytest.raises(TabletRoomError, match="goes on tomorrow"):
        take(station.db, field, who, late, station.clock)
    assert logs.tail(station.db, LogClass.MONEY).seq == before
    tablet.seq, tablet.head = seq, head
    for _ in range(2):  # what is about money is heard, though these are refused by name
        ended = tablet.operation(OperationKind.SUBLEASE_END, SubLeaseEnd("s-none", 0))
        assert take(station.db, field, who, ended, station.clock).code == "HL-EDGE-046"
    seq, head = tablet.seq, tablet.head
    ended = tablet.operation(OperationKind.SUBLEASE_END, SubLeaseEnd("s-none", 0))
    with pytest.raises(TabletRoomError):
        take(station.db, field, who, ended, station.clock)
    tablet.seq, tablet.head = seq, head
    station.at_ms += MS_PER_DAY
    late = tablet.operation(OperationKind.VISIT, visit("v-late"))
    assert take(station.db, field, who, late, station.clock).code == ""


def test_a_tablet_lays_an_application_at_no_helpers_door(station, tablet):
    asked = application(station)
    asked = replace(asked, application=replace(asked.application, helped_by="h-1"))
    kept = bring(station, tablet, tablet.operation(OperationKind.APPLICATION, asked))
    assert (kept.code, "no helper" in kept.detail) == ("HL-EDGE-011", True)
    assert decisions.card_of_application(station.db, "a-1") is None
