"""Many documents at once lead to what they lead to one by one, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from core.lending.limit import Movement
from core.wire.evidence import Stage
from server.app import create_app
from server.config import Settings
from server.services.centre import RequestError
from server.services.evidence import Accepted, Refused, accept_evidence, accept_many
from server.services.verifying import verify
from server.store import lines
from server.store.engine import Store, Tx, open_store
from server.store.schema import migrate
from server.store.tables import metadata
from tests.support.asgi_client import AppClient
from tests.support.centre_kit import SEASON_START, Kit, open_known
from tests.support.district_book import build_district, ring_hash, rings_of

PLOTS = 30  # a drought on every third
RINGS = rings_of(PLOTS)


def rows(kit: Kit) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in the store, in order, by table."""

    def read(tx: Tx) -> dict[str, list[tuple[Any, ...]]]:
        found = {}
        for table in metadata.sorted_tables:
            question = select(table).order_by(*table.primary_key.columns)
            found[table.name] = [tuple(row.values()) for row in tx.rows(question)]
        return found

    return kit.read(read)


def district(folder: Path) -> Kit:
    folder.mkdir()
    settings = Settings(database_url=f"sqlite:///{folder / 'centre.sqlite'}")
    store: Store = open_store(settings.database_url, settings.tenant_id)
    migrate(store)
    return build_district(store, settings, RINGS)


def look(kit: Kit, number: int, stage: Stage, p10: Callable[[int], int]) -> list[bytes]:
    """The documents of one scene over all plots."""
    day = SEASON_START + timedelta(days=number)
    kit.clock.set_day(day)
    return [
        kit.evidence(plot_id, day, stage, p10(i), subject_sha256=ring_hash(ring))
        for i, (plot_id, ring) in enumerate(sorted(RINGS.items()))
    ]


# Day, stage and p10 [kg/ha] by plot: a good start, a rise, then a drought on every third.
SEASON: list[tuple[int, Stage, Callable[[int], int]]] = [
    (10, Stage.EMERGENCE, lambda i: 1500 + i),
    (15, Stage.EMERGENCE, lambda i: 1510 + i),
    (70, Stage.HEADING, lambda i: 400 if i % 3 == 0 else 1700),
    (75, Stage.HEADING, lambda i: 350 if i % 3 == 0 else 1750),
]


@dataclass(frozen=True)
class OneByOne:
    """A season whose documents were taken one after the other."""

    settings: Settings
    looks: list[list[bytes]]
    answers: list[list[Any]]
    rows: dict[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory: pytest.TempPathFactory) -> OneByOne:
    kit = district(tmp_path_factory.mktemp("season") / "single")
    looks, answers = [], []
    for scene in SEASON:
        looks.append(look(kit, *scene))
        answers.append([accept_evidence(kit.centre, each) for each in looks[-1]])
    return OneByOne(kit.centre.settings, looks, answers, rows(kit))


def test_a_season_in_batches_is_the_season_one_by_one(store: Store, one_by_one: OneByOne):
    batched = build_district(store, one_by_one.settings, RINGS)
    for scene, alone, answers in zip(SEASON, one_by_one.looks, one_by_one.answers, strict=True):
        together = look(batched, *scene)
        assert alone == together
        assert accept_many(batched.centre, together) == answers
    after = rows(batched)
    for name, found in one_by_one.rows.items():
        assert after[name] == found, name
    moved = {row[4] for row in after["movements"]}
    assert {Movement.RAISED.value, Movement.CUT.value, Movement.HELD.value} <= moved
    assert verify(batched.centre).faults == ()


def test_a_chunk_asks_few_questions(tmp_path: Path):
    kit = district(tmp_path / "counted")
    asked = []
    event.listen(
        kit.centre.store.engine,
        "before_cursor_execute",
        lambda *arguments: asked.append(arguments[2].split(None, 1)[0]),
    )
    documents = look(kit, 10, Stage.EMERGENCE, lambda i: 1500 + i)
    accept_many(kit.centre, documents)
    assert len(kit.read(lines.every)) >= PLOTS * 8 // 10
    assert len(asked) <= 60, asked
    asked.clear()
    accept_evidence(kit.centre, look(kit, 15, Stage.EMERGENCE, lambda _: 1600)[0])
    assert len(asked) > 20  # what a batch saves


def test_each_document_is_judged_by_itself(kit: Kit):
    open_known(kit)
    day = SEASON_START + timedelta(days=10)
    kit.clock.set_day(day)
    good = kit.evidence("plot-b1", day, Stage.EMERGENCE, 1500)
    documents = [
        good,
        good[:-7],
        kit.evidence("plot-nowhere", day),
        kit.evidence("plot-c1", date(2027, 1, 1)),
        kit.evidence("plot-b1", day, subject_sha256="f" * 64),
        good.replace(b'"p10":1500', b'"p10":1501'),
        kit.evidence("plot-a1", day, Stage.EMERGENCE, 1500, evidence_id="ev-0001"),
        good,
        kit.evidence("pasture-1", day, Stage.VEGETATIVE, 900_000),
        kit.evidence("plot-a2", day, Stage.EMERGENCE, 1500),
    ]
    answers = accept_many(kit.centre, documents)
    taken = [each.new for each in answers if isinstance(each, Accepted)]
    codes = [each.error.code for each in answers if isinstance(each, Refused)]
    assert taken == [True, False, True, True]
    assert codes == [
        "HL-CORE-002", "HL-SRV-004", "HL-SRV-011", "HL-SRV-011", "HL-CORE-004", "HL-SRV-005",
    ]  # fmt: skip
    assert verify(kit.centre).faults == ()
    strict = replace(kit.centre, settings=replace(kit.centre.settings, evidence_batch_max=1))
    with pytest.raises(RequestError, match="at most 1 documents"):
        accept_many(strict, [good, good])


def test_a_value_that_no_column_takes_costs_only_its_own_document(kit: Kit):
    open_known(kit)
    day = SEASON_START + timedelta(days=10)
    kit.clock.set_day(day)
    documents = [
        kit.evidence("plot-b1", day, Stage.EMERGENCE, 1500),
        kit.evidence("plot-c1", day, Stage.EMERGENCE, 1500, evidence_id="x" * 5_000),
        kit.evidence("plot-a1", day, Stage.EMERGENCE, 1500),
    ]
    answers = accept_many(kit.centre, documents)
    assert [isinstance(each, Accepted) for each in (answers[0], answers[2])] == [True, True]
    assert verify(kit.centre).faults == ()


def test_batch_over_the_interface_answers_for_each_line(kit: Kit):
    open_known(kit)
    client = AppClient(create_app(kit.centre))
    day = SEASON_START + timedelta(days=10)
    kit.clock.set_day(day)
    good, strange = kit.evidence("plot-b1", day), kit.evidence("plot-nowhere", day)
    answer = client.post("/api/v1/evidence:batch", content=b"\n".join([good, strange, good, b""]))
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [each["status"] for each in results] == [201, 404, 200]
    assert results[0]["evidence_id"] == "ev-0001"
    assert results[1]["type"] == "urn:harvestline:error:HL-SRV-004"
    settings = replace(kit.centre.settings, evidence_batch_bytes_max=4096)
    small = AppClient(create_app(replace(kit.centre, settings=settings)))
    assert small.post("/api/v1/evidence:batch", content=good * 10).status_code == 413
