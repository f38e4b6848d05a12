"""Doors that are new at the centre, tried by a station whose key was stolen and by officers."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from core.canonical import parse_canonical
from core.lending.payout import PayeeKind
from core.shape import encode
from core.signing import sign_document
from core.units import civil_day
from core.wire.appeals import Appeal, AppealKind, AppealOutcome, AppealTopic
from core.wire.fieldwork import (
    OPERATION,
    FieldApplication,
    FieldVisit,
    Operation,
    OperationKind,
    PlotWalk,
    TakenOperation,
    VisitPurpose,
)
from core.wire.records import Application
from core.wire.registry import Farmer, Registry, Subject, SubjectKind
from server.app import create_app
from server.services import enrolment
from server.services.account_words import tell_token_scope
from server.services.appeals import Reply, answer, waiting
from server.services.bouncing import BounceReason, BounceRequest
from server.services.centre import RoleError
from server.services.enrolment import add_user
from server.services.money_words import confirm, tell_bounce
from server.services.payouts.payees import confirm_payee, set_payee
from server.services.posting import RepaymentRequest, take_repayment
from server.store import lines, orders, people
from server.store.engine import ConflictError
from server.store.people import Actor, Role
from server.store.scoping import Scope
from tests.support.asgi_client import AppClient
from tests.support.centre import Served
from tests.support.centre_kit import SEASON_START, TESTER, Kit, keys_of, open_known, ring_of
from tests.support.desk import ANNA, BEN
from tests.support.kiosk_kit import MONEY, deliver, drawn_by_farmer_b, flags
from tests.support.officers import confirmed, invited, known
from tests.support.orders_kit import BUYER, open_trade
from tests.support.orders_kit import SUPPLIER as ORDERED
from tests.support.payout_kit import AGROVET, SUPPLIER
from tests.support.two_words import FIRST

# A hectare near 37° E on the equator: a hundred metres a side.
SIDE_E7 = 8_993
SQUARE = ((370_000_000, 0), (370_000_000 + SIDE_E7, 0),
          (370_000_000 + SIDE_E7, SIDE_E7), (370_000_000, SIDE_E7))  # fmt: skip


@pytest.fixture
def client(kit: Kit) -> AppClient:
    kit.station.pull(kit.centre)
    return AppClient(create_app(kit.centre))


def sent(kit: Kit, client: AppClient, kind: str, body: object) -> int:
    """What the centre answers to a station's first record."""
    kit.station.write(MONEY, kind, body, kit.clock.at_ms)
    data = kit.station.envelope(MONEY, 1, len(kit.station.records[MONEY]))
    return client.post("/api/v1/envelopes", content=data).status_code


@pytest.mark.parametrize("line_id", [[], {}, ["line-1"], {"a": []}, 7, True])
def test_a_draw_whose_line_is_no_text_is_flagged_and_stops_no_log(
    kit: Kit, client: AppClient, line_id: object
):
    assert sent(kit, client, "drawdown", {"draw_id": "draw-9", "line_id": line_id}) == 200
    assert len(flags(kit)) == 1


@pytest.mark.parametrize("body", [[], "line-1", 7, [["line_id", "line-1"]]])
def test_a_draw_that_is_no_object_is_flagged_and_stops_no_log(
    kit: Kit, client: AppClient, body: object
):
    assert sent(kit, client, "drawdown", body) == 200
    assert len(flags(kit)) == 1


def test_an_appeal_on_the_last_of_days_is_kept_and_stops_no_log(kit: Kit, client: AppClient):
    last = "9999-12-31"
    told = Appeal(
        "apl-1", "farmer-b", AppealKind.APPEAL, AppealTopic.DECISION, "card-1", "sw", last, last,
        helped=False, product_id=kit.product.product_id,
    )  # fmt: skip
    assert sent(kit, client, "appeal", told) == 200
    [one] = kit.centre.write(waiting)
    assert (one.kept.answer_by, one.is_late) == (last, False)


def visit(visit_id: str, farmer_id: str, subject_id: str) -> FieldVisit:
    return FieldVisit(
        visit_id, farmer_id, subject_id, "2026-04-02", VisitPurpose.ROUTINE, "emergence",
        "Even stand.", (),
    )  # fmt: skip


@pytest.fixture
def stranger(kit: Kit) -> str:
    """A farmer of another station, in the village of the kit."""
    enrolment.enroll_station(kit.centre, keys_of("st-two", 9).identity(), TESTER)
    plot = Subject(
        "plot-z1", SubjectKind.PLOT, "farmer-z", "plot-z1", "maize", "2026-long-rains",
        "2026-03-10", 12_000,
    )  # fmt: skip
    farmer = Farmer("farmer-z", "Zuri Zawadi", "en", "st-two", 4)
    village = Registry("village-two", "Village Two", 180, "KES", (farmer,), (plot,), (), ())
    shape = {"plot-z1": {"type": "Polygon", "coordinates": [ring_of("plot-z1")]}}
    enrolment.import_village(kit.centre, village, shape, TESTER)
    return farmer.farmer_id


def operation(kit: Kit, kind: OperationKind, body: object) -> str:
    """What a station is told of an operation that it passed on."""
    tablet, operation_id = keys_of("tab-1", 11), f"op-{len(kit.station.records.get(MONEY, ()))}"
    made = Operation(operation_id, "tab-1", 1, "00" * 32, 1, kind, encode(body))
    document = parse_canonical(sign_document(OPERATION, encode(made), tablet), 10**6)
    public_key = tablet.identity().public_key
    taken = TakenOperation(operation_id, "tab-1", "agent-1", public_key, "", document)
    kit.station.write(MONEY, "tablet_operation", taken, kit.clock.at_ms)
    deliver(kit)
    kit.station.pull(kit.centre)
    found = {each["operation_id"]: each for each in kit.station.bodies("operation")}
    if kind is OperationKind.WALK:
        assert operation_id not in found, "a walk waits for a person"
        return ""
    told = found[operation_id]
    assert told["accepted"] == (not told["words"])
    return str(told["words"])


def test_a_station_has_no_say_about_another_ones_farmer_and_learns_of_none(kit: Kit, stranger: str):
    kit.station.pull(kit.centre)
    theirs = visit("v-1", farmer_id=stranger, subject_id="plot-z1")
    nobodys = visit("v-2", farmer_id="farmer-x", subject_id="plot-z1")
    told = [operation(kit, OperationKind.VISIT, each) for each in (theirs, nobodys)]
    assert told[0].replace(stranger, "") == told[1].replace("farmer-x", "")
    assert "is not known as one of" in told[0]
    assert kit.read(people.trail_of, "subject", "plot-z1") == ()
    own = visit("v-3", farmer_id="farmer-b", subject_id="plot-b1")
    assert operation(kit, OperationKind.VISIT, own) == ""
    assert len(kit.read(people.trail_of, "subject", "plot-b1")) == 1


def test_a_walk_is_measured_again_whatever_its_station_says(kit: Kit):
    kit.station.pull(kit.centre)
    told = PlotWalk(
        "w-1", "farmer-b", "plot-b1", "2026-04-02", SQUARE, (600,) * 4, fixes_count=300,
        pauses_count=1, area_m2=9_000_000, sd_m2=1, low_m2=1,
    )  # fmt: skip
    assert operation(kit, OperationKind.WALK, told) == ""
    [row] = kit.read(people.trail_of, "subject", "plot-b1")
    assert (row.detail["area_m2"], row.detail["low_m2"]) == (10_000, 9_278)


def test_an_application_is_only_its_own_farmers_and_its_own_stations(kit: Kit):
    kit.station.pull(kit.centre)
    asked = Application(
        "app-7", "farmer-b", kit.product.product_id, ("plot-b1",), 100_000, "KES"
    )  # fmt: skip
    kit.station.write(MONEY, "application", asked, kit.clock.at_ms)
    for farmer_id, words in (("farmer-b", ""), ("farmer-c", "has not come from")):
        brought = FieldApplication(
            replace(asked, farmer_id=farmer_id), "consent-7", (), "en", "a" * 64
        )
        assert words in operation(kit, OperationKind.APPLICATION, brought)
    assert len(kit.read(people.trail_of, "application", "app-7")) == 1


def test_the_answer_to_an_appeal_is_told_to_no_station_of_others(kit: Kit, stranger: str):
    kit.station.pull(kit.centre)
    on = civil_day(kit.clock.at_ms).isoformat()
    told = Appeal(
        "apl-1", stranger, AppealKind.PERSON, AppealTopic.MONEY, "", "en", on, on, helped=False
    )  # fmt: skip
    kit.station.write(MONEY, "appeal", told, kit.clock.at_ms)
    deliver(kit)
    assert any("is not known as one of" in flag for flag in flags(kit))
    reply = Reply(AppealOutcome.EXPLAINED, "Your debt is 10,000.")
    answer(kit.centre, "apl-1", reply, Actor("lucy", "lender"))
    kit.station.pull(kit.centre)
    assert kit.station.bodies("appeal_answer") == []


def test_two_officers_who_answer_at_once_tell_the_farmer_one_answer(kit: Kit):
    kit.station.pull(kit.centre)
    on = civil_day(kit.clock.at_ms).isoformat()
    told = Appeal(
        "apl-1", "farmer-b", AppealKind.APPEAL, AppealTopic.DECISION, "card-1", "en", on, on,
        helped=False,
    )  # fmt: skip
    kit.station.write(MONEY, "appeal", told, kit.clock.at_ms)
    deliver(kit)
    both = threading.Barrier(2)

    def say(name: str) -> str:
        both.wait(timeout=20)
        try:
            reply = Reply(AppealOutcome.STANDS, f"So says {name}.")
            answer(kit.centre, "apl-1", reply, Actor(name, "supervisor"))
        except ConflictError as error:
            return error.code
        return "told"

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(say, ("anna", "ben")))
    assert sorted(found) == ["HL-SRV-005", "told"]
    kit.station.pull(kit.centre)
    assert len(kit.station.bodies("appeal_answer")) == 1
    rows = kit.read(people.trail_of, "farmer", "farmer-b")
    assert [row.action for row in rows].count("appeal_answered") == 1


OTHERWISE = ("Wanjiru", " wanjiru", "WANJIRU ", "wan jiru", "ｗａｎｊｉｒｕ")


@pytest.mark.parametrize("name", OTHERWISE)
def test_a_name_written_otherwise_is_no_second_person(kit: Kit, name: str):
    same = Actor(name, "supervisor")
    line_id = drawn_by_farmer_b(kit, SEASON_START + timedelta(days=1))
    on = (SEASON_START + timedelta(days=40)).isoformat()
    kit.clock.set_day(SEASON_START + timedelta(days=40))
    for number, taker in enumerate((Actor("till", "cashier"), FIRST), 1):
        request = RepaymentRequest(f"r{number}", line_id, 300_000, "KES", on)
        take_repayment(kit.centre, request, taker)
    asked = BounceRequest("r1", BounceReason.CHEQUE_UNPAID, "cheque 3", on)
    word = kit.centre.write(lambda work: tell_bounce(work, asked, FIRST))
    with pytest.raises(RoleError, match="another person than"):
        kit.centre.write(lambda work: confirm(work, word.word_id, same))
    own = replace(asked, repayment_id="r2")
    with pytest.raises(RoleError, match="who took it"):
        kit.centre.write(lambda work: tell_bounce(work, own, same))
    payee = (PayeeKind.SUPPLIER, SUPPLIER)
    set_payee(kit.centre, payee, ("files", AGROVET), FIRST, "contract 12")
    with pytest.raises(RoleError, match="another officer confirms it"):
        confirm_payee(kit.centre, payee, AGROVET, same)


@pytest.mark.parametrize("name", OTHERWISE)
def test_nobody_has_a_second_login_by_writing_their_name_otherwise(kit: Kit, name: str):
    add_user(kit.centre, "wanjiru", "a long password", Role.SUPERVISOR, TESTER)
    with pytest.raises(ConflictError, match="written otherwise"):
        add_user(kit.centre, name, "a long password", Role.SUPERVISOR, TESTER)
    add_user(kit.centre, "wanjiru", "another password", Role.LENDER, TESTER)  # renewed
    add_user(kit.centre, "wanjiru2", "a long password", Role.LENDER, TESTER)


def test_a_token_of_another_part_of_the_book_moves_nothing_of_an_order(kit: Kit, stranger: str):
    trade = open_trade(kit)
    known(kit.centre, ANNA, BEN)
    order_id = trade.place().json()["order_id"]
    elsewhere = Scope(villages=frozenset({"village-two"}))
    for label in (ORDERED, BUYER):
        told = kit.centre.write(
            lambda work, label=label: tell_token_scope(work, label, elsewhere, (ANNA, "narrower"))
        )
        confirmed(kit.centre, told, BEN)
    for answer_ in (
        trade.call(ORDERED, "POST", f"/orders/{order_id}/withdrawal"),
        trade.report(order_id),
        trade.sell(),
    ):
        assert answer_.status_code == 404, answer_.text
    assert [each.event.value for each in kit.read(orders.life, order_id)] == ["place"]


@pytest.fixture
def olive(kit: Kit) -> Iterator[httpx.Client]:
    """A supervisor at the console."""
    open_known(kit)
    known(kit.centre, ANNA, BEN)
    password = invited(kit.centre, "olive", Role.SUPERVISOR, Scope(), (ANNA, BEN))
    served = Served(create_app(kit.centre))
    with httpx.Client(base_url=served.url) as found:
        form = {"name": "olive", "password": password, "next": ""}
        form["token"] = token_of(found.get("/console/login"))
        assert found.post("/console/login", data=form).status_code == 303
        yield found
    served.close()


def token_of(page: httpx.Response) -> str:
    return str(re.search(r'name="token" value="([^"]+)"', page.text)[1])


ODD = (
    "/audit?to_on=9999-12-31", "/audit?from_on=0001-01-01", "/audit/export.csv?to_on=9999-12-31",
    "/audit?subject=%00", "/audit?before=999999999999999", "/portfolio?q=%00", "/lines/%00",
    "/lines/LINE/statement?on=9999-12-31", "/lines/LINE/statement?known_on=0001-01-01",
    "/lines/LINE/statement/export.csv?on=9999-12-31", "/plots/%00", "/queue?kind=%00",
)  # fmt: skip


def test_no_address_is_the_centres_fault(kit: Kit, olive: httpx.Client):
    [line, *_] = kit.read(lines.of_farmer, "farmer-a")
    asked = {path: f"/console{path.replace('LINE', line.line_id)}" for path in ODD}
    found = {path: olive.get(at).status_code for path, at in asked.items()}
    assert {path: code for path, code in found.items() if code not in (200, 404, 422)} == {}


@pytest.mark.parametrize("amount", ["9" * 5_000, "9" * 17, "-1", "1.5", "", "²"])
def test_no_amount_of_authority_is_the_centres_fault(olive: httpx.Client, amount: str):
    form = {"amount_minor": amount, "currency": "KES", "holder": "rule"}
    form["token"] = token_of(olive.get("/console/"))
    answer = olive.post("/console/authority", data=form)
    assert answer.status_code == 422
    assert "a whole amount in minor units" in answer.text


def test_a_password_that_the_door_would_not_read_whole_is_not_taken(olive: httpx.Client):
    page = olive.get("/console/me")
    form = {"old": "x" * 20, "new": "y" * 1_001, "again": "y" * 1_001, "token": token_of(page)}
    answer = olive.post("/console/me", data=form)
    assert answer.status_code == 422
    assert "at most 1000 characters" in answer.text
