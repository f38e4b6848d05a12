"""What farmers ask at a kiosk: by when it is answered, who may answer, what is told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from core.canonical import canonical_bytes
from core.shape import decode
from core.units import civil_day
from core.wire.appeals import Appeal, AppealKind, AppealOutcome, AppealTopic
from core.wire.evidence import CurvePoint
from core.wire.proxies import Helper, HelperAct, KioskAct, KioskEvent, Relation
from core.wire.slips import VOUCH, Vouch, vouched_key
from server.keys import KeyRing
from server.services import enrolment
from server.services.appeals import Reply, answer, waiting
from server.services.centre import RequestError, RoleError
from server.services.downlink import CURVE_SHOWN, thinned
from server.store import appeals, people
from server.store.engine import ConflictError, NotKnownError
from server.store.people import Actor
from tests.support.centre_kit import STATION, TESTER, Kit
from tests.support.kiosk_kit import MONEY, deliver, flags

LENDER, SUPERVISOR = Actor("wanjiru", "lender"), Actor("otieno", "supervisor")
STANDS = Reply(AppealOutcome.STANDS, "Mavuno hayatoshi kwa kiasi hicho.")
CHANGED = Reply(AppealOutcome.CHANGED, "Umekubaliwa.")


def asked(kit: Kit, **changes: object) -> Appeal:
    on = civil_day(kit.clock.at_ms)
    told = Appeal(
        "apl-1", "farmer-b", AppealKind.APPEAL, AppealTopic.DECISION, "card-1", "sw",
        on.isoformat(), (on + timedelta(days=10)).isoformat(), helped=False,
        product_id=kit.product.product_id,
    )  # fmt: skip
    return replace(told, **changes)


def say(kit: Kit, told: object, kind: str = "appeal") -> None:
    kit.station.write(MONEY, kind, told, kit.clock.at_ms)
    deliver(kit)


def test_an_appeal_waits_with_its_day_and_is_answered_once(kit: Kit) -> None:
    say(kit, asked(kit))
    deliver(kit)  # again: nothing changes
    [one] = kit.centre.write(waiting)
    assert (one.kept.appeal, one.kept.station, one.is_late) == (asked(kit), STATION, False)
    assert one.farmer_name
    kit.clock.add_days(11)
    assert [each.days_late for each in kit.centre.write(waiting)] == [1]
    done = answer(kit.centre, "apl-1", STANDS, LENDER)
    assert answer(kit.centre, "apl-1", STANDS, LENDER).answer == done.answer
    with pytest.raises(ConflictError, match="wanjiru"):
        answer(kit.centre, "apl-1", CHANGED, SUPERVISOR)
    assert kit.centre.write(waiting) == ()
    kit.station.pull(kit.centre)
    [told] = kit.station.bodies("appeal_answer")
    assert (told["outcome"], told["answered_by"]) == ("stands", "wanjiru")
    assert flags(kit) == []


def test_the_products_day_holds_where_it_is_earlier(kit: Kit) -> None:
    decision = replace(kit.product.decision, appeal_days=4)
    product = replace(kit.product, version=kit.product.version + 1, decision=decision)
    enrolment.add_product(kit.centre, product, TESTER)
    say(kit, asked(kit))
    on = civil_day(kit.clock.at_ms)
    [one] = kit.centre.write(waiting)
    assert one.kept.answer_by == (on + timedelta(days=4)).isoformat()


def test_the_same_id_with_other_content_is_flagged_and_changes_nothing(kit: Kit) -> None:
    say(kit, asked(kit))
    say(kit, asked(kit, about="card-2"))
    assert any("other content" in flag for flag in flags(kit))
    [one] = kit.centre.write(waiting)
    assert one.kept.appeal.about == "card-1"


@pytest.mark.parametrize(
    ("reply", "by", "error"),
    [
        (CHANGED, LENDER, RoleError),
        (STANDS, Actor("till", "cashier"), RoleError),
        (Reply(AppealOutcome.EXPLAINED, "So it is."), SUPERVISOR, RequestError),
        (Reply(AppealOutcome.STANDS, "  "), LENDER, RequestError),
        (Reply(AppealOutcome.STANDS, "x" * 601), LENDER, RequestError),
    ],
)
def test_an_answer_that_may_not_be_is_refused(kit: Kit, reply, by, error) -> None:
    say(kit, asked(kit))
    with pytest.raises(error):
        answer(kit.centre, "apl-1", reply, by)
    assert len(kit.centre.write(waiting)) == 1


def test_nobody_answers_what_nobody_asked(kit: Kit) -> None:
    with pytest.raises(NotKnownError):
        answer(kit.centre, "apl-9", STANDS, LENDER)


def test_what_happened_at_the_kiosk_is_in_the_trail_without_a_name(kit: Kit) -> None:
    helper = Helper(
        "he-1", "farmer-b", HelperAct.GRANT, "Juma", Relation.CHILD, 50_000, "KES", "2026-09-01"
    )
    kit.station.write(MONEY, "helper", helper, kit.clock.at_ms)
    event = KioskEvent("ke-1", "farmer-b", KioskAct.CODE_RESET, agent_id="agent-1")
    say(kit, event, "kiosk_event")
    rows = kit.read(people.trail_of, "farmer", "farmer-b")
    assert {"helper_grant", "kiosk_code_reset"} <= {row.action for row in rows}
    assert "Juma" not in json.dumps([dict(row.detail) for row in rows])


def test_appeals_are_kept_and_listed_by_farmer(kit: Kit) -> None:
    say(kit, asked(kit))
    answer(kit.centre, "apl-1", CHANGED, SUPERVISOR)
    [kept] = kit.read(appeals.of_farmer, "farmer-b")
    assert kept.answer is not None
    assert kept.answer.outcome is AppealOutcome.CHANGED


def test_a_station_is_vouched_for_once(kit: Kit) -> None:
    kit.station.pull(kit.centre)
    [vouch] = kit.station.bodies("vouch")
    assert vouch["type"] == str(VOUCH)
    found = vouched_key(canonical_bytes(vouch), KeyRing((kit.station.centre_public_key,)))
    assert found == decode(Vouch, vouch["body"])
    assert found.station == STATION


def test_a_curve_is_thinned_and_keeps_its_last_day() -> None:
    long = [CurvePoint(f"2026-{m:02}-{d:02}", 100, 0, 0) for m in (4, 5) for d in range(1, 29)]
    found = thinned(long)
    assert len(found) <= CURVE_SHOWN
    assert found[-1].day == long[-1].day
    assert thinned(long[:3])[0].day == long[0].day
    assert thinned([]) == ()
