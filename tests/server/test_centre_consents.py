"""Consent at the centre: the station's rule on the same facts, and what follows from it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core.lending.limit import Movement
from core.reasons import ReasonCode
from core.shape import decode, encode
from core.wire.consents import Accesses, KnownConsent, granted_names
from core.wire.evidence import Stage
from core.wire.personal_data import Basis, DataClass, Purpose, Recipient
from core.wire.records import Consent, ConsentAction
from server.app import create_app
from server.services import enrolment
from server.services.centre import RequestError
from server.services.consents.exported_page import page
from server.services.consents.exporting import export
from server.services.consents.looks import COMMAND, Look, note, note_list, summary
from server.services.consents.taking import used_in_the_meantime, write_consent
from server.services.consents.using import may, use_data, who_allows
from server.services.evidence import accept_evidence
from server.store import consent_uses, lines, reports
from server.store.engine import ConflictError, Store, StoreError
from server.store.people import Actor, Role
from server.store.reports import KeptConsent
from server.store.tables import accesses, consents, data_uses
from tests.support.asgi_client import AppClient
from tests.support.centre_kit import SEASON_START, TESTER, Kit, open_known
from tests.support.consent_vectors import FARMER, VECTORS, Vector
from tests.support.kiosk_kit import MONEY, deliver

LENDER = Actor("ada", "lender")
IMAGERY = (Purpose.DECISION, DataClass.IMAGERY, Recipient.LENDER)
ALL_NAMES = ("automated_decision", "device_readings", "satellite_images")


def write(kit: Kit, farmer_id: str, names: tuple[str, ...], action: ConsentAction) -> Consent:
    return kit.centre.write(lambda work: write_consent(work, farmer_id, names, action, LENDER))


def grant(kit: Kit, farmer_id: str, *names: str) -> Consent:
    return write(kit, farmer_id, names, ConsentAction.GRANT)


def end(kit: Kit, farmer_id: str, *names: str) -> Consent:
    return write(kit, farmer_id, names, ConsentAction.WITHDRAW)


def report(kit: Kit, consent: Consent, at_ms: int) -> list[str]:
    kit.station.write(MONEY, "consent", consent, at_ms)
    return deliver(kit)


def said(consent_id: str, action: ConsentAction = ConsentAction.GRANT, **changes) -> Consent:
    given = Consent(
        consent_id, "farmer-a", action, ("satellite_images",), "lender", "ab" * 32,
        spoken=False, helped=False,
    )  # fmt: skip
    return replace(given, **changes)


def granted(kit: Kit, farmer_id: str = "farmer-a") -> set[str]:
    return set(kit.read(reports.granted_purposes, farmer_id))


@pytest.mark.parametrize("late", ["centre", "kijani"])
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_the_centre_gives_what_the_vectors_say(store: Store, vector: Vector, late: str) -> None:
    """As the station does on the same facts, whichever writer's log arrives last."""
    for fact in sorted(vector.facts, key=lambda fact: (fact.writer == late, fact.at_ms)):
        kept = KeptConsent(fact.consent, fact.writer, fact.at_ms, fact.error_ms)
        store.write(lambda tx, kept=kept: reports.add_consent(tx, kept))
    with store.reading() as tx:
        facts = reports.facts_of(tx, FARMER)
        reports.learn_consents(tx, [FARMER])
        assert reports.facts_of(tx, FARMER) == facts
    assert granted_names(facts, FARMER, "station") == vector.standing


def test_a_consent_is_kept_as_it_was_written(kit: Kit) -> None:
    given = said("c-1", classes=("imagery",), recipients=("lender", "station"))
    report(kit, given, kit.clock.at_ms)
    (kept,) = kit.read(reports.consents_of, "farmer-a")
    assert (kept.consent, kept.writer) == (given, kit.station.keys.name)
    assert kept.received_at_ms == kit.clock.at_ms


def test_the_same_id_with_other_content_is_flagged_and_changes_nothing(kit: Kit) -> None:
    report(kit, said("c-1"), kit.clock.at_ms)
    report(kit, said("c-1", purposes=("research",)), kit.clock.at_ms)
    assert granted(kit) == {"satellite_images"}
    kept = KeptConsent(said("c-1", purposes=("research",)), "st-one", 1, 0)
    with pytest.raises(ConflictError):
        kit.centre.store.write(lambda tx: reports.add_consent(tx, kept))


def test_a_clock_that_runs_ahead_puts_no_grant_beyond_a_withdrawal(kit: Kit) -> None:
    """A station says that it is the year 2099; the lender takes the consent back tomorrow."""
    report(kit, said("c-1"), kit.clock.at_ms + 10**12)
    kit.clock.add_days(1)
    end(kit, "farmer-a", "satellite_images")
    assert granted(kit) == set()


def test_a_clock_that_is_behind_undoes_no_withdrawal(kit: Kit) -> None:
    grant(kit, "farmer-a", "satellite_images")
    ended = said("w-1", ConsentAction.WITHDRAW)
    (paper,) = kit.read(reports.consents_of, "farmer-a")
    named = replace(ended, follows=(paper.consent.consent_id,))
    report(kit, named, 1_000)
    assert granted(kit) == set()


def test_consents_are_never_altered(kit: Kit) -> None:
    grant(kit, "farmer-a", "research")
    for table in (consents, data_uses, accesses):
        for act in (table.update().values(farmer_id="x"), table.delete()):
            if table is consents:
                with pytest.raises(StoreError):
                    kit.centre.store.write(lambda tx, act=act: tx.run(act))


def test_a_paper_consent_reaches_the_home_station_and_prices_do_not(kit: Kit) -> None:
    written = grant(kit, "farmer-a", "satellite_images")
    report(kit, said("d-1", purposes=("drawdown",)), kit.clock.at_ms)
    report(kit, said("c-9", purposes=("research",)), kit.clock.at_ms)
    kit.station.pull(kit.centre)
    told = [decode(KnownConsent, body) for body in kit.station.bodies("consent_known")]
    assert [each.consent for each in told if each.consent.farmer_id == "farmer-a"] == [written]


def test_only_names_that_farmers_are_asked_by_are_written(kit: Kit) -> None:
    with pytest.raises(RequestError, match="expected names of"):
        grant(kit, "farmer-a", "everything")


def test_a_use_without_consent_is_refused_and_says_what_happens_instead(kit: Kit) -> None:
    use = (Purpose.CO_LENDING, DataClass.MONEY, Recipient.CO_LENDER)
    with pytest.raises(RequestError, match="the lender lends alone"):
        kit.centre.write(lambda work: use_data(work, "farmer-a", (use,), ("shared", "s-1")))
    assert kit.read(consent_uses.uses_of, "farmer-a") == ()


def test_a_use_stores_the_consents_or_the_ground_that_it_rests_on(kit: Kit) -> None:
    written = grant(kit, "farmer-a", "co_lending")
    shared = (Purpose.CO_LENDING, DataClass.MONEY, Recipient.CO_LENDER)
    books = (Purpose.SUPERVISION, DataClass.MONEY, Recipient.SUPERVISOR)
    kit.centre.write(lambda work: use_data(work, "farmer-a", (shared, books), ("shared", "s-1")))
    kit.centre.write(lambda work: use_data(work, "farmer-a", (shared,), ("shared", "s-1")))
    found = {each.purpose: each for each in kit.read(consent_uses.uses_of, "farmer-a")}
    assert found["co_lending"].consent_ids == (written.consent_id,)
    assert (found["supervision"].basis, found["supervision"].consent_ids) == (
        Basis.LEGAL_DUTY.value, (),
    )  # fmt: skip


def test_who_lets_a_model_learn_from_them(kit: Kit) -> None:
    written = grant(kit, "farmer-a", "model_training")
    grant(kit, "farmer-b", "model_training")
    end(kit, "farmer-b", "model_training")
    found = kit.read(who_allows, ["farmer-a", "farmer-b", "farmer-c"], "model_training")
    assert found == {"farmer-a": (written.consent_id,)}


def line_of(kit: Kit, farmer_id: str = "farmer-b") -> str:
    opened = {each.farmer_id: each for each in open_known(kit)}
    return opened[farmer_id].line_id


def see(kit: Kit, days: int, plot_id: str = "plot-b1", p10: int = 2_400) -> None:
    on = SEASON_START + timedelta(days=days)
    kit.clock.set_day(on)
    accept_evidence(kit.centre, kit.evidence(plot_id, on, Stage.VEGETATIVE, p10))


def test_a_movement_names_the_consents_that_admitted_what_was_looked_at(kit: Kit) -> None:
    line_id = line_of(kit)
    given = kit.read(may, "farmer-b", IMAGERY).consent_ids
    see(kit, 40)
    moved = kit.read(lines.last_movement, line_id)
    assert moved.evidence_ids
    assert moved.consent_ids == given


def test_a_withdrawal_holds_the_limit_then_new_draws_wait_and_nothing_is_due(kit: Kit) -> None:
    line_id = line_of(kit)
    see(kit, 40)
    before = kit.read(lines.get, line_id)
    end(kit, "farmer-b", "satellite_images")
    for days in (45, 50):  # a far better picture moves nothing: nobody looks
        see(kit, days, p10=9_000)
    held = kit.read(lines.get, line_id)
    assert (held.limit_minor, held.frozen) == (before.limit_minor, False)
    assert kit.read(lines.last_movement, line_id).as_of == before.reviewed_as_of
    kit.clock.add_days(kit.product.movement.stale_days_max)
    kit.station.pull(kit.centre)
    moved = kit.read(lines.last_movement, line_id)
    after = kit.read(lines.get, line_id)
    assert (moved.movement, after.limit_minor, after.frozen) == (
        Movement.FROZEN, before.limit_minor, True,
    )  # fmt: skip
    assert [each.code for each in moved.reasons] == [ReasonCode.LIMIT_CONSENT_FROZEN]
    assert (moved.evidence_ids, moved.consent_ids) == ((), ())
    assert after.due_on == before.due_on


def test_given_again_the_line_goes_on(kit: Kit) -> None:
    line_id = line_of(kit)
    see(kit, 40)
    end(kit, "farmer-b", "satellite_images")
    kit.clock.add_days(kit.product.movement.stale_days_max + 1)
    kit.station.pull(kit.centre)
    assert kit.read(lines.get, line_id).frozen
    grant(kit, "farmer-b", "satellite_images")
    see(kit, 92)
    assert not kit.read(lines.get, line_id).frozen


def test_what_was_used_between_a_withdrawal_and_its_arrival_is_listed(kit: Kit) -> None:
    """Taken back at the station in the dark on day 41; a picture of day 45 was still used."""
    line_id = line_of(kit)
    see(kit, 40)
    (given,) = kit.read(may, "farmer-b", IMAGERY).consent_ids
    at_ms = kit.clock.at_ms + 86_400_000
    ended = said("w-1", ConsentAction.WITHDRAW, farmer_id="farmer-b", follows=(given,))
    kit.station.write(MONEY, "consent", ended, at_ms)
    see(kit, 45)
    used = kit.read(lines.last_movement, line_id)
    deliver(kit)
    see(kit, 50)
    kept = next(k for k in kit.read(reports.consents_of, "farmer-b")
                if k.consent.consent_id == "w-1")  # fmt: skip
    found = kit.centre.write(lambda work: used_in_the_meantime(work, kept))
    assert [(each.kind, each.object_id) for each in found] == [("movement", used.movement_id)]


def test_a_look_is_written_down_and_the_farmer_is_told_once_a_day(kit: Kit) -> None:
    look = Look(LENDER, Purpose.SERVICING, (DataClass.MONEY,), COMMAND, "line statement")
    note(kit.centre, look, "farmer-a")
    note(kit.centre, look, "farmer-a")
    note_list(kit.centre, look, ["farmer-a", "farmer-b", "farmer-a"])
    note_list(kit.centre, look, ["farmer-a", "farmer-b"])
    assert len(kit.read(consent_uses.accesses_of, "farmer-a")) == 3
    assert len(kit.read(consent_uses.accesses_of, "farmer-b")) == 1
    kit.clock.add_days(1)
    for _ in range(3):
        kit.station.pull(kit.centre)
    told = [decode(Accesses, body) for body in kit.station.bodies("accesses")]
    mine = [each for each in told if each.farmer_id == "farmer-a"]
    assert len(mine) == 1
    ((seen),) = mine[0].looks
    assert (seen.role, seen.purpose, seen.classes, seen.count) == (
        "lender", "servicing", ("money",), 3,
    )  # fmt: skip
    assert "ada" not in json.dumps(encode(mine[0]))
    assert kit.centre.write(lambda work: summary(work, "farmer-a")) == mine[0]


def test_a_farmer_s_export_holds_all_that_is_kept_and_no_one_else_s(kit: Kit) -> None:
    line_id = line_of(kit)
    see(kit, 40)
    document = kit.centre.write(lambda work: export(work, "farmer-b"))
    assert [each["line_id"] for each in document["lines"]] == [line_id]
    assert document["lines"][0]["movements"]
    assert set(document["allowed_now"]) == set(ALL_NAMES)
    text = json.dumps(document)
    assert "farmer-a" not in text
    shown = page(document)
    assert line_id in shown
    assert "<script" not in shown


def test_a_name_cannot_write_into_the_page(kit: Kit, tmp_path: Path) -> None:
    document = kit.centre.write(lambda work: export(work, "farmer-b"))
    document["identity"]["name"] = "<img src=x onerror=alert(1)>"
    assert "<img" not in page(document)


def test_looks_through_the_api_are_written_down(kit: Kit) -> None:
    line_id = line_of(kit, "farmer-b")
    client = AppClient(create_app(kit.centre))
    secret = enrolment.add_token(kit.centre, "desk", Role.INTEGRATOR, TESTER)
    told = {"authorization": f"Bearer {secret}"}
    assert client.get(f"/api/v1/lines/{line_id}", headers=told).status_code == 200
    assert client.get("/api/v1/lines", headers=told).status_code == 200
    found = [(each.actor, each.shown) for each in kit.read(consent_uses.accesses_of, "farmer-b")]
    assert found == [("desk", "lines"), ("desk", "lines")]
    assert len(kit.read(consent_uses.accesses_of, "farmer-a")) == 1
