"""The life of a model: two persons, no way past them, out by steps and back again."""

from __future__ import annotations

import itertools
import json

import pytest

from core.canonical import canonical_bytes, canonical_hash, parse_canonical
from core.errors import HarvestlineError
from core.shape import decode, encode
from core.signing import open_document, sign_document
from core.units import PPM
from core.wire.modelfile import MODEL, MODEL_ORDER, ModelOrder
from core.wire.records import Down
from server.keys import KeyRing
from server.services import downlink, enrolment, model_orders
from server.services.model_life import rollout
from server.services.model_life.rollout import Stage
from server.services.model_life.standing import life_of_models
from server.services.model_steps import (
    LIFE,
    RELEASED,
    STEPS,
    Event,
    ModelLifeError,
    Party,
    Stand,
    Why,
)
from server.services.modelling import put_in_force, register_model
from server.store import model_life, models, people
from server.store.engine import StoreError
from server.store.model_life import TakenStep
from server.store.people import Actor
from server.store.tables import models as models_table
from tests.support.centre_kit import TESTER, Kit, keys_of, model
from tests.support.model_desk import CHEN, MARIA, approved

APPROVE = (Event.APPROVED, Why.REVIEWED)


def bring(kit: Kit, version: int = 2):
    return register_model(kit.centre, canonical_bytes(encode(model(version))), MARIA)


def bring_approved(kit: Kit, version: int = 2):
    return approved(kit.centre, canonical_bytes(encode(model(version))))


def stand(kit: Kit, sha256: str) -> str:
    return kit.read(model_life.last, sha256).state


def orders_of(records) -> list[ModelOrder]:
    return [decode(ModelOrder, r.body["body"]) for r in records if r.kind == "model_order"]


def enrol(kit: Kit, *names: str) -> None:
    for number, name in enumerate(names):
        enrolment.enroll_station(kit.centre, keys_of(name, 50 + number).identity(), TESTER)


def told(kit: Kit, name: str) -> str:
    return kit.read(model_orders.last_order, name)


def test_the_table_permits_its_own_steps_and_refuses_every_other():
    permitted = {(each.state, each.event): each for each in STEPS}
    assert len(permitted) == len(STEPS), "no step stands twice"
    for state, event in itertools.product((None, *Stand), Event):
        for party, why in itertools.product(Party, Why):
            step = permitted.get((state, event))
            if step is not None and party in step.parties and why in step.reasons:
                assert LIFE.step(state, event, party, why) is step
            else:
                with pytest.raises(ModelLifeError):
                    LIFE.step(state, event, party, why)


def test_no_way_leads_to_a_station_but_through_an_approval():
    """Over the whole table: whoever is among RELEASED came through ``approved``."""
    before = {each.after: set() for each in STEPS}
    for each in STEPS:
        before[each.after].add((each.state, each.event))
    entries = {e for s in RELEASED for (state, e) in before[s] if state not in RELEASED}
    assert entries == {Event.APPROVED, Event.RESTORED}
    assert before[Stand.RETIRED] >= {(Stand.CHAMPION, Event.REPLACED)}


def test_a_model_walks_from_candidate_to_champion_and_the_trail_says_who_and_why(kit: Kit):
    first = kit.read(models.active)
    found = bring_approved(kit)
    assert rollout.stage(kit.centre, found.sha256, Stage(("st-one",)), CHEN) == ("st-one",)
    assert rollout.promote(kit.centre, found.sha256, CHEN) == ()
    assert kit.read(models.active).sha256 == found.sha256
    assert stand(kit, first.sha256) == "retired"
    (life,) = (one for one in kit.read(life_of_models) if one.model.sha256 == found.sha256)
    assert [(s.event, s.actor, s.reason) for s in life.steps] == [
        ("registered", "maria", "new_model"), ("challenged", "maria", "to_compare"),
        ("proposed", "maria", "compared"), ("approved", "chen", "reviewed"),
        ("staged", "chen", "growing"), ("promoted", "chen", "all_stations"),
    ]  # fmt: skip
    trail = kit.read(people.trail_of, "model", found.sha256)
    assert [(row.action, row.actor) for row in trail] == [
        (f"model_{s.event}", s.actor) for s in life.steps
    ]


@pytest.mark.parametrize("brought_by", [MARIA, CHEN], ids=["proposer", "bringer"])
def test_nobody_approves_what_they_brought_or_proposed(kit: Kit, brought_by: Actor):
    found = register_model(kit.centre, canonical_bytes(encode(model(2))), brought_by)
    rollout.propose(kit.centre, found.sha256, Actor("nora", "lender"))
    with pytest.raises(ModelLifeError, match="another person"):
        rollout.step(kit.centre, found.sha256, APPROVE, Actor(brought_by.name, "supervisor"))
    with pytest.raises(ModelLifeError, match="another person"):
        rollout.step(kit.centre, found.sha256, APPROVE, Actor("nora", "supervisor"))
    assert rollout.step(kit.centre, found.sha256, APPROVE, Actor("omar", "supervisor"))


def _row(found: TakenStep, **changes) -> TakenStep:
    values = {name: getattr(found, name) for name in TakenStep.__slots__}
    return TakenStep(**{**values, **changes})


@pytest.mark.both_engines
def test_the_database_itself_keeps_two_persons_and_the_order_of_steps(kit: Kit):
    """Whoever writes past our own code meets the same rule, on both engines."""
    found = bring(kit)
    rollout.propose(kit.centre, found.sha256, MARIA)
    last = kit.read(model_life.last, found.sha256)
    after = _row(last, serial=last.serial + 1, previous=last.serial, event="approved",
                 state="approved", role="supervisor")  # fmt: skip
    bad = {
        "another person": after,  # still Maria
        "follows its last one": _row(
            after, event="refused", state="challenger", previous=last.serial - 1
        ),
        "two persons approved": _row(after, actor="chen", event="promoted", state="champion"),
        "are adopted": _row(after, actor="chen", event="adopted", state="retired"),
    }
    for words, row in bad.items():
        with pytest.raises(StoreError, match=words):
            kit.centre.write(lambda work, row=row: model_life.add(work.tx, row))
    with pytest.raises(StoreError, match="two persons approved"):
        kit.centre.write(lambda work: models.put_active(work.tx, found.sha256))
    with pytest.raises(StoreError, match="registered and approved"):
        kit.centre.write(lambda work: work.tx.insert(
            models_table, sha256="f" * 64, name="x", version=9, state="active",
            registered_at_ms=1, registered_by="x", document=b"", kind="points"))  # fmt: skip
    kit.centre.write(lambda work: model_life.add(work.tx, _row(after, actor="chen")))
    for verb in ("UPDATE model_steps SET actor = 'maria'", "DELETE FROM model_steps"):
        with pytest.raises(StoreError, match="append-only"):
            kit.centre.write(lambda work, v=verb: work.tx.connection.exec_driver_sql(v))
    with pytest.raises(StoreError, match="two persons approved"):
        kit.centre.write(lambda work: work.tx.run(
            models_table.update().values(state="active", document=b"other")))  # fmt: skip


STANDS = ("candidate", "challenger", "proposed", "refused", "withdrawn")


def _bring_to(kit: Kit, wanted: str):
    found = bring(kit)
    acts = {
        "challenger": lambda: rollout.step(
            kit.centre, found.sha256, (Event.CHALLENGED, Why.TO_COMPARE), MARIA
        ),
        "proposed": lambda: rollout.propose(kit.centre, found.sha256, MARIA),
        "refused": lambda: (
            rollout.propose(kit.centre, found.sha256, MARIA),
            rollout.step(kit.centre, found.sha256, (Event.REFUSED, Why.NOT_CONVINCING), CHEN),
        ),
        "withdrawn": lambda: rollout.step(
            kit.centre, found.sha256, (Event.WITHDRAWN, Why.OFFICER), MARIA
        ),
    }
    acts.get(wanted, lambda: None)()
    return found


@pytest.mark.parametrize("wanted", STANDS)
def test_an_unapproved_model_reaches_no_station_by_any_door(kit: Kit, wanted: str):
    found = _bring_to(kit, wanted)
    document = parse_canonical(found.document, 10**6)
    kit.station.pull(kit.centre)
    doors = [
        lambda: rollout.stage(kit.centre, found.sha256, Stage(("st-one",), PPM), CHEN),
        lambda: rollout.promote(kit.centre, found.sha256, CHEN),
        lambda: rollout.resume(kit.centre, found.sha256, CHEN),
        lambda: kit.centre.write(lambda w: put_in_force(w, found)),
        lambda: kit.centre.write(lambda w: downlink.send(w, "st-one", Down.MODEL, document)),
        lambda: kit.centre.write(lambda w: downlink.send_once(w, "st-one", Down.MODEL, document)),
        lambda: kit.centre.write(
            lambda w: downlink.send(
                w, "st-one", Down.MODEL_ORDER, model_orders.order_for(w, "st-one", found)
            )
        ),
    ]
    for door in doors:
        with pytest.raises((ModelLifeError, StoreError)):
            door()
    enrol(kit, "st-new")  # stocked anew, and told by what to decide
    kit.centre.write(lambda w: downlink.stock_station(w, "st-one"))
    assert [r.kind for r in kit.station.pull(kit.centre) if r.kind.startswith("model")] == []
    assert kit.read(models.active).version == 1
    assert told(kit, "st-new") == ""


def test_an_order_that_carries_another_model_than_it_names_is_not_sent(kit: Kit):
    good = bring_approved(kit)
    bad = bring(kit, 3)
    order = ModelOrder(99, "st-one", good.sha256, parse_canonical(bad.document, 10**6))
    body = parse_canonical(sign_document(MODEL_ORDER, encode(order), kit.centre.keys), 10**6)
    with pytest.raises(ModelLifeError, match="carries"):
        kit.centre.write(lambda w: downlink.send(w, "st-one", Down.MODEL_ORDER, body))


def test_a_share_grows_and_never_takes_a_station_back(kit: Kit):
    names = [f"st-{n:02d}" for n in range(40)]
    enrol(kit, *names)
    found = bring_approved(kit)
    rollout.stage(kit.centre, found.sha256, Stage((names[0],)), CHEN)
    had = {names[0]}
    for percent in (10, 25, 60, 100):
        now = set(rollout.stage(kit.centre, found.sha256, Stage((), percent * 10_000), CHEN))
        assert not now & had, "nobody is told twice"
        had |= now
        assert {n for n in (*names, "st-one") if told(kit, n) == found.sha256} == had
        assert percent < 100 or had == {*names, "st-one"}
    with pytest.raises(ModelLifeError, match="only grows"):
        rollout.stage(kit.centre, found.sha256, Stage((), 500_000), CHEN)


@pytest.mark.parametrize(
    ("to", "words"),
    [
        (Stage(), "canary stations by name"),
        (Stage(("nowhere",)), "expected enrolled stations"),
    ],
)
def test_a_roll_out_begins_at_known_canaries(kit: Kit, to: Stage, words: str):
    found = bring_approved(kit)
    with pytest.raises(ModelLifeError, match=words):
        rollout.stage(kit.centre, found.sha256, to, CHEN)


def test_one_roll_out_at_a_time_and_none_past_the_canaries(kit: Kit):
    second, third = bring_approved(kit), bring_approved(kit, 3)
    with pytest.raises(ModelLifeError, match="at some stations first"):
        rollout.promote(kit.centre, second.sha256, CHEN)
    rollout.stage(kit.centre, second.sha256, Stage(("st-one",)), CHEN)
    with pytest.raises(ModelLifeError, match="one roll-out at a time"):
        rollout.stage(kit.centre, third.sha256, Stage(("st-one",)), CHEN)
    rollout.promote(kit.centre, second.sha256, CHEN)
    with pytest.raises(ModelLifeError, match="expected it of supervisor"):
        rollout.stage(kit.centre, third.sha256, Stage(("st-one",)), MARIA)


def test_a_halted_roll_out_takes_no_further_station_and_goes_on_when_resumed(kit: Kit):
    enrol(kit, "st-two", "st-three")
    found = bring_approved(kit)
    rollout.stage(kit.centre, found.sha256, Stage(("st-two",)), CHEN)
    rollout.halt(kit.centre, found.sha256, CHEN, "complaints")
    with pytest.raises(ModelLifeError):
        rollout.stage(kit.centre, found.sha256, Stage((), PPM), CHEN)
    with pytest.raises(ModelLifeError):
        rollout.promote(kit.centre, found.sha256, CHEN)
    assert (told(kit, "st-two"), told(kit, "st-three")) == (found.sha256, "")
    rollout.resume(kit.centre, found.sha256, CHEN)
    assert "st-three" in rollout.stage(kit.centre, found.sha256, Stage((), PPM), CHEN)


def test_a_rolled_back_champion_gives_way_to_the_one_before_everywhere(kit: Kit):
    kit.station.pull(kit.centre)
    first, second = kit.read(models.active), bring_approved(kit)
    rollout.stage(kit.centre, second.sha256, Stage(("st-one",)), CHEN)
    rollout.promote(kit.centre, second.sha256, CHEN)
    enrol(kit, "st-late")  # was never told an order: it must go back, too
    instead = rollout.roll_back(kit.centre, second.sha256, CHEN, "refuses everybody")
    assert instead.sha256 == first.sha256 == kit.read(models.active).sha256
    assert (stand(kit, first.sha256), stand(kit, second.sha256)) == ("champion", "retired")
    assert {told(kit, name) for name in ("st-one", "st-late")} == {first.sha256}
    orders = orders_of(kit.station.pull(kit.centre))
    assert [order.sha256 for order in orders] == [second.sha256, first.sha256]
    assert orders[0].serial < orders[1].serial
    assert canonical_hash(orders[1].model) == first.sha256
    with pytest.raises(ModelLifeError):
        rollout.promote(kit.centre, second.sha256, CHEN)  # it does not come back
    with pytest.raises(ModelLifeError, match="in force before"):
        rollout.roll_back(kit.centre, first.sha256, CHEN)


def test_a_rolled_back_canary_takes_the_centre_s_model_again(kit: Kit):
    found = bring_approved(kit)
    rollout.stage(kit.centre, found.sha256, Stage(("st-one",)), CHEN)
    rollout.roll_back(kit.centre, found.sha256, CHEN)
    assert told(kit, "st-one") == kit.read(models.active).sha256


def test_an_order_is_signed_for_one_station_by_the_centre(kit: Kit):
    found = bring_approved(kit)
    kit.station.pull(kit.centre)
    rollout.stage(kit.centre, found.sha256, Stage(("st-one",)), CHEN)
    (record,) = [r for r in kit.station.pull(kit.centre) if r.kind == "model_order"]
    ring = KeyRing((kit.centre.keys.identity().public_key,))
    order = decode(ModelOrder, open_document(canonical_bytes(record.body), MODEL_ORDER, ring).body)
    assert (order.station, order.sha256) == ("st-one", found.sha256)
    inner = open_document(canonical_bytes(order.model), MODEL, ring)
    assert inner.sha256 == found.sha256
    changed = json.loads(json.dumps(record.body).replace("st-one", "st-two"))
    with pytest.raises(HarvestlineError):
        open_document(canonical_bytes(changed), MODEL_ORDER, ring)


@pytest.mark.both_engines
def test_trees_never_leave_the_centre(kit: Kit):
    """Neither by our own steps nor by a row that is written past them."""
    sha256 = "e" * 64
    kit.centre.write(lambda work: work.tx.insert(
        models_table, sha256=sha256, name="trees", version=2, state="candidate",
        registered_at_ms=1, registered_by="maria", document=b"{}", kind=models.TREES))  # fmt: skip
    step = TakenStep(kit.read(model_life.last_serial) + 1, sha256, 0, "registered",
                     "candidate", 1, "maria", "lender", "new_model")  # fmt: skip
    kit.centre.write(lambda work: model_life.add(work.tx, step))
    with pytest.raises(ModelLifeError, match="stay at the centre"):
        rollout.propose(kit.centre, sha256, MARIA)
    for event, state, actor in (("proposed", "proposed", "maria"), ("approved", "approved", "x")):
        last = kit.read(model_life.last, sha256)
        row = _row(last, serial=last.serial + 1, previous=last.serial, event=event, state=state,
                   actor=actor)  # fmt: skip
        kit.centre.write(lambda work, row=row: model_life.add(work.tx, row))
    with pytest.raises(StoreError, match="two persons approved"):
        kit.centre.write(lambda work: models.put_active(work.tx, sha256))
